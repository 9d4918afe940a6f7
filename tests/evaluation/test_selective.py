"""Answering only when sure: curves, areas and sets mean what they say."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.emotion.conformal import ConformalSets
from mien.errors import InputError
from mien.evaluation.answers import Answers
from mien.evaluation.selective import BLOCKS, Selective, SetScores, selective, set_scores
from tests.emotion.simulated import LABELS, Simulated, simulate

COUNT = len(LABELS)


def as_answers(found: Simulated, probabilities: np.ndarray | None = None) -> Answers:
    claimed = found.probabilities if probabilities is None else probabilities
    return Answers(claimed, truth=found.labels, subjects=found.people, labels=LABELS, unit="clips")


def plainly(answers: Answers, coverages: list[float]) -> tuple[float, list[float]]:
    """Area and accuracies, row by row, where no two rows are equally sure."""
    order = np.argsort(-np.where(answers.answered, answers.confidence, -1))
    wrong = np.append(0, np.cumsum(~answers.is_right[order]))
    fine = np.linspace(0, len(order), 400_001)[1:]
    area = (np.interp(fine, np.arange(len(wrong)), wrong) / fine).mean()
    at = [share * len(order) for share in coverages]
    return area, [1 - np.interp(x, np.arange(len(wrong)), wrong) / x for x in at]


@given(seed=st.integers(0, 200))
@settings(deadline=None, max_examples=10)
def test_the_curve_is_the_one_drawn_row_by_row(seed: int) -> None:
    answers = as_answers(simulate(np.random.default_rng(seed), people=30))
    found = selective(answers, coverages=[0.1, 0.5, 0.7, 1.0])
    area, accuracies = plainly(answers, [0.1, 0.5, 0.7, 1.0])
    assert found.aurc.value == pytest.approx(area, abs=1e-4)
    assert [each.accuracy.value for each in found.at] == pytest.approx(accuracies)
    assert found.curve[-1].accuracy.value == pytest.approx(answers.is_right.mean())


def test_blocks_of_rank_lose_nothing_that_matters() -> None:
    answers = as_answers(simulate(np.random.default_rng(0), people=1500))
    assert len(answers) > 5 * BLOCKS
    area, accuracies = plainly(answers, [0.07, 0.5, 0.7])
    found = selective(answers, coverages=[0.07, 0.5, 0.7])
    assert found.aurc.value == pytest.approx(area, abs=2e-4)
    assert [each.accuracy.value for each in found.at] == pytest.approx(accuracies, abs=1e-3)


def test_confidence_that_knows_something_pays() -> None:
    found = selective(as_answers(simulate(np.random.default_rng(1), people=500)))
    accuracies = [each.accuracy.value for each in found.at]
    assert accuracies == sorted(accuracies, reverse=True)
    assert found.aurc.high < 1 - found.at[-1].accuracy.high


def test_equal_confidence_buys_nothing_whatever_the_order() -> None:
    simulated = simulate(np.random.default_rng(2), people=100)
    claimed = np.full((500, COUNT), 0.1)
    claimed[:, 0] = 0.7
    sorted_rows = np.argsort(simulated.truth)
    for rows in (sorted_rows, sorted_rows[::-1]):
        found = selective(as_answers(simulated.some(rows), claimed))
        right = (simulated.truth == 0).mean()
        assert [each.accuracy.value for each in found.at] == pytest.approx([right] * 5)
        assert found.aurc.value == pytest.approx(1 - right)


def test_unanswered_rows_come_last_and_are_errors() -> None:
    simulated = simulate(np.random.default_rng(3), people=100)
    claimed = simulated.probabilities.copy()
    claimed[::2] = np.nan
    found = selective(as_answers(simulated, claimed), coverages=[0.25, 0.5, 1.0])
    kept = simulated.some(np.arange(1, 500, 2))
    others = selective(as_answers(kept), coverages=[0.5, 1.0])
    for mine, theirs in zip(found.at[:2], others.at, strict=True):
        assert mine.accuracy.value == pytest.approx(theirs.accuracy.value)
    assert found.at[2].accuracy.value == pytest.approx(others.at[1].accuracy.value / 2)
    assert found.unanswered == 250


@pytest.mark.parametrize("share", [0, 1.1, -1, math.nan])
def test_a_coverage_that_is_no_share_is_refused(share: float) -> None:
    with pytest.raises(InputError, match="wanted above 0 and at most 1"):
        selective(as_answers(simulate(np.random.default_rng(4), people=5)), coverages=[share])


def test_sets_are_scored_by_what_they_hold() -> None:
    claimed = np.eye(3)[[0, 0, 1, 2]].astype(float)
    claimed[3] = np.nan
    answers = Answers(
        claimed, truth=["a", "b", "b", "c"], subjects=["p", "p", "q", "r"], labels=["a", "b", "c"],
        unit="clips",
    )  # fmt: skip
    sets = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0], [1, 1, 1]], bool)
    found = set_scores(answers, sets, promised=0.9, kind="marginal")
    assert (found.count, found.unanswered, found.people) == (3, 1, 2)
    assert found.coverage.value == pytest.approx(2 / 3)
    assert found.coverage_a_person.value == pytest.approx(1 / 2)
    assert found.mean_size.value == pytest.approx(1)
    assert found.singletons.value == pytest.approx(1 / 3)
    assert found.singleton_accuracy.value == 1
    assert found.empty.value == pytest.approx(1 / 3)
    assert found.sizes == [1, 1, 1, 0]
    by_label = {line.label: line for line in found.per_label}
    assert by_label["a"].coverage.value == 1
    assert by_label["b"].coverage.value == 0.5
    assert by_label["b"].people == 2
    assert math.isnan(by_label["c"].coverage.value)
    assert by_label["c"].count == 0


def test_a_kept_promise_lies_within_its_interval() -> None:
    random = np.random.default_rng(5)
    learnt, new = simulate(random, people=2000), simulate(random, people=2000)
    made = ConformalSets.fit(learnt.probabilities, learnt.truth, people=learnt.people)
    found = set_scores(as_answers(new), made.sets(new.probabilities), promised=0.9, kind="marginal")
    assert found.coverage.low < 0.9 < found.coverage.high
    assert found.coverage.high - found.coverage.low < 0.02
    assert sum(found.sizes) == found.count == len(new.truth)


@pytest.mark.parametrize(
    "sets", [np.ones((25, 3), bool), np.ones((25, 4)), np.ones(25, bool)], ids=["C", "type", "axes"]
)
def test_sets_of_another_shape_are_refused(sets: np.ndarray) -> None:
    answers = as_answers(simulate(np.random.default_rng(6), people=5))
    with pytest.raises(InputError, match=r"wanted \(25, 4\) of bool"):
        set_scores(answers, sets, promised=0.9, kind="marginal")


def test_the_order_of_rows_changes_nothing() -> None:
    random = np.random.default_rng(7)
    simulated = simulate(random, people=40)
    moved = simulated.some(random.permutation(200))
    first, second = (selective(as_answers(x)) for x in (simulated, moved))
    assert first.aurc.model_dump() == pytest.approx(second.aurc.model_dump(), abs=1e-12)
    one, two = (
        set_scores(as_answers(x), x.probabilities > 0.2, promised=0.9, kind="k")
        for x in (simulated, moved)
    )
    assert one == two


def test_records_survive_json() -> None:
    answers = as_answers(simulate(np.random.default_rng(8), people=9))
    curve = selective(answers)
    assert Selective.model_validate_json(curve.model_dump_json()) == curve
    sets = set_scores(answers, np.zeros((45, 4), bool), promised=0.9, kind="none")
    again = SetScores.model_validate_json(sets.model_dump_json())
    assert math.isnan(again.singleton_accuracy.value)
    assert again.model_dump_json() == sets.model_dump_json()
