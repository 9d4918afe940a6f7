"""Who is held out: which rows a model learns from and which it is scored on.

Shapes: N rows. A Split holds row numbers into those N.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mien.errors import TableError, missing_extra

RANDOM_STATE = 42  # the reference's own
TEST_SHARE = 0.2


@dataclass(frozen=True)
class Split:
    """Row numbers, disjoint: what a model learns from and what it is scored on."""

    train: np.ndarray
    test: np.ndarray


def leaky_random_frames(row_count: int) -> Split:
    """The reference's split: a fifth of the frames at random, un-stratified.

    Leaky: frames of one clip, and clips of one person, lie on both sides.
    Exactly train_test_split(test_size=.2, random_state=42).
    Raises TableError with fewer than two rows, MissingExtraError without scikit-learn.
    """
    if row_count < 2:
        raise TableError(f"{row_count} row with a label and a face: a split needs two or more")
    try:
        from sklearn.model_selection import train_test_split
    except ImportError as error:
        raise missing_extra("splitting frames", "train", "scikit-learn") from error
    train, test = train_test_split(
        np.arange(row_count), test_size=TEST_SHARE, random_state=RANDOM_STATE
    )
    return Split(train, test)


def person_disjoint(
    labels: Sequence[str] | np.ndarray,
    *,
    subjects: Sequence[str | None] | np.ndarray,
    folds: int,
    seed: int,
) -> list[Split]:
    """Folds over people: each person is held out exactly once, labels balanced as they allow.

    labels, subjects: N each. Rows whose subject is None are in no fold: they
    might be anyone. Fewer people than `folds` give as many folds as people.
    Raises TableError with fewer than two people, MissingExtraError without scikit-learn.
    """
    known = np.array([index for index, person in enumerate(subjects) if person is not None], int)
    people, person_of = np.unique(
        np.asarray(subjects, object)[known].astype(str), return_inverse=True
    )
    if len(people) < 2:
        raise TableError(
            f"{len(people)} known person: a person-disjoint split needs two or more. "
            "Add a `subject` column, or split by time"
        )
    label_of = np.unique(np.asarray(labels)[known].astype(str), return_inverse=True)[1]
    fold_count = min(folds, len(people))
    return [
        Split(known[train], known[test])
        for train, test in _folds(label_of, person_of, fold_count, seed)
    ]


def leaky_clip_disjoint(
    labels: Sequence[str] | np.ndarray,
    *,
    clips: Sequence[str | int] | np.ndarray,
    folds: int,
    seed: int,
) -> list[Split]:
    """Folds over clips: each clip is held out exactly once, labels balanced as they allow.

    Leaky about people: no frame of a held-out clip is learnt from, but the person in it
    is, from other clips. labels, clips: N each. Fewer clips than `folds` give as many
    folds as clips.
    Raises TableError with fewer than two clips, MissingExtraError without scikit-learn.
    """
    names, clip_of = np.unique(np.asarray(clips), return_inverse=True)
    if len(names) < 2:
        raise TableError(f"{len(names)} clip: a clip-disjoint split needs two or more")
    label_of = np.unique(np.asarray(labels).astype(str), return_inverse=True)[1]
    fold_count = min(folds, len(names))
    return [Split(train, test) for train, test in _folds(label_of, clip_of, fold_count, seed)]


def end_of_clips(
    clips: Sequence[str | int] | np.ndarray, *, frame_nums: Sequence[int] | np.ndarray
) -> Split:
    """Hold out the last fifth of each clip's frames, by frame number.

    For tables of one person. The same face stands on both sides, so this is
    an upper bound for a new person. A clip of one frame is only learnt from.
    clips, frame_nums: N each. Raises TableError when no clip has two frames.
    """
    clips, frame_nums = np.unique(np.asarray(clips), return_inverse=True)[1], np.asarray(frame_nums)
    held_out = np.zeros(len(frame_nums), bool)
    order = np.lexsort((frame_nums, clips))
    for rows in np.split(order, np.flatnonzero(np.diff(clips[order])) + 1):
        numbers = np.unique(frame_nums[rows])
        count = min(math.ceil(TEST_SHARE * len(numbers)), len(numbers) - 1)
        if count > 0:
            held_out[rows] = frame_nums[rows] >= numbers[-count]
    if not held_out.any():
        raise TableError("no clip has two frames with a face: nothing can be held out by time")
    return Split(np.flatnonzero(~held_out), np.flatnonzero(held_out))


def _folds(
    label_of: np.ndarray, person_of: np.ndarray, fold_count: int, seed: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Stratified folds; where stratifying is impossible or empties a fold, plain group folds."""
    try:
        from sklearn.model_selection import GroupKFold, StratifiedGroupKFold
    except ImportError as error:
        raise missing_extra("holding people out", "train", "scikit-learn") from error
    rows = np.zeros(len(label_of))
    if np.bincount(label_of).max() >= fold_count:
        stratified = StratifiedGroupKFold(fold_count, shuffle=True, random_state=seed)
        with warnings.catch_warnings():  # a rare label cannot be in every fold: expected
            warnings.simplefilter("ignore", UserWarning)
            made = list(stratified.split(rows, label_of, person_of))
        if all(len(test) for _, test in made):
            return made
    return list(GroupKFold(fold_count).split(rows, label_of, person_of))
