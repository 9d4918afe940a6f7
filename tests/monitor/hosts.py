"""A host of the watch whose clock and beds are moved by hand."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from mien.monitor.journal import Journal
from mien.monitor.pipeline import Pipeline
from mien.monitor.settings import JournalSettings, PipelineSettings
from mien.risk import watch
from mien.risk.action_units import UNITS
from mien.risk.events import (
    WARD,
    Event,
    Face,
)
from mien.risk.lines import alert_log
from tests.risk.streams import CALM

START_MS = 1_700_000_000_000
CONFIG = watch.configured(model_hash="m")
GRIMACE = replace(
    CALM, action_units=tuple(4.0 if unit in ("au04", "au07") else 0.0 for unit in UNITS)
)
IMPATIENT = JournalSettings(busy_timeout_s=0.01)


class Host:
    """A host whose clock is moved by hand, and the beds' streams."""

    def __init__(self, path: Path, config=CONFIG, limits: PipelineSettings | None = None) -> None:
        self.path, self.config, self.limits = path, config, limits
        self.now_ms = START_MS
        self.back_ms = 0  # the host's clock is set back so far
        self.stream_back_ms = 0  # the streams' clocks
        self.kept: list[Event] = []
        self.open()

    def open(self) -> None:
        self.journal = Journal.open(self.path, IMPATIENT)
        self.pipeline = Pipeline.open(
            self.journal,
            self.config,
            clock=lambda: self.now_ms - self.back_ms,
            steady=lambda: self.now_ms,
            settings=self.limits,
            on_kept=self.kept.extend,
        )

    def kill(self) -> None:
        """Nothing is written any more, and nothing but the file is left."""
        self.journal.close()

    @property
    def stream_ms(self) -> int:
        """The time of a frame that comes now: 40 ms ago."""
        return self.now_ms - 40 - self.stream_back_ms

    def tenth(self, faces: dict[str, Face | None]) -> None:
        """A frame of each bed comes, .1 s after the one before."""
        for patient, face in faces.items():
            self.pipeline.offer(patient, face, time_ms=self.stream_ms)
        self.pipeline.turn()
        self.now_ms += 100

    def seconds(self, count: int, faces: dict[str, Face | None]) -> None:
        """Every half second what was said is written."""
        for tenth in range(10 * count):
            self.tenth(faces)
            if tenth % 5 == 4:
                self.pipeline.write()

    def log(self, *patients: str) -> str:
        logs = [alert_log(self.journal.events(patient)) for patient in (*patients, WARD)]
        return "".join(logs)


def of(kind: type, events: list[Event]) -> list:
    return [event.body for event in events if isinstance(event.body, kind)]


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process writes into the store and does not end."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")
