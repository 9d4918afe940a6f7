"""The One Euro filter: points smoothed, less the faster they move.

Casiez, Roussel & Vogel, "1 € Filter", CHI 2012, doi:10.1145/2207676.2208639,
with the constants that MediaPipe's VIDEO mode uses for one face.
"""

from __future__ import annotations

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


def _weight(cutoff_hz: Any, step_s: float) -> Any:
    """The share of a new value that a first-order low-pass filter lets through."""
    turns = cutoff_hz * np.float32(2 * np.pi * step_s)
    return turns / (turns + np.float32(1))
