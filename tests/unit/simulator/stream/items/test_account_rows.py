"""The stream's account items: what the broker did, in IG's recorded shapes."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timezone
from decimal import Decimal
from random import Random

import pytest

from ig_sdk.simulator.broker import (
    Confirmation,
    ConfirmEvent,
    Figures,
    FiguresEvent,
    Order,
    OrderEvent,
    Position,
    PositionEvent,
)
from ig_sdk.simulator.stream.items.account_rows import DealOrder, event_row, figures_row
from ig_sdk.types import AffectedDeal, Direction

AT = datetime(2021, 2, 10, 9, 58, 20, 241_000, tzinfo=timezone.utc)
POSITION = Position(
    deal_id="DIAAAAE6FQXXBAZ",
    deal_reference="LHVRB3J6S8N44TD",
    epic="CS.D.BITCOIN.CFD.IP",
    expiry="-",
    direction=Direction.BUY,
    size=Decimal("0.1"),
    level=Decimal("46996.9"),
    currency="USD",
    contract_size=Decimal(1),
    opened_at=AT,
    stop_level=Decimal("46526.9"),
)
ORDER = Order(
    deal_id="DIAAAAJFCSMG8AJ",
    deal_reference="9YQQR7MPUKUTYPH",
    epic="IX.D.DAX.IFM1.IP",
    expiry="-",
    direction=Direction.SELL,
    size=Decimal(1),
    level=Decimal(14400),
    kind="LIMIT",
    currency="EUR",
    created_at=AT,
)
CONFIRM = Confirmation(
    date=AT,
    deal_reference="LHVRB3J6S8N44TD",
    deal_id="DIAAAAE6FQXXBAZ",
    deal_status="ACCEPTED",
    reason="SUCCESS",
    epic="CS.D.BITCOIN.CFD.IP",
    direction=Direction.BUY,
    status="OPEN",
    affected=(AffectedDeal("DIAAAAE6FQXXBAZ", "OPENED"),),
)
FIGURES = Figures(
    currency="GBP",
    balance=Decimal(10000),
    profit_loss=Decimal("-12.345"),
    guaranteed_profit_loss=Decimal(-2),
    deposit=Decimal("333.3"),
    guaranteed_deposit=Decimal("33.3"),
)


@pytest.mark.parametrize(
    ("event", "field", "sample"),
    [
        (ConfirmEvent("ABC123", CONFIRM), "CONFIRMS", "trade_stream_confirms__open_with_trailing_stop"),
        (
            PositionEvent("ABC123", "DELETED", POSITION, Decimal("46526.9"), Decimal(0), AT, "PublicRestOTC"),
            "OPU",
            "trade_stream_opu__stopped_out",
        ),
        (OrderEvent("ABC123", "OPEN", ORDER, AT, "PublicRestOTC"), "WOU", "trade_stream_wou__limit_opened"),
    ],
)
def test_rows_have_the_recorded_shape(event, field, sample, shared):
    """A row is one event: its JSON has the recorded keys, the other two fields are null."""
    channel, row = event_row(event)
    assert channel == "TRADE:ABC123"
    recorded = json.loads((shared / "wire" / "samples" / f"{sample}.json").read_text(encoding="utf-8"))
    made = json.loads(row[field])
    assert set(made) == set(recorded)
    assert {name for name in row if row[name] is None} == {"CONFIRMS", "OPU", "WOU"} - {field}


def test_a_position_update_says_what_was_recorded(shared):
    """The recorded stop-out comes out of the same position, to the last key."""
    event = PositionEvent("ABC123", "DELETED", POSITION, Decimal("46526.9"), Decimal(0), AT, "PublicRestOTC")
    recorded = (shared / "wire" / "samples" / "trade_stream_opu__stopped_out.json").read_text(encoding="utf-8")
    assert json.loads(event_row(event)[1]["OPU"]) == json.loads(recorded)


def test_a_good_till_date_is_told():
    """An order that lapses says when."""
    order = replace(ORDER, good_till=AT)
    row = event_row(OrderEvent("ABC123", "OPEN", order, AT, "PublicRestOTC"))[1]
    assert json.loads(row["WOU"])["goodTillDate"] == "2021-02-10T09:58:20"
    assert json.loads(row["WOU"])["timeInForce"] == "GOOD_TILL_DATE"


def test_figures_are_money():
    """Every field of ACCOUNT is text to the cent; the parts of profit and margin add up."""
    channel, row = event_row(FiguresEvent("ABC123", FIGURES, AT))
    assert channel == "ACCOUNT:ABC123"
    assert row == figures_row(FIGURES)
    assert (row["FUNDS"], row["PNL"], row["DEPOSIT"]) == ("10000.00", "-12.34", "333.30")
    assert (row["PNL_LR"], row["PNL_NLR"], row["MARGIN_LR"], row["MARGIN_NLR"]) == (
        "-2.00",
        "-10.34",
        "33.30",
        "300.00",
    )
    assert row["EQUITY"] == "9987.66"


def order_of(choice, *events):
    """The fields in the order in which they are sent, and the times of the updates."""
    order, fields, times = DealOrder(choice, Random(3)), [], set()
    for event in events:
        for channel, row in order.rows(event):
            assert channel == "TRADE:ABC123"
            ((field, text),) = [(name, value) for name, value in row.items() if value is not None]
            fields.append(field)
            if field != "CONFIRMS":
                times.add(json.loads(text)["timestamp"])
    return fields, times


def test_either_row_of_a_deal_may_come_first():
    """By default the confirm does; as at IG the update may, some milliseconds earlier; nothing is lost or sent twice."""
    confirm = ConfirmEvent("ABC123", CONFIRM)
    update = PositionEvent("ABC123", "OPEN", POSITION, POSITION.level, POSITION.size, AT, "PublicRestOTC")
    rejected = ConfirmEvent("ABC123", replace(CONFIRM, deal_status="REJECTED"))
    assert order_of("never", confirm, update) == (["CONFIRMS", "OPU"], {"2021-02-10T09:58:20.241"})
    fields, (time,) = order_of("always", confirm, update)
    assert fields == ["OPU", "CONFIRMS"]
    assert "2021-02-10T09:58:20.229" <= time <= "2021-02-10T09:58:20.234"
    assert order_of("always", rejected)[0] == ["CONFIRMS"]
    assert order_of("always", confirm, confirm, update)[0] == ["CONFIRMS", "OPU", "CONFIRMS"]
    fields, times = order_of("random", *[confirm, update] * 50)
    assert {tuple(fields[at : at + 2]) for at in range(0, 100, 2)} == {("CONFIRMS", "OPU"), ("OPU", "CONFIRMS")}
    assert len(times) == 6
