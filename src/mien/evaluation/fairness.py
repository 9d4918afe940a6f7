"""Is the model as good for everyone? Scores by group, and how far the groups lie apart.

Unanswered rows are errors here, as in metrics: a face that is not found is not
served. Shapes: M answers, C labels, K people, G groups, R resamples.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from mien.errors import InputError
from mien.evaluation.answers import Answers
from mien.evaluation.metrics import Record, Score, summary
from mien.evaluation.resampling import interval

LEAST_PEOPLE = 20  # in a group of which anything is claimed
YAW_EDGES_DEG = (0, 5, 15, 25, 35)

Groups = Mapping[str, str | None] | Sequence[str | None] | np.ndarray


class GroupScore(Record):
    """One group's scores; balanced accuracy is over the labels that the group shows.

    difference: its accuracy less the reference group's. NaN with its interval
    where either group has too few people.
    """

    group: str
    count: int
    unanswered: int
    people: int
    is_claimed: bool  # enough people for a claim
    accuracy: Score
    balanced_accuracy: Score
    difference: Score


class Gap(Record):
    """The best group's score less the worst's, of groups with enough people.

    The interval is of the difference between just these two: below 0 it says
    that their order is not sure. NaN, without names, with fewer than two groups.
    """

    best: str | None
    worst: str | None
    value: Score


class GroupScores(Record):
    """Scores by one attribute of people or frames."""

    attribute: str  # such as "sex"
    unit: str
    reference: str
    least_people: int
    without_group: int  # rows of which the attribute is not known: in no group
    groups: list[GroupScore]
    accuracy_gap: Gap
    balanced_gap: Gap


def group_scores(
    answers: Answers,
    groups: Groups,
    *,
    attribute: str,
    order: Sequence[str] | None = None,
    reference: str | None = None,
    least_people: int = LEAST_PEOPLE,
) -> GroupScores:
    """Scores of each group and the gaps between them, with intervals over people.

    groups: each person's, by name, or each row's, (M,); None or absent where not
    known. order: of the groups, else by name; reference: else the first.
    Groups under `least_people` are scored, but nothing is claimed of them.
    Raises InputError when no row has a group, or for an unknown reference.
    """
    of_row = _rows(answers, groups)
    names = [*order] if order else sorted({str(name) for name in of_row if name is not None})
    number = {name: index for index, name in enumerate(names)}
    place = np.array([number.get(name, -1) if name is not None else -1 for name in of_row], int)
    names, place = _occurring(names, place)
    if not names:
        raise InputError(f"no answer has a known {attribute}: leave it out, or give its groups")
    reference = reference or names[0]
    if reference not in names:
        raise InputError(f"reference {reference!r} is none of the groups {', '.join(names)}")
    sums = _sums(answers, place, len(names))
    behind = [answers.people.behind(place == index) for index in range(len(names))]
    claimed = [people >= least_people for people in behind]
    values, samples = summary(sums.sum(axis=0)), summary(answers.people.resampled(sums))
    base = names.index(reference)
    accuracy = values["accuracy"], samples["accuracy"]
    return GroupScores(
        attribute=attribute,
        unit=answers.unit,
        reference=reference,
        least_people=least_people,
        without_group=int((place < 0).sum()),
        groups=[
            GroupScore(
                group=name,
                count=int((place == i).sum()),
                unanswered=int(((place == i) & ~answers.answered).sum()),
                people=behind[i],
                is_claimed=claimed[i],
                accuracy=interval(accuracy[0][i], accuracy[1][:, i]),
                balanced_accuracy=interval(
                    values["balanced_accuracy"][i], samples["balanced_accuracy"][:, i]
                ),
                difference=_difference(*accuracy, i, base, claimed[i] and claimed[base]),
            )
            for i, name in enumerate(names)
        ],
        accuracy_gap=_gap(names, claimed, *accuracy),
        balanced_gap=_gap(
            names, claimed, values["balanced_accuracy"], samples["balanced_accuracy"]
        ),
    )


def bands(
    values: Sequence[float] | np.ndarray, *, edges: Sequence[float], unit: str = ""
) -> tuple[np.ndarray, list[str]]:
    """Group numbers into bands: (M,) names, None where NaN or below the first edge; and the order.

    edges: where bands begin; the last has no end.

    >>> bands([3, 40, float("nan")], edges=(0, 5, 25), unit="°")[0].tolist()
    ['below 5°', '25° and more', None]
    """
    found = np.asarray(values, float)
    names = [f"{low:g}–{high:g}{unit}" for low, high in pairwise(edges)]
    names = [*names, f"{edges[-1]:g}{unit} and more"]
    if edges[0] == 0 and len(edges) > 1:
        names[0] = f"below {edges[1]:g}{unit}"
    place = np.searchsorted(edges, found, side="right") - 1
    place[np.isnan(found)] = -1
    return np.array([*names, None], object)[place], names


def yaw_bands(yaw_rad: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Bands of how far the head is turned to either side: names (M,) and their order."""
    return bands(np.degrees(np.abs(np.asarray(yaw_rad, float))), edges=YAW_EDGES_DEG, unit="°")


def _rows(answers: Answers, groups: Groups) -> Sequence[str | None]:
    """(M,) each row's group."""
    if isinstance(groups, Mapping):
        return [None if who is None else groups.get(str(who)) for who in answers.subjects]
    if len(groups) != len(answers):
        raise InputError(f"{len(groups)} groups for {len(answers)} answers")
    return list(groups)


def _occurring(names: list[str], place: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Only the groups that some row has, and the rows' places among them."""
    used = [index for index in range(len(names)) if (place == index).any()]
    moved = np.full(len(names) + 1, -1)
    moved[used] = np.arange(len(used))
    return [names[index] for index in used], moved[place]


def _sums(answers: Answers, place: np.ndarray, group_count: int) -> np.ndarray:
    """(K + 1, G, C, C + 1) confusion of each person in each group."""
    count = len(answers.labels)
    cells = (place * count + answers.truth) * (count + 1) + answers.predicted
    size = group_count * count * (count + 1)
    weights = (place >= 0).astype(float)
    flat = answers.people.counts(np.where(place >= 0, cells, 0), size, weights)
    return flat.reshape(-1, group_count, count, count + 1)


def _difference(
    values: np.ndarray, samples: np.ndarray, group: int, other: int, is_claimed: bool
) -> Score:
    if not is_claimed:
        return Score(value=math.nan, low=math.nan, high=math.nan)
    return interval(values[group] - values[other], samples[:, group] - samples[:, other])


def _gap(names: list[str], claimed: list[bool], values: np.ndarray, samples: np.ndarray) -> Gap:
    ranked = sorted(
        (i for i in range(len(names)) if claimed[i] and not math.isnan(values[i])),
        key=lambda i: values[i],
    )
    if len(ranked) < 2:
        return Gap(best=None, worst=None, value=_difference(values, samples, 0, 0, False))
    worst, best = ranked[0], ranked[-1]
    value = _difference(values, samples, best, worst, True)
    return Gap(best=names[best], worst=names[worst], value=value)
