"""What turns a model's probabilities into ones to be believed, learnt on people it never saw.

Steps (rescaling.py, isotonic.py) in a stated order, then the sets and the threshold of
conformal.py, as one JSON object beside the model. numpy alone, to fit and to use.

Shapes: N rows, C labels. Probabilities are (N, C); a row without a face is NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mien.corpora.splits import person_disjoint
from mien.emotion.conformal import (
    DEFAULT_WEIGHTING,
    ConfidenceThreshold,
    ConformalSets,
    answers,
    row_weights,
)
from mien.emotion.isotonic import Isotonic
from mien.emotion.probabilities import Step, checked_probabilities, numbered_people
from mien.emotion.rescaling import LogPrior, Temperature
from mien.emotion.strict_json import items, members, one_of, whole_number
from mien.errors import InputError, ModelError

STEPS: dict[str, type[Temperature] | type[Isotonic] | type[LogPrior]] = {
    kind.kind: kind for kind in (Temperature, Isotonic, LogPrior)
}
METHODS = {
    "none": "the model's own probabilities",
    "temperature": "one number makes all answers more or less sure; none of them changes",
    "bias": "a temperature, and an offset for each label",
    "isotonic": "a rising staircase for each label",
    "log-prior": "answers moved towards rare labels by prior_strength",
}
FOLDS = 5


@dataclass(frozen=True)
class Reading:
    """A model's answers after calibration, N of them."""

    probabilities: np.ndarray  # (N, C) float64, NaN without a face
    sets: np.ndarray  # (N, C) bool: the labels that remain possible
    class_sets: np.ndarray  # (N, C) the same, promised for each label by itself
    answers: np.ndarray  # (N,) str: a label, or "unknown"
    is_sure: np.ndarray  # (N,) bool: confidence above the threshold for the wanted accuracy


@dataclass(frozen=True)
class Calibration:
    """Steps in the order in which they are applied, then sets: marginal and for each label.

    An answer is the label of the marginal set if it has exactly one, else "unknown".
    """

    labels: tuple[str, ...]  # (C,), in the order of the probabilities
    steps: tuple[Step, ...]
    marginal: ConformalSets
    class_conditional: ConformalSets
    threshold: ConfidenceThreshold
    people: int  # held out from the model, learnt from here
    rows: int

    def apply(self, probabilities: np.ndarray) -> np.ndarray:
        """(N, C) float64 calibrated probabilities."""
        return _applied(self.steps, probabilities)

    def read(self, probabilities: np.ndarray) -> Reading:
        """Calibrated probabilities, sets and answers from a model's own probabilities."""
        found = self.apply(probabilities)
        sets = self.marginal.sets(found)
        return Reading(
            found,
            sets,
            self.class_conditional.sets(found),
            answers(sets, self.labels),
            self.threshold.is_sure(found),
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "labels": list(self.labels),
            "steps": [step.to_json() for step in self.steps],
            "marginal": self.marginal.to_json(),
            "class_conditional": self.class_conditional.to_json(),
            "threshold": self.threshold.to_json(),
            "people": self.people,
            "rows": self.rows,
        }

    @classmethod
    def from_json(cls, stored: Any, *, labels: Sequence[str]) -> Calibration:
        """Read it strictly, for a model of these labels. Raises ModelError naming what differs."""
        keys = "labels steps marginal class_conditional threshold people rows".split()
        found = members(stored, keys, what="calibration")
        if found["labels"] != [*labels]:
            raise ModelError(
                f"calibration is for labels {found['labels']!r:.200}, the model has {[*labels]}: "
                "use the calibration of the same model"
            )
        made = cls(
            tuple(labels),
            tuple(step_from_json(step) for step in items(found["steps"], what="steps")),
            ConformalSets.from_json(found["marginal"], what="marginal"),
            ConformalSets.from_json(found["class_conditional"], what="class_conditional"),
            ConfidenceThreshold.from_json(found["threshold"]),
            whole_number(found["people"], what="people"),
            whole_number(found["rows"], what="rows"),
        )
        made._check_counts()
        return made

    def _check_counts(self) -> None:
        parts = {f"step {step.kind}": step.class_count for step in self.steps}
        parts |= {
            "marginal": len(self.marginal.thresholds),
            "class_conditional": len(self.class_conditional.thresholds),
        }
        for name, count in parts.items():
            if count not in (None, len(self.labels)):
                raise ModelError(f"{name} is for {count} labels, the model has {len(self.labels)}")


def fit_calibration(
    probabilities: np.ndarray,
    truth: Sequence[str] | np.ndarray,
    *,
    labels: Sequence[str],
    people: Sequence[str | None] | np.ndarray,
    methods: Sequence[str] = ("temperature",),
    prior_strength: float = 0.5,
    score: str = "lac",
    coverage: float = 0.9,
    wanted_accuracy: float = 0.95,
    weighting: str = DEFAULT_WEIGHTING,
    seed: int = 0,
) -> Calibration:
    """Learn all of it from out-of-fold probabilities: of people whom the model had not seen.

    probabilities: (N, C), such as out_of_fold gives; truth: (N,) labels; people:
    (N,). methods: names of METHODS, applied in that order, each learnt on what
    the one before it gives. weighting: "rows" or "people", what counts alike in all
    of it but the log-prior: see conformal.py.

    Sets and threshold are learnt on probabilities that were calibrated on other
    people again (FOLDS of them), for a staircase fits the people it was learnt
    on too well, and sets would promise too much. What is kept is learnt on all.
    All are learnt on answers of the out-of-fold models; the model that is used
    has seen more people, so it is seldom worse, but the promise then holds in
    practice rather than by proof (cross-conformal: Vovk 2015; Barber et al. 2021).
    """
    labels = tuple(labels)
    probabilities, numbers = checked_probabilities(probabilities), _numbers(truth, labels)
    person, count = numbered_people(people)
    weights = row_weights(person, count, weighting=weighting)
    who = np.where(person < count, person, -1)
    steps = _fit_steps(probabilities, numbers, weights, methods, prior_strength)
    honest = np.full(probabilities.shape, np.nan)
    for train, test in _deal(person, count, seed):
        made = _fit_steps(
            probabilities[train], numbers[train], weights[train], methods,
            prior_strength,
        )  # fmt: skip
        honest[test] = _applied(made, probabilities[test])
    marginal, conditional = (
        ConformalSets.fit(
            honest,
            numbers,
            people=who,
            score=score,
            coverage=coverage,
            class_conditional=each,
            weighting=weighting,
        )
        for each in (False, True)
    )
    threshold = ConfidenceThreshold.fit(
        honest, numbers, people=who, wanted_accuracy=wanted_accuracy, weighting=weighting
    )
    rows = int((~np.isnan(honest[:, 0])).sum())
    return Calibration(labels, steps, marginal, conditional, threshold, marginal.people, rows)


def out_of_fold(
    fit_predict: Callable[[np.ndarray, np.ndarray], np.ndarray],
    *,
    labels: Sequence[str] | np.ndarray,
    people: Sequence[str | None] | np.ndarray,
    folds: int = FOLDS,
    seed: int = 0,
) -> np.ndarray:
    """(N, C) probabilities of each row from a model that never saw its person.

    fit_predict(train_rows, test_rows) fits anew and gives (len(test_rows), C).
    Rows of unknown people are in no fold: NaN. Raises TableError with fewer
    than two people, MissingExtraError without scikit-learn.
    """
    found: np.ndarray | None = None
    for split in person_disjoint(labels, subjects=people, folds=folds, seed=seed):
        answered = fit_predict(split.train, split.test)
        if found is None:
            found = np.full((len(labels), answered.shape[1]), np.nan)
        found[split.test] = answered
    assert found is not None
    return found


def step_from_json(stored: Any) -> Step:
    """A step of any kind, read strictly. Raises ModelError naming what differs."""
    kind = stored.get("kind") if isinstance(stored, dict) else None
    return STEPS[one_of(kind, list(STEPS), what="a calibration step's kind")].from_json(stored)


def _fit_steps(
    probabilities: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    methods: Sequence[str],
    prior_strength: float,
) -> tuple[Step, ...]:
    fits: dict[str, Callable[..., Step]] = {
        "temperature": Temperature.fit,
        "bias": lambda *rows, **options: Temperature.fit(*rows, with_bias=True, **options),
        "isotonic": Isotonic.fit,
        # of rows, not of people: it is to undo what the model learnt, and that counts rows
        "log-prior": lambda *rows, weights: LogPrior.fit(*rows, strength=prior_strength),
    }
    if unknown := [name for name in methods if name not in METHODS]:
        raise InputError(f"no calibration {unknown[0]!r}: mien has {', '.join(METHODS)}")
    made: list[Step] = []
    for name in (name for name in methods if name != "none"):
        made.append(fits[name](_applied(made, probabilities), labels, weights=weights))
    return tuple(made)


def _applied(steps: Sequence[Step], probabilities: np.ndarray) -> np.ndarray:
    found = checked_probabilities(probabilities)
    for step in steps:
        found = step.apply(found)
    return found


def _numbers(truth: Sequence[str] | np.ndarray, labels: Sequence[str]) -> np.ndarray:
    """(N,) positions of the true labels. Raises InputError for a label that is not known."""
    shown, place = np.unique(np.asarray(truth).astype(str), return_inverse=True)
    position = {label: index for index, label in enumerate(labels)}
    if strange := [label for label in shown.tolist() if label not in position]:
        raise InputError(f"label {strange[0]!r} is none of {', '.join(labels)}")
    return np.array([position[label] for label in shown.tolist()], int)[place]


def _deal(person: np.ndarray, count: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows to learn from and rows to calibrate, for each of FOLDS hands of people.

    person: (N,) numbers of people, `count` for the unknown, who are in no hand.
    """
    if count < 2:
        raise InputError(f"{count} known person: calibration needs two or more held out")
    hands = min(FOLDS, count)
    hand = np.append(np.random.default_rng(seed).permutation(count) % hands, -1)[person]
    return [
        (np.flatnonzero((hand != number) & (hand >= 0)), np.flatnonzero(hand == number))
        for number in range(hands)
    ]
