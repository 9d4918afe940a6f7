"""The host's time as the watch counts it: it never goes back.

Escalation, stalls and reminders run on the host's seconds. Were a clock that is set back an hour
simply waited for, nobody would be called for an hour.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock


def steady_ms() -> int:
    return time.monotonic_ns() // 1_000_000


class HostClock:
    """Wall time, ms. After it is set back, seconds go on from where they were, by a steady clock.

    They do so until wall time has caught up: meanwhile streams seem late by that much, which the
    watch tells as clock skew. A clock that leaps ahead is followed. Any thread may ask.

    >>> wall, steady = iter([5000, 2000, 2500]), iter([0, 10, 510])
    >>> clock = HostClock(lambda: next(wall), lambda: next(steady))
    >>> clock(), clock(), clock()
    (5000, 5010, 5510)
    """

    def __init__(
        self, wall: Callable[[], int], steady: Callable[[], int] = steady_ms, *, from_ms: int = 0
    ) -> None:
        """from_ms: the time is not before it, as after a restart."""
        self._wall, self._steady = wall, steady
        self._lock = Lock()
        self._now_ms = from_ms
        self._steady_ms: int | None = None

    def __call__(self) -> int:
        with self._lock:
            wall_ms, steady_ms = self._wall(), self._steady()
            passed_ms = 0 if self._steady_ms is None else steady_ms - self._steady_ms
            goes_on_ms = self._now_ms + (passed_ms if wall_ms < self._now_ms else 0)
            self._now_ms, self._steady_ms = max(wall_ms, goes_on_ms), steady_ms
            return self._now_ms
