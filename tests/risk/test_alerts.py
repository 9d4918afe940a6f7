"""One patient's records: opened, told, silenced, held, opened again, closed."""

import pytest

from mien.risk.events import (
    Acknowledged,
    Closed,
    LevelChanged,
    Notified,
    SignalChanged,
    VitalsGiven,
)
from tests.risk.beds import START_MS, Bed, concerned, of, technical, whys
from tests.risk.windows import NO_FACE, TURNED, window


def test_a_concern_is_told_once_with_what_was_seen() -> None:
    bed = Bed().live()
    assert whys(bed.seconds(20, 5)) == []
    said = bed.second(5)
    assert whys(said) == ["opened", "raised"]
    told = of(Notified, said)[0]
    assert (told.priority, told.is_audible) == ("MEDIUM", True)
    assert told.text.startswith("needs a bedside assessment: strong facial expression, score 5")
    assert of(LevelChanged, said) == [LevelChanged("CONCERN")]
    assert whys(bed.seconds(3600, 5)) == []


@pytest.mark.parametrize("asked_s", [19, 20])
def test_a_record_waits_for_a_face(asked_s: int) -> None:
    """Scores look back 10 s: they go on for some seconds when the face has gone."""
    bed = Bed().live()
    bed.hear(window())
    assert whys(bed.seconds(asked_s, 5)) == []
    bed.hear(NO_FACE)
    assert whys(bed.seconds(4, 5)) == []
    assert bed.state.level == "CONCERN"
    bed.hear(TURNED)
    assert whys(bed.second(5)) == ["opened", "raised"]


def test_a_record_does_not_open_for_a_face_that_does_not_come_back() -> None:
    bed = Bed().live()
    bed.seconds(20, 5)
    bed.hear(NO_FACE)
    bed.seconds(4, 5)
    assert whys(bed.seconds(60, None)) == []
    assert bed.records == []


def test_watch_is_display_only() -> None:
    bed = Bed().live()
    assert whys(bed.seconds(100, 3)) == []
    assert bed.state.level == "WATCH"


def test_the_key_has_the_number_of_the_score_that_raised_it() -> None:
    bed = Bed().live()
    bed.seconds(20, 5)
    seq = bed.seq + 1
    bed.second(5)
    assert bed.record().key == f"bed 1/concern/{seq}"
    assert bed.record().onset_ms == START_MS + 21_000


def test_a_low_record_makes_no_sound_and_closes_once_seen_and_over() -> None:
    bed = Bed().live()
    told = of(Notified, bed.seconds(31, 4))
    assert [(one.priority, one.is_audible) for one in told] == [("LOW", False)]
    key = bed.record("sustained").key
    assert whys(bed.seconds(31, 2)) == ["cleared"]
    assert bed.record("sustained").shown == "latched"
    assert whys(bed.hear(Acknowledged(key, "ann"))) == ["acknowledged", "closed"]


@pytest.mark.parametrize("after_s", [1, 200])
def test_back_within_5_min_it_opens_again_without_a_word(after_s: int) -> None:
    bed = concerned()
    bed.seconds(30 + after_s, 0)
    assert whys(bed.seconds(21, 6)) == ["reopened"]
    assert (len(bed.records), bed.record().reopened) == (1, 1)
    assert bed.record().shown == "on"


def test_back_within_5_min_it_is_as_acknowledged_as_it_was() -> None:
    bed = concerned()
    bed.hear(Acknowledged(bed.record().key, "ann"))
    bed.seconds(60, 0)
    bed.seconds(21, 6)
    assert bed.record().shown == "ack"


def test_back_later_it_is_a_new_record_and_the_old_one_stays() -> None:
    bed = concerned()
    bed.seconds(30 + 300, 0)
    assert whys(bed.seconds(21, 5)) == ["opened", "raised"]
    assert [record.shown for record in bed.records] == ["latched", "on"]
    assert len({record.key for record in bed.records}) == 2


def test_a_closed_record_stays_closed_when_the_condition_is_back() -> None:
    bed = concerned()
    bed.seconds(31, 0)
    bed.hear(Closed(bed.record().key, "ann", "treated"))
    assert whys(bed.seconds(21, 5)) == ["opened", "raised"]


def test_a_low_record_that_closed_itself_opens_again_without_a_word() -> None:
    bed = Bed().live()
    bed.seconds(31, 4)
    bed.hear(Acknowledged(bed.record("sustained").key, "ann"))
    assert whys(bed.seconds(31, 2)) == ["cleared", "closed"]
    assert whys(bed.seconds(31, 4)) == ["reopened"]
    assert bed.record("sustained").shown == "ack"


def test_records_that_closed_themselves_are_forgotten_in_time() -> None:
    bed = Bed().live()
    bed.seconds(31, 4)
    bed.hear(Acknowledged(bed.record("sustained").key, "ann"))
    bed.seconds(31, 2)
    bed.seconds(700, 2)
    assert bed.records == []


def test_a_technical_condition_that_rises_is_told_again_and_unacknowledged() -> None:
    bed = Bed().live()
    bed.hear(technical())
    assert whys(bed.ticks(1)) == ["opened", "raised"]
    key = bed.record("stalled").key
    bed.hear(Acknowledged(key, "ann"))
    said = bed.hear(technical(priority="MEDIUM"))
    assert whys(said) == ["priority", "priority rose"]
    assert of(Notified, said)[0].is_audible
    assert (bed.record("stalled").key, bed.record("stalled").shown) == (key, "on")


def test_an_unreadable_face_is_told_once() -> None:
    bed = Bed().live()
    bed.hear(technical("not-observable"))
    assert whys(bed.ticks(1)) == ["opened", "raised"]
    bed.hear(Acknowledged(bed.record("not-observable").key, "ann"))
    assert whys(bed.ticks(4000)) == []


def test_a_technical_record_opens_on_the_tick_after() -> None:
    bed = Bed().live()
    assert whys(bed.hear(technical())) == []
    assert whys(bed.ticks(1)) == ["opened", "raised"]
    assert whys(bed.hear(technical(is_present=False))) == ["cleared"]


def test_a_record_is_held_while_the_face_is_not_seen() -> None:
    bed = concerned()
    bed.hear(SignalChanged("NO_SIGNAL"))
    assert whys(bed.seconds(10, None)) == ["held"]
    assert (bed.record().is_present, bed.record().is_observed) == (True, False)
    assert bed.state.level == "UNKNOWN"
    bed.seconds(1000, None)
    assert bed.record().shown == "on"
    bed.hear(SignalChanged("LIVE"))
    assert whys(bed.second(5)) == ["observed"]
    assert whys(bed.seconds(31, 0)) == ["cleared"]


def test_no_record_of_a_patient_opens_while_there_is_no_face() -> None:
    bed = concerned()
    bed.hear(SignalChanged("NO_SIGNAL"))
    bed.hear(VitalsGiven(12))
    assert whys(bed.seconds(60, None)) == ["held"]
    assert whys(bed.seconds(60, 9)) == []


def test_more_than_6_medium_in_a_day_advise_to_review_limits_and_suppress_nothing() -> None:
    bed = Bed().live()
    advised = []
    for onset in range(9):
        said = bed.seconds(21, 5) + bed.seconds(400, 0)
        assert whys(said)[:2] == ["opened", "raised"]
        advised += [onset for one in of(Notified, said) if one.why == "advisory"]
    assert advised == [6]
    assert len(bed.records) == 9


def test_medium_alerts_spread_over_days_advise_nothing() -> None:
    bed = Bed().live()
    for _ in range(10):
        said = bed.seconds(21, 5) + bed.seconds(40, 0)
        assert "advisory" not in whys(said)
        bed.time_ms += 5 * 3600_000


def test_back_and_2_higher_it_is_told_again_and_needs_a_new_acknowledgement() -> None:
    bed = concerned()
    bed.hear(Acknowledged(bed.record().key, "ann"))
    bed.seconds(60, 0)
    assert whys(bed.seconds(21, 7)) == ["reopened", "score rose"]
    assert bed.record().shown == "on"
