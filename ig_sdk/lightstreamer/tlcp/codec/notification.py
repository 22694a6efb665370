"""What all notifications share."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar

from ig_sdk.lightstreamer.tlcp.codec.text import encode_argument


@dataclass(frozen=True, slots=True)
class Notification:
    """One line.

    Attributes:
        TAG: Its first word.
        KINDS: A letter for each argument: ``n`` integer, ``d`` decimal or keyword, ``s`` text, ``f`` field list (raw).
        DATA: Whether it is a data notification, which recovery counts (TLCP.md section 17).
    """

    TAG: ClassVar[str] = ""
    KINDS: ClassVar[str] = ""
    DATA: ClassVar[bool] = False

    @property
    def tag(self) -> str:
        """The line's first word."""
        return self.TAG

    @property
    def args(self) -> tuple[Any, ...]:
        """The arguments in the order of the wire."""
        return tuple(getattr(self, field.name) for field in fields(self))

    def encode(self, version: str = "2.5.0") -> str:  # noqa: ARG002 -- MsgDone differs by version
        """Return the line, without CR-LF, as a server of that TLCP version writes it."""
        return self._join(self.args)

    def _join(self, args: tuple[Any, ...]) -> str:
        kinds = self.KINDS
        texts = [encode_argument(arg) if kind == "s" else str(arg) for kind, arg in zip(kinds, args, strict=False)]
        return ",".join([self.tag, *texts])
