"""Ids and references as IG forms them (REST.md section 6.1 item 6), each given out once."""

from __future__ import annotations

import math
import string
from random import Random

_LETTERS = string.digits + string.ascii_uppercase


class Ids:
    """What a broker names its deals with.

    Args:
        seed: Same seed, same names in the same order.
    """

    def __init__(self, seed: object) -> None:
        random = Random(f"{seed}/deals")
        self._deals = _Series(9, random)
        self._references = _Series(15, random)
        self._transactions = _Series(8, random)
        self._activities = 0

    def deal_id(self) -> str:
        """Return a new deal id: 15 characters beginning ``DIAAAA``."""
        return "DIAAAA" + self._deals.take()

    def reference(self) -> str:
        """Return a new deal reference: 15 upper-case letters and digits."""
        return self._references.take()

    def transaction(self) -> str:
        """Return a new reference of a transaction: 8 characters."""
        return self._transactions.take()

    def activity(self) -> str:
        """Return a new id of a row of the activity history."""
        self._activities += 1
        return f"{self._activities:010d}"


class _Series:
    """Texts of one length in an order that looks random and visits each only once: steps coprime to their number."""

    def __init__(self, length: int, random: Random) -> None:
        self._length = length
        self._size = len(_LETTERS) ** length
        self._next = random.randrange(self._size)
        step = self._size * 618_034 // 1_000_000
        while math.gcd(step, len(_LETTERS)) != 1:
            step += 1
        self._step = step

    def take(self) -> str:
        number, letters = self._next, []
        self._next = (number + self._step) % self._size
        for _ in range(self._length):
            number, digit = divmod(number, len(_LETTERS))
            letters.append(_LETTERS[digit])
        return "".join(letters)
