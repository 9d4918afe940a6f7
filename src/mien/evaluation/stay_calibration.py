"""How far a simulated patient must grimace to measure a P, by the watch's own measuring.

Shapes: T frames, L levels.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mien.face.features import Faces
from mien.recording.synthetic_stay import Stay, script
from mien.recording.synthetic_stay_frames import SIZE_PX, frames
from mien.recording.synthetic_stay_plan import HOUR_S, Stretch
from mien.risk.action_units import action_units, p_of

LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0)  # intensities that are tried
_LASTS_S, _APART_S, _SETTLES_S = 16.0, 20.0, 3.0
_HZ = 5.0
_RISES = 1e-3  # a curve that is read backwards must rise
_LEAST_GAIN = 0.05  # of P from one level to the next, below which the face can do no more


def p_curve(seed: int, patient: int) -> tuple[tuple[float, float], ...]:
    """(intensity, P) of one patient, rising, for script(): measured on grimaces that are held.

    P is of action units that are averaged over 2 s, as the watch smooths them; the median of
    each level, of a patient who lies still and is seen well. Takes about a second.

    >>> curve = p_curve(1, 1)
    >>> curve[0][0], curve[-1][1] > 6
    (0.0, True)
    """
    found = np.maximum.accumulate(_measured(_rising(seed, patient)))
    levels = [LEVELS[0]]
    reached = [float(found[0])]
    for level, p in zip(LEVELS[1:], found[1:].tolist(), strict=True):
        if p < reached[-1] + _LEAST_GAIN and p > 1:
            break
        levels.append(level)
        reached.append(max(p, reached[-1] + _RISES))
    return tuple(zip(levels, reached, strict=True))


def _rising(seed: int, patient: int) -> Stay:
    """A stay that is one grimace after another, each held at a further level."""
    length_s = _APART_S * len(LEVELS)
    plain = script(seed, length_s / HOUR_S, patient=patient, episodes_per_hour=0)
    shown = tuple(
        Stretch("distress", _APART_S * place, _APART_S * place + _LASTS_S, level)
        for place, level in enumerate(LEVELS)
        if level
    )
    return replace(
        plain,
        activities=(Stretch("rest", 0, length_s),),
        expressions=shown,
        postures=(),
        views=(),
        p_curve=((0.0, 0.0), (LEVELS[-1], LEVELS[-1])),  # strength is the intensity itself
    )


def _measured(stay: Stay) -> np.ndarray:
    """(L,) median P while each level is held."""
    chunks = list(frames(stay, _HZ))
    times_s = np.concatenate([chunk.time_s for chunk in chunks])
    points = np.concatenate([chunk.points for chunk in chunks])
    found = []
    for place in range(len(LEVELS)):
        since_s = times_s - _APART_S * place
        is_held = (since_s >= _SETTLES_S) & (since_s < _LASTS_S - _SETTLES_S)
        units = action_units(Faces(points[is_held], size_px=SIZE_PX))
        found.append(_median_p(units[~np.isnan(units).any(axis=1)]))
    return np.array(found)


def _median_p(units: np.ndarray) -> float:
    smoothing = int(2 * _HZ)
    parts = [units[i : i + smoothing].mean(axis=0) for i in range(len(units) - smoothing + 1)]
    return float(np.median([p_of(part.tolist()) for part in parts]))
