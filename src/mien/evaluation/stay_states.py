"""What goes on in each second of a stay, as weights of the states that windows are known for.

A state is an activity under a view ("speech/dim 6"), or one of what stands above both: a smile,
a body that is laid anew, a grimace of some P. A second of change has several.

Shapes: N seconds, S states.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np

from mien.recording.synthetic_stay import ACTIVITIES, P_CURVE, Stay, usual_intensity
from mien.recording.synthetic_stay_events import Track, track
from mien.recording.synthetic_stay_motion import activity_shares, grimace_course, smile_course

# View -> the strengths of it that windows are known for; others lie between their neighbours.
VIEW_LEVELS: dict[str, tuple[float, ...]] = {
    "dim": (3.0, 6.0, 9.0),
    "occluded": (0.5, 1.0),
    "turned": (42.0, 50.0, 65.0),
}
P_LEVELS = (3.0, 5.0, 7.0, 9.0)  # of grimaces
CLEAR = "clear"
_SEEN = (CLEAR, *(f"{view} {level:g}" for view, some in VIEW_LEVELS.items() for level in some))
SMILE, POSTURE = "smile", "posture"
STATES = (
    *(f"{activity}/{seen}" for activity, seen in product(ACTIVITIES, _SEEN)),
    SMILE,
    POSTURE,
    *(f"P {level:g}" for level in P_LEVELS),
)
SAMPLES = 10  # a second, of which a weight is the mean
SMOOTHING_S = 2.0  # of the watch's windows; action units are that much behind


def state_weights(stay: Stay, start_s: int, count: int) -> np.ndarray:
    """(N, S) of `count` seconds from start_s on; each row sums to 1. Absent faces have them too."""
    times_s = _samples(start_s, count)
    weights = _of_activities(stay, times_s)
    smiles = _a_second(np.clip(smile_course(stay, times_s), 0, 1))
    weights = np.concatenate([weights * (1 - smiles), smiles], axis=1)
    moves = _a_second(track(stay.postures).unit.course(times_s, rise_s=0.5, fall_s=0.5))
    weights = np.concatenate([weights * (1 - moves), moves], axis=1)
    steps = _between(_a_second(_p_course(stay, times_s))[:, 0], (0.0, *P_LEVELS))
    return np.concatenate([weights * steps[:, :1], steps[:, 1:]], axis=1)


def smoothed(weights: np.ndarray, before: np.ndarray) -> np.ndarray:
    """(N, S) the weights as the watch smooths action units. before: (S,) of the second before."""
    keep = np.exp(-1 / SMOOTHING_S)
    found = weights * (1 - keep)
    for row in found:
        row += keep * before
        before = row
    return found


def p_beyond(stay: Stay, start_s: int, count: int) -> np.ndarray:
    """(N,) by how much the P that is meant is above the last of P_LEVELS."""
    meant = _a_second(_p_course(stay, _samples(start_s, count)))[:, 0]
    return np.maximum(meant - P_LEVELS[-1], 0)


def _samples(start_s: int, count: int) -> np.ndarray:
    return start_s + (np.arange(count * SAMPLES) + 0.5) / SAMPLES


def _a_second(values: np.ndarray) -> np.ndarray:
    """(N · SAMPLES,) or (N · SAMPLES, C) to the mean of each second: (N, C)."""
    found: np.ndarray = values.reshape(-1, SAMPLES, *values.shape[1:]).mean(axis=1)
    return found.reshape(len(found), -1)


def _of_activities(stay: Stay, times_s: np.ndarray) -> np.ndarray:
    """(N, A · V) in the order of STATES."""
    doing = _a_second(activity_shares(stay, times_s))
    seen = [
        _between(_a_second(_strength(track(stay.views, view), times_s))[:, 0], (0.0, *levels))
        for view, levels in VIEW_LEVELS.items()
    ]
    hidden = np.concatenate([part[:, 1:] for part in seen], axis=1)
    seen_as = np.concatenate([1 - hidden.sum(axis=1, keepdims=True), hidden], axis=1)
    return (doing[:, :, None] * seen_as[:, None, :]).reshape(len(doing), -1)


def _strength(view: Track, times_s: np.ndarray) -> np.ndarray:
    return np.abs(view.course(times_s, rise_s=0.5, fall_s=0.5))


def _p_course(stay: Stay, times_s: np.ndarray) -> np.ndarray:
    """(T,) the P that is meant, as the face gets there: 0 at rest."""
    levels, curve = np.array(P_CURVE).T
    meant = track(stay.grimaces).latest(times_s)
    usual = replace(stay, intensities=None)
    risen = np.interp(grimace_course(usual, times_s), levels, curve) - curve[0]
    whole = np.interp(usual_intensity(meant), levels, curve) - curve[0]
    return meant * risen / np.maximum(whole, 1e-6)


def _between(values: np.ndarray, levels: tuple[float, ...]) -> np.ndarray:
    """(N, L) weights of the two levels that a value lies between; beyond the last, the last."""
    place = np.interp(values, levels, np.arange(len(levels)))
    below = np.minimum(place.astype(int), len(levels) - 2)
    rows, part = np.arange(len(values)), place - below
    found = np.zeros((len(values), len(levels)))
    found[rows, below] = 1 - part
    found[rows, below + 1] = part
    return found
