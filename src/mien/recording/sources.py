"""What there is to extract: files and folders become named clips."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mien.errors import InputError
from mien.recording.video import PHOTO_SUFFIXES, VIDEO_SUFFIXES


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


def find_sources(paths: Iterable[str | Path]) -> list[Source]:
    """The recordings in some files and folders, named and in order.

    A clip is named by its path below the folder that was given; of several paths,
    below the deepest folder that holds them all, so that equal names in two
    folders stay two clips.
    Raises InputError when a path does not exist or a folder holds no recording.
    """
    given = [Path(os.path.abspath(path)) for path in paths]
    if not given:
        raise InputError("nothing to extract: give video files, photos or folders")
    files: dict[Path, None] = {}
    for path in given:
        files.update(dict.fromkeys(_files_below(path) if path.is_dir() else [_existing(path)]))
    root = os.path.commonpath([path if path.is_dir() else path.parent for path in given])
    return [Source(_name(file, root), file) for file in files]


def _existing(path: Path) -> Path:
    if not path.exists() and not path.is_symlink():
        raise InputError(f"no file or folder at {path}")
    return path


def _files_below(folder: Path) -> list[Path]:
    found = [
        Path(place) / name
        for place, _, names in os.walk(folder)
        for name in names
        if Path(name).suffix.lower() in VIDEO_SUFFIXES | PHOTO_SUFFIXES and not name.startswith(".")
    ]
    if not found:
        raise InputError(
            f"no video or photo in {folder}: looked for {', '.join(sorted(VIDEO_SUFFIXES))} "
            f"and {', '.join(sorted(PHOTO_SUFFIXES))}"
        )
    return sorted(found)


def _name(file: Path, root: str) -> str:
    """The path below a folder, with what is no Unicode replaced."""
    name = file.relative_to(root).as_posix()
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
