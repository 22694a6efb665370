"""Our client against the benchmark's server: argv port, server settings, updates, "read" or "late", [certificate]."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from ig_sdk.lightstreamer import ItemUpdate, LightstreamerClient, Subscription, SubscriptionListener

sys.path.insert(0, str(Path(__file__).parent))
from lightstreamer_sink import FIELDS, ITEMS, STAMP, Sink


class Listener(SubscriptionListener):
    """Reads the five fields of each update, on the dispatch thread."""

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.warm_at = sink.count // 20
        self.read: tuple[str | None, ...] = ()

    def on_subscribed(self, event: object) -> None:  # noqa: ARG002 -- the listener's signature
        self.sink.begin()

    def on_update(self, update: ItemUpdate) -> None:
        self.read = (
            update["BID"], update["OFFER"], update["UPDATE_TIME"], update["MARKET_STATE"], update["CHANGE"],
        )  # fmt: skip
        sink = self.sink
        seen = sink.seen = sink.seen + 1
        if seen == 1:
            sink.first()
        elif seen == self.warm_at:
            sink.warm()
        elif seen == sink.count:
            sink.last()


class LateListener(Listener):
    """Notes how long ago the server wrote each update."""

    def on_update(self, update: ItemUpdate) -> None:
        self.sink.late_ns.append(time.perf_counter_ns() - int(update[STAMP] or 0))
        super().on_update(update)


def main() -> None:
    """Run to the last update."""
    port, settings, count, kind = sys.argv[1:5]
    certificate = sys.argv[5] if len(sys.argv) > 5 else None
    sink = Sink(int(count))
    scheme = "https" if certificate else "http"
    client = LightstreamerClient(f"{scheme}://127.0.0.1:{port}", "DEFAULT", user=settings, ca_bundle=certificate)
    # "block" so that every update is seen: the server waits where a slower reader would lose some.
    subscription = Subscription("MERGE", ITEMS, FIELDS, overflow="block")
    subscription.add_listener((LateListener if kind == "late" else Listener)(sink))
    client.subscribe(subscription)
    client.connect()
    sink.finish()


if __name__ == "__main__":
    main()
