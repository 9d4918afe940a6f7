"""The landmark table: one row a frame, in the public data set's own schema.

Columns: `video_filename`, `frame_num`, `emotion`, then x_0, y_0, z_0 ... z_477,
then any of `subject`, `time_s`, `width_px`, `height_px`, `presence`, `face_id`,
then whatever else the file brought. x is a fraction of the frame's width, y of
its height, z on x's scale, smaller nearer the camera. A frame without a face
is a row whose points are all null. The key is (`video_filename`, `frame_num`,
`face_id` if present).

Shapes: N rows, P = 478 points. Points are (N, P, 3) float32, NaN where null.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from mien.errors import InputError, ShapeError, TableError
from mien.files import is_address, replacing, without_credentials

SCHEMA_VERSION = 1
POINT_COUNT = 478
POINT_COLUMNS = tuple(f"{axis}_{point}" for point in range(POINT_COUNT) for axis in "xyz")
KEY_COLUMNS = ("video_filename", "frame_num")
COLUMN_TYPES: dict[str, pa.DataType] = {
    "video_filename": pa.string(),
    "frame_num": pa.int64(),
    "emotion": pa.string(),
    **dict.fromkeys(POINT_COLUMNS, pa.float32()),
    "subject": pa.string(),
    "time_s": pa.float64(),
    "width_px": pa.int32(),
    "height_px": pa.int32(),
    "presence": pa.float32(),
    "face_id": pa.int32(),
}
COLUMN_MEANINGS = {
    "video_filename": "the clip: its path below the folder that was given",
    "frame_num": "0-based index in presentation order",
    "emotion": "label; null when unknown",
    "x_0 … z_477": "fractions of the frame: x of its width, y of its height, z on x's scale, "
    "smaller is nearer the camera; null when no face",
    "subject": "the person",
    "time_s": "presentation time, s",
    "width_px": "the frame's width, pixels",
    "height_px": "the frame's height, pixels",
    "presence": "the landmark model's confidence that a face is there, 0-1; 0 when no face",
    "face_id": "the track; present when more than one face was asked for",
}
TABLE_SUFFIXES = frozenset([".parquet", ".csv"])
METADATA_KEY = b"mien"
ROWS_A_GROUP = 8192  # 47 MB of points: large enough to compress, small enough to hold twice
_TILE_ROWS = 256
CSV_BLOCK_BYTES = 16 << 20  # a row of the public table is 29 kB of text
CSV_NULLS = ("", "NaN", "nan", "NA", "null")  # in columns of numbers; in text, only the empty one
_TEXT_TYPES = {name: type_ for name, type_ in COLUMN_TYPES.items() if pa.types.is_string(type_)}
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class LandmarkSource:
    """A table on disk, opened and checked, not yet read."""

    path: Path
    schema: pa.Schema  # as batches() gives it: contract columns first, points float32
    file_schema: pa.Schema  # as it lies in the file
    row_count: int | None  # None for CSV: only reading tells
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def extra_columns(self) -> list[str]:
        return [name for name in self.schema.names if name not in COLUMN_TYPES]

    def batches(
        self, columns: Sequence[str] | None = None, *, batch_rows: int = 4096
    ) -> Iterator[pa.RecordBatch]:
        """Yield record batches of at most `batch_rows` rows, in the file's order.

        columns: which to read, None for all; names that the table lacks are
        left out when they are optional. Memory is bounded by a row group.
        Raises TableError when a value does not fit its column.
        """
        for batch in self.raw_batches(columns, batch_rows=batch_rows):
            yield self.conformed(batch)

    def raw_batches(
        self, columns: Sequence[str] | None = None, *, batch_rows: int = 4096
    ) -> Iterator[pa.RecordBatch]:
        """The same in the file's own types, for who converts them: points may be doubles."""
        present = self.present(self.schema.names if columns is None else columns)
        yield from _raw_batches(self, present, batch_rows)

    def present(self, columns: Sequence[str]) -> list[str]:
        """Those of some columns that the table has."""
        held = set(self.schema.names)
        return [name for name in columns if name in held]

    def conformed(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """A batch as it lies in the file, in the contract's types. Raises TableError."""
        target = pa.schema([self.schema.field(name) for name in batch.schema.names])
        return _conformed(batch, target, self.path)


def open_landmarks(path: str | Path) -> LandmarkSource:
    """Open a landmark table and check its columns, reading no rows.

    path: .parquet or .csv in UTF-8, columns in any order, points float32 or float64.
    A CSV's text is null only where it is empty: a subject may be called NA.
    Raises InputError when there is no such file, TableError or ShapeError when
    it is not a landmark table.
    """
    path = _existing(path)
    file_schema, row_count, metadata = _read_header(path)
    _check_columns(file_schema, path)
    names = file_schema.names  # a list, made anew at each call
    held = set(names)
    known = [name for name in COLUMN_TYPES if name in held]
    extra = [name for name in names if name not in COLUMN_TYPES]
    schema = pa.schema(
        [(name, COLUMN_TYPES[name]) for name in known] + [file_schema.field(name) for name in extra]
    )
    return LandmarkSource(path, schema, file_schema, row_count, metadata)


def read_landmarks(path: str | Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a landmark table whole. See open_landmarks for what it takes and raises."""
    source = open_landmarks(path)
    batches = list(source.batches(columns))
    if batches:
        return pa.Table.from_batches(batches)
    names = source.schema.names if columns is None else columns
    return pa.schema(
        [source.schema.field(n) for n in names if n in source.schema.names]
    ).empty_table()


def points_of(rows: pa.RecordBatch | pa.Table) -> np.ndarray:
    """The points of some rows: (N, 478, 3) float32, NaN where the table has null."""
    flat = np.empty((rows.num_rows, 3 * POINT_COUNT), np.float32)
    fill_rows(flat, [rows.column(name) for name in POINT_COLUMNS])
    return flat.reshape(-1, POINT_COUNT, 3)


def fill_rows(out: np.ndarray, columns: Sequence[pa.Array | pa.ChunkedArray]) -> None:
    """Write columns of numbers into rows: out (N, columns) float32, NaN where null.

    By tiles that stay in the core's cache: a column at a time would fetch all of `out`
    from memory once a column.
    """
    values = [_numbers(column) for column in columns]
    tile = np.empty((len(values), _TILE_ROWS), np.float32)
    with np.errstate(over="ignore"):  # a double beyond float32 is infinite, and surveyed as such
        for start in range(0, len(out), _TILE_ROWS):
            rows = slice(start, min(start + _TILE_ROWS, len(out)))
            for place, column in zip(tile, values, strict=True):
                place[: rows.stop - start] = column[rows]
            out[rows] = tile[:, : rows.stop - start].T


def _numbers(column: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """A column as (N,) floats of the file's width, NaN where null; not copied where whole."""
    if isinstance(column, pa.ChunkedArray):
        column = column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)
    if not pa.types.is_floating(column.type):
        column = pc.cast(column, pa.float64())
    return column.to_numpy(zero_copy_only=False)


def has_face(points: np.ndarray) -> np.ndarray:
    """(N,) bool: rows with at least one coordinate. points: (N, 478, 3)."""
    return ~np.isnan(points).all(axis=(1, 2))


def landmark_batch(points: np.ndarray, columns: Mapping[str, Any]) -> pa.RecordBatch:
    """Rows of the contract from points and the other columns.

    points: (N, 478, 3) float; rows that are all NaN become null.
    columns: name -> N values; names of the contract take its types, others keep theirs.
    Raises ShapeError unless points end in (478, 3).
    """
    if points.ndim != 3 or points.shape[1:] != (POINT_COUNT, 3):
        raise ShapeError(
            f"points must be (rows, 478, 3), got {points.shape}. "
            "468 points come from a model without irises: extract again with mien extract."
        )
    flat = np.ascontiguousarray(points.reshape(len(points), 3 * POINT_COUNT).T, dtype=np.float32)
    absent = ~has_face(points)
    mask = absent if absent.any() else None
    arrays: dict[str, pa.Array] = {
        name: pa.array(flat[index], mask=mask) for index, name in enumerate(POINT_COLUMNS)
    }
    for name, values in columns.items():
        arrays[name] = pa.array(values, type=COLUMN_TYPES.get(name))
    arrays.setdefault("emotion", pa.nulls(len(points), pa.string()))
    names = [n for n in COLUMN_TYPES if n in arrays] + [n for n in arrays if n not in COLUMN_TYPES]
    return pa.RecordBatch.from_arrays([arrays[n] for n in names], names=names)


class TableWriter:
    """Write record batches to Parquet or CSV by the path's ending, whole or not at all.

    Rows are gathered into groups of ROWS_A_GROUP, so many small clips do not
    become many small row groups. Leaving the block with an error leaves the
    path as it was.
    """

    def __init__(self, path: str | Path, *, metadata: Mapping[str, Any] | None = None) -> None:
        self.path = check_table_path(path)
        self.metadata = dict(metadata or {})
        self.row_count = 0
        self._pending: list[pa.RecordBatch] = []
        self._pending_rows = 0
        self._writer: Any = None
        self._replacing = replacing(self.path)

    def __enter__(self) -> Self:
        self._temporary = self._replacing.__enter__()
        return self

    def write(self, rows: pa.RecordBatch | pa.Table) -> None:
        batches = rows.to_batches() if isinstance(rows, pa.Table) else [rows]
        for batch in batches:
            self._pending.append(batch)
            self._pending_rows += batch.num_rows
            if self._pending_rows >= ROWS_A_GROUP:
                self._flush()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._flush()
                if self._writer is None:
                    raise TableError(f"no rows to write to {self.path}")
            if self._writer is not None:
                self._writer.close()
        except BaseException as failure:
            if kind is not None:
                failure = error or failure
            self._replacing.__exit__(type(failure), failure, failure.__traceback__)
            raise
        self._replacing.__exit__(kind, error, trace)

    def _flush(self) -> None:
        if not self._pending:
            return
        table = pa.Table.from_batches(self._pending)
        if self._writer is None:
            self._writer = _new_writer(self._temporary, table.schema, self.metadata, self.path)
        self._writer.write_table(table)
        self.row_count += table.num_rows
        self._pending, self._pending_rows = [], 0


def write_table(
    rows: pa.Table | Iterable[pa.RecordBatch],
    path: str | Path,
    *,
    metadata: Mapping[str, Any] | None = None,
) -> Path:
    """Write rows to Parquet or CSV by the path's ending. Returns the path."""
    with TableWriter(path, metadata=metadata) as writer:
        for batch in rows.to_batches() if isinstance(rows, pa.Table) else rows:
            writer.write(batch)
    return writer.path


def check_table_path(path: str | Path) -> Path:
    """The path, if its ending says a table that can be written. Raises InputError."""
    path = Path(path)
    if path.suffix.lower() not in TABLE_SUFFIXES:
        raise InputError(f"{path}: a table ends in .parquet or .csv")
    if path.is_dir():
        raise InputError(f"{path} is a folder: give the name of a file in it")
    return path


def _new_writer(path: Path, schema: pa.Schema, metadata: dict[str, Any], named: Path) -> Any:
    if named.suffix.lower() == ".csv":
        return pa_csv.CSVWriter(path, schema)
    schema = schema.with_metadata(
        {METADATA_KEY: json.dumps({"schema_version": SCHEMA_VERSION, **metadata})}
    )
    floats = [f.name for f in schema if pa.types.is_floating(f.type)]
    strings = [f.name for f in schema if pa.types.is_string(f.type)]
    return pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        use_dictionary=strings,
        use_byte_stream_split=floats,
    )


def _existing(path: str | Path) -> Path:
    shown = without_credentials(str(path)) if is_address(path) else path
    try:
        if Path(path).is_file():
            return Path(path)
    except OSError as error:  # a name that is too long, or a folder that may not be entered
        raise InputError(f"no table at {shown}: {error.strerror or error}") from error
    raise InputError(f"no table at {shown}: give a .parquet or .csv file")


def _read_header(path: Path) -> tuple[pa.Schema, int | None, dict[str, Any]]:
    try:
        if path.suffix.lower() == ".parquet":
            parquet = pq.ParquetFile(path)
            schema = parquet.schema_arrow
            stored = _object((schema.metadata or {}).get(METADATA_KEY, b"{}"))
            return schema.remove_metadata(), parquet.metadata.num_rows, stored
        _check_encoding(path)
        with _open_csv(path, _TEXT_TYPES) as reader:
            return _without_null_types(reader.schema), None, {}
    except (pa.ArrowException, OSError) as error:
        kind = "Parquet" if path.suffix.lower() == ".parquet" else "CSV"
        said = _first_line(error).rstrip(".")
        raise TableError(
            f"{path} cannot be read as {kind}: {said}. A file that is empty or was cut short "
            "cannot be mended: write or copy it again"
        ) from error


def _object(stored: bytes) -> dict[str, Any]:
    """Metadata that mien wrote; nothing when another program used the same key."""
    try:
        told = json.loads(stored)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _check_encoding(path: Path) -> None:
    with open(path, "rb") as handle:
        header = handle.readline(CSV_BLOCK_BYTES)
    try:
        is_text = "\0" not in header.decode()
    except UnicodeDecodeError:
        is_text = False
    if not is_text:
        other = "UTF-16" if header[:2] in _UTF16_MARKS else "another encoding or no text"
        raise TableError(f"{path} cannot be read as CSV: it is {other}; save it as UTF-8")


def _without_null_types(schema: pa.Schema) -> pa.Schema:
    """A column of which nothing is seen yet is text, unless the contract says what it is."""
    return pa.schema(
        column.with_type(pa.string())
        if pa.types.is_null(column.type) and column.name not in COLUMN_TYPES
        else column
        for column in schema
    )


def _open_csv(path: Path, types: Mapping[str, pa.DataType], names: Sequence[str] = ()) -> Any:
    return pa_csv.open_csv(
        _with_line_end(path),
        read_options=pa_csv.ReadOptions(block_size=CSV_BLOCK_BYTES),
        parse_options=pa_csv.ParseOptions(newlines_in_values=True),  # text may have several lines
        convert_options=pa_csv.ConvertOptions(
            column_types=dict(types),
            include_columns=list(names),
            null_values=CSV_NULLS,
            strings_can_be_null=False,  # else a subject called NA is none: see _empty_as_null
        ),
    )


def _with_line_end(path: Path) -> Path | pa.BufferReader:
    """A CSV that is a header without a line end gets one, for Arrow takes it as no CSV."""
    with open(path, "rb") as handle:
        first = handle.readline(CSV_BLOCK_BYTES)
        is_whole = len(first) == path.stat().st_size
    is_header = is_whole and first.strip() and not first.endswith((b"\n", b"\r"))
    return pa.BufferReader(first + b"\n") if is_header else path


def _empty_as_null(batch: pa.RecordBatch) -> pa.RecordBatch:
    arrays = [
        pc.if_else(pc.equal(values, ""), None, values)
        if pa.types.is_string(values.type)
        else values
        for values in batch.columns
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=batch.schema)


def _check_columns(schema: pa.Schema, path: Path) -> None:
    names = set(schema.names)
    points = [name for name in POINT_COLUMNS if name in names]
    highest = max((int(name[2:]) for name in points), default=-1)
    if len(points) == 3 * (highest + 1) and highest + 1 == 468:
        raise ShapeError(
            f"{path} has 468 points a row, wanted 478: 468 come from a model without irises; "
            "extract again with mien extract"
        )
    missing = [name for name in (*KEY_COLUMNS, *POINT_COLUMNS) if name not in names]
    if missing:
        shown = ", ".join(missing[:4]) + (f" and {len(missing) - 4} more" if missing[4:] else "")
        raise TableError(f"{path} is no landmark table: it lacks {shown} (docs/data.md)")
    repeated = len(schema.names) - len(names)
    if repeated:
        raise TableError(f"{path} names {repeated} columns twice: rename or drop them")
    for name in (n for n in COLUMN_TYPES if n in names):
        _check_type(schema.field(name), path)


def _check_type(column: pa.Field, path: Path) -> None:
    wanted, got = COLUMN_TYPES[column.name], column.type
    if pa.types.is_dictionary(got):
        got = got.value_type
    if pa.types.is_null(got):
        return
    numeric = pa.types.is_floating(got) or pa.types.is_integer(got)
    fits = numeric if not pa.types.is_string(wanted) else not pa.types.is_nested(got)
    if not fits:
        raise TableError(f"{path}: column {column.name} is {got}, wanted {wanted}")


def _raw_batches(
    source: LandmarkSource, names: list[str], batch_rows: int
) -> Iterator[pa.RecordBatch]:
    try:
        if source.path.suffix.lower() == ".parquet":
            # Without pre_buffer the memory is a column chunk's, not a whole row group's.
            parquet = pq.ParquetFile(source.path, pre_buffer=False)
            yield from parquet.iter_batches(batch_rows, columns=names)
            return
        # Points are parsed as the double that the text says and rounded once, as Parquet's
        # doubles are: the same numbers whichever way a table is kept.
        doubles = dict.fromkeys(POINT_COLUMNS, pa.float64())
        types = {name: doubles.get(name, source.schema.field(name).type) for name in names}
        with _open_csv(source.path, types, names) as reader:
            for block in reader:
                batch = _empty_as_null(block)
                for start in range(0, batch.num_rows, batch_rows):
                    yield batch.slice(start, batch_rows)
    except (pa.ArrowException, OSError) as error:
        reason = _first_line(error)
        raise TableError(f"{source.path} cannot be read to its end: {reason}") from error


def _conformed(batch: pa.RecordBatch, target: pa.Schema, path: Path) -> pa.RecordBatch:
    arrays = []
    for column in target:
        values = batch.column(column.name)
        try:
            arrays.append(values if values.type == column.type else pc.cast(values, column.type))
        except pa.ArrowInvalid as error:
            raise TableError(f"{path}: column {column.name}: {error}") from error
    return pa.RecordBatch.from_arrays(arrays, schema=target)
