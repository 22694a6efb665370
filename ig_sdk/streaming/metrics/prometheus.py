"""The metrics of clients as Prometheus reads them, by ``prometheus-client`` (extra ``metrics``)."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Protocol
from weakref import ReferenceType, WeakKeyDictionary, ref

from ig_sdk.errors import ConfigError, UsageError
from ig_sdk.logs import Repeats, get_logger
from ig_sdk.streaming.metrics.snapshot import Metrics

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import Metric

_log = get_logger("stream")


class HasMetrics(Protocol):
    """What a collector reads: an ``IGClient``."""

    def metrics(self) -> Metrics:
        """Return a snapshot."""
        ...


Sample = tuple[tuple[str, ...], float | None]
Kind = Literal["counter", "gauge"]


class _Series(NamedTuple):
    """One family; ``read`` returns (values of the labels, value), where a value of ``None`` is left out."""

    kind: Kind
    name: str
    text: str
    labels: tuple[str, ...]
    read: Callable[[Metrics], Iterable[Sample]]


def _whole(kind: Kind, name: str, text: str, path: str) -> _Series:
    """A figure of the client, by its attribute of ``Metrics``."""
    read = attrgetter(path)
    return _Series(kind, name, text, (), lambda metrics: [((), read(metrics))])


def _market(kind: Kind, name: str, text: str, attribute: str, *, scale: float = 1.0) -> _Series:
    """A figure of each market, by its attribute of ``MarketMetrics``."""

    def read(metrics: Metrics) -> Iterator[Sample]:
        for epic, market in metrics.markets.items():
            value = getattr(market, attribute)
            yield (epic,), None if value is None else value * scale

    return _Series(kind, name, text, ("epic",), read)


def _allowance(kind: Kind, name: str, text: str, attribute: str) -> _Series:
    """A figure of each allowance, by its attribute of ``AllowanceMetrics``."""
    read = attrgetter(attribute)
    return _Series(
        kind,
        name,
        text,
        ("allowance",),
        lambda metrics: [((each,), read(state)) for each, state in metrics.rest.allowances.items()],
    )


def _statuses(metrics: Metrics) -> Iterator[Sample]:
    for status in ("DISCONNECTED", "CONNECTING", "CONNECTED", "STALLED", "RECONNECTING", "FAILED"):
        yield (status,), float(metrics.connection.status == status)


def _since(metrics: Metrics) -> Iterator[Sample]:
    since = metrics.connection.since
    yield (), None if since is None else since.timestamp()


def _version(metrics: Metrics) -> Iterator[Sample]:
    version = metrics.connection.protocol_version
    yield (version,), 1.0 if version else None


def _set_aside(metrics: Metrics) -> Iterator[Sample]:
    for epic, market in metrics.markets.items():
        for kind, count in market.set_aside.items():
            yield (epic, kind), count


def _sources(metrics: Metrics) -> Iterator[Sample]:
    for epic, market in metrics.markets.items():
        for source in ("stream", "poll"):
            yield (epic, source), float(market.source == source)


def _refused(metrics: Metrics) -> Iterator[Sample]:
    yield (), float(metrics.rest.login == "refused")


def _log_records(metrics: Metrics) -> Iterator[Sample]:
    yield ("WARNING",), metrics.errors.log_warnings
    yield ("ERROR",), metrics.errors.log_errors


# Counters get "_total" behind their name. Units are Prometheus's: seconds, ratios from 0 to 1.
_SERIES: Final = (
    _Series("gauge", "ig_stream_status", "1 for the state that the connection is in.", ("status",), _statuses),
    _Series("gauge", "ig_stream_status_since_timestamp_seconds", "Unix time of its last change.", (), _since),
    _Series("gauge", "ig_stream_protocol", "1 for the TLCP version in use.", ("version",), _version),
    _whole("counter", "ig_stream_reconnects", "Times the connection came back.", "connection.reconnects"),
    _whole("counter", "ig_stream_updates", "Updates received of all items.", "connection.updates"),
    _whole("gauge", "ig_stream_items", "Items subscribed to.", "connection.items"),
    _whole("gauge", "ig_stream_items_limit", "Items that IG allows.", "connection.items_limit"),
    _whole("gauge", "ig_stream_queue_events", "Events that wait for the callbacks.", "connection.queue_depth"),
    _whole("counter", "ig_stream_queue_dropped", "Updates dropped: the queue was full.", "connection.queue_dropped"),
    _whole("gauge", "ig_polling_active", "1 while prices are polled.", "polling.active"),
    _whole("counter", "ig_polling_requests", "Requests for prices.", "polling.requests"),
    _whole("counter", "ig_polling_failures", "Requests for prices that failed.", "polling.failures"),
    _market("counter", "ig_ticks", "Ticks passed on.", "ticks"),
    _market("gauge", "ig_ticks_per_second", "Ticks a second over the last minute.", "ticks_per_s"),
    _market("counter", "ig_gaps", "Times at which ticks may be missing.", "gaps"),
    _market("counter", "ig_updates_lost", "Updates known to be lost.", "lost"),
    _Series("counter", "ig_ticks_set_aside", "Ticks that cannot be true, by fault.", ("epic", "kind"), _set_aside),
    _market("counter", "ig_updates_incomplete", "Updates without bid, offer or time.", "incomplete"),
    _market("counter", "ig_updates_undecodable", "Updates with a value that is no number.", "undecodable"),
    _market("counter", "ig_updates_repeated", "Updates that repeated the last tick.", "repeated"),
    _market("gauge", "ig_buffer_ticks", "Ticks that wait for the slowest reader.", "buffer_depth"),
    _market("gauge", "ig_latency_p50_seconds", "Median of IG's time to reader.", "latency_p50_ms", scale=0.001),
    _market("gauge", "ig_latency_p99_seconds", "99th percentile of it.", "latency_p99_ms", scale=0.001),
    _market("gauge", "ig_tick_age_seconds", "Time since the last tick.", "stale_s"),
    _market("gauge", "ig_market_open", "1 while the market is open, 0 while it is closed.", "market_open"),
    _Series("gauge", "ig_market_source", "1 for where its prices come from.", ("epic", "source"), _sources),
    _market("gauge", "ig_market_readers", "Streams and polls that read the market.", "readers"),
    _market("gauge", "ig_completeness_ratio", "Share of the expected ticks that came.", "completeness"),
    _market("gauge", "ig_quality_score_ratio", "Quality of the market's prices.", "score"),
    _Series("gauge", "ig_login_refused", "1 if IG refused the credentials.", (), _refused),
    _whole("counter", "ig_rest_requests", "Requests sent, each attempt counted.", "rest.requests"),
    _whole("counter", "ig_rest_retries", "Requests that were not their call's first attempt.", "rest.retries"),
    _whole("counter", "ig_rest_refused", "Requests refused because an allowance was spent.", "rest.refused"),
    _whole("counter", "ig_rest_failures", "Requests without an answer, or with another error.", "rest.failures"),
    _allowance("gauge", "ig_allowance_limit", "Requests a minute, or price points a week.", "limit"),
    _allowance("gauge", "ig_allowance_used", "How much of the allowance is taken.", "used"),
    _allowance("gauge", "ig_allowance_waiting", "Calls that wait for the allowance.", "waiting"),
    _allowance("counter", "ig_allowance_waited_seconds", "Time that calls have waited for it.", "waited_s"),
    _allowance("counter", "ig_allowance_refusals", "Requests that IG refused because of it.", "refusals"),
    _whole("counter", "ig_callback_errors", "Exceptions that callbacks raised.", "errors.callbacks"),
    _Series("counter", "ig_log_records", "Warnings and errors logged in this process.", ("level",), _log_records),
)

# Weak on both sides: the registry itself keeps its collectors.
_registered: WeakKeyDictionary[CollectorRegistry, ReferenceType[PrometheusCollector]] = WeakKeyDictionary()
_registered_lock = threading.Lock()  # guards it; a leaf


class PrometheusCollector:
    """Shows the metrics of one client, or of several, to Prometheus; registers itself.

    ::

        PrometheusCollector(ig)
        prometheus_client.start_http_server(9100, addr="127.0.0.1")

    Nothing is done between the scrapes. Labels hold epics, and the names that ``clients`` gives; no account, no secret.

    Args:
        clients: A client, or several by name: ``{"demo": ig, "live": other}``; the name is the label ``client``.
        registry: Where to register; the default one of ``prometheus_client`` unless given. There a client that is
            closed gives way to the next one.

    Raises:
        ConfigError: ``prometheus-client`` is not installed.
        UsageError: Another collector, of a client that is not closed, is in ``registry``.

    Threading:
        Safe from any thread.
    """

    def __init__(
        self, clients: HasMetrics | Mapping[str, HasMetrics], *, registry: CollectorRegistry | None = None
    ) -> None:
        try:
            import prometheus_client  # noqa: PLC0415 -- the extra "metrics"
            from prometheus_client import core  # noqa: PLC0415
        except ImportError as error:
            raise ConfigError(["prometheus-client is not installed"], hint="pip install 'ig-sdk[metrics]'") from error
        self._clients: tuple[tuple[tuple[str, ...], HasMetrics], ...] = (
            tuple(((str(name),), client) for name, client in clients.items())
            if isinstance(clients, Mapping)
            else (((), clients),)
        )
        self._labels = ("client",) if isinstance(clients, Mapping) else ()
        self._families: dict[str, Callable[..., Any]] = {
            "counter": core.CounterMetricFamily,
            "gauge": core.GaugeMetricFamily,
        }
        self._failures = Repeats(_log)
        self._registry = prometheus_client.REGISTRY if registry is None else registry
        self._register(by_default=registry is None)

    def _register(self, *, by_default: bool) -> None:
        while (earlier := self._claim()) is not None:
            if earlier.in_use and not earlier.shows(self):
                told = "the metrics of another client are in this registry already"
                hint = "hand both to one collector: PrometheusCollector({'one': ig, 'other': ig_2})"
                if not by_default:
                    raise UsageError(told, hint=hint)
                # The caller may be about to register it elsewhere.
                _log.warning("%s; this one was not added: %s", told, hint)
                return
            earlier.close()
        self._registry.register(self)

    def _claim(self) -> PrometheusCollector | None:
        """Take the registry's one place, or return who has it."""
        with _registered_lock:
            known = _registered.get(self._registry)
            earlier = None if known is None else known()
            if earlier is None:
                _registered[self._registry] = ref(self)
        return earlier

    @property
    def in_use(self) -> bool:
        """Whether any of its clients is open."""
        return any(not metrics.closed for _, metrics, _ in self._snapshots())

    def shows(self, other: PrometheusCollector) -> bool:
        """Whether it shows the very clients that ``other`` shows."""
        return [id(client) for _, client in self._clients] == [id(client) for _, client in other._clients]

    def describe(self) -> list[Metric]:
        """Return nothing: what there is depends on the clients, and a second ``register`` of this one does no harm."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Return the families with their samples now; ``prometheus_client`` calls it at each scrape."""
        snapshots = list(self._snapshots())
        for series in _SERIES:
            family = self._families[series.kind](series.name, series.text, labels=(*self._labels, *series.labels))
            for names, metrics, _ in snapshots:
                for labels, value in series.read(metrics):
                    if value is not None:
                        family.add_metric((*names, *labels), value)
            yield family
        health = self._families["gauge"]("ig_health", "1 for the state of health.", labels=(*self._labels, "state"))
        for names, _, state in snapshots:
            for each in ("healthy", "degraded", "down") if state else ():
                health.add_metric((*names, each), float(each == state))
        yield health

    def _snapshots(self) -> Iterator[tuple[tuple[str, ...], Metrics, str]]:
        for names, client in self._clients:
            try:
                judge = getattr(client, "health", None)
                yield names, client.metrics(), judge().state if callable(judge) else ""
            except Exception as error:  # noqa: BLE001, PERF203 -- the page has the metrics of others, too
                self._failures.error("the metrics of a client cannot be read", error)

    def close(self) -> None:
        """Take it out of its registry; does nothing when it is not there."""
        with _registered_lock:
            known = _registered.get(self._registry)
            if known is not None and known() is self:
                del _registered[self._registry]
        with contextlib.suppress(KeyError):
            self._registry.unregister(self)
