"""Rows of a corpus' own CSV table, read strictly: a damaged file is told, never guessed at."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from mien.errors import InputError, LabelError


def read_rows(path: str | Path, columns: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """Each row's line in the file and its cells in some columns, stripped of blanks.

    Blank lines are passed over. Raises InputError when there is no such file, LabelError
    when it is not UTF-8 CSV, lacks a column, or has a row with more or fewer cells.
    """
    path = Path(path)
    reader = csv.reader(io.StringIO(text_of(path), newline=""))
    try:
        header = [name.strip() for name in next(reader, [])]
        places = _places(header, columns, path)
        rows = []
        for row in reader:
            if not row:
                continue
            if len(row) != len(header):
                raise LabelError(
                    f"{path} line {reader.line_num} has {len(row)} cells, its header "
                    f"{len(header)}: the file is damaged, get it again"
                )
            cells = {name: row[place].strip() for name, place in places.items()}
            rows.append((reader.line_num, cells))
    except csv.Error as error:
        raise LabelError(f"{path} cannot be read as CSV: {error}") from error
    if not rows:
        raise LabelError(f"{path} has no rows below its header")
    return rows


def text_of(path: Path, *, what: str = "file") -> str:
    """A table's text, with or without a byte order mark. what: it is called in an error.

    Raises InputError when it cannot be read, LabelError when it is not UTF-8.
    """
    try:
        if not path.is_file():
            raise InputError(f"no {what} at {path}")
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise LabelError(f"{path} is not UTF-8 in line {line}: save it again as UTF-8") from error


def _places(header: list[str], columns: Sequence[str], path: Path) -> dict[str, int]:
    missing = [name for name in columns if name not in header]
    if missing:
        raise LabelError(
            f"{path} lacks the column {', '.join(missing)}; it has {', '.join(header) or 'none'}"
        )
    twice = [name for name in columns if header.count(name) > 1]
    if twice:
        raise LabelError(f"{path} has the column {twice[0]} twice: drop one")
    return {name: header.index(name) for name in columns}
