"""`mien features`: what a face shows, a row a frame, from stored points alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mien.corpora.cache import open_matrix
from mien.corpora.frame_size import SIZE_COLUMNS, frame_sizes_of, is_size_known
from mien.corpora.problems import INFINITE, NO_FACE, PARTIAL, point_states
from mien.emotion.ahead import ahead, thread_count
from mien.emotion.contract import Progress
from mien.errors import InputError, TableError
from mien.face.features import FEATURE_SETS, Faces, FeatureSet
from mien.tables import (
    POINT_COLUMNS,
    POINT_COUNT,
    LandmarkSource,
    TableWriter,
    check_table_path,
    open_landmarks,
    points_of,
)

DEFAULT_SETS = ("pose", "gaze", "openings", "blendshapes", "action-units")
KEPT_COLUMNS = ("video_filename", "frame_num", "time_s", "emotion", "subject", "face_id")
BATCH_ROWS = 1024  # what a thread computes at a time
ROWS_AT_ONCE = 4096  # read at a time: a batch of 1,434 columns is dear to begin
LARGE_GROUP_BYTES = 512 << 20  # a row group that is larger is read column by column, into a matrix
_ABOUT_COLUMNS = (*KEPT_COLUMNS, *SIZE_COLUMNS)

# Columns that say of which frame; what reads the points (N, 478, 3).
_Rows = tuple[pa.RecordBatch, Callable[[], np.ndarray]]


@dataclass(frozen=True)
class Features:
    """The features of a table, and where they were written."""

    path: Path | None
    table: pa.Table | None  # when they were not written
    sets: tuple[FeatureSet, ...]
    rows: int
    rows_without_face: int  # their features are null
    rows_taken_for_square: int  # the size of their frame is not known


def features(
    table: str | Path,
    *,
    out: str | Path | None = None,
    sets: Sequence[str] = DEFAULT_SETS,
    threads: int | None = None,
    overwrite: bool = False,
    on_progress: Progress | None = None,
) -> Features:
    """Compute feature sets of a landmark table's frames: head pose, blendshapes and others.

    One row a row of the table, in its order: the columns of KEPT_COLUMNS that
    it has, then the values of the sets. A row without a face has null values.
    Memory does not grow with the table when they are written to `out`, .parquet
    or .csv; without it they come back as an Arrow table.

    sets: names of FEATURE_SETS; a value that two of them have is there once.
    threads: None: as many as there are processors. on_progress: told rows done
    of rows in all; of a CSV, about.
    Raises InputError for a set that is not known, a path that cannot be written,
    or one that exists and not `overwrite`; TableError for a table that breaks
    the contract. Then `out` is as it was.
    """
    source, chosen = open_landmarks(table), _chosen(sets)
    path = None if out is None else _free_path(out, source.path, overwrite=overwrite)
    told = on_progress or (lambda doing, done, total: None)
    counts = _Counts()
    batches = _feature_batches(_rows(source, told), chosen, counts, thread_count(threads))
    batches = _told(batches, _row_count(source), told)
    found = None
    if path is None:
        found = pa.Table.from_batches(list(batches), _schema(source, chosen))
    else:
        with TableWriter(path, metadata=_metadata(source, chosen)) as writer:
            for batch in batches:
                writer.write(batch)
    return Features(path, found, chosen, counts.rows, counts.without_face, counts.square)


def describe(done: Features) -> Iterator[str]:
    """What was computed, in a few lines of text."""
    share = done.rows_without_face / max(done.rows, 1)
    where = f"{done.path}: " if done.path else ""
    yield (
        f"{where}{done.rows:,} rows, {done.rows_without_face:,} without a face ({share:.1%}): "
        "their features are null"
    )
    for found in done.sets:
        yield f"{found.name} version {found.version}: {found.summary}"
    if done.rows_taken_for_square:
        yield (
            f"note: {done.rows_taken_for_square:,} rows say nothing of their frame's size, which "
            "was taken for a square: add width_px and height_px columns if it was not"
        )


@dataclass
class _Counts:
    rows: int = 0
    without_face: int = 0
    square: int = 0


def _chosen(names: Sequence[str]) -> tuple[FeatureSet, ...]:
    unknown = [name for name in names if name not in FEATURE_SETS]
    if unknown or not names:
        what = f"no feature set {unknown[0]!r}" if unknown else "no feature set was named"
        raise InputError(f"{what}: mien has {', '.join(FEATURE_SETS)}")
    return tuple(FEATURE_SETS[name] for name in dict.fromkeys(names))


def _free_path(out: str | Path, table: Path, *, overwrite: bool) -> Path:
    path = check_table_path(out)
    if path.exists() and path.samefile(table):
        raise InputError(f"{path} is the table itself: give the features another name")
    if path.exists() and not overwrite:
        raise InputError(f"{path} exists: choose another name, or --overwrite")
    return path


def _metadata(source: LandmarkSource, chosen: tuple[FeatureSet, ...]) -> dict[str, Any]:
    told = source.metadata
    made: dict[str, Any] = {
        name: told[name] for name in ("extractor", "model_sha256") if name in told
    }
    return {"kind": "features", "feature_sets": {s.name: s.version for s in chosen}, **made}


def _value_names(chosen: tuple[FeatureSet, ...]) -> list[str]:
    return list(dict.fromkeys(name for found in chosen for name in found.names))


def _schema(source: LandmarkSource, chosen: tuple[FeatureSet, ...]) -> pa.Schema:
    kept = [source.schema.field(name) for name in source.present(KEPT_COLUMNS)]
    return pa.schema([*kept, *((name, pa.float32()) for name in _value_names(chosen))])


def _rows(source: LandmarkSource, told: Progress) -> Iterator[_Rows]:
    """The table's rows, a batch at a time, in memory that does not grow with it."""
    if not _has_large_groups(source):
        columns = (*_ABOUT_COLUMNS, *POINT_COLUMNS)
        for batch in source.batches(columns, batch_rows=ROWS_AT_ONCE):
            for start in range(0, batch.num_rows, BATCH_ROWS):
                rows = batch.slice(start, BATCH_ROWS)
                yield rows, partial(points_of, rows)
        return
    matrix = open_matrix(source, on_rows=lambda done, total: told("reading", done, total or 0))
    start = 0
    for batch in source.batches(_ABOUT_COLUMNS, batch_rows=BATCH_ROWS):
        yield batch, partial(_mapped_points, matrix.points[start : start + batch.num_rows])
        start += batch.num_rows


def _mapped_points(rows: np.ndarray) -> np.ndarray:
    return np.array(rows).reshape(-1, POINT_COUNT, 3)


def _row_count(source: LandmarkSource) -> int:
    """How many rows there are to come; of a CSV, about, by the length of its first."""
    if source.row_count is not None:
        return source.row_count
    with open(source.path, "rb") as handle:
        header = handle.readline()
        first = handle.read(4 << 20)
    rest = source.path.stat().st_size - len(header)
    return round(rest * max(first.count(b"\n"), 1) / max(len(first), 1))


def _has_large_groups(source: LandmarkSource) -> bool:
    """Whether a page of every column at once would be gigabytes."""
    if source.path.suffix.lower() != ".parquet":
        return False
    file = pq.read_metadata(source.path)
    groups = range(file.num_row_groups)
    return any(file.row_group(group).total_byte_size > LARGE_GROUP_BYTES for group in groups)


def _feature_batches(
    rows: Iterable[_Rows], chosen: tuple[FeatureSet, ...], counts: _Counts, threads: int
) -> Iterator[pa.RecordBatch]:
    """Feature rows in order, computed by threads that are few batches ahead of the writer."""
    for done in ahead(lambda some: _computed(*some, chosen), rows, threads=threads):
        counts.rows += done.rows.num_rows
        counts.without_face += done.without_face
        counts.square += done.square
        yield done.rows


@dataclass(frozen=True)
class _Computed:
    rows: pa.RecordBatch
    without_face: int
    square: int


def _computed(
    batch: pa.RecordBatch, read: Callable[[], np.ndarray], chosen: tuple[FeatureSet, ...]
) -> _Computed:
    points = read()
    state = point_states(points)
    refuse_partial(batch, state)
    size_px = frame_sizes_of(batch)
    faces = Faces(points, size_px=size_px)
    arrays = {name: batch.column(name) for name in KEPT_COLUMNS if name in batch.schema.names}
    for found in chosen:
        columns = np.ascontiguousarray(found.values(faces).T)
        absent = np.isnan(columns)
        for name, values, mask in zip(found.names, columns, absent, strict=True):
            arrays[name] = pa.array(values, mask=mask)
    is_taken_for_square = ~is_size_known(size_px) & (state != NO_FACE)
    rows = pa.RecordBatch.from_pydict(arrays)
    return _Computed(rows, int((state == NO_FACE).sum()), int(is_taken_for_square.sum()))


def refuse_partial(batch: pa.RecordBatch, state: np.ndarray) -> None:
    """Raises TableError naming the first row whose face is neither whole nor absent."""
    bad = np.flatnonzero((state == PARTIAL) | (state == INFINITE))
    if not len(bad):
        return
    row = int(bad[0])
    clip, frame = batch.column("video_filename")[row], batch.column("frame_num")[row]
    what = "an infinite coordinate" if state[row] == INFINITE else "some but not all coordinates"
    raise TableError(
        f"clip {clip.as_py()!r} frame {frame.as_py()} has {what}: a face is whole or absent; "
        "extract that clip again"
    )


def _told(
    batches: Iterable[pa.RecordBatch], total: int, told: Progress
) -> Iterator[pa.RecordBatch]:
    done = 0
    for batch in batches:
        yield batch
        done += batch.num_rows
        told("computing features", min(done, total), total)
