"""Patients that were watched, kept beside a report that is not there yet: a stop costs one of them.

The file is JSON Lines: first what the patients were watched by, then one a line. A line that was
cut off is not counted, nor is a file of other rules, another simulation or another seed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from pydantic import ValidationError

import mien
from mien.errors import InputError
from mien.evaluation.alarm_measures import Watched
from mien.evaluation.alarm_patients import Asked
from mien.evaluation.stay_windows import STATISTICS_PATH
from mien.files import replacing, sha256, take_lock
from mien.risk.watch import configured


class KeptPatients:
    """Those of a file. Use `keeping`."""

    def __init__(self, found: dict[str, Watched], handle: TextIO | None) -> None:
        self._found = found
        self._handle = handle

    def of(self, asked: Asked) -> Watched | None:
        """What was found of a patient, if it is there."""
        one = self._found.get(asked.name)
        return one if one is not None and _is_of(one, asked) else None

    def add(self, one: Watched) -> None:
        """It is on the disk when this returns."""
        if self._handle is not None:
            self._handle.write(one.model_dump_json() + "\n")
            self._handle.flush()
            os.fsync(self._handle.fileno())


def _is_of(one: Watched, asked: Asked) -> bool:
    same_length = abs(one.length_s - 3600 * asked.hours) < 1
    return same_length and (one.source, one.purpose) == (asked.source, asked.purpose)


def kept_path(out: Path) -> Path:
    return out.with_name(f".{out.name}.patients.jsonl")


@contextmanager
def keeping(out: Path | None, *, seed: int) -> Iterator[KeptPatients]:
    """Patients of a report that is being made; the file goes when the block ends well.

    out: the report's folder; None: nothing is kept. Raises InputError where another process makes
    the same report, or nothing can be written there.
    """
    if out is None:
        yield KeptPatients({}, None)
        return
    path = kept_path(out)
    lock = take_lock(
        path.with_suffix(".lock"),
        busy=f"another process is making {out}: wait for it, or choose another --output",
        cannot=f"cannot write beside {out}",
    )
    try:
        found = _read(path, seed)
        lines = [json.dumps(_made_by(seed)), *(one.model_dump_json() for one in found.values())]
        with replacing(path) as temporary:
            temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        with path.open("a", encoding="utf-8") as handle:
            yield KeptPatients(found, handle)
        path.unlink(missing_ok=True)
    finally:
        lock.release()
        path.with_suffix(".lock").unlink(missing_ok=True)


def _made_by(seed: int) -> dict[str, str | int]:
    """Whatever makes other numbers."""
    return {
        "mien": mien.__version__,
        "config": configured().hash,
        "simulation": sha256(STATISTICS_PATH),
        "seed": seed,
    }


def _read(path: Path, seed: int) -> dict[str, Watched]:
    try:
        first, *lines = path.read_bytes().split(b"\n")
        if json.loads(first) != _made_by(seed):
            return {}
    except (FileNotFoundError, ValueError):
        return {}
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    found = {}
    for line in lines:
        try:
            one = Watched.model_validate_json(line)
        except ValidationError:
            continue
        found[one.patient] = one
    return found
