"""What this client dealt itself, against what the history shows: that tells what others did. No I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal

from ig_sdk.rest.account_history.activity import Activity
from ig_sdk.rest.deals.rows import (
    AMENDS,
    CANCELS,
    CLOSES,
    OPENS,
    accepted,
    actions,
    affects,
    reference_of,
    size_of,
    through_the_api,
)

Kind = Literal["close", "amend", "cancel"]
State = Literal["under way", "accepted", "rejected", "not placed"]
_KINDS: Mapping[Kind, frozenset[str]] = {"close": CLOSES, "amend": AMENDS, "cancel": CANCELS}


@dataclass(frozen=True)
class Act:
    """A deal on an open position or on an order.

    Attributes:
        deal_id: The position or order.
        kind: What is done to it.
        size: What is closed; ``None`` for the other kinds.
    """

    deal_id: str
    kind: Kind
    size: Decimal | None = None


@dataclass(frozen=True)
class OwnDeals:
    """What one client dealt, at one moment.

    Attributes:
        references: Its new deals: the deal id of each by its reference, ``None`` where it is not known.
        acts: How often it did each thing, and with which outcome; what never reached IG is not in here.
        since: Nothing before this counts as another program's, in IG's time; ``None`` when that is not known.
    """

    references: Mapping[str, str | None] = field(default_factory=dict)
    acts: Mapping[tuple[Act, State], int] = field(default_factory=dict)
    since: datetime | None = None

    def count(self, act: Act, *states: State) -> int:
        """Return how often it did one thing."""
        return sum(self.acts.get((act, state), 0) for state in states)

    def on(self, deal_id: str, *states: State) -> int:
        """Return how often it did anything to one position or order."""
        return sum(count for (act, state), count in self.acts.items() if act.deal_id == deal_id and state in states)


def rows_of(act: Act, activities: Sequence[Activity], own: OwnDeals) -> list[Activity]:
    """Return the rows that may be of this act: accepted, of its kind and size, through the API, of no other request."""
    return [each for each in activities if act in _acts(each, own)]


def rejections_on(deal_id: str, activities: Sequence[Activity]) -> int:
    """Return how many requests of API clients about one position or order were rejected."""
    return sum(not accepted(each) and through_the_api(each) and deal_id in affects(each) for each in activities)


def others_deal(activities: Sequence[Activity], own: OwnDeals) -> bool:
    """Whether another program deals on the account: the history shows more than this client sent.

    What is done in IG's own app or by IG has other channels and can be told apart without this.
    """
    done: Counter[Act] = Counter()
    touched: Counter[str] = Counter()
    for row in activities:
        if not through_the_api(row) or (own.since and row.date is not None and row.date < own.since):
            continue
        if row.details is None:
            return True
        if _is_new(row, own):
            if reference_of(row) not in own.references:
                return True
            continue
        done.update(_acts(row, own))
        touched.update(each for each in affects(row) if each)
    if any(count > own.count(act, "accepted", "under way") for act, count in done.items()):
        return True
    sent: Counter[str] = Counter()
    for (act, _), count in own.acts.items():
        sent[act.deal_id] += count
    return any(count > sent[deal_id] for deal_id, count in touched.items())


def _is_new(row: Activity, own: OwnDeals) -> bool:
    """Whether it is of a new deal, which may have closed opposite positions on its way, or was rejected."""
    if actions(row) & OPENS:
        return True
    reference = reference_of(row)
    if reference is None or reference not in own.references:
        return False
    deal_id = own.references[reference]
    if not accepted(row):
        return deal_id is None
    return bool(actions(row) & CLOSES) and row.deal_id == deal_id


def _acts(row: Activity, own: OwnDeals) -> list[Act]:
    if not accepted(row) or not through_the_api(row) or _is_new(row, own):
        return []
    kinds = [kind for kind, verbs in _KINDS.items() if actions(row) & verbs]
    return [
        Act(deal_id, kind, size_of(row) if kind == "close" else None)
        for kind in kinds
        for deal_id in affects(row)
        if deal_id is not None
    ]
