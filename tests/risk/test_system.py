"""Several beds technical at once: one alert of the system."""

from mien.risk import snapshots, watch
from mien.risk.events import (
    Acknowledged,
    AudioPaused,
    Awarded,
    BedAdded,
    Gathered,
    Notified,
    Paused,
    RecordChanged,
    Resumed,
    StoreChanged,
    TechnicalChanged,
)
from tests.risk.wards import ROSTER, Ward, bodies

CONFIG = watch.configured(model_hash="m")


def test_three_beds_technical_at_once_are_one_system_alert() -> None:
    ward = Ward(CONFIG)
    ward.hear(ROSTER)
    ward.seconds(15)
    said = ward.seconds(30, "silent")
    told = bodies(Notified, said)
    assert [(one.why, one.priority, one.record.rsplit("/", 1)[0]) for one in told] == [
        ("system", "LOW", "/system")
    ]
    assert told[0].text == "technical at once: 3 beds: a, b, c"
    said = ward.seconds(50, "silent")
    assert [(one.why, one.priority) for one in bodies(Notified, said)] == [
        ("priority rose", "MEDIUM")
    ]
    assert [one.to for one in bodies(Awarded, said)] == [("cid", "unit-display")]


def test_a_bed_that_stays_technical_after_the_system_alert_gets_its_own() -> None:
    ward = Ward(CONFIG)
    ward.seconds(15)
    ward.seconds(30, "silent")
    said = ward.seconds(20, {"a": "silent", "b": "calm", "c": "calm"})
    assert bodies(Gathered, said)[-1].members == ()
    own = [event for event in said if event.patient == "a" and bodies(Notified, [event])]
    assert len(own) == 1
    system = next(
        body.record for body in bodies(RecordChanged, said) if body.record.rule == "system"
    )
    assert system.shown == "latched"


def test_two_beds_or_three_at_other_times_alert_each_by_itself() -> None:
    ward = Ward(CONFIG)
    ward.seconds(15)
    said = ward.seconds(30, {"a": "silent", "b": "silent", "c": "calm"})
    assert {event.patient for event in said if bodies(Notified, [event])} == {"a", "b"}
    said = ward.seconds(20, "silent")
    assert {event.patient for event in said if bodies(Notified, [event])} == {"c"}
    assert not bodies(Gathered, ward.log)


def test_a_store_that_fails_is_told_once_for_all_beds_and_for_new_ones() -> None:
    ward = Ward(CONFIG)
    ward.seconds(15)
    ward.hear(StoreChanged(is_failing=True))
    said = ward.seconds(15)
    assert [one.why for one in bodies(Notified, said)] == ["system"]
    ward.hear(BedAdded(), "d")
    ward.patients += "d"
    ward.seconds(15)
    assert ("d", "store-failing") in ward.state.gathered.members or any(
        isinstance(event.body, TechnicalChanged) and event.patient == "d" for event in ward.log
    )


def test_the_sound_may_be_paused_for_the_whole_ward() -> None:
    ward = Ward(CONFIG)
    ward.seconds(5)
    ward.hear(AudioPaused("ann"))
    assert all(bed.alert.audio_until_ms for bed in ward.state.beds.values())
    assert ward.state.ward.audio_until_ms
    ward.seconds(121)
    assert not any(bed.alert.audio_until_ms for bed in ward.state.beds.values())


def test_a_paused_bed_is_none_of_those_that_are_technical() -> None:
    ward = Ward(CONFIG)
    ward.seconds(15)
    ward.hear(Paused("ann", "care", 600_000), "c")
    said = ward.seconds(30, "silent")
    assert {event.patient for event in said if bodies(Notified, [event])} == {"a", "b"}
    assert not bodies(Gathered, ward.log)
    ward.hear(Resumed("ann"), "c")
    said = ward.seconds(1, "silent")
    assert [body.why for body in bodies(Notified, said)] == ["system"]


def test_who_is_gone_is_not_named_by_the_system_s_alerts_which_go_on() -> None:
    ward = Ward(CONFIG, patients=("ann 3", "ann 3, by the door", "bo"))
    ward.hear(ROSTER)
    ward.seconds(15)
    said = ward.seconds(30, "silent")
    key = bodies(Notified, said)[0].record
    ward.state = watch.without_patient(ward.state, "ann 3")
    assert '"ann 3"' not in snapshots.to_snapshot(ward.state).replace("\\", "")
    said = ward.hear(Acknowledged(key, "ann"))
    evidence = bodies(RecordChanged, said)[0].record.evidence
    assert [(term.value, term.unit) for term in evidence.terms] == [
        (3.0, "beds: ann 3, by the door, bo")
    ]
    ward.patients = ("ann 3, by the door", "bo")
    assert next(body.why for body in bodies(RecordChanged, ward.seconds(20))) == "cleared"
