"""Streams of frames for the Signal machine, and what it says to them."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from mien.risk.action_units import REGIONS, UNITS
from mien.risk.events import (
    Body,
    Event,
    Face,
    FrameMeasured,
    Said,
    SignalChanged,
    TechnicalChanged,
    Tick,
    WindowClosed,
)
from mien.risk.measured import STEADY_POINTS
from mien.risk.settings import WatchSettings
from mien.risk.signal import SignalState, initial, step

SETTINGS = WatchSettings()
CALM = Face(
    0.0, 0.0, 0.0, (0.0,) * len(UNITS), 0.0, (0.0,) * 2 * (len(REGIONS) + len(STEADY_POINTS))
)
TURNED = Face(60.0, 0.0, 0.0, CALM.action_units, 0.0, CALM.points)
Kind = TypeVar("Kind")


def event(body: Body, at_ms: int, received_ms: int | None = None) -> Event:
    return Event("bed-1", 0, at_ms, at_ms if received_ms is None else received_ms, "c", body)


def frame(at_ms: int, face: Face | None = CALM, received_ms: int | None = None) -> Event:
    return event(FrameMeasured(face), at_ms, received_ms)


def frames(
    face: Face | None, begin_s: float, end_s: float, *, hz: float = 10, skew_ms: int = 0
) -> list[Event]:
    """The same face from begin to end."""
    count = round((end_s - begin_s) * hz)
    times = [round(1000 * (begin_s + index / hz)) for index in range(count)]
    return [frame(at_ms, face, at_ms + skew_ms) for at_ms in times]


def with_ticks(some: Iterable[Event], end_s: int | None = None) -> list[Event]:
    """A tick each second of the host, as frames are received."""
    found: list[Event] = []
    second = 0
    for one in some:
        while (second + 1) * 1000 <= one.received_time_ms:
            second += 1
            found.append(event(Tick(), second * 1000))
        found.append(one)
    for last in range(second + 1, 1 + (end_s or second)):
        found.append(event(Tick(), last * 1000))
    return found


def played(
    events: Iterable[Event],
    state: SignalState | None = None,
    settings: WatchSettings = SETTINGS,
) -> tuple[SignalState, list[Said]]:
    state, said = state or initial(), []
    for one in events:
        state, more = step(state, one, settings)
        said += more
    return state, said


def of_kind(said: Sequence[Said], kind: type[Kind]) -> list[tuple[int, Kind]]:
    return [(at_ms, body) for at_ms, body in said if isinstance(body, kind)]


def windows(said: Sequence[Said]) -> list[tuple[int, WindowClosed]]:
    return of_kind(said, WindowClosed)


def signals(said: Sequence[Said]) -> list[tuple[float, str, bool]]:
    """(s, signal, is it greyed) of each change."""
    return [(at / 1000, b.signal, b.is_greyed) for at, b in of_kind(said, SignalChanged)]


def technical(said: Sequence[Said], rule: str) -> list[tuple[float, str]]:
    """(s, priority) of each change of a condition; NONE: it ended."""
    return [
        (at / 1000, body.priority)
        for at, body in of_kind(said, TechnicalChanged)
        if body.rule == rule
    ]
