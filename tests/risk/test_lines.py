"""One log, line by line, that gives back what was written."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.errors import LogError
from mien.risk import signal
from mien.risk.action_units import REGIONS, UNITS
from mien.risk.events import (
    LARGEST,
    POINT_VALUES,
    REGION_COUNT,
    UNIT_COUNT,
    Acknowledged,
    Body,
    Closed,
    Event,
    Face,
    FrameMeasured,
    Notified,
    Nurse,
    Paused,
    RecordChanged,
    RosterSet,
    Tick,
    VitalsGiven,
    WindowClosed,
)
from mien.risk.lines import BODIES, alert_log, as_read, check_face, from_line, to_line
from mien.risk.measured import REGION_VALUES, STEADY_POINTS
from mien.risk.settings import WatchSettings
from tests.risk.plain_record import record

counts = st.integers(0, 10**6)
speeds = st.floats(0, 1e9)
shares = st.floats(0, 1)
units = st.tuples(*[st.floats(0, 5)] * UNIT_COUNT)
RANGES: dict[type, dict[str, st.SearchStrategy[Any]]] = {  # what a line may hold, of these
    WindowClosed: {
        "frames": counts,
        "with_face": counts,
        "in_pose": counts,
        "jitter": st.none() | speeds,
        "action_units": st.none() | units,
        "p": st.none() | st.floats(0, 16),
        "r": st.none() | speeds,
        "negative": st.none() | shares,
        "regions": st.none() | st.tuples(*[st.floats(-1e3, 1e3)] * REGION_COUNT),
    },
    VitalsGiven: {"news2": st.integers(0, 20)},
    Paused: {"duration_ms": counts},
    Closed: {"cpot": st.none() | st.integers(0, 8), "nrs": st.none() | st.integers(0, 10)},
    Face: {
        "yaw_deg": st.floats(-180, 180),
        "pitch_deg": st.floats(-180, 180),
        "roll_deg": st.floats(-180, 180),
        "action_units": units,
        "mouth_opening": st.floats(0, 10),
        "points": st.lists(
            st.floats(-10, 10), min_size=POINT_VALUES, max_size=POINT_VALUES
        ).map(tuple),
        "negative": st.none() | shares,
    },
}  # fmt: skip
st.register_type_strategy(int, st.integers(-LARGEST, LARGEST))  # as databases hold them
for kind, ranges in RANGES.items():
    st.register_type_strategy(kind, st.builds(kind, **ranges))

events = st.one_of([st.from_type(body) for body in BODIES.values()]).flatmap(
    lambda body: st.builds(
        Event,
        patient=st.text(
            st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5
        ),
        seq=st.integers(0, 10**6),
        event_time_ms=st.integers(0, 2**50),
        received_time_ms=st.integers(0, 2**50),
        config_hash=st.text("0123456789abcdef", max_size=16),
        body=st.just(body),
    )
)


def has_nan(value: Any) -> bool:
    return "NaN" in (text := json.dumps(value)) or "Infinity" in text


def leaves(kind: Any) -> Iterator[Any]:
    if get_origin(kind) is not None:
        for argument in get_args(kind):
            yield from leaves(argument)
    else:
        yield kind


@given(events)
def test_an_event_is_read_back_as_it_was_written(event: Event) -> None:
    try:
        line = to_line(event)
    except ValueError as error:
        assert "JSON compliant" in str(error)  # NaN, which no machine may say
        return
    assert from_line(line) == event
    assert to_line(from_line(line)) == line
    assert "\n" not in line


def test_every_body_is_in_the_registry_by_its_name() -> None:
    assert {kind.__name__: kind for kind in BODIES.values()} == BODIES
    for kind in BODIES.values():
        for hint in get_type_hints(kind).values():
            assert not any(leaf in (list, dict, set) for leaf in leaves(hint)), kind


@pytest.mark.parametrize(
    "line",
    [
        "",
        "[]",
        "{",
        '{"kind":"Tick"}',
        to_line(Event("a", 1, 2, 3, "c", Tick())).replace("Tick", "Tock"),
        to_line(Event("a", 1, 2, 3, "c", Tick())).replace('"body":{}', '"body":{"x":1}'),
        to_line(Event("a", 1, 2, 3, "c", Notified("r", "LOW", "raised", "t", True))).replace(
            "LOW", "TOP"
        ),
    ],
)
def test_a_line_that_is_no_event_is_refused_with_its_beginning(line: str) -> None:
    with pytest.raises(LogError, match="not an event of the watch"):
        from_line(line)


def test_a_face_and_a_window_have_as_many_values_as_the_tables_say() -> None:
    assert (len(UNITS), len(REGIONS)) == (UNIT_COUNT, REGION_COUNT)
    assert REGION_VALUES + 2 * len(STEADY_POINTS) == POINT_VALUES


TICK = to_line(Event("a", 1, 2, 3, "c", Tick()))
WINDOW = WindowClosed(10, 10, 10, 0.0, 0, (0.0,) * 6, False, 1.0, 0.1, 0.5, (0.0,) * 14)
WINDOW_LINE = to_line(Event("a", 1, 2, 3, "c", WINDOW))
VITALS_LINE = to_line(Event("a", 1, 2, 3, "c", VitalsGiven(7)))
assert from_line(WINDOW_LINE).body == WINDOW


def put(line: str, **changed: Any) -> str:
    """A line with other values in its header, or its body."""
    told = json.loads(line)
    for name, value in changed.items():
        (told if name in told else told["body"])[name] = value
    return json.dumps(told)


@pytest.mark.parametrize(
    "line",
    [
        put(TICK, event_time_ms="abc"),
        put(TICK, event_time_ms=None),
        put(TICK, event_time_ms=1.5),
        put(TICK, received_time_ms=2**70),
        put(TICK, seq="x"),
        put(TICK, seq=True),
        put(TICK, seq=-1),
        put(TICK, patient=3),
        put(TICK, patient="bed\0"),
        put(TICK, patient="bed\ud800"),
        put(TICK, config_hash=["c"]),
        put(TICK, kind=["Tick"]),
        put(TICK, body=[]),
        put(WINDOW_LINE, p=float("nan")),
        put(WINDOW_LINE, r=float("inf")),
        put(WINDOW_LINE, p=-1.0),
        put(WINDOW_LINE, frames=-5),
        put(WINDOW_LINE, action_units=[1.0, 2.0]),
        put(WINDOW_LINE, regions=[0.0] * 2),
        put(WINDOW_LINE, negative=-3.0),
        WINDOW_LINE.replace('"r":0.1', '"r":1e999'),
        put(VITALS_LINE, news2=10**400),
        put(VITALS_LINE, news2=21),
        put(VITALS_LINE, news2=7.0),
        "[" * 100_000 + "]" * 100_000,
    ],
    ids=lambda line: line[:40],
)
def test_a_line_that_no_machine_could_take_is_refused(line: str) -> None:
    with pytest.raises(LogError, match="not an event of the watch"):
        from_line(line)


@pytest.mark.parametrize(
    "body",
    [
        VitalsGiven(7.0),  # type: ignore[arg-type]
        Paused("Jo", "care", 600_000.0),  # type: ignore[arg-type]
        Paused("Jo", "bathroom", 1000),  # type: ignore[arg-type]
        Acknowledged("k", None),  # type: ignore[arg-type]
        Acknowledged("k", "\ud800"),
        Closed("k", "Jo", "bogus"),  # type: ignore[arg-type]
        RosterSet((Nurse("Jo", "doctor", ()),)),  # type: ignore[arg-type]
        RosterSet((Nurse("Jo", "nurse", (), place_m=float("nan")),)),
        Acknowledged("k", object()),  # type: ignore[arg-type]
    ],
)
def test_what_a_log_could_not_be_read_with_is_refused_beforehand(body: Body) -> None:
    with pytest.raises(LogError):
        as_read(Event("a", 0, 1, 1, "c", body))


def test_what_a_program_tells_in_lists_is_the_event_that_its_line_is_read_as() -> None:
    told = RosterSet([Nurse("Jo", "nurse", ["a"])])  # type: ignore[arg-type]
    wanted = RosterSet((Nurse("Jo", "nurse", ("a",)),))
    assert as_read(Event("", 0, 1, 1, "c", told)).body == wanted


@given(st.from_type(Face), st.data())
def test_a_face_is_taken_if_all_of_it_is_measured_and_not_else(
    face: Face, data: st.DataObject
) -> None:
    check_face(face)
    bad = data.draw(st.sampled_from([float("nan"), float("inf"), float("-inf"), 1e300]))
    name = data.draw(st.sampled_from(["yaw_deg", "mouth_opening", "points", "action_units"]))
    old = getattr(face, name)
    if isinstance(old, tuple):
        at = data.draw(st.integers(0, len(old) - 1))
        new = (*old[:at], bad, *old[at + 1 :])
    else:
        new = bad
    with pytest.raises(ValueError, match="a face"):
        check_face(replace(face, **{name: new}))


@given(st.lists(st.from_type(Face), min_size=1, max_size=10))
def test_the_window_of_any_faces_that_are_taken_can_be_read_again(faces: list[Face]) -> None:
    state, said = signal.initial(), []
    for at, face in enumerate([*faces, None]):
        at_ms = 99 + 2 * at if face else 5000  # pairs 2 ms apart over the edge of a tenth
        frame = Event("a", 0, at_ms, at_ms, "c", FrameMeasured(face))
        state, some = signal.step(state, frame, WatchSettings())
        said += some
    assert any(isinstance(body, WindowClosed) and body.frames for _, body in said)
    for at_ms, body in said:
        as_read(Event("a", 1, at_ms, at_ms, "c", body))


def test_the_alert_log_forgets_when_the_host_heard_and_what_is_no_alert() -> None:
    window = WindowClosed(0, 0, 0, None, None, None, False, None, None, None, None)
    told = Notified("r", "LOW", "raised", "look", False)
    one = [Event("a", 1, 5, 9, "c", window), Event("a", 2, 5, 9, "c", told)]
    later = [Event("a", 1, 5, 77, "c", window), Event("a", 2, 5, 77, "c", told)]
    assert alert_log(one) == alert_log(later)
    assert alert_log(one).count("\n") == 1


def test_what_the_screen_shows_is_condition_and_acknowledgement() -> None:
    assert record().shown == "on"
    assert record(acknowledged_by="ann").shown == "ack"
    assert record(is_present=False).shown == "latched"
    assert record(is_present=False, acknowledged_by="ann").shown == "off"
    assert from_line(to_line(Event("a", 1, 0, 0, "", RecordChanged(record(), "opened"))))
