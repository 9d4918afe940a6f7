"""Scores of predicted labels, with intervals over people.

Everything is read off confusion counts, so a resample is one matrix product.
Shapes: N answers, C labels, K people. Confusion is (C, C + 1): rows are true
labels, columns predicted ones, the last column those left unanswered.
An undefined score is NaN, and is counted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict

RESAMPLES = 1000
UNANSWERED = ""  # no face, so no label: counts as an error

Number = Annotated[float, BeforeValidator(lambda value: math.nan if value is None else value)]


class Record(BaseModel):
    """Base of all results: frozen, strict about names, NaN is null in JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")


class Score(Record):
    """A score from 0 to 1 with its 95 % interval over people; NaN where undefined."""

    value: Number
    low: Number
    high: Number


class ClassScore(Record):
    """One line of scikit-learn's classification_report; NaN where undefined."""

    label: str
    precision: Number
    recall: Number
    f1: Number
    support: int
    predicted: int
    people: int


class Scores(Record):
    """How well labels were predicted, counted in frames or in clips."""

    unit: str
    count: int
    unanswered: int  # without a usable face; errors, where they are counted
    people: int
    accuracy: Score
    balanced_accuracy: Score
    macro_f1: Score
    labels: list[str]
    confusion: list[list[int]]  # (C, C + 1)
    per_class: list[ClassScore]
    never_predicted: list[str]  # labels whose precision is undefined
    resamples: int
    resamples_lacking_a_label: int  # there, balanced scores are means over the others

    @property
    def coverage(self) -> float:
        """The share that was answered at all."""
        return 1 - self.unanswered / self.count if self.count else math.nan


def score(
    truth: Sequence[str] | np.ndarray,
    predicted: Sequence[str] | np.ndarray,
    *,
    labels: Sequence[str],
    subjects: Sequence[str | None] | np.ndarray,
    unit: str,
    seed: int = 0,
) -> Scores:
    """Accuracy, balanced accuracy, macro-F1, a report a class and confusion.

    truth, predicted: N labels; UNANSWERED is a prediction that counts as an
    error. subjects: N people; the unknown (None) are scored but are no part of
    the intervals. Intervals are percentiles of RESAMPLES bootstrap samples of
    people; with fewer than two people they are NaN.
    """
    by_person, people_a_class, known = _confusion_by_person(truth, predicted, labels, subjects)
    confusion = by_person.sum(axis=0)
    resampled = _resampled(by_person[:known], seed)
    values, samples = summary(confusion), summary(resampled)
    per_class = class_scores(confusion, labels, people_a_class)
    return Scores(
        unit=unit,
        count=int(confusion.sum()),
        unanswered=int(confusion[:, -1].sum()),
        people=known,
        **{name: _with_interval(values[name], samples[name]) for name in values},
        labels=list(labels),
        confusion=confusion.tolist(),
        per_class=per_class,
        never_predicted=[line.label for line in per_class if math.isnan(line.precision)],
        resamples=len(resampled),
        resamples_lacking_a_label=_lacking(confusion, resampled),
    )


def summary(confusion: np.ndarray) -> dict[str, np.ndarray]:
    """Accuracy, balanced accuracy and macro-F1 of confusions (..., C, C + 1).

    As scikit-learn has them: labels that do not occur are left out of the means.
    """
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    support, predicted = confusion.sum(axis=-1), confusion[..., :-1].sum(axis=-2)
    return {
        "accuracy": _ratio(hits.sum(axis=-1), support.sum(axis=-1)),
        "balanced_accuracy": _mean(_ratio(hits, support)),
        "macro_f1": _mean(_ratio(2 * hits, support + predicted)),
    }


def class_scores(
    confusion: np.ndarray, labels: Sequence[str], people: Sequence[int]
) -> list[ClassScore]:
    """classification_report's line for each label, from its confusion (C, C + 1)."""
    hits = np.diagonal(confusion)
    support, predicted = confusion.sum(axis=1), confusion[:, :-1].sum(axis=0)
    columns = (
        _ratio(hits, predicted),
        _ratio(hits, support),
        _ratio(2 * hits, support + predicted),
    )
    return [
        ClassScore(
            label=label,
            precision=float(columns[0][index]),
            recall=float(columns[1][index]),
            f1=float(columns[2][index]),
            support=int(support[index]),
            predicted=int(predicted[index]),
            people=int(people[index]),
        )
        for index, label in enumerate(labels)
    ]


def report_text(scores: Scores) -> str:
    """The table that classification_report prints, with "–" where it is undefined."""
    width = max(12, *(len(label) for label in scores.labels))
    lines = [f"{'':{width}}  precision    recall  f1-score   support"]
    lines += [
        f"{line.label:>{width}}  "
        + "".join(f"{_cell(value):>9} " for value in (line.precision, line.recall, line.f1))
        + f"{line.support:>9}"
        for line in scores.per_class
    ]
    values = (scores.accuracy, scores.balanced_accuracy, scores.macro_f1)
    names = ("accuracy", "balanced", "macro-F1")
    lines += [
        f"{name:>{width}}  {'':20}{_cell(value.value):>9} {scores.count:>9}"
        for name, value in zip(names, values, strict=True)
    ]
    return "\n".join(lines)


def _confusion_by_person(
    truth: Sequence[str] | np.ndarray,
    predicted: Sequence[str] | np.ndarray,
    labels: Sequence[str],
    subjects: Sequence[str | None] | np.ndarray,
) -> tuple[np.ndarray, list[int], int]:
    """(K [+ 1 for the unknown], C, C + 1) counts, people behind each label, and K."""
    number = {label: index for index, label in enumerate(labels)}
    people = sorted({person for person in subjects if person is not None})
    position: dict[str | None, int] = {person: index for index, person in enumerate(people)}
    counts = np.zeros((len(people) + 1, len(labels), len(labels) + 1), np.int64)
    rows = [position.get(person, len(people)) for person in subjects]
    true = [number[label] for label in truth]
    answers = [number.get(label, len(labels)) for label in predicted]
    np.add.at(counts, (rows, true, answers), 1)
    behind = (counts[: len(people)].sum(axis=2) > 0).sum(axis=0)
    return counts, behind.tolist(), len(people)


def _resampled(by_person: np.ndarray, seed: int) -> np.ndarray:
    """(RESAMPLES, C, C + 1) confusions of people drawn with replacement; none below two people."""
    count = len(by_person)
    if count < 2:
        return np.empty((0, *by_person.shape[1:]))
    random = np.random.default_rng(seed)
    flat = by_person.reshape(count, -1).astype(float)
    drawn = np.empty((RESAMPLES, flat.shape[1]))
    for index in range(RESAMPLES):
        times = np.bincount(random.integers(count, size=count), minlength=count)
        drawn[index] = times @ flat
    return drawn.reshape(RESAMPLES, *by_person.shape[1:])


def _with_interval(value: np.ndarray, samples: np.ndarray) -> Score:
    defined = samples[~np.isnan(samples)]
    low, high = np.percentile(defined, [2.5, 97.5]) if len(defined) else (math.nan, math.nan)
    return Score(value=float(value), low=float(low), high=float(high))


def _lacking(confusion: np.ndarray, resampled: np.ndarray) -> int:
    occurs = confusion.sum(axis=-1) > 0
    return int((resampled.sum(axis=-1)[:, occurs] == 0).any(axis=1).sum())


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    part, whole = np.asarray(part, float), np.asarray(whole, float)
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)


def _mean(values: np.ndarray) -> np.ndarray:
    """The mean of the defined values along the last axis; NaN when there is none."""
    defined = ~np.isnan(values)
    return _ratio(np.where(defined, values, 0).sum(axis=-1), defined.sum(axis=-1))


def _cell(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"
