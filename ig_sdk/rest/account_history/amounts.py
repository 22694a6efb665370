"""Amounts that IG writes as text, with a currency before them: ``"E-63.80"``, ``"£1,234.5"``, ``"-"``."""

from __future__ import annotations

import re
from decimal import Decimal

# A sign, before or behind the currency; a currency of letters or signs; digits, perhaps in groups of three. Anything
# else is not guessed at: "1,5" may be one and a half in one place and a typing error in another.
_AMOUNT = re.compile(
    r"(?P<before>[-+]?)\s*(?P<currency>[^\s\d.,+()-]{0,4})\s*(?P<behind>[-+]?)\s*"
    r"(?P<digits>[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?|[0-9]+(?:\.[0-9]+)?|\.[0-9]+)"
)
_LONGEST = 40


def read_amount(text: object) -> Decimal | None:
    """Return the amount that a text of IG's means, or ``None`` when it means none.

    Source:
        ig_api.json, ``TransactionV2``: ``profitAndLoss`` is a currency symbol and a signed amount; ``"-"`` is sent
        where there is none.
    """
    if not isinstance(text, str) or len(text) > _LONGEST:
        return None
    match = _AMOUNT.fullmatch(text.replace("\N{MINUS SIGN}", "-").strip())
    if match is None or (match["before"] and match["behind"]):
        return None
    number = Decimal(match["digits"].replace(",", ""))
    return -number if "-" in (match["before"], match["behind"]) else number
