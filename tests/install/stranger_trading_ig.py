"""Drives trading-ig through the jobs it is given; what each call returned goes to stdout as JSON lines."""

import json
import queue
import sys
import time
from datetime import datetime, timedelta, timezone

import trading_ig.rest
from lightstreamer.client import ClientListener, Subscription, SubscriptionListener
from trading_ig import IGService, IGStreamService

URL, KEY, USER, PASSWORD, ACCOUNT, EPIC, LOGIN, DAY, *JOBS = sys.argv[1:]
OTHER_ACCOUNT, GUARANTEED_EPIC = "XYZ987", "CS.D.GBPUSD.MINI.IP"
LONGEST_S = 20
events = queue.Queue(10_000)


def tell(kind, *values):
    print(json.dumps([kind, *values], default=str), flush=True)


def show(name, call, *args, part=None, **options):
    """Tell what a call returned (or a part of it), or how it failed: the story goes on."""
    try:
        value = call(*args, **options)
        value = value if part is None else value[part]
    except Exception as error:  # noqa: BLE001 -- whatever it is, it is told
        tell("failed", name, f"{type(error).__name__}: {error}")
        return {}
    tell(name, value)
    return value


def session():
    show("accounts", service.fetch_accounts, part="accounts")
    show("session", service.read_session)
    show("applications", service.get_client_apps)
    show("preferences", service.fetch_account_preferences)
    show("preferences set", service.update_account_preferences, trailing_stops_enabled=True)
    if LOGIN[0] == "3":
        show("refreshed", service.refresh_session)
        show("session after the refresh", service.read_session)


def switch():
    show("switched", service.switch_account, OTHER_ACCOUNT, False)
    show("session after the switch", service.read_session)
    show("switched back", service.switch_account, ACCOUNT, False)


def markets():
    show("market v3", service.fetch_market_by_epic, EPIC)
    for version in ("1", "2"):
        show(f"markets v{version}", service.fetch_markets_by_epics, EPIC, version=version)
    show("markets in short", service.fetch_markets_by_epics, EPIC, detailed=False)
    show("search", service.search_markets, "EUR/USD", part="markets")
    top = show("navigation", service.fetch_top_level_navigation_nodes)
    branch = show("branch", service.fetch_sub_nodes_by_node, top["nodes"][0]["id"])
    show("leaf", service.fetch_sub_nodes_by_node, branch["nodes"][0]["id"])
    show("sentiment", service.fetch_client_sentiment_by_instrument, "EURUSD")
    show("sentiments", service.fetch_client_sentiment_by_instrument, ["EURUSD", "GBPUSD"], part="clientSentiments")
    show("related", service.fetch_related_client_sentiment_by_instrument, "EURUSD", part="clientSentiments")


def prices():
    by_range = service.fetch_historical_prices_by_epic_and_date_range
    by_number = service.fetch_historical_prices_by_epic_and_num_points
    first, last = (datetime.fromisoformat(f"{DAY}T{hour}:00:00") for hour in (10, 13))
    old = [f"{each:%Y:%m:%d-%H:%M:%S}" for each in (first, last)]
    show("prices v1 range", by_range, EPIC, "HOUR", *old, version="1", part="prices")
    show("prices v2 range", by_range, EPIC, "HOUR", str(first), str(last), part="prices")
    show("prices v2 number", by_number, EPIC, "DAY", 5, part="prices")
    # Without data frames it leaves the resolution out: minutes it is.
    for name, size in (("prices v3 number", 30), ("prices v3 pages", 10)):
        paged = {"numpoints": 25, "pagesize": size, "wait": 0}
        show(name, service.fetch_historical_prices_by_epic, EPIC, **paged, part="prices")


def frames():
    """Data frames are how most people use it; they need every column to be there."""
    service.return_dataframe = True
    hours = {"resolution": "1h", "start_date": f"{DAY}T10:00:00", "end_date": f"{DAY}T13:00:00", "wait": 0}
    for name, form in (("prices", service.flat_prices), ("mid prices", service.mid_prices)):
        show(f"frame of {name}", rows, candles, **hours, format=form)
    for version in ("1", "2"):
        show(f"frame of positions v{version}", rows, service.fetch_open_positions, version=version)
        show(f"frame of orders v{version}", rows, service.fetch_working_orders, version=version)
    since, until = days_ago(30), days_ago(-1)
    show("frame of activity", rows, service.fetch_account_activity, since, until, detailed=True)
    show("frame of transactions", rows, service.fetch_transaction_history, "ALL", since)
    service.return_dataframe = False


def candles(**options):
    return service.fetch_historical_prices_by_epic(EPIC, **options)["prices"]


def rows(call, *args, **options):
    return json.loads(call(*args, **options).reset_index().to_json(orient="records"))


def days_ago(days):
    return datetime.now(timezone.utc).replace(tzinfo=None, microsecond=0) - timedelta(days=days)


def watchlists():
    show("watchlists", service.fetch_all_watchlists, part="watchlists")
    own = show("watchlist made", service.create_watchlist, "Of my own", [EPIC])["watchlistId"]
    show("watchlist longer", service.add_market_to_watchlist, own, GUARANTEED_EPIC)
    show("watchlist", service.fetch_watchlist_markets, own, part="markets")
    show("watchlist shorter", service.remove_market_from_watchlist, own, EPIC)
    show("watchlist deleted", service.delete_watchlist, own)


def opened(name, direction, size, **more):
    return show(
        name,
        service.create_open_position,
        **{
            "currency_code": "USD",
            "direction": direction,
            "epic": EPIC,
            "expiry": "-",
            "force_open": True,
            "guaranteed_stop": False,
            "level": None,
            "limit_distance": None,
            "limit_level": None,
            "order_type": "MARKET",
            "quote_id": None,
            "size": size,
            "stop_distance": None,
            "stop_level": None,
            "trailing_stop": False,
            "trailing_stop_increment": None,
        }
        | more,
    )


def closed(name, deal, direction, size):
    show(name, service.close_open_position, deal["dealId"], direction, None, None, None, "MARKET", None, size)


def deals():
    market = opened("market", "BUY", 1)
    limit = opened("limit", "BUY", 2, order_type="LIMIT", level=2)
    sell = opened("sell", "SELL", 2, stop_distance=20, limit_distance=30)
    sure = opened("guaranteed", "BUY", 1, epic=GUARANTEED_EPIC, guaranteed_stop=True, stop_distance=30)
    opened("too small", "BUY", 0.01)
    for version in ("1", "2"):
        show(f"positions v{version}", service.fetch_open_positions, version=version, part="positions")
    show("position v2", service.fetch_open_position_by_deal_id, sell["dealId"])
    legs = round(sell["level"] - 0.006, 5), round(sell["level"] + 0.005, 5)
    show("amended", service.update_open_position, *legs, sell["dealId"])
    closed("part", sell, "BUY", 1)
    closed("whole", sell, "BUY", 1)
    closed("gone", sell, "BUY", 1)
    frames()
    for name, deal, size in (("market closed", market, 1), ("limit closed", limit, 2), ("sure closed", sure, 1)):
        closed(name, deal, "SELL", size)
    show("repeat dealing", service.fetch_repeat_dealing_window)
    show("accounts after", service.fetch_accounts, part="accounts")


def orders():
    bid = service.fetch_market_by_epic(EPIC)["snapshot"]["bid"]
    common = ["USD", "BUY", EPIC, "-", False, round(bid - 0.01, 5), 1, "GOOD_TILL_CANCELLED", "LIMIT"]
    order = show("order", service.create_working_order, *common, limit_distance=20, stop_distance=20, force_open=True)
    common = ["USD", "SELL", EPIC, "-", False, round(bid - 0.02, 5), 1, "GOOD_TILL_DATE", "STOP"]
    till = show("order till", service.create_working_order, *common, good_till_date=days_ago(-1))
    for version in ("1", "2"):
        show(f"orders v{version}", service.fetch_working_orders, version=version, part="workingOrders")
    changed = [None, round(bid - 0.015, 5), 25, None, 25, None, False, "GOOD_TILL_CANCELLED", "LIMIT"]
    show("order amended", service.update_working_order, *changed, order["dealId"])
    show("order deleted", service.delete_working_order, order["dealId"])
    show("order till deleted", service.delete_working_order, till["dealId"])
    show("orders after", service.fetch_working_orders, part="workingOrders")


def records():
    since, until = days_ago(30), days_ago(-1)
    hour = 3_600_000
    show("activity v1 period", service.fetch_account_activity_by_period, hour, part="activities")
    show("activity v1 days", service.fetch_account_activity_by_date, since, until, part="activities")
    show("activity v2", service.fetch_account_activity_v2, since, until, part="activities")
    for name, size in (("activity v3", 500), ("activity v3 in pages", 10)):
        show(name, service.fetch_account_activity, since, until, detailed=True, page_size=size, part="activities")
    by_period = service.fetch_transaction_history_by_type_and_period
    show("transactions v1 period", by_period, hour, "ALL_DEAL", part="transactions")
    show("transactions v2", service.fetch_transaction_history, "ALL", since, page_size=500, part="transactions")


# ---- the stream


class Status(ClientListener):
    def onStatusChange(self, status):
        events.put(("status", status))

    def onServerError(self, code, message):
        events.put(("error", code, message))


class Items(SubscriptionListener):
    def onSubscription(self):
        events.put(("subscribed",))

    def onUnsubscription(self):
        events.put(("unsubscribed",))

    def onSubscriptionError(self, code, message):
        events.put(("refused", code, message))

    def onItemUpdate(self, update):
        changed = sorted(update.getChangedFields())
        events.put(("update", update.getItemName(), update.isSnapshot(), update.getFields(), changed))


def wait(kind, count=1, start=""):
    """Tell the next events of one kind; a refusal by the server ends the program."""
    end = time.monotonic() + LONGEST_S
    while count:
        event = events.get(timeout=max(0, end - time.monotonic()))
        if event[0] in ("error", "refused"):
            raise SystemExit(f"the server said {event}")
        if event[0] == kind and start in str(event[1:2]):
            tell(*event)
            count -= 1


def wait_later():
    """Tell a candle of after this moment."""
    now = datetime.now(timezone.utc).timestamp() * 1000
    end = time.monotonic() + LONGEST_S
    while time.monotonic() < end:
        event = events.get(timeout=LONGEST_S)
        if event[0] == "status" or (event[0] == "update" and float(event[3].get("UTM", 0)) > now):
            tell(*event)
            if event[0] == "update":
                return
    raise SystemExit("the prices do not go on")


def subscribed(mode, item, fields, adapter=None):
    subscription = Subscription(mode, [item], fields)
    if adapter:
        subscription.setDataAdapter(adapter)
    subscription.setRequestedSnapshot("yes")
    subscription.addListener(Items())
    stream.subscribe(subscription)
    wait("subscribed")
    return subscription


def ticks():
    """Prices by both kinds of item, each subscribed and given up."""
    stream.add_client_listener(Status())
    for given in (
        ("MERGE", f"PRICE:{ACCOUNT}:{EPIC}", ["TIMESTAMP", "BIDPRICE1", "ASKPRICE1", "DLG_FLAG"], "Pricing"),
        ("DISTINCT", f"CHART:{EPIC}:TICK", ["UTM", "BID", "OFR"]),
    ):
        subscription = subscribed(*given)
        wait("update", 3)
        tell("status", stream.ls_client.getStatus())
        stream.unsubscribe(subscription)
        wait("unsubscribed")
    disconnect()


def watch():
    """A deal seen on the stream; a LOOP and a break, which requests bring about, and what comes after them."""
    stream.add_client_listener(Status())
    candle = ["UTM", "BID_OPEN", "BID_HIGH", "BID_LOW", "BID_CLOSE", "OFR_CLOSE", "CONS_END"]
    for given in (
        ("MERGE", f"CHART:{EPIC}:SECOND", candle),
        ("MERGE", f"ACCOUNT:{ACCOUNT}", ["FUNDS", "PNL", "DEPOSIT"]),
        ("MERGE", "TRADE:HB.U.HEARTBEAT.IP", ["HEARTBEAT"]),
    ):
        subscribed(*given)
        wait("update", start=given[1])
    subscribed("DISTINCT", f"TRADE:{ACCOUNT}", ["CONFIRMS", "OPU", "WOU"])
    deal = opened("streamed", "BUY", 1)
    wait("update", 2, start="TRADE:ABC")
    for name in ("before the LOOP", "before the break"):
        show(name, service.fetch_top_level_navigation_nodes)
        wait_later()
    closed("streamed closed", deal, "SELL", 1)
    wait("update", 2, start="TRADE:ABC")
    disconnect()


def disconnect():
    stream.disconnect()
    wait("status", start="DISCONNECTED")


trading_ig.rest.D_BASE_URL["sim"] = URL
service = IGService(USER, PASSWORD, KEY, acc_type="sim", acc_number=ACCOUNT, return_dataframe=False)
stream = IGStreamService(service)
stream.acc_number = ACCOUNT
stream.create_session(encryption="encrypted" in LOGIN, version=LOGIN[0])
tell("login")
for job in JOBS:
    globals()[job]()
service.logout()
show("after the logout", service.fetch_accounts)
tell("bye")
