"""Lines without a tag that the protocol has: which subscription they may have been about.

A tag is upper case, up to eight characters. One that is not known is a newer server's, and ignored (C-048). A line that
begins otherwise, or that looks like an update in all but the tag, was damaged on its way, and the server may count it.
"""

from __future__ import annotations

import re
from collections.abc import Container
from typing import Final

from ig_sdk.lightstreamer.tlcp.codec import notifications as say

_TAG: Final = re.compile(r"[A-Z][A-Z0-9]{0,7}")
_MAX_DIGITS: Final = 9
# Whatever stands before one of these: it was no data.
_NO_DATA: Final = tuple(tag for tag in say.TYPES if tag not in say.DATA_TAGS)


def wire_id(text: str) -> int | None:
    """Return the number of a subscription or item, ``None`` where the text is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS else None


def find_damaged(line: str, known: Container[int]) -> tuple[int, int] | None:
    """Return (subscription, position) of what a line with an unknown tag may have been about.

    Args:
        line: The line.
        known: The subscriptions that the server may speak of.

    Returns:
        Zero for what cannot be read; ``None`` where the line was no data.
    """
    tag, *arguments = line.split(",", 3)
    numbers = [wire_id(text) or 0 for text in arguments[:2]]
    subscription = numbers[0] if numbers and numbers[0] in known else 0
    position = numbers[1] if subscription and len(numbers) > 1 else 0
    if _TAG.fullmatch(tag):
        return (subscription, position) if position and len(arguments) > 2 and "|" in arguments[2] else None
    return None if tag.upper().endswith(_NO_DATA) else (subscription, position)
