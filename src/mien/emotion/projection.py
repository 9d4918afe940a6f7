"""Values of a face along their principal components, evened out in size.

The landmark model's points move together: a few directions hold most of the variance, and
much of that is whose face it is. Expression lies in small directions too. Whitening
divides each component by its deviation to a power: 0 leaves them as they are, 1 makes all alike;
what lies between was best on real faces (docs/decisions/0011-frame-models.md).

Aligned points still change as a head turns, for the landmark model guesses what it does not see.
Where the head's yaw and pitch are among the values, the mean course along a cubic in both
is taken off first. With the mirror images counted in, each component is the same in the
mirror or its opposite: that is its sign.

Shapes: N rows, F values a row, D components, K terms of the course (1 without head pose).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mien.emotion.batches import RowSource
from mien.emotion.training import CHUNK_ROWS
from mien.errors import InputError
from mien.face.features import POSE_NAMES, FeatureSet

FLAT_FACE = (
    "a face gives no features, as when all of its points lie in one place: empty the points of "
    "that row, which says that no face was found"
)
TURN = ("yaw_rad", "pitch_rad")
POWERS = tuple((yaw, pitch) for pitch in range(4) for yaw in range(4 - pitch))  # of a cubic in both
TURN_UNIT_RAD = 0.3  # so that powers of it are of a size
_ASKED_ROWS = 4096  # that tell how far heads turn
_LEAST_DEVIATION = 1e-6  # of a value: one that never changes says nothing
_LEAST_VARIANCE = 1e-6  # of a component, as a share of the first's: below is rounding


@dataclass(frozen=True)
class Projection:
    """projected = (values - course of this pose) @ matrix. Mean square 1 over what was learnt."""

    course: np.ndarray  # (K, F) float32: the mean, or a cubic of yaw and pitch
    matrix: np.ndarray  # (F, D) float32
    signs: np.ndarray  # (D,) float32: 1, or -1 for what is its own opposite in the mirror
    turn: np.ndarray  # (2,) int64: which values are yaw and pitch; unused without a cubic
    reach: np.ndarray  # (2,) float32, rad: heads turned further are taken as turned so far

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """(N, D) float32 of values (N, F); NaN where NaN."""
        terms = _terms(values, self.turn, self.reach, count=len(self.course))
        projected: np.ndarray = (values - terms @ self.course) @ self.matrix
        return projected


def fit_projection(
    X: RowSource,
    rows: np.ndarray,
    *,
    components: int,
    whitening: float,
    features: FeatureSet | None = None,
) -> Projection:
    """Take the course off, standardise each value, find components, and even them out.

    X: (R, F); rows: (N,) which of them; features: what the F values are; then each
    face's mirror image counts too, and head pose if it is among them. None: plain values.
    components: D at most. whitening: 0 to 1. A value that never changes has weight 0.
    """
    names = features.names if features is not None else ()
    turns = set(TURN) <= set(names)
    turn = np.array([names.index(name) for name in TURN] if turns else [0, 0])
    reach = _reach(X, rows, turn) if turns else np.zeros(2, np.float32)
    count = len(POWERS) if turns else 1
    moments = _moments(X, rows, turn, reach, count=count)
    if features is not None:
        moments = (moments + _mirrored(moments, features, count=count)) / 2
    course = np.linalg.lstsq(moments[:count, :count], moments[:count, count:], rcond=None)[0]
    covariance = moments[count:, count:] - moments[count:, :count] @ course
    deviation = np.sqrt(np.maximum(np.diag(covariance), 0))
    scale = np.where(deviation > _LEAST_DEVIATION, 1 / np.maximum(deviation, _LEAST_DEVIATION), 0)
    if turns:
        scale[[names.index(name) for name in POSE_NAMES]] = 0  # they guide, and say nothing
    if not scale.any():
        raise InputError("no value changes from face to face: there is nothing to learn from")
    variances, vectors, signs = _components(covariance * np.outer(scale, scale), features)
    largest = np.argsort(variances, kind="stable")[::-1][:components]
    kept = largest[variances[largest] > _LEAST_VARIANCE * max(variances.max(), 1e-300)]
    variances, vectors = variances[kept], vectors[:, kept] * _orientations(vectors[:, kept])
    evened = variances ** (-whitening / 2)
    evened /= np.sqrt((variances * evened**2).sum())
    return Projection(
        course.astype(np.float32),
        (scale[:, None] * vectors * evened).astype(np.float32),
        signs[kept].astype(np.float32),
        turn,
        reach,
    )


def _terms(values: np.ndarray, turn: np.ndarray, reach: np.ndarray, *, count: int) -> np.ndarray:
    """(N, K) what the course's terms are multiplied with."""
    if count == 1:
        return np.ones((len(values), 1), values.dtype)
    yaw, pitch = (np.clip(values[:, turn], -reach, reach) / TURN_UNIT_RAD).T
    return np.stack([yaw**i * pitch**j for i, j in POWERS], axis=1)


def _reach(X: RowSource, rows: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """(2,) how far heads turn in some of the rows: a cubic says nothing beyond."""
    some = rows[:: max(1, len(rows) // _ASKED_ROWS)]
    parts = [X[some[start : start + CHUNK_ROWS]] for start in range(0, len(some), CHUNK_ROWS)]
    reach: np.ndarray = np.max([np.abs(np.asarray(part)[:, turn]).max(axis=0) for part in parts], 0)
    return reach.astype(np.float32)


def _moments(
    X: RowSource, rows: np.ndarray, turn: np.ndarray, reach: np.ndarray, *, count: int
) -> np.ndarray:
    """(K + F, K + F) mean products of terms and values."""
    products = np.zeros((count + X.shape[1],) * 2)
    for start in range(0, len(rows), CHUNK_ROWS):
        values = np.asarray(X[rows[start : start + CHUNK_ROWS]], np.float64)
        both = np.concatenate([_terms(values, turn, reach, count=count), values], axis=1)
        products += both.T @ both
    if not np.isfinite(products).all():
        raise InputError(FLAT_FACE)
    return products / len(rows)


def _mirrored(moments: np.ndarray, features: FeatureSet, *, count: int) -> np.ndarray:
    """The moments of the mirror images: yaw changes its sign, and so do its odd powers."""
    of_terms = [(-1) ** yaw for yaw, _ in POWERS] if count > 1 else [1]
    order = np.concatenate([np.arange(count), count + features.mirror_order])
    sign = np.concatenate([of_terms, features.mirror_sign])
    return moments[np.ix_(order, order)] * np.outer(sign, sign)


def _components(
    covariance: np.ndarray, features: FeatureSet | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Variances (F,), unit vectors (F, F) and what each is in the mirror, 1 or -1 (F,)."""
    if features is None:
        variances, vectors = np.linalg.eigh(covariance)
        return variances, vectors, np.ones(len(variances))
    parts = []
    for side in (1, -1):
        basis = _same_or_opposite(features, side)
        variances, inner = np.linalg.eigh(basis.T @ covariance @ basis)
        parts.append((variances, basis @ inner, np.full(len(variances), side)))
    same, opposite = parts
    return (
        np.concatenate([same[0], opposite[0]]),
        np.concatenate([same[1], opposite[1]], axis=1),
        np.concatenate([same[2], opposite[2]]),
    )


def _same_or_opposite(features: FeatureSet, side: int) -> np.ndarray:
    """(F, about F / 2) an orthonormal basis of what is the same (1) or opposite (-1) mirrored."""
    columns = []
    for one, (other, sign) in enumerate(
        zip(features.mirror_order, features.mirror_sign, strict=True)
    ):
        column = np.zeros(len(features.names))
        if one == other and sign == side:
            column[one] = 1
        elif one < other:
            column[one], column[other] = np.sqrt(0.5), side * sign * np.sqrt(0.5)
        if column.any():
            columns.append(column)
    return np.stack(columns, axis=1) if columns else np.zeros((len(features.names), 0))


def _orientations(vectors: np.ndarray) -> np.ndarray:
    """(D,) so that each component's largest entry is positive: eigenvectors have either sign."""
    largest = np.abs(vectors).argmax(axis=0)
    return np.where(vectors[largest, np.arange(vectors.shape[1])] < 0, -1.0, 1.0)
