"""What scores say in words: the gap is explained, and nothing is claimed that was not shown."""

import pytest

from mien.evaluation.metrics import Score
from mien.evaluation.results import Results
from mien.evaluation.sentences import enrolment_sentences, gap_text


@pytest.mark.parametrize(
    ("gap", "words"),
    [
        (0.2, "That much of the random-frame score comes from having learnt"),
        (0.0, "The gap is small here"),
        (-0.2, "The random-frame score is not the higher one here"),
    ],
)
def test_the_gap_is_explained_as_it_is(hostile: Results, gap: float, words: str) -> None:
    assert words in " ".join(gap_text(hostile.model_copy(update={"gap": gap})))


def test_a_recipe_that_learns_nothing_from_faces_is_said_to_leak_nothing(hostile: Results) -> None:
    text = " ".join(gap_text(hostile.model_copy(update={"recipe": "facs", "gap": 0.2})))
    assert "nothing can leak" in text
    assert "neighbouring frames" not in text


@pytest.mark.parametrize(
    ("gain", "words"),
    [
        ((0.1, -0.02, 0.3), "(−2.0 to +30.0). The interval holds 0: these people do not show"),
        ((-0.1, -0.2, -0.05), "−10.0 points (−20.0 to −5.0)."),
    ],
)
def test_what_these_people_do_not_show_of_enrolling_is_not_claimed(
    enrolled: Results, gain: tuple[float, float, float], words: str
) -> None:
    found = enrolled.enrolment
    assert found is not None
    plain, moved = found.compared.lines
    assert moved.difference is not None
    value, low, high = gain
    changed = moved.difference.model_copy(
        update={"accuracy": Score(value=value, low=low, high=high)}
    )
    lines = [plain, moved.model_copy(update={"difference": changed})]
    compared = found.compared.model_copy(update={"lines": lines})
    text = " ".join(enrolment_sentences(found.model_copy(update={"compared": compared})))
    assert words in text
    assert ("do not show" in text) == (low <= 0 <= high)
