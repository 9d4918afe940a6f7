"""A search for somebody to send, whose records are said directly."""

from typing import Any

from mien.risk import responder
from mien.risk.events import (
    WARD,
    Awarded,
    Body,
    Event,
    Nurse,
    Priority,
    Record,
    RecordChanged,
    RosterSet,
    Tick,
)
from mien.risk.settings import AlertSettings
from tests.risk.test_triage import record

ANN = Nurse("ann", "nurse", ("a", "b"), place_m=5.0)


BEN = Nurse("ben", "nurse", ("c",), buddy_of=("ann",), place_m=50.0)


CID = Nurse("cid", "charge", (), place_m=20.0)


ROSTER = RosterSet((ANN, BEN, CID), (("a", 10.0), ("b", 90.0), ("c", 60.0)))


class Search:
    """Drives a Responder with records said directly and a tick a second."""

    def __init__(self, roster: RosterSet | None = ROSTER) -> None:
        self.state = responder.initial()
        self.time_s = 0
        if roster is not None:
            self.hear(roster)
        self.tick()

    def hear(self, body: Body, patient: str = WARD) -> list[Any]:
        at_ms = self.time_s * 1000
        event = Event(patient, 1, at_ms, at_ms, "", body)
        self.state, said = responder.step(self.state, event, AlertSettings())
        return [body for _, body in said]

    def tick(self, seconds: int = 1) -> list[Any]:
        said = []
        for _ in range(seconds):
            self.time_s += 1
            said += self.hear(Tick())
        return said

    def changed(self, one: Record) -> list[Any]:
        return self.hear(RecordChanged(one, "opened"), one.patient)

    def awards(self, seconds: int) -> list[tuple[int, int, tuple[str, ...]]]:
        """(seconds from now, step, to) of the awards in the coming seconds."""
        found = []
        for second in range(1, seconds + 1):
            for body in self.tick():
                if isinstance(body, Awarded):
                    found.append((second, body.step, body.to))
        return found


def concern(patient: str = "a", priority: Priority = "MEDIUM") -> Record:
    return record(patient, priority, 1000)
