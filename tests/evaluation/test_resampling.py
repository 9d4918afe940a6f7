"""Intervals over people hold the truth about as often as they say."""

import math

import numpy as np
import pytest

from mien.evaluation.answers import Answers
from mien.evaluation.comparison import compare
from mien.evaluation.fairness import group_scores
from mien.evaluation.metrics import RESAMPLES, Score
from mien.evaluation.reliability import reliability
from mien.evaluation.resampling import People, distance_interval, interval
from mien.evaluation.selective import selective, set_scores
from tests.emotion.simulated import LABELS, Simulated, simulate, softmax

TRIALS = 150
PEOPLE = 120
ALL = 40_000  # people, as good as everybody


def as_answers(found: Simulated, claimed: np.ndarray | None = None) -> Answers:
    claimed = found.probabilities if claimed is None else claimed
    return Answers(claimed, truth=found.labels, subjects=found.people, labels=LABELS, unit="clips")


def scores(found: Simulated) -> dict[str, Score]:
    """Measures of every kind, each with its interval."""
    answers = as_answers(found)
    reliable, curve = reliability(answers), selective(answers, coverages=[0.7])
    sets = set_scores(answers, found.probabilities > 0.2, promised=0.9, kind="above .2")
    noise = np.random.default_rng(len(found.truth)).normal(0, 1, found.probabilities.shape)
    other = as_answers(found, softmax(np.log(found.probabilities) + noise))
    paired = compare({"one": answers, "other": other}).lines[1].difference
    assert paired is not None
    parity = [("even", "odd")[int(name[-1]) % 2] for name in found.people]
    groups = group_scores(answers, parity, attribute="parity", reference="odd").groups
    return {
        "ece": reliable.ece,
        "class-wise ece": reliable.classwise_ece,
        "brier": reliable.brier,
        "log loss": reliable.log_loss,
        "accuracy at 70 %": curve.at[0].accuracy,
        "area": curve.aurc,
        "set coverage": sets.coverage,
        "set coverage a person": sets.coverage_a_person,
        "paired difference": paired.accuracy,
        "gap": groups[0].difference,
    }


@pytest.mark.slow  # a thousand resamples of each of 150 samples of people
@pytest.mark.parametrize("temperature", [0.6, 0.9])
def test_intervals_hold_the_truth_about_as_often_as_they_say(temperature: float) -> None:
    """95 % intervals from 120 people of one to seven rows, against the value among all."""
    random = np.random.default_rng(0)
    options = {"temperature": temperature, "spread": 0.5}
    truth = scores(simulate(random, people=ALL, rows=4, **options))
    inside = dict.fromkeys(truth, 0)
    for _ in range(TRIALS):
        rows = random.integers(1, 8, size=PEOPLE)
        for name, found in scores(simulate(random, people=PEOPLE, rows=rows, **options)).items():
            inside[name] += found.low <= truth[name].value <= found.high
    shares = {name: times / TRIALS for name, times in inside.items()}
    assert min(shares.values()) > 0.86, shares  # .95 less the luck of 150 trials, and few people
    assert np.mean([*shares.values()]) == pytest.approx(0.95, abs=0.03), shares


@pytest.mark.slow
def test_intervals_over_rows_would_promise_too_much() -> None:
    """The same people, each row taken for a person: the interval misses far more often."""
    random = np.random.default_rng(1)
    truth = reliability(as_answers(simulate(random, people=ALL, rows=4, spread=1.5))).brier.value
    inside = {"people": 0, "rows": 0}
    for _ in range(TRIALS // 2):
        found = simulate(random, people=40, rows=20, spread=1.5)
        for over in inside:
            people = found.people if over == "people" else np.arange(800).astype(str)
            answers = Answers(
                found.probabilities, truth=found.labels, subjects=people, labels=LABELS, unit="c"
            )
            brier = reliability(answers).brier
            inside[over] += brier.low <= truth <= brier.high
    assert 2 * inside["people"] / TRIALS > 0.86
    assert 2 * inside["rows"] / TRIALS < 0.7


def test_rows_of_the_same_person_add_no_certainty() -> None:
    found = simulate(np.random.default_rng(1), people=50, rows=1)
    repeated = found.some(np.tile(np.arange(50), 20))
    one, many = (reliability(as_answers(x)).brier for x in (found, repeated))
    assert many.model_dump() == pytest.approx(one.model_dump())


def test_a_distance_that_is_all_noise_has_an_interval_from_0() -> None:
    random = np.random.default_rng(2)
    noise, samples = (np.abs(random.normal(x, 0.003, RESAMPLES)) for x in (0.010, 0.014))
    found = distance_interval(0.011, samples, noise)
    assert found.low == 0
    assert 0 < found.high < 0.02
    assert distance_interval(0.1, samples + 0.087, noise).low > 0.09


def test_what_no_resample_defines_has_no_interval() -> None:
    nothing = np.full(RESAMPLES, np.nan)
    for found in (interval(0.5, nothing), distance_interval(0.5, nothing, nothing)):
        assert found.value == 0.5
        assert math.isnan(found.low) and math.isnan(found.high)


def test_each_resample_has_as_many_people_as_there_are() -> None:
    draws = People(["ann", "bob", None, "bob", "cyd"]).draws
    assert draws.shape == (RESAMPLES, 3)
    assert (draws.sum(axis=1) == 3).all()
    assert People(["ann", "ann", None]).draws.shape == (0, 1)


def test_sums_are_by_person_with_the_unknown_last() -> None:
    people = People(["bob", "ann", None, "bob"])
    assert people.sums(np.array([[1.0], [2.0], [4.0], [8.0]])).tolist() == [[2], [9], [4]]
    assert people.counts(np.array([0, 1, 1, 1]), 2).tolist() == [[0, 1], [1, 1], [0, 1]]
    assert people.behind(np.array([True, False, True, True])) == 1
