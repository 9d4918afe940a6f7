"""Acts, faults, ticks and restarts in any order: what holds whatever happens.

The watch runs ten times faster here, so that hours pass in a test. A shadow, kept from the log
alone, counts how long each record has waited and what has been said of it.
"""

from dataclasses import replace
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
from mien.risk.bidding import FAILSAFE, UNIT_DISPLAY, is_on_shift
from mien.risk.events import (
    WARD,
    Acknowledged,
    AudioPaused,
    BedAdded,
    Closed,
    LearningRestarted,
    Nurse,
    Paused,
    Refused,
    Resumed,
    RosterSet,
    StoreChanged,
    VitalsGiven,
)
from tests.risk.shadow import Shadow, needs_somebody
from tests.risk.wards import ROSTER, SECONDS, Ward, hurried

CONFIG = hurried()
ALERTS = CONFIG.settings.alerts
HOLD_S = CONFIG.settings.appraisal.hold_s
PEOPLE = ("ann", "ben", "cid", "dan")


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
        self.shadow = Shadow(ALERTS)
        self.read = 0

    def _read(self) -> None:
        for event in self.ward.log[self.read :]:
            self.shadow.read(event, self.ward.time_ms)
        self.read = len(self.ward.log)

    def act(self, body: Any, patient: str = WARD) -> None:
        self.ward.hear(body, patient)
        self._read()

    def key(self, pick: int) -> str:
        """Mostly an open record, what escalates first; one that was; one that never was."""
        known = self.shadow.records
        opened = [key for key, record in known.items() if not record.is_closed]
        opened.sort(key=lambda key: (not needs_somebody(known[key]), -known[key].onset_ms))
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
            self.escalations_are_in_time()

    @rule(kind=st.sampled_from(["much", "some", "calm", "silent", "nobody"]))
    def all_are_alike_for_long(self, kind: str) -> None:
        self.time_passes(dict.fromkeys("abc", kind), 65)

    @rule(bed=beds, rest=st.sampled_from(["much", "calm", "silent"]), seconds=st.integers(3, 20))
    def it_begins(self, bed: str, rest: str, seconds: int) -> None:
        self.time_passes(dict.fromkeys("abc", rest) | {bed: "much"}, seconds)

    @rule(bed=beds, seconds=st.integers(2, 40))
    def it_is_over(self, bed: str, seconds: int) -> None:
        self.time_passes(dict.fromkeys("abc", "much") | {bed: "calm"}, seconds)

    @rule(bed=beds, news2=st.integers(5, 9), kind=st.sampled_from(["nobody", "silent", "much"]))
    def vitals_come_while_it_looks_like_this(self, bed: str, news2: int, kind: str) -> None:
        self.time_passes(dict.fromkeys("abc", "much") | {bed: kind}, 3)
        self.act(VitalsGiven(news2), bed)
        self.time_passes(dict.fromkeys("abc", "much") | {bed: kind}, 3)

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

    @rule(bed=beds, seconds=st.sampled_from([-1, 0, 5, 60, 400]))
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

    @rule(pick=picks)
    def who_was_sent_goes_off_shift(self, pick: int) -> None:
        sent = self.shadow.awarded_to.get(self.key(pick), ())
        roster = self.ward.state.responder.roster
        nurses = (
            replace(nurse, is_on_shift=nurse.is_on_shift and nurse.name not in sent)
            for nurse in roster.nurses
        )
        self.act(replace(roster, nurses=tuple(nurses)))

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
            if not needs_somebody(record) or record.patient in self.shadow.paused:
                continue
            assert key in self.shadow.step, f"nobody was sent for {key}"
            step, waited_s = self.shadow.step[key], self.shadow.waited_s[key]
            last_s = ALERTS.charge_after_s + ALERTS.failsafe_every_s
            limits = (ALERTS.buddy_after_s, ALERTS.charge_after_s, last_s)
            assert step >= sum(waited_s >= limit for limit in limits)
            sent = self.shadow.awarded_to[key]
            if step < FAILSAFE:
                roster = self.ward.state.responder.roster
                assert any(is_on_shift(roster, who) for who in sent)
            else:
                assert UNIT_DISPLAY in sent
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
    run(examples=12, steps=20)


@pytest.mark.slow
def test_alerts_find_somebody_whatever_happens_at_length() -> None:
    run(examples=250, steps=50)
