"""Who lies in the bed: a synthetic person with a way of grimacing, a tension and a restlessness.

Shapes: B = 52 blendshapes, K tensions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mien.face.blendshapes import BLENDSHAPE_NAMES
from mien.recording.synthetic_face import lid_opening
from mien.recording.synthetic_manner import ACTION_UNITS
from mien.recording.synthetic_motion import blendshape_vector
from mien.recording.synthetic_people import Person, somebody

# Action units of a grimace in pain and their part in it: Prkachin & Solomon 2008 for 4, 6, 7, 9,
# 10 and the closing of the eyes; 20 and 25 come with it (Kunz, Meixner & Lautenbacher 2019,
# doi:10.1097/j.pain.0000000000001424). Unit 9 is shown by its blendshapes that are alive.
GRIMACE: dict[int, float] = {4: 1.0, 6: 0.6, 7: 0.7, 9: 0.8, 10: 0.9, 20: 0.35, 25: 0.2}
_MUSCLES, _UNEVEN = 0.2, 0.08  # how people differ in a unit: deviations
# What wanders in a resting face over minutes: blendshapes that move together, and how far.
TENSIONS: tuple[dict[str, float], ...] = (
    {"browDown": 0.16, "eyeSquint": 0.05},
    {"browInnerUp": 0.1},
    {"eyeSquint": 0.12},
    {"mouthPress": 0.1, "mouthRollLower": 0.05},
    {"mouthFrown": 0.08, "mouthShrugLower": 0.06},
    {"mouthUpperUp": 0.05},
    {"jawOpen": 0.04},
)
_SIDES = np.array([n.endswith("Left") * 1.0 - n.endswith("Right") for n in BLENDSHAPE_NAMES])


@dataclass(frozen=True)
class Patient:
    """A face and its ways."""

    person: Person
    opening: float  # of the eyes at rest, 1 is usual
    grimace: np.ndarray  # (B,) at intensity 1
    closes_eyes: float  # share of the eyes' opening that a strong grimace takes
    smile: np.ndarray  # (B,) a broad one
    tension: np.ndarray  # (K, B) one deviation of each
    restlessness: float  # of head and face when nothing goes on; 1 is usual
    yaw_deg: float  # how the camera stands to the bed
    pitch_deg: float
    tremor: float  # of this camera's tracker; 1 is that of the packaged clips


def lies_in_bed(random: np.random.Generator) -> Patient:
    """A patient who is nobody."""
    person = somebody(random)
    muscles = random.lognormal(0, _MUSCLES, len(ACTION_UNITS))
    strength = dict(zip(ACTION_UNITS, muscles, strict=True))
    parts = [part * strength[unit] * _moves(unit) for unit, part in GRIMACE.items()]
    grimace = np.sum(parts, axis=0) * (1 + random.normal(0, _UNEVEN) * _SIDES)
    smile = strength[12] * _moves(12)
    smile += random.uniform(0, 1) * _moves(6) + random.uniform(0, 1) * _moves(25)
    tense = random.lognormal(0, 0.4)
    return Patient(
        person=person,
        opening=lid_opening(person.rest),
        grimace=grimace,
        closes_eyes=float(random.choice([0.0, 0.6, 0.9])),
        smile=person.manner.expressiveness * smile,
        tension=tense * np.stack([blendshape_vector(moves) for moves in TENSIONS]),
        restlessness=random.lognormal(0, 0.35),
        yaw_deg=random.normal(0, 7),
        pitch_deg=random.normal(2, 5),
        tremor=random.lognormal(0, 0.25),
    )


def _moves(unit: int) -> np.ndarray:
    """(B,) an action unit in full."""
    return blendshape_vector(ACTION_UNITS[unit])
