"""Nothing that proves who somebody is gets out: into no log, no error, no repr, on a good day or a bad one."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from ig_sdk import IGClient, IGError
from ig_sdk.simulator import Simulator
from ig_sdk.simulator.sessions import Credentials

EPIC = "CS.D.EURUSD.MINI.IP"
OWN = Credentials(api_key="canary-key", identifier="canary-user", password="canary-password")


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """A simulator with credentials that are easy to find, and quick prices."""
    with Simulator(speed=20, credentials=OWN, allowances=None) as simulator:
        yield simulator


def tokens_of(ig: IGClient) -> set[str]:
    """Both tokens of the login in force."""
    return {half[4:] for half in ig.stream_access().password.split("|")}


def lived_through(ig: IGClient, sim: Simulator) -> tuple[list[str], set[str]]:
    """Trade prices on a bad day: the server repeats what it was sent, ends and refuses sessions, forgets tokens.

    Returns:
        What the objects show of themselves, and the tokens that were in force.
    """
    tokens = tokens_of(ig)
    ig.market("EURUSD").quote()
    with ig.stream() as stream, stream.prices([EPIC]) as prices:
        ticks = iter(prices)
        assert len(list(islice(ticks, 2))) == 2
        sim.faults.end(31, f"told by {stream} and {ig.stream_access().password}")
        sim.faults.refuse_sessions(1, f"refused {ig.stream_access().password}")
        sim.sessions.invalidate_all()
        assert len(list(islice(ticks, 30))) == 30
        shown = [repr(each) for each in (ig, ig.config, ig.stream_access(), stream, prices, sim, sim.credentials)]
    return [*shown, str(ig.config)], tokens | tokens_of(ig)


def test_a_bad_day_is_logged_without_secrets(sim: Simulator, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """With everything logged, neither the key, the user, the password nor a token is in a log, a file or a repr."""
    caplog.set_level(logging.DEBUG)
    with sim.client(logging={"directory": str(tmp_path), "level": "DEBUG"}) as ig:
        shown, secrets = lived_through(ig, sim)
    files = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert "RECONNECTING" in files["stream.log"]
    everything = {"log": caplog.text, "repr": "\n".join(shown), **files}
    assert "refused CST-***|XST-***" in caplog.text
    for secret in {OWN.api_key, OWN.password, *secrets}:
        assert [place for place, text in everything.items() if secret in text] == []
    assert [place for place, text in everything.items() if OWN.identifier in text and place != "repr"] == []


def test_refusals_are_told_without_secrets(sim: Simulator) -> None:
    """A refused login shows neither its password nor its key, not even in the whole traceback."""
    for wrong in ({"password": "canary-wrong"}, {"api_key": "canary-wrong"}):
        with sim.client(**wrong) as ig:
            with pytest.raises(IGError) as excinfo:
                ig.login()
            told = "".join(traceback.format_exception(excinfo.value)) + repr(vars(excinfo.value))
        assert "canary" not in told
