"""Who is sent, who is sent when nobody comes, and that in the end somebody always is."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.risk import records, responder
from mien.risk.bidding import UNIT_DISPLAY, everybody
from mien.risk.events import (
    WARD,
    Announced,
    Awarded,
    Bid,
    Body,
    EscalationEnded,
    Event,
    NotDone,
    Nurse,
    Ordered,
    Priority,
    Record,
    RecordChanged,
    Refused,
    RosterSet,
    SignalChanged,
    Tick,
)
from mien.risk.settings import AlertSettings
from tests.risk.test_triage import record

ANN = Nurse("ann", "nurse", ("a", "b"), place_m=5.0)
BEN = Nurse("ben", "nurse", ("c",), buddy_of=("ann",), place_m=50.0)
CID = Nurse("cid", "charge", (), place_m=20.0)
ROSTER = RosterSet((ANN, BEN, CID), (("a", 10.0), ("b", 90.0), ("c", 60.0)))


class Ward:
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


def test_nobody_answers_and_it_goes_up_to_the_failsafe_which_repeats() -> None:
    ward = Ward()
    assert ward.changed(concern()) == []
    charge = ("cid", UNIT_DISPLAY)
    failsafe = (UNIT_DISPLAY, "cid")
    assert ward.awards(610) == [
        (1, 0, ("ann",)),
        (121, 1, ("ben",)),
        (241, 2, charge),
        (361, 3, failsafe),
        (481, 3, failsafe),
        (601, 3, failsafe),
    ]


@pytest.mark.parametrize("roster", [None, RosterSet(())])
def test_an_empty_roster_is_at_the_failsafe_at_once(roster: RosterSet | None) -> None:
    ward = Ward(roster)
    ward.changed(concern())
    assert ward.awards(122) == [(1, 3, (UNIT_DISPLAY,)), (121, 3, (UNIT_DISPLAY,))]


def test_nobody_on_shift_is_an_empty_roster() -> None:
    away = tuple(replace(nurse, is_on_shift=False) for nurse in ROSTER.nurses)
    ward = Ward(RosterSet(away))
    ward.changed(concern())
    assert ward.awards(1) == [(1, 3, (UNIT_DISPLAY,))]


def test_a_step_without_bidders_is_passed_over_at_once() -> None:
    ward = Ward(RosterSet((replace(ANN, is_on_shift=False), BEN, CID)))
    ward.changed(concern())
    assert ward.awards(241) == [
        (1, 1, ("ben",)),
        (121, 2, ("cid", UNIT_DISPLAY)),
        (241, 3, (UNIT_DISPLAY, "cid")),
    ]
    ward = Ward()
    ward.changed(concern("nobody's bed"))
    assert ward.awards(1) == [(1, 2, ("cid", UNIT_DISPLAY))]


def test_a_low_record_sends_nobody() -> None:
    ward = Ward()
    ward.changed(concern(priority="LOW"))
    assert ward.awards(500) == []


def test_a_latched_record_goes_on_until_somebody_has_looked() -> None:
    ward = Ward()
    ward.changed(concern())
    ward.tick(10)
    ward.changed(records.cleared(concern(), 9000))
    assert [step for _, step, _ in ward.awards(400)] == [1, 2, 3]


def test_an_acknowledgement_ends_the_search() -> None:
    ward = Ward()
    ward.changed(concern())
    ward.tick(10)
    seen = records.acknowledged(concern(), "ann", 9000)
    assert ward.changed(seen) == [EscalationEnded(concern().key, "acknowledged")]
    assert ward.awards(1000) == []


def test_an_acknowledgement_before_the_tick_that_escalates_comes_in_time() -> None:
    ward = Ward()
    ward.changed(concern())
    ward.tick(120)
    ward.changed(records.acknowledged(concern(), "ann", ward.time_s * 1000 + 999))
    assert ward.tick(1) == []


def test_an_acknowledgement_in_the_second_of_the_escalation_ends_it_after_that() -> None:
    ward = Ward()
    ward.changed(concern())
    said = ward.tick(121)
    assert isinstance(said[-1], Awarded) and said[-1].to == ("ben",)
    ended = ward.changed(records.acknowledged(concern(), "ann", ward.time_s * 1000))
    assert ended == [EscalationEnded(concern().key, "acknowledged")]
    assert ward.tick(1000) == []


def test_a_refusal_moves_on_at_once() -> None:
    ward = Ward()
    ward.changed(concern())
    ward.tick(10)
    said = ward.hear(Refused(concern().key, "ann"), "a")
    assert [type(body) for body in said] == [Announced, Bid, Awarded]
    assert (said[-1].step, said[-1].to) == (1, ("ben",))
    assert ward.awards(120) == [(120, 2, ("cid", UNIT_DISPLAY))]


def test_when_everybody_refuses_the_failsafe_is_next() -> None:
    ward = Ward()
    ward.changed(concern())
    ward.tick()
    for who in ("ann", "ben"):
        ward.hear(Refused(concern().key, who), "a")
    said = ward.hear(Refused(concern().key, "cid"), "a")
    assert said == [Awarded(concern().key, (UNIT_DISPLAY, "cid"), 3, is_failsafe=True)]
    said = ward.hear(Refused(concern().key, "cid"), "a")
    assert "nobody to ask instead" in said[0].why


def test_a_refusal_within_a_step_asks_the_next_of_it_and_wins_no_time() -> None:
    dan = Nurse("dan", "nurse", ("a",), place_m=100.0)
    ward = Ward(RosterSet((*ROSTER.nurses, dan), ROSTER.bed_places_m))
    ward.changed(concern())
    ward.tick(100)
    said = ward.hear(Refused(concern().key, "ann"), "a")
    assert (said[-1].step, said[-1].to) == (0, ("dan",))
    assert ward.awards(21) == [(21, 1, ("ben",))]


@pytest.mark.parametrize("who", ["ben", "stranger", UNIT_DISPLAY])
def test_who_was_not_sent_cannot_refuse(who: str) -> None:
    ward = Ward()
    ward.changed(concern())
    ward.tick()
    said = ward.hear(Refused(concern().key, who), "a")
    assert said == [
        NotDone("Refused", concern().key, who, "not sent for this record, or no longer")
    ]


def test_a_refusal_after_the_acknowledgement_changes_nothing() -> None:
    ward = Ward()
    ward.changed(concern())
    ward.tick()
    ward.changed(records.acknowledged(concern(), "ann", 1))
    said = ward.hear(Refused(concern().key, "ann"), "a")
    assert said[0].why == "nobody has been sent for this record"


def test_who_goes_off_shift_is_replaced_on_the_next_tick() -> None:
    ward = Ward()
    ward.changed(concern())
    ward.tick(10)
    ward.hear(RosterSet((replace(ANN, is_on_shift=False), BEN, CID)))
    assert ward.awards(1) == [(1, 1, ("ben",))]
    ward.hear(RosterSet(()))
    assert ward.awards(1) == [(1, 3, (UNIT_DISPLAY,))]


def test_who_comes_on_shift_hears_of_a_failsafe_at_once_and_once() -> None:
    ward = Ward(None)
    ward.changed(concern())
    ward.tick(50)
    ward.hear(ROSTER)
    assert ward.awards(80) == [(1, 3, (UNIT_DISPLAY, "cid")), (71, 3, (UNIT_DISPLAY, "cid"))]


def test_without_a_charge_nurse_the_failsafe_asks_all_who_are_on_shift() -> None:
    assert everybody(RosterSet((ANN, BEN))) == (UNIT_DISPLAY, "ann", "ben")
    assert everybody(ROSTER) == (UNIT_DISPLAY, "cid")


def test_a_pause_stops_the_clock_of_its_own_patient_only() -> None:
    ward = Ward()
    ward.changed(concern("a"))
    ward.changed(concern("c"))
    ward.tick(20)
    ward.hear(SignalChanged("PAUSED"), "a")
    assert [to for _, _, to in ward.awards(500)][:1] == [("cid", UNIT_DISPLAY)]
    ward.hear(SignalChanged("LIVE"), "a")
    awards = [body for body in ward.tick(101) if isinstance(body, Awarded)]
    assert [body.to for body in awards if body.record == concern("a").key] == [("ben",)]


def test_the_least_bid_wins_and_every_bid_is_told() -> None:
    far = Nurse("abe", "nurse", ("a",), place_m=80.0)
    ward = Ward(RosterSet((*ROSTER.nurses, far), ROSTER.bed_places_m))
    ward.changed(concern())
    said = ward.tick()
    key = concern().key
    assert said == [
        Announced(key, 0),
        Bid(key, "ann", 5.0),
        Bid(key, "abe", 70.0),
        Awarded(key, ("ann",), 0, is_failsafe=False),
    ]


def test_alerts_in_hand_weigh_in_a_bid() -> None:
    abe = Nurse("abe", "nurse", ("a", "b"), place_m=25.0)
    ward = Ward(RosterSet((ANN, abe), (("a", 10.0), ("b", 10.0))))
    ward.changed(concern("a"))
    assert ward.awards(1) == [(1, 0, ("ann",))]
    ward.changed(concern("b"))
    assert ward.awards(1) == [(1, 0, ("abe",))]
    busy = RosterSet((replace(ANN, load=3), abe), (("a", 10.0),))
    ward = Ward(busy)
    ward.changed(concern("a"))
    assert ward.awards(1) == [(1, 0, ("abe",))]


def test_the_most_urgent_gets_the_nearest_hands() -> None:
    abe = Nurse("abe", "nurse", ("a", "b"), place_m=40.0)
    ward = Ward(RosterSet((ANN, abe), (("a", 10.0), ("b", 10.0))))
    medium, high = concern("a"), concern("b", "HIGH")
    ward.changed(medium)
    ward.changed(high)
    ward.hear(Ordered((high.key, medium.key)))
    awarded = [body for body in ward.tick() if isinstance(body, Awarded)]
    assert [(body.record, body.to) for body in awarded] == [
        (high.key, ("ann",)),
        (medium.key, ("abe",)),
    ]


@pytest.mark.parametrize("slept_s", [130, 300, 500, 10_000])
def test_a_host_that_slept_catches_up_and_tells_once(slept_s: int) -> None:
    ward = Ward()
    ward.changed(concern())
    ward.tick(1)
    ward.time_s += slept_s - 1
    step = min(slept_s // 120, 3)
    assert [award[1] for award in ward.awards(1)] == [step]
    assert ward.awards(10) == []


names = st.sampled_from(["ann", "ben", "cid", "dan"])
nurses = st.builds(
    Nurse,
    name=names,
    role=st.sampled_from(["nurse", "charge"]),
    beds=st.lists(st.sampled_from(["a", "b"]), max_size=2).map(tuple),
    buddy_of=st.lists(names, max_size=2).map(tuple),
    is_on_shift=st.booleans(),
    place_m=st.floats(0, 100),
    load=st.integers(0, 5),
)
rosters = st.lists(nurses, max_size=4, unique_by=lambda nurse: nurse.name).map(
    lambda chosen: RosterSet(tuple(chosen), (("a", 1.0),))
)


@given(rosters, st.lists(st.tuples(st.integers(1, 200), rosters), max_size=5))
def test_whatever_the_roster_the_failsafe_is_reached_in_time(
    first: RosterSet, later: list[tuple[int, RosterSet]]
) -> None:
    ward = Ward(first)
    ward.changed(concern())
    awards = ward.awards(1)
    assert len(awards) == 1
    for seconds, roster in later:
        ward.hear(roster)
        awards += ward.awards(seconds)
    awards += ward.awards(max(0, 361 - ward.time_s + 1))
    steps = [step for _, step, _ in awards]
    assert steps == sorted(steps)
    assert steps[-1] == 3
