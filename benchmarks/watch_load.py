"""Fifty beds at 30 frames a second, one of them flooding, through machines and journal.

    taskset -c 0,1 python benchmarks/watch_load.py --minutes 5 -o benchmarks/results/watch_load.txt

One process sends frames as beds would, in real time; another is the host: the Pipeline with its two
threads and a journal in SQLite with synchronous=FULL. Frames are measured beforehand (that is the
bedside's work) and come with 20-40 ms of travel. A score is due when the frame arrives that closes
its second; it is there when it is committed. Printed are

- from the arrival that makes a score due to its commit, over all beds but the flooding one, and
  over all: 50th, 99th percentile, most; wanted: 99th below 250 ms;
- from a frame's event time to the commit of the score that contains it, for the oldest frame of
  each second; wanted: 3.5 s at most;
- how late each other bed's last committed second is at any moment, beyond the 3 s that it takes
  when nothing else runs; wanted: below 1 s;
- frames dropped, and memory over time.
"""

from __future__ import annotations

import argparse
import os
import resource
import socket
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from multiprocessing import Process
from pathlib import Path

import numpy as np

from mien.monitor.journal import Journal
from mien.monitor.pipeline import Pipeline
from mien.recording.synthetic_stay import script
from mien.recording.synthetic_stay_frames import frames
from mien.recording.synthetic_stay_plan import Stretch
from mien.risk.events import Event, Face, RecordChanged, Scored
from mien.risk.measured import faces_of
from mien.risk.watch import configured

HZ = 30
FLOOD = 10
FLOODING = 0  # this bed
TRAVEL_S = (0.02, 0.04)
MESSAGE = struct.Struct("<HHq")  # bed, face, event time in ms
SECOND_MS = 1000


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass
class Measured:
    """What the host's side notes while it runs."""

    # (bed, end of a second, ms) -> when the frame came that made it due
    due_ms: dict[tuple[int, int], int] = field(default_factory=dict)
    newest_ms: dict[int, int] = field(default_factory=dict)
    waits_ms: list[tuple[int, int]] = field(default_factory=list)  # bed, due to committed
    ages_ms: list[tuple[int, int]] = field(default_factory=list)  # bed, oldest frame to committed
    behind_ms: list[int] = field(default_factory=list)  # the furthest of the other beds, each 0.1 s
    kept_ms: dict[int, int] = field(default_factory=dict)
    memory_mb: list[tuple[float, float]] = field(default_factory=list)  # s, resident
    disk_ms: list[int] = field(default_factory=list)  # one page written and flushed, twice a second
    records: int = 0
    events: int = 0


def faces() -> list[Face | None]:
    """100 s of one synthetic patient, 45 of them in distress, measured; 10 frames a second."""
    stay = replace(
        script(7, 100 / 3600, episodes_per_hour=0, grimaces_per_hour=0),
        activities=(Stretch("rest", 0, 100),),
        expressions=(Stretch("distress", 20, 65, 9.0),),
        views=(),
    )
    return [
        face
        for chunk in frames(stay, 10.0)
        for face in faces_of(chunk.points, size_px=(640, 480), presence=chunk.presence)
    ]


def send(path: str, beds: int, faces_each: int, seconds: float) -> None:
    """The beds: frames in the order in which they arrive, at the time at which they do."""
    random = np.random.default_rng(1)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as out:
        out.connect(path)
        begin = now_ms() + 500
        for second in range(round(seconds)):
            rows = _second_of_frames(random, beds, begin + second * SECOND_MS)
            for arrives_ms, bed, event_ms in rows:
                wait_s = (arrives_ms - now_ms()) / 1000
                if wait_s > 0.002:
                    time.sleep(wait_s)
                out.sendall(MESSAGE.pack(bed, (event_ms // 100 + 97 * bed) % faces_each, event_ms))


def _second_of_frames(
    random: np.random.Generator, beds: int, begin_ms: int
) -> list[tuple[float, int, int]]:
    """(arrival, bed, event time), by arrival. Each bed's camera has a phase of its own."""
    found = []
    for bed in range(beds):
        hz = HZ * FLOOD if bed == FLOODING else HZ
        times = begin_ms + (np.arange(hz) + bed / beds) * 1000 / hz
        arrives = times + 1000 * random.uniform(*TRAVEL_S, hz)
        found += [(float(a), bed, int(t)) for a, t in zip(arrives, times, strict=True)]
    return sorted(found)


class Host:
    """The pipeline, a thread that receives, and notes of when things were."""

    def __init__(self, journal: Journal, shown: list[Face | None]) -> None:
        self.noted = Measured()
        self._lock = threading.Lock()
        self._faces = shown
        self.pipeline = Pipeline.open(
            journal, configured(model_hash="load"), clock=now_ms, on_kept=self._kept
        )

    def receive(self, listener: socket.socket) -> None:
        connection, _ = listener.accept()
        rest = b""
        while received := connection.recv(65536):
            at_ms, data = now_ms(), rest + received
            whole = len(data) // MESSAGE.size * MESSAGE.size
            for bed, face, event_ms in MESSAGE.iter_unpack(data[:whole]):
                self._offer(bed, self._faces[face], event_ms, at_ms)
            rest = data[whole:]

    def _offer(self, bed: int, face: Face | None, event_ms: int, at_ms: int) -> None:
        noted = self.noted
        if event_ms > noted.newest_ms.get(bed, 0):
            end_ms = (event_ms - 2000) // SECOND_MS * SECOND_MS
            if end_ms > (noted.newest_ms.get(bed, event_ms) - 2000) // SECOND_MS * SECOND_MS:
                noted.due_ms[bed, end_ms] = at_ms
            noted.newest_ms[bed] = event_ms
        self.pipeline.offer(f"bed {bed:02}", face, time_ms=event_ms)

    def _kept(self, said: Sequence[Event]) -> None:
        at_ms, noted = now_ms(), self.noted
        noted.events += len(said)
        for event in said:
            if isinstance(event.body, RecordChanged):
                noted.records += event.body.why == "opened"
            if not isinstance(event.body, Scored):
                continue
            bed = int(event.patient[4:])
            noted.kept_ms[bed] = event.event_time_ms
            due_ms = noted.due_ms.pop((bed, event.event_time_ms), None)
            if due_ms is not None:
                noted.waits_ms.append((bed, at_ms - due_ms))
                noted.ages_ms.append((bed, at_ms - (event.event_time_ms - SECOND_MS)))

    def look(self, until_s: float) -> None:
        """How far each other bed is behind, and memory, as time goes."""
        began_s = time.monotonic()
        while (passed_s := time.monotonic() - began_s) < until_s:
            kept = dict(self.noted.kept_ms)
            if passed_s > 10:
                ends = [end_ms for bed, end_ms in kept.items() if bed != FLOODING]
                self.noted.behind_ms.append(now_ms() - min(ends) - 3 * SECOND_MS)
            self.noted.memory_mb.append((passed_s, _resident_mb()))
            time.sleep(0.1)

    def probe(self, path: Path, until_s: float) -> None:
        """What the disk itself takes meanwhile: a page into a file of its own, flushed."""
        began_s = time.monotonic()
        with open(path, "wb") as handle:
            while time.monotonic() - began_s < until_s:
                written_s = time.monotonic()
                handle.write(b"x" * 4096)
                handle.flush()
                os.fsync(handle.fileno())
                self.noted.disk_ms.append(round(1000 * (time.monotonic() - written_s)))
                time.sleep(0.5)


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


def report(noted: Measured, *, beds: int, seconds: float, dropped: dict[str, int]) -> str:
    others = [wait for bed, wait in noted.waits_ms if bed != FLOODING]
    lines = [
        f"{beds} beds x {HZ} Hz, one of them {FLOOD} times that, {seconds / 60:g} min, "
        f"{len(noted.waits_ms):,} scores, {noted.events:,} events, {noted.records} records",
        _spread("due to committed, all beds", [wait for _, wait in noted.waits_ms], "ms"),
        _spread("due to committed, other beds", others, "ms"),
        _spread("oldest frame to committed score", [age for _, age in noted.ages_ms], "ms"),
        _spread("other beds behind", noted.behind_ms, "ms"),
        _spread("the disk alone, a page written and flushed", noted.disk_ms, "ms"),
        f"frames dropped: {sum(dropped.values()):,} ({', '.join(dropped) or 'of no bed'})",
        "memory, MB: " + _memory(noted.memory_mb),
    ]
    return "\n".join(lines)


def _spread(name: str, values: list[int], unit: str) -> str:
    middle, high, most = np.percentile(values, [50, 99, 100])
    return f"{name}: median {middle:.0f}, 99th percentile {high:.0f}, most {most:.0f} {unit}"


def _memory(found: list[tuple[float, float]]) -> str:
    """Ten moments of it."""
    some = found[:: max(len(found) // 10, 1)]
    return ", ".join(f"{s / 60:.1f} min {mb:.0f}" for s, mb in [*some, found[-1]])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--beds", type=int, default=50)
    parser.add_argument("--folder", type=Path, help="of the store; else a temporary one")
    parser.add_argument("-o", "--output", type=Path)
    asked = parser.parse_args()
    shown = faces()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        noted, dropped = run(Path(folder), shown, beds=asked.beds, seconds=60 * asked.minutes)
    text = report(noted, beds=asked.beds, seconds=60 * asked.minutes, dropped=dropped)
    text += "\n" + _machine()
    print(text)
    if asked.output:
        asked.output.write_text(text + "\n", "utf-8")


def _machine() -> str:
    is_first = os.sched_getscheduler(0) != os.SCHED_OTHER
    priority = "real-time priority before other jobs" if is_first else "normal priority"
    cores, load = len(os.sched_getaffinity(0)), os.getloadavg()[0]
    return f"{cores} cores, load {load:.1f}, {priority}, Python {sys.version.split()[0]}"


def run(
    folder: Path, shown: list[Face | None], *, beds: int, seconds: float
) -> tuple[Measured, dict[str, int]]:
    path = str(folder / "frames.socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        listener.listen(1)
        sender = Process(target=send, args=(path, beds, len(shown), seconds))
        sender.start()
        with Journal.open(folder / "ward.db") as journal:
            host = Host(journal, shown)
            receiver = threading.Thread(target=host.receive, args=(listener,))
            probe = threading.Thread(target=host.probe, args=(folder / "probe", seconds))
            with host.pipeline.running():
                receiver.start()
                probe.start()
                host.look(seconds)
                receiver.join()
                probe.join()
                time.sleep(1)
            sender.join()
        return host.noted, host.pipeline.queues.dropped


if __name__ == "__main__":
    main()
