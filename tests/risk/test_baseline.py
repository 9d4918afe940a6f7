"""A person's own baseline is a median and a deviation that forget slowly and remember little."""

import random
from statistics import median_low

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from mien.risk.baseline import (
    MAD_TO_DEVIATION,
    P_STEP,
    R_PARTS,
    OwnBaseline,
    learn,
    level,
    moved_most,
    p_bin,
    p_of,
    r_bin,
    r_of,
)
from mien.risk.settings import AppraisalSettings

SETTINGS = AppraisalSettings()
MINUTES_2 = AppraisalSettings(learn_s=120)
ps, rs = st.floats(0, 16), st.floats(0.001, 60)


def learnt(
    values: list[tuple[float, float | None]],
    settings: AppraisalSettings = SETTINGS,
    own: OwnBaseline | None = None,
) -> OwnBaseline:
    own = own or OwnBaseline()
    for p, r in values:
        own = learn(own, p, r, None, settings)
    return own


def deviation(values: list[float]) -> float:
    middle = median_low(values)
    return MAD_TO_DEVIATION * median_low(abs(value - middle) for value in values)


@given(ps)
def test_p_is_kept_to_a_fiftieth_and_a_neutral_zero_stays_zero(p: float) -> None:
    assert abs(p_of(p_bin(p)) - p) <= P_STEP / 2 + 1e-9
    assert p_of(p_bin(0.0)) == 0


@given(rs, rs)
def test_r_is_kept_to_a_hundredth_of_itself_in_rising_bins(one: float, other: float) -> None:
    assert abs(r_of(r_bin(one)) - one) <= one / R_PARTS
    low, high = sorted((one, other))
    assert r_bin(low) <= r_bin(high)


@pytest.mark.parametrize(("r", "kept"), [(0.0, 0.0), (1e-9, 0.0), (1e9, r_of(r_bin(63.99)))])
def test_an_r_beyond_what_a_head_can_do_is_kept_in_the_last_bin(r: float, kept: float) -> None:
    assert r_of(r_bin(r)) == kept


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(ps, rs), min_size=120, max_size=120))
def test_median_and_deviation_are_those_of_all_seconds_of_learning(
    values: list[tuple[float, float]],
) -> None:
    own = learnt(list(values), MINUTES_2)
    p, r = [level(p) for p, _ in values], [r for _, r in values]
    assert own.p is not None and own.r is not None
    assert own.p.median == pytest.approx(median_low(p), abs=P_STEP / 2 + 1e-9)
    assert own.p.deviation == pytest.approx(max(0.5, deviation(p)), abs=2 * P_STEP)
    assert own.r.median == pytest.approx(median_low(r), rel=1 / R_PARTS)
    error = 2 * MAD_TO_DEVIATION * 60 / R_PARTS
    assert own.r.deviation == pytest.approx(max(0.15, deviation(r)), abs=error)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(ps, rs), min_size=60, max_size=60), st.randoms(use_true_random=False))
def test_the_order_of_a_blocks_seconds_changes_nothing(
    values: list[tuple[float, float]], chance: random.Random
) -> None:
    shuffled = list(values)
    chance.shuffle(shuffled)
    assert learnt(list(values)) == learnt(shuffled)


def test_a_baseline_is_ready_after_thirty_usable_minutes_and_not_before() -> None:
    almost = learnt([(1.0, 0.1)] * 1799)
    assert not almost.is_ready and almost.p is None and almost.r is None
    own = learnt([(1.0, 0.1)], own=almost)
    assert own.is_ready and own.learnt_s == 1800 and own.p is not None
    assert own.p.median == 1.0


def test_means_of_a_minute_are_counted_from_what_such_means_usually_are() -> None:
    talks = [(4.0 if second % 60 < 15 else 0.0, None) for second in range(1800)]
    own = learnt(list(talks))
    assert own.p is not None and own.p_means is not None
    usual = level(4.0) / 4
    assert own.p.median == 0.0 and own.p_means.median == pytest.approx(usual, abs=P_STEP)
    # The same seconds, counted from their own median, would add .76 to a slow sum each minute.
    assert own.p_means.deviations(usual) == pytest.approx(0, abs=0.05)
    assert own.p.deviations(usual) == pytest.approx(1.26, abs=0.01)


def test_a_still_face_has_a_deviation_that_is_never_below_its_least() -> None:
    own = learnt([(0.0, 0.1)] * 1800)
    assert own.p is not None and own.r is not None
    assert (own.p.median, own.p.deviation, own.r.deviation) == (0.0, 0.5, 0.15)
    assert own.p.deviations(1.0) == 2.0


def test_half_of_a_ready_baseline_is_forgotten_in_four_hours_of_learning() -> None:
    own = learnt([(1.0, None)] * 1800)
    later = learnt([(3.0, None)] * 4 * 3600, own=own)
    weights = dict(later.p_bins)
    assert weights[p_bin(1.0)] == pytest.approx(900)
    # Learning's seconds count alike; from then on a second is worth as much as it is recent.
    assert weights[p_bin(level(3.0))] == pytest.approx(4 * 3600 / 2 / 0.6931, rel=0.01)
    assert later.p is not None and later.p.median == pytest.approx(level(3.0), abs=P_STEP / 2)


def test_nothing_is_forgotten_while_nothing_is_learnt() -> None:
    own = learnt([(1.0, 0.1)] * 1830)
    assert own.learnt_s == 1830 and len(own.waiting) == 30
    assert dict(own.p_bins) == {p_bin(1.0): 1800.0}


def test_no_noise_takes_more_memory_than_there_are_bins() -> None:
    chance, own = random.Random(0), OwnBaseline()
    adapter, largest = TypeAdapter(OwnBaseline), 0
    for _ in range(7 * 24):
        minute = [(chance.uniform(0, 16), chance.uniform(0, 5)) for _ in range(60)]
        own = learnt(minute, MINUTES_2, own)
        largest = max(largest, len(adapter.dump_json(own)))
    assert len(own.p_bins) <= 801 and len(own.r_bins) <= 961
    assert largest < 64_000


def test_what_is_forgotten_for_good_leaves_the_memory() -> None:
    settings = AppraisalSettings(learn_s=60, half_life_s=60)
    own = learnt([(9.0, 1.0)] * 60 + [(1.0, 1.0)] * 60 * 26, settings)
    assert [place for place, _ in own.p_bins] == [p_bin(1.0)]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(ps, st.none() | rs), max_size=150))
def test_a_baseline_goes_through_json_and_on_as_if_nothing_had_been(
    values: list[tuple[float, float | None]],
) -> None:
    adapter, own = TypeAdapter(OwnBaseline), learnt(values, MINUTES_2)
    again = adapter.validate_json(adapter.dump_json(own))
    assert again == own
    assert learnt([(2.0, 0.2)] * 61, own=again) == learnt([(2.0, 0.2)] * 61, own=own)


def test_an_r_that_was_never_measured_has_no_baseline() -> None:
    own = learnt([(1.0, None)] * 1800)
    assert own.is_ready and own.r is None and own.r_bins == ()


NAMES = ("brow", "eye", "mouth", "chin")


def regions_learnt(settings: AppraisalSettings = MINUTES_2) -> OwnBaseline:
    own = OwnBaseline()
    for second in range(240):
        wide, narrow = (0.1, 0.02) if second % 2 else (-0.1, -0.02)
        own = learn(own, 0.0, None, (0.5 + wide, 0.1 + narrow, 0.3, 0.7), settings)
    return own


def test_the_region_that_moved_most_is_that_furthest_from_its_own_usual_place() -> None:
    own = regions_learnt()
    # The brow moved most in distance; but this brow always moves.
    moved = moved_most(own, (0.62, 0.2, 0.3, 0.7), NAMES, MINUTES_2)
    assert [name for name, _ in moved] == ["eye", "brow", "chin"]
    assert dict(moved)["eye"] == pytest.approx(5, rel=0.1)


def test_while_learning_no_region_is_said_to_have_moved() -> None:
    assert moved_most(regions_learnt(SETTINGS), (0.6, 0.2, 0.3, 0.7), NAMES, SETTINGS) == ()


@given(st.permutations(NAMES))
def test_regions_that_moved_alike_are_named_by_the_alphabet(names: list[str]) -> None:
    own = OwnBaseline(is_ready=True, regions=(0.0,) * 4, region_deviations=(0.1,) * 4)
    moved = moved_most(own, (0.2,) * 4, names, AppraisalSettings(regions_shown=4))
    assert [name for name, _ in moved] == sorted(NAMES)
