"""What people show for an emotion, and how people differ in it.

An emotion is a set of FACS action units, some of which everybody shows and some only a share of
people; an action unit is a set of blendshapes. Where photographs with labels are plenty, a
person's way lies somewhere between the prototype and the photographs' mean.

Sources: which units, and what share of people show them, after Du, Tao & Martinez, "Compound
facial expressions of emotion", PNAS 2014, table 1, doi:10.1073/pnas.1322355111: units that more
than 70 % of its people show count as everybody's here. What a unit moves: Ekman & Friesen, Facial
Action Coding System, 1978, put into blendshapes by hand. How far people and clips differ is
chosen, so that frames of strangers are about as hard as on real corpora.

Shapes: U = 16 action units, B = 52 blendshapes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mien.face.blendshapes import BLENDSHAPE_NAMES
from mien.recording.synthetic_face import face_statistics
from mien.recording.synthetic_motion import BLINKS_A_MINUTE, blendshape_vector

# Action unit -> blendshapes at full strength. cheekSquint and noseSneer would stand for 6 and 9
# but are dead in MediaPipe's model; what moves beside them stands for them.
ACTION_UNITS: dict[int, dict[str, float]] = {
    1: {"browInnerUp": 0.65},
    2: {"browOuterUp": 0.6},
    4: {"browDown": 0.6},
    5: {"eyeWide": 0.2, "eyeSquint": -0.15},
    6: {"eyeSquint": 0.35},
    7: {"eyeSquint": 0.4},
    9: {"mouthUpperUp": 0.35, "browDown": 0.3, "eyeSquint": 0.25},
    10: {"mouthUpperUp": 0.55, "mouthShrugUpper": 0.1},
    12: {"mouthSmile": 0.75, "mouthPucker": -0.1},
    15: {"mouthFrown": 0.35},
    17: {"mouthShrugLower": 0.5, "mouthRollLower": 0.15},
    20: {"mouthStretch": 0.6},
    23: {"mouthPress": 0.25, "mouthRollLower": 0.35, "mouthRollUpper": 0.35},
    24: {"mouthPress": 0.6, "mouthRollUpper": 0.2},
    25: {"mouthLowerDown": 0.35, "mouthUpperUp": 0.12, "jawOpen": 0.05},
    26: {"jawOpen": 0.35},
}
# Emotion -> action unit -> the share of people who show it.
PROTOTYPES: dict[str, dict[int, float]] = {
    "Angry": {4: 1, 7: 1, 24: 1, 10: 0.26, 17: 0.52, 23: 0.29},
    "Disgust": {9: 1, 10: 1, 17: 1, 4: 0.31, 24: 0.26},
    "Fear": {1: 1, 4: 1, 20: 1, 25: 1, 2: 0.57, 5: 0.63, 26: 0.33},
    "Happy": {12: 1, 25: 1, 6: 0.51},
    "Neutral": {},
    "Sad": {4: 1, 15: 1, 1: 0.6, 6: 0.5, 17: 0.67},
    "Surprise": {1: 1, 2: 1, 25: 1, 26: 1, 5: 0.66},
}
MOTION_PAIR = ("Angry", "Sad")  # the first comes at once and fades; the second is the reverse

_UNITS = tuple(ACTION_UNITS)
_SHAPES = np.stack([blendshape_vector(moved) for moved in ACTION_UNITS.values()])  # (U, B)
_SIDES = np.array([n.endswith("Left") * 1.0 - n.endswith("Right") for n in BLENDSHAPE_NAMES])

_NOT_SHOWN = 0.05  # how often somebody lacks even a unit that "everybody" shows
_STRAY = 0.05  # how often somebody has a unit of another emotion as a habit
_MUSCLES = 0.3  # spread of people's strength in a unit: deviation of the logarithm
_UNEVEN = 0.12  # how much stronger one side of a face is
_SKIPPED = 0.06  # how often a clip lacks a unit that the person usually shows
_VARIES = 0.25  # spread of a unit's strength from clip to clip
_LABELS_SHRINK = 1.5  # wrong and weak labels draw a mean to neutral; what undoes it, roughly


@dataclass(frozen=True)
class Manner:
    """One person's ways."""

    shown: dict[str, np.ndarray]  # emotion -> (U + 1, B) each unit, and the photographs' way
    expressiveness: float  # 1 is usual
    liveliness: float  # of head movements; 1 is usual
    blink_rate_hz: float
    speech: float  # how far the mouth opens; 1 is usual


def manner(random: np.random.Generator) -> Manner:
    """The ways of a person who is nobody."""
    muscles = random.lognormal(0, _MUSCLES, len(_UNITS))
    uneven = random.normal(0, _UNEVEN, len(_UNITS))
    likeness = random.uniform(0, 0.6)
    shapes = _SHAPES * (1 + uneven[:, None] * _SIDES) * muscles[:, None]
    return Manner(
        shown={emotion: _way(random, emotion, shapes, likeness) for emotion in PROTOTYPES},
        expressiveness=random.lognormal(0, 0.2),
        liveliness=random.lognormal(0, 0.3),
        blink_rate_hz=BLINKS_A_MINUTE / 60 * random.lognormal(0, 0.4),
        speech=random.lognormal(0, 0.2),
    )


def apex(random: np.random.Generator, way: np.ndarray) -> np.ndarray:
    """(U + 1, B) what a person shows this time, from what the person usually shows."""
    strength = random.lognormal(0, _VARIES, len(way))
    is_shown = random.random(len(way)) >= _SKIPPED
    varied: np.ndarray = way * (strength * is_shown)[:, None]
    return varied


def _way(
    random: np.random.Generator, emotion: str, shapes: np.ndarray, likeness: float
) -> np.ndarray:
    """(U + 1, B) how a person shows an emotion; the last row is like the photographs."""
    share = np.array([PROTOTYPES[emotion].get(unit, 0.0) for unit in _UNITS])
    is_shown = random.random(len(share)) < share * (1 - _NOT_SHOWN)
    is_stray = (share == 0) & (random.random(len(share)) < _STRAY)
    strength = is_shown + is_stray * random.uniform(0.2, 0.6, len(share))
    if emotion == "Neutral":
        strength = strength * 0.5
    said = _photographs_way(emotion)
    if said is None:
        return np.concatenate([shapes * strength[:, None], np.zeros_like(shapes[:1])])
    return np.concatenate([(1 - likeness) * shapes * strength[:, None], likeness * said[None]])


def _photographs_way(emotion: str) -> np.ndarray | None:
    """(B,) how people look under this label; None where there are too few of them."""
    statistics = face_statistics()
    if emotion not in statistics.said_of:
        return None
    way: np.ndarray = statistics.said[statistics.said_of.index(emotion)] * _LABELS_SHRINK
    return way
