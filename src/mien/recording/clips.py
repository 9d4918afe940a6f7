"""The clips that a table names, found below one folder and nowhere else."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path, PureWindowsPath

from mien.corpora.survey import leads_outside
from mien.errors import InputError
from mien.recording.video import Frame, read_frames


def resolve_clip(folder: str | Path, name: str) -> Path | None:
    """The file of a clip that a table names, or None when the folder lacks it.

    A table may come from anyone, so its clip names are not trusted: one that
    leads outside the folder is refused, be it by `..`, an absolute path, a
    drive letter or a symbolic link. Names written on Windows are understood.

    Raises InputError when the folder does not exist or the name leads outside it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"no folder of videos at {folder}")
    _check_name(name, folder)
    for candidate in (folder / name, folder / PureWindowsPath(name).as_posix()):
        if _is_file(candidate):
            _check_inside(candidate, folder, name)
            return candidate
    return None


def frames_at(path: str | Path, *, indices: Collection[int]) -> Iterator[Frame]:
    """Yield the frames of a clip at some 0-based indices, in order, in one pass.

    Decoding stops after the last of them; indices beyond the clip's end are not yielded.
    Raises VideoError when the clip cannot be read as far as that.
    """
    wanted = set(indices)
    if not wanted:
        return
    last = max(wanted)
    for frame in read_frames(path):
        if frame.index in wanted:
            yield frame
        if frame.index >= last:
            return


def _check_name(name: str, folder: Path) -> None:
    if not PureWindowsPath(name).parts or "\0" in name:
        raise InputError(f"the table names a clip {name!r}, wanted a path below {folder}")
    if leads_outside(name):
        raise InputError(
            f"the table names the clip {name!r}, which leads outside {folder}: refused. "
            "Clip names are paths below the folder of videos; correct the table."
        )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long, or a folder that may not be entered
        return False


def _check_inside(candidate: Path, folder: Path, name: str) -> None:
    try:
        is_inside = candidate.resolve(strict=True).is_relative_to(folder.resolve(strict=True))
    except (OSError, RuntimeError) as error:
        raise InputError(f"the clip {name!r} cannot be followed below {folder}: {error}") from error
    if not is_inside:
        raise InputError(
            f"the clip {name!r} is a link that leads outside {folder}: refused. "
            "Put the video itself into the folder, or give the folder where it is."
        )
