"""The fast path: plain updates of known items, which are nearly all lines of a busy stream.

A line such as ``U,3,7,1.0892||1762946402123|^2`` is split once, on ``|``. What is before the first value's last
comma, ``U,3,7``, is the key of a table of items. A first value that itself holds a comma gives a key that no item can
have, so such a line is simply not found here. Likewise whatever is out of the ordinary (another notification, a first
update, an escape, null, empty, a difference, a wrong number of fields) leaves the item untouched and goes to
``line``, the plain path, which decides alone what the line means. So this module may only ever be quicker, never
different; the tests run both side by side.
"""

from __future__ import annotations

from typing import Final, Protocol

from ig_sdk.lightstreamer.tlcp.counter import DataCounter
from ig_sdk.lightstreamer.tlcp.events import Event
from ig_sdk.lightstreamer.tlcp.items import ItemState
from ig_sdk.lightstreamer.tlcp.updates import ItemUpdate

# "^3" to 3. Looked up rather than parsed: int() would also take "^+3", "^-3" and "^1_0".
_RUNS: Final = {f"^{count}": count for count in range(1, 200)}


class LineSink(Protocol):
    """What the fast path works for.

    Attributes:
        table: Items by the head of their line; empty whenever the plain path must see every line.
        events: Where updates go.
        counter: Where they are counted.
    """

    table: dict[str, ItemState]
    events: list[Event]
    counter: DataCounter

    def line(self, line: str) -> None:
        """Process any line; may change ``table``."""
        ...


def decode(text: str, sink: LineSink) -> None:
    """Process all lines of ``text`` in order, each exactly once."""
    table = sink.table
    append = sink.events.append
    runs = _RUNS
    count = 0
    caret = "^" in text
    special = "%" in text or "#" in text or "$" in text
    lines = text.split("\r\n")
    if not lines[-1]:
        lines.pop()
    for line in lines:
        fields = line.split("|")
        head, _, fields[0] = fields[0].rpartition(",")
        item = table.get(head)
        if item is not None and not (special and ("%" in line or "#" in line or "$" in line)):
            old = item.values
            if caret and "^" in line:
                new = old.copy()
                place = 0
                try:
                    for value in fields:
                        if value:
                            if value[0] == "^":
                                place += runs[value]
                                continue
                            new[place] = value
                        place += 1
                except (KeyError, IndexError):
                    place = -1
            else:
                new = fields  # type: ignore[assignment]  # filled up here, and never changed once it is handed out
                place = len(fields)
                if place == item.num_fields:
                    place = 0
                    for value in fields:
                        if not value:
                            new[place] = old[place]
                        place += 1
            if place == item.num_fields:
                item.values = new
                append(ItemUpdate(item.info, new, old, item.snapshot))
                count += 1
                continue
        if line:
            if count:
                sink.counter.add(count)
                count = 0
            sink.line(line)
            table = sink.table
    if count:
        sink.counter.add(count)
