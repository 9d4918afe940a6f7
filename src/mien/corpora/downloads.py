"""Files from the network: gone on with where they stopped, checked, whole or absent.

A file is known by its size and SHA-256. Its bytes gather in a part named by that
hash, so no part is ever continued with another file's bytes; the final name
appears when the hash is right.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPResponse
from pathlib import Path

from mien.corpora.web import NotAvailable, Patience, TryAgain, host_of, opened, pause, read
from mien.errors import InputError
from mien.files import sha256, without_credentials

CHUNK_BYTES = 1 << 18

Progress = Callable[[str, int, int], None]  # doing, bytes done, bytes in all


@dataclass(frozen=True)
class RemoteFile:
    """A file elsewhere, and what it must be. Its headers may hold credentials."""

    name: str
    address: str
    size_bytes: int
    sha256: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        """What a service said becomes paths: nothing in it may lead out of a folder."""
        is_name = self.name not in ("", ".", "..") and not re.search(r"[/\\\0]", self.name)
        if not is_name or self.size_bytes < 1 or not re.fullmatch(r"[0-9a-f]{64}", self.sha256):
            raise NotAvailable(
                f"{host_of(self.address)} describes a file that cannot be: {self.name!r}, "
                f"{self.size_bytes} bytes, SHA-256 {self.sha256!r}"
            )


def is_there(path: Path, *, size_bytes: int, wanted_sha256: str) -> bool:
    """Whether a path holds just this file. Raises InputError when it holds another."""
    if not path.exists():
        return False
    if path.is_file() and path.stat().st_size == size_bytes and sha256(path) == wanted_sha256:
        return True
    raise InputError(f"{path} is there and is another file: move it away or choose another folder")


def download(
    file: RemoteFile,
    path: Path,
    *,
    parts: Path,
    patience: Patience,
    on_progress: Progress = lambda *_: None,
) -> None:
    """Fetch a file to `path`, going on from what an earlier run left in the folder `parts`.

    Raises NotAvailable when the source refuses or its bytes are not the promised
    ones, Unreachable when it does not answer, InputError when the disk is full or
    cannot be written. What came stays in `parts`, unless it is wrong.
    """
    part = parts / f"{file.sha256}.part"
    _check_room(file, part, path)
    with _writing(path):
        _gather(file, part, patience, on_progress)
    on_progress(f"checking {file.name}", file.size_bytes, file.size_bytes)
    _check_bytes(file, part)
    with _writing(path):
        with open(part, "rb+") as handle:
            os.fsync(handle.fileno())
        os.replace(part, path)


def _check_room(file: RemoteFile, part: Path, path: Path) -> None:
    missing = file.size_bytes - _size(part)
    free = shutil.disk_usage(part.parent).free
    if missing > free:
        raise InputError(
            f"{path} needs {missing / 1e9:.1f} GB more and the disk has {free / 1e9:.1f} GB: make "
            "room, or choose another folder"
        )


def _check_bytes(file: RemoteFile, part: Path) -> None:
    found = sha256(part)
    if found != file.sha256:
        part.unlink()
        raise NotAvailable(
            f"{file.name} came with other bytes than promised (SHA-256 {found[:12]}…, not "
            f"{file.sha256[:12]}…) from {without_credentials(file.address)}: nothing was kept; "
            "run the same command again"
        )


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"cannot write {path}: {error.strerror or error}; what came is kept, and the same "
            "command goes on from there"
        ) from error


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _gather(file: RemoteFile, part: Path, patience: Patience, on_progress: Progress) -> None:
    """Bring a part to its full size, over as many connections as it takes."""
    if _size(part) > file.size_bytes:
        part.unlink()
    failures = 0
    while (before := _size(part)) < file.size_bytes:
        try:
            _continue(file, part, before, patience, on_progress)
        except TryAgain as error:
            failures = 1 if _size(part) > before else failures + 1
            on_progress(f"waiting for {host_of(file.address)}", _size(part), file.size_bytes)
            pause(error, failures=failures, address=file.address, patience=patience)


def _continue(
    file: RemoteFile, part: Path, done: int, patience: Patience, on_progress: Progress
) -> None:
    headers = {**file.headers, "Range": f"bytes={done}-"} if done else file.headers
    with (
        opened(file.address, headers=headers, patience=patience) as response,
        open(part, "ab") as handle,
    ):
        done = _first_byte(response, file, done)
        handle.truncate(done)
        while done < file.size_bytes:
            chunk = read(response, min(CHUNK_BYTES, file.size_bytes - done))
            if not chunk:
                raise TryAgain("cut the connection")
            handle.write(chunk)
            handle.flush()
            done += len(chunk)
            on_progress(f"fetching {file.name}", done, file.size_bytes)


def _first_byte(response: HTTPResponse, file: RemoteFile, done: int) -> int:
    """Where the answer's bytes belong: a server may ignore the range and begin anew."""
    start, total = 0, response.headers["Content-Length"]
    if response.status == 206:
        given = response.headers["Content-Range"] or ""
        match = re.fullmatch(r"bytes ([0-9]+)-[0-9]+/([0-9]+|\*)", given.strip())
        if match is None or int(match[1]) != done:
            raise NotAvailable(f"{host_of(file.address)} gave {given!r} of {file.name}, not asked")
        start, total = done, match[2]
    if total is not None and total.isdecimal() and int(total) != file.size_bytes:
        raise NotAvailable(
            f"{file.name} has {total} bytes at {host_of(file.address)}, not the "
            f"{file.size_bytes} promised"
        )
    return start
