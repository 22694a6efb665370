"""Beginnings and ends of history, as users write them and as IG takes them."""

from __future__ import annotations

import re
from datetime import date, datetime, timezone

Moment = datetime | date | str
"""An aware datetime, a date, or ISO text. Dates, and texts without a zone, are meant in UTC."""

_MIDNIGHT = datetime.min.time()
_FRACTION = re.compile(r"\.(\d{1,6})\d*")


def parse_moment(value: Moment, name: str) -> datetime:
    """Return the moment that ``value`` means, in UTC.

    Raises:
        ValueError: It means none, or is a datetime without a zone.
    """
    if isinstance(value, str):
        return _parse_text(value.strip(), name)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"{name} must have a time zone, such as tzinfo=timezone.utc: {value!r} has none")
        return value.astimezone(timezone.utc)
    if isinstance(value, date):
        return datetime.combine(value, _MIDNIGHT, timezone.utc)
    raise ValueError(f"{name} must be an aware datetime, a date or ISO text such as '2025-10-01T12:00', not {value!r}")


def _parse_text(text: str, name: str) -> datetime:
    try:
        # "Z", and fractions of other lengths than three or six, are understood by fromisoformat from Python 3.11 on.
        plain = _FRACTION.sub(lambda match: f".{match[1]:<06}", text, count=1)
        moment = datetime.fromisoformat(f"{plain[:-1]}+00:00" if plain[-1:] in ("Z", "z") else plain)
        return moment.replace(tzinfo=timezone.utc) if moment.tzinfo is None else moment.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise ValueError(f"{name} must be ISO text such as '2025-10-01' or '2025-10-01T12:00', not {text!r}") from None


def iso_seconds(moment: datetime) -> str:
    """Return a moment as IG takes it in queries of its newer versions: ``yyyy-MM-ddTHH:mm:ss``, in UTC.

    Source:
        REST.md section 4. It gives the form and not the zone: UTC is assumed, as in the times that IG returns so.
    """
    return moment.replace(tzinfo=None).isoformat(timespec="seconds")
