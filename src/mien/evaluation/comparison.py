"""Recipes side by side, on the same rows and the same resamples of people.

Their differences are far surer than their scores, for a hard person is hard
for all of them. Unanswered rows are errors, as in metrics. Shapes: M answers,
C labels, K people, R resamples.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np

from mien.errors import InputError
from mien.evaluation.answers import Answers
from mien.evaluation.metrics import Record, Score, summary
from mien.evaluation.resampling import interval, ratio

COMMON_PEOPLE = 80  # a label that fewer showed is left out of balanced_common
CELL = 24  # characters of a table's cell
MEASURES = ("accuracy", "balanced_accuracy", "balanced_common", "macro_f1")


class Measures(Record):
    """Scores of one recipe, or its differences from the first: then from -1 to 1."""

    accuracy: Score
    balanced_accuracy: Score
    balanced_common: Score  # over the labels that many people showed; NaN without any
    macro_f1: Score


class RecipeLine(Record):
    """One recipe's line of the table."""

    recipe: str
    unanswered: int
    scores: Measures
    difference: Measures | None  # from the first recipe; None for itself


class Comparison(Record):
    """Recipes in the order given; each difference has an interval of its own.

    An interval that excludes 0 says that these people would have to be quite
    others for the order to turn. With many recipes, some exclude it by chance.
    """

    unit: str
    count: int
    people: int
    labels: list[str]
    common_labels: list[str]  # those of COMMON_PEOPLE people or more
    common_people: int
    lines: list[RecipeLine]


def compare(recipes: Mapping[str, Answers], *, common_people: int = COMMON_PEOPLE) -> Comparison:
    """Compare recipes' pooled answers on the same rows, by paired resamples of people.

    Raises InputError when there is none, or when one was asked about other rows.
    """
    if not recipes:
        raise InputError("no recipe to compare: name one or more")
    names = list(recipes)
    first = recipes[names[0]]
    for name in names[1:]:
        _check_same(first, names[0], recipes[name], name)
    common = first.people_a_label() >= common_people
    found = {name: _measured(answers, common) for name, answers in recipes.items()}
    base = found[names[0]]
    return Comparison(
        unit=first.unit,
        count=len(first),
        people=first.people.count,
        labels=first.labels,
        common_labels=[name for name, many in zip(first.labels, common, strict=True) if many],
        common_people=common_people,
        lines=[
            RecipeLine(
                recipe=name,
                unanswered=recipes[name].unanswered,
                scores=_measures(found[name]),
                difference=None if name == names[0] else _measures(found[name], base),
            )
            for name in names
        ],
    )


def comparison_text(comparison: Comparison) -> str:
    """The table as plain text: scores, and in the second line the difference from the first."""
    width = max(len("recipe"), *(len(line.recipe) for line in comparison.lines))
    heads = dict(zip(MEASURES, ("accuracy", "balanced", "", "macro-F1"), strict=True))
    heads["balanced_common"] = f"balanced/{len(comparison.common_labels)}"
    if not comparison.common_labels:  # nothing but dashes
        del heads["balanced_common"]
    rows = [f"{'recipe':{width}}  " + "  ".join(f"{head:>{CELL}}" for head in heads.values())]
    for line in comparison.lines:
        rows.append(f"{line.recipe:{width}}  " + _cells(line.scores, heads, sign=""))
        if line.difference is not None:
            rows.append(f"{'':{width}}  " + _cells(line.difference, heads, sign="+"))
    return "\n".join(row.rstrip() for row in rows)


Measured = dict[str, tuple[np.ndarray, np.ndarray]]  # name -> value (), samples (R,)


def _check_same(first: Answers, first_name: str, other: Answers, name: str) -> None:
    alike = {
        "unit": first.unit == other.unit,
        "labels": first.labels == other.labels,
        "number of answers": len(first) == len(other),
    }
    if all(alike.values()):
        alike["true labels"] = bool((first.truth == other.truth).all())
        alike["people"] = bool((first.subjects == other.subjects).all())
        alike["seed"] = first.people.seed == other.people.seed
    if differing := [what for what, same in alike.items() if not same]:
        raise InputError(
            f"recipes {first_name} and {name} differ in {', '.join(differing)}: "
            "compare answers to the same rows in the same order"
        )


def _measured(answers: Answers, common: np.ndarray) -> Measured:
    sums = answers.confusion_sums()
    confusions = sums.sum(axis=0), answers.people.resampled(sums)
    value, samples = (
        summary(confusion) | {"balanced_common": _balanced(confusion, common)}
        for confusion in confusions
    )
    return {name: (value[name], samples[name]) for name in MEASURES}


def _balanced(confusion: np.ndarray, common: np.ndarray) -> np.ndarray:
    """Mean recall over some labels, of those that occur. confusion: (..., C, C + 1)."""
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)[..., common]
    support = confusion.sum(axis=-1)[..., common]
    recall = np.nan_to_num(ratio(hits, support))
    return ratio(recall.sum(axis=-1), (support > 0).sum(axis=-1))


def _measures(found: Measured, base: Measured | None = None) -> Measures:
    scores = {}
    for name, (value, samples) in found.items():
        if base is not None:
            value, samples = value - base[name][0], samples - base[name][1]
        scores[name] = interval(float(value), samples)
    return Measures(**scores)


def _cells(measures: Measures, names: Iterable[str], *, sign: str) -> str:
    return "  ".join(f"{_cell(getattr(measures, name), sign):>{CELL}}" for name in names)


def _cell(score: Score, sign: str) -> str:
    if math.isnan(score.value):
        return "–"
    if math.isnan(score.low):
        return f"{score.value:{sign}.3f}"
    return f"{score.value:{sign}.3f} [{score.low:{sign}.3f}, {score.high:{sign}.3f}]"
