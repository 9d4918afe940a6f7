"""mien extract over Ray: real nodes on this machine, killed nodes, workers and commands."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import mien
from mien.config import ExtractSettings
from mien.errors import InputError, MissingExtraError
from mien.recording import cluster as module
from mien.recording.ray_session import NOBODY_ANSWERS, RAY_SWITCHES
from mien.recording.sources import find_sources
from mien.tables import read_landmarks
from mien.workflows.extract import extract
from tests.conftest import SAMPLE

pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="needs mien[cluster]")
REPO = Path(__file__).parents[2]
SETTINGS = ExtractSettings().model_dump()


def test_without_ray_the_error_names_the_extra(
    tmp_path: Path, clips: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"needs ray.*pip install 'mien\[cluster\]'"):
        extract(clips[:1], tmp_path / "t.parquet", cluster="local")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("address", ["nowhere", "host:port", "http://head:8265", "ray://head"])
def test_an_address_that_is_none_is_told(tmp_path: Path, clips: list[Path], address: str) -> None:
    with pytest.raises(InputError, match="a cluster is auto, host:port, ray://host:port or local"):
        extract(clips[:1], tmp_path / "t.parquet", cluster=address)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1"])
def test_where_nobody_answers_the_error_says_how_to_start(
    tmp_path: Path, clips: list[Path], address: str
) -> None:
    with pytest.raises(InputError, match="no Ray cluster to use at .*ray start --head"):
        extract(clips[:1], tmp_path / "t.parquet", cluster=address)


def test_workers_and_a_cluster_do_not_go_together(tmp_path: Path, clips: list[Path]) -> None:
    with pytest.raises(InputError, match="workers are of this machine"):
        extract(clips[:1], tmp_path / "t.parquet", cluster="local", workers=2)


def test_a_cluster_without_a_cpu_is_given_up_after_a_while() -> None:
    now_s = time.monotonic()
    assert module._seen_s(1, now_s - 1000, "auto") >= now_s
    assert module._seen_s(0, now_s - 1, "auto") == now_s - 1
    with pytest.raises(InputError, match="no node .* has offered a CPU for 60 s: start nodes with"):
        module._seen_s(0, now_s - 61, "auto")


def test_a_node_with_another_mien_refuses(clips: list[Path]) -> None:
    with pytest.raises(InputError, match=r"node .*: it has mien .*, and the command is 9\.9\.9"):
        module._extract_here("9.9.9", "a.flv", str(clips[0]), {}, b"", SETTINGS)


def test_a_large_file_that_the_node_does_not_see_is_named(tmp_path: Path) -> None:
    place = str(tmp_path / "long.mp4")
    found = module._extract_here(mien.__version__, "long.mp4", place, {"bytes": 1}, None, SETTINGS)
    assert found[0] == {}
    assert "over 256 MB it is not sent" in found[1] and "that all nodes share" in found[1]


def test_what_came_back_is_kept_only_when_whole_and_of_this_file(
    tmp_path: Path, clips: list[Path]
) -> None:
    video = tmp_path / "a.flv"
    video.write_bytes(clips[3].read_bytes())
    job = module._job(find_sources([video])[0], tmp_path / "parts", ExtractSettings())
    files, failure = module._extract_here(*module._message(job, ExtractSettings()))
    counted: list[int] = []
    assert failure is None
    assert module._kept(job, files, counted.append).failure is None and counted == [56]
    cut = {name: content[:-9000] for name, content in files.items()}
    assert "came back damaged" in module._kept(job, cut, counted.append).failure
    os.utime(video, (1, 1))
    assert "it changed while it was read" in module._kept(job, files, counted.append).failure
    assert counted == [56] and not job.parts.folder.exists()


LOCAL = """
import http.server, json, os, sys, threading
from mien.recording import ray_session
from mien.workflows.extract import extract
from tests.recording.test_cluster import listening_addresses

asked, heard = [], set()

class Recorder(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        asked.append(self.path)
        self.send_error(404)
    do_POST = do_GET
    def log_message(self, *_): pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
threading.Thread(target=server.serve_forever, daemon=True).start()
outside = f"http://127.0.0.1:{server.server_port}"
ray_session.NOBODY_ANSWERS["http_proxy"] = outside  # instead of the port where nobody is
os.environ |= {"RAY_USAGE_STATS_REPORT_URL": outside, "RAY_USAGE_STATS_REPORT_INTERVAL_S": "1"}
extract([sys.argv[1]], sys.argv[2], cluster="local",
        on_frames=lambda _: heard.update(listening_addresses()))
print(json.dumps({"asked": asked, "heard": sorted(heard)}))
"""


def listening_addresses() -> set[str]:
    """Where this process and those it started listen, as /proc writes addresses."""
    listening: dict[str, str] = {}
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A":
                listening[f"socket:[{words[9]}]"] = words[1].split(":")[0]
    found = set()
    for process in [os.getpid(), *_descendants(os.getpid())]:
        for handle in Path(f"/proc/{process}/fd").glob("*"):
            try:
                found.add(listening.get(os.readlink(handle), ""))
            except OSError:
                continue
    return found - {""}


def _descendants(parent: int) -> list[int]:
    listed = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True).stdout
    rows = [tuple(map(int, line.split())) for line in listed.splitlines()]
    children = [pid for pid, ppid in rows if ppid == parent]
    return children + [pid for child in children for pid in _descendants(child)]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_local_ray_gives_the_same_table_and_stays_on_this_machine(
    tmp_path: Path, clips: list[Path]
) -> None:
    folder = copies(tmp_path, clips[3:5], 2)
    words = [sys.executable, "-c", LOCAL, str(folder), str(tmp_path / "ray.parquet")]
    environment = os.environ | {"PYTHONPATH": str(REPO), "HOME": str(tmp_path / "home")}
    ran = subprocess.run(words, capture_output=True, text=True, env=environment)
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    said = json.loads(ran.stdout)
    loopback = {"0100007F", "0000000000000000FFFF00000100007F"}
    assert said["heard"] and set(said["heard"]) <= loopback
    assert all("meta" in url for url in said["asked"])  # which cloud is this: nobody answers
    assert not (tmp_path / "home").exists()
    alone = extract([folder], tmp_path / "alone.parquet")
    assert (tmp_path / "ray.parquet").read_bytes() == alone.table.read_bytes()


def copies(tmp_path: Path, clips: list[Path], count: int) -> Path:
    """A folder of so many clips, each a file of its own."""
    folder = tmp_path / "clips"
    folder.mkdir()
    for number in range(count):
        shutil.copy(clips[number % len(clips)], folder / f"{number:02d}.flv")
    return folder


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def nodes() -> Iterator[Any]:
    """Three nodes of one CPU: real raylets with their own workers and object stores."""
    if sys.platform != "linux":
        pytest.skip("Ray runs several nodes on Linux only")
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", ResourceWarning
        )  # Ray leaves its log files to the collector
        for name, value in (RAY_SWITCHES | NOBODY_ANSWERS).items():
            patch.setenv(name, value)
        patch.setenv("RAY_USAGE_STATS_REPORT_URL", "http://127.0.0.1:9")  # "off" is a report too
        from ray.cluster_utils import Cluster

        scratch = Path(tempfile.mkdtemp(prefix="mien-"))  # short: sockets lie deep below it
        patch.setenv("TMPDIR", str(scratch))  # the nodes' temporary folder
        port = free_port()
        soon = {"health_check_period_ms": 1000, "health_check_failure_threshold": 3}
        head = {"num_cpus": 1, "ray_client_server_port": port, "_system_config": soon}
        cluster = Cluster(initialize_head=True, head_node_args=head)
        cluster.scratch = scratch
        cluster.client_address = f"ray://127.0.0.1:{port}"
        for _ in range(2):
            cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
        yield cluster
        cluster.shutdown()
        shutil.rmtree(scratch, ignore_errors=True)


@pytest.mark.slow
def test_a_node_that_dies_half_way_costs_no_clip(
    tmp_path: Path, landmarks_file: Path, nodes: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    victim = next(iter(nodes.worker_nodes))
    done: list[int] = []

    def kill(frames: int) -> None:
        done.append(frames)
        if len(done) == 2:
            nodes.remove_node(victim, allow_graceful=False)  # SIGKILL

    spread = extract([SAMPLE], tmp_path / "t.parquet", cluster=nodes.address, on_frames=kill)
    nodes.add_node(num_cpus=1)
    assert spread.failures == {} and sum(done) == spread.rows
    assert every_row_is_there_once(spread.table)
    assert spread.table.read_bytes() == landmarks_file.read_bytes()
    assert capfd.readouterr() == ("", "")


def every_row_is_there_once(table: Path) -> bool:
    rows = read_landmarks(table, ["video_filename", "frame_num"]).to_pylist()
    return set(Counter(tuple(row.values()) for row in rows).values()) == {1}


def killed_by_its_clip(version: str, clip: str, *rest: Any) -> Any:
    """The task, on a worker that some clip kills."""
    from mien.recording.cluster import _extract_here

    if clip == "kills.flv":
        os.kill(os.getpid(), signal.SIGKILL)
    return _extract_here(version, clip, *rest)


@pytest.mark.slow
def test_a_clip_that_kills_its_workers_is_named_and_the_rest_goes_on(
    broken: Path, tmp_path: Path, nodes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = extract([broken], tmp_path / "alone.parquet")
    shutil.copy(broken / "good.flv", broken / "kills.flv")
    from ray import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    monkeypatch.setattr(module, "_extract_here", killed_by_its_clip)
    monkeypatch.setattr(module, "RETRIES", 1)
    spread = extract([broken], tmp_path / "t.parquet", cluster=nodes.address)
    assert spread.failures == {**alone.failures, "kills.flv": "2 workers died while reading it"}
    assert spread.table.read_bytes() == alone.table.read_bytes()


@pytest.mark.slow
def test_nodes_that_cannot_run_the_command_s_mien_are_refused(
    tmp_path: Path, clips: list[Path], nodes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mien, "__version__", "9.9.9")
    with pytest.raises(InputError, match=r"it has mien .*every node .*needs mien\[cluster\]==9"):
        extract(clips[:2], tmp_path / "t.parquet", cluster=nodes.address)
    assert os.listdir(tmp_path) == []


@pytest.mark.slow
def test_a_client_outside_and_files_of_a_shared_folder_give_the_same_table(
    tmp_path: Path, clips: list[Path], nodes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = extract(clips[3:5], tmp_path / "alone.parquet")
    monkeypatch.setattr(module, "SENT_BYTES", 1000)  # so the nodes read the files themselves
    outside = extract(clips[3:5], tmp_path / "t.parquet", cluster=nodes.client_address)
    assert outside.table.read_bytes() == alone.table.read_bytes()


@pytest.mark.slow
def test_tasks_that_nobody_answers_are_sent_again_after_joining_anew(
    tmp_path: Path, landmarks_file: Path, nodes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node that is frozen, as a machine that hangs: Ray waits for its answer."""
    monkeypatch.setattr(module, "IDLE_S", 2.0)
    joined: list[str] = []
    join = module.ray_session
    monkeypatch.setattr(module, "ray_session", lambda at: (joined.append(at), join(at))[1])
    victim = next(iter(nodes.worker_nodes))
    (raylet,) = victim.all_processes["raylet"]
    os.kill(raylet.process.pid, signal.SIGSTOP)
    try:
        spread = extract([SAMPLE], tmp_path / "t.parquet", cluster=nodes.address)
    finally:
        os.kill(raylet.process.pid, signal.SIGCONT)
        nodes.remove_node(victim, allow_graceful=False)
        nodes.add_node(num_cpus=1)
    assert len(joined) > 1
    assert spread.table.read_bytes() == landmarks_file.read_bytes()


EXTRACT = """
import sys
from mien.workflows.extract import extract
extract([sys.argv[1]], sys.argv[2], cluster=sys.argv[3])
"""


@pytest.mark.slow
def test_stops_cost_only_the_clips_under_way(tmp_path: Path, clips: list[Path], nodes: Any) -> None:
    folder, out = copies(tmp_path, clips, 10), tmp_path / "t.parquet"
    words = [sys.executable, "-c", EXTRACT, str(folder), str(out), nodes.address]
    written: dict[Path, int] = {}
    for stop, wanted in ((signal.SIGINT, 2), (signal.SIGKILL, 5)):
        process = subprocess.Popen(words, stderr=subprocess.PIPE, preexec_fn=_default_interrupt)
        while len(list(tmp_path.glob(".t.parquet.parts/*/*.arrow"))) < wanted:
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(stop)
        process.communicate(timeout=20)
        parts = {p: p.stat().st_mtime_ns for p in tmp_path.glob(".t.parquet.parts/*/*.arrow")}
        assert written.items() <= parts.items() and len(parts) < 10
        written = parts
    done: list[int] = []
    spread = extract([folder], out, cluster=nodes.address, on_frames=done.append)
    assert len(done) == 10 and sum(done) == spread.rows == 379 + 67 + 70 + 65 + 56
    assert every_row_is_there_once(out)
    assert not [p for p in nodes.scratch.rglob("recording*") if not p.is_symlink()]  # no pixel


def _default_interrupt() -> None:
    """A shell starts background jobs with interrupts ignored, and the tests may be one."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
