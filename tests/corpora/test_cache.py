"""The matrix on disk: the table's own numbers, whole or absent, built once."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from mien.corpora import cache as cache_module
from mien.corpora import matrix as matrix_module
from mien.corpora.cache import clear, entries, is_large, open_matrix, verify
from mien.corpora.matrix import read_matrix
from mien.errors import InputError, TableError
from mien.tables import POINT_COLUMNS, landmark_batch, open_landmarks, points_of, read_landmarks

BUILD = """
import sys
from mien.corpora.cache import open_matrix
from mien.tables import open_landmarks
print("begin", flush=True)
open_matrix(open_landmarks(sys.argv[1]))
print("end", flush=True)
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("MIEN_CACHE", str(folder))
    return folder


def doubles(rows: int = 700) -> pa.Table:
    """A table as the public one is: float64, text, with rows that have no face or label."""
    random = np.random.default_rng(0)
    values = random.uniform(0.1, 0.9, (rows, len(POINT_COLUMNS)))
    values[5] = np.nan
    columns = {
        "video_filename": [f"{1001 + row // 50}_DFA_HAP_XX.flv" for row in range(rows)],
        "frame_num": [row % 50 for row in range(rows)],
        "emotion": [None if row == 7 else "Happy" if row % 3 else "Sad" for row in range(rows)],
    }
    points = {
        name: pa.array(values[:, i], from_pandas=True) for i, name in enumerate(POINT_COLUMNS)
    }
    return pa.table(columns | points)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("doubles") / "t.parquet"
    pq.write_table(doubles(), path)
    return path.read_bytes()


@pytest.fixture
def table(tmp_path: Path, written: bytes) -> Path:
    path = tmp_path / "t.parquet"
    path.write_bytes(written)
    return path


def test_the_matrix_holds_the_table_s_numbers_row_by_row(table: Path) -> None:
    built = open_matrix(open_landmarks(table))
    expected = points_of(read_landmarks(table)).reshape(-1, 1434)
    np.testing.assert_array_equal(built.points, expected)
    assert np.isnan(built.points[5]).all()
    assert built.rows.frame.tolist() == [row % 50 for row in range(700)]
    assert built.rows.spelling[7] == -1
    assert built.rows.people[:2] == ["1001", "1002"]
    assert built.subjects_from == ("file names",)


@pytest.mark.parametrize("group_rows", [10_000, 300, 50])
@pytest.mark.parametrize("block_bytes", [1 << 30, 8 * 700 * 100])
def test_row_groups_and_column_blocks_make_no_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group_rows: int, block_bytes: int
) -> None:
    monkeypatch.setattr(matrix_module, "_BLOCK_BYTES", block_bytes)
    monkeypatch.setattr(matrix_module, "_GROUP_ROWS", 100)
    path = tmp_path / "t.parquet"
    pq.write_table(doubles(), path, row_group_size=group_rows)
    built = open_matrix(open_landmarks(path))
    np.testing.assert_array_equal(built.points, read_matrix(open_landmarks(path)).points)
    assert built.rows.clip.tolist() == [row // 50 for row in range(700)]


def test_a_csv_gives_the_same_matrix_as_its_parquet(table: Path) -> None:
    csv = table.with_suffix(".csv")
    pa_csv.write_csv(doubles(), csv)
    first, second = (open_matrix(open_landmarks(path)) for path in (table, csv))
    assert first.points.tobytes() == second.points.tobytes()
    assert (first.rows.spelling == second.rows.spelling).all()
    assert first.rows.clip_names == second.rows.clip_names


def test_it_is_built_once_and_again_when_the_table_changes(
    table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = open_matrix(open_landmarks(table))
    with monkeypatch.context() as patched:
        patched.setattr(cache_module, "_build", None)  # calling it would raise
        again = open_matrix(open_landmarks(table))
    assert again.points.tobytes() == first.points.tobytes()
    changed = doubles().slice(0, 600)
    pq.write_table(changed, table)
    assert open_matrix(open_landmarks(table)).points.shape == (600, 1434)
    assert [entry.rows for entry in entries()] == [600]  # the older one is gone


def test_same_size_and_time_with_another_footer_is_another_table(table: Path) -> None:
    facts = table.stat()
    open_matrix(open_landmarks(table))
    content = bytearray(table.read_bytes())
    content[-9] ^= 1  # the last byte of the footer: the writer's name
    table.write_bytes(content)
    os.utime(table, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert not entries()[0].is_current


def test_verify_reads_the_whole_content(table: Path) -> None:
    open_matrix(open_landmarks(table))
    (entry,) = entries()
    assert entry.is_current
    assert verify(entry) is None
    points = entry.folder / "points.f32"
    content = points.read_bytes()
    points.write_bytes(b"\1" + content[1:])
    assert "points.f32 was altered" in (verify(entry) or "")
    points.write_bytes(content)
    table.write_bytes(table.read_bytes() + b"x")
    assert "has other content" in (verify(entry) or "")
    table.unlink()
    assert "is gone" in (verify(entry) or "")


@pytest.mark.parametrize("broken", ["points.f32", "rows.arrow", "matrix.json"])
def test_an_entry_that_is_not_whole_is_built_again(table: Path, broken: str) -> None:
    whole = open_matrix(open_landmarks(table)).points.tobytes()
    (entry,) = entries()
    (entry.folder / broken).write_bytes(b"[]")
    assert broken == "matrix.json" or "was altered" in (verify(entry) or "")
    assert open_matrix(open_landmarks(table)).points.tobytes() == whole
    (entry.folder / broken).unlink()  # as a kill in the middle of removing it would
    assert open_matrix(open_landmarks(table)).points.tobytes() == whole
    assert verify(entries()[0]) is None


def test_a_table_that_changes_while_it_is_read_is_told(table: Path, cache: Path) -> None:
    def append(done: int, total: int | None) -> None:
        with open(table, "ab") as handle:
            handle.write(b"x")

    with pytest.raises(TableError, match="changed while it was read: try again"):
        open_matrix(open_landmarks(table), on_rows=append)
    assert not entries()


def test_a_table_replaced_since_it_was_opened_is_told(table: Path) -> None:
    opened = open_landmarks(table)
    pq.write_table(doubles(60), table)
    with pytest.raises(TableError, match="changed since it was opened: try again"):
        open_matrix(opened)


def test_what_a_kill_left_is_listed_and_cleared_by_its_table(table: Path, cache: Path) -> None:
    open_matrix(open_landmarks(table))
    (entry,) = entries()
    entry.folder.rename(entry.folder.with_suffix(".building"))
    (left,) = entries()
    assert (left.is_whole, left.table) == (False, table)
    assert clear(table) > 4_000_000
    assert not entries()


def test_clear_takes_the_named_table_s_entries_only(tmp_path: Path, cache: Path) -> None:
    for name in ("a", "b"):
        pq.write_table(doubles(20), tmp_path / f"{name}.parquet")
        open_matrix(open_landmarks(tmp_path / f"{name}.parquet"))
    theirs = cache / "node-0123456789abcdef.matrix" / "thesis.txt"
    theirs.parent.mkdir()
    theirs.write_text("all of it")
    clear(tmp_path / "a.parquet")
    assert [entry.table.name for entry in entries()] == ["b.parquet"]
    clear()
    assert not entries()
    assert theirs.read_text() == "all of it"
    assert [path for path in cache.iterdir() if path.suffix != ".lock"] == [theirs.parent]


def test_a_disk_without_room_is_told_before_anything_is_written(
    table: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "_SPARE_BYTES", 1 << 60)
    with pytest.raises(InputError, match=r"it needs 0.0 GB, .* are free; make room"):
        open_matrix(open_landmarks(table))
    assert not list(cache.glob("*/"))


def test_a_table_cut_short_leaves_nothing(table: Path, cache: Path) -> None:
    csv = table.with_suffix(".csv")
    pa_csv.write_csv(doubles(700), csv)
    csv.write_bytes(csv.read_bytes()[:-9000])
    with pytest.raises(TableError, match="cannot be read to its end"):
        open_matrix(open_landmarks(csv))
    assert not list(cache.glob("*/"))


def test_only_tables_of_many_rows_are_large(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_large(open_landmarks(table))
    monkeypatch.setattr(cache_module, "_LARGE_BYTES", 1 << 20)
    assert is_large(open_landmarks(table))


def test_two_processes_build_it_once(table: Path, cache: Path) -> None:
    words = [sys.executable, "-c", BUILD, str(table)]
    running = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate()[0] for process in running] == ["begin\nend\n"] * 2
    assert len(entries()) == 1
    assert verify(entries()[0]) is None


@pytest.mark.slow
def test_a_kill_at_any_moment_leaves_a_state_that_a_rerun_finishes_from(
    tmp_path: Path, cache: Path
) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(doubles(6000), path, row_group_size=2000)
    words = [sys.executable, "-c", BUILD, str(path)]
    moments, killed = random.Random(0), 0
    for _ in range(6):
        running = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        assert running.stdout is not None
        assert running.stdout.readline() == "begin\n"
        time.sleep(moments.uniform(0, 0.5))
        running.send_signal(signal.SIGKILL)
        killed += "end" not in running.communicate()[0]
        clear()  # a finished one would leave the next nothing to do; what is locked stays
        left = [folder.name for folder in cache.glob("*/")]
        assert all(name.endswith(".building") for name in left)
    assert killed >= 1
    built = open_matrix(open_landmarks(path))
    np.testing.assert_array_equal(built.points, read_matrix(open_landmarks(path)).points)
    assert [folder.name for folder in cache.glob("*/")] == [entries()[0].folder.name]


def test_rows_without_doubles_are_taken_as_well(tmp_path: Path) -> None:
    points = np.random.default_rng(1).random((30, 478, 3)).astype(np.float32)
    columns = {"video_filename": ["a"] * 30, "frame_num": list(range(30))}
    batch = landmark_batch(points, columns)
    integers = batch.set_column(
        batch.schema.get_field_index("x_0"), "x_0", pa.array(range(30), pa.int16())
    )
    pq.write_table(pa.Table.from_batches([integers]), tmp_path / "t.parquet")
    built = open_matrix(open_landmarks(tmp_path / "t.parquet"))
    assert built.points[:, 0].tolist() == list(range(30))
    np.testing.assert_array_equal(built.points[:, 1:], points.reshape(30, -1)[:, 1:])
