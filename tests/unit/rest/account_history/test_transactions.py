"""``ig.history.transactions``: typed, exact amounts, all pages."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ig_sdk.client import IGClient
from ig_sdk.clock import ManualClock
from ig_sdk.config import IGConfig
from ig_sdk.errors import DecodeError
from ig_sdk.rest.account_history.amounts import read_amount
from ig_sdk.rest.account_history.transactions import Transactions, decode_transactions
from ig_sdk.rest.http.transport import Request, Response, Timeout

NOW = dt.datetime(2025, 1, 6, 12, 0, 30, tzinfo=dt.timezone.utc)


class Ledger:
    """IG's numbered pages on a transport."""

    def __init__(self) -> None:
        self.pages: list[dict[str, object]] = []
        self.queries: list[dict[str, str]] = []

    def send(self, request: Request, *, timeout: Timeout) -> Response:
        parts = urlsplit(request.url)
        if parts.path.endswith("/session"):
            body = {"currentAccountId": "ABC12", "accounts": [{"accountId": "ABC12"}]}
            return Response(200, {"cst": "c" * 20, "x-security-token": "x" * 20}, json.dumps(body).encode())
        if not parts.path.endswith("/history/transactions"):
            return Response(404, {}, b'{"errorCode": "invalid.url"}')
        assert request.headers["VERSION"] == "2"
        self.queries.append({name: values[0] for name, values in parse_qs(parts.query).items()})
        return Response(200, {}, json.dumps(self.pages[len(self.queries) - 1]).encode())

    def abort(self) -> None:
        pass

    def close(self) -> None:
        pass


def page(number: int, pages: object, *references: str) -> dict[str, object]:
    told = {"pageNumber": number, "pageSize": 500, "totalPages": pages}
    return {
        "transactions": [{"reference": reference} for reference in references],
        "metadata": {"size": len(references), "pageData": told},
    }


@pytest.fixture
def ledger() -> Ledger:
    """IG."""
    return Ledger()


@pytest.fixture
def ig(ledger: Ledger) -> Iterator[IGClient]:
    """A client of it."""
    config = IGConfig(api_key="canarykey", identifier="canaryuser", password="canarypass", history={"cache": "none"})
    with IGClient(config, clock=ManualClock(NOW), transport=ledger) as client:
        yield client


def test_recorded_reply(shared: Path) -> None:
    """The recorded reply is read whole: amounts exact, what is none None with its text kept, times in UTC."""
    data = json.loads((shared / "wire/samples/transactions_v2__trade_and_interest.json").read_text(encoding="utf-8"))
    trade, interest = decode_transactions(data)
    assert (trade.profit_and_loss, trade.profit_and_loss_text, trade.currency) == (Decimal("-63.80"), "E-63.80", "E")
    assert str(trade.profit_and_loss) == "-63.80"
    assert (trade.size, trade.open_level, trade.close_level) == (
        Decimal("0.20"),
        Decimal("31897.1"),
        Decimal("31578.1"),
    )
    assert trade.date == dt.date(2021, 1, 28)
    assert trade.date_utc == dt.datetime(2021, 1, 28, 6, 55, 35, tzinfo=dt.timezone.utc)
    assert trade.open_date_utc == dt.datetime(2021, 1, 28, 6, 13, 45, tzinfo=dt.timezone.utc)
    assert (trade.cash_transaction, trade.extra) == (False, {})
    assert (interest.size, interest.open_level, interest.close_level) == (None, None, Decimal(0))
    assert interest.extra == {"openLevel": "-", "size": "-"}


def test_version_1() -> None:
    """A row of version 1 has no time in UTC, and is read all the same; its date is kept as it came."""
    (row,) = decode_transactions(
        {"transactions": [{"date": "28-Jan-2021", "profitAndLoss": "£1,234.50", "size": "+1"}]}
    )
    assert (row.profit_and_loss, row.size, row.date_utc) == (Decimal("1234.50"), Decimal(1), None)
    assert (row.date, row.extra) == (None, {"date": "28-Jan-2021"})


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("E-14.00", "-14.00"),
        ("£1,234.5", "1234.5"),
        ("$-1,234,567.89", "-1234567.89"),
        ("-£12.50", "-12.50"),
        ("A$0.10", "0.10"),
        ("SFr -3", "-3"),
        ("\N{EURO SIGN}\N{MINUS SIGN}5", "-5"),
        ("+0.20", "0.20"),
        (" 31578.1 ", "31578.1"),
        ("0", "0"),
        (".5", "0.5"),
        ("1234567", "1234567"),
    ],
)
def test_amounts(text: str, amount: str) -> None:
    """Currency, sign, groups of thousands and digits, in the orders in which they occur."""
    assert str(read_amount(text)) == amount


@pytest.mark.parametrize(
    "text",
    ["-", "", "E", "--5", "-E-5", "1,5", "1.234,56", "12,34.5", "1 000", "5%", "(5.00)", "5E", "1e5", "NaN", "E" * 5 + "1",
     "١٢", "0x10", "9" * 50, None, 5, Decimal(5)],
)  # fmt: skip
def test_no_amounts(text: object) -> None:
    """Whatever could mean two things, or nothing, is no amount: nothing is guessed."""
    assert read_amount(text) is None


@given(st.decimals(-(10**9), 10**9, allow_nan=False, places=2), st.sampled_from(["", "E", "$", "£", "SFr", "A$"]))
def test_written_amounts_come_back(amount: Decimal, currency: str) -> None:
    """However large, with the currency before the sign and with groups, an amount is read exactly."""
    assert read_amount(f"{currency}{amount:f}") == amount
    assert read_amount(f"{currency}{amount:,f}") == amount


@given(st.text(max_size=50))
def test_any_text(text: str) -> None:
    """No text is more than an amount or none."""
    amount = read_amount(text)
    assert amount is None or amount.is_finite()


def test_pages(ig: IGClient, ledger: Ledger) -> None:
    """Numbered pages are followed to the last, each asked for once."""
    ledger.pages = [page(1, 3, "A", "B"), page(2, 3, "C"), page(3, 3, "D")]
    found = ig.history.transactions(start="2025-01-01", end="2025-01-03", kind="all_deal")
    assert isinstance(found, Transactions)
    assert [row.reference for row in found] == ["A", "B", "C", "D"]
    assert [query["pageNumber"] for query in ledger.queries] == ["1", "2", "3"]
    assert ledger.queries[0] == {
        "from": "2025-01-01T00:00:00",
        "to": "2025-01-02T23:59:59",
        "type": "ALL_DEAL",
        "pageSize": "500",
        "pageNumber": "1",
    }


def test_pages_are_asked_for_as_they_are_needed(ig: IGClient, ledger: Ledger) -> None:
    """The iterator sends nothing before it is read, and one request a page."""
    ledger.pages = [page(1, 2, "A"), page(2, 2, "B")]
    rows = ig.history.iterate_transactions()
    assert ledger.queries == []
    next(rows)
    assert len(ledger.queries) == 1
    assert [row.reference for row in rows] == ["B"]


@pytest.mark.parametrize("pages", [None, "many", 0, 1, True])
def test_odd_page_counts(ig: IGClient, ledger: Ledger, pages: object) -> None:
    """Without a usable number of pages, one that is not full is the last."""
    ledger.pages = [page(1, pages, "A")]
    assert len(ig.history.transactions()) == 1


def test_pages_that_do_not_move(ig: IGClient, ledger: Ledger) -> None:
    """A server that sends the first page for ever is an error; an empty page is the end."""
    ledger.pages = [page(1, 9, "A")] * 9
    with pytest.raises(DecodeError, match=r"page 1 came instead of 2|circles"):
        ig.history.transactions()
    ledger.pages, ledger.queries = [page(1, 9)], []
    assert ig.history.transactions() == []


@pytest.mark.parametrize("kind", ["TRADE", "", None])
def test_unknown_kinds(ig: IGClient, ledger: Ledger, kind: str) -> None:
    """A kind that IG does not know is refused before anything is sent."""
    with pytest.raises(ValueError, match="ALL_DEAL"):
        ig.history.transactions(kind=kind)
    assert ledger.queries == []


@pytest.mark.parametrize("data", [None, [], {}, {"transactions": "x"}])
def test_what_is_no_reply(data: object) -> None:
    """A reply without transactions is a DecodeError."""
    with pytest.raises(DecodeError):
        decode_transactions(data)
