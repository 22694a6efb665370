"""What IG streams of an account becomes typed updates: null-safe, each deal once, nothing invented."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ig_sdk.streaming import OrderUpdate, PositionUpdate
from ig_sdk.streaming.accounts.decode import ACCOUNT_FIELDS, AccountDecoder, DealDecoder, heartbeat_of
from ig_sdk.types import Confirm, Direction

NOW = datetime(2025, 1, 6, tzinfo=timezone.utc)
CONFIRM = {
    "dealReference": "REF1",
    "dealId": "DIAAAA1",
    "dealStatus": "ACCEPTED",
    "status": "OPEN",
    "reason": "SUCCESS",
    "epic": "CS.D.EURUSD.MINI.IP",
    "direction": "BUY",
    "size": 1,
    "level": 1.1,
    "date": "2025-01-06T10:00:00.123",
    "channel": "PublicRestOTC",
}
OPENED = {
    "dealReference": "REF1",
    "dealId": "DIAAAA1",
    "direction": "BUY",
    "epic": "CS.D.EURUSD.MINI.IP",
    "status": "OPEN",
    "dealStatus": "ACCEPTED",
    "level": 1.1,
    "size": 1,
    "timestamp": "2025-01-06T10:00:00.114",
    "stopLevel": None,
    "currency": "USD",
}


class Row(dict[str, "str | None"]):
    """A row of the stream."""

    is_snapshot = False


class Snapshot(Row):
    """A row of the state at subscription."""

    is_snapshot = True


def trade(confirm: object = None, opu: object = None, wou: object = None, kind: type[Row] = Row) -> Row:
    texts = {"CONFIRMS": confirm, "OPU": opu, "WOU": wou}
    return kind(
        {name: value if value is None or isinstance(value, str) else json.dumps(value) for name, value in texts.items()}
    )


def test_a_confirm_is_that_of_rest():
    """The same type with the same values; what is not known of it is kept."""
    (deal,), faults = DealDecoder().decode(trade(CONFIRM), "ABC123")
    assert isinstance(deal, Confirm)
    assert (deal.deal_id, deal.level, deal.size, deal.direction) == (
        "DIAAAA1",
        Decimal("1.1"),
        Decimal(1),
        Direction.BUY,
    )
    assert deal.accepted
    assert faults == []


def test_positions_and_orders_are_typed():
    """Numbers are Decimal, times aware UTC, absent is None, the rest is in extra."""
    (position, order), _ = DealDecoder().decode(trade(None, OPENED, {**OPENED, "orderType": "LIMIT"}), "ABC123")
    assert isinstance(position, PositionUpdate)
    assert (position.account_id, position.deal_id, position.status) == ("ABC123", "DIAAAA1", "OPEN")
    assert position.at == datetime(2025, 1, 6, 10, 0, 0, 114_000, tzinfo=timezone.utc)
    assert (position.level, position.size, position.stop_level) == (Decimal("1.1"), Decimal(1), None)
    assert isinstance(order, OrderUpdate)
    assert order.extra["orderType"] == "LIMIT"


def test_what_was_told_is_not_told_again():
    """A recovery, another session or another order of the keys repeat an event; it comes once."""
    decoder = DealDecoder()
    assert decoder.decode(trade(CONFIRM, OPENED), "A")[0]
    again = dict(reversed(list(CONFIRM.items())))
    assert decoder.decode(trade(again, OPENED), "A")[0] == []
    assert decoder.repeated == 2


def test_a_second_amendment_with_equal_values_is_another_event():
    """Its time differs."""
    decoder = DealDecoder()
    later = {**OPENED, "timestamp": "2025-01-06T10:00:01.000"}
    assert len(decoder.decode(trade(None, OPENED), "A")[0]) == 1
    assert len(decoder.decode(trade(None, later), "A")[0]) == 1


def test_the_last_confirm_of_the_first_snapshot_is_the_past():
    """IG sends it with each subscription, here two days old: no new deal; after another session only what is new is."""
    decoder = DealDecoder()
    assert decoder.decode(trade(CONFIRM, kind=Snapshot), "A")[0] == []
    decoder.resubscribed()
    assert decoder.decode(trade(CONFIRM, kind=Snapshot), "A")[0] == []
    missed = {**CONFIRM, "dealId": "DIAAAA2", "date": "2025-01-06T11:00:00"}
    assert len(decoder.decode(trade(missed, kind=Snapshot), "A")[0]) == 1


@pytest.mark.parametrize("bad", ["", "{", "[]", "null", '"text"', "{}", "\x00", "NaN"])
def test_a_text_that_cannot_be_read_loses_nothing_else(bad: str):
    """The other fields of its row are passed on; it is counted, unless it is empty."""
    decoder = DealDecoder()
    deals, faults = decoder.decode(trade(bad, OPENED), "A")
    assert [type(deal) for deal in deals] == [PositionUpdate]
    assert len(faults) == decoder.undecodable == (1 if bad else 0)


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_no_row_raises(confirm: str, opu: str, wou: str):
    """Whatever the texts are."""
    DealDecoder().decode(trade(confirm, opu, wou), "A")


def test_figures_of_an_account():
    """Each is a Decimal or None; a value that is no number is counted and does not spoil the others."""
    decoder = AccountDecoder()
    row = Row(FUNDS="10000.50", PNL="-3.2", DEPOSIT=None, EQUITY="x", EQUITY_USED="", MARGIN="1_0")
    update = decoder.decode(row, "ABC123", NOW)
    assert update is not None
    assert (update.account_id, update.at) == ("ABC123", NOW)
    assert (update.funds, update.profit_loss, update.deposit) == (Decimal("10000.50"), Decimal("-3.2"), None)
    assert (update.equity, update.equity_used, update.margin) == (None, None, None)
    assert decoder.undecodable == 2
    assert decoder.decode(Row(dict.fromkeys(ACCOUNT_FIELDS)), "ABC123", NOW) is None


def test_heartbeat():
    """A beat has its value; null is none."""
    assert heartbeat_of(Row(HEARTBEAT=None), NOW) is None
    beat = heartbeat_of(Row(HEARTBEAT="1"), NOW)
    assert beat is not None
    assert beat.value == "1"


def payloads(shared: Path) -> list[tuple[str, str, dict[str, object]]]:
    """The published payloads: what happened, the field, the JSON."""
    found = []
    for name in ("trade-dax-2022-05.json", "trade-bitcoin-2021-02.json"):
        for event in json.loads((shared / "captures" / name).read_text(encoding="utf-8"))["events"]:
            found.append((event["story"], event["label"], event["payload"]))
    return found


@pytest.mark.shared
def test_published_payloads_decode_to_what_happened(shared: Path):
    """Every payload that was published decodes, with its own values; a rejection has no size, level or status."""
    known = {"CONFIRMS": Confirm, "OPU": PositionUpdate, "WOU": OrderUpdate}
    decoder = DealDecoder()
    for story, label, payload in payloads(shared):
        deals, faults = decoder.decode(Row({label: json.dumps(payload)}), "ABC123")
        assert faults == [], story
        for deal in deals:
            assert type(deal) is known[label], story
            assert deal.deal_id == payload["dealId"], story
            assert deal.deal_status == payload["dealStatus"], story
            assert (None if deal.size is None else float(deal.size)) == payload["size"], story
            assert (None if deal.level is None else float(deal.level)) == payload["level"], story
            if payload["dealStatus"] == "REJECTED":
                assert (deal.size, deal.level, deal.status) == (None, None, None)


@pytest.mark.shared
def test_published_rows_decode(shared: Path):
    """A row with null and unchanged columns, and the dumps of whole items."""
    items = json.loads((shared / "captures" / "items-2023-05.json").read_text(encoding="utf-8"))["events"]
    account = next(item["values"] for item in items if item["name"].startswith("ACCOUNT:"))
    update = AccountDecoder().decode(Row(account), "ABC123", NOW)
    assert update is not None
    assert (update.funds, update.equity, update.profit_loss) == (Decimal("29945.03"), Decimal("30054.42"), None)
    decoder = DealDecoder()
    rows = [item["values"] for item in items if item["name"].startswith("TRADE:")]
    kinds = [type(deal) for row in rows for deal in decoder.decode(Row(row), "ABC123")[0]]
    assert kinds == [Confirm, PositionUpdate]
