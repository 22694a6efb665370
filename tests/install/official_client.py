"""Drives the official Python client: events as JSON lines on stdout, commands as lines on stdin."""

import json
import sys
import threading

from lightstreamer.client import ClientListener, LightstreamerClient, Subscription, SubscriptionListener

URL, TRANSPORT, ITEM, USER, PASSWORD = sys.argv[1:]
FIELDS = ["BIDPRICE1", "ASKPRICE1", "TIMESTAMP"]
write_lock = threading.Lock()


def tell(kind, *values):
    with write_lock:
        sys.stdout.write(json.dumps([kind, *values]) + "\n")
        sys.stdout.flush()


class Listener(ClientListener):
    def onStatusChange(self, status):
        tell("status", status)

    def onServerError(self, code, message):
        tell("error", code, message)


class Items(SubscriptionListener):
    def onSubscription(self):
        tell("subscribed")

    def onUnsubscription(self):
        tell("unsubscribed")

    def onSubscriptionError(self, code, message):
        tell("refused", code, message)

    def onItemUpdate(self, update):
        tell("update", update.isSnapshot(), *[update.getValue(name) for name in FIELDS])


client = LightstreamerClient(URL, None)
client.connectionDetails.setUser(USER)
client.connectionDetails.setPassword(PASSWORD)
if TRANSPORT != "auto":
    client.connectionOptions.setForcedTransport(TRANSPORT)
client.addListener(Listener())
subscription = Subscription("MERGE", [ITEM], FIELDS)
subscription.setDataAdapter("Pricing")
subscription.setRequestedSnapshot("yes")
subscription.addListener(Items())
client.subscribe(subscription)
client.connect()
for command in sys.stdin:
    if command.strip() == "unsubscribe":
        client.unsubscribe(subscription)
    elif command.strip() == "disconnect":
        client.disconnect()
    elif command.strip() == "exit":
        break
tell("bye")
