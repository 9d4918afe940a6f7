"""predict: a table or landmark rows in, frames and clips out."""

from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from mien.errors import InputError, TableError
from mien.tables import open_landmarks, read_landmarks
from mien.workflows.predict import predict
from mien.workflows.train import train
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
