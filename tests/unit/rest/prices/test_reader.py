"""``ig.history.prices``: whole, ordered, paid for once, and its price known before."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ig_sdk.client import IGClient
from ig_sdk.clock import ManualClock
from ig_sdk.config import IGConfig
from ig_sdk.errors import ConnectionLost, DecodeError, RateLimited
from ig_sdk.rest.http.transport import Request, Response, Timeout
from ig_sdk.rest.tables import Candles
from ig_sdk.types import Candle, Resolution

UTC = timezone.utc
# A Monday.
NOW = datetime(2025, 1, 6, 12, 0, 30, tzinfo=UTC)
EPIC = "CS.D.EURUSD.MINI.IP"
MINUTE = timedelta(minutes=1)
SPENT = b'{"errorCode": "error.public-api.exceeded-account-historical-data-allowance"}'


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2025-01-{text}+00:00")


class PriceServer:
    """IG's /prices on a transport: candles open every ``step``, none from Friday 22:00 to Sunday 22:00 UTC."""

    def __init__(self, clock: ManualClock, *, step: timedelta = MINUTE, page_size: int | None = None) -> None:
        self.clock = clock
        self.step = step
        self.page_size = page_size
        self.remaining = 10_000
        self.queries: list[dict[str, str]] = []
        self.logins = 0
        self.scale = 1.0
        self.answer: Callable[[dict[str, str]], Response | Exception | None] = lambda query: None
        self.rows: Callable[[list[dict[str, Any]]], list[dict[str, Any]]] = lambda rows: rows

    def send(self, request: Request, *, timeout: Timeout) -> Response:
        parts = urlsplit(request.url)
        if parts.path.endswith("/session"):
            self.logins += request.method == "POST"
            return self.log_in()
        if "/prices/" not in parts.path:
            return Response(404, {}, b'{"errorCode": "invalid.url"}')
        assert request.headers["VERSION"] == "3"
        assert unquote(parts.path).endswith(f"/prices/{EPIC}")
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.queries.append(query)
        odd = self.answer(query)
        if isinstance(odd, Exception):
            raise odd
        return odd or Response(200, {}, json.dumps(self.reply(query)).encode())

    @staticmethod
    def log_in() -> Response:
        body = {"currentAccountId": "ABC12", "timezoneOffset": 1, "accounts": [{"accountId": "ABC12"}]}
        return Response(200, {"cst": "c" * 20, "x-security-token": "x" * 20}, json.dumps(body).encode())

    def reply(self, query: dict[str, str]) -> dict[str, Any]:
        candles = self.asked(query)
        size = int(query["pageSize"]) or len(candles) or 1
        size = min(size, self.page_size or size)
        number = int(query["pageNumber"])
        shown = candles[(number - 1) * size : number * size]
        self.remaining -= len(shown)
        allowance = {"remainingAllowance": self.remaining, "totalAllowance": 10_000, "allowanceExpiry": 600_000}
        page = {"pageSize": size, "pageNumber": number, "totalPages": -(-len(candles) // size)}
        rows = self.rows([self.row(opens_at) for opens_at in shown])
        return {"prices": rows, "metadata": {"allowance": allowance, "size": len(shown), "pageData": page}}

    def asked(self, query: dict[str, str]) -> list[datetime]:
        now = self.clock.now()
        if "max" in query:
            found: list[datetime] = []
            opens_at = self.floor(now)
            while len(found) < int(query["max"]):
                if self.is_open(opens_at):
                    found.append(opens_at)
                opens_at -= self.step
            return found[::-1]
        first, last = (datetime.fromisoformat(query[name] + "+00:00") for name in ("from", "to"))
        opens_at = self.floor(first - timedelta(seconds=1)) + self.step
        found = []
        while opens_at <= min(last, now):
            if self.is_open(opens_at):
                found.append(opens_at)
            opens_at += self.step
        return found

    def floor(self, moment: datetime) -> datetime:
        return moment - (moment - datetime(1970, 1, 1, tzinfo=UTC)) % self.step

    @staticmethod
    def is_open(moment: datetime) -> bool:
        hours = moment.weekday() * 24 + moment.hour
        return not 4 * 24 + 22 <= hours < 6 * 24 + 22

    def row(self, opens_at: datetime) -> dict[str, Any]:
        now = self.clock.now()
        # The close of the open candle goes on changing.
        bid = (1 + opens_at.timestamp() % 86_400 / 1e6) * self.scale
        close = bid + (now - opens_at).total_seconds() / 1e6 if opens_at + self.step > now else bid + 1e-4
        levels = {"openPrice": bid, "highPrice": bid + 1, "lowPrice": bid - 1, "closePrice": close}
        return {
            "snapshotTime": (opens_at + timedelta(hours=1)).strftime("%Y/%m/%d %H:%M:%S"),
            "snapshotTimeUTC": opens_at.strftime("%Y-%m-%dT%H:%M:%S"),
            "lastTradedVolume": 7,
        } | {name: {"bid": level, "ask": level + 0.1, "lastTraded": None} for name, level in levels.items()}

    def abort(self) -> None:
        pass

    def close(self) -> None:
        pass


def client_of(server: PriceServer, **keys: Any) -> IGClient:
    given: dict[str, Any] = {"api_key": "canarykey", "identifier": "canaryuser", "password": "canarypass"}
    given["history"] = {"cache": "none"}
    given["reconnect"] = {"max_retries": 0}
    given["limits"] = {"non_trading_per_minute": 1000, "trading_per_minute": 1000}
    return IGClient(IGConfig(**(given | keys)), clock=server.clock, transport=server)


@pytest.fixture
def clock() -> ManualClock:
    """The time."""
    return ManualClock(NOW)


@pytest.fixture
def server(clock: ManualClock) -> PriceServer:
    """IG."""
    return PriceServer(clock)


@pytest.fixture
def cached(tmp_path: Path) -> dict[str, Any]:
    """The setting of a cache on disk."""
    return {"history": {"cache": str(tmp_path / "prices.sqlite")}}


@pytest.fixture
def ig(server: PriceServer, cached: dict[str, Any]) -> Iterator[IGClient]:
    """A client with a cache."""
    with client_of(server, **cached) as client:
        yield client


def opens(candles: list[Candle]) -> list[datetime]:
    return [candle.opens_at for candle in candles]


def test_the_latest(ig: IGClient, server: PriceServer) -> None:
    """A number of points gives so many candles up to the present, the last of them still open."""
    candles = ig.history.prices("EURUSD", "MINUTE", points=5)
    assert isinstance(candles, Candles)
    assert opens(candles) == [at("06T11:56") + number * MINUTE for number in range(5)]
    assert [candle.complete for candle in candles] == [True] * 4 + [False]
    assert {(candle.epic, candle.resolution) for candle in candles} == {(EPIC, Resolution.MINUTE)}
    assert server.queries == [{"resolution": "MINUTE", "max": "5", "pageSize": "0", "pageNumber": "1"}]


def test_ranges_are_half_open(ig: IGClient, server: PriceServer) -> None:
    """A candle that opens at the start is in, one that opens at the end is not."""
    candles = ig.history.prices(EPIC, "MINUTE", start=at("06T10:00"), end=at("06T10:03"))
    assert opens(candles) == [at("06T10:00"), at("06T10:01"), at("06T10:02")]
    assert all(candle.complete for candle in candles)
    (query,) = server.queries
    assert (query["from"], query["to"]) == ("2025-01-06T10:00:00", "2025-01-06T10:02:59")


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2025-01-06T10:00", "2025-01-06T10:03Z"),
        ("2025-01-06 11:00:00+01:00", at("06T10:02:01")),
        (at("06T10:00").astimezone(timezone(timedelta(hours=-5))), "2025-01-06T10:02:59.9"),
        ("2025-01-06T09:59:00.000001", at("06T10:03")),
    ],
)
def test_ways_to_say_when(ig: IGClient, start: Any, end: Any) -> None:
    """Aware datetimes of any zone and ISO texts mean the same; without a zone a text is UTC."""
    assert opens(ig.history.prices(EPIC, "1m", start=start, end=end)) == [at("06T10:00") + n * MINUTE for n in range(3)]


def test_dates_are_utc_midnight(ig: IGClient) -> None:
    """A date means its first instant in UTC; without an end, the present is it."""
    candles = ig.history.prices(EPIC, "HOUR", start=date(2025, 1, 6))
    assert (opens(candles)[0], opens(candles)[-1]) == (at("06T00:00"), at("06T12:00"))
    assert not candles[-1].complete


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"end": at("06T10:00")},
        {"points": 5, "start": at("06T10:00")},
        {"points": 5, "end": at("06T10:00")},
        {"points": 0},
        {"points": True},
        {"points": 2.5},
        {"start": datetime(2025, 1, 6)},  # noqa: DTZ001 -- that is the point
        {"start": "monday"},
        {"start": "9999-12-31T23:59-14:00"},
        {"start": 1736121600},
        {"start": at("06T10:00"), "end": at("06T10:00")},
        {"points": 5, "price": "ask"},
        {"points": 5, "resolution": "7m"},
    ],
)
def test_unclear_wishes_are_refused(ig: IGClient, server: PriceServer, asked: dict[str, Any]) -> None:
    """What is not clear is a ValueError before anything is sent."""
    with pytest.raises(ValueError):
        ig.history.prices(EPIC, asked.pop("resolution", "MINUTE"), **asked)
    assert (server.queries, server.logins) == ([], 0)


def test_the_future_is_empty_and_free(ig: IGClient, server: PriceServer) -> None:
    """A span that lies ahead has no candles, and nothing is sent."""
    assert ig.history.prices(EPIC, "MINUTE", start=at("06T13:00")) == []
    assert ig.history.prices(EPIC, "DAY", start="9999-12-31", end="9999-12-31T23:59:59.9") == []
    assert server.queries == []


@pytest.mark.parametrize("asked", [{"points": 100}, {"start": at("06T10:20"), "end": at("06T12:00")}])
def test_pages_are_followed(server: PriceServer, clock: ManualClock, asked: dict[str, Any]) -> None:
    """However small IG's pages are, all of them come, in order, with no pause."""
    server.page_size = 7
    with client_of(server) as ig:
        candles = ig.history.prices(EPIC, "MINUTE", **asked)
    assert len(candles) == len(set(opens(candles))) == 100
    assert opens(candles) == sorted(opens(candles))
    assert [query["pageNumber"] for query in server.queries] == [str(number) for number in range(1, 16)]
    assert clock.now() == NOW


def test_long_ranges_ask_for_a_thousand_at_a_time(server: PriceServer) -> None:
    """A range of days is read in pages of a thousand, once it is known what is left; the weekend is simply absent."""
    with client_of(server) as ig:
        plan = ig.history.plan(EPIC, "MINUTE", start=at("02T00:00"), end=at("06T00:00"))
        candles = plan.fetch()
    assert (plan.points, plan.pages) == (3000, 3)  # from Friday 22:00 to Sunday 20:00 it is surely closed
    assert len(candles) == 46 * 60 + 2 * 60
    assert [query["pageSize"] for query in server.queries] == ["1", "1000", "1000", "1000"]


@pytest.mark.parametrize("shape", ["repeated", "empty"])
def test_pages_that_do_not_add_up(server: PriceServer, shape: str) -> None:
    """A page that is not the one asked for, or an empty one before the last, is an error, not a short answer."""
    server.page_size = 7

    def answer(query: dict[str, str]) -> Response | None:
        if query["pageNumber"] == "1":
            return None
        reply = server.reply(query | {"pageNumber": "1" if shape == "repeated" else "2"})
        return Response(200, {}, json.dumps(reply | ({"prices": []} if shape == "empty" else {})).encode())

    server.answer = answer
    with client_of(server) as ig, pytest.raises(DecodeError, match="page 2 of 15"):
        ig.history.prices(EPIC, "MINUTE", points=100)


def test_a_clock_that_is_ahead_poisons_no_cache(tmp_path: Path) -> None:
    """What had not happened by IG's clock is neither complete nor known, and is asked for when it has."""
    server = PriceServer(ManualClock(NOW + timedelta(hours=3)))

    def answer(query: dict[str, str]) -> Response:
        date = format_datetime(server.clock.now())
        return Response(200, {"date": date}, json.dumps(server.reply(query)).encode())

    server.answer = answer
    with client_of(server, history={"cache": str(tmp_path / "prices.sqlite")}) as ig:
        server.clock = ManualClock(NOW)
        candles = ig.history.prices(EPIC, "MINUTE", start=at("06T11:30"))
        assert (candles[-1].opens_at, candles[-1].complete) == (at("06T12:00"), False)
        server.clock.advance(3 * 3600)
        assert len(ig.history.prices(EPIC, "MINUTE", start=at("06T11:30"))) == 211


def test_pages_without_end_are_given_up(server: PriceServer) -> None:
    """A server that always has one more page, with the same rows in it, does not drain the allowance."""
    server.page_size = 7

    def answer(query: dict[str, str]) -> Response | None:
        reply = server.reply(query | {"pageNumber": "1"})
        number = int(query["pageNumber"])
        reply["metadata"]["pageData"] |= {"pageNumber": number, "totalPages": number + 1}
        return Response(200, {}, json.dumps(reply).encode())

    server.answer = answer
    with client_of(server) as ig, pytest.raises(DecodeError, match="page 2 of 3 brings nothing new"):
        ig.history.prices(EPIC, "MINUTE", points=100)
    assert len(server.queries) == 2


def test_rows_that_come_twice_or_backwards(server: PriceServer) -> None:
    """Order and uniqueness do not depend on IG's."""
    server.rows = lambda rows: [*rows[::-1], *rows[:2]]
    with client_of(server) as ig:
        assert opens(ig.history.prices(EPIC, "MINUTE", points=4)) == [at("06T11:57") + n * MINUTE for n in range(4)]


def test_sides(ig: IGClient) -> None:
    """Open to close are those of the side asked for, from the cache too."""
    span = {"start": at("06T10:00"), "end": at("06T10:05")}
    by_side = {side: ig.history.prices(EPIC, "MINUTE", price=side, **span) for side in ("mid", "bid", "offer")}
    for mid, bid, offer in zip(*by_side.values(), strict=True):
        assert mid.bid is not None
        assert (bid.open, bid.close) == (mid.bid.open, mid.bid.close)
        assert offer.open == pytest.approx(bid.open + 0.1)
        assert mid.open == (bid.open + offer.open) / 2


def test_without_utc_the_offset_of_the_login_counts(server: PriceServer) -> None:
    """Rows with a local time only are moved by the login's offset."""
    server.rows = lambda rows: [row | {"snapshotTimeUTC": None} for row in rows]
    with client_of(server) as ig:
        assert opens(ig.history.prices(EPIC, "MINUTE", points=2)) == [at("06T11:59"), at("06T12:00")]


def test_second_run_is_free(server: PriceServer, cached: dict[str, Any]) -> None:
    """A span that was read costs nothing again: no point, no request, no login, for another client too."""
    span = {"start": at("03T00:00"), "end": at("06T12:00")}
    with client_of(server, **cached) as ig:
        first = ig.history.prices(EPIC, "MINUTE", **span)
    asked, logins = len(server.queries), server.logins
    with client_of(server, **cached) as ig:
        plan = ig.history.plan(EPIC, "MINUTE", **span)
        assert (plan.points, plan.pages, plan.from_cache) == (0, 0, len(first))
        assert plan.fetch() == first
        assert ig.history.prices(EPIC, "MINUTE", start=at("03T10:00"), end=at("06T01:00")) == [
            candle for candle in first if at("03T10:00") <= candle.opens_at < at("06T01:00")
        ]
    assert (len(server.queries), server.logins) == (asked, logins)


@pytest.mark.parametrize(
    ("resolution", "step"),
    [("SECOND", timedelta(seconds=1)), ("HOUR_4", timedelta(hours=4)), ("DAY", timedelta(days=1))],
)
def test_second_run_is_free_at_other_lengths(
    server: PriceServer, cached: dict[str, Any], resolution: str, step: timedelta
) -> None:
    """That holds for the shortest and for the longer candles, up to the edge of the last closed one."""
    server.step = step
    end = server.floor(NOW - timedelta(seconds=2))
    with client_of(server, **cached) as ig:
        first = ig.history.prices(EPIC, resolution, start=end - 5 * step, end=end)
        assert ig.history.plan(EPIC, resolution, start=end - 5 * step, end=end).points == 0
        assert ig.history.prices(EPIC, resolution, start=end - 5 * step, end=end) == first
    assert len(server.queries) == 1


def test_only_what_is_missing_is_asked_for(ig: IGClient, server: PriceServer) -> None:
    """A longer span asks for the parts that are not known."""
    ig.history.prices(EPIC, "MINUTE", start=at("06T10:00"), end=at("06T10:30"))
    plan = ig.history.plan(EPIC, "MINUTE", start=at("06T09:50"), end=at("06T10:40"))
    assert (plan.points, plan.from_cache, plan.pages) == (20, 30, 2)
    spent = server.remaining
    assert opens(plan.fetch()) == [at("06T09:50") + n * MINUTE for n in range(50)]
    assert spent - server.remaining == 20
    assert [(query["from"][-8:], query["to"][-8:]) for query in server.queries[1:]] == [
        ("09:50:00", "09:59:59"),
        ("10:30:00", "10:39:59"),
    ]


def test_open_candle_is_not_kept(ig: IGClient, server: PriceServer, clock: ManualClock) -> None:
    """The open candle is asked for each time, and once more when it has closed."""
    first = ig.history.prices(EPIC, "MINUTE", points=3)
    clock.advance(10)
    plan = ig.history.plan(EPIC, "MINUTE", points=3)
    second = plan.fetch()
    assert (plan.points, len(server.queries)) == (1, 2)
    assert second[:2] == first[:2]
    assert second[2].close != first[2].close
    clock.advance(60)
    third = ig.history.prices(EPIC, "MINUTE", points=3)
    assert opens(third) == [at("06T11:59"), at("06T12:00"), at("06T12:01")]
    assert [candle.complete for candle in third] == [True, True, False]
    assert third[1].close == pytest.approx(third[1].open + 1e-4)


def test_candle_that_closed_just_now_is_not_kept(
    server: PriceServer, cached: dict[str, Any], clock: ManualClock
) -> None:
    """A second after its end, IG's clock may think otherwise: it is complete, but asked for again."""
    clock.advance(30.5)  # 12:01:01
    with client_of(server, **cached) as ig:
        assert ig.history.prices(EPIC, "MINUTE", points=2)[0].complete
        assert ig.history.plan(EPIC, "MINUTE", start=at("06T12:00"), end=at("06T12:01")).points == 1


def test_the_latest_on_a_closed_market_are_free(
    server: PriceServer, cached: dict[str, Any], clock: ManualClock
) -> None:
    """At the weekend nothing is open: a moment later only the moment in between is asked for, and costs nothing."""
    server.clock = ManualClock(at("04T12:00:30"))
    with client_of(server, **cached) as ig:
        first = ig.history.prices(EPIC, "MINUTE", points=500)
        assert first[-1].complete
        plan = ig.history.plan(EPIC, "MINUTE", points=500)
        assert (plan.points, plan.pages, plan.from_cache) == (0, 1, 500)
        assert plan.fetch() == first


def test_more_of_the_latest_than_the_cache_has(ig: IGClient, server: PriceServer) -> None:
    """Where the cache cannot be enough, the plan says so and costs what was asked for, never more."""
    ig.history.prices(EPIC, "MINUTE", points=10)
    plan = ig.history.plan(EPIC, "MINUTE", points=20)
    assert (plan.points, plan.from_cache) == (20, 0)
    assert len(plan.fetch()) == 20


def test_the_latest_after_a_long_time(ig: IGClient, server: PriceServer, clock: ManualClock) -> None:
    """When more came since than is asked for, the cache is of no use, and nothing between is asked for."""
    ig.history.prices(EPIC, "MINUTE", points=10)
    clock.advance(3600)
    plan = ig.history.plan(EPIC, "MINUTE", points=10)
    assert (plan.points, len(plan.fetch())) == (10, 10)
    assert server.queries[-1]["max"] == "10"


def test_cost_is_known_before_and_refused_when_not_there(ig: IGClient, server: PriceServer) -> None:
    """A plan sends nothing; what cannot be paid is refused without a request, unless it is forced."""
    server.remaining = 61
    ig.history.prices(EPIC, "MINUTE", points=1)
    plan = ig.history.plan(EPIC, "MINUTE", start=at("06T10:00"), end=at("06T11:30"))
    assert plan.allowance is not None
    assert (plan.points, plan.allowance.remaining, plan.affordable) == (90, 60, False)
    with pytest.raises(RateLimited, match=r"90 points.* 60 of 10,000") as caught:
        plan.fetch()
    assert (caught.value.allowance, caught.value.status, len(server.queries)) == ("historical", 0, 1)
    assert caught.value.retry_after == pytest.approx(600_000)
    with pytest.raises(RateLimited):
        ig.history.prices(EPIC, "MINUTE", start=at("06T10:00"), end=at("06T11:30"))
    assert len(plan.fetch(force=True)) == 90


def test_what_is_known_is_given_without_points(ig: IGClient, server: PriceServer) -> None:
    """With no point left the cache still answers."""
    server.remaining = 30
    span = {"start": at("06T10:00"), "end": at("06T10:30")}
    candles = ig.history.prices(EPIC, "MINUTE", **span)
    assert ig.history.allowance is not None
    assert ig.history.allowance.remaining == 0
    assert ig.history.prices(EPIC, "MINUTE", **span) == candles


def test_allowance_is_kept_in_view(server: PriceServer, cached: dict[str, Any], clock: ManualClock) -> None:
    """It is told by each reply, known to the next client, and full again when its week is over."""
    with client_of(server, **cached) as ig:
        assert ig.history.allowance is None
        ig.history.prices(EPIC, "MINUTE", points=40)
        told = ig.history.allowance
    assert told is not None
    assert (told.remaining, told.total, told.resets_at) == (9960, 10_000, NOW + timedelta(seconds=600_000))
    with client_of(server, account_id="ABC12", **cached) as ig:
        assert ig.history.allowance is not None
        assert ig.history.allowance.remaining == 9960
        clock.advance(600_000)
        assert ig.history.allowance.remaining == 10_000


def test_limit_of_the_user(server: PriceServer) -> None:
    """A limit in the configuration holds below IG's own."""
    limits = {"historical_points_per_week": 50, "non_trading_per_minute": 1000, "trading_per_minute": 1000}
    with client_of(server, limits=limits) as ig:
        assert ig.history.allowance is not None
        assert ig.history.allowance.remaining == 50
        ig.history.prices(EPIC, "MINUTE", points=40)
        assert ig.history.allowance.remaining == 10
        with pytest.raises(RateLimited):
            ig.history.prices(EPIC, "MINUTE", points=40)


@pytest.mark.parametrize("failure", [ConnectionLost("cut"), Response(403, {}, SPENT)])
def test_pages_before_a_failure_are_not_paid_again(
    ig: IGClient, server: PriceServer, failure: Response | Exception
) -> None:
    """When a page fails, those before it are in the cache; the next run asks for the rest."""
    server.page_size = 10
    span = {"start": at("06T10:00"), "end": at("06T11:00")}
    server.answer = lambda query: failure if query["pageNumber"] == "4" else None
    with pytest.raises((ConnectionLost, RateLimited)):
        ig.history.prices(EPIC, "MINUTE", **span)
    server.answer = lambda query: None
    plan = ig.history.plan(EPIC, "MINUTE", **span)
    assert (plan.points, plan.from_cache) == (30, 30)
    assert opens(plan.fetch(force=True)) == [at("06T10:00") + n * MINUTE for n in range(60)]
    assert 10_000 - server.remaining == 60


def test_rows_that_cannot_be_read_are_asked_for_again(ig: IGClient, server: PriceServer) -> None:
    """A row without a price is not taken for a closed market."""
    server.rows = lambda rows: [*rows[:2], rows[2] | {"openPrice": None}, *rows[3:]]
    span = {"start": at("06T10:00"), "end": at("06T10:05")}
    assert len(ig.history.prices(EPIC, "MINUTE", **span)) == 4
    server.rows = lambda rows: rows
    assert len(ig.history.prices(EPIC, "MINUTE", **span)) == 5


def test_query_times_read_as_local_are_not_trusted(ig: IGClient, server: PriceServer) -> None:
    """When rows come from outside of the span, IG read its ends otherwise: what is missing stays unknown."""
    shift = timedelta(hours=1)
    span = {"start": at("06T10:00"), "end": at("06T12:00")}
    utc = server.asked

    def local(query: dict[str, str]) -> list[datetime]:
        ends = {name: (datetime.fromisoformat(query[name]) - shift).isoformat() for name in ("from", "to")}
        return utc(query | ends)

    server.asked = local  # type: ignore[method-assign]
    assert len(ig.history.prices(EPIC, "MINUTE", **span)) == 60
    assert ig.history.plan(EPIC, "MINUTE", **span).points == 60


def test_another_notation_is_never_mixed(ig: IGClient, server: PriceServer) -> None:
    """When IG sends a market in another notation than the cache has, the whole span is read in the new one."""
    server.scale = 10_000.0
    ig.history.prices(EPIC, "MINUTE", start=at("06T10:00"), end=at("06T10:30"))
    server.scale = 1.0
    candles = ig.history.prices(EPIC, "MINUTE", start=at("06T10:00"), end=at("06T10:40"))
    assert len(candles) == 40
    assert max(candle.open for candle in candles) < 2
    assert ig.history.plan(EPIC, "MINUTE", start=at("06T10:00"), end=at("06T10:40")).points == 0


def test_progress(ig: IGClient, server: PriceServer, capsys: pytest.CaptureFixture[str]) -> None:
    """A callback is told after each page, as data and as text; True writes lines to the standard error stream."""
    server.page_size = 10
    told: list[Any] = []
    span = {"start": at("06T10:00"), "end": at("06T10:25")}
    plan = ig.history.plan(EPIC, "MINUTE", **span)
    assert (
        str(plan)
        == f"{EPIC} MINUTE: 21 to 25 points and 1 requests at most, 0 candles from the cache; allowance not known yet"
    )
    plan.fetch(progress=told.append)
    assert [(each.received, each.points, each.page) for each in told] == [(10, 25, 1), (20, 25, 2), (25, 25, 3)]
    assert str(told[1]) == f"{EPIC} MINUTE: 20 of at most 25 candles, page 2 of 2"
    ig.history.prices(EPIC, "MINUTE", start=at("06T09:00"), end=at("06T09:05"), progress=True)
    assert capsys.readouterr().err == f"{EPIC} MINUTE: 5 of at most 5 candles, page 1 of 1\n"


def test_no_cache(server: PriceServer) -> None:
    """With the cache off, each run asks."""
    with client_of(server) as ig:
        for _ in range(2):
            ig.history.prices(EPIC, "MINUTE", start=at("06T10:00"), end=at("06T10:30"))
    assert len(server.queries) == 2


def test_a_server_of_ones_own_is_remembered_in_memory_only(server: PriceServer) -> None:
    """By default, what a server on this machine says is kept as long as the client."""
    given = {"history": {}, "base_url": "http://127.0.0.1:1/gateway/deal"}
    span = {"start": at("06T10:00"), "end": at("06T10:30")}
    for number in (1, 2):
        with client_of(server, **given) as ig:
            ig.history.prices(EPIC, "MINUTE", **span)
            assert ig.history.prices(EPIC, "MINUTE", **span)
        assert len(server.queries) == number


steps = st.lists(
    st.tuples(st.integers(0, 200), st.integers(1, 90), st.sampled_from([0, 1, 20, 60, 3600]), st.booleans()),
    min_size=1,
    max_size=6,
)


@given(steps, st.sampled_from([None, 7]))
def test_any_series_of_calls(calls: list[tuple[int, int, int, bool]], page_size: int | None) -> None:
    """Whatever is asked in whatever order: all candles of it, none twice, for no more than the plan said."""
    clock = ManualClock(NOW)
    server = PriceServer(clock, page_size=page_size)
    given = {"history": {"cache": "auto"}, "base_url": "http://127.0.0.1:1/gateway/deal"}
    with client_of(server, **given) as ig:
        for back, count, pause_s, latest in calls:
            start = server.floor(clock.now()) - back * MINUTE
            asked = {"points": count} if latest else {"start": start, "end": start + count * MINUTE}
            plan = ig.history.plan(EPIC, "MINUTE", **asked)
            left = server.remaining
            candles = plan.fetch()
            assert left - server.remaining <= plan.points
            ends = min(start + count * MINUTE, server.floor(clock.now()) + MINUTE)
            first = server.floor(clock.now()) - (count - 1) * MINUTE if latest else start
            expected = [first + n * MINUTE for n in range(count if latest else (ends - start) // MINUTE)]
            assert opens(candles) == expected
            for candle in candles:
                assert candle.complete == (candle.closes_at <= clock.now())
                if candle.complete:
                    assert candle.close == pytest.approx(candle.open + 1e-4)
            clock.advance(pause_s)
