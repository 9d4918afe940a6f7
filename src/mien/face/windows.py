"""Values over time: velocity, acceleration and windows, by one code path live and offline.

Shapes: N frames, T frames a window, F values a frame. A frame without a face is a row of NaN.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mien.errors import InputError, ShapeError

MAX_GAP_S = 0.25  # frames further apart are no neighbours: a blink is over in less
_ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class Window:
    """Consecutive frames. One that the stream's end or a gap cut short is filled up with NaN."""

    first_frame: int  # how many frames of the stream came before it
    time_s: NDArray[np.float64]  # (T,)
    values: NDArray[np.float32]  # (T, F)


def velocity(
    values: ArrayLike, *, time_s: ArrayLike, causal: bool = False, max_gap_s: float = MAX_GAP_S
) -> NDArray[np.floating]:
    """How much each value changes a second. Uneven frame times are taken as they are.

    From the frames before and after, exact for values that are quadratic in
    time; `causal` from this frame and the one before alone, for live use. NaN
    where such a neighbour is missing: at the ends, beside a frame without a
    face, beside a gap of more than `max_gap_s`.

    values: (N, F); time_s: (N,), increasing. Returns (N, F); float32 stays float32.
    Raises ShapeError for other shapes, InputError when time does not increase.

    >>> velocity([[0.0], [1.0], [4.0], [9.0]], time_s=[0, .1, .2, .3]).ravel().round(6)
    array([nan, 20., 40., nan])
    """
    rows, since, slope = _slopes(values, time_s, max_gap_s)
    found = np.full_like(rows, np.nan)
    if causal:
        found[1:] = slope
    elif len(rows) > 2:
        before, after = since[:-1], since[1:]
        found[1:-1] = (slope[:-1] * after + slope[1:] * before) / (before + after)
    return found


def acceleration(
    values: ArrayLike, *, time_s: ArrayLike, causal: bool = False, max_gap_s: float = MAX_GAP_S
) -> NDArray[np.floating]:
    """How much the velocity of each value changes a second, in values a second squared.

    From this frame and its two neighbours; `causal` from this frame and the
    two before. NaN where one is missing, as in velocity.

    values: (N, F); time_s: (N,), increasing. Returns (N, F); float32 stays float32.
    Raises ShapeError for other shapes, InputError when time does not increase.

    >>> acceleration([[0.0], [1.0], [4.0], [9.0]], time_s=[0, .1, .2, .3]).ravel().round(6)
    array([ nan, 200., 200., nan])
    """
    rows, since, slope = _slopes(values, time_s, max_gap_s)
    found = np.full_like(rows, np.nan)
    if len(rows) > 2:
        second = 2 * (slope[1:] - slope[:-1]) / (since[:-1] + since[1:])
        found[slice(2, None) if causal else slice(1, -1)] = second
    return found


def windows(
    values: ArrayLike,
    *,
    time_s: ArrayLike,
    length_frames: int,
    hop_frames: int,
    max_gap_s: float = math.inf,
    keep_rest: bool = False,
) -> Iterator[Window]:
    """The windows of a whole recording, as a Windower gives them frame by frame.

    values: (N, F); time_s: (N,). See Windower for the rest and for what it raises.

    >>> cut = windows(np.eye(5), time_s=range(5), length_frames=3, hop_frames=2)
    >>> [(window.first_frame, window.values.shape) for window in cut]
    [(0, (3, 5)), (2, (3, 5))]
    """
    rows = np.asarray(values)
    times = _checked_times(rows, time_s)
    windower = Windower(
        length_frames=length_frames,
        hop_frames=hop_frames,
        max_gap_s=max_gap_s,
        keep_rest=keep_rest,
    )
    for begin in range(0, len(rows), _ROWS_AT_ONCE):
        some = slice(begin, begin + _ROWS_AT_ONCE)
        yield from windower.push(rows[some], time_s=times[some])
    yield from windower.finish()


class Windower:
    """Cuts one stream into windows of `length_frames`, a new one every `hop_frames`.

    Fed frame by frame as they come or all at once, it gives the same windows to
    the last bit. A frame without a face counts as one. After a gap of more than
    `max_gap_s` it begins anew, so that no window straddles the gap. Frames that
    fill no window before the end or a gap are left out, or with `keep_rest` come
    as a window filled up with NaN, its times too.
    """

    def __init__(
        self,
        *,
        length_frames: int,
        hop_frames: int,
        max_gap_s: float = math.inf,
        keep_rest: bool = False,
    ) -> None:
        """Raises ValueError unless both counts are at least 1."""
        if length_frames < 1 or hop_frames < 1:
            raise ValueError(
                "a window has at least 1 frame and moves by at least 1, "
                f"got {length_frames} and {hop_frames}"
            )
        self.length_frames, self.hop_frames = length_frames, hop_frames
        self.max_gap_s, self.keep_rest = max_gap_s, keep_rest
        self._rows: NDArray[np.float32] | None = (
            None  # held for windows to come; None: no frame yet
        )
        self._times = np.empty(0)
        self._seen = 0  # frames so far; the held ones are the last of them
        self._start = 0  # the frame that the next window begins with
        self._covered = 0  # the last window ended before this frame
        self._last_time_s = math.nan

    def push(self, values: ArrayLike, *, time_s: ArrayLike) -> list[Window]:
        """Take the stream's next frames; return the windows that they end, in order.

        values: (n, F) and time_s: (n,), or (F,) and a number for one frame.
        Raises ShapeError for other shapes or another F than before, InputError
        when time does not increase; then nothing was taken.
        """
        rows = np.atleast_2d(np.asarray(values, np.float32))
        times = _checked_times(rows, np.atleast_1d(time_s))
        if self._rows is not None and rows.shape[1] != self._rows.shape[1]:
            raise ShapeError(
                f"a stream of {self._rows.shape[1]} values a frame got {rows.shape[1]}: "
                "make a Windower for each stream"
            )
        since = _checked_steps(times, before_s=self._last_time_s)
        gaps = np.flatnonzero(since > self.max_gap_s).tolist()
        found = []
        for number, (begin, end) in enumerate(pairwise([0, *gaps, len(times)])):
            if number:
                found += self.finish()
            found += self._extend(rows[begin:end], times[begin:end])
        self._last_time_s = float(times[-1]) if len(times) else self._last_time_s
        return found

    def finish(self) -> list[Window]:
        """The rest, where it is kept. What is pushed afterwards begins a new stretch."""
        found = []
        if self.keep_rest and self._rows is not None and self._seen > self._covered:
            missing = self.length_frames - len(self._rows)
            times = np.pad(self._times, (0, missing), constant_values=np.nan)
            rows = np.pad(self._rows, ((0, missing), (0, 0)), constant_values=np.nan)
            found = [Window(self._start, times, rows)]
        self._start = self._covered = self._seen
        self._let_go()
        return found

    def _extend(self, rows: NDArray[np.float32], times: NDArray[np.float64]) -> list[Window]:
        """Take frames that follow the held ones without a gap."""
        held = rows if self._rows is None else np.concatenate([self._rows, rows])
        self._rows, self._times = held, np.concatenate([self._times, times])
        self._seen += len(rows)
        first = self._seen - len(held)
        found = []
        while self._start + self.length_frames <= self._seen:
            cut = slice(self._start - first, self._start - first + self.length_frames)
            found.append(Window(self._start, self._times[cut].copy(), held[cut].copy()))
            self._covered = max(self._start + self.length_frames, self._start + self.hop_frames)
            self._start += self.hop_frames
        self._let_go()
        return found

    def _let_go(self) -> None:
        """Forget the frames that no window to come begins before."""
        if self._rows is not None:
            kept = max(0, self._seen - self._start)
            self._rows = self._rows[len(self._rows) - kept :].copy()
            self._times = self._times[len(self._times) - kept :]


def _slopes(
    values: ArrayLike, time_s: ArrayLike, max_gap_s: float
) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.floating]]:
    """The rows, the time (N - 1, 1) from each to the next, and the slope (N - 1, F) between."""
    rows = np.asarray(values)
    if not np.issubdtype(rows.dtype, np.floating):
        rows = rows.astype(np.float64)
    since = _checked_steps(_checked_times(rows, time_s))[1:, None]
    near = np.where(since > max_gap_s, np.nan, since).astype(rows.dtype)
    return rows, near, np.diff(rows, axis=0) / near


def _checked_times(rows: NDArray[np.floating], time_s: ArrayLike) -> NDArray[np.float64]:
    times = np.asarray(time_s, np.float64)
    if rows.ndim != 2 or times.shape != (len(rows),):
        raise ShapeError(
            "values must be (frames, values) and time_s (frames,), "
            f"got {rows.shape} and {times.shape}"
        )
    return times


def _checked_steps(
    times: NDArray[np.float64], *, before_s: float = math.nan
) -> NDArray[np.float64]:
    """The time (N,) from the frame before to each; NaN for the first of a stream."""
    since = np.diff(times, prepend=before_s)
    is_first = np.arange(len(times)) == 0 if math.isnan(before_s) else np.zeros(len(times), bool)
    wrong = np.flatnonzero(~((since > 0) | (is_first & np.isfinite(times))))
    if len(wrong):
        row = int(wrong[0])
        before = times[row - 1] if row else before_s
        raise InputError(
            f"time must increase from frame to frame, got {before} s and then {times[row]} s: "
            "sort the rows of each clip by time"
        )
    return since
