"""Values of a face along their principal components, evened out in size.

The landmark model's points move together: a few directions hold most of the variance, and
much of that is whose face it is. Expression lies in small directions too. Whitening
divides each component by its deviation to a power: 0 leaves them as they are, 1 makes all alike;
what lies between was best on real faces (docs/decisions/0011-frame-models.md).

Shapes: N rows, F values a row, D components.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mien.emotion.batches import RowSource
from mien.emotion.training import CHUNK_ROWS
from mien.errors import InputError

FLAT_FACE = (
    "a face gives no features, as when all of its points lie in one place: empty the points of "
    "that row, which says that no face was found"
)
_LEAST_DEVIATION = 1e-6  # of a value: one that never changes says nothing
_LEAST_VARIANCE = 1e-6  # of a component, as a share of the first's: below is rounding


@dataclass(frozen=True)
class Projection:
    """projected = (values - mean) @ matrix. Rows have a mean square of 1 over what was learnt."""

    mean: np.ndarray  # (F,) float32
    matrix: np.ndarray  # (F, D) float32

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """(N, D) float32 of values (N, F); NaN where NaN."""
        projected: np.ndarray = (values - self.mean) @ self.matrix
        return projected


def fit_projection(
    X: RowSource,
    rows: np.ndarray,
    *,
    components: int,
    whitening: float,
    mirrored: RowSource | None = None,
) -> Projection:
    """Standardise each value, find the components of some rows, and even them out.

    X: (R, F); rows: (N,) which of them; mirrored: the same rows' faces in the mirror, so
    that left and right count alike. components: D at most. whitening: 0 to 1. A value
    that never changes is left out by its weight of 0.
    """
    sources = [X] if mirrored is None else [X, mirrored]
    count = len(rows) * len(sources)
    total, products = np.zeros(X.shape[1]), np.zeros((X.shape[1], X.shape[1]))
    for source in sources:
        for start in range(0, len(rows), CHUNK_ROWS):
            some = np.asarray(source[rows[start : start + CHUNK_ROWS]], np.float64)
            total += some.sum(axis=0)
            products += some.T @ some
    if not np.isfinite(total).all():
        raise InputError(FLAT_FACE)
    mean = total / count
    covariance = products / count - np.outer(mean, mean)
    deviation = np.sqrt(np.maximum(np.diag(covariance), 0))
    scale = np.where(deviation > _LEAST_DEVIATION, 1 / np.maximum(deviation, _LEAST_DEVIATION), 0)
    variances, vectors = np.linalg.eigh(covariance * np.outer(scale, scale))
    largest = np.argsort(variances)[::-1][:components]
    kept = largest[variances[largest] > _LEAST_VARIANCE * max(variances.max(), 1e-300)]
    variances, vectors = variances[kept], vectors[:, kept] * _signs(vectors[:, kept])
    evened = variances ** (-whitening / 2)
    evened /= np.sqrt((variances * evened**2).sum())
    matrix = scale[:, None] * vectors * evened
    return Projection(mean.astype(np.float32), matrix.astype(np.float32))


def _signs(vectors: np.ndarray) -> np.ndarray:
    """(D,) so that each component's largest entry is positive: eigenvectors have either sign."""
    largest = np.abs(vectors).argmax(axis=0)
    return np.where(vectors[largest, np.arange(vectors.shape[1])] < 0, -1.0, 1.0)
