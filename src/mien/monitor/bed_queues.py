"""Frames that wait for the watch: a bounded queue a bed, so that no bed can flood the ward."""

from __future__ import annotations

from collections import deque
from threading import Lock

from mien.errors import InputError
from mien.risk.events import Event


class BedQueues:
    """Several threads may offer; one takes. A full queue drops its oldest frame and counts it."""

    def __init__(self, *, frames_most: int, beds_most: int) -> None:
        self._frames_most = frames_most
        self._beds_most = beds_most
        self._lock = Lock()
        self._waiting: dict[str, deque[Event]] = {}
        self._dropped: dict[str, int] = {}

    def offer(self, frame: Event) -> None:
        """Raises InputError for a frame of one bed more than the ward may have."""
        with self._lock:
            queue = self._waiting.get(frame.patient)
            if queue is None:
                if len(self._waiting) >= self._beds_most:
                    raise InputError(
                        f"a frame of {frame.patient!r}, but the ward has its {self._beds_most} "
                        "beds: raise beds_most"
                    )
                queue = self._waiting[frame.patient] = deque()
            if len(queue) >= self._frames_most:
                queue.popleft()
                self._dropped[frame.patient] = self._dropped.get(frame.patient, 0) + 1
            queue.append(frame)

    def take(self, each: int) -> list[Event]:
        """At most so many frames of each bed, the oldest first."""
        with self._lock:
            return [
                queue.popleft()
                for queue in self._waiting.values()
                for _ in range(min(each, len(queue)))
            ]

    def forget(self, patient: str) -> None:
        """A bed whose frames are no longer wanted."""
        with self._lock:
            self._waiting.pop(patient, None)
            self._dropped.pop(patient, None)

    @property
    def dropped(self) -> dict[str, int]:
        """Frames dropped, by bed; beds that lost none are not in it."""
        with self._lock:
            return dict(self._dropped)

    def __len__(self) -> int:
        with self._lock:
            return sum(map(len, self._waiting.values()))
