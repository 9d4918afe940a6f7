"""What one patient's watch was worth: episodes found and missed, false alarms, lost faces told.

All is counted by the script, which knows what happened, and by what the watch said.

Shapes: N seconds of a stay, each by its end.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from mien.evaluation.alarm_bed import Change, Seen, onsets
from mien.evaluation.metrics import Record
from mien.recording.synthetic_stay import Stay
from mien.recording.synthetic_stay_plan import Stretch
from mien.risk.events import PATIENT_RULES, TECHNICAL_RULES
from mien.risk.settings import WatchSettings

STRONG_P, WEAK_P = 6.0, 4.0  # of an episode: from here a Concern is asked for; a Sustained
SHORTEST_S = 45.0
CREDITED_S = 15.0  # after its end an episode may still be told of
GOOD_SHARE = 0.9  # of an episode's seconds that must be scored: else it was not well seen
LATE_S = WatchSettings().signal.lateness_s  # a second is told when the newest frame is so much on
FACE_LOST_S, FACE_LOST_MEDIUM_S, STALLED_S = 30.0, 120.0, 10.0

Changes = Mapping[str, Sequence[Change]]  # variant of the rules -> what it said


class Episode(Record):
    """One scripted distress. Times to alarms are from its onset to being told; None: not told."""

    patient: str
    source: str
    start_s: float
    length_s: float
    strength: float  # P
    seen_share: float  # of its seconds that were scored
    was_on: bool  # an alarm of the whole watch was there before it
    medium_s: dict[str, float | None]  # variant -> s
    low_s: dict[str, float | None]  # LOW or more

    @property
    def is_strong(self) -> bool:
        return self.strength >= STRONG_P

    def found_s(self, variant: str) -> float | None:
        """When it was told of as its strength asks for."""
        return (self.medium_s if self.is_strong else self.low_s)[variant]


class LostFace(Record):
    """Nobody before the camera, or no frames, for so long; which technical alarms were there."""

    kind: str  # "away" or "lost"
    length_s: float
    is_told: bool  # at 30 s without a face; at 10 s without frames
    is_medium: bool | None  # at 120 s; None: it was shorter


class Watched(Record):
    """What is counted of one patient."""

    patient: str
    source: str
    purpose: str
    start_hour: float
    length_s: float
    good_s: int  # by the script nothing is in the way
    good_scored_s: int
    scored_s: int
    mediums: dict[str, int]  # variant -> onsets of Concern
    lows: int  # of Sustained, of the whole watch
    told_mediums: int  # notifications of patient's MEDIUM or more
    told_technical: int
    bare_alarms: int
    lost: list[LostFace]
    opened: int  # patient's records
    opened_without_face: int  # in a second without a face in any frame
    episodes: list[Episode]


def watched(
    stay: Stay, seen: Seen, changes: Changes, *, source: str, purpose: str, bare: int
) -> Watched:
    """One patient's counts. changes: what each variant said; the whole watch is the first."""
    good = good_seconds(stay)
    return Watched(
        patient=stay.patient,
        source=source,
        purpose=purpose,
        start_hour=stay.start_hour,
        length_s=stay.length_s,
        good_s=int(good.sum()),
        good_scored_s=int((good & seen.is_scored).sum()),
        scored_s=int(seen.is_scored.sum()),
        mediums={name: len(onsets(said, "concern")) for name, said in changes.items()},
        lows=len(onsets(next(iter(changes.values())), "sustained")),
        told_mediums=sum(
            rule in PATIENT_RULES and priority in ("MEDIUM", "HIGH")
            for _, rule, priority in seen.told
        ),
        told_technical=sum(rule in TECHNICAL_RULES for _, rule, _ in seen.told),
        bare_alarms=bare,
        lost=lost_faces(stay, seen),
        opened=len(seen.opened),
        opened_without_face=sum(not one.has_face for one in seen.opened),
        episodes=episodes(stay, seen, changes, source=source),
    )


def good_seconds(stay: Stay) -> np.ndarray:
    """(N,) bool, whether the script puts nothing between face and camera for the whole second."""
    good = np.ones(int(stay.length_s), bool)
    for view in stay.views:
        good[int(view.start_s) : math.ceil(view.end_s)] = False
    return good


# --- Episodes ----------------------------------------------------------------


def episodes(stay: Stay, seen: Seen, changes: Changes, *, source: str) -> list[Episode]:
    """Those of 45 s or longer, seen well or not."""
    return [
        _episode(stay, one, seen, changes, source)
        for one in stay.distress
        if one.length_s >= SHORTEST_S
    ]


def _episode(stay: Stay, one: Stretch, seen: Seen, changes: Changes, source: str) -> Episode:
    first = next(iter(changes.values()))
    inside = slice(int(one.start_s), math.ceil(one.end_s))
    return Episode(
        patient=stay.patient,
        source=source,
        start_s=round(one.start_s, 3),
        length_s=round(one.length_s, 3),
        strength=round(one.strength, 3),
        seen_share=float(seen.is_scored[inside].mean()),
        was_on=any(is_present(first, rule, one.start_s) for rule in ("concern", "sustained")),
        medium_s={name: found_after_s(one, said, ("concern",)) for name, said in changes.items()},
        low_s={
            name: found_after_s(one, said, ("concern", "sustained"))
            for name, said in changes.items()
        },
    )


def found_after_s(one: Stretch, changes: Sequence[Change], rules: Sequence[str]) -> float | None:
    """Seconds from an episode's onset until one of some conditions is told; None if too late.

    Only a condition that begins meanwhile counts: one that was there before knows nothing of it.
    """
    began = [at_s for rule in rules for at_s in _within(one, onsets(changes, rule))]
    return round(min(began) + LATE_S - one.start_s, 3) if began else None


def _within(one: Stretch, times_s: Sequence[float]) -> list[float]:
    """Those that are told between its onset and 15 s after its end."""
    return [t for t in times_s if one.start_s <= t and t + LATE_S <= one.end_s + CREDITED_S]


def is_present(changes: Sequence[Change], rule: str, at_s: float) -> bool:
    """Whether a condition is present at a time."""
    before = [one for one in changes if one.rule == rule and one.at_s <= at_s]
    return before[-1].is_present if before else False


# --- Faces that are not there ------------------------------------------------


def lost_faces(stay: Stay, seen: Seen) -> list[LostFace]:
    """Every scripted time without a face of 30 s or more, or without frames of 10 s or more."""
    found = []
    for one in stay.views:
        rule, least_s = {"away": ("face-lost", FACE_LOST_S), "lost": ("stalled", STALLED_S)}.get(
            one.kind, ("", math.inf)
        )
        if one.length_s < least_s + 2:  # a second begins and ends whole
            continue
        due_s = math.ceil(one.start_s) + least_s + (LATE_S if one.kind == "lost" else 0.0)
        medium_due_s = math.ceil(one.start_s) + FACE_LOST_MEDIUM_S
        is_long = one.kind == "away" and one.length_s >= FACE_LOST_MEDIUM_S + 2
        found.append(
            LostFace(
                kind=one.kind,
                length_s=round(one.length_s, 3),
                is_told=is_present(seen.technical, rule, due_s),
                is_medium=_is_medium(seen.technical, medium_due_s) if is_long else None,
            )
        )
    return found


def _is_medium(changes: Sequence[Change], at_s: float) -> bool:
    before = [one for one in changes if one.rule == "face-lost" and one.at_s <= at_s]
    return bool(before) and before[-1].is_present and before[-1].priority == "MEDIUM"
