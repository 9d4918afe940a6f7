"""Recorded frames in the order of their time, with the host's ticks between them.

A recording has no host, so a replay makes its ticks: that of second h comes after every frame
before h + 1 s and before all later ones. That is when it came live, had every frame come at once
and in order: after the windows that end at or before h - 2, and on through gaps in which no frame
came. Frames are therefore put in order first, by waiting as long for them as the Signal machine
does; so neither their order nor doubles move a tick, and with it a number in the log.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, replace

from mien.errors import TableError
from mien.risk.events import WARD, Event, FrameMeasured, Tick
from mien.risk.settings import SignalSettings, to_ms
from mien.workflows.replay_frame import MeasuredFrame

SECOND_MS = 1000
LATEST_S = 10.0  # further behind than this, a clock went back: no network is so slow
LONGEST_GAP_S = 24 * 3600.0


@dataclass(frozen=True)
class FrameCounts:
    """What came, and what of it is in no window."""

    frames: int = 0
    without_face: int = 0
    late: int = 0  # more than 2 s behind the newest: dropped
    doubled: int = 0  # of the time of another: one of them is taken
    dropped: int = 0  # by a full queue, which a replay never has

    def __add__(self, other: FrameCounts) -> FrameCounts:
        return FrameCounts(
            self.frames + other.frames,
            self.without_face + other.without_face,
            self.late + other.late,
            self.doubled + other.doubled,
            self.dropped + other.dropped,
        )


class InOrder:
    """One patient's frames, held until none that is in time can come before them."""

    def __init__(self, settings: SignalSettings) -> None:
        self._lateness_ms = to_ms(settings.lateness_s)
        self._held: list[
            tuple[int, int, int, MeasuredFrame]
        ] = []  # a heap: time, received, arrival
        self._newest_ms: int | None = None
        self._given_ms: int | None = None
        self.counts = FrameCounts()

    def add(self, frame: MeasuredFrame) -> Iterator[MeasuredFrame]:
        """The frames that need not be held any longer, now that this one came.

        Raises TableError for a clock that goes back, or jumps ahead by more than a day.
        """
        counts = self.counts
        self.counts = replace(
            counts,
            frames=counts.frames + 1,
            without_face=counts.without_face + (not frame.has_face),
        )
        if not self._is_in_time(frame):
            return
        newest_ms = self._newest_ms
        self._newest_ms = frame.time_ms if newest_ms is None else max(frame.time_ms, newest_ms)
        heapq.heappush(self._held, (frame.time_ms, frame.received_ms, self.counts.frames, frame))
        while self._held[0][0] < self._newest_ms - self._lateness_ms:
            yield self._given()

    def rest(self) -> Iterator[MeasuredFrame]:
        """Those still held, at the recording's end."""
        while self._held:
            yield self._given()

    def _is_in_time(self, frame: MeasuredFrame) -> bool:
        if self._newest_ms is None:
            return True
        behind_ms = self._newest_ms - frame.time_ms
        if behind_ms > to_ms(LATEST_S):
            raise TableError(
                f"{frame.where}: time goes back by {behind_ms / 1000:,.1f} s. A stream's clock "
                "runs on: sort the rows by time_s, or give each recording a video_filename of "
                "its own and they are put one after another"
            )
        if -behind_ms > to_ms(LONGEST_GAP_S):
            raise TableError(
                f"{frame.where}: {-behind_ms / 3_600_000:,.0f} h after the frame before it. Mend "
                "its time_s (seconds), or give each recording a video_filename of its own"
            )
        if behind_ms > self._lateness_ms:
            self.counts = replace(self.counts, late=self.counts.late + 1)
            return False
        return True

    def _given(self) -> MeasuredFrame:
        frame = heapq.heappop(self._held)[-1]
        if frame.time_ms == self._given_ms:
            self.counts = replace(self.counts, doubled=self.counts.doubled + 1)
        self._given_ms = frame.time_ms
        return frame


class Course:
    """Frames in order to events: frames and ticks, as the watch takes them."""

    def __init__(
        self, config_hash: str, *, after_tick_ms: int | None = None, from_ms: int | None = None
    ) -> None:
        """after_tick_ms: the last tick that is in the log; from_ms: the end of its last window.

        What the log has of an earlier run is not told again.
        """
        self._hash = config_hash
        self._from_ms = from_ms
        self._next_tick_ms = None if after_tick_ms is None else after_tick_ms + SECOND_MS
        self._last_ms: int | None = None

    def through(self, frame: MeasuredFrame) -> Iterator[Event]:
        """The ticks before a frame, then the frame."""
        if self._next_tick_ms is None:
            self._next_tick_ms = _second(frame.time_ms)
        yield from self._ticks(_second(frame.time_ms))
        self._last_ms = frame.time_ms
        if self._from_ms is None or frame.time_ms >= self._from_ms:
            yield Event(
                frame.patient,
                0,
                frame.time_ms,
                frame.received_ms,
                self._hash,
                FrameMeasured(frame.face),
            )

    def end(self) -> Iterator[Event]:
        """The tick of the last frame's second."""
        if self._last_ms is not None:
            yield from self._ticks(_second(self._last_ms) + SECOND_MS)

    def _ticks(self, before_ms: int) -> Iterator[Event]:
        while self._next_tick_ms is not None and self._next_tick_ms < before_ms:
            tick_ms = self._next_tick_ms
            self._next_tick_ms += SECOND_MS
            yield Event(WARD, 0, tick_ms, tick_ms, self._hash, Tick())


def _second(time_ms: int) -> int:
    return time_ms // SECOND_MS * SECOND_MS
