"""Sends a deal once, and finds out its outcome."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ig_sdk import logs
from ig_sdk.clock import Clock
from ig_sdk.config import IGConfig
from ig_sdk.errors import (
    APIError,
    DecodeError,
    IGError,
    InvalidDeal,
    NotFound,
    TransportError,
    UsageError,
)
from ig_sdk.rest.deals.changes import OrderCancel, PositionClose
from ig_sdk.rest.deals.checks import account_fault, exact, is_for_another_account, order_faults, position_faults
from ig_sdk.rest.deals.confirm_reader import GET as CONFIRM
from ig_sdk.rest.deals.confirm_reader import ConfirmReader
from ig_sdk.rest.deals.ledger import Ledger
from ig_sdk.rest.deals.new import DealT, KnownMarket, NewDeal, NewOrder, NewPosition, completed
from ig_sdk.rest.deals.open_deals import Position
from ig_sdk.rest.deals.outcomes import Outcomes
from ig_sdk.rest.deals.reader import DealReader
from ig_sdk.rest.deals.turns import Turns
from ig_sdk.rest.deals.verdicts import DealRequest, SentDeal, act_of
from ig_sdk.rest.http.deadline import Deadline
from ig_sdk.rest.http.endpoint import Endpoint
from ig_sdk.rest.login.account_markets import account_epic, account_type_of
from ig_sdk.rest.login.auth import Auth
from ig_sdk.rest.market_data.details import MarketDetails
from ig_sdk.types import Confirm

_BRIEFLY_S = 2.0  # for finding out what an unknown id is
# How IG refuses a close that was sent again after the first copy had been taken.
_NO_POSITION = "unable to aggregate close positions - no compatible position found"

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
        Safe from any thread. The lock guards the references under way only.
    """

    def __init__(
        self, auth: Auth, confirms: ConfirmReader, config: IGConfig, *, clock: Clock, closing: threading.Event
    ) -> None:
        self._auth = auth
        self._config = config
        self.reader = DealReader(auth)
        self._clock = clock
        self._lock = threading.Lock()
        self._under_way: set[str] = set()  # references of new deals that are being sent
        self._turns = Turns(clock)
        self._ledger = Ledger()
        self._outcomes = Outcomes(
            auth, confirms, self.reader, turns=self._turns, ledger=self._ledger, clock=clock, closing=closing
        )

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
        deal = replace(deal, epic=self.epic_of(deal.epic, deadline))
        currency = self._auth.login(deadline).currency_iso_code
        market = known and known.rules(deal.epic, self._auth.account_id, self._clock.monotonic())
        market = market or self.reader.market(deal.epic, deadline)
        account_type = account_type_of(self._auth, deadline)
        if is_for_another_account(market, account_type):
            fitting = self.reader.fitting_epics(deal.epic, market, account_type or "", deadline)
            refuse([account_fault(deal.epic, account_type or "", fitting)], deal.deal_reference)
        return completed(deal, market.instrument, currency), market

    def epic_of(self, market: str, deadline: Deadline) -> str:
        """Return the epic of a market, which may be one of the five pairs by name, on the account in use."""
        return account_epic(self._auth, market, deadline)

    def turn(self, deal_id: str, deadline: Deadline) -> contextlib.AbstractContextManager[bool]:
        """Hold the turn of one position or order: this client's deals on it come one after the other.

        Yields whether it had to be waited for: what was read before may be old then.

        Raises:
            RequestTimeout: It did not come in time; nothing was sent.
            UsageError: The client was closed; nothing was sent.
        """
        return self._turns.of(deal_id, deadline)

    def position(self, deal_id: str, deadline: Deadline, instead: str) -> Position:
        """Return the position that is to be dealt on.

        Args:
            deal_id: The position.
            deadline: By when it must be read.
            instead: What does the same to a working order, for somebody who gave the id of one.

        Raises:
            NotFound: There is none; nothing was sent.
            IGError: It could not be read; nothing was sent.
        """
        try:
            return self.reader.position(deal_id, deadline)
        except NotFound as error:
            with contextlib.suppress(IGError):
                if any(each.deal_id == deal_id for each in self.reader.orders(deadline.part(_BRIEFLY_S))):
                    error.hint = f"{deal_id} is a working order, not a position: use {instead}"
            raise

    def close(self) -> None:
        """Wake the deals that wait for their turn; they send nothing."""
        self._turns.close()

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

        A deal on a position or an order is sent inside its ``turn``.

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
        with self._alone(request):
            sent = self._prepared(request, deadline)
            _log.info("%s %s: deal reference %s", endpoint.method, endpoint.path, sent.deal_reference or "chosen by IG")
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
                    self._ledger.never_was(sent.number)
                    raise failure
                raise self._outcomes.lost(sent, str(failure), deadline) from failure
            return self._answered(sent, data, deadline)

    def _prepared(self, request: DealRequest, deadline: Deadline) -> SentDeal:
        """Return a deal that is about to leave, with what is known before."""
        reference, own = self._reference(request)
        earlier, known = self._outcomes.earlier(request, reference, deadline)
        act = act_of(request)
        if act is None:
            self._ledger.sends_new(reference or "")
        return SentDeal(
            request,
            reference or "",
            self._clock.now(),
            own,
            earlier,
            self._auth.account_id,
            earlier_known=known,
            number=None if act is None else self._ledger.sends(act),
        )

    def _answered(self, sent: SentDeal, data: object, deadline: Deadline) -> Confirm:
        """Return the verdict on a deal that was answered with success."""
        given = _usable(data.get("dealReference") if isinstance(data, Mapping) else None)
        if isinstance(sent.request, NewDeal):
            # Its verdict comes under the reference that it was sent with, whatever the answer says.
            return self._outcomes.verdict(replace(sent, acknowledged=given == sent.deal_reference), deadline)
        if given is None:
            raise self._outcomes.lost(sent, "IG's answer names no deal reference", deadline)
        if given != sent.deal_reference:
            # IG made another reference for this request; an order's own reference is not known to us.
            own = sent.own or sent.deal_reference != ""
            sent = replace(sent, deal_reference=given, own=own, earlier=self._outcomes.remembered(given))
        return self._outcomes.verdict(replace(sent, acknowledged=True), deadline)

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

    def _as_sent(self, sent: SentDeal, generation: int) -> SentDeal:
        """Return the deal with what is known after sending: the account, and whether it may have been sent twice."""
        same = self._auth.account_id in (sent.account_id, None)
        repeated = self._auth.generation != generation
        return replace(sent, account_id=sent.account_id if same else None, repeated=repeated)

    def _reference(self, request: DealRequest) -> tuple[str | None, bool]:
        """Return the reference of the expected verdict, and whether it was made for this request alone."""
        if isinstance(request, NewDeal):
            return request.deal_reference, True
        if isinstance(request, OrderCancel):
            return None, False
        return _usable(request.before.deal_reference), False


def refuse(faults: Sequence[str], deal_reference: str | None) -> None:
    """Raise for a deal that IG would not take.

    Raises:
        InvalidDeal: There are faults.
    """
    if faults:
        raise InvalidDeal(faults, deal_reference=deal_reference or "")


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
