"""One patient whose scores are said directly, for tests of the conditions."""

import itertools
from typing import Any

from mien.risk import conditions
from mien.risk.conditions import condition
from mien.risk.events import (
    Event,
    SignalChanged,
    Tick,
)
from tests.risk.beds import CONFIG, scored


class Patient:
    """Drives one patient's conditions, a score a second."""

    def __init__(self) -> None:
        self.state = conditions.initial()
        self.time_ms = 0
        self.seq = itertools.count(1)
        self.hear(SignalChanged("LIVE"))

    def hear(self, body: Any, time_ms: int | None = None) -> list[Any]:
        at_ms = self.time_ms if time_ms is None else time_ms
        event = Event("a", next(self.seq), at_ms, at_ms, "", body)
        self.state, said = conditions.step(self.state, event, CONFIG.settings)
        return [body for _, body in said]

    def score(self, score: int | None, seconds: int = 1, *, single_3: bool = False) -> list[Any]:
        said = []
        for _ in range(seconds):
            self.time_ms += 1000
            said += self.hear(scored(score, single_3=single_3))
        return said

    def tick(self, seconds: int = 1) -> list[Any]:
        said = []
        for _ in range(seconds):
            self.time_ms += 1000
            said += self.hear(Tick())
        return said

    def has(self, rule: str) -> bool:
        return condition(self.state, rule).is_present
