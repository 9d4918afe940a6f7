"""What holds for every stream of windows, and for a day of them."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from mien.risk.action_units import REGIONS
from mien.risk.appraisal import Appraisal, initial, step
from mien.risk.events import (
    ConditionChanged,
    Event,
    LearningRestarted,
    Said,
    SignalChanged,
    WindowClosed,
)
from mien.risk.lines import to_line
from mien.risk.quality import quality_of
from mien.risk.settings import AppraisalSettings, WatchSettings
from tests.risk.windows import (
    NO_FACE,
    SETTINGS,
    STILL,
    TURNED,
    Fed,
    event,
    feed,
    scores,
    terms,
    window,
)


@st.composite
def any_windows(draw: st.DrawFn) -> WindowClosed:
    frames = draw(st.sampled_from([0, 3, 8, 10, 10, 10, 10]))
    with_face = draw(st.sampled_from([frames, frames, frames, frames // 2, 0]))
    in_pose = draw(st.sampled_from([with_face, with_face, with_face, with_face // 2, 0]))
    is_seen = in_pose > 0
    return WindowClosed(
        frames=frames,
        with_face=with_face,
        in_pose=in_pose,
        jitter=draw(st.sampled_from([0.0, 0.005])) if with_face else None,
        skew_ms=0,
        action_units=(0.0,) * 6 if is_seen else None,
        mouth_is_speaking=draw(st.booleans()),
        p=draw(st.floats(0, 16)) if is_seen else None,
        r=draw(st.none() | st.floats(0, 5)) if is_seen else None,
        negative=draw(st.none() | st.floats(0, 1)) if is_seen else None,
        regions=STILL if is_seen else None,
    )


@st.composite
def streams(draw: st.DrawFn) -> list[Event]:
    """Stretches of one window each, with jumps in time, and what else the machine reads."""
    found: list[Event] = []
    at_ms = 0
    others = st.sampled_from(
        [
            ConditionChanged("concern", True, "MEDIUM"),
            ConditionChanged("concern", False, "MEDIUM"),
            SignalChanged("PAUSED"),
            SignalChanged("LIVE"),
            LearningRestarted("ann"),
        ]
    )
    for _ in range(draw(st.integers(1, 12))):
        body = draw(any_windows())
        for _ in range(draw(st.integers(1, 40))):
            at_ms += 1000
            found.append(event(body, at_ms))
        at_ms += 1000 * draw(st.sampled_from([0, 0, 0, 1, 5, 30, 400]))
        if draw(st.booleans()):
            found.append(event(draw(others), at_ms))
    return found


VERY_QUICK = WatchSettings(appraisal=AppraisalSettings(learn_s=20, e_least_s=20, c_block_s=5))


def run(state: Appraisal, stream: Iterable[Event]) -> Fed:
    said: list[Said] = []
    for one in stream:
        state, new = step(state, one, VERY_QUICK)
        said += new
    return state, said


def lines(said: list[Said]) -> str:
    return "\n".join(to_line(event(body, at_ms)) for at_ms, body in said)


@given(streams())
@settings(deadline=None, max_examples=40)
def test_a_score_is_absent_exactly_when_quality_is_too_low_and_else_the_sum_of_its_terms(
    stream: list[Event],
) -> None:
    _, said = run(initial(), stream)
    windows = [one for one in stream if isinstance(one.body, WindowClosed)]
    assert len(scores(said)) == len(windows)
    for scored in scores(said):
        assert (scored.score is None) == (scored.quality < 0.6)
        if scored.score is not None:
            assert scored.score == sum(term.weight for term in scored.terms)
            is_ready = scored.baseline == "READY"
            assert is_ready == (terms(scored)["B"].value is not None)


@given(streams())
@settings(deadline=None, max_examples=40)
def test_quality_is_that_of_the_last_ten_seconds_windows_or_none(stream: list[Event]) -> None:
    state, by_time = initial(), {}
    empty = replace(NO_FACE, frames=0, skew_ms=None)
    for one in stream:
        state, said = step(state, one, VERY_QUICK)
        if isinstance(one.body, WindowClosed):
            by_time[one.event_time_ms] = one.body
            last = range(one.event_time_ms - 9000, one.event_time_ms + 1, 1000)
            wanted = quality_of([by_time.get(at, empty) for at in last], SETTINGS.signal)
            assert scores(said)[0].quality == pytest.approx(wanted, abs=1e-6)


@given(streams(), st.data())
@settings(deadline=None, max_examples=40)
def test_the_same_windows_give_the_same_bytes_through_a_restart_too(
    stream: list[Event], data: st.DataObject
) -> None:
    adapter = TypeAdapter(Appraisal)
    whole = lines(run(initial(), stream)[1])
    assert lines(run(initial(), stream)[1]) == whole
    cut = data.draw(st.integers(0, len(stream)))
    half, before = run(initial(), stream[:cut])
    again = adapter.validate_json(adapter.dump_json(half))
    assert again == half
    assert lines(before + run(again, stream[cut:])[1]) == whole


@given(streams())
@settings(deadline=None, max_examples=30)
def test_a_step_leaves_the_state_it_was_given_as_it_was(stream: list[Event]) -> None:
    adapter, state = TypeAdapter(Appraisal), initial()
    for one in stream:
        before = adapter.dump_json(state)
        after, _ = step(state, one, VERY_QUICK)
        assert adapter.dump_json(state) == before
        state = after


def a_day(seed: int) -> Iterator[WindowClosed]:
    """86,400 windows: rest and expressions, restlessness, a turned head, a face that goes."""
    chance = np.random.default_rng(seed)
    kinds = chance.choice(4, size=1440, p=[0.8, 0.1, 0.05, 0.05])
    for kind in kinds:
        p = np.clip(chance.normal([0.5, 5.0, 0, 0][kind], 0.6, 60), 0, 16).round(4).tolist()
        r = chance.gamma(2, 0.05, 60).round(4).tolist()
        negative = chance.beta(2, 5, 60).round(4).tolist()
        moved = (chance.normal(0, 0.01, (60, len(REGIONS))) + STILL).round(4).tolist()
        for second in range(60):
            if kind >= 2:
                yield TURNED if kind == 2 else NO_FACE
                continue
            yield window(
                p[second], r=r[second], negative=negative[second], regions=tuple(moved[second])
            )


@pytest.mark.slow
def test_a_day_takes_bounded_memory_and_little_time(capsys: pytest.CaptureFixture[str]) -> None:
    state, adapter, sizes, spent_s = initial(), TypeAdapter(Appraisal), [], 0.0
    windows = list(a_day(0))
    for start in range(0, len(windows), 3600):
        began = time.process_time()
        state, _ = feed(state, windows[start : start + 3600])
        spent_s += time.process_time() - began
        sizes.append(len(adapter.dump_json(state)))
    with capsys.disabled():
        each_us = 1e6 * spent_s / len(windows)
        print(f"\n{len(windows)} windows: {each_us:.0f} µs each, state {max(sizes)} bytes of JSON")
    assert max(sizes) < 64_000
    assert sizes[-1] < 1.5 * sizes[2]  # no longer than after three hours
    assert each_us < 1000
