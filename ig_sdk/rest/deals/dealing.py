"""Sends a deal once, and finds out its outcome."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

from ig_sdk import logs
from ig_sdk.clock import Clock
from ig_sdk.config import IGConfig
from ig_sdk.errors import (
    APIError,
    DealRejected,
    DealUncertain,
    DecodeError,
    IGError,
    InvalidDeal,
    TransportError,
    UsageError,
)
from ig_sdk.rest.deals.changes import OrderCancel, PositionClose
from ig_sdk.rest.deals.checks import exact, order_faults, position_faults
from ig_sdk.rest.deals.closing_id import ClosingId
from ig_sdk.rest.deals.confirm_reader import GET as CONFIRM
from ig_sdk.rest.deals.confirm_reader import WAIT_S, ConfirmReader
from ig_sdk.rest.deals.new import DealT, KnownMarket, NewDeal, NewOrder, NewPosition, completed
from ig_sdk.rest.deals.reader import DealReader
from ig_sdk.rest.deals.reasons import hint_for, message_for
from ig_sdk.rest.deals.verdicts import (
    DealRequest,
    Outcome,
    SentDeal,
    Snapshot,
    infer_outcome,
    is_had_already,
    is_verdict,
    may_look_done,
)
from ig_sdk.rest.http.deadline import Deadline
from ig_sdk.rest.http.endpoint import Endpoint
from ig_sdk.rest.login.auth import Auth
from ig_sdk.rest.market_data.details import MarketDetails
from ig_sdk.types import Confirm

# IG shows a deal within milliseconds (REST.md section 6.1), and clients stop asking after a few seconds. A request that
# was still on its way when the connection broke has arrived by then.
_SETTLED_S = 4.0
_LOOK_PAUSE_S, _LATER_PAUSE_S = 2.0, 4.0
# What may be spent on an explanation: the outcome itself is known.
_EXPLANATION_S = 5.0
_REMEMBERED = 1000
# For reading an earlier confirm before a deal is sent: the deal must not wait long for it.
_BEFORE_S = 2.0
# How IG refuses a close that was sent again after the first copy had been taken.
_NO_POSITION = "unable to aggregate close positions - no compatible position found"

ResultT = TypeVar("ResultT")
_log = logs.get_logger("rest")


class Dealing:
    """What positions and orders share: permission to deal, sending once, the verdict, and the search for a lost one.

    Args:
        auth: Carries the calls.
        confirms: Reads the verdicts.
        config: Whether it may deal with live money.
        clock: Measures and waits.
        closing: Set when the client closes.

    Threading:
        Safe from any thread. The lock guards the remembered confirms only.
    """

    def __init__(
        self, auth: Auth, confirms: ConfirmReader, config: IGConfig, *, clock: Clock, closing: threading.Event
    ) -> None:
        self._auth = auth
        self._confirms = confirms
        self._config = config
        self.reader = DealReader(auth)
        self._clock = clock
        self._closing = closing
        self._lock = threading.Lock()
        self._verdicts: OrderedDict[str, Confirm] = OrderedDict()  # the last one of each reference
        self._under_way: set[str] = set()  # references of new deals that are being sent

    def begin(self, timeout: float | None) -> Deadline:
        """Return the time of a new dealing call, if this client may deal at all.

        Raises:
            UsageError: It would deal with live money, and has not been given both permissions. Nothing was sent.
        """
        # The configuration takes the live service's address with the environment "live" only.
        if self._config.environment == "live" and not self._config.allow_live_dealing:
            raise UsageError(
                "dealing with live money is not allowed; nothing was sent",
                hint="it takes both environment='live' and allow_live_dealing=True",
            )
        return self._auth.deadline(timeout)

    def checked_position(self, deal: NewPosition, deadline: Deadline, known: KnownMarket | None = None) -> NewPosition:
        """Return a deal completed from the market's details, if IG would take it.

        Args:
            deal: The deal.
            deadline: By when it must end.
            known: The market's details where the caller has them; they are read unless they are fresh.

        Raises:
            InvalidDeal: IG would not; every fault is named.
            IGError: The details could not be read.
        """
        deal, market = self._completed(deal, deadline, known)
        refuse(position_faults(deal, market), deal.deal_reference)
        return deal

    def checked_order(self, deal: NewOrder, deadline: Deadline, known: KnownMarket | None = None) -> NewOrder:
        """Return an order completed from the market's details, if IG would take it; see ``checked_position``."""
        deal, market = self._completed(deal, deadline, known)
        refuse(order_faults(deal, market, self._clock.now()), deal.deal_reference)
        return deal.in_points(exact(market.snapshot.scaling_factor))

    def _completed(self, deal: DealT, deadline: Deadline, known: KnownMarket | None) -> tuple[DealT, MarketDetails]:
        currency = self._auth.login(deadline).currency_iso_code
        market = known and known.rules(deal.epic, self._auth.account_id, self._clock.monotonic())
        market = market or self.reader.market(deal.epic, deadline)
        return completed(deal, market.instrument, currency), market

    @logs.correlation()  # one id for the request and for the search for its verdict
    def send(
        self,
        endpoint: Endpoint,
        request: DealRequest,
        deadline: Deadline,
        *,
        body: Mapping[str, object] | None = None,
        parts: Mapping[str, str] | None = None,
    ) -> Confirm:
        """Send a deal, once, and return the confirm of its acceptance.

        Args:
            endpoint: Where to send it.
            request: The deal.
            deadline: By when sending and confirming must end.
            body: Its JSON.
            parts: Variable parts of the path.

        Raises:
            InvalidDeal: Another deal with its reference is on its way.
            DealRejected: IG's engine rejected it.
            DealUncertain: It may have been taken.
            IGError: It was not taken: it never left, or IG refused it.
        """
        # A login that failed later would look like a deal that failed.
        generation = self._auth.stamp(deadline).generation
        reference, own = _reference(request)
        with self._alone(request):
            earlier = self._earlier(request, reference, deadline)
            sent = SentDeal(request, reference or "", self._clock.now(), own, earlier, self._auth.account_id)
            _log.info("%s %s: deal reference %s", endpoint.method, endpoint.path, reference or "chosen by IG")
            failure: IGError | None = None
            data: object = None
            try:
                data = self._auth.call(endpoint, deadline, parts=parts, body=body).data
            except IGError as error:
                failure = error
            sent = self._as_sent(sent, generation)
            if failure is not None:
                path = endpoint.path_for(dict(parts or {}))
                if not _may_be_taken(failure, path, endpoint.path) and not _was_closed_before(sent, failure):
                    raise failure
                raise self._uncertain(sent, str(failure)) from failure
            given = _usable(data.get("dealReference") if isinstance(data, Mapping) else None)
            if given is not None and given != reference:
                # IG made another reference for this request; an order's own reference is not known to us.
                own = own or reference is not None
                sent = replace(sent, deal_reference=given, own=own, earlier=self._remembered(given))
            return self._verdict(sent, deadline)

    @contextlib.contextmanager
    def _alone(self, request: DealRequest) -> Iterator[None]:
        """Refuse a new deal while another one with its reference is being sent: they would share a verdict."""
        reference = request.deal_reference if isinstance(request, NewDeal) else ""
        with self._lock:
            taken = reference in self._under_way
            if reference and not taken:
                self._under_way.add(reference)
        if taken:
            raise InvalidDeal(["deal_reference: another deal with it is on its way"], deal_reference=reference)
        try:
            yield
        finally:
            with self._lock:
                self._under_way.discard(reference)

    def _earlier(self, request: DealRequest, reference: str | None, deadline: Deadline) -> Confirm | None:
        """Return the confirm that IG already has under a reference, where it might be mistaken for the deal's own."""
        if isinstance(request, NewDeal):
            return self._remembered(reference)
        with self._lock:
            # Stored again with the outcome of this deal: until that is known, the latest confirm is not known either.
            known = self._verdicts.pop(reference or "", None)
        if known is not None or reference is None or not may_look_done(request):
            return known
        try:
            return self._confirms.find(reference, deadline.part(_BEFORE_S))
        except IGError as error:
            _log.info("whether %s has a confirm already is not known: %s", reference, error)
            return None

    def _as_sent(self, sent: SentDeal, generation: int) -> SentDeal:
        """Return the deal with what is known after sending: the account, and whether it may have been sent twice."""
        same = self._auth.account_id in (sent.account_id, None)
        repeated = self._auth.generation != generation
        return replace(sent, account_id=sent.account_id if same else None, repeated=repeated)

    def _verdict(self, sent: SentDeal, deadline: Deadline) -> Confirm:
        confirm, why = self._confirms.watch(sent.deal_reference, deadline.part(WAIT_S), partial(is_verdict, sent))
        if confirm is None:
            raise self._uncertain(sent, f"IG took the request, but gave no verdict: {why}")
        if is_had_already(sent, confirm):
            # The confirm of the first copy is lost.
            raise self._uncertain(replace(sent, earlier=confirm), "IG says that it has this deal already")
        return self._settle(sent, confirm, deadline)

    def _settle(self, sent: SentDeal, confirm: Confirm, deadline: Deadline) -> Confirm:
        """Return an accepted confirm, raise a rejected one."""
        self._remember(sent.deal_reference, confirm)
        verdict = "accepted" if confirm.accepted else f"rejected, {confirm.reason}"
        _log.info("deal %s: %s, deal id %s", sent.deal_reference, verdict, confirm.deal_id)
        if confirm.accepted:
            return self._with_closing_id(sent.request, confirm)
        circumstances = self.reader.circumstances(sent.request, self._clock.now(), deadline.part(_EXPLANATION_S))
        raise DealRejected(message_for(confirm), confirm=confirm, hint=hint_for(confirm, circumstances))

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
            found, why = self._look(sent, deadline, settled=settles_in <= 0)
            if isinstance(found, Confirm):
                return self._settle(sent, found, deadline)
            if found is Outcome.NOT_PLACED:
                return None
            pause = min(_LOOK_PAUSE_S, settles_in) if settles_in > 0 else _LATER_PAUSE_S
            if pause >= deadline.left_s or self._clock.wait(self._closing, pause):
                raise self._uncertain(sent, why, ended_at)

    def _look(self, sent: SentDeal, deadline: Deadline, *, settled: bool) -> tuple[Confirm | Outcome, str]:
        """Look once: in the confirms, then among positions and orders, then in the history."""
        why = "IG shows nothing of it, which may be too early to say" if not settled else "IG shows nothing certain"
        failures: list[str] = []

        def read(what: Callable[[], ResultT]) -> ResultT | None:
            try:
                return what()
            except IGError as error:
                failures.append(str(error))
                return None

        if sent.deal_reference:
            confirm = read(partial(self._confirms.find, sent.deal_reference, deadline))
            if confirm is not None and is_verdict(sent, confirm) and not is_had_already(sent, confirm):
                return confirm, ""
        snapshot = Snapshot(
            read(partial(self.reader.positions, deadline)),
            read(partial(self.reader.orders, deadline)),
            read(partial(self.reader.activities, sent.sent_at, deadline)),
            settled and not failures,
        )
        if sent.account_id is None or sent.account_id != self._auth.account_id:
            # A deal that this account does not show may be on the other one.
            snapshot = replace(snapshot, settled=False)
            failures.append(f"it was sent on account {sent.account_id or '(not certain)'}, which is not the one in use")
        return infer_outcome(sent, snapshot), "; ".join(failures) or why

    def _with_closing_id(self, request: DealRequest, confirm: Confirm) -> Confirm:
        """Return the confirm of a close so that it can be asked for the deal id of the close itself.

        A confirm names the opening deal; the id of the close is in the history only (REST.md section 6.1).
        """
        if not isinstance(request, PositionClose) or confirm.closing_deal_id is not None:
            return confirm
        if confirm.deal_id not in (None, request.before.deal_id):
            # Another deal than the opening: the confirm names the close itself.
            return replace(confirm, _closing_id=confirm.deal_id)
        found = ClosingId(self.reader, request, confirm, clock=self._clock, closing=self._closing)
        return replace(confirm, _closing_id=found)

    def _remembered(self, reference: str | None) -> Confirm | None:
        with self._lock:
            return self._verdicts.get(reference or "")

    def _remember(self, reference: str, confirm: Confirm) -> None:
        with self._lock:
            self._verdicts[reference] = confirm
            self._verdicts.move_to_end(reference)
            if len(self._verdicts) > _REMEMBERED:
                self._verdicts.popitem(last=False)


def refuse(faults: Sequence[str], deal_reference: str | None) -> None:
    """Raise for a deal that IG would not take.

    Raises:
        InvalidDeal: There are faults.
    """
    if faults:
        raise InvalidDeal(faults, deal_reference=deal_reference or "")


def _reference(request: DealRequest) -> tuple[str | None, bool]:
    """Return the reference of the expected verdict, and whether it was made for this request alone."""
    if isinstance(request, NewDeal):
        return request.deal_reference, True
    return None if isinstance(request, OrderCancel) else _usable(request.before.deal_reference), False


def _usable(reference: object) -> str | None:
    """Return IG's reference, if its confirm can be requested."""
    if not isinstance(reference, str):
        return None
    try:
        CONFIRM.path_for({"dealReference": reference})
    except ValueError:
        return None
    return reference


def _was_closed_before(sent: SentDeal, error: IGError) -> bool:
    """Whether a repeated close may have found nothing to close because its first copy was taken."""
    return sent.repeated and isinstance(sent.request, PositionClose) and getattr(error, "code", "") == _NO_POSITION


def _may_be_taken(error: IGError, path: str, pattern: str) -> bool:
    """Whether a deal may have been taken although its request ended in an error.

    An error of another path comes from a login: that happens only before the deal was sent, or after IG refused it for
    its token. A status of 4xx is a refusal; any other than success proves nothing.
    """
    if isinstance(error, TransportError):
        return error.sent == "maybe" and (not error.path or error.path.endswith(path))
    if isinstance(error, APIError):
        return error.path.endswith(path) and (error.status == 408 or not 400 <= error.status < 500)
    return isinstance(error, DecodeError) and error.path in ("", pattern)
