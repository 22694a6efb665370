"""Asks IG for prices: page after page, the cache first, the allowance kept in view."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from ig_sdk import logs
from ig_sdk.clock import Clock
from ig_sdk.config import BASE_URLS, IGConfig
from ig_sdk.errors import DecodeError, RateLimited
from ig_sdk.rest.http.dates import http_date
from ig_sdk.rest.http.deadline import Deadline
from ig_sdk.rest.http.endpoint import Endpoint
from ig_sdk.rest.http.limits.points import PointsAllowance
from ig_sdk.rest.login.auth import Auth
from ig_sdk.rest.prices import candle_times as edges
from ig_sdk.rest.prices.cache import PriceCache
from ig_sdk.rest.prices.candle_times import Span, next_opening
from ig_sdk.rest.prices.decode import PricePage, decode_prices
from ig_sdk.rest.prices.estimate import Cost, cost_of, kept_from
from ig_sdk.rest.prices.received import PAGE_SIZE, Received, query_of
from ig_sdk.rest.prices.series import Known, Series
from ig_sdk.rest.prices.wanted import Part, Todo, Wanted
from ig_sdk.types import Candle, Resolution

PRICES = Endpoint("GET", "/prices/{epic}", version=3, allowance="historical", raw=True)
# A fetch of so few candles needs nobody to ask first what is left.
_CHEAP = 100
# How many parts of one fetch are asked for their number of candles, at a point and a request each.
_MOST_QUESTIONS = 5
_log = logs.get_logger("rest")


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


@dataclass(frozen=True, eq=False)
class _Order:
    """What stays the same in one fetch; see ``PriceReader.fetch``."""

    wanted: Wanted
    deadline: Deadline
    cache: PriceCache | None
    tell: Tell | None
    force: bool
    within: bool


class PriceReader:
    """Gets candles from the cache and from IG.

    Args:
        auth: Sends calls.
        config: The environment, where the cache is, the user's own limit.
        clock: Says which candles are closed.

    Threading:
        Safe from any thread. The lock guards what fetches have been promised, and is held over nothing.
    """

    def __init__(self, auth: Auth, config: IGConfig, clock: Clock) -> None:
        self._auth = auth
        self._config = config
        self._clock = clock
        self._source, self._cache = _source(config), _cache(config)
        self._lock = threading.Lock()
        self._promised: dict[_Order, int] = {}  # points that fetches under way have yet to spend

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
        return self._allowance(self._cache_within(None))

    def _cache_within(self, deadline: Deadline | None) -> PriceCache | None:
        """Return the cache for one call, which may cost it no more than a part of its time."""
        if self._cache is None:
            return None
        return self._cache.within(math.inf if deadline is None else max(deadline.left_s, 0.0) / 4)

    def _allowance(self, cache: PriceCache | None) -> PointsAllowance | None:
        account, throttle = self._auth.account_id or self._config.account_id, self._auth.requestor.throttle
        left = throttle.points(account or "")
        if (left is None or not left.told) and account is not None and cache is not None:
            kept = cache.allowance(self._source, account)
            if kept is not None:
                throttle.recall_points(account, kept)
                return throttle.points(account)
        return left

    def todo(self, wanted: Wanted) -> tuple[Todo, PointsAllowance | None]:
        """Return what has to be asked of IG, and what is left to pay for it. Sends nothing."""
        cache = self._cache_within(None)
        return self._todo(wanted, cache), self._allowance(cache)

    def _todo(self, wanted: Wanted, cache: PriceCache | None, *, whole: bool = False) -> Todo:
        """Return what has to be asked of IG.

        Args:
            wanted: What is asked for.
            cache: What is kept; ``None`` takes nothing from there.
            whole: Ask also for what is older than IG keeps such candles.
        """
        if wanted.points is not None:
            return self._latest(wanted, wanted.points, cache)
        known, cached = ([], []) if cache is None else cache.recall(wanted.series, wanted.span)
        length, told, missing = wanted.series.resolution, self._auth.requestor.server_now, [each.span for each in known]
        now = told or self._clock.now()
        spans = edges.without(wanted.span, missing)
        kept, perhaps = (next_opening(length, kept_from(length, now, surely=surely)) for surely in (False, True))
        late = kept if spans and spans[0][0] < kept else None
        asked = [(max(begins, perhaps), ends) for begins, ends in spans if ends > perhaps]
        # Nobody but the server knows what time it is there: only by its own clock is anything not asked for, and that
        # all of a span is too old is believed only then.
        if whole or told is None:
            parts = [self._part(wanted, span, now if asked else None) for span in spans]
        else:
            parts = [self._part(wanted, span, now) for span in asked]
        return Todo(cached, parts, late)

    def _part(self, wanted: Wanted, span: Span, now: datetime | None) -> Part:
        return Part(span, cost_of(wanted.series.epic, wanted.series.resolution, span, now))

    def _latest(self, wanted: Wanted, points: int, cache: PriceCache | None) -> Todo:
        """Take from the cache what goes on without a gap to the present, if that and what came since is enough."""
        now, series = wanted.span[1], wanted.series
        everything = self._part(wanted, (kept_from(series.resolution, now, surely=True), now), now)
        whole = Todo((), [Part(points, everything.cost.up_to(points))])
        last, cached = (None, []) if cache is None else cache.recall_latest(series, points)
        if last is None or len(cached) + last.begun < points:
            return whole
        missing = self._part(wanted, (last.ends, now), now)
        return whole if missing.cost.most >= points else Todo(cached, [missing] if last.ends < now else [])

    @logs.correlation()
    def check(self, wanted: Wanted, deadline: Deadline) -> tuple[Todo, PointsAllowance | None]:
        """Return the same with what it costs exactly, as far as one point for each part tells.

        Raises:
            IGError: A call failed.
        """
        order = self._order(wanted, deadline)
        todo = self._todo(wanted, order.cache)
        for part in sorted(todo.parts, key=_doubt, reverse=True)[:_MOST_QUESTIONS]:
            todo = todo.with_cost(part, self._count(part, order))
        return todo, self._allowance(order.cache)

    @logs.correlation()  # one id for all pages, and for what is said of them
    def fetch(
        self, wanted: Wanted, deadline: Deadline, *, tell: Tell | None, force: bool, up_to_allowance: bool = False
    ) -> list[Candle]:
        """Return what is asked for, oldest first, with open to close of the mid.

        Every page is kept in the cache as soon as it is here: what was paid is not paid again after a failure.

        Args:
            wanted: What is asked for.
            deadline: By when the call must end.
            tell: Called after each page.
            force: Send requests whose points are not left as far as is known.
            up_to_allowance: Return as much as the points that are left allow.

        Raises:
            RateLimited: The points are not left.
            IGError: The call failed.
        """
        order = self._order(wanted, deadline, tell, force=force, within=up_to_allowance)
        try:
            candles = self._gather(order, fresh=False)
            if candles is None:  # what the cache had does not go with what IG sends
                candles = self._gather(order, fresh=True)
        finally:
            with self._lock:
                self._promised.pop(order, None)
        return candles or []

    def _order(
        self, wanted: Wanted, deadline: Deadline, tell: Tell | None = None, *, force: bool = False, within: bool = False
    ) -> _Order:
        return _Order(wanted, deadline, self._cache_within(deadline), tell, force=force, within=within)

    def _gather(self, order: _Order, *, fresh: bool) -> list[Candle] | None:
        wanted, series = order.wanted, order.wanted.series
        cache = None if fresh else order.cache
        todo, within = self._todo(wanted, cache, whole=order.force), False
        if todo.parts and not order.force:
            self._auth.login(order.deadline)  # whose points they are, and what time it is there
            todo = self._todo(wanted, cache)
            todo = self._with_certainty(todo, order)
            within = self._is_beyond(todo, order)
        found = {candle.opens_at: candle for candle in todo.cached}
        received, pages, most = 0, 0, todo.cost.most
        for part in todo.parts:
            for page, rescaled in self._piece(part.piece, order, within=within):
                if rescaled and todo.cached:
                    return None
                self._promise(order, -len(page))
                found.update((candle.opens_at, candle) for candle in page)
                received, pages = received + len(page), pages + 1
                if order.tell is not None:
                    order.tell(Progress(series.epic, series.resolution, received, most, pages, max(todo.pages, pages)))
        candles = [found[opens_at] for opens_at in sorted(found)]
        if within:
            _log.warning("%s %s: %d candles, for the points that were left; the next call goes on from there",
                         series.epic, series.resolution, received)  # fmt: skip
        if wanted.points is None:
            return candles
        # Fewer than were promised: what had begun is not there any more.
        latest = any(isinstance(part.piece, int) for part in todo.parts)
        return None if len(candles) < wanted.points and not latest and not within else candles[-wanted.points :]

    def _with_certainty(self, todo: Todo, order: _Order) -> Todo:
        """Return what is to be asked with its cost, asking IG where it is not sure that the points are left or not."""
        for part in sorted(todo.parts, key=_doubt, reverse=True)[:_MOST_QUESTIONS]:
            if todo.cost.fits(left := self._allowance(order.cache)) is not None or _is_cheap(todo.cost, left):
                break
            todo = todo.with_cost(part, self._count(part, order))
        return todo

    def _is_beyond(self, todo: Todo, order: _Order) -> bool:
        """Return whether only a part can be paid, and is wanted; refuse what cannot be paid."""
        left = self._allowance(order.cache)
        with self._lock:
            left = self._without_promised(left, order)
            if todo.cost.fits(left) or _is_cheap(todo.cost, left):
                self._promised[order] = todo.cost.most
                return False
        if order.within and left is not None and left.told and left.remaining:
            return True
        raise _beyond(left, todo.cost, self._clock.now())

    def _without_promised(self, left: PointsAllowance | None, order: _Order) -> PointsAllowance | None:
        """Return what is left without what other fetches have been promised; the lock is held."""
        others = sum(points for each, points in self._promised.items() if each is not order)
        return left if left is None else replace(left, remaining=max(left.remaining - others, 0))

    def _promise(self, order: _Order, points: int) -> None:
        with self._lock:
            if order in self._promised:
                self._promised[order] = max(self._promised[order] + points, 0)

    def _count(self, part: Part, order: _Order) -> Cost:
        """Return how many candles IG has of a part, and note how many points are left, for one point."""
        length = order.wanted.series.resolution
        if isinstance(part.piece, int):
            next(self._pages(query_of(length, 1), order))
            return part.cost
        page = next(self._pages(query_of(length, part.piece, 1), order))
        if page.size != 1 and page.candles:
            return part.cost  # it does not page as it is asked to
        count = page.pages if page.candles or page.unread else 0
        return Cost(count, count)

    def _piece(self, piece: Span | int, order: _Order, *, within: bool) -> Iterator[tuple[list[Candle], bool]]:
        """Yield the candles of each page, and whether they threw away what the cache had."""
        if within and isinstance(piece, int):
            piece = min(piece, self._left(order))
        if within and not isinstance(piece, int):
            yield from self._as_far_as_paid(piece, order)
        elif piece:
            yield from self._whole(piece, order)

    def _whole(self, piece: Span | int, order: _Order) -> Iterator[tuple[list[Candle], bool]]:
        length = order.wanted.series.resolution
        received = Received(length, piece, self._clock.now())
        for page in self._pages(query_of(length, piece), order):
            candles = received.take(page)
            known = None if page.unread else received.known_by(candles)
            yield candles, _keep(order, received.settled(candles), known)
        _finish(order, received)

    def _as_far_as_paid(self, span: Span, order: _Order) -> Iterator[tuple[list[Candle], bool]]:
        """Yield pages from the oldest candle on, none larger than what is left to spend."""
        begins, ends, length = *span, order.wanted.series.resolution
        while begins < ends and (size := min(PAGE_SIZE, self._left(order))) > 0:
            received = Received(length, (begins, ends), self._clock.now())
            page = next(self._pages(query_of(length, (begins, ends), size), order))
            candles = received.take(page)
            known = None if page.unread else received.known_by(candles)
            if known is not None and begins > span[0]:
                # What is behind the first page begins with this one: IG pages from the oldest candle on.
                known = Known(span[0], known.ends)
            yield candles, _keep(order, received.settled(candles), known)
            if page.pages <= 1:
                _finish(order, received)
            if page.pages <= 1 or not candles:
                return
            begins = next_opening(length, candles[-1].opens_at + timedelta(seconds=1))

    def _left(self, order: _Order) -> int:
        left = self._allowance(order.cache)
        with self._lock:
            left = self._without_promised(left, order)
        return left.remaining if left is not None and left.told else 0

    def _pages(self, query: Mapping[str, str], order: _Order) -> Iterator[PricePage]:
        series, deadline = order.wanted.series, order.deadline

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
            as_of = min(now, http_date(reply.headers.get("date", "")) or now)
            page = decode_prices(
                reply.body, series.epic, series.resolution, now=now, local_offset=local_offset, as_of=as_of
            )
            pages = page.pages
            if page.number not in (0, number) or (number < pages and not page.candles and not page.unread):
                what = "is empty" if page.number in (0, number) else f"came as number {page.number}"
                raise DecodeError(f"page {number} of {pages} {what}", path="metadata.pageData")
            self._note(page.allowance, order)
            yield page

    def _note(self, told: PointsAllowance | None, order: _Order) -> None:
        account = self._auth.account_id
        if told is None or account is None:
            return
        self._auth.requestor.throttle.note_points(account, told)
        if order.cache is not None:
            order.cache.keep_allowance(self._source, account, told)


def _finish(order: _Order, received: Received) -> None:
    epic = order.wanted.series.epic
    if received.unread:
        _log.warning("%d rows of prices of %s hold no time or no price", received.unread, epic)
    if received.strayed:
        _log.warning("IG sent prices of %s from outside of the span that was asked for", epic)
    _keep(order, (), received.known())


def _keep(order: _Order, candles: Sequence[Candle], known: Known | None) -> bool:
    if order.cache is None or not (candles or known):
        return False
    return order.cache.store(order.wanted.series, candles, known)


def _doubt(part: Part) -> int:
    return part.cost.most - part.cost.least


def _is_cheap(cost: Cost, left: PointsAllowance | None) -> bool:
    """Whether a request is small enough to ask by itself what is left: IG takes it whole or refuses it."""
    return cost.most <= _CHEAP and (left is None or (not left.told and cost.most <= left.remaining))


def _beyond(left: PointsAllowance | None, cost: Cost, now: datetime) -> RateLimited:
    ends = None if left is None else left.resets_at
    known = "IG does not say how many are left" if left is None or not left.told else f"there are {left}"
    hint = "ask for less or longer candles; up_to_allowance=True takes what is left, force=True asks IG all the same"
    return RateLimited(
        f"this may cost {cost} points of history, and {known}; it was not sent",
        status=0,
        method=PRICES.method,
        path=PRICES.path,
        allowance="historical",
        retry_after=None if ends is None else (ends - now).total_seconds(),
        hint=hint,
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
        return _in_home(where)
    # What a simulator or a server of one's own says is true while it runs, so it is kept no longer than the client.
    if config.base_url not in BASE_URLS.values():
        return PriceCache(None)
    return _in_home("~/.cache/ig_sdk/prices.sqlite")


def _in_home(where: str) -> PriceCache | None:
    try:
        return PriceCache(Path(where).expanduser())
    except RuntimeError as error:  # a user without a home, as in some containers
        _log.warning("prices are not kept: %s", error)
        return None
