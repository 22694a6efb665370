"""What can go wrong with REST requests: rules that pick them, what is done to them, and a journal of what arrived."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from random import Random

from ig_sdk.clock import Clock

_MOST_SEEN = 10_000


@dataclass(frozen=True)
class SeenRequest:
    """A request that reached the REST server.

    Attributes:
        method: HTTP method as the client meant it (``_method`` applied).
        path: Path after ``/gateway/deal``, without the query.
        version: Header ``VERSION``; 1 without it, 0 when it is no number.
        at: When its head was read.
    """

    method: str
    path: str
    version: int
    at: datetime


@dataclass(frozen=True)
class RestFault:
    """What happens to one REST request.

    Attributes:
        status: HTTP status of a made-up reply; ``None`` for the real one.
        code: IG's ``errorCode`` in the body of a made-up reply.
        delay_s: Seconds to wait: before the request is carried out, or with ``taken`` afterwards.
        drop: Close the connection normally, without a reply or with ``cut_after`` after a part of it.
        reset: Reset the connection without a reply.
        body: Body of the reply, as it is.
        content_type: Its type, unless it is JSON.
        headers: Header fields of the reply beside the usual ones.
        cut_after: Bytes of the reply, head included, after which the connection is reset.
        cut_request: Bytes of the request, head included, after which the connection is reset; it is not carried out.
        taken: Carry the request out although its reply is changed or lost.
    """

    status: int | None = 503
    code: str = "error.public-api.made-up-fault"
    delay_s: float = 0.0
    drop: bool = False
    reset: bool = False
    body: bytes | None = None
    content_type: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    cut_request: int | None = None
    taken: bool = False

    @property
    def carried_out(self) -> bool:
        """Whether the application gets the request."""
        answered = self.status is None and not (self.reset or (self.drop and self.cut_after is None))
        return self.cut_request is None and (self.taken or answered)


@dataclass
class RestRule:
    """Which requests a fault applies to.

    Attributes:
        fault: What happens to them.
        path: Beginning of the path after ``/gateway/deal``; empty matches all.
        method: HTTP method; ``None`` matches all.
        matches: A further condition on method and path.
        after: Matching requests to let pass first.
        left: Matching requests that the fault applies to; ``None`` for no end.
        chance: Probability that it applies to each of them.
        until: Monotonic time at which the rule ends; ``None`` for never.
    """

    fault: RestFault
    path: str = ""
    method: str | None = None
    matches: Callable[[str, str], bool] | None = None
    after: int = 0
    left: int | None = 1
    chance: float = 1.0
    until: float | None = None

    def is_for(self, method: str, path: str) -> bool:
        """Whether the rule covers a request."""
        if not path.startswith(self.path) or self.method not in (None, method):
            return False
        return self.matches is None or self.matches(method, path)


class RestRules:
    """The rules in force, and the journal.

    Args:
        clock: Time, for the journal and for rules that end.
        seed: Seed of all chances: the same requests in the same order meet the same faults.

    Threading:
        Safe from any thread.
    """

    def __init__(self, clock: Clock, seed: int) -> None:
        self._clock = clock
        self._random = Random(seed)
        self._lock = threading.Lock()
        self._rules: list[RestRule] = []
        self._seen: deque[SeenRequest] = deque(maxlen=_MOST_SEEN)

    def add(self, rule: RestRule, *, first: bool = False) -> None:
        """Add a rule after those in force, or before them; of several that match, the first applies."""
        with self._lock:
            self._rules.insert(0 if first else len(self._rules), rule)

    def remove(self, rule: RestRule) -> None:
        """Forget one rule."""
        with self._lock:
            self._rules = [each for each in self._rules if each is not rule]

    def clear(self) -> None:
        """Forget every rule; the journal stays."""
        with self._lock:
            self._rules.clear()

    def note(self, method: str, path: str, version: int) -> None:
        """Write a request into the journal."""
        seen = SeenRequest(method, path, version, self._clock.now())
        with self._lock:
            self._seen.append(seen)

    def seen(self, method: str | None = None, path: str = "") -> list[SeenRequest]:
        """Return the journal of requests, oldest first.

        Args:
            method: HTTP method; ``None`` for all.
            path: Beginning of the path.
        """
        with self._lock:
            seen = list(self._seen)
        return [each for each in seen if each.path.startswith(path) and method in (None, each.method)]

    def take(self, method: str, path: str) -> RestFault | None:
        """Return and use up the fault that applies to a request, if any."""
        now = self._clock.monotonic()
        with self._lock:
            self._rules = [rule for rule in self._rules if rule.until is None or now < rule.until]
            for rule in self._rules:
                if not rule.is_for(method, path):
                    continue
                if rule.after > 0:
                    rule.after -= 1
                elif rule.chance >= 1 or self._random.random() < rule.chance:
                    self._use(rule)
                    return rule.fault
        return None

    def _use(self, rule: RestRule) -> None:
        if rule.left is not None:
            rule.left -= 1
            if rule.left <= 0:
                self._rules.remove(rule)
