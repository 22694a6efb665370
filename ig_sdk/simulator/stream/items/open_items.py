"""An adapter that takes anything: for clients of other Lightstreamer servers, and for tests. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from ig_sdk.simulator.refusals import StreamRefusal
from ig_sdk.simulator.stream.items.adapter import MODES, Layout, Row, SubscriptionSpec
from ig_sdk.types import Tick


class OpenItems:
    """Any item and any field, in any mode.

    Args:
        rows: Snapshot rows by item; items without an entry have none.
        invalid: Names that are refused: as items with 21, as fields with 23, as ``"item field"`` pairs with 22, and as
            messages with -1.
        modes: Modes by item where only some are allowed.
        data_adapters: Names that exist beside ``DEFAULT``.
    """

    def __init__(
        self,
        rows: Mapping[str, Sequence[Row]] | None = None,
        *,
        invalid: Collection[str] = (),
        modes: Mapping[str, Collection[str]] | None = None,
        data_adapters: Collection[str] = (),
    ) -> None:
        self._rows = dict(rows or {})
        self._invalid = frozenset(invalid)
        self._modes = dict(modes or {})
        self._data_adapters = frozenset(data_adapters) | {"DEFAULT"}

    def layout(self, spec: SubscriptionSpec) -> Layout:
        """Return the layout of a subscription, or raise ``StreamRefusal``."""
        items, fields = tuple(spec.group.split()), tuple(spec.schema.split())
        if (spec.data_adapter or "DEFAULT") not in self._data_adapters:
            raise StreamRefusal(17, f"Data Adapter {spec.data_adapter} not found")
        if not items or self._invalid.intersection(items):
            raise StreamRefusal(21, "Invalid group")
        if not fields or self._invalid.intersection(fields):
            raise StreamRefusal(23, "Invalid schema")
        if self._invalid.intersection(f"{item} {field}" for item in items for field in fields):
            raise StreamRefusal(22, "Invalid group for this schema")
        if any(spec.mode not in self._modes.get(item, MODES) for item in items):
            raise StreamRefusal(24, f"Mode {spec.mode} not allowed")
        if spec.selector:
            raise StreamRefusal(25, "Invalid selector")
        return Layout(items, fields, items, *self._command_positions(spec.mode, fields))

    @staticmethod
    def _command_positions(mode: str, fields: Sequence[str]) -> tuple[int | None, int | None]:
        if mode != "COMMAND":
            return None, None
        for name, code in (("key", 15), ("command", 16)):
            if name not in fields:
                raise StreamRefusal(code, f"The schema lacks the {name} field")
        return fields.index("key") + 1, fields.index("command") + 1

    def snapshot(self, channel: str) -> Sequence[Row]:
        """Return the rows that a new subscriber gets first, oldest first."""
        return self._rows.get(channel, ())

    def epic_of(self, channel: str) -> str | None:
        """Return ``None``: no market feeds these items."""
        del channel
        return None

    def prime(self, tick: Tick) -> None:
        """Do nothing: no market feeds these items."""

    def on_tick(self, tick: Tick, wanted: Collection[str]) -> Iterable[tuple[str, Row]]:
        """Return nothing: rows are posted by name."""
        del tick, wanted
        return ()

    def posted(self, channel: str, row: Row) -> None:
        """Do nothing: the rows of a snapshot are those given."""

    def message(self, text: str) -> str:
        """Take any message but those in ``invalid``; the response is the text in capitals."""
        if text in self._invalid:
            raise StreamRefusal(-1, "Refused by the adapter")
        return text.upper()
