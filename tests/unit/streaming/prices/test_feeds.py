"""Price rows become ticks, and nothing else does."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ig_sdk.errors import SubscriptionRefused, UsageError
from ig_sdk.streaming.prices.feeds import CHART_FEED, FEEDS, PRICE_FEED, TickDecoder, epic_of, refusal

EPIC = "CS.D.EURUSD.MINI.IP"
NOW = datetime(2025, 9, 5, 14, 50, 50, tzinfo=timezone.utc)
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Row(dict[str, "str | None"]):
    """A row as the decoder reads it."""

    is_snapshot = False


class Snapshot(Row):
    """The same at subscription."""

    is_snapshot = True


def price(bid: str | None, offer: str | None, time: str | None, state: str | None = None, kind: type[Row] = Row) -> Row:
    return kind(BIDPRICE1=bid, ASKPRICE1=offer, TIMESTAMP=time, DLG_FLAG=state)


def test_price_item_names_account_and_adapter():
    """IG takes PRICE items only with the account in the name and on the data adapter Pricing."""
    assert PRICE_FEED.item(EPIC, "ABC12") == "PRICE:ABC12:CS.D.EURUSD.MINI.IP"
    assert (PRICE_FEED.mode, PRICE_FEED.data_adapter) == ("MERGE", "Pricing")
    assert PRICE_FEED.fields == ("BIDPRICE1", "ASKPRICE1", "TIMESTAMP", "DLG_FLAG")


def test_chart_item_has_no_account():
    """CHART ticks are DISTINCT rows of an item without the account, on the default adapter."""
    assert CHART_FEED.item(EPIC, "ABC12") == "CHART:CS.D.EURUSD.MINI.IP:TICK"
    assert (CHART_FEED.mode, CHART_FEED.data_adapter, CHART_FEED.fields) == ("DISTINCT", None, ("BID", "OFR", "UTM"))


def test_no_feed_asks_for_a_retired_item():
    """MARKET and L1 items ended in May 2026 and stay silent: no feed may use them."""
    assert not [name for name, feed in FEEDS.items() if feed.pattern.startswith(("MARKET:", "L1:"))]


def test_price_row_becomes_a_tick():
    """Bid, offer, IG's time and the stripped dealing state arrive as they were sent."""
    tick = TickDecoder(EPIC, PRICE_FEED).decode(price("1.17305", "1.17311", "1757083820936", "DEAL "), NOW)
    assert tick is not None
    assert (tick.epic, tick.bid, tick.offer, tick.status) == (EPIC, 1.17305, 1.17311, "DEAL")
    assert tick.time == datetime(2025, 9, 5, 14, 50, 20, 936_000, tzinfo=timezone.utc)
    assert (tick.received_at, tick.source) == (NOW, "stream")


def test_chart_row_becomes_a_tick():
    """A CHART row carries no dealing state, so the tick has none."""
    tick = TickDecoder(EPIC, CHART_FEED).decode(Row(BID="1.17305", OFR="1.17311", UTM="1757083820936"), NOW)
    assert tick is not None
    assert (tick.bid, tick.offer, tick.status) == (1.17305, 1.17311, None)


@pytest.mark.parametrize(
    "row", [price(None, "1.2", "1"), price("1.1", None, "1"), price("1.1", "1.2", None), price("", "1.2", "1"), Row()]
)
def test_row_without_a_side_or_time_is_held_and_counted(row):
    """A missing value is never invented: no tick, one count."""
    decoder = TickDecoder(EPIC, PRICE_FEED)
    assert decoder.decode(row, NOW) is None
    assert (decoder.incomplete, decoder.undecodable) == (1, 0)


@pytest.mark.parametrize("bad", ["nan", "inf", "-inf", "1_0", "abc", "1,5", "1.1.1", "٣"])
def test_value_that_is_no_number_is_held_and_counted(bad):
    """What float() takes beyond decimal text is no price."""
    decoder = TickDecoder(EPIC, PRICE_FEED)
    assert decoder.decode(price(bad, "1.2", "1757083820936"), NOW) is None
    assert decoder.decode(price("1.2", bad, "1757083820936"), NOW) is None
    assert decoder.undecodable == 2


@pytest.mark.parametrize("bad", ["1757083820936.5", "9" * 30, "9" * 5000, "14:50:20", "1_0"])
def test_time_that_is_no_epoch_is_held_and_counted(bad):
    """A time that cannot be is not replaced by now."""
    decoder = TickDecoder(EPIC, PRICE_FEED)
    assert decoder.decode(price("1.1", "1.2", bad), NOW) is None
    assert decoder.undecodable == 1


def test_crossed_quote_is_passed_on():
    """Judging values is the quality filter's, not the decoder's."""
    tick = TickDecoder(EPIC, PRICE_FEED).decode(price("1.3", "1.2", "1757083820936"), NOW)
    assert tick is not None
    assert tick.spread < 0


def test_snapshot_that_repeats_the_last_tick_is_no_new_tick():
    """After a resubscription the server sends the last price again; a changed one is a tick."""
    decoder = TickDecoder(EPIC, PRICE_FEED)
    assert decoder.decode(price("1.1", "1.2", "1000"), NOW)
    assert decoder.decode(price("1.1", "1.2", "1000", kind=Snapshot), NOW) is None
    assert decoder.repeated == 1
    assert decoder.decode(price("1.1", "1.2", "1001", kind=Snapshot), NOW)


def test_equal_rows_that_are_no_snapshot_are_ticks_each():
    """Two quotes with the same price in one millisecond are two ticks."""
    decoder = TickDecoder(EPIC, PRICE_FEED)
    rows = [decoder.decode(price("1.1", "1.2", "1000"), NOW) for _ in range(2)]
    assert None not in rows
    assert decoder.repeated == 0


@given(
    st.decimals(allow_nan=False, allow_infinity=False, places=5, min_value=-(10**6), max_value=10**6),
    st.decimals(allow_nan=False, allow_infinity=False, places=5, min_value=-(10**6), max_value=10**6),
    st.integers(min_value=0, max_value=4_102_444_800_000),
)
def test_any_decimal_text_is_read_exactly(bid, offer, time_ms):
    """The tick holds the nearest float to the text, and the time to the millisecond."""
    tick = TickDecoder(EPIC, PRICE_FEED).decode(price(str(bid), str(offer), str(time_ms)), NOW)
    assert tick is not None
    assert (tick.bid, tick.offer) == (float(bid), float(offer))
    assert (tick.time - EPOCH) // timedelta(milliseconds=1) == time_ms


@given(st.none() | st.text(), st.none() | st.text(), st.none() | st.text(), st.none() | st.text())
def test_no_text_breaks_the_decoder(bid, offer, time, state):
    """For any input, a row is a finite tick or exactly one count."""
    decoder = TickDecoder(EPIC, PRICE_FEED)
    tick = decoder.decode(price(bid, offer, time, state), NOW)
    assert (tick is None) == (decoder.incomplete + decoder.undecodable == 1)


@pytest.mark.parametrize("name", ["EURUSD", "EUR/USD", "eurusd", EPIC])
def test_names_and_epics_are_taken(name):
    """One of the five pairs by name, in the usual spellings, is its epic."""
    assert epic_of(name) == EPIC


@pytest.mark.parametrize("epic", ["", "EUR USD", "A:B", "A|B", "A,B", "A\r\nB", None, 7])
def test_what_cannot_be_an_epic_is_refused(epic):
    """A text that would name another item, or two, never reaches the server."""
    with pytest.raises(UsageError, match="epic"):
        epic_of(epic)


@pytest.mark.parametrize(
    ("code", "remedy"), [(-1, "account"), (17, "Pricing"), (21, "search"), (23, "chart"), (99, "go on")]
)
def test_refusal_names_epic_code_and_remedy(code, remedy):
    """The error says which market, what IG said, and what to do."""
    error = refusal(EPIC, code, "Invalid thing")
    assert isinstance(error, SubscriptionRefused)
    assert error.code == code
    for part in (EPIC, "Invalid thing", str(code), remedy):
        assert part in str(error)
