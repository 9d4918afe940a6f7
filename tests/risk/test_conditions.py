"""Timers with hysteresis: the specification's table of conditions, row by row."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.risk.conditions import RULES, Conditions, level_of
from mien.risk.events import (
    ConditionChanged,
    SignalChanged,
)
from tests.risk.patients import Patient

TABLE = [  # rule, raise at, for s, clear at, for s
    ("watch", 3, 15, 1, 60),
    ("sustained", 4, 30, 2, 30),
    ("concern", 5, 20, 3, 30),
]


def seconds_until(patient: Patient, rule: str, is_present: bool, score: int) -> int:
    """From the first second with a score until the rule has changed."""
    for second in range(200):
        patient.score(score)
        if patient.has(rule) == is_present:
            return second
    raise AssertionError(f"{rule} did not change")


@pytest.mark.parametrize(("rule", "raise_at", "raise_s", "clear_at", "clear_s"), TABLE)
def test_a_condition_is_raised_and_cleared_at_its_limits_after_its_times(
    rule: str, raise_at: int, raise_s: int, clear_at: int, clear_s: int
) -> None:
    patient = Patient()
    patient.score(raise_at - 1, 100)
    assert not patient.has(rule)
    assert seconds_until(patient, rule, True, raise_at) == raise_s
    patient.score(clear_at + 1, 100)
    assert patient.has(rule)
    assert seconds_until(patient, rule, False, clear_at) == clear_s


@pytest.mark.parametrize(("rule", "raise_at", "raise_s", "clear_at", "clear_s"), TABLE)
def test_one_second_that_does_not_ask_starts_the_time_anew(
    rule: str, raise_at: int, raise_s: int, clear_at: int, clear_s: int
) -> None:
    patient = Patient()
    patient.score(raise_at, raise_s)
    patient.score(raise_at - 1)
    assert seconds_until(patient, rule, True, raise_at) == raise_s
    patient.score(clear_at, clear_s)
    patient.score(clear_at + 1)
    assert seconds_until(patient, rule, False, clear_at) == clear_s


def test_a_single_3_raises_concern_and_keeps_it() -> None:
    patient = Patient()
    patient.score(3, 21, single_3=True)
    assert patient.has("concern")
    patient.score(3, 100, single_3=True)
    assert patient.has("concern")
    patient.score(3, 31)
    assert not patient.has("concern")


def test_concern_ends_sustained_and_keeps_it_from_beginning() -> None:
    patient = Patient()
    patient.score(4, 31)
    assert patient.has("sustained")
    said = patient.score(5, 21)
    changes = [(change.rule, change.is_present) for change in said]
    assert changes == [("concern", True), ("sustained", False)]
    patient.score(5, 100)
    assert not patient.has("sustained")
    patient.score(3, 31)
    assert not patient.has("concern")
    assert seconds_until(patient, "sustained", True, 4) == 30


@pytest.mark.parametrize("absent_s", [1, 5, 9])
def test_timers_hold_while_the_score_is_absent_for_less_than_10_s(absent_s: int) -> None:
    patient = Patient()
    patient.score(5, 11)
    assert patient.score(None, absent_s) == []
    patient.score(5, 9)
    assert not patient.has("concern")
    patient.score(5)
    assert patient.has("concern")


@pytest.mark.parametrize("absent_s", [10, 11, 60])
def test_timers_start_anew_after_10_s_without_a_score(absent_s: int) -> None:
    patient = Patient()
    patient.score(5, 15)
    patient.score(None, absent_s)
    assert seconds_until(patient, "concern", True, 5) == 20


@pytest.mark.parametrize("gap_s", [10, 3600])
def test_a_stretch_without_any_window_counts_as_absent(gap_s: int) -> None:
    patient = Patient()
    patient.score(5, 15)
    patient.time_ms += gap_s * 1000
    assert seconds_until(patient, "concern", True, 5) == 20


def test_a_gap_of_windows_adds_no_time_to_a_timer() -> None:
    patient = Patient()
    patient.score(5, 11)
    patient.time_ms += 9000
    patient.score(5, 9)
    assert not patient.has("concern")
    patient.score(5)
    assert patient.has("concern")


def test_what_is_present_when_nothing_is_seen_is_held_and_marked_unobserved() -> None:
    patient = Patient()
    patient.score(5, 21)
    said = patient.score(None, 9)
    assert said == []
    said = patient.score(None)
    assert said == [
        ConditionChanged("concern", True, "MEDIUM", is_observed=False),
        ConditionChanged("watch", True, "NONE", is_observed=False),
    ]
    assert patient.score(None, 1000) == []
    assert patient.has("concern")
    assert ConditionChanged("concern", True, "MEDIUM", is_observed=True) in patient.score(0)
    assert seconds_until(patient, "concern", False, 0) == 29


def test_a_stream_that_stops_is_unobserved_after_10_s_of_ticks() -> None:
    patient = Patient()
    patient.score(0)
    patient.tick(10)
    assert level_of(patient.state, is_paused=False) == "CALM"
    patient.tick()
    assert level_of(patient.state, is_paused=False) == "UNKNOWN"


def test_scores_that_come_late_and_together_count_by_the_streams_own_time() -> None:
    patient = Patient()
    patient.score(5, 11)
    stream_ms = patient.time_ms
    patient.tick(30)
    assert level_of(patient.state, is_paused=False) == "UNKNOWN"
    patient.time_ms = stream_ms
    patient.score(5, 9)
    assert not patient.has("concern")
    patient.score(5)
    assert patient.has("concern")


def test_a_score_without_a_live_signal_is_none() -> None:
    patient = Patient()
    patient.hear(SignalChanged("NO_SIGNAL"))
    patient.score(9, 60)
    assert not patient.has("concern")
    assert level_of(patient.state, is_paused=False) == "UNKNOWN"


@pytest.mark.parametrize(
    ("score", "seconds", "level"),
    [(0, 1, "CALM"), (3, 16, "WATCH"), (4, 31, "WATCH"), (5, 21, "CONCERN")],
)
def test_the_level_follows_the_conditions(score: int, seconds: int, level: str) -> None:
    patient = Patient()
    assert level_of(patient.state, is_paused=False) == "UNKNOWN"
    patient.score(score, seconds)
    assert level_of(patient.state, is_paused=False) == level
    assert level_of(patient.state, is_paused=True) == "UNKNOWN"
    patient.score(None, 10)
    assert level_of(patient.state, is_paused=False) == "UNKNOWN"


scores = st.lists(
    st.tuples(st.one_of(st.none(), st.integers(0, 12)), st.booleans(), st.integers(1, 40)),
    max_size=12,
)


@given(scores)
def test_what_is_said_is_what_is(runs: list[tuple[int | None, bool, int]]) -> None:
    """Following the transitions alone gives the conditions; none is said twice."""
    patient, told = Patient(), dict.fromkeys(RULES, False)
    seen = dict.fromkeys(RULES, True)
    for score, single_3, seconds in runs:
        for change in patient.score(score, seconds, single_3=single_3):
            was = told[change.rule], seen[change.rule]
            assert was != (change.is_present, change.is_observed)
            told[change.rule], seen[change.rule] = change.is_present, change.is_observed
            if not change.is_present:
                seen[change.rule] = True
        assert told == {rule: patient.has(rule) for rule in RULES}
        assert not (patient.has("concern") and patient.has("sustained"))


@given(scores)
def test_a_state_that_was_given_is_not_changed(runs: list[tuple[int | None, bool, int]]) -> None:
    patient = Patient()
    kept: list[tuple[Conditions, str]] = []
    for score, single_3, seconds in runs:
        kept.append((patient.state, repr(patient.state)))
        patient.score(score, seconds, single_3=single_3)
    assert all(repr(state) == before for state, before in kept)
