"""`mien convert`: a landmark table as Parquet or CSV, its points in half the bytes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from rich.filesize import decimal

from mien.emotion.contract import Progress
from mien.errors import InputError, TableError
from mien.tables import (
    POINT_COLUMNS,
    LandmarkSource,
    TableWriter,
    check_table_path,
    open_landmarks,
)

BATCH_ROWS = 8192
BAND_BYTES = 128 << 20  # of a row group, uncompressed: what is read side by side
TEXT = "text"  # the type of every value in a CSV


@dataclass(frozen=True)
class Converted:
    """What a conversion changed and saved."""

    path: Path
    rows: int
    bytes_before: int
    bytes_after: int
    types: dict[str, tuple[str, str]]  # column -> what it was and what it became
    largest_rounding: float | None  # of a float64 that became float32; None: not known of a CSV
    was_compact: bool  # float32, zstd and byte-stream-split before: nothing to save
    metadata_left_out: tuple[str, ...]  # what the table told of its making; a CSV cannot

    @property
    def saved_share(self) -> float:
        """The share of the bytes that is saved; below 0 when the table grew."""
        return 1 - self.bytes_after / self.bytes_before


def convert(
    table: str | Path,
    out: str | Path,
    *,
    overwrite: bool = False,
    on_progress: Progress | None = None,
) -> Converted:
    """Write a landmark table again, as Parquet or CSV by the ending of `out`.

    Points become float32; Parquet is zstd with byte-stream-split, which takes
    about half the bytes of float64 with snappy. Columns are put into the
    contract's order, others follow as they are; rows keep their order. Memory
    does not grow with the table: one whose row groups are above BAND_BYTES
    goes through temporary files beside `out`, of 4 bytes a coordinate.

    A CSV has numbers in the fewest digits that give the same float32 again. It
    has no metadata and no types: of NaN, empty text and null it makes one
    thing, null, and a column that is not of the contract is read back as what
    its values look like.

    on_progress: told rows done of rows in all; of a CSV, bytes, about.
    Raises InputError when `out` exists and not `overwrite`, or is the table
    itself; TableError for a table that breaks the contract, cannot be read to
    its end or does not fit a CSV. Then `out` is as it was.
    """
    source, out = open_landmarks(table), check_table_path(out)
    _check_places(source.path, out, overwrite=overwrite)
    told = on_progress or (lambda doing, done, total: None)
    narrowing = _Narrowing(_schema_for(out, source))
    was_compact = _is_compact(source)
    bytes_before = source.path.stat().st_size
    with TableWriter(out, metadata=source.metadata) as writer:
        for batch in _batches(_unrounded(source), narrowing, out.parent, told):
            writer.write(batch)
    return Converted(
        path=out,
        rows=writer.row_count,
        bytes_before=bytes_before,
        bytes_after=out.stat().st_size,
        types=_types(source, out, narrowing.schema),
        largest_rounding=None if _is_csv(source.path) else narrowing.largest,
        was_compact=was_compact,
        metadata_left_out=_left_out(source) if _is_csv(out) else (),
    )


def describe(done: Converted) -> Iterator[str]:
    """A conversion in a few lines of text."""
    share = done.saved_share
    change = f"{share:.1%} saved" if share > 0 else f"{1 - share:.2f} times the size"
    sizes = f"{decimal(done.bytes_before)} → {decimal(done.bytes_after)}"
    yield f"{done.path}: {done.rows:,} rows, {sizes}, {change}"
    if done.was_compact and not _is_csv(done.path):
        yield "it was float32, zstd and byte-stream-split before: there was nothing to save"
    yield from _changes(done)
    if done.metadata_left_out:
        yield f"left out, for a CSV has no metadata: {', '.join(done.metadata_left_out)}"


def _changes(done: Converted) -> Iterator[str]:
    points = {done.types[name] for name in POINT_COLUMNS}
    others = [name for name in done.types if name not in POINT_COLUMNS]
    named = [("x_0 … z_477", types) for types in sorted(points)]
    for name, (was, became) in named + [(name, done.types[name]) for name in others]:
        if was != became and TEXT not in (was, became):
            yield f"{name}: {was} → {became}"
    if done.largest_rounding:
        yield f"largest rounding of a value: {done.largest_rounding:.1e}"


def _check_places(table: Path, out: Path, *, overwrite: bool) -> None:
    if not out.exists():
        return
    if out.samefile(table):
        raise InputError(f"{out} is the table itself: give the converted one another name")
    if not overwrite:
        raise InputError(f"{out} exists: choose another name, or --overwrite")


def _is_csv(path: Path) -> bool:
    return path.suffix.lower() == ".csv"


def _left_out(source: LandmarkSource) -> tuple[str, ...]:
    return tuple(name for name in source.metadata if name != "schema_version")


def _schema_for(out: Path, source: LandmarkSource) -> pa.Schema:
    """The columns as they will be written. Raises TableError for what a CSV cannot hold."""
    if not _is_csv(out):
        return source.schema
    fields = []
    for column in source.schema:
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        if not _fits_csv(kind):
            raise TableError(
                f"{source.path}: column {column.name} is {kind}, which a CSV cannot hold: "
                "drop it, or convert to .parquet"
            )
        fields.append(pa.field(column.name, kind))
    return pa.schema(fields)


def _fits_csv(kind: pa.DataType) -> bool:
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    is_time = pa.types.is_date(kind) or pa.types.is_time(kind) or pa.types.is_timestamp(kind)
    return bool(is_text or is_number or is_time or pa.types.is_boolean(kind))


def _unrounded(source: LandmarkSource) -> LandmarkSource:
    """The same table, whose batches leave float64 as it is, so that rounding can be measured."""
    if _is_csv(source.path):  # what its digits were rounded from, nobody knows
        return source
    fields = [
        column.with_type(pa.float64()) if _is_rounded(column, source.file_schema) else column
        for column in source.schema
    ]
    return replace(source, schema=pa.schema(fields))


def _is_rounded(column: pa.Field, stored: pa.Schema) -> bool:
    return bool(column.type == pa.float32() and stored.field(column.name).type == pa.float64())


class _Narrowing:
    """Casts batches to the columns that are written, and keeps the largest rounding."""

    def __init__(self, schema: pa.Schema) -> None:
        self.schema = schema
        self.largest = 0.0

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        schema = pa.schema([self.schema.field(name) for name in batch.schema.names])
        arrays = []
        for values, kind in zip(batch.columns, schema.types, strict=True):
            cast = values if values.type == kind else pc.cast(values, kind)
            if values.type == pa.float64() and kind == pa.float32():
                self.largest = max(self.largest, _rounding(values, cast))
            arrays.append(cast)
        return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _rounding(before: pa.Array, after: pa.Array) -> float:
    wide, narrow = (values.to_numpy(zero_copy_only=False) for values in (before, after))
    with np.errstate(invalid="ignore"):  # an infinity less itself; fmax passes over the NaN
        return float(np.fmax.reduce(np.abs(wide - narrow), initial=0.0))


def _batches(
    source: LandmarkSource, narrowing: _Narrowing, folder: Path, told: Progress
) -> Iterator[pa.RecordBatch]:
    """The table's rows as they are written, told as they go."""
    bands = _bands(source)
    rows: Iterator[pa.RecordBatch]
    with ExitStack() as files:
        if len(bands) > 1:
            rows = _through_files(source, bands, narrowing, folder, files, told)
        else:
            rows = map(narrowing, source.batches(batch_rows=BATCH_ROWS))
        total, row_size = _measure_of(source)
        done = 0
        for batch in rows:
            yield batch
            done += batch.num_rows
            told("writing the table", min(round(done * row_size), total), total)


def _measure_of(source: LandmarkSource) -> tuple[int, float]:
    """What is to do and what a row does of it: rows, or a CSV's bytes by its first rows."""
    if source.row_count is not None:
        return source.row_count, 1
    with open(source.path, "rb") as handle:
        handle.readline()
        first = handle.read(4 << 20)
    return source.path.stat().st_size, len(first) / max(first.count(b"\n"), 1)


def _bands(source: LandmarkSource) -> list[list[str]]:
    """The columns, in as many bands as keep a band's share of a row group to BAND_BYTES.

    A row of Parquet is read from a page of every column, and a page of a large
    group is 1 MB before it is decompressed: all 1,437 at once are gigabytes.
    """
    names = source.schema.names
    if _is_csv(source.path):
        return [names]
    file = pq.read_metadata(source.path)
    largest = max(
        (file.row_group(i).total_byte_size for i in range(file.num_row_groups)), default=0
    )
    width = max(1, len(names) * BAND_BYTES // max(largest, 1))
    return [names[start : start + width] for start in range(0, len(names), width)]


def _through_files(
    source: LandmarkSource,
    bands: list[list[str]],
    narrowing: _Narrowing,
    folder: Path,
    files: ExitStack,
    told: Progress,
) -> Iterator[pa.RecordBatch]:
    """Rows of a table with large groups: band after band into a file, then all side by side.

    The files have no name, so even a killed conversion leaves nothing behind.
    """
    total, done = (source.row_count or 0) * len(bands), 0
    spools = []
    for names in bands:
        spool = files.enter_context(tempfile.TemporaryFile(dir=folder))  # noqa: SIM115
        for rows in _spooled(source, names, narrowing, spool):
            done += rows
            told("reading the columns", done, total)
        spool.seek(0)
        spools.append(pa.ipc.open_stream(spool))
    yield from _side_by_side(spools)


def _spooled(
    source: LandmarkSource, names: list[str], narrowing: _Narrowing, spool: IO[bytes]
) -> Iterator[int]:
    schema = pa.schema([narrowing.schema.field(name) for name in names])
    with pa.ipc.new_stream(spool, schema) as writer:
        for batch in source.batches(names, batch_rows=BATCH_ROWS):
            writer.write_batch(narrowing(batch))
            yield batch.num_rows


def _side_by_side(bands: Sequence[Iterator[pa.RecordBatch]]) -> Iterator[pa.RecordBatch]:
    """Bands of columns as whole rows, whatever the length of each band's batches."""
    heads: list[Any] = [next(band, None) for band in bands]
    while all(head is not None for head in heads):
        rows = min(head.num_rows for head in heads)
        columns = [column for head in heads for column in head.slice(0, rows).columns]
        names = [name for head in heads for name in head.schema.names]
        yield pa.RecordBatch.from_arrays(columns, names=names)
        heads = [
            head.slice(rows) if head.num_rows > rows else next(band, None)
            for head, band in zip(heads, bands, strict=True)
        ]
    if any(head is not None for head in heads):
        raise TableError("the table changed while it was read: try again")


def _is_compact(source: LandmarkSource) -> bool:
    """Whether the points are stored as this writes them."""
    if _is_csv(source.path):
        return False
    file = pq.read_metadata(source.path)
    if not file.num_row_groups:
        return False
    points = set(POINT_COLUMNS)
    columns = [file.row_group(0).column(index) for index in range(file.num_columns)]
    return all(
        column.physical_type == "FLOAT"
        and column.compression == "ZSTD"
        and "BYTE_STREAM_SPLIT" in column.encodings
        for column in columns
        if column.path_in_schema in points
    )


def _types(source: LandmarkSource, out: Path, written: pa.Schema) -> dict[str, tuple[str, str]]:
    def shown(path: Path, schema: pa.Schema, name: str) -> str:
        kind = schema.field(name).type
        if _is_csv(path):
            return TEXT
        return f"float{kind.bit_width}" if pa.types.is_floating(kind) else str(kind)

    return {
        name: (shown(source.path, source.file_schema, name), shown(out, written, name))
        for name in written.names
    }
