"""A ward told of whole seconds a bed, for tests of all machines together."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from mien.risk import watch
from mien.risk.action_units import REGIONS, UNITS
from mien.risk.events import WARD, Body, Event, Nurse, RosterSet, Tick, WindowClosed
from mien.risk.settings import (
    AlertSettings,
    AppraisalSettings,
    ConditionSettings,
    SignalSettings,
    WatchConfig,
    WatchSettings,
)
from mien.risk.watch import Watch

LATE_MS = 2000  # a window comes so long after its end
CALM = WindowClosed(
    frames=10,
    with_face=10,
    in_pose=10,
    jitter=0.0,
    skew_ms=50,
    action_units=(0.0,) * len(UNITS),
    mouth_is_speaking=False,
    p=0.0,
    r=0.1,
    negative=0.1,
    regions=(0.0,) * len(REGIONS),
)
NOBODY = replace(
    CALM, with_face=0, in_pose=0, jitter=None, action_units=None, p=None, r=None, negative=None
)
SECONDS: dict[str, WindowClosed | None] = {
    "calm": CALM,
    "some": replace(CALM, p=5.0),
    "much": replace(CALM, p=8.0, negative=0.9),
    "nobody": replace(NOBODY, regions=None),
    "turned": replace(NOBODY, with_face=10, regions=None),
    "silent": None,
}
ROSTER = RosterSet(
    (
        Nurse("ann", "nurse", ("a", "b"), place_m=5.0),
        Nurse("ben", "nurse", ("c",), buddy_of=("ann",), place_m=50.0),
        Nurse("cid", "charge", (), buddy_of=("ben",), place_m=20.0),
    ),
    (("a", 10.0), ("b", 20.0), ("c", 60.0)),
)


def hurried(times: float = 10) -> WatchConfig:
    """A watch whose conditions, records and escalations run so many times faster."""
    settings: dict[str, Any] = {}
    for name, kind in (
        ("signal", SignalSettings),
        ("conditions", ConditionSettings),
        ("alerts", AlertSettings),
    ):
        slow = kind().model_dump()
        fast = {key: value / times for key, value in slow.items() if key.endswith("_s")}
        if name == "signal":  # what looks at single windows stays
            fast = {key: fast[key] for key in fast if "lost" in key or "not_ob" in key}
        settings[name] = kind(**fast)
    return watch.configured(WatchSettings(**settings, appraisal=AppraisalSettings()))


class Ward:
    def __init__(self, config: WatchConfig | None = None, patients: Sequence[str] = "abc") -> None:
        self.config = config or watch.configured()
        self.state: Watch = watch.initial(self.config)
        self.patients = patients
        self.time_ms = 1_000_000
        self.log: list[Event] = []

    def hear(self, body: Body, patient: str = WARD, time_ms: int | None = None) -> list[Event]:
        at_ms = self.time_ms if time_ms is None else time_ms
        event = Event(patient, 0, at_ms, self.time_ms, "", body)
        self.state, logged = watch.advance(self.state, event)
        self.log += logged
        return logged

    def second(self, kinds: dict[str, str] | str = "calm") -> list[Event]:
        """A second of every bed passes, then the host's tick."""
        self.time_ms += 1000
        said = []
        for patient in self.patients:
            kind = kinds if isinstance(kinds, str) else kinds[patient]
            window = SECONDS[kind]
            if window is not None:
                said += self.hear(window, patient, self.time_ms - LATE_MS)
        return said + self.hear(Tick())

    def seconds(self, count: int, kinds: dict[str, str] | str = "calm") -> list[Event]:
        return [event for _ in range(count) for event in self.second(kinds)]


def bodies(kind: type, said: list[Event]) -> list[Any]:
    return [event.body for event in said if isinstance(event.body, kind)]
