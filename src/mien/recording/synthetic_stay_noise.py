"""Noise that goes on from one piece of a stream to the next.

Shapes: T frames, C channels, P = 478 points.
"""

from __future__ import annotations

import math

import numpy as np

from mien.recording.synthetic_face import JITTER_MEMORY_S, face_statistics
from mien.tables import POINT_COUNT

_BURN_IN = 8  # memories, after which a process has forgotten that it began at 0
_VALUES = 3 * POINT_COUNT


class Drifting:
    """First-order autoregression, AR(1), of standard deviation 1: each channel by itself."""

    def __init__(self, random: np.random.Generator, memory_frames: np.ndarray) -> None:
        """memory_frames: (C,) after how many frames 1/e of a channel's past is left."""
        self._keep = np.exp(-1 / np.asarray(memory_frames, np.float64)).astype(np.float32)
        self._fresh = np.sqrt(1 - self._keep**2)
        self._last = random.standard_normal(len(self._keep), np.float32)

    def next(self, random: np.random.Generator, frames: int) -> np.ndarray:
        """(T, C) float32"""
        noise = random.standard_normal((frames, len(self._keep)), np.float32)
        noise *= self._fresh
        self._last = _remembered(noise, self._keep, self._last)
        return noise


class Wandering:
    """A low-pass of a low-pass, as a body with mass moves; deviation 1. See synthetic_motion."""

    def __init__(self, random: np.random.Generator, memory_frames: np.ndarray) -> None:
        keep = np.exp(-1 / np.asarray(memory_frames, np.float64))
        self._keep = keep.astype(np.float32)
        self._fresh = ((1 - keep**2) ** 1.5 / np.sqrt(1 + keep**2)).astype(np.float32)
        self._once = self._twice = np.zeros(len(keep), np.float32)
        self.next(random, math.ceil(_BURN_IN * float(np.max(memory_frames))))

    def next(self, random: np.random.Generator, frames: int) -> np.ndarray:
        """(T, C) float32"""
        noise = random.standard_normal((frames, len(self._keep)), np.float32)
        noise *= self._fresh
        self._once = _remembered(noise, self._keep, self._once)
        self._twice = _remembered(noise, self._keep, self._twice)
        return noise


class Tremor:
    """How far a tracker's points are off: together, and each by itself."""

    def __init__(self, random: np.random.Generator, *, hz: float) -> None:
        self._together = len(face_statistics().jitter)
        width = self._together + _VALUES
        self._noise = Drifting(random, np.full(width, JITTER_MEMORY_S * hz))

    def next(self, random: np.random.Generator, frames: int) -> np.ndarray:
        """(T, P, 3) float32, outer-eye-corner distances"""
        statistics = face_statistics()
        noise = self._noise.next(random, frames)
        off = noise[:, self._together :] * statistics.jitter_rest.reshape(-1)
        off += noise[:, : self._together] @ statistics.jitter.reshape(self._together, _VALUES)
        return off.reshape(frames, POINT_COUNT, 3)


class Lapses:
    """Frames without a face: a chain of two states whose way in changes with time."""

    def __init__(self) -> None:
        self._is_gone = False

    def next(
        self, random: np.random.Generator, share: np.ndarray, *, mean_frames: float
    ) -> np.ndarray:
        """(T,) bool, true for `share` (T,) of the frames in the long run, some at a time."""
        ends = np.minimum(1 / max(mean_frames, 1.0), (1 - share) / np.maximum(share, 1e-9))
        begins = ends * share / (1 - share)
        chance = random.random(len(share))
        gone = np.empty(len(share), bool)
        now = self._is_gone
        for frame, (draw, start, stop) in enumerate(
            zip(chance.tolist(), begins.tolist(), ends.tolist(), strict=True)
        ):
            now = draw >= stop if now else draw < start
            gone[frame] = now
        self._is_gone = now
        return gone


def _remembered(noise: np.ndarray, keep: np.ndarray, before: np.ndarray) -> np.ndarray:
    """noise (T, C), in place: each row adds what is kept of the row before. Returns the last."""
    for row in noise:
        row += keep * before
        before = row
    return before.copy()
