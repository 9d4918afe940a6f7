"""A landmark table's points as one matrix, in memory or mapped from the disk.

On the disk a matrix is two files: points.f32 holds every row's coordinates,
rows.arrow the rest of each row as numbers.

Shapes: N rows, V = 1,434 values a row. NaN where the table has null.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from threading import Event

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mien.corpora.problems import Rows, point_states
from mien.corpora.survey import KEY_AND_LABEL_COLUMNS, SURVEY_COLUMNS, Surveyor
from mien.errors import TableError
from mien.files import sha256
from mien.tables import POINT_COLUMNS, LandmarkSource, fill_rows, points_of

VALUE_COUNT = len(POINT_COLUMNS)
ROW_BYTES = 4 * VALUE_COUNT
POINTS_FILE, ROWS_FILE = "points.f32", "rows.arrow"
_BLOCK_BYTES = 512 << 20  # decoded columns held at once
_GROUP_ROWS = 8192  # row groups that are smaller are read together
_STATE_ROWS = 8192
_FLUSH_EVERY_S = 0.5
_ARRAYS = ("clip", "frame", "face", "spelling", "subject", "state")

OnRows = Callable[[int, int | None], None]  # rows done, rows in all if known


@dataclass(frozen=True)
class Matrix:
    """A table's points, mapped from the disk, and the rest of its rows."""

    points: np.ndarray  # (N, 1434) float32
    rows: Rows
    subjects_from: tuple[str, ...]  # where people are known from, see Surveyor
    sha256: str  # of the table's file


def read_matrix(source: LandmarkSource) -> Matrix:
    """The same as open_matrix, in memory and without a cache. For tables that are not large."""
    surveyor, parts = Surveyor(), [_no_rows()]
    for batch in source.batches(SURVEY_COLUMNS):
        surveyor.add_keys(batch)
        parts.append(points_of(batch).reshape(-1, VALUE_COUNT))
        surveyor.add_states(point_states(parts[-1]))
    points = np.concatenate(parts)
    return Matrix(points, surveyor.rows(), surveyor.subjects_from(), sha256(source.path))


def write_points(source: LandmarkSource, path: Path, on_rows: OnRows) -> Surveyor:
    """Write every row's points to a file and survey the rows.

    Raises TableError when the table cannot be read to its end, OSError when the
    file cannot be written.
    """
    with _flushed_meanwhile(path):
        if source.path.suffix.lower() == ".parquet":
            return _fill_from_parquet(source, path, on_rows)
        return _fill_from_csv(source, path, on_rows)


@contextmanager
def _flushed_meanwhile(path: Path) -> Iterator[None]:
    """Bring a growing file to the disk beside the work, and the rest in the end."""
    is_done = Event()

    def flush() -> None:
        with suppress(FileNotFoundError), open(path, "rb+") as handle:
            os.fsync(handle.fileno())

    def flush_now_and_then() -> None:
        while not is_done.wait(_FLUSH_EVERY_S):
            flush()

    with ThreadPoolExecutor(1) as flusher:
        running = flusher.submit(flush_now_and_then)
        try:
            yield
        finally:
            is_done.set()
        running.result()
    flush()


def _fill_from_parquet(source: LandmarkSource, path: Path, on_rows: OnRows) -> Surveyor:
    """Column block by column block, since a file may be one row group of a million rows."""
    total = source.row_count or 0
    _reserve(path, total * ROW_BYTES)
    points = np.memmap(path, np.float32, "r+", shape=(total, VALUE_COUNT)) if total else _no_rows()
    surveyor, start = Surveyor(), 0
    try:
        parquet = pq.ParquetFile(source.path, pre_buffer=False)
        if parquet.metadata.num_rows != total:
            raise TableError(f"{source.path} changed since it was opened: try again")
        for groups, count in _row_groups(parquet):
            rows = points[start : start + count]
            done = start * VALUE_COUNT
            for first, last in _column_blocks(count):
                names = POINT_COLUMNS[first:last]
                _fill_columns(rows[:, first:last], parquet, groups, names)
                done += count * len(names)
                on_rows(done // VALUE_COUNT, total)
            keys = parquet.read_row_groups(groups, columns=source.present(KEY_AND_LABEL_COLUMNS))
            for batch in keys.to_batches():
                surveyor.add_keys(source.conformed(batch))
            start += count
    except (pa.ArrowException, OSError) as error:  # of the table: the matrix's own blocks are there
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise TableError(f"{source.path} cannot be read to its end: {reason}") from error
    for begin in range(0, total, _STATE_ROWS):
        surveyor.add_states(point_states(points[begin : begin + _STATE_ROWS]))
    return surveyor


def _fill_columns(
    out: np.ndarray, parquet: pq.ParquetFile, groups: list[int], names: Sequence[str]
) -> None:
    """Read some columns into `out`. They go on return: before the next are read."""
    table = parquet.read_row_groups(groups, columns=names)
    fill_rows(out, [table.column(name) for name in names])


def _no_rows() -> np.ndarray:
    return np.empty((0, VALUE_COUNT), np.float32)


def _row_groups(parquet: pq.ParquetFile) -> Iterator[tuple[list[int], int]]:
    """Consecutive row groups with at least _GROUP_ROWS rows together, and how many rows."""
    groups: list[int] = []
    count = 0
    for group in range(parquet.num_row_groups):
        groups.append(group)
        count += parquet.metadata.row_group(group).num_rows
        if count >= _GROUP_ROWS:
            yield groups, count
            groups, count = [], 0
    if count:
        yield groups, count


def _column_blocks(rows: int) -> Iterator[tuple[int, int]]:
    """Ranges of columns whose float64 values fit _BLOCK_BYTES."""
    step = max(1, min(VALUE_COUNT, _BLOCK_BYTES // (8 * rows)))
    for first in range(0, VALUE_COUNT, step):
        yield first, min(first + step, VALUE_COUNT)


def _fill_from_csv(source: LandmarkSource, path: Path, on_rows: OnRows) -> Surveyor:
    """Row by row: a CSV tells its length only at its end. Writing goes on beside parsing."""
    surveyor, done = Surveyor(), 0
    with open(path, "wb") as handle, ThreadPoolExecutor(1) as writer:
        before: Future[None] | None = None

        def keep(batch: pa.RecordBatch) -> None:
            points = points_of(batch)
            keys = batch.select(source.present(KEY_AND_LABEL_COLUMNS))
            surveyor.add_keys(source.conformed(keys))
            surveyor.add_states(point_states(points))
            handle.write(points.data)

        for batch in source.raw_batches(SURVEY_COLUMNS):
            if before is not None:
                before.result()
            before = writer.submit(keep, batch)
            done += batch.num_rows
            on_rows(done, None)
        if before is not None:
            before.result()
    return surveyor


def _reserve(path: Path, size: int) -> None:
    """Make a file whose blocks are all there: a mapped write cannot tell of a full disk."""
    with open(path, "wb") as handle:
        if size and hasattr(os, "posix_fallocate"):
            try:
                return os.posix_fallocate(handle.fileno(), 0, size)
            except OSError as error:
                if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                    raise  # else a file system that cannot: write them
        zeros = bytes(1 << 20)
        for begin in range(0, size, len(zeros)):
            handle.write(zeros[: size - begin])


def write_rows(surveyor: Surveyor, path: Path) -> None:
    """Write the rest of the rows that were surveyed to an Arrow file."""
    rows = surveyor.rows()
    names = {f.name: getattr(rows, f.name) for f in fields(Rows) if f.name not in _ARRAYS}
    about = json.dumps({**names, "subjects_from": surveyor.subjects_from()})
    table = pa.table({name: getattr(rows, name) for name in _ARRAYS}, metadata={"mien": about})
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def map_matrix(folder: Path, *, sha256: str) -> Matrix:
    """The matrix that a folder's two files hold. Raises ValueError when they do not agree."""
    with pa.OSFile(str(folder / ROWS_FILE), "rb") as source:
        table = pa.ipc.open_file(source).read_all().combine_chunks()
    names = json.loads(table.schema.metadata[b"mien"])
    subjects_from = tuple(names.pop("subjects_from"))
    count, size = table.num_rows, (folder / POINTS_FILE).stat().st_size
    if size != count * ROW_BYTES:
        raise ValueError(f"{size} bytes for {count} rows")
    points = np.memmap(folder / POINTS_FILE, np.float32, "r", shape=(count, VALUE_COUNT))
    arrays = {name: table.column(name).to_numpy() for name in _ARRAYS}
    return Matrix(points, Rows(**arrays, **names), subjects_from, sha256)
