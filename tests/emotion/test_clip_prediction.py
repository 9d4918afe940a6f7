"""A model of clips answers rows in any order, in batches of any size, in bounded memory."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from mien.emotion import facs
from mien.emotion.clip_prediction import (
    CONTEXT_FRAMES,
    PART_FRAMES,
    answered_by_clip,
    last_rows,
)
from mien.emotion.prediction import (
    ModelFolder,
    enrolled,
    load_model,
    predict_batches,
    probabilities,
)
from mien.emotion.prediction_table import ClipTotals
from mien.emotion.sequence_classifier import ClipClassifier
from mien.errors import ModelError, TableError
from mien.face.features import FEATURE_SETS
from mien.tables import landmark_batch, points_of
from tests.emotion.model_folders import calibration, save
from tests.emotion.predicted import chances, predicted

MOTION = FEATURE_SETS["motion"]
CLIPS = {"a": range(40), "b": [3, 4, 5, 9, 10, 11, 30], "c": range(25), "d": range(1)}


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
    assert clips.column_names[-4:] == ["set", "class_set", "answer", "is_sure"]
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
