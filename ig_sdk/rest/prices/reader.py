"""Asks IG for prices: page after page, the cache first, the allowance kept in view."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from pathlib import Path

from ig_sdk import logs
from ig_sdk.clock import Clock
from ig_sdk.config import BASE_URLS, IGConfig
from ig_sdk.errors import DecodeError, RateLimited
from ig_sdk.rest.http.deadline import Deadline
from ig_sdk.rest.http.endpoint import Endpoint
from ig_sdk.rest.login.auth import Auth
from ig_sdk.rest.prices import candle_times as edges
from ig_sdk.rest.prices.cache import Known, PriceCache, Series
from ig_sdk.rest.prices.candle_times import Span
from ig_sdk.rest.prices.decode import PointsAllowance, PricePage, decode_prices
from ig_sdk.rest.times import iso_seconds
from ig_sdk.types import Candle, Resolution

PRICES = Endpoint("GET", "/prices/{epic}", version=3, allowance="historical", raw=True)
_PAGE_SIZE = 1000
_EPOCH_YEAR = 1970
_log = logs.get_logger("rest")


@dataclass(frozen=True)
class Wanted:
    """What is asked for: a span, or the latest candles.

    Attributes:
        series: Candles of what.
        span: Instants at which they open; for the latest candles, both are the end.
        points: How many of the latest; ``None`` for a span.
    """

    series: Series
    span: Span
    points: int | None = None


@dataclass(frozen=True)
class Todo:
    """What has to be asked of IG, and what need not.

    Attributes:
        cached: Candles that the cache gives.
        spans: What is to be asked for.
        latest: How many of the latest candles are to be asked for instead.
        points: What that costs at most.
        pages: How many requests it takes at most, if IG pages as it is asked to.
    """

    cached: Sequence[Candle]
    spans: Sequence[Span] = ()
    latest: int = 0
    points: int = 0
    pages: int = 0


@dataclass(frozen=True)
class Progress:
    """How far a fetch has come; as text, one line.

    Attributes:
        epic: Market.
        resolution: Candle length.
        received: Candles that came so far.
        points: How many may come at most.
        page: Requests answered so far.
        pages: How many there may be.
    """

    epic: str
    resolution: Resolution
    received: int
    points: int
    page: int
    pages: int

    def __str__(self) -> str:
        page = f"page {self.page} of {max(self.pages, self.page)}"
        return f"{self.epic} {self.resolution}: {self.received:,} of at most {self.points:,} candles, {page}"


Tell = Callable[[Progress], object]


class PriceReader:
    """Gets candles from the cache and from IG.

    Args:
        auth: Sends calls.
        config: The environment, where the cache is, the user's own limit.
        clock: Says which candles are closed.

    Threading:
        Safe from any thread. The lock guards the allowances only.
    """

    def __init__(self, auth: Auth, config: IGConfig, clock: Clock) -> None:
        self._auth = auth
        self._config = config
        self._clock = clock
        self._source, self._cache = _source(config), _cache(config)
        self._lock = threading.Lock()
        self._told: dict[str, PointsAllowance] = {}

    def close(self) -> None:
        """Let go of the cache."""
        if self._cache is not None:
            self._cache.close()

    def series(self, epic: str, resolution: Resolution) -> Series:
        """Return the name of a series here."""
        return Series(self._source, epic, resolution)

    @property
    def allowance(self) -> PointsAllowance | None:
        """What is left of the account's points, as IG last reported to this client or another one with this cache."""
        self._auth.home.check()
        account = self._auth.account_id or self._config.account_id
        with self._lock:
            told = self._told.get(account or "")
        if told is None and account is not None and self._cache is not None:
            told = self._cache.allowance(self._source, account)
        limit = self._config.limits.historical_points_per_week
        if told is not None:
            told = told.at(self._clock.now())
        if limit is None:
            return told
        if told is None:
            return PointsAllowance(limit, limit)
        return PointsAllowance(max(limit - (told.total - told.remaining), 0), limit, told.resets_at)

    def todo(self, wanted: Wanted, *, fresh: bool = False) -> Todo:
        """Return what has to be asked of IG.

        Args:
            wanted: What is asked for.
            fresh: Take nothing from the cache.
        """
        known = [] if fresh or self._cache is None else self._cache.known(wanted.series)
        if wanted.points is not None:
            return self._latest(wanted, wanted.points, known)
        spans = edges.without(wanted.span, [each.span for each in known])
        cached = self._cache.candles(wanted.series, wanted.span) if known and self._cache else ()
        counts = [edges.count_between(wanted.series.resolution, span) for span in spans]
        return Todo(cached, spans, 0, sum(counts), sum(-(-count // _PAGE_SIZE) for count in counts))

    def _latest(self, wanted: Wanted, points: int, known: Sequence[Known]) -> Todo:
        """Take from the cache what goes on without a gap to the present, if that and what came since is enough."""
        whole = Todo((), (), points, points, 1)
        if not known or self._cache is None:
            return whole
        last, now = known[-1], wanted.span[1]
        missing = edges.count_between(wanted.series.resolution, (last.ends, now))
        if missing >= points or self._cache.count(wanted.series, last.span) + last.begun < points:
            return whole
        cached = self._cache.candles(wanted.series, last.span, latest=points)
        return Todo(cached, [(last.ends, now)] if missing else (), 0, missing, -(-missing // _PAGE_SIZE))

    def fetch(self, wanted: Wanted, deadline: Deadline, *, tell: Tell, force: bool) -> list[Candle]:
        """Return what is asked for, oldest first, with open to close of the mid.

        Every page is kept in the cache as soon as it is here: what was paid is not paid again after a failure.

        Args:
            wanted: What is asked for.
            deadline: By when the call must end.
            tell: Called after each page.
            force: Send requests whose points are not left as far as is known.

        Raises:
            RateLimited: The points are not left.
            IGError: The call failed.
        """
        candles = self._gather(wanted, deadline, tell, force=force, fresh=False)
        if candles is None:  # what the cache had does not go with what IG sends
            candles = self._gather(wanted, deadline, tell, force=force, fresh=True)
        return candles or []

    def _gather(
        self, wanted: Wanted, deadline: Deadline, tell: Tell, *, force: bool, fresh: bool
    ) -> list[Candle] | None:
        todo = self.todo(wanted, fresh=fresh)
        if todo.points and not force:
            self._auth.login(deadline)  # whose points they are
            _refuse_beyond(self.allowance, todo.points, self._clock.now())
        found = {candle.opens_at: candle for candle in todo.cached}
        series, received, pages = wanted.series, 0, 0
        for piece in (*todo.spans, *((todo.latest,) if todo.latest else ())):
            for page, rescaled in self._piece(series, piece, deadline):
                if rescaled and todo.cached:
                    return None
                found.update((candle.opens_at, candle) for candle in page)
                received, pages = received + len(page), pages + 1
                tell(Progress(series.epic, series.resolution, received, todo.points, pages, todo.pages))
        candles = [found[opens_at] for opens_at in sorted(found)]
        if wanted.points is None:
            return candles
        # Fewer than were promised: what had begun is not there any more.
        return None if len(candles) < wanted.points and not todo.latest else candles[-wanted.points :]

    def _piece(self, series: Series, piece: Span | int, deadline: Deadline) -> Iterator[tuple[list[Candle], bool]]:
        """Yield the candles of each page, and whether they threw away what the cache had."""
        received = _Received(series.resolution, piece, self._clock.now())
        for page in self._pages(series, _query(series.resolution, piece), deadline):
            candles = received.take(page)
            known = None if page.unread else received.known_by(candles)
            yield candles, self._keep(series, received.settled(candles), known)
        if received.unread:
            _log.warning("%d rows of prices of %s hold no time or no price", received.unread, series.epic)
        if received.strayed:
            _log.warning("IG sent prices of %s from outside of the span that was asked for", series.epic)
        self._keep(series, (), received.known())

    def _pages(self, series: Series, query: Mapping[str, str], deadline: Deadline) -> Iterator[PricePage]:
        def local_offset() -> timedelta:
            # The login reports the offset of today: local times of the other half of the year are an hour off.
            return timedelta(hours=self._auth.login(deadline).timezone_offset or 0)

        number, pages = 0, 1
        while number < pages:
            number += 1
            now = self._clock.now()
            reply = self._auth.call(
                PRICES, deadline, parts={"epic": series.epic}, query={**query, "pageNumber": str(number)}
            )
            # A clock that is ahead of IG's would call candles closed, and known, that are still to come.
            as_of = min(now, _server_time(reply.headers) or now)
            page = decode_prices(
                reply.body, series.epic, series.resolution, now=now, local_offset=local_offset, as_of=as_of
            )
            pages = page.pages
            if page.number not in (0, number) or (number < pages and not page.candles and not page.unread):
                what = "is empty" if page.number in (0, number) else f"came as number {page.number}"
                raise DecodeError(f"page {number} of {pages} {what}", path="metadata.pageData")
            self._note(page.allowance)
            yield page

    def _note(self, told: PointsAllowance | None) -> None:
        account = self._auth.account_id
        if told is None or account is None:
            return
        with self._lock:
            self._told[account] = told
        if self._cache is not None:
            self._cache.keep_allowance(self._source, account, told)

    def _keep(self, series: Series, candles: Sequence[Candle], known: Known | None) -> bool:
        if self._cache is None or not (candles or known):
            return False
        return self._cache.store(series, candles, known)


class _Received:
    """What came for one piece, and what that makes known.

    Args:
        resolution: Candle length.
        piece: The span that was asked for, or how many of the latest candles.
        asked_at: When.
    """

    def __init__(self, resolution: Resolution, piece: Span | int, asked_at: datetime) -> None:
        self._resolution = resolution
        self._piece = piece
        self._asked_at = asked_at
        self._last_settled = edges.last_settled(resolution, asked_at)
        self._candles: dict[datetime, Candle] = {}
        self._pages = 0
        self.unread = 0
        self.strayed = False

    def take(self, page: PricePage) -> list[Candle]:
        """Return the candles of a page that belong to the piece.

        Raises:
            DecodeError: It has none that were not there before, and is not the last.
        """
        candles = page.candles
        if page.as_of is not None and page.as_of < self._asked_at:
            self._asked_at = page.as_of
            self._last_settled = edges.last_settled(self._resolution, page.as_of)
        if not isinstance(self._piece, int):
            begins, ends = self._piece
            candles = [candle for candle in page.candles if begins <= candle.opens_at < ends]
            # Of candles that open at hours of their own, one that is open when the span begins may come along.
            earliest = begins - (self._resolution if self._resolution > Resolution.HOUR else timedelta(0))
            self.strayed |= any(not earliest <= candle.opens_at < ends for candle in page.candles)
        before = len(self._candles)
        self._candles.update((candle.opens_at, candle) for candle in candles)
        self.unread += page.unread
        self._pages += 1
        # Of pages without end each would cost points.
        if 1 < self._pages < page.pages and len(self._candles) == before and not page.unread:
            what = f"page {self._pages} of {page.pages} brings nothing new"
            raise DecodeError(what, path="metadata.pageData")
        return candles

    def settled(self, candles: Sequence[Candle]) -> list[Candle]:
        """Return those that will not change any more."""
        return [candle for candle in candles if candle.opens_at <= self._last_settled]

    def known_by(self, candles: Sequence[Candle]) -> Known | None:
        """Return what one page makes known by itself: its rows are neighbours."""
        settled = self.settled(candles)
        if not settled:
            return None
        return Known(settled[0].opens_at, settled[-1].opens_at + edges.shortest(self._resolution))

    def known(self) -> Known | None:
        """Return what all pages together make known, if they can be trusted to be all that there is."""
        if self.unread or self.strayed:
            return None
        candles = sorted(self._candles.values(), key=lambda candle: candle.opens_at)
        ends = edges.settled_until(self._resolution, candles, self._asked_at)
        if isinstance(self._piece, int):
            # While pages of "the latest" are read, a candle may end and move what is on which page.
            if not candles or (self._pages > 1 and len(candles) != self._piece):
                return None
            begins = candles[0].opens_at
        else:
            begins, ends = self._piece[0], min(self._piece[1], ends)
        return Known(begins, ends, sum(candle.opens_at >= ends for candle in candles))


def _query(resolution: Resolution, piece: Span | int) -> dict[str, str]:
    asked = {"resolution": resolution.name}
    if isinstance(piece, int):
        # In one page: IG counts back from the moment of each request, so that pages would not fit together.
        return {**asked, "max": str(piece), "pageSize": "0"}
    begins, ends = piece
    # IG takes both ends as inside; a span of one instant might be refused.
    until = max(ends - timedelta(seconds=1), begins + timedelta(seconds=1))
    return {**asked, "from": iso_seconds(begins), "to": iso_seconds(until), "pageSize": str(_PAGE_SIZE)}


def _server_time(headers: Mapping[str, str]) -> datetime | None:
    """Return what time it is where an answer comes from, if it says so."""
    try:
        told = parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, OverflowError):
        return None
    return told.astimezone(timezone.utc) if told.year >= _EPOCH_YEAR else None


def _refuse_beyond(allowance: PointsAllowance | None, points: int, now: datetime) -> None:
    if allowance is None or points <= allowance.remaining:
        return
    ends = allowance.resets_at
    raise RateLimited(
        f"this may cost {points:,} points of history, and there are {allowance}; nothing was sent",
        status=0,
        method=PRICES.method,
        path=PRICES.path,
        allowance="historical",
        retry_after=None if ends is None else (ends - now).total_seconds(),
        hint="ask for less or for longer candles; force=True asks IG all the same, which counts the candles it has",
    )


def _source(config: IGConfig) -> str:
    if config.environment == "simulator":
        return f"simulator {config.base_url or config.simulator.seed}"
    own = config.base_url == BASE_URLS[config.environment]
    return config.environment if own else f"{config.environment} {config.base_url}"


def _cache(config: IGConfig) -> PriceCache | None:
    where = config.history.cache
    if where == "none":
        return None
    if where != "auto":
        return PriceCache(Path(where).expanduser())
    # What a simulator or a server of one's own says is true while it runs, so it is kept no longer than the client.
    if config.base_url not in BASE_URLS.values():
        return PriceCache(None)
    return PriceCache(Path("~/.cache/ig_sdk/prices.sqlite").expanduser())
