"""What it costs to keep a position overnight.

Source:
    REST.md section 6.4: 22:00 London, FX three days on Wednesday; rows of type WITH and DEPO. The rates are a choice of
    this simulator [inf].
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from ig_sdk.simulator.broker.account import Account
from ig_sdk.simulator.broker.book import Book
from ig_sdk.simulator.reference.hours import Hours
from ig_sdk.types import Direction

# A minute from 22:00 on, each day of London's week.
_CHARGED = Hours(tuple((day * 1440 + 22 * 60, day * 1440 + 22 * 60 + 1) for day in range(7)))
_FUNDED = {"-", "DFB"}

# Of the value, a year: what is borrowed costs more than what is lent brings.
_LONG_PCT = Decimal("4.8")
_SHORT_PCT = Decimal("3.2")
_YEAR_DAYS = 365
_WEDNESDAY, _FRIDAY, _SATURDAY = 2, 4, 5


def next_funding(after: datetime) -> datetime:
    """Return the next 22:00 in London after a time, aware UTC."""
    charged = _CHARGED.next_open(after.replace(second=0, microsecond=0))
    return charged if charged > after else _CHARGED.next_open(charged + timedelta(minutes=1))


def nights(at: datetime, kind: str) -> int:
    """Return for how many nights a position of an instrument type is charged at 22:00 London of a day."""
    # 22:00 in London is the same day in UTC, summer and winter.
    day = at.weekday()
    if day >= _SATURDAY:
        return 0
    return 3 if day == (_WEDNESDAY if kind == "CURRENCIES" else _FRIDAY) else 1


def charge_funding(book: Book, account: Account) -> None:
    """Book a night's funding of every position that does not expire, at the prices of now."""
    for position in list(account.positions.values()):
        terms = book.markets[position.epic]
        if position.expiry not in _FUNDED:
            continue
        value = position.size * terms.multiplier * book.quote(position.epic).mid
        rate = -_LONG_PCT if position.direction is Direction.BUY else _SHORT_PCT
        interest = value * rate / 100 * nights(book.now, terms.kind) / _YEAR_DAYS
        amount = interest * book.rate(position.currency, account)
        book.pay(account, amount, terms, f"{terms.name} overnight funding")
