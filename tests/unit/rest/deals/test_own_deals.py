"""What the history shows beyond what this client sent is another program's."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from ig_sdk import _json
from ig_sdk.rest.account_history.activity import Activity
from ig_sdk.rest.deals.ledger import Ledger
from ig_sdk.rest.deals.own_deals import Act, OwnDeals, others_deal, rows_of

D = Decimal
NOW = datetime(2026, 1, 5, 12, tzinfo=timezone.utc)
HALF = Act("D1", "close", D("0.5"))


def row(action: str, affected: str, reference: str = "R1", **changes: Any) -> Activity:
    size = changes.pop("size", None)
    details = {
        "dealReference": reference,
        "size": size,
        "actions": [{"actionType": action, "affectedDealId": affected}],
    }
    values = {"dealId": "C1", "channel": "PUBLIC_WEB_API", "status": "ACCEPTED", "date": NOW.isoformat()}
    return _json.decode(Activity, values | {"details": details} | changes)


OPENED = row("POSITION_OPENED", "D1", dealId="D1")
CLOSED = row("POSITION_PARTIALLY_CLOSED", "D1", size=D("-0.5"))


def own(accepted: int = 0, under_way: int = 1, since: datetime | None = None) -> OwnDeals:
    return OwnDeals({"R1": "D1"}, {(HALF, "accepted"): accepted, (HALF, "under way"): under_way}, since)


def test_as_many_rows_as_were_sent_are_our_own() -> None:
    """The opening by its reference, closes by their number."""
    assert not others_deal([CLOSED, OPENED], own())
    assert others_deal([CLOSED, CLOSED, OPENED], own())
    assert not others_deal([CLOSED, CLOSED, OPENED], own(accepted=1))
    assert rows_of(HALF, [CLOSED, OPENED], own()) == [CLOSED]


@pytest.mark.parametrize(
    "theirs",
    [
        row("POSITION_OPENED", "D2", "R2", dealId="D2"),
        row("POSITION_PARTIALLY_CLOSED", "D1", size=D(1)),
        row("STOP_LIMIT_AMENDED", "D1", dealId="D1"),
        row("POSITION_CLOSED", "D9", "R9", size=D("0.5")),
        row("UNKNOWN", "D8", "R8", status="REJECTED"),
        _json.decode(Activity, {"channel": "PUBLIC_WEB_API", "status": "ACCEPTED"}),
    ],
)
def test_what_was_not_sent_here_is_anothers(theirs: Activity) -> None:
    """Another opening, size, kind or deal; and what says nothing of itself may be."""
    assert others_deal([theirs, OPENED], own())


def test_what_cannot_be_of_a_program_now_does_not_count() -> None:
    """Stops and IG's own app have channels of their own; what is older than this client is of nobody who still deals."""
    for channel in ("SYSTEM", "WEB"):
        assert not others_deal([row("POSITION_CLOSED", "D1", "R7", size=D(1), channel=channel)], own())
    old = row("POSITION_OPENED", "D2", "R2", date=(NOW - timedelta(hours=1)).isoformat())
    assert not others_deal([old], own(since=NOW))


def test_what_our_new_deal_closed_on_its_way_is_not_a_close() -> None:
    """Netting has the reference and the id of the new deal."""
    netting = row("POSITION_CLOSED", "D1", "R3", dealId="D3", size=D("0.5"))
    known = OwnDeals({"R1": "D1", "R3": "D3"}, {(HALF, "under way"): 1})
    assert rows_of(HALF, [netting], known) == []
    assert not others_deal([netting], known)


def test_the_ledger_leaves_open_what_is_sought() -> None:
    """Also when its outcome was told before; what never was is not counted, and nothing grows for ever."""
    ledger = Ledger()
    first, second = ledger.sends(HALF), ledger.sends(HALF)
    ledger.ended(first, "accepted")
    view = ledger.view(None, first, HALF)
    assert (view.count(HALF, "accepted"), view.count(HALF, "under way")) == (0, 2)
    ledger.never_was(second)
    view = ledger.view(None, second, HALF)
    assert (view.count(HALF, "accepted"), view.count(HALF, "under way")) == (1, 1)
    for number in range(6000):
        ledger.sends_new(f"R{number}")
        ledger.sends(HALF)
    assert not ledger.is_own("R1")
    assert ledger.is_own("R5999")
    assert sum(ledger.view(None, None, HALF).acts.values()) == 5001
