"""``ig.history``: candles of the past, and what the account has done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import get_args

from ig_sdk.candles import Price
from ig_sdk.clock import Clock
from ig_sdk.rest.account_history import pages
from ig_sdk.rest.account_history.activity import Activities, Activity
from ig_sdk.rest.account_history.transactions import KINDS, Transaction, Transactions
from ig_sdk.rest.arguments import deal_id_of, one_of, without_none
from ig_sdk.rest.http.limits.points import PointsAllowance
from ig_sdk.rest.login.account_markets import account_epic
from ig_sdk.rest.login.auth import Auth
from ig_sdk.rest.prices.candle_times import Span, next_opening, parse_resolution
from ig_sdk.rest.prices.decode import of_side
from ig_sdk.rest.prices.plan import PricePlan, plan_of, told
from ig_sdk.rest.prices.reader import PriceReader, Progress
from ig_sdk.rest.prices.wanted import Wanted
from ig_sdk.rest.tables import Candles
from ig_sdk.rest.times import Moment, iso_seconds, parse_moment
from ig_sdk.spelling import spelled
from ig_sdk.types import Resolution

_PRICES = get_args(Price)


class HistoryResource:
    """The past; reached as ``ig.history``.

    Args:
        auth: Sends calls.
        prices: Gets candles from the cache and from IG.
        clock: Says which candles are closed.

    Threading:
        Safe from any thread.
    """

    def __init__(self, auth: Auth, prices: PriceReader, clock: Clock) -> None:
        self._auth = auth
        self._clock = clock
        self._reader = prices

    @property
    def allowance(self) -> PointsAllowance | None:
        """What is left of the week's price points, as IG last reported; ``None`` before that. Sends nothing."""
        return self._reader.allowance

    @spelled("history.prices", "write points=24 for the latest 24 candles, or start= and end=")
    def prices(
        self,
        epic: str,
        resolution: Resolution | str | timedelta,
        *,
        points: int | None = None,
        start: Moment | None = None,
        end: Moment | None = None,
        price: Price = "mid",
        progress: Callable[[Progress], object] | bool = False,
        force: bool = False,
        up_to_allowance: bool = False,
        timeout: float | None = None,
    ) -> Candles:
        """Return the latest candles of a market, or those of a span, oldest first.

        Pages are followed to the end. Closed candles are kept (see ``history.cache`` of the configuration), so that
        asking again costs and sends nothing; the candle that is still open is asked for each time.

        Open to close of the mid are the means of each pair of bid and offer; where one of a pair is missing, the other
        counts, and where both are, the last trade. Levels are in the notation in which IG's history has them, which
        need not be that of its quotes: nothing is scaled. ``bid`` and ``offer`` of a candle are ``None`` where IG does
        not send them whole.

        Args:
            epic: Market: an epic, or one of the five pairs by name.
            resolution: Candle length, one that IG has: ``Resolution.MINUTE_5``, ``"MINUTE_5"``, ``"5m"``.
            points: How many of the latest candles; not together with ``start`` and ``end``.
            start: First instant. Candles that open in ``[start, end)`` are returned.
            end: First instant that is not wanted any more; the present unless given.
            price: Side of open to close; a candle whose side IG did not send is left out.
            progress: Called after each page; ``True`` writes a line to the standard error stream.
            force: Ask IG although the points are not left, as far as is known, and also for what is older than what IG
                says that it keeps.
            up_to_allowance: When not all points are left, return what they pay for: of a span its oldest candles, else
                the latest. The same call next week pays the rest.
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Returns:
            A list with frames. Intervals in which the market was closed are absent. ``complete`` is false of a candle
            that was open when it was asked for.

        Raises:
            ValueError: What is asked for is not clear, or IG has no such candles.
            RateLimited: The points are not left (at most a question for one point was sent), or IG says so.
            NotFound: IG knows no such epic.
            IGError: The call failed; pages that came before are in the cache.

        Threading:
            Safe from any thread.

        Source:
            ``GET /prices/{epic}`` version 3 (REST.md sections 3 to 5); samples ``prices_v3``. A row's time is its
            ``snapshotTimeUTC``; without it, ``snapshotTime`` less the offset that the login reported. The query's
            times are assumed to be UTC.
        """
        deadline = self._auth.deadline(timeout)
        wanted = self._wanted(epic, resolution, points, start, end, price)
        candles = self._reader.fetch(
            wanted, deadline, tell=told(progress), force=force, up_to_allowance=up_to_allowance
        )
        return Candles(of_side(candles, price))

    @spelled("history.plan", "write points=24 for the latest 24 candles, or start= and end=")
    def plan(
        self,
        epic: str,
        resolution: Resolution | str | timedelta,
        *,
        points: int | None = None,
        start: Moment | None = None,
        end: Moment | None = None,
        price: Price = "mid",
    ) -> PricePlan:
        """Return what ``prices`` would cost, and what it would take from the cache. Sends nothing.

        The cost is a range: by the hours in which such a market is open, and by how long IG keeps candles of a length.
        ``plan.check()`` asks IG for the number, for one point.

        Args:
            epic: Market: an epic, or one of the five pairs by name.
            resolution: Candle length, one that IG has.
            points: How many of the latest candles; not together with ``start`` and ``end``.
            start: First instant.
            end: First instant that is not wanted any more; the present unless given.
            price: Side of open to close.

        Raises:
            ValueError: What is asked for is not clear, or IG has no such candles.
        """
        wanted = self._wanted(epic, resolution, points, start, end, price)
        todo, left = self._reader.todo(wanted)
        return plan_of(todo, left, price, self._reader, wanted, self._auth.deadline)

    def _wanted(
        self,
        epic: str,
        resolution: Resolution | str | timedelta,
        points: int | None,
        start: Moment | None,
        end: Moment | None,
        price: Price,
    ) -> Wanted:
        length = parse_resolution(resolution)
        if price not in _PRICES:
            raise ValueError(f"price must be 'mid', 'bid' or 'offer', not {price!r}")
        _check_form(points, start, end)
        market = account_epic(self._auth, epic, self._auth.deadline(None))
        return Wanted(self._reader.series(market, length), self._span(length, start, end), points)

    def activity(
        self,
        *,
        start: Moment | None = None,
        end: Moment | None = None,
        detailed: bool = True,
        deal_id: str | None = None,
        timeout: float | None = None,
    ) -> Activities:
        """Return what was done on the account, newest first.

        Args:
            start: First instant; a week before the end unless given.
            end: First instant that is not wanted any more; the present unless given.
            detailed: Tell levels, sizes and affected deals too.
            deal_id: Only what concerns this deal.
            timeout: Seconds for all pages together; ``None`` bounds each attempt by the configuration.

        Raises:
            ValueError: The times are not clear, or in the wrong order.
            IGError: A call failed.

        Source:
            As for ``iterate_activity``.
        """
        deadline = self._auth.deadline(timeout)
        query = self._activity_query(start, end, detailed=detailed, deal_id=deal_id)
        return Activities(pages.iterate_activities(self._auth, lambda: deadline, query))

    def iterate_activity(
        self,
        *,
        start: Moment | None = None,
        end: Moment | None = None,
        detailed: bool = True,
        deal_id: str | None = None,
        timeout: float | None = None,
    ) -> Iterator[Activity]:
        """Yield what was done on the account, newest first; a page is asked for when its first entry is.

        Args:
            start: First instant; a week before the end unless given.
            end: First instant that is not wanted any more; the present unless given.
            detailed: Tell levels, sizes and affected deals too.
            deal_id: Only what concerns this deal.
            timeout: Seconds for each page; ``None`` bounds each attempt by the configuration.

        Raises:
            ValueError: The times are not clear, or in the wrong order.
            IGError: A call failed.

        Source:
            ``GET /history/activity`` version 3 (REST.md sections 4 and 6.5); samples ``activity_v3``.
        """
        query = self._activity_query(start, end, detailed=detailed, deal_id=deal_id)
        return pages.iterate_activities(self._auth, lambda: self._auth.deadline(timeout), query)

    def transactions(
        self,
        *,
        start: Moment | None = None,
        end: Moment | None = None,
        kind: str = "ALL",
        timeout: float | None = None,
    ) -> Transactions:
        """Return what moved the account's money, in IG's order.

        Args:
            start: First instant; a week before the end unless given.
            end: First instant that is not wanted any more; the present unless given.
            kind: ``"ALL"``, ``"ALL_DEAL"``, ``"DEPOSIT"`` or ``"WITHDRAWAL"``, in any case.
            timeout: Seconds for all pages together; ``None`` bounds each attempt by the configuration.

        Raises:
            ValueError: The kind is none of these, or the times are not clear or in the wrong order.
            IGError: A call failed.

        Source:
            As for ``iterate_transactions``.
        """
        deadline = self._auth.deadline(timeout)
        query = self._transactions_query(start, end, kind)
        return Transactions(pages.iterate_transactions(self._auth, lambda: deadline, query))

    def iterate_transactions(
        self,
        *,
        start: Moment | None = None,
        end: Moment | None = None,
        kind: str = "ALL",
        timeout: float | None = None,
    ) -> Iterator[Transaction]:
        """Yield what moved the account's money, in IG's order; a page is asked for when its first entry is.

        Args:
            start: First instant; a week before the end unless given.
            end: First instant that is not wanted any more; the present unless given.
            kind: ``"ALL"``, ``"ALL_DEAL"``, ``"DEPOSIT"`` or ``"WITHDRAWAL"``, in any case.
            timeout: Seconds for each page; ``None`` bounds each attempt by the configuration.

        Raises:
            ValueError: The kind is none of these, or the times are not clear or in the wrong order.
            IGError: A call failed.

        Source:
            ``GET /history/transactions`` version 2 (REST.md sections 4 and 6.5); sample ``transactions_v2``.
        """
        query = self._transactions_query(start, end, kind)
        return pages.iterate_transactions(self._auth, lambda: self._auth.deadline(timeout), query)

    def _activity_query(
        self, start: Moment | None, end: Moment | None, *, detailed: bool, deal_id: str | None
    ) -> dict[str, str]:
        asked = {
            "detailed": "true" if detailed else "false",
            "pageSize": str(pages.PAGE_SIZE),
            "dealId": None if deal_id is None else deal_id_of(deal_id),
        }
        return self._times(start, end) | without_none(asked)

    def _transactions_query(self, start: Moment | None, end: Moment | None, kind: str) -> dict[str, str]:
        wanted = one_of(kind, KINDS, "kind")
        return self._times(start, end) | {"type": wanted, "pageSize": str(pages.PAGE_SIZE)}

    def _span(self, length: Resolution, start: Moment | None, end: Moment | None) -> Span:
        """Return the instants at which wanted candles may open: none does after now."""
        now = next_opening(length, self._clock.now() + timedelta.resolution)
        until = now if end is None else parse_moment(end, "end")
        if start is None:
            return now, now
        since = parse_moment(start, "start")
        if since >= until and end is not None:
            raise ValueError(f"start must be before end: {start} is not before {end}")
        ends = next_opening(length, min(until, now))
        return next_opening(length, min(since, ends)), ends

    def _times(self, start: Moment | None, end: Moment | None) -> dict[str, str]:
        until = self._clock.now() if end is None else parse_moment(end, "end")
        since = until - timedelta(days=7) if start is None else parse_moment(start, "start")
        if since >= until:
            raise ValueError(f"start must be before end: {_shown(since)} is not before {_shown(until)}")
        # IG takes the end as inside.
        last = until if end is None else until - timedelta(seconds=1)
        return {"from": iso_seconds(since), "to": iso_seconds(max(last, since))}


def _shown(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _check_form(points: int | None, start: Moment | None, end: Moment | None) -> None:
    if points is None:
        if start is None:
            raise ValueError("say how much: points=100 for the latest candles, or start= (and end=) for a span")
    elif start is not None or end is not None:
        raise ValueError("points= counts back from the present and takes no start= or end=")
    elif type(points) is not int or points < 1:
        raise ValueError(f"points must be a whole number from 1, not {points!r}")
