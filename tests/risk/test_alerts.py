"""One patient's records: opened, told, silenced, held, opened again, closed."""

import pytest

from mien.risk import evidence
from mien.risk.events import (
    Acknowledged,
    AudioPaused,
    Closed,
    Event,
    LevelChanged,
    NotDone,
    Notified,
    Paused,
    RecordChanged,
    Resumed,
    SignalChanged,
    Tick,
    VitalsGiven,
    WindowClosed,
    from_line,
    to_line,
)
from tests.risk.beds import START_MS, Bed, of, scored, technical, whys


def concerned(score: int = 5) -> Bed:
    bed = Bed().live()
    bed.hear(Tick())
    bed.seconds(21, score)
    return bed


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


def test_back_and_2_higher_it_is_told_again_and_needs_a_new_acknowledgement() -> None:
    bed = concerned()
    bed.hear(Acknowledged(bed.record().key, "ann"))
    bed.seconds(60, 0)
    assert whys(bed.seconds(21, 7)) == ["reopened", "score rose"]
    assert bed.record().shown == "on"


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


def test_a_record_explains_itself_alone() -> None:
    bed = Bed().live()
    for at in range(300):
        bed.time_ms += 1000
        p = 6.0 if at >= 270 else 0.5
        bed.hear(WindowClosed(10, 10, 10, 0.0, 0, (), False, p, 0.25, 0.1, ()))
        bed.hear(scored(6 if at >= 270 else 0))
    told = bed.record().evidence
    assert told is not None
    assert [(term.name, term.value, term.limit, term.weight) for term in told.terms] == [
        ("P", 12.0, 2.0, 6)
    ]
    assert (told.score, told.quality, told.regions) == (6, 0.9, (("brow", 1.5),))
    opened_ms = bed.record().onset_ms
    times = [row[0] for row in told.before]
    assert times == list(range(opened_ms - 119_000, opened_ms + 1, 1000))
    assert told.before[-1] == (opened_ms, 6.0, 0.25, 0.1, 0.9, 6)
    assert [level for _, level in told.levels] == ["CALM", "WATCH"]
    assert told.clears_when == "score ≤ 3 and no single 3, for 30 s"
    assert "not pain" in told.cannot_know
    hashes = (told.model_hash, told.rules_hash, told.settings_hash)
    assert hashes == ("model", "rules", bed.config.settings_hash)
    line = to_line(Event("a", 1, 0, 0, "", RecordChanged(bed.record(), "opened")))
    assert to_line(from_line(line)) == line


def test_evidence_of_vitals_names_the_news2_which_weighs_nothing() -> None:
    bed = concerned()
    bed.hear(VitalsGiven(9))
    bed.second(5)
    told = bed.record("concern-vitals").evidence
    assert told is not None
    term = told.terms[-1]
    assert (term.name, term.value, term.limit, term.weight) == ("NEWS2", 9.0, 7.0, 0)


def test_evidence_has_the_levels_of_the_last_5_min_and_no_older() -> None:
    bed = Bed().live()
    bed.seconds(16, 3)
    bed.seconds(61, 0)
    bed.seconds(400, 0)
    bed.seconds(21, 5)
    told = bed.record().evidence
    assert told is not None
    assert [level for _, level in told.levels] == ["CALM", "WATCH"]
    assert told.levels[0][0] < bed.record().onset_ms - 300_000 < told.levels[1][0]


def test_a_stalled_stream_has_no_quality_left() -> None:
    bed = Bed().live()
    bed.seconds(10, 0)
    bed.hear(technical("stalled"))
    bed.ticks(1)
    told = bed.record("stalled").evidence
    assert told is not None
    assert (told.quality, told.score) == (0.0, None)
    assert [(term.name, term.value, term.limit) for term in told.terms] == [("stalled", 10.0, 10.0)]


def test_no_text_says_pain_score_or_in_pain() -> None:
    words = [*evidence.TITLES.values(), *evidence.TERMS.values(), *evidence.CLEARS_WHEN.values()]
    for forbidden in ("pain score", "in pain", "RASS", "depressed", "probability"):
        assert not any(forbidden in word for word in words)
