"""Answers that may be "unknown": sets that hold the true label as often as they promise.

Shapes: N rows, C labels, K people. Probabilities are (N, C), NaN in rows
without a face; a set is (C,) bool.

Who is exchangeable: people, not rows, for a person's rows resemble each other.
So thresholds are quantiles of votes that belong to people, and a new person has
the last of K + 1 votes, as if worse than all: with one row a person that is the
usual ceil((n + 1) coverage) / n quantile (Vovk et al. 2005; Angelopoulos and
Bates 2021). What the promise is about depends on the weighting.
people: each person's rows share one vote, and a set holds the true label of a
random row of a new person at least as often as promised, whatever the model
(Lee, Barber and Willett 2023; Dunn, Wasserman and Ramdas 2022).
rows, the default: a person votes by their number of rows, and the promise is
about the rows of new people pooled, as every score in a report is. It is exact
only as people grow many: one person with a tenth of the rows moves it.
Either holds for people drawn as these were, over all of them, not for each.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mien.corpora.labels import UNKNOWN
from mien.emotion.probabilities import checked_labels, checked_probabilities, numbered_people
from mien.emotion.strict_json import items, members, number, one_of, whole_number
from mien.errors import InputError, ModelError

SCORES = ("lac", "aps")
WEIGHTINGS = {
    "people": "each person counts alike, whatever the number of their rows",
    "rows": "each row counts alike, so that who has many rows counts more",
}
DEFAULT_WEIGHTING = "rows"
LEAST_PEOPLE = 50  # for a label to have a threshold of its own
_ROUNDING = 1e-9


def weights_of(
    people: Sequence[str | None] | np.ndarray, *, weighting: str = DEFAULT_WEIGHTING
) -> np.ndarray:
    """(N,) how much each row counts; 0 where the person is unknown. weighting: of WEIGHTINGS.

    >>> weights_of(["ann", "ann", "bob", None], weighting="people")
    array([0.5, 0.5, 1. , 0. ])
    """
    return row_weights(*numbered_people(people), weighting=weighting)


def row_weights(number: np.ndarray, count: int, *, weighting: str) -> np.ndarray:
    """(N,) weights of rows whose people are numbered; from `count` on they are unknown."""
    if weighting not in WEIGHTINGS:
        raise InputError(f"no weighting {weighting!r}: mien has {', '.join(WEIGHTINGS)}")
    rows = np.bincount(number, minlength=count + 1).astype(float)
    each = 1 / np.maximum(rows[number], 1) if weighting == "people" else 1.0
    return np.where(number < count, each, 0.0)


def label_scores(probabilities: np.ndarray, *, score: str) -> np.ndarray:
    """(N, C): how badly each label fits; NaN in rows without a face.

    lac: 1 - its probability (Sadinle, Lei and Wasserman 2019): the smallest
    sets on average, but some are empty, and hard rows are covered less.
    aps: the probability of all labels likelier than it (Romano, Sesia and
    Candès 2020), not randomised, for the same face must get the same answer
    twice: the likeliest label scores 0, so no set is empty, and sets are larger.
    """
    claimed = checked_probabilities(probabilities)
    if score == "lac":
        return 1 - claimed
    if score != "aps":
        raise InputError(f"no conformal score {score!r}: mien has {', '.join(SCORES)}")
    order = np.argsort(-claimed, axis=1, kind="stable")
    ranked = np.take_along_axis(claimed, order, axis=1)
    before = np.cumsum(ranked, axis=1) - ranked
    before[:, 1:] = np.where(ranked[:, 1:] == ranked[:, :-1], np.nan, before[:, 1:])
    for column in range(1, before.shape[1]):  # labels that are equally likely score alike
        tied = np.isnan(before[:, column])
        before[tied, column] = before[tied, column - 1]
    found = np.empty_like(claimed)
    np.put_along_axis(found, order, np.maximum(before, 0), axis=1)
    return found


@dataclass(frozen=True)
class ConformalSets:
    """Which labels remain possible: those that fit no worse than the threshold."""

    score: str
    coverage: float  # promised share of rows whose set holds the true label
    thresholds: tuple[float, ...]  # (C,), inf: too few people to leave that label out
    people: int  # that the marginal threshold was learnt from
    people_a_label: tuple[int, ...]  # (C,) of whom these showed the label
    class_conditional: bool = False
    weighting: str = DEFAULT_WEIGHTING  # what counts alike: see WEIGHTINGS
    least_people: int = LEAST_PEOPLE  # a label that fewer showed has the marginal threshold

    @classmethod
    def fit(
        cls,
        probabilities: np.ndarray,
        labels: np.ndarray,
        *,
        people: Sequence[str | None] | np.ndarray,
        score: str = "lac",
        coverage: float = 0.9,
        class_conditional: bool = False,
        weighting: str = DEFAULT_WEIGHTING,
        least_people: int = LEAST_PEOPLE,
    ) -> ConformalSets:
        """Learn the thresholds from people that the model was not fitted on.

        labels: (N,) ints; people: (N,), a unique value for each row where rows
        are independent; rows of unknown people (None) are left out.
        class_conditional: the promise holds for each label by itself (Vovk 2012,
        Mondrian), for labels that at least `least_people` showed; the others
        have the marginal threshold.
        """
        if not 0 < coverage < 1:
            raise InputError(f"coverage is {coverage}, wanted between 0 and 1")
        scores = label_scores(probabilities, score=score)
        labels, (number, count) = checked_labels(labels, scores), numbered_people(people)
        kept = ~np.isnan(scores[:, 0]) & (number < count)
        if not kept.any():
            raise InputError("no row has a face and a known person: sets need held-out people")
        own = scores[np.flatnonzero(kept), labels[kept]]
        labels, number = labels[kept], number[kept]

        def quantile(of: np.ndarray | slice) -> float:
            return quantile_over_people(own[of], number[of], coverage=coverage, weighting=weighting)

        marginal = quantile(slice(None))
        thresholds = np.full(scores.shape[1], marginal)
        shown_by = [len(np.unique(number[labels == c])) for c in range(scores.shape[1])]
        for index, behind in enumerate(shown_by):
            if class_conditional and behind >= least_people:
                thresholds[index] = quantile(labels == index)
        return cls(
            score,
            float(coverage),
            tuple(thresholds.tolist()),
            len(np.unique(number)),
            tuple(shown_by),
            class_conditional,
            weighting,
            least_people,
        )

    def sets(self, probabilities: np.ndarray) -> np.ndarray:
        """(N, C) bool; without a face nothing is known, and the set is empty."""
        scores = label_scores(probabilities, score=self.score)
        if scores.shape[1] != len(self.thresholds):
            raise ModelError(
                f"sets were learnt for {len(self.thresholds)} labels, got {scores.shape[1]}: "
                "use the calibration of the same model"
            )
        with np.errstate(invalid="ignore"):
            return scores <= np.array(self.thresholds) + _ROUNDING

    def notes(self, labels: Sequence[str]) -> list[str]:
        """What a reader must know: labels for which the promise is only the marginal one."""
        marginal = [
            f"{label} ({behind})"
            for label, behind in zip(labels, self.people_a_label, strict=True)
            if self.class_conditional and behind < self.least_people
        ]
        if not marginal:
            return []
        return [
            f"fewer than {self.least_people} people showed {', '.join(marginal)}: "
            "no promise for those labels by themselves"
        ]

    def to_json(self) -> dict[str, Any]:
        """A threshold of inf is null."""
        return {
            "score": self.score,
            "coverage": self.coverage,
            "thresholds": [None if math.isinf(x) else x for x in self.thresholds],
            "people": self.people,
            "people_a_label": list(self.people_a_label),
            "class_conditional": self.class_conditional,
            "weighting": self.weighting,
            "least_people": self.least_people,
        }

    @classmethod
    def from_json(cls, stored: Any, *, what: str = "sets") -> ConformalSets:
        """Raises ModelError naming what differs."""
        keys = "score coverage thresholds people people_a_label class_conditional "
        keys += "weighting least_people"
        found = members(stored, keys.split(), what=what)
        thresholds = items(found["thresholds"], what=f"{what}.thresholds")
        people = items(
            found["people_a_label"], what=f"{what}.people_a_label", count=len(thresholds)
        )
        if not isinstance(found["class_conditional"], bool):
            raise ModelError(f"{what}.class_conditional must be true or false")
        return cls(
            one_of(found["score"], SCORES, what=f"{what}.score"),
            number(found["coverage"], what=f"{what}.coverage", least=1e-6, greatest=1 - 1e-6),
            tuple(
                math.inf
                if value is None
                else number(value, what=f"{what}.thresholds[{i}]", least=0, greatest=1)
                for i, value in enumerate(thresholds)
            ),
            whole_number(found["people"], what=f"{what}.people"),
            tuple(
                whole_number(value, what=f"{what}.people_a_label[{i}]")
                for i, value in enumerate(people)
            ),
            found["class_conditional"],
            one_of(found["weighting"], [*WEIGHTINGS], what=f"{what}.weighting"),
            whole_number(found["least_people"], what=f"{what}.least_people"),
        )


@dataclass(frozen=True)
class ConfidenceThreshold:
    """Answer only when the likeliest label has at least this probability."""

    wanted_accuracy: float
    threshold: float | None  # None: no threshold reached it; nothing is answered
    accuracy: float  # reached on the held-out people; NaN when nothing is answered
    answered: float  # share of them
    people: int

    @classmethod
    def fit(
        cls,
        probabilities: np.ndarray,
        labels: np.ndarray,
        *,
        people: Sequence[str | None] | np.ndarray,
        wanted_accuracy: float = 0.95,
        weighting: str = DEFAULT_WEIGHTING,
    ) -> ConfidenceThreshold:
        """The lowest threshold above which the wanted share is right, weighted as is said.

        At least LEAST_PEOPLE must stand behind the rows above it: a threshold
        chosen on fewer would be luck. labels: (N,) ints.
        """
        claimed, weights = (
            checked_probabilities(probabilities),
            weights_of(people, weighting=weighting),
        )
        labels, number = checked_labels(labels, claimed), numbered_people(people)[0]
        kept = np.flatnonzero(~np.isnan(claimed[:, 0]) & (weights > 0))
        if not len(kept):
            raise InputError("no row has a face and a known person: a threshold needs people")
        sure = claimed[kept].max(axis=1)
        order = np.argsort(-sure, kind="stable")
        kept, sure = kept[order], sure[order]
        is_right = claimed[kept].argmax(axis=1) == labels[kept]
        mass = np.cumsum(weights[kept])
        accuracy = np.cumsum(weights[kept] * is_right) / mass
        behind = np.cumsum(_is_first(number[kept]))
        whole = np.append(sure[1:] < sure[:-1], True)  # rows of equal confidence go together
        good = whole & (accuracy >= wanted_accuracy) & (behind >= LEAST_PEOPLE)
        if not good.any():
            return cls(float(wanted_accuracy), None, math.nan, 0.0, int(behind[-1]))
        last = int(np.flatnonzero(good)[-1])
        return cls(
            float(wanted_accuracy),
            float(sure[last]),
            float(accuracy[last]),
            float(mass[last] / mass[-1]),
            int(behind[-1]),
        )

    def is_sure(self, probabilities: np.ndarray) -> np.ndarray:
        """(N,) bool; never without a face."""
        claimed = checked_probabilities(probabilities)
        if self.threshold is None:
            return np.zeros(len(claimed), bool)
        with np.errstate(invalid="ignore"):
            return claimed.max(axis=1) >= self.threshold - _ROUNDING

    def to_json(self) -> dict[str, Any]:
        return {
            "wanted_accuracy": self.wanted_accuracy,
            "threshold": self.threshold,
            "accuracy": None if math.isnan(self.accuracy) else self.accuracy,
            "answered": self.answered,
            "people": self.people,
        }

    @classmethod
    def from_json(cls, stored: Any, *, what: str = "threshold") -> ConfidenceThreshold:
        """Raises ModelError naming what differs."""
        keys = ["wanted_accuracy", "threshold", "accuracy", "answered", "people"]
        found = members(stored, keys, what=what)

        def share(key: str, absent: Any = None) -> Any:
            if found[key] is None and key in ("threshold", "accuracy"):
                return absent
            return number(found[key], what=f"{what}.{key}", least=0, greatest=1)

        return cls(
            share("wanted_accuracy"),
            share("threshold"),
            share("accuracy", math.nan),
            share("answered"),
            whole_number(found["people"], what=f"{what}.people"),
        )


def answers(sets: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    """(N,) str: a set's label if it has exactly one, else UNKNOWN.

    An empty set says that no label fits; a set of several that more than one does.

    >>> answers(np.array([[1, 0], [1, 1], [0, 0]], bool), ["Happy", "Sad"]).tolist()
    ['Happy', 'unknown', 'unknown']
    """
    names = np.array([*labels], object)[sets.argmax(axis=1)]
    return np.where(sets.sum(axis=1) == 1, names, UNKNOWN)


def quantile_over_people(
    scores: np.ndarray, people: np.ndarray, *, coverage: float, weighting: str = DEFAULT_WEIGHTING
) -> float:
    """The least score at or below which `coverage` of the votes lie; inf when K is too few.

    scores: (N,); people: (N,) ints. Of K + 1 votes each person has one, shared
    among their rows; or, weighted by rows, each row has K / N. The last, of the
    new person, lies above all.

    >>> quantile_over_people(np.arange(1.0, 10.0), np.arange(9), coverage=0.9)
    9.0
    >>> quantile_over_people(np.arange(1.0, 9.0), np.arange(8), coverage=0.9)
    inf
    """
    number, rows = np.unique(people, return_inverse=True, return_counts=True)[1:]
    weights = row_weights(number, len(rows), weighting=weighting)
    order = np.argsort(scores, kind="stable")
    votes = np.cumsum(weights[order]) * len(rows) / (weights.sum() * (len(rows) + 1))
    enough = np.flatnonzero(votes >= coverage - _ROUNDING)
    return float(scores[order[enough[0]]]) if len(enough) else math.inf


def _is_first(values: np.ndarray) -> np.ndarray:
    """(N,) bool: where each value occurs for the first time."""
    first = np.zeros(len(values), bool)
    first[np.unique(values, return_index=True)[1]] = True
    return first
