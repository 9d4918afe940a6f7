"""Feature sets: what a model sees of a frame. Named and versioned, so that a model states its own.

Shapes: N frames, P = 478 points, F values a frame. Points are (N, P, 3) fractions of the frame.
A frame without a face has no values: NaN, never zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mien.errors import ModelError, ShapeError
from mien.face.blendshapes import BLENDSHAPE_NAMES, blendshapes
from mien.face.geometry import Aligned, align, head_pose, to_pixels
from mien.face.measures import (
    ACTION_UNITS,
    GAZE_NAMES,
    OPENING_NAMES,
    action_units,
    gaze,
    openings,
)
from mien.face.topology import MIRROR
from mien.tables import POINT_COLUMNS, POINT_COUNT

Values = NDArray[np.float32]


class Faces:
    """Some frames' faces, and what several feature sets need of them, computed once."""

    def __init__(self, points: ArrayLike, *, size_px: ArrayLike) -> None:
        """points: (N, 478, 3) fractions; size_px: (2,) or (N, 2) width and height of the frames.

        Raises ShapeError for other shapes.
        """
        self.points = np.asarray(points)
        self.size_px = np.asarray(size_px)
        if self.points.ndim != 3 or self.points.shape[1:] != (POINT_COUNT, 3):
            raise ShapeError(
                f"points must be (frames, 478, 3), got {self.points.shape}. "
                "468 points come from a model without irises: extract again with mien extract."
            )
        if self.size_px.shape not in ((2,), (len(self.points), 2)):
            raise ShapeError(
                f"size_px must be (2,) or ({len(self.points)}, 2), width and height of each "
                f"frame, got {self.size_px.shape}"
            )

    @cached_property
    def pixels(self) -> NDArray[np.floating]:
        """(N, 478, 3)"""
        return to_pixels(self.points, width_px=self.size_px[..., 0], height_px=self.size_px[..., 1])

    @cached_property
    def aligned(self) -> Aligned:
        return align(self.pixels)

    @cached_property
    def blendshapes(self) -> Values:
        """(N, 52)"""
        return blendshapes(self.pixels)


@dataclass(frozen=True)
class FeatureSet:
    """A way from points to values. A change in any value is a new version."""

    name: str
    version: int
    summary: str
    names: tuple[str, ...]  # of the values, in order
    values: Callable[[Faces], Values]  # (N, F) float32
    mirror_order: NDArray[np.intp]  # (F,) each value's partner in the mirrored face
    mirror_sign: Values  # (F,) -1 for values along left-right
    mirror_offset: Values  # (F,) what is added then: 1 for fractions of the width

    @property
    def value_count(self) -> int:
        return len(self.names)

    def compute(self, points: ArrayLike, *, size_px: ArrayLike) -> Values:
        """The values of some frames: (N, F) float32, NaN where no face.

        points: (N, 478, 3) fractions; size_px: (2,) or (N, 2) width and height of the frames.
        Raises ShapeError for other shapes.

        >>> FEATURE_SETS["pose"].compute(np.full((1, 478, 3), np.nan), size_px=(480, 360))
        array([[nan, nan, nan]], dtype=float32)
        """
        return self.values(Faces(points, size_px=size_px))

    def mirror(self, values: Values) -> Values:
        """The values of the mirrored faces. values: (..., F) as compute gives them.

        >>> FEATURE_SETS["pose"].mirror(np.array([.3, .2, .1], np.float32))
        array([-0.3,  0.2, -0.1], dtype=float32)
        """
        mirrored: Values = values[..., self.mirror_order] * self.mirror_sign + self.mirror_offset
        return mirrored


def _feature_set(
    name: str,
    version: int,
    summary: str,
    *,
    names: tuple[str, ...],
    values: Callable[[Faces], Values],
    offset: float = 0,
) -> FeatureSet:
    """A feature set whose mirror follows from the names of its values.

    offset: the width of the frame in the unit of values along x, or 0 when x is from the midline.
    """
    place = {value: index for index, value in enumerate(names)}
    odd = np.array([_is_odd(value) for value in names])
    return FeatureSet(
        name,
        version,
        summary,
        names,
        values,
        mirror_order=np.array([place[_partner(value)] for value in names]),
        mirror_sign=np.where(odd, -1, 1).astype(np.float32),
        mirror_offset=np.where(odd, offset, 0).astype(np.float32),
    )


def _partner(value: str) -> str:
    """The name of the value on the other side of the face.

    >>> _partner("aligned_x_33"), _partner("browDownLeft"), _partner("left_eye_opening")
    ('aligned_x_263', 'browDownRight', 'right_eye_opening')
    """
    stem, _, point = value.rpartition("_")
    if point.isdecimal():
        return f"{stem}_{MIRROR[int(point)]}"
    for one, other in (("left_eye", "right_eye"), ("Left", "Right")):
        if one in value:
            return value.replace(one, other)
        if other in value:
            return value.replace(other, one)
    return value


def _is_odd(value: str) -> bool:
    """Whether a value changes its sign in the mirror."""
    along_x = value.startswith(("x_", "aligned_x_")) or value.endswith("gaze_left")
    return along_x or value in ("yaw_rad", "roll_rad")


def _aligned_names(points: tuple[int, ...], axes: str) -> tuple[str, ...]:
    return tuple(f"aligned_{axis}_{point}" for point in points for axis in axes)


def _flat(points: NDArray[Any]) -> NDArray[Any]:
    """(N, K, A) -> (N, K · A), for no rows too."""
    return points.reshape(len(points), points.shape[1] * points.shape[2])


def _raw(faces: Faces) -> Values:
    return _flat(faces.points).astype(np.float32, copy=False)


def _pose_free(faces: Faces) -> Values:
    return _flat(faces.aligned.points)


def _expression(faces: Faces) -> Values:
    return np.concatenate([_pose_free(faces), faces.blendshapes], axis=1)


def _posed_points(faces: Faces) -> Values:
    return np.concatenate([_pose(faces), _pose_free(faces)], axis=1)


def _posed_expression(faces: Faces) -> Values:
    return np.concatenate([_posed_points(faces), faces.blendshapes], axis=1)


def _motion(faces: Faces) -> Values:
    return _flat(faces.aligned.points[:, MOTION_POINTS, :2])


def _motion_and_blendshapes(faces: Faces) -> Values:
    return np.concatenate([_motion(faces), faces.blendshapes], axis=1)


def _pose(faces: Faces) -> Values:
    return head_pose(faces.aligned.rotation).astype(np.float32)


# What moves in a face, without what follows its neighbours: brows, lids, irises, nose, lips, chin.
MOTION_POINTS = (
    *(46, 53, 52, 65, 55, 70, 63, 105, 66, 107, 276, 283, 282, 295, 285, 300, 293, 334, 296, 336),
    *(33, 160, 159, 158, 133, 153, 145, 144, 263, 387, 386, 385, 362, 380, 374, 373, 468, 473),
    *(8, 4, 2, 64, 294, 98, 327, 117, 346, 50, 280, 205, 425, 206, 426),
    *(61, 40, 37, 0, 267, 270, 291, 321, 314, 17, 84, 91),
    *(78, 81, 13, 311, 308, 402, 14, 178, 57, 287, 18, 199, 152, 172, 397),
)
POSE_NAMES = ("yaw_rad", "pitch_rad", "roll_rad")
_ALL = tuple(range(POINT_COUNT))

FEATURE_SETS = {
    found.name: found
    for found in (
        _feature_set(
            "raw-points",
            1,
            "the 1,434 values as they lie in the table: where the face is, its size and turn too",
            names=POINT_COLUMNS,
            values=_raw,
            offset=1,
        ),
        _feature_set(
            "pose-free",
            1,
            "the 478 points with place, size and turn of the head taken out",
            names=_aligned_names(_ALL, "xyz"),
            values=_pose_free,
        ),
        _feature_set(
            "blendshapes",
            1,
            "52 movements of the face, 0-1",
            names=BLENDSHAPE_NAMES,
            values=lambda faces: faces.blendshapes,
        ),
        _feature_set(
            "expression",
            1,
            "pose-free points and blendshapes",
            names=(*_aligned_names(_ALL, "xyz"), *BLENDSHAPE_NAMES),
            values=_expression,
        ),
        _feature_set(
            "posed-points",
            1,
            "head pose, and the pose-free points that still change with it",
            names=(*POSE_NAMES, *_aligned_names(_ALL, "xyz")),
            values=_posed_points,
        ),
        _feature_set(
            "posed-expression",
            1,
            "head pose, pose-free points and blendshapes",
            names=(*POSE_NAMES, *_aligned_names(_ALL, "xyz"), *BLENDSHAPE_NAMES),
            values=_posed_expression,
        ),
        _feature_set(
            "motion",
            1,
            f"x and y of {len(MOTION_POINTS)} pose-free points, for sequences",
            names=_aligned_names(MOTION_POINTS, "xy"),
            values=_motion,
        ),
        _feature_set(
            "motion-blendshapes",
            1,
            "motion and blendshapes, for sequences",
            names=(*_aligned_names(MOTION_POINTS, "xy"), *BLENDSHAPE_NAMES),
            values=_motion_and_blendshapes,
        ),
        _feature_set(
            "pose",
            1,
            "yaw, pitch and roll of the head",
            names=POSE_NAMES,
            values=_pose,
        ),
        _feature_set(
            "gaze",
            1,
            "where the irises stand in the eyes, relative to the head",
            names=GAZE_NAMES,
            values=lambda faces: gaze(faces.aligned.points),
        ),
        _feature_set(
            "openings",
            1,
            "how far eyes and mouth are open, how wide the mouth is",
            names=OPENING_NAMES,
            values=lambda faces: openings(faces.aligned.points),
        ),
        _feature_set(
            "action-units",
            1,
            "estimates of 18 action units from blendshapes",
            names=tuple(ACTION_UNITS),
            values=lambda faces: action_units(faces.blendshapes),
        ),
    )
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
