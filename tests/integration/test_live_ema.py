"""The example from end to end: its output and exit code; where signals or pipes matter, in a process of its own."""

from __future__ import annotations

import io
import json
import os
import re
import runpy
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import datetime, timedelta, timezone
from pathlib import Path
from random import Random

import pytest

from ig_sdk.clock import SystemClock
from ig_sdk.pipeline import Action, CandleAggregator, EmaCross
from ig_sdk.simulator import Simulator
from ig_sdk.ticks import read_ticks
from ig_sdk.types import Candle, epic_for

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "live_ema.py"
EPIC = epic_for("EURUSD")
# What the program may take to end, and a little for a busy machine to notice.
ENDS_WITHIN_S = 2.0

pytestmark = pytest.mark.timeout(120)


@contextmanager
def started(folder: Path, *arguments: str, **env: str) -> Iterator[subprocess.Popen[str]]:
    """The program, running in an empty environment; killed if a test leaves it."""
    process = subprocess.Popen(
        [sys.executable, str(EXAMPLE), *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def run(folder: Path, *arguments: str, code: int = 0, **env: str) -> tuple[str, str]:
    """Output and errors of a run that ends by itself with ``code``: the program in this process, loaded afresh."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    out, err = io.StringIO(), io.StringIO()
    with (
        redirect_stdout(out),
        redirect_stderr(err),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.chdir(folder)
        patch.setattr(os, "environ", {"PATH": os.environ["PATH"], **env})
        patch.setattr(sys, "argv", [str(EXAMPLE), *arguments])
        try:
            with pytest.raises(SystemExit) as ended:
                runpy.run_path(str(EXAMPLE), run_name="__main__")
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
    assert ended.value.code == code, out.getvalue() + err.getvalue()
    assert "Traceback" not in err.getvalue(), err.getvalue()
    return out.getvalue(), err.getvalue()


def read_until(process: subprocess.Popen[str], text: str) -> str:
    """What was printed up to the line that holds ``text``."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if text in line:
            return "".join(lines)
    raise AssertionError(f"{text!r} was never printed: {''.join(lines)}{process.communicate()[1]}")


def interrupt(process: subprocess.Popen[str], number: int = signal.SIGINT) -> str:
    """Send a signal; return what was still printed when the program ended as it must."""
    clock = SystemClock()
    sent_at = clock.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    took_s = clock.monotonic() - sent_at
    assert took_s < ENDS_WITHIN_S, f"took {took_s:.2f} s"
    assert err == ""
    assert process.returncode == 0
    for word in ("report", "ticks", "candles", "signals", "gaps", "p50", "p99"):
        assert word in out
    return out


def counted(out: str, name: str) -> int:
    """A figure of the report."""
    found = re.search(rf"^  {name} +(\d+)$", out, re.MULTILINE)
    assert found, out
    return int(found[1])


def histdata(path: Path, rows: int, seed: int = 1) -> Path:
    """A file in HistData's form: a walk with equal times, quiet hours and repeated prices in it."""
    random = Random(seed)
    time, bid = datetime(2025, 1, 6, 3, 0, 0, 123_000, tzinfo=timezone.utc), 103_500
    lines = []
    for _ in range(rows):
        lines.append(f"{time:%Y%m%d %H%M%S}{time.microsecond // 1000:03},{bid / 1e5:.6f},{(bid + 4) / 1e5:.6f},0\n")
        time += timedelta(milliseconds=random.choice((0, 40, 900, 7_000, 61_000, 61_000)))
        bid += random.choice((-9, -2, 0, 0, 2, 9))
    path.write_text("".join(lines), encoding="ascii")
    return path


def rows_of(path: Path, kind: str) -> list[dict[str, object]]:
    """Records of one kind that the program wrote."""
    return [row for line in path.read_text().splitlines() if (row := json.loads(line))["type"] == kind]


def shape(candle: Candle) -> tuple[object, ...]:
    return (candle.opens_at, candle.open, candle.high, candle.low, candle.close, candle.ticks, candle.complete)


def check_replay(folder: Path, ticks: Path, resolution: str) -> tuple[str, int]:
    """Run a file through the program; what it counted, showed and wrote must be what comes of the file directly."""
    written = folder / "out.jsonl"
    options = ("--ticks", str(ticks), "--speed", "max", "--resolution", resolution, "--json", str(written))
    out, _ = run(folder, *options)

    aggregator, strategy = CandleAggregator(resolution), EmaCross(5, 20, 0.0001)
    direct = list(read_ticks(ticks, epic=EPIC))
    closed = [candle for tick in direct for candle in aggregator.on_tick(tick)]
    signals = [made for candle in closed if (made := strategy.on_candle(candle)).action is not Action.HOLD]
    candles = closed + aggregator.flush()

    assert counted(out, "ticks") == len(direct)
    assert counted(out, "candles") == len(closed)
    assert counted(out, "signals") == len(signals)
    assert counted(out, "gaps") == 0
    names = ("open", "high", "low", "close", "ticks", "complete")
    assert [
        (datetime.fromisoformat(str(row["opens_at"])), *(row[name] for name in names))
        for row in rows_of(written, "candle")
    ] == [shape(candle) for candle in candles]
    assert [row["action"] for row in rows_of(written, "signal")] == [made.action.value for made in signals]
    assert out.count("candle   ") == len(candles)
    assert out.count("SIGNAL   ") == len(signals)
    return out, len(direct)


@pytest.mark.parametrize("resolution", ["1m", "90s"])
def test_every_recorded_tick_passes(tmp_path, resolution):
    """A HistData file through login, session, aggregator and strategy: none lost, none twice, the same candles."""
    out, ticks = check_replay(tmp_path, histdata(tmp_path / "ticks.csv", 3_000), resolution)
    assert ticks == 3_000
    assert out.splitlines()[0].startswith("Prices are simulated: recorded ticks")


def test_every_tick_of_the_vendors_month_passes(tmp_path, shared):
    """The same with a real month of HistData: all 6,336 ticks."""
    _, ticks = check_replay(tmp_path, shared / "data" / "origin" / "DAT_ASCII_EURUSD_T_202501.csv", "1m")
    assert ticks == 6_336


def test_vendors_truefx_file_passes(tmp_path, shared):
    """The other form in which ticks lie in the shared data, of another market."""
    ticks = shared / "data" / "nautilus" / "truefx" / "usdjpy-ticks.csv"
    out, _ = run(tmp_path, "--ticks", str(ticks), "--speed", "max", "--market", "USDJPY")
    assert counted(out, "ticks") == 1_000


@pytest.mark.parametrize(
    "lines",
    [
        "EUR/USD,20090501 00:00:00.473,1.32660,1.32668\nEUR/USD,20090501 00:01:00.474,1.32661,1.32669\n",
        "time,bid,offer\n2025-01-06T09:00:00Z,1.0301,1.0302\n2025-01-06T09:01:00.5Z,1.0303,1.0304\n",
    ],
    ids=["truefx", "csv"],
)
def test_other_forms_are_replayed(tmp_path, lines):
    """TrueFX's own form and plain CSV go the same way."""
    path = tmp_path / "ticks.csv"
    path.write_text(lines)
    out, _ = run(tmp_path, "--ticks", str(path), "--speed", "max")
    assert (counted(out, "ticks"), counted(out, "candles")) == (2, 1)


def test_simulated_market_ends_by_itself(tmp_path):
    """Without a file: the first line says simulated, then login, status, candles, and the report at the end."""
    out, err = run(tmp_path, "--seconds", "4")
    first, login, *_ = out.splitlines()
    assert first.startswith("Prices are simulated")
    assert login.startswith("login    account ")
    for text in ("stream   CONNECTING", "stream   CONNECTED", f"{EPIC} 1.", f"{epic_for('USDJPY')} 1"):
        assert text in out
    assert counted(out, "candles") >= 4
    assert counted(out, "gaps") == 0
    assert re.search(r"latency +p50 [\d.]+ ms, p99 [\d.]+ ms", out)
    assert err == ""


def test_many_markets(tmp_path):
    """--market may be repeated, by name or epic."""
    markets = ("EURUSD", "GBPUSD", epic_for("AUDUSD"))
    out, _ = run(tmp_path, *(word for name in markets for word in ("--market", name)), "--seconds", "3")
    for name in markets:
        assert f" {epic_for(name)} " in out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("at", ["Prices", "login", "CONNECTED", "candle"])
def test_signal_ends_it_with_the_report(tmp_path, at, number):
    """Ctrl-C or SIGTERM at any moment: the report within two seconds, no traceback, exit code 0."""
    with started(tmp_path) as process:
        read_until(process, at)
        interrupt(process, number)


def test_signal_during_a_login_that_hangs(tmp_path):
    """A server that takes the connection and never answers does not keep Ctrl-C waiting."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/gateway/deal"
        with started(
            tmp_path, "--environment", "demo", IG_BASE_URL=url, IG_API_KEY="k", IG_IDENTIFIER="u", IG_PASSWORD="p"
        ) as process:
            connection, _ = deaf.accept()
            with connection:
                assert connection.recv(1)
                out = interrupt(process)
    assert counted(out, "ticks") == 0


def test_signal_during_a_replay(tmp_path):
    """A replay at its own pace ends at once, with what was counted so far."""
    path = histdata(tmp_path / "ticks.csv", 100)
    with started(tmp_path, "--ticks", str(path), "--resolution", "1s") as process:
        read_until(process, "CONNECTED")
        out = interrupt(process)
    assert counted(out, "ticks") < 100


def test_missing_credentials_are_named(tmp_path):
    """Demo without credentials: which are missing, where each may come from, exit code 2."""
    out, err = run(tmp_path, "--environment", "demo", code=2)
    assert "demo" in out.splitlines()[0]
    for key in ("api_key", "identifier", "password"):
        (line,) = [line for line in err.splitlines() if f"{key} is missing" in line]
        assert f"IG_{key.upper()}" in line
        assert "config/local.json" in line


def test_only_what_is_missing_is_named(tmp_path):
    """Credentials that are there are neither named nor shown."""
    _, err = run(tmp_path, "--environment", "live", code=2, IG_API_KEY="key-of-mine", IG_USERNAME="somebody")
    assert "password" in err
    for text in ("api_key", "key-of-mine", "somebody"):
        assert text not in err


def test_wrong_configuration_is_told(tmp_path):
    """A configuration that cannot be used is named fault by fault; that is not the same as missing credentials."""
    _, err = run(tmp_path, "--environment", "demo", code=1, IG_READ_TIMEOUT_S="soon", IG_LOGIN_VERSION="7")
    assert "read_timeout_s" in err
    assert "login_version" in err


def credentials(sim: Simulator, **overrides: str) -> dict[str, str]:
    """The environment variables that lead to a simulator, as if it were IG's demo."""
    own = sim.credentials
    return {
        "IG_BASE_URL": sim.rest_url,
        "IG_API_KEY": own.api_key,
        "IG_IDENTIFIER": own.identifier,
        "IG_PASSWORD": own.password,
    } | overrides


def test_same_program_for_a_real_server(tmp_path):
    """With --environment demo it logs in with the credentials of the environment and goes on through a lost stream."""
    options = ("--environment", "demo", "--resolution", "1s")
    with Simulator(speed=10.0) as sim, started(tmp_path, *options, **credentials(sim)) as process:
        assert "Prices are IG's, demo environment" in read_until(process, "candle")
        sim.faults.drop_stream()
        read_until(process, "Reconnected")
        read_until(process, "candle")
        out = interrupt(process)
        assert counted(out, "gaps") == 0


def test_server_gone_in_the_middle(tmp_path):
    """The loss is shown, the program tries again, and Ctrl-C still ends it."""
    with Simulator(speed=10.0) as sim, started(tmp_path, "--environment", "demo", **credentials(sim)) as process:
        read_until(process, "CONNECTED")
        sim.close()
        read_until(process, "RECONNECTING")
        interrupt(process)


def test_wrong_password_is_one_clear_line(tmp_path):
    """IG's refusal, exit code 1, and no secret in it."""
    with Simulator() as sim:
        env = credentials(sim, IG_PASSWORD="not-the-one")
        _, err = run(tmp_path, "--environment", "demo", code=1, **env)
    (line,) = err.splitlines()
    assert "invalid-details" in line
    assert "not-the-one" not in line


@pytest.mark.parametrize("market", ["NOSUCH", "CS.D.NOSUCH.MINI.IP", "no such/market"])
def test_unknown_market_is_one_clear_line(tmp_path, market):
    """A market that does not exist is named, with exit code 1."""
    _, err = run(tmp_path, "--market", market, code=1)
    (line,) = err.splitlines()
    assert line.startswith("error: ")
    assert "NOSUCH" in line or "no%20such" in line


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (None, "No such file"),
        ("time,bid,offer\n2025-01-06T09:00:01Z,1,2\n2025-01-06T09:00:00Z,1,2\n", "ticks.csv:3"),
        ("time,bid,offer\n2025-01-06T09:00:01Z,1\n", "ticks.csv:2"),
        ("hello\n", "ticks.csv"),
        ("", "ticks.csv"),
    ],
    ids=["absent", "unordered", "short row", "no ticks", "empty"],
)
def test_bad_tick_file_is_one_clear_line(tmp_path, lines, message):
    """A file that cannot be read or goes back in time is named with its line; nothing is served."""
    path = tmp_path / "ticks.csv"
    if lines is not None:
        path.write_text(lines)
    _, err = run(tmp_path, "--ticks", str(path), "--speed", "max", code=1)
    (line,) = err.splitlines()
    assert line.startswith("error: ")
    assert message in line


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--ticks", "x", "--environment", "demo"), "--environment simulator"),
        (("--fast", "5", "--slow", "5"), "differ"),
        (("--resolution", "1x"), "resolution"),
        (("--resolution", "MONTH"), "month"),
        (("--resolution", "9" * 20 + "d"), "resolution"),
        (("--speed", "fast"), "fast"),
        (("--speed", "0"), "--speed"),
        (("--speed", "nan", "--ticks", "x"), "--speed"),
        (("--speed", "max"), "--ticks"),
        (("--seconds", "nan"), "--seconds"),
        (("--market", ""), "--market"),
        (("--ticks", ""), "--ticks"),
        (("--ticks", "x", "--market", "EURUSD", "--market", "USDJPY"), "one market"),
        (("--environment", "paper"), "paper"),
    ],
)
def test_wrong_option_is_refused_before_anything_happens(tmp_path, options, message):
    """Usage errors end with argparse's exit code 2 and name what is allowed."""
    out, err = run(tmp_path, *options, code=2)
    assert out == ""
    assert message in err


def test_unwritable_output_is_one_clear_line(tmp_path):
    """A file that cannot be written is reported before the login."""
    out, err = run(tmp_path, "--json", str(tmp_path / "absent" / "out.jsonl"), code=1)
    assert "login" not in out
    assert "out.jsonl" in err


def test_reader_that_leaves(tmp_path):
    """When the reader of the lines goes, the program ends without a traceback."""
    with started(tmp_path, "--seconds", "1") as process:
        read_until(process, "login")
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        err = process.stderr.read()
        process.wait(timeout=20)
    assert "Traceback" not in err
