"""The leaky score, the honest one and the majority, from one table."""

from pathlib import Path

import numpy as np
import pytest

from mien.config import TrainSettings
from mien.corpora.splits import leaky_random_frames
from mien.emotion import mlp
from mien.emotion.contract import find_recipe
from mien.emotion.frames import LabelledFrames, read_frames
from mien.errors import TableError
from mien.evaluation.evaluate import evaluate_frames
from mien.tables import open_landmarks
from tests.emotion.tables import write_people

QUICK = TrainSettings(hidden_units=4, epochs=2, folds=3)


def read(path: Path) -> LabelledFrames:
    return read_frames(open_landmarks(path), find_recipe("seed").features)[0]


def test_rows_without_a_face_or_a_label_are_left_out(tmp_path: Path) -> None:
    frames = read(write_people(tmp_path / "p.parquet", faceless=(0, 1, 2, 3, 4, 9)))
    assert frames.features.shape == (54, 1434)
    assert frames.classes == ["Angry", "Happy", "Sad"]
    assert frames.clips.rows.sum() == 60
    assert len(frames.clips.names) == 12


def test_csv_and_parquet_give_the_same_frames(tmp_path: Path) -> None:
    parquet, csv = (read(write_people(tmp_path / f"p.{kind}")) for kind in ("parquet", "csv"))
    np.testing.assert_allclose(parquet.features, csv.features, rtol=1e-6)
    assert parquet.labels.tolist() == csv.labels.tolist()
    assert parquet.subjects.tolist() == csv.subjects.tolist()


def test_everybody_is_held_out_once(tmp_path: Path) -> None:
    frames = read(write_people(tmp_path / "p.parquet"))
    seen: list[tuple[str, int, int]] = []
    found = evaluate_frames(frames, QUICK, on_progress=lambda *said: seen.append(said))
    assert found.held_out is not None
    honest, leaky = found.held_out.result, found.leaky.result
    assert (honest.split, honest.folds, honest.held_out) == ("subject", 3, 60)
    assert honest.frames.count == 60
    assert honest.clips.count == 12
    assert leaky.frames.count == 12
    assert not set(frames.subjects[found.held_out.first.train]) & set(honest.held_out_people)
    assert found.gap == pytest.approx(leaky.frames.accuracy.value - honest.frames.accuracy.value)
    doing, done, total = zip(*seen, strict=True)
    assert len(set(doing)) == 4
    assert list(done) == sorted(done)
    assert done[-1] == total[-1]
    assert found.warnings == []


def test_the_leaky_score_is_of_the_reference_s_own_split(tmp_path: Path) -> None:
    frames = read(write_people(tmp_path / "p.parquet"))
    found = evaluate_frames(frames, QUICK)
    split = leaky_random_frames(60)
    model = find_recipe("seed").build(QUICK, frames.classes)
    model.fit(frames.features[split.train], frames.labels[split.train])
    answers = model.classes_[model.predict_proba(frames.features[split.test]).argmax(axis=1)]
    right = (answers == frames.labels[split.test]).mean()
    assert found.leaky.result.frames.accuracy.value == pytest.approx(right)


def test_a_clip_without_a_face_counts_as_an_error(tmp_path: Path) -> None:
    path = write_people(tmp_path / "p.parquet", faceless=range(5))
    found = evaluate_frames(read(path), QUICK)
    assert found.held_out is not None
    clips = found.held_out.result.clips
    assert (clips.count, clips.unanswered) == (12, 1)
    assert clips.coverage == pytest.approx(11 / 12)


def test_scores_of_one_person_have_no_interval(tmp_path: Path) -> None:
    found = evaluate_frames(read(write_people(tmp_path / "p.parquet", people=1)), QUICK)
    assert found.held_out is not None
    assert found.held_out.result.split == "time"
    assert found.held_out.result.held_out == 3
    assert np.isnan(found.held_out.result.frames.accuracy.low)
    assert "all frames are of one person" in found.warnings[0]


def test_single_frames_of_one_person_have_only_the_leaky_score(tmp_path: Path) -> None:
    frames = read(write_people(tmp_path / "p.parquet", people=1, clips_each=9, frames=1))
    with pytest.raises(TableError, match="add a `subject` column, or choose the split random"):
        evaluate_frames(frames, QUICK)
    found = evaluate_frames(frames, QUICK.model_copy(update={"split": "random-frame"}))
    assert found.held_out is None
    assert np.isnan(found.gap)
    assert "only the leaky score" in found.warnings[-1]


def test_with_fewer_folds_nobody_is_asked_who_was_not_held_out(tmp_path: Path) -> None:
    first_clips = [30 * person + frame for person in range(4) for frame in range(5)]
    frames = read(write_people(tmp_path / "p.parquet", clips_each=6, faceless=first_clips))
    everybody = evaluate_frames(frames, QUICK)
    some = evaluate_frames(frames, QUICK.model_copy(update={"max_folds": 1}))
    assert everybody.held_out is not None and some.held_out is not None
    honest = some.held_out.result
    assert everybody.held_out.result.clips.count == 24
    assert honest.clips.count == 6 * len(honest.held_out_people)
    assert "of those people alone" in some.warnings[0]


def test_early_stopping_is_told_who_is_who(tmp_path: Path, monkeypatch) -> None:
    frames = read(write_people(tmp_path / "p.parquet", people=12))
    told: list[set[str]] = []

    def set_aside(rows, labels, groups, *, seed):
        told.append(set() if groups is None else set(groups[rows]))
        return rows[9:], rows[:9]

    monkeypatch.setattr(mlp, "set_aside", set_aside)
    found = evaluate_frames(frames, QUICK.model_copy(update={"patience": 2}))
    assert found.held_out is not None
    held_out = set(found.held_out.result.held_out_people)
    assert told[:2] == [set(), set(frames.people) - held_out]  # the leaky fit has frames only


@pytest.mark.parametrize("recipe", ["svm", "logistic"])
def test_a_recipe_that_wants_many_people_says_so(tmp_path: Path, recipe: str) -> None:
    frames = read(write_people(tmp_path / "p.parquet")).seen_as(find_recipe(recipe).features)
    settings = TrainSettings(recipe=recipe, folds=2, calibration="none")
    told = [note for note in evaluate_frames(frames, settings).warnings if "wants 50" in note]
    assert told == (
        ["2 people to learn from: recipe svm wants 50 or more and may be near chance; try logistic"]
        if recipe == "svm"
        else []
    )
