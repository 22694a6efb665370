"""What Prometheus reads: names, units, labels, and counters that never go back."""

from __future__ import annotations

import gc
import logging
import re
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from datetime import datetime, timezone
from urllib.request import urlopen

import prometheus_client
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from ig_sdk.errors import UsageError
from ig_sdk.streaming.health import Health
from ig_sdk.streaming.metrics import (
    AllowanceMetrics,
    ClosedMarkets,
    ConnectionMetrics,
    ErrorMetrics,
    MarketMetrics,
    Metrics,
    PollingMetrics,
    PrometheusCollector,
    RestMetrics,
)
from ig_sdk.streaming.metrics.prometheus import _SERIES

AT = datetime(2025, 1, 6, 8, tzinfo=timezone.utc)
EURUSD, GBPUSD = "CS.D.EURUSD.MINI.IP", "CS.D.GBPUSD.MINI.IP"
FULL = Metrics(
    at=AT,
    connection=ConnectionMetrics(
        status="CONNECTED", reason="session resumed on account ABC123", since=AT, reconnects=2, protocol_version="2.4.0",
        items=2, items_limit=40, queue_depth=3, queue_dropped=4, updates=500,
    ),
    polling=PollingMetrics(active=True, since=AT, requests=6, failures=1),
    markets={
        EURUSD: MarketMetrics(
            epic=EURUSD, ticks=5, ticks_per_s=1.5, gaps=1, lost=2, set_aside={"spike": 3, 'odd "kind"': 1}, incomplete=4,
            undecodable=5, repeated=6, buffer_depth=7, latency_p50_ms=12.0, latency_p99_ms=250.0, stale_s=0.5,
            market_open=True, source="stream", completeness=0.99, score=0.97,
        ),
        GBPUSD: MarketMetrics(epic=GBPUSD, source="poll", market_open=False),
    },
    rest=RestMetrics(
        login="in force", requests=9, retries=2, refused=1, failures=1,
        allowances={"account": AllowanceMetrics(limit=30, used=4, waiting=1, waited_s=2.5, refusals=1)},
    ),
    errors=ErrorMetrics(callbacks=8, log_warnings=2, log_errors=1),
)  # fmt: skip


class Client:
    """Something with metrics."""

    def __init__(self, metrics: Metrics) -> None:
        self.shown = metrics

    def metrics(self) -> Metrics:
        return self.shown


class JudgedClient(Client):
    """Something with metrics and health."""

    def health(self) -> Health:
        return Health("degraded", ("because",))


@pytest.fixture
def registry() -> CollectorRegistry:
    """A registry of the test's own."""
    return CollectorRegistry()


@pytest.fixture
def default_registry() -> Iterator[CollectorRegistry]:
    """The default one, left as it was."""
    before = set(prometheus_client.REGISTRY._collector_to_names)
    yield prometheus_client.REGISTRY
    for collector in set(prometheus_client.REGISTRY._collector_to_names) - before:
        if isinstance(collector, PrometheusCollector):
            collector.close()


def samples(registry: CollectorRegistry) -> dict[str, float]:
    """The samples as lines of the text format."""
    lines = generate_latest(registry).decode().splitlines()
    pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in pairs if name.startswith("ig_")}


def test_a_real_scrape_shows_everything(registry: CollectorRegistry) -> None:
    """Over HTTP each figure comes under its name, in seconds and ratios, with the market as its label."""
    collector = PrometheusCollector(JudgedClient(FULL), registry=registry)
    server, thread = prometheus_client.start_http_server(0, addr="127.0.0.1", registry=registry)
    try:
        with urlopen(f"http://127.0.0.1:{server.server_port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
        collector.close()
    for line in (
        f'ig_ticks_total{{epic="{EURUSD}"}} 5.0',
        f'ig_ticks_total{{epic="{GBPUSD}"}} 0.0',
        f'ig_latency_p50_seconds{{epic="{EURUSD}"}} 0.012',
        f'ig_latency_p99_seconds{{epic="{EURUSD}"}} 0.25',
        f'ig_ticks_set_aside_total{{epic="{EURUSD}",kind="spike"}} 3.0',
        f'ig_market_source{{epic="{GBPUSD}",source="poll"}} 1.0',
        f'ig_market_open{{epic="{GBPUSD}"}} 0.0',
        f'ig_quality_score_ratio{{epic="{EURUSD}"}} 0.97',
        'ig_stream_status{status="CONNECTED"} 1.0',
        'ig_stream_status{status="STALLED"} 0.0',
        'ig_stream_protocol{version="2.4.0"} 1.0',
        f"ig_stream_status_since_timestamp_seconds {AT.timestamp():.9e}".replace("e+0", "e+0"),
        "ig_stream_reconnects_total 2.0",
        "ig_stream_items 2.0",
        "ig_stream_items_limit 40.0",
        "ig_rest_requests_total 9.0",
        'ig_allowance_used{allowance="account"} 4.0',
        'ig_allowance_waited_seconds_total{allowance="account"} 2.5',
        "ig_callback_errors_total 8.0",
        'ig_log_records_total{level="ERROR"} 1.0',
        'ig_health{state="degraded"} 1.0',
        'ig_health{state="down"} 0.0',
    ):
        name, _, value = line.rpartition(" ")
        found = [each for each in text.splitlines() if each.startswith(f"{name} ")]
        assert [float(each.rpartition(" ")[2]) for each in found] == [float(value)], line
    assert "ABC123" not in text  # neither accounts nor reasons are labels
    assert f'ig_quality_score_ratio{{epic="{GBPUSD}"}}' not in text  # what is not known is not there


def test_both_formats_can_be_read(registry: CollectorRegistry) -> None:
    """Prometheus's own parsers take the text, every family has its help, and no sample comes twice."""
    PrometheusCollector(FullClient(), registry=registry)
    families = list(text_string_to_metric_families(generate_latest(registry).decode()))
    assert {family.name for family in families} >= {series.name for series in _SERIES}
    assert all(family.documentation.endswith(".") for family in families)
    assert list(read_openmetrics(openmetrics.generate_latest(registry).decode()))
    named = [(sample.name, tuple(sample.labels.items())) for family in families for sample in family.samples]
    assert len(named) == len(set(named))


class FullClient(Client):
    """A client whose every figure is known."""

    def __init__(self) -> None:
        super().__init__(FULL)


def test_names_follow_the_convention() -> None:
    """``ig_`` in front, small letters, no unit but seconds and ratio; ``_total`` is added to counters only."""
    for series in _SERIES:
        assert re.fullmatch(r"ig_[a-z0-9_]+", series.name), series.name
        assert not re.search(r"_(ms|millis\w*|percent|total|count|sum|bucket|info)$", series.name), series.name
        assert set(series.labels) <= {"epic", "kind", "source", "status", "version", "allowance", "level"}, series.name
    assert len({series.name for series in _SERIES}) == len(_SERIES)


def test_every_figure_is_shown(registry: CollectorRegistry) -> None:
    """Each number of a snapshot has its series: a new attribute is not forgotten."""
    PrometheusCollector(FullClient(), registry=registry)
    before = samples(registry)
    assert before
    missing = [series.name for series in _SERIES if not any(name.startswith(series.name) for name in before)]
    assert not missing


def test_counters_never_go_back(registry: CollectorRegistry) -> None:
    """Over a market that is closed and opened again every counter goes on."""
    client, closed = FullClient(), ClosedMarkets()
    PrometheusCollector(client, registry=registry)
    first = samples(registry)
    for market in FULL.markets.values():
        closed.add(market)
    for markets in ([], [MarketMetrics(epic=EURUSD, ticks=1, set_aside={"spike": 1})]):
        client.shown = Metrics(
            at=AT, markets=closed.joined(markets), connection=FULL.connection, rest=FULL.rest, polling=FULL.polling,
            errors=FULL.errors,
        )  # fmt: skip
        later = samples(registry)
        back = {name for name, value in first.items() if "_total" in name and later.get(name, -1) < value}
        assert not back
        first = later
    assert first[f'ig_ticks_total{{epic="{EURUSD}"}}'] == 6.0


def test_it_registers_itself(default_registry: CollectorRegistry) -> None:
    """Made is registered, and registered again by habit does no harm."""
    collector = PrometheusCollector(FullClient())
    default_registry.register(collector)
    text = generate_latest(default_registry).decode()
    assert text.count("# TYPE ig_ticks_total counter") == 1
    collector.close()
    assert "ig_ticks_total" not in generate_latest(default_registry).decode()
    collector.close()


def test_it_can_be_registered_elsewhere(registry: CollectorRegistry, default_registry: CollectorRegistry) -> None:
    """``registry.register(PrometheusCollector(client))`` works for any registry, also for two clients at once."""
    other = CollectorRegistry()
    registry.register(PrometheusCollector(FullClient()))
    other.register(PrometheusCollector(Client(Metrics(at=AT, errors=ErrorMetrics(callbacks=1)))))
    assert samples(registry)["ig_callback_errors_total"] == 8.0
    assert samples(other)["ig_callback_errors_total"] == 1.0
    assert samples(default_registry)["ig_callback_errors_total"] == 8.0


def test_two_clients_in_one_registry_are_refused(registry: CollectorRegistry) -> None:
    """The same series twice is no page that Prometheus can read: the error says how to show both."""
    PrometheusCollector(FullClient(), registry=registry)
    with pytest.raises(UsageError, match="another client") as caught:
        PrometheusCollector(FullClient(), registry=registry)
    assert "PrometheusCollector({" in str(caught.value.hint)


def test_two_clients_by_default_are_told(default_registry: CollectorRegistry, caplog: pytest.LogCaptureFixture) -> None:
    """In the default registry the second of two open clients is not added, and a warning says so."""
    PrometheusCollector(FullClient())
    with caplog.at_level(logging.WARNING, "ig_sdk.stream"):
        PrometheusCollector(Client(Metrics(at=AT)))
    assert "this one was not added" in caplog.text
    assert samples(default_registry)["ig_callback_errors_total"] == 8.0


def test_a_closed_client_gives_way(registry: CollectorRegistry) -> None:
    """The next client takes the place of a closed one, and the same client may come again."""
    closed, again = Client(Metrics(at=AT, closed=True)), FullClient()
    PrometheusCollector(closed, registry=registry)
    PrometheusCollector(again, registry=registry)
    PrometheusCollector(again, registry=registry)
    assert samples(registry)["ig_callback_errors_total"] == 8.0
    assert generate_latest(registry).decode().count("# TYPE ig_ticks_total counter") == 1


def test_several_clients_by_name(registry: CollectorRegistry) -> None:
    """One collector shows several clients; the name is a label, and each family comes once."""
    quiet = Client(Metrics(at=AT))
    PrometheusCollector({"demo": FullClient(), "live": quiet}, registry=registry)
    found = samples(registry)
    assert found[f'ig_ticks_total{{client="demo",epic="{EURUSD}"}}'] == 5.0
    assert found['ig_callback_errors_total{client="live"}'] == 0.0
    assert generate_latest(registry).decode().count("# TYPE ig_callback_errors_total counter") == 1


def test_a_client_that_cannot_be_read_spoils_no_page(
    registry: CollectorRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    """The application's own metrics are still there, and the trouble is logged once."""

    class Broken:
        def metrics(self) -> Metrics:
            raise UsageError("this client was made in another process")

    prometheus_client.Counter("application_orders", "The application's own.", registry=registry).inc()
    PrometheusCollector({"one": Broken(), "other": FullClient()}, registry=registry)
    with caplog.at_level(logging.ERROR, "ig_sdk.stream"):
        for _ in range(5):
            text = generate_latest(registry).decode()
    assert "application_orders_total 1.0" in text
    assert 'ig_callback_errors_total{client="other"} 8.0' in text
    assert len(caplog.records) == 1


def test_two_threads_register_one_collector(registry: CollectorRegistry) -> None:
    """Of many that register at once one is shown; the others are refused."""
    made: list[PrometheusCollector] = []
    refused: list[UsageError] = []
    start = threading.Barrier(8)

    def register() -> None:
        start.wait()
        try:
            made.append(PrometheusCollector(FullClient(), registry=registry))
        except UsageError as error:
            refused.append(error)

    threads = [threading.Thread(target=register, name=f"registering {number}") for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(made), len(refused)) == (1, 7)
    assert generate_latest(registry).decode().count("# TYPE ig_ticks_total counter") == 1


def test_nothing_of_a_registry_is_kept() -> None:
    """A registry that is forgotten takes its collector and the client with it."""
    own, client = CollectorRegistry(), FullClient()
    PrometheusCollector(client, registry=own)
    gone = weakref.ref(client)
    del own, client
    gc.collect()
    assert gone() is None


def test_without_the_extra_the_error_says_what_to_install() -> None:
    """The types are there without ``prometheus-client``; the collector names the command."""
    code = (
        "import sys; sys.modules['prometheus_client'] = None\n"
        "from ig_sdk.errors import ConfigError\n"
        "from ig_sdk.streaming.metrics import Metrics, PrometheusCollector\n"
        "try: PrometheusCollector(None)\n"
        "except ConfigError as error: print(error, error.hint)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert "prometheus-client is not installed" in done.stdout
    assert "pip install 'ig-sdk[metrics]'" in done.stdout
