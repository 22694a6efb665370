"""lightstreamer-client-lib against the streaming benchmark's server: argv port, items, updates."""

from __future__ import annotations

import json
import os
import sys
import threading
import time

from lightstreamer_sink import cpu_s
from streaming_feed import EPICS, FIELDS, item_of

sys.path.pop(0)  # this folder, whose lightstreamer.py would be found in the place of the peer's package
from lightstreamer.client import LightstreamerClient, Subscription, SubscriptionListener

port, items, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) + int(sys.argv[2])
done = threading.Event()


class Listener(SubscriptionListener):
    """Reads bid, offer and time of each update, as text."""

    read: tuple[str, ...] = ()
    seen = 0
    began = ended = cpu = 0.0

    def onSubscription(self) -> None:  # noqa: N802 -- the peer's names
        self.cpu = cpu_s()

    def onItemUpdate(self, update) -> None:  # noqa: N802
        get = update.getValue
        self.read = get("BIDPRICE1"), get("ASKPRICE1"), get("TIMESTAMP")
        self.seen += 1
        if self.seen == items + 1:
            self.began = time.perf_counter()
        elif self.seen == count:
            self.ended = time.perf_counter()
            done.set()


listener = Listener()
client = LightstreamerClient(f"http://127.0.0.1:{port}", "DEFAULT")
client.connectionOptions.setForcedTransport("WS-STREAMING")
subscription = Subscription("MERGE", [item_of(epic) for epic in EPICS[:items]], list(FIELDS))
subscription.addListener(listener)
client.subscribe(subscription)
client.connect()
if not done.wait(250):
    print(f"{listener.seen} of {count} updates came", file=sys.stderr, flush=True)
    os._exit(1)
print(
    json.dumps({"seconds": listener.ended - listener.began, "cpu_us": (cpu_s() - listener.cpu) / count * 1e6}),
    flush=True,
)
os._exit(0)  # the peer's threads never end by themselves
