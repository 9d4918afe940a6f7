"""Recipes are compared on the same rows, by the same resamples of people."""

import math

import numpy as np
import pytest

from mien.errors import InputError
from mien.evaluation.answers import Answers
from mien.evaluation.comparison import Comparison, compare, comparison_text
from mien.evaluation.metrics import score
from tests.emotion.simulated import LABELS, Simulated, simulate, softmax


@pytest.fixture(scope="module")
def rows() -> Simulated:
    return simulate(np.random.default_rng(0), people=150, spread=1.0)


def as_answers(found: Simulated, claimed: np.ndarray | None = None, **options: object) -> Answers:
    given = {"truth": found.labels, "subjects": found.people, "labels": LABELS, "unit": "clips"}
    claimed = found.probabilities if claimed is None else claimed
    return Answers(claimed, **(given | options))  # type: ignore[arg-type]


def worse(found: Simulated, by: float) -> np.ndarray:
    noise = np.random.default_rng(1).normal(0, by, found.probabilities.shape)
    return softmax(np.log(found.probabilities) + noise)


def test_scores_and_intervals_are_those_of_the_metrics(rows: Simulated) -> None:
    answers = as_answers(rows)
    line = compare({"good": answers}).lines[0]
    alone = score(
        rows.labels, answers.predicted_labels, labels=LABELS, subjects=rows.people, unit="clips"
    )
    for name in ("accuracy", "balanced_accuracy", "macro_f1"):
        assert getattr(line.scores, name) == getattr(alone, name)
    assert line.difference is None


def test_a_paired_difference_is_surer_than_the_scores(rows: Simulated) -> None:
    found = compare({"good": as_answers(rows), "noisy": as_answers(rows, worse(rows, 0.6))})
    good, noisy = (line.scores.accuracy for line in found.lines)
    difference = found.lines[1].difference.accuracy
    assert difference.value == pytest.approx(noisy.value - good.value)
    assert difference.high < 0
    assert noisy.high > good.low  # the scores' own intervals overlap: they could not tell
    assert difference.high - difference.low < 0.8 * (good.high - good.low)


def test_a_recipe_does_not_differ_from_itself(rows: Simulated) -> None:
    found = compare({"one": as_answers(rows), "same": as_answers(rows)})
    for difference in found.lines[1].difference.model_dump().values():
        assert difference == {"value": 0, "low": 0, "high": 0}


def test_balanced_over_common_labels_leaves_out_those_of_few_people(rows: Simulated) -> None:
    few = rows.some((rows.truth != 3) | (rows.people < "p00020"))
    answers = as_answers(few)
    found = compare({"good": answers})
    assert found.common_labels == LABELS[:3]
    alone = score(
        few.labels, answers.predicted_labels, labels=LABELS, subjects=few.people, unit="clips"
    )
    wanted = np.mean([line.recall for line in alone.per_class[:3]])
    assert found.lines[0].scores.balanced_common.value == pytest.approx(wanted)
    nobody = compare({"good": answers}, common_people=1000)
    assert nobody.common_labels == []
    assert math.isnan(nobody.lines[0].scores.balanced_common.value)


def test_unanswered_rows_are_errors(rows: Simulated) -> None:
    claimed = rows.probabilities.copy()
    claimed[::2] = np.nan
    found = compare({"good": as_answers(rows), "half": as_answers(rows, claimed)})
    assert found.lines[1].unanswered == 375
    assert found.lines[1].scores.accuracy.value < 0.6 * found.lines[0].scores.accuracy.value


def test_answers_about_other_rows_are_refused(rows: Simulated) -> None:
    first = as_answers(rows)
    swapped = rows.some(np.arange(len(rows.truth))[::-1])
    for other, what in (
        (as_answers(rows.some(np.arange(10))), "number of answers"),
        (as_answers(swapped), "true labels, people"),
        (as_answers(rows, unit="frames"), "unit"),
        (as_answers(rows, seed=1), "seed"),
        (as_answers(rows, subjects=["p"] * len(rows.truth)), "people"),
    ):
        with pytest.raises(InputError, match=f"first and other differ in {what}:"):
            compare({"first": first, "other": other})


def test_nothing_to_compare_is_said() -> None:
    with pytest.raises(InputError, match="no recipe to compare"):
        compare({})


def test_the_table_shows_scores_and_differences(rows: Simulated) -> None:
    found = compare({"good": as_answers(rows), "noisy": as_answers(rows, worse(rows, 0.6))})
    lines = comparison_text(found).splitlines()
    assert len(lines) == 4
    assert lines[0].split() == ["recipe", "accuracy", "balanced", "balanced/4", "macro-F1"]
    accuracy = found.lines[1].difference.accuracy
    assert lines[3].split()[0] == f"{accuracy.value:+.3f}"
    few = compare({"good": as_answers(rows)}, common_people=1_000_000)
    assert comparison_text(few).split("\n")[0].split() == [
        "recipe", "accuracy", "balanced", "macro-F1",
    ]  # fmt: skip


def test_a_record_survives_json(rows: Simulated) -> None:
    alone = as_answers(rows, subjects=["p"] * len(rows.truth))
    found = compare({"good": alone, "same": alone})
    assert math.isnan(found.lines[0].scores.accuracy.low)
    again = Comparison.model_validate_json(found.model_dump_json())
    assert again.model_dump_json() == found.model_dump_json()
