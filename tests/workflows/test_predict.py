"""predict: a table or landmark rows in, frames and clips out."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from mien import console
from mien.emotion import facs
from mien.emotion.sequence_classifier import ClipClassifier
from mien.errors import InputError, ModelError, TableError
from mien.face.features import FEATURE_SETS
from mien.tables import open_landmarks, read_landmarks, write_table
from mien.workflows.predict import Predicted, predict
from mien.workflows.train import train
from tests.emotion.model_folders import save
from tests.emotion.tables import write_people


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_people(tmp_path_factory.mktemp("table") / "people.parquet", faceless=(2,))


@pytest.fixture(scope="module")
def model(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out") / "model"
    return train(table, out=out, folds=2, hidden_units=4, epochs=2).folder


def test_a_path_a_table_and_a_stream_of_batches_give_the_same(table: Path, model: Path) -> None:
    by_path = predict(table, model=model)
    by_table = predict(read_landmarks(table), model=model)
    by_batch = predict(iter(open_landmarks(table).batches(batch_rows=60)), model=model)
    assert by_path.frames.equals(by_table.frames)
    assert by_path.clips.equals(by_batch.clips)
    assert (by_path.frames.num_rows, by_path.clips.num_rows) == (60, 12)
    assert by_path.frames_without_face == 1


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_frames_and_clips_are_written_beside_each_other(
    table: Path, model: Path, tmp_path: Path, ending: str
) -> None:
    done = predict(table, model=model, out=tmp_path / f"answers.{ending}")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"answers.{ending}",
        f"answers_clips.{ending}",
    ]
    assert done.path is not None
    read = pq.read_table if ending == "parquet" else pa_csv.read_csv
    assert read(done.path).num_rows == 60
    assert read(done.clips_path).column_names == done.clips.column_names
    assert nulls_of(read(done.path), "p_Sad") == 1


def nulls_of(rows: pa.Table, name: str) -> int:
    return sum(value is None for value in rows[name].to_pylist())


def test_probabilities_of_a_frame_sum_to_one(table: Path, model: Path) -> None:
    for row in predict(table, model=model).frames.to_pylist():
        if row["predicted"] is not None:
            total = sum(row[f"p_{label}"] for label in ("Angry", "Happy", "Sad"))
            assert total == pytest.approx(1, abs=1e-5)


def test_a_bad_row_leaves_nothing_half_written(table: Path, model: Path, tmp_path: Path) -> None:
    rows = read_landmarks(table)
    spoilt = rows.set_column(
        rows.schema.get_field_index("x_3"), "x_3", pa.nulls(rows.num_rows, pa.float32())
    )
    with pytest.raises(TableError, match=r"clip 'p0/c0.mp4' frame 0: row 0 has some but not all"):
        predict(spoilt, model=model, out=tmp_path / "answers.parquet")
    assert list(tmp_path.iterdir()) == []


def test_no_rows_are_nothing_to_predict(model: Path) -> None:
    with pytest.raises(TableError, match="no rows"):
        predict(iter([]), model=model)


def test_where_to_write_is_checked_before_anything_is_read(tmp_path: Path, model: Path) -> None:
    with pytest.raises(InputError, match=r"a table ends in .parquet or .csv"):
        predict(tmp_path / "absent.parquet", model=model, out=tmp_path / "answers.txt")


@pytest.mark.slow
def test_a_video_is_extracted_and_predicted_with_the_broken_ones_named(
    broken: Path, landmarks_file: Path, tmp_path: Path
) -> None:
    trained = train(landmarks_file, out=tmp_path / "model", split="time", epochs=1)
    done = predict([broken], model=trained.folder, out=tmp_path / "answers.csv")
    assert done.frames.num_rows == 56
    assert done.clips["video_filename"].to_pylist() == ["good.flv"]
    assert set(done.failures) == {"photo.jpg", "text.mp4", "truncated.flv", "zero.mp4"}
    alone = predict(broken / "good.flv", model=trained.folder)
    assert alone.frames["predicted"].to_pylist() == done.frames["predicted"].to_pylist()


def test_a_stream_or_a_table_among_recordings_is_refused(model: Path, table: Path) -> None:
    with pytest.raises(InputError, match="rtsp://host/bed is a stream"):
        predict("rtsp://user:secret@host/bed", model=model)
    with pytest.raises(InputError, match="is a table: predict it alone"):
        predict([table, "a.mp4"], model=model)


@pytest.mark.parametrize("out", ["people.parquet", "other.parquet"])
def test_predictions_do_not_overwrite_what_they_are_made_from(
    model: Path, table: Path, tmp_path: Path, out: str
) -> None:
    source = tmp_path / ("people.parquet" if out == "people.parquet" else "other_clips.parquet")
    source.write_bytes(table.read_bytes())
    with pytest.raises(InputError, match="would be overwritten by the predictions"):
        predict(str(source), model=model, out=tmp_path / out)
    assert source.read_bytes() == table.read_bytes()


def test_without_a_model_the_rules_of_facs_answer(landmarks_file: Path, tmp_path: Path) -> None:
    done = predict(landmarks_file, out=tmp_path / "answers.parquet")
    assert done.labels == [*facs.LABELS]
    assert done.clips["predicted"].to_pylist()[3:5] == ["Happy", "Neutral"]
    assert "facs" in done.notes[0] and "weak beyond Neutral, Happy and Surprise" in done.notes[0]
    assert done.coverage is None and "answer" not in done.frames.column_names
    assert pq.read_table(tmp_path / "answers_clips.parquet").num_rows == 6


def test_an_unknown_answer_says_how_many_labels_remain(capsys: pytest.CaptureFixture[str]) -> None:
    clips = pa.table(
        {
            "video_filename": ["1001_DFA_ANG_XX.flv", "b", "c", "d"],
            "frames_with_face": [4, 4, 4, 0],
            "predicted": ["Surprise", "Sad", "Sad", None],
            "p_Surprise": [0.9, 0.2, 0.1, None],
            "p_Sad": [0.1, 0.8, 0.9, None],
            "set": ["Surprise", "Surprise|Sad", "", None],
            "answer": ["Surprise", "unknown", "unknown", "unknown"],
        }
    )
    done = Predicted(clips, clips, ["Surprise", "Sad"], 0, None, None, coverage=0.9)
    console.show_predicted(done)
    said = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert said == [
        "clip predicted probability answer at 90% faces",
        "1001_DFA_ANG_XX.flv Surprise 0.90 Surprise 4",
        "b Sad 0.80 unknown (2 labels) 4",
        "c Sad 0.90 unknown (0 labels) 4",
        "d unknown - unknown (no face) 0",
    ]


def test_a_trained_model_needs_no_such_note(table: Path, model: Path) -> None:
    assert predict(table, model=model).notes == ()


@pytest.mark.slow
def test_six_videos_are_predicted_by_facs_from_the_command(
    clips: list[Path], landmarks_file: Path, tmp_path: Path
) -> None:
    words = ["predict", *clips, "--enrol", clips[4], "-o", tmp_path / "answers.csv"]
    done = subprocess.run(
        [sys.executable, "-m", "mien.cli", *map(str, words)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    notes = [line for line in done.stdout.splitlines() if line.startswith("note: facs, rules")]
    assert len(notes) == 1 and "docs/facs.md" in notes[0]
    found = pa_csv.read_csv(tmp_path / "answers.csv")
    table = predict(landmarks_file, enrol=landmarks_file).frames
    assert found["predicted"].to_pylist() == table["predicted"].to_pylist()


def test_one_person_enrolled_by_video_table_or_rows_is_the_same(
    landmarks_file: Path, landmarks: pa.Table, clips: list[Path]
) -> None:
    neutral = landmarks.filter(pc.equal(landmarks["emotion"], "Neutral"))
    ways = (clips[4], [str(clips[4])], landmarks_file, neutral, iter(neutral.to_batches()))
    answers = [predict(landmarks_file, enrol=way).clips for way in ways]
    assert all(answers[0].equals(other) for other in answers[1:])
    plain = predict(landmarks_file).clips
    angry = [row["p_Happy"] for row in (plain.to_pylist()[0], answers[0].to_pylist()[0])]
    assert angry[1] < angry[0]  # this person's face at rest has the corners of the mouth up


def test_a_recording_of_another_expression_enrols_nobody(
    landmarks_file: Path, clips: list[Path]
) -> None:
    with pytest.raises(TableError, match=r"0 neutral frames .*labelled otherwise than Neutral"):
        predict(landmarks_file, enrol=clips[0])


def test_a_broken_recording_enrols_nobody(landmarks_file: Path, broken: Path) -> None:
    with pytest.raises(InputError, match=r"nothing to enrol from: zero.mp4: "):
        predict(landmarks_file, enrol=broken / "zero.mp4")
    with pytest.raises(InputError, match=r"cannot be enrolled from: "):
        predict(landmarks_file, enrol=[broken / "good.flv", broken / "text.mp4"])
    with pytest.raises(InputError, match="no file or folder at"):
        predict(landmarks_file, enrol="absent.mp4")


def test_a_strangers_frames_are_not_moved_by_another_persons_face(
    landmarks_file: Path, table: Path, tmp_path: Path
) -> None:
    with pytest.raises(TableError, match=r"clip 'p0/c0.mp4' shows 'p0', who is not enrolled"):
        predict(table, enrol=landmarks_file, out=tmp_path / "answers.csv")
    assert list(tmp_path.iterdir()) == []


def test_the_reference_recipe_takes_no_enrolment(
    table: Path, model: Path, landmarks_file: Path
) -> None:
    with pytest.raises(ModelError, match="a model of raw-points sees where a face is"):
        predict(table, model=model, enrol=landmarks_file)


def test_predictions_do_not_overwrite_whom_they_enrol(table: Path, tmp_path: Path) -> None:
    neutral = tmp_path / "neutral.parquet"
    neutral.write_bytes(table.read_bytes())
    with pytest.raises(InputError, match="would be overwritten by the predictions"):
        predict(table, enrol=neutral, out=neutral)


def test_a_model_of_clips_answers_alike_from_parquet_csv_and_rows(
    table: Path, tmp_path: Path
) -> None:
    motion = FEATURE_SETS["motion"]
    X = np.random.default_rng(0).normal(size=(6, 8, motion.value_count)).astype(np.float32)
    network = ClipClassifier(network="cnn", width=32, depth=1, epochs=1)
    network.fit(X, np.array(["Angry", "Happy", "Sad"] * 2))
    folder = save(tmp_path / "clips", network, "motion", unit="clip")
    rows = read_landmarks(table)
    csv = write_table(rows, tmp_path / "people.csv")
    mixed = rows.take(np.random.default_rng(1).permutation(rows.num_rows))
    by_parquet, by_rows, by_csv, by_mixed = (
        predict(source, model=folder)
        for source in (table, iter(rows.to_batches(max_chunksize=11)), csv, mixed)
    )
    assert by_parquet.frames.equals(by_rows.frames)
    assert by_parquet.clips.num_rows == 12
    assert by_csv.clips["predicted"].equals(by_parquet.clips["predicted"])
    key = ["video_filename", "frame_num"]
    assert by_mixed.frames.select(key).equals(mixed.select(key))
    sad = by_mixed.clips.sort_by("video_filename")["p_Sad"].to_numpy()
    np.testing.assert_allclose(sad, by_parquet.clips["p_Sad"].to_numpy(), atol=1e-5)
    assert by_parquet.frames_without_face == 1
