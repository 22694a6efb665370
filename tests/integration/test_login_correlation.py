"""Every line of a login says which call or which stream it belongs to, also of one that a stream's thread makes."""

from __future__ import annotations

import logging

import pytest

from ig_sdk.errors import AuthenticationError
from ig_sdk.simulator import Simulator
from ig_sdk.streaming import Reconnected

EURUSD = "CS.D.EURUSD.MINI.IP"
pytestmark = pytest.mark.ig_simulator(speed=20)


def lines(caplog: pytest.LogCaptureFixture, *components: str) -> list[tuple[str, str]]:
    """The id and the text of each record of some components."""
    names = {f"ig_sdk.{component}" for component in components}
    return [(record.correlation_id, record.message) for record in caplog.records if record.name in names]  # type: ignore[attr-defined]


def test_a_login_from_the_streams_thread_has_the_streams_id(sim: Simulator, caplog: pytest.LogCaptureFixture) -> None:
    """The stream's session ends and every token is dead: the login that follows carries the stream's own id."""
    with caplog.at_level(logging.DEBUG, "ig_sdk"), sim.client() as ig, ig.stream() as stream:
        with stream.prices([EURUSD], events=True) as prices:
            next(prices)
            (own,) = {identity for identity, _ in lines(caplog, "stream")}
            caplog.clear()
            sim.faults.kill_tokens()
            sim.faults.end(32, "closed by the operator")
            while not isinstance(next(prices), Reconnected):
                pass
        found = lines(caplog, "auth", "rest")
    assert any("logged in on account" in text for _, text in found)
    assert {identity for identity, _ in found if "logged in" in _} == {own}
    assert "-" not in {identity for identity, _ in lines(caplog, "auth", "rest", "stream")}


def test_a_refused_login_of_a_stream_has_the_streams_id(sim: Simulator, caplog: pytest.LogCaptureFixture) -> None:
    """The stream cannot log in: every line that says so carries an id, the attempts as well as the verdict."""
    with caplog.at_level(logging.DEBUG, "ig_sdk"), sim.client(password="wrong") as ig, ig.stream() as stream:
        with pytest.raises(AuthenticationError):
            stream.prices([EURUSD])
        found = lines(caplog, "auth", "rest")
    assert any("POST /session" in text for _, text in found)
    assert "-" not in {identity for identity, _ in found}


def test_login_and_logout_have_one_id_each(sim: Simulator, caplog: pytest.LogCaptureFixture) -> None:
    """A plain client: the login's lines share an id, the logout's lines another; none is without."""
    with caplog.at_level(logging.DEBUG, "ig_sdk"):
        ig = sim.client()
        ig.login()
        first = {identity for identity, _ in lines(caplog, "auth", "rest")}
        caplog.clear()
        ig.close()
        last = {identity for identity, _ in lines(caplog, "auth", "rest")}
    assert len(first) == len(last) == 1
    assert "-" not in first | last
    assert first != last
