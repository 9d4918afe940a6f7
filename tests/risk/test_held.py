"""Frames held until their second is complete: the same seconds whatever happens on the way."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.risk.events import Event, Face, Tick
from mien.risk.held import Frame, Held, cut, hold
from mien.risk.settings import SignalSettings
from tests.risk.streams import CALM, event, frame, frames

SETTINGS = SignalSettings()
DAY_MS = 86_400_000
Seconds = list[tuple[int, tuple[Frame, ...]]]


def cut_all(events: list[Event], settings: SignalSettings = SETTINGS) -> tuple[Held, Seconds]:
    held, found = Held(), []
    for one in events:
        held, seconds = cut(hold(held, one, settings), settings)
        assert len(held.frames) <= settings.held_most
        found += seconds
    return held, found


def face(number: int) -> Face:
    return replace(CALM, mouth_opening=float(number))


@st.composite
def streams(draw: st.DrawFn) -> list[Event]:
    """Up to a minute, with pauses, some at 30 Hz, no two frames at the same time."""
    steps_ms = draw(
        st.lists(st.one_of(st.integers(20, 200), st.integers(200, 15_000)), min_size=1, max_size=80)
    )
    at_ms, found = draw(st.integers(0, 5000)), []
    for number, since_ms in enumerate(steps_ms):
        at_ms += since_ms
        found.append(frame(at_ms, face(number), at_ms + draw(st.integers(0, 500))))
    end = [frame(at_ms + 1000 * second, None) for second in range(1, 8)]
    return found + end


@settings(deadline=None)
@given(streams(), st.data())
def test_seconds_are_the_same_in_whichever_order_frames_come_within_2_s(
    stream: list[Event], data: st.DataObject
) -> None:
    late_ms = data.draw(st.lists(st.integers(0, 1999), min_size=80 + 7, max_size=80 + 7))
    order = sorted(range(len(stream)), key=lambda n: (stream[n].event_time_ms + late_ms[n], -n))
    _, shuffled = cut_all([stream[n] for n in order])
    _, straight = cut_all(stream)
    shorter = min(len(shuffled), len(straight))
    assert abs(len(shuffled) - len(straight)) <= 3  # the last may still be held
    assert shuffled[:shorter] == straight[:shorter]


@settings(deadline=None)
@given(streams(), st.data())
def test_doubles_change_no_second(stream: list[Event], data: st.DataObject) -> None:
    again = data.draw(st.lists(st.sampled_from(range(len(stream))), max_size=20))
    doubled = []
    for number, one in enumerate(stream):
        copies = again.count(number)
        doubled += [one, *(replace(one, received_time_ms=one.received_time_ms + 5),) * copies]
    held, seconds = cut_all(doubled)
    assert seconds == cut_all(stream)[1]
    assert held.counts.doubles + held.counts.thinned + held.counts.ahead >= len(again) - 1


def test_of_doubles_that_differ_the_same_one_is_kept_in_either_order() -> None:
    one, other = frame(100, face(1), 300), frame(100, face(2), 300)
    end = frames(CALM, 1, 5)
    _, seconds = cut_all([one, other, *end])
    assert cut_all([other, one, *end])[1] == seconds
    assert cut_all([one, other, *end])[0].counts.doubles == 1


@settings(deadline=None)
@given(streams())
def test_every_frame_that_is_not_thinned_is_in_the_second_of_its_time(stream: list[Event]) -> None:
    held, seconds = cut_all(stream)
    times = [at for at, _ in seconds]
    assert times == sorted(set(times)) and all(at % 1000 == 0 for at in times)
    for end_ms, inside in seconds:
        slots = [one.time_ms // 100 for one in inside]
        assert slots == sorted(set(slots)) and len(inside) <= 10
        assert all(end_ms - 1000 <= one.time_ms < end_ms for one in inside)
    told = {one.time_ms for _, inside in seconds for one in inside}
    told |= {one.time_ms for one in held.frames}
    first_of_slot = {one.event_time_ms // 100: one for one in reversed(stream)}
    assert told <= {one.event_time_ms for one in first_of_slot.values()}


def test_a_second_is_complete_once_the_newest_frame_is_2_s_past_its_end() -> None:
    stream = frames(CALM, 0, 3, hz=30)
    assert cut_all(stream)[1] == []
    held, seconds = cut_all([*stream, frame(3000)])
    assert [(at, len(inside)) for at, inside in seconds] == [(1000, 10)]
    assert held.closed_ms == 1000


def test_a_frame_later_than_2_s_is_counted_and_dropped() -> None:
    held, seconds = cut_all([*frames(CALM, 0, 8), frame(5000), frame(7900), frame(6100)])
    assert held.counts.late == 1  # 5.0 is 2.9 s behind 7.9
    assert held.counts.doubles == 2
    assert seconds == cut_all(frames(CALM, 0, 8))[1]


def test_seconds_without_a_frame_are_empty_and_a_long_gap_is_jumped() -> None:
    held, seconds = cut_all([*frames(CALM, 0, 5), *frames(CALM, 9, 15)])
    assert [len(inside) for _, inside in seconds] == [10] * 5 + [0] * 4 + [10] * 3
    assert held.counts.skipped_s == 0
    day = [*frames(CALM, 0, 5), *frames(CALM, 86_400, 86_410)]
    held, seconds = cut_all(day)
    assert [len(inside) for _, inside in seconds] == [10] * 5 + [0] * 10 + [10] * 7
    assert seconds[-1][0] == 86_407_000
    assert held.counts.skipped_s == 86_400 - 15
    assert held.offset_ms == 0


def test_one_frame_from_another_day_changes_nothing() -> None:
    plain = frames(CALM, 0, 30)
    for odd_ms in (DAY_MS, -DAY_MS, 60_000):
        odd = frame(10_000 + odd_ms, received_ms=10_000)
        held, seconds = cut_all([*plain[:100], odd, *plain[100:]])
        assert seconds == cut_all(plain)[1]
        assert held.counts.late + held.counts.ahead == 1


@pytest.mark.parametrize("jump_ms", [-3 * DAY_MS, -60_000, 3 * DAY_MS])
def test_a_clock_that_jumps_stops_the_watch_for_10_s_at_most(jump_ms: int) -> None:
    host = frames(CALM, 4 * 86_400, 4 * 86_400 + 60, hz=30)
    jumped = [
        replace(one, event_time_ms=one.event_time_ms + (jump_ms if number >= 600 else 0))
        for number, one in enumerate(host)
    ]
    held, seconds = cut_all(jumped)
    full = [at for at, inside in seconds if len(inside) == 10]
    assert len(full) >= 60 - 3 - 3
    times = [at for at, _ in seconds]
    assert times == sorted(set(times))  # time never goes back
    behind_ms = host[-1].received_time_ms + max(jump_ms, 0) - times[-1]
    assert 0 <= behind_ms <= 4000  # and goes on by the host's clock, or the stream's if ahead
    assert all(abs(one.skew_ms + jump_ms) <= 1 for one in seconds[-1][1])


def test_a_clock_that_is_set_right_again_is_followed() -> None:
    """Power comes back: 1970, and an hour later the network's time."""
    right_s = 50 * 365 * 86_400
    lost = [
        replace(one, received_time_ms=one.event_time_ms + right_s * 1000 + 60_000)
        for one in frames(CALM, 0, 60)
    ]
    stream = [
        *frames(CALM, right_s, right_s + 60),
        *lost,
        *frames(CALM, right_s + 3600, right_s + 3660),
    ]
    held, seconds = cut_all(stream)
    assert held.offset_ms == 0
    assert seconds[-1][0] == (right_s + 3657) * 1000
    assert held.counts.clocks == 1


def test_a_stream_whose_first_frame_is_from_another_day_is_watched_all_the_same() -> None:
    for odd_ms in (DAY_MS, -DAY_MS):
        odd = frame(DAY_MS + odd_ms, received_ms=DAY_MS)
        held, seconds = cut_all([odd, *frames(CALM, 86_400, 86_430)])
        assert [at for at, inside in seconds if inside][-1] == (86_400 + 27) * 1000
        assert len(held.frames) <= 31


@pytest.mark.parametrize("delay_ms", [0, 60_000])
def test_what_is_sent_again_is_no_other_clock(delay_ms: int) -> None:
    """After a restart or an outage, all at once."""
    stream = frames(CALM, 0, 120)
    again = [
        replace(
            one, received_time_ms=one.received_time_ms if not delay_ms else 60_000 + delay_ms + at
        )
        for at, one in enumerate(stream[:600])
    ]
    held, seconds = cut_all([*stream[:600], *again, *stream[600:]])
    assert seconds == cut_all(stream)[1]
    assert held.counts.clocks == 0 and held.offset_ms == 0


def test_a_clock_that_stands_still_closes_nothing_and_holds_one_frame() -> None:
    held, seconds = cut_all([frame(5000, received_ms=at) for at in range(5000, 95_000, 33)])
    assert seconds == [] and len(held.frames) == 1


@settings(deadline=None)
@given(st.lists(st.integers(0, 10**12), max_size=200))
def test_what_is_held_is_bounded_whatever_comes(times: list[int]) -> None:
    held, _ = cut_all([frame(at_ms) for at_ms in times])
    assert held.rival is None or len(held.rival.frames) <= SETTINGS.held_most


def test_a_flood_is_thinned_at_once_and_too_small_a_bound_drops_the_oldest() -> None:
    flood = [frame(at_ms, face(at_ms)) for at_ms in range(0, 10_000, 2)]
    held, seconds = cut_all(flood)
    assert len(held.frames) <= 31
    assert held.counts.thinned == 4900 and held.counts.flooded == 0
    small = SignalSettings(held_most=5)
    held, seconds = cut_all(flood, small)
    assert held.counts.flooded > 0
    assert [one.time_ms for one in held.frames] == [9500, 9600, 9700, 9800, 9900]


def test_only_frames_are_held() -> None:
    with pytest.raises(ValueError, match="only frames are held, got Tick"):
        hold(Held(), event(Tick(), 0), SETTINGS)
