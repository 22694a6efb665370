"""IGClient without a network: what it refuses, shows, and leaves behind."""

from __future__ import annotations

import importlib.util
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ig_sdk.client import IGClient
from ig_sdk.config import IGConfig
from ig_sdk.errors import ConfigError, UsageError
from ig_sdk.rest.http.transport import Request, Response, Timeout

CANARY = "canary7f3a"


class Silent:
    """A transport that must not be used."""

    def __init__(self) -> None:
        self.closed = False

    def send(self, request: Request, *, timeout: Timeout) -> Response:
        raise AssertionError(f"{request} was sent")

    def abort(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True


def test_nothing_happens_before_it_is_needed() -> None:
    """Making and closing a client sends nothing and starts nothing, for the simulator too."""
    for config in (IGConfig(api_key="k", identifier="i", password="p"), IGConfig.simulator()):
        transport = Silent()
        with IGClient(config, transport=transport) as ig:
            ig.logout()
        assert transport.closed


@pytest.mark.parametrize("environment", ["demo", "live"])
def test_missing_credentials_are_refused_before_any_request(environment: str) -> None:
    """Every way in says which credentials are missing; no simulator takes IG's place."""
    with IGClient(IGConfig(environment=environment), transport=Silent()) as ig:  # type: ignore[arg-type]
        for call in (
            ig.login,
            ig.session.get,
            ig.stream_access,
            lambda: ig.market("EURUSD"),
            lambda: ig.session.accounts,
        ):
            with pytest.raises(ConfigError, match="IG_API_KEY") as excinfo:
                call()
            assert len(excinfo.value.faults) == 3


def test_what_cannot_be_done_is_refused_at_once() -> None:
    """A configuration that asks for what cannot be done makes no client."""
    with pytest.raises(ConfigError, match="ca_bundle"):
        IGClient(IGConfig(ca_bundle="/nowhere/cert.pem"))


def test_only_a_configuration_makes_a_client() -> None:
    """Anything else is told what is wanted."""
    with pytest.raises(TypeError, match="IGConfig"):
        IGClient({"api_key": "k"})  # type: ignore[arg-type]


def test_from_config_reads_the_layers(tmp_path: Path) -> None:
    """from_config takes what IGConfig.load takes."""
    (tmp_path / "local.json").write_text('{"identifier": "me"}', encoding="utf-8")
    ig = IGClient.from_config(tmp_path, env={"IG_READ_TIMEOUT_S": "3"}, account_id="ABC")
    assert (ig.config.identifier, ig.config.read_timeout_s, ig.config.account_id) == ("me", 3, "ABC")
    ig.close()


@pytest.mark.parametrize("environment", ["demo", "live", "simulator"])
def test_repr_says_which_money_and_no_secret(environment: str) -> None:
    """The environment is in capitals, the credentials are not there."""
    config = IGConfig(environment=environment, api_key=CANARY, identifier=CANARY, password=CANARY, account_id="ABC")  # type: ignore[arg-type]
    ig = IGClient(config, transport=Silent())
    assert repr(ig) == f"<IGClient {environment.upper()} ABC not logged in>"
    ig.close()
    assert repr(ig) == f"<IGClient {environment.upper()} ABC closed>"


def test_a_closed_client_does_nothing_any_more() -> None:
    """close() is final and may be repeated."""
    ig = IGClient(IGConfig(api_key="k", identifier="i", password="p"), transport=Silent())
    ig.close()
    ig.close()
    ig.logout()
    for call in (ig.login, ig.session.get, ig.stream, ig.stream_access, lambda: ig.markets.search("x")):
        with pytest.raises(UsageError, match="closed"):
            call()


@pytest.mark.parametrize("epic", ["", " ", "..", "a,b"])
def test_names_that_are_none_are_refused_before_any_request(epic: str) -> None:
    """An epic that would be another path, or two, is a wrong value."""
    ig = IGClient(IGConfig(api_key="k", identifier="i", password="p"), transport=Silent())
    with pytest.raises(ValueError, match="epic"):
        ig.markets.list([epic]) if epic in ("", " ", "a,b") else ig.markets.get(epic)
    with pytest.raises(ValueError, match="term"):
        ig.markets.search(" ")
    assert ig.markets.list([]) == []
    ig.close()


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the simulator's packages the environment "simulator" says what to install."""
    monkeypatch.setitem(sys.modules, "ig_sdk.simulator", None)
    with IGClient(IGConfig.simulator(), transport=Silent()) as ig, pytest.raises(ConfigError) as excinfo:
        ig.login()
    assert excinfo.value.hint == "pip install 'ig-sdk[simulator]'"


def test_the_missing_extra_is_named_once(monkeypatch):
    """The command that installs the simulator's packages stands in the message once."""
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "werkzeug" else found(name))
    monkeypatch.delitem(sys.modules, "ig_sdk.simulator", raising=False)
    with pytest.raises(ConfigError, match="needs werkzeug") as excinfo, IGClient(IGConfig.simulator()) as ig:
        ig.login()
    assert str(excinfo.value).count("pip install") == 1


@pytest.fixture
def level() -> Iterator[None]:
    """The level of the library's loggers is put back."""
    root = logging.getLogger("ig_sdk")
    before = root.level
    yield
    root.setLevel(before)


@pytest.mark.usefixtures("level")
def test_log_files_are_opt_in_and_end_with_the_client(tmp_path: Path) -> None:
    """A directory in the configuration brings files, which close() closes."""
    config = IGConfig.simulator(logging={"directory": str(tmp_path / "log"), "level": "DEBUG"})
    IGClient(config, transport=Silent()).close()
    assert (tmp_path / "log").is_dir()
    assert not [h for h in logging.getLogger("ig_sdk.rest").handlers if isinstance(h, logging.FileHandler)]
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"logging\.directory"):
        IGClient(IGConfig(logging={"directory": str(tmp_path / "file" / "log")}))
