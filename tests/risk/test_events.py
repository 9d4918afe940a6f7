"""One log, line by line, that gives back what was written."""

import json
from collections.abc import Iterator
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.errors import LogError
from mien.risk.events import (
    BODIES,
    Event,
    Notified,
    Record,
    RecordChanged,
    Tick,
    WindowClosed,
    alert_log,
    from_line,
    to_line,
)

events = st.one_of([st.from_type(body) for body in BODIES.values()]).flatmap(
    lambda body: st.builds(
        Event,
        patient=st.text(max_size=5),
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


def test_the_alert_log_forgets_when_the_host_heard_and_what_is_no_alert() -> None:
    window = WindowClosed(0, 0, 0, None, None, None, False, None, None, None, None)
    told = Notified("r", "LOW", "raised", "look", False)
    one = [Event("a", 1, 5, 9, "c", window), Event("a", 2, 5, 9, "c", told)]
    later = [Event("a", 1, 5, 77, "c", window), Event("a", 2, 5, 77, "c", told)]
    assert alert_log(one) == alert_log(later)
    assert alert_log(one).count("\n") == 1


def record(**changed: Any) -> Record:
    plain: dict[str, Any] = {
        "key": "a/concern/1",
        "patient": "a",
        "rule": "concern",
        "priority": "MEDIUM",
        "onset_ms": 0,
        "is_present": True,
        "is_observed": True,
        "acknowledged_by": None,
        "acknowledged_ms": None,
        "cleared_ms": None,
        "is_closed": False,
        "outcome": None,
        "closed_by": None,
        "cpot": None,
        "nrs": None,
        "reopened": 0,
        "score": 5,
        "evidence": None,
    }
    return Record(**(plain | changed))


def test_what_the_screen_shows_is_condition_and_acknowledgement() -> None:
    assert record().shown == "on"
    assert record(acknowledged_by="ann").shown == "ack"
    assert record(is_present=False).shown == "latched"
    assert record(is_present=False, acknowledged_by="ann").shown == "off"
    assert from_line(to_line(Event("a", 1, 0, 0, "", RecordChanged(record(), "opened"))))
