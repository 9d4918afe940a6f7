"""Events as lines of the log, and back: what is read is what every machine can take.

A line is canonical JSON: keys sorted, no spaces, no NaN. A machine's own values are not checked
while it speaks; what comes in is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from math import isfinite
from typing import Any

from pydantic import TypeAdapter, ValidationError

from mien.errors import LogError
from mien.risk.events import (
    FAR,
    LARGEST,
    LATEST_MS,
    POINT_VALUES,
    UNIT_COUNT,
    Awarded,
    Body,
    ConditionChanged,
    EscalationEnded,
    Event,
    Face,
    FrameMeasured,
    Gathered,
    LevelChanged,
    Notified,
    RecordChanged,
    SignalChanged,
    TechnicalChanged,
)

PATIENT_MOST = 256  # bytes of a patient's key: an index of a store holds some 2,700
_PLAIN = {float, int}
_HEADER = ("patient", "seq", "event_time_ms", "received_time_ms", "config_hash")
_OF_ALERTS = (
    SignalChanged | TechnicalChanged | ConditionChanged | LevelChanged | RecordChanged | Notified
    | Gathered | Awarded | EscalationEnded
)  # fmt: skip
BODIES: dict[str, Any] = {kind.__name__: kind for kind in Body.__args__}
_READERS: dict[str, TypeAdapter[Any]] = {name: TypeAdapter(kind) for name, kind in BODIES.items()}


def _fields(told: Any) -> dict[str, Any]:
    """A dataclass of events as an object: a third of the time of dataclasses.asdict."""
    try:
        return {name: getattr(told, name) for name in told.__slots__}
    except AttributeError:
        raise TypeError(f"no event has a {type(told).__name__} in it") from None


_ENCODER = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_fields
)


def canonical_json(value: Any) -> str:
    """One line that is the same for the same value: keys sorted, no spaces, no NaN.

    value: JSON values and events' dataclasses.
    """
    return _ENCODER.encode(value)


def to_line(event: Event) -> str:
    """An event as one line of canonical JSON.

    >>> from mien.risk.events import WARD, Tick
    >>> to_line(Event(WARD, 1, 5000, 5000, "ab", Tick()))
    '{"body":{},"config_hash":"ab","event_time_ms":5000,"kind":"Tick","patient":"",\
"received_time_ms":5000,"seq":1}'
    """
    header = {name: getattr(event, name) for name in _HEADER}
    kind = type(event.body).__name__
    return canonical_json(header | {"kind": kind, "body": event.body})


def from_line(line: str) -> Event:
    """The event of such a line. Raises LogError for a line that is none."""
    try:
        told = json.loads(line, parse_int=_whole, parse_constant=_no_number)
        given = json.dumps(told["body"], allow_nan=False)  # 1e999 is infinity
        body = _READERS[told["kind"]].validate_json(given, strict=True)
        event = Event(**{name: told[name] for name in _HEADER}, body=body)
        _check_header(event)
        if isinstance(body, FrameMeasured):
            check_face(body.face)
        if set(told) - {*_HEADER, "kind", "body"} or set(told["body"]) - set(body.__slots__):
            raise ValueError("it has more in it")
        return event
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise LogError(f"not an event of the watch: {line[:80]!r} ({_first_line(error)})") from None


def as_read(event: Event) -> Event:
    """An event that comes in, as its line is read again.

    Raises LogError for one that no line can hold, or that is of no time.
    """
    try:
        check_header(event.patient, event.event_time_ms, event.received_time_ms)
        line = to_line(event)
    except (ValueError, TypeError, RecursionError) as error:
        raise LogError(
            f"a {type(event.body).__name__} that cannot be written: {_first_line(error)}"
        ) from None
    return from_line(line)


def check_header(patient: str, *times_ms: int, most_ms: int = LATEST_MS) -> None:
    """Whose and when, of an event or a frame that comes in. Raises ValueError."""
    if type(patient) is not str or "\0" in patient:
        raise ValueError("a patient's key is a text without NUL")
    if len(patient.encode()) > PATIENT_MOST:  # half a character is none
        raise ValueError(f"a patient's key is {PATIENT_MOST} bytes at most")
    for time_ms in times_ms:
        if type(time_ms) is not int or not -most_ms <= time_ms <= most_ms:
            raise ValueError(
                f"a time is whole milliseconds, {most_ms} at most, got {time_ms!r:.40}"
            )


def check_face(face: Face | None) -> None:
    """Cheaply, for it is done with every frame. Raises ValueError or TypeError.

    What would make windows without end, or ones that the log cannot be read with.
    """
    if face is None:
        return
    if len(face.action_units) != UNIT_COUNT or len(face.points) != POINT_VALUES:
        raise ValueError(
            f"a face has {UNIT_COUNT} action units and {POINT_VALUES} values of points, "
            f"got {len(face.action_units)} and {len(face.points)}"
        )
    units, points = face.action_units, face.points
    alone = (face.yaw_deg, face.pitch_deg, face.roll_deg, face.mouth_opening, face.negative or 0.0)
    if not isfinite(sum(points) + sum(units) + sum(alone)):  # NaN and infinity stay in a sum
        raise ValueError("a face with a number that is none, or without end")
    kinds = {*map(type, points), *map(type, units), *map(type, alone)}
    if not kinds <= _PLAIN and not all(issubclass(kind, (float, int)) for kind in kinds):
        raise TypeError("a face's numbers are Python's own: a float32 cannot be written")
    if min(min(points), *alone) < -FAR or max(max(points), *alone) > FAR:
        raise ValueError(f"a face with an angle or a point beyond {FAR:g}")
    if min(units) < 0 or max(units) > 5 or not 0 <= alone[-1] <= 1:
        raise ValueError("a face with an action unit outside 0-5, or negative outside 0-1")


def _check_header(event: Event) -> None:
    check_header(event.patient, event.event_time_ms, event.received_time_ms, most_ms=LARGEST)
    if type(event.seq) is not int or not 0 <= event.seq <= LARGEST:
        raise ValueError("seq is a whole number from 0")
    if type(event.config_hash) is not str:
        raise ValueError("config_hash is a text")
    event.config_hash.encode()


def _whole(digits: str) -> int:
    number = int(digits)
    if not -LARGEST <= number <= LARGEST:
        raise ValueError("a whole number beyond 2^63")
    return number


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")


def alert_log(events: Iterable[Event]) -> str:
    """What people were told and why, without when the host heard of it: the same for every replay.

    One line a transition of conditions, records, notifications, levels and awards.
    """
    lines = []
    for event in events:
        if isinstance(event.body, _OF_ALERTS):
            lines.append(to_line(replace(event, received_time_ms=0)))
    return "".join(f"{line}\n" for line in lines)


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return str(error).partition("\n")[0]
