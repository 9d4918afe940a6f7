"""Why alarms wait: what limits do on noise in which nothing happens.

The noise is P of a face at rest as a first-order autoregression at 1 Hz: each second is .9 of the
last one plus independent normal noise, in deviations of itself. With these and a clearing limit of
1 deviation the counts a day that MONITOR.md states for 60 such days come out again.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import lfilter

from mien.risk import appraisal, conditions
from mien.risk.events import BaselineChanged, ConditionChanged, Event, Scored, WindowClosed
from mien.risk.filters import Cusum, add_to_cusum
from mien.risk.settings import WatchSettings

Values = NDArray[np.float64]
DAY_S = 86_400
KEPT = 0.9  # of the last second: a time constant of 9.5 s


def noise(days: int, seed: int) -> Values:
    steps = np.random.default_rng(seed).normal(size=days * DAY_S)
    values: Values = lfilter([(1 - KEPT**2) ** 0.5], [1, -KEPT], steps)
    return values


def alarms(values: Values, *, clear: float, on_s: int, off_s: int) -> int:
    """Onsets of an alarm at 2 deviations for `on_s`, that ends below `clear` for `off_s`."""
    count, run_s, is_on = 0, 0, False
    for is_high, is_low in zip((values >= 2).tolist(), (values < clear).tolist(), strict=True):
        run_s = run_s + 1 if (is_low if is_on else is_high) else 0
        if run_s >= (off_s if is_on else on_s):
            is_on, run_s = not is_on, 0
            count += is_on
    return count


def fired(values: Iterable[float], *, block: int, h: float) -> int:
    count, cusum = 0, Cusum()
    for value in values:
        cusum, level = add_to_cusum(cusum, value, block=block, k=0.5, h=h)
        count += level is not None
    return count


@dataclass(frozen=True)
class Counts:
    """A day's, of the simplest rule to the one that waits."""

    bare: float
    hysteresis: float
    delayed: float
    cusum_1_hz: float
    cusum_blocks: float


def counts(days: int, seed: int) -> Counts:
    values = noise(days, seed)
    blocks = values.reshape(-1, 60).mean(axis=1)
    return Counts(
        bare=alarms(values, clear=2, on_s=1, off_s=1) / days,
        hysteresis=alarms(values, clear=1, on_s=1, off_s=30) / days,
        delayed=alarms(values, clear=1, on_s=20, off_s=30) / days,
        cusum_1_hz=fired(values.tolist(), block=1, h=5) / days,
        cusum_blocks=fired((blocks / blocks.std()).tolist(), block=1, h=8) / days,
    )


def test_a_bare_limit_cries_hundreds_of_times_a_day_and_one_that_waits_once() -> None:
    day = counts(3, seed=0)
    assert day.bare == pytest.approx(815, rel=0.1)
    assert day.hysteresis == pytest.approx(364, rel=0.1)
    assert day.delayed < 3
    assert day.cusum_1_hz == pytest.approx(2230, rel=0.1)
    assert day.cusum_blocks <= 1


@pytest.mark.slow
def test_sixty_days_of_noise_give_the_counts_that_the_delays_were_chosen_by(
    capsys: pytest.CaptureFixture[str],
) -> None:
    day = counts(60, seed=1)
    with capsys.disabled():
        print(f"\na day of 60 of noise: {day}")
    assert day.bare == pytest.approx(815, rel=0.03)
    assert day.hysteresis == pytest.approx(364, rel=0.03)
    assert day.delayed == pytest.approx(0.8, abs=0.4)
    assert day.cusum_1_hz == pytest.approx(2230, rel=0.03)
    assert day.cusum_blocks == pytest.approx(0.23, abs=0.2)


# --- The same noise through the machines --------------------------------------


@dataclass
class Seen:
    score_2: int = 0  # scores that rose to 2 or more
    cusum: int = 0
    sustained: int = 0
    concern: int = 0


def watched(p: Values) -> Seen:
    """A stream of that P, its restlessness still and no model, until its end."""
    settings, seen = WatchSettings(), Seen()
    state, timers = appraisal.initial(), conditions.initial()
    was, fired_ms = 0, None
    for second, value in enumerate(p.round(4).tolist(), 1):
        window = WindowClosed(10, 10, 10, 0.0, 0, None, False, value, 0.1, None, None)
        state, said = appraisal.step(state, _event(window, second), settings)
        score = next(body for _, body in said if isinstance(body, Scored))
        timers, changes = conditions.step(timers, _event(score, second), settings)
        for _, change in changes:
            assert isinstance(change, ConditionChanged | BaselineChanged)
            state, _ = appraisal.step(state, _event(change, second), settings)
            if isinstance(change, ConditionChanged) and change.is_present:
                seen.concern += change.rule == "concern"
                seen.sustained += change.rule == "sustained"
        seen.score_2 += was < 2 <= (score.score or 0)
        seen.cusum += state.rise.fired_ms != fired_ms
        was, fired_ms = score.score or 0, state.rise.fired_ms
    return seen


def _event(body: WindowClosed | Scored | ConditionChanged, second: int) -> Event:
    return Event("a", second, 1000 * second, 1000 * second, "c", body)


@pytest.mark.slow
def test_noise_around_a_face_at_rest_raises_no_concern(capsys: pytest.CaptureFixture[str]) -> None:
    days = 4
    seen = watched(np.clip(1.5 + noise(days, seed=2), 0, 16))
    with capsys.disabled():
        print(f"\n{days} days of noise around a P of 1.5: {seen}")
    assert seen.score_2 > 50 * days
    assert seen.concern <= days and seen.cusum <= days
