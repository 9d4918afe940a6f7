"""The Hugging Face Hub and Git LFS hosts on this computer: real protocols over real HTTP.

The Hub lists a data set at /api/datasets/… and redirects /datasets/…/resolve/…
to a signed address on another host. A Git host gives pointers as raw files and,
by the LFS batch API, an address with a header. Both storages answer ranges. As
on bad days, an answer can be cut, held back, delayed, refused or wrong.
"""

import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

LFS = "application/vnd.git-lfs+json"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
SIGNATURE = "S1GNATURE"
ACTION_SECRET = "RemoteAuth S3CRET"
DATASET = "PSewmuthu/Optimized_Video_Facial_Landmarks"
CARD = {
    "pretty_name": "Optimized 478-Point 3D Facial Landmark Dataset",
    "license": ["apache-2.0"],
    "citation": ["@misc{VideoEmotionDataset,\n    title={Video Emotion},\n    year={2020}\n}"],
}


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one answer: a refusal, a cut, a server without ranges."""

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut_after_bytes: int | None = None
    hold_after_bytes: int | None = None  # until the server is told to go on
    ignores_range: bool = False
    shifted_bytes: int = 0  # the range begins so much later than asked


@dataclass
class Asked:
    """One request, and how much of a body was sent for it."""

    method: str
    path: str
    headers: dict[str, str]
    sent_bytes: int = 0


class PublicServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.log: list[Asked] = []
        self.stored: dict[str, bytes] = {}  # by the hash that is promised
        self.pages: dict[str, bytes] = {}
        self.listed: list[dict[str, object]] = []
        self.listing: dict[str, object] = {}  # fields that differ from the usual
        self.faults: list[tuple[str, Fault]] = []
        self.go_on = threading.Event()

    def __enter__(self) -> "PublicServer":
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.go_on.set()
        self.shutdown()
        self.server_close()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def storage(self) -> str:
        return f"http://localhost:{self.server_address[1]}/storage"  # another host, by its name

    def store(self, content: bytes, *, really: bytes | None = None) -> str:
        """Keep content under its hash; with `really`, give those bytes instead."""
        digest = hashlib.sha256(content).hexdigest()
        self.stored[digest] = content if really is None else really
        return digest

    def list_file(self, name: str, content: bytes, *, really: bytes | None = None) -> None:
        """Add an LFS file to the data set."""
        lfs = {"sha256": self.store(content, really=really), "size": len(content)}
        lfs["pointerSize"] = 135
        self.listed.append({"rfilename": name, "size": len(content), "blobId": "b", "lfs": lfs})

    def add_clip(self, name: str, content: bytes, *, really: bytes | None = None) -> None:
        digest = self.store(content, really=really)
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\n"
        self.pages[f"/raw/{name}"] = f"{pointer}size {len(content)}\n".encode()

    def fail(self, path: str, *faults: Fault) -> None:
        """The next requests whose path holds `path` fail so, one fault each."""
        self.faults += [(path, fault) for fault in faults]

    def asked(self, path: str) -> list[Asked]:
        return [request for request in self.log if path in request.path]


class _Connection(BaseHTTPRequestHandler):
    server: PublicServer

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        fault = self._begin()
        if fault is None:
            return
        if path.startswith(("/storage/", "/open/")):
            self._give_stored(path, fault)
        elif path.startswith(f"/api/datasets/{DATASET}"):
            self._list_dataset(path)
        elif path.startswith(f"/datasets/{DATASET}/resolve/{COMMIT}/"):
            self._redirect_to_storage(unquote(path.rpartition("/")[2]))
        elif path in self.server.pages:
            self._answer(200, self.server.pages[path])
        else:
            self._answer(404, b"404: Not Found")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self._begin() is None:
            return
        if not self.path.endswith(".git/info/lfs/objects/batch"):
            return self._answer(404, b"")
        if self.headers["Accept"] != LFS or self.headers["Content-Type"] != LFS:
            return self._answer(406, b"")
        question = json.loads(body)
        if question["operation"] != "download" or "basic" not in question["transfers"]:
            return self._answer(422, b"")
        objects = [self._lfs_object(wanted) for wanted in question["objects"]]
        self._answer(200, json.dumps({"transfer": "basic", "objects": objects}).encode(), LFS)

    def _begin(self) -> Fault | None:
        """Log the request; answer it when its fault is a refusal, else give the fault."""
        headers = {name.lower(): text for name, text in self.headers.items()}
        self.asked = Asked(self.command, self.path, headers)
        self.server.log.append(self.asked)
        for index, (path, fault) in enumerate(self.server.faults):
            if path in self.path:
                del self.server.faults[index]
                if fault.status is None:
                    return fault
                self._answer(fault.status, fault.body, **fault.headers)
                return None
        return Fault()

    def _answer(
        self, status: int, body: bytes, kind: str = "application/json", **headers: str
    ) -> None:
        self.send_response(status)
        for name, text in {"Content-Type": kind, **headers}.items():
            self.send_header(name.replace("_", "-"), text)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _list_dataset(self, path: str) -> None:
        revision = path.partition("/revision/")[2] or "main"
        if revision not in ("main", COMMIT):
            return self._answer(404, b"{}", X_Error_Code="RevisionNotFound")
        listing = {
            "id": DATASET,
            "author": DATASET.partition("/")[0],
            "sha": COMMIT,
            "private": False,
            "gated": False,
            "tags": ["license:apache-2.0", "doi:10.57967/hf/1234"],
            "cardData": CARD,
            "siblings": [{"rfilename": "README.md", "size": 9, "blobId": "a"}, *self.server.listed],
        }
        self._answer(200, json.dumps(listing | self.server.listing).encode())

    def _redirect_to_storage(self, name: str) -> None:
        found = next(f for f in self.server.listed if str(f["rfilename"]).endswith(name))
        digest, size = found["lfs"]["sha256"], found["lfs"]["size"]  # type: ignore[index]
        self._answer(
            302,
            b"",
            Location=f"{self.server.storage}/{digest}?signature={SIGNATURE}",
            X_Repo_Commit=COMMIT,
            X_Linked_Size=str(size),
            X_Linked_ETag=f'"{digest}"',
        )

    def _lfs_object(self, wanted: dict[str, object]) -> dict[str, object]:
        if wanted["oid"] not in self.server.stored:
            return wanted | {"error": {"code": 404, "message": "Object does not exist"}}
        href = f"{self.server.storage}/{wanted['oid']}"
        download = {"href": href, "header": {"Authorization": ACTION_SECRET}, "expires_in": 3600}
        return wanted | {"authenticated": True, "actions": {"download": download}}

    def _give_stored(self, path: str, fault: Fault) -> None:
        is_signed = urlsplit(self.path).query == f"signature={SIGNATURE}"
        is_allowed = is_signed or self.headers["Authorization"] == ACTION_SECRET
        if path.startswith("/storage/") and not is_allowed:
            return self._answer(403, b"")
        content = self.server.stored[path.rpartition("/")[2]]
        match = re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "")
        start = int(match[1]) if match and not fault.ignores_range else 0
        start += fault.shifted_bytes
        if start and start >= len(content):
            return self._answer(416, b"")
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self._send(content[start:], fault)

    def _send(self, body: bytes, fault: Fault) -> None:
        if fault.hold_after_bytes is not None:
            self._write(body[: fault.hold_after_bytes])
            self.server.go_on.wait(10)
            body = body[fault.hold_after_bytes :]
        self._write(body[: fault.cut_after_bytes])

    def _write(self, body: bytes) -> None:
        try:
            self.asked.sent_bytes += len(body)  # first: who asked may be done before this goes on
            self.wfile.write(body)
            self.wfile.flush()
        except OSError:  # who asked has gone
            pass
