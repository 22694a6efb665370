"""Nothing that proves who somebody is gets out: into no log, no error, no repr, on a good day or a bad one."""

from __future__ import annotations

import logging
import pickle
import traceback
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest

from ig_sdk import IGClient, IGError
from ig_sdk.simulator import Simulator
from ig_sdk.simulator.accounts.logins import Credentials

EPIC = "CS.D.EURUSD.MINI.IP"
OWN = Credentials(api_key="canary-key", identifier="canary-user", password="canary-password")


pytestmark = pytest.mark.ig_simulator(speed=20, credentials=OWN)


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


LOGINS = [{"login_version": 2}, {"login_version": 3}, {"login_version": 2, "encrypt_password": True}]


def proofs_of(ig: IGClient) -> set[str]:
    """Everything that would let somebody else in: the tokens of the login in force and of the stream."""
    tokens_of(ig)
    session = ig._auth._session
    assert session
    kept = [session.tokens, *filter(None, [session.fetched])]
    texts = [getattr(each, name, "") for each in kept for name in ("cst", "xst", "access", "refresh")]
    return {text for text in texts if text} | tokens_of(ig) | {OWN.password, OWN.api_key}


def failure_of(call: Callable[[], object]) -> IGError:
    """What a call fails with; this frame, the outermost of its traceback, holds nothing else."""
    with pytest.raises(IGError) as excinfo:
        call()
    return excinfo.value


def shown_by(error: BaseException) -> str:
    """Everything that a log, a debugger or an error reporter may show of an error."""
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    plain = traceback.format_exception(error)
    return "".join([*told.format(), *plain, repr(error), str(error), repr(vars(error)), repr(pickle.dumps(error))])


def bad_days(sim: Simulator, path: str) -> list[Callable[[], object]]:
    """One failure of each kind."""
    page = b"<html>" + OWN.password.encode() + OWN.api_key.encode()
    fault = sim.faults.rest
    return [
        lambda: fault(status=503, times=1, path=path),
        lambda: fault(status=401, times=1, path=path, code="error.security.invalid-details"),
        lambda: fault(status=403, times=1, path=path, code="error.security.api-key-invalid"),
        lambda: fault(status=400, times=1, path=path, code=f"odd {OWN.password} {OWN.api_key}"),
        lambda: fault(status=200, times=1, path=path, body=page),
        lambda: fault(status=None, times=1, path=path, drop=True),
        lambda: fault(status=None, times=1, path=path, cut_after=9),
        lambda: fault(status=None, times=1, path=path, cut_after=150),
        lambda: fault(status=None, times=1, path=path, delay_s=2),
    ]


@pytest.fixture
def everything(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """All records of all loggers, the libraries' too."""
    caplog.set_level(logging.DEBUG)
    for name in ("urllib3", "urllib3.connectionpool", "urllib3.connection", "requests", "websocket", "ig_sdk"):
        caplog.set_level(logging.DEBUG, logger=name)
    return caplog


@pytest.mark.parametrize("login", LOGINS)
def test_failures_show_no_secret(
    sim: Simulator, login: dict[str, object], everything: pytest.LogCaptureFixture
) -> None:
    """No failing call shows a token, the key or the password: not its text, its traceback with variables, its pickle."""
    errors, proofs = [], set()
    with sim.client(**login, reconnect={"max_retries": 0}) as ig:
        for spoil in bad_days(sim, "/markets"):
            ig.login()
            proofs |= proofs_of(ig)
            spoil()
            errors.append(failure_of(lambda: ig.markets.get("EURUSD", timeout=1)))
            sim.faults.clear()
    records = [vars(record) for record in everything.records]
    told = everything.text + repr([{k: v for k, v in record.items() if k != "exc_info"} for record in records])
    told += "".join(shown_by(error) for error in errors)
    assert len(errors) == len(bad_days(sim, ""))
    assert [proof for proof in proofs if proof in told] == []


@pytest.mark.parametrize("login", LOGINS)
def test_failing_logins_show_no_secret(
    sim: Simulator, login: dict[str, object], everything: pytest.LogCaptureFixture
) -> None:
    """The same holds while the password itself is on its way, and in an answer that holds the tokens."""
    errors = []
    for spoil in bad_days(sim, "/session"):
        with sim.client(**login, reconnect={"max_retries": 0}) as ig:
            spoil()
            errors.append(failure_of(lambda ig=ig: ig.login(timeout=1)))
            sim.faults.clear()
    told = everything.text + "".join(shown_by(error) for error in errors)
    assert [secret for secret in (OWN.password, OWN.api_key) if secret in told] == []
