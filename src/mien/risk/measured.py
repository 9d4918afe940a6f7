"""What is kept of each face in a table of points: head pose, action units, a few positions.

None of it could draw the face again. The numbers of a frame are the same in whichever batch it
comes. The model's posterior is passed in: risk knows no model.

Shapes: N frames, P = 478 points, R = 14 regions, S = 8 steady points.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mien.errors import ShapeError
from mien.face import topology
from mien.face.features import Faces
from mien.face.geometry import head_pose
from mien.face.measures import OPENING_NAMES, openings
from mien.risk.action_units import REGIONS, action_units
from mien.risk.events import Face

DECIMALS = 6
# Points that no expression moves, over the face's width and depth: what they tremble is tracking.
STEADY_POINTS = (168, 197, 1, 4, 33, 133, 263, 362)
REGION_VALUES = 2 * len(REGIONS)  # Face.points begins with x, y of each region's middle
_MOUTH = OPENING_NAMES.index("mouth_opening")


def faces_of(
    points: ArrayLike,
    *,
    size_px: ArrayLike,
    presence: ArrayLike | None = None,
    negative: ArrayLike | None = None,
) -> list[Face | None]:
    """What is kept of some frames' faces; None where there is none.

    points: (N, 478, 3) fractions of the frame, NaN where no face. size_px: (2,) or (N, 2) width
    and height. presence: (N,) 0 where no face. negative: (N,) the model's summed posterior of
    Angry, Disgust, Fear and Sad, 0-1, NaN where it has none.
    Raises ShapeError for other shapes.

    >>> faces_of(np.full((1, 478, 3), np.nan), size_px=(480, 360))
    [None]
    """
    return kept_of(Faces(points, size_px=size_px), presence=presence, negative=negative)


def kept_of(
    faces: Faces, *, presence: ArrayLike | None = None, negative: ArrayLike | None = None
) -> list[Face | None]:
    """The same of faces of which more is asked than this: blendshapes are then made once."""
    count = len(faces.points)
    rows, is_there = _rows(faces), _column(presence, count, "presence", 1.0) > 0
    posterior = _column(negative, count, "negative", np.nan)
    return [
        _face(row, chance) if there and all(map(math.isfinite, row)) else None
        for row, there, chance in zip(rows, is_there, posterior.tolist(), strict=True)
    ]


def _rows(faces: Faces) -> list[list[float]]:
    """(N, 3 + 6 + 1 + 2R + 2S) pose, units, mouth and positions of each frame."""
    aligned = faces.aligned.points
    parts = (
        np.degrees(head_pose(faces.aligned.rotation)),
        action_units(faces),
        openings(aligned)[:, [_MOUTH]],
        _middles(aligned),
        aligned[:, STEADY_POINTS, :2].reshape(len(aligned), 2 * len(STEADY_POINTS)),
    )
    rows = np.concatenate([np.asarray(part, np.float64) for part in parts], axis=1)
    found: list[list[float]] = (rows.round(DECIMALS) + 0.0).tolist()  # no -0.0
    return found


def _middles(aligned: NDArray[np.float32]) -> NDArray[np.float64]:
    """(N, 2R) where the points of each region lie in the mean."""
    plane = np.ascontiguousarray(aligned[..., :2], np.float64)
    middles = [plane[:, points].mean(axis=1) for points in topology.REGIONS.values()]
    return np.concatenate(middles, axis=1)


def _face(row: list[float], negative: float) -> Face:
    yaw, pitch, roll = row[:3]
    return Face(
        yaw_deg=yaw,
        pitch_deg=pitch,
        roll_deg=roll,
        action_units=tuple(row[3:9]),
        mouth_opening=row[9],
        points=tuple(row[10:]),
        negative=round(negative, DECIMALS) if math.isfinite(negative) else None,
    )


def _column(values: ArrayLike | None, count: int, name: str, absent: float) -> NDArray[np.float64]:
    if values is None:
        return np.full(count, absent)
    column = np.asarray(values, np.float64)
    if column.shape != (count,):
        raise ShapeError(f"{name} must be ({count},), a number a frame, got {column.shape}")
    return column
