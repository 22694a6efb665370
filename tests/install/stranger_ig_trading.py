"""Drives ig-trading, whose models allow no unknown field; what each call returned goes to stdout as JSON lines."""

import json
import sys
import threading
from datetime import datetime, timedelta, timezone

import ig_trading

URL, KEY, USER, PASSWORD, ACCOUNT, EPIC, LOGIN, DAY, *JOBS = sys.argv[1:]
OTHER_ACCOUNT, GUARANTEED_EPIC = "XYZ987", "CS.D.GBPUSD.MINI.IP"
patience = threading.Event()


def tell(kind, *values):
    print(json.dumps([kind, *values], default=str), flush=True)


def plain(value):
    if isinstance(value, (tuple, list)):
        return [plain(each) for each in value]
    return value.model_dump(mode="json", by_alias=True) if hasattr(value, "model_dump") else value


def show(name, call, *args, part=None, **options):
    """Tell what a call returned (or a part of it), or how it failed: the story goes on."""
    try:
        value = call(*args, **options)
        value = value if part is None else getattr(value, part)
    except Exception as error:  # noqa: BLE001 -- whatever it is, it is told
        tell("failed", name, f"{type(error).__name__}: {error}")
        return None
    tell(name, plain(value))
    return value


def refusal(**wrong):
    given = {"api_key": KEY, "username": USER, "password": PASSWORD, "url": URL} | wrong
    client = ig_trading.Client(**given)
    try:
        client.login()
    except ig_trading.APIError as error:
        return type(error).__name__
    return "none"


def session():
    show("accounts", client.accounts.list)
    show("session", client.session.get)
    show(
        "application set",
        client.application.update,
        allowance_account_overall=30,
        allowance_account_trading=100,
        api_key=KEY,
    )
    show("applications", client.application.list)
    show("preferences", client.accounts.preferences.get)
    show("preferences set", client.accounts.preferences.update, trailing_stops_enabled=True)
    show("encryption key", client.session.encryption_key.get)
    show("refreshed", client.refresh_token)
    show("session after the refresh", client.session.get)
    tell("refusals", {"password": refusal(password="wrong"), "key": refusal(api_key="wrong")})


def older_logins():
    """It forgets the tokens of such a login with the first reply that brings none."""
    with ig_trading.Client(api_key=KEY, username=USER, password=PASSWORD, url=URL) as other:
        for version in (1, 2):
            show(f"login v{version}", other.session.create, identifier=USER, password=PASSWORD, version=version)
            show(f"accounts after login v{version}", other.accounts.list)
        show("session after login v2", other.session.get)
        other.login()


def switch():
    show("switched", client.session.update, OTHER_ACCOUNT, default_account=False)


def markets():
    for version in (1, 2, 3, 4):
        show(f"market v{version}", client.markets.get, EPIC, version=version)
    for version in (1, 2):
        show(f"markets v{version}", client.markets.list, [EPIC], version=version)
        show(f"search v{version}", client.markets.list, search_term="EUR/USD", version=version)
    show("markets in short", client.markets.list, [EPIC], filter="SNAPSHOT_ONLY")
    show("categories", client.categories.list)
    show("category", client.categories.get, "FOREX")
    show("sentiment", client.client_sentiment.get, "EURUSD")
    show("sentiments", client.client_sentiment.list, ["EURUSD", "GBPUSD"])
    show("every sentiment", client.client_sentiment.list)
    show("related", client.client_sentiment.related.list, "EURUSD")


def prices():
    first, last = (datetime.fromisoformat(f"{DAY}T{hour}:00:00") for hour in (10, 13))
    ends = {"start_date": first, "end_date": last, "resolution": "HOUR"}
    for version in (1, 2, 3):
        show(f"prices v{version} range", client.prices.get, EPIC, **ends, version=version, part="prices")
        number = {"num_points": 5, "resolution": "HOUR_4"}
        show(f"prices v{version} number", client.prices.get, EPIC, **number, version=version, part="prices")
    third = {"num_points": 25, "page_size": 10, "page_num": 3}
    show("prices v3 last page", client.prices.get, EPIC, **third, part="prices")


def watchlists():
    show("watchlists", client.watchlists.list)
    own = show("watchlist made", client.watchlists.create, "Of my own", epics=[EPIC]).watchlist_id
    show("watchlist longer", client.watchlists.update, own, epic=GUARANTEED_EPIC)
    show("watchlist", client.watchlists.get, own)
    show("watchlist shorter", client.watchlists.delete, own, EPIC)
    show("watchlist deleted", client.watchlists.delete, own)


def dealt(name, call, *args, **options):
    """Deal and tell the confirm, which it is for the caller to ask for until it is there."""
    try:
        reference = call(*args, **options)
    except Exception as error:  # noqa: BLE001 -- whatever it is, it is told
        tell("failed", name, f"{type(error).__name__}: {error}")
        return None
    for _ in range(50):
        try:
            confirm = client.confirms.get(reference)
        except ig_trading.DealNotFoundError:
            patience.wait(0.02)
        else:
            tell(name, plain(confirm))
            return confirm
    raise SystemExit(f"there is no confirm of {name}")


def opened(name, direction, size, **more):
    given = {"currency_code": "USD", "direction": direction, "epic": EPIC, "expiry": "-", "force_open": True}
    given |= {"guaranteed_stop": False, "order_type": "MARKET", "size": size}
    return dealt(name, client.positions.otc.create, **(given | more))


def closed(name, deal, direction, size):
    how = {"direction": direction, "order_type": "MARKET", "size": size}
    dealt(name, client.positions.otc.delete, **how, deal_id=deal.deal_id)


def deals():
    market = opened("market", "BUY", 1, deal_reference="my-reference")
    limit = opened("limit", "BUY", 2, order_type="LIMIT", level=2)
    sell = opened("sell", "SELL", 2, stop_distance=20, limit_distance=30)
    sure = opened("guaranteed", "BUY", 1, epic=GUARANTEED_EPIC, guaranteed_stop=True, stop_distance=30)
    opened("too small", "BUY", 0.01)
    opened("by v1", "BUY", 1, version=1)
    for version in (1, 2):
        show(f"positions v{version}", client.positions.list, version=version)
        show(f"position v{version}", client.positions.get, sell.deal_id, version=version)
    legs = {"stop_level": round(sell.level + 0.005, 5), "limit_level": round(sell.level - 0.006, 5)}
    dealt("amended", client.positions.otc.update, sell.deal_id, **legs)
    closed("part", sell, "BUY", 1)
    closed("whole", sell, "BUY", 1)
    closed("gone", sell, "BUY", 1)
    for name, deal, size in (("market closed", market, 1), ("limit closed", limit, 2), ("sure closed", sure, 1)):
        closed(name, deal, "SELL", size)
    show("accounts after", client.accounts.list)


def orders():
    bid = client.markets.get(EPIC, version=3).snapshot.bid
    common = {"currency_code": "USD", "epic": EPIC, "expiry": "-", "guaranteed_stop": False, "size": 1}
    make = client.working_orders.otc.create
    legs = {"limit_distance": 20, "stop_distance": 20, "force_open": True}
    kind = {"order_type": "LIMIT", "time_in_force": "GOOD_TILL_CANCELLED"}
    order = dealt("order", make, **common, **legs, **kind, direction="BUY", level=round(bid - 0.01, 5))
    tomorrow = f"{datetime.now(timezone.utc) + timedelta(days=1):%Y/%m/%d %H:%M:%S}"
    dated = {"order_type": "STOP", "time_in_force": "GOOD_TILL_DATE", "good_till_date": tomorrow, "version": 1}
    till = dealt("order till", make, **common, **dated, direction="SELL", level=round(bid - 0.02, 5))
    for version in (1, 2):
        show(f"orders v{version}", client.working_orders.list, version=version)
    change = {"level": round(bid - 0.015, 5), "limit_distance": 25, "stop_distance": 25}
    dealt("order amended", client.working_orders.otc.update, order.deal_id, **kind, **change)
    dealt("order deleted", client.working_orders.otc.delete, order.deal_id)
    dealt("order till deleted", client.working_orders.otc.delete, till.deal_id)
    show("orders after", client.working_orders.list)


def records():
    now = datetime.now(timezone.utc)
    days = {"from_date": f"{now - timedelta(days=30):%d-%m-%Y}", "to_date": f"{now:%d-%m-%Y}"}
    hour = 3_600_000
    show("activity v1 period", client.history.activity.list, last_period=hour)
    show("activity v1 days", client.history.activity.list, **days)
    show("transactions v1 period", client.history.transactions.list, last_period=hour, transaction_type="ALL_DEAL")
    show("transactions v1 days", client.history.transactions.list, **days)


with ig_trading.Client(api_key=KEY, username=USER, password=PASSWORD, url=URL) as client:
    tell("login")
    for job in JOBS:
        globals()[job]()
show("after the logout", client.accounts.list)
tell("bye")
