"""What is right by always saying the commonest label."""

from pathlib import Path

import pytest

from mien.evaluation.held_out import held_out_splits
from mien.evaluation.majority import majority
from tests.emotion.tables import write_people
from tests.evaluation.test_evaluate import QUICK, read


def test_the_majority_answers_without_looking(tmp_path: Path) -> None:
    path = write_people(tmp_path / "p.parquet", emotions=("Sad", "Sad", "Happy"), faceless=range(5))
    frames = read(path)
    result, answers = majority(frames, held_out_splits(frames, QUICK, None)[1], by_person=True)
    assert result.clips.accuracy.value == pytest.approx(8 / 12)
    assert result.clips.unanswered == 0
    assert result.frames.balanced_accuracy.value == pytest.approx(0.5)
    assert set(answers.predicted_labels) == {"Sad"}
