"""Measure what a second of a ward costs the watch, without store and server.

    python benchmarks/watch_step.py [--beds 50] [--seconds 30]

Frames of 30 Hz a bed; times are the processor's, so that other work on the machine does not
count. Prints the time of a frame that closes no window, of one that does (window, score, alerts),
of a tick, the share of one core in use, and the snapshot's size.
"""

import argparse
import random
import statistics
import time
from dataclasses import dataclass, field

from mien.risk import snapshots, watch
from mien.risk.action_units import REGIONS, UNITS
from mien.risk.events import WARD, Event, Face, FrameMeasured, Tick
from mien.risk.measured import STEADY_POINTS
from mien.risk.watch import Watch

HZ = 30
START_MS = 1_700_000_000_000


@dataclass
class Spent:
    """Seconds of each call, by what it was."""

    frame: list[float] = field(default_factory=list)
    window: list[float] = field(default_factory=list)
    tick: list[float] = field(default_factory=list)


def some_faces(count: int = 64) -> list[Face]:
    chance = random.Random(0)
    values = 2 * (len(REGIONS) + len(STEADY_POINTS))
    return [
        Face(
            yaw_deg=chance.gauss(0, 1),
            pitch_deg=0.0,
            roll_deg=0.0,
            action_units=tuple(abs(chance.gauss(0, 0.3)) for _ in UNITS),
            mouth_opening=0.05,
            points=tuple(chance.gauss(0, 0.001) for _ in range(values)),
            negative=0.1,
        )
        for _ in range(count)
    ]


def run(beds: int, seconds: int) -> tuple[Watch, Spent]:
    state, spent, faces = watch.initial(watch.configured()), Spent(), some_faces()
    for second in range(seconds):
        for index in range(HZ):
            at_ms = START_MS + 1000 * second + 1000 * index // HZ
            for bed in range(beds):
                body = FrameMeasured(faces[(index + bed) % len(faces)])
                event = Event(f"bed {bed}", 0, at_ms, at_ms + 50, "", body)
                begun = time.process_time()
                state, said = watch.advance(state, event)
                (spent.window if said else spent.frame).append(time.process_time() - begun)
        at_ms = START_MS + 1000 * (second + 1)
        begun = time.process_time()
        state, _ = watch.advance(state, Event(WARD, 0, at_ms, at_ms, "", Tick()))
        spent.tick.append(time.process_time() - begun)
    return state, spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--beds", type=int, default=50)
    parser.add_argument("--seconds", type=int, default=30)
    told = parser.parse_args()
    state, spent = run(told.beds, told.seconds)
    for name, unit, scale in (("frame", "µs", 1e6), ("window", "µs", 1e6), ("tick", "ms", 1e3)):
        times = sorted(getattr(spent, name))
        median, late = statistics.median(times), times[int(0.99 * len(times))]
        print(f"{name:8}median {median * scale:7.1f} {unit}, 99th percentile {late * scale:7.1f}")
    busy = sum(spent.frame + spent.window + spent.tick) / told.seconds
    print(f"{told.beds} beds x {HZ} Hz: {busy:.1%} of one core")
    begun = time.process_time()
    text = snapshots.to_snapshot(state)
    written = time.process_time()
    assert snapshots.from_snapshot(text) == state
    print(
        f"snapshot {len(text) / 1e6:.2f} MB, written in {1e3 * (written - begun):.0f} ms, "
        f"read in {1e3 * (time.process_time() - written):.0f} ms"
    )


if __name__ == "__main__":
    main()
