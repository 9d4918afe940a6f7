"""The cache of matrices: each large table's, built once and mapped from then on.

An entry is a folder that gets its name when all of it is on disk, so it is whole
or absent. matrix.json says what it was made from. Its key is the table's path,
size, time and Parquet footer; the SHA-256 of the whole file is taken while
building and checked by verify().
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs
import pyarrow as pa
from filelock import FileLock, Timeout

from mien.corpora.matrix import (
    POINTS_FILE,
    ROW_BYTES,
    ROWS_FILE,
    Matrix,
    OnRows,
    map_matrix,
    write_points,
    write_rows,
)
from mien.errors import InputError, TableError
from mien.files import sha256
from mien.tables import LandmarkSource

FORMAT = 1  # raised when the files of an entry change
FOLDER_VARIABLE = "MIEN_CACHE"
_LARGE_BYTES = 64 << 20
_CSV_BYTES_A_BYTE = 2  # of float32; the shortest texts of its numbers are twice as long
_SPARE_BYTES = 256 << 20  # left free on the disk
_ABOUT = "matrix.json"


@dataclass(frozen=True)
class Entry:
    """One entry of the cache, as its own matrix.json describes it."""

    folder: Path
    table: Path
    rows: int
    bytes: int
    made_s: float  # seconds since 1970
    sha256: str
    is_current: bool  # the table is there and unchanged, by size, time and footer


def cache_folder() -> Path:
    """Where matrices are kept: $MIEN_CACHE, or the user's cache folder."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named) if named else platformdirs.user_cache_path("mien") / "matrices"


def open_matrix(source: LandmarkSource, *, on_rows: OnRows = lambda done, total: None) -> Matrix:
    """The matrix of a table: mapped if it was built before, else built first.

    Two processes that ask for one table build it once: the second waits.
    Raises TableError when the table cannot be read to its end, InputError when
    the cache cannot be written or the disk is too full.
    """
    key = _key(source.path)
    folder = cache_folder() / _name(source.path, key)
    if not (folder / _ABOUT).is_file():
        with _locked(folder):
            if not (folder / _ABOUT).is_file():
                _build(source, key, folder, on_rows)
    try:
        about = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
        return map_matrix(folder, sha256=about["sha256"])
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
        raise TableError(f"{folder} is damaged: mien cache --clear, then try again") from error


def is_large(source: LandmarkSource) -> bool:
    """Whether a table is worth a matrix on disk: its points would take more than 64 MB."""
    if source.row_count is not None:
        return source.row_count * ROW_BYTES > _LARGE_BYTES
    return source.path.stat().st_size > _CSV_BYTES_A_BYTE * _LARGE_BYTES


def entries() -> list[Entry]:
    """What the cache holds, the newest first."""
    found = []
    for about in cache_folder().glob(f"*/{_ABOUT}"):
        if not _is_entry_name(about.parent.name):
            continue  # being built
        try:
            found.append(_entry(about))
        except (OSError, ValueError, KeyError):
            continue  # somebody else's, or being cleared
    return sorted(found, key=lambda entry: -entry.made_s)


def verify(entry: Entry) -> str | None:
    """What differs between an entry and its table, by whole content; None when nothing does."""
    if not entry.table.is_file():
        return f"{entry.table} is gone"
    if sha256(entry.table) != entry.sha256:
        return f"{entry.table} has other content than when the matrix was made"
    if (
        sha256(entry.folder / POINTS_FILE)
        != json.loads((entry.folder / _ABOUT).read_text())["points"]
    ):
        return f"{entry.folder / POINTS_FILE} was altered"
    return None


def clear(table: Path | None = None) -> int:
    """Remove every entry, or those of one table. Returns the bytes freed.

    What a process is building is left alone; what one has mapped stays readable to it.
    """
    freed = 0
    wanted = None if table is None else Path(os.path.abspath(table))
    for folder in sorted(cache_folder().glob("*/")):
        name = folder.name.removesuffix(".building")
        try:
            about = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
            path = Path(about["key"]["path"])
        except (OSError, ValueError, KeyError):
            path = None  # half-built by a run that was killed
        if not _is_entry_name(name) or (wanted is not None and path != wanted):
            continue
        try:
            with _locked(folder.with_name(name), wait=False):
                freed += sum(file.stat().st_size for file in folder.glob("*"))
                shutil.rmtree(folder, ignore_errors=True)
        except Timeout:
            continue
        _lock_path(folder.with_name(name)).unlink(missing_ok=True)
    return freed


def _key(path: Path) -> dict[str, Any]:
    """What says that a table is the same without reading it whole."""
    facts = path.stat()
    return {
        "path": os.path.abspath(path),
        "size": facts.st_size,
        "mtime_ns": facts.st_mtime_ns,
        "footer": _footer_digest(path),
        "format": FORMAT,
    }


def _footer_digest(path: Path) -> str:
    """The SHA-256 of a Parquet file's footer, or of a CSV's first and last 64 KB."""
    with open(path, "rb") as handle:
        size = handle.seek(0, os.SEEK_END)
        handle.seek(max(0, size - 8))
        length = 1 << 16
        head = b""
        if path.suffix.lower() == ".parquet":
            length = int.from_bytes(handle.read(4), "little") + 8
        else:
            handle.seek(0)
            head = handle.read(length)
        handle.seek(max(0, size - length))
        return hashlib.sha256(head + handle.read()).hexdigest()


def _name(path: Path, key: dict[str, Any]) -> str:
    kept = "".join(c if c.isalnum() or c in "-_" else "-" for c in path.stem)[:40]
    return f"{kept}-{hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]}"


def _is_entry_name(name: str) -> bool:
    tail = name.rpartition("-")[2]
    return len(tail) == 16 and set(tail) <= set("0123456789abcdef")


def _lock_path(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")


@contextmanager
def _locked(folder: Path, *, wait: bool = True) -> Iterator[None]:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(_lock_path(folder))
        lock.acquire(timeout=-1 if wait else 0)
    except Timeout:
        raise
    except OSError as error:
        raise _cannot_keep(folder.parent, error.strerror or str(error)) from error
    try:
        yield
    finally:
        lock.release()


def _cannot_keep(folder: Path, reason: str) -> InputError:
    return InputError(
        f"cannot keep the matrix under {folder}: {reason}; "
        f"set {FOLDER_VARIABLE} to a folder with room"
    )


def _build(source: LandmarkSource, key: dict[str, Any], folder: Path, on_rows: OnRows) -> None:
    """Make an entry. Held by one process at a time; what a killed one left is begun again."""
    building = folder.with_name(f"{folder.name}.building")
    shutil.rmtree(building, ignore_errors=True)
    try:
        building.mkdir(parents=True)
        _check_room(building, source)
        with ThreadPoolExecutor(1) as hasher:
            content = hasher.submit(sha256, source.path)
            surveyor = write_points(source, building / POINTS_FILE, on_rows)
            about = {
                "key": key,
                "rows": len(surveyor.rows()),
                "sha256": content.result(),
                "points": sha256(building / POINTS_FILE),
                "made_s": time.time(),
            }
        if _key(source.path) != key:
            raise TableError(f"{source.path} changed while it was read: try again")
        write_rows(surveyor, building / ROWS_FILE)
        (building / _ABOUT).write_text(json.dumps(about, indent=2), encoding="utf-8")
        for path in building.iterdir():
            with open(path, "rb+") as handle:
                os.fsync(handle.fileno())
        os.replace(building, folder)
        _forget_older(Path(key["path"]), folder)
    except OSError as error:
        raise _cannot_keep(folder.parent, error.strerror or str(error)) from error
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _check_room(folder: Path, source: LandmarkSource) -> None:
    rows = source.row_count
    size = source.path.stat().st_size // _CSV_BYTES_A_BYTE if rows is None else rows * ROW_BYTES
    free = shutil.disk_usage(folder).free
    if size + _SPARE_BYTES > free:
        raise _cannot_keep(
            folder.parent, f"it needs {size / 1e9:.1f} GB, {free / 1e9:.1f} are free"
        )


def _forget_older(table: Path, folder: Path) -> None:
    """A table that changed has a matrix of a state that no longer is: remove it."""
    for entry in entries():
        if entry.table == table and entry.folder != folder:
            shutil.rmtree(entry.folder, ignore_errors=True)
            _lock_path(entry.folder).unlink(missing_ok=True)


def _entry(about: Path) -> Entry:
    told = json.loads(about.read_text(encoding="utf-8"))
    table = Path(told["key"]["path"])
    try:
        is_current = _key(table) == told["key"]
    except OSError:
        is_current = False
    size = sum(file.stat().st_size for file in about.parent.glob("*"))
    return Entry(
        about.parent, table, told["rows"], size, told["made_s"], told["sha256"], is_current
    )
