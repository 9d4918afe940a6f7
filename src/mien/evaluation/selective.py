"""Answering only when sure: risk against coverage, and prediction sets.

Shapes: M answers, C labels, K people, R resamples. Coverage of a curve counts
every row that was asked: unanswered rows come last and are errors, so that the
curve ends at the accuracy. Sets are scored on answered rows alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mien.errors import InputError
from mien.evaluation.answers import Answers
from mien.evaluation.metrics import Record, Score
from mien.evaluation.resampling import interval, ratio

COVERAGES = (0.5, 0.7, 0.8, 0.9, 1.0)
BLOCKS = 1000  # of rank: answers that lie closer are not told apart
CURVE = tuple(round(0.02 * step, 2) for step in range(1, 51))  # of the figure


class CoverageScore(Record):
    """How often answers are right when only the surest share of rows is answered."""

    coverage: float
    accuracy: Score


class Selective(Record):
    """What abstaining buys: the surer half is right more often than the whole.

    aurc: area under risk (share wrong) against coverage, 0 is best. Rows of
    equal confidence count as in random order, so nothing depends on row order.
    """

    unit: str
    count: int
    unanswered: int
    people: int
    aurc: Score
    at: list[CoverageScore]  # at COVERAGES
    curve: list[CoverageScore]  # at CURVE


class LabelCoverage(Record):
    """How often the sets of one label's rows hold it."""

    label: str
    people: int
    count: int
    coverage: Score
    mean_size: Score


class SetScores(Record):
    """What prediction sets hold, on answered rows.

    coverage: share of rows whose set holds the true label; coverage_a_person:
    the same averaged over people, which is what calibration over people
    promises. singletons are answers; sizes: rows by how many labels their set has.
    """

    kind: str
    promised: float
    unit: str
    count: int  # answered
    unanswered: int
    people: int
    coverage: Score
    coverage_a_person: Score
    mean_size: Score
    singletons: Score
    singleton_accuracy: Score
    empty: Score
    sizes: list[int]  # (C + 1,)
    per_label: list[LabelCoverage]


def selective(answers: Answers, *, coverages: Sequence[float] = COVERAGES) -> Selective:
    """Risk and coverage of answers ranked by confidence, with intervals over people."""
    if bad := [share for share in coverages if not 0 < share <= 1]:
        raise InputError(f"coverage is {bad[0]}, wanted above 0 and at most 1")
    wanted = np.array([*coverages, *CURVE])
    ranked = _Ranked(answers)
    (area,), (accuracy,) = ranked.value(wanted)
    areas, accuracies = ranked.samples(wanted)
    points = [
        CoverageScore(coverage=float(share), accuracy=interval(accuracy[i], accuracies[:, i]))
        for i, share in enumerate(wanted)
    ]
    return Selective(
        unit=answers.unit,
        count=len(answers),
        unanswered=answers.unanswered,
        people=answers.people.count,
        aurc=interval(area, areas),
        at=points[: len(coverages)],
        curve=points[len(coverages) :],
    )


def set_scores(answers: Answers, sets: np.ndarray, *, promised: float, kind: str) -> SetScores:
    """How prediction sets keep their promise. sets: (M, C) bool; promised: such as 0.9.

    kind: what they are called in the report. Raises InputError for other shapes.
    """
    sets = np.asarray(sets)
    if sets.shape != answers.probabilities.shape or sets.dtype != bool:
        raise InputError(
            f"sets are {sets.shape} of {sets.dtype}, wanted {answers.probabilities.shape} of bool"
        )
    people, rows, label_count = answers.people, answers.answered, len(answers.labels)
    holds, size = sets[np.arange(len(sets)), answers.truth], sets.sum(axis=1)
    columns = np.column_stack(
        [np.ones(len(sets)), holds, size, size == 1, (size == 1) & holds, size == 0]
    )
    sums = people.sums(columns * rows[:, None])

    def score(part: int, whole: int = 0) -> Score:
        return people.score(sums, lambda s: ratio(s[..., part], s[..., whole]))

    return SetScores(
        kind=kind,
        promised=promised,
        unit=answers.unit,
        count=int(rows.sum()),
        unanswered=answers.unanswered,
        people=people.behind(rows),
        coverage=score(1),
        coverage_a_person=_a_person(answers, sums),
        mean_size=score(2),
        singletons=score(3),
        singleton_accuracy=score(4, 3),
        empty=score(5),
        sizes=np.bincount(size[rows], minlength=label_count + 1).tolist(),
        per_label=[
            _label_coverage(answers, columns, index, label)
            for index, label in enumerate(answers.labels)
        ],
    )


class _Ranked:
    """Answers from the surest to the least sure, the unanswered last, in up to BLOCKS blocks.

    Rows of equal confidence are in one block. Within a block errors come evenly.
    """

    def __init__(self, answers: Answers) -> None:
        sure = np.where(answers.answered, answers.confidence, -np.inf)
        values, place = np.unique(-sure, return_inverse=True)
        if len(values) > BLOCKS:
            last_rank = np.cumsum(np.bincount(place))
            place = ((last_rank - 1) * BLOCKS // len(sure))[place]
        wrong = (~answers.is_right).astype(float)
        self._sums = np.stack(
            [answers.people.counts(place, int(place.max()) + 1, w) for w in (None, wrong)], axis=1
        )  # (K + 1, 2, blocks): rows, and those that are wrong
        self._people = answers.people

    def value(self, coverages: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Area under risk and coverage (1,), and accuracy at each coverage (1, ...)."""
        return _curve(self._sums.sum(axis=0, keepdims=True), coverages)

    def samples(self, coverages: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The same of each resample of people: (R,) and (R, ...)."""
        return _curve(self._people.resampled(self._sums), coverages)


def _curve(sums: np.ndarray, coverages: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Areas (R,) and accuracies (R, len(coverages)) of ranked sums (R, 2, blocks)."""
    corners = np.concatenate([np.zeros((len(sums), 2, 1)), np.cumsum(sums, axis=2)], axis=2)
    at = coverages * corners[:, 0, -1:]
    wrong = [np.interp(x, *pair) for x, pair in zip(at, corners, strict=True)]
    return _areas(corners[:, 0], corners[:, 1]), 1 - np.reshape(wrong, at.shape) / at


def _areas(rows: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    """(R,) mean over coverage of wrong / rows, which is a + b / rows between two corners."""
    step = np.diff(rows)
    slope = np.nan_to_num(ratio(np.diff(wrong), step))
    offset = wrong[:, :-1] - slope * rows[:, :-1]  # 0 in the first piece: it starts at (0, 0)
    logs = np.log(np.where(rows[:, :-1] > 0, ratio(rows[:, 1:], rows[:, :-1]), 1))
    return (slope * step + offset * logs).sum(axis=1) / rows[:, -1]


def _a_person(answers: Answers, sums: np.ndarray) -> Score:
    """Coverage averaged over the known people."""
    share = ratio(sums[:, 1], sums[:, 0])
    known = np.arange(len(share)) < answers.people.count
    counted = known & ~np.isnan(share)
    columns = np.column_stack([counted, np.where(counted, share, 0)])
    return answers.people.score(columns, lambda s: ratio(s[..., 1], s[..., 0]))


def _label_coverage(answers: Answers, columns: np.ndarray, index: int, label: str) -> LabelCoverage:
    people, rows = answers.people, answers.answered & (answers.truth == index)
    sums = people.sums(columns[:, :3] * rows[:, None])
    return LabelCoverage(
        label=label,
        people=people.behind(rows),
        count=int(rows.sum()),
        coverage=people.score(sums, lambda s: ratio(s[..., 1], s[..., 0])),
        mean_size=people.score(sums, lambda s: ratio(s[..., 2], s[..., 0])),
    )
