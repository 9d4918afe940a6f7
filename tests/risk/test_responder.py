"""Who is sent, who is sent when nobody comes, and that in the end somebody always is."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.risk import records
from mien.risk.bidding import UNIT_DISPLAY
from mien.risk.events import (
    Announced,
    Awarded,
    Bid,
    EscalationEnded,
    NotDone,
    Nurse,
    Refused,
    RosterSet,
    SignalChanged,
)
from tests.risk.searches import ROSTER, Search, concern


def test_nobody_answers_and_it_goes_up_to_the_failsafe_which_repeats() -> None:
    ward = Search()
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


def test_who_has_not_answered_is_not_asked_again_at_the_next_step_if_others_are_there() -> None:
    """Two assigned nurses who stand in for each other; one of them is charge nurse too."""
    both = (
        Nurse("abe", "nurse", ("a",), buddy_of=("bo",), place_m=10.0),
        Nurse("bo", "charge", ("a",), buddy_of=("abe",), place_m=90.0),
        Nurse("cid", "charge", (), place_m=95.0),
    )
    ward = Search(RosterSet(both, (("a", 10.0),)))
    ward.changed(concern())
    assert [to[0] for _, _, to in ward.awards(241)] == ["abe", "bo", "cid"]
    alone = Search(RosterSet(both[:1], (("a", 10.0),)))
    alone.changed(concern())
    assert [to[0] for _, _, to in alone.awards(121)] == ["abe", UNIT_DISPLAY]
    themselves = replace(both[0], buddy_of=("abe",))
    alone = Search(RosterSet((themselves,)))
    alone.changed(concern())
    assert [to[0] for _, _, to in alone.awards(121)] == ["abe", "abe"]


@pytest.mark.parametrize("roster", [None, RosterSet(())])
def test_an_empty_roster_is_at_the_failsafe_at_once(roster: RosterSet | None) -> None:
    ward = Search(roster)
    ward.changed(concern())
    assert ward.awards(122) == [(1, 3, (UNIT_DISPLAY,)), (121, 3, (UNIT_DISPLAY,))]


def test_nobody_on_shift_is_an_empty_roster() -> None:
    away = tuple(replace(nurse, is_on_shift=False) for nurse in ROSTER.nurses)
    ward = Search(RosterSet(away))
    ward.changed(concern())
    assert ward.awards(1) == [(1, 3, (UNIT_DISPLAY,))]


def test_a_low_record_sends_nobody() -> None:
    ward = Search()
    ward.changed(concern(priority="LOW"))
    assert ward.awards(500) == []


def test_a_latched_record_goes_on_until_somebody_has_looked() -> None:
    ward = Search()
    ward.changed(concern())
    ward.tick(10)
    ward.changed(records.cleared(concern(), 9000))
    assert [step for _, step, _ in ward.awards(400)] == [1, 2, 3]


def test_an_acknowledgement_ends_the_search() -> None:
    ward = Search()
    ward.changed(concern())
    ward.tick(10)
    seen = records.acknowledged(concern(), "ann", 9000)
    assert ward.changed(seen) == [EscalationEnded(concern().key, "acknowledged")]
    assert ward.awards(1000) == []


def test_an_acknowledgement_before_the_tick_that_escalates_comes_in_time() -> None:
    ward = Search()
    ward.changed(concern())
    ward.tick(120)
    ward.changed(records.acknowledged(concern(), "ann", ward.time_s * 1000 + 999))
    assert ward.tick(1) == []


def test_an_acknowledgement_in_the_second_of_the_escalation_ends_it_after_that() -> None:
    ward = Search()
    ward.changed(concern())
    said = ward.tick(121)
    assert isinstance(said[-1], Awarded) and said[-1].to == ("ben",)
    ended = ward.changed(records.acknowledged(concern(), "ann", ward.time_s * 1000))
    assert ended == [EscalationEnded(concern().key, "acknowledged")]
    assert ward.tick(1000) == []


def test_a_refusal_moves_on_at_once() -> None:
    ward = Search()
    ward.changed(concern())
    ward.tick(10)
    said = ward.hear(Refused(concern().key, "ann"), "a")
    assert [type(body) for body in said] == [Announced, Bid, Awarded]
    assert (said[-1].step, said[-1].to) == (1, ("ben",))
    assert ward.awards(120) == [(120, 2, ("cid", UNIT_DISPLAY))]


def test_when_everybody_refuses_the_failsafe_is_next() -> None:
    ward = Search()
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
    ward = Search(RosterSet((*ROSTER.nurses, dan), ROSTER.bed_places_m))
    ward.changed(concern())
    ward.tick(100)
    said = ward.hear(Refused(concern().key, "ann"), "a")
    assert (said[-1].step, said[-1].to) == (0, ("dan",))
    assert ward.awards(21) == [(21, 1, ("ben",))]


@pytest.mark.parametrize("who", ["ben", "stranger", UNIT_DISPLAY])
def test_who_was_not_sent_cannot_refuse(who: str) -> None:
    ward = Search()
    ward.changed(concern())
    ward.tick()
    said = ward.hear(Refused(concern().key, who), "a")
    assert said == [
        NotDone("Refused", concern().key, who, "not sent for this record, or no longer")
    ]


def test_a_refusal_after_the_acknowledgement_changes_nothing() -> None:
    ward = Search()
    ward.changed(concern())
    ward.tick()
    ward.changed(records.acknowledged(concern(), "ann", 1))
    said = ward.hear(Refused(concern().key, "ann"), "a")
    assert said[0].why == "nobody has been sent for this record"


def test_a_pause_stops_the_clock_of_its_own_patient_only() -> None:
    ward = Search()
    ward.changed(concern("a"))
    ward.changed(concern("c"))
    ward.tick(20)
    ward.hear(SignalChanged("PAUSED"), "a")
    assert [to for _, _, to in ward.awards(500)][:1] == [("cid", UNIT_DISPLAY)]
    ward.hear(SignalChanged("LIVE"), "a")
    awards = [body for body in ward.tick(101) if isinstance(body, Awarded)]
    assert [body.to for body in awards if body.record == concern("a").key] == [("ben",)]


@pytest.mark.parametrize("slept_s", [130, 300, 500, 10_000])
def test_a_host_that_slept_catches_up_and_tells_once(slept_s: int) -> None:
    ward = Search()
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
    ward = Search(first)
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
