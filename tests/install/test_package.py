"""The built distributions, installed in an empty environment, away from the checkout."""

from __future__ import annotations

import configparser
import json
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = [pytest.mark.install, pytest.mark.timeout(420), pytest.mark.xdist_group("package")]
CANARY = "canary-secret-51c8"


@dataclass(frozen=True)
class Built:
    """Both distributions and where they were built from."""

    wheel: Path
    sdist: Path
    source: Path


def _run(command: list[str], *, env: dict[str, str], cwd: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, env=env, cwd=cwd, capture_output=True, text=True, timeout=400, check=False)
    assert not check or done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def built(clean_checkout, bare_environment, tmp_path_factory) -> Built:
    """The sdist, and the wheel made from that sdist; a file of secrets lay in the checkout meanwhile."""
    out = tmp_path_factory.mktemp("dist")
    secrets = clean_checkout / "config" / "local.json"
    secrets.parent.mkdir(exist_ok=True)
    secrets.write_text(json.dumps({"password": CANARY}), encoding="utf-8")
    try:
        command = [sys.executable, "-m", "build", "--outdir", str(out), str(clean_checkout)]
        _run(command, env=bare_environment, cwd=out)
    finally:
        secrets.unlink()
    return Built(*out.glob("*.whl"), *out.glob("*.tar.gz"), clean_checkout)


class Environment:
    """A virtual environment with nothing of ours in it but what a test installs."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.folder, self.env = folder, env
        _run([sys.executable, "-m", "venv", str(folder / "venv")], env=env, cwd=folder)
        self.python = str(folder / "venv" / "bin" / "python")

    def install(self, what: str) -> None:
        """Install with pip."""
        _run([self.python, "-m", "pip", "install", "--quiet", "--no-cache-dir", what], env=self.env, cwd=self.folder)

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run this environment's Python with ``arguments``, isolated from the caller's folder and variables."""
        return _run([self.python, "-I", *arguments], env=self.env, cwd=self.folder, check=check)


@pytest.fixture(scope="module")
def core(built, bare_environment, tmp_path_factory) -> Environment:
    """The wheel without any extra."""
    environment = Environment(tmp_path_factory.mktemp("core"), bare_environment)
    environment.install(str(built.wheel))
    return environment


@pytest.fixture(scope="module")
def with_simulator(built, bare_environment, tmp_path_factory) -> Environment:
    """The sdist, as pip builds it, with the simulator's extra."""
    environment = Environment(tmp_path_factory.mktemp("simulator"), bare_environment)
    environment.install(f"ig-sdk[simulator] @ {built.sdist.as_uri()}")
    return environment


def test_wheel_holds_the_package_and_nothing_else(built):
    """The wheel has every module, ``py.typed`` and the data files; no tests, configuration or secrets."""
    with zipfile.ZipFile(built.wheel) as archive:
        names = set(archive.namelist())
        assert not any(CANARY.encode() in archive.read(name) for name in names)
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"ig_sdk"}
    assert "ig_sdk/py.typed" in names
    package = built.source / "ig_sdk"
    files = {str(path.relative_to(built.source)) for path in package.rglob("*") if path.is_file()}
    files = {name for name in files if not name.endswith(".pyc")}
    assert {name for name in names if name.startswith("ig_sdk/")} == files


def test_sdist_is_sane(built):
    """The sdist has what is needed to build, the licence and the README; no secret, environment or build leftover."""
    with tarfile.open(built.sdist) as archive:
        members = [member for member in archive.getmembers() if member.isfile()]
        texts = {member.name.split("/", 1)[1]: archive.extractfile(member).read() for member in members}
    assert {"pyproject.toml", "setup.cfg", "README.md", "LICENSE", "ig_sdk/py.typed", "ig_sdk/__init__.py"} <= set(
        texts
    )
    assert not any(CANARY.encode() in text for text in texts.values())
    strays = [
        name for name in texts if name.split("/")[0] in {".venv", "build", "dist", ".git"} or name.endswith(".pyc")
    ]
    assert not strays
    assert sum(map(len, texts.values())) < 5_000_000


def test_package_data_is_declared_once(built):
    """Data files are listed in setup.cfg, and each pattern there matches a file."""
    settings = configparser.ConfigParser()
    settings.read(built.source / "setup.cfg", encoding="utf-8")
    for package, patterns in settings["options.package_data"].items():
        folder = built.source.joinpath(*package.split("."))
        for pattern in patterns.split():
            assert list(folder.glob(pattern)), f"{package}: {pattern}"


def test_core_imports_without_extras(core):
    """Without extras every public name imports, the version is the metadata's, and nothing is broken for pip."""
    code = (
        "import importlib.metadata, ig_sdk, ig_sdk.pipeline, ig_sdk.streaming, ig_sdk.lightstreamer\n"
        "assert all(hasattr(ig_sdk, name) for name in ig_sdk.__all__)\n"
        "print(importlib.metadata.version('ig-sdk'), ig_sdk.__file__)"
    )
    version, place = core.run("-c", code).stdout.split()
    assert version
    assert place.startswith(str(core.folder))
    core.run("-m", "pip", "check")


def test_core_types_are_visible(core):
    """Type checkers find the marker beside the installed package."""
    code = "import ig_sdk, pathlib; print((pathlib.Path(ig_sdk.__file__).parent / 'py.typed').is_file())"
    assert core.run("-c", code).stdout.strip() == "True"


def test_missing_extra_is_named(core):
    """A client that needs the simulator says how to install it; so does the simulator's own command."""
    code = (
        "from ig_sdk import IGClient, IGConfig, IGError\n"
        "try:\n"
        "    with IGClient(IGConfig.simulator()) as ig: ig.login()\n"
        "except IGError as error: print(type(error).__name__, error)\n"
    )
    assert "ig-sdk[simulator]" in core.run("-c", code).stdout
    command = core.run("-m", "ig_sdk.simulator", check=False)
    assert command.returncode != 0
    assert "ig-sdk[simulator]" in command.stderr
    assert "Traceback" not in command.stderr


def test_round_trip_with_the_simulator(with_simulator):
    """With its extra, the installed package logs in to its simulator, reads a quote and streams a tick."""
    code = (
        "from ig_sdk import IGClient, IGConfig\n"
        "with IGClient(IGConfig.simulator()) as ig:\n"
        "    ig.login()\n"
        "    quote = ig.market('EURUSD').quote()\n"
        "    with ig.stream() as stream, stream.prices(['CS.D.EURUSD.MINI.IP']) as prices:\n"
        "        tick = next(iter(prices))\n"
        "print(quote.bid < quote.offer, tick.epic, tick.source)\n"
    )
    done = with_simulator.run("-W", "error", "-c", code)
    assert done.stdout.split() == ["True", "CS.D.EURUSD.MINI.IP", "stream"]
    assert done.stderr == ""
