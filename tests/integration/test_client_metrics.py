"""A client's metrics and health, at every time of its life."""

from __future__ import annotations

import json
import threading
from urllib.request import urlopen

import prometheus_client
import pytest
from prometheus_client import CollectorRegistry

from ig_sdk import AuthenticationError, IGClient, IGConfig, RateLimited
from ig_sdk.simulator import Allowances, Simulator
from ig_sdk.streaming import PrometheusCollector

EURUSD = "CS.D.EURUSD.MINI.IP"
pytestmark = pytest.mark.ig_simulator(speed=20)


def test_at_every_time_of_its_life(sim: Simulator) -> None:
    """Before the login, logged in, streaming, after close: there is always a snapshot, JSON-compatible and true."""
    ig = sim.client()
    before = ig.metrics()
    assert (before.rest.login, before.rest.requests, before.connection.status) == ("none", 0, "DISCONNECTED")
    assert ig.health().state == "healthy"
    assert sim.requests() == []  # asking sends nothing
    ig.market("EURUSD").quote()
    assert ig.metrics().rest.login == "in force"
    assert ig.metrics().rest.requests == len(sim.requests())
    with ig.stream() as stream, stream.prices(EURUSD) as prices:
        assert next(prices)
        streaming = ig.metrics()
        assert (streaming.connection.status, streaming.connection.items) == ("CONNECTED", 1)
        assert ig.health().state == "healthy"
        json.dumps(streaming.to_dict(), allow_nan=False)
    ig.close()
    after = ig.metrics()
    assert after.closed
    assert after.rest.requests >= streaming.rest.requests
    assert ig.health().state == "down"


def test_a_refused_login_is_down(sim: Simulator) -> None:
    """After IG refused the credentials the client is down, with IG's reason and without the password."""
    with sim.client(password="canary7f3a") as ig:
        with pytest.raises(AuthenticationError):
            ig.login()
        health = ig.health()
        assert health.state == "down"
        assert "IG refused the login" in health.reasons[0]
        assert "canary7f3a" not in json.dumps([health.to_dict(), ig.metrics().to_dict()])


@pytest.mark.ig_simulator(allowances=Allowances(per_account=5, per_key=1000))
def test_a_refused_request_is_degraded(sim: Simulator) -> None:
    """What IG refuses for an allowance is counted, and degrades the client."""
    with sim.client(limits={"non_trading_per_minute": 1000}, reconnect={"max_retries": 0}) as ig:
        with pytest.raises(RateLimited):
            _ask(ig, 20)
        assert ig.metrics().rest.refused >= 1
        assert ig.health().state == "degraded"
        assert "allowance" in ig.health().reasons[0]


def _ask(ig: IGClient, times: int) -> None:
    for _ in range(times):
        ig.markets.get(EURUSD)


def test_many_threads_may_ask(sim: Simulator) -> None:
    """Snapshots are taken from many threads while the client works, and requests are never counted backwards."""
    with sim.client() as ig, ig.stream() as stream, stream.prices(EURUSD):
        faults: list[str] = []

        def ask() -> None:
            last = 0
            for _ in range(100):
                metrics = ig.metrics()
                if metrics.rest.requests < last or ig.health().state == "down":
                    faults.append(str(metrics))
                last = metrics.rest.requests

        threads = [threading.Thread(target=ask, name=f"asking {number}") for number in range(4)]
        for thread in threads:
            thread.start()
        _ask(ig, 10)
        for thread in threads:
            thread.join()
        assert not faults


def test_prometheus_reads_a_client(sim: Simulator) -> None:
    """A scrape over HTTP while the client works shows its figures; after close it still can be read."""
    registry = CollectorRegistry()
    ig = sim.client()
    PrometheusCollector(ig, registry=registry)
    server, thread = prometheus_client.start_http_server(0, addr="127.0.0.1", registry=registry)
    try:
        ig.login()
        for state in ("healthy", "down"):
            with urlopen(f"http://127.0.0.1:{server.server_port}/metrics", timeout=10) as answer:
                text = answer.read().decode()
            assert f'ig_health{{state="{state}"}} 1.0' in text
            assert "ig_rest_requests_total 2.0" in text or state == "down"
            ig.close()
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
        ig.close()


def test_a_client_that_never_did_anything() -> None:
    """A client without a network and without credentials has metrics, too."""
    with IGClient(IGConfig(api_key="k", identifier="i", password="p")) as ig:
        assert ig.metrics().rest.allowances["account"].limit == 10  # the published one
        assert ig.health().state == "healthy"
    assert ig.metrics().closed
