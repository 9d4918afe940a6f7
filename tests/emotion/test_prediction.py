"""Prediction needs neither torch nor scikit-learn, and agrees with torch."""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from mien.corpora.sample import SAMPLE_FOLDER
from mien.emotion import facs
from mien.emotion.checkpoint import load_card, load_weights
from mien.emotion.mlp import from_weights
from mien.emotion.prediction import (
    enrolled,
    facs_model,
    load_model,
    predict_batches,
    probabilities,
)
from mien.emotion.prediction_table import (
    CLIP_MEANINGS,
    FRAME_MEANINGS,
    KEPT_COLUMNS,
)
from mien.errors import ModelError, ShapeError, TableError
from mien.face.features import FEATURE_SETS
from mien.tables import landmark_batch, open_landmarks, points_of, read_landmarks
from tests.emotion.model_folders import calibration
from tests.emotion.predicted import chances, predicted

NEUTRAL_CLIP = SAMPLE_FOLDER / "1001_DFA_NEU_XX.flv"


def raw_points(points: np.ndarray) -> np.ndarray:
    return FEATURE_SETS["raw-points"].compute(points, size_px=(480, 360))


def test_onnx_runtime_agrees_with_torch(trained, people_table) -> None:
    model = load_model(trained.folder)
    points = points_of(read_landmarks(people_table))
    points = points[~np.isnan(points).any(axis=(1, 2))]
    torch_model = from_weights(load_weights(trained.folder), labels=model.labels)
    expected = torch_model.predict_proba(raw_points(points))
    np.testing.assert_allclose(probabilities(model, points), expected, atol=1e-5)


def test_a_row_without_a_face_has_no_probability(trained, people_table) -> None:
    model = load_model(trained.folder, threads=2)
    found = probabilities(model, points_of(read_landmarks(people_table)))
    assert np.flatnonzero(np.isnan(found).all(axis=1)).tolist() == [2, 59]
    assert not np.isnan(found[[0, 1, 3]]).any()


def test_batches_of_any_size_give_the_same_rows(trained, people_table) -> None:
    model, source = load_model(trained.folder), open_landmarks(people_table)
    whole = [row for b in predict_batches(model, source.batches()) for row in b.to_pylist()]
    small = predict_batches(model, source.batches(batch_rows=7))
    for row, again in zip(whole, (r for b in small for r in b.to_pylist()), strict=True):
        assert row["predicted"] == again["predicted"]
        assert row["p_Sad"] == pytest.approx(again["p_Sad"], abs=1e-6)
    assert [*whole[0]] == [
        "video_filename", "frame_num", "emotion", "subject", "predicted", "p_Angry", "p_Happy",
        "p_Sad",
    ]  # fmt: skip
    assert whole[2]["predicted"] is None
    assert whole[2]["p_Angry"] is None


def test_a_clip_is_the_mean_of_its_frames_with_a_face(trained) -> None:
    model = load_model(trained.folder)
    points = np.random.default_rng(1).uniform(0.2, 0.8, (6, 478, 3)).astype(np.float32)
    points[[1, 4, 5]] = np.nan
    batch = landmark_batch(
        points, {"video_filename": ["a", "a", "a", "b", "c", "c"], "frame_num": [0, 1, 2, 0, 0, 1]}
    )
    frames = probabilities(model, points)
    a, b, c = predicted(model, [batch])[1].to_pylist()
    assert (a["frames"], a["frames_with_face"]) == (3, 2)
    assert a["p_Happy"] == pytest.approx(frames[[0, 2], 1].mean(), abs=1e-6)
    assert b["predicted"] == model.labels[frames[3].argmax()]
    assert (c["frames"], c["frames_with_face"], c["predicted"], c["p_Sad"]) == (2, 0, None, None)


def test_two_tracks_of_a_clip_are_two_answers(trained) -> None:
    points = np.random.default_rng(1).uniform(0.2, 0.8, (4, 478, 3))
    columns = {"video_filename": ["a"] * 4, "frame_num": [0, 0, 1, 1], "face_id": [0, 1, 0, 1]}
    model = load_model(trained.folder)
    _, clips = predicted(model, [landmark_batch(points, columns)])
    assert clips.select(["video_filename", "face_id", "frames"]).to_pylist() == [
        {"video_filename": "a", "face_id": 0, "frames": 2},
        {"video_filename": "a", "face_id": 1, "frames": 2},
    ]


@pytest.mark.parametrize(
    ("value", "words"), [(np.nan, "some but not all"), (np.inf, "an infinite coordinate")]
)
def test_half_a_face_is_named_and_refused(trained, value: float, words: str) -> None:
    points = np.full((2, 478, 3), 0.5, np.float32)
    points[1, 3, 2] = value
    batch = landmark_batch(points, {"video_filename": ["a", "b.mp4"], "frame_num": [0, 8]})
    with pytest.raises(TableError, match=rf"clip 'b.mp4' frame 8: row 1 has {words}"):
        list(predict_batches(load_model(trained.folder), [batch]))


def test_points_of_another_model_are_refused() -> None:
    with pytest.raises(ShapeError, match="extract again"):
        raw_points(np.zeros((2, 468, 3)))


PACKAGES = ("torch", "sklearn", "matplotlib")


def run_fresh(*lines: str, arguments: Sequence[object]) -> tuple[str, str]:
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines), *map(str, arguments)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout, done.stderr


def test_prediction_needs_neither_torch_nor_scikit_learn(trained, people_table) -> None:
    said = run_fresh(
        f"import sys; sys.modules.update(dict.fromkeys({PACKAGES}))",
        "import mien.workflows.predict as p, mien.workflows.train, mien.workflows.evaluate",
        "done = p.predict(sys.argv[1], model=sys.argv[2])",
        "print(done.frames.num_rows, done.frames_without_face)",
        arguments=[people_table, trained.folder],
    )
    assert said == ("60 2\n", "")


def test_facs_imports_neither_torch_nor_scikit_learn_nor_onnxruntime(landmarks_file) -> None:
    said = run_fresh(
        "import sys, mien",
        "done = mien.predict(sys.argv[1], enrol=sys.argv[2])",
        f"print(done.frames.num_rows, {{*{PACKAGES}, 'onnxruntime'}} & {{*sys.modules}})",
        arguments=[landmarks_file, NEUTRAL_CLIP],
    )
    assert said == ("379 set()\n", "")


def test_facs_answers_as_its_rules_do(landmarks: pa.Table) -> None:
    points = points_of(landmarks)
    values = FEATURE_SETS["blendshapes"].compute(points, size_px=(480, 360))
    found, clips = predicted(facs_model(), landmarks.to_batches(), threads=2)
    np.testing.assert_allclose(chances(found, facs.LABELS), facs.probabilities(values), atol=1e-6)
    assert "set" not in found.column_names and "is_sure" not in clips.column_names


def test_threads_do_not_change_an_answer(trained, people_table) -> None:
    model, rows = load_model(trained.folder), read_landmarks(people_table)
    many = [rows.slice(start, 7).combine_chunks().to_batches()[0] for start in range(0, 60, 7)]
    one, four = (predicted(model, many, threads=threads) for threads in (1, 4))
    assert one[0].equals(four[0]) and one[1].equals(four[1])


def test_a_row_that_cannot_be_used_ends_the_threads_too(trained) -> None:
    points = np.full((4, 478, 3), 0.5, np.float32)
    points[3, 0, 0] = np.nan
    columns = {"video_filename": ["a"] * 4, "frame_num": range(4)}
    rows = landmark_batch(points, columns)
    with pytest.raises(TableError, match="clip 'a' frame 3"):
        predicted(load_model(trained.folder), [rows.slice(n, 1) for n in range(4)], threads=2)


@pytest.fixture(scope="module")
def calibrated(trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trained model with two calibrations that differ."""
    folder = shutil.copytree(trained.folder, tmp_path_factory.mktemp("calibrated") / "model")
    labels = load_card(folder).labels
    frames, clips = (calibration(labels, seed=seed) for seed in (1, 2))
    card = json.loads((folder / "model.json").read_text("utf-8"))
    card["calibration"] = {"frames": frames.to_json(), "clips": clips.to_json()}
    for learnt in card["calibration"].values():  # so that the two kinds of sets differ
        learnt["class_conditional"]["thresholds"] = [1.0, 0.66, 0.2]
    (folder / "model.json").write_text(json.dumps(card))
    return folder


def test_frames_are_calibrated_and_clips_from_what_is_not(calibrated: Path, people_table) -> None:
    model, rows = load_model(calibrated), read_landmarks(people_table)
    raw = probabilities(model, points_of(rows))
    frames, clips = predicted(model, rows.to_batches())
    expected = model.calibrations.frames.apply(raw)
    np.testing.assert_allclose(chances(frames, model.labels), expected, atol=1e-6)
    means = np.stack([np.nanmean(raw[start : start + 5], axis=0) for start in range(0, 60, 5)])
    of_clips = model.calibrations.clips.apply(means)
    np.testing.assert_allclose(chances(clips, model.labels), of_clips, atol=1e-6)


def test_sets_and_answers_are_those_of_the_calibration(calibrated: Path, people_table) -> None:
    model, rows = load_model(calibrated), read_landmarks(people_table)
    frames, clips = predicted(model, rows.to_batches())
    reading = model.calibrations.frames.read(probabilities(model, points_of(rows)))
    for row, held, answer in zip(frames.to_pylist(), reading.sets, reading.answers, strict=True):
        names = [label for label, is_in in zip(model.labels, held, strict=True) if is_in]
        if row["predicted"] is None:
            assert (row["set"], row["answer"]) == (None, "unknown")
        else:
            assert row["set"] == "|".join(names)
            assert row["answer"] == answer == (names[0] if len(names) == 1 else "unknown")
    assert clips.column_names[-4:] == ["set", "class_set", "answer", "is_sure"]
    assert all(isinstance(row["is_sure"], bool) for row in clips.to_pylist())


def test_sets_that_are_promised_label_by_label_stand_beside(calibrated: Path, people_table) -> None:
    model, rows = load_model(calibrated), read_landmarks(people_table)
    frames, clips = predicted(model, rows.to_batches())
    for found, known in ((frames, model.calibrations.frames), (clips, model.calibrations.clips)):
        sets = known.class_conditional.sets(chances(found, model.labels).astype(np.float64))
        for row, held in zip(found.to_pylist(), sets, strict=True):
            names = [label for label, is_in in zip(model.labels, held, strict=True) if is_in]
            expected = None if row["predicted"] is None else "|".join(names)
            assert row["class_set"] == expected
    assert frames["class_set"].null_count == 2
    assert not frames["class_set"].equals(frames["set"])


def test_every_column_of_a_prediction_has_a_meaning(calibrated: Path, people_table) -> None:
    model = load_model(calibrated)
    tables = predicted(model, read_landmarks(people_table).to_batches())
    for found, meanings in zip(tables, (FRAME_MEANINGS, CLIP_MEANINGS), strict=True):
        names = ["p_<label>" if name.startswith("p_") else name for name in found.column_names]
        assert {*names} - {*KEPT_COLUMNS} == {*meanings}


def test_a_clip_without_a_face_is_unknown_and_not_sure(calibrated: Path) -> None:
    points = np.full((2, 478, 3), np.nan, np.float32)
    rows = landmark_batch(points, {"video_filename": ["a", "a"], "frame_num": [0, 1]})
    frames, clips = predicted(load_model(calibrated), [rows])
    assert frames["answer"].to_pylist() == ["unknown"] * 2
    row = clips.to_pylist()[0]
    assert (row["predicted"], row["set"], row["class_set"]) == (None, None, None)
    assert (row["answer"], row["is_sure"]) == ("unknown", False)


def test_an_enrolled_person_is_seen_about_the_models_neutral_face(
    tmp_path: Path, landmarks
) -> None:
    rows = landmarks.filter(pc.equal(landmarks["emotion"], "Neutral"))
    values = FEATURE_SETS["blendshapes"].compute(points_of(rows), size_px=(480, 360))
    model = facs_model()
    enrolment = enrolled(model, landmarks.to_batches(), threads=2)
    np.testing.assert_allclose(enrolment.neutral["1001"], np.median(values, axis=0), atol=1e-6)
    found, _ = predicted(model, landmarks.to_batches(), enrolment=enrolment)
    every = FEATURE_SETS["blendshapes"].compute(points_of(landmarks), size_px=(480, 360))
    moved = every - np.median(values, axis=0) + model.neutral_reference
    np.testing.assert_allclose(chances(found, facs.LABELS), facs.probabilities(moved), atol=1e-4)


def test_a_model_that_sees_where_a_face_is_enrols_nobody(trained, people_table) -> None:
    with pytest.raises(ModelError, match=r"raw-points sees where a face is, .* leave out"):
        enrolled(load_model(trained.folder), read_landmarks(people_table).to_batches())
