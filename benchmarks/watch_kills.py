"""Kill a replay into a store at random moments, begin it again, and see what its log is worth.

    python benchmarks/watch_kills.py [--kills 200] [--source stay.parquet] [-o FILE]

Without a source it is seven simulated minutes: strong distress, an empty bed, no camera. A round
goes from an empty store to the end of the recording, through as many kills (SIGKILL) as there are.
Then the store must hold what a replay without a kill says: the same events, each once, each
notification and each award once in the outbox, and an audit chain that verifies.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from mien.evaluation.stay_calibration import calibrated
from mien.monitor.journal import Journal
from mien.monitor.verification import Verified
from mien.risk.events import Awarded, Event, Notified
from mien.risk.lines import alert_log
from mien.workflows.alarm_replays import scene
from mien.workflows.replay import replay
from mien.workflows.simulate_stay import write_stay


@dataclass
class Count:
    kills: int = 0
    midway: int = 0  # of the kills, when the store had something and not all of it
    rounds: int = 0
    lost: int = 0  # events that an unkilled replay says and the store lacks
    twice: int = 0  # events that the store has beyond those
    unsent: int = 0  # notifications and awards that are not once in the outbox
    broken: int = 0  # stores whose audit chain does not verify
    differing: int = 0  # alert logs that are not the same bytes

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.twice or self.unsent or self.broken or self.differing)


def kill_replays(source: Path, *, kills: int, seed: int, folder: Path) -> Count:
    """Rounds until there were so many kills. source: a table of one patient, or a log."""
    wanted: list[Event] = []
    replay(source, on_event=wanted.append)
    chance, count = random.Random(seed), Count()
    began_s = time.monotonic()
    _run(source, folder / "unkilled.db").wait()
    whole_s = time.monotonic() - began_s
    while count.kills < kills:
        store = folder / f"round{count.rounds}.db"
        while not _killed(source, store, chance.uniform(0.2, 1.0) * whole_s):
            count.kills += 1
            count.midway += 0 < _kept_in(store) < len(wanted)
            if count.kills == kills:
                _run(source, store).wait()
                break
        count.rounds += 1
        _check(store, wanted, count)
    return count


def _run(source: Path, store: Path) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "mien.cli", "replay", str(source), "--store", str(store)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen([*words, "--threads", "1"], **quiet)


def _killed(source: Path, store: Path, after_s: float) -> bool:
    """Whether the replay came to its end before it was killed."""
    process = _run(source, store)
    try:
        process.wait(after_s)
    except subprocess.TimeoutExpired:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        return False
    if process.returncode:
        raise SystemExit(f"the replay ended with {process.returncode}")
    return True


def _kept_in(store: Path) -> int:
    with Journal.open(store) as journal:
        return len(journal.resume()[1])


def _check(store: Path, wanted: list[Event], count: Count) -> None:
    with Journal.open(store) as journal:
        _, kept = journal.resume()
        verified = journal.verify()
        pending = journal.outbox.pending()
    by_number = {(event.patient, event.seq): event for event in kept}
    found = sum(by_number.get((event.patient, event.seq)) == event for event in wanted)
    count.lost += len(wanted) - found
    count.twice += len(kept) - found
    messages = sum(isinstance(event.body, Notified | Awarded) for event in wanted)
    count.unsent += abs(pending - messages)
    count.broken += not isinstance(verified, Verified)
    count.differing += alert_log(kept) != alert_log(wanted)


def simulated(out: Path, seed: int) -> Path:
    return write_stay(calibrated(scene(seed, 0)), out).table


def report(count: Count) -> str:
    return (
        f"{count.kills} kills in {count.rounds} replays, {count.midway} of them midway: "
        f"{count.lost} events lost, {count.twice} twice, {count.unsent} notifications not once in "
        f"the outbox, {count.differing} alert logs other than an unkilled replay's, "
        f"{count.broken} audit chains broken"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=26)
    parser.add_argument("--source", type=Path, help="a table of one patient, or a log")
    parser.add_argument("-o", "--output", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = asked.source or simulated(Path(folder) / "stay.parquet", asked.seed)
        count = kill_replays(source, kills=asked.kills, seed=asked.seed, folder=Path(folder))
    print(report(count))
    if asked.output:
        asked.output.write_text(report(count) + "\n", "utf-8")
    sys.exit(0 if count.is_clean else 1)


if __name__ == "__main__":
    main()
