"""Git LFS, as far as fetching goes: what a pointer file says, and where its bytes are.

https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md (pointers),
docs/api/batch.md and docs/api/basic-transfers.md (the batch API).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from mien.corpora.downloads import RemoteFile
from mien.corpora.web import NotAvailable, Patience, ask, check_step
from mien.files import without_credentials

MEDIA_TYPE = "application/vnd.git-lfs+json"
_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n"
    rb"oid sha256:(?P<oid>[0-9a-f]{64})\nsize (?P<size>[1-9][0-9]{0,14})\n?"
)


@dataclass(frozen=True)
class Pointer:
    """What stands in a Git repository for a file that LFS keeps."""

    sha256: str
    size_bytes: int


def read_pointer(address: str, *, patience: Patience) -> Pointer:
    """Fetch and read a pointer file. Raises NotAvailable when it is none."""
    match = _POINTER.fullmatch(ask(address, patience=patience))
    if match is None:
        raise NotAvailable(f"{without_credentials(address)} is not a Git LFS pointer")
    return Pointer(match["oid"].decode(), int(match["size"]))


def locate(pointer: Pointer, *, name: str, server: str, patience: Patience) -> RemoteFile:
    """Ask an LFS server where a pointer's bytes are.

    server: the repository's address with .git/info/lfs. Raises NotAvailable when
    the server does not have the file or will not give it, over its quota say.
    """
    wanted = {"oid": pointer.sha256, "size": pointer.size_bytes}
    question = {
        "operation": "download",
        "transfers": ["basic"],
        "objects": [wanted],
        "hash_algo": "sha256",
    }
    reply = ask(
        f"{server}/objects/batch",
        headers={"Accept": MEDIA_TYPE, "Content-Type": MEDIA_TYPE},
        data=json.dumps(question).encode(),
        patience=patience,
    )
    action = _download_action(reply, pointer, server)
    check_step(action["href"], since=server)
    headers = {str(key): str(text) for key, text in (action.get("header") or {}).items()}
    return RemoteFile(name, action["href"], pointer.size_bytes, pointer.sha256, headers)


def _download_action(reply: bytes, pointer: Pointer, server: str) -> dict[str, Any]:
    try:
        answer = json.loads(reply)
        found = next(item for item in answer["objects"] if item["oid"] == pointer.sha256)
        if "error" in found:
            error = found["error"]
            raise NotAvailable(
                f"{without_credentials(server)} says {error['code']}: {error['message']}"
            )
        action = found["actions"]["download"]
        if answer.get("transfer", "basic") == "basic" and isinstance(action["href"], str):
            return dict(action)
    except (ValueError, LookupError, TypeError, AttributeError, StopIteration):
        pass
    raise NotAvailable(f"{without_credentials(server)} gave no answer of the Git LFS batch API")
