"""`mien fetch`: the public landmark table, or CREMA-D's videos, into a folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mien.corpora import crema_d
from mien.corpora.downloads import Progress, RemoteFile, download, is_there
from mien.corpora.hub import PublicTable, find_table
from mien.corpora.lfs import Pointer, locate
from mien.corpora.web import NotAvailable, Patience, Unreachable
from mien.errors import InputError
from mien.files import take_lock, without_credentials


@dataclass(frozen=True)
class FetchedFile:
    """A file that is now there, whole and checked."""

    path: Path
    size_bytes: int
    sha256: str
    source: str  # without credentials
    is_new: bool  # False where it was there already


@dataclass
class Fetched:
    """What was fetched, under which licence, and what to cite for it."""

    licence: str
    citations: tuple[str, ...]
    files: list[FetchedFile] = field(default_factory=list)
    revision: str | None = None  # the data set's commit
    failures: dict[str, str] = field(default_factory=dict)  # clip -> reason


def fetch(
    *,
    clips: Iterable[str] = (),
    out: str | Path = ".",
    csv: bool = False,
    revision: str | None = None,
    token: bool | str = False,
    endpoint: str | None = None,
    repository: crema_d.Repository | None = None,
    patience: Patience | None = None,
    on_progress: Progress = lambda *_: None,
) -> Fetched:
    """Fetch the public landmark table, or with `clips` those CREMA-D videos, into a folder.

    The same call goes on where an interrupted one stopped. A file stands under
    its name only when it is whole and its SHA-256 is the one its repository
    states; a file that is there already is checked and kept.

    clips: names such as 1001_DFA_ANG_XX, with or without .flv. csv, revision,
    token, endpoint: of the table, see mien.corpora.hub.find_table; no token is
    sent unless asked. repository: where the clips come from, else CREMA-D's own.
    on_progress is told what is done, the bytes so far and in all.
    Raises InputError; a clip that its repository does not give is in `failures`.
    """
    if isinstance(clips, str):
        clips = [clips]
    names = list(dict.fromkeys(crema_d.clip_file(name) for name in clips))
    run = _Run(Path(out), patience or Patience(), on_progress)
    if names and (csv or revision or token):
        raise InputError("clips come from CREMA-D's repository: csv, revision and token do not fit")
    if names:
        return _fetch_clips(names, repository or crema_d.CREMA_D, run)
    return _fetch_table(
        find_table(
            csv=csv, revision=revision, token=token, endpoint=endpoint, patience=run.patience
        ),
        run,
    )


@dataclass(frozen=True)
class _Run:
    """What is the same for all files of a run."""

    out: Path
    patience: Patience
    on_progress: Progress

    @property
    def parts(self) -> Path:
        return self.out / ".mien-fetch"


def _fetch_table(table: PublicTable, run: _Run) -> Fetched:
    file = table.file
    path = run.out / file.name
    source = without_credentials(file.address)
    with _hold(run):
        is_new = not is_there(path, size_bytes=file.size_bytes, wanted_sha256=file.sha256)
        if is_new:
            _download(file, run)
    fetched = FetchedFile(path, file.size_bytes, file.sha256, source, is_new)
    return Fetched(table.licence, table.citations, [fetched], table.revision)


def _fetch_clips(names: list[str], repository: crema_d.Repository, run: _Run) -> Fetched:
    result = Fetched(crema_d.LICENCE, (crema_d.CITATION,))
    with _hold(run):
        for name in names:
            try:
                result.files.append(_fetch_clip(name, repository, run))
            except NotAvailable as error:
                result.failures[name] = str(error)
    return result


def _fetch_clip(name: str, repository: crema_d.Repository, run: _Run) -> FetchedFile:
    clip = crema_d.find_clip(name, repository=repository, patience=run.patience)
    path = run.out / name
    is_new = not is_there(path, size_bytes=clip.size_bytes, wanted_sha256=clip.sha256)
    if is_new:
        _download_clip(name, clip, repository, run)
    source = without_credentials(f"{repository.pointers}/{name}")
    return FetchedFile(path, clip.size_bytes, clip.sha256, source, is_new)


def _download_clip(name: str, clip: Pointer, repository: crema_d.Repository, run: _Run) -> None:
    """Download from the first of the LFS servers that gives the clip."""
    refusals: list[NotAvailable | Unreachable] = []
    for server in repository.lfs_servers:
        try:
            return _download(locate(clip, name=name, server=server, patience=run.patience), run)
        except (NotAvailable, Unreachable) as error:
            refusals.append(error)
    raise type(refusals[-1])("; ".join(str(error) for error in refusals))


def _download(file: RemoteFile, run: _Run) -> None:
    download(
        file,
        run.out / file.name,
        parts=run.parts,
        patience=run.patience,
        on_progress=run.on_progress,
    )


@contextmanager
def _hold(run: _Run) -> Iterator[None]:
    """Keep the folder of unfinished files for one process; it goes when it is empty."""
    lock = take_lock(
        run.parts / "lock",
        busy=f"another mien fetch is writing into {run.out}: wait for it",
        cannot=f"cannot write into {run.out}",
    )
    try:
        yield
    finally:
        lock.release()
        if not any(run.parts.glob("*.part")):
            shutil.rmtree(run.parts, ignore_errors=True)
