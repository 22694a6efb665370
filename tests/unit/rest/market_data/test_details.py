"""Market replies as models, and snapshots as ticks."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ig_sdk import _json
from ig_sdk.rest.login.session_info import AccountSwitch, Login, SessionDetails
from ig_sdk.rest.market_data.details import MarketDetails
from ig_sdk.rest.markets import MarketSummary

UTC = timezone.utc
NOW = datetime(2025, 1, 8, 15, 4, 20, tzinfo=UTC)


def details(**snapshot: Any) -> MarketDetails:
    shot = {"bid": 1.1, "offer": 1.2, "marketStatus": "TRADEABLE", "updateTime": "15:04:18", **snapshot}
    return _json.decode(MarketDetails, _json.loads(json.dumps({"instrument": {"epic": "E.P.I.C"}, "snapshot": shot})))


@pytest.mark.shared
def test_all_samples_decode_and_leave_nothing_unknown(shared: Path) -> None:
    """Each recorded market and session reply is read whole: only known oddities stay in extra."""
    sprint = {"sprintMarketsMinimumExpiryTime", "sprintMarketsMaximumExpiryTime"}
    folder, seen = shared / "wire" / "samples", 0
    for file in sorted(folder.glob("market_v3__*.json")):
        market = _json.decode(MarketDetails, _json.loads(file.read_bytes()))
        assert set(market.instrument.extra) <= sprint
        assert market.dealing_rules is not None
        assert not market.extra | market.dealing_rules.extra | market.snapshot.extra
        assert market.tick(NOW) is not None
        seen += 1
    for file in sorted(folder.glob("markets_v2__*.json")):
        rows = _json.loads(file.read_bytes())["marketDetails"]
        for market in _json.decode_list(MarketDetails, rows, path="marketDetails"):
            assert market.instrument.epic
            seen += 1
    for file in sorted(folder.glob("markets_search_v1__*.json")):
        for summary in _json.decode_list(MarketSummary, _json.loads(file.read_bytes())["markets"], path="markets"):
            assert summary.epic
            assert not summary.extra
            seen += 1
    for kind, pattern in ((Login, "post_v2"), (SessionDetails, "get_v1"), (AccountSwitch, "put_v1")):
        for file in sorted(folder.glob(f"session_{pattern}__*.json")):
            assert not _json.decode(kind, _json.loads(file.read_bytes())).extra
            seen += 1
    assert seen > 20


@pytest.mark.shared
def test_a_recorded_market(shared: Path) -> None:
    """Prices are floats, dealing figures are decimals, lists are tuples."""
    market = _json.decode(
        MarketDetails, _json.loads((shared / "wire/samples/market_v3__carbon_future.json").read_bytes())
    )
    assert market.dealing_rules is not None
    assert market.dealing_rules.min_deal_size is not None
    assert market.dealing_rules.min_deal_size.value == Decimal("0.25")
    assert market.snapshot.bid == 8933.0
    assert isinstance(market.snapshot.bid, float)
    assert market.instrument.currencies[0].base_exchange_rate == Decimal("1.195885")
    assert market.instrument.margin_deposit_bands[-1].max is None
    assert market.instrument.opening_hours is not None
    assert market.instrument.opening_hours.market_times[0].open_time == "07:00"
    assert market.instrument.contract_size is None


@pytest.mark.shared
def test_a_recorded_login(shared: Path) -> None:
    """Accounts, currency and stream address come from the login's body."""
    login = _json.decode(Login, _json.loads((shared / "wire/samples/session_post_v2__spreadbet_gbp.json").read_bytes()))
    assert [account.account_id for account in login.accounts] == ["ABC123", "XYZ987"]
    assert (login.currency_iso_code, login.current_account_id) == ("GBP", "ABC123")
    assert login.lightstreamer_endpoint == "https://demo-apd.marketdatasystems.com"
    assert login.account_info is not None
    assert login.account_info.balance == Decimal("1000.0")


def test_an_empty_reply_is_a_market_without_anything() -> None:
    """Null and missing parts leave a model that can be asked."""
    empty = {"instrument": None, "dealingRules": None, "snapshot": None}
    assert _json.decode(MarketDetails, empty) == _json.decode(MarketDetails, {})
    assert _json.decode(MarketDetails, {}).tick(NOW) is None


def test_a_snapshot_becomes_a_tick_as_it_is() -> None:
    """Prices are not scaled, a crossed quote is passed on, the source is polling."""
    tick = details(bid=12801.2, offer=12800.1, delayTime=15).tick(NOW)
    assert tick is not None
    assert (tick.epic, tick.bid, tick.offer, tick.source) == ("E.P.I.C", 12801.2, 12800.1, "poll")
    assert (tick.delayed, tick.status, tick.received_at) == (True, "TRADEABLE", NOW)
    assert details(bid=None).tick(NOW) is None
    assert details(offer=None).tick(NOW) is None


@pytest.mark.parametrize(
    ("snapshot", "offset", "moment"),
    [
        ({}, None, NOW - timedelta(seconds=2)),
        ({"updateTime": "16:04:18"}, 1.0, NOW - timedelta(seconds=2)),
        ({"updateTime": "20:34:18"}, 5.5, NOW - timedelta(seconds=2)),
        ({"updateTime": "16:04:18", "updateTimeUTC": "15:04:17"}, 3.0, NOW - timedelta(seconds=3)),
        ({"updateTime": "15:05:10"}, 0.0, NOW + timedelta(seconds=50)),
        ({"updateTime": "22:00:00", "marketStatus": "CLOSED"}, 0.0, datetime(2025, 1, 7, 22, tzinfo=UTC)),
        ({"updateTime": "00:30:00", "marketStatus": "CLOSED"}, 10.0, datetime(2025, 1, 8, 14, 30, tzinfo=UTC)),
        # an hour ahead: the login's offset ignores summer time, so the text says nothing
        ({"updateTime": "16:04:18"}, 0.0, NOW),
        ({"updateTime": "-3600000"}, 0.0, NOW),
        ({"updateTime": "25:00:00"}, 0.0, NOW),
        ({"updateTime": None}, 0.0, NOW),
        ({"updateTime": "15:04:18"}, 1e9, NOW),
    ],
)
def test_when_a_price_was_made(snapshot: dict[str, Any], offset: float | None, moment: datetime) -> None:
    """The time of day becomes the latest such moment, or the arrival where it cannot be right."""
    tick = details(**snapshot).tick(NOW, timezone_offset=offset)
    assert tick is not None
    assert tick.time == moment


def test_midnight() -> None:
    """A price from before midnight that arrives after it is yesterday's; the reverse is not a day old."""
    after = datetime(2025, 1, 8, 0, 0, 10, tzinfo=UTC)
    tick = details(updateTime="23:59:50").tick(after)
    assert tick is not None
    assert tick.time == after - timedelta(seconds=20)
    before = datetime(2025, 1, 7, 23, 59, 50, tzinfo=UTC)
    tick = details(updateTime="00:00:10").tick(before)
    assert tick is not None
    assert tick.time == before + timedelta(seconds=20)
