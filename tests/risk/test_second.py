"""One second's frames as a window."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.recording.synthetic_motion import speech
from mien.risk.action_units import REGIONS, UNITS
from mien.risk.events import Face, WindowClosed
from mien.risk.held import Frame
from mien.risk.measured import REGION_VALUES
from mien.risk.second import Smoothed, window_of
from tests.risk.streams import CALM, SETTINGS, TURNED

GRIMACE = replace(CALM, action_units=(3.0, 0.0, 4.0, 0.0, 2.0, 5.0), negative=0.75)


def window(
    faces: list[Face | None],
    *,
    before: WindowClosed | None = None,
    smoothed: Smoothed | None = None,
    begin_ms: int = 0,
    skew_ms: int = 0,
) -> WindowClosed:
    """Of faces that are spread evenly over a second."""
    count = max(len(faces), 1)
    some = [
        Frame(begin_ms + 1000 * place // count, skew_ms, face) for place, face in enumerate(faces)
    ]
    return window_of(begin_ms + 1000, some, before, smoothed, SETTINGS)


def speaking(openings: list[float]) -> bool:
    """Whether a mouth that opens like this, 10 times a second, speaks in the last second."""
    last = None
    for begin in range(0, len(openings) - 9, 10):
        some = [replace(CALM, mouth_opening=opening) for opening in openings[begin : begin + 10]]
        last = window(list(some), before=last)
    return last is not None and last.mouth_is_speaking


def wave(hz: float, size: float, *, phase: float = 0.3) -> list[float]:
    return [0.2 + size * math.sin(2 * math.pi * hz * at / 10 + phase) for at in range(20)]


def test_a_second_counts_its_frames_faces_and_faces_in_pose() -> None:
    found = window([CALM] * 5 + [TURNED] * 3 + [None] * 2)
    assert (found.frames, found.with_face, found.in_pose) == (10, 8, 5)


def test_what_was_not_seen_is_none_never_zero() -> None:
    for faces in ([], [None] * 10, [TURNED] * 10):
        found = window(faces)
        assert found.action_units is found.p is found.regions is found.negative is None
        assert not found.mouth_is_speaking
    assert window([]).skew_ms is None
    assert window([None] * 10).r is window([None] * 10).jitter is None
    assert window([CALM]).r is window([CALM] * 2).jitter is None


def test_turned_faces_are_not_measured() -> None:
    turned = replace(GRIMACE, yaw_deg=-40.0)
    assert window([CALM] * 5 + [turned] * 5).p == 0
    bowed = replace(GRIMACE, pitch_deg=-26.0)
    assert window([CALM] * 5 + [bowed] * 5).p == 0


def test_units_are_smoothed_with_a_time_constant_of_2_s() -> None:
    found, smoothed = window([CALM] * 10), None
    assert found.action_units == (0.0,) * len(UNITS)
    for second in range(1, 4):
        smoothed = Smoothed(second * 1000, found.action_units or ())
        found = window([GRIMACE] * 10, smoothed=smoothed, begin_ms=second * 1000)
        assert found.action_units is not None
        assert found.action_units[0] == pytest.approx(3 * (1 - math.exp(-second / 2)), abs=1e-5)
    rested = window([CALM] * 10, smoothed=smoothed, begin_ms=3_600_000)
    assert rested.p == pytest.approx(0, abs=1e-5)  # after an hour nothing is left


def test_p_is_that_of_the_smoothed_units_and_a_blink_is_no_closed_eye() -> None:
    assert window([GRIMACE] * 10).p == pytest.approx(3 + 4 + 2 + 1)
    blink = replace(GRIMACE, action_units=(3.0, 0.0, 4.0, 0.0, 2.0, 0.0))
    assert window([GRIMACE] * 3 + [blink] * 7).p == pytest.approx(9)


def test_negative_is_the_mean_of_the_faces_that_have_it() -> None:
    assert window([GRIMACE] * 5 + [CALM] * 5).negative == 0.75
    assert window([CALM] * 10).negative is None


def test_a_still_head_is_not_restless_and_a_shaken_one_is() -> None:
    assert window([CALM] * 10).r == 0
    shaken = [replace(CALM, yaw_deg=10.0 * (place % 2)) for place in range(10)]
    assert window(list(shaken)).r == pytest.approx(math.radians(100), abs=1e-4)
    past_half_a_turn = [replace(CALM, roll_deg=179.0 - 358.0 * (n % 2)) for n in range(10)]
    assert window(list(past_half_a_turn)).r == pytest.approx(math.radians(20), abs=1e-4)


def test_moving_points_are_restless_by_their_mean_speed() -> None:
    moved = [
        replace(
            CALM,
            points=tuple(0.01 * n if at < REGION_VALUES else 0.0 for at in range(len(CALM.points))),
        )
        for n in range(10)
    ]
    found = window(list(moved))
    assert found.r == pytest.approx(0.1 * math.sqrt(2), abs=1e-5)
    assert found.jitter == 0


def test_frames_further_apart_than_a_quarter_second_are_no_neighbours() -> None:
    shaken = [replace(CALM, yaw_deg=10.0 * (place % 2)) for place in range(3)]
    assert window(list(shaken)).r is None


def test_trembling_of_steady_points_is_told_as_a_deviation() -> None:
    random = np.random.default_rng(1)
    steady = len(CALM.points) - REGION_VALUES

    def trembling() -> Face:
        noise = random.normal(0, 0.02, steady)
        return replace(CALM, points=(*CALM.points[:REGION_VALUES], *noise.tolist()))

    found = [window([trembling() for _ in range(10)]).jitter or 0 for _ in range(30)]
    assert np.mean(found) == pytest.approx(0.02, rel=0.1)
    drifts = [replace(CALM, points=tuple(0.01 * n for _ in CALM.points)) for n in range(10)]
    assert window(list(drifts)).jitter == pytest.approx(0, abs=1e-9)  # moving is not trembling


def test_regions_are_told_by_how_low_they_lie() -> None:
    points = tuple(float(at) for at in range(len(CALM.points)))
    found = window([replace(CALM, points=points)] * 10)
    assert found.regions == tuple(2.0 * place + 1 for place in range(len(REGIONS)))


@pytest.mark.parametrize("hz", [2.0, 2.7, 3.5, 4.5, 6.0, 7.5])
def test_a_mouth_that_opens_in_the_rhythm_of_speech_speaks(hz: float) -> None:
    assert speaking(wave(hz, 0.04))


@pytest.mark.parametrize(("hz", "size"), [(0.5, 0.2), (1.0, 0.06), (3.0, 0.003), (0.0, 0.0)])
def test_a_mouth_that_moves_slowly_or_hardly_does_not(hz: float, size: float) -> None:
    assert not speaking(wave(hz, size))


def test_a_mouth_held_open_in_a_grimace_does_not_speak() -> None:
    assert not speaking([0.3] * 10)
    assert not speaking([0.02 * at for at in range(10)])  # nor one that opens


def test_most_seconds_of_synthetic_speech_are_speech() -> None:
    times_s = np.arange(0, 60, 0.1)
    jaw = speech(np.random.default_rng(4), times_s, start_s=0, stop_s=60)[:, 25]
    faces = [replace(CALM, mouth_opening=0.4 * value) for value in jaw.tolist()]
    last, count = None, 0
    for begin in range(0, 600, 10):
        last = window(list(faces[begin : begin + 10]), before=last)
        count += last.mouth_is_speaking
    assert count >= 45


def test_while_the_mouth_speaks_the_lip_it_raises_is_ignored() -> None:
    lip = replace(CALM, action_units=(0.0, 0.0, 0.0, 0.0, 4.0, 0.0))
    talks = [replace(lip, mouth_opening=opening) for opening in wave(3.0, 0.05)[:10]]
    assert window([lip] * 10).p == pytest.approx(4)
    found = window(list(talks))
    assert found.mouth_is_speaking and found.p == 0


finite = st.floats(-1e3, 1e3)
any_face = st.none() | st.builds(
    Face,
    yaw_deg=st.floats(-180, 180),
    pitch_deg=st.floats(-90, 90),
    roll_deg=st.floats(-180, 180),
    action_units=st.tuples(*[st.floats(0, 5)] * len(UNITS)),
    mouth_opening=st.floats(0, 2),
    points=st.lists(finite, min_size=len(CALM.points), max_size=len(CALM.points)).map(tuple),
    negative=st.none() | st.floats(0, 1),
)


@settings(deadline=None)
@given(st.lists(any_face, max_size=10))
def test_whatever_faces_come_a_window_holds_no_nan(faces: list[Face | None]) -> None:
    found = window(faces)
    told = [found.jitter, found.p, found.r, found.negative, *(found.regions or ())]
    assert all(value is None or math.isfinite(value) for value in told)
    assert 0 <= found.in_pose <= found.with_face <= found.frames
    assert (found.p is None) == (found.in_pose == 0)
