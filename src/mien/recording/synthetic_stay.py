"""A stay: hours or days of one patient who does not exist, as a script with a known answer.

The script says what the patient does, shows and how the camera sees it, each over a stretch of
the stream's own clock. synthetic_stay_frames makes landmarks of it, frame by frame;
evaluation/stay_windows makes the watch's 1 s windows of the same script, a thousand times faster.

Everything follows from the seed and the patient's number: more hours leave the face as it was.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from mien.errors import InputError
from mien.recording.synthetic_stay_arrival import IN_ORDER, Arrival
from mien.recording.synthetic_stay_plan import (
    HOUR_S,
    Layer,
    Stretch,
    activities,
    cleared,
    episodes,
    grimaces,
    merged,
    painted,
    postures,
    smiles,
    views,
)

GENERATOR = "mien-stay 1"  # raised when the same script would give other points
ACTIVITIES = ("rest", "sleep", "speech", "meal")
EXPRESSIONS = ("smile", "grimace", "distress")
VIEWS = ("dim", "occluded", "turned", "away", "lost")  # what is not named is clear
FIRST_EPISODE_S = 2700.0  # the half hour of learning, usable or not, is then over for most
MOST_HOURS = 24 * 31
_WAKES_S = 30.0  # before distress, and lies awake after it
# Streams of random numbers: each thing has its own, so that none moves another.
SCRIPT, PATIENT, EVENTS, FRAMES, ARRIVALS, WINDOWS = range(6)
# Intensity of a grimace -> the P that the watch measures, in the mean of 24 patients; some reach
# no more than 7. evaluation/stay_calibration finds the intensities for a patient's own face.
P_CURVE: tuple[tuple[float, float], ...] = (
    (0.0, 0.2), (0.25, 0.8), (0.5, 2.0), (0.75, 4.1), (1.0, 7.2), (1.25, 9.1), (1.5, 9.8),
    (2.0, 10.2),
)  # fmt: skip


@dataclass(frozen=True)
class Stay:
    """The script. Layers are tuples of stretches in their order, none over another."""

    seed: int
    number: int  # of the patient
    hours: float
    start_hour: float  # of the wall's clock, when the stream's is 0
    activities: Layer  # without a gap: see ACTIVITIES
    expressions: Layer  # see EXPRESSIONS; strength is P, of a smile 1 is broad
    postures: Layer  # the body is laid anew
    views: Layer  # see VIEWS; the strengths are synthetic_stay_plan's
    arrival: Arrival = IN_ORDER
    intensities: tuple[float, ...] | None = None  # of each grimace and distress; None: P_CURVE's

    @property
    def patient(self) -> str:
        return f"P{self.number:04d}"

    @property
    def length_s(self) -> float:
        return self.hours * HOUR_S

    @property
    def distress(self) -> Layer:
        """The episodes that are to be found."""
        return tuple(one for one in self.expressions if one.kind == "distress")

    @property
    def grimaces(self) -> Layer:
        """Distress and brief grimaces."""
        return tuple(one for one in self.expressions if one.kind in ("distress", "grimace"))

    def random(self, stream: int, *more: int) -> np.random.Generator:
        """This patient's generator for one purpose."""
        return np.random.default_rng([self.seed, self.number, stream, *more])


def script(
    seed: int,
    hours: float,
    *,
    patient: int = 1,
    start_hour: float = 8.0,
    episodes_per_hour: float = 0.5,
    grimaces_per_hour: float = 2.0,
    strong_share: float = 0.5,
    first_episode_s: float = FIRST_EPISODE_S,
    arrival: Arrival = IN_ORDER,
) -> Stay:
    """What happens to one patient: sleep, talk, meals, smiles, grimaces, distress, views.

    episodes_per_hour: of distress, 45 s or longer; 0 is an event-free stay, in which brief
    grimaces go on. strong_share: of P 7 to 10, the others of 4.7 to 5.3. first_episode_s: none
    before, so that a baseline can be learnt.
    Raises InputError when it cannot be.

    >>> stay = script(1, 8)
    >>> stay.patient, stay.activities[0].kind, len(stay.distress)
    ('P0001', 'rest', 5)
    """
    _check(seed=seed, patient=patient, start_hour=start_hour)
    _check(episodes_per_hour=episodes_per_hour, grimaces_per_hour=grimaces_per_hour)
    if not 0 < hours <= MOST_HOURS:
        raise InputError(f"hours must be above 0 and at most {MOST_HOURS}, got {hours}")
    length_s = hours * HOUR_S
    random = np.random.default_rng([seed, patient, SCRIPT])
    doing = activities(random, length_s=length_s, start_hour=start_hour)
    distress = episodes(
        random,
        length_s=length_s,
        first_s=first_episode_s,
        per_hour=episodes_per_hour,
        strong_share=strong_share,
    )
    for episode in distress:
        awake_s = max(episode.start_s - _WAKES_S, 0.0), min(episode.end_s + _WAKES_S, length_s)
        doing = painted(doing, Stretch("rest", *awake_s))
    moved = postures(random, doing)
    seen = views(random, doing, moved)
    shown = merged(distress, grimaces(random, doing, per_hour=grimaces_per_hour), apart_s=60)
    shown = merged(shown, smiles(random, doing), apart_s=10)
    for episode in distress:
        moved = tuple(one for one in moved if not _overlap(one, episode))
        seen = cleared(seen, episode)
    return Stay(seed, patient, hours, start_hour, doing, shown, moved, seen, arrival)


def usual_intensity(p: np.ndarray) -> np.ndarray:
    """How far a grimace goes that is to measure P, of a usual face; 1 is strong."""
    levels, curve = np.array(P_CURVE).T
    return np.interp(p, curve, levels)


def truth(stay: Stay) -> Iterator[dict[str, Any]]:
    """All that is scripted, by onset: one row each.

    patient, layer, kind, onset_s and end_s on the stream's clock, strength, and is_event: whether
    a watch should raise for it.
    """
    rows = []
    for layer in ("activities", "expressions", "postures", "views"):
        for one in getattr(stay, layer):
            told = asdict(one)
            rows.append(
                {
                    "patient": stay.patient,
                    "layer": layer,
                    "kind": told["kind"],
                    "onset_s": round(told["start_s"], 3),
                    "end_s": round(told["end_s"], 3),
                    "strength": round(told["strength"], 4),
                    "is_event": told["kind"] == "distress",
                }
            )
    yield from sorted(rows, key=lambda row: (row["onset_s"], row["layer"]))


def event_free(stay: Stay) -> Stay:
    """The same stay without its distress."""
    kept = tuple(one for one in stay.expressions if one.kind != "distress")
    return replace(stay, expressions=kept, intensities=None)


def _overlap(one: Stretch, other: Stretch) -> bool:
    return one.start_s < other.end_s and other.start_s < one.end_s


def _check(**least_zero: float) -> None:
    for name, value in least_zero.items():
        if not 0 <= value < math.inf:
            raise InputError(f"{name} must be 0 or more, got {value}")
