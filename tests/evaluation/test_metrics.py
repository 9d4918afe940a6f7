"""Scores agree with scikit-learn, and say so when they are undefined."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    classification_report,
    confusion_matrix,
    f1_score,
)

from mien.evaluation.metrics import UNANSWERED, Scores, report_text, score

LABELS = ["Angry", "Happy", "Sad"]
ANSWERS = st.lists(st.tuples(*[st.sampled_from(LABELS)] * 2, st.sampled_from("pqrs")), min_size=1)


def scored(rows: list) -> Scores:
    truth, predicted, subjects = zip(*rows, strict=True)
    return score(truth, predicted, labels=LABELS, subjects=subjects, unit="frames")


@given(rows=ANSWERS)
@settings(deadline=None, max_examples=25)
@pytest.mark.filterwarnings("ignore::UserWarning")  # scikit-learn's, for few labels
def test_scores_are_scikit_learn_s(rows: list) -> None:
    truth, predicted, _ = zip(*rows, strict=True)
    found = scored(rows)
    assert found.accuracy.value == pytest.approx(accuracy_score(truth, predicted))
    assert found.balanced_accuracy.value == pytest.approx(balanced_accuracy_score(truth, predicted))
    assert found.macro_f1.value == pytest.approx(f1_score(truth, predicted, average="macro"))
    np.testing.assert_array_equal(
        np.array(found.confusion)[:, :-1], confusion_matrix(truth, predicted, labels=LABELS)
    )
    report = classification_report(
        truth, predicted, labels=LABELS, output_dict=True, zero_division=np.nan
    )
    for line in found.per_class:
        theirs = report[line.label]
        for mine, name in ((line.precision, "precision"), (line.recall, "recall")):
            assert mine == pytest.approx(theirs[name], nan_ok=True)
        assert line.f1 == pytest.approx(theirs["f1-score"], nan_ok=True)
        assert line.support == theirs["support"]


def test_a_label_never_answered_has_no_precision_and_is_named() -> None:
    found = scored([("Angry", "Happy", "p"), ("Happy", "Happy", "q")])
    assert math.isnan(found.per_class[0].precision)
    assert found.never_predicted == ["Angry", "Sad"]
    assert "–" in report_text(found)


def test_an_unanswered_clip_is_an_error() -> None:
    found = scored([("Happy", "Happy", "p"), ("Sad", UNANSWERED, "q")])
    assert found.accuracy.value == 0.5
    assert found.coverage == 0.5
    assert found.confusion[2] == [0, 0, 0, 1]


def test_intervals_are_over_people_not_frames() -> None:
    one_right_one_wrong = [("Sad", "Sad", "p")] * 500 + [("Sad", "Happy", "q")] * 500
    found = scored(one_right_one_wrong)
    assert (found.accuracy.low, found.accuracy.high) == (0.0, 1.0)
    many = [("Sad", "Sad" if i % 2 else "Happy", f"p{i}") for i in range(1000)]
    assert 0.45 < scored(many).accuracy.low < 0.5 < scored(many).accuracy.high < 0.55


def test_intervals_are_the_same_each_time() -> None:
    rows = [("Sad", "Sad" if i % 3 else "Happy", f"p{i}") for i in range(30)]
    assert scored(rows).accuracy == scored(rows).accuracy


@pytest.mark.parametrize("person", ["p", None])
def test_one_person_has_no_interval(person: str | None) -> None:
    found = scored([("Sad", "Sad", person), ("Happy", "Sad", person)])
    assert found.accuracy.value == 0.5
    assert math.isnan(found.accuracy.low)
    assert found.resamples == 0


def test_resamples_that_lack_a_label_are_counted() -> None:
    rows = [("Sad", "Sad", "rare")] + [("Happy", "Happy", f"p{i}") for i in range(9)]
    assert 250 < scored(rows).resamples_lacking_a_label < 450  # (9/10)^10 = .35 of 1,000


def test_an_undefined_number_survives_json() -> None:
    found = scored([("Sad", "Sad", "p")])
    again = Scores.model_validate_json(found.model_dump_json())
    assert math.isnan(again.accuracy.low)
    assert again.model_dump_json() == found.model_dump_json()
