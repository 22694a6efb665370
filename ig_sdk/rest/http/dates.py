"""Times in headers: when an answer was made, and when the server wants to be asked again. No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

_EPOCH_YEAR = 1970
_SECONDS = re.compile(r"\d{1,9}(\.\d{1,9})?")


def http_date(text: str) -> datetime | None:
    """Return the moment that a header means, in UTC; ``None`` when it means none."""
    try:
        moment = parsedate_to_datetime(text.strip())
        aware = moment.replace(tzinfo=timezone.utc) if moment.tzinfo is None else moment.astimezone(timezone.utc)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return aware if aware.year >= _EPOCH_YEAR else None


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds until the server wants to be asked again; ``None`` when it does not say.

    Args:
        headers: Those of an answer, names in lower case. A date in ``retry-after`` is measured from the answer's own
            ``date``: our clock may differ.
        now: The present, where the answer has no date.

    Source:
        RFC 9110, sections 10.2.3 (Retry-After) and 5.6.7 (dates).
    """
    text = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    until = http_date(text) if text else None
    if until is None:
        return None
    return max((until - (http_date(headers.get("date", "")) or now)).total_seconds(), 0.0)
