"""One ward in replay: the watch, and where what it says goes: a log, a store, a picture, a reader.

With a store, what was said is on the disk before it is told to anybody, and a replay that was
stopped goes on: the store's log is told to the watch again, which must say the same again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mien.errors import LogError
from mien.evaluation.stay_trace import StayTrace
from mien.risk.events import WARD, Event, Evidence, Record, RecordChanged, Scored
from mien.risk.settings import WatchConfig
from mien.risk.watch import Watch, advance, initial, is_input
from mien.workflows.replay_log import LogWriter

if TYPE_CHECKING:
    from mien.monitor.journal import Journal

COMMIT_EVENTS = 500
ONE_REPLAY = "A store holds one replay: give the same again, or a new store"
COMMIT_S = 0.2


@dataclass
class Said:
    """What there was of one patient."""

    trace: StayTrace
    scored_s: int = 0  # with a usable signal
    records: dict[str, Record] = field(default_factory=dict)  # as they are last
    at_onsets: dict[str, Evidence] = field(default_factory=dict)  # what they opened with

    def add(self, event: Event, state: Watch) -> None:
        match event.body:
            case Scored(score=score):
                self.scored_s += score is not None
            case RecordChanged(record=record):
                self.records[record.key] = record
                if record.evidence is not None:
                    self.at_onsets.setdefault(record.key, record.evidence)
        bed = state.beds.get(event.patient)
        self.trace.add(event, None if bed is None else bed.appraisal.own)


class Ward:
    """The watch in replay. What it said last is committed by `commit`."""

    def __init__(
        self,
        config: WatchConfig,
        *,
        writer: LogWriter,
        on_event: Callable[[Event], None],
        journal: Journal | None = None,
    ) -> None:
        self.state = initial(config)
        self.said: dict[str, Said] = {}
        self._writer = writer
        self._on_event = on_event
        self._journal = journal
        self._pending: list[Event] = []
        self._committed_s = time.monotonic()

    def tell(self, event: Event) -> list[Event]:
        """One event from outside; what is said to it. Raises StoreError, LogError."""
        said = self._advanced(event)
        if self._journal is None:
            self._publish(said)
            return said
        self._pending += said
        is_due = time.monotonic() - self._committed_s >= COMMIT_S
        if self._pending and (is_due or len(self._pending) >= COMMIT_EVENTS):
            self.commit()
        return said

    def commit(self) -> None:
        if self._journal is not None and self._pending:
            self._journal.append(self._pending)
            self._publish(self._pending)
            self._pending = []
        self._committed_s = time.monotonic()

    def go_on_from(self, logged: Iterable[Event]) -> None:
        """Take up a log, of which nobody is told again.

        Raises LogError where the watch says something else than the log.
        """
        written = iter(logged)
        event = next(written, None)
        while event is not None:
            if not is_input(event):
                raise LogError(_differs(event))
            for mine in self._advanced(event):
                if event is None:
                    self._pending.append(mine)  # the log ends before all that was said
                    continue
                if mine != event:
                    raise LogError(_differs(event))
                self._writer.write([mine])
                event = next(written, None)

    def records(self) -> Iterator[Record]:
        for said in self.said.values():
            yield from said.records.values()

    def _advanced(self, event: Event) -> list[Event]:
        self.state, said = advance(self.state, event)
        for one in said:
            if one.patient != WARD:
                found = self.said.setdefault(one.patient, Said(StayTrace(one.patient)))
                found.add(one, self.state)
        return said

    def _publish(self, said: list[Event]) -> None:
        self._writer.write(said)
        for one in said:
            self._on_event(one)


def _differs(event: Event) -> str:
    return (
        f"the store says {type(event.body).__name__} {event.seq} of {event.patient!r} where this "
        "replay says something else: it was written by other settings, another model, version "
        f"or recording. {ONE_REPLAY}"
    )
