"""The small things of a stay, drawn once for all of it: blinks, glances, sentences, bites, places.

Each is found by its time, so that any minute can be made without those before it. A day of them
is about a megabyte.

Shapes: T times, K postures.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mien.recording.synthetic_face import DRIFTS
from mien.recording.synthetic_motion import ramp
from mien.recording.synthetic_stay import EVENTS, Stay
from mien.recording.synthetic_stay_patient import Patient
from mien.recording.synthetic_stay_plan import Layer

_GLANCES_HZ = 0.7
_SPEAKS_S, _LISTENS_S, _PHRASE_SPREAD = 5.0, 3.0, 0.6  # medians, and spread of the logarithm
_BITE_EACH_S = (9.0, 22.0)
_POSE_DEG = (7.0, 5.0, 5.0)  # how a head lies, yaw, pitch, roll: deviation between postures
_MOST_POSE_DEG = 14.0
_POSE_MOVES = (0.06, 0.05, 0.04)  # the face's place, in fractions of the frame, and its size
_POSTURE_DRIFT = 0.2  # of the drift between photographs of one person


@dataclass(frozen=True)
class Track:
    """Stretches of one kind as arrays."""

    start_s: np.ndarray
    end_s: np.ndarray
    strength: np.ndarray

    def course(self, times_s: np.ndarray, *, rise_s: float, fall_s: float) -> np.ndarray:
        """(T,) the strength of what goes on, 0 where nothing does.

        It rises after its start and has fallen at its end, each within a third of its length.
        """
        if not len(self.start_s):
            return np.zeros(len(times_s))
        place = np.maximum(np.searchsorted(self.start_s, times_s, side="right") - 1, 0)
        start, end = self.start_s[place], self.end_s[place]
        third = np.maximum((end - start) / 3, 1e-3)
        risen = ramp((times_s - start) / np.minimum(rise_s, third))
        left = ramp((end - times_s) / np.minimum(fall_s, third))
        return self.strength[place] * risen * left

    @property
    def unit(self) -> Track:
        """The same with strength 1."""
        return replace(self, strength=np.ones(len(self.start_s)))

    def latest(self, times_s: np.ndarray) -> np.ndarray:
        """(T,) the strength of what began last, over or not; of the first before any."""
        if not len(self.start_s):
            return np.zeros(len(times_s))
        place = np.searchsorted(self.start_s, times_s, side="right") - 1
        return self.strength[np.maximum(place, 0)]

    def is_on(self, times_s: np.ndarray) -> np.ndarray:
        """(T,) bool"""
        if not len(self.start_s):
            return np.zeros(len(times_s), bool)
        place = np.searchsorted(self.start_s, times_s, side="right") - 1
        return (place >= 0) & (times_s < self.end_s[np.maximum(place, 0)])


def track(layer: Layer, *kinds: str) -> Track:
    """The stretches of some kinds; all without."""
    some = [one for one in layer if not kinds or one.kind in kinds]
    rows = np.array([(one.start_s, one.end_s, one.strength) for one in some]).reshape(-1, 3)
    return Track(rows[:, 0], rows[:, 1], rows[:, 2])


@dataclass(frozen=True)
class Postures:
    """How the body lies: K + 1 of each, the first before anything moved."""

    moves: Track
    pose_rad: np.ndarray  # (K + 1, 3)
    place: np.ndarray  # (K + 1, 3) x and y of the frame, logarithm of the size
    drift: np.ndarray  # (K + 1, 30)

    def at(self, values: np.ndarray, times_s: np.ndarray) -> np.ndarray:
        """(T, C) of (K + 1, C): the way from one posture to the next while the body moves."""
        start, end = self.moves.start_s, self.moves.end_s
        if not len(start):
            return np.repeat(values[:1], len(times_s), axis=0)
        now = np.searchsorted(start, times_s, side="right")
        last = np.maximum(now - 1, 0)
        gone = ramp((times_s - start[last]) / (end[last] - start[last]))[:, None]
        found: np.ndarray = values[last] * (1 - gone) + values[now] * gone
        return np.where((now == 0)[:, None], values[0], found)


@dataclass(frozen=True)
class Events:
    """All small things of one stay."""

    blink_s: np.ndarray
    blink_pace: np.ndarray
    glance_s: np.ndarray
    gaze: np.ndarray  # one more than glances, to the person's left and down
    sentences: Track
    bites: Track
    chews_hz: float
    postures: Postures


def events(stay: Stay, who: Patient) -> Events:
    """Those of a stay."""
    random = stay.random(EVENTS)
    blink_s = _at_random(random, stay.length_s, who.person.manner.blink_rate_hz)
    glance_s = _at_random(random, stay.length_s, _GLANCES_HZ)
    return Events(
        blink_s=blink_s,
        blink_pace=random.lognormal(0, 0.15, len(blink_s)),
        glance_s=glance_s,
        gaze=random.normal(0, (0.12, 0.08), (len(glance_s) + 1, 2)),
        sentences=_sentences(random, stay),
        bites=_bites(random, stay),
        chews_hz=random.uniform(1.0, 1.6),
        postures=_postures(random, stay, who),
    )


def _at_random(random: np.random.Generator, length_s: float, rate_hz: float) -> np.ndarray:
    return np.sort(random.uniform(0, length_s, random.poisson(rate_hz * length_s)))


def _sentences(random: np.random.Generator, stay: Stay) -> Track:
    """In talk the patient speaks and listens by turns."""
    rows = []
    for talk in (one for one in stay.activities if one.kind == "speech"):
        now_s = talk.start_s + random.uniform(0, 2)
        while now_s < talk.end_s - 1:
            lasts_s = max(_SPEAKS_S * random.lognormal(0, _PHRASE_SPREAD), 0.8)
            rows.append((now_s, min(now_s + lasts_s, talk.end_s)))
            now_s += lasts_s + max(_LISTENS_S * random.lognormal(0, _PHRASE_SPREAD), 0.4)
    return _unit_track(rows)


def _bites(random: np.random.Generator, stay: Stay) -> Track:
    """In a meal, from one mouthful to the next."""
    rows = []
    for meal in (one for one in stay.activities if one.kind == "meal"):
        now_s = meal.start_s + random.uniform(0, 5)
        while now_s < meal.end_s - 4:
            next_s = now_s + random.uniform(*_BITE_EACH_S)
            rows.append((now_s, min(next_s, meal.end_s)))
            now_s = next_s
    return _unit_track(rows)


def _unit_track(rows: list[tuple[float, float]]) -> Track:
    spans = np.array(rows).reshape(-1, 2)
    return Track(spans[:, 0], spans[:, 1], np.ones(len(spans)))


def _postures(random: np.random.Generator, stay: Stay, who: Patient) -> Postures:
    moves = track(stay.postures)
    count = len(moves.start_s) + 1
    reach = np.concatenate([[1.0], moves.strength])[:, None]
    lies_deg = np.clip(
        random.normal(0, _POSE_DEG, (count, 3)) * reach, -_MOST_POSE_DEG, _MOST_POSE_DEG
    )
    camera_deg = (who.yaw_deg, who.pitch_deg, 0.0)
    return Postures(
        moves=moves,
        pose_rad=np.radians(np.clip(lies_deg + camera_deg, -20, 20)),
        place=np.clip(random.normal(0, _POSE_MOVES, (count, 3)), -0.12, 0.12),
        drift=random.normal(0, _POSTURE_DRIFT, (count, DRIFTS)),
    )
