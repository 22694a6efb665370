"""Row C-129: one thread at a time, in the order of arrival."""

from __future__ import annotations

import threading

from ig_sdk.lightstreamer.dispatcher import Dispatcher
from ig_sdk.lightstreamer.tlcp.updates import ItemUpdate

WAIT_S = 20.0


def test_c129_one_thread_in_order_of_arrival(started):
    """C-129: what a session tells, read by read, is delivered in that order on one thread."""
    started.subscribed("U,1,1,0|x")
    seen: list[tuple[int, str | None]] = []
    done = threading.Event()

    def deliver(events):
        seen.extend((threading.get_ident(), event["f1"]) for event in events if isinstance(event, ItemUpdate))
        if seen and seen[-1][1] == "499":
            done.set()

    dispatcher = Dispatcher(deliver, limit=10_000, may_drop=lambda _: False, on_room=lambda: None)
    dispatcher.start()
    try:
        for number in range(1, 500):
            started.forget().say(f"U,1,1,{number}|")
            dispatcher.put(list(started.events))
        assert done.wait(WAIT_S)
    finally:
        dispatcher.stop([])
        assert dispatcher.join(WAIT_S)
    assert [value for _, value in seen] == [str(number) for number in range(1, 500)]
    assert len({thread for thread, _ in seen}) == 1
