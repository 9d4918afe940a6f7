"""Folds of people on disk, so that others hold out the very same ones.

A JSON object: `format`, `version`, `method`, `seed`, `table_sha256` (null when unknown)
and `folds`, the people of each fold by name. Nothing depends on the order of a table's
rows or on the version of a library.

Shapes: N rows.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mien.corpora.splits import Split, person_disjoint
from mien.errors import InputError, TableError
from mien.files import replacing

FORMAT, VERSION = "mien folds", 1
METHOD = "person-disjoint, stratified by label"
_KEYS = ("format", "version", "method", "seed", "table_sha256", "folds")
_SHOWN = 5


@dataclass(frozen=True)
class FrozenFolds:
    """Which people are held out together, and how that was dealt."""

    folds: tuple[tuple[str, ...], ...]  # people of each fold, sorted
    seed: int
    table_sha256: str | None = None
    method: str = METHOD

    @property
    def people(self) -> set[str]:
        return {person for fold in self.folds for person in fold}

    def splits(
        self,
        subjects: Sequence[str | None] | np.ndarray,
        *,
        table_sha256: str | None = None,
    ) -> list[Split]:
        """The same folds over a table's rows. Rows whose subject is None are in no fold.

        subjects: N. table_sha256: of this table, to say whether it is the one that was frozen.
        People of the folds whom the table lacks are no harm while each fold keeps somebody.
        Raises TableError when a person is in no fold or a fold has nobody left.
        """
        number = {person: fold for fold, people in enumerate(self.folds) for person in people}
        known = np.array([row for row, who in enumerate(subjects) if who is not None], int)
        names = [str(subjects[row]) for row in known]
        self._check(set(names), table_sha256)
        fold_of = np.array([number[name] for name in names], int)
        return [
            Split(known[fold_of != fold], known[fold_of == fold]) for fold in range(len(self.folds))
        ]

    def _check(self, held: set[str], table_sha256: str | None) -> None:
        other = (
            f" The folds were frozen from a table of SHA-256 {self.table_sha256}, this one has "
            f"{table_sha256}."
            if self.table_sha256 and table_sha256 and self.table_sha256 != table_sha256
            else ""
        )
        missing = sorted(held - self.people)
        if missing:
            raise TableError(
                f"the frozen folds lack {len(missing):,} of the table's {len(held):,} people "
                f"({_some(missing)}), and hold {len(self.people - held):,} that the table lacks"
                f"{_in_brackets(sorted(self.people - held))}: freeze the folds again.{other}"
            )
        for fold, people in enumerate(self.folds):
            if not held & set(people):
                raise TableError(
                    f"the table has nobody of frozen fold {fold} ({_some(people)}): "
                    f"freeze the folds again.{other}"
                )


def freeze_folds(
    labels: Sequence[str] | np.ndarray,
    *,
    subjects: Sequence[str | None] | np.ndarray,
    folds: int,
    seed: int,
    table_sha256: str | None = None,
) -> FrozenFolds:
    """Deal people into folds as splits.person_disjoint does, to be kept.

    labels, subjects: N each. Raises TableError with fewer than two people.
    """
    dealt = person_disjoint(labels, subjects=subjects, folds=folds, seed=seed)
    people = np.asarray(subjects, object)
    named = tuple(tuple(sorted({str(who) for who in people[split.test]})) for split in dealt)
    return FrozenFolds(named, seed, table_sha256)


def write_folds(frozen: FrozenFolds, path: str | Path) -> Path:
    """Write folds as JSON, whole or not at all. Raises InputError when that is impossible."""
    stored = {
        "format": FORMAT,
        "version": VERSION,
        "method": frozen.method,
        "seed": frozen.seed,
        "table_sha256": frozen.table_sha256,
        "folds": [list(people) for people in frozen.folds],
    }
    with replacing(path) as temporary:
        temporary.write_text(
            json.dumps(stored, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )
    return Path(path)


def read_folds(path: str | Path) -> FrozenFolds:
    """Read what write_folds wrote, strictly.

    Raises InputError when there is no such file, it is of another format or version, or
    it holds a person in two folds.
    """
    path = Path(path)
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"no folds at {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is no JSON in UTF-8: {error}") from error
    _check_header(stored, path)
    return FrozenFolds(
        _people(stored["folds"], path), stored["seed"], stored["table_sha256"], stored["method"]
    )


def _check_header(stored: Any, path: Path) -> None:
    if not isinstance(stored, dict) or stored.get("format") != FORMAT:
        raise InputError(f"{path} holds no folds: wanted an object whose format is {FORMAT!r}")
    if stored.get("version") != VERSION:
        raise InputError(
            f"{path} has version {stored.get('version')!r}, this mien reads {VERSION}: "
            "freeze the folds again"
        )
    differing = sorted(set(stored) ^ set(_KEYS))
    if differing:
        raise InputError(f"{path} lacks or has too much: {', '.join(map(repr, differing))}")
    for name, kinds in (("method", str), ("seed", int), ("table_sha256", str | None)):
        if not isinstance(stored[name], kinds) or isinstance(stored[name], bool):
            raise InputError(f"{path}: {name} cannot be {stored[name]!r}")


def _people(folds: Any, path: Path) -> tuple[tuple[str, ...], ...]:
    if not isinstance(folds, list) or len(folds) < 2:
        raise InputError(f"{path}: folds must be a list of two or more lists of people")
    place: dict[str, int] = {}
    for number, fold in enumerate(folds):
        if not isinstance(fold, list) or not fold or not all(isinstance(p, str) for p in fold):
            raise InputError(f"{path}: fold {number} must be a list of one or more people's names")
        for person in fold:
            if person in place:
                raise InputError(f"{path}: {person!r} is in fold {place[person]} and in {number}")
            place[person] = number
    return tuple(tuple(sorted(fold)) for fold in folds)


def _some(people: Sequence[str]) -> str:
    shown = ", ".join(map(repr, people[:_SHOWN]))
    return shown + (f" and {len(people) - _SHOWN:,} more" if len(people) > _SHOWN else "")


def _in_brackets(people: Sequence[str]) -> str:
    return f" ({_some(people)})" if people else ""
