"""Whether a log is whole: its numbers follow one another, and it says what its replay says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from mien.errors import LogError
from mien.risk.events import WARD, Event


@dataclass
class LogCheck:
    """A log as it is read again, against its own numbers and against what the replay says.

    What repeats or goes back cannot be replayed; what is missing or differs is told once, since
    all that follows may differ too. Nothing is compared with a log that other settings made.
    """

    path: Path
    on_note: Callable[[str], None]
    is_compared: bool = True
    _last: dict[str, int] = field(default_factory=dict)  # seq, by patient
    _mine: dict[tuple[str, int], Event] = field(default_factory=dict)  # said, and not yet read
    _is_told: bool = False

    def read(self, line: int, event: Event) -> None:
        """The next event of the log, in its order. Raises LogError."""
        last = self._last.get(event.patient, 0)
        if event.seq <= last:
            raise LogError(
                f"{self.path} line {line}: seq {event.seq} {_whose(event)} comes after {last}: the "
                "log repeats or goes back. Give one replay's log, once and as it was written"
            )
        if event.seq > last + 1:
            missing = event.seq - last - 1
            self._tell(
                f"{self.path} line {line}: seq {last + 1} {_whose(event)} is missing, {missing} "
                f"event{'s' if missing > 1 else ''} in all: lines were taken out"
            )
        self._last[event.patient] = event.seq

    def said(self, events: list[Event]) -> None:
        """What the replay said to it."""
        if self.is_compared and not self._is_told:
            self._mine |= {(event.patient, event.seq): event for event in events}

    def compare(self, line: int, event: Event) -> None:
        """The log's event against the replay's of the same number."""
        if not self.is_compared or self._is_told:
            return
        mine = self._mine.pop((event.patient, event.seq), None)
        if mine is None or (mine.event_time_ms, mine.body) != (event.event_time_ms, event.body):
            self._tell(
                f"{self.path} line {line}: the log has {_named(event)} {_whose(event)} where this "
                f"replay says {'nothing' if mine is None else _other(mine, event)}: the log was "
                "changed, or another version of mien made it"
            )

    def end(self) -> None:
        """The log is over."""
        if self.is_compared and self._mine and not self._is_told:
            self._tell(f"{self.path} ends before all that follows from its last second")

    def _tell(self, text: str) -> None:
        if not self._is_told:
            self.on_note(f"{text}. Alerts may differ from those recorded")
        self._is_told = True


def _whose(event: Event) -> str:
    return "of the ward" if event.patient == WARD else f"of {event.patient!r}"


def _named(event: Event) -> str:
    return f"{type(event.body).__name__} {event.seq}"


def _other(mine: Event, event: Event) -> str:
    return "another" if type(mine.body) is type(event.body) else f"a {type(mine.body).__name__}"
