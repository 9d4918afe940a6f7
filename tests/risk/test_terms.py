"""The specification's table of terms, row by row, and the laws of their sum."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mien.risk.events import Term
from mien.risk.settings import AppraisalSettings
from mien.risk.terms import Measured, has_single_3, rounded, score_of, terms_of

SETTINGS = AppraisalSettings()

present = st.builds(
    Measured,
    p=st.floats(0, 16),
    p_above=st.none() | st.floats(-20, 20),
    expressive_share=st.none() | st.floats(0, 1),
    negative=st.none() | st.floats(0, 1),
    negative_s=st.integers(0, 60),
    r_above=st.none() | st.floats(-20, 20),
    risen=st.none() | st.floats(0, 40),
    has_fired=st.booleans(),
)


def term(name: str, measured: Measured) -> Term:
    (found,) = [term for term in terms_of(measured, SETTINGS) if term.name == name]
    return found


@pytest.mark.parametrize(
    ("name", "measure", "value", "weight", "limit"),
    [
        ("P", "p", 1.99, 0, 2),
        ("P", "p", 2.0, 1, 2),
        ("P", "p", 3.99, 1, 2),
        ("P", "p", 4.0, 2, 4),
        ("P", "p", 6.0, 3, 6),
        ("P", "p", 16.0, 3, 6),
        ("B", "p_above", 1.99, 0, 2),
        ("B", "p_above", 2.0, 1, 2),
        ("B", "p_above", 3.0, 2, 3),
        ("B", "p_above", 9.0, 2, 3),
        ("E", "expressive_share", 0.0999, 0, 0.1),
        ("E", "expressive_share", 0.1, 1, 0.1),
        ("E", "expressive_share", 0.3, 2, 0.3),
        ("E", "expressive_share", 1.0, 2, 0.3),
        ("R", "r_above", 1.99, 0, 2),
        ("R", "r_above", 2.0, 1, 2),
        ("R", "r_above", 4.0, 2, 4),
    ],
)
def test_a_term_adds_what_the_table_says_from_its_limit_on(
    name: str, measure: str, value: float, weight: int, limit: float
) -> None:
    # P of 2 lets E count; where P itself is asked, nothing else is there.
    base = Measured() if measure == "p" else Measured(p=2.0)
    found = term(name, replace(base, **{measure: value}))
    assert (found.value, found.weight, found.limit) == (value, weight, limit)
    assert found.unit


def test_a_negative_state_counts_once_it_has_lasted_thirty_seconds() -> None:
    brief, long = (Measured(p=2.0, negative=0.9, negative_s=s) for s in (29, 30))
    assert term("N", brief).weight == 0 and term("N", long).weight == 1
    assert term("N", long).limit == 0.5


def test_a_sum_that_fired_counts_one() -> None:
    assert term("C", Measured(p=2.0, risen=7.9)).weight == 0
    fired = term("C", Measured(p=2.0, risen=8.5, has_fired=True))
    assert (fired.value, fired.limit, fired.weight) == (8.5, 8.0, 1)


FULL = Measured(
    p=0.0, p_above=0.0, expressive_share=1.0, negative=1.0, negative_s=60, r_above=0.0, risen=9.0,
    has_fired=True,
)  # fmt: skip


@pytest.mark.parametrize(
    ("measured", "score"),
    [
        (FULL, 0),
        (replace(FULL, p=2.0), 5),
        (replace(FULL, p_above=2.0), 5),
        (replace(FULL, r_above=2.0), 5),
        (replace(FULL, p=6.0, p_above=3.0, r_above=4.0), 11),
    ],
)
def test_history_adds_nothing_to_a_face_that_is_at_rest_now(measured: Measured, score: int) -> None:
    terms = terms_of(measured, SETTINGS)
    assert score_of(terms) == score
    assert {term.name: term.value for term in terms}["E"] == 1.0  # still told


@given(present)
def test_a_score_is_the_sum_of_its_terms_weights_and_never_negative(measured: Measured) -> None:
    terms = terms_of(measured, SETTINGS)
    assert [term.name for term in terms] == list("PBENRC")
    assert score_of(terms) == sum(term.weight for term in terms)
    assert 0 <= score_of(terms) <= 11
    assert all(term.weight >= 0 for term in terms)


@given(present, st.sampled_from(["p_above", "expressive_share", "negative", "r_above", "risen"]))
def test_a_term_that_comes_in_never_lowers_the_score(measured: Measured, name: str) -> None:
    without = replace(measured, **{name: None})
    assert score_of(terms_of(without, SETTINGS)) <= score_of(terms_of(measured, SETTINGS))


@given(
    present,
    st.sampled_from(["p", "p_above", "expressive_share", "negative_s", "r_above"]),
    st.floats(0, 20),
)
def test_more_of_anything_never_lowers_the_score(
    measured: Measured, name: str, more: float
) -> None:
    known = getattr(measured, name)
    if known is None:
        return
    higher = replace(measured, **{name: known + more})
    assert score_of(terms_of(measured, SETTINGS)) <= score_of(terms_of(higher, SETTINGS))


@given(present)
def test_what_is_shown_and_what_counts_are_the_same_number(measured: Measured) -> None:
    for found in terms_of(measured, SETTINGS):
        if found.weight:
            assert found.value is not None and found.limit is not None
            if found.name in "PBER":
                assert found.value >= found.limit
        if found.name in "PBR":
            reached = found.value is not None and found.value >= (found.limit or 0)
            assert reached == (found.weight > 0)


@given(present, st.booleans())
def test_a_single_three_needs_own_baseline_unless_it_is_being_learnt(
    measured: Measured, is_learning: bool
) -> None:
    terms = terms_of(measured, SETTINGS)
    weights = {term.name: term.weight for term in terms}
    wanted = weights["P"] == 3 and (is_learning or weights["B"] >= 1)
    assert has_single_3(terms, is_learning=is_learning) == wanted


def test_a_value_that_rounds_to_its_limit_has_reached_it_and_zero_has_no_sign() -> None:
    assert term("P", Measured(p=1.9999999)).weight == 1
    assert str(rounded(-1e-9)) == "0.0"


def test_limits_that_do_not_rise_are_refused() -> None:
    with pytest.raises(ValidationError, match="must rise"):
        AppraisalSettings(p_limits=(2.0, 6.0, 4.0))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_absent_and_adds_nothing(value: float) -> None:
    measured = Measured(value, value, value, value, 60, value, value, has_fired=True)
    terms = terms_of(measured, SETTINGS)
    assert [(one.value, one.weight) for one in terms] == [(None, 0)] * 6
