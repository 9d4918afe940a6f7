"""What the log alone says of a ward, and whether it may say so."""

from dataclasses import dataclass, field

from mien.risk.bidding import FAILSAFE, UNIT_DISPLAY
from mien.risk.events import (
    PATIENT_RULES,
    Awarded,
    Event,
    Gathered,
    LevelChanged,
    Notified,
    Record,
    RecordChanged,
    Scored,
    SignalChanged,
    Tick,
)
from mien.risk.settings import AlertSettings

# (what a record shows, whether it is closed) -> what it may show next
ALLOWED: dict[tuple[str, bool], set[tuple[str, bool]]] = {
    ("", False): {("on", False)},
    ("on", False): {("on", False), ("ack", False), ("latched", False)},
    ("ack", False): {("ack", False), ("on", False), ("off", False)},
    ("latched", False): {("on", False), ("off", False), ("off", True)},
    ("off", False): {("ack", False), ("on", False), ("off", True)},
    ("off", True): {("ack", False), ("on", False)},  # closed by itself, back within 5 min
}


def needs_somebody(record: Record) -> bool:
    """By the specification, not by the code: nobody has acknowledged it, and it is no trifle.

    A technical condition that is over needs nobody any more.
    """
    is_open = record.shown in ("on", "latched") and not record.is_closed
    is_over = record.shown == "latched" and record.rule not in PATIENT_RULES
    return is_open and record.priority in ("MEDIUM", "HIGH") and not is_over


@dataclass
class Shadow:
    """What the log says, event by event."""

    limits: AlertSettings
    records: dict[str, Record] = field(default_factory=dict)
    signals: dict[str, str] = field(default_factory=dict)
    paused: dict[str, int] = field(default_factory=dict)  # since
    levels: dict[str, str] = field(default_factory=dict)
    usable_ms: dict[str, int] = field(default_factory=dict)  # host time of the newest usable score
    waited_s: dict[str, float] = field(default_factory=dict)  # ticks it needed somebody, unpaused
    step: dict[str, int] = field(default_factory=dict)
    awarded_s: dict[str, float] = field(default_factory=dict)  # since the newest award, unpaused
    awarded_to: dict[str, tuple[str, ...]] = field(default_factory=dict)
    told_ms: dict[tuple[str, str], int] = field(default_factory=dict)
    advised_ms: dict[str, int] = field(default_factory=dict)
    covered: tuple[tuple[str, str], ...] = ()  # technical conditions of the system alert
    seqs: dict[str, int] = field(default_factory=dict)
    tick_ms: int = 0

    def read(self, event: Event, now_ms: int) -> None:
        self.seqs[event.patient] = self.seqs.get(event.patient, 0) + 1
        assert event.seq == self.seqs[event.patient]
        body = event.body
        if isinstance(body, Tick):
            self._tick(event.event_time_ms)
        elif isinstance(body, SignalChanged):
            self._signal(event.patient, body, now_ms)
        elif isinstance(body, Scored) and body.score is not None:
            self.usable_ms[event.patient] = now_ms
        elif isinstance(body, LevelChanged):
            assert self.levels.get(event.patient, "UNKNOWN") != body.level
            self.levels[event.patient] = body.level
        elif isinstance(body, Gathered):
            self.covered = body.members
        elif isinstance(body, RecordChanged):
            self._changed(body, event.patient)
        elif isinstance(body, Notified):
            self._told(body, event.patient, now_ms)
        elif isinstance(body, Awarded):
            self._awarded(body)

    def _signal(self, patient: str, body: SignalChanged, now_ms: int) -> None:
        assert self.signals.get(patient) != "PAUSED" or body.signal != "PAUSED"
        self.signals[patient] = body.signal
        if body.signal == "PAUSED":
            self.paused[patient] = now_ms
        else:
            self.paused.pop(patient, None)

    def _tick(self, time_ms: int) -> None:
        passed_s = (time_ms - self.tick_ms) / 1000
        self.tick_ms = time_ms
        for key, record in self.records.items():
            is_waiting = needs_somebody(record) and key in self.step
            if is_waiting and record.patient not in self.paused:
                self.waited_s[key] += passed_s
                self.awarded_s[key] += passed_s

    def _changed(self, body: RecordChanged, patient: str) -> None:
        record = body.record
        before = self.records.get(record.key)
        shown = ("", False) if before is None else (before.shown, before.is_closed)
        assert (record.shown, record.is_closed) in ALLOWED[shown], (shown, record)
        if before is not None and before.closed_by is not None:
            raise AssertionError("what a person closed has changed")
        if body.why in ("opened", "reopened"):
            assert patient not in self.paused
            assert (patient, record.rule) not in self.covered
            if record.rule in PATIENT_RULES:
                assert self.signals[patient] == "LIVE"
        self.records[record.key] = record
        if not needs_somebody(record):
            for kept in (self.waited_s, self.step, self.awarded_s, self.awarded_to):
                kept.pop(record.key, None)

    def _told(self, body: Notified, patient: str, now_ms: int) -> None:
        if body.why == "advisory":
            last = self.advised_ms.get(patient)
            assert last is None or now_ms - last >= (self.limits.review_s - 5) * 1000
            self.advised_ms[patient] = now_ms
            return
        record = self.records[body.record]
        assert record.is_present and not record.is_closed
        assert record.patient not in self.paused
        last = self.told_ms.get((body.record, body.why))
        if body.why in ("raised", "system"):
            assert last is None
            assert body.is_audible == (body.priority != "LOW")
        if body.why == "still present":
            assert record.acknowledged_by and record.acknowledged_ms is not None
            quiet_ms = max(record.acknowledged_ms, last or 0)
            assert now_ms - quiet_ms >= self.limits.remind_s * 1000
        if body.why in ("priority rose", "score rose"):
            assert not record.acknowledged_by
        self.told_ms[body.record, body.why] = now_ms

    def _awarded(self, body: Awarded) -> None:
        key = body.record
        assert needs_somebody(self.records[key])
        assert body.to and len(set(body.to)) == len(body.to)
        assert body.is_failsafe == (body.step == FAILSAFE)
        assert body.step >= self.step.get(key, 0)
        if body.step == FAILSAFE:
            assert UNIT_DISPLAY in body.to
            if self.step.get(key) == FAILSAFE and set(body.to) <= set(self.awarded_to[key]):
                assert self.awarded_s[key] > 0  # not twice in a second
        self.waited_s.setdefault(key, 0.0)
        self.step[key] = body.step
        self.awarded_s[key] = 0.0
        self.awarded_to[key] = body.to
