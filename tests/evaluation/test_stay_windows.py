"""Windows drawn from a stay's script: as those of the watch, of the same second, of one seed."""

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.evaluation.stay_comparison import GROUPS, compare, distance, grouped, groups_of, likeness
from mien.evaluation.stay_states import STATES, smoothed, state_weights
from mien.evaluation.stay_windows import (
    CHANNELS,
    action_units_of,
    p_of_rows,
    window_columns,
    window_statistics,
    windows,
)
from mien.recording.synthetic_stay import Stay, script
from mien.recording.synthetic_stay_arrival import Arrival
from mien.recording.synthetic_stay_plan import Stretch
from mien.risk import signal
from mien.risk.action_units import CLOSED, p_of
from mien.risk.events import Event, SignalChanged, TechnicalChanged, WindowClosed
from mien.risk.lines import from_line, to_line
from mien.risk.settings import SignalSettings, WatchSettings

DAY = script(3, 24, episodes_per_hour=1)


def drawn(stay: Stay) -> list[WindowClosed]:
    return [window for _, window in windows(stay)]


def test_a_window_is_said_for_each_whole_second() -> None:
    ends = [at_ms for at_ms, _ in windows(script(1, 1.2345))]
    assert ends == [1000 * second for second in range(1, int(1.2345 * 3600) + 1)]


def test_the_same_stay_gives_the_same_windows_and_another_patient_others() -> None:
    assert drawn(script(1, 1.5)) == drawn(script(1, 1.5))
    assert drawn(script(1, 1)) != drawn(replace(script(1, 1), number=2))


def test_windows_fit_the_log() -> None:
    stay = script(5, 2)
    for seq, (at_ms, body) in enumerate(windows(stay), start=1):
        event = Event(stay.patient, seq, at_ms, at_ms, "ab", body)
        if seq % 50 == 0:
            assert from_line(to_line(event)) == event


def test_p_is_that_of_the_units_by_the_watch_s_own_rule() -> None:
    for window in drawn(script(4, 2.5, start_hour=11, episodes_per_hour=3)):
        if window.action_units is not None:
            speaking = window.mouth_is_speaking
            told = p_of(window.action_units, mouth_is_speaking=speaking)
            assert window.p == pytest.approx(told, abs=2e-6)


@given(
    p=st.floats(0, 16),
    closed=st.floats(0, 5),
    speaks=st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_units_make_up_the_p_they_are_drawn_for(p: float, closed: float, speaks: bool) -> None:
    says = np.array([speaks])
    units = action_units_of(np.array([p]), np.array([closed]), says, window_statistics())
    assert units.min() >= 0 and units.max() <= 5
    found = p_of_rows(units, says)[0]
    is_shut = closed >= CLOSED
    is_between = is_shut and p < 4  # closed eyes count 1 or nothing, so some P cannot be
    assert found == pytest.approx(min(p, 15 + is_shut), abs=1.3 if is_between else 1e-5)


def test_what_cannot_be_measured_is_absent() -> None:
    stay = replace(
        script(1, 300 / 3600, episodes_per_hour=0),
        activities=(Stretch("rest", 0, 300),),
        views=(
            Stretch("away", 50, 100),
            Stretch("lost", 150, 200),
            Stretch("turned", 220, 290, 65.0),
        ),
    )
    found = drawn(stay)
    for window in found[50:100]:
        assert (window.frames, window.with_face, window.in_pose) == (10, 0, 0)
        assert window.p is window.r is window.jitter is window.action_units is None
    for window in found[150:200]:
        assert (window.frames, window.with_face) == (0, 0)
        assert window.p is window.skew_ms is None
    turned = found[225:285]
    assert sum(window.in_pose for window in turned) < 0.05 * sum(w.with_face for w in turned)
    assert all((window.p is None) == (window.in_pose == 0) for window in found)


def test_told_to_the_signal_machine_they_give_its_states_and_technical_conditions() -> None:
    stay = replace(
        script(1, 400 / 3600, episodes_per_hour=0),
        activities=(Stretch("rest", 0, 400),),
        views=(Stretch("away", 50, 250),),
    )
    state, said = signal.initial(), []
    for at_ms, body in windows(stay):
        event = Event(stay.patient, 1, at_ms, at_ms, "", body)
        state, more = signal.step(state, event, WatchSettings())
        said += more
    assert [body.signal for _, body in said if isinstance(body, SignalChanged)] == [
        *("LIVE", "NO_SIGNAL", "NOT_OBSERVABLE", "LIVE")
    ]
    technical = [body for _, body in said if isinstance(body, TechnicalChanged)]
    assert [one.priority for one in technical if one.rule == "face-lost"] == [
        *("LOW", "MEDIUM", "NONE")
    ]


def test_a_wrong_clock_is_in_the_skew() -> None:
    found = drawn(script(1, 1, arrival=Arrival(offset_s=3, drift_ppm=1000)))
    assert found[0].skew_ms == pytest.approx(3030, abs=20)
    assert found[-1].skew_ms == pytest.approx(6630, abs=20)


def test_distress_has_the_p_that_is_meant() -> None:
    stays = [script(1, 3, patient=n, episodes_per_hour=4) for n in range(1, 4)]
    for stay in stays:
        p = np.array([np.nan if one.p is None else one.p for one in drawn(stay)])
        for one in stay.distress:
            held = p[int(one.start_s) + 12 : int(one.end_s) - 6]
            assert abs(np.nanmedian(held) - one.strength) < 2.5
    calm = np.concatenate([[one.p or 0 for one in drawn(script(2, 1, episodes_per_hour=0))]])
    assert np.median(calm) < 2


def test_weights_are_of_something_and_sum_to_1() -> None:
    for start_s in (0, 3600, 40_000):
        weights = state_weights(DAY, start_s, 900)
        assert weights.shape == (900, len(STATES))
        assert weights.min() >= 0
        assert np.allclose(weights.sum(axis=1), 1)
        assert np.allclose(smoothed(weights, weights[0]).sum(axis=1), 1)


def test_an_hour_at_a_time_is_the_day_at_once() -> None:
    whole = state_weights(DAY, 0, 7200)
    parts = [state_weights(DAY, start_s, 3600) for start_s in (0, 3600)]
    assert np.allclose(whole, np.concatenate(parts))


def test_the_packaged_statistics_are_distributions_and_nobody_s_rows() -> None:
    known = window_statistics()
    assert known.quantiles.shape == (len(STATES), len(CHANNELS), len(known.scores))
    assert (np.diff(known.quantiles, axis=2) >= -1e-6).all()
    assert np.allclose(known.shares.sum(axis=2), 1, atol=1e-5) and known.shares.min() >= 0
    assert np.allclose(known.profile.sum(axis=1), 1, atol=1e-5)


@pytest.mark.slow
def test_a_hundred_patient_days_take_minutes() -> None:
    started = time.process_time()
    count = sum(len(some.p) for some in window_columns(script(1, 24, patient=1)))
    assert count == 86_400
    assert time.process_time() - started < 10


def test_groups_say_what_goes_on() -> None:
    groups = groups_of(DAY, 86_400)
    assert set(np.unique(groups)) <= {-1, *range(len(GROUPS))}
    for one in DAY.distress:
        middle = int((one.start_s + one.end_s) / 2)
        assert GROUPS[groups[middle]] == ("distress 6-" if one.strength >= 6 else "distress 4-6")


def test_windows_compared_with_themselves_are_the_same() -> None:
    some = [grouped(one, drawn(one), SignalSettings()) for one in (script(1, 1), script(2, 1))]
    for one in compare(some, some):
        assert one.distance == 0
        assert all(a == b for a, b in one.quantiles)


def test_distance_and_likeness_are_what_they_are_called() -> None:
    random = np.random.default_rng(0)
    near, far = random.normal(0, 1, 4000), random.normal(1, 1, 4000)
    assert distance(near[::2], near[1::2]) < 0.05
    assert distance(near, far) == pytest.approx(0.383, abs=0.03)  # of two normals 1 apart
    kept = [np.zeros(3)]
    walk = np.zeros(5000)
    for at in range(1, 5000):
        walk[at] = 0.9 * walk[at - 1] + random.normal()
    found = likeness([walk, *kept])
    assert found[0] == pytest.approx(0.9, abs=0.03) and found[3] == pytest.approx(0.35, abs=0.1)
