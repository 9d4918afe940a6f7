"""How far a simulated patient must grimace for the watch to measure the P that is meant.

Shapes: G grimaces, L levels.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mien.face.features import Faces
from mien.recording.synthetic_stay import Stay
from mien.recording.synthetic_stay_frames import SIZE_PX, still_faces
from mien.risk.action_units import action_units, p_of

LEVELS = np.array([0.0, 0.2, 0.4, 0.55, 0.7, 0.85, 1.0, 1.15, 1.3, 1.6, 2.0])  # intensities
_LEAST_RISE = 1.0  # P of a grimace above that of the face at rest
# A face that cannot go beyond this shows no strong grimace, but one of the other kind: what is
# meant to be clearly above 6 shall not be measured on both sides of it.
_LEAST_STRONG, _STRONG, _ELSE = 6.8, 6.0, 5.0


def calibrated(stay: Stay) -> Stay:
    """The stay with an intensity for each grimace, by the watch's own measuring of this face.

    Strengths become the P that is reached: no face goes beyond its own strongest grimace, and a
    grimace is at least 1 above the face at rest. Noise moves what is measured about it.
    """
    meant = stay.grimaces
    if not meant:
        return replace(stay, intensities=())
    middles_s = np.array([(one.start_s + one.end_s) / 2 for one in meant])
    curves = p_of_levels(stay, middles_s)
    strengths = _reachable(np.array([one.strength for one in meant]), curves)
    far = [float(np.interp(p, curve, LEVELS)) for p, curve in zip(strengths, curves, strict=True)]
    reached = iter(strengths.tolist())
    shown = tuple(
        replace(one, strength=next(reached)) if one in meant else one for one in stay.expressions
    )
    return replace(stay, expressions=shown, intensities=tuple(far))


def _reachable(meant: np.ndarray, curves: np.ndarray) -> np.ndarray:
    """(G,) P that the face can show. curves: (G, L)."""
    rest, most = curves[:, 0], curves[:, -1]
    is_weak = (meant >= _STRONG) & (most < _LEAST_STRONG)
    strengths = np.maximum(np.where(is_weak, _ELSE, meant), rest + _LEAST_RISE)
    reached: np.ndarray = np.minimum(strengths, most)
    return reached


def p_of_levels(stay: Stay, times_s: np.ndarray) -> np.ndarray:
    """(G, L) P of the patient as the body lies at some times, at LEVELS; never falling.

    times_s: (G,).
    """
    levels = np.tile(LEVELS, len(times_s))
    points = still_faces(stay, np.repeat(times_s, len(LEVELS)), levels)
    units = action_units(Faces(points, size_px=SIZE_PX)).tolist()
    found = np.array([p_of(row) for row in units]).reshape(len(times_s), len(LEVELS))
    rising: np.ndarray = np.maximum.accumulate(found, axis=1)
    return rising
