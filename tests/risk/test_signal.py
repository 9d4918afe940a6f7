"""The Signal machine: frames and ticks in, windows and the state of the signal out."""

import pickle
from dataclasses import replace
from itertools import pairwise

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.risk.events import (
    Event,
    Face,
    Paused,
    Resumed,
    Said,
    SignalChanged,
    TechnicalChanged,
    Tick,
    WindowClosed,
)
from mien.risk.lines import from_line, to_line
from mien.risk.measured import faces_of
from mien.risk.signal import initial, step
from mien.tables import points_of
from tests.risk.streams import (
    CALM,
    SETTINGS,
    TURNED,
    event,
    frame,
    frames,
    of_kind,
    played,
    signals,
    technical,
    windows,
    with_ticks,
)

SIZE_PX = (480, 360)
HZ = 29.97
parts = st.lists(
    st.tuples(st.sampled_from([CALM, TURNED, None]), st.integers(1, 25), st.integers(0, 15)),
    min_size=1,
    max_size=4,
)


def stream_of(some: list[tuple[Face | None, int, int]]) -> list[Event]:
    """Stretches of faces with gaps between them, and a tick each second."""
    now_s, found = 0, []
    for face, length_s, gap_s in some:
        found += frames(face, now_s, now_s + length_s, hz=7)
        now_s += length_s + gap_s
    return with_ticks(found, now_s)


def looped(faces: list[Face | None], begin_s: float, end_s: float) -> list[Event]:
    """A clip over and over."""
    count = round((end_s - begin_s) * HZ)
    times = [round(1000 * (begin_s + index / HZ)) for index in range(count)]
    return [frame(at, faces[index % len(faces)]) for index, at in enumerate(times)]


@pytest.fixture(scope="module")
def clips(landmarks: pa.Table) -> dict[str, list[Face | None]]:
    """The six real clips, measured: their emotion's three letters -> faces."""
    names = landmarks["video_filename"]
    return {
        name[9:12]: faces_of(points_of(landmarks.filter(pc.equal(names, name))), size_px=SIZE_PX)
        for name in sorted(set(names.to_pylist()))
    }


def test_a_real_face_that_goes_and_comes_back_is_told_to_the_second(
    clips: dict[str, list[Face | None]],
) -> None:
    faces = clips["NEU"]
    stream = [*looped(faces, 0, 60), *looped([None], 60, 210), *looped(faces, 210, 270)]
    _, said = played(with_ticks(stream))
    assert technical(said, "face-lost") == [(90, "LOW"), (180, "MEDIUM"), (215, "NONE")]
    assert {rule.rule for _, rule in of_kind(said, TechnicalChanged)} == {"face-lost"}
    assert signals(said) == [
        (1, "NO_SIGNAL", False),  # nothing was seen yet
        (1, "LIVE", False),
        (65, "NO_SIGNAL", False),  # under 60 % of 10 s; no face for 3 s
        (211, "NOT_OBSERVABLE", False),
        (216, "LIVE", False),
    ]


def test_a_real_neutral_face_that_speaks_stays_below_p_2_throughout(
    clips: dict[str, list[Face | None]],
) -> None:
    _, said = played(looped(clips["NEU"], 0, 300))
    told = [window.p for _, window in windows(said)]
    assert len(told) == 297 and all(p is not None and p < 1 for p in told)


@pytest.mark.parametrize("name", ["ANG", "DIS", "FEA", "HAP", "NEU", "SAD"])
def test_real_clips_are_usable_and_most_of_their_seconds_speak(
    clips: dict[str, list[Face | None]], name: str
) -> None:
    _, said = played(looped(clips[name], 0, 60))
    told = [window for _, window in windows(said)]
    assert signals(said) == [(1, "LIVE", False)]
    assert all(window.in_pose == window.frames >= 9 for window in told)
    assert all((window.jitter or 0) < 0.006 for window in told)
    assert all(0.03 < (window.r or 0) < 0.7 for window in told)
    assert sum(window.mouth_is_speaking for window in told) > 0.5 * len(told)


def test_windows_come_once_a_second_2_s_behind_the_newest_frame() -> None:
    state, behind = initial(), []
    for one in frames(CALM, 0, 20, hz=30):
        state, said = step(state, one, SETTINGS)
        behind += [one.event_time_ms - at for at, _ in windows(said)]
    assert len(behind) == 17
    assert all(2000 <= ms < 2040 for ms in behind)


@settings(deadline=None, max_examples=40)
@given(parts, st.randoms(use_true_random=False))
def test_what_is_said_does_not_depend_on_order_within_2_s_nor_on_doubles(
    some: list[tuple[Face | None, int, int]], random: object
) -> None:
    straight = [e for e in stream_of(some) if not isinstance(e.body, Tick)]
    end = frames(None, 1000, 1014)
    jumbled = sorted(
        [*straight, *straight[::7]],
        key=lambda one: one.event_time_ms + random.uniform(0, 1999),  # type: ignore[attr-defined]
    )
    assert played([*jumbled, *end])[1] == played([*straight, *end])[1]


def restored(state_at: int, stream: list[Event]) -> list[Said]:
    """What is said when the host dies at an event and starts again from its log.

    Logged are ticks and what was said; frames of seconds that were not told are sent again.
    """
    before, log = initial(), []
    for one in stream[:state_at]:
        before, said = step(before, one, SETTINGS)
        log += [one] if isinstance(one.body, Tick) else []
        log += [event(body, at) for at, body in said]
    kept = [one for one in log if isinstance(one.body, Tick | WindowClosed)]
    after, _ = played([from_line(to_line(one)) for one in kept])
    assert after.recent == before.recent and after.technical == before.technical
    assert after.said == before.said
    told_ms = before.held.closed_ms
    again = [
        one
        for one in stream[:state_at]
        if not isinstance(one.body, Tick) and (told_ms is None or one.event_time_ms >= told_ms)
    ]
    _, said = played([*again, *stream[state_at:]], after)
    return [(e.event_time_ms, e.body) for e in log if not isinstance(e.body, Tick)] + said


@settings(deadline=None, max_examples=25)
@given(parts, st.data())
def test_a_machine_restored_from_its_log_says_what_it_would_have_said(
    some: list[tuple[Face | None, int, int]], data: st.DataObject
) -> None:
    stream = stream_of(some)
    assert restored(data.draw(st.integers(0, len(stream))), stream) == played(stream)[1]


def test_a_restored_machine_goes_on_with_a_real_clip(clips: dict[str, list[Face | None]]) -> None:
    stream = with_ticks(looped(clips["DIS"], 0, 20))
    for state_at in range(100, len(stream), 97):
        assert restored(state_at, stream) == played(stream)[1]


@settings(deadline=None, max_examples=8)
@given(parts)
def test_a_given_state_is_never_changed_and_all_that_is_said_can_be_logged(
    some: list[tuple[Face | None, int, int]],
) -> None:
    state = initial()
    for one in stream_of(some):
        was = pickle.dumps(state)
        after, said = step(state, one, SETTINGS)
        assert pickle.dumps(state) == was
        for at_ms, body in said:
            assert from_line(to_line(event(body, at_ms))).body == body
        state = after


def test_what_is_said_of_the_signal_never_repeats_itself() -> None:
    stream = stream_of([(CALM, 20, 15), (TURNED, 20, 0), (None, 20, 4), (CALM, 20, 0)])
    said = [body for _, body in of_kind(played(stream)[1], SignalChanged)]
    assert all(one != other for one, other in pairwise(said))


def test_a_face_that_cannot_be_used_is_not_observable() -> None:
    _, said = played([*frames(CALM, 0, 20), *frames(TURNED, 20, 40), *frames(CALM, 40, 60)])
    assert signals(said) == [
        (1, "LIVE", False),
        (25, "NOT_OBSERVABLE", False),
        (46, "LIVE", False),
    ]


def test_a_stream_that_stops_is_greyed_after_3_s_until_it_comes_back() -> None:
    _, said = played(with_ticks([*frames(CALM, 0, 30), *frames(CALM, 50, 80)]))
    _, live, greyed, *back = signals(said)
    assert live == (1, "LIVE", False)
    assert greyed == (33, "NO_SIGNAL", True)
    assert not any(is_greyed for _, _, is_greyed in back)
    assert back[-1][1] == "LIVE"


def test_a_frozen_stream_is_a_stalled_one() -> None:
    frozen = [frame(30_000, CALM, at_ms) for at_ms in range(30_000, 90_000, 33)]
    _, said = played(with_ticks([*frames(CALM, 0, 30), *frozen]))
    assert [priority for _, priority in technical(said, "stalled")] == ["LOW"]


def test_a_camera_that_starts_again_in_1970_is_back_in_10_s_with_a_wrong_clock() -> None:
    day_s = 20_000 * 86_400
    host = frames(CALM, day_s, day_s + 200)
    stream = [
        replace(one, event_time_ms=one.event_time_ms - (1000 * day_s if number >= 1000 else 0))
        for number, one in enumerate(host)
    ]
    state, said = played(stream)
    told = windows(said)
    assert len([w for _, w in told if w.frames]) >= 195
    assert all(a < b for (a, _), (b, _) in pairwise(told))
    assert technical(said, "clock-skew") != []
    assert state.held.counts.clocks == 1
    assert [signal for _, signal, _ in signals(said)] == ["LIVE"]


def test_after_a_restart_a_clock_that_was_set_back_is_still_followed() -> None:
    host = frames(CALM, 100, 200)
    stream = list(
        replace(one, event_time_ms=one.event_time_ms - (60_000 if number >= 300 else 0))
        for number, one in enumerate(host)
    )
    at = next(n for n, one in enumerate(stream) if one.received_time_ms >= 170_000)
    before, said = played(stream[:at])
    assert before.held.offset_ms == 60_000
    logged = [event(body, at_ms) for at_ms, body in windows(said)]
    after, said = played(stream[at:], played(logged)[0])
    told = [window.frames for _, window in windows(said)]
    assert len(told) == 30 and told[3:] == [10] * 27  # the first were held when the host died
    assert after.held.counts.late == 0


def test_while_paused_the_signal_is_not_told_and_afterwards_as_it_is() -> None:
    stream = with_ticks([*frames(CALM, 0, 30), *frames(None, 30, 120)])
    pause = event(Paused("ann", "care", 60_000), 10_500)
    at = next(n for n, one in enumerate(stream) if one.received_time_ms >= 10_500)
    _, said = played([*stream[:at], pause, *stream[at:]])
    assert signals(said)[1:] == [(1, "LIVE", False), (71, "NO_SIGNAL", False)]
    assert technical(said, "face-lost") == [(60, "LOW")]  # logged; it raises nothing
    resumed = next(n for n, one in enumerate(stream) if one.received_time_ms >= 50_000)
    _, said = played(
        [*stream[:at], pause, *stream[at:resumed], event(Resumed("ann"), 50_000), *stream[resumed:]]
    )
    assert signals(said)[2:] == [(50, "NO_SIGNAL", False)]


def test_no_pause_is_longer_than_30_min_in_all() -> None:
    again = [event(Paused("ann", "care", 86_400_000), 1000 * at) for at in (10, 600, 1500)]
    state, _ = played(again)
    ticks = [event(Tick(), 1000 * second) for second in range(1501, 1900)]
    ends = []
    for one in ticks:
        state, said = step(state, one, SETTINGS)
        ends += [at for at, _ in said if state.pause is None][:1]
    assert ends[0] == 1_810_000


def test_state_is_bounded_under_a_flood_and_over_an_hour() -> None:
    def face(number: int) -> Face:
        return replace(CALM, points=tuple(number + at / 7 for at in range(len(CALM.points))))

    flood = [frame(120_000 + at // 2, face(at)) for at in range(20_000)]
    slow = frames(CALM, 200, 4000, hz=0.5)
    for stream in (flood, slow):
        state, _ = played(with_ticks(stream))
        assert len(state.held.frames) <= 31 and len(state.recent) <= 10
        assert len(pickle.dumps(state)) < 40_000


def test_events_of_others_change_nothing() -> None:
    state, _ = played(frames(CALM, 0, 10))
    assert step(state, event(SignalChanged("LIVE"), 1), SETTINGS) == (state, [])
