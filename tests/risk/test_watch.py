"""The whole watch over one log: from frames to who is sent, replayed, shuffled, restarted."""

from dataclasses import replace
from typing import Any

import pytest

from mien.errors import LogError
from mien.risk import snapshots, watch
from mien.risk.events import (
    Acknowledged,
    AudioPaused,
    Awarded,
    BedAdded,
    Closed,
    Event,
    FrameMeasured,
    LearningRestarted,
    NotDone,
    Notified,
    Paused,
    RecordChanged,
    Refused,
    Resumed,
    RosterSet,
    Scored,
    SignalChanged,
    Tick,
    VitalsGiven,
    WindowClosed,
)
from tests.risk.wards import ROSTER, Ward, bodies

CONFIG = watch.configured(model_hash="m")
FRAME = Event("a", 0, 1_000_000, 1_000_000, "", FrameMeasured(None))


def test_a_bed_is_logged_when_it_appears() -> None:
    frame = FRAME
    state, said = watch.advance(watch.initial(CONFIG), frame)
    assert [event.body for event in said] == [BedAdded()]
    assert watch.advance(state, frame)[1] == []


def test_a_bed_whose_camera_never_sends_is_noticed() -> None:
    ward = Ward(CONFIG, patients="")
    ward.hear(BedAdded(), "a")
    told = bodies(Notified, ward.seconds(70))
    assert [(one.priority, one.why) for one in told] == [
        ("LOW", "raised"),
        ("MEDIUM", "priority rose"),
    ]


@pytest.mark.parametrize(
    ("patient", "body", "message"),
    [
        ("a", Notified("r", "LOW", "raised", "t", True), "is what the watch says"),
        ("", VitalsGiven(3), "without a patient"),
        ("", FrameMeasured(None), "without a patient"),
        ("", Paused("ann", "care", 1000), "without a patient"),
        ("a", Tick(), "it is the ward's"),
        ("a", RosterSet(()), "it is the ward's"),
    ],
)
def test_what_does_not_come_from_outside_is_refused(patient: str, body: Any, message: str) -> None:
    with pytest.raises(LogError, match=message):
        watch.advance(watch.initial(CONFIG), Event(patient, 1, 0, 0, "", body))


def test_a_frame_that_closes_no_window_touches_its_own_bed_alone() -> None:
    ward = Ward(CONFIG)
    ward.seconds(5)
    frame = replace(FRAME, event_time_ms=ward.time_ms)
    after, _ = watch.advance(ward.state, frame)
    assert all(after.beds[bed] is ward.state.beds[bed] for bed in "bc")
    assert after.beds["a"].appraisal is ward.state.beds["a"].appraisal


def test_a_state_that_was_given_is_not_changed() -> None:
    ward = Ward(CONFIG)
    ward.hear(ROSTER)
    ward.seconds(15)
    before = snapshots.to_snapshot(ward.state)
    state = ward.state
    for kind in ("much", "silent", "nobody"):
        ward.seconds(40, kind)
    assert snapshots.to_snapshot(state) == before


def in_concern() -> tuple[Ward, str]:
    ward = Ward(CONFIG, patients="a")
    ward.hear(ROSTER)
    opened = [body.record for body in bodies(RecordChanged, ward.seconds(40, "much"))]
    return ward, opened[0].key


def test_an_acknowledgement_in_the_second_of_the_escalation() -> None:
    """Before the tick nobody else is called; after it the call is ended at once."""
    ward, key = in_concern()
    started_ms = next(event.event_time_ms for event in ward.log if bodies(Awarded, [event]))
    while ward.time_ms < started_ms + 119_000:
        ward.second("much")
    early, late = ward.state, ward.second("much")
    assert bodies(Awarded, late)[0].to == ("ben",)
    ended = ward.hear(Acknowledged(key, "ann"), "a")
    assert type(ended[-1].body).__name__ == "EscalationEnded"
    ward.state = early
    ward.hear(Acknowledged(key, "ann"), "a")
    assert not bodies(Awarded, ward.seconds(300, "much"))


def test_a_refusal_sends_the_next() -> None:
    ward, key = in_concern()
    said = ward.hear(Refused(key, "ann"), "a")
    assert [type(event.body).__name__ for event in said] == [
        "Refused",
        "Announced",
        "Bid",
        "Awarded",
    ]
    assert {event.patient for event in said} == {"a"}


def test_what_the_alert_machine_says_reaches_appraisal_which_learns_nothing_then() -> None:
    ward, _ = in_concern()
    learnt_s = ward.state.beds["a"].appraisal.own.learnt_s
    ward.seconds(20, "much")
    assert ward.state.beds["a"].appraisal.own.learnt_s == learnt_s
    ward.seconds(60, "calm")
    ward.hear(Paused("ann", "care", 600_000), "a")
    learnt_s = ward.state.beds["a"].appraisal.own.learnt_s
    ward.seconds(20, "calm")
    assert ward.state.beds["a"].appraisal.own.learnt_s == learnt_s
    ward.hear(Resumed("ann"), "a")
    ward.seconds(5, "calm")
    assert ward.state.beds["a"].appraisal.own.learnt_s > learnt_s


def test_acts_on_what_is_not_there_are_answered_and_change_nothing() -> None:
    ward, key = in_concern()
    before = ward.state.beds["a"].alert.records
    for body in (Acknowledged("nobody/concern/1", "ann"), Refused("x", "ann")):
        said = ward.hear(body, "a")
        assert isinstance(said[-1].body, NotDone)
    said = ward.hear(Refused(key, "ann"), "b")
    assert isinstance(said[-1].body, NotDone)
    assert ward.state.beds["a"].alert.records == before


def test_the_end_of_a_pause_is_said_once_with_what_the_signal_is_by_then() -> None:
    ward = Ward(CONFIG, patients="a")
    ward.seconds(15)
    ward.hear(Paused("ann", "care", 60_000), "a")
    said = ward.seconds(60, "turned")
    signals = [body.signal for body in bodies(SignalChanged, said)]
    assert signals == ["NOT_OBSERVABLE"]


HOURS_MS = 5 * 3_600_000
AHEAD = pytest.mark.parametrize("ahead_ms", [0, 60_000, HOURS_MS, 2**53 - 10**9])


@AHEAD
def test_a_pause_of_a_minute_ends_after_it_whatever_the_clock_of_who_asks(ahead_ms: int) -> None:
    ward = Ward(CONFIG, patients="a")
    ward.seconds(15)
    ward.hear(Paused("ann", "care", 60_000), "a", ward.time_ms + ahead_ms)
    ward.hear(AudioPaused("ann"), "a", ward.time_ms + ahead_ms)
    said = ward.seconds(62)
    assert [body.signal for body in bodies(SignalChanged, said)] == ["LIVE"]
    ward.seconds(62)
    assert ward.state.beds["a"].alert.audio_until_ms is None
    assert watch.gone_on(watch.initial(CONFIG), ward.log) == (ward.state, [])


@AHEAD
def test_vitals_from_the_future_do_not_outlive_newer_ones(ahead_ms: int) -> None:
    ward = Ward(CONFIG, patients="")
    ward.seconds(3)
    ward.hear(VitalsGiven(9), "a", ward.time_ms + ahead_ms)
    ward.seconds(2)
    ward.hear(VitalsGiven(1), "a")
    assert ward.state.beds["a"].alert.conditions.news2 == 1


ACTS = (
    Acknowledged("a/concern/9", "ann"),
    Refused("a/concern/9", "ann"),
    Closed("a/concern/9", "ann", "false"),
    Paused("ann", "care", 60_000),
    Resumed("ann"),
    AudioPaused("ann"),
    LearningRestarted("ann"),
)


@pytest.mark.parametrize("act", ACTS, ids=lambda act: type(act).__name__)
def test_an_act_for_a_mistyped_bed_adds_none_and_is_answered(act: Any) -> None:
    ward = Ward(CONFIG, patients="a")
    ward.seconds(5)
    said = ward.hear(act, "aa")
    answer = NotDone(type(act).__name__, getattr(act, "record", ""), "ann", watch.NO_BED)
    assert [(event.patient, event.body) for event in said] == [("", answer)]
    assert set(ward.state.beds) == {"a"}
    assert not bodies(Notified, ward.seconds(15))
    assert watch.gone_on(watch.initial(CONFIG), ward.log) == (ward.state, [])
    again = Ward(CONFIG)
    for event in filter(watch.is_input, ward.log):
        again.hear(event.body, event.patient, event.event_time_ms)
    assert again.state == ward.state


def test_vitals_add_beds_but_not_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "BEDS_MOST", 3)
    ward = Ward(CONFIG, patients="")
    said = [ward.hear(VitalsGiven(3), f"bed {number}")[-1].body for number in range(5)]
    assert said == [VitalsGiven(3)] * 3 + [NotDone("VitalsGiven", "", "", watch.NO_BED)] * 2
    assert len(ward.state.beds) == 3


def test_scores_may_be_said_in_a_machines_place() -> None:
    """As simulations of a ward do, which have no frames."""
    ward = Ward(CONFIG, patients="")
    ward.hear(SignalChanged("LIVE"), "a")
    for second in range(25):
        at_ms = ward.time_ms + 1000 * second
        ward.hear(Scored(6, (), False, 1.0, "READY"), "a", at_ms)
    assert [body.why for body in bodies(RecordChanged, ward.log)] == ["opened"]
    assert not bodies(WindowClosed, ward.log)
