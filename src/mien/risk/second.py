"""One second of a stream: its frames as a WindowClosed.

A window follows from its own frames and from the window before it, and from nothing else, so that
it is the same after a restart.

Shapes: N faces of the second, A = 6 action units, R = 14 regions, S = 8 steady points.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import median_low

import numpy as np
from numpy.typing import NDArray

from mien.face.windows import MAX_GAP_S
from mien.risk.action_units import p_of
from mien.risk.events import Face, WindowClosed
from mien.risk.filters import ewma
from mien.risk.held import SECOND_MS, Frame
from mien.risk.measured import REGION_VALUES
from mien.risk.settings import SignalSettings, WatchSettings
from mien.risk.terms import rounded

_LEAST_SAMPLES = 0.7  # of a second's frames, without which no rhythm is told
_GOES_ON = 0.5  # a mouth that spoke a second ago needs so much of the limits
_SECOND_DIFFERENCE = math.sqrt(6)  # its deviation, of independent noise of deviation 1


@dataclass(frozen=True, slots=True)
class Smoothed:
    """What one window leaves for the next."""

    at_ms: int
    action_units: tuple[float, ...]


def window_of(
    end_ms: int,
    frames: Sequence[Frame],
    before: WindowClosed | None,
    smoothed: Smoothed | None,
    settings: WatchSettings,
    clock_offset_ms: int = 0,
) -> WindowClosed:
    """The window of some frames, in order, all of the second before `end_ms`."""
    with_face = [frame for frame in frames if frame.face is not None]
    faces = [frame.face for frame in with_face if frame.face is not None]
    posed = [face for face in faces if _is_in_pose(face, settings.signal)]
    was_speaking = before is not None and before.mouth_is_speaking
    is_speaking = bool(faces) and _is_speaking(with_face, was_speaking, settings)
    units = _units(end_ms, posed, smoothed, settings.signal) if posed else None
    jitter, r = _moves(with_face)
    return WindowClosed(
        frames=len(frames),
        with_face=len(faces),
        in_pose=len(posed),
        jitter=jitter,
        skew_ms=median_low(frame.skew_ms for frame in frames) if frames else None,
        action_units=units,
        mouth_is_speaking=is_speaking,
        p=None if units is None else rounded(p_of(units, mouth_is_speaking=is_speaking)),
        r=r,
        negative=_mean([face.negative for face in posed if face.negative is not None]),
        regions=_region_heights(posed) if posed else None,
        clock_offset_ms=clock_offset_ms,
    )


def _is_in_pose(face: Face, settings: SignalSettings) -> bool:
    return (
        abs(face.yaw_deg) <= settings.yaw_limit_deg
        and abs(face.pitch_deg) <= settings.pitch_limit_deg
    )


def _units(
    end_ms: int, posed: list[Face], smoothed: Smoothed | None, settings: SignalSettings
) -> tuple[float, ...]:
    """The second's mean units, smoothed with those before. What was long ago weighs less."""
    found = np.array([face.action_units for face in posed]).mean(axis=0).tolist()
    past = (None,) * len(found) if smoothed is None else smoothed.action_units
    elapsed_s = 1.0 if smoothed is None else (end_ms - smoothed.at_ms) / SECOND_MS
    return tuple(
        rounded(ewma(old, new, elapsed_s=elapsed_s, time_constant_s=settings.smoothing_s))
        for old, new in zip(past, found, strict=True)
    )


def _mean(values: list[float]) -> float | None:
    return rounded(sum(values) / len(values)) if values else None


def _region_heights(posed: list[Face]) -> tuple[float, ...]:
    """(R,) how low each region lies in the mean, in outer-eye-corner distances."""
    heights = np.array([face.points[1:REGION_VALUES:2] for face in posed]).mean(axis=0)
    return tuple(rounded(height) for height in heights.tolist())


def _moves(with_face: list[Frame]) -> tuple[float | None, float | None]:
    """What steady points tremble, and restlessness: rad/s of the head plus distances/s.

    Of neighbouring frames at most MAX_GAP_S apart, within the second; None without such.
    """
    if len(with_face) < 2:
        return None, None
    times_s = np.array([frame.time_ms for frame in with_face]) / SECOND_MS
    values = np.array([_moving(frame.face) for frame in with_face if frame.face is not None])
    since_s = np.diff(times_s)
    is_near = since_s <= MAX_GAP_S
    steps = np.diff(values, axis=0)
    r = _restlessness(steps[is_near], since_s[is_near]) if is_near.any() else None
    steady = steps[:, 3 + REGION_VALUES :]
    bends = np.diff(steady, axis=0)[is_near[1:] & is_near[:-1]]
    jitter = math.sqrt(np.square(bends).mean()) / _SECOND_DIFFERENCE if len(bends) else None
    return None if jitter is None else rounded(jitter), None if r is None else rounded(r)


def _moving(face: Face) -> tuple[float, ...]:
    """(3 + 2R + 2S) what is followed from frame to frame."""
    return (face.yaw_deg, face.pitch_deg, face.roll_deg, *face.points)


def _restlessness(steps: NDArray[np.float64], since_s: NDArray[np.float64]) -> float:
    turned_deg = (steps[:, :3] + 180) % 360 - 180  # past half a turn it is the other way round
    turns = np.radians(np.linalg.norm(turned_deg, axis=1)) / since_s
    moves = steps[:, 3 : 3 + REGION_VALUES].reshape(len(steps), -1, 2)
    speeds = np.linalg.norm(moves, axis=2).mean(axis=1) / since_s
    return float((turns + speeds).mean())


def _is_speaking(frames: list[Frame], was_speaking: bool, settings: WatchSettings) -> bool:
    """Whether the mouth opens and closes in the rhythm of speech.

    At 10 frames a second what is quicker than 5 Hz is seen as slower, but not as slower than 2 Hz
    up to 8 Hz: the whole of the rhythm falls into itself.
    """
    rules = settings.signal
    samples = round(rules.thin_hz)
    if len(frames) < _LEAST_SAMPLES * samples:
        return False
    openings = [frame.face.mouth_opening for frame in frames if frame.face is not None]
    into = np.array([frame.time_ms % SECOND_MS for frame in frames]) * samples / SECOND_MS
    first = (into - np.floor(into)).mean()  # evenly, without blurring frames that lie evenly
    even = np.interp(np.arange(samples) + first, into, openings)
    waves, is_rhythm = _rhythm(samples, settings.appraisal.speech_hz)
    power = np.square(waves @ even)
    amplitude = math.sqrt(power[is_rhythm].sum())
    share = power[is_rhythm].sum() / max(power.sum(), 1e-12)
    least = _GOES_ON if was_speaking else 1.0
    return bool(amplitude >= least * rules.speech_amplitude and share >= least * rules.speech_share)


@cache
def _rhythm(
    samples: int, speech_hz: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(W, samples) waves of 1 Hz and up, of a second without its slope, and which are speech.

    The root of the waves' squares is the deviation of what is in them.
    """
    index = np.arange(samples)
    line = np.stack([np.ones(samples), index - index.mean()], axis=1)
    level = np.eye(samples) - line @ np.linalg.pinv(line)
    taper = np.hanning(samples + 2)[1:-1]
    hz = np.arange(1, samples // 2 + 1)
    turns = 2 * np.pi * np.outer(hz, index) / samples
    scale = math.sqrt(2 / (samples * np.square(taper).sum()))
    waves = scale * np.concatenate([np.cos(turns), np.sin(turns)]) * taper @ level
    return waves, np.tile((hz >= speech_hz[0]) & (hz <= speech_hz[1]), 2)
