"""Run a simulator until it is interrupted: ``python -m ig_sdk.simulator``."""

# ruff: noqa: E402 -- a signal must be handled while the rest is still being imported
from __future__ import annotations

import signal
import threading

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_STOP = threading.Event()
if __name__ == "__main__":
    for _number in _SIGNALS:
        signal.signal(_number, lambda *_: _STOP.set())

import argparse
import json
import math
import sys
from collections.abc import Sequence

from ig_sdk.clock import SystemClock
from ig_sdk.errors import IGError
from ig_sdk.simulator.accounts.allowances import Allowances
from ig_sdk.simulator.accounts.logins import ACCOUNTS
from ig_sdk.simulator.faults.text import HELP as FAULT_HELP
from ig_sdk.simulator.simulator import Simulator

_HOUR_S = 3600.0


def _speed(text: str) -> float:
    if text == "max":
        return math.inf
    try:
        speed = float(text)
    except ValueError:
        speed = math.nan
    if not 0 < speed < math.inf:
        raise argparse.ArgumentTypeError(f"must be a positive number or 'max', not {text!r}")
    return speed


def _port(text: str) -> int:
    if text.isascii() and text.isdecimal() and int(text) <= 65_535:
        return int(text)
    raise argparse.ArgumentTypeError(f"must be a port from 0 (any free one) to 65535, not {text!r}")


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m ig_sdk.simulator",
        description="Serve a simulated IG on loopback. Prints one line of JSON when ready; ends on SIGINT or SIGTERM.",
        allow_abbrev=False,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--rest-port", type=_port, default=0, metavar="N", help="port of the REST API (any free one)")
    parser.add_argument("--stream-port", type=_port, default=0, metavar="N", help="port of the stream (any free one)")
    parser.add_argument("--ticks", metavar="FILE", help="CSV of ticks to serve: TrueFX, HistData or time,bid,offer")
    parser.add_argument("--market", help="market that the file is of (EURUSD)")
    parser.add_argument(
        "--speed",
        type=_speed,
        default=1.0,
        metavar="X|max",
        help="times faster than recorded, or than a real market (1)",
    )
    parser.add_argument("--seed", type=int, default=7, metavar="N", help="seed of the made-up prices (%(default)s)")
    parser.add_argument("--tlcp-max", default="2.4.0", metavar="V", help="highest streaming protocol (%(default)s)")
    parser.add_argument(
        "--no-allowances",
        action="store_true",
        help="refuse no request (limited as IG limits a live key's); price points count down all the same, and begin "
        "again when they are spent",
    )
    parser.add_argument(
        "--opening-hours", action="store_true", help="close the markets when the real ones are closed (never)"
    )
    accounts = ", ".join(f"{each.account_id} is {each.kind}" for each in ACCOUNTS)
    parser.add_argument(
        "--account", metavar="ID", help=f"account that a login starts on: {accounts} ({ACCOUNTS[0].account_id})"
    )
    parser.add_argument("--fault", action="append", default=[], metavar="FAULT", help=f"what goes wrong: {FAULT_HELP}")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None, *, stop: threading.Event | None = None) -> int:
    """Run a simulator; return the exit status.

    Args:
        argv: Arguments of the command line; the process's own unless given.
        stop: Ends it when set, as a signal does.
    """
    options = _arguments(argv)
    stop = stop or threading.Event()
    ended = stop
    before = {number: signal.signal(number, lambda *_: ended.set()) for number in _SIGNALS}
    try:
        if not stop.is_set():
            _serve(options, stop)
    except IGError as error:
        print(f"ig_sdk.simulator: {error}", file=sys.stderr)  # noqa: T201 -- the command's output
        return 2
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 0


def _serve(options: argparse.Namespace, stop: threading.Event) -> None:
    simulator = Simulator(
        options.seed,
        options.ticks,
        options.speed,
        market=options.market,
        host=options.host,
        rest_port=options.rest_port,
        stream_port=options.stream_port,
        tlcp_max=options.tlcp_max,
        allowances=None if options.no_allowances else Allowances(),
        account=options.account,
        opening_hours=options.opening_hours,
    )
    with simulator:
        for text in options.fault:
            simulator.faults.arrange(text)
        print(json.dumps(_ready(simulator)), flush=True)  # noqa: T201 -- the command's output
        clock = SystemClock()
        while not clock.wait(stop, _HOUR_S):
            pass


def _ready(simulator: Simulator) -> dict[str, str]:
    own = simulator.credentials
    return {
        "rest_url": simulator.rest_url,
        "stream_url": simulator.stream_url,
        "api_key": own.api_key,
        "identifier": own.identifier,
        "password": own.password,
        "account_id": own.account_id,
    }


if __name__ == "__main__":
    raise SystemExit(main(stop=_STOP))
