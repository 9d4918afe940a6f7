"""One bed through the whole watch, second by second, and what is to be remembered of it.

Windows go in where the log of a live watch has them; ticks come as the host's seconds pass, so
that all that follows (scores, conditions, records, notifications, technical alarms) is said by the
machines themselves.

Shapes: N seconds of a stay, each by its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from mien.risk import watch
from mien.risk.events import (
    PATIENT_RULES,
    WARD,
    ConditionChanged,
    Event,
    Notified,
    RecordChanged,
    Said,
    Scored,
    TechnicalChanged,
    Tick,
    WindowClosed,
)
from mien.risk.settings import WatchConfig, to_ms

ABSENT = -1  # a score that is not given
SECOND_MS = 1000


@dataclass(frozen=True, slots=True)
class Change:
    """A condition that begins, rises or ends. Time is the stream's, or the host's of a tick."""

    at_s: float
    rule: str
    is_present: bool
    priority: str


@dataclass(frozen=True, slots=True)
class Opened:
    """A patient's record that was opened or opened again."""

    at_s: float
    rule: str
    why: str
    has_face: bool  # in the newest window


@dataclass(frozen=True)
class Seen:
    """What was seen of one patient and what the watch said. p is NaN where there is none."""

    p: np.ndarray  # (N,)
    has_face: np.ndarray  # (N,) bool
    score: np.ndarray  # (N,) int8, ABSENT
    has_single_3: np.ndarray  # (N,) bool
    conditions: tuple[Change, ...]
    technical: tuple[Change, ...]
    opened: tuple[Opened, ...]
    told: tuple[tuple[float, str, str], ...]  # (s, rule, priority) of each notification

    @property
    def is_scored(self) -> np.ndarray:
        return self.score != ABSENT


def course(
    windows: Iterable[Said], *, patient: str, seconds: int, config: WatchConfig
) -> Iterator[Event]:
    """Windows as they come to the watch, and the host's ticks.

    A window ends `lateness_s` before the newest frame. While no frame comes, none does: when they
    come again, a gap has at most `longest_gap_s` empty windows.
    """
    signal = config.settings.signal
    late_ms, longest = to_ms(signal.lateness_s), round(signal.longest_gap_s)
    now_ms = SECOND_MS
    gap: list[Said] = []
    for end_ms, body in windows:
        assert isinstance(body, WindowClosed)
        while now_ms < end_ms + late_ms:
            yield Event(WARD, 0, now_ms, now_ms, config.hash, Tick())
            now_ms += SECOND_MS
        if not body.frames:
            gap.append((end_ms, body))
            continue
        for at_ms, one in (*gap[:longest], (end_ms, body)):
            yield Event(patient, 0, at_ms, at_ms + late_ms, config.hash, one)
        gap = []
    for at_ms in range(now_ms, seconds * SECOND_MS + late_ms + 1, SECOND_MS):
        yield Event(WARD, 0, at_ms, at_ms, config.hash, Tick())


def watched(windows: Iterable[Said], *, patient: str, seconds: int, config: WatchConfig) -> Seen:
    """One patient's stay through the watch of a ward of one bed."""
    notes = _Notes(seconds)
    state = watch.initial(config)
    for event in course(windows, patient=patient, seconds=seconds, config=config):
        state, log = watch.advance(state, event)
        for one in log:
            notes.take(one)
    return notes.seen()


@dataclass
class _Notes:
    """What is kept of the log of one bed, by second."""

    seconds: int
    conditions: list[Change] = field(default_factory=list)
    technical: list[Change] = field(default_factory=list)
    opened: list[Opened] = field(default_factory=list)
    told: list[tuple[float, str, str]] = field(default_factory=list)
    at: int = -1  # the newest window

    def __post_init__(self) -> None:
        self.p = np.full(self.seconds, np.nan)
        self.has_face = np.zeros(self.seconds, bool)
        self.score = np.full(self.seconds, ABSENT, np.int8)
        self.has_single_3 = np.zeros(self.seconds, bool)

    def take(self, event: Event) -> None:
        at_s, body = event.event_time_ms / SECOND_MS, event.body
        match body:
            case WindowClosed():
                self._window(round(at_s) - 1, body)
            case Scored():
                self._score(round(at_s) - 1, body)
            case ConditionChanged():
                self.conditions.append(Change(at_s, body.rule, body.is_present, body.priority))
            case TechnicalChanged():
                self.technical.append(Change(at_s, body.rule, body.is_present, body.priority))
            case RecordChanged(why="opened" | "reopened") if body.record.rule in PATIENT_RULES:
                self._record(at_s, body)
            case Notified() if event.patient != WARD:
                rule = body.record.rsplit("/", 2)[1]
                self.told.append((at_s, rule, body.priority))

    def _window(self, at: int, window: WindowClosed) -> None:
        self.at = at
        if 0 <= at < self.seconds:
            self.has_face[at] = window.with_face > 0
            self.p[at] = np.nan if window.p is None else window.p

    def _score(self, at: int, scored: Scored) -> None:
        if scored.score is not None and 0 <= at < self.seconds:
            self.score[at] = scored.score
            self.has_single_3[at] = scored.has_single_3

    def _record(self, at_s: float, body: RecordChanged) -> None:
        has_face = bool(0 <= self.at < self.seconds and self.has_face[self.at])
        self.opened.append(Opened(at_s, body.record.rule, body.why, has_face))

    def seen(self) -> Seen:
        return Seen(
            self.p,
            self.has_face,
            self.score,
            self.has_single_3,
            tuple(self.conditions),
            tuple(self.technical),
            tuple(self.opened),
            tuple(self.told),
        )


def onsets(changes: Sequence[Change], rule: str, priority: str | None = None) -> list[float]:
    """When a rule's condition began, or rose to a priority; told again is not begun again."""
    found, was_present = [], False
    for one in changes:
        if one.rule != rule or (priority is not None and one.is_present
                                and one.priority != priority):  # fmt: skip
            continue
        if one.is_present and not was_present:
            found.append(one.at_s)
        was_present = one.is_present
    return found
