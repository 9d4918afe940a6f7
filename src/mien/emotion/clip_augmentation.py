"""Clips as they might also have been filmed: mirrored, turned, slower, with frames lost.

Shapes: b clips, T frames, F values a frame, P points. Values are NaN where there is no
face and after a clip's end, before and after.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ClipAugmentation:
    """What is done by chance to each clip that is learnt from. A share of 0 leaves a step out.

    mirror: the values of mirrored faces, (..., F) -> (..., F), as a feature set has it.
    columns: (P, 2) which values are x and y of a point, in units of the distance of the eyes.
    """

    mirror: Callable[[np.ndarray], np.ndarray] | None = None
    columns: np.ndarray | None = None
    turn_rad: float = 0.05  # standard deviation: what alignment leaves of the head's roll
    scale: float = 0.04  # the same of the logarithm of width and height, each by itself
    identity: float = 0.02  # the same of each value's shift, one for the whole clip
    noise: float = 0.002  # the same of each frame's: tracking
    stretch: float = 0.2  # longest and shortest time, as a share of the clip's
    lost: float = 0.2  # longest stretch of frames without a face, as a share of the clip's

    def __call__(self, values: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """values (b, T, F) float32; the same number of frames at most 1 + stretch times."""
        values = np.array(values, np.float32)
        if self.mirror is not None:
            chosen = random.random(len(values)) < 0.5
            values[chosen] = self.mirror(values[chosen])
        if self.columns is not None and len(self.columns):
            values = self._turned(values, random)
        values += self.identity * _normal(random, (len(values), 1, values.shape[2]))
        values += self.noise * _normal(random, values.shape)
        if self.stretch:
            values = stretched(values, 1 + random.uniform(-self.stretch, self.stretch, len(values)))
        return self._with_frames_lost(values, random)

    def _turned(self, values: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Points turned about their centre and made wider or higher, one way for a clip."""
        points = values[:, :, self.columns]  # (b, T, P, 2)
        angle = self.turn_rad * random.standard_normal(len(values))
        cos, sin = np.cos(angle), np.sin(angle)
        turn = np.array([[cos, sin], [-sin, cos]]).transpose(2, 0, 1)
        scale = np.exp(self.scale * random.standard_normal((len(values), 2)))
        matrix = (scale[:, :, None] * turn).astype(np.float32)
        centre = points.mean(axis=2, keepdims=True)
        values[:, :, self.columns] = (points - centre) @ matrix[:, None] + centre
        return values

    def _with_frames_lost(self, values: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """One stretch of frames without a face; every other clip keeps all of its frames."""
        count = values.shape[1]
        longest = self.lost * count * (random.random(len(values)) < 0.5)
        frames = np.floor(longest * random.random(len(values)))
        begin = np.floor(random.random(len(values)) * (count - frames + 1))
        place = np.arange(count)
        is_lost = (place >= begin[:, None]) & (place < (begin + frames)[:, None])
        is_present = ~np.isnan(values[:, :, 0])
        is_left = (is_present & ~is_lost).any(axis=1)  # else there would be nothing to see
        values[is_lost & is_left[:, None]] = np.nan
        return values


def stretched(values: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Clips made longer by factors (b,), values between two frames on the line between them.

    values: (b, T, F). A clip's end is where its last NaN rows begin; without a face on
    both sides there is none between. Returns (b, t, F), t the longest new clip.
    """
    is_present = ~np.isnan(values).any(axis=2)
    count = values.shape[1]
    lengths = np.where(is_present.any(axis=1), count - is_present[:, ::-1].argmax(axis=1), 0)
    wanted = np.maximum(np.rint(lengths * factors), np.minimum(lengths, 1)).astype(int)
    place = np.arange(wanted.max(initial=0))
    steps = np.maximum(wanted - 1, 1)[:, None]
    exact = place * np.maximum(lengths - 1, 0)[:, None] / steps
    exact = np.minimum(exact, np.maximum(lengths - 1, 0)[:, None])
    before = np.floor(exact).astype(int)
    share = (exact - before).astype(np.float32)[:, :, None]
    after = np.minimum(before + 1, np.maximum(lengths - 1, 0)[:, None])
    clip = np.arange(len(values))[:, None]
    first, second = values[clip, before], values[clip, after]
    between = np.where(share == 0, first, first + (second - first) * share)
    between[place >= wanted[:, None]] = np.nan
    return between


def point_columns(names: Sequence[str]) -> np.ndarray:
    """(P, 2) columns of x and y of the points whose values are among a feature set's names.

    >>> point_columns(["aligned_x_4", "aligned_y_4", "jawOpen"])
    array([[0, 1]])
    """
    place = {name: number for number, name in enumerate(names)}
    pairs = [
        (number, place[name.replace("_x_", "_y_")])
        for name, number in place.items()
        if name.startswith("aligned_x_")
    ]
    return np.array(pairs, np.int64).reshape(-1, 2)


def _normal(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return random.standard_normal(shape, np.float32)
