"""Gaps between groups are found where they are, and not claimed where few people stand."""

import math

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from mien.errors import InputError
from mien.evaluation.answers import Answers
from mien.evaluation.fairness import GroupScores, bands, group_scores, yaw_bands
from tests.emotion.simulated import LABELS, simulate


@pytest.fixture(scope="module")
def answers() -> Answers:
    """100 people called p…, easy, and 100 called q…, hard; five answers each."""
    random = np.random.default_rng(0)
    easy, hard = (simulate(random, people=100, sharpness=x) for x in (4, 1))
    return Answers(
        np.concatenate([easy.probabilities, hard.probabilities]),
        truth=np.concatenate([easy.labels, hard.labels]),
        subjects=[*easy.people, *(f"q{name[1:]}" for name in hard.people)],
        labels=LABELS,
        unit="clips",
    )


def by_initial(answers: Answers) -> dict[str, str | None]:
    return {name: name[0] for name in answers.subjects}


def test_each_group_has_its_own_scores(answers: Answers) -> None:
    found = group_scores(answers, by_initial(answers), attribute="initial")
    for line in found.groups:
        rows = np.array([name[0] == line.group for name in answers.subjects])
        truth, predicted = answers.truth[rows], answers.predicted[rows]
        assert line.accuracy.value == pytest.approx(accuracy_score(truth, predicted))
        assert line.balanced_accuracy.value == pytest.approx(
            balanced_accuracy_score(truth, predicted)
        )
        assert (line.count, line.people, line.is_claimed) == (500, 100, True)


def test_a_gap_is_found_where_it_is(answers: Answers) -> None:
    found = group_scores(answers, by_initial(answers), attribute="initial")
    gap = found.accuracy_gap
    assert (gap.best, gap.worst) == ("p", "q")
    easy, hard = (line.accuracy.value for line in found.groups)
    assert gap.value.value == pytest.approx(easy - hard)
    assert 0.1 < gap.value.low < gap.value.high < 0.6
    assert found.balanced_gap.best == "p"
    assert found.groups[0].difference.value == 0
    assert found.groups[1].difference.value == pytest.approx(-gap.value.value)


def test_groups_that_are_alike_are_not_told_apart(answers: Answers) -> None:
    parity = {name: "even" if int(name[-1]) % 2 == 0 else "odd" for name in answers.subjects}
    gap = group_scores(answers, parity, attribute="parity").accuracy_gap
    assert gap.value.value >= 0
    assert gap.value.low < 0 < gap.value.high


def test_of_fewer_than_twenty_people_nothing_is_claimed(answers: Answers) -> None:
    few = {name: "few" if name < "p00019" else "many" for name in answers.subjects}
    found = group_scores(answers, few, attribute="size", reference="many")
    line = found.groups[0]
    assert (line.group, line.people, line.is_claimed) == ("few", 19, False)
    assert not math.isnan(line.accuracy.value)
    assert math.isnan(line.difference.value)
    assert math.isnan(found.accuracy_gap.value.value)
    assert found.accuracy_gap.best is None
    enough = {name: "few" if name < "p00020" else "many" for name in answers.subjects}
    assert group_scores(answers, enough, attribute="size").accuracy_gap.best == "few"


def test_whose_group_is_not_known_is_in_none_and_counted(answers: Answers) -> None:
    known = {name: "p" for name in answers.subjects if name[0] == "p"} | {"q00000": None}
    found = group_scores(answers, known, attribute="initial")
    assert [line.group for line in found.groups] == ["p"]
    assert found.without_group == 500


def test_unanswered_rows_are_errors_of_their_group(answers: Answers) -> None:
    claimed = answers.probabilities.copy()
    claimed[:100] = np.nan
    lost = Answers(
        claimed,
        truth=np.array(LABELS)[answers.truth],
        subjects=answers.subjects,
        labels=LABELS,
        unit="clips",
    )
    line = group_scores(lost, by_initial(answers), attribute="initial").groups[0]
    assert line.unanswered == 100
    assert line.accuracy.value == answers.is_right[100:500].sum() / 500


def test_a_person_can_stand_in_several_bands(answers: Answers) -> None:
    yaw = np.radians(np.tile([1, -8, 20, -30, 50], 200))
    names, order = yaw_bands(yaw)
    found = group_scores(answers, names, attribute="yaw", order=order)
    assert [line.group for line in found.groups] == [
        "below 5°",
        "5–15°",
        "15–25°",
        "25–35°",
        "35° and more",
    ]
    assert {line.people for line in found.groups} == {200}
    assert found.reference == "below 5°"


def test_the_same_people_turned_away_are_compared_with_themselves() -> None:
    """Paired: who is easy is easy at every angle, so the difference is surer than the scores."""
    found = simulate(np.random.default_rng(1), people=150, rows=20, sharpness=1.5, spread=1.2)
    answers = Answers(
        found.probabilities, truth=found.labels, subjects=found.people, labels=LABELS, unit="f"
    )
    side = np.tile(["left", "right"], 1500)
    lines = group_scores(answers, side, attribute="side").groups
    width = {x: getattr(lines[1], x).high - getattr(lines[1], x).low for x in
             ("accuracy", "difference")}  # fmt: skip
    assert width["difference"] < width["accuracy"]


def test_bands_begin_at_their_edges_and_leave_out_what_is_not_known() -> None:
    names, order = bands([20, 29, 30, 70, 5, np.nan], edges=(20, 30, 50), unit=" years")
    assert order == ["20–30 years", "30–50 years", "50 years and more"]
    assert names.tolist() == [order[0], order[0], order[1], order[2], None, None]
    assert yaw_bands(np.array([np.nan, -np.radians(5.01)]))[0].tolist() == [None, "5–15°"]


def test_the_order_of_rows_changes_nothing(answers: Answers) -> None:
    order = np.random.default_rng(2).permutation(len(answers))
    moved = Answers(
        answers.probabilities[order],
        truth=np.array(LABELS)[answers.truth[order]],
        subjects=answers.subjects[order],
        labels=LABELS,
        unit="clips",
    )
    groups = by_initial(answers)
    assert group_scores(moved, groups, attribute="i") == group_scores(
        answers, groups, attribute="i"
    )


def test_a_record_survives_json(answers: Answers) -> None:
    found = group_scores(answers, {"p00000": "one"}, attribute="a")
    again = GroupScores.model_validate_json(found.model_dump_json())
    assert math.isnan(again.accuracy_gap.value.value)
    assert again.model_dump_json() == found.model_dump_json()


@pytest.mark.parametrize(
    ("groups", "options", "words"),
    [
        ({}, {}, "no answer has a known sex"),
        (["f"], {}, "1 groups for 1000 answers"),
        ({"p00000": "f"}, {"reference": "m"}, "reference 'm' is none of the groups f"),
    ],
)
def test_groups_that_do_not_fit_are_refused(
    answers: Answers, groups: dict, options: dict, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        group_scores(answers, groups, attribute="sex", **options)
