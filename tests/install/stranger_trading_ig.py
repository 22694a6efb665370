"""Drives trading-ig through one day at the simulator; what it saw goes to stdout as JSON lines."""

import json
import queue
import sys

import trading_ig.rest
from lightstreamer.client import ClientListener, Subscription, SubscriptionListener
from trading_ig import IGService, IGStreamService

URL, KEY, USER, PASSWORD, ACCOUNT, EPIC, VERSION, *ENCRYPTION = sys.argv[1:]
LONGEST_S = 20
events = queue.Queue(10_000)


def tell(kind, *values):
    print(json.dumps([kind, *values]), flush=True)


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
    while count:
        event = events.get(timeout=LONGEST_S)
        if event[0] in ("error", "refused"):
            raise SystemExit(f"the server said {event}")
        if event[0] == kind and start in str(event[1:2]):
            tell(*event)
            count -= 1


trading_ig.rest.D_BASE_URL["sim"] = URL
service = IGService(USER, PASSWORD, KEY, acc_type="sim", acc_number=ACCOUNT)
stream = IGStreamService(service)
stream.acc_number = ACCOUNT
stream.create_session(encryption=bool(ENCRYPTION), version=VERSION)
tell("login")
tell("accounts", service.fetch_accounts()["accounts"])
tell("session", service.read_session())
tell("market", service.fetch_market_by_epic(EPIC))
tell("markets", service.fetch_markets_by_epics(EPIC))
tell("search", service.search_markets("EUR/USD")["markets"])
tell("applications", service.get_client_apps())
stream.add_client_listener(Status())
for mode, item, adapter, fields in (
    ("MERGE", f"PRICE:{ACCOUNT}:{EPIC}", "Pricing", ["TIMESTAMP", "BIDPRICE1", "ASKPRICE1", "DLG_FLAG"]),
    ("DISTINCT", f"CHART:{EPIC}:TICK", None, ["UTM", "BID", "OFR"]),
):
    subscription = Subscription(mode, [item], fields)
    if adapter:
        subscription.setDataAdapter(adapter)
    subscription.setRequestedSnapshot("yes")
    subscription.addListener(Items())
    stream.subscribe(subscription)
    wait("subscribed")
    wait("update", 3)
    tell("status", stream.ls_client.getStatus())
    stream.unsubscribe(subscription)
    wait("unsubscribed")
stream.disconnect()
wait("status", start="DISCONNECTED")
service.logout()
tell("bye")
