"""A process that writes a log whose every batch is known beforehand, until it is killed.

    python -m tests.monitor.killed_writer ADDRESS

Each line of its input starts a writer, a child with everything imported already. The child says
its number, "writing" once it has read the log, and each batch that was acknowledged; when it is
dead this process says "gone".
"""

from __future__ import annotations

import os
import sys
from itertools import islice

from mien.monitor.journal import Journal
from mien.risk.events import WARD, Event, RecordChanged, Tick
from tests.monitor.telling import Telling

BEDS = ("bed-1", "bed-2", "bed-3")
ALERT_EVERY = 3
SNAPSHOT_EVERY = 5


class Batches:
    """Batch after batch, always the same ones."""

    def __init__(self) -> None:
        self._telling = Telling()
        self.count = 0

    def __iter__(self) -> Batches:
        return self

    def __next__(self) -> list[Event]:
        self.count += 1
        batch = self._telling.second(*BEDS)
        if self.count % ALERT_EVERY == 0:
            alert = self._telling.alert(BEDS[self.count % len(BEDS)])
            assert isinstance(alert[0].body, RecordChanged)
            batch += [*alert, self._telling.award(alert[0].body.record)]
        return batch


def batches_in(journal: Journal) -> int:
    """How many batches a log holds: one tick each."""
    states, after = journal.resume()
    ticks = sum(isinstance(event.body, Tick) for event in after)
    return ticks + (int(states[WARD]) if states else 0)


def say(word: object) -> None:
    """A whole line or nothing: a kill may come between the two writes of a print."""
    os.write(1, f"{word}\n".encode())


def write(address: str) -> None:
    say(os.getpid())
    with Journal.open(address) as journal:
        batches = Batches()
        list(islice(batches, batches_in(journal)))
        say("writing")
        for batch in batches:
            is_due = batches.count % SNAPSHOT_EVERY == 0
            journal.append(batch, {WARD: str(batches.count)} if is_due else None)
            say(batches.count)


def main() -> None:
    for _ in sys.stdin:
        if (child := os.fork()) == 0:
            write(sys.argv[1])
        os.waitpid(child, 0)
        say("gone")


if __name__ == "__main__":
    main()
