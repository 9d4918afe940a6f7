"""Calibration error, Brier score and log loss agree with scikit-learn and with the truth."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss

from mien.errors import InputError
from mien.evaluation.answers import Answers
from mien.evaluation.metrics import score
from mien.evaluation.reliability import Reliability, reliability
from tests.emotion.simulated import LABELS, Simulated, simulate

COUNT = len(LABELS)


def as_answers(found: Simulated, **options: object) -> Answers:
    given_ = {"truth": found.labels, "subjects": found.people, "labels": LABELS, "unit": "clips"}
    return Answers(found.probabilities, **(given_ | options))  # type: ignore[arg-type]


@given(seed=st.integers(0, 200), bins=st.sampled_from([5, 10, 15]))
@settings(deadline=None, max_examples=20)
def test_every_number_is_scikit_learn_s(seed: int, bins: int) -> None:
    found = simulate(np.random.default_rng(seed), people=30, rows=4, temperature=0.6)
    answers = as_answers(found)
    mine = reliability(answers, bins=bins)
    assert mine.log_loss.value == pytest.approx(
        log_loss(found.truth, found.probabilities, labels=range(COUNT))
    )
    assert mine.brier.value == pytest.approx(
        brier_score_loss(found.truth, found.probabilities, labels=range(COUNT), scale_by_half=False)
    )
    for label, line in enumerate(mine.per_label):
        theirs = brier_score_loss(found.truth == label, found.probabilities[:, label])
        assert line.brier.value == pytest.approx(theirs)
    sure = found.probabilities.max(axis=1)
    share, claimed = calibration_curve(
        found.probabilities.argmax(axis=1) == found.truth, sure, n_bins=bins
    )
    filled = [each for each in mine.bins if each.count]
    np.testing.assert_allclose([each.accuracy.value for each in filled], share)
    np.testing.assert_allclose([each.confidence for each in filled], claimed)
    weights = np.array([each.count for each in filled]) / mine.count
    assert mine.ece.value == pytest.approx(weights @ np.abs(share - claimed))


def test_perfect_probabilities_have_next_to_no_calibration_error() -> None:
    found = reliability(as_answers(simulate(np.random.default_rng(0), people=4000)))
    assert found.ece.value < 0.01
    assert found.classwise_ece.value < 0.01
    assert abs(found.overconfidence.value) < 0.01
    assert found.ece.low == 0
    assert found.ece.value == pytest.approx(found.ece_by_chance, rel=0.5)


@pytest.mark.parametrize(("temperature", "sign"), [(0.5, 1), (2, -1)])
def test_too_sure_and_too_modest_are_told_apart(temperature: float, sign: int) -> None:
    found = simulate(np.random.default_rng(1), people=1000, temperature=temperature)
    mine = reliability(as_answers(found))
    assert mine.ece.low > 0.05
    assert sign * mine.overconfidence.value > 0.05
    assert sign * mine.overconfidence.value == pytest.approx(mine.ece.value, rel=0.1)


def test_unanswered_rows_are_left_out_and_counted() -> None:
    found = simulate(np.random.default_rng(2), people=50)
    claimed = found.probabilities.copy()
    absent = np.arange(len(claimed)) % 5 == 0
    claimed[absent] = np.nan
    with_gaps = Answers(
        claimed, truth=found.labels, subjects=found.people, labels=LABELS, unit="clips"
    )
    mine, without = reliability(with_gaps), reliability(as_answers(found.some(~absent)))
    assert (mine.count, mine.unanswered) == (200, 50)
    alike = mine.model_copy(update={"unanswered": 0})
    assert alike.model_dump_json() == without.model_dump_json()


def test_the_order_of_rows_changes_nothing() -> None:
    random = np.random.default_rng(3)
    found = simulate(random, people=40)
    first, second = (
        reliability(as_answers(x)).model_dump()
        for x in (found, found.some(random.permutation(len(found.truth))))
    )
    assert first["bins"][7]["count"] == second["bins"][7]["count"]
    for name in ("ece", "classwise_ece", "brier", "log_loss", "overconfidence"):
        assert first[name] == pytest.approx(second[name], abs=1e-12)


def test_people_whom_nobody_knows_are_scored_without_an_interval() -> None:
    found = simulate(np.random.default_rng(4), people=20)
    mine = reliability(as_answers(found, subjects=[None] * len(found.truth)))
    assert mine.people == 0
    assert mine.brier.value == pytest.approx(reliability(as_answers(found)).brier.value)
    assert math.isnan(mine.brier.low)
    assert math.isnan(mine.ece.low)


def test_when_nothing_is_answered_every_number_is_undefined() -> None:
    found = simulate(np.random.default_rng(5), people=5)
    answers = Answers(
        np.full((25, COUNT), np.nan),
        truth=found.labels, subjects=found.people, labels=LABELS, unit="clips",
    )  # fmt: skip
    mine = reliability(answers)
    for value in (mine.ece, mine.classwise_ece, mine.brier, mine.log_loss, mine.overconfidence):
        assert math.isnan(value.value)
        assert math.isnan(value.low)
    assert math.isnan(mine.ece_by_chance)
    assert (mine.count, mine.unanswered, mine.people) == (0, 25, 0)


def test_a_certain_mistake_costs_much_but_not_everything() -> None:
    answers = Answers(
        np.eye(COUNT)[[0, 1]], truth=[LABELS[1], LABELS[1]], subjects=["p", "q"],
        labels=LABELS, unit="clips",
    )  # fmt: skip
    mine = reliability(answers)
    assert 10 < mine.log_loss.value < 20
    assert mine.brier.value == 1


def test_a_record_survives_json() -> None:
    found = reliability(as_answers(simulate(np.random.default_rng(6), people=9)))
    again = Reliability.model_validate_json(found.model_dump_json())
    assert again.model_dump_json() == found.model_dump_json()


def test_answers_score_as_their_labels_do() -> None:
    found = simulate(np.random.default_rng(7), people=50)
    claimed = found.probabilities.copy()
    claimed[:20] = np.nan
    answers = Answers(
        claimed, truth=found.labels, subjects=found.people, labels=LABELS, unit="clips"
    )
    theirs = score(
        found.labels, answers.predicted_labels, labels=LABELS, subjects=found.people, unit="clips"
    )
    assert answers.confusion_sums().sum(axis=0).tolist() == theirs.confusion
    assert answers.is_right.mean() == theirs.accuracy.value
    mine = answers.people.score(
        answers.confusion_sums(),
        lambda sums: np.trace(sums, axis1=-2, axis2=-1) / sums.sum((-1, -2)),
    )
    assert mine == theirs.accuracy  # the very same resamples of people


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"labels": LABELS[:3]}, "probabilities are (25, 4), wanted (25, 3)"),
        ({"truth": ["Happy"] * 3}, "probabilities are (25, 4), wanted (3, 4)"),
        ({"subjects": ["p"]}, "1 subjects for 25 answers"),
        ({"truth": ["Joy"] * 25}, "label 'Joy' is none of Angry, Happy, Neutral, Sad"),
    ],
)
def test_answers_that_do_not_fit_together_are_refused(changes: dict, words: str) -> None:
    with pytest.raises(InputError) as caught:
        as_answers(simulate(np.random.default_rng(8), people=5), **changes)
    assert words in str(caught.value)
