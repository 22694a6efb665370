"""``python -m ig_sdk.simulator`` as a process of its own."""

from __future__ import annotations

import io
import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests

from ig_sdk.simulator.__main__ import main

TIMEOUT_S = 30.0
COMMAND = [sys.executable, "-m", "ig_sdk.simulator"]


@contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    with subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


def refused(*arguments: str) -> tuple[int, str]:
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


@pytest.mark.parametrize(("arguments", "refused_at"), [((), 30), (("--no-allowances",), None)])
def test_igs_allowances_apply_unless_told_otherwise(arguments, refused_at):
    """An account's 31st request that is no deal is refused with 403, as a live key's is; the flag lets all pass."""
    with running(*arguments) as (_, ready), requests.Session() as session:
        session.headers.update({"X-IG-API-KEY": ready["api_key"], "VERSION": "2"})
        login = {"identifier": ready["identifier"], "password": ready["password"]}
        reply = session.post(f"{ready['rest_url']}/session", json=login, timeout=TIMEOUT_S)
        session.headers.update({name: reply.headers[name] for name in ("CST", "X-SECURITY-TOKEN")})
        replies = [session.get(f"{ready['rest_url']}/positions", timeout=TIMEOUT_S) for _ in range(40)]
        refusals = [number for number, each in enumerate(replies) if each.status_code == 403]
        assert refusals == ([] if refused_at is None else list(range(refused_at, 40)))
        for number in refusals:
            assert replies[number].json() == {"errorCode": "error.public-api.exceeded-account-allowance"}


@pytest.mark.parametrize("account", ["ABC123", "XYZ987"])
def test_a_login_starts_on_the_account_asked_for(account):
    """``--account`` makes that account the preferred one, which every version of the login starts on."""
    with running("--account", account) as (_, ready), requests.Session() as session:
        assert ready["account_id"] == account
        login = {"identifier": ready["identifier"], "password": ready["password"]}
        for version, key in (("2", "currentAccountId"), ("3", "accountId")):
            headers = {"X-IG-API-KEY": ready["api_key"], "VERSION": version}
            reply = session.post(f"{ready['rest_url']}/session", json=login, headers=headers, timeout=TIMEOUT_S)
            assert reply.json()[key] == account


def test_an_unknown_account_is_refused():
    """The ids there are are named."""
    status, said = refused("--account", "NOPE")
    assert status == 2
    assert "ABC123, XYZ987" in said


def test_a_host_that_is_not_here_asks_for_another_address():
    """A name without an address is not mended by another port, so that is not what the message says."""
    status, said = refused("--host", "nowhere.invalid")
    assert status == 2
    assert "choose an address of this machine" in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_interrupted(number):
    """One line of JSON says how to reach it; a signal ends it with 0 and nothing more said."""
    with running("--seed", "3", "--no-allowances") as (process, ready):
        assert set(ready) == {"rest_url", "stream_url", "api_key", "identifier", "password", "account_id"}
        assert ready["rest_url"].endswith("/gateway/deal")
        assert ready["stream_url"].startswith("http://127.0.0.1:")
        with requests.Session() as session:
            reply = session.post(
                f"{ready['rest_url']}/session",
                json={"identifier": ready["identifier"], "password": ready["password"]},
                headers={"X-IG-API-KEY": ready["api_key"], "VERSION": "2"},
                timeout=TIMEOUT_S,
            )
            assert reply.json()["currentAccountId"] == ready["account_id"]
            assert reply.json()["lightstreamerEndpoint"] == ready["stream_url"]
            process.send_signal(number)
            assert process.wait(TIMEOUT_S) == 0
        assert process.stdout.read() == ""
        assert process.stderr.read() == ""


def test_the_ports_asked_for():
    """Named ports are used; one that is taken is told in one line, with exit status 2."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        status, told = refused("--stream-port", port)
        assert status == 2
        assert told.count("\n") == 1
        assert port in told
    with running("--rest-port", port) as (_, ready):
        assert f":{port}/" in ready["rest_url"]
        status, told = refused("--rest-port", port)
        assert (status, told.count("\n")) == (2, 1)
        assert "in use" in told


def test_bad_arguments(tmp_path):
    """What cannot be used is told before anything is served, with exit status 2."""
    unordered = tmp_path / "unordered.csv"
    unordered.write_text("1735768814647,1.1,1.2\n1735768814646,1.1,1.2\n")
    for arguments, reason in (
        (["--ticks", str(tmp_path / "none.csv")], "cannot be read"),
        (["--ticks", str(unordered)], "unordered.csv:2: time goes back"),
        (["--speed", "0"], "positive number or 'max'"),
        (["--speed", "max"], "needs ticks"),
        (["--rest-port", "70000"], "must be a port"),
        (["--market", "NOPE"], "market must be one of"),
    ):
        status, told = refused(*arguments)
        assert status == 2
        assert reason in told


def test_main_leaves_the_signals_as_they_were(capsys):
    """Called from a program of one's own, it says what is wrong and gives the handlers back."""
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    assert main(["--market", "NOPE"]) == 2
    assert "market must be one of" in capsys.readouterr().err
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_main_ends_with_the_signal(monkeypatch):
    """A signal that came before it was ready ends it as well, with everything closed."""

    class Interrupted(io.StringIO):
        def write(self, text: str) -> int:
            signal.raise_signal(signal.SIGINT)
            return super().write(text)

    out = Interrupted()
    monkeypatch.setattr(sys, "stdout", out)
    assert main(["--no-allowances"]) == 0
    assert json.loads(out.getvalue())["account_id"] == "ABC123"


def test_a_signal_before_the_start_ends_it_quietly(capsys):
    """Whoever interrupts it while it is still being loaded gets no word and no error."""
    stop = threading.Event()
    stop.set()
    assert main(["--no-allowances"], stop=stop) == 0
    assert capsys.readouterr() == ("", "")


def test_faults_and_hours_from_the_command_line():
    """A fault named on the command line happens; closed markets are closed."""
    with running("--opening-hours", "--fault", "rest status=503 times=1 path=/session") as (process, ready):
        with requests.Session() as session:
            body = {"identifier": ready["identifier"], "password": ready["password"]}
            headers = {"X-IG-API-KEY": ready["api_key"], "VERSION": "2"}
            url = f"{ready['rest_url']}/session"
            statuses = [session.post(url, json=body, headers=headers, timeout=TIMEOUT_S).status_code for _ in range(2)]
        assert statuses == [503, 200]
        process.send_signal(signal.SIGTERM)
        assert process.wait(TIMEOUT_S) == 0
    status, told = refused("--fault", "no-such-fault")
    assert status == 2
    assert "no-such-fault" in told


def test_help_names_every_option():
    """The options of the contract are there."""
    done = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
    for option in [
        "--host",
        "--rest-port",
        "--stream-port",
        "--ticks",
        "--speed",
        "--seed",
        "--tlcp-max",
        "--no-allowances",
        "--opening-hours",
        "--fault",
    ]:
        assert option in done.stdout
