"""Acts, faults, ticks and restarts in any order: what holds whatever happens.

The watch runs ten times faster here, so that hours pass in a test. A shadow, kept from the log
alone, counts how long each record has waited and what has been said of it.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from mien.risk import records, snapshots, watch
from mien.risk.bidding import FAILSAFE, UNIT_DISPLAY
from mien.risk.events import (
    PATIENT_RULES,
    WARD,
    Acknowledged,
    AudioPaused,
    Awarded,
    BedAdded,
    Closed,
    Event,
    LearningRestarted,
    LevelChanged,
    Notified,
    Nurse,
    Paused,
    Record,
    RecordChanged,
    Refused,
    Resumed,
    RosterSet,
    Scored,
    SignalChanged,
    StoreChanged,
    Tick,
    VitalsGiven,
)
from tests.risk.wards import ROSTER, SECONDS, Ward, hurried

CONFIG = hurried()
ALERTS = CONFIG.settings.alerts
HOLD_S = CONFIG.settings.appraisal.hold_s
PEOPLE = ("ann", "ben", "cid", "dan")

# (what a record shows, whether it is closed) -> what it may show next
ALLOWED: dict[tuple[str, bool], set[tuple[str, bool]]] = {
    ("", False): {("on", False)},
    ("on", False): {("on", False), ("ack", False), ("latched", False)},
    ("ack", False): {("ack", False), ("on", False), ("off", False)},
    ("latched", False): {("on", False), ("off", False), ("off", True)},
    ("off", False): {("ack", False), ("on", False), ("off", True)},
    ("off", True): {("ack", False), ("on", False)},  # closed by itself, back within 5 min
}


@dataclass
class Shadow:
    """What the log says, event by event."""

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
            is_waiting = records.escalates(record) and key in self.step
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
            if record.rule in PATIENT_RULES:
                assert self.signals[patient] == "LIVE"
        self.records[record.key] = record
        if not records.escalates(record):
            for kept in (self.waited_s, self.step, self.awarded_s, self.awarded_to):
                kept.pop(record.key, None)

    def _told(self, body: Notified, patient: str, now_ms: int) -> None:
        if body.why == "advisory":
            last = self.advised_ms.get(patient)
            assert last is None or now_ms - last >= (ALERTS.review_s - 5) * 1000
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
            assert now_ms - quiet_ms >= ALERTS.remind_s * 1000
        if body.why in ("priority rose", "score rose"):
            assert not record.acknowledged_by
        self.told_ms[body.record, body.why] = now_ms

    def _awarded(self, body: Awarded) -> None:
        key = body.record
        assert records.escalates(self.records[key])
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


names = st.sampled_from(PEOPLE)
nurses = st.builds(
    Nurse,
    name=names,
    role=st.sampled_from(["nurse", "charge"]),
    beds=st.lists(st.sampled_from(["a", "b", "c"]), max_size=2, unique=True).map(tuple),
    buddy_of=st.lists(names, max_size=2, unique=True).map(tuple),
    is_on_shift=st.booleans(),
    place_m=st.integers(0, 100).map(float),
)
rosters = st.one_of(
    st.just(ROSTER),
    st.just(RosterSet(())),
    st.lists(nurses, max_size=4, unique_by=lambda nurse: nurse.name).map(
        lambda chosen: RosterSet(tuple(chosen))
    ),
)
beds = st.sampled_from("abc")
picks = st.integers(0, 9)


class Races(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.ward = Ward(CONFIG)
        self.shadow = Shadow()
        self.read = 0
        self.is_ticked = False

    def _read(self) -> None:
        for event in self.ward.log[self.read :]:
            self.shadow.read(event, self.ward.time_ms)
        self.read = len(self.ward.log)

    def act(self, body: Any, patient: str = WARD) -> None:
        self.ward.hear(body, patient)
        self._read()
        self.is_ticked = False

    def key(self, pick: int) -> str:
        """Mostly an open record, what escalates first; one that was; one that never was."""
        known = self.shadow.records
        opened = [key for key, record in known.items() if not record.is_closed]
        opened.sort(key=lambda key: (not records.escalates(known[key]), -known[key].onset_ms))
        if pick < 8 and opened:
            return opened[pick % len(opened)]
        return next(reversed(known)) if pick == 8 and known else "a/concern/999999"

    @initialize(roster=rosters, kind=st.sampled_from(["calm", "much"]), seconds=picks)
    def begin(self, roster: RosterSet, kind: str, seconds: int) -> None:
        self.act(roster)
        self.act(BedAdded(), "a")
        self.ward.seconds(2 * seconds, kind)
        self._read()

    @rule(
        kinds=st.fixed_dictionaries({name: st.sampled_from(sorted(SECONDS)) for name in "abc"}),
        seconds=st.integers(1, 15),
    )
    def time_passes(self, kinds: dict[str, str], seconds: int) -> None:
        for _ in range(seconds):
            self.ward.second(kinds)
            self._read()
            self.is_ticked = True
            self.escalations_are_in_time()

    @rule(
        seconds=st.sampled_from([1, 2, 10, 25, 70]),
        kind=st.sampled_from(["much", "some", "calm", "silent"]),
    )
    def all_are_alike(self, seconds: int, kind: str) -> None:
        self.time_passes(dict.fromkeys("abc", kind), seconds)

    def answer(self, kind: type, key: str, who: str) -> None:
        self.act(kind(key, who), records.patient_of(key))

    @rule(pick=picks, who=names)
    def acknowledge(self, pick: int, who: str) -> None:
        self.answer(Acknowledged, self.key(pick), who)

    @rule(pick=picks, who=names)
    def acknowledge_twice(self, pick: int, who: str) -> None:
        key = self.key(pick)
        self.answer(Acknowledged, key, who)
        before = self.shadow.records.get(key)
        self.answer(Acknowledged, key, "dan")
        assert self.shadow.records.get(key) == before

    @rule(pick=picks, who=names)
    def refuse(self, pick: int, who: str) -> None:
        self.answer(Refused, self.key(pick), who)

    @rule(pick=picks)
    def who_was_sent_refuses(self, pick: int) -> None:
        sent = self.shadow.awarded_to.get(self.key(pick), ())
        for who in sent:
            self.answer(Refused, self.key(pick), who)

    @rule(pick=picks, who=names, is_first=st.booleans())
    def acknowledge_and_refuse(self, pick: int, who: str, is_first: bool) -> None:
        key = self.key(pick)
        for kind in (Acknowledged, Refused) if is_first else (Refused, Acknowledged):
            self.answer(kind, key, who)

    @rule(pick=picks, who=names, nrs=st.one_of(st.none(), st.integers(-1, 11)))
    def close(self, pick: int, who: str, nrs: int | None) -> None:
        key = self.key(pick)
        before = self.shadow.records.get(key)
        self.act(Closed(key, who, "treated", nrs=nrs), records.patient_of(key))
        if before is not None and before.is_present:
            assert self.shadow.records[key] == before

    @rule(pick=picks, bed=beds)
    def act_in_the_wrong_bed(self, pick: int, bed: str) -> None:
        key = self.key(pick)
        before = self.shadow.records.get(key)
        if records.patient_of(key) != bed:
            self.act(Acknowledged(key, "ann"), bed)
            self.act(Refused(key, "ann"), bed)
            assert self.shadow.records.get(key) == before

    @rule(bed=beds, seconds=st.integers(-1, 400))
    def pause(self, bed: str, seconds: int) -> None:
        self.act(Paused("ann", "care", seconds * 1000), bed)

    @rule(bed=beds)
    def resume(self, bed: str) -> None:
        self.act(Resumed("ann"), bed)

    @rule(bed=st.sampled_from(["a", "b", "c", WARD]))
    def pause_the_sound(self, bed: str) -> None:
        self.act(AudioPaused("ann"), bed)

    @rule(roster=rosters)
    def set_the_roster(self, roster: RosterSet) -> None:
        self.act(roster)

    @rule(bed=beds, news2=st.sampled_from([0, 6, 7, 15]))
    def give_vitals(self, bed: str, news2: int) -> None:
        self.act(VitalsGiven(news2), bed)

    @rule(is_failing=st.booleans())
    def change_the_store(self, is_failing: bool) -> None:
        self.act(StoreChanged(is_failing))

    @rule(bed=beds)
    def learn_anew(self, bed: str) -> None:
        self.act(LearningRestarted("ann"), bed)

    @rule()
    def restart(self) -> None:
        """From a snapshot the ward goes on as if nothing had been."""
        text = snapshots.to_snapshot(self.ward.state)
        state = snapshots.from_snapshot(text)
        assert state == self.ward.state
        assert snapshots.to_snapshot(state) == text
        self.ward.state = state

    def escalations_are_in_time(self) -> None:
        """After a tick: who waits has somebody, and the step that its time demands."""
        for key, record in self.shadow.records.items():
            if not records.escalates(record) or record.patient in self.shadow.paused:
                continue
            assert key in self.shadow.step, f"nobody was sent for {key}"
            step, waited_s = self.shadow.step[key], self.shadow.waited_s[key]
            last_s = ALERTS.charge_after_s + ALERTS.failsafe_every_s
            limits = (ALERTS.buddy_after_s, ALERTS.charge_after_s, last_s)
            assert step >= sum(waited_s >= limit for limit in limits)
            if step == FAILSAFE:
                assert self.shadow.awarded_s[key] < ALERTS.failsafe_every_s + 1

    @invariant()
    def the_level_is_never_calm_without_a_usable_signal(self) -> None:
        for patient, level in self.shadow.levels.items():
            if level == "UNKNOWN":
                continue
            assert patient not in self.shadow.paused
            unseen_ms = self.shadow.tick_ms - self.shadow.usable_ms[patient]
            assert unseen_ms <= HOLD_S * 1000

    @invariant()
    def a_pause_ends(self) -> None:
        for since_ms in self.shadow.paused.values():
            assert self.shadow.tick_ms - since_ms < ALERTS.pause_most_s * 1000

    @invariant()
    def the_log_is_the_state(self) -> None:
        """What is open by the log is what is open in the state, and the state says the same."""
        alerts = [self.ward.state.ward, *(bed.alert for bed in self.ward.state.beds.values())]
        kept = {one.record.key: one.record for alert in alerts for one in alert.records}
        told = {key: one for key, one in self.shadow.records.items() if not one.is_closed}
        opened = {key: one for key, one in kept.items() if not one.is_closed}
        assert set(opened) == set(told)
        for key, record in opened.items():
            assert replace(record, score=None) == replace(told[key], score=None)
        present = [(one.patient, one.rule) for one in opened.values() if one.is_present]
        assert len(present) == len(set(present))

    def teardown(self) -> None:
        """Nobody answers from here on; and the log alone gives the state."""
        for bed in self.ward.state.beds:
            if bed in self.shadow.paused:
                self.act(Resumed("ann"), bed)
        for _ in range(round(ALERTS.charge_after_s + ALERTS.failsafe_every_s) + 1):
            self.time_passes(dict.fromkeys("abc", "calm"), 1)
        for key, step in self.shadow.step.items():
            if self.shadow.waited_s[key] >= ALERTS.charge_after_s + ALERTS.failsafe_every_s:
                assert step == FAILSAFE
        state, missing = watch.gone_on(watch.initial(CONFIG), self.ward.log)
        assert missing == []
        assert state == self.ward.state


# Not Phase.shrink: an hour of a ward is shrunk for many minutes.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.target)


def run(examples: int, steps: int) -> None:
    run_state_machine_as_test(
        Races,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=PHASES,
        ),
    )


def test_alerts_find_somebody_whatever_happens() -> None:
    run(examples=15, steps=20)


@pytest.mark.slow
def test_alerts_find_somebody_whatever_happens_at_length() -> None:
    run(examples=300, steps=60)
