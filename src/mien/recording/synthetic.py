"""Synthetic people: clips of faces that belong to nobody, with a known answer.

A person has a face and a manner; a clip has an expression's course, speech, blinks, glances, a
moving head, a camera, a tracker's tremor and frames where the tracker has no face. Clips are
named and labelled like CREMA-D's, of actors 2001 and up: its own are 1001 to 1091.

Two kinds. `emotions`: people show emotions each in their own way, so that a good model of single
frames is right for some frames and wrong for others, as on real corpora. `motion-pair`: two
emotions whose clips are, in law, each other played backwards, so that no single frame tells them
apart: whatever a model of frames answers, it is right half the time.

Everything follows from the seed. A clip's generator is seeded by (seed, person, clip): more
people or more clips leave the others as they were.

Shapes: T frames, P = 478 points.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mien.errors import InputError
from mien.recording.synthetic_face import filmed, shown, trembling
from mien.recording.synthetic_manner import MOTION_PAIR, PROTOTYPES
from mien.recording.synthetic_motion import wander
from mien.recording.synthetic_people import (
    Performance,
    Person,
    perform,
    perform_pair,
    somebody,
)

GENERATOR = "mien-synthetic 1"  # raised when the same scenario would give other points
KINDS = ("emotions", "motion-pair")
CREMA_D_EMOTIONS = ("Angry", "Disgust", "Fear", "Happy", "Neutral", "Sad")
FIRST_ACTOR = 2001
MOST_PEOPLE = 9999 - FIRST_ACTOR + 1  # an actor's number has four digits
# How far an expression goes. CREMA-D's XX is "not specified": usually plain to see.
LEVELS = {"LO": 0.5, "MD": 0.75, "HI": 1.15, "XX": 0.9}

_CODES = {
    "Angry": "ANG",
    "Disgust": "DIS",
    "Fear": "FEA",
    "Happy": "HAP",
    "Neutral": "NEU",
    "Sad": "SAD",
    "Surprise": "SUR",
}
_SENTENCES = tuple("DFA IEO IOM ITH ITS IWL IWW MTI TAI TIE TSI WSI".split())
_GRADED = "IEO"  # the sentence that is said at three levels
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_MORE_SENTENCES = tuple(f"Q{first}{second}" for first in _LETTERS for second in _LETTERS)

_FACE_SHARE = 0.163  # outer eye corners' distance, of the frame's shorter side: the packaged clips
_EDGE = 0.02  # of the frame, that stays free
# Deviations within those clips: of the face's place, in eye distances, and of its size.
_PLACE_MOVES, _SIZE_MOVES, _PLACE_MEMORY_S = (0.02, 0.04), 0.007, 0.4
_CALM = 0.6  # of the tremor, that stays when the head is still
_LAPSE_S, _AWAY_S = 0.1, 1.2  # how long a tracker loses a face; how long a face is turned away
_PRESENCE_LOGIT = (12.0, 2.0)  # mean and deviation of a found face's: those clips' again


@dataclass(frozen=True)
class Scenario:
    """What to simulate. Raises InputError when it cannot be."""

    people: int = 40
    clips_each: int = 12
    frames: int = 75  # of each clip: 2.5 s, CREMA-D's mean
    fps: float = 29.97
    width_px: int = 480
    height_px: int = 360
    kind: str = "emotions"
    emotions: tuple[str, ...] | None = None  # None: the kind's own
    turn_deg: float = 6.0  # how far people sit turned aside: deviation of yaw and of pitch
    noise: float = 1.0  # the tracker's tremor, in that of the packaged clips
    dropout: float = 0.01  # share of frames without a face
    seed: int = 0

    def __post_init__(self) -> None:
        least = {"people": 1, "clips_each": 1, "frames": 1, "width_px": 16, "height_px": 16}
        for name, value in {**least, "turn_deg": 0, "noise": 0, "seed": 0}.items():
            if not value <= getattr(self, name) < math.inf:
                raise InputError(f"{name} must be {value} or more, got {getattr(self, name)}")
        if not 0 < self.fps < math.inf:
            raise InputError(f"fps must be above 0, got {self.fps}")
        if not 0 <= self.dropout < 1:
            raise InputError(f"dropout is a share of frames from 0 to below 1, got {self.dropout}")
        if self.people > MOST_PEOPLE:
            raise InputError(f"people must be {MOST_PEOPLE:,} or fewer, got {self.people:,}")
        self._check_labels()
        most = len(self.labels) * len(_MORE_SENTENCES)
        if self.clips_each > most:
            raise InputError(
                f"clips_each must be {most:,} or fewer for {len(self.labels)} emotions, "
                f"got {self.clips_each:,}"
            )

    def _check_labels(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"kind must be one of {', '.join(KINDS)}, got {self.kind!r}")
        possible = tuple(PROTOTYPES) if self.kind == "emotions" else (*MOTION_PAIR, "Neutral")
        is_odd = len(set(self.labels)) < len(self.labels) or not set(self.labels) <= set(possible)
        if is_odd or not self.labels:
            raise InputError(
                f"emotions of kind {self.kind} must be some of {', '.join(possible)}, each once, "
                f"got {', '.join(self.labels) or 'none'}"
            )

    @property
    def labels(self) -> tuple[str, ...]:
        """The emotions that are simulated."""
        if self.emotions is not None:
            return tuple(self.emotions)
        return CREMA_D_EMOTIONS if self.kind == "emotions" else MOTION_PAIR

    @property
    def clip_count(self) -> int:
        return self.people * self.clips_each


@dataclass(frozen=True)
class SyntheticClip:
    """One clip. NaN rows and presence 0 where the tracker has no face."""

    name: str  # ACTOR_SENTENCE_EMOTION_LEVEL.flv
    label: str
    subject: str
    points: np.ndarray  # (T, P, 3) float32, fractions of the frame
    times_s: np.ndarray  # (T,)
    presence: np.ndarray  # (T,) float32


def clips(scenario: Scenario) -> Iterator[SyntheticClip]:
    """The scenario's clips one by one, person by person; no more than one is held.

    >>> clip = next(clips(Scenario(people=1, frames=10)))
    >>> clip.subject, clip.label, clip.points.shape
    ('2001', 'Angry', (10, 478, 3))
    """
    for number in range(scenario.people):
        random = np.random.default_rng([scenario.seed, number])
        who, subject = somebody(random), str(FIRST_ACTOR + number)
        spoken = {emotion: _spoken(random, emotion) for emotion in _CODES}
        for index in range(scenario.clips_each):
            label = scenario.labels[(number + index) % len(scenario.labels)]
            sentence, level = spoken[label][index // len(scenario.labels)]
            random = np.random.default_rng([scenario.seed, number, index + 1])
            points, presence, times_s = _film(random, who, label, level, scenario)
            name = f"{subject}_{sentence}_{_CODES[label]}_{level}.flv"
            yield SyntheticClip(name, label, subject, points, times_s, presence)


def _spoken(random: np.random.Generator, emotion: str) -> list[tuple[str, str]]:
    """What a person says for an emotion, in order: sentences with levels, no pair twice."""
    graded = ("XX",) if emotion == "Neutral" else ("LO", "MD", "HI")
    usual = [(s, level) for s in _SENTENCES for level in (graded if s == _GRADED else ("XX",))]
    order = random.permutation(len(usual))
    return [usual[place] for place in order] + [(sentence, "XX") for sentence in _MORE_SENTENCES]


def _film(
    random: np.random.Generator, who: Person, label: str, level: str, scenario: Scenario
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points (T, P, 3) in fractions, presence (T,) and times (T,) of one clip."""
    times_s = np.arange(scenario.frames) / scenario.fps
    turn_rad = math.radians(scenario.turn_deg)
    if scenario.kind == "emotions":
        done = perform(
            random, who, emotion=label, intensity=LEVELS[level], times_s=times_s, turn_rad=turn_rad
        )
    else:
        is_neutral = label == "Neutral"
        done = perform_pair(random, who, is_neutral=is_neutral, times_s=times_s, turn_rad=turn_rad)
    points = _in_the_frame(_seen(random, who, done, scenario), scenario)
    presence = _presence(random, scenario)
    points[presence == 0] = np.nan
    if scenario.kind == "motion-pair" and label == MOTION_PAIR[1]:
        points, presence = points[::-1].copy(), presence[::-1].copy()
    return points, presence, times_s


def _seen(
    random: np.random.Generator, who: Person, done: Performance, scenario: Scenario
) -> np.ndarray:
    """(T, P, 3) pixels of a performance, as a tracker sees it."""
    frames = len(done.pose_rad)
    face = shown(who.rest, blendshapes=done.blendshapes, pose_rad=done.pose_rad, drift=done.drift)
    # The tracker's filter lets a face that moves tremble, and calms one that does not.
    strength = scenario.noise * (_CALM + (1 - _CALM) * done.stir).astype(np.float32)
    face += strength[:, None, None] * trembling(random, frames, fps=scenario.fps)
    memory = np.full(3, _PLACE_MEMORY_S * scenario.fps)
    sway = wander(random, frames, memory_frames=memory)
    sway *= (who.manner.liveliness * done.stir)[:, None]
    frame_px = np.array([scenario.width_px, scenario.height_px])
    scale_px = _FACE_SHARE * frame_px.min() * who.size * (1 + _SIZE_MOVES * sway[:, 2])
    place = who.place + random.normal(0, 0.015, 2)
    centre_px = place * frame_px + sway[:, :2] * _PLACE_MOVES * scale_px[:, None]
    return filmed(face, pose_rad=done.pose_rad, scale_px=scale_px, centre_px=centre_px)


def _in_the_frame(pixels: np.ndarray, scenario: Scenario) -> np.ndarray:
    """Fractions of the frame; a clip that would leave it is moved, or shrunk, as a whole."""
    fractions = pixels / np.array(
        [scenario.width_px, scenario.height_px, scenario.width_px], np.float32
    )
    low, high = fractions[..., :2].min(axis=(0, 1)), fractions[..., :2].max(axis=(0, 1))
    size = min(1.0, float(((1 - 2 * _EDGE) / (high - low)).min()))
    middle = (low + high) / 2
    room = 0.5 - _EDGE - size * (high - low) / 2
    wanted = np.clip(middle, 0.5 - room, 0.5 + room)
    if size < 1:
        fractions *= np.float32(size)
    fractions[..., :2] += (wanted - size * middle).astype(np.float32)
    return fractions


def _presence(random: np.random.Generator, scenario: Scenario) -> np.ndarray:
    """(T,) the tracker's confidence; 0 where there is no face, in lapses and in absences.

    About half the frames without a face lie in lapses of a few frames, half in absences of a
    second or more. Both come and go without memory, and are under way when a clip begins.
    """
    found = random.normal(*_PRESENCE_LOGIT, scenario.frames)
    presence = (1 / (1 + np.exp(-found))).astype(np.float32)
    share = 1 - math.sqrt(1 - scenario.dropout)  # of each kind: together they make dropout
    for mean_s in (_LAPSE_S, _AWAY_S):
        presence[_gone(random, scenario, share, mean_s)] = 0
    return presence


def _gone(
    random: np.random.Generator, scenario: Scenario, share: float, mean_s: float
) -> np.ndarray:
    """(T,) bool: a two-state chain that is on for `share` of the frames, `mean_s` at a time."""
    chance = random.random(scenario.frames)
    if share == 0:
        return np.zeros(scenario.frames, bool)
    ends = min(1.0, 1 / (mean_s * scenario.fps), (1 - share) / share)
    begins = ends * share / (1 - share)
    gone = np.empty(scenario.frames, bool)
    gone[0] = chance[0] < share
    for frame in range(1, scenario.frames):
        gone[frame] = chance[frame] >= ends if gone[frame - 1] else chance[frame] < begins
    return gone
