"""Parametric people who show something: points from blendshapes, as a camera would see them."""

import numpy as np

from mien.recording.synthetic_face import DRIFTS, filmed, lid_opening, shown, trembling
from mien.recording.synthetic_motion import blendshape_vector, with_lids
from mien.recording.synthetic_people import somebody

STRONG = {"browDown": 1.0, "eyeSquint": 0.9, "mouthUpperUp": 0.9, "noseSneer": 0.9}
SIZE_PX = (480, 360)


def showing(weights: dict[str, float], *, people: int, seed: int = 7) -> np.ndarray:
    """(people, 478, 3) fractions of the frame: one photograph of each, the same people always."""
    return np.concatenate([_photograph(weights, [seed, number]) for number in range(people)])


def scaled(weights: dict[str, float], intensity: float, **more: float) -> dict[str, float]:
    return {name: weight * intensity for name, weight in weights.items()} | more


def _photograph(weights: dict[str, float], seed: list[int]) -> np.ndarray:
    random = np.random.default_rng(seed)
    who = somebody(random)
    pose_rad = random.normal(0, np.radians([[4, 4, 2]]))
    moved = with_lids(blendshape_vector(weights)[None], np.zeros(1), opening=lid_opening(who.rest))
    drift = who.drift + random.normal(0, 0.47, (1, DRIFTS))
    face = shown(who.rest, blendshapes=moved, pose_rad=pose_rad, drift=drift)
    face = face + trembling(random, 1, fps=30)
    centre_px = np.array([SIZE_PX]) / 2
    pixels = filmed(face, pose_rad=pose_rad, scale_px=np.array([60.0]), centre_px=centre_px)
    return pixels / np.array([*SIZE_PX, SIZE_PX[0]], np.float32)
