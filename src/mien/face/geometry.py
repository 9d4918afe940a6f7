"""Geometry of a face: pure functions on arrays of points.

Shapes: P = 478 points. Points are (..., P, 3): +x image right, +y image down,
+z away from the camera. A rotation takes the head's own axes to these: those of
a face that looks straight into the camera. Angles are in radians.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mien.errors import ShapeError
from mien.face.canonical import canonical_face
from mien.face.topology import MIRROR, STABLE
from mien.tables import POINT_COUNT

_OUTER_EYE_CORNERS = (33, 263)
_STABLE = np.array(STABLE)
_LEAST_SCALE = 1e-7  # of the distance from the image's origin: a smaller face is rounding


@dataclass(frozen=True)
class Aligned:
    """Faces in the template's place, and the movement that was taken from them.

    pixels = scale_px · rotation @ points + translation_px. NaN where no face.
    """

    points: NDArray[np.float32]  # (..., 478, 3) outer eye corners of the template are 1 apart
    rotation: NDArray[np.float64]  # (..., 3, 3) from the head's axes to the image's
    scale_px: NDArray[np.float64]  # (...) pixels a unit of points
    translation_px: NDArray[np.float64]  # (..., 3) where the points' origin lies


def to_pixels(
    points: ArrayLike, *, width_px: ArrayLike, height_px: ArrayLike
) -> NDArray[np.floating]:
    """Undo the per-axis scaling, so that a distance means something.

    x and z are fractions of the frame's width but y of its height: in those
    fractions a circle filmed at 16:9 is an ellipse.

    points: (..., 478, 3), fractions; NaN where no face. width_px, height_px: one
    number, or (...) one a face. Returns the same shape as points, in pixels;
    float32 stays float32.
    Raises ShapeError unless points end in (478, 3), ValueError unless each frame has a size.

    >>> to_pixels(np.full((478, 3), .5), width_px=640, height_px=480)[0]
    array([320., 240., 320.])
    """
    fractions = _checked(points)
    width, height = np.broadcast_arrays(np.asarray(width_px), np.asarray(height_px))
    has_size = (width > 0) & (height > 0)
    if not has_size.all():
        bad = np.flatnonzero(~has_size.ravel())[0]
        raise ValueError(
            f"a frame's size must be above 0, got {width.flat[bad]}x{height.flat[bad]} px"
        )
    scale = np.stack([width, height, width], axis=-1).astype(fractions.dtype)
    pixels: NDArray[np.floating] = fractions * scale[..., None, :]
    return pixels


def mirror(points: ArrayLike, *, width: ArrayLike = 1) -> NDArray[np.floating]:
    """The face seen in a mirror: left and right change places, point by point.

    points: (..., 478, 3). width: what the frame measures in the points' unit, one number or
    (...): 1 for fractions, width_px for pixels, 0 for aligned points, whose midline is x = 0.
    Mirrored twice is the same face. Raises ShapeError unless points end in (478, 3).

    >>> aligned = np.zeros((478, 3)); aligned[33] = [-.5, 0, 0]
    >>> mirror(aligned, width=0)[263]
    array([0.5, 0. , 0. ])
    """
    turned: NDArray[np.floating] = _checked(points)[..., MIRROR, :]
    turned[..., 0] = np.asarray(width, turned.dtype)[..., None] - turned[..., 0]
    return turned


@cache
def template() -> NDArray[np.float64]:
    """(478, 3) the canonical face in units of its outer eye corners' distance.

    The origin lies midway between these corners, where aligned points have theirs.
    """
    face = canonical_face().astype(np.float64)
    right, left = face[list(_OUTER_EYE_CORNERS)]
    scaled: NDArray[np.float64] = (face - (right + left) / 2) / np.linalg.norm(left - right)
    scaled.setflags(write=False)
    return scaled


def align(points_px: ArrayLike) -> Aligned:
    """Take place, size and turn of the head from faces: what is left is shape and expression.

    The similarity (rotation, scale, translation; never a reflection) that brings
    the template's stable points, which expression barely moves, closest to the
    face's, in closed form. So the result does not change when the points are
    moved, scaled or turned in space.

    points_px: (..., 478, 3) pixels. A face with a stable point missing or not finite, or with
    all of them in one place, becomes NaN. Raises ShapeError unless points end in (478, 3).
    Source: Umeyama 1991, doi:10.1109/34.88573.
    """
    faces = _checked(points_px)
    flat = faces.reshape(-1, POINT_COUNT, 3)
    rotation, scale, translation = _fit(flat[:, _STABLE].astype(np.float64))
    unturn = (rotation / scale[:, None, None]).astype(np.float32)
    shift = translation[:, None, :].astype(flat.dtype)
    with np.errstate(invalid="ignore", over="ignore"):
        points = (flat - shift).astype(np.float32, copy=False) @ unturn
    lead = faces.shape[:-2]
    return Aligned(
        points.reshape(faces.shape),
        rotation.reshape(*lead, 3, 3),
        scale.reshape(lead),
        translation.reshape(*lead, 3),
    )


def _fit(
    stable: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Rotation (N, 3, 3), scale (N,) and translation (N, 3) from template to (N, S, 3) points."""
    target = template()[_STABLE]
    origin = target.mean(axis=0)
    target = target - origin
    usable = np.asarray(np.isfinite(stable).all(axis=(1, 2)))
    stable = np.where(usable[:, None, None], stable, 0)
    center = stable.mean(axis=1)
    products = (stable - center[:, None]).transpose(0, 2, 1) @ target
    left, sizes, right = np.linalg.svd(products)
    handed = np.where(np.linalg.det(left @ right) < 0, -1.0, 1.0)  # a reflection is refused
    left[..., 2] *= handed[:, None]
    sizes[:, 2] *= handed
    rotation = left @ right
    scale = sizes.sum(axis=1) / (target**2).sum()
    usable &= scale > _LEAST_SCALE * np.abs(center).max(axis=1)
    rotation[~usable] = np.nan
    scale[~usable] = np.nan
    translation = center - scale[:, None] * (rotation @ origin)
    return rotation, scale, translation


def head_pose(rotation: ArrayLike) -> NDArray[np.float64]:
    """Yaw, pitch and roll of a head, in radians; all 0 when it looks into the camera upright.

    yaw > 0: turned to the person's own left, the nose points to image right.
    pitch > 0: chin up, the nose points to the image's top.
    roll > 0: tilted to the person's own left shoulder, clockwise in the image.
    rotation = turn by yaw about the image's vertical · by pitch about its horizontal ·
    by roll about the line of sight. Yaw and roll lie in (-π, π], pitch in [-π/2, π/2].

    rotation: (..., 3, 3), as align gives it. Returns (..., 3), NaN where NaN.

    >>> head_pose(np.eye(3))
    array([0., 0., 0.])
    """
    turn = np.asarray(rotation, np.float64)
    yaw = np.arctan2(-turn[..., 0, 2], turn[..., 2, 2])
    pitch = np.arcsin(np.clip(turn[..., 1, 2], -1, 1))
    roll = np.arctan2(turn[..., 1, 0], turn[..., 1, 1])
    return np.stack([yaw, pitch, roll], axis=-1) + 0.0  # no -0.0


def rotation_of(pose: ArrayLike) -> NDArray[np.float64]:
    """The rotation (..., 3, 3) of a head with this yaw, pitch and roll, radians: (..., 3).

    >>> head_pose(rotation_of([.3, -.2, .1])).round(6)
    array([ 0.3, -0.2,  0.1])
    """
    yaw, pitch, roll = np.moveaxis(np.asarray(pose, np.float64), -1, 0)
    zero, one = np.zeros_like(yaw), np.ones_like(yaw)

    def matrix(*rows: list[NDArray[np.float64]]) -> NDArray[np.float64]:
        return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)

    about_y = matrix(
        [np.cos(yaw), zero, -np.sin(yaw)], [zero, one, zero], [np.sin(yaw), zero, np.cos(yaw)]
    )
    about_x = matrix(
        [one, zero, zero],
        [zero, np.cos(pitch), np.sin(pitch)],
        [zero, -np.sin(pitch), np.cos(pitch)],
    )
    about_z = matrix(
        [np.cos(roll), -np.sin(roll), zero], [np.sin(roll), np.cos(roll), zero], [zero, zero, one]
    )
    turned: NDArray[np.float64] = about_y @ about_x @ about_z
    return turned


def _checked(points: ArrayLike) -> NDArray[np.floating]:
    """Points as floats. Raises ShapeError unless they end in (478, 3)."""
    faces = np.asarray(points)
    if faces.shape[-2:] != (POINT_COUNT, 3):
        raise ShapeError(
            f"points must end in (478, 3), got {faces.shape}. "
            "468 points come from a model without irises: extract again with mien extract."
        )
    return faces if np.issubdtype(faces.dtype, np.floating) else faces.astype(np.float64)
