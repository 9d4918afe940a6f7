"""What the Alert machine remembers of one patient, and the few things that all its parts do."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from mien.risk import evidence, records
from mien.risk.conditions import Conditions
from mien.risk.events import (
    Body,
    Event,
    Level,
    NotDone,
    Notified,
    Record,
    RecordChanged,
    Said,
    Term,
)
from mien.risk.evidence import History
from mien.risk.records import Cause
from mien.risk.settings import WatchConfig

Told = Literal["raised", "priority rose", "score rose", "still present", "system"]


@dataclass(frozen=True, slots=True)
class Technical:
    """A technical condition that is present."""

    cause: Cause
    since_ms: int  # host time: the tick before it, by which beds are compared
    term: Term


@dataclass(frozen=True, slots=True)
class Kept:
    """A record, and since when people have been quiet about it, host time."""

    record: Record
    quiet_ms: int = 0  # acknowledged, or told again
    closed_ms: int | None = None  # closed itself; a while later it is forgotten
    cleared_tick_ms: int | None = None  # where its condition's own event did not clear it


@dataclass(frozen=True, slots=True)
class Pause:
    since_ms: int
    until_ms: int
    is_shown: bool  # PAUSED is the last that was said of the signal


@dataclass(frozen=True, slots=True)
class Alert:
    """One patient's, or, with patient "", the ward's."""

    patient: str
    conditions: Conditions = field(default_factory=Conditions)
    technical: tuple[Technical, ...] = ()
    covered: tuple[str, ...] = ()  # technical rules that a system alert speaks for
    records: tuple[Kept, ...] = ()  # in the order of their onsets
    level: Level = "UNKNOWN"
    pause: Pause | None = None
    audio_until_ms: int | None = None
    history: History = field(default_factory=History)
    is_faceless: bool = False  # the newest window has no face in any frame
    mediums_ms: tuple[int, ...] = ()  # onsets of Concern within 24 h
    advised_ms: int | None = None
    tick_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Now:
    """The event that is being answered, and the answer so far."""

    event: Event
    config: WatchConfig
    said: list[Said]

    @property
    def time_ms(self) -> int:
        return self.event.event_time_ms

    def say(self, body: Body) -> None:
        self.said.append((self.time_ms, body))

    def cannot(self, record: str, why: str) -> None:
        """Tell the person that their act has changed nothing."""
        who = getattr(self.event.body, "who", "")
        self.say(NotDone(type(self.event.body).__name__, record, who, why))


def put(state: Alert, at: int, kept: Kept) -> Alert:
    return replace(state, records=(*state.records[:at], kept, *state.records[at + 1 :]))


def find(state: Alert, key: str) -> int | None:
    """Where a record stands."""
    places = (at for at, kept in enumerate(state.records) if kept.record.key == key)
    return next(places, None)


def newest(state: Alert, rule: str) -> int | None:
    """Where the rule's newest record stands."""
    places = [at for at, kept in enumerate(state.records) if kept.record.rule == rule]
    return places[-1] if places else None


def settled(state: Alert, at: int, now: Now) -> Alert:
    """A record that needs nobody's word any more is closed."""
    kept = state.records[at]
    if not records.closes_by_itself(kept.record):
        return state
    record = replace(kept.record, is_closed=True)
    now.say(RecordChanged(record, "closed"))
    return put(state, at, replace(kept, record=record, closed_ms=state.tick_ms or now.time_ms))


def tell(state: Alert, record: Record, why: Told, now: Now) -> None:
    """LOW makes no sound; in an audio pause a new record alone does."""
    is_new = why in ("raised", "system")
    is_audible = record.priority != "LOW" and (is_new or state.audio_until_ms is None)
    now.say(Notified(record.key, record.priority, why, evidence.text_of(record), is_audible))
