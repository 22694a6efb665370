"""What the account has done: ``ig.history.activity``."""

# ruff: noqa: RUF009 -- the functions of _json declare fields, as dataclasses.field() does
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any, ClassVar

from ig_sdk import _json
from ig_sdk.errors import DecodeError
from ig_sdk.rest.account_history.amounts import read_amount
from ig_sdk.rest.tables import Column, Rows


@_json.model
@dataclass(frozen=True)
class ActivityAction(_json.Model):
    """One thing that an activity did.

    Attributes:
        action_type: ``POSITION_OPENED``, ``POSITION_CLOSED``, ``STOP_ORDER_AMENDED`` …
        affected_deal_id: The position or order that it was done to.
        extra: What IG sent and this class does not know.
    """

    action_type: str | None = _json.text()
    affected_deal_id: str | None = _json.text()
    extra: dict[str, Any] = _json.extra()


@_json.model
@dataclass(frozen=True)
class ActivityDetails(_json.Model):
    """What only ``detailed=True`` adds.

    Attributes:
        deal_reference: Name of the request; ``None`` for what IG did by itself.
        actions: What was done to which deal.
        market_name: IG's name of the market.
        good_till_date: Until when an order is valid.
        currency: ISO code of the deal's currency.
        size: Size of the deal.
        direction: ``BUY`` or ``SELL``; a close has the direction of the closing deal.
        level: Level of the deal.
        stop_level: Level of the stop.
        stop_distance: Distance of the stop.
        guaranteed_stop: Whether the stop is guaranteed.
        trailing_stop_distance: Distance of a trailing stop.
        trailing_step: Points by which it follows.
        limit_level: Level of the limit.
        limit_distance: Distance of the limit.
        extra: What IG sent and this class does not know.
    """

    deal_reference: str | None = _json.text()
    actions: tuple[ActivityAction, ...] = _json.many(ActivityAction)
    market_name: str | None = _json.text()
    good_till_date: str | None = _json.text()
    currency: str | None = _json.text()
    size: Decimal | None = _json.decimal()
    direction: str | None = _json.text()
    level: Decimal | None = _json.decimal()
    stop_level: Decimal | None = _json.decimal()
    stop_distance: Decimal | None = _json.decimal()
    guaranteed_stop: bool | None = _json.flag()
    trailing_stop_distance: Decimal | None = _json.decimal()
    trailing_step: Decimal | None = _json.decimal()
    limit_level: Decimal | None = _json.decimal()
    limit_distance: Decimal | None = _json.decimal()
    extra: dict[str, Any] = _json.extra()


@_json.model
@dataclass(frozen=True)
class Activity(_json.Model):
    """One thing that was done on the account, or refused.

    Attributes:
        date: When, aware UTC. ``None`` in replies of version 1, whose dates follow the user's locale.
        epic: Market.
        period: Expiry of the contract.
        deal_id: IG's id of what was done; a close has one of its own.
        channel: Where it came from: ``PUBLIC_WEB_API``, ``WEB``, ``SYSTEM`` …
        type: ``POSITION``, ``WORKING_ORDER``, ``EDIT_STOP_AND_LIMIT``, ``SYSTEM``.
        status: ``ACCEPTED``, ``REJECTED`` …
        description: In words, in the user's language.
        details: More of it; ``None`` unless ``detailed=True``.
        extra: What IG sent and this class does not know.
    """

    date: datetime | None = _json.time()
    epic: str | None = _json.text()
    period: str | None = _json.text()
    deal_id: str | None = _json.text()
    channel: str | None = _json.text()
    type: str | None = _json.text()
    status: str | None = _json.text()
    description: str | None = _json.text()
    details: ActivityDetails | None = _json.nested(ActivityDetails)
    extra: dict[str, Any] = _json.extra()


def _detail(name: str) -> Any:
    return lambda row: None if row.details is None else getattr(row.details, name)


class Activities(Rows[Activity]):
    """Activities, in IG's order: newest first; a list, with frames."""

    columns: ClassVar[Sequence[Column]] = (
        Column("date", "time", attrgetter("date")),
        *(
            Column(name, "text", attrgetter(name))
            for name in ("epic", "period", "deal_id", "channel", "type", "status", "description")
        ),
        *(Column(name, "text", _detail(name)) for name in ("deal_reference", "market_name", "currency", "direction")),
        *(
            Column(name, "number", _detail(name))
            for name in ("size", "level", "stop_level", "stop_distance", "limit_level", "limit_distance")
        ),
    )


def decode_activities(data: object) -> list[Activity]:
    """Return the activities of a reply of any version.

    Version 1 sends only texts; they go into the same fields where they mean the same, the originals into ``extra``.

    Raises:
        DecodeError: It is no reply of ``/history/activity``.

    Source:
        Schemas ``ActivityV1`` to ``ActivityV3`` of ig_api.json; samples ``activity_v1``, ``activity_v3``.
    """
    rows = data.get("activities") if isinstance(data, Mapping) else None
    if not isinstance(rows, list):
        raise DecodeError("the answer holds no activities", path="activities")
    return [_json.decode(Activity, _renamed(row)) for row in rows if isinstance(row, Mapping)]


def _renamed(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a row of version 1 or 2 with the names of version 3; its own keys stay, and so end in ``extra``."""
    if "activityHistoryId" not in row:
        return row
    amounts = {
        "size": row.get("size"),
        "level": row.get("level"),
        "stopLevel": row.get("stop"),
        "limitLevel": row.get("limit"),
    }
    details = {name: read_amount(text) for name, text in amounts.items()}
    renamed = {"type": row.get("activity"), "status": row.get("actionStatus"), "description": row.get("result")}
    return {**row, **renamed, "details": {**details, "marketName": row.get("marketName")}}
