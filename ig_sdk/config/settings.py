"""The settings as classes: every key, its default and its rule."""

# ruff: noqa: RUF009 -- setting() is dataclasses.field() with the key's rule
from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar, overload
from urllib.parse import urlsplit

from ig_sdk.config import layers, rules
from ig_sdk.config.rules import setting
from ig_sdk.errors import ConfigError
from ig_sdk.spelling import nearest, spelled

# Source: wire/ig_api.json, base_urls.
BASE_URLS: Mapping[str, str] = {
    "demo": "https://demo-api.ig.com/gateway/deal",
    "live": "https://api.ig.com/gateway/deal",
}
_CREDENTIALS = ("api_key", "identifier", "password")

Environment = Literal["demo", "live", "simulator"]


def _rules_of(kind: type) -> dict[str, rules.Rule]:
    return {item.name: item.metadata["rule"] for item in fields(kind) if "rule" in item.metadata}


class _Settings:
    """A group of keys that checks its own values."""

    def __post_init__(self) -> None:
        own = _rules_of(type(self))
        given = {name: layers.Sourced(getattr(self, name), "argument") for name in own}
        faults: list[str] = []
        for name, value in layers.settle(given, own, faults).items():
            object.__setattr__(self, name, value)
        if faults:
            raise ConfigError(faults)


@dataclass(frozen=True)
class ReconnectSettings(_Settings):
    """How failed calls and broken connections are retried.

    Attributes:
        max_retries: Further attempts of a REST call; streams reconnect without limit.
        initial_delay_s: Longest pause before the first retry.
        max_delay_s: Longest pause before any retry; what a server asks for itself (``Retry-After``) may be longer.
        multiplier: Growth of the pause from attempt to attempt.
    """

    max_retries: int = setting(5, rules.number(0, 1000, whole=True))
    initial_delay_s: float = setting(1.0, rules.number(0, open_low=True))
    max_delay_s: float = setting(30.0, rules.number(0, open_low=True))
    multiplier: float = setting(2.0, rules.number(1))


@dataclass(frozen=True)
class LimitSettings(_Settings):
    """Allowances; ``None`` takes those of the account.

    Attributes:
        non_trading_per_minute: Requests that do not deal.
        trading_per_minute: Requests that deal.
        historical_points_per_week: Candles of history.
        subscriptions: Streaming items on one connection.
    """

    non_trading_per_minute: int | None = setting(None, rules.number(1, whole=True, optional=True))
    trading_per_minute: int | None = setting(None, rules.number(1, whole=True, optional=True))
    historical_points_per_week: int | None = setting(None, rules.number(1, whole=True, optional=True))
    subscriptions: int | None = setting(None, rules.number(1, whole=True, optional=True))


@dataclass(frozen=True)
class StreamSettings(_Settings):
    """Streaming.

    Attributes:
        protocol_versions: TLCP versions in the order in which they are tried.
        keepalive_s: Keepalive to ask the server for; ``None`` leaves it to the server.
        stall_s: Silence after which a connection counts as stalled, but never before the keepalive is over; ``None`` is
            two seconds after it.
        price_source: ``"price"`` (PRICE items) or ``"chart"`` (CHART ticks).
        fallback: ``"poll"`` or ``"none"``: where prices come from while the stream is down. Not in force yet: no prices
            come then, which the stream tells.
        ignore_control_link: Stay at the address of the login although the server names another one for the session,
            which a tunnel or a NAT may make unreachable.
    """

    protocol_versions: tuple[str, ...] = setting(("2.4.0",), rules.versions())
    keepalive_s: float | None = setting(None, rules.number(0, open_low=True, optional=True))
    stall_s: float | None = setting(None, rules.number(0, open_low=True, optional=True))
    price_source: Literal["price", "chart"] = setting("price", rules.choice("price", "chart"))
    fallback: Literal["poll", "none"] = setting("poll", rules.choice("poll", "none"))
    ignore_control_link: bool = setting(default=False, rule=rules.flag())


@dataclass(frozen=True)
class LiveSettings(_Settings):
    """Live prices.

    Attributes:
        tick_buffer_size: Unread ticks kept for each market.
        max_ticks_per_second: Ticks passed on for each market; ``None`` passes all.
        heartbeat_interval_s: Silence of a market after which it is reported.
        data_quality_threshold: Score of a market's prices, 0 to 1, from which on they are trusted; below it signals are
            held back, and the client's health is degraded.
    """

    tick_buffer_size: int = setting(10_000, rules.number(1, whole=True))
    max_ticks_per_second: float | None = setting(None, rules.number(0, open_low=True, optional=True))
    heartbeat_interval_s: float = setting(30.0, rules.number(0, open_low=True))
    data_quality_threshold: float = setting(0.95, rules.number(0, 1))


@dataclass(frozen=True)
class HistorySettings(_Settings):
    """Price history.

    Attributes:
        cache: File that keeps candles; ``"auto"`` is a file in the user's cache folder for IG's own services, memory
            for any other server; ``"none"`` keeps nothing.
    """

    cache: str = setting("auto", rules.path_or("auto", "none"))


@dataclass(frozen=True)
class LoggingSettings(_Settings):
    """Logging; nothing is set up by default.

    Attributes:
        level: Level of all ``ig_sdk`` loggers; ``None`` leaves them alone, or is ``INFO`` where files are written.
        directory: Folder for one rotating file per component; ``None`` writes none.
        rotation_mb: Size at which a file is rotated.
        json: One JSON object per line instead of text.
    """

    level: str | None = setting(
        None, rules.choice("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", optional=True, upper=True)
    )
    directory: str | None = setting(None, rules.path())
    rotation_mb: float = setting(100.0, rules.number(0, open_low=True))
    json: bool = setting(default=False, rule=rules.flag())


@dataclass(frozen=True)
class SimulatorSettings(_Settings):
    """The simulator that ``environment = "simulator"`` starts for one client.

    Attributes:
        seed: Seed of the market.
        ticks: File of ticks to replay, or the ticks themselves; ``None`` generates prices.
        speed: How many times faster than real time, or ``"max"``.
    """

    seed: int = setting(7, rules.number(0, 2**63, whole=True))
    ticks: Any = setting(None, rules.path_or_iterable(), secret=True)  # str | Iterable[Tick] | None; too long for repr
    speed: float | Literal["max"] = setting(1.0, rules.number_or("max", 0))


GroupT = TypeVar("GroupT", bound=_Settings)


class _Group(Generic[GroupT]):
    """A nested group: given as an instance or as keywords, read as an instance."""

    def __init__(self, kind: type[GroupT]) -> None:
        self.kind = kind

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: object | None, owner: type | None = None) -> GroupT:
        # On the class this is the field's default.
        value: GroupT = self.kind() if instance is None else instance.__dict__[self.name]
        return value

    def __set__(self, instance: object, value: GroupT | Mapping[str, Any]) -> None:
        instance.__dict__[self.name] = value


class _SimulatorGroup(_Group[SimulatorSettings]):
    """``config.simulator`` is the group, ``IGConfig.simulator(...)`` makes a configuration for it."""

    @overload  # type: ignore[override]  # on the class it is the constructor, by DESIGN section 4
    def __get__(self, instance: None, owner: type[IGConfig]) -> Callable[..., IGConfig]: ...
    @overload
    def __get__(self, instance: IGConfig, owner: type[IGConfig] | None = None) -> SimulatorSettings: ...
    def __get__(self, instance: IGConfig | None, owner: type[IGConfig] | None = None) -> Any:
        if instance is None:
            return (owner or IGConfig)._for_simulator  # noqa: SLF001 -- the same class, by another name
        return instance.__dict__[self.name]


@dataclass(frozen=True)
class IGConfig:
    """Everything that can be set. Frozen; secrets are absent from ``repr``.

    Groups may be given as keywords: ``IGConfig(reconnect={"max_retries": 2})``. ``IGConfig.simulator(...)`` makes a
    configuration for the simulator; ``seed``, ``ticks`` and ``speed`` may be given directly.

    Attributes:
        environment: ``"demo"``, ``"live"`` or ``"simulator"``.
        allow_live_dealing: Must be true before anything is dealt in ``"live"``.
        api_key: IG's API key, one for each environment.
        identifier: IG user name.
        password: Password of the user.
        account_id: Account to work on: its id, or its name or type if only one account has it; ``None`` takes the
            preferred one.
        login_version: Version of IG's login.
        encrypt_password: True, false, or ``"auto"``: when IG demands it.
        session_lifetime_s: Age at which a login is renewed before IG refuses it.
        base_url: Address of the REST API; follows ``environment`` unless set.
        stream_url: Address of the stream; ``None`` takes the one from the login.
        connect_timeout_s: Longest wait for a connection.
        read_timeout_s: Longest wait for the whole answer to one request.
        proxy: Proxy for REST and stream.
        ca_bundle: File of certificates to trust instead of the usual ones.
        reconnect: Retries and pauses.
        limits: Allowances.
        stream: Streaming.
        live: Live prices.
        history: Price history.
        logging: Logging.

    Raises:
        ConfigError: Some values are not allowed; it lists all of them.
    """

    environment: Environment = setting("demo", rules.choice("demo", "live", "simulator"))
    allow_live_dealing: bool = setting(default=False, rule=rules.flag())
    api_key: str | None = setting(
        None,
        rules.text(pattern=r"[\x21-\x7e]+", allowed="printable characters without spaces", shown=False),
        secret=True,
    )
    identifier: str | None = setting(None, rules.text(shown=False), secret=True)
    password: str | None = setting(None, rules.text(shown=False), secret=True)
    account_id: str | None = setting(
        None, rules.text(pattern=r"[^\x00-\x1f\x7f/]{1,60}", allowed="id, name or type of an account, at most 60 long")
    )
    login_version: int = setting(2, rules.member(2, 3))
    encrypt_password: bool | Literal["auto"] = setting("auto", rules.flag_or("auto"))
    session_lifetime_s: float = setting(21_600.0, rules.number(0, open_low=True))
    base_url: str | None = setting(None, rules.url("https", "http"))
    stream_url: str | None = setting(None, rules.url("https", "http", "wss", "ws"))
    connect_timeout_s: float = setting(10.0, rules.number(0, open_low=True))
    read_timeout_s: float = setting(30.0, rules.number(0, open_low=True))
    proxy: str | None = setting(None, rules.proxy(), secret=True)
    ca_bundle: str | None = setting(None, rules.path())
    reconnect: _Group[ReconnectSettings] = _Group(ReconnectSettings)
    limits: _Group[LimitSettings] = _Group(LimitSettings)
    stream: _Group[StreamSettings] = _Group(StreamSettings)
    live: _Group[LiveSettings] = _Group(LiveSettings)
    history: _Group[HistorySettings] = _Group(HistorySettings)
    logging: _Group[LoggingSettings] = _Group(LoggingSettings)
    simulator: _SimulatorGroup = _SimulatorGroup(SimulatorSettings)

    def __post_init__(self) -> None:
        faults: list[str] = []
        kept = layers.settle(_flat(self._given(), "argument", faults), _RULES, faults)
        faults += _conflicts(kept)
        if faults:
            raise ConfigError(faults)
        tree = layers.nest(kept)
        for name in _rules_of(IGConfig):
            object.__setattr__(self, name, tree[name])
        for name, kind in _GROUPS.items():
            values = tree.get(name, {})
            assert isinstance(values, dict)
            self.__dict__[name] = kind(**values)
        if self.base_url is None and self.environment in BASE_URLS:
            object.__setattr__(self, "base_url", BASE_URLS[self.environment])

    def _given(self) -> dict[str, object]:
        given = {item.name: getattr(self, item.name) for item in fields(self)}
        if callable(given["simulator"]):  # not given: this is the class attribute
            given["simulator"] = {}
        return given

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str] = "config",
        env: Mapping[str, str] | None = None,
        *,
        layer: str | None = None,
        **overrides: Any,
    ) -> IGConfig:
        """Return the configuration that the layers make together.

        Args:
            path: Folder of ``global.json``, ``local.json`` and ``test.json``; may be missing.
            env: Environment variables; those of the process unless given.
            layer: ``"test"`` takes ``test.json`` (the simulator) instead of ``local.json``; so does ``IG_LAYER=test``.
            overrides: Keys over all layers; groups as ``reconnect={"max_retries": 2}``.

        Raises:
            ConfigError: Something is not allowed or unknown; it lists every fault with its source.
        """
        env = os.environ if env is None else env
        faults: list[str] = []
        flat = layers.read_file(Path(path) / "global.json", _RULES, faults)
        if _wants_test(layer, env, faults):
            flat |= _flat(layers.TEST_LAYER, "test layer", faults)
            flat |= layers.read_file(Path(path) / "test.json", _RULES, faults)
        else:
            flat |= layers.read_file(Path(path) / "local.json", _RULES, faults)
        flat |= layers.read_environment(env, _RULES, faults)
        flat |= _flat(overrides, "argument", faults)
        kept = layers.settle(flat, _RULES, faults)
        faults += _conflicts(kept, {key: sourced.source for key, sourced in flat.items()})
        if faults:
            raise ConfigError(faults)
        keywords: dict[str, Any] = layers.nest(kept)
        return cls(**keywords)

    @classmethod
    def _for_simulator(cls, *values: Any, **keys: Any) -> IGConfig:
        known = [*_rules_of(SimulatorSettings), *(item.name for item in fields(cls) if item.name != "environment")]
        if values:
            raise TypeError(f"IGConfig.simulator() takes 0 positional arguments: write seed={values[0]!r}")
        for name in keys.keys() - set(known):
            near = nearest(name, known)
            advice = f"did you mean {near}=?" if near else f"it has {', '.join(known)}"
            raise TypeError(f"IGConfig.simulator() got an unexpected keyword argument {name!r}: {advice}")
        own: dict[str, Any] = {name: keys.pop(name) for name in _rules_of(SimulatorSettings) if name in keys}
        group = _flat({"simulator": keys.pop("simulator", {})}, "argument", [])
        given = {key.partition(".")[2]: sourced.value for key, sourced in group.items()}
        return cls(environment="simulator", simulator=given | own, **keys)

    def require_credentials(self) -> None:
        """Check that a login is possible.

        Raises:
            ConfigError: Credentials are missing; it says which, and where each may come from.
        """
        faults = [
            f"{key} is missing: set {layers.env_name(key)} in the environment, put it into config/local.json, "
            f"or pass {key}=... to IGConfig"
            for key in _CREDENTIALS
            if not getattr(self, key)
        ]
        if faults:
            raise ConfigError(faults, hint=f"needed to log in to IG's {self.environment} environment")


IGConfig.__init__ = spelled("IGConfig")(IGConfig.__init__)  # type: ignore[method-assign]  # the dataclass made it


_GROUPS: Mapping[str, type[_Settings]] = {
    "reconnect": ReconnectSettings,
    "limits": LimitSettings,
    "stream": StreamSettings,
    "live": LiveSettings,
    "history": HistorySettings,
    "logging": LoggingSettings,
    "simulator": SimulatorSettings,
}
_RULES: Mapping[str, rules.Rule] = _rules_of(IGConfig) | {
    f"{group}.{name}": rule for group, kind in _GROUPS.items() for name, rule in _rules_of(kind).items()
}


def _flat(tree: Mapping[str, object], source: str, faults: list[str]) -> dict[str, layers.Sourced]:
    """Flatten a mapping whose groups may also be instances."""
    plain = {
        name: {item.name: getattr(value, item.name) for item in fields(value)}  # type: ignore[arg-type]  # a dataclass
        if isinstance(value, _Settings)
        else value
        for name, value in tree.items()
    }
    return layers.flatten(plain, source, _RULES, faults)


def _wants_test(layer: str | None, env: Mapping[str, str], faults: list[str]) -> bool:
    wanted, source = layer, "argument"
    if layer is None:
        wanted, source = env.get("IG_LAYER") or None, "environment variable IG_LAYER"
    if wanted not in (None, "test"):
        faults.append(f"layer ({source}): must be test, or not given, not {wanted!r}")
    return wanted == "test"


def _conflicts(kept: Mapping[str, object], sources: Mapping[str, str] | None = None) -> Iterable[str]:
    """Yield what is wrong with values that are allowed one by one."""

    def named(key: str) -> str:
        return f"{key} ({(sources or {}).get(key, 'argument' if sources is None else 'default')})"

    first = kept.get("reconnect.initial_delay_s", ReconnectSettings.initial_delay_s)
    last = kept.get("reconnect.max_delay_s", ReconnectSettings.max_delay_s)
    if isinstance(first, float) and isinstance(last, float) and first > last:
        yield f"{named('reconnect.max_delay_s')}: must not be below {named('reconnect.initial_delay_s')}"
    environment = kept.get("environment", "demo")
    host = urlsplit(str(kept.get("base_url") or "")).hostname
    for other, address in BASE_URLS.items():
        # Real money hangs on this pair: a demo configuration must never reach the live service, nor the reverse.
        if host == urlsplit(address).hostname and other != environment:
            yield f"{named('base_url')}: is IG's {other} service, but {named('environment')} is {environment}"
