"""Times in headers: when an answer was made, and when the server wants to be asked again. No I/O."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

_EPOCH_YEAR = 1970
_LONGEST_S = 1e6
_SECONDS = re.compile(r"\d{1,6}(\.\d{1,9})?")


def http_date(text: str) -> datetime | None:
    """Return the moment that a header means, in UTC; ``None`` when it means none."""
    try:
        moment = parsedate_to_datetime(text.strip())
        aware = moment.replace(tzinfo=timezone.utc) if moment.tzinfo is None else moment.astimezone(timezone.utc)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return aware if aware.year >= _EPOCH_YEAR else None


def retry_after_s(text: str | None, *, date: str = "", now: datetime | None = None) -> float | None:
    """Return the seconds until the server wants to be asked again; ``None`` when it does not say so in days.

    Args:
        text: The header ``Retry-After``: seconds, or a date.
        date: The header ``Date`` of the same answer, which a date is measured from: our clock may differ.
        now: The present, where the answer has no date.

    Source:
        RFC 9110, sections 10.2.3 (Retry-After) and 5.6.7 (dates).
    """
    text = (text or "").strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    until, since = http_date(text), http_date(date) or now
    if until is None or since is None:
        return None
    seconds = max((until - since).total_seconds(), 0.0)
    return seconds if seconds < _LONGEST_S else None
