"""People are held out where there are several; else the end of each clip, and it is said."""

from pathlib import Path

import pytest

from mien.evaluation.held_out import held_out_splits
from tests.emotion.tables import write_people
from tests.evaluation.test_evaluate import QUICK, read


def test_everybody_is_held_out_once_and_never_learnt_from(tmp_path: Path) -> None:
    frames = read(write_people(tmp_path / "p.parquet"))
    name, folds, notes = held_out_splits(frames, QUICK, None)
    assert (name, len(folds), notes) == ("subject", 3, [])
    assert sorted(row for fold in folds for row in fold.test) == list(range(60))
    for fold in folds:
        assert not set(frames.subjects[fold.train]) & set(frames.subjects[fold.test])


def test_fewer_people_give_fewer_folds_and_a_word_about_it(tmp_path: Path) -> None:
    frames = read(write_people(tmp_path / "p.parquet", people=2))
    name, folds, notes = held_out_splits(frames, QUICK, None)
    assert (name, len(folds), notes) == ("subject", 2, ["2 people give 2 folds, not 3"])


@pytest.mark.parametrize(
    ("people", "with_subject", "words"),
    [(1, True, "all frames are of one person (p0)"), (3, False, "no person is known")],
)
def test_one_person_is_held_out_by_time_and_it_is_said(
    tmp_path: Path, people: int, with_subject: bool, words: str
) -> None:
    path = write_people(tmp_path / "p.parquet", people=people, with_subject=with_subject)
    name, folds, notes = held_out_splits(read(path), QUICK, None)
    assert name == "time"
    assert [len(fold.test) for fold in folds] == [3 * people]
    assert words in notes[0]


def test_time_that_was_asked_for_needs_no_word(tmp_path: Path) -> None:
    frames = read(write_people(tmp_path / "p.parquet"))
    by_time = held_out_splits(frames, QUICK.model_copy(update={"split": "time"}), None)
    assert (by_time[0], by_time[2]) == ("time", [])
