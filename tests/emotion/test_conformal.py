"""Sets hold the true label of strangers as often as they promise."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import KNeighborsClassifier

from mien.emotion.calibration import fit_calibration
from mien.emotion.conformal import (
    LEAST_PEOPLE,
    UNKNOWN,
    ConfidenceThreshold,
    ConformalSets,
    answers,
    label_scores,
    quantile_over_people,
)
from mien.errors import InputError, ModelError
from tests.emotion.simulated import LABELS, Simulated, simulate, softmax


def held(sets: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return sets[np.arange(len(sets)), truth]


def one_row_each(found: Simulated) -> Simulated:
    return found.some(np.unique(found.people, return_index=True)[1])


@given(count=st.integers(1, 200), coverage=st.floats(0.5, 0.99))
@settings(deadline=None)
def test_with_a_row_a_person_the_threshold_is_the_textbook_quantile(
    count: int, coverage: float
) -> None:
    scores = np.random.default_rng(count).random(count)
    rank = math.ceil((count + 1) * coverage - 1e-9)
    wanted = np.sort(scores)[rank - 1] if rank <= count else math.inf
    for weighting in ("people", "rows"):
        found = quantile_over_people(
            scores, np.arange(count), coverage=coverage, weighting=weighting
        )
        assert found == wanted


@pytest.mark.parametrize("score", ["lac", "aps"])
@pytest.mark.parametrize("weighting", ["people", "rows"])
def test_sets_of_new_people_hold_the_truth_as_often_as_promised(score: str, weighting: str) -> None:
    random = np.random.default_rng(11)
    covered = []
    for _ in range(150):
        learnt = simulate(random, people=60, rows=random.integers(1, 12, size=60))
        sets = ConformalSets.fit(
            learnt.probabilities,
            learnt.truth,
            people=learnt.people,
            score=score,
            weighting=weighting,
        )
        strangers = one_row_each(simulate(random, people=200, rows=3))
        covered.append(held(sets.sets(strangers.probabilities), strangers.truth).mean())
    error = np.std(covered) / math.sqrt(len(covered))
    assert 0.9 - 3 * error < np.mean(covered) < 0.9 + 1 / 61 + 0.01 + 3 * error


def test_where_the_busy_are_harder_each_weighting_keeps_its_own_promise() -> None:
    """Half the people have twenty rows, and are hard; the others have one, and are easy."""
    random = np.random.default_rng(12)
    shares = {"people": [], "rows": []}
    for _ in range(60):
        busy = simulate(random, people=150, rows=20, sharpness=0.8)
        quiet = simulate(random, people=150, rows=1, sharpness=4)
        claimed = np.concatenate([busy.probabilities, quiet.probabilities])
        truth = np.concatenate([busy.truth, quiet.truth])
        people = np.concatenate([busy.people, np.char.add("q", quiet.people)])
        half = np.array([int(name[-1]) % 2 == 0 for name in people])
        for weighting, found in shares.items():
            sets = ConformalSets.fit(
                claimed[half], truth[half], people=people[half], weighting=weighting
            )
            inside = held(sets.sets(claimed[~half]), truth[~half])
            of = people[~half]
            each = [inside[of == name].mean() for name in np.unique(of)]
            found.append((inside.mean(), np.mean(each)))
    (rows_pooled, rows_each), (people_pooled, people_each) = (
        np.mean(shares[name], axis=0) for name in ("rows", "people")
    )
    assert rows_pooled == pytest.approx(0.9, abs=0.01)
    assert people_each == pytest.approx(0.9, abs=0.01)
    assert rows_each > 0.92
    assert people_pooled < 0.88


def strangers_and_acquaintances() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Faces that tell who someone is far better than what they express.

    Returns features (N, 20), labels (N,) ints and people (N,); each person
    shows one label most of the time.
    """
    random = np.random.default_rng(13)
    person = np.repeat(np.arange(300), 12)
    usual = random.integers(4, size=300)[person]
    truth = np.where(random.random(3600) < 0.8, usual, random.integers(4, size=3600))
    identity = random.normal(0, 2, (300, 20))[person]
    expression = random.normal(0, 1, (4, 20))[truth]
    return identity + expression + random.normal(0, 0.5, (3600, 20)), truth, person


def test_sets_calibrated_on_people_that_the_model_knows_fail_strangers() -> None:
    """New rows of the same people are not new people: the promise is broken by far."""
    values, truth, person = strangers_and_acquaintances()
    row = np.arange(len(truth)) % 12
    known, held_out, strangers = person < 150, (person >= 150) & (person < 220), person >= 220
    model = KNeighborsClassifier(15).fit(values[known & (row < 8)], truth[known & (row < 8)])
    coverage = {}
    for name, rows in {
        "rows it learnt": known & (row < 8),
        "new rows of people it knows": known & (row >= 8),
        "people it never saw": held_out,
    }.items():
        claimed = model.predict_proba(values[rows])
        sets = ConformalSets.fit(claimed, truth[rows], people=person[rows])
        found = sets.sets(model.predict_proba(values[strangers]))
        coverage[name] = held(found, truth[strangers]).mean()
    assert coverage["people it never saw"] == pytest.approx(0.9, abs=0.05)
    assert coverage["rows it learnt"] < 0.75
    assert coverage["new rows of people it knows"] < 0.75


def test_sets_behind_a_staircase_keep_their_promise() -> None:
    """A staircase fits the people it was learnt on too well; sets are learnt on others."""
    random = np.random.default_rng(14)
    covered = []
    for _ in range(25):
        learnt = simulate(random, people=80, rows=2, temperature=0.5)
        made = fit_calibration(
            learnt.probabilities,
            learnt.labels,
            labels=LABELS,
            people=learnt.people,
            methods=("isotonic",),
        )
        new = simulate(random, people=300, rows=2, temperature=0.5)
        covered.append(held(made.read(new.probabilities).sets, new.truth).mean())
    error = np.std(covered) / math.sqrt(len(covered))
    assert 0.9 - 3 * error < np.mean(covered) < 0.94


def rare_and_common(random: np.random.Generator, people: int) -> Simulated:
    """One row a person; Sad is rare, and hard to see."""
    found = simulate(random, people=people, rows=1)
    logits = np.log(found.probabilities) - np.array([0, 0, 0, 2.5])
    claimed = softmax(logits)
    truth = (random.random((people, 1)) > claimed.cumsum(axis=1)[:, :-1]).sum(axis=1)
    return Simulated(claimed, claimed, truth, found.people)


def test_class_conditional_sets_promise_each_label_what_marginal_ones_promise_all() -> None:
    random = np.random.default_rng(15)
    learnt, new = rare_and_common(random, 4000), rare_and_common(random, 20000)
    by_kind = {}
    for conditional in (False, True):
        sets = ConformalSets.fit(
            learnt.probabilities, learnt.truth, people=learnt.people, class_conditional=conditional
        )
        found = held(sets.sets(new.probabilities), new.truth)
        by_kind[conditional] = [found[new.truth == label].mean() for label in range(4)]
        assert found.mean() == pytest.approx(0.9, abs=0.02)
    assert by_kind[False][3] < 0.75
    np.testing.assert_allclose(by_kind[True], 0.9, atol=0.05)


def test_a_label_of_few_people_has_the_marginal_threshold_and_is_named() -> None:
    random = np.random.default_rng(16)
    found = simulate(random, people=400, rows=2)
    few = found.some((found.truth != 3) | (found.people < "p00060"))
    made = ConformalSets.fit(
        few.probabilities, few.truth, people=few.people, class_conditional=True
    )
    marginal = ConformalSets.fit(few.probabilities, few.truth, people=few.people)
    assert made.people_a_label[3] < LEAST_PEOPLE <= min(made.people_a_label[:3])
    assert made.thresholds[3] == marginal.thresholds[0]
    assert len({*made.thresholds[:3], *marginal.thresholds}) == 4
    (note,) = made.notes(LABELS)
    assert f"fewer than 50 people showed Sad ({made.people_a_label[3]})" in note
    assert marginal.notes(LABELS) == []


def test_repeating_one_person_s_rows_changes_no_promise_to_people() -> None:
    found = simulate(np.random.default_rng(17), people=100, rows=3)
    again = np.append(np.arange(300), np.tile(np.arange(3), 50))
    more = found.some(again)
    first, second = (
        ConformalSets.fit(x.probabilities, x.truth, people=x.people, weighting="people")
        for x in (found, more)
    )
    assert first.thresholds == pytest.approx(second.thresholds, abs=1e-12)


@pytest.mark.parametrize("weighting", ["people", "rows"])
@pytest.mark.parametrize("score", ["lac", "aps"])
def test_the_order_of_rows_changes_nothing(score: str, weighting: str) -> None:
    random = np.random.default_rng(18)
    found = simulate(random, people=100, rows=3)
    moved = found.some(random.permutation(300))
    options = {"score": score, "weighting": weighting, "class_conditional": True}
    first, second = (
        ConformalSets.fit(x.probabilities, x.truth, people=x.people, **options)
        for x in (found, moved)
    )
    assert first == second


@given(seed=st.integers(0, 500), decimals=st.integers(1, 5))
@settings(deadline=None, max_examples=40)
def test_a_likelier_label_fits_no_worse(seed: int, decimals: int) -> None:
    claimed = softmax(np.random.default_rng(seed).normal(0, 2, (30, 5))).round(decimals) + 1e-9
    claimed /= claimed.sum(axis=1, keepdims=True)
    for score in ("lac", "aps"):
        found = label_scores(claimed, score=score)
        order = np.argsort(-claimed, axis=1)
        ranked = np.take_along_axis(found, order, axis=1)
        assert (np.diff(ranked, axis=1) >= -1e-12).all()
        assert ranked.min() >= 0 and ranked.max() <= 1
    likeliest = np.take_along_axis(label_scores(claimed, score="aps"), order, axis=1)[:, 0]
    np.testing.assert_array_equal(likeliest, 0)


def test_aps_is_the_probability_of_the_likelier_labels() -> None:
    found = label_scores(np.array([[0.5, 0.2, 0.3], [0.25, 0.25, 0.5]]), score="aps")
    np.testing.assert_allclose(found, [[0, 0.8, 0.5], [0.5, 0.5, 0]])


def test_without_a_face_the_set_is_empty_and_the_answer_unknown() -> None:
    found = simulate(np.random.default_rng(19), people=200)
    claimed = found.probabilities.copy()
    claimed[::3] = np.nan
    for score in ("lac", "aps"):
        made = ConformalSets.fit(claimed, found.truth, people=found.people, score=score)
        sets = made.sets(claimed)
        assert not sets[::3].any()
        assert set(answers(sets, LABELS)[::3]) == {UNKNOWN}
        assert sets[1::3].any()
    sure = ConfidenceThreshold.fit(
        claimed, found.truth, people=found.people, wanted_accuracy=0.8
    ).is_sure(claimed)
    assert not sure[::3].any()
    assert sure[1::3].any()


def test_rows_of_unknown_people_teach_no_threshold() -> None:
    found = simulate(np.random.default_rng(20), people=200, rows=2)
    people = found.people.astype(object)
    people[::2] = None
    made = ConformalSets.fit(found.probabilities, found.truth, people=people)
    other = ConformalSets.fit(
        found.probabilities[1::2], found.truth[1::2], people=found.people[1::2]
    )
    assert made == other
    with pytest.raises(InputError, match="sets need held-out people"):
        ConformalSets.fit(found.probabilities, found.truth, people=[None] * 400)


def test_the_threshold_reaches_the_wanted_accuracy_on_strangers_and_gives_up_no_more() -> None:
    random = np.random.default_rng(21)
    learnt, new = (simulate(random, people=3000, rows=3) for _ in range(2))
    made = ConfidenceThreshold.fit(
        learnt.probabilities, learnt.truth, people=learnt.people, wanted_accuracy=0.9
    )
    sure = made.is_sure(new.probabilities)
    is_right = new.probabilities.argmax(axis=1) == new.truth
    assert is_right.mean() < 0.8
    assert is_right[sure].mean() == pytest.approx(0.9, abs=0.015)
    assert sure.mean() == pytest.approx(made.answered, abs=0.02)
    assert made.accuracy == pytest.approx(0.9, abs=0.002)


def test_an_accuracy_out_of_reach_leaves_nothing_answered() -> None:
    random = np.random.default_rng(22)
    rows = simulate(random, people=200, rows=2, spread=0)
    lost = (rows.truth + 1 + rows.probabilities.argmax(axis=1) - rows.truth) % 4
    made = ConfidenceThreshold.fit(rows.probabilities, lost, people=rows.people)
    assert made.threshold is None
    assert math.isnan(made.accuracy)
    assert not made.is_sure(rows.probabilities).any()


def test_a_threshold_wants_fifty_people_behind_it() -> None:
    claimed = np.tile([[0.99, 0.01], [0.6, 0.4]], (100, 1))
    truth = np.tile([0, 1], 100)
    people = np.repeat(np.arange(100), 2)
    assert ConfidenceThreshold.fit(claimed, truth, people=people).threshold == 0.99
    few = slice(0, 80)  # 40 people
    assert ConfidenceThreshold.fit(claimed[few], truth[few], people=people[few]).threshold is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"score": "raps"}, "no conformal score 'raps': mien has lac, aps"),
        ({"coverage": 1.0}, "coverage is 1.0, wanted between 0 and 1"),
        ({"weighting": "clips"}, "no weighting 'clips': mien has people, rows"),
    ],
)
def test_settings_that_mean_nothing_are_refused(options: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        ConformalSets.fit(np.full((2, 2), 0.5), np.array([0, 1]), people=["p", "q"], **options)


def test_sets_for_another_number_of_labels_are_refused() -> None:
    made = ConformalSets.fit(np.full((2, 2), 0.5), np.array([0, 1]), people=["p", "q"])
    with pytest.raises(ModelError, match="learnt for 2 labels, got 3"):
        made.sets(np.full((2, 3), 1 / 3))
