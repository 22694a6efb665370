"""Every configuration that can be written into the environment comes back from it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ig_sdk.config import IGConfig
from ig_sdk.errors import ConfigError

positive = st.floats(min_value=1e-6, max_value=1e9)
line = st.text(st.characters(min_codepoint=32, exclude_categories=("Cs", "Cc")), min_size=1, max_size=40)
whole = st.integers(1, 10**9)

KEYS: dict[str, st.SearchStrategy[Any]] = {
    "allow_live_dealing": st.booleans(),
    "api_key": st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=64),
    "identifier": line,
    "password": line,
    "account_id": st.from_regex(r"[A-Za-z0-9\-]{1,30}", fullmatch=True),
    "login_version": st.sampled_from([2, 3]),
    "encrypt_password": st.sampled_from([True, False, "auto"]),
    "session_lifetime_s": positive,
    "base_url": st.sampled_from(["https://example.com/gateway/deal", "http://127.0.0.1:8080/gateway/deal"]),
    "stream_url": st.sampled_from(["wss://push.example.com", "http://localhost:80"]),
    "connect_timeout_s": positive,
    "read_timeout_s": positive,
    "proxy": st.sampled_from(["http://proxy:3128", "https://u:p@proxy:1"]),
    "ca_bundle": st.sampled_from(["/etc/ssl/cert.pem", "relative.pem"]),
    "reconnect.max_retries": st.integers(0, 1000),
    "reconnect.initial_delay_s": st.floats(0.001, 10),
    "reconnect.max_delay_s": st.floats(10, 1000),
    "reconnect.multiplier": st.floats(1, 100),
    "limits.non_trading_per_minute": whole,
    "limits.trading_per_minute": whole,
    "limits.historical_points_per_week": whole,
    "limits.subscriptions": whole,
    "stream.protocol_versions": st.sets(st.sampled_from(["2.4.0", "2.5.0", "2.3.0"]), min_size=1).map(
        lambda versions: tuple(sorted(versions, reverse=True))
    ),
    "stream.keepalive_s": positive,
    "stream.stall_s": positive,
    "stream.price_source": st.sampled_from(["price", "chart"]),
    "stream.fallback": st.sampled_from(["poll", "none"]),
    "stream.ignore_control_link": st.booleans(),
    "live.tick_buffer_size": whole,
    "live.max_ticks_per_second": positive,
    "live.heartbeat_interval_s": positive,
    "live.data_quality_threshold": st.floats(0, 1),
    "history.cache": st.sampled_from(["auto", "none", "prices.sqlite", "/data/prices.sqlite"]),
    "logging.level": st.sampled_from(["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]),
    "logging.directory": st.sampled_from(["log", "/var/log/ig"]),
    "logging.rotation_mb": positive,
    "logging.json": st.booleans(),
    "simulator.seed": st.integers(0, 2**31),
    "simulator.ticks": st.sampled_from(["ticks.csv", "/data/ticks.csv"]),
    "simulator.speed": st.one_of(st.just("max"), positive),
}
NOWHERE = Path("no such folder")


def faults_of(env: dict[str, str], **overrides: Any) -> tuple[str, ...]:
    try:
        IGConfig.load(NOWHERE, env, **overrides)
    except ConfigError as error:
        return error.faults
    return ()


def test_every_key_is_covered() -> None:
    """The strategies above name every key that there is."""
    keys = set()
    for item in dataclasses.fields(IGConfig):
        value = getattr(IGConfig(), item.name)
        nested = dataclasses.is_dataclass(value)
        keys |= {f"{item.name}.{inner.name}" for inner in dataclasses.fields(value)} if nested else {item.name}
    assert keys == set(KEYS) | {"environment"}


@given(st.fixed_dictionaries({}, optional=KEYS), st.sampled_from(["demo", "live", "simulator"]))
def test_environment_round_trip(values: dict[str, Any], environment: str) -> None:
    """What is written into the environment is what load() gives, and what IGConfig(...) gives."""
    values = {**values, "environment": environment}
    env, tree = {}, {}
    for key, value in values.items():
        env["IG_" + key.replace(".", "__").upper()] = ",".join(value) if isinstance(value, tuple) else str(value)
        group, dot, name = key.partition(".")
        tree.setdefault(group, {}).update({name: value}) if dot else tree.update({key: value})
    config = IGConfig.load(NOWHERE, env)
    for key, value in values.items():
        held: Any = config
        for part in key.split("."):
            held = getattr(held, part)
        assert held == value
    assert config == IGConfig(**tree)


@given(st.dictionaries(st.sampled_from(sorted(KEYS)), st.text(st.characters(exclude_categories=("Cs",)))))
def test_any_text_is_taken_or_refused_with_a_reason(values: dict[str, str]) -> None:
    """Garbage in the environment raises ConfigError naming the variable, and nothing else."""
    env = {"IG_" + key.replace(".", "__").upper(): value for key, value in values.items()}
    faults = faults_of(env)
    assert all("IG_" in fault or "default" in fault for fault in faults)


@given(
    st.dictionaries(
        st.sampled_from([*sorted(KEYS), "environment", "reconnect", "bogus"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
        ),
        max_size=4,
    )
)
def test_any_argument_is_taken_or_refused(values: dict[str, Any]) -> None:
    """Values of any kind raise ConfigError or give a configuration."""
    tree: dict[str, Any] = {}
    for key, value in values.items():
        group, dot, name = key.partition(".")
        if dot and isinstance(tree.setdefault(group, {}), dict):
            tree[group][name] = value
        elif not dot:
            tree[key] = value
    faults_of({}, **tree)


def test_a_typo_in_a_group_is_named() -> None:
    """A variable of ours that does not exist is a fault with the nearest name."""
    with pytest.raises(ConfigError, match="IG_STREAM__STALL_S"):
        IGConfig.load(NOWHERE, {"IG_STREAM__STAL_S": "1"})
