"""A stay in as little as a picture of it takes: bins of time, changes of state, records.

Memory has a bound: when there are more than MOST_BINS, two become one. Records and changes of
state are kept each, without the two minutes of features in a record's evidence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from mien.risk.baseline import OwnBaseline
from mien.risk.events import (
    BaselineChanged,
    Event,
    LevelChanged,
    Record,
    RecordChanged,
    Scored,
    SignalChanged,
    Term,
)

MOST_BINS = 2400
SECOND_MS = 1000
_BEFORE_MS = -(2**62)  # before any stay


@dataclass
class Bin:
    """Some seconds. None: nothing was measured."""

    p_most: float | None = None
    quality_least: float | None = None
    score: int | None = None  # the highest
    weights: tuple[tuple[str, int], ...] = ()  # of its terms
    own: tuple[float, float] | None = None  # own median and deviation of P's level, the last

    def add(self, other: Bin) -> None:
        """Take in a later one."""
        self.p_most = _either(max, self.p_most, other.p_most)
        self.quality_least = _either(min, self.quality_least, other.quality_least)
        if other.score is not None and (self.score is None or other.score > self.score):
            self.score, self.weights = other.score, other.weights
        self.own = other.own or self.own


def _either(
    choose: Callable[[list[float]], float], one: float | None, other: float | None
) -> float | None:
    known = [value for value in (one, other) if value is not None]
    return choose(known) if known else None


@dataclass
class StayTrace:
    """What a picture of one patient's stay is drawn from. Times are the stream's, ms."""

    patient: str
    begin_ms: int | None = None
    end_ms: int = 0
    bin_ms: int = SECOND_MS
    bins: list[Bin] = field(default_factory=list)
    changes: dict[str, list[tuple[int, str]]] = field(
        default_factory=lambda: {
            "signal": [(_BEFORE_MS, "NO_SIGNAL")],
            "baseline": [(_BEFORE_MS, "LEARNING")],
            "level": [(_BEFORE_MS, "UNKNOWN")],
        }
    )
    # As they are last, but for the evidence, which is of the onset.
    records: dict[str, Record] = field(default_factory=dict)

    @property
    def length_s(self) -> int:
        return 0 if self.begin_ms is None else (self.end_ms - self.begin_ms) // SECOND_MS

    def add(self, event: Event, own: OwnBaseline | None = None) -> None:
        """One event of this patient's. own: what is known of the person at this moment."""
        body, now_ms = event.body, event.event_time_ms
        match body:
            case Scored():
                self._score(now_ms, body, own)
            case SignalChanged(signal=signal):
                self.changes["signal"].append((now_ms, signal))
            case BaselineChanged(baseline=baseline):
                self.changes["baseline"].append((now_ms, baseline))
            case LevelChanged(level=level):
                self.changes["level"].append((now_ms, level))
            case RecordChanged(record=record):
                opened = self.records.get(record.key)
                self.records[record.key] = _light(record, opened)

    def _score(self, now_ms: int, scored: Scored, own: OwnBaseline | None) -> None:
        if self.begin_ms is None:
            self.begin_ms, self.end_ms = now_ms - SECOND_MS, now_ms
        if now_ms <= self.begin_ms:
            return
        self.end_ms = max(self.end_ms, now_ms)
        place = (now_ms - SECOND_MS - self.begin_ms) // self.bin_ms
        while place >= MOST_BINS:
            self._halve()
            place = (now_ms - SECOND_MS - self.begin_ms) // self.bin_ms
        while len(self.bins) <= place:
            self.bins.append(Bin())
        spread = None if own is None or own.p is None else (own.p.median, own.p.deviation)
        self.bins[place].add(
            Bin(
                _value(scored.terms, "P"),
                scored.quality,
                scored.score,
                tuple((term.name, term.weight) for term in scored.terms if term.weight),
                spread,
            )
        )

    def _halve(self) -> None:
        halved = self.bins[::2]
        for one, later in zip(halved, self.bins[1::2], strict=False):
            one.add(later)
        self.bins, self.bin_ms = halved, 2 * self.bin_ms


def _value(terms: tuple[Term, ...], name: str) -> float | None:
    return next((term.value for term in terms if term.name == name), None)


def _light(record: Record, opened: Record | None) -> Record:
    """Without the minutes before it, with the evidence that it opened with."""
    evidence = record.evidence if opened is None else opened.evidence
    if evidence is None:
        return replace(record, evidence=None)
    return replace(record, evidence=replace(evidence, before=(), levels=()))
