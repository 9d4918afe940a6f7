"""Many recordings over the nodes of a Ray cluster, each clip by one task.

A clip's bytes go to its task and the finished parts come back, so the nodes
need share no file system. The parts are kept here as they are on one machine:
an interrupt, or a kill of this process, costs the clips under way, and the
same command goes on. A task whose worker or node dies is run again by Ray; one
that Ray has lost (it may wait for ever for an answer of a dead node) is sent
again after the cluster was left and joined anew.
"""

from __future__ import annotations

import os
import platform
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mien
from mien.config import ExtractSettings
from mien.errors import InputError, MienError
from mien.files import replacing
from mien.recording.extract import ClipDone, part_key
from mien.recording.parts import ClipParts
from mien.recording.pool import guarded
from mien.recording.ray_session import ray_session
from mien.recording.sources import Source

RETRIES = 3  # of a clip whose worker or node died
SENT_BYTES = 256 << 20  # a larger file is read by the worker from its own path, never sent
NO_NODE_S = 60.0  # without any CPU in the cluster for this long, nobody will do the rest
IDLE_S = 120.0  # tasks sent and no CPU taken for this long: lost, or large files on a slow network
REJOINS = 3  # one after the other without a clip done, each after twice the time

_AHEAD = 2  # tasks a CPU: the next clip is there when one is done, and memory stays bounded
_POLL_S = 1.0


@dataclass(frozen=True)
class _Job:
    """A clip to do, and where its parts belong."""

    source: Source
    parts: ClipParts

    @property
    def fingerprint(self) -> dict[str, Any]:
        """The file's, before it was sent."""
        found: dict[str, Any] = self.parts.key["file"]
        return found


@dataclass(frozen=True)
class _Copy(Source):
    """A file that was sent here: it stands for the original."""

    original: dict[str, object]

    def fingerprint(self) -> dict[str, object]:
        return self.original


def extract_on_cluster(
    sources: Sequence[Source],
    parts_folder: Path,
    settings: ExtractSettings,
    *,
    address: str,
    on_frames: Callable[[int], None] = lambda _: None,
) -> Iterator[ClipDone]:
    """Extract every source into parts; yield each clip as it is done, in any order.

    address: as ray.init takes it: auto, host:port, ray://host:port, or local to start
    Ray on this machine. on_frames: told of a clip's frames when it is done.
    Raises InputError when there is no such cluster, its nodes cannot run this mien,
    none of them has a CPU left, or none does what is sent. MissingExtraError without Ray.
    """
    waiting: deque[_Job] = deque()
    for source in sources:
        job = _job(source, parts_folder, settings)
        frames = _frames_of(job.parts)
        if frames is None:
            waiting.append(job)
            continue
        on_frames(frames)
        yield ClipDone(source.clip, job.parts.key)
    lost = 0
    while waiting:
        before = len(waiting)
        with ray_session(address) as ray:
            yield from _over(ray, waiting, settings, address, on_frames, IDLE_S * 2**lost)
        lost = lost + 1 if len(waiting) == before else 0
        if lost > REJOINS:
            raise InputError(
                f"the cluster at {address} takes no work: its CPUs stay free whatever is sent. "
                "Look at it with `ray status`, then run the same command again; finished clips "
                "are kept"
            )


def _job(source: Source, parts_folder: Path, settings: ExtractSettings) -> _Job:
    key = part_key(source.clip, settings, source.fingerprint())
    return _Job(source, ClipParts.of(parts_folder, key))


def _over(
    ray: Any,
    waiting: deque[_Job],
    settings: ExtractSettings,
    address: str,
    on_frames: Callable[[int], None],
    idle_s: float,
) -> Iterator[ClipDone]:
    """Send jobs, a few a CPU ahead, and take in what is done.

    Ends early, with what was sent waiting again, when no CPU was taken for idle_s meanwhile.
    """
    task = ray.remote(num_cpus=1, max_retries=RETRIES)(_extract_here)
    under_way: dict[Any, _Job] = {}
    seen_s = busy_s = time.monotonic()
    while waiting or under_way:
        cpus = int(ray.cluster_resources().get("CPU", 0))
        seen_s = _seen_s(cpus, seen_s, address)
        while waiting and len(under_way) < _AHEAD * max(cpus, 1):
            job = waiting.popleft()
            try:
                message = _message(job, settings)
            except OSError as error:
                yield ClipDone(job.source.clip, failure=f"cannot be read: {error.strerror}")
                continue
            under_way[task.remote(*message)] = job
            busy_s = time.monotonic()
        if under_way:
            answered, _ = ray.wait(list(under_way), timeout=_POLL_S)
            for answer in answered:
                yield _taken_in(ray, answer, under_way.pop(answer), on_frames)
            if answered or _is_at_work(ray, cpus, list(under_way)):
                busy_s = time.monotonic()
            elif time.monotonic() - busy_s > idle_s:
                waiting.extendleft(reversed(under_way.values()))
                return


def _is_at_work(ray: Any, cpus: int, sent: list[Any]) -> bool:
    """Whether a CPU is taken, by anybody's task, none is left, or an answer is on its way here."""
    free: float = ray.available_resources().get("CPU", 0)
    if free < cpus or not cpus:
        return True
    done, _ = ray.wait(sent, timeout=0, fetch_local=False)
    return bool(done)


def _seen_s(cpus: int, before_s: float, address: str) -> float:
    """When a CPU was last seen. Raises InputError when that is too long ago."""
    now_s = time.monotonic()
    if cpus:
        return now_s
    if now_s - before_s > NO_NODE_S:
        raise InputError(
            f"no node of the cluster at {address} has offered a CPU for {NO_NODE_S:g} s: start "
            "nodes with `ray start --address=HOST:PORT`, then run the same command again; "
            "finished clips are kept"
        )
    return before_s


def _message(job: _Job, settings: ExtractSettings) -> tuple[Any, ...]:
    """What the task is told: plain values, which another version of mien can read and refuse."""
    path = job.source.path
    is_sent = path.stat().st_size <= SENT_BYTES
    content = path.read_bytes() if is_sent else None
    asked = settings.model_dump()
    return (mien.__version__, job.source.clip, str(path), job.fingerprint, content, asked)


def _extract_here(version: str, *message: Any) -> tuple[dict[str, bytes], str | None]:
    """The task, on a worker: one clip to its finished part files by name, or why not.

    Raises InputError when this node can extract nothing.
    """
    try:
        if version != mien.__version__:
            raise InputError(f"it has mien {mien.__version__}, and the command is {version}")
        return _extracted(*message)
    except (MienError, OSError) as error:  # another version, a full disk
        raise InputError(f"node {platform.node()}: {error}") from error


def _extracted(
    clip: str,
    path: str,
    fingerprint: dict[str, object],
    content: bytes | None,
    settings: dict[str, Any],
) -> tuple[dict[str, bytes], str | None]:
    with (
        tempfile.TemporaryDirectory(prefix="mien-", ignore_cleanup_errors=True) as place,
        _received(Path(place), Source(clip, Path(path)), fingerprint, content) as source,
    ):
        if source is None:
            reason = f"over {SENT_BYTES >> 20} MB it is not sent, and a node does not see {path}"
            return {}, f"{reason}: keep it in a folder that all nodes share"
        done = guarded(source, Path(place), ExtractSettings(**settings))
        if done.key is None:
            return {}, done.failure
        files = sorted(ClipParts.of(Path(place), done.key).folder.iterdir())
        return {file.name: file.read_bytes() for file in files}, None


@contextmanager
def _received(
    place: Path, source: Source, fingerprint: dict[str, object], content: bytes | None
) -> Iterator[Source | None]:
    """The file as this node can read it; None when it was not sent and is not here.

    A copy is in memory where the system can: a killed worker leaves no pixel behind.
    """
    copy = place / f"recording{source.path.suffix}"
    if content is None:
        yield source if source.fingerprint() == fingerprint else None
    elif hasattr(os, "memfd_create"):
        with open(os.memfd_create("mien"), "wb") as memory:
            memory.write(content)
            memory.flush()
            copy.symlink_to(f"/proc/{os.getpid()}/fd/{memory.fileno()}")
            yield _Copy(source.clip, copy, fingerprint)
    else:
        copy.write_bytes(content)
        yield _Copy(source.clip, copy, fingerprint)


def _taken_in(ray: Any, answer: Any, job: _Job, on_frames: Callable[[int], None]) -> ClipDone:
    """What a task answered, kept. Raises InputError when its node cannot run mien."""
    try:
        files, failure = ray.get(answer)
    except ray.exceptions.RayTaskError as error:
        raise _unfit(error) from error
    except _died(ray):
        failure = f"{RETRIES + 1} workers died while reading it"
    if failure is not None:
        return ClipDone(job.source.clip, failure=failure)
    return _kept(job, files, on_frames)


def _died(ray: Any) -> tuple[type[Exception], ...]:
    """What ray.get raises when Ray has run a task often enough and it ended with its worker."""
    names = ("WorkerCrashedError", "NodeDiedError", "ObjectLostError", "OutOfMemoryError")
    return tuple(getattr(ray.exceptions, name) for name in names)


def _kept(job: _Job, files: dict[str, bytes], on_frames: Callable[[int], None]) -> ClipDone:
    """Write the part files that came back, if the clip is still the one that was sent."""
    job.parts.remove()  # of a clip half-way done on this machine before
    for name, content in files.items():
        with replacing(job.parts.folder / name, flush=False) as path:
            path.write_bytes(content)
    frames = _frames_of(job.parts)
    if frames is None:
        return ClipDone(job.source.clip, failure="its points came back damaged: extract it again")
    if job.source.fingerprint() != job.fingerprint:
        job.parts.remove()
        return ClipDone(job.source.clip, failure="it changed while it was read: extract it again")
    on_frames(frames)
    return ClipDone(job.source.clip, job.parts.key)


def _unfit(error: Any) -> InputError:
    """What a worker raised that no other clip would escape, in a line."""
    lines = str(error.cause).strip().splitlines() or [type(error.cause).__name__]
    if isinstance(error.cause, MienError):
        reason = lines[0]
    else:  # Ray's own text ends with the traceback's last line
        reason = f"a node cannot run mien: {lines[-1].strip()}"
    needed = f"mien[cluster]=={mien.__version__}, and room in its temporary folder"
    return InputError(f"{reason}; every node of the cluster needs {needed}")


def _frames_of(parts: ClipParts) -> int | None:
    """How many frames a clip's parts hold; None when they are not whole."""
    said = parts.last()
    return int(said["last"][0]) + 1 if said and said["final"] else None
