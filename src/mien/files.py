"""Files that are whole or absent: nothing half-written under a final name."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mien.errors import InputError

if TYPE_CHECKING:
    from filelock import FileLock

_ADDRESS = re.compile(r"^[a-z][a-z0-9+.-]+:/{1,2}", re.IGNORECASE)
_ADDRESS_IN_TEXT = re.compile(r"\b[a-z][a-z0-9+.-]+:/{1,2}(?:[^\n]*@)?[^\s'\"<>]*", re.IGNORECASE)
_SQLITE = b"SQLite format 3\0"


@contextmanager
def replacing(path: str | Path, *, flush: bool = True) -> Iterator[Path]:
    """Give a temporary path beside `path`; move it there when the block ends well.

    The data is flushed to the disk before the move, so a power cut leaves the
    old file or the new one; without `flush` (120 ms saved on a slow disk) a kill
    does, but a power cut may leave a damaged one. The temporary file goes when
    the block raises.

    Raises InputError when the folder cannot be written or the disk is full.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_write(path, error) from error
    try:
        yield temporary
        if flush:
            with open(temporary, "rb+") as handle:
                os.fsync(handle.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if error.filename not in (None, str(temporary)):
            raise  # the block's own, about another file
        raise _cannot_write(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def _cannot_write(path: Path, error: OSError) -> InputError:
    return InputError(f"cannot write {path}: {error.strerror or error}")


def take_lock(path: Path, *, busy: str, cannot: str) -> FileLock:
    """Hold a lock file, its folder made if need be, until it is released; nobody waits for it.

    Raises InputError: `busy` where another process holds it, else `cannot` and the reason.
    """
    from filelock import FileLock, Timeout  # 80 ms, which most verbs can do without

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise InputError(busy) from error
    except OSError as error:
        raise InputError(f"{cannot}: {error.strerror or error}") from error
    return lock


def sha256(path: str | Path) -> str:
    """The SHA-256 of a file, read in pieces, as 64 hexadecimal digits."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def is_sqlite(path: str | Path) -> bool:
    """Whether a file begins as a database of SQLite does. Raises OSError."""
    with open(path, "rb") as handle:
        return handle.read(len(_SQLITE)) == _SQLITE


def is_address(source: str | Path) -> bool:
    """Whether a source is a stream address rather than a path, slashes lost or not.

    >>> is_address("rtsp://10.0.0.5/bed3"), is_address(Path("rtsp://10.0.0.5/bed3"))
    (True, True)
    >>> is_address("clips/a.flv"), is_address("C:/a.mp4")
    (False, False)
    """
    return bool(_ADDRESS.match(str(source)))


def without_credentials(address: str) -> str:
    """An address that may be stored or printed: no user, password, query or fragment.

    Cameras take passwords before the host, in the query and in the path, and
    people do not escape them. So all up to the last @ goes, and each part of
    the path that holds = ; or &. Too much may go; a password never stays.

    >>> without_credentials("rtsp://nurse:sec/r#et@10.0.0.5:554/bed3?token=abc")
    'rtsp://10.0.0.5:554/bed3'
    >>> without_credentials("rtsp://10.0.0.5/user=admin&password=secret/live")
    'rtsp://10.0.0.5/live'
    """
    scheme, _, rest = address.partition(":")
    place = re.split(r"[?#]", rest.rpartition("@")[2].lstrip("/"))[0]
    kept = [part for part in place.split("/") if not re.search(r"[=;&]", part)]
    return f"{scheme}://{'/'.join(kept)}"


def redacted(text: str) -> str:
    """Text, such as a library's message, with every address in it stripped.

    >>> redacted("cannot open rtsp://a:b@host/x: refused")
    'cannot open rtsp://host/x: refused'
    """
    return _ADDRESS_IN_TEXT.sub(lambda match: without_credentials(match.group()), text)
