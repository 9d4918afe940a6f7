"""Measure how long the journal takes to commit a second of a ward.

    python benchmarks/journal.py [ADDRESS] --beds 50 --seconds 1200

Each second every bed says a window and a score, and one bed in 60 opens an alert record with its
whole evidence and a notification: all of it is one commit. Seconds follow each other without a
pause, so the database's own housekeeping falls into them. Beside it stands what the disk takes
for the same bytes, appended to a plain file and flushed. Without ADDRESS, a file in a new folder
below the working folder, which is removed.
"""

import argparse
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mien.monitor.journal import Journal
from mien.risk.action_units import UNITS
from mien.risk.events import (
    WARD,
    Body,
    Event,
    Evidence,
    Notified,
    Ordered,
    Record,
    RecordChanged,
    Scored,
    Term,
    Tick,
    WindowClosed,
)
from mien.risk.lines import to_line

TERMS = tuple(Term(name, 2.437219, 2.0, 1, "PSPI proxy") for name in "PBENRC")
SCORED = Scored(6, TERMS, False, 0.914286, "READY", (("brow", 0.031542), ("mouth", 0.012211)))
WINDOW = WindowClosed(
    10, 10, 10, 0.001234, 12, (1.234567,) * len(UNITS), False, 2.437219, 0.123456, 0.234567,
    (0.123456,) * 14,
)  # fmt: skip
EVIDENCE = Evidence(
    TERMS, 6, SCORED.regions, tuple((1000 * n, 2.4, 0.1, 0.2, 0.9, 6) for n in range(120)), 0.9,
    ((0, "CALM"), (1000, "WATCH")), "0" * 16, "1" * 16, "2" * 16,
    "score at most 3 and no single 3, for 30 s", "what the patient feels",
)  # fmt: skip
SNAPSHOT_EVERY_S = 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("address", nargs="?")
    parser.add_argument("--beds", type=int, default=50)
    parser.add_argument("--seconds", type=int, default=1200)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=".") as folder:
        address = asked.address or str(Path(folder) / "ward.db")
        sizes = measure_journal(address, asked.beds, asked.seconds)
        measure_file(Path(folder) / "plain.jsonl", sizes)


def measure_journal(address: str, beds: int, seconds: int) -> list[int]:
    """Print what commits took; the bytes of each one's lines."""
    wall_s, cpu_s, sizes, events = [], [], [], 0
    with Journal.open(address) as journal:
        for number, batch in enumerate(ward(beds, seconds)):
            states = None
            if number % SNAPSHOT_EVERY_S == 0:
                states = {WARD: "0" * 10_000} | {f"bed-{n}": "0" * 30_000 for n in range(beds)}
            wall, cpu = time.perf_counter(), time.process_time()
            journal.append(batch, states)
            wall_s.append(time.perf_counter() - wall)
            cpu_s.append(time.process_time() - cpu)
            sizes.append(sum(len(to_line(event)) + 1 for event in batch))
            events += len(batch)
        began = time.perf_counter()
        result = journal.verify(journal.head())
        took_s = time.perf_counter() - began
        print(f"{beds} beds, {seconds} commits, {events / seconds:.0f} events a commit")
        show("a commit, to the disk", wall_s)
        show("of it, this process's CPU", cpu_s)
        print(f"{events / took_s:,.0f} events/s verified ({str(result).split(',')[0]})")
        began = time.perf_counter()
        resumed = len(journal.resume()[1])
        print(f"{time.perf_counter() - began:.2f} s to read {resumed:,} events after the snapshot")
    print(f"{sum(sizes) / seconds * 86400 / 1e9:.1f} GB of lines a day", end="")
    if Path(address).exists():
        size = sum(Path(address + end).stat().st_size for end in ("", "-wal") if _is(address + end))
        print(f", {size / seconds * 86400 / 1e9:.1f} GB of file")
    else:
        print()
    return sizes


def _is(path: str) -> bool:
    return Path(path).exists()


def measure_file(path: Path, sizes: list[int]) -> None:
    took_s = []
    with open(path, "wb") as file:
        for size in sizes:
            began = time.perf_counter()
            file.write(b"x" * size)
            file.flush()
            os.fsync(file.fileno())
            took_s.append(time.perf_counter() - began)
    show("the same bytes to a plain file", took_s)


def show(what: str, took_s: list[float]) -> None:
    p50, p99 = np.percentile(took_s, [50, 99]) * 1000
    print(f"{what}: median {p50:.1f} ms, p99 {p99:.1f} ms, longest {max(took_s) * 1000:.1f} ms")


def ward(beds: int, seconds: int) -> Iterator[list[Event]]:
    seqs: Counter[str] = Counter()
    for second in range(seconds):

        def told(patient: str, body: Body, at_ms: int = 1000 * second) -> Event:
            seqs[patient] += 1
            return Event(patient, seqs[patient], at_ms, at_ms, "5e77" * 4, body)

        batch = [told(WARD, Tick())]
        for number in range(beds):
            bed = f"bed-{number}"
            batch += [told(bed, WINDOW), told(bed, SCORED)]
            if (second + number) % 60 == 0:
                key = f"{bed}/concern/{seqs[bed] + 1}"
                batch.append(told(bed, RecordChanged(opened(key, bed), "opened")))
                batch.append(told(bed, Notified(key, "MEDIUM", "raised", "assess", True)))
                batch.append(told(WARD, Ordered((key,))))
        yield batch


def opened(key: str, patient: str) -> Record:
    return Record(
        key=key,
        patient=patient,
        rule="concern",
        priority="MEDIUM",
        onset_ms=0,
        is_present=True,
        is_observed=True,
        acknowledged_by=None,
        acknowledged_ms=None,
        cleared_ms=None,
        is_closed=False,
        outcome=None,
        closed_by=None,
        cpot=None,
        nrs=None,
        reopened=0,
        score=6,
        evidence=EVIDENCE,
    )


if __name__ == "__main__":
    main()
