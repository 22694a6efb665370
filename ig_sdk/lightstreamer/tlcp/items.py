"""One item of a subscription: its values, which are the base of the next update (TLCP.md sections 11 and 14)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ig_sdk.errors import StreamProtocolError
from ig_sdk.lightstreamer.tlcp.codec.values import JsonPatch, Values, decode_fields
from ig_sdk.lightstreamer.tlcp.updates import ItemInfo, ItemUpdate

# A table with more keys is an attack, or a table too large to mirror.
_MAX_KEYS = 100_000


class ItemState:
    """What is known of one item.

    Attributes:
        info: What its updates share.
        num_fields: How many fields it has.
        values: The values after the last update, empty before the first. The list is never changed in place: updates
            that were handed out share it.
        snapshot: Whether the next update is part of the snapshot.
        documents: Field index to parsed document, for the fields that came last as JSON patch.
    """

    __slots__ = ("documents", "info", "num_fields", "once", "snapshot", "values")

    def __init__(self, info: ItemInfo, num_fields: int, *, snapshot: bool, once: bool) -> None:
        self.info = info
        self.num_fields = num_fields
        self.values: Values = []
        self.snapshot = snapshot
        self.once = once  # MERGE: the snapshot is one update (C-091)
        self.documents: dict[int, Any] = {}

    @property
    def plain(self) -> bool:
        """Whether the fast path may take its next update: there is a base, and nothing but text in it."""
        return bool(self.values) and not self.documents

    def update(self, tokens: Sequence[str], json_patch: JsonPatch | None, *, unset_is_null: bool = False) -> ItemUpdate:
        """Decode one update and return it; nothing has changed if that fails (C-081).

        Args:
            tokens: Its fields as they came.
            json_patch: Applies an RFC 6902 patch.
            unset_is_null: A field that the first update leaves out is null, instead of an error.

        Raises:
            FieldError: It cannot be decoded.
        """
        unset: Values | None = [None] * self.num_fields if unset_is_null else None
        base = self.values or unset
        values, documents = decode_fields(tokens, base, self.num_fields, self.documents, json_patch=json_patch)
        update = self._deliver(values)
        self.values = values
        self.documents = documents
        if self.once:
            self.snapshot = False
        return update

    def clear(self) -> None:
        """Forget what ``CS`` ends; the base of the next update stays (C-090)."""

    def _deliver(self, values: Values) -> ItemUpdate:
        return ItemUpdate(self.info, values, self.values or None, self.snapshot)


class CommandItem(ItemState):
    """An item that is a table: its rows have a key, and a command that says what became of the row (section 14.4)."""

    __slots__ = ("_command", "_key", "_rows")

    def __init__(self, info: ItemInfo, num_fields: int, *, snapshot: bool, key: int, command: int) -> None:
        super().__init__(info, num_fields, snapshot=snapshot, once=False)
        self._key = key
        self._command = command
        self._rows: dict[str | None, Values] = {}

    @property
    def plain(self) -> bool:
        """Never: the row must be looked up."""
        return False

    def clear(self) -> None:
        """Forget all rows (C-095)."""
        self._rows.clear()

    def _deliver(self, values: Values) -> ItemUpdate:
        # The line was decoded against the item's last row, whatever its key (C-097); what is reported is about this key
        # (C-098).
        key = values[self._key]
        before = self._rows.get(key)
        row = list(values)
        if values[self._command] == "DELETE":
            row = [None] * self.num_fields
            row[self._key], row[self._command] = key, "DELETE"  # C-099
            self._rows.pop(key, None)
        else:
            row[self._command] = "ADD" if before is None else "UPDATE"
            if before is None and len(self._rows) >= _MAX_KEYS:
                raise StreamProtocolError(f"more than {_MAX_KEYS} keys in one item")
            self._rows[key] = row
        return ItemUpdate(self.info, row, before, self.snapshot)
