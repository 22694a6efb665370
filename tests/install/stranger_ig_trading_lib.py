"""Drives ig-trading-lib through the jobs it is given; what each call returned goes to stdout as JSON lines."""

import itertools
import json
import queue
import sys
import threading
import time
from datetime import datetime, timedelta, timezone

import ig_trading_lib.core
from ig_trading_lib import IG, Environment, IGConfig, OAuthCredentials, SessionCredentials, StreamSubscription
from ig_trading_lib.errors import ResourceNotFoundError
from ig_trading_lib.operations import accounts as account_requests
from ig_trading_lib.operations import applications as application_requests
from ig_trading_lib.operations import dealing as deal_requests
from ig_trading_lib.operations import markets as market_requests
from ig_trading_lib.operations import session as session_requests
from ig_trading_lib.operations import watchlists as watchlist_requests

URL, KEY, USER, PASSWORD, ACCOUNT, EPIC, LOGIN, DAY, *JOBS = sys.argv[1:]
OTHER_ACCOUNT, GUARANTEED_EPIC = "XYZ987", "CS.D.GBPUSD.MINI.IP"
patience = threading.Event()
LONGEST_S = 20


def tell(kind, *values):
    print(json.dumps([kind, *values], default=str), flush=True)


def plain(value):
    if isinstance(value, tuple):
        return [plain(each) for each in value]
    return value.model_dump(mode="json", by_alias=True) if hasattr(value, "model_dump") else value


def show(name, call, *args, part=None, **options):
    """Tell what a call returned (or a part of it), or how it failed: the story goes on."""
    try:
        value = call(*args, **options)
        value = value if part is None else getattr(value, part)
    except Exception as error:  # noqa: BLE001 -- whatever it is, it is told
        tell("failed", name, f"{type(error).__name__}: {getattr(error, 'error_code', None) or error}")
        return None
    tell(name, plain(value))
    return value


def session():
    show("accounts", calls.accounts.list, part="accounts")
    show("session", calls.session.get)
    allowances = {"allowance_account_overall": 30, "allowance_account_trading": 100, "status": "ENABLED"}
    request = application_requests.UpdateApplicationRequest(api_key=KEY, **allowances)
    show("application set", calls.applications.update, request)
    show("applications", calls.applications.list)
    show("preferences", calls.accounts.get_preferences)
    request = account_requests.UpdateAccountPreferencesRequest(trailing_stops_enabled=True)
    show("preferences set", calls.accounts.update_preferences, request, part="status")
    show("encryption key", calls.session.get_encryption_key)


def switch():
    for name, account in (("switched", OTHER_ACCOUNT), (f"switched back by login {LOGIN}", ACCOUNT)):
        show(name, calls.session.switch_account, session_requests.SwitchAccountRequest(account_id=account))


def markets():
    show("market v4", calls.markets.get, EPIC)
    show("markets v2", calls.markets.list, (EPIC,), part="market_details")
    show("markets in short", calls.markets.list, (EPIC,), filter="SNAPSHOT_ONLY", part="market_details")
    show("search", calls.markets.search, "EUR/USD", part="markets")
    show("categories", calls.categories.list, part="categories")
    show("category", calls.categories.list_instruments, "FOREX")
    show("sentiment", calls.client_sentiment.get, "EURUSD")
    show("sentiments", calls.client_sentiment.list, ("EURUSD", "GBPUSD"), part="client_sentiments")
    show("every sentiment", calls.client_sentiment.list)
    show("related", calls.client_sentiment.related, "EURUSD", part="client_sentiments")


def prices():
    first, last = (datetime.fromisoformat(f"{DAY}T{hour}:00:00") for hour in (10, 13))
    query = market_requests.PricesQuery
    show("prices v2 range", calls.prices.list_date_range, EPIC, "HOUR", str(first), str(last), part="prices")
    show("prices v2 range of datetime", calls.prices.list_date_range, EPIC, "HOUR", first, last, part="prices")
    show("prices v2 number", calls.prices.list_points, EPIC, "HOUR_4", 5, part="prices")
    ends = query(resolution="HOUR", from_date=first, to_date=last)
    show("prices v3 range", calls.prices.list, EPIC, ends, part="prices")
    show("prices v3 number", calls.prices.list, EPIC, query(resolution="HOUR_4", max_points=5), part="prices")
    third = query(max_points=25, page_size=10, page_number=3)
    show("prices v3 last page", calls.prices.list, EPIC, third, part="prices")


def watchlists():
    show("watchlists", calls.watchlists.list, part="watchlists")
    request = watchlist_requests.CreateWatchlistRequest(name="Of my own", epics=(EPIC,))
    own = show("watchlist made", calls.watchlists.create, request).watchlist_id
    request = watchlist_requests.AddWatchlistMarketRequest(epic=GUARANTEED_EPIC)
    show("watchlist longer", calls.watchlists.add_market, own, request)
    show("watchlist", calls.watchlists.get, own, part="markets")
    show("watchlist shorter", calls.watchlists.remove_market, own, EPIC)
    show("watchlist deleted", calls.watchlists.delete, own)


def dealt(name, call, *args):
    """Deal and tell the confirm, which it is for the caller to ask for until it is there."""
    try:
        reference = call(*args).deal_reference
    except Exception as error:  # noqa: BLE001 -- whatever it is, it is told
        tell("failed", name, f"{type(error).__name__}: {getattr(error, 'error_code', None) or error}")
        return None
    for _ in range(50):
        try:
            confirm = calls.confirmations.get(reference)
        except ResourceNotFoundError:
            patience.wait(0.02)
        else:
            tell(name, plain(confirm))
            return confirm
    raise SystemExit(f"there is no confirm of {name}")


def position(direction, size, **more):
    given = {"epic": EPIC, "direction": direction, "size": size, "order_type": "MARKET", "currency_code": "USD"}
    return deal_requests.CreatePositionRequest(**(given | more))


def opened(name, direction, size, **more):
    return dealt(name, calls.positions.create, position(direction, size, **more))


def deals():
    opened("market", "BUY", 1)
    opened("limit", "BUY", 2, order_type="LIMIT", level=2)
    sell = opened("sell", "SELL", 2, stop_distance=20, limit_distance=30)
    opened("guaranteed", "BUY", 1, epic=GUARANTEED_EPIC, guaranteed_stop=True, stop_distance=30)
    opened("too small", "BUY", 0.01)
    show("positions v2", calls.positions.list, part="positions")
    show("position v2", calls.positions.get, sell.deal_id)
    legs = {"stop_level": float(sell.level) + 0.005, "limit_level": float(sell.level) - 0.006}
    request = deal_requests.AmendPositionRequest(**{name: round(level, 5) for name, level in legs.items()})
    dealt("amended", calls.positions.amend, sell.deal_id, request)
    closing = deal_requests.ClosePositionRequest(direction="BUY", size=1, deal_id=sell.deal_id)
    dealt("part", calls.positions.close, closing)
    show("workflow", ig.workflows.positions.open_and_confirm, position("BUY", 1))
    show("repeat dealing", calls.repeat_dealing_window.get)
    show("portfolio", ig.workflows.portfolio.snapshot)


def orders():
    (bid,) = (float(each.bid) for each in calls.markets.search("EUR/USD").markets if each.epic == EPIC)
    request = deal_requests.CreateWorkingOrderRequest
    common = {"epic": EPIC, "size": 1, "currency_code": "USD"}
    legs = {"limit_distance": 20, "stop_distance": 20}
    make = calls.working_orders.create
    order = dealt("order", make, request(**common, **legs, direction="BUY", type="LIMIT", level=round(bid - 0.01, 5)))
    tomorrow = f"{datetime.now(timezone.utc) + timedelta(days=1):%Y/%m/%d %H:%M:%S}"
    dated = {"type": "STOP", "time_in_force": "GOOD_TILL_DATE", "good_till_date": tomorrow}
    till = dealt("order till", make, request(**common, **dated, direction="SELL", level=round(bid - 0.02, 5)))
    show("orders v2", calls.working_orders.list, part="working_orders")
    change = {"level": round(bid - 0.015, 5), "limit_distance": 25, "stop_distance": 25}
    request = deal_requests.AmendWorkingOrderRequest(**change, type="LIMIT", time_in_force="GOOD_TILL_CANCELLED")
    dealt("order amended", calls.working_orders.amend, order.deal_id, request)
    dealt("order deleted", calls.working_orders.delete, order.deal_id)
    dealt("order till deleted", calls.working_orders.delete, till.deal_id)
    show("orders after", calls.working_orders.list, part="working_orders")


def records():
    now = datetime.now(timezone.utc).replace(tzinfo=None, microsecond=0)
    since, hour = now - timedelta(days=30), "3600000"
    days = f"{since:%d-%m-%Y}", f"{now:%d-%m-%Y}"
    show("activity v1 period", calls.activity.list_by_period, hour, part="activities")
    show("activity v1 days", calls.activity.list_by_date_range, *days, part="activities")
    show("activity v1 days of date", calls.activity.list_by_date_range, since.date(), now.date())
    query, found = account_requests.ActivityQuery(from_date=since, detailed=True, page_size=10), []
    while query is not None:
        page = calls.activity.list(query)
        found += page.activities
        query = page.next_query()
    tell("activity v3", plain(tuple(found)))
    show("transactions v1 period", calls.transactions.list_by_period, "ALL_DEAL", hour, part="transactions")
    show("transactions v1 days", calls.transactions.list_by_date_range, "ALL", *days, part="transactions")
    query = account_requests.TransactionsQuery(from_date=since, page_size=500)
    show("transactions v2", calls.transactions.list, query, part="transactions")


# ---- the stream


def updates_of(mode, item, fields, adapter=None):
    # Its default for the snapshot, True, is refused by the Lightstreamer library below it.
    wanted = StreamSubscription(item, mode, (item,), fields, data_adapter=adapter, snapshot="yes")
    return calls.streaming.subscribe(wanted)


def tell_update(update):
    tell("update", update.item_name, update.is_snapshot, dict(update.fields), sorted(update.changed_fields))


def ticks():
    """Prices by both kinds of item, each subscribed and given up."""
    for given in (
        ("MERGE", f"PRICE:{ACCOUNT}:{EPIC}", ("TIMESTAMP", "BIDPRICE1", "ASKPRICE1", "DLG_FLAG"), "Pricing"),
        ("DISTINCT", f"CHART:{EPIC}:TICK", ("UTM", "BID", "OFR")),
    ):
        updates = updates_of(*given)
        for update in itertools.islice(updates, 3):
            tell_update(update)
        updates.close()
        tell("unsubscribed")
    disconnect()


def watch():
    """A deal seen on the stream; a LOOP and a break, which requests bring about, and what comes after them."""
    candle = ("UTM", "BID_OPEN", "BID_HIGH", "BID_LOW", "BID_CLOSE", "OFR_CLOSE", "CONS_END")
    candles = updates_of("MERGE", f"CHART:{EPIC}:SECOND", candle)
    tell_update(next(candles))
    for given in (
        ("MERGE", f"ACCOUNT:{ACCOUNT}", ("FUNDS", "PNL", "DEPOSIT")),
        ("MERGE", "TRADE:HB.U.HEARTBEAT.IP", ("HEARTBEAT",)),
    ):
        updates = updates_of(*given)
        tell_update(next(updates))
        updates.close()
    dealings = queue.Queue(100)
    trades = updates_of("DISTINCT", f"TRADE:{ACCOUNT}", ("CONFIRMS", "OPU", "WOU"))
    threading.Thread(target=lambda: [dealings.put(update) for update in trades], daemon=True).start()
    seen = []
    # It does not say when a subscription is made: a deal may come too early to be seen.
    while len(seen) < 2:
        opened("streamed", "BUY", 1)
        try:
            seen = [dealings.get(timeout=2) for _ in range(2)]
        except queue.Empty:
            seen = []
    for update in seen:
        tell_update(update)
    for name in ("before the LOOP", "before the break"):
        show(name, calls.repeat_dealing_window.get)
        asked = 1000 * time.time()
        tell_update(next(update for update in candles if float(update.fields["UTM"]) > asked))
    disconnect()


def disconnect():
    calls.streaming.close()
    tell("status", "DISCONNECTED")


ig_trading_lib.core.IGConfig.base_url = property(lambda self: URL)
kind = {"2": SessionCredentials, "3": OAuthCredentials}[LOGIN]
config = IGConfig(environment=Environment.DEMO, credentials=kind(KEY, USER, PASSWORD), account_id=ACCOUNT)
with IG(config) as ig:
    calls = ig.operations
    calls.accounts.list()
    tell("login")
    for job in JOBS:
        globals()[job]()
    show(f"logout by login {LOGIN}", calls.session.delete)
tell("bye")
