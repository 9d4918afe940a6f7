"""`mien inspect`: what is in a landmark table, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from mien.corpora.survey import PREVIEW_COLUMNS, Survey, preview, survey
from mien.tables import (
    COLUMN_MEANINGS,
    POINT_COLUMNS,
    SCHEMA_VERSION,
    LandmarkSource,
    open_landmarks,
)
from mien.text import printable

# What makes a table wrong; the rest of a survey's findings is worth knowing.
_WRONG = {
    "missing key",
    "partial face",
    "infinite coordinate",
    "duplicate row",
    "unsafe name",
}
_FIRST_POINT = POINT_COLUMNS[0]
_TYPE_NAMES = {"float": "float32", "double": "float64", "halffloat": "float16"}  # Arrow's own
_NAMES_SHOWN = 6
_BAR_CELLS = 24


@dataclass(frozen=True)
class Inspection:
    """A table looked at: its file, its first rows and its survey."""

    source: LandmarkSource
    preview: list[dict[str, Any]]  # the first rows: name, frame, emotion and the last point
    survey: Survey

    @property
    def path(self) -> Path:
        return self.source.path

    @property
    def problems(self) -> list[str]:
        """What is wrong and must be put right, one sentence each."""
        return [p.sentence() for p in self.survey.problems if p.kind in _WRONG]

    @property
    def notes(self) -> list[str]:
        """What is right but worth knowing, one sentence each."""
        return [p.sentence() for p in self.survey.problems if p.kind not in _WRONG]


def inspect(table: str | Path, *, rows: int = 5) -> Inspection:
    """Read a landmark table once and say what it holds. Memory does not hold the points.

    rows: how many to preview.
    Raises InputError when there is no such file, TableError or ShapeError when it is no
    landmark table; what is wrong within one is told in `problems`, not raised.

    For example: mien.inspect("landmarks.parquet").survey.labels
    """
    source = open_landmarks(table)
    return Inspection(source, preview(source, rows=rows), survey(source))


def describe(inspection: Inspection) -> Group:
    """An inspection as text for a terminal: preview, schema, contents, findings."""
    return Group(*_sections(inspection))


def _sections(inspection: Inspection) -> Iterator[Any]:
    held = inspection.survey
    yield Text(printable(str(inspection.path)), style="bold")
    yield _titled("Preview", _preview_table(inspection.preview))
    yield _titled("Schema", _schema_table(inspection.source))
    yield _titled("Made by", _pairs(_file_facts(inspection.source)))
    yield _titled("Contents", _pairs(_contents(held)))
    yield _titled("Classes", _class_table(held))
    yield _titled("Random-frame split", Text(held.leakage_sentence(), style=_leak_style(held)))
    if inspection.notes:
        yield _titled("Worth knowing", _list(inspection.notes, "yellow"))
    problems = inspection.problems
    yield _titled("Problems", _list(problems, "bold red") if problems else Text("none", "green"))


def _preview_table(rows: list[dict[str, Any]]) -> Table:
    table = _table(*PREVIEW_COLUMNS, right=("frame_num", *PREVIEW_COLUMNS[3:]))
    for row in rows:
        table.add_row(*(_cell(row.get(name)) for name in PREVIEW_COLUMNS))
    return table


def _schema_table(source: LandmarkSource) -> Table:
    table = _table("column", "type", "meaning")
    for column in source.schema:
        if column.name in POINT_COLUMNS and column.name != _FIRST_POINT:
            continue
        name = "x_0 … z_477" if column.name == _FIRST_POINT else column.name
        type_in_file = source.file_schema.field(column.name).type
        meaning = COLUMN_MEANINGS.get(name, "not mien's: kept as it is")
        type_name = _TYPE_NAMES.get(str(type_in_file), str(type_in_file))
        table.add_row(Text(printable(name)), type_name, Text(meaning))
    return table


def _file_facts(source: LandmarkSource) -> Iterator[tuple[str, str]]:
    """What the file says of its making."""
    told = source.metadata
    yield "schema version", str(told.get("schema_version", f"not told; read as {SCHEMA_VERSION}"))
    yield "extractor", str(told.get("extractor", "not told"))
    yield "model SHA-256", str(told.get("model_sha256", "not told"))


def _contents(held: Survey) -> Iterator[tuple[str, str]]:
    least, median, most = held.frames_a_clip
    share = 100 * held.rows_without_face / held.rows if held.rows else 0.0
    yield "rows", f"{held.rows:,}"
    yield "without a face", f"{held.rows_without_face:,} ({share:.1f} %)"
    yield "without a label", f"{held.rows_without_label:,}"
    yield "clips", f"{held.clips:,}, of {least:,} to {most:,} frames (median {median:g})"
    yield "missing frames", f"{held.missing_frames:,} frame numbers skipped within clips"
    yield "people", _people(held)
    if held.renamed:
        yield "labels renamed", ", ".join(f"{old} → {new}" for old, new in held.renamed.items())


def _people(held: Survey) -> str:
    if not held.subjects:
        return "not known: no subject column, and the file names tell none"
    names = list(held.subjects)
    shown = ", ".join(names[:_NAMES_SHOWN]) + (", …" if names[_NAMES_SHOWN:] else "")
    origin = {"both": "the subject column and file names"}.get(
        held.subjects_from, held.subjects_from
    )
    return f"{len(names):,} from {origin}: {shown}"


def _class_table(held: Survey) -> Table | Text:
    if not held.labels:
        return Text("no row has an emotion")
    table = _table("emotion", "rows", "share", "", right=("rows", "share"))
    total, most = sum(held.labels.values()), max(held.labels.values())
    for label, count in held.labels.items():
        bar = "█" * max(1, round(_BAR_CELLS * count / most))
        table.add_row(
            Text(printable(label)), f"{count:,}", f"{100 * count / total:.1f} %", Text(bar, "cyan")
        )
    return table


def _leak_style(held: Survey) -> str:
    return "yellow" if held.random_frames_leak else "green"


def _pairs(pairs: Iterator[tuple[str, str]]) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for name, value in pairs:
        table.add_row(Text(name, style="dim"), Text(printable(value)))
    return table


def _list(sentences: list[str], style: str) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 0))
    for sentence in sentences:
        table.add_row(Text("•", style=style), Text(printable(sentence)))
    return table


def _titled(title: str, body: Any) -> Group:
    return Group(Text(), Text(title, style="bold"), Padding(body, (0, 0, 0, 2)))


def _table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in columns:
        table.add_column(name, justify="right" if name in right else "left", overflow="fold")
    return table


def _cell(value: object) -> Text:
    if value is None:
        return Text("null", style="dim")
    return Text(f"{value:.6f}" if isinstance(value, float) else printable(str(value)))
