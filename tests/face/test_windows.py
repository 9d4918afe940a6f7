"""Windows are the same live and from a file; velocity and acceleration know the time."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.errors import InputError, ShapeError
from mien.face.windows import Windower, acceleration, velocity, windows

STEPS_S = st.lists(st.sampled_from([0.02, 0.033, 0.04, 0.1, 0.9]), min_size=0, max_size=60)


def a_stream(steps_s: list[float], *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Values (N, 3) with frames without a face, and times (N,) with gaps."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(len(steps_s), 3)).astype(np.float32)
    values[random.random(len(values)) < 0.2] = np.nan
    return values, np.cumsum(steps_s)


def same(one: list, other: list) -> bool:
    return len(one) == len(other) and all(
        a.first_frame == b.first_frame
        and a.values.tobytes() == b.values.tobytes()
        and a.time_s.tobytes() == b.time_s.tobytes()
        for a, b in zip(one, other, strict=True)
    )


@given(
    STEPS_S,
    st.integers(0, 99),
    st.integers(1, 9),
    st.integers(1, 12),
    st.sampled_from([0.25, math.inf]),
    st.booleans(),
    st.lists(st.integers(0, 60), max_size=5),
)
def test_live_windows_are_the_files_windows(
    steps_s: list, seed: int, length: int, hop: int, gap_s: float, rest: bool, cuts: list
) -> None:
    values, time_s = a_stream(steps_s, seed=seed)
    options = {
        "length_frames": length, "hop_frames": hop, "max_gap_s": gap_s, "keep_rest": rest
    }  # fmt: skip
    whole = list(windows(values, time_s=time_s, **options))
    live, pieces = Windower(**options), Windower(**options)
    by_frame = [w for v, t in zip(values, time_s, strict=True) for w in live.push(v, time_s=t)]
    parts = np.split(np.arange(len(values)), sorted(cuts))
    by_piece = [w for part in parts for w in pieces.push(values[part], time_s=time_s[part])]
    assert same(by_frame + live.finish(), whole)
    assert same(by_piece + pieces.finish(), whole)


@given(STEPS_S, st.integers(0, 99), st.integers(1, 9), st.integers(1, 12))
def test_a_window_holds_consecutive_frames_as_they_came(
    steps_s: list, seed: int, length: int, hop: int
) -> None:
    values, time_s = a_stream(steps_s, seed=seed)
    found = list(windows(values, time_s=time_s, length_frames=length, hop_frames=hop))
    assert [w.first_frame for w in found] == list(range(0, len(values) - length + 1, hop))
    for window in found:
        frames = slice(window.first_frame, window.first_frame + length)
        np.testing.assert_array_equal(window.values, values[frames])
        np.testing.assert_array_equal(window.time_s, time_s[frames])


@given(STEPS_S, st.integers(0, 99), st.integers(1, 9), st.integers(1, 9))
def test_kept_rests_leave_no_frame_out_and_no_window_straddles_a_gap(
    steps_s: list, seed: int, length: int, hop: int
) -> None:
    values, time_s = a_stream(steps_s, seed=seed)
    hop = min(hop, length)
    found = list(
        windows(
            values,
            time_s=time_s,
            length_frames=length,
            hop_frames=hop,
            max_gap_s=0.25,
            keep_rest=True,
        )
    )
    seen = [time for window in found for time in window.time_s if not np.isnan(time)]
    assert sorted(set(seen)) == time_s.tolist()
    for window in found:
        assert window.values.shape == (length, 3)
        held = window.time_s[~np.isnan(window.time_s)]
        assert (np.diff(held) < 0.25).all()
        assert np.isnan(window.values[len(held) :]).all()


def test_a_window_is_a_copy_of_its_own() -> None:
    values = np.zeros((4, 1), np.float32)
    first, second = windows(values, time_s=range(4), length_frames=3, hop_frames=1)
    first.values[:] = 7
    assert not second.values.any()
    assert not values.any()


def test_frames_that_come_in_the_wrong_order_are_refused_and_not_taken() -> None:
    windower = Windower(length_frames=2, hop_frames=1)
    windower.push([[1.0], [2.0]], time_s=[0.0, 0.1])
    for late in (0.1, 0.05, math.nan):
        with pytest.raises(InputError, match=r"time must increase.*got 0.1 s and then"):
            windower.push([3.0], time_s=late)
    (window,) = windower.push([3.0], time_s=0.2)
    assert window.values.ravel().tolist() == [2, 3]


def test_another_count_of_values_is_refused() -> None:
    windower = Windower(length_frames=2, hop_frames=1)
    windower.push([1.0, 2.0], time_s=0)
    with pytest.raises(ShapeError, match="a stream of 2 values a frame got 3"):
        windower.push([1.0, 2.0, 3.0], time_s=1)
    with pytest.raises(ShapeError, match=r"got \(2, 2\) and \(1,\)"):
        windower.push(np.zeros((2, 2)), time_s=[1])


def test_a_window_without_frames_is_refused() -> None:
    with pytest.raises(ValueError, match="got 0 and 1"):
        Windower(length_frames=0, hop_frames=1)


TIMES = st.lists(st.floats(0.01, 0.2), min_size=3, max_size=20).map(np.cumsum)
NUMBERS = st.floats(-5, 5)


@given(TIMES, NUMBERS, NUMBERS, NUMBERS)
def test_velocity_and_acceleration_of_a_parabola_are_exact_at_any_frame_times(
    time_s: np.ndarray, a: float, b: float, c: float
) -> None:
    values = (a + b * time_s + c * time_s**2)[:, None]
    speed = velocity(values, time_s=time_s)[1:-1, 0]
    np.testing.assert_allclose(speed, (b + 2 * c * time_s)[1:-1], atol=1e-8)
    change = acceleration(values, time_s=time_s)[1:-1, 0]
    np.testing.assert_allclose(change, 2 * c, atol=1e-6)


@given(TIMES, NUMBERS, st.integers(0, 99))
def test_causal_values_do_not_know_the_future(time_s: np.ndarray, later: float, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(len(time_s), 2))
    changed = values.copy()
    changed[-1] = later
    for derive in (velocity, acceleration):
        np.testing.assert_array_equal(
            derive(changed, time_s=time_s, causal=True)[:-1],
            derive(values, time_s=time_s, causal=True)[:-1],
        )


def test_causal_velocity_is_the_step_from_the_frame_before() -> None:
    found = velocity([[0.0], [1.0], [1.0]], time_s=[0, 0.1, 0.3], causal=True)
    np.testing.assert_allclose(found.ravel(), [np.nan, 10, 0])


@pytest.mark.parametrize("causal", [False, True])
def test_what_has_no_neighbour_has_no_velocity(causal: bool) -> None:
    values = np.arange(12, dtype=np.float32)[:, None]
    values[4] = np.nan  # no face
    time_s = np.arange(12) / 25
    time_s[8:] += 1  # a gap before frame 8
    is_missing = np.isnan(velocity(values, time_s=time_s, causal=causal)).ravel()
    expected = {0, 4, 5, 8} if causal else {0, 3, 4, 5, 7, 8, 11}
    assert set(np.flatnonzero(is_missing)) == expected
    is_missing = np.isnan(acceleration(values, time_s=time_s, causal=causal)).ravel()
    expected = {0, 1, 4, 5, 6, 8, 9} if causal else {0, 3, 4, 5, 7, 8, 11}
    assert set(np.flatnonzero(is_missing)) == expected


@pytest.mark.parametrize("count", [0, 1, 2])
@pytest.mark.parametrize("derive", [velocity, acceleration])
def test_too_few_frames_have_no_velocity(derive, count: int) -> None:
    found = derive(np.zeros((count, 3), np.float32), time_s=np.arange(count))
    assert found.shape == (count, 3)
    assert found.dtype == np.float32
    assert np.isnan(found).all()


def test_times_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"got \(3, 1\) and \(2,\)"):
        velocity(np.zeros((3, 1)), time_s=[0, 1])
    with pytest.raises(InputError, match="got 1.0 s and then 1.0 s"):
        acceleration(np.zeros((3, 1)), time_s=[0, 1, 1])
