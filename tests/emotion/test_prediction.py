"""Prediction needs neither torch nor scikit-learn, and agrees with torch."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from mien.corpora.sample import SAMPLE_FOLDER
from mien.emotion import facs
from mien.emotion.checkpoint import load_card, load_weights
from mien.emotion.clip_prediction import (
    CONTEXT_FRAMES,
    PART_FRAMES,
    answered_by_clip,
    last_rows,
)
from mien.emotion.mlp import from_weights
from mien.emotion.prediction import (
    Model,
    ModelFolder,
    clip_table,
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
    ClipTotals,
)
from mien.emotion.sequence_classifier import ClipClassifier
from mien.errors import ModelError, ShapeError, TableError
from mien.face.features import FEATURE_SETS
from mien.tables import landmark_batch, open_landmarks, points_of, read_landmarks
from tests.emotion.model_folders import calibration, save

NEUTRAL_CLIP = SAMPLE_FOLDER / "1001_DFA_NEU_XX.flv"


def raw_points(points: np.ndarray) -> np.ndarray:
    return FEATURE_SETS["raw-points"].compute(points, size_px=(480, 360))


def predicted(model: Model, batches: Iterable[pa.RecordBatch], **options: Any) -> Any:
    """Tables of frames and of clips."""
    totals = ClipTotals(model.labels)
    frames = pa.Table.from_batches([*predict_batches(model, batches, clips=totals, **options)])
    return frames, clip_table(model, totals)


def chances(rows: pa.Table, labels: Sequence[str]) -> np.ndarray:
    """(N, C) probabilities of a table, NaN where null."""
    return np.stack([rows[f"p_{label}"].to_numpy() for label in labels], axis=1)


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
    assert clips.column_names[-3:] == ["set", "answer", "is_sure"]
    assert all(isinstance(row["is_sure"], bool) for row in clips.to_pylist())


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
    assert (row["predicted"], row["set"], row["answer"], row["is_sure"]) == (
        None, None, "unknown", False,
    )  # fmt: skip


# Models of clips


MOTION = FEATURE_SETS["motion"]


def walk(clips: dict[str, Sequence[int]], *, seed: int = 0, faceless: float = 0.1) -> pa.Table:
    """Rows of some clips with these frame numbers, of faces that wander."""
    random = np.random.default_rng(seed)
    rest = random.uniform(0.3, 0.7, (478, 3))
    points, columns = [], {"video_filename": [], "frame_num": []}
    for clip, numbers in clips.items():
        steps = random.normal(0, 0.004, (len(numbers), 478, 3)).cumsum(axis=0)
        steps[random.random(len(numbers)) < faceless] = np.nan
        points.append(rest + steps)
        columns["video_filename"] += [clip] * len(numbers)
        columns["frame_num"] += list(numbers)
    return pa.Table.from_batches([landmark_batch(np.concatenate(points), columns)])


def laid_out(rows: pa.Table, frames: int) -> np.ndarray:
    """(1, T, F) of one clip, by hand: a frame stands in the place that its number says."""
    values = MOTION.compute(points_of(rows), size_px=(1, 1))
    numbers = rows["frame_num"].to_numpy()
    found = np.full((1, frames, MOTION.value_count), np.nan, np.float32)
    found[0, numbers - numbers.min()] = values
    return found


def of_clip(rows: pa.Table, clip: str) -> pa.Table:
    return rows.filter(pc.equal(rows["video_filename"], clip))


@pytest.fixture(scope="module")
def network() -> ClipClassifier:
    """A causal model of clips; what it learnt is of no matter here."""
    X = laid_out(walk({"a": range(40)}), 40).repeat(6, axis=0)
    X += np.random.default_rng(0).normal(0, 0.01, X.shape).astype(np.float32)
    model = ClipClassifier(causal=True, width=32, depth=1, epochs=1, precision="float32")
    return model.fit(X, np.array(["Angry", "Happy", "Sad"] * 2))


@pytest.fixture(scope="module")
def clip_model(network: ClipClassifier, tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    folder = tmp_path_factory.mktemp("clips") / "model"
    learnt = calibration(["Angry", "Happy", "Sad"]).to_json()
    save(
        folder,
        network,
        "motion",
        unit="clip",
        window=network.context_frames_,
        calibration={"frames": None, "clips": learnt},
    )
    return load_model(folder)


CLIPS = {"a": range(40), "b": [3, 4, 5, 9, 10, 11, 30], "c": range(25), "d": range(1)}


def test_a_model_of_clips_answers_as_its_network_does(clip_model, network) -> None:
    rows = walk(CLIPS)
    frames, clips = predicted(clip_model, rows.to_batches())
    for number, clip in enumerate(CLIPS):
        own = of_clip(rows, clip)
        places = own["frame_num"].to_numpy() - min(CLIPS[clip])
        X = laid_out(own, places.max() + 1)
        expected = network.predict_frames(X)[0, places]
        found = chances(of_clip(frames, clip), clip_model.labels)
        np.testing.assert_allclose(found, expected, atol=1e-5)
        whole = clip_model.calibrations.clips.apply(network.predict_proba(X))
        np.testing.assert_allclose(chances(clips, clip_model.labels)[number], whole[0], atol=1e-5)
    assert "set" not in frames.column_names
    assert clips.column_names[-3:] == ["set", "answer", "is_sure"]
    assert clips["frames"].to_pylist() == [40, 7, 25, 1]
    assert clips["frames_with_face"].to_pylist() == [
        of_clip(frames, clip)["predicted"].drop_null().length() for clip in CLIPS
    ]


@pytest.mark.parametrize("batch_rows", [1, 7, 64])
def test_how_rows_are_batched_does_not_matter_to_clips(clip_model, batch_rows: int) -> None:
    rows = walk(CLIPS)
    whole = predicted(clip_model, rows.to_batches())
    parts = predicted(
        clip_model, rows.to_batches(batch_rows), ends=last_rows(rows.to_batches()), threads=2
    )
    for one, other in zip(whole, parts, strict=True):
        assert one.drop(["p_Angry", "p_Happy", "p_Sad"]).equals(
            other.drop(["p_Angry", "p_Happy", "p_Sad"])
        )
        np.testing.assert_allclose(
            chances(one, clip_model.labels), chances(other, clip_model.labels), atol=1e-5
        )


def test_rows_of_clips_in_any_order_come_back_in_that_order(clip_model) -> None:
    rows = walk(CLIPS)
    order = np.random.default_rng(3).permutation(rows.num_rows)
    mixed = rows.take(order).combine_chunks()
    batches = mixed.to_batches(max_chunksize=9)
    found, _ = predicted(clip_model, batches, ends=last_rows(batches))
    frames, _ = predicted(clip_model, rows.to_batches())
    for name in ("video_filename", "frame_num"):
        assert found[name].to_pylist() == mixed[name].to_pylist()
    expected = chances(frames, clip_model.labels)[order]
    np.testing.assert_allclose(chances(found, clip_model.labels), expected, atol=1e-5)


def test_a_clip_is_answered_as_soon_as_it_is_whole(clip_model) -> None:
    rows = walk({name: range(20) for name in "abcdef"})
    batches = rows.to_batches(max_chunksize=20)
    taken = []

    def read() -> Iterator[pa.RecordBatch]:
        for batch in batches:
            taken.append(batch)
            yield batch

    known = predict_batches(clip_model, read(), ends=last_rows(batches))
    assert next(known)["video_filename"][0].as_py() == "a"
    assert len(taken) == 1
    taken.clear()
    next(predict_batches(clip_model, read()))
    assert len(taken) == 6  # where clips end is not known: after the last row


def test_two_tracks_of_a_clip_are_two_sequences(clip_model) -> None:
    rows = walk({"a": range(12), "b": range(12)})
    a, b = of_clip(rows, "a"), of_clip(rows, "b")
    points = np.stack([points_of(a), points_of(b)], axis=1).reshape(-1, 478, 3)
    columns = {
        "video_filename": ["a"] * 24,
        "frame_num": np.arange(12).repeat(2),
        "face_id": [0, 1] * 12,
    }
    frames, clips = predicted(clip_model, [landmark_batch(points, columns)])
    apart, _ = predicted(clip_model, rows.to_batches())
    found = chances(frames, clip_model.labels)
    expected = chances(apart, clip_model.labels)
    np.testing.assert_allclose(found[0::2], expected[:12], atol=1e-5)
    np.testing.assert_allclose(found[1::2], expected[12:], atol=1e-5)
    assert clips["face_id"].to_pylist() == [0, 1]


def test_a_frame_that_a_clip_has_twice_is_named(clip_model) -> None:
    rows = walk({"a": [0, 1, 1, 2]}, faceless=0)
    with pytest.raises(TableError, match=r"clip 'a' has frame 1 twice: .*face_id"):
        predicted(clip_model, rows.to_batches())


def test_a_frame_without_a_number_has_no_place_in_a_clip(clip_model) -> None:
    rows = walk({"a": range(2)}, faceless=0)
    place = rows.schema.get_field_index("frame_num")
    rows = rows.set_column(place, "frame_num", pa.array([0, None], pa.int64()))
    with pytest.raises(TableError, match=r"clip 'a' has a row without frame_num, .* number them"):
        predicted(clip_model, rows.to_batches())


def test_one_clip_is_what_probabilities_takes_for_a_model_of_clips(clip_model, network) -> None:
    rows = walk({"a": range(15)})
    found = probabilities(clip_model, points_of(rows))
    np.testing.assert_allclose(found, network.predict_frames(laid_out(rows, 15))[0], atol=1e-5)


@pytest.mark.parametrize("network_name", ["temporal", "cnn"])
def test_a_long_recording_in_parts_is_answered_as_in_one_piece(network_name: Any) -> None:
    """Values, not faces: nine thousand frames, with a part of them missing."""
    random = np.random.default_rng(0)
    count = 2 * PART_FRAMES + 100
    values = random.normal(0, 0.1, (count, 4)).cumsum(axis=0).astype(np.float32)
    values[random.random(count) < 0.05] = np.nan
    frames = np.flatnonzero(random.random(count) < 0.97) + 5
    values = values[frames - 5]
    X = np.stack([values[:50], values[50:100], values[100:150]])
    model = ClipClassifier(network=network_name, causal=True, width=32, depth=1, epochs=1)
    model.fit(X, np.array(["Angry", "Happy", "Sad"]))
    lengths = []

    def run(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        lengths.append(features.shape[1])
        return model.predict_proba(features), model.predict_frames(features)

    totals = ClipTotals([*model.classes_])
    rows = pa.RecordBatch.from_pydict({"video_filename": ["a"] * len(frames), "frame_num": frames})
    pairs = [(rows.slice(n, 512), values[n : n + 512]) for n in range(0, len(frames), 512)]
    found = answered_by_clip(pairs, run=run, totals=totals, context_frames=model.context_frames_)
    answers = np.concatenate([some for _, some in found])
    whole = np.full((1, count, 4), np.nan, np.float32)
    whole[0, frames - frames[0]] = values
    expected = model.predict_frames(whole)[0, frames - frames[0]]
    np.testing.assert_allclose(answers, expected, atol=2e-5)
    assert len(lengths) == 3 and max(lengths) <= PART_FRAMES + 2 * CONTEXT_FRAMES
    clip = chances(totals.table(), [*model.classes_])
    assert clip.sum() == pytest.approx(1)
    np.testing.assert_allclose(clip, model.predict_proba(whole), atol=0.02)


def test_a_graph_of_frames_is_no_model_of_clips(clip_model, tmp_path: Path) -> None:
    facs_rules = facs.FacsClassifier().fit(np.empty((0, 52)), np.array(["Happy", "Sad"]))
    folder = save(tmp_path / "model", facs_rules, "blendshapes", unit="clip")
    with pytest.raises(ModelError, match=r"takes \[\('features', 2, 52\)\] .*frame of a clip"):
        load_model(folder)


# Enrolment


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


def test_a_model_of_clips_takes_an_enrolled_face_too(network, tmp_path: Path) -> None:
    rows = walk({"a": range(20)}, faceless=0)
    reference = np.linspace(0, 1, MOTION.value_count).astype(np.float32)
    folder = save(tmp_path / "m", network, "motion", unit="clip", neutral_reference=reference)
    model = load_model(folder)
    enrolment = enrolled(model, rows.to_batches())
    found, _ = predicted(model, rows.to_batches(), enrolment=enrolment)
    X = laid_out(rows, 20)
    moved = X - np.median(X[0], axis=0) + reference
    expected = network.predict_frames(moved)[0]
    np.testing.assert_allclose(chances(found, model.labels), expected, atol=1e-4)


def test_a_model_without_a_neutral_reference_enrols_nobody(clip_model) -> None:
    with pytest.raises(ModelError, match=r"no neutral reference, .* train again with Neutral"):
        enrolled(clip_model, walk({"a": range(9)}).to_batches())


def test_a_model_that_sees_where_a_face_is_enrols_nobody(trained, people_table) -> None:
    with pytest.raises(ModelError, match=r"raw-points sees where a face is, .* leave out"):
        enrolled(load_model(trained.folder), read_landmarks(people_table).to_batches())
