"""The cache of matrices: each large table's, built once and mapped from then on.

An entry is a folder that gets its name when all of it is on disk and loses it
before any of it goes, so it is whole or absent. matrix.json says what it was
made from. Its key is the table's path, size, time and Parquet footer; the
SHA-256 of the whole file is taken while building and checked by verify().
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

FORMAT = 2  # raised when the files of an entry change
FOLDER_VARIABLE = "MIEN_CACHE"
_WHOLE, _BUILDING, _REMOVED = ".matrix", ".building", ".removed"  # how an entry's folder ends
_ABOUT = "matrix.json"
_OWN_FILES = frozenset([_ABOUT, POINTS_FILE, ROWS_FILE])
_LARGE_BYTES = 64 << 20
_CSV_BYTES_A_BYTE = 2  # of float32, about; the public table's text is five times as long
_SPARE_BYTES = 256 << 20  # left free on the disk
_UNREADABLE = (OSError, ValueError, KeyError, TypeError, pa.ArrowException)


@dataclass(frozen=True)
class Entry:
    """One entry of the cache, as its own matrix.json describes it."""

    folder: Path
    table: Path
    rows: int
    bytes: int
    made_s: float  # seconds since 1970
    sha256: str
    is_whole: bool  # False: being built, or left by a run that was killed
    is_current: bool  # the table is there and unchanged, by size, time and footer


def cache_folder() -> Path:
    """Where matrices are kept: $MIEN_CACHE, or the user's cache folder."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named) if named else platformdirs.user_cache_path("mien") / "matrices"


def open_matrix(source: LandmarkSource, *, on_rows: OnRows = lambda done, total: None) -> Matrix:
    """The matrix of a table: mapped if it was built before, else built first.

    Two processes that ask for one table build it once: the second waits. An
    entry that cannot be read is built again.
    Raises TableError when the table cannot be read to its end, InputError when
    the cache cannot be written or the disk is too full.
    """
    key = _key(source.path)
    folder = cache_folder() / f"{_name(source.path, key)}{_WHOLE}"
    found = _mapped(folder)
    if found is None:
        with _locked(folder):
            found = _mapped(folder)  # another process may have built it meanwhile
            if found is None:
                _drop(folder)
                _build(source, key, folder, on_rows)
                found = _mapped(folder)
    if found is None:
        raise _cannot_keep(folder.parent, f"{folder.name} cannot be read back")
    return found


def is_large(source: LandmarkSource) -> bool:
    """Whether a table is worth a matrix on disk: its points would take more than 64 MB."""
    if source.row_count is not None:
        return source.row_count * ROW_BYTES > _LARGE_BYTES
    return source.path.stat().st_size > _CSV_BYTES_A_BYTE * _LARGE_BYTES


def entries() -> list[Entry]:
    """What the cache holds, the newest first."""
    found = [entry for folder in _folders() if (entry := _entry(folder)) is not None]
    return sorted(found, key=lambda entry: -entry.made_s)


def verify(entry: Entry) -> str | None:
    """What differs between an entry and its table, by whole content; None when nothing does."""
    if not entry.table.is_file():
        return f"{entry.table} is gone"
    if sha256(entry.table) != entry.sha256:
        return f"{entry.table} has other content than when the matrix was made"
    try:
        files = json.loads((entry.folder / _ABOUT).read_text(encoding="utf-8"))["files"]
        altered = [name for name in files if sha256(entry.folder / name) != files[name]]
    except _UNREADABLE:
        return f"{entry.folder} is not whole"
    return f"{entry.folder / altered[0]} was altered" if altered else None


def clear(table: Path | None = None) -> int:
    """Remove every entry, or those of one table. Returns the bytes freed.

    What a process is building is left alone, and on Windows what one has mapped;
    elsewhere that stays readable to it.
    """
    wanted = None if table is None else Path(os.path.abspath(table))
    freed = 0
    for folder in _folders():
        entry = _entry(folder)
        if wanted is not None and (entry is None or entry.table != wanted):
            continue
        size = _size(folder)
        freed += size if _drop_unlocked(folder) else 0
    return freed


def _folders() -> list[Path]:
    """The folders in the cache that are mien's: by their name and by what is in them."""
    return [
        folder
        for ending in (_WHOLE, _BUILDING, _REMOVED)
        for folder in sorted(cache_folder().glob(f"*{ending}/"))
        if {file.name for file in folder.glob("*")} <= _OWN_FILES
    ]


def _entry(folder: Path) -> Entry | None:
    """An entry as its matrix.json tells it; None where that is missing or broken."""
    try:
        told = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
        key = told["key"]
        return Entry(
            folder,
            Path(key["path"]),
            rows=int(told.get("rows", 0)),
            bytes=_size(folder),
            made_s=float(told["made_s"]),
            sha256=str(told.get("sha256", "")),
            is_whole=folder.suffix == _WHOLE,
            is_current=_is_current(key),
        )
    except _UNREADABLE:
        return None


def _is_current(key: dict[str, Any]) -> bool:
    try:
        return _key(Path(key["path"])) == key
    except TableError:
        return False


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("*"))


def _mapped(folder: Path) -> Matrix | None:
    try:
        about = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
        return map_matrix(folder, sha256=about["sha256"])
    except _UNREADABLE:
        return None


def _drop_unlocked(folder: Path) -> bool:
    """Remove an entry unless a process is building it. Returns whether it is gone."""
    try:
        with _locked(folder, wait=False):
            return _drop(folder)
    except Timeout:
        return False


def _drop(folder: Path) -> bool:
    """Remove an entry. Its name goes first, so a kill half-way leaves no half of it under that.

    Returns whether it is gone: on Windows what a process has mapped stays.
    """
    gone = folder.with_suffix(_REMOVED)
    try:
        if folder != gone:
            shutil.rmtree(gone, ignore_errors=True)
            os.replace(folder, gone)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    shutil.rmtree(gone, ignore_errors=True)
    return not gone.exists()


def _key(path: Path) -> dict[str, Any]:
    """What says that a table is the same without reading it whole. Raises TableError."""
    try:
        facts = path.stat()
        footer = _footer_digest(path)
    except OSError as error:
        raise TableError(f"{path} cannot be read: {error.strerror or error}") from error
    return {
        "path": os.path.abspath(path),
        "size": facts.st_size,
        "mtime_ns": facts.st_mtime_ns,
        "footer": footer,
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


@contextmanager
def _locked(folder: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold an entry, whatever its folder's name ends in. The lock's own file stays for good:
    one that is removed could be held by two."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder.with_suffix(".lock"))
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
        f"cannot keep the matrix under {folder}: {reason}; make room (mien cache --clear), or set "
        f"{FOLDER_VARIABLE} to another folder"
    )


def _build(source: LandmarkSource, key: dict[str, Any], folder: Path, on_rows: OnRows) -> None:
    """Make an entry. Held by one process at a time; what a killed one left is begun again."""
    building = folder.with_suffix(_BUILDING)
    shutil.rmtree(building, ignore_errors=True)
    try:
        building.mkdir(parents=True)
        about: dict[str, Any] = {"key": key, "made_s": time.time()}
        _tell(building, about)
        _check_room(building, source)
        with ThreadPoolExecutor(1) as hasher:
            content = hasher.submit(_content_hash, source.path)
            surveyor = write_points(source, building / POINTS_FILE, on_rows)
            about["sha256"] = content.result()
        if _key(source.path) != key:
            raise TableError(f"{source.path} changed while it was read: try again")
        write_rows(surveyor, building / ROWS_FILE)
        about["rows"] = len(surveyor.rows())
        about["files"] = {name: sha256(building / name) for name in (POINTS_FILE, ROWS_FILE)}
        _tell(building, about)
        for name in (ROWS_FILE, _ABOUT):  # the points are on the disk by now
            with open(building / name, "rb+") as handle:
                os.fsync(handle.fileno())
        os.replace(building, folder)
    except OSError as error:
        raise _cannot_keep(folder.parent, error.strerror or str(error)) from error
    finally:
        shutil.rmtree(building, ignore_errors=True)
    for entry in entries():  # of a state of the table that no longer is
        if entry.table == Path(key["path"]) and not entry.is_current:
            _drop_unlocked(entry.folder)


def _tell(folder: Path, about: dict[str, Any]) -> None:
    (folder / _ABOUT).write_text(json.dumps(about, indent=2), encoding="utf-8")


def _content_hash(table: Path) -> str:
    try:
        return sha256(table)
    except OSError as error:
        raise TableError(f"{table} cannot be read: {error.strerror or error}") from error


def _check_room(folder: Path, source: LandmarkSource) -> None:
    rows = source.row_count
    size = source.path.stat().st_size // _CSV_BYTES_A_BYTE if rows is None else rows * ROW_BYTES
    free = shutil.disk_usage(folder).free
    if size + _SPARE_BYTES > free:
        raise _cannot_keep(
            folder.parent, f"it needs {size / 1e9:.1f} GB, {free / 1e9:.1f} are free"
        )
