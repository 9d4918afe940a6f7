"""Concern with a high NEWS2: a condition beside the score."""

from mien.risk.events import (
    ConditionChanged,
    Tick,
    VitalsGiven,
)
from tests.risk.patients import Patient


def in_concern() -> Patient:
    patient = Patient()
    patient.tick()
    patient.score(5, 21)
    return patient


def test_concern_with_a_high_news2_is_a_condition_of_its_own() -> None:
    patient = in_concern()
    patient.hear(VitalsGiven(6))
    patient.score(5)
    assert not patient.has("concern-vitals")
    patient.hear(VitalsGiven(7))
    assert patient.score(5) == [ConditionChanged("concern-vitals", True, "HIGH")]
    assert patient.has("concern")


def test_a_high_news2_without_concern_is_none() -> None:
    patient = Patient()
    patient.tick()
    patient.hear(VitalsGiven(20))
    patient.score(4, 60)
    assert not patient.has("concern-vitals")


def test_concern_with_vitals_ends_with_either() -> None:
    ended = ConditionChanged("concern-vitals", False, "HIGH")
    patient = in_concern()
    patient.hear(VitalsGiven(9))
    patient.score(5)
    assert patient.hear(VitalsGiven(3), patient.time_ms + 1) == [ended]
    patient = in_concern()
    patient.hear(VitalsGiven(9))
    patient.score(5)
    assert ended in patient.score(3, 31)


def test_a_news2_counts_for_4_h_of_the_hosts_time() -> None:
    patient = in_concern()
    patient.hear(VitalsGiven(9))
    patient.score(5)
    assert patient.has("concern-vitals")
    taken_ms = patient.state.news2_ms
    assert patient.hear(Tick(), taken_ms + 4 * 3600_000 - 1000) != [
        ConditionChanged("concern-vitals", False, "HIGH")
    ]
    assert patient.has("concern-vitals")
    patient.hear(Tick(), taken_ms + 4 * 3600_000)
    assert not patient.has("concern-vitals")


def test_a_news2_that_is_entered_late_does_not_replace_a_newer_one() -> None:
    patient = in_concern()
    patient.hear(VitalsGiven(9))
    patient.hear(VitalsGiven(1), patient.time_ms - 60_000)
    patient.score(5)
    assert patient.has("concern-vitals")


def test_a_news2_dated_in_the_future_was_taken_now() -> None:
    patient = in_concern()
    patient.hear(VitalsGiven(9), patient.time_ms + 10**9)
    patient.score(5)
    assert patient.has("concern-vitals")
    patient.hear(Tick(), patient.time_ms + 4 * 3600_000 + 2000)
    assert not patient.has("concern-vitals")


def test_concern_with_vitals_does_not_begin_while_nothing_is_seen() -> None:
    patient = in_concern()
    patient.score(None, 3)
    assert patient.hear(VitalsGiven(9)) == []
    patient.score(None, 30)
    assert not patient.has("concern-vitals")
    patient.score(0)
    assert patient.has("concern-vitals")
