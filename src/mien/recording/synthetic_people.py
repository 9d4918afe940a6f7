"""Somebody who is nobody, and what such a face does over time, before any camera.

A Performance is all that happens in a face's own coordinates over some times. Clips are made of
one each; a stream of any length can be made of many.

Shapes: T frames, P = 478 points, B = 52 blendshapes, U rows of an apex: see synthetic_manner.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mien.recording.synthetic_face import DRIFTS, lid_opening, rest_face
from mien.recording.synthetic_manner import MOTION_PAIR, Manner, apex, manner
from mien.recording.synthetic_motion import (
    blinks,
    course,
    glances,
    looking,
    speech,
    wander,
    with_lids,
)

# Emotion -> how long its onset usually takes, s: a startle is fast, sadness slow.
_RISE_S = {"Surprise": 0.3, "Fear": 0.35, "Happy": 0.5, "Sad": 0.8}
_USUAL_RISE_S = 0.5
_FALLS_SLOWER = 1.4  # than it rose
_UNITS_LAG_S = 0.08  # brows and mouth do not move as one
_RESTLESS, _RESTLESS_S = 0.15, 0.25  # of what is shown; memory
# Deviations within the six packaged clips, of yaw, pitch and roll, and their memory.
_HEAD_MOVES_RAD = np.radians([0.8, 3.0, 0.55])
_HEAD_MEMORY_S = 0.22
_BURSTS, _BURST_S = 0.8, 0.3  # heads mostly keep still, then move: deviation of the logarithm
# Of the drift between photographs of one person: what a person's recordings share, what a clip
# adds and what comes and goes within it. The six clips differ by half a photograph's drift.
_PERSON_DRIFT, _CLIP_DRIFT, _SLOW_DRIFT, _SLOW_S = 0.5, 0.4, 0.25, 0.8


@dataclass(frozen=True)
class Person:
    """A face, a manner, and where this person sits."""

    rest: np.ndarray  # (P, 3)
    manner: Manner
    drift: np.ndarray  # (30,)
    place: np.ndarray  # (2,) the face's middle, fractions of the frame
    size: float  # 1 is usual


@dataclass(frozen=True)
class Performance:
    """What one face does over T frames."""

    blendshapes: np.ndarray  # (T, 52) beside those at rest
    pose_rad: np.ndarray  # (T, 3) yaw, pitch, roll
    drift: np.ndarray  # (T, 30)
    stir: np.ndarray  # (T,) how much the head moves just now; its mean square is 1


def somebody(random: np.random.Generator) -> Person:
    """A person who is nobody."""
    return Person(
        rest=rest_face(random),
        manner=manner(random),
        drift=random.normal(0, _PERSON_DRIFT, DRIFTS),
        place=random.normal((0.48, 0.46), 0.03),
        size=random.lognormal(0, 0.08),
    )


def perform(
    random: np.random.Generator,
    who: Person,
    *,
    emotion: str,
    intensity: float,
    times_s: np.ndarray,
    turn_rad: float,
) -> Performance:
    """A person who speaks and shows an emotion, which may have begun before and may outlast it.

    intensity: 1 is in full. turn_rad: the deviation of how far people sit turned aside.
    """
    way = apex(random, who.manner.shown[emotion])
    length_s = times_s[-1] - times_s[0]
    lag_s = random.normal(0, _UNITS_LAG_S, len(way))
    rise_s = _RISE_S.get(emotion, _USUAL_RISE_S) * random.lognormal(0, 0.4)
    shown = course(
        times_s,
        onset_s=times_s[0] + length_s * random.uniform(-0.15, 0.3) + lag_s,
        rise_s=rise_s * random.lognormal(0, 0.2, len(way)),
        offset_s=times_s[0] + length_s * random.uniform(0.5, 1.1) + lag_s,
        fall_s=_FALLS_SLOWER * rise_s * random.lognormal(0, 0.2, len(way)),
    )
    return _performed(random, who, way, intensity * shown, times_s, turn_rad)


def perform_pair(
    random: np.random.Generator,
    who: Person,
    *,
    is_neutral: bool,
    times_s: np.ndarray,
    turn_rad: float,
) -> Performance:
    """A face that lights up at once and fades slowly, in the person's ways of both emotions.

    Played backwards it grows slowly and ends at once: the pair's other emotion. Its single
    frames are the same.
    """
    way = apex(random, np.concatenate([who.manner.shown[emotion] for emotion in MOTION_PAIR]))
    least, most = np.array([0.06, 0.06, 0.0, 0.4]), np.array([0.3, 0.11, 0.08, 0.55])
    length_s = times_s[-1] - times_s[0]
    onset_s, rise_s, stay_s, fall_s = max(length_s, 0.1) * random.uniform(least, most)
    shown = course(
        times_s,
        onset_s=times_s[0] + np.full(len(way), onset_s),
        rise_s=np.full(len(way), rise_s),
        offset_s=times_s[0] + np.full(len(way), onset_s + rise_s + stay_s),
        fall_s=np.full(len(way), fall_s),
    )
    strength = 0.0 if is_neutral else random.uniform(0.5, 0.9)
    return _performed(random, who, way, strength * shown, times_s, turn_rad)


def _performed(
    random: np.random.Generator,
    who: Person,
    way: np.ndarray,
    shown: np.ndarray,
    times_s: np.ndarray,
    turn_rad: float,
) -> Performance:
    """An expression that is not held quite still, with all that goes on beside it.

    way: (U, B). shown: (T, U) how much of it.
    """
    frames, fps = len(times_s), _rate(times_s)
    restless = wander(random, frames, memory_frames=np.full(len(way), _RESTLESS_S * fps))
    moved = who.manner.expressiveness * (shown * (1 + _RESTLESS * restless)) @ way
    moved += who.manner.speech * _sentence(random, times_s)
    moved += looking(glances(random, times_s))
    shut = blinks(random, times_s, rate_hz=who.manner.blink_rate_hz)
    held_rad = random.normal(0, (turn_rad, turn_rad, turn_rad / 2))
    nods = wander(random, frames, memory_frames=np.full(3, _HEAD_MEMORY_S * fps))
    bursts = wander(random, frames, memory_frames=np.full(1, _BURST_S * fps))
    stir = np.exp(_BURSTS * bursts - _BURSTS**2)
    slow = wander(random, frames, memory_frames=np.full(DRIFTS, _SLOW_S * fps))
    return Performance(
        blendshapes=with_lids(moved, shut, opening=lid_opening(who.rest)),
        pose_rad=held_rad + who.manner.liveliness * stir * nods * _HEAD_MOVES_RAD,
        drift=who.drift + random.normal(0, _CLIP_DRIFT, DRIFTS) + slow * _SLOW_DRIFT,
        stir=stir[:, 0],
    )


def _sentence(random: np.random.Generator, times_s: np.ndarray) -> np.ndarray:
    """(T, 52) the mouth of somebody who says one sentence."""
    start_s = times_s[0] + random.uniform(0.05, 0.5)
    stop_s = times_s[-1] - random.uniform(0.05, 0.6)
    return speech(random, times_s, start_s=start_s, stop_s=stop_s)


def _rate(times_s: np.ndarray) -> float:
    """Frames a second; any will do for one frame."""
    return 1 / float(times_s[1] - times_s[0]) if len(times_s) > 1 else 30.0
