"""``python -m ig_sdk.simulator``: in this process, and where signals, exit status and ports matter in one of its own."""

from __future__ import annotations

import io
import json
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stdout

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


def served(arguments: Sequence[str], check: Callable[[dict[str, str]], None]) -> int:
    """The command in this process: ``check`` gets what it printed when ready, then it is stopped; its exit status."""
    stop, printed = threading.Event(), io.StringIO()
    ready: queue.Queue[str] = queue.Queue(1)
    printed.flush = lambda: ready.put(printed.getvalue())  # type: ignore[method-assign]

    def use() -> None:
        try:
            check(json.loads(ready.get(timeout=TIMEOUT_S)))
        finally:
            stop.set()

    # The main thread is the command's, which sets signal handlers.
    with ThreadPoolExecutor(1, "test-caller") as pool, redirect_stdout(printed):
        used = pool.submit(use)
        status = main(arguments, stop=stop)
        used.result(TIMEOUT_S)
    return status


Refused = Callable[..., tuple[int, str]]


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Refused:
    """Runs the command in this process with arguments that it refuses; returns its exit status and its error."""

    def run(*arguments: str) -> tuple[int, str]:
        try:
            status = main(arguments)
        except SystemExit as ended:
            status = int(str(ended.code))
        out, err = capsys.readouterr()
        assert out == ""
        return status, err

    return run


@pytest.mark.parametrize(("arguments", "refused_at"), [((), 30), (("--no-allowances",), None)])
def test_igs_allowances_apply_unless_told_otherwise(arguments, refused_at):
    """An account's 31st request that is no deal is refused with 403, as a live key's is; the flag lets all pass."""

    def check(ready: dict[str, str]) -> None:
        with requests.Session() as session:
            session.headers.update({"X-IG-API-KEY": ready["api_key"], "VERSION": "2"})
            login = {"identifier": ready["identifier"], "password": ready["password"]}
            reply = session.post(f"{ready['rest_url']}/session", json=login, timeout=TIMEOUT_S)
            session.headers.update({name: reply.headers[name] for name in ("CST", "X-SECURITY-TOKEN")})
            replies = [session.get(f"{ready['rest_url']}/positions", timeout=TIMEOUT_S) for _ in range(40)]
            refusals = [number for number, each in enumerate(replies) if each.status_code == 403]
            assert refusals == ([] if refused_at is None else list(range(refused_at, 40)))
            for number in refusals:
                assert replies[number].json() == {"errorCode": "error.public-api.exceeded-account-allowance"}

    assert served(arguments, check) == 0


@pytest.mark.parametrize("account", ["ABC123", "XYZ987"])
def test_a_login_starts_on_the_account_asked_for(account):
    """``--account`` makes that account the preferred one, which every version of the login starts on."""

    def check(ready: dict[str, str]) -> None:
        assert ready["account_id"] == account
        login = {"identifier": ready["identifier"], "password": ready["password"]}
        with requests.Session() as session:
            for version, key in (("2", "currentAccountId"), ("3", "accountId")):
                headers = {"X-IG-API-KEY": ready["api_key"], "VERSION": version}
                reply = session.post(f"{ready['rest_url']}/session", json=login, headers=headers, timeout=TIMEOUT_S)
                assert reply.json()[key] == account

    assert served(("--account", account), check) == 0


def test_an_unknown_account_is_refused(refused):
    """The ids there are are named."""
    status, said = refused("--account", "NOPE")
    assert status == 2
    assert "ABC123, XYZ987" in said


def test_a_host_that_is_not_here_asks_for_another_address(refused):
    """A name without an address is not mended by another port, so that is not what the message says."""
    status, error = refused("--host", "nowhere.invalid")
    assert status == 2
    assert "choose an address of this machine" in error


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


def test_the_ports_asked_for(refused):
    """Named ports are used; one that is taken is reported in one line, with exit status 2."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        status, error = refused("--stream-port", port)
        assert status == 2
        assert error.count("\n") == 1
        assert port in error

    def check(ready: dict[str, str]) -> None:
        assert f":{port}/" in ready["rest_url"]
        done = subprocess.run(
            [*COMMAND, "--rest-port", port], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
        assert "in use" in done.stderr

    assert served(["--rest-port", port], check) == 0


def test_bad_arguments(tmp_path, refused):
    """What cannot be used is reported before anything is served, with exit status 2."""
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
        status, error = refused(*arguments)
        assert status == 2
        assert reason in error


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


def test_faults_and_hours_from_the_command_line(refused):
    """A fault named on the command line happens; closed markets are closed."""

    def check(ready: dict[str, str]) -> None:
        with requests.Session() as session:
            body = {"identifier": ready["identifier"], "password": ready["password"]}
            headers = {"X-IG-API-KEY": ready["api_key"], "VERSION": "2"}
            url = f"{ready['rest_url']}/session"
            statuses = [session.post(url, json=body, headers=headers, timeout=TIMEOUT_S).status_code for _ in range(2)]
        assert statuses == [503, 200]

    assert served(["--opening-hours", "--fault", "rest status=503 times=1 path=/session"], check) == 0
    status, error = refused("--fault", "no-such-fault")
    assert status == 2
    assert "no-such-fault" in error


def test_help_names_every_option(capsys):
    """The options of the contract are there."""
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
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
        assert option in printed
