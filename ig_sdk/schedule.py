"""Delays between attempts: the schedules of ``backoff``, to wait for on our clock.

``backoff`` itself sleeps where ``close()`` cannot wake it, so only its schedules are used; the caller waits with
``Clock.wait(stop, delay)``.
"""

from __future__ import annotations

import random as _random
from collections.abc import Callable, Iterator


def delays(
    initial_s: float, max_s: float, multiplier: float, *, random: Callable[[], float] = _random.random
) -> Iterator[float]:
    """Return endless exponential delays with full jitter.

    The n-th delay is drawn uniformly from zero to ``min(initial_s * multiplier ** n, max_s)``, so that clients which
    failed together do not come back together.

    Args:
        initial_s: Longest first delay in seconds.
        max_s: No delay is longer than this.
        multiplier: Growth from one attempt to the next, at least 1.
        random: Draws from [0, 1); tests hand in their own.

    Raises:
        ValueError: A delay is negative, or the multiplier below 1.

    Source:
        ``backoff.expo`` 2.2.1; full jitter as in the AWS architecture blog, "Exponential backoff and jitter".
    """
    if initial_s < 0 or max_s < 0:
        raise ValueError(f"delays must not be negative: initial {initial_s}, max {max_s}")
    if multiplier < 1:
        raise ValueError(f"multiplier must be at least 1, not {multiplier}")
    return _jittered(initial_s, max_s, multiplier, random)


def _jittered(initial_s: float, max_s: float, multiplier: float, random: Callable[[], float]) -> Iterator[float]:
    import backoff  # noqa: PLC0415 -- needed after a failure only, and it brings asyncio

    ceilings = backoff.expo(base=multiplier, factor=initial_s, max_value=max_s)
    next(ceilings)  # the first value only primes the generator (backoff 2.2.1)
    for ceiling in ceilings:
        yield ceiling * random()
