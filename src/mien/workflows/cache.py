"""What large tables left in the cache: list it, check it, clear it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from mien.corpora.cache import Entry, cache_folder, clear, entries, verify
from mien.errors import InputError


@dataclass(frozen=True)
class Cache:
    """The cache as it is now. `differences`: table -> what verifying found."""

    folder: Path
    entries: list[Entry]
    freed_bytes: int
    differences: dict[str, str]


def cache(
    table: str | Path | None = None, *, verify_content: bool = False, clear_entries: bool = False
) -> Cache:
    """The matrices that large tables were read into; of one table, or of all.

    verify_content: read each table whole and compare its SHA-256 with the one that
    its matrix was made from, and the matrix with its own. clear_entries: remove
    them; they are built again when needed.
    Raises InputError when `table` has none.
    """
    wanted = None if table is None else Path(os.path.abspath(table))
    found = [entry for entry in entries() if wanted in (None, entry.table)]
    if wanted is not None and not found:
        raise InputError(f"{table} has no matrix in {cache_folder()}: only large tables do")
    freed = clear(wanted) if clear_entries else 0
    left = [entry for entry in found if entry.folder.is_dir()]
    differences = {}
    if verify_content:
        whole = [entry for entry in left if entry.is_whole]
        differences = {str(e.table): told for e in whole if (told := verify(e)) is not None}
    return Cache(cache_folder(), left, freed, differences)
