"""Signal quality: the least of what it is made of."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.risk.events import WindowClosed
from mien.risk.quality import is_usable, quality_of
from mien.risk.settings import SignalSettings

SETTINGS = SignalSettings()
GOOD = WindowClosed(
    frames=10,
    with_face=10,
    in_pose=10,
    jitter=0.0,
    skew_ms=0,
    action_units=None,
    mouth_is_speaking=False,
    p=None,
    r=None,
    negative=None,
    regions=None,
)


@st.composite
def windows(draw: st.DrawFn) -> WindowClosed:
    frames = draw(st.integers(0, 10))
    with_face = draw(st.integers(0, frames))
    jitter = draw(st.none() | st.floats(0, 0.1))
    in_pose = draw(st.integers(0, with_face))
    return replace(GOOD, frames=frames, with_face=with_face, in_pose=in_pose, jitter=jitter)


@pytest.mark.parametrize(
    ("changed", "quality"),
    [
        ({}, 1.0),
        ({"with_face": 7, "in_pose": 7}, 0.7),
        ({"in_pose": 5}, 0.5),
        ({"frames": 8, "with_face": 8, "in_pose": 8}, 0.8),
        ({"jitter": SETTINGS.jitter_limit}, 0.5),
        ({"jitter": 1.0}, 0.0),
        ({"jitter": None}, 1.0),
        ({"frames": 0, "with_face": 0, "in_pose": 0}, 0.0),
    ],
)
def test_quality_is_the_least_share(changed: dict[str, int], quality: float) -> None:
    assert quality_of([replace(GOOD, **changed)], SETTINGS) == pytest.approx(quality)


def test_of_several_seconds_all_frames_count() -> None:
    gone = replace(GOOD, with_face=0, in_pose=0)
    assert quality_of([GOOD] * 6 + [gone] * 4, SETTINGS) == pytest.approx(0.6)
    assert is_usable([GOOD] * 6 + [gone] * 4, SETTINGS)
    assert not is_usable([GOOD] * 5 + [gone] * 5, SETTINGS)
    assert quality_of([], SETTINGS) == 0


@settings(deadline=None)
@given(st.lists(windows(), max_size=12))
def test_quality_lies_between_0_and_1_and_a_bad_second_never_raises_it(
    some: list[WindowClosed],
) -> None:
    before = quality_of([*some, GOOD], SETTINGS)
    after = quality_of([*some, replace(GOOD, in_pose=0)], SETTINGS)
    assert 0 <= after <= before <= 1
