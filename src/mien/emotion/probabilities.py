"""Probabilities as they are given to what calibrates them, checked once.

Shapes: N rows, C labels. Probabilities are (N, C) and sum to 1 in each row; a
row without a face is NaN, teaches nothing and stays NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

import numpy as np

from mien.errors import InputError, ModelError


class Step(Protocol):
    """What makes probabilities better."""

    kind: ClassVar[str]

    @property
    def class_count(self) -> int | None:
        """C; None for a step that fits any."""

    def apply(self, probabilities: np.ndarray) -> np.ndarray: ...

    def to_json(self) -> dict[str, Any]: ...


def checked_probabilities(probabilities: np.ndarray, step: Step | None = None) -> np.ndarray:
    """(N, C) as float64, each row summing to exactly 1 or NaN throughout.

    Raises InputError for anything else, ModelError when C is not the step's.
    """
    found = np.asarray(probabilities, np.float64)
    if found.ndim != 2 or found.shape[1] < 2:
        raise InputError(f"probabilities must be (N, C) with C of 2 or more, got {found.shape}")
    if step is not None and step.class_count not in (None, found.shape[1]):
        raise ModelError(
            f"{step.kind} was learnt for {step.class_count} labels, got {found.shape[1]}: "
            "use the calibration of the same model"
        )
    absent = np.isnan(found).all(axis=1)
    sums = found.sum(axis=1)
    with np.errstate(invalid="ignore"):
        good = absent | ((found >= 0).all(axis=1) & (np.abs(sums - 1) < 1e-3))
    if not good.all():
        row = int(np.argmin(good))
        raise InputError(
            f"row {row} is {found[row].round(4).tolist()}: wanted probabilities that sum to 1, "
            "or NaN throughout where there is no face"
        )
    return found / sums[:, None]


def checked_labels(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """(N,) ints below C, one for each row of (N, C). Raises InputError for anything else."""
    found, (count, class_count) = np.asarray(labels), probabilities.shape
    if found.shape != (count,) or not np.issubdtype(found.dtype, np.integer):
        raise InputError(f"labels must be ({count},) ints, got {found.shape} of {found.dtype}")
    if count and not (found.min() >= 0 and found.max() < class_count):
        raise InputError(f"labels must be 0 to {class_count - 1}, got {found.min()}–{found.max()}")
    return found


def numbered_people(
    people: Sequence[str | None] | Sequence[int] | np.ndarray,
) -> tuple[np.ndarray, int]:
    """(N,) each row's person as a number below K, K where unknown; and K.

    people: (N,) names, None where unknown, or ints, below 0 where unknown.

    >>> numbered_people(["bob", "ann", None, "bob"])
    (array([1, 0, 2, 1]), 2)
    """
    found = np.asarray(people)
    if np.issubdtype(found.dtype, np.integer):
        is_known = found >= 0
    else:
        found = np.asarray(people, object)
        is_known = np.array([person is not None for person in found], bool)
        found = found.astype(str)
    names, number = np.unique(found[is_known], return_inverse=True)
    numbers = np.full(len(found), len(names))
    numbers[is_known] = number
    return numbers, len(names)


def lesson(
    probabilities: np.ndarray, labels: np.ndarray, weights: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The rows that teach: probabilities, labels and weights without those that have no face."""
    claimed = checked_probabilities(probabilities)
    labels = checked_labels(labels, claimed)
    weights = np.ones(len(claimed)) if weights is None else np.asarray(weights, np.float64)
    if weights.shape != labels.shape:
        raise InputError(f"weights must be {labels.shape}, got {weights.shape}")
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise InputError("weights must be finite and 0 or more")
    kept = ~np.isnan(claimed[:, 0]) & (weights > 0)
    if not kept.any():
        raise InputError("no row has a face and a weight: nothing can be calibrated on")
    return claimed[kept], labels[kept], weights[kept]


def normalised(shares: np.ndarray) -> np.ndarray:
    """(N, C) shares as probabilities: a row of zeros becomes uniform, NaN stays NaN."""
    sums = shares.sum(axis=1, keepdims=True)
    uniform = np.full_like(shares, 1 / shares.shape[1])
    return np.divide(shares, sums, out=uniform, where=~(sums == 0))
