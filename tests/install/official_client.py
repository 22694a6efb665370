"""Drives the official Python client: events as JSON lines on stdout, commands as lines on stdin."""

import json
import sys
import threading

from lightstreamer.client import ClientListener, LightstreamerClient, Subscription, SubscriptionListener

# Subscriptions, as JSON: lists of mode, item, fields and data adapter.
URL, TRANSPORT, USER, PASSWORD, WANTED = sys.argv[1:]
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
        tell("update", update.getItemName(), update.isSnapshot(), update.getFields())


client = LightstreamerClient(URL, None)
client.connectionDetails.setUser(USER)
client.connectionDetails.setPassword(PASSWORD)
if TRANSPORT != "auto":
    client.connectionOptions.setForcedTransport(TRANSPORT)
client.addListener(Listener())
subscriptions = []
for mode, item, fields, adapter in json.loads(WANTED):
    subscription = Subscription(mode, [item], fields)
    if adapter:
        subscription.setDataAdapter(adapter)
    subscription.setRequestedSnapshot("yes")
    subscription.addListener(Items())
    client.subscribe(subscription)
    subscriptions.append(subscription)
client.connect()
for command in sys.stdin:
    if command.strip() == "unsubscribe":
        for each in subscriptions:
            client.unsubscribe(each)
    elif command.strip() == "disconnect":
        client.disconnect()
    elif command.strip() == "exit":
        break
tell("bye")
