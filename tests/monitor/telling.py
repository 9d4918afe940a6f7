"""A small ward's log for the tests: events that number themselves."""

from __future__ import annotations

from collections import Counter
from typing import Any

from mien.risk.events import (
    WARD,
    Awarded,
    Body,
    Event,
    Notified,
    Ordered,
    Record,
    RecordChanged,
    Tick,
    WindowClosed,
)
from tests.risk.plain_record import record

WINDOW = WindowClosed(
    10, 10, 10, 0.001, 0, (1.5, 0.25, 0.0, 0.0, 0.0, 0.0), False, 1.75, 0.1, None, (0.5,) * 14
)


class Telling:
    """Numbers each patient's events from 1, a second of the host's clock apart from another."""

    def __init__(self) -> None:
        self._seqs: Counter[str] = Counter()
        self.now_ms = 0

    def __call__(self, patient: str, body: Body) -> Event:
        self._seqs[patient] += 1
        return Event(patient, self._seqs[patient], self.now_ms, self.now_ms, "5e77", body)

    def second(self, *patients: str) -> list[Event]:
        """What a quiet second says: a tick, and a window of each patient."""
        self.now_ms += 1000
        return [self(WARD, Tick()), *(self(patient, WINDOW) for patient in patients)]

    def alert(self, patient: str, **changed: Any) -> list[Event]:
        """A record opens, somebody is told, and triage puts it first."""
        opened = record(patient, self._seqs[patient] + 1, **changed)
        return [
            self(patient, RecordChanged(opened, "opened")),
            self(patient, Notified(opened.key, "MEDIUM", "raised", "assess at the bedside", True)),
            self(WARD, Ordered((opened.key,))),
        ]

    def award(self, record: Record, *, is_failsafe: bool = False) -> Event:
        body = Awarded(record.key, ("ann",), step=3 if is_failsafe else 0, is_failsafe=is_failsafe)
        return self(record.patient, body)

    def closing(self, opened: Record) -> list[Event]:
        closed = record(opened.patient, int(opened.key.rpartition("/")[2]), is_closed=True)
        return [self(opened.patient, RecordChanged(closed, "closed")), self(WARD, Ordered(()))]
