"""Triage: one total order over the ward's open records: priority, age, bed.

Open is what nobody has acknowledged or closed. The order is told on ticks, so that it depends on
what is open and not on which bed's frames came first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from mien.risk.events import PRIORITIES, Event, Ordered, Priority, Record, RecordChanged, Said, Tick
from mien.risk.records import patient_of


@dataclass(frozen=True, slots=True)
class Waiting:
    priority: Priority
    onset_ms: int
    patient: str


@dataclass(frozen=True, slots=True)
class Triage:
    waiting: Mapping[str, Waiting] = field(default_factory=dict)  # by record
    order: tuple[str, ...] = ()  # as last told


def initial() -> Triage:
    return Triage()


def without_patient(state: Triage, patient: str) -> Triage:
    """Without a patient who is gone."""
    waiting = {key: one for key, one in state.waiting.items() if one.patient != patient}
    return Triage(waiting, tuple(key for key in state.order if patient_of(key) != patient))


def step(state: Triage, event: Event) -> tuple[Triage, list[Said]]:
    if isinstance(event.body, RecordChanged):
        return replace(state, waiting=_after(state.waiting, event.body.record)), []
    if not isinstance(event.body, Tick):
        return state, []
    order = ordered(state.waiting)
    if order == state.order:
        return state, []
    return replace(state, order=order), [(event.event_time_ms, Ordered(order))]


def _after(waiting: Mapping[str, Waiting], record: Record) -> Mapping[str, Waiting]:
    if record.is_closed or record.acknowledged_by:
        return {key: other for key, other in waiting.items() if key != record.key}
    new = Waiting(record.priority, record.onset_ms, record.patient)
    return {**waiting, record.key: new}


def ordered(waiting: Mapping[str, Waiting]) -> tuple[str, ...]:
    """The highest priority first, then the oldest, then by bed; no two are equal."""

    def rank(key: str) -> tuple[int, int, str, str]:
        one = waiting[key]
        return -PRIORITIES.index(one.priority), one.onset_ms, one.patient, key

    return tuple(sorted(waiting, key=rank))
