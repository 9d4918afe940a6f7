"""What people do about alerts: acknowledge, close, pause the watch or its sound."""

import pytest

from mien.risk.events import (
    Acknowledged,
    AudioPaused,
    Closed,
    ConditionChanged,
    LevelChanged,
    NotDone,
    Notified,
    Paused,
    RecordChanged,
    Resumed,
    SignalChanged,
    Tick,
    VitalsGiven,
)
from tests.risk.beds import Bed, concerned, of, technical, whys
from tests.risk.wards import Ward, bodies


def test_a_medium_record_waits_for_its_outcome() -> None:
    bed = concerned()
    key = bed.record().key
    bed.hear(Acknowledged(key, "ann"))
    assert bed.record().shown == "ack"
    bed.seconds(31, 0)
    assert bed.record().shown == "off"
    bed.seconds(2000, 0)
    said = bed.hear(Closed(key, "ann", "treated", nrs=4))
    closed = of(RecordChanged, said)[0].record
    assert (closed.is_closed, closed.outcome, closed.nrs) == (True, "treated", 4)
    assert bed.records == []


def test_an_unacknowledged_record_that_is_over_may_be_closed_with_its_outcome() -> None:
    bed = concerned()
    bed.seconds(31, 0)
    said = bed.hear(Closed(bed.record().key, "ann", "assessed-no-action"))
    assert of(RecordChanged, said)[0].record.acknowledged_by == "ann"


def test_a_record_whose_condition_is_present_is_not_closed() -> None:
    bed = concerned()
    said = bed.hear(Closed(bed.record().key, "ann", "false"))
    assert "still present" in of(NotDone, said)[0].why
    assert not bed.record().is_closed


def test_an_acknowledgement_silences_for_10_min_while_the_condition_lasts() -> None:
    bed = concerned()
    bed.hear(Acknowledged(bed.record().key, "ann"))
    assert whys(bed.seconds(599, 5)) == []
    assert whys(bed.second(5)) == ["still present"]
    assert bed.record().shown == "ack"
    assert whys(bed.seconds(599, 5)) == []
    assert whys(bed.second(5)) == ["still present"]


def test_an_acknowledgement_silences_its_own_record_only() -> None:
    bed = concerned()
    bed.hear(VitalsGiven(8))
    bed.second(5)
    bed.hear(Acknowledged(bed.record("concern").key, "ann"))
    assert bed.record("concern").shown == "ack"
    assert bed.record("concern-vitals").shown == "on"
    assert bed.record("concern-vitals").priority == "HIGH"


def test_a_pause_holds_records_and_opens_none() -> None:
    bed = concerned()
    said = bed.hear(Paused("ann", "care", 600_000))
    assert said[0] == SignalChanged("PAUSED")
    assert whys(said) == ["held"]
    assert bed.state.level == "UNKNOWN"
    said = bed.seconds(100, 0)
    assert whys(said) == []
    assert any("ConditionChanged" in repr(body) for body in said)
    bed.hear(technical())
    assert whys(bed.seconds(10, 9)) == []
    assert [record.rule for record in bed.records] == ["concern"]


def test_after_a_pause_records_follow_what_is_there_by_then() -> None:
    bed = Bed().live()
    bed.hear(Tick())
    bed.hear(Paused("ann", "meal", 600_000))
    bed.hear(technical())
    assert whys(bed.seconds(60, 5)) == []
    said = bed.hear(Resumed("ann"))
    assert said == [SignalChanged("LIVE"), LevelChanged("CONCERN")]
    assert whys(bed.second(5)) == ["opened", "raised", "opened", "raised"]


@pytest.mark.parametrize("before", ["turned", "calm"])
def test_what_begins_in_a_pause_is_logged_whatever_the_signal_was_before(before: str) -> None:
    ward = Ward(patients="a")
    ward.seconds(15, before)
    ward.hear(Paused("ann", "care", 600_000), "a")
    said = ward.seconds(60, "much")
    begun = [body.rule for body in bodies(ConditionChanged, said) if body.is_present]
    assert begun == ["watch", "concern"]
    assert not bodies(RecordChanged, said) + bodies(LevelChanged, said)
    ward.hear(Resumed("ann"), "a")
    assert [body.why for body in bodies(RecordChanged, ward.seconds(1, "much"))] == ["opened"]


def test_what_ended_in_a_pause_is_cleared_after_it() -> None:
    bed = concerned()
    bed.hear(Paused("ann", "care", 600_000))
    bed.seconds(60, 0)
    assert bed.record().is_present
    assert whys(bed.hear(Resumed("ann"))) == ["cleared"]


@pytest.mark.parametrize("asked_s", [60, 1800, 7200, 10**6])
def test_a_pause_ends_by_itself_after_30_min_at_most(asked_s: int) -> None:
    bed = Bed().live()
    bed.hear(Paused("ann", "care", asked_s * 1000))
    lasts_s = min(asked_s, 1800)
    bed.ticks(lasts_s - 1)
    assert bed.state.pause
    assert SignalChanged("LIVE") in bed.ticks(1)
    assert bed.state.pause is None


def test_a_pause_in_a_pause_does_not_make_it_longer_than_30_min() -> None:
    bed = Bed().live()
    bed.hear(Paused("ann", "care", 1_800_000))
    bed.ticks(1000)
    assert of(SignalChanged, bed.hear(Paused("ben", "meal", 1_800_000))) == []
    bed.ticks(799)
    assert bed.state.pause
    bed.ticks(1)
    assert bed.state.pause is None


def test_a_pause_may_be_made_shorter() -> None:
    bed = Bed().live()
    bed.hear(Paused("ann", "care", 1_800_000))
    bed.hear(Paused("ann", "care", 10_000))
    bed.ticks(10)
    assert bed.state.pause is None


def test_resuming_what_is_not_paused_changes_nothing() -> None:
    assert of(NotDone, Bed().live().hear(Resumed("ann")))[0].why == "the watch is not paused"


def test_a_reminder_waits_for_the_end_of_a_pause() -> None:
    bed = concerned()
    bed.hear(Acknowledged(bed.record().key, "ann"))
    bed.hear(Paused("ann", "care", 1_200_000))
    assert whys(bed.seconds(1199, 5)) == []
    assert whys(bed.second(5)) == ["still present", "observed"]


def test_a_new_record_breaks_through_an_audio_pause_and_nothing_else_does() -> None:
    bed = concerned()
    bed.hear(Acknowledged(bed.record().key, "ann"))
    bed.seconds(590, 5)
    bed.hear(AudioPaused("ann"))
    told = of(Notified, bed.seconds(15, 5))
    assert [(one.why, one.is_audible) for one in told] == [("still present", False)]
    bed.hear(VitalsGiven(9))
    told = of(Notified, bed.second(5))
    assert [(one.priority, one.is_audible) for one in told] == [("HIGH", True)]


def test_an_audio_pause_lasts_120_s() -> None:
    bed = Bed().live()
    bed.hear(AudioPaused("ann"))
    bed.ticks(119)
    assert bed.state.audio_until_ms is not None
    bed.ticks(1)
    assert bed.state.audio_until_ms is None


@pytest.mark.parametrize("who", ["ann", "ben"])
def test_a_second_acknowledgement_changes_nothing(who: str) -> None:
    bed = concerned()
    bed.hear(Acknowledged(bed.record().key, "ann"))
    before = bed.record()
    said = bed.hear(Acknowledged(before.key, who))
    assert said == [NotDone("Acknowledged", before.key, who, "already acknowledged by ann")]
    assert bed.record() == before


def test_an_act_on_a_record_that_is_not_there_changes_nothing() -> None:
    bed = concerned()
    before = bed.state.records
    for act in (Acknowledged("bed 1/concern/999", "ann"), Closed("x", "ann", "false")):
        assert of(NotDone, bed.hear(act))[0].why == "no such open record"
    assert bed.state.records == before
