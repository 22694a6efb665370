"""Live EMA signals: prices arrive over a Lightstreamer session, candles close, moving averages cross.

Without options it runs on the simulator for half a minute and needs no account::

    python examples/live_ema.py
    python examples/live_ema.py --market EURUSD --market USDJPY --resolution 2s
    python examples/live_ema.py --ticks DAT_ASCII_EURUSD_T_202501.csv --speed max
    python examples/live_ema.py --environment demo

It only reads prices; it never deals. Ctrl-C ends it at any moment, with the report.
"""

# ruff: noqa: E402 -- Ctrl-C is to be heard while the rest is still being imported
from __future__ import annotations

import signal
import threading

STOP = threading.Event()
for _number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(_number, lambda *_: STOP.set())

import argparse
import logging
import math
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from ig_sdk import Candle, ConfigError, IGClient, IGConfig, IGError, SystemClock, epic_for
from ig_sdk.pipeline import CandleAggregator, EmaCross, JsonLinesSink, LiveOrchestrator, Report, Signal, Sink

if TYPE_CHECKING:
    from ig_sdk.lightstreamer import StatusChanged
    from ig_sdk.simulator import Simulator

try:
    from rich.live import Live
    from rich.table import Table
except ImportError:  # the extra "cli"; without it there are plain lines only
    Live = None  # type: ignore[assignment,misc]

# Half a minute must be enough to see signals: candles of a second, short averages, a market busier than a real one.
SEEDED = {"fast": 2, "slow": 5, "threshold": 0.000005, "resolution": "1s", "seconds": 30.0, "speed": 5.0}
REAL = {"fast": 5, "slow": 20, "threshold": 0.0001, "resolution": "1m", "seconds": math.inf, "speed": 1.0}
# A replay whose last ticks do not come within this time has lost them; the report then says so.
PATIENCE_S = 5.0


def arguments() -> argparse.Namespace:
    """Return what the command line asks for, with the defaults of the chosen environment."""
    parser = argparse.ArgumentParser(description="Live EMA signals; without options, on a simulated market.")
    add = parser.add_argument
    add("--environment", choices=("simulator", "demo", "live"), default="simulator")
    add(
        "--market",
        action="append",
        metavar="NAME",
        help="a pair such as EURUSD (the default), or an epic; may be repeated",
    )
    for name, kind in (("fast", int), ("slow", int), ("threshold", float), ("resolution", str)):
        default = f"default: {SEEDED[name]} on the seeded simulator, else {REAL[name]}"
        add(f"--{name}", type=kind, help=default)
    add("--ticks", metavar="FILE", help="have the simulator serve recorded ticks: TrueFX, HistData or time,bid,offer")
    add(
        "--speed",
        metavar="X",
        help="how many times faster than real; with --ticks also max (default: seeded 5, else 1)",
    )
    add("--seconds", type=float, metavar="N", help="default: 30 on the seeded simulator, else until the end or Ctrl-C")
    add("--seed", type=int, default=7, help="same seed, same simulated prices")
    add("--json", metavar="FILE", help="also write candles, signals and events to a file, a JSON object a line")
    options = parser.parse_args()
    if options.ticks is not None and options.environment != "simulator":
        parser.error("--ticks needs --environment simulator: recorded prices are never mixed with IG's")
    options.seeded = options.environment == "simulator" and options.ticks is None
    for name, value in (SEEDED if options.seeded else REAL).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    options.market = options.market or (["EURUSD", "USDJPY"] if options.seeded else ["EURUSD"])
    try:
        check(options)
    except ValueError as error:
        parser.error(str(error))
    return options


def check(options: argparse.Namespace) -> None:
    """Refuse with ``ValueError`` what can never work, before anything is started."""
    options.strategy = EmaCross(options.fast, options.slow, options.threshold)
    CandleAggregator(options.resolution)
    if options.ticks == "":
        raise ValueError("--ticks needs the name of a file")
    if options.ticks and len(set(map(epic_for, options.market))) > 1:
        raise ValueError("--ticks are of one market: give --market once")
    if not all(name.strip() for name in options.market):
        raise ValueError("--market needs a name or an epic")
    if options.speed == "max":
        if options.seeded:
            raise ValueError("--speed max needs --ticks: a made-up market has no end to run to")
    else:
        options.speed = number(options.speed, "--speed")
    if options.seconds != math.inf:
        number(options.seconds, "--seconds")


def number(text: str | float, name: str) -> float:
    """Return a positive finite number; ``ValueError`` names the option."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.0 < value < math.inf:
        raise ValueError(f"{name} must be a number above zero{' or max' if name == '--speed' else ''}, not {text}")
    return value


def headline(options: argparse.Namespace) -> str:
    """Return what is to be known first: where the prices come from."""
    if options.ticks:
        return f"Prices are simulated: recorded ticks of {options.ticks}, served by the embedded simulator."
    if options.seeded:
        return f"Prices are simulated: made up by the embedded simulator from seed {options.seed}; no account is used."
    return f"Prices are IG's, {options.environment} environment. Nothing is dealt."


class Screen:
    """A sink that shows candles and signals: a line each, and on a terminal a table of the markets below them."""

    def __init__(self, *, table: bool) -> None:
        self._rows: dict[str, dict[str, str]] = {}
        self._live = Live(refresh_per_second=4) if table and Live is not None and sys.stdout.isatty() else None
        if self._live is not None:
            self._live.start()

    def line(self, text: str) -> None:
        """Show one line."""
        if self._live is not None:
            self._live.console.print(text, markup=False, highlight=False)
        else:
            print(text, flush=True)

    def status(self, event: StatusChanged) -> None:
        """Show a change of the stream's state."""
        self.line(f"stream   {event.status}: {event.reason}")

    def write(self, record: object) -> None:
        """Show a candle, a signal, or an event of the stream."""
        if isinstance(record, Candle):
            ohlc = " ".join(f"{price:.5f}" for price in (record.open, record.high, record.low, record.close))
            cut = "" if record.complete else " (incomplete)"
            self.line(f"candle   {record.opens_at:%Y-%m-%d %H:%M:%S} {record.epic} {ohlc} ticks {record.ticks}{cut}")
            self._show(record.epic, candle=f"{record.opens_at:%H:%M:%S}", close=f"{record.close:.5f}")
        elif isinstance(record, Signal):
            text = f"{record.action.name} at {record.price:.5f}"
            self.line(f"SIGNAL   {record.time:%Y-%m-%d %H:%M:%S} {record.epic} {text}: {record.reason}")
            self._show(record.epic, signal=f"{text}, {record.time:%H:%M:%S}")
        else:
            self.line(f"event    {record}")

    def _show(self, epic: str, **cells: str) -> None:
        self._rows.setdefault(epic, {"candle": "", "close": "", "signal": ""}).update(cells)
        if self._live is not None:
            table = Table("market", "last candle", "close", "last signal")
            for market, row in self._rows.items():
                table.add_row(market, *row.values())
            self._live.update(table)

    def close(self) -> None:
        """Leave the table as it is."""
        if self._live is not None:
            self._live.stop()


class Program:
    """One run. It has a thread of its own, so that Ctrl-C works while it waits."""

    def __init__(self, options: argparse.Namespace, config: IGConfig | None, screen: Screen) -> None:
        self.options = options
        self.config = config
        self.screen = screen
        self.ig: IGClient | None = None
        self.live: LiveOrchestrator | None = None
        self.error: Exception | None = None
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._run, name="live-ema", daemon=True)

    @property
    def report(self) -> Report:
        """What was counted so far."""
        return Report() if self.live is None else self.live.report()

    def _run(self) -> None:
        try:
            if not STOP.is_set():
                with ExitStack() as stack:
                    self._stream(stack)
        except Exception as error:  # noqa: BLE001 -- main() reports it
            self.error = error
        finally:
            self.done.set()
            STOP.set()

    def _stream(self, stack: ExitStack) -> None:
        options = self.options
        sinks: list[Sink] = [self.screen]
        if options.json:
            sinks.append(stack.enter_context(JsonLinesSink(options.json)))
        simulator = None if self.config else self._simulator(stack)
        config = simulator.config() if simulator else self.config
        assert config is not None
        self.ig = ig = stack.enter_context(IGClient(config))
        login = ig.login()
        self.screen.line(f"login    account {login.current_account_id}, stream {login.lightstreamer_endpoint}")
        epics = [ig.market(name).epic for name in options.market]
        stream = stack.enter_context(ig.stream())
        stream.on_status(self.screen.status)
        # A replay must not lose a tick, so a slow reader holds the server up. Live, old prices give way to new ones.
        prices = stream.prices(epics, overflow="block" if options.ticks else "drop_oldest", events=True)
        self.live = LiveOrchestrator(
            prices,
            options.strategy,
            sinks,
            options.resolution,
            advance_on_time=not options.ticks,
            latency_from="arrival" if options.ticks else "time",
        )
        stack.callback(self.live.stop)
        if not STOP.is_set():
            self.live.start()
            self._wait(self.live, simulator)

    def _simulator(self, stack: ExitStack) -> Simulator:
        # Here, so that prices of IG need no extra.
        from ig_sdk.simulator import Simulator  # noqa: PLC0415

        options = self.options
        replayed: dict[str, Any] = {"ticks": options.ticks, "market": options.market[0]} if options.ticks else {}
        return stack.enter_context(Simulator(options.seed, speed=options.speed, **replayed))

    def _wait(self, live: LiveOrchestrator, simulator: Simulator | None) -> None:
        """Wait for the first of: Ctrl-C, the end of the time, of the stream, of the recorded ticks."""
        now = SystemClock().monotonic
        until, seen, seen_at = now() + self.options.seconds, 0, now()
        while now() < until and not live.wait(0.0) and not STOP.wait(0.05):
            if self.options.ticks and simulator and simulator.replay.wait_finished(0.0):
                ticks = live.report().ticks
                if ticks != seen:
                    seen, seen_at = ticks, now()
                if ticks >= simulator.replay.served or now() - seen_at > PATIENCE_S:
                    break


def show(report: Report, *, recorded: bool) -> None:
    """Print the report."""
    p50, p99 = ("none" if ms is None else f"{ms:.3g} ms" for ms in (report.latency_p50_ms, report.latency_p99_ms))
    print("report")
    for name in ("ticks", "candles", "signals", "gaps"):
        print(f"  {name:8} {getattr(report, name)}")
    for name in ("lost_updates", "late_ticks", "refused_ticks", "strategy_errors", "sink_errors"):
        if getattr(report, name):
            print(f"  {name.replace('_', ' ')} {getattr(report, name)}")
    since = "its arrival here" if recorded else "its own time"
    print(f"  latency  p50 {p50}, p99 {p99} (of a tick, from {since} to the end of its handling)", flush=True)


def main() -> int:
    """Run, show the report, and return the exit code."""
    # This program tells what fails in lines of its own: Python need not print the library's warnings beside them.
    logging.getLogger("ig_sdk").addHandler(logging.NullHandler())
    options = arguments()
    # This program tells every fault itself, in one line at its end; the library's own lines would come a second time.
    logging.getLogger("ig_sdk").addHandler(logging.NullHandler())
    print(headline(options), flush=True)
    config = None
    if options.environment != "simulator":
        try:
            config = IGConfig.load(environment=options.environment)
        except ConfigError as wrong:
            return report_faults(wrong.faults, 1)
        try:
            config.require_credentials()
        except ConfigError as wrong:
            return report_faults(wrong.faults, 2)
    screen = Screen(table=options.speed != "max")  # too fast to read, a table would only slow the ticks down
    program = Program(options, config, screen)
    program.thread.start()
    STOP.wait()
    interrupted = not program.done.is_set()
    program.thread.join(0.7)
    if program.thread.is_alive() and program.ig is not None:
        program.ig.close(timeout=0.5)  # ends a login or another call under way
        program.thread.join(0.3)
    screen.close()
    report, error = program.report, program.error
    if interrupted or error is None or program.live is not None:
        show(report, recorded=bool(options.ticks))
    if interrupted or (error is None and not report.failure):
        return 0
    if error is not None and not isinstance(error, (IGError, OSError, ImportError)):  # the extra may be missing
        raise error
    return report_faults([str(error or report.failure)], 1)


def report_faults(faults: Sequence[str], code: int) -> int:
    """Print what went wrong, and return the exit code."""
    for fault in faults:
        print(f"error: {fault}", file=sys.stderr)
    return code


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:  # the reader of the lines has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
