"""Prediction needs neither torch nor scikit-learn, and agrees with torch."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from mien.emotion.checkpoint import load_weights
from mien.emotion.mlp import from_weights
from mien.emotion.prediction import clip_table, load_model, predict_batches, probabilities
from mien.errors import ShapeError, TableError
from mien.face.features import FEATURE_SETS
from mien.tables import landmark_batch, open_landmarks, points_of, read_landmarks


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
    clips = clip_table(pa.Table.from_batches([*predict_batches(model, [batch])]), model.labels)
    a, b, c = clips.to_pylist()
    assert (a["frames"], a["frames_with_face"]) == (3, 2)
    assert a["p_Happy"] == pytest.approx(frames[[0, 2], 1].mean(), abs=1e-6)
    assert b["predicted"] == model.labels[frames[3].argmax()]
    assert (c["frames"], c["frames_with_face"], c["predicted"], c["p_Sad"]) == (2, 0, None, None)


def test_two_tracks_of_a_clip_are_two_answers(trained) -> None:
    points = np.random.default_rng(1).uniform(0.2, 0.8, (4, 478, 3))
    columns = {"video_filename": ["a"] * 4, "frame_num": [0, 0, 1, 1], "face_id": [0, 1, 0, 1]}
    model = load_model(trained.folder)
    frames = pa.Table.from_batches([*predict_batches(model, [landmark_batch(points, columns)])])
    clips = clip_table(frames, model.labels)
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


def test_prediction_imports_neither_torch_nor_scikit_learn(trained, people_table) -> None:
    lines = (
        "import sys; sys.modules.update(torch=None, sklearn=None, matplotlib=None)",
        "import mien.workflows.predict as p, mien.workflows.train, mien.workflows.evaluate",
        "done = p.predict(sys.argv[1], model=sys.argv[2])",
        "print(done.frames.num_rows, done.frames_without_face)",
    )
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines), str(people_table), str(trained.folder)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("60 2\n", "")
