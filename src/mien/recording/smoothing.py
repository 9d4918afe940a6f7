"""The One Euro filter: points smoothed, less the faster they move.

Casiez, Roussel & Vogel, "1 € Filter", CHI 2012, doi:10.1145/2207676.2208639,
with the constants that MediaPipe's VIDEO mode uses for one face.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

_MIN_CUTOFF_HZ = 0.05
_BETA = 80.0
_SPEED_CUTOFF_HZ = 1.0


@dataclass
class OneEuroFilter:
    """Smooths the points of one face. Speeds are in face sizes a second, so that
    nearness to the camera does not matter.

    Points are (P, 3) float32 in pixels.
    """

    time_s: float = 0.0
    raw: np.ndarray | None = None
    value: np.ndarray | None = None
    speed: np.ndarray | None = None

    def smooth_rows(self, points: np.ndarray, times_s: Iterable[float]) -> None:
        """Smooth consecutive frames in place: points (N, P, 3), NaN where there is no face.

        A face that comes back is smoothed afresh.
        """
        seen = ~np.isnan(points[:, 0, 0])
        for row, (is_seen, time_s) in enumerate(zip(seen, times_s, strict=True)):
            if is_seen:
                points[row] = self.smooth(points[row].copy(), time_s)
            else:
                self.raw = self.value = self.speed = None

    def smooth(self, points: np.ndarray, time_s: float) -> np.ndarray:
        """The points, smoothed. A time that does not advance gives them as they are."""
        if self.raw is None or self.value is None or self.speed is None:
            self.raw, self.value, self.speed = points, points, np.zeros_like(points)
            self.time_s = time_s
            return points
        step_s = time_s - self.time_s
        if step_s <= 0:
            return points
        x, y = points[:, 0], points[:, 1]
        size_px = float(x.max() - x.min() + y.max() - y.min()) / 2
        speed = (points - self.raw) * np.float32(1 / (size_px * step_s))
        self.speed = self.speed + _weight(_SPEED_CUTOFF_HZ, step_s) * (speed - self.speed)
        weights = _weight(_MIN_CUTOFF_HZ + _BETA * np.abs(self.speed), step_s)
        self.value = self.value + weights * (points - self.value)
        self.raw, self.time_s = points, time_s
        return self.value

    def state(self) -> list[Any]:
        """What the filter remembers, as JSON values."""
        return [self.time_s, *(packed(a) for a in (self.raw, self.value, self.speed))]

    @classmethod
    def restored(cls, state: list[Any]) -> OneEuroFilter:
        """The filter that gave `state`."""
        time_s, *arrays = state
        return cls(time_s, *(unpacked(array) for array in arrays))


def packed(points: np.ndarray | None) -> str | None:
    """Points (P, 3) as text for JSON."""
    return None if points is None else base64.b64encode(points.astype("<f4").tobytes()).decode()


def unpacked(text: str | None) -> np.ndarray | None:
    """The points (P, 3) float32 that `packed` gave."""
    if text is None:
        return None
    return np.frombuffer(base64.b64decode(text), "<f4").reshape(-1, 3).copy()


def _weight(cutoff_hz: Any, step_s: float) -> Any:
    """The share of a new value that a first-order low-pass filter lets through."""
    turns = cutoff_hz * np.float32(2 * np.pi * step_s)
    return turns / (turns + np.float32(1))
