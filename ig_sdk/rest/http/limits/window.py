"""One allowance of requests a minute, as a pure decision: how long the next request must wait, and what refusals teach.

IG's published numbers are not exact (WANTS 27, 28), so they are where this begins and not what it believes:

- A request takes a place from when it leaves until a minute after its answer. IG counted it at some moment between the
  two, so whatever its minute looks like (sliding, by the clock, a bucket), no minute of IG's holds more than this one.
- After a refusal nothing goes beyond what IG has just been seen to take. A minute later more is tried, one request at a
  time: the refusal may have been about the requests of somebody else, or of this program's last run.
- Another refusal, before more was seen to be taken, makes what IG took the limit. Two that agree are IG's real number,
  held for half a day; two that do not are somebody else's doing, held for a quarter of an hour. Then the limit grows
  by a step a minute, for as long as the places are wanted.
- What the server says goes before all of that: a refusal with ``Retry-After`` is waited for as long as it says, and
  what was counted before it does not count any more.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["accepted", "refused", "unsent", "unknown"]

# A second more than the minute: clocks differ, and nobody says whether a minute includes both its ends.
PERIOD_S = 61.0
_DOUBT_S = 15 * 60.0
_BELIEF_S = 12 * 3600.0


@dataclass(frozen=True)
class Slot:
    """A place taken in the window.

    Attributes:
        began_at: When the request was let go, in seconds of the clock.
    """

    began_at: float


class Window:
    """How many requests an allowance lets through a minute; time is handed in.

    Args:
        limit: Requests a minute that IG says it takes; ``None`` when nobody said anything.

    Attributes:
        refusals: How often IG refused a request for this allowance.
    """

    def __init__(self, limit: int | None = None) -> None:
        self.refusals = 0
        self._told = limit
        self._flying = 0
        self._answers: deque[tuple[float, bool]] = deque()  # when, and whether IG is known to have taken it
        self._ceiling: int | None = None  # learnt
        self._hold_until = -math.inf  # until then the ceiling is not tried
        self._proven: int | None = None  # what IG took in a minute, since a refusal; beyond it one at a time
        self._probe_at = -math.inf  # from when on more than that is tried
        self._refused_at = -math.inf
        self._refused_level: int | None = None  # what IG had taken when it last refused, while that stands
        self._not_before = -math.inf
        # The server's own pause goes before what is counted here: what came before it does not count any more, and for
        # a minute after it one request goes after the other, to see what comes next.
        self._counted_from = -math.inf
        self._careful_until = -math.inf

    @property
    def limit(self) -> int | None:
        """Requests a minute, as far as known: the smaller of what IG says and what its refusals taught."""
        known = [each for each in (self._told, self._ceiling) if each is not None]
        return min(known, default=None)

    @property
    def in_force(self) -> int | None:
        """Requests a minute that go without trying for more: the limit, or less while a refusal stands."""
        known = [each for each in (self.limit, self._proven) if each is not None]
        return max(min(known), 1) if known else None

    @property
    def learnt(self) -> bool:
        """Whether refusals have lowered the limit below what IG says."""
        refused = self._ceiling is not None or self._proven is not None
        return refused and (self._told is None or self.in_force != self._told)

    def tell(self, limit: int | None) -> None:
        """Take what IG says about the limit; what refusals taught stays."""
        self._told = limit

    @property
    def flying(self) -> int:
        """Requests under way."""
        return self._flying

    def used(self, now: float) -> int:
        """Return how many places are taken."""
        self._forget(now)
        return self._flying + len(self._answers)

    def wait_s(self, now: float, *, urgent: bool = False) -> float:
        """Return for how long the next request must wait: zero when it may go.

        The wait is a bound: an answer that comes in meanwhile may end it.

        Args:
            now: Seconds of the clock.
            urgent: What a login or a deal waits for: it may use the places that are kept back from the others.
        """
        self._forget(now)
        if now < self._not_before:
            return self._not_before - now
        # Who holds a place may have to wait for a login that needs one too: it must not wait for itself.
        flying = max(self._flying - 1, 0) if urgent else self._flying
        if now < self._careful_until and flying:
            return math.inf
        return self._counted_s(now, flying, urgent=urgent)

    def _counted_s(self, now: float, flying: int, *, urgent: bool) -> float:
        limit, waits = self.limit, [0.0]
        if limit is not None:
            waits.append(self._until_below(limit if urgent else limit - _kept_back(limit), flying, now))
        if self._proven is not None:
            room = self._until_below(self._proven, flying, now)
            if now < self._probe_at:
                waits.append(min(room, self._probe_at - now))
            elif flying:
                waits.append(room)
        return max(waits)

    def begin(self, now: float) -> Slot:
        """Take a place for a request that goes now."""
        self._flying += 1
        return Slot(now)

    def end(self, slot: Slot, now: float, verdict: Verdict, retry_after_s: float | None = None) -> None:
        """Note how a request ended.

        Args:
            slot: Its place.
            now: Seconds of the clock.
            verdict: Whether IG took it, refused it for this allowance, never saw it, or nobody knows.
            retry_after_s: The pause that a refusal asked for.
        """
        self._flying -= 1
        if verdict == "unsent":
            return
        self._forget(now)
        self._answers.append((now, verdict == "accepted"))
        if retry_after_s is not None:
            self._not_before = now + retry_after_s
            self._counted_from, self._careful_until = now, self._not_before + PERIOD_S
        if verdict == "refused":
            self.refusals += 1
            # Requests that left before a refusal was known say nothing new.
            if slot.began_at > self._refused_at:
                self._learn(now, PERIOD_S if retry_after_s is None else retry_after_s)
        elif verdict == "accepted":
            self._prove(slot, now)

    def _learn(self, now: float, pause_s: float) -> None:
        level, before = self._accepted(), self._refused_level
        if before is not None:
            # A minute of ours may hold two of a clock's: numbers within twice one another are one number.
            agree = max(level, before) <= 2 * min(level, before) + 1
            lowest = min(level, before) if agree else level
            self._ceiling = max(lowest if self._ceiling is None else min(lowest, self._ceiling - 1), 1)
            self._hold_until = now + (_BELIEF_S if agree else _DOUBT_S)
        self._proven = self._refused_level = level
        self._refused_at = now
        self._probe_at = now + pause_s

    def _prove(self, slot: Slot, now: float) -> None:
        if self._proven is None or self._refused_level is None:
            return
        level = self._accepted()
        self._proven = max(self._proven, level)
        if slot.began_at <= self._refused_at:
            # It was on its way when another was refused: IG had taken it before, or had room.
            self._refused_level = max(self._refused_level, level)
        elif self._ceiling is None:
            # A minute of ours may hold two of a clock's. More than those: the refusal was about something else.
            if level > 2 * self._refused_level + 1:
                self._proven = self._refused_level = None
        elif now >= self._hold_until:
            self._grow(level, now)

    def _grow(self, level: int, now: float) -> None:
        """Let the limit grow, when what it is now has all been wanted."""
        if self._ceiling is None:
            return
        if self._told is not None and self._ceiling >= self._told:
            self._ceiling = self._proven = self._refused_level = None
        elif level >= self._ceiling - _kept_back(self._ceiling):
            self._ceiling += max(1, self._ceiling // 4)
            self._hold_until = now + PERIOD_S

    def _accepted(self) -> int:
        return sum(taken for _, taken in self._answers)

    def _until_below(self, room: int, flying: int, now: float) -> float:
        """Return the time until fewer than ``room`` places are taken."""
        counted = [at for at, _ in self._answers if at > self._counted_from]
        surplus = flying + len(counted) - room
        if surplus < 0:
            return 0.0
        return counted[surplus] + PERIOD_S - now if surplus < len(counted) else PERIOD_S

    def _forget(self, now: float) -> None:
        while self._answers and now - self._answers[0][0] >= PERIOD_S:
            self._answers.popleft()


def _kept_back(limit: int) -> int:
    """Return the places kept for what a login or a deal waits for; the number is not quite exact either."""
    return min(2, limit // 5)
