"""Faces for the tests: the canonical one with noise of a given seed, placed and turned."""

import numpy as np
from hypothesis import strategies as st

from mien.face.canonical import canonical_face
from mien.face.geometry import rotation_of

SEEDS = st.integers(0, 2**32 - 1)
ANGLES = st.floats(-1.2, 1.2)  # radians, about 70°
POSES = st.tuples(ANGLES, ANGLES, ANGLES)  # yaw, pitch, roll
SCALES = st.floats(0.3, 100)  # pixels a centimetre: faces 5 to 1,700 pixels wide
PLACES = st.tuples(st.floats(-4000, 4000), st.floats(-4000, 4000), st.floats(-4000, 4000))


def a_face(*, seed: int = 0, noise_cm: float = 0.3) -> np.ndarray:
    """(478, 3) float64, centimetres: somebody's face, neither symmetric nor the template."""
    return canonical_face() + np.random.default_rng(seed).normal(0, noise_cm, (478, 3))


def moved(face: np.ndarray, *, pose=(0, 0, 0), scale=1.0, place=(0, 0, 0)) -> np.ndarray:
    """The face turned by yaw, pitch and roll, scaled and shifted."""
    return scale * face @ rotation_of(pose).T + np.asarray(place)


def in_frame(face: np.ndarray, *, width_px: int, height_px: int) -> np.ndarray:
    """A face of pixels as fractions of a frame, as a table has it."""
    return face / np.array([width_px, height_px, width_px])
