"""Event logs of the watch as files: JSON Lines, an event a line, whole or absent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from mien.errors import InputError, LogError
from mien.files import replacing
from mien.risk.events import WARD, Event
from mien.risk.lines import from_line, to_line

TRUTH_SUFFIX = ".truth.jsonl"  # beside a simulated stay's table
LOG_SUFFIXES = frozenset([".jsonl", ".ndjson"])


def is_log(path: str | Path) -> bool:
    return Path(path).suffix.lower() in LOG_SUFFIXES


def read_log(path: str | Path, *, may_be_cut: bool = False) -> Iterator[tuple[int, Event]]:
    """The events of a log and their lines, in its order.

    may_be_cut: a last line without an end, as a crash or a full disk leaves it, is left out.
    Raises InputError, or LogError naming the line.
    """
    with _opened(path) as handle:
        for number, line in enumerate(handle, start=1):
            if not line.strip():
                continue
            try:
                yield number, from_line(line)
            except LogError as error:
                if may_be_cut and not line.endswith("\n"):
                    return
                raise LogError(f"{path} line {number}: {error}") from None


def refuse_truth(path: str | Path) -> None:
    """Raises InputError for what lies beside a simulated stay, and is no log."""
    if str(path).endswith(TRUTH_SUFFIX):
        table = Path(path).name.removesuffix(TRUTH_SUFFIX)
        raise InputError(
            f"{path} is what mien simulate --stay scripted, not an event log: replay the table "
            f"beside it ({table}.parquet or {table}.csv)"
        )


@contextmanager
def _opened(path: str | Path) -> Iterator[IO[str]]:
    try:
        with open(path, encoding="utf-8") as handle:
            yield handle
    except UnicodeDecodeError as error:
        raise LogError(f"{path} is not text in UTF-8: an event log is JSON Lines") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def patients_in(path: str | Path) -> list[str]:
    """Whose events a log holds. Lines that are none are left out: read_log says what they are."""
    found = set()
    with _opened(path) as handle:
        for line in handle:
            with suppress(ValueError, KeyError, TypeError, RecursionError):
                found.add(json.loads(line)["patient"])
    return sorted(name for name in found if isinstance(name, str) and name != WARD)


def refuse_empty(path: str | Path) -> None:
    """For a log without anything from outside, as an alert log is. Raises LogError."""
    raise LogError(
        f"{path} holds no ticks or windows, so nothing follows from it: give the event log "
        "(mien replay --log), not an alert log"
    )


class LogWriter:
    """Writes events to a log, or nowhere."""

    def __init__(self, handle: IO[str] | None) -> None:
        self._handle = handle

    def write(self, events: list[Event]) -> None:
        if self._handle is not None:
            self._handle.writelines(f"{to_line(event)}\n" for event in events)


@contextmanager
def writing_log(path: str | Path | None) -> Iterator[LogWriter]:
    """A writer whose file is there when the block ends well, and else is as it was."""
    if path is None:
        yield LogWriter(None)
        return
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8") as handle:
        yield LogWriter(handle)


def check_log_path(path: str | Path) -> Path:
    """Raises InputError unless it can be a log's."""
    if not is_log(path):
        raise InputError(f"{path}: an event log ends in .jsonl")
    if Path(path).is_dir():
        raise InputError(f"{path} is a folder: give the name of a file in it")
    return Path(path)
