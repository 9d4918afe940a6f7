"""How a face moves in time: wandering, speech, blinks, glances, the course of an expression.

Each process is a function of a random generator and of times, and knows nothing of clips.

Shapes: T frames, C channels, B = 52 blendshapes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mien.face.blendshapes import BLENDSHAPE_NAMES

_BURN_IN = 8  # memories, after which a process has forgotten that it began at 0
BLINKS_A_MINUTE = 17.0  # of adults in conversation: 15 to 20
_LID_CLOSES_S, _LID_STAYS_S, _LID_OPENS_S = 0.08, 0.03, 0.16
# What a unit of a blendshape takes of the average eye's opening, and what of it stays when shut.
_BLINK_TAKES, _SQUINT_TAKES, _STAYS = 1.1, 0.65, 0.1
_LIDS = [BLENDSHAPE_NAMES.index(f"eyeBlink{side}") for side in ("Left", "Right")]
_SQUINTS = [BLENDSHAPE_NAMES.index(f"eyeSquint{side}") for side in ("Left", "Right")]
_LEAST, _JAW_MOST = -0.35, 0.6  # of a blendshape beside its rest; photographs' jaws go no further
_MOST = np.where(np.array(BLENDSHAPE_NAMES) == "jawOpen", _JAW_MOST, 1.0)
# Mouth and voice both move at 2 to 7 Hz (Chandrasekaran et al. 2009,
# doi:10.1371/journal.pcbi.1000436).
_SPEECH_HZ = (2.0, 8.0)
_SPEECH_TYPICAL_HZ = 2.7
_PARTIALS = 7


@dataclass(frozen=True)
class _Articulator:
    """Blendshapes that speech moves together. Sizes are those of the six packaged clips."""

    moves: dict[str, float]
    rest: float  # below 0: mostly not moved at all, for what is below 0 is cut off
    reach: float  # deviation


_ARTICULATORS = (
    _Articulator({"jawOpen": 1.0, "mouthLowerDown": 0.35, "mouthUpperUp": 0.06}, 0.04, 0.14),
    _Articulator({"mouthRollUpper": 1.0, "mouthRollLower": 0.8, "mouthPress": 0.5}, -0.03, 0.09),
    _Articulator({"mouthPucker": 1.0, "mouthFunnel": 0.7}, -0.02, 0.08),
    _Articulator({"mouthStretch": 0.8, "mouthDimple": 0.6, "mouthSmile": 0.4}, -0.01, 0.07),
    _Articulator({"mouthShrugUpper": 0.5, "mouthShrugLower": 0.5}, -0.03, 0.05),
)


def blendshape_vector(weights: dict[str, float]) -> np.ndarray:
    """(52,) from names; a name without its side stands for both.

    >>> np.flatnonzero(blendshape_vector({"mouthSmile": 1, "jawOpen": 1})).tolist()
    [25, 44, 45]
    """
    vector = np.zeros(len(BLENDSHAPE_NAMES))
    for name, weight in weights.items():
        sides = (name,) if name in BLENDSHAPE_NAMES else (f"{name}Left", f"{name}Right")
        for side in sides:
            vector[BLENDSHAPE_NAMES.index(side)] += weight
    return vector


_ARTICULATED = np.stack([blendshape_vector(one.moves) for one in _ARTICULATORS])


def wander(random: np.random.Generator, frames: int, *, memory_frames: np.ndarray) -> np.ndarray:
    """Stationary Gaussian processes of standard deviation 1 that read the same backwards.

    Each is a low-pass of a low-pass, as a body with mass moves. memory_frames: (C,) after how
    many frames a channel begins to forget where it was. Returns (T, C) float32.
    """
    keep = np.exp(-1 / np.asarray(memory_frames, np.float64))
    first = math.ceil(_BURN_IN * float(np.max(memory_frames)))
    moved = random.standard_normal((first + frames, len(keep)), np.float32)
    moved *= ((1 - keep**2) ** 1.5 / np.sqrt(1 + keep**2)).astype(np.float32)
    keep = keep.astype(np.float32)
    for _ in range(2):
        for frame in range(1, len(moved)):
            moved[frame] += keep * moved[frame - 1]
    return moved[first:]


def autoregression(
    random: np.random.Generator, frames: int, *, memory_frames: float, width: int
) -> np.ndarray:
    """Noise that remembers: (T, width) float32 of standard deviation 1, each channel by itself."""
    keep = np.float32(math.exp(-1 / memory_frames))
    noise = random.standard_normal((frames, width), np.float32)
    noise[1:] *= np.sqrt(1 - keep**2)
    for frame in range(1, frames):
        noise[frame] += keep * noise[frame - 1]
    return noise


def ramp(share: np.ndarray) -> np.ndarray:
    """0 before 0, 1 after 1, and between them the path of least jerk, as limbs and lips move."""
    x = np.clip(share, 0, 1)
    return x**3 * (10 - 15 * x + 6 * x**2)


def course(
    times_s: np.ndarray,
    *,
    onset_s: np.ndarray,
    rise_s: np.ndarray,
    offset_s: np.ndarray,
    fall_s: np.ndarray,
) -> np.ndarray:
    """Onset, apex and offset of C movements, 0 to 1: (T, C). All times but times_s are (C,)."""
    rising = ramp((times_s[:, None] - onset_s) / rise_s)
    falling = ramp((times_s[:, None] - offset_s) / fall_s)
    return rising * (1 - falling)


def speech(
    random: np.random.Generator, times_s: np.ndarray, *, start_s: float, stop_s: float
) -> np.ndarray:
    """Blendshapes of a mouth that speaks from start to stop: (T, 52).

    Each articulator is a sum of waves, cut off below 0; some words are louder than others.
    """
    count = len(_ARTICULATORS)
    pitch = random.normal(math.log(_SPEECH_TYPICAL_HZ), 0.2, (_PARTIALS, count))
    turns = 2 * np.pi * np.clip(np.exp(pitch), *_SPEECH_HZ)
    phase = random.uniform(0, 2 * np.pi, (_PARTIALS, count))
    size = random.normal(0, math.sqrt(2 / _PARTIALS), (_PARTIALS, count))
    waves = (size * np.sin(times_s[:, None, None] * turns + phase)).sum(axis=1)
    loud_hz, loud_phase = random.uniform(0.3, 1.0), random.uniform(0, 2 * np.pi)
    loud = 1 + 0.7 * np.sin(2 * np.pi * loud_hz * times_s + loud_phase)
    loud *= ramp((times_s - start_s) / 0.12) * (1 - ramp((times_s - stop_s) / 0.2))
    rest = np.array([one.rest for one in _ARTICULATORS])
    reach = np.array([one.reach for one in _ARTICULATORS])
    moved: np.ndarray = np.maximum(rest + reach * waves, 0) * loud[:, None] @ _ARTICULATED
    return moved


def blinks(random: np.random.Generator, times_s: np.ndarray, *, rate_hz: float) -> np.ndarray:
    """How far the lids are shut, 0 to 1: (T,). Lids shut faster than they open."""
    longest_s = 2 * (_LID_CLOSES_S + _LID_STAYS_S + _LID_OPENS_S)
    first_s = times_s[0] - longest_s
    expected = rate_hz * (times_s[-1] - first_s)
    begins_s = random.uniform(first_s, times_s[-1], random.poisson(expected))
    return lids_shut(times_s, begins_s, random.lognormal(0, 0.15, len(begins_s)))


def lids_shut(times_s: np.ndarray, begins_s: np.ndarray, pace: np.ndarray) -> np.ndarray:
    """How far blinks that begin at some times shut the lids, 0 to 1: (T,).

    pace: of each, how much longer it takes than usual.
    """
    since_s = (times_s[:, None] - begins_s) / pace
    shut = ramp(since_s / _LID_CLOSES_S)
    shut *= 1 - ramp((since_s - _LID_CLOSES_S - _LID_STAYS_S) / _LID_OPENS_S)
    return shut.max(axis=1, initial=0.0)


def with_lids(moved: np.ndarray, shut: np.ndarray, *, opening: float) -> np.ndarray:
    """Blendshapes within what a face can do, and lids that shut from where they are.

    moved: (T, 52). shut: (T,). opening: how wide the person's eyes are at rest, 1 is usual: lids
    never cross. Returns (T, 52).
    """
    moved = np.clip(moved, _LEAST, _MOST)
    room = opening - _STAYS
    moved[:, _SQUINTS] = np.minimum(moved[:, _SQUINTS], room / _SQUINT_TAKES)
    narrowed = _SQUINT_TAKES * np.maximum(moved[:, _SQUINTS], 0)
    most = np.maximum(room - narrowed, 0) / _BLINK_TAKES
    lids = np.minimum(moved[:, _LIDS], most)
    moved[:, _LIDS] = lids + shut[:, None] * (most - lids)
    return moved


def glances(
    random: np.random.Generator, times_s: np.ndarray, *, rate_hz: float = 0.7
) -> np.ndarray:
    """Where the eyes look, (T, 2): to the person's left and down, in blendshape units.

    Fixations with jumps of a frame or two between them; most are near the camera.
    """
    length = times_s[-1] - times_s[0]
    jumps = np.sort(random.uniform(times_s[0], times_s[-1], random.poisson(rate_hz * length)))
    places = random.normal(0, (0.12, 0.08), (len(jumps) + 1, 2))
    steps = np.diff(places, axis=0)
    gone = ramp((times_s[:, None] - jumps) / 0.05)
    return places[0] + gone @ steps


def looking(glance: np.ndarray) -> np.ndarray:
    """Blendshapes of eyes that look somewhere: (T, 2) to (T, 52). Upper lids follow a look down."""
    left, down = glance[:, :1], glance[:, 1:]
    to_left = blendshape_vector({"eyeLookOutLeft": 1, "eyeLookInRight": 1})
    to_right = blendshape_vector({"eyeLookOutRight": 1, "eyeLookInLeft": 1})
    lowered = blendshape_vector({"eyeLookDown": 1, "eyeBlink": 0.35})
    raised = blendshape_vector({"eyeLookUp": 1})
    return (
        np.maximum(left, 0) * to_left
        + np.maximum(-left, 0) * to_right
        + np.maximum(down, 0) * lowered
        + np.maximum(-down, 0) * raised
    )
