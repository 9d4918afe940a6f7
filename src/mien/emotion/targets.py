"""What a classifier learns towards: class numbers, their weights, and rows to stop by.

Shapes: N rows, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from mien.errors import InputError

ClassWeight = Literal["balanced", "sqrt"]

_VALIDATION_SHARE = 0.1
_ENOUGH_PEOPLE = 50  # as many as sets that promise something for each label ask for
_STRETCH_ROWS = 100


def lesson_of(
    y: np.ndarray, rows: np.ndarray | None, classes: Sequence[str] | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What a fit is told, made plain: the sorted classes (C,), rows, and class numbers (N,).

    rows: None for all of y (N,). classes: every label there is; None takes those of the rows.
    Raises InputError when one of the rows holds a label that is not among `classes`.
    """
    y = np.asarray(y)
    rows = np.arange(len(y)) if rows is None else np.asarray(rows)
    known = np.unique(y[rows]) if classes is None else np.array(sorted(classes))
    return known, rows, class_numbers(y, rows, known)


def class_numbers(y: np.ndarray, rows: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """(N,) int64 numbers of labels y (N,) among the sorted classes (C,).

    Rows that are not learnt from may hold any label.
    Raises InputError when one of `rows` holds a label that is not among the classes.
    """
    unknown = set(y[rows].tolist()) - set(classes.tolist())
    if unknown:
        raise InputError(
            f"label {sorted(unknown)[0]!r} is not among the classes {classes.tolist()}"
        )
    return np.minimum(np.searchsorted(classes, y.astype(classes.dtype)), len(classes) - 1)


def class_weights(
    numbers: np.ndarray,
    *,
    class_count: int,
    kind: ClassWeight | None,
    groups: np.ndarray | None = None,
) -> np.ndarray | None:
    """(C,) float32 weights of the classes in a loss; None where all rows weigh alike.

    balanced: every class has the same say, as scikit-learn's option of that name.
    sqrt: half-way to it on a logarithmic scale, so that a class of fifteen rows does not
    outshout one of five thousand. A weight is 1 on average over the rows; a class
    without rows gets 1. numbers: (N,) class numbers of the rows learnt from.
    groups: (N,) whose rows they are, if known: the say of a class with fewer than 50 people
    is cut in proportion, for the looks of a few are mistaken for the class.
    Raises InputError for another kind.

    >>> class_weights(np.array([0, 0, 0, 1]), class_count=2, kind="balanced").round(2)
    array([0.67, 2.  ], dtype=float32)
    """
    if kind is None:
        return None
    if kind not in ("balanced", "sqrt"):
        raise InputError(f"class_weight is {kind!r}: give balanced, sqrt or none")
    counts = np.bincount(numbers, minlength=class_count)
    weights = np.ones(class_count)
    is_there = counts > 0
    weights[is_there] = counts[is_there] ** (-1.0 if kind == "balanced" else -0.5)
    if groups is not None:
        weights[is_there] *= np.minimum(
            people_of(numbers, groups, class_count=class_count)[is_there] / _ENOUGH_PEOPLE, 1
        )
    weights[is_there] *= counts.sum() / (weights * counts)[is_there].sum()
    return weights.astype(np.float32)


def people_of(numbers: np.ndarray, groups: np.ndarray, *, class_count: int) -> np.ndarray:
    """(C,) how many people stand behind each class. numbers: (N,) classes; groups: (N,) people."""
    pairs = {(number, str(who)) for number, who in zip(numbers.tolist(), groups, strict=True)}
    return np.bincount([number for number, _ in pairs], minlength=class_count)


def set_aside(
    rows: np.ndarray, labels: np.ndarray, groups: np.ndarray | None, *, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Rows to learn from and rows to stop by: other people, or where fewer than three are
    known, other stretches of the table. A tenth is set aside; a fifth at most, or the
    one person with the fewest rows.

    rows: which of the N there are; labels, groups: (N,). Raises InputError when a class
    would be left without rows to learn from.
    """
    known = None if groups is None else groups[rows].astype(str)
    if known is None or len(np.unique(known)) < 3:
        known = rows // max(1, min(_STRETCH_ROWS, len(rows) // 20))
    people, member = np.unique(known, return_inverse=True)
    share = _VALIDATION_SHARE * len(rows)
    sizes, aside, count = np.bincount(member), [], 0
    for person in np.random.default_rng(seed).permutation(len(people)):
        if count < share and count + sizes[person] <= max(2 * share, sizes.min()):
            aside.append(person)
            count += sizes[person]
    is_aside = np.isin(member, aside)
    lost = set(labels[rows].tolist()) - set(labels[rows[~is_aside]].tolist())
    if lost:
        raise InputError(
            f"setting a tenth of the rows aside for patience leaves nothing of {sorted(lost)[0]!r} "
            "to learn from: the table is too small for early stopping, leave out patience"
        )
    return rows[~is_aside], rows[is_aside]
