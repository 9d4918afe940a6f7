"""Frames as they might also have been seen: mirrored, and a little turned.

Shapes: b rows, F values a row, P points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mien.face.features import FEATURE_SETS
from mien.face.geometry import rotation_of


@dataclass(frozen=True)
class FaceAugmentation:
    """What is done by chance to each row that is learnt from.

    features: the feature set of the rows, one with pose-free points. turn_rad: standard
    deviation of what alignment leaves of yaw, pitch and roll. noise: the same of each
    coordinate, in distances of the eyes: what tracking adds.
    """

    features: str = "expression"
    turn_rad: float = 0.05
    noise: float = 0.003

    def __call__(self, values: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """values (b, F) float32; the same shape. NaN stays NaN."""
        found = FEATURE_SETS[self.features]
        chosen = random.random(len(values)) < 0.5
        values = np.where(chosen[:, None], found.mirror(values), values)
        places = [n for n, name in enumerate(found.names) if name.startswith("aligned_")]
        points = values[:, places].reshape(len(values), -1, 3)
        turns = rotation_of(random.normal(0, self.turn_rad, (len(values), 3)))
        turned = points @ turns.transpose(0, 2, 1).astype(np.float32)
        turned += self.noise * random.standard_normal(turned.shape, np.float32)
        values[:, places] = turned.reshape(len(values), -1)
        return values
