"""A copy of the checkout, what a stranger's shell would have, environments of other libraries, and what runs in them."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from ig_sdk.clock import SystemClock

ROOT = Path(__file__).resolve().parents[2]
# What git ignores, and what is large and not needed to build or install.
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", ".venvs", "build", "dist", "_build", "*.egg-info", "__pycache__", ".*_cache",
    ".hypothesis", ".coverage*", "node_modules", "log", "local.json",
)  # fmt: skip
# How a machine reaches its package index is the machine's business.
INDEX_SETTINGS = (
    "PIP_",
    "SSL_",
    "REQUESTS_CA_BUNDLE",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
)


@pytest.fixture(scope="session")
def bare_environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment of HOME and PATH, without a pip cache, besides what reaches the package index."""
    kept = {name: value for name, value in os.environ.items() if name.startswith(INDEX_SETTINGS)}
    return {**kept, "HOME": str(tmp_path_factory.mktemp("home")), "PATH": os.environ["PATH"]}


@pytest.fixture(scope="session")
def clean_checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkout's files in another folder, whose name has a space in it."""
    folder = tmp_path_factory.mktemp("clean") / "a checkout"
    shutil.copytree(ROOT, folder, ignore=LEFT_OUT)
    return folder


@pytest.fixture(scope="session")
def round_trip() -> str:
    """A program that logs in to the simulator, deals, streams and prints ``OPEN CLOSED`` and the epic of a tick."""
    return """
from ig_sdk import IGClient, IGConfig

with IGClient(IGConfig.simulator()) as ig:
    ig.login()
    market = ig.market("EURUSD")
    opened = market.buy(1)
    with ig.stream() as stream, stream.prices([market.epic]) as prices:
        tick = next(iter(prices))
    closed = ig.positions.close(opened.deal_id)
    candles = ig.history.prices("EURUSD", "1h", points=24)
print(opened.status, closed.status, tick.epic)
"""


# A stranger's library and the Lightstreamer library below it are in one environment.
PYTHON_ENVIRONMENTS = {
    # Most people use it with data frames, and those are strict: every column has to be there.
    "trading-ig": ("trading-ig==0.0.25", "lightstreamer-client-lib==1.0.3", "pandas"),
    # It is for Python 3.11 and later; the Lightstreamer library is for all.
    "ig-trading-lib": ("ig-trading-lib==4.0.3; python_version >= '3.11'", "lightstreamer-client-lib==2.2.3"),
    "ig-trading": ("ig-trading==1.0.0b4",),
}
NODE_PACKAGES = {
    "name": "strangers",
    "private": True,
    # ig-trading-api has lightstreamer-client-node 8.0.5 to itself.
    "dependencies": {"ig-trading-api": "0.13.9", "lightstreamer-client-node": "9.2.2"},
    # 9.2.2 names a git address for this one.
    "overrides": {"xmlhttprequest": "1.8.0"},
}
_INSTALL_S = 240
SCRIPTS = {
    "trading-ig": "stranger_trading_ig.py",
    "ig-trading-lib": "stranger_ig_trading_lib.py",
    "ig-trading": "stranger_ig_trading.py",
    "node": "stranger_ig_trading_api.js",
}
HERE = Path(__file__).parent
EPIC = "CS.D.EURUSD.MINI.IP"
_TODAY = SystemClock().now().date()
# The markets deal on such a day at any hour, and there are candles of it at every resolution but the finest.
TUESDAY = str(_TODAY - timedelta(days=(_TODAY.weekday() - 1) % 7 or 7))
LONGEST_S = 90.0


@pytest.fixture(scope="session")
def command_in(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[str]]:
    """Return what makes the command that runs a script in an environment.

    Each is built when a test first asks for it, once a run: parallel workers share it. Without a package index, or
    without node, the test fails, as a skipped one would look like success.
    """
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent

    def command(name: str) -> list[str]:
        folder = root / f"environment-{name}"
        outcome = root / f"environment-{name}.json"
        with (root / f"environment-{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not outcome.exists():
                folder.mkdir()
                built = _node_environment(folder) if name == "node" else _python_environment(folder, name)
                outcome.write_text(json.dumps(built), encoding="utf-8")
        found = json.loads(outcome.read_text(encoding="utf-8"))
        if isinstance(found, str):
            pytest.fail(found)
        return found

    return command


def _python_environment(folder: Path, name: str) -> list[str] | str:
    venv.create(folder, with_pip=False)
    python = str(folder / "bin" / "python")
    # Our own pip installs into it: faster than making one there first.
    command = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", *PYTHON_ENVIRONMENTS[name]]
    return _install(command, folder) or [python]


def _node_environment(folder: Path) -> list[str] | str:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return "node and npm are not installed"
    (folder / "package.json").write_text(json.dumps(NODE_PACKAGES), encoding="utf-8")
    # Scripts elsewhere find the packages by this; require() would look beside the script only.
    command = ["env", f"NODE_PATH={folder / 'node_modules'}", node]
    return _install([npm, "install", "--no-audit", "--no-fund"], folder) or command


def _install(command: list[str], folder: Path) -> str:
    """Install; return why it failed, or nothing."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_INSTALL_S, check=False)
    except subprocess.TimeoutExpired:
        return f"{Path(command[0]).name} took longer than {_INSTALL_S} s"
    return f"{Path(command[0]).name} could not install: {done.stderr[-500:]}" if done.returncode else ""


class House:
    """A simulator in a process of its own, and a plain way to ask what it holds."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "ig_sdk.simulator", "--no-allowances", "--speed", "10", *arguments]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.own: dict[str, str] = json.loads(self._process.stdout.readline())
        self._http = requests.Session()
        self._http.headers["X-IG-API-KEY"] = self.own["api_key"]

    def log_in(self) -> None:
        """Log in by itself, next to whoever else is."""
        reply = self._call("POST", "/session", 2, {name: self.own[name] for name in ("identifier", "password")})
        self._http.headers.update({name: reply.headers[name] for name in ("CST", "X-SECURITY-TOKEN")})

    @property
    def stream_password(self) -> str:
        """What the stream takes for a password."""
        return "CST-{CST}|XST-{X-SECURITY-TOKEN}".format(**self._http.headers)

    def ask(self, path: str, version: int = 1, *, method: str = "GET", body: object = None) -> Any:
        """Return the decoded answer to a request."""
        return self._call(method, path, version, body).json()

    def _call(self, method: str, path: str, version: int, body: object) -> requests.Response:
        headers = {"VERSION": str(version)}
        if method == "DELETE":
            method, headers["_method"] = "POST", "DELETE"
        url = self.own["rest_url"] + path
        reply = self._http.request(method, url, json=body, headers=headers, timeout=10)
        reply.raise_for_status()
        return reply

    def close(self) -> str:
        """End it; return what it said of trouble."""
        self._http.close()
        self._process.terminate()
        _, errors = self._process.communicate(timeout=20)
        return errors


@pytest.fixture
def house() -> Iterator[Callable[..., House]]:
    """Return what starts ``python -m ig_sdk.simulator`` with more arguments; it is ended after the test."""
    houses: list[House] = []

    def start(*arguments: str) -> House:
        houses.append(House(*arguments))
        houses[-1].log_in()
        return houses[-1]

    yield start
    for each in houses:
        # What was to go wrong at a request did, and nothing else.
        assert each.close() == ""


@dataclass
class Seen:
    """What a stranger's client told, in its order, and how it ended.

    Names of REST's fields are written in one way: small letters, without lines.
    """

    status: int = -1
    errors: str = ""
    events: list[list[Any]] = field(default_factory=list)

    def all(self, kind: str) -> list[list[Any]]:
        """What was told under one name, every time."""
        return [event[1:] for event in self.events if event[0] == kind]

    def only(self, kind: str) -> Any:
        """What was told under one name, once."""
        ((value,),) = self.all(kind)
        return value

    def __contains__(self, kind: str) -> bool:
        return bool(self.all(kind))

    @property
    def failed(self) -> dict[str, str]:
        """What did not work, with the error."""
        return dict(self.all("failed"))


def _one_way(value: Any) -> Any:
    if isinstance(value, list):
        return [_one_way(each) for each in value]
    if isinstance(value, dict):
        # Names of the stream are in capitals everywhere.
        names = {key: key if key.isupper() else key.replace("_", "").lower() for key in value}
        return {names[key]: _one_way(each) for key, each in value.items()}
    return value


@pytest.fixture
def needs_python_3_11() -> None:
    """Skip what is for newer versions of Python only."""
    if sys.version_info < (3, 11):
        pytest.skip("ig-trading-lib is for Python 3.11 and later")


@pytest.fixture
def one_way() -> Callable[[Any], Any]:
    """Return what writes the names of fields in one way."""
    return _one_way


@pytest.fixture
def drive(command_in: Callable[[str], list[str]], tmp_path: Path) -> Callable[..., Seen]:
    """Return what runs a stranger's client against a simulator, to its end."""

    def run(name: str, own: dict[str, str], login: str, *jobs: str) -> Seen:
        script = SCRIPTS[name]
        known = [own[key] for key in ("rest_url", "api_key", "identifier", "password", "account_id")]
        done = subprocess.run(
            [*command_in(name), str(HERE / script), *known, EPIC, login, TUESDAY, *jobs],
            cwd=tmp_path,
            # Whatever proxy this machine needs to reach a package index, loopback is not behind it.
            env={**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "TZ": "UTC"},
            capture_output=True,
            text=True,
            timeout=LONGEST_S,
            check=False,
        )
        events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
        return Seen(done.returncode, done.stderr, _one_way(events))

    return run
