"""Git LFS and CREMA-D's names: pointers, the batch API, and what is refused before a request."""

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.corpora.crema_d import clip_file
from mien.corpora.lfs import Pointer, locate, read_pointer
from mien.corpora.web import NotAvailable, Patience
from mien.errors import InputError
from tests.corpora.public_servers import ACTION_SECRET, Fault, PublicServer

ONCE = Patience(attempts=1, timeout_s=5.0)
# VideoFlash/1001_DFA_ANG_XX.flv of github.com/CheyneyComputerScience/CREMA-D, commit 02f12b39.
REAL_POINTER = b"""version https://git-lfs.github.com/spec/v1
oid sha256:10dc3fd1f2bc8203657431598bd7dc9312462008f93d08fda786043ae6a8d2f4
size 265922
"""


def test_the_repository_s_own_pointer_names_the_packaged_clip(
    server: PublicServer, clips: list[Path]
) -> None:
    server.pages["/x"] = REAL_POINTER
    pointer = read_pointer(f"{server.address}/x", patience=ONCE)
    packaged = clips[0].read_bytes()
    assert clips[0].name == "1001_DFA_ANG_XX.flv"
    assert pointer == Pointer(hashlib.sha256(packaged).hexdigest(), len(packaged))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"FLV\x01" + b"\0" * 5000,
        b"<html>version https://git-lfs.github.com/spec/v1</html>",
        REAL_POINTER.replace(b"spec/v1", b"spec/v2"),
        REAL_POINTER.replace(b"sha256:10dc", b"sha256:../"),
        REAL_POINTER.replace(b"265922", b"-1"),
        REAL_POINTER.replace(b"265922", b"0"),
        REAL_POINTER + b"more\n",
    ],
)
def test_what_is_no_pointer_is_refused(server: PublicServer, text: bytes) -> None:
    server.pages["/x"] = text
    with pytest.raises(NotAvailable, match="/x is not a Git LFS pointer"):
        read_pointer(f"{server.address}/x", patience=ONCE)


def located(server: PublicServer, pointer: Pointer) -> object:
    batch = f"{server.address}/crema.git/info/lfs"
    return locate(pointer, name="a.flv", server=batch, patience=ONCE)


def test_the_batch_api_tells_where_the_bytes_are(server: PublicServer) -> None:
    digest = server.store(b"video")
    file = located(server, Pointer(digest, 5))
    assert file.address == f"{server.storage}/{digest}"
    assert dict(file.headers) == {"Authorization": ACTION_SECRET}
    assert ACTION_SECRET not in repr(file)
    assert [(r.method, r.path) for r in server.log] == [
        ("POST", "/crema.git/info/lfs/objects/batch")
    ]


def test_an_object_that_the_server_lacks_is_told(server: PublicServer) -> None:
    with pytest.raises(NotAvailable, match="crema.git/info/lfs says 404: Object does not exist"):
        located(server, Pointer("0" * 64, 5))


BAD_ANSWERS = [
    b"<html>log in</html>",
    b"[]",
    b"{}",
    b'{"objects": []}',
    b'{"objects": [{"oid": "OID"}]}',
    b'{"objects": [{"oid": "OID", "error": "no"}]}',
    b'{"objects": [{"oid": "OID", "actions": {"download": {"href": 7}}}]}',
    b'{"objects": [{"oid": "OID", "actions": {"download": {"href": "file:///etc/passwd"}}}]}',
    b'{"objects": [{"oid": "OID", "actions": {"download": {"href": "x", "header": [1]}}}]}',
    b'{"transfer": "ssh", "objects": [{"oid": "OID", "actions": {"download": {"href": "http:"}}}]}',
]


@pytest.mark.parametrize("reply", BAD_ANSWERS)
def test_an_answer_that_is_not_the_batch_api_s_is_refused(
    server: PublicServer, reply: bytes
) -> None:
    digest = server.store(b"video")
    server.fail("/batch", Fault(status=200, body=reply.replace(b"OID", digest.encode())))
    with pytest.raises(NotAvailable):
        located(server, Pointer(digest, 5))


def test_a_repository_over_its_budget_says_so(server: PublicServer) -> None:
    said = {"message": "This repository exceeded its LFS budget."}
    server.fail("/batch", Fault(status=403, body=json.dumps(said).encode()))
    with pytest.raises(NotAvailable, match="answers 403: This repository exceeded its LFS budget"):
        located(server, Pointer("0" * 64, 5))


@pytest.mark.parametrize("name", ["1001_DFA_ANG_XX", "1001_DFA_ANG_XX.flv"])
def test_a_clip_is_named_with_or_without_its_ending(name: str) -> None:
    assert clip_file(name) == "1001_DFA_ANG_XX.flv"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "1001",
        "holiday.flv",
        "01-01-05-02-01-01-12",  # RAVDESS
        "1001_DFA_ANG_XX.mp4",
        "1001_DFA_ANG_XX.flv.flv",
        "1001_DFA_ANG_XX.exe.flv",
        "../1001_DFA_ANG_XX.flv",
        "VideoFlash/1001_DFA_ANG_XX",
        "a\\1001_DFA_ANG_XX",
        "1001_DFA_ANG_XX\n",
        "1001_DFA_ANG_XX?x=1",
        "1001_dfa_ang_xx",
        "١٠٠١_DFA_ANG_XX",
    ],
)
def test_another_name_is_refused_with_how_names_are_built(name: str) -> None:
    with pytest.raises(InputError, match="names no CREMA-D clip: a name is ACTOR_SENTENCE_EMOTION"):
        clip_file(name)


@given(st.text(max_size=30))
def test_no_name_leads_out_of_the_folder(name: str) -> None:
    try:
        file = clip_file(name)
    except InputError:
        return
    assert Path(file).name == file and file.isascii()
