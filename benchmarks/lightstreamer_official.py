"""lightstreamer-client-lib against the benchmark's server: argv port, server settings, updates, "read" or "late"."""

from __future__ import annotations

import sys
import time

from lightstreamer_sink import FIELDS, ITEMS, STAMP, Sink

sys.path.pop(0)  # this folder, whose lightstreamer.py would be found in the place of the peer's package
from lightstreamer.client import LightstreamerClient, Subscription, SubscriptionListener

port, settings, count, kind = sys.argv[1:5]
sink = Sink(int(count))


class Listener(SubscriptionListener):
    read: tuple[str, ...] = ()

    def onSubscription(self) -> None:  # noqa: N802 -- the peer's names
        sink.begin()

    def onItemUpdate(self, update) -> None:  # noqa: N802
        get = update.getValue
        if kind == "late":
            sink.late_ns.append(time.perf_counter_ns() - int(get(STAMP)))
        self.read = get("BID"), get("OFFER"), get("UPDATE_TIME"), get("MARKET_STATE"), get("CHANGE")
        seen = sink.seen = sink.seen + 1
        if seen == 1:
            sink.first()
        elif seen == sink.count:
            sink.last()


client = LightstreamerClient(f"http://127.0.0.1:{port}", "DEFAULT")
client.connectionDetails.setUser(settings)
client.connectionOptions.setForcedTransport("WS-STREAMING")
subscription = Subscription("MERGE", list(ITEMS), list(FIELDS))
subscription.addListener(Listener())
client.subscribe(subscription)
client.connect()
sink.finish()
