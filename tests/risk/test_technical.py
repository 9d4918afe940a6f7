"""Technical conditions: when they begin, rise and end, to the second."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.risk.events import PRIORITIES, Event, Face, StoreChanged, Tick
from tests.risk.streams import CALM, TURNED, event, frame, frames, played, technical, with_ticks


def test_a_face_that_is_lost_is_told_at_30_s_louder_at_120_and_ends_after_5_usable() -> None:
    stream = [*frames(CALM, 0, 60), *frames(None, 60, 210), *frames(CALM, 210, 240)]
    _, said = played(stream)
    assert technical(said, "face-lost") == [(90, "LOW"), (180, "MEDIUM"), (215, "NONE")]
    assert technical(said, "not-observable") == []


def test_a_face_in_a_frame_now_and_then_does_not_put_it_off() -> None:
    lost = [
        replace(one, body=frame(0).body) if number % 40 == 7 else one
        for number, one in enumerate(frames(None, 10, 60))
    ]
    _, said = played([*frames(CALM, 0, 10), *lost])
    [(at_s, priority)] = technical(said, "face-lost")
    assert priority == "LOW" and 40 <= at_s <= 53


def test_a_face_that_cannot_be_used_is_told_once_at_120_s() -> None:
    stream = [*frames(CALM, 0, 10), *frames(TURNED, 10, 400), *frames(CALM, 400, 420)]
    _, said = played(stream)
    assert technical(said, "not-observable") == [(130, "LOW"), (405, "NONE")]
    assert technical(said, "face-lost") == []


def test_a_glance_at_the_camera_does_not_put_it_off() -> None:
    turned = [
        *frames(TURNED, 0, 60),
        *frames(CALM, 60, 63),
        *frames(TURNED, 63, 130),
    ]
    _, said = played(turned)
    assert technical(said, "not-observable") == [(123, "LOW")]


def test_what_is_told_as_lost_is_not_told_again_as_not_observable() -> None:
    stream = [*frames(None, 0, 40), *frames(TURNED, 40, 400)]
    _, said = played(stream)
    assert technical(said, "face-lost") == [(30, "LOW")]
    assert technical(said, "not-observable") == []


def test_a_wrong_clock_is_told_after_30_s_and_a_right_one_ends_it() -> None:
    stream = with_ticks(
        [*frames(CALM, 0, 60, skew_ms=100), *frames(CALM, 60, 160, skew_ms=2500)]
        + [*frames(CALM, 160, 300, skew_ms=900)]
    )
    _, said = played(stream)
    [(begins_s, priority), (ends_s, over)] = technical(said, "clock-skew")
    assert (priority, over) == ("LOW", "NONE")
    assert begins_s == pytest.approx(60 + 15 + 30, abs=2)
    assert ends_s == pytest.approx(160 + 15 + 30, abs=2)


def test_one_late_packet_is_no_wrong_clock_and_one_that_is_ahead_is_wrong_too() -> None:
    late = frames(CALM, 0, 100)
    late[300:340] = [replace(e, received_time_ms=e.received_time_ms + 9000) for e in late[300:340]]
    assert technical(played(late)[1], "clock-skew") == []
    ahead = frames(CALM, 100, 200, skew_ms=-60_000)
    assert technical(played(ahead)[1], "clock-skew") == [(130, "LOW")]


def test_a_stream_that_stops_is_told_at_10_s_louder_at_60_and_ends_after_5_good() -> None:
    stream = with_ticks([*frames(CALM, 0, 30), *frames(CALM, 130, 150)])
    _, said = played(stream)
    [low, medium, over] = technical(said, "stalled")
    assert low == (40, "LOW") and medium == (90, "MEDIUM")
    assert over[1] == "NONE" and 135 <= over[0] <= 140


def test_a_bed_whose_stream_never_began_is_stalled_too() -> None:
    _, said = played([event(Tick(), 1000 * second) for second in range(5, 80)])
    assert technical(said, "stalled") == [(15, "LOW"), (65, "MEDIUM")]


def test_a_stream_that_falters_is_not_over_its_stall() -> None:
    pieces = [frames(CALM, 20 + 6 * n, 22 + 6 * n) for n in range(10)]
    stream = with_ticks([*frames(CALM, 0, 5), *(e for piece in pieces for e in piece)])
    assert [p for _, p in technical(played(stream)[1], "stalled")] == ["LOW"]


def test_a_slow_stream_is_no_stalled_one() -> None:
    _, said = played(with_ticks(frames(CALM, 0, 60, hz=1)))
    assert technical(said, "stalled") == []


def test_a_store_that_fails_is_told_at_10_s_louder_at_60_and_ends_after_5_good() -> None:
    live = with_ticks(frames(CALM, 0, 120))
    told = [event(StoreChanged(True), 20_500), event(StoreChanged(False), 100_500)]
    stream = sorted([*live, *told], key=lambda one: one.received_time_ms)
    _, said = played(stream)
    assert technical(said, "store-failing") == [(31, "LOW"), (81, "MEDIUM"), (106, "NONE")]
    assert technical(said, "stalled") == []


def test_a_host_whose_clock_goes_back_counts_anew() -> None:
    live = [event(Tick(), 1000 * second) for second in range(1000, 1008)]
    back = [event(Tick(), 1000 * second) for second in range(100, 115)]
    assert technical(played([*live, *back])[1], "stalled") == [(110, "LOW")]


seconds = st.lists(
    st.tuples(st.sampled_from(["calm", "turned", "none", "gap"]), st.integers(1, 150)), max_size=8
)


def stream_of(parts: list[tuple[str, int]]) -> list[Event]:
    faces: dict[str, Face | None] = {"calm": CALM, "turned": TURNED, "none": None}
    now_s, found = 0, []
    for kind, length_s in parts:
        if kind != "gap":
            found += frames(faces[kind], now_s, now_s + length_s, hz=2)
        now_s += length_s
    return with_ticks(found, now_s)


@settings(deadline=None, max_examples=20)
@given(seconds)
def test_a_priority_rises_while_it_lasts_and_every_end_had_a_beginning(
    parts: list[tuple[str, int]],
) -> None:
    _, said = played(stream_of(parts))
    for rule in ("face-lost", "not-observable", "clock-skew", "stalled"):
        old = 0
        for _, priority in technical(said, rule):
            new = PRIORITIES.index(priority)
            assert new > old if new else old > 0
            old = new
