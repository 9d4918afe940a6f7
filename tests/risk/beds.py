"""A bed whose scores, signal and seconds are said directly, for tests of the machines behind."""

from dataclasses import dataclass, field
from typing import Any

from mien.risk import alerts
from mien.risk.alert_state import Alert
from mien.risk.events import (
    Body,
    Event,
    Notified,
    Record,
    RecordChanged,
    Said,
    Scored,
    SignalChanged,
    TechnicalChanged,
    Term,
    Tick,
)
from mien.risk.settings import WatchConfig, WatchSettings

CONFIG = WatchConfig(WatchSettings(), model_hash="model", rules_hash="rules")
START_MS = 1_000_000


def scored(score: int | None, *, single_3: bool = False, quality: float = 0.9) -> Scored:
    weight = score or 0
    terms = () if score is None else (Term("P", 2.0 * weight, 2.0, weight, "PSPI proxy, 0-16"),)
    return Scored(score, terms, single_3, quality, "READY", (("brow", 1.5),) if weight else ())


def technical(rule: str = "stalled", priority: Any = "LOW", is_present: bool = True) -> Body:
    return TechnicalChanged(rule, is_present, priority, 10.0, 10.0, "s")


@dataclass
class Bed:
    """Drives one Alert. Stream and host have the same clock here."""

    patient: str = "bed 1"
    config: WatchConfig = CONFIG
    time_ms: int = START_MS
    seq: int = 0
    state: Alert = field(init=False)
    said: list[Said] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.state = alerts.initial(self.patient)

    def hear(self, body: Body, time_ms: int | None = None) -> list[Body]:
        """One event; what is said to it."""
        self.seq += 1
        at_ms = self.time_ms if time_ms is None else time_ms
        event = Event(self.patient, self.seq, at_ms, at_ms, self.config.hash, body)
        self.state, said = alerts.step(self.state, event, self.config)
        self.said += said
        self.seq += len(said)
        return [body for _, body in said]

    def live(self) -> "Bed":
        self.hear(SignalChanged("LIVE"))
        return self

    def second(self, score: int | None, *, single_3: bool = False) -> list[Body]:
        """A second passes: its score, then the host's tick."""
        self.time_ms += 1000
        return self.hear(scored(score, single_3=single_3)) + self.hear(Tick())

    def seconds(self, count: int, score: int | None, *, single_3: bool = False) -> list[Body]:
        return [body for _ in range(count) for body in self.second(score, single_3=single_3)]

    def ticks(self, count: int) -> list[Body]:
        """Seconds in which the stream says nothing at all."""
        said = []
        for _ in range(count):
            self.time_ms += 1000
            said += self.hear(Tick())
        return said

    @property
    def records(self) -> list[Record]:
        return [kept.record for kept in self.state.records]

    def record(self, rule: str = "concern") -> Record:
        return next(record for record in reversed(self.records) if record.rule == rule)


def of(kind: type, said: list[Body]) -> list[Any]:
    return [body for body in said if isinstance(body, kind)]


def whys(said: list[Body]) -> list[str]:
    """What became of records and what was told, in order."""
    return [body.why for body in said if isinstance(body, RecordChanged | Notified)]


def concerned(score: int = 5) -> Bed:
    bed = Bed().live()
    bed.hear(Tick())
    bed.seconds(21, score)
    return bed
