"""What the broker keeps and reports: confirms, positions, orders, figures, histories."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from ig_sdk.simulator.broker.deals import WorkingOrderType
from ig_sdk.types import AffectedDeal, Direction

# Channels as the stream names them; the second is seen on everything that the broker does unasked (REST.md 6.3).
CLIENT_CHANNEL = "PublicRestOTC"
BROKER_CHANNEL = "OSAutoStopFill"


@dataclass(frozen=True, kw_only=True)
class Confirmation:
    """The engine's verdict on a request, as ``GET /confirms`` and the stream's CONFIRMS show it.

    Of a rejected one ``status``, ``expiry``, ``level``, ``size`` and all levels are ``None`` (REST.md section 6.1).

    Attributes:
        date: Aware UTC.
        deal_reference: Names the request; that of the opening deal when it closes or amends.
        deal_id: The position's or order's; that of the opening deal when it closes.
        deal_status: ``"ACCEPTED"`` or ``"REJECTED"``.
        reason: ``"SUCCESS"`` or why not.
        status: ``"OPEN"``, ``"AMENDED"``, ``"PARTIALLY_CLOSED"``, ``"CLOSED"``, ``"DELETED"``.
        affected: Deals it touched.
        profit: Of closes only, in ``profit_currency`` (the account's).
        channel: As the stream names it.
    """

    date: datetime
    deal_reference: str
    deal_id: str
    deal_status: str
    reason: str
    epic: str
    direction: Direction
    status: str | None = None
    expiry: str | None = None
    level: Decimal | None = None
    size: Decimal | None = None
    stop_level: Decimal | None = None
    limit_level: Decimal | None = None
    stop_distance: Decimal | None = None
    limit_distance: Decimal | None = None
    guaranteed_stop: bool = False
    trailing_stop: bool = False
    affected: tuple[AffectedDeal, ...] = ()
    profit: Decimal | None = None
    profit_currency: str | None = None
    channel: str = CLIENT_CHANNEL


@dataclass(frozen=True, kw_only=True)
class Position:
    """One open position.

    Attributes:
        deal_id: IG's id of the opening deal.
        deal_reference: Its reference.
        epic: Market.
        expiry: The instrument's.
        direction: Side.
        size: What is still open.
        level: Price at which it was opened.
        currency: In which it makes its profit.
        contract_size: The instrument's.
        opened_at: Aware UTC.
        stop_level: Level of its stop, if it has one.
        limit_level: Level of its limit, if it has one.
        guaranteed: The stop fills at exactly its level (``controlledRisk``).
        premium: Points that a guaranteed stop costs when it is triggered (``limitedRiskPremium``).
        trailing_distance: Distance of a trailing stop, in points.
        trailing_step: Points of one step, of a trailing stop.
        channel: What opened it.
    """

    deal_id: str
    deal_reference: str
    epic: str
    expiry: str
    direction: Direction
    size: Decimal
    level: Decimal
    currency: str
    contract_size: Decimal
    opened_at: datetime
    stop_level: Decimal | None = None
    limit_level: Decimal | None = None
    guaranteed: bool = False
    premium: Decimal | None = None
    trailing_distance: Decimal | None = None
    trailing_step: Decimal | None = None
    channel: str = CLIENT_CHANNEL


@dataclass(frozen=True, kw_only=True)
class Order:
    """One working order.

    Attributes:
        deal_id: IG's id, which the position keeps when the order is filled.
        deal_reference: Its reference, kept likewise.
        epic: Market.
        expiry: The instrument's.
        direction: Side.
        size: Contracts, or stake a point.
        level: Where it is triggered.
        kind: LIMIT or STOP.
        currency: Of the position that it opens.
        created_at: Aware UTC.
        good_till: When it lapses; ``None`` is GOOD_TILL_CANCELLED.
        force_open: False nets against opposing positions.
        stop_level: Stop of the position that it opens, as a price, if asked for as a price.
        stop_distance: The same in points; always there when there is a stop.
        limit_level: Limit of the position that it opens, as a price, if asked for as a price.
        limit_distance: The same in points; always there when there is a limit.
        guaranteed: That stop fills at exactly its level.
        premium: Points that a guaranteed stop costs when it is triggered (``limitedRiskPremium``).
    """

    deal_id: str
    deal_reference: str
    epic: str
    expiry: str
    direction: Direction
    size: Decimal
    level: Decimal
    kind: WorkingOrderType
    currency: str
    created_at: datetime
    good_till: datetime | None = None
    force_open: bool = True
    stop_level: Decimal | None = None
    stop_distance: Decimal | None = None
    limit_level: Decimal | None = None
    limit_distance: Decimal | None = None
    guaranteed: bool = False
    premium: Decimal | None = None

    @property
    def time_in_force(self) -> str:
        """IG's word for how long the order is valid."""
        return "GOOD_TILL_CANCELLED" if self.good_till is None else "GOOD_TILL_DATE"


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Money of one account, in its currency.

    Attributes:
        currency: The account's.
        balance: Deposits and everything realised (``FUNDS`` of the stream).
        profit_loss: Of open positions (``PNL``).
        guaranteed_profit_loss: Part of it on positions with a guaranteed stop (``PNL_LR``).
        deposit: Margin of open positions (``DEPOSIT``, ``MARGIN``).
        guaranteed_deposit: Part of it for positions with a guaranteed stop (``MARGIN_LR``).
    """

    currency: str
    balance: Decimal
    profit_loss: Decimal
    guaranteed_profit_loss: Decimal
    deposit: Decimal
    guaranteed_deposit: Decimal

    @property
    def equity(self) -> Decimal:
        """Balance and open profit (``EQUITY``)."""
        return self.balance + self.profit_loss

    @property
    def available(self) -> Decimal:
        """What may be dealt with (``AVAILABLE_TO_DEAL``, ``AVAILABLE_CASH``); negative when it is not enough."""
        return self.equity - self.deposit

    @property
    def equity_used(self) -> Decimal:
        """Margin in percent of the equity (``EQUITY_USED``), two places; 0 without margin, 100 without equity."""
        if not self.deposit:
            return Decimal("0.00")
        if self.equity <= 0:
            return Decimal("100.00")
        return (100 * self.deposit / self.equity).quantize(Decimal("0.01"))


@dataclass(frozen=True, kw_only=True)
class ActivityEntry:
    """One row of the activity history, with the details of v3.

    Attributes:
        activity_id: ``activityHistoryId`` of v1 and v2.
        at: Aware UTC.
        epic: Market.
        period: The instrument's expiry.
        deal_id: This deal's own id: a close has a fresh one (REST.md section 6.1 item 7).
        channel: ``"PUBLIC_WEB_API"``, ``"SYSTEM"``, ``"WEB"``, ...
        type: ``"POSITION"``, ``"WORKING_ORDER"``, ``"EDIT_STOP_AND_LIMIT"``, ``"SYSTEM"``.
        status: ``"ACCEPTED"`` or ``"REJECTED"``.
        description: For people; holds the last 8 characters of the affected deal id.
        market_name: Name of the instrument.
        deal_reference: ``None`` where IG has none.
        actions: Action type and affected deal id, in order.
    """

    activity_id: str
    at: datetime
    epic: str
    period: str
    deal_id: str
    channel: str
    type: str
    status: str
    description: str
    market_name: str
    deal_reference: str | None = None
    actions: tuple[tuple[str, str], ...] = ()
    good_till: datetime | None = None
    currency: str | None = None
    size: Decimal | None = None
    direction: Direction | None = None
    level: Decimal | None = None
    stop_level: Decimal | None = None
    stop_distance: Decimal | None = None
    guaranteed_stop: bool = False
    trailing_distance: Decimal | None = None
    trailing_step: Decimal | None = None
    limit_level: Decimal | None = None
    limit_distance: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class TransactionEntry:
    """One row of the transaction history.

    Attributes:
        at: Aware UTC.
        opened_at: When the position was opened; of other rows the same as ``at``.
        instrument_name: Name of the market, or what the row is.
        period: The instrument's expiry.
        profit: Money made, in ``currency``.
        currency: The account's.
        type: ``"TRADE"``, ``"DEPO"``, ``"WITH"``, ...
        reference: 8 characters, no id of anything else.
        open_level: ``None`` of rows that are no deal.
        close_level: ``None`` of rows that are no deal.
        size: Positive for a BUY position, negative for a SELL; ``None`` of rows that are no deal.
        cash: ``cashTransaction``.
    """

    at: datetime
    opened_at: datetime
    instrument_name: str
    period: str
    profit: Decimal
    currency: str
    type: str
    reference: str
    open_level: Decimal | None = None
    close_level: Decimal | None = None
    size: Decimal | None = None
    cash: bool = False


@dataclass(frozen=True, kw_only=True)
class RecentDeal:
    """One execution that still counts in the repeat dealing window (REST.md section 6.3).

    Attributes:
        epic: Market.
        currency: Of the deal.
        direction: Side.
        size: Contracts, or stake a point.
        expires_at: When it counts no longer, aware UTC.
    """

    epic: str
    currency: str
    direction: Direction
    size: Decimal
    expires_at: datetime
