"""mien.fetch: the table and the clips, over interruptions, kills and two runs at once."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mien.corpora.crema_d import CREMA_D, Repository
from mien.corpora.downloads import CHUNK_BYTES
from mien.corpora.web import NotAvailable, Patience, Unreachable
from mien.errors import InputError
from mien.workflows.fetch import Fetched, fetch
from tests.corpora.public_servers import ACTION_SECRET, COMMIT, SIGNATURE, Fault, PublicServer

CONTENT = bytes(range(256)) * 3000
TABLE = "emotion_landmark_dataset.parquet"
HURRIED = Patience(attempts=3, first_wait_s=0.001, timeout_s=5.0)
ONCE = Patience(attempts=1, timeout_s=5.0)


@pytest.fixture
def server() -> Iterator[PublicServer]:
    with PublicServer() as server:
        server.list_file(TABLE, CONTENT)
        yield server


def fetch_table(server: PublicServer, folder: Path, **options: object) -> Fetched:
    pytest.importorskip("huggingface_hub")
    return fetch(out=folder, endpoint=server.address, **{"patience": HURRIED, **options})


def repository_on(server: PublicServer) -> Repository:
    servers = [f"{server.address}/{name}.git/info/lfs" for name in ("crema", "mirror")]
    return Repository(f"{server.address}/raw", tuple(servers))


def fetch_clips(server: PublicServer, folder: Path, *names: str, **options: object) -> Fetched:
    repository = repository_on(server)
    return fetch(clips=names, out=folder, repository=repository, **{"patience": HURRIED, **options})


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_the_table_comes_whole_with_its_licence(server: PublicServer, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    got = fetch_table(server, tmp_path / "data", on_progress=lambda *what: told.append(what))
    assert (tmp_path / "data" / TABLE).read_bytes() == CONTENT
    assert files_in(tmp_path / "data") == [TABLE]
    assert got.files[0].path == tmp_path / "data" / TABLE and got.files[0].is_new
    assert got.revision == COMMIT and got.licence.startswith("apache-2.0")
    assert (f"fetching {TABLE}", len(CONTENT), len(CONTENT)) in told


def test_an_interrupted_table_is_gone_on_with(server: PublicServer, tmp_path: Path) -> None:
    server.fail("/storage/", Fault(cut_after_bytes=500_000))
    with pytest.raises(Unreachable, match="run the same command again; it goes on from there"):
        fetch_table(server, tmp_path, patience=ONCE)
    assert not (tmp_path / TABLE).exists()
    fetch_table(server, tmp_path, patience=ONCE)
    assert (tmp_path / TABLE).read_bytes() == CONTENT and files_in(tmp_path) == [TABLE]
    first, second = server.asked("/storage/")
    assert second.headers["range"] == "bytes=500000-"
    assert first.sent_bytes + second.sent_bytes == len(CONTENT)


def test_a_table_that_is_there_is_not_sent_again(server: PublicServer, tmp_path: Path) -> None:
    fetch_table(server, tmp_path)
    again = fetch_table(server, tmp_path)
    assert not again.files[0].is_new
    assert len(server.asked("/storage/")) == 1


def test_another_file_of_that_name_stays(server: PublicServer, tmp_path: Path) -> None:
    (tmp_path / TABLE).write_text("mine")
    with pytest.raises(InputError, match="is another file: move it away or choose another folder"):
        fetch_table(server, tmp_path)
    assert (tmp_path / TABLE).read_text() == "mine" and files_in(tmp_path) == [TABLE]


def test_a_table_with_wrong_bytes_is_refused(server: PublicServer, tmp_path: Path) -> None:
    server.store(CONTENT, really=bytes(len(CONTENT)))
    with pytest.raises(NotAvailable, match="other bytes than promised"):
        fetch_table(server, tmp_path)
    assert files_in(tmp_path) == []


def test_clips_come_under_their_names_with_their_licence(
    server: PublicServer, tmp_path: Path, clips: list[Path]
) -> None:
    for clip in clips:
        server.add_clip(clip.name, clip.read_bytes())
    got = fetch_clips(server, tmp_path, clips[0].name, clips[3].stem, clips[3].name)
    assert files_in(tmp_path) == [clips[0].name, clips[3].name]
    assert (tmp_path / clips[3].name).read_bytes() == clips[3].read_bytes()
    assert "ODbL 1.0" in got.licence and "doi:10.1109/TAFFC.2014.2336244" in got.citations[0]
    assert [file.source for file in got.files] == [
        f"{server.address}/raw/{clip.name}" for clip in (clips[0], clips[3])
    ]
    again = fetch_clips(server, tmp_path, clips[0].name)
    assert not again.files[0].is_new and len(server.asked("/storage/")) == 2


def test_an_interrupted_clip_is_gone_on_with(server: PublicServer, tmp_path: Path) -> None:
    server.add_clip("1001_DFA_ANG_XX.flv", CONTENT)
    server.fail("/storage/", *[Fault(cut_after_bytes=300_000)] * 2)  # both servers' answers
    with pytest.raises(Unreachable, match="cut the connection"):
        fetch_clips(server, tmp_path, "1001_DFA_ANG_XX", patience=ONCE)
    assert not (tmp_path / "1001_DFA_ANG_XX.flv").exists()
    fetch_clips(server, tmp_path, "1001_DFA_ANG_XX", patience=ONCE)
    assert (tmp_path / "1001_DFA_ANG_XX.flv").read_bytes() == CONTENT
    asked = server.asked("/storage/")
    assert [r.headers.get("range") for r in asked] == [None, "bytes=300000-", "bytes=600000-"]
    assert sum(request.sent_bytes for request in asked) == len(CONTENT)


def test_a_repository_over_its_budget_sends_to_the_mirror(
    server: PublicServer, tmp_path: Path
) -> None:
    server.add_clip("1001_DFA_ANG_XX.flv", b"video")
    server.fail("/crema.git/", Fault(status=403, body=b'{"message": "exceeded its LFS budget"}'))
    assert fetch_clips(server, tmp_path, "1001_DFA_ANG_XX").failures == {}
    assert (tmp_path / "1001_DFA_ANG_XX.flv").read_bytes() == b"video"
    assert len(server.asked("/mirror.git/")) == 1


def test_a_clip_that_no_server_gives_names_them_all(server: PublicServer, tmp_path: Path) -> None:
    server.add_clip("1001_DFA_ANG_XX.flv", b"video", really=b"other")
    server.fail("/mirror.git/", Fault(status=404))
    failures = fetch_clips(server, tmp_path, "1001_DFA_ANG_XX").failures
    assert "other bytes than promised" in failures["1001_DFA_ANG_XX.flv"]
    assert "/mirror.git/info/lfs/objects/batch answers 404" in failures["1001_DFA_ANG_XX.flv"]
    assert files_in(tmp_path) == []


def test_a_clip_that_is_not_there_says_how_names_are_built_and_the_others_come(
    server: PublicServer, tmp_path: Path
) -> None:
    server.add_clip("1001_DFA_ANG_XX.flv", b"video")
    got = fetch_clips(server, tmp_path, "1099_DFA_ANG_XX", "1001_DFA_ANG_XX")
    assert files_in(tmp_path) == ["1001_DFA_ANG_XX.flv"]
    assert "a name is ACTOR_SENTENCE_EMOTION_LEVEL" in got.failures["1099_DFA_ANG_XX.flv"]


def test_a_name_is_checked_before_any_request(server: PublicServer, tmp_path: Path) -> None:
    server.add_clip("1001_DFA_ANG_XX.flv", b"video")
    with pytest.raises(InputError, match=r"'\.\./x' names no CREMA-D clip"):
        fetch_clips(server, tmp_path, "1001_DFA_ANG_XX", "../x")
    assert server.log == [] and files_in(tmp_path) == []


def test_what_is_for_the_table_is_refused_with_clips(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="csv, revision and token do not fit"):
        fetch(clips=["1001_DFA_ANG_XX"], out=tmp_path, csv=True)


def test_clips_need_no_extra(
    server: PublicServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    server.add_clip("1001_DFA_ANG_XX.flv", b"video")
    assert fetch_clips(server, tmp_path, "1001_DFA_ANG_XX").files[0].is_new


def test_a_folder_that_cannot_be_made_is_named(server: PublicServer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    server.add_clip("1001_DFA_ANG_XX.flv", b"video")
    with pytest.raises(InputError, match="cannot write into .*file/below"):
        fetch_clips(server, tmp_path / "file" / "below", "1001_DFA_ANG_XX")


def test_no_secret_is_stored_or_told(server: PublicServer, tmp_path: Path) -> None:
    server.add_clip("1001_DFA_ANG_XX.flv", b"video")
    told = [fetch_table(server, tmp_path), fetch_clips(server, tmp_path, "1001_DFA_ANG_XX")]
    server.fail("/storage/", Fault(cut_after_bytes=9), Fault(status=403))
    with pytest.raises(InputError) as raised:
        fetch_table(server, tmp_path / "again")
    stored = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for secret in (SIGNATURE, ACTION_SECRET):
        assert secret not in f"{told}{raised.value}" and secret.encode() not in stored


FETCH = """
import sys
from mien.corpora.crema_d import Repository
from mien.errors import MienError
from mien.workflows.fetch import fetch

name, folder, pointers, *servers = sys.argv[1:]
try:
    fetch(clips=[name], out=folder, repository=Repository(pointers, tuple(servers)))
except MienError as error:
    print(error)
"""


def start_fetch(server: PublicServer, folder: Path, name: str) -> subprocess.Popen[str]:
    repository = repository_on(server)
    words = [name, str(folder), repository.pointers, *repository.lfs_servers]
    return subprocess.Popen(
        [sys.executable, "-c", FETCH, *words], stdout=subprocess.PIPE, text=True
    )


def wait_for_part(folder: Path, size_bytes: int) -> None:
    deadline_s = time.monotonic() + 20
    while time.monotonic() < deadline_s:
        if any(part.stat().st_size >= size_bytes for part in folder.glob(".mien-fetch/*.part")):
            return
        time.sleep(0.01)
    raise AssertionError("no part came")


def test_a_kill_leaves_no_half_file_and_the_next_run_goes_on(
    server: PublicServer, tmp_path: Path
) -> None:
    server.add_clip("1001_DFA_ANG_XX.flv", CONTENT)
    server.fail("/storage/", Fault(hold_after_bytes=2 * CHUNK_BYTES))
    running = start_fetch(server, tmp_path, "1001_DFA_ANG_XX")
    wait_for_part(tmp_path, 2 * CHUNK_BYTES)
    with running, pytest.raises(InputError, match="another mien fetch is writing into"):
        try:
            fetch_clips(server, tmp_path, "1001_DFA_ANG_XX")
        finally:
            running.kill()
    assert running.returncode != 0
    assert not (tmp_path / "1001_DFA_ANG_XX.flv").exists()
    fetch_clips(server, tmp_path, "1001_DFA_ANG_XX")
    assert (tmp_path / "1001_DFA_ANG_XX.flv").read_bytes() == CONTENT
    assert files_in(tmp_path) == ["1001_DFA_ANG_XX.flv"]
    assert server.asked("/storage/")[-1].headers["range"] == f"bytes={2 * CHUNK_BYTES}-"


def test_the_public_addresses_are_https() -> None:
    addresses = [CREMA_D.pointers, *CREMA_D.lfs_servers]
    assert all(address.startswith("https://") for address in addresses)
    assert CREMA_D.pointers.endswith("/VideoFlash")
    assert all(address.endswith(".git/info/lfs") for address in CREMA_D.lfs_servers)
