"""Files from the network: interrupted, wrong, redirected, refused; never half a file."""

import os
import shutil
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.corpora import web
from mien.corpora.downloads import CHUNK_BYTES, RemoteFile, download, is_there
from mien.corpora.web import NotAvailable, Patience, Unreachable, ask
from mien.errors import InputError
from tests.corpora.public_servers import ACTION_SECRET, SIGNATURE, Fault, PublicServer

CONTENT = bytes(range(256)) * 3000  # 768,000 bytes: three chunks
HURRIED = Patience(attempts=3, first_wait_s=0.001, timeout_s=5.0)
ONCE = Patience(attempts=1, timeout_s=5.0)


def stored(server: PublicServer, content: bytes = CONTENT, **changes: object) -> RemoteFile:
    """A file that anyone may have from the server."""
    digest = server.store(content)
    values = dict(name="a.bin", address=f"{server.address}/open/{digest}", size_bytes=len(content))
    return RemoteFile(**{**values, "sha256": digest, **changes})


def fetch_to(folder: Path, file: RemoteFile, patience: Patience = HURRIED, **more: object) -> Path:
    (folder / "parts").mkdir(exist_ok=True)
    download(file, folder / file.name, parts=folder / "parts", patience=patience, **more)
    return folder / file.name


def ranges(server: PublicServer) -> list[str | None]:
    return [request.headers.get("range") for request in server.log]


def test_a_file_comes_whole_and_leaves_no_part(server: PublicServer, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    path = fetch_to(tmp_path, stored(server), on_progress=lambda *what: told.append(what))
    assert path.read_bytes() == CONTENT
    assert list((tmp_path / "parts").iterdir()) == []
    done = [bytes_done for doing, bytes_done, _ in told if doing == "fetching a.bin"]
    assert done == sorted(done) and done[-1] == len(CONTENT) and len(done) >= 3
    assert told[-1] == ("checking a.bin", len(CONTENT), len(CONTENT))


def test_a_cut_connection_is_gone_on_with(server: PublicServer, tmp_path: Path) -> None:
    file = stored(server)
    server.fail("/open/", Fault(cut_after_bytes=300_000))
    assert fetch_to(tmp_path, file).read_bytes() == CONTENT
    assert ranges(server) == [None, "bytes=300000-"]
    assert [request.sent_bytes for request in server.log] == [300_000, len(CONTENT) - 300_000]


def test_a_later_run_fetches_only_the_rest(server: PublicServer, tmp_path: Path) -> None:
    file = stored(server)
    server.fail("/open/", Fault(cut_after_bytes=500_000))
    with pytest.raises(Unreachable, match="cut the connection.*it goes on from there"):
        fetch_to(tmp_path, file, ONCE)
    assert not (tmp_path / "a.bin").exists()
    assert fetch_to(tmp_path, file, ONCE).read_bytes() == CONTENT
    assert ranges(server) == [None, "bytes=500000-"]
    assert sum(request.sent_bytes for request in server.log) == len(CONTENT)


@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(0, 400_000), max_size=6))
def test_wherever_it_is_cut_each_byte_is_sent_once(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int]
) -> None:
    with PublicServer() as server:
        file = stored(server)
        server.fail("/open/", *[Fault(cut_after_bytes=cut) for cut in cuts])
        patience = Patience(attempts=7, first_wait_s=0, timeout_s=5.0)
        path = fetch_to(tmp_path_factory.mktemp("cut"), file, patience)
        assert path.read_bytes() == CONTENT
        assert sum(request.sent_bytes for request in server.log) == len(CONTENT)


def test_a_silent_connection_is_given_up_and_gone_on_with(
    server: PublicServer, tmp_path: Path
) -> None:
    file = stored(server)
    server.fail("/open/", Fault(hold_after_bytes=2 * CHUNK_BYTES))
    patience = Patience(attempts=2, first_wait_s=0, timeout_s=0.2)
    assert fetch_to(tmp_path, file, patience).read_bytes() == CONTENT
    assert ranges(server) == [None, f"bytes={2 * CHUNK_BYTES}-"]


def test_a_server_without_ranges_is_asked_from_the_start(
    server: PublicServer, tmp_path: Path
) -> None:
    file = stored(server)
    server.fail("/open/", Fault(cut_after_bytes=300_000), Fault(ignores_range=True))
    assert fetch_to(tmp_path, file).read_bytes() == CONTENT


def test_other_bytes_than_asked_for_are_refused(server: PublicServer, tmp_path: Path) -> None:
    file = stored(server)
    server.fail("/open/", Fault(cut_after_bytes=300_000), Fault(shifted_bytes=100_000))
    with pytest.raises(NotAvailable, match="gave 'bytes 400000-767999/768000' of a.bin, not asked"):
        fetch_to(tmp_path, file)
    assert fetch_to(tmp_path, file).read_bytes() == CONTENT


def test_a_connection_that_keeps_breaking_is_followed_while_bytes_come(
    server: PublicServer, tmp_path: Path
) -> None:
    file = stored(server)
    server.fail("/open/", *[Fault(cut_after_bytes=100_000)] * 7)
    patience = Patience(attempts=2, first_wait_s=0, timeout_s=5.0)
    assert fetch_to(tmp_path, file, patience).read_bytes() == CONTENT
    assert len(server.log) == 8


def test_a_part_of_another_size_or_another_file_is_not_used(
    server: PublicServer, tmp_path: Path
) -> None:
    file = stored(server)
    parts = tmp_path / "parts"
    parts.mkdir()
    (parts / f"{file.sha256}.part").write_bytes(CONTENT + b"more")
    (parts / f"{'0' * 64}.part").write_bytes(b"another file's")
    assert fetch_to(tmp_path, file).read_bytes() == CONTENT
    assert ranges(server) == [None]
    assert (parts / f"{'0' * 64}.part").read_bytes() == b"another file's"


def test_wrong_bytes_are_refused_and_not_kept(server: PublicServer, tmp_path: Path) -> None:
    file = stored(server)
    server.store(CONTENT, really=CONTENT[:-1] + b"!")
    with pytest.raises(NotAvailable, match=r"other bytes than promised.*nothing was kept"):
        fetch_to(tmp_path, file)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_damaged_part_is_found_out(server: PublicServer, tmp_path: Path) -> None:
    file = stored(server)
    server.fail("/open/", Fault(cut_after_bytes=300_000))
    with pytest.raises(Unreachable):
        fetch_to(tmp_path, file, ONCE)
    (tmp_path / "parts" / f"{file.sha256}.part").write_bytes(b"\0" * 300_000)
    with pytest.raises(NotAvailable, match="other bytes"):
        fetch_to(tmp_path, file)
    assert fetch_to(tmp_path, file).read_bytes() == CONTENT


def test_another_size_is_refused_before_its_bytes_come(
    server: PublicServer, tmp_path: Path
) -> None:
    file = stored(server)
    server.store(CONTENT, really=CONTENT * 2)
    with pytest.raises(NotAvailable, match="has 1536000 bytes at 127.0.0.1.*not the 768000"):
        fetch_to(tmp_path, file)
    assert not (tmp_path / "a.bin").exists()


def test_a_redirect_takes_no_credential_to_another_host(
    server: PublicServer, tmp_path: Path
) -> None:
    file = stored(server, headers={"Authorization": "Bearer hf_S3CRET", "X-Key": "S3CRET"})
    there = f"{server.storage}/{file.sha256}?signature={SIGNATURE}"
    server.fail("/open/", *[Fault(status=302, headers={"Location": there})] * 2)
    server.fail("/storage/", Fault(cut_after_bytes=300_000))
    assert fetch_to(tmp_path, file).read_bytes() == CONTENT
    assert server.log[0].headers["authorization"] == "Bearer hf_S3CRET"
    first, second = server.asked("/storage/")
    assert second.headers["range"] == "bytes=300000-"
    for request in (first, second):
        assert "S3CRET" not in str(request.headers)


def test_a_redirect_on_the_same_host_keeps_them(server: PublicServer, tmp_path: Path) -> None:
    file = stored(server, headers={"Authorization": ACTION_SECRET})
    server.fail("/open/", Fault(status=307, headers={"Location": f"/storage/{file.sha256}"}))
    assert fetch_to(tmp_path, file).read_bytes() == CONTENT


@pytest.mark.parametrize("there", ["file:///etc/hostname", "ftp://127.0.0.1/x", "data:,x"])
def test_an_answer_that_leads_off_the_web_is_refused(server: PublicServer, there: str) -> None:
    server.fail("/", Fault(status=302, headers={"Location": there}))
    with pytest.raises(NotAvailable):
        ask(f"{server.address}/x", patience=ONCE)


def test_https_is_never_left() -> None:
    with pytest.raises(NotAvailable, match="not an https address without"):
        web.check_step("http://storage.example/x", since="https://hub.example/y")


def test_a_signature_stays_out_of_what_is_said(server: PublicServer, tmp_path: Path) -> None:
    file = stored(server, address=f"{server.address}/open/x?signature={SIGNATURE}")
    there = f"http://u:S3CRET@127.0.0.1:1/x?signature={SIGNATURE}"
    for fault in (Fault(status=302, headers={"Location": there}), Fault(status=410)):
        server.fail("/open/", fault)
        with pytest.raises(InputError) as raised:
            fetch_to(tmp_path, file, ONCE)
        assert SIGNATURE not in str(raised.value) and "S3CRET" not in str(raised.value)


def test_a_busy_service_is_asked_again_after_longer_and_longer_waits(
    server: PublicServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(web.time, "sleep", waits.append)
    server.pages["/x"] = b"answer"
    busy = [Fault(status=status) for status in (429, 503, 500)]
    server.fail("/x", *busy, Fault(status=429, headers={"Retry-After": "7"}))
    assert ask(f"{server.address}/x", patience=Patience()) == b"answer"
    assert waits == [1, 2, 4, 8]
    server.fail("/x", Fault(status=429, headers={"Retry-After": "7"}))
    ask(f"{server.address}/x", patience=Patience())
    assert waits[4:] == [7]


def test_a_service_that_stays_busy_is_named(server: PublicServer) -> None:
    server.fail("/x", *[Fault(status=503)] * 3)
    with pytest.raises(Unreachable, match=r"127.0.0.1:\d+ answers 503, 3 times in a row"):
        ask(f"{server.address}/x", patience=HURRIED)
    assert len(server.log) == 3


def test_a_service_that_asks_for_an_hour_is_left_alone(server: PublicServer) -> None:
    server.fail("/x", Fault(status=429, headers={"Retry-After": "3600"}))
    with pytest.raises(Unreachable, match="asks to wait 3600 s: run the same command again then"):
        ask(f"{server.address}/x", patience=Patience())
    assert len(server.log) == 1


@pytest.mark.parametrize("host", ["127.0.0.1:1", "nowhere.invalid"])
def test_no_network_is_one_line_with_a_remedy(host: str) -> None:
    with pytest.raises(Unreachable) as raised:
        ask(f"https://{host}/x?key=S3CRET", patience=HURRIED)
    text = str(raised.value)
    assert text.startswith(f"{host} cannot be reached (") and "check the network" in text
    assert "\n" not in text and "S3CRET" not in text


@pytest.mark.parametrize(
    "address", ["https://u:S3CRET@h/x", "ftp://h/x", "http://[h", "http://h:p"]
)
def test_an_address_that_cannot_be_asked_is_refused_without_its_password(address: str) -> None:
    with pytest.raises(NotAvailable) as raised:
        ask(address, patience=ONCE)
    assert "S3CRET" not in str(raised.value)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make a certificate")
def test_a_certificate_that_nobody_vouches_for_is_refused(
    server: PublicServer, tmp_path: Path
) -> None:
    pem = tmp_path / "self-signed.pem"
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    made += ["-nodes", "-subj", "/CN=localhost", "-keyout", str(pem), "-out", str(pem) + ".crt"]
    subprocess.run(made, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{pem}.crt", pem)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # the handshake that fails
    with pytest.raises(Unreachable, match="certificate that cannot be verified.*SSL_CERT_FILE"):
        ask(f"https://localhost:{server.server_address[1]}/x", patience=Patience())
    assert server.log == []


def test_what_a_service_says_is_passed_on(server: PublicServer) -> None:
    said = b'{"message": "This repository exceeded its LFS budget."}'
    server.fail("/x", Fault(status=403, body=said))
    with pytest.raises(NotAvailable, match=r"/x answers 403: This repository exceeded") as raised:
        ask(f"{server.address}/x", patience=ONCE)
    assert raised.value.status == 403


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "../a.bin"},
        {"name": "a\\b.bin"},
        {"name": ".."},
        {"name": ""},
        {"sha256": "../" * 20 + "etcx"},
        {"size_bytes": 0},
    ],
)
def test_a_description_that_would_lead_out_of_the_folder_is_refused(
    server: PublicServer, changes: dict[str, object]
) -> None:
    with pytest.raises(NotAvailable, match="describes a file that cannot be"):
        stored(server, **changes)


def test_a_disk_without_room_is_told_before_anything_comes(
    server: PublicServer, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"a.bin needs 1000000000.0 GB more and the disk has"):
        fetch_to(tmp_path, stored(server, size_bytes=10**18))
    assert server.log == []


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from mien.corpora.downloads import RemoteFile, download
from mien.corpora.web import Patience
from mien.errors import InputError

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))
name, address, size, sha, folder = sys.argv[1:]
try:
    file = RemoteFile(name, address, int(size), sha)
    download(file, Path(folder) / name, parts=Path(folder), patience=Patience())
except InputError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files as POSIX does")
def test_a_disk_that_fills_up_is_named_and_what_came_is_kept(
    server: PublicServer, tmp_path: Path
) -> None:
    file = stored(server)
    words = [file.name, file.address, str(file.size_bytes), file.sha256, str(tmp_path)]
    command = [sys.executable, "-c", FULL_DISK, *words]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ran.stdout.startswith(f"cannot write {tmp_path / 'a.bin'}: File too large; what came")
    assert os.listdir(tmp_path) == [f"{file.sha256}.part"]
    download(file, tmp_path / "a.bin", parts=tmp_path, patience=HURRIED)
    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    assert ranges(server)[1] is not None


def test_a_file_that_is_there_is_checked_and_another_never_replaced(
    server: PublicServer, tmp_path: Path
) -> None:
    file = stored(server)
    path = fetch_to(tmp_path, file)
    wanted = dict(size_bytes=len(CONTENT), wanted_sha256=file.sha256)
    assert is_there(path, **wanted)
    assert not is_there(tmp_path / "b", **wanted)
    path.write_bytes(CONTENT[:-1] + b"!")
    with pytest.raises(InputError, match="is another file: move it away"):
        is_there(path, **wanted)
