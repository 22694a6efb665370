"""What a refusal or an end means for the session, as tables (TLCP.md section 18; the tag chooses the table, C-120)."""

from __future__ import annotations

from enum import Enum
from typing import Final


class Verdict(Enum):
    """What to do after a session was refused, or ended."""

    STOP = "stop and report"
    NEW = "open a new session, at once if the last one had worked"
    LATER = "open a new session after a wait"
    MUCH_LATER = "open a new session after the longest wait"
    FEW = "like LATER, but only a few times"
    CREDENTIALS = "ask for fresh credentials, once"
    VERSION = "try the next version, if the text blames the version"
    POLLING = "try polling"
    HOME = "open a new session at the original address, once"


# Appendix A, "our advice". A code that is not listed is new to us: a few attempts do no harm.
_SESSION: Final[dict[int, Verdict]] = {
    1: Verdict.CREDENTIALS,
    2: Verdict.STOP,
    3: Verdict.NEW,
    4: Verdict.NEW,
    5: Verdict.LATER,
    6: Verdict.LATER,
    7: Verdict.MUCH_LATER,
    8: Verdict.MUCH_LATER,
    9: Verdict.MUCH_LATER,
    10: Verdict.MUCH_LATER,
    11: Verdict.POLLING,
    20: Verdict.NEW,
    21: Verdict.HOME,
    31: Verdict.LATER,
    32: Verdict.LATER,
    33: Verdict.LATER,
    34: Verdict.LATER,
    35: Verdict.STOP,
    40: Verdict.STOP,
    41: Verdict.NEW,
    48: Verdict.NEW,
    60: Verdict.STOP,
    64: Verdict.STOP,
    65: Verdict.VERSION,
    66: Verdict.FEW,
    67: Verdict.STOP,
    68: Verdict.FEW,
    69: Verdict.NEW,
    70: Verdict.STOP,
    71: Verdict.STOP,
}
# Appendix B: the answers to a control request that mean the end of the session, not of the request.
SESSION_IS_GONE: Final = frozenset({3, 11, 20})


def session_verdict(code: int) -> Verdict:
    """Return what to do after ``CONERR`` or ``END`` with ``code``; zero and below is the adapter's own (C-121)."""
    return Verdict.STOP if code <= 0 else _SESSION.get(code, Verdict.FEW)


def blames_version(message: str, version: str) -> bool:
    """Whether the text of code 65 names the protocol version, rather than any other value (C-123)."""
    return version in message or "protocol version" in message.lower()
