"""What an application wants to subscribe to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Mode = Literal["MERGE", "DISTINCT", "RAW", "COMMAND"]
MODES: tuple[Mode, ...] = ("MERGE", "DISTINCT", "RAW", "COMMAND")


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionSpec:
    """One subscription, as it is asked of the server.

    Attributes:
        mode: How updates relate to each other.
        items: Names of the items, or ``None`` when ``group`` names them for the server.
        fields: Names of the fields, or ``None`` when ``schema`` names them for the server.
        group: The server's name of a list of items.
        schema: The server's name of a list of fields.
        data_adapter: The server's adapter, or ``None`` for its default.
        selector: The server's selector, or ``None``.
        snapshot: Whether to ask for the state so far; in DISTINCT also how many rows of it. RAW has none.
        max_frequency: Updates a second for each item, ``"unlimited"``, ``"unfiltered"``, or ``None``.
        buffer_size: Updates that the server may keep for each item, ``"unlimited"``, or ``None``.
    """

    mode: Mode
    items: tuple[str, ...] | None = None
    fields: tuple[str, ...] | None = None
    group: str | None = None
    schema: str | None = None
    data_adapter: str | None = None
    selector: str | None = None
    snapshot: bool | int = True
    max_frequency: float | str | None = None
    buffer_size: int | str | None = None

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ValueError(f"mode must be one of {', '.join(MODES)}, not {self.mode!r}")
        _check("items", self.items, "group", self.group)
        _check("fields", self.fields, "schema", self.schema)
        if not isinstance(self.snapshot, bool):
            if self.mode != "DISTINCT":
                raise ValueError("a snapshot length exists in DISTINCT only; use True or False")
            if self.snapshot < 1:
                raise ValueError("a snapshot length must be positive")
        _check_limit("max_frequency", self.max_frequency, ("unlimited", "unfiltered"))
        _check_limit("buffer_size", self.buffer_size, ("unlimited",))

    @property
    def group_text(self) -> str:
        """The group as it is sent to the server."""
        return self.group if self.items is None else " ".join(self.items)  # type: ignore[return-value]  # one is set

    @property
    def schema_text(self) -> str:
        """The schema as it is sent to the server."""
        return self.schema if self.fields is None else " ".join(self.fields)  # type: ignore[return-value]  # one is set

    @property
    def wants_snapshot(self) -> bool:
        """Whether a snapshot will come."""
        return bool(self.snapshot) and self.mode != "RAW"


def check_frequency(value: float | str) -> None:
    """Raise ``ValueError`` unless ``value`` can be asked of a running subscription."""
    _check_limit("max_frequency", value, ("unlimited",))


def _check(plural: str, names: Sequence[object] | None, single: str, name: str | None) -> None:
    if (names is None) == (name is None):
        raise ValueError(f"give either {plural}= or {single}=")
    if names is not None:
        if isinstance(names, str) or not names:
            raise ValueError(f"{plural} must be a sequence of at least one name")
        for each in names:
            # Blanks separate the names on the wire (TLCP.md section 2).
            if not isinstance(each, str) or not each or any(character.isspace() for character in each):
                raise ValueError(f"{plural} must be names without blanks, not {each!r}")
    elif not name:
        raise ValueError(f"{single} must not be empty")


def _check_limit(name: str, value: float | str | None, words: tuple[str, ...]) -> None:
    if value is None or value in words:
        return
    if isinstance(value, (str, bool)) or not 0 < value < float("inf"):
        raise ValueError(f"{name} must be a positive number or one of {', '.join(words)}, not {value!r}")
