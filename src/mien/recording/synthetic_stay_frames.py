"""From a stay's script to landmarks, piece by piece: what camera and tracker make of a patient.

Shapes: T frames, M rows of a chunk, P = 478 points.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from mien.errors import InputError
from mien.recording.synthetic_face import face_statistics, filmed, shown
from mien.recording.synthetic_motion import with_lids
from mien.recording.synthetic_people import Performance
from mien.recording.synthetic_stay import ARRIVALS, FRAMES, PATIENT, Stay
from mien.recording.synthetic_stay_arrival import arrivals, host_clock
from mien.recording.synthetic_stay_events import Events, events, track
from mien.recording.synthetic_stay_motion import Motion, bite_course, winced
from mien.recording.synthetic_stay_noise import Drifting, Lapses, Tremor, Wandering
from mien.recording.synthetic_stay_patient import Patient, lies_in_bed

PIECE_S = 60.0  # made at a time: bounds memory
SIZE_PX = (640, 480)
HZ = (1.0, 120.0)
_FACE_SHARE = 0.15  # outer eye corners' distance, of the frame's height
_SHAPE_TURNS_RAD = np.radians(35)  # the face's terms of a turn were fitted up to here
_CALM = 0.6  # of the tremor, that stays when the head is still
_SWAYS, _SWAY_S = (0.02, 0.04), 0.4  # of the face's place, in eye distances, and their memory
_HIDDEN_TREMBLES, _BITE_HIDES = 6.0, 0.6  # a hidden part's points are guessed
_GUESS, _GUESS_S = {"dim": 0.06, "occluded": 0.5, "turned": 0.4}, 0.6  # drift of a guessed face
# Shares of frames without a face: always; for each fold of tremor; in full.
_GONE = {"clear": 0.002, "dim": 0.03, "occluded": 0.2, "turned": 0.03, "profile": 0.5}
_LAPSE_S, _SIZE_MOVES = 0.25, 0.007
_NOSE_TIP, _HIDES_WITHIN = 4, 0.15  # below the nose's tip, in eye distances
_PRESENCE_LOGIT = (12.0, 2.0)  # mean and deviation of a found face's: see synthetic


@dataclass(frozen=True)
class FrameChunk:
    """Some frames as they reach the host, in that order. NaN points and presence 0: no face."""

    points: np.ndarray  # (M, P, 3) float32, fractions of the frame
    frame_num: np.ndarray  # (M,) by the stream's clock
    time_s: np.ndarray  # (M,) the stream's clock
    received_s: np.ndarray  # (M,) the host's
    presence: np.ndarray  # (M,) float32

    def rows(self, which: np.ndarray) -> FrameChunk:
        return FrameChunk(**{name: getattr(self, name)[which] for name in _FIELDS})


_FIELDS = tuple(FrameChunk.__dataclass_fields__)


def frames(stay: Stay, hz: float = 10.0) -> Iterator[FrameChunk]:
    """A stay's frames, a minute at a time, as they reach the host.

    The same stay and rate give the same bytes on one machine. While the camera is lost there
    are no frames. Raises InputError for a rate that cannot be.

    >>> from mien.recording.synthetic_stay import script
    >>> chunk = next(frames(script(1, 0.1), hz=10))
    >>> chunk.points.shape, chunk.time_s[:3].tolist()
    ((600, 478, 3), [0.0, 0.1, 0.2])
    """
    if not HZ[0] <= hz <= HZ[1]:
        raise InputError(f"frames a second must be {HZ[0]:g} to {HZ[1]:g}, got {hz:g}")
    random = stay.random(ARRIVALS)
    waiting: FrameChunk | None = None
    for end_s, made in _filmed_pieces(stay, hz):
        which, when_s = arrivals(random, made.time_s, stay.arrival)
        sent = replace(made.rows(which), received_s=when_s)
        waiting = sent if waiting is None else _joined(waiting, sent)
        order = np.argsort(waiting.received_s, kind="stable")
        is_here = waiting.received_s[order] < end_s
        if is_here.any():
            yield _by_the_host(waiting.rows(order[is_here]), stay)
        waiting = waiting.rows(order[~is_here])
    if waiting is not None and len(waiting.time_s):
        yield _by_the_host(waiting, stay)


def frame_count(stay: Stay, hz: float) -> int:
    """How many times the camera's clock strikes: frames are as many or fewer, but for doubles."""
    return max(round(stay.length_s * hz), 1)


def still_faces(stay: Stay, times_s: np.ndarray, intensities: np.ndarray) -> np.ndarray:
    """The patient as the body lies at some times, grimacing so far and doing nothing else.

    No noise is in it: what a watch measures of a grimace in the mean. times_s, intensities: (T,).
    Returns (T, P, 3) fractions of the frame.
    """
    who = lies_in_bed(stay.random(PATIENT))
    lies = events(stay, who).postures
    shut = winced(who, intensities)
    face = shown(
        who.person.rest,
        blendshapes=with_lids(intensities[:, None] * who.grimace, shut, opening=who.opening),
        pose_rad=lies.at(lies.pose_rad, times_s),
        drift=who.person.drift + lies.at(lies.drift, times_s),
    )
    place, still = lies.at(lies.place, times_s), np.zeros((len(times_s), 3))
    return _placed(face, lies.at(lies.pose_rad, times_s), who, place, still)


def _filmed_pieces(stay: Stay, hz: float) -> Iterator[tuple[float, FrameChunk]]:
    """(end, frames in their own order) of each minute; the last one's end is never."""
    random = stay.random(FRAMES)
    who = lies_in_bed(stay.random(PATIENT))
    small = events(stay, who)
    motion, tracker = Motion(random, hz=hz), _Tracker(random, hz=hz)
    count, piece = frame_count(stay, hz), max(round(PIECE_S * hz), 1)
    lost, sent = track(stay.views, "lost"), 0
    for first in range(0, count, piece):
        times_s = np.arange(first, min(first + piece, count)) / hz
        done = motion.next(random, stay, who, small, times_s)
        points, presence = tracker.next(random, stay, who, small, done, times_s)
        is_sent = ~lost.is_on(times_s)
        numbers = sent + np.arange(is_sent.sum())
        sent += len(numbers)
        times_s = times_s[is_sent]
        made = FrameChunk(points[is_sent], numbers, times_s, times_s, presence[is_sent])
        yield (first + piece) / hz, made


class _Tracker:
    """A camera and a tracker of points, whose noise goes on from piece to piece."""

    def __init__(self, random: np.random.Generator, *, hz: float) -> None:
        self._hz = hz
        self._tremor = Tremor(random, hz=hz)
        self._sway = Wandering(random, np.full(3, _SWAY_S * hz))
        self._guess = Drifting(random, np.full(len(face_statistics().drift), _GUESS_S * hz))
        self._lapses = Lapses()

    def next(
        self,
        random: np.random.Generator,
        stay: Stay,
        who: Patient,
        small: Events,
        done: Performance,
        times_s: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Points (T, P, 3) in fractions of the frame, and presence (T,)."""
        frames = len(times_s)
        sight = _sight(stay, small, times_s)
        pose = done.pose_rad.copy()
        pose[:, 0] += sight.turned * (np.radians(sight.yaw_deg) - pose[:, 0])
        drift = done.drift + sight.guess[:, None] * self._guess.next(random, frames)
        fitted = np.clip(pose, -_SHAPE_TURNS_RAD, _SHAPE_TURNS_RAD)
        face = shown(who.person.rest, blendshapes=done.blendshapes, pose_rad=fitted, drift=drift)
        face += _strength(who, done, sight)[..., None] * self._tremor.next(random, frames)
        sway = self._sway.next(random, frames) * np.minimum(done.stir, 3)[:, None]
        points = _placed(face, pose, who, small.postures.at(small.postures.place, times_s), sway)
        gone = self._lapses.next(random, sight.gone, mean_frames=_LAPSE_S * self._hz)
        return _without_face(random, points, gone | sight.is_away)


@dataclass(frozen=True)
class _Sight:
    """How well the face is seen, (T,) each."""

    yaw_deg: np.ndarray
    turned: np.ndarray  # 0-1: how much of the head's turn is this yaw
    dim: np.ndarray  # 1 in good light: the tremor's factor
    hidden: np.ndarray  # 0-1, of the lower face
    guess: np.ndarray  # how far the tracker's face is off, in deviations of its drift
    gone: np.ndarray  # share of frames without a face
    is_away: np.ndarray


def _sight(stay: Stay, small: Events, times_s: np.ndarray) -> _Sight:
    turn = track(stay.views, "turned")
    turned = turn.unit.course(times_s, rise_s=1.0, fall_s=1.0)
    yaw_deg = turn.latest(times_s)
    dim = np.maximum(track(stay.views, "dim").course(times_s, rise_s=0.3, fall_s=0.3), 1)
    hidden = track(stay.views, "occluded").course(times_s, rise_s=0.4, fall_s=0.4)
    hidden = np.maximum(hidden, _BITE_HIDES * bite_course(small, times_s))
    profile = turned * np.clip((np.abs(yaw_deg) - 45) / 20, 0, 1)
    guess = _GUESS["dim"] * (dim - 1) + _GUESS["occluded"] * hidden + _GUESS["turned"] * turned
    gone = _GONE["clear"] + _GONE["dim"] * (dim - 1) + _GONE["occluded"] * hidden
    gone += _GONE["turned"] * turned + _GONE["profile"] * profile
    is_away = track(stay.views, "away").is_on(times_s)
    return _Sight(yaw_deg, turned, dim, hidden, guess, gone, is_away)


def _strength(who: Patient, done: Performance, sight: _Sight) -> np.ndarray:
    """(T, P) or (T, 1) of the tremor: more in bad light, and where a point is not seen."""
    whole = who.tremor * (_CALM + (1 - _CALM) * np.minimum(done.stir, 3)) * sight.dim
    whole = (whole * (1 + sight.turned))[:, None].astype(np.float32)
    if not sight.hidden.any():
        return whole
    hides = 1 + (_HIDDEN_TREMBLES - 1) * np.outer(sight.hidden, _lower_face())
    return whole * hides.astype(np.float32)


@cache
def _lower_face() -> np.ndarray:
    """(P,) 0-1: what a hand at the mouth hides."""
    below = face_statistics().mean[:, 1] - face_statistics().mean[_NOSE_TIP, 1]
    return np.clip(below / _HIDES_WITHIN, 0, 1)


def _placed(
    face: np.ndarray, pose_rad: np.ndarray, who: Patient, place: np.ndarray, sway: np.ndarray
) -> np.ndarray:
    """(T, P, 3) fractions of the frame. place: (T, 3) beside the patient's. sway: (T, 3)."""
    frame_px = np.array(SIZE_PX)
    scale_px = _FACE_SHARE * frame_px.min() * who.person.size * np.exp(place[:, 2])
    scale_px = scale_px * (1 + _SIZE_MOVES * sway[:, 2])
    centre_px = (who.person.place + place[:, :2]) * frame_px
    centre_px = centre_px + sway[:, :2] * _SWAYS * scale_px[:, None]
    pixels = filmed(face, pose_rad=pose_rad, scale_px=scale_px, centre_px=centre_px)
    pixels /= np.array([*SIZE_PX, SIZE_PX[0]], np.float32)
    return pixels


def _without_face(
    random: np.random.Generator, points: np.ndarray, gone: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    found = random.normal(*_PRESENCE_LOGIT, len(points))
    presence = (1 / (1 + np.exp(-found))).astype(np.float32)
    presence[gone] = 0
    points[gone] = np.nan
    return points, presence


def _by_the_host(come: FrameChunk, stay: Stay) -> FrameChunk:
    return replace(come, received_s=host_clock(come.received_s, stay.arrival))


def _joined(first: FrameChunk, second: FrameChunk) -> FrameChunk:
    return FrameChunk(
        **{n: np.concatenate([getattr(first, n), getattr(second, n)]) for n in _FIELDS}
    )
