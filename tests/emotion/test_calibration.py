"""Calibration makes probabilities mean what they say, and is kept without loss."""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize, minimize_scalar
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import log_loss

from mien.emotion.calibration import (
    METHODS,
    Calibration,
    Isotonic,
    LogPrior,
    Temperature,
    fit_calibration,
    out_of_fold,
    step_from_json,
)
from mien.errors import InputError, ModelError
from mien.evaluation.answers import Answers
from mien.evaluation.reliability import reliability
from tests.emotion.simulated import LABELS, Simulated, simulate, softmax

COUNT = len(LABELS)
FITS: dict[str, Callable[..., Any]] = {
    "temperature": Temperature.fit,
    "bias": lambda p, y, **kw: Temperature.fit(p, y, with_bias=True, **kw),
    "isotonic": Isotonic.fit,
    "log-prior": LogPrior.fit,
}


@pytest.fixture(scope="module")
def honest() -> Simulated:
    return simulate(np.random.default_rng(0), people=2000)


@pytest.fixture(scope="module")
def too_sure() -> Simulated:
    return simulate(np.random.default_rng(1), people=2000, temperature=0.5)


def ece(found: Simulated, probabilities: np.ndarray) -> float:
    answers = Answers(
        probabilities, truth=found.labels, subjects=found.people, labels=LABELS, unit="clips"
    )
    return reliability(answers).ece.value


def some_rows(random: np.random.Generator, count: int = 40) -> np.ndarray:
    return softmax(random.normal(0, 3, (count, COUNT)))


def test_what_is_calibrated_already_keeps_its_temperature(honest: Simulated) -> None:
    found = Temperature.fit(honest.probabilities, honest.truth)
    assert found.temperature == pytest.approx(1, abs=0.05)
    biased = Temperature.fit(honest.probabilities, honest.truth, with_bias=True)
    assert biased.temperature == pytest.approx(1, abs=0.05)
    np.testing.assert_allclose(biased.bias or (), 0, atol=0.06)


def test_half_the_temperature_is_given_back(too_sure: Simulated) -> None:
    found = Temperature.fit(too_sure.probabilities, too_sure.truth)
    assert found.temperature == pytest.approx(2, abs=0.1)
    np.testing.assert_allclose(
        found.apply(too_sure.probabilities), too_sure.true_probabilities, atol=0.02
    )


@pytest.mark.parametrize("kind", ["temperature", "bias", "isotonic"])
def test_calibrating_makes_strangers_probabilities_honest(too_sure: Simulated, kind: str) -> None:
    learnt_from = np.arange(len(too_sure.truth)) < 5000  # 1,000 people; the others are strangers
    learnt, others = too_sure.some(learnt_from), too_sure.some(~learnt_from)
    step = FITS[kind](learnt.probabilities, learnt.truth)
    assert ece(others, others.probabilities) > 0.1
    assert ece(others, step.apply(others.probabilities)) < 0.02


def test_the_temperature_is_the_likeliest(too_sure: Simulated) -> None:
    rows = too_sure.some(np.arange(500))
    found = Temperature.fit(rows.probabilities, rows.truth).temperature

    def loss(temperature: float) -> float:
        claimed = softmax(np.log(rows.probabilities) / temperature)
        return log_loss(rows.truth, claimed, labels=range(COUNT))

    best = minimize_scalar(loss, bounds=(0.1, 10), method="bounded", options={"xatol": 1e-9})
    assert found == pytest.approx(best.x, rel=1e-4)


def test_a_bias_is_the_likeliest() -> None:
    random = np.random.default_rng(3)
    claimed = some_rows(random, 400)
    shifted = softmax(np.log(claimed) * 0.6 + np.array([1.0, -0.5, 0, -0.5]))
    truth = (random.random((400, 1)) > shifted.cumsum(axis=1)[:, :-1]).sum(axis=1)
    weights = random.random(400)
    found = Temperature.fit(claimed, truth, with_bias=True, weights=weights)

    def loss(values: np.ndarray) -> float:
        likely = softmax(np.log(claimed) * values[0] + values[1:])[np.arange(400), truth]
        return float(values[1:] @ values[1:] / 2 - weights @ np.log(likely))

    best = minimize(loss, np.array([1.0, 0, 0, 0, 0]), method="BFGS", options={"gtol": 1e-7})
    assert found.temperature == pytest.approx(1 / best.x[0], rel=1e-4)
    np.testing.assert_allclose(found.bias or (), best.x[1:], atol=1e-4)


@pytest.mark.parametrize("kind", ["temperature", "bias"])
@pytest.mark.parametrize(
    ("right", "limit"), [(True, 0.05), (False, 20.0)], ids=["always right", "always wrong"]
)
def test_answers_without_information_reach_the_limit(kind: str, right: bool, limit: float) -> None:
    claimed = np.tile(np.eye(COUNT) * 0.6 + 0.1, (30, 1))
    truth = np.tile(np.arange(COUNT), 30)
    found = FITS[kind](claimed, truth if right else (truth + 1) % COUNT)
    assert found.temperature == pytest.approx(limit, rel=1e-6)
    assert np.isfinite(found.apply(claimed)).all()


@given(seed=st.integers(0, 1000), temperature=st.floats(0.05, 20))
@settings(deadline=None, max_examples=40)
def test_a_temperature_changes_no_answer(seed: int, temperature: float) -> None:
    claimed = some_rows(np.random.default_rng(seed))
    found = Temperature(temperature).apply(claimed)
    np.testing.assert_array_equal(found.argmax(axis=1), claimed.argmax(axis=1))
    np.testing.assert_allclose(found.sum(axis=1), 1)


@given(seed=st.integers(0, 1000), decimals=st.integers(1, 6))
@settings(deadline=None, max_examples=40)
def test_a_staircase_is_scikit_learn_s_and_rises(seed: int, decimals: int) -> None:
    random = np.random.default_rng(seed)
    claimed = some_rows(random, 60).round(decimals)  # rounded: ties and zeros
    claimed[claimed.sum(axis=1) == 0] = 1
    claimed /= claimed.sum(axis=1, keepdims=True)
    truth, weights = random.integers(COUNT, size=60), random.random(60) + 0.1
    asked = np.concatenate([claimed, some_rows(random, 60)])
    mine = Isotonic.fit(claimed, truth, weights=weights).observed(asked)
    for label in range(COUNT):
        if not (truth == label).any():
            np.testing.assert_allclose(mine[:, label], asked[:, label])
            continue
        theirs = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(
            claimed[:, label].round(9), truth == label, sample_weight=weights
        )
        wanted = theirs.predict(asked[:, label])
        np.testing.assert_allclose(mine[:, label], wanted, atol=0.5 / 61 + 1e-6)
        order = np.argsort(asked[:, label])
        assert (np.diff(mine[order, label]) >= -1e-12).all()
        assert mine[:, label].min() > 0 and mine[:, label].max() < 1


def test_weights_count_as_repeated_rows() -> None:
    random = np.random.default_rng(5)
    claimed, truth = some_rows(random), random.integers(COUNT, size=40)
    times = random.integers(1, 4, size=40)
    repeated = np.repeat(np.arange(40), times)
    for name, fit in FITS.items():
        weighted = fit(claimed, truth, weights=times.astype(float)).apply(claimed)
        again = fit(claimed[repeated], truth[repeated]).apply(claimed)
        # a staircase's ends are half a row from 0 and 1, of the rows there are
        np.testing.assert_allclose(weighted, again, atol=0.02 if name == "isotonic" else 1e-6)


def test_the_prior_at_full_strength_makes_labels_equally_common() -> None:
    """Bayes' rule: what a model of unequal labels says becomes what one of equal labels says."""
    random = np.random.default_rng(6)
    likelihood = softmax(random.normal(0, 2, (4000, COUNT)))
    prior = np.array([0.7, 0.2, 0.06, 0.04])
    claimed = likelihood * prior / (likelihood * prior).sum(axis=1, keepdims=True)
    truth = np.repeat(np.arange(COUNT), (4000 * prior).round().astype(int))
    full = LogPrior.fit(claimed, truth, strength=1.0)
    np.testing.assert_allclose(full.apply(claimed), likelihood, atol=0.01)
    none = LogPrior.fit(claimed, truth, strength=0.0)
    np.testing.assert_allclose(none.apply(claimed), claimed)


def test_the_order_of_prior_and_temperature_is_kept(too_sure: Simulated) -> None:
    rare = too_sure.some((too_sure.truth < 2) | (np.arange(len(too_sure.truth)) % 10 == 0))
    made = {
        methods: fit_calibration(
            rare.probabilities,
            rare.labels,
            labels=LABELS,
            people=rare.people,
            methods=methods,
            prior_strength=1.0,
        )
        for methods in [("log-prior", "temperature"), ("temperature", "log-prior")]
    }
    for methods, found in made.items():
        assert tuple(step.kind for step in found.steps) == methods
    before, after = (found.apply(rare.probabilities) for found in made.values())
    moved = LogPrior.fit(rare.probabilities, rare.truth, strength=1.0).apply(rare.probabilities)
    np.testing.assert_array_equal(before.argmax(axis=1), moved.argmax(axis=1))
    assert ece(rare, before) < ece(rare, after)


@pytest.mark.parametrize("kind", list(FITS))
def test_a_row_without_a_face_teaches_nothing_and_stays_absent(
    honest: Simulated, kind: str
) -> None:
    claimed, truth = honest.probabilities[:200].copy(), honest.truth[:200]
    absent = np.arange(200) % 7 == 0
    claimed[absent] = np.nan
    with_gaps = FITS[kind](claimed, truth)
    assert with_gaps == FITS[kind](claimed[~absent], truth[~absent])
    found = with_gaps.apply(claimed)
    np.testing.assert_array_equal(np.isnan(found).all(axis=1), absent)
    np.testing.assert_array_equal(np.isnan(found).any(axis=1), absent)


@pytest.mark.parametrize("kind", list(FITS))
def test_zeros_and_ones_stay_probabilities(kind: str) -> None:
    claimed = np.eye(COUNT)[[0, 1, 2, 3, 0, 1, 2, 3]]
    truth = np.array([0, 1, 2, 3, 1, 1, 2, 0])
    found = FITS[kind](claimed, truth).apply(claimed)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert (found >= 0).all()


@pytest.mark.parametrize("kind", list(FITS))
@given(seed=st.integers(0, 50))
@settings(deadline=None, max_examples=8)
def test_the_order_of_rows_changes_nothing(kind: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    claimed, truth, order = some_rows(random), random.integers(COUNT, size=40), np.arange(40)
    random.shuffle(order)
    first, second = FITS[kind](claimed, truth), FITS[kind](claimed[order], truth[order])
    np.testing.assert_allclose(first.apply(claimed), second.apply(claimed), atol=1e-9)


@pytest.mark.parametrize(
    ("claimed", "truth", "words"),
    [
        (np.full((2, 3), 0.5), [0, 1], "wanted probabilities that sum to 1"),
        ([[0.5, np.nan, 0.5]], [0], "or NaN throughout where there is no face"),
        ([[1.2, -0.2]], [0], "wanted probabilities that sum to 1"),
        ([[np.inf, 0]], [0], "wanted probabilities that sum to 1"),
        ([0.5, 0.5], [0], "must be (N, C)"),
        ([[0.5, 0.5]], [2], "labels must be 0 to 1, got 2"),
        ([[0.5, 0.5]], [0.0], "labels must be (1,) ints"),
        ([[0.5, 0.5]], [0, 1], "labels must be (1,) ints"),
        ([[np.nan, np.nan]], [0], "nothing can be calibrated on"),
    ],
)
def test_what_are_no_probabilities_or_labels_is_refused(
    claimed: Any, truth: list, words: str
) -> None:
    with pytest.raises(InputError) as caught:
        Temperature.fit(np.array(claimed), np.array(truth))
    assert words in str(caught.value)


@pytest.mark.parametrize("methods", [(name,) for name in METHODS] + [("log-prior", "isotonic")])
def test_a_calibration_survives_json(honest: Simulated, methods: tuple[str, ...]) -> None:
    rows = honest.some(np.arange(1500))
    made = fit_calibration(
        rows.probabilities, rows.labels, labels=LABELS, people=rows.people, methods=methods
    )
    text = json.dumps(made.to_json(), allow_nan=False)
    again = Calibration.from_json(json.loads(text), labels=LABELS)
    assert again == made
    first, second = made.read(honest.probabilities), again.read(honest.probabilities)
    np.testing.assert_array_equal(first.probabilities, second.probabilities)
    np.testing.assert_array_equal(first.sets, second.sets)
    assert first.answers.tolist() == second.answers.tolist()


def test_few_people_leave_out_no_label_and_that_survives_json() -> None:
    rows = simulate(np.random.default_rng(0), people=6)
    made = fit_calibration(rows.probabilities, rows.labels, labels=LABELS, people=rows.people)
    again = Calibration.from_json(json.loads(json.dumps(made.to_json())), labels=LABELS)
    assert again.marginal.thresholds == (float("inf"),) * COUNT
    assert again.threshold.threshold is None
    found = again.read(rows.probabilities)
    assert found.sets.all()
    assert set(found.answers) == {"unknown"}
    assert not found.is_sure.any()


@pytest.fixture(scope="module")
def stored(honest: Simulated) -> dict[str, Any]:
    rows = honest.some(np.arange(1000))
    methods = ("bias", "isotonic", "log-prior")
    return fit_calibration(
        rows.probabilities, rows.labels, labels=LABELS, people=rows.people, methods=methods
    ).to_json()


def change(stored: dict, path: str, value: Any) -> dict:
    """A copy with one value, at a path of keys and positions, put in its place."""
    copy = json.loads(json.dumps(stored))
    at: Any = copy
    *before, last = [int(key) if key.isdigit() else key for key in path.split(".")]
    for key in before:
        at = at[key]
    if value is DROP:
        del at[last]
    else:
        at[last] = value
    return copy


DROP = object()


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("marginal", DROP, "calibration lacks marginal: train the model again"),
        ("mood", 1, "calibration has 'mood', which this mien does not know: update mien"),
        ("labels", ["Happy", "Angry", "Neutral", "Sad"], "use the calibration of the same model"),
        ("steps", {}, "steps is {}, wanted a list"),
        ("steps.0", "__import__('os')", "kind is None; this mien knows temperature, isotonic"),
        ("steps.0.kind", "platt", "kind is 'platt'; this mien knows temperature, isotonic"),
        ("steps.0.kind", ["temperature"], "this mien knows temperature, isotonic, log-prior"),
        ("steps.0.temperature", float("nan"), "temperature is nan, wanted a number from"),
        ("steps.0.temperature", 0, "temperature is 0, wanted a number from"),
        ("steps.0.temperature", "1", "temperature is '1', wanted a number"),
        ("steps.0.temperature", True, "temperature is True, wanted a number"),
        ("steps.0.temperature", 10**400, "temperature is a very large integer"),
        ("steps.0.bias", [0, 0, 0], "step temperature is for 3 labels, the model has 4"),
        ("steps.0.bias.1", float("inf"), "bias[1] is inf"),
        ("steps.1.knots.0.observed.0", 0.9999, "knots[0] does not rise"),
        ("steps.1.knots.0.claimed", [], "wanted 1 to 100,000"),
        ("steps.1.knots.2.observed", [0.5], "knots[2].observed has 1 members, wanted"),
        ("steps.1.knots.2", None, "knots[2] is None, wanted an object"),
        ("steps.2.prior.0", 0, "prior[0] is 0, wanted a number from 1e-12 to 1"),
        ("steps.2.prior", [0.5, 0.5, 0.5, 0.5], "prior sums to 2, wanted 1"),
        ("steps.2.strength", 1.5, "strength is 1.5, wanted a number from 0 to 1"),
        ("marginal.score", "raps", "marginal.score is 'raps'; this mien knows lac, aps"),
        ("marginal.thresholds", [0.5, 0.5], "marginal.people_a_label has 4 members, wanted 2"),
        ("marginal.thresholds.3", -1, "marginal.thresholds[3] is -1, wanted a number from 0 to 1"),
        ("marginal.coverage", 1, "marginal.coverage is 1"),
        ("marginal.people", 1.5, "marginal.people is 1.5, wanted a whole number"),
        ("marginal.class_conditional", 1, "marginal.class_conditional must be true or false"),
        ("class_conditional.people_a_label.0", -3, "people_a_label[0] is -3"),
        ("threshold.threshold", 2, "threshold.threshold is 2, wanted a number from 0 to 1"),
        ("rows", "many", "rows is 'many', wanted a whole number"),
    ],
)
def test_an_altered_calibration_is_refused_by_name(
    stored: dict[str, Any], path: str, value: Any, words: str
) -> None:
    with pytest.raises(ModelError) as caught:
        Calibration.from_json(change(stored, path, value), labels=LABELS)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("stored", [None, [], "temperature", 3, {"kind": None}, {}])
def test_what_is_no_step_is_refused(stored: Any) -> None:
    with pytest.raises(ModelError, match="this mien knows temperature, isotonic, log-prior"):
        step_from_json(stored)


def test_a_calibration_for_another_number_of_labels_is_refused(honest: Simulated) -> None:
    step = Isotonic.fit(honest.probabilities[:100], honest.truth[:100])
    with pytest.raises(ModelError, match="learnt for 4 labels, got 3: use the calibration of the"):
        step.apply(np.full((2, 3), 1 / 3))


def test_a_calibration_that_mien_has_not_is_refused(honest: Simulated) -> None:
    rows = honest.some(np.arange(100))
    with pytest.raises(InputError, match="no calibration 'platt': mien has none, temperature"):
        fit_calibration(
            rows.probabilities, rows.labels, labels=LABELS, people=rows.people, methods=("platt",)
        )


def test_out_of_fold_answers_come_from_models_that_never_saw_the_person() -> None:
    people = np.array([*np.repeat([f"p{i}" for i in range(10)], 3), None], object)
    labels = np.array(LABELS)[np.arange(31) % COUNT]
    asked = []

    def fit_predict(train: np.ndarray, test: np.ndarray) -> np.ndarray:
        assert not set(people[train]) & set(people[test])
        asked.extend(test.tolist())
        return np.tile(test[:, None], (1, COUNT)).astype(float)

    found = out_of_fold(fit_predict, labels=labels, people=people, folds=5, seed=0)
    assert sorted(asked) == list(range(30))
    np.testing.assert_array_equal(found[:30, 0], np.arange(30))
    assert np.isnan(found[30]).all()


def test_calibration_is_learnt_and_used_with_numpy_alone() -> None:
    script = """
import sys
import numpy as np
from mien.emotion.calibration import fit_calibration
p = np.random.default_rng(0).dirichlet(np.ones(3), 90)
truth, people = np.array(list("abc"))[p.argmax(axis=1)], np.arange(90).astype(str)
for methods in (["bias"], ["log-prior", "isotonic"]):
    fit_calibration(p, truth, labels=list("abc"), people=people, methods=methods).read(p)
print(*sorted({"sklearn", "scipy", "torch"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
