"""Feature sets: what a model sees of a frame. Named and versioned, so that a model states its own.

Shapes: N frames, P = 478 points, F values a frame. Points are (N, P, 3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mien.errors import ModelError, ShapeError
from mien.tables import POINT_COUNT


@dataclass(frozen=True)
class FeatureSet:
    """A way from points to values. A change in any value is a new version."""

    name: str
    version: int
    value_count: int
    compute: Callable[[np.ndarray], np.ndarray]  # (N, 478, 3) -> (N, value_count) float32


def raw_points(points: np.ndarray) -> np.ndarray:
    """The 1,434 values as they lie in the table: x_0, y_0, z_0, x_1 ...

    The reference's own features. Where the face is in the frame, how large it
    is and how it is turned are all in them.

    points: (N, 478, 3). Returns (N, 1434) float32. Raises ShapeError for others.

    >>> raw_points(np.zeros((2, 478, 3))).shape
    (2, 1434)
    """
    if points.ndim != 3 or points.shape[1:] != (POINT_COUNT, 3):
        raise ShapeError(
            f"points must be (frames, 478, 3), got {points.shape}. "
            "468 points come from a model without irises: extract again with mien extract."
        )
    return points.reshape(len(points), 3 * POINT_COUNT).astype(np.float32, copy=False)


FEATURE_SETS = {
    "raw-points": FeatureSet("raw-points", 1, 3 * POINT_COUNT, raw_points),
}


def feature_set(name: str, *, version: int) -> FeatureSet:
    """The feature set that a model was made for. Raises ModelError when mien has another."""
    if name not in FEATURE_SETS:
        raise ModelError(
            f"the model wants features {name!r}; this mien has {', '.join(FEATURE_SETS)}: "
            "use the mien that made the model"
        )
    found = FEATURE_SETS[name]
    if found.version != version:
        raise ModelError(
            f"the model wants features {name!r} version {version}; this mien has version "
            f"{found.version}: train it again"
        )
    return found
