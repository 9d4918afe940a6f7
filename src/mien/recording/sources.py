"""What there is to extract: files and folders become named clips."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from mien.errors import InputError
from mien.files import is_address, without_credentials
from mien.recording.video import PHOTO_SUFFIXES, VIDEO_SUFFIXES

_NO_UNICODE = re.compile("[\ud800-\udfff]")  # what Python reads such bytes as


@dataclass(frozen=True)
class Source:
    """A recording on disk and the name of its clip."""

    clip: str  # the path below the folder that was given, with forward slashes
    path: Path

    def fingerprint(self) -> dict[str, object]:
        """What tells whether the file is still the one that was read. Empty if it is gone."""
        try:
            status = self.path.stat()
        except OSError:
            return {}
        place = hashlib.sha256(str(self.path.resolve()).encode("utf-8", "surrogateescape"))
        return {
            "bytes": status.st_size,
            "modified_ns": status.st_mtime_ns,
            "place": place.hexdigest()[:16],
        }


def find_sources(paths: str | Path | Iterable[str | Path]) -> list[Source]:
    """The recordings in some files and folders, named and in order.

    paths: one path or several. A clip is named by its path below the folder that
    was given; of several paths, below the deepest folder that holds them all, so
    that equal names in two folders stay two clips. Links to folders are followed.
    Raises InputError when a path does not exist or cannot be read, a folder holds
    no recording, two clips would have one name, or a path is a stream's address.
    """
    given = [_absolute(path) for path in ([paths] if isinstance(paths, str | Path) else paths)]
    if not given:
        raise InputError("nothing to extract: give video files, photos or folders")
    folders = {path for path in given if _is_folder(path)}
    files: dict[Path, None] = {}
    for path in given:
        files.update(dict.fromkeys(_files_below(path) if path in folders else [path]))
    root = _common_folder([path if path in folders else path.parent for path in given])
    sources = [Source(_name(file, root), file) for file in files]
    _check_names(sources)
    return sources


def _absolute(path: str | Path) -> Path:
    if is_address(path):
        shown = without_credentials(str(path))
        raise InputError(f"{shown} is a stream: give it alone to mien extract")
    return Path(os.path.abspath(path))


def _is_folder(path: Path) -> bool:
    """Whether a path is a folder rather than a file. A broken link is a file that fails later."""
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (OSError, ValueError) as error:
        code = getattr(error, "errno", errno.ENOENT)  # a ValueError: no name holds a zero byte
        if code not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            reason = getattr(error, "strerror", None) or error
            raise InputError(f"cannot read {path}: {reason}") from error
        if not os.path.islink(path):
            raise InputError(f"no file or folder at {path}") from error
        return False


def _common_folder(folders: list[Path]) -> str:
    try:
        return os.path.commonpath(folders)
    except ValueError as error:
        drives = ", ".join(sorted({folder.drive for folder in folders if folder.drive}))
        raise InputError(
            f"the paths lie on several drives ({drives}): extract each drive into its own table"
        ) from error


def _files_below(folder: Path) -> list[Path]:
    """Every recording below a folder, each folder once: real folders first, then linked ones."""
    found: list[Path] = []
    visited: set[tuple[int, int]] = set()
    waiting = [str(folder)]
    while waiting:
        linked: list[str] = []
        for top in waiting:
            for place, folders, names in os.walk(top, onerror=_refuse):
                if not _first_visit(place, visited):
                    folders.clear()
                    continue
                below = (os.path.join(place, name) for name in folders)
                linked += [path for path in below if os.path.islink(path)]
                found += [Path(place) / name for name in names if _is_recording(name)]
        waiting = sorted(linked)
    if not found:
        raise InputError(
            f"no video or photo in {folder}: looked for {', '.join(sorted(VIDEO_SUFFIXES))} "
            f"and {', '.join(sorted(PHOTO_SUFFIXES))}"
        )
    return sorted(found)


def _refuse(error: OSError) -> NoReturn:
    raise InputError(f"cannot read folder {error.filename}: {error.strerror or error}") from error


def _first_visit(place: str, visited: set[tuple[int, int]]) -> bool:
    try:
        status = os.stat(place)
    except OSError as error:
        _refuse(error)
    key = (status.st_dev, status.st_ino)
    is_new = key not in visited
    visited.add(key)
    return is_new


def _is_recording(name: str) -> bool:
    return Path(name).suffix.lower() in VIDEO_SUFFIXES | PHOTO_SUFFIXES and name[0] != "."


def _check_names(sources: list[Source]) -> None:
    by_clip: dict[str, Path] = {}
    for source in sources:
        other = by_clip.setdefault(source.clip, source.path)
        if other != source.path:
            raise InputError(
                f"two files would be the clip {source.clip!r}: {other} and {source.path}; "
                "rename one"
            )


def _name(file: Path, root: str) -> str:
    """The path below a folder. A byte that is no Unicode is written %FF, as in an address.

    Not with a backslash, which parts folders on Windows: such a name would lead outside.
    """
    name = file.relative_to(root).as_posix()
    return _NO_UNICODE.sub(_escape, name)


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"%{code - 0xDC00:02X}" if 0xDC80 <= code <= 0xDCFF else f"%u{code:04X}"
