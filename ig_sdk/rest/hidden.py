"""Mappings of secrets, for wherever somebody may print the variables of a frame."""

from __future__ import annotations

from typing import Any


class Hidden(dict[str, Any]):
    """A dictionary that shows its names and none of its values.

    Debuggers, test runners and error reporters print local variables beside a traceback: what holds a password or a
    token there is one of these.
    """

    def __repr__(self) -> str:
        return f"<{', '.join(self)}>"
