"""The specification's two tables of a record: what it shows, and what each event does to it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.risk import records
from mien.risk.events import Closed, Evidence, Priority, Record
from mien.risk.records import Cause

EVIDENCE = Evidence((), 5, (), (), 0.9, (), "m", "r", "s", "", "")


def cause(rule: str = "concern", priority: Priority = "MEDIUM", score: int | None = 5) -> Cause:
    return Cause(rule, priority, 7, 1000, True, score)


def opened(rule: str = "concern", priority: Priority = "MEDIUM") -> Record:
    return records.opened("a", cause(rule, priority), EVIDENCE)


def test_a_record_is_known_by_patient_rule_and_number_of_its_onset() -> None:
    assert opened().key == "a/concern/7"
    assert records.patient_of(opened().key) == "a"


@given(st.text())
def test_the_patient_is_read_from_any_key(patient: str) -> None:
    assert records.patient_of(records.key_of(patient, cause())) == patient


def test_the_four_words_of_the_screen() -> None:
    record = opened()
    assert record.shown == "on"
    assert records.cleared(record, 2000).shown == "latched"
    assert records.acknowledged(record, "ann", 2000).shown == "ack"
    assert records.cleared(records.acknowledged(record, "ann", 2000), 3000).shown == "off"


@pytest.mark.parametrize(
    ("rule", "priority", "closes"),
    [
        ("sustained", "LOW", True),
        ("stalled", "LOW", True),
        ("stalled", "MEDIUM", True),
        ("system", "MEDIUM", True),
        ("concern", "MEDIUM", False),
        ("concern-vitals", "HIGH", False),
    ],
)
def test_low_and_technical_records_close_by_themselves_once_off(
    rule: str, priority: Priority, closes: bool
) -> None:
    record = opened(rule, priority)
    off = records.cleared(records.acknowledged(record, "ann", 2000), 3000)
    assert records.closes_by_itself(off) == closes
    for earlier in (record, records.cleared(record, 3000), records.acknowledged(record, "a", 1)):
        assert not records.closes_by_itself(earlier)


@pytest.mark.parametrize(("after_s", "is_same"), [(0, True), (300, True), (301, False)])
def test_within_5_min_of_clearing_it_is_the_same_record(after_s: int, is_same: bool) -> None:
    record = records.cleared(opened(), 10_000)
    back = replace(cause(), onset_ms=10_000 + after_s * 1000)
    assert records.can_reopen(record, back, within_ms=300_000) == is_same


def test_what_a_person_closed_does_not_open_again() -> None:
    record = records.cleared(opened(), 10_000)
    closed = records.closed(record, Closed("a/concern/7", "ann", "treated"), 11_000)
    assert not records.can_reopen(closed, replace(cause(), onset_ms=12_000), within_ms=300_000)


def test_closing_is_an_acknowledgement_and_takes_the_labels() -> None:
    act = Closed("a/concern/7", "ann", "treated", cpot=3, nrs=6)
    record = records.closed(records.cleared(opened(), 2000), act, 3000)
    assert (record.acknowledged_by, record.acknowledged_ms) == ("ann", 3000)
    assert (record.is_closed, record.outcome, record.closed_by) == (True, "treated", "ann")
    assert (record.cpot, record.nrs) == (3, 6)


def test_who_acknowledged_first_stays_when_another_closes() -> None:
    record = records.cleared(records.acknowledged(opened(), "ann", 1500), 2000)
    record = records.closed(record, Closed("a/concern/7", "ben", "false"), 3000)
    assert (record.acknowledged_by, record.closed_by) == ("ann", "ben")


@pytest.mark.parametrize(("score", "is_louder"), [(6, False), (7, True), (None, False)])
def test_a_score_higher_by_2_is_louder(score: int | None, is_louder: bool) -> None:
    assert records.is_louder(opened(), cause(score=score), by=2) == is_louder


def test_the_score_of_a_record_is_its_highest() -> None:
    record = records.scored(records.scored(records.scored(opened(), 8), 6), None)
    assert record.score == 8


def test_an_acknowledgement_that_cannot_be_done_has_a_reason() -> None:
    assert records.why_not_acknowledge(opened(), "ann") is None
    assert records.why_not_acknowledge(opened(), "") == "an acknowledgement needs a name"
    assert records.why_not_acknowledge(None, "ann") == "no such open record"
    twice = records.acknowledged(opened(), "ben", 1)
    assert records.why_not_acknowledge(twice, "ann") == "already acknowledged by ben"


def test_a_closing_that_cannot_be_done_has_a_reason() -> None:
    gone = records.cleared(opened(), 2000)
    act = Closed("a/concern/7", "ann", "treated")
    assert records.why_not_close(gone, act) is None
    assert "still present" in str(records.why_not_close(opened(), act))
    assert records.why_not_close(None, act) == "no such open record"
    assert records.why_not_close(records.closed(gone, act, 1), act) == "no such open record"
    assert records.why_not_close(gone, replace(act, who="")) == "closing needs a name"
    assert records.why_not_close(gone, replace(act, cpot=9)) == "CPOT is 0-8, got 9"
    assert records.why_not_close(gone, replace(act, nrs=-1)) == "NRS is 0-10, got -1"


@pytest.mark.parametrize(
    ("rule", "priority", "present", "latched"),
    [
        ("sustained", "LOW", False, False),
        ("concern", "MEDIUM", True, True),
        ("concern-vitals", "HIGH", True, True),
        ("stalled", "LOW", False, False),
        ("stalled", "MEDIUM", True, False),
        ("system", "MEDIUM", True, False),
    ],
)
def test_what_nobody_acknowledged_escalates_from_medium_on(
    rule: str, priority: Priority, present: bool, latched: bool
) -> None:
    """A patient's latched record too: nobody has looked. A fault that is over asks nobody."""
    record = opened(rule, priority)
    assert records.escalates(record) == present
    assert records.escalates(records.cleared(record, 2000)) == latched
    assert not records.escalates(records.acknowledged(record, "ann", 2000))
