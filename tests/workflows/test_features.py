"""features: what a face shows, a row a frame, whole or not at all."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from mien.errors import InputError, TableError
from mien.face.features import FEATURE_SETS
from mien.tables import (
    METADATA_KEY,
    POINT_COLUMNS,
    landmark_batch,
    open_landmarks,
    points_of,
    write_table,
)
from mien.workflows import features as module
from mien.workflows.features import DEFAULT_SETS, describe, features
from tests.face.faces import a_face, in_frame, moved

QUICK = ("pose", "openings")


def rows(count: int = 12, *, absent: tuple[int, ...] = (), **columns: object) -> pa.RecordBatch:
    """Faces that turn from frame to frame, in frames of 640x480."""
    faces = [
        in_frame(
            moved(a_face(seed=n, noise_cm=0.1), pose=(n / 50, 0, 0), scale=18, place=(320, 240, 0)),
            width_px=640,
            height_px=480,
        )
        for n in range(count)
    ]
    points = np.array(faces, np.float32)
    points[list(absent)] = np.nan
    named = {
        "video_filename": [f"clip{n // 5}.mp4" for n in range(count)],
        "frame_num": [n % 5 for n in range(count)],
        "width_px": [640] * count,
        "height_px": [480] * count,
    }
    return landmark_batch(points, named | columns)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return write_table([rows(absent=(3, 7))], tmp_path / "a.parquet")


def test_real_clips_have_a_row_a_frame_with_what_each_set_computes(
    landmarks_file: Path, landmarks: pa.Table, tmp_path: Path
) -> None:
    done = features(landmarks_file, out=tmp_path / "f.parquet")
    found = pq.read_table(done.path)
    assert found.num_rows == done.rows == landmarks.num_rows
    for name in ("video_filename", "frame_num", "emotion", "subject", "time_s"):
        assert found[name].to_pylist() == landmarks[name].to_pylist()
    for name in DEFAULT_SETS:
        values = FEATURE_SETS[name].compute(points_of(landmarks), size_px=(480, 360))
        written = np.stack([found[column].to_numpy() for column in FEATURE_SETS[name].names], 1)
        np.testing.assert_array_equal(written, values)
    assert not set(found.column_names) & set(POINT_COLUMNS)
    assert done.rows_taken_for_square == 0


def test_an_absent_face_has_null_features_and_keeps_its_row(table: Path, tmp_path: Path) -> None:
    done = features(table, out=tmp_path / "f.parquet", sets=QUICK)
    found = pq.read_table(done.path)
    assert found["frame_num"].to_pylist() == pq.read_table(table)["frame_num"].to_pylist()
    for name in (*FEATURE_SETS["pose"].names, *FEATURE_SETS["openings"].names):
        assert np.flatnonzero(found[name].is_null()).tolist() == [3, 7]
        assert np.isfinite(found[name].drop_null().to_numpy()).all()
    assert done.rows_without_face == 2
    assert "12 rows, 2 without a face (16.7%)" in next(describe(done))


def test_the_file_says_which_sets_and_versions_it_holds(table: Path, tmp_path: Path) -> None:
    features(table, out=tmp_path / "f.parquet", sets=QUICK)
    told = pq.read_schema(tmp_path / "f.parquet").metadata[METADATA_KEY].decode()
    assert '"feature_sets": {"pose": 1, "openings": 1}' in told
    assert '"kind": "features"' in told


def test_csv_in_and_out_says_the_same(table: Path, tmp_path: Path) -> None:
    write_table(open_landmarks(table).batches(), tmp_path / "a.csv")
    direct = features(table, sets=QUICK).table
    features(tmp_path / "a.csv", out=tmp_path / "f.csv", sets=QUICK)
    read = pa_csv.read_csv(tmp_path / "f.csv")
    assert read.column_names == direct.column_names
    for name in FEATURE_SETS["pose"].names:
        written = read[name].to_numpy().astype(np.float32)
        np.testing.assert_array_equal(written, direct[name].to_numpy())


@pytest.mark.parametrize("threads", [1, 3])
def test_batches_and_threads_change_nothing(
    table: Path, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = features(table, threads=1).table
    monkeypatch.setattr(module, "BATCH_ROWS", 2)
    assert features(table, threads=threads).table.equals(whole)


def test_a_table_in_one_large_row_group_gives_the_same(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = features(table, sets=QUICK).table
    monkeypatch.setattr(module, "LARGE_GROUP_BYTES", 1000)
    monkeypatch.setattr(module, "BATCH_ROWS", 5)
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "cache"))
    assert features(table, sets=QUICK).table.equals(expected)
    assert list((tmp_path / "cache").glob("*.matrix"))


def test_the_size_of_a_frame_is_its_own_or_its_corpus_s_or_a_square_that_is_told(
    tmp_path: Path,
) -> None:
    batch = rows(2)
    unsized = batch.drop_columns(["width_px", "height_px"])
    names = pa.array(["1001_DFA_ANG_XX.flv", "holiday.mp4"])
    unsized = unsized.set_column(0, "video_filename", names)
    table = write_table([unsized], tmp_path / "a.parquet")
    done = features(table, sets=["pose-free"])
    values = np.stack([done.table[n].to_numpy() for n in FEATURE_SETS["pose-free"].names], 1)
    expected = FEATURE_SETS["pose-free"].compute(points_of(batch), size_px=[(480, 360), (1, 1)])
    np.testing.assert_array_equal(values, expected)
    assert done.rows_taken_for_square == 1
    assert any("1 rows say nothing of their frame's size" in line for line in describe(done))


def test_a_value_of_two_sets_is_there_once(table: Path) -> None:
    found = features(table, sets=["blendshapes", "motion-blendshapes", "blendshapes"]).table
    assert len(set(found.column_names)) == len(found.column_names)
    assert [s.name for s in features(table, sets=["pose", "pose"]).sets] == ["pose"]


def test_progress_counts_the_rows_also_of_a_csv(table: Path, tmp_path: Path) -> None:
    csv = write_table(open_landmarks(table).batches(), tmp_path / "a.csv")
    for path, share in ((table, 0), (csv, 0.35)):  # two of its rows are short, being empty
        told: list[tuple[str, int, int]] = []
        features(path, sets=QUICK, on_progress=lambda *step, told=told: told.append(step))
        doing, done, total = told[-1]
        assert doing == "computing features"
        assert done == total == pytest.approx(12, rel=share)


@pytest.mark.parametrize(
    ("value", "words"), [(np.nan, "some but not all"), (np.inf, "an infinite coordinate")]
)
def test_half_a_face_is_named_and_nothing_is_written(
    tmp_path: Path, value: float, words: str
) -> None:
    points = points_of(rows())
    points[8, 3, 2] = value
    keys = {"video_filename": ["b.mp4"] * 12, "frame_num": list(range(12))}
    table = write_table([landmark_batch(points, keys)], tmp_path / "a.parquet")
    with pytest.raises(TableError, match=f"clip 'b.mp4' frame 8 has {words}.*extract that clip"):
        features(table, out=tmp_path / "f.parquet", sets=QUICK)
    assert [path.name for path in tmp_path.iterdir()] == ["a.parquet"]


def test_a_set_that_is_not_known_is_refused_by_name(table: Path) -> None:
    with pytest.raises(InputError, match="no feature set 'gait': mien has raw-points, pose-free"):
        features(table, sets=["pose", "gait"])
    with pytest.raises(InputError, match="no feature set was named"):
        features(table, sets=[])


def test_a_file_is_replaced_only_when_asked_and_the_table_never(
    table: Path, tmp_path: Path
) -> None:
    out = tmp_path / "f.parquet"
    features(table, out=out, sets=QUICK)
    with pytest.raises(InputError, match="exists: choose another name, or --overwrite"):
        features(table, out=out, sets=QUICK)
    features(table, out=out, sets=["pose"], overwrite=True)
    assert "mouth_width" not in pq.read_schema(out).names
    with pytest.raises(InputError, match="is the table itself"):
        features(table, out=table, sets=QUICK, overwrite=True)
    with pytest.raises(InputError, match="ends in .parquet or .csv"):
        features(table, out=tmp_path / "f.txt")


def test_memory_does_not_grow_with_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many rows there are, only a few batches are read ahead of what is written."""
    monkeypatch.setattr(module, "BATCH_ROWS", 2)
    table = write_table([rows(40)], tmp_path / "a.parquet")
    read, written = [], []
    whole = module._rows

    def counted(*args: object):
        for some in whole(*args):
            read.append(some[0].num_rows)
            yield some

    monkeypatch.setattr(module, "_rows", counted)

    def told(doing: str, done: int, total: int) -> None:
        written.append(done)
        assert sum(read) - done <= 2 * 4

    features(table, out=tmp_path / "f.parquet", sets=QUICK, threads=2, on_progress=told)
    assert written[-1] == 40
