"""IGConfig: layers, environment, validation, secrets."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import pytest

from ig_sdk.config import BASE_URLS, IGConfig, ReconnectSettings, StreamSettings
from ig_sdk.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]


def write(folder: Path, name: str, content: Any) -> None:
    folder.mkdir(exist_ok=True)
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / name).write_text(text, encoding="utf-8")


def faults_of(excinfo: pytest.ExceptionInfo[ConfigError]) -> str:
    return "\n".join(excinfo.value.faults)


def test_defaults_are_those_of_the_design() -> None:
    """Nothing set gives the demo environment and the documented defaults."""
    config = IGConfig()
    assert config.environment == "demo"
    assert config.base_url == "https://demo-api.ig.com/gateway/deal"
    assert (config.login_version, config.encrypt_password, config.session_lifetime_s) == (2, "auto", 21_600)
    assert (config.connect_timeout_s, config.read_timeout_s) == (10, 30)
    assert config.reconnect == ReconnectSettings(5, 1, 30, 2)
    assert config.stream == StreamSettings(("2.4.0",), None, None, "price", "poll")
    assert (config.live.tick_buffer_size, config.live.heartbeat_interval_s) == (10_000, 30)
    assert config.live.data_quality_threshold == 0.95
    assert (config.logging.directory, config.logging.rotation_mb, config.logging.json) == (None, 100, False)
    assert config.allow_live_dealing is False


def test_global_json_says_what_the_defaults_say() -> None:
    """config/global.json holds every key with its default."""
    stored = json.loads((ROOT / "config" / "global.json").read_text(encoding="utf-8"))
    defaults = json.loads(json.dumps(dataclasses.asdict(IGConfig())))
    defaults["base_url"] = None  # follows the environment
    assert stored == defaults


def test_the_files_of_the_project_load() -> None:
    """The committed folder gives the defaults, and the simulator for the test layer."""
    config = IGConfig.load(ROOT / "config", {}, layer="test")
    assert config == IGConfig(environment="simulator")
    template = json.loads((ROOT / "config" / "local.json.template").read_text(encoding="utf-8"))
    assert IGConfig(**template) == IGConfig()


def test_layers_lie_over_each_other(tmp_path: Path) -> None:
    """global.json, local.json, environment, arguments: the later wins, key by key."""
    write(tmp_path, "global.json", {"read_timeout_s": 1, "connect_timeout_s": 1, "reconnect": {"max_retries": 1}})
    write(tmp_path, "local.json", {"read_timeout_s": 2, "reconnect": {"initial_delay_s": 2}, "api_key": "local"})
    env = {"IG_READ_TIMEOUT_S": "3", "IG_RECONNECT__MAX_DELAY_S": "33"}
    config = IGConfig.load(tmp_path, env, read_timeout_s=4, reconnect={"multiplier": 4})
    assert (config.read_timeout_s, config.connect_timeout_s, config.api_key) == (4, 1, "local")
    assert config.reconnect == ReconnectSettings(1, 2, 33, 4)


def test_missing_folder_is_no_fault(tmp_path: Path) -> None:
    """Without files the defaults apply."""
    assert IGConfig.load(tmp_path / "nowhere", {}) == IGConfig()


def test_null_takes_a_value_back(tmp_path: Path) -> None:
    """A null in a higher layer unsets an optional key."""
    write(tmp_path, "global.json", {"account_id": "ABC123"})
    write(tmp_path, "local.json", {"account_id": None})
    assert IGConfig.load(tmp_path, {}).account_id is None


@pytest.mark.parametrize(("layer", "env"), [("test", {}), (None, {"IG_LAYER": "test"})])
def test_test_layer_replaces_local(tmp_path: Path, layer: str | None, env: dict[str, str]) -> None:
    """test.json counts, instead of local.json, when it is asked for."""
    write(tmp_path, "local.json", {"api_key": "local", "read_timeout_s": 2})
    write(tmp_path, "test.json", {"environment": "simulator", "connect_timeout_s": 3})
    config = IGConfig.load(tmp_path, env, layer=layer)
    assert (config.environment, config.api_key, config.read_timeout_s) == ("simulator", None, 30)
    assert config.connect_timeout_s == 3


def test_test_layer_does_not_count_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither pytest nor CI brings the test layer in."""
    monkeypatch.setenv("CI", "true")
    write(tmp_path, "test.json", {"environment": "simulator"})
    assert IGConfig.load(tmp_path, {"CI": "true", "PYTEST_CURRENT_TEST": "x"}).environment == "demo"


def test_test_layer_without_a_file_is_the_simulator(tmp_path: Path) -> None:
    """The test layer never leads to IG because a file is missing."""
    assert IGConfig.load(tmp_path, {}, layer="test").environment == "simulator"


def test_unknown_layer_is_refused(tmp_path: Path) -> None:
    """Only the test layer has a name."""
    with pytest.raises(ConfigError, match="layer") as excinfo:
        IGConfig.load(tmp_path, {"IG_LAYER": "prod"})
    assert "test" in faults_of(excinfo)
    assert "IG_LAYER" in faults_of(excinfo)


@pytest.mark.parametrize(
    ("names", "key"),
    [
        (("IG_API_KEY", "IG_SERVICE_API_KEY"), "api_key"),
        (("IG_IDENTIFIER", "IG_USERNAME", "IG_SERVICE_USERNAME"), "identifier"),
        (("IG_PASSWORD", "IG_SERVICE_PASSWORD"), "password"),
        (("IG_ACCOUNT_ID", "IG_ACC_NUMBER", "IG_SERVICE_ACC_NUMBER"), "account_id"),
    ],
)
def test_names_of_other_clients_still_work(tmp_path: Path, names: tuple[str, ...], key: str) -> None:
    """Each old name is taken; where several are set, our own name counts."""
    for name in names:
        assert getattr(IGConfig.load(tmp_path, {name: "value"}), key) == "value"
    everything = dict.fromkeys(names, "old") | {names[0]: "own"}
    assert getattr(IGConfig.load(tmp_path, everything), key) == "own"


@pytest.mark.parametrize("name", ["IG_ENVIRONMENT", "IG_ACC_TYPE", "IG_SERVICE_ACC_TYPE"])
def test_account_type_names_the_environment(tmp_path: Path, name: str) -> None:
    """IG_ACC_TYPE=LIVE is the live environment."""
    config = IGConfig.load(tmp_path, {name: "LIVE"})
    assert config.environment == "live"
    assert config.base_url == BASE_URLS["live"]


@pytest.mark.parametrize("name", ["IG_ACC_TYPE", "IG_SERVICE_ACC_TYPE"])
def test_account_type_may_name_an_account(tmp_path: Path, name: str) -> None:
    """IG_ACC_TYPE=SPREADBET asks for that kind of account, beside the variable that names the environment."""
    config = IGConfig.load(tmp_path, {name: "SPREADBET", "IG_ENVIRONMENT": "live"})
    assert (config.environment, config.account_id) == ("live", "SPREADBET")
    assert IGConfig.load(tmp_path, {name: "cfd"}).environment == "demo"
    assert IGConfig.load(tmp_path, {name: "cfd", "IG_ACCOUNT_ID": "ABC123"}).account_id == "ABC123"
    with pytest.raises(ConfigError, match=name):
        IGConfig.load(tmp_path, {name: "moon"})


def test_accounts_may_have_names(tmp_path: Path) -> None:
    """Where an account is named, a name with spaces will do."""
    assert IGConfig.load(tmp_path, {"IG_ACCOUNT_ID": "My spread bets (GBP)"}).account_id == "My spread bets (GBP)"


def test_environment_text_becomes_values(tmp_path: Path) -> None:
    """Numbers, truth values, lists and nothing are read from text."""
    env = {
        "IG_ALLOW_LIVE_DEALING": "yes",
        "IG_ENCRYPT_PASSWORD": "False",
        "IG_STREAM__PROTOCOL_VERSIONS": "2.5.0, 2.4.0",
        "IG_STREAM__STALL_S": "none",
        "IG_STREAM__FALLBACK": "none",
        "IG_LOGGING__LEVEL": "debug",
        "IG_SIMULATOR__SPEED": "max",
        "IG_LIMITS__SUBSCRIPTIONS": "12",
        "IG_PASSWORD": " with spaces ",
        "IG_API_KEY": "",
    }
    config = IGConfig.load(tmp_path, env)
    assert config.allow_live_dealing is True
    assert config.encrypt_password is False
    assert config.stream == StreamSettings(("2.5.0", "2.4.0"), None, None, "price", "none")
    assert (config.logging.level, config.simulator.speed, config.limits.subscriptions) == ("DEBUG", "max", 12)
    assert (config.password, config.api_key) == (" with spaces ", None)


def test_all_faults_come_at_once_with_key_source_and_what_is_allowed(tmp_path: Path) -> None:
    """Every layer's faults are in one error."""
    write(tmp_path, "global.json", {"read_timeout_s": -1, "bogus": 1})
    write(tmp_path, "local.json", {"reconnect": {"max_retries": 1.5, "max_retry": 2}, "limits": 7})
    env = {"IG_LIVE__DATA_QUALITY_THRESHOLD": "2", "IG_RECONNECT__MULTIPLYER": "2"}
    with pytest.raises(ConfigError) as excinfo:
        IGConfig.load(tmp_path, env, environment="prod", colour="red")
    faults = excinfo.value.faults
    for words in (
        ("read_timeout_s", "global.json", "a number above 0", "-1"),
        ("bogus", "global.json", "unknown"),
        ("reconnect.max_retries", "local.json", "a whole number from 0"),
        ("reconnect.max_retry", "local.json", "unknown", "reconnect.max_retries"),
        ("limits", "local.json", "group"),
        ("live.data_quality_threshold", "IG_LIVE__DATA_QUALITY_THRESHOLD", "from 0 to 1"),
        ("IG_RECONNECT__MULTIPLYER", "environment", "unknown", "IG_RECONNECT__MULTIPLIER"),
        ("environment", "argument", "demo, live, simulator"),
        ("colour", "argument", "unknown"),
    ):
        assert [fault for fault in faults if all(word in fault for word in words)], words
    assert len(faults) == 9
    assert isinstance(excinfo.value, ValueError)


def test_own_arguments_are_checked_too() -> None:
    """IGConfig(...) checks as load() does, all at once."""
    with pytest.raises(ConfigError) as excinfo:
        IGConfig(environment="x", reconnect={"max_retries": -1, "colour": 1}, session_lifetime_s=0)  # type: ignore[arg-type]
    assert len(excinfo.value.faults) == 4
    with pytest.raises(ConfigError, match="multiplier"):
        ReconnectSettings(multiplier=0.5)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("environment", None),
        ("allow_live_dealing", "true"),
        ("allow_live_dealing", 1),
        ("login_version", 4),
        ("login_version", True),
        ("stream", {"protocol_versions": ("2.4.0", "2.5.0")}),
        ("stream", {"protocol_versions": ("2.4.0", "2.4.0")}),
        ("session_lifetime_s", float("nan")),
        ("session_lifetime_s", float("inf")),
        ("read_timeout_s", "30"),
        ("read_timeout_s", True),
        ("api_key", "has space"),
        ("api_key", "line\nbreak"),
        ("password", "line\nbreak"),
        ("account_id", "a/b"),
        ("base_url", "http://demo-api.ig.com/gateway/deal"),
        ("base_url", "ftp://127.0.0.1/"),
        ("base_url", "https://user:secret@example.com/"),
        ("base_url", "https://example.com/?key=1"),
        ("base_url", "https://"),
        ("base_url", "https://example.com:99999/"),
        ("base_url", "http://127.0.0.1.example.com/"),
        ("stream_url", "ws://push.example.com"),
        ("proxy", "proxy:3128"),
    ],
)
def test_values_that_are_refused(key: str, value: object) -> None:
    """What cannot work is named, and is no secret in the message."""
    with pytest.raises(ConfigError, match=key) as excinfo:
        IGConfig(**{key: value})
    assert "secret" not in str(excinfo.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("base_url", "https://example.com/gateway/deal"),
        ("base_url", "http://127.0.0.1:8080/gateway/deal"),
        ("base_url", "http://localhost:8080"),
        ("base_url", "http://[::1]:8080"),
        ("stream_url", "wss://push.example.com"),
        ("stream_url", "ws://127.0.0.1:9000"),
        ("proxy", "http://user:pw@proxy:3128"),
        ("encrypt_password", True),
    ],
)
def test_values_that_are_taken(key: str, value: object) -> None:
    """What can work is kept as it is."""
    assert getattr(IGConfig(**{key: value}), key) == value


@pytest.mark.parametrize(("environment", "other"), [("demo", "live"), ("live", "demo"), ("simulator", "live")])
def test_environment_and_address_must_agree(environment: Any, other: str) -> None:
    """A demo configuration never reaches the live service by its address, nor the reverse."""
    with pytest.raises(ConfigError, match=f"IG's {other} service"):
        IGConfig(environment=environment, base_url=BASE_URLS[other])


def test_delays_must_agree(tmp_path: Path) -> None:
    """The longest pause is not below the first, and both sources are named."""
    write(tmp_path, "local.json", {"reconnect": {"max_delay_s": 0.5}})
    with pytest.raises(ConfigError, match=r"max_delay_s .*local\.json.*initial_delay_s \(default\)"):
        IGConfig.load(tmp_path, {})


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ('{"password": "canary", }', "line 1"),
        ("[1]", "object"),
        ('{"read_timeout_s": 1, "read_timeout_s": 2}', "read_timeout_s appears twice"),
        ('{"read_timeout_s": NaN}', "read_timeout_s"),
        ("", "line 1"),
        ("[" * 100_000, "JSON"),
    ],
)
def test_broken_files_are_named_and_not_quoted(tmp_path: Path, text: str, word: str) -> None:
    """A file that is no JSON object is a fault with file and place, never with its content."""
    write(tmp_path, "local.json", text)
    with pytest.raises(ConfigError, match=r"local\.json") as excinfo:
        IGConfig.load(tmp_path, {})
    assert word in faults_of(excinfo)
    assert "canary" not in faults_of(excinfo)


def test_file_in_another_encoding_is_a_fault(tmp_path: Path) -> None:
    """Not UTF-8 is reported as such; a byte order mark is fine."""
    (tmp_path / "local.json").write_bytes(b'{"password": "\xff"}')
    with pytest.raises(ConfigError, match="UTF-8"):
        IGConfig.load(tmp_path, {})
    (tmp_path / "local.json").write_bytes(b'\xef\xbb\xbf{"read_timeout_s": 5}')
    assert IGConfig.load(tmp_path, {}).read_timeout_s == 5


def test_secrets_are_in_no_repr_and_no_message() -> None:
    """Neither repr nor str nor a fault shows a credential."""
    config = IGConfig(api_key="canary-1", identifier="canary-2", password="canary-3", proxy="http://u:canary-4@proxy:1")
    assert "canary" not in repr(config)
    assert "canary" not in f"{config}"
    with pytest.raises(ConfigError) as excinfo:
        IGConfig(api_key="canary 1", password="canary\n", identifier="canary\x00", proxy="canary")
    assert "canary" not in str(excinfo.value)


def test_config_is_frozen() -> None:
    """Nothing can be changed afterwards, in no group either."""
    config = IGConfig()
    for change in ("environment", "reconnect", "simulator"):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(config, change, None)
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.reconnect.max_retries = 1  # type: ignore[misc]


def test_replace_keeps_groups_and_checks() -> None:
    """dataclasses.replace works and validates."""
    config = IGConfig(reconnect={"max_retries": 2}, simulator={"seed": 9})
    changed = dataclasses.replace(config, read_timeout_s=1)
    assert (changed.reconnect, changed.simulator.seed, changed.read_timeout_s) == (config.reconnect, 9, 1)
    with pytest.raises(ConfigError):
        dataclasses.replace(config, environment="live")  # the demo address came along


def test_simulator_constructor_and_group_share_a_name() -> None:
    """IGConfig.simulator(...) makes a configuration; config.simulator is its group."""
    config = IGConfig.simulator(seed=3, speed=2, read_timeout_s=1, simulator={"ticks": "a.csv", "seed": 1})
    assert (config.environment, config.base_url, config.read_timeout_s) == ("simulator", None, 1)
    assert (config.simulator.seed, config.simulator.speed, config.simulator.ticks) == (3, 2, "a.csv")
    assert IGConfig.simulator() == IGConfig(environment="simulator")


def test_ticks_may_be_handed_over() -> None:
    """Ticks as objects pass, and stay out of repr."""
    ticks = [object()]
    config = IGConfig.simulator(ticks=ticks)
    assert config.simulator.ticks is ticks
    assert "object" not in repr(config)
    with pytest.raises(ConfigError, match=r"simulator\.ticks"):
        IGConfig.simulator(ticks=5)


def test_missing_credentials_are_named_with_their_places() -> None:
    """Each missing credential says where it may come from; nothing is missing when all are there."""
    with pytest.raises(ConfigError) as excinfo:
        IGConfig(identifier="me").require_credentials()
    assert len(excinfo.value.faults) == 2
    for key, name in (("api_key", "IG_API_KEY"), ("password", "IG_PASSWORD")):
        fault = next(fault for fault in excinfo.value.faults if fault.startswith(key))
        assert name in fault
        assert "local.json" in fault
        assert "IGConfig" in fault
    IGConfig(api_key="k", identifier="i", password="p").require_credentials()


def test_foreign_variables_are_left_alone(tmp_path: Path) -> None:
    """Variables that are not ours, empty ones and the project's own are no faults."""
    env = {"PATH": "/bin", "IGNORE": "1", "IG_BOGUS": "", "IG_SDK_SHARED": "x"}
    assert IGConfig.load(tmp_path, env) == IGConfig()


def test_the_process_environment_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """load() without env reads os.environ."""
    for name in list(os.environ):
        if name.startswith("IG_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("IG_READ_TIMEOUT_S", "7")
    assert IGConfig.load(tmp_path).read_timeout_s == 7
