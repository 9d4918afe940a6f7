"""Geometry of a face: pure functions on arrays of points.

Shapes: P = 478 points. Points are (..., P, 3): +x image right, +y image down,
+z away from the camera.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mien.errors import ShapeError
from mien.tables import POINT_COUNT


def to_pixels(points: ArrayLike, *, width_px: int, height_px: int) -> NDArray[np.floating]:
    """Undo the per-axis scaling, so that a distance means something.

    x and z are fractions of the frame's width but y of its height: in those
    fractions a circle filmed at 16:9 is an ellipse.

    points: (..., 478, 3), fractions; NaN where no face. Returns the same shape,
    in pixels; float32 stays float32.
    Raises ShapeError unless points end in (478, 3), ValueError unless the frame has a size.

    >>> to_pixels(np.full((478, 3), .5), width_px=640, height_px=480)[0]
    array([320., 240., 320.])
    """
    fractions = np.asarray(points)
    if fractions.shape[-2:] != (POINT_COUNT, 3):
        raise ShapeError(
            f"points must end in (478, 3), got {fractions.shape}. "
            "468 points come from a model without irises: extract again with mien extract."
        )
    if width_px <= 0 or height_px <= 0:
        raise ValueError(f"a frame's size must be above 0, got {width_px}x{height_px} px")
    if not np.issubdtype(fractions.dtype, np.floating):
        fractions = fractions.astype(np.float64)
    scale: NDArray[np.floating] = np.array([width_px, height_px, width_px], fractions.dtype)
    pixels: NDArray[np.floating] = fractions * scale
    return pixels
