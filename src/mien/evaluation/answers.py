"""A model's answers about people it never saw, as every measure here takes them.

Shapes: M answers (frames or clips), C labels, K people.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from mien.errors import InputError
from mien.evaluation.metrics import UNANSWERED
from mien.evaluation.resampling import People


class Answers:
    """Probabilities, the truth and the people behind them. Not changed once made.

    A row of NaN is unanswered: there was no usable face. Each measure says what
    it does with such rows; none drops them silently.
    """

    def __init__(
        self,
        probabilities: np.ndarray,
        *,
        truth: Sequence[str] | np.ndarray,
        subjects: Sequence[str | None] | np.ndarray,
        labels: Sequence[str],
        unit: str,
        seed: int = 0,
    ) -> None:
        """probabilities: (M, C) in the order of labels; truth: (M,) labels; subjects: (M,)
        people, None where unknown: scored, but no part of the intervals. unit: "frames" or
        "clips". seed: of the resamples of people. Raises InputError.
        """
        found = np.asarray(probabilities, np.float64)
        if found.ndim != 2 or found.shape != (len(truth), len(labels)) or len(truth) == 0:
            raise InputError(
                f"probabilities are {found.shape}, wanted ({len(truth)}, {len(labels)}): a row for "
                "each of one or more true labels, a column for each label"
            )
        if len(subjects) != len(truth):
            raise InputError(f"{len(subjects)} subjects for {len(truth)} answers")
        position = {label: index for index, label in enumerate(labels)}
        if strange := sorted({str(label) for label in truth} - set(position)):
            raise InputError(f"label {strange[0]!r} is none of {', '.join(labels)}")
        self.answered: np.ndarray = ~np.asarray(np.isnan(found).any(axis=1))  # (M,)
        self.probabilities = np.where(self.answered[:, None], found, np.nan)
        self.labels, self.unit = list(labels), unit
        self.truth = np.array([position[str(label)] for label in truth], int)  # (M,) < C
        self.people = People(subjects, seed=seed)
        self.subjects = np.asarray(subjects, object)

    def __len__(self) -> int:
        return len(self.truth)

    @cached_property
    def predicted(self) -> np.ndarray:
        """(M,) the likeliest label's position; C where unanswered."""
        filled = np.nan_to_num(self.probabilities)
        return np.where(self.answered, filled.argmax(axis=1), len(self.labels))

    @cached_property
    def confidence(self) -> np.ndarray:
        """(M,) the likeliest label's probability; NaN where unanswered."""
        return self.probabilities.max(axis=1)

    @cached_property
    def is_right(self) -> np.ndarray:
        """(M,) bool; an unanswered row is not."""
        return self.predicted == self.truth

    @cached_property
    def predicted_labels(self) -> np.ndarray:
        """(M,) str, UNANSWERED where there is none: as metrics.score takes them."""
        return np.array([*self.labels, UNANSWERED])[self.predicted]

    @property
    def unanswered(self) -> int:
        return int((~self.answered).sum())

    def confusion_sums(self) -> np.ndarray:
        """(K + 1, C, C + 1) confusion of each person, the last of the unknown: see metrics."""
        count = len(self.labels)
        cells = self.truth * (count + 1) + self.predicted
        return self.people.counts(cells, count * (count + 1)).reshape(-1, count, count + 1)

    def people_a_label(self) -> np.ndarray:
        """(C,) how many known people showed each label."""
        shown = self.people.counts(self.truth, len(self.labels))[: self.people.count]
        return (shown > 0).sum(axis=0)
