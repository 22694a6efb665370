"""Finds out what became of deals: from IG's confirm where it is this deal's for certain, else from book and history."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TypeVar

from ig_sdk import logs
from ig_sdk.clock import Clock
from ig_sdk.errors import DealRejected, DealUncertain, IGError
from ig_sdk.rest.deals.book import Outcome, Snapshot, infer_outcome, is_rejected_for_another, level_is_known
from ig_sdk.rest.deals.changes import OrderCancel, OrderChange, PositionClose
from ig_sdk.rest.deals.closing_id import ClosingId
from ig_sdk.rest.deals.confirm_reader import WAIT_S, ConfirmReader
from ig_sdk.rest.deals.ledger import Ledger
from ig_sdk.rest.deals.new import NewDeal
from ig_sdk.rest.deals.own_deals import others_deal
from ig_sdk.rest.deals.reader import DealReader
from ig_sdk.rest.deals.reasons import hint_for, message_for
from ig_sdk.rest.deals.turns import Turns
from ig_sdk.rest.deals.verdicts import DealRequest, SentDeal, is_had_already, is_verdict, may_look_done
from ig_sdk.rest.http.deadline import Deadline
from ig_sdk.rest.login.auth import Auth
from ig_sdk.types import Confirm

# IG shows a deal within milliseconds (REST.md section 6.1), and clients stop asking after a few seconds. A request that
# was still on its way when the connection broke has arrived by then.
_SETTLED_S = 4.0
_LOOK_PAUSE_S, _LATER_PAUSE_S = 2.0, 4.0
# What may be spent on an explanation: the outcome itself is known.
_EXPLANATION_S = 5.0
_REMEMBERED = 1000
# For reading before a deal is sent, and right after its answer was lost: neither may take long.
_BRIEFLY_S = 2.0
# What was done shortly before this client began may be of a program that is still at work.
_BEFOREHAND = timedelta(seconds=60)
_ANOTHERS = "IG shows a confirm that may be another program's"

ResultT = TypeVar("ResultT")
_log = logs.get_logger("rest")


class Outcomes:
    """Finds out what became of deals.

    A close and an amendment carry the reference of the position, so the confirm under it may be another request's. It
    is taken by itself only where nobody else can have made it; everywhere else positions, orders and history must
    agree.

    Args:
        auth: Knows the account in use.
        confirms: Reads IG's verdicts.
        reader: Reads positions, orders and the history.
        turns: Keeps deals on one position apart.
        ledger: What this client dealt.
        clock: Measures and waits.
        closing: Set when the client closes.

    Threading:
        Safe from any thread. The lock guards the remembered confirms and whether others deal.
    """

    def __init__(
        self,
        auth: Auth,
        confirms: ConfirmReader,
        reader: DealReader,
        *,
        turns: Turns,
        ledger: Ledger,
        clock: Clock,
        closing: threading.Event,
    ) -> None:
        self._auth = auth
        self._confirms = confirms
        self._reader = reader
        self._turns = turns
        self._ledger = ledger
        self._clock = clock
        self._closing = closing
        self._began = clock.monotonic()
        self._lock = threading.Lock()
        self._latest: OrderedDict[str, Confirm] = OrderedDict()  # IG's last confirm of each reference
        self._others = False  # another program was seen to deal on the account

    def remembered(self, reference: str | None) -> Confirm | None:
        """Return the last confirm that was read under a reference."""
        with self._lock:
            return self._latest.get(reference or "")

    def earlier(self, request: DealRequest, reference: str | None, deadline: Deadline) -> tuple[Confirm | None, bool]:
        """Return the confirm that IG already has under a reference, and whether that is known.

        It is asked for where it might be mistaken for the deal's own.
        """
        if isinstance(request, NewDeal):
            return self.remembered(reference), True
        with self._lock:
            # Stored again with the outcome of this deal: until that is known, the latest confirm is not known either.
            known = self._latest.pop(reference or "", None)
        if reference is None or not may_look_done(request):
            return known, True
        if known is not None and self._is_alone(request):
            return known, True
        try:
            return self._confirms.find(reference, deadline.part(_BRIEFLY_S)) or known, True
        except IGError as error:
            _log.info("whether %s has a confirm already is not known: %s", reference, error)
            return known, False

    def verdict(self, sent: SentDeal, deadline: Deadline) -> Confirm:
        """Return the accepted confirm of a deal that IG has taken; raise for every other outcome."""
        confirm, why = self._confirms.watch(sent.deal_reference, deadline.part(WAIT_S), partial(is_verdict, sent))
        if confirm is None:
            raise self._uncertain(sent, f"IG took the request, but gave no verdict: {why}")
        if is_had_already(sent, confirm):
            # The confirm of the first copy is lost.
            raise self._uncertain(replace(sent, earlier=confirm), "IG says that it has this deal already")
        judged, why = self._judged(sent, confirm, deadline)
        if judged is None:
            raise self._uncertain(sent, why)
        return self._settle(sent, judged, deadline, shown=confirm)

    def lost(self, sent: SentDeal, why: str, deadline: Deadline) -> DealUncertain:
        """Return the error of a deal whose answer was lost, after a first look at what it acts on."""
        if not isinstance(sent.request, NewDeal):
            with contextlib.suppress(IGError):
                done = self._reader.is_as_wanted(sent.request, deadline.part(_BRIEFLY_S))
                sent = replace(sent, done_at_once=done)
        return self._uncertain(sent, why)

    def _uncertain(self, sent: SentDeal, why: str, ended_at: float | None = None) -> DealUncertain:
        ended = self._clock.monotonic() if ended_at is None else ended_at
        _log.warning("deal %s: not known whether it was taken: %s", sent.deal_reference or "without a reference", why)
        return DealUncertain(
            f"the outcome of deal {sent.deal_reference or '(without a reference)'} is not known: {why}",
            deal_reference=sent.deal_reference,
            why=why,
            resolver=partial(self._resolve, sent, ended),
        )

    @logs.correlation()
    def _resolve(self, sent: SentDeal, ended_at: float, timeout: float) -> Confirm | None:
        """Look a deal up; see ``DealUncertain.resolve``."""
        deadline = self._auth.deadline(timeout)
        while True:
            settles_in = ended_at + _SETTLED_S - self._clock.monotonic()
            found, shown, why = self._look(sent, deadline, settled=settles_in <= 0)
            if isinstance(found, Confirm):
                return self._settle(sent, found, deadline, shown=shown)
            if found is Outcome.NOT_PLACED:
                # Never there, or rejected: then the history has a row of it.
                self._ledger.ended(sent.number, "not placed")
                return None
            pause = min(_LOOK_PAUSE_S, settles_in) if settles_in > 0 else _LATER_PAUSE_S
            if pause >= deadline.left_s or self._clock.wait(self._closing, pause):
                raise self._uncertain(sent, why, ended_at)

    def _look(
        self, sent: SentDeal, deadline: Deadline, *, settled: bool
    ) -> tuple[Confirm | Outcome, Confirm | None, str]:
        """Look once, while no other deal of this client changes what is looked at."""
        if sent.act is None:
            return self._look_now(sent, deadline, settled=settled)
        try:
            with self._turns.of(sent.act.deal_id, deadline):
                return self._look_now(sent, deadline, settled=settled)
        except IGError as error:
            return Outcome.UNKNOWN, None, str(error)

    def _look_now(
        self, sent: SentDeal, deadline: Deadline, *, settled: bool
    ) -> tuple[Confirm | Outcome, Confirm | None, str]:
        """Look in the confirms, then among positions and orders, then in the history.

        Returns:
            What became of the deal, the confirm that IG shows of it, and why nothing is known where that is so.
        """
        why = "IG shows nothing of it, which may be too early to say" if not settled else "IG shows nothing certain"
        failures: list[str] = []
        confirm: Confirm | None = None
        if sent.deal_reference:
            confirm = _read(partial(self._confirms.find, sent.deal_reference, deadline), failures)
            if confirm is not None and (not is_verdict(sent, confirm) or is_had_already(sent, confirm)):
                confirm = None
        if confirm is not None and sent.act is None:
            return confirm, confirm, ""
        if confirm is not None and sent.acknowledged:
            judged, _ = self._judged(sent, confirm, deadline)
            if judged is not None:
                return judged, confirm, ""
        snapshot = self._snapshot(sent, deadline, failures)
        snapshot = replace(snapshot, settled=settled and not failures)
        if sent.account_id is None or sent.account_id != self._auth.account_id:
            # A deal that this account does not show may be on the other one.
            snapshot = replace(snapshot, settled=False)
            failures.append(f"it was sent on account {sent.account_id or '(not certain)'}, which is not the one in use")
        found = infer_outcome(sent, snapshot)
        if isinstance(found, Confirm) and confirm is not None and _agrees(sent, confirm, found):
            return confirm, confirm, ""
        return found, None, "; ".join(failures) or self._doubt(sent, snapshot) or why

    def _judged(self, sent: SentDeal, confirm: Confirm, deadline: Deadline) -> tuple[Confirm | None, str]:
        """Return the confirm if it is of this very request, or else ``None`` and why that is not certain."""
        act = sent.act
        if act is None:
            return confirm, ""
        if confirm.accepted and sent.earlier_known and act.kind != "amend" and self._is_alone(sent.request):
            return confirm, ""
        failures: list[str] = []
        if confirm.accepted and act.kind == "amend" and sent.earlier_known:
            done = _read(partial(self._reader.is_as_wanted, sent.request, deadline), failures)
            return (confirm, "") if done else (None, failures[0] if failures else _ANOTHERS)
        snapshot = replace(self._snapshot(sent, deadline, failures), settled=True)
        if failures:
            return None, failures[0]
        found = infer_outcome(sent, snapshot)
        if not confirm.accepted:
            return (confirm, "") if found is Outcome.NOT_PLACED else (None, _ANOTHERS)
        if not sent.earlier_known:
            return (found, "") if isinstance(found, Confirm) else (None, _ANOTHERS)
        if found is Outcome.NOT_PLACED or is_rejected_for_another(act, snapshot):
            return None, _ANOTHERS
        if not isinstance(found, Confirm) and not _is_gone(sent, snapshot):
            return None, _ANOTHERS
        if not level_is_known(act, snapshot):
            # Ours is one of several alike: that it was done is certain, at which level is not.
            return replace(confirm, level=None, profit=None, date=None), ""
        return confirm, ""

    def _snapshot(self, sent: SentDeal, deadline: Deadline, failures: list[str]) -> Snapshot:
        """Read what may tell what became of a deal; the history last, since it keeps every deal."""
        both = _read(partial(self._reader.positions_at, deadline), failures)
        of_position = sent.act is not None and not isinstance(sent.request, (OrderCancel, OrderChange))
        orders = [] if of_position else _read(partial(self._reader.orders, deadline), failures)
        activities = _read(partial(self._reader.activities, sent.sent_at, deadline), failures)
        snapshot = Snapshot(both and both[0], orders, activities)
        if sent.act is None:
            return snapshot
        at = (both and both[1]) or self._clock.now()
        since = at - timedelta(seconds=self._clock.monotonic() - self._began) - _BEFOREHAND
        own = self._ledger.view(since, sent.number, sent.act)
        if activities is not None and others_deal(activities, own):
            with self._lock:
                self._others = True
        return replace(snapshot, own=own)

    def _is_alone(self, request: DealRequest) -> bool:
        """Whether nobody else is known to deal here: this client opened what is acted on, and saw no other program."""
        if isinstance(request, NewDeal):
            return True
        with self._lock:
            if self._others:
                return False
        if isinstance(request, (OrderCancel, OrderChange)):
            deal_id = request.deal_id if isinstance(request, OrderCancel) else request.before.deal_id
            return self._ledger.reference_of(deal_id) is not None
        return self._ledger.is_own(request.before.deal_reference)

    def _doubt(self, sent: SentDeal, snapshot: Snapshot) -> str:
        others = snapshot.own is not None and others_deal(snapshot.activities or (), snapshot.own)
        return "another program deals on the account, and this may be its doing" if others and sent.act else ""

    def _settle(self, sent: SentDeal, confirm: Confirm, deadline: Deadline, *, shown: Confirm | None) -> Confirm:
        """Return an accepted confirm, raise a rejected one.

        Args:
            sent: The deal.
            confirm: The verdict.
            deadline: By when an explanation must be found.
            shown: What IG shows under the reference; ``None`` where the verdict was made from book and history, and the
                deal's own confirm may still come up.
        """
        self._remember(sent.deal_reference, shown)
        self._ledger.ended(sent.number, "accepted" if confirm.accepted else "rejected")
        if isinstance(sent.request, NewDeal) and confirm.accepted:
            self._ledger.opened(sent.deal_reference, confirm.deal_id)
        verdict = "accepted" if confirm.accepted else f"rejected, {confirm.reason}"
        _log.info("deal %s: %s, deal id %s", sent.deal_reference, verdict, confirm.deal_id)
        if confirm.accepted:
            return self._with_closing_id(sent.request, confirm)
        circumstances = self._reader.circumstances(sent.request, self._clock.now(), deadline.part(_EXPLANATION_S))
        raise DealRejected(message_for(confirm), confirm=confirm, hint=hint_for(confirm, circumstances))

    def _with_closing_id(self, request: DealRequest, confirm: Confirm) -> Confirm:
        """Return the confirm of a close so that it can be asked for the deal id of the close itself.

        A confirm names the opening deal; the id of the close is in the history only (REST.md section 6.1).
        """
        if not isinstance(request, PositionClose) or confirm.closing_deal_id is not None:
            return confirm
        if confirm.deal_id not in (None, request.before.deal_id):
            # Another deal than the opening: the confirm names the close itself.
            return replace(confirm, _closing_id=confirm.deal_id)
        found = ClosingId(self._reader, request, confirm, clock=self._clock, closing=self._closing)
        return replace(confirm, _closing_id=found)

    def _remember(self, reference: str, confirm: Confirm | None) -> None:
        with self._lock:
            if confirm is None:
                self._latest.pop(reference, None)
                return
            self._latest[reference] = confirm
            self._latest.move_to_end(reference)
            if len(self._latest) > _REMEMBERED:
                self._latest.popitem(last=False)


def _read(what: Callable[[], ResultT], failures: list[str]) -> ResultT | None:
    """Return what was read; without it ``None``, and the reason among the failures."""
    try:
        return what()
    except IGError as error:
        failures.append(str(error))
        return None


def _agrees(sent: SentDeal, confirm: Confirm, found: Confirm) -> bool:
    """Whether IG's confirm tells of the same deal as book and history: then it says more, such as the profit."""
    if not confirm.accepted or not sent.earlier_known:
        return False
    return not isinstance(sent.request, PositionClose) or (found.level is not None and confirm.level == found.level)


def _is_gone(sent: SentDeal, snapshot: Snapshot) -> bool:
    """Whether exactly what was to be closed is gone, or the order, where the history may not show it yet."""
    if isinstance(sent.request, OrderCancel):
        return snapshot.order(sent.deal_id) is None
    if not isinstance(sent.request, PositionClose) or sent.request.before.size is None:
        return False
    position = snapshot.position(sent.deal_id)
    return (position.size if position else 0) == sent.request.before.size - sent.request.size
