"""Reads confirms, IG's verdicts on deals: for users, and for the deals themselves."""

# ruff: noqa: RUF009 -- the functions of _json declare fields, as dataclasses.field() does
from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from ig_sdk import _json
from ig_sdk.clock import Clock
from ig_sdk.errors import AuthenticationError, DecodeError, IGError, NotFound, PermissionDenied
from ig_sdk.rest.http.deadline import Deadline
from ig_sdk.rest.http.endpoint import Endpoint
from ig_sdk.rest.login.auth import Auth
from ig_sdk.types import AffectedDeal, Confirm, Direction

GET = Endpoint("GET", "/confirms/{dealReference}", version=1, urgent=True)
# IG decides within milliseconds; clients give up after five tries a second apart (REST.md section 6.1).
WAIT_S = 10.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 1.0
# How long another deal's confirm is looked at.
_ANOTHER_S = 2.0


@_json.model
@dataclass(frozen=True)
class _Affected(_json.Model):
    deal_id: str | None = _json.text()
    status: str | None = _json.text()
    extra: dict[str, Any] = _json.extra()


@_json.model
@dataclass(frozen=True)
class _Wire(_json.Model):
    """A confirm as IG sends it: the fields of ``Confirm``, each of which may be missing."""

    deal_reference: str | None = _json.text()
    deal_id: str | None = _json.text()
    deal_status: str | None = _json.text()
    reason: str | None = _json.text()
    status: str | None = _json.text()
    epic: str | None = _json.text()
    expiry: str | None = _json.text()
    direction: Direction | None = _json.member(Direction)
    level: Decimal | None = _json.decimal()
    size: Decimal | None = _json.decimal()
    stop_level: Decimal | None = _json.decimal()
    stop_distance: Decimal | None = _json.decimal()
    limit_level: Decimal | None = _json.decimal()
    limit_distance: Decimal | None = _json.decimal()
    guaranteed_stop: bool | None = _json.flag()
    trailing_stop: bool | None = _json.flag()
    profit: Decimal | None = _json.decimal()
    profit_currency: str | None = _json.text()
    date: datetime | None = _json.time()
    affected_deals: tuple[_Affected, ...] = _json.many(_Affected)
    extra: dict[str, Any] = _json.extra()


def confirm_of(data: object, *, deal_reference: str = "") -> Confirm:
    """Return IG's verdict.

    Args:
        data: The JSON object.
        deal_reference: The one asked for, in case IG does not repeat it.

    Raises:
        DecodeError: It is no object, or is neither accepted nor rejected.
    """
    wire = _json.decode(_Wire, data, path="confirm")
    if wire.deal_status is None:
        raise DecodeError("the confirm says neither accepted nor rejected", path="confirm.dealStatus")
    values: dict[str, Any] = {item.name: getattr(wire, item.name) for item in dataclasses.fields(wire)}
    return Confirm(
        **values
        | {
            "deal_reference": wire.deal_reference or deal_reference,
            "reason": wire.reason or "UNKNOWN",
            "guaranteed_stop": bool(wire.guaranteed_stop),
            "trailing_stop": bool(wire.trailing_stop),
            "affected_deals": tuple(
                AffectedDeal(each.deal_id, each.status or "") for each in wire.affected_deals if each.deal_id
            ),
        }
    )


def pauses() -> Iterator[float]:
    """Yield the pauses between looks at a confirm: short at first, since IG is quick."""
    pause = _FIRST_PAUSE_S
    while True:
        yield pause
        pause = min(pause * 2, _LONGEST_PAUSE_S)


class ConfirmReader:
    """Reads confirms.

    Args:
        auth: Carries the calls.
        clock: Measures and waits.
        closing: Set when the client closes.

    Threading:
        Safe from any thread.
    """

    def __init__(self, auth: Auth, clock: Clock, closing: threading.Event) -> None:
        self._auth = auth
        self._clock = clock
        self._closing = closing

    def read(self, deal_reference: str, deadline: Deadline) -> Confirm:
        """Return the confirm of a deal reference."""
        reply = self._auth.call(GET, deadline, parts={"dealReference": deal_reference})
        return confirm_of(reply.data, deal_reference=deal_reference)

    def find(self, deal_reference: str, deadline: Deadline) -> Confirm | None:
        """Return the confirm of a deal reference, ``None`` when there is none."""
        try:
            return self.read(deal_reference, deadline)
        except NotFound:
            return None

    def watch(
        self, deal_reference: str, deadline: Deadline, wanted: Callable[[Confirm], bool]
    ) -> tuple[Confirm | None, str]:
        """Look until the wanted confirm is there, or the time is over.

        Args:
            deal_reference: Names the request.
            deadline: By when to stop looking.
            wanted: Whether a confirm is of this request, not of an earlier one under the same reference.

        Returns:
            The confirm, or ``None`` and the reason why there is none.
        """
        why = "IG has not decided"
        for pause in pauses():
            try:
                found = self.find(deal_reference, deadline)
                if found is not None and wanted(found):
                    return found, ""
                why = "IG has not decided"
                if found is not None:
                    why = "IG shows only a confirm of something else"
                    # Of a later deal, which has taken the place of its own, or of an earlier one for a moment.
                    deadline = deadline.part(_ANOTHER_S)
            except (AuthenticationError, PermissionDenied) as error:
                return None, str(error)
            except IGError as error:
                why = str(error)
            if pause >= deadline.left_s:
                return None, why
            if self._clock.wait(self._closing, pause):
                return None, "the client was closed"
        raise AssertionError("pauses never end")
