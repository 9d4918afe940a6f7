"""What a patient's face and head do from frame to frame of a stay, before any camera.

How far each activity moves them is an assumption, in the tables of this file.

Shapes: T frames, B = 52 blendshapes, K tensions, A = 4 activities in the order of ACTIVITIES.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mien.recording.synthetic_face import DRIFTS
from mien.recording.synthetic_motion import (
    blendshape_vector,
    lids_shut,
    looking,
    ramp,
    speech,
    with_lids,
)
from mien.recording.synthetic_people import Performance
from mien.recording.synthetic_stay import ACTIVITIES, EVENTS, Stay, usual_intensity
from mien.recording.synthetic_stay_events import Events, track
from mien.recording.synthetic_stay_noise import Drifting, Wandering
from mien.recording.synthetic_stay_patient import TENSIONS, Patient

# Activity -> how lively head and face are; 1 is somebody who talks.
_HEAD = np.array([{"rest": 0.5, "sleep": 0.06, "speech": 1.0, "meal": 0.9}[k] for k in ACTIVITIES])
_FACE = np.array([{"rest": 0.6, "sleep": 0.15, "speech": 1.0, "meal": 0.8}[k] for k in ACTIVITIES])
_CHANGES_S, _FALLS_ASLEEP_S = 1.5, 5.0
_BODY_STIRS = 4.0  # the head, while the body moves
_DISTRESS_STIRS = 1.6  # at intensity 1
# Head: quick and slow wandering, as deviations of yaw, pitch and roll, with their memories.
_QUICK_RAD, _QUICK_S = np.radians([0.8, 2.0, 0.55]), 0.22
_SLOW_RAD, _SLOW_S = np.radians([3.0, 2.0, 1.5]), 20.0
_BURSTS, _BURST_S = 0.8, 0.3
_BREATH_RAD, _BREATH_HZ = np.radians(0.12), 0.25
# A resting face's tension: shares of the variance in each memory, s.
_TENSION = ((0.7, 0.12), (12.0, 0.18), (240.0, 0.4), (2700.0, 0.3))
_LOOKS = 0.22  # of the drift between photographs, that comes and goes with a memory of
_LOOKS_S = 0.8
_WANES, _WANES_S = 0.06, 6.0  # a distress is not held still
_HOLDS, _HOLDS_FROM = 0.8, 0.4  # muscles that contract to so much lose so much of their tension
_RISE_S, _FALL_S, _SMILE_RISE_S = 1.5, 3.0, 0.6
_LIDS_FROM, _LIDS_FULL = 0.5, 1.0  # intensities of a grimace between which the eyes close
_SLEEPING = blendshape_vector({"jawOpen": 0.06, "mouthClose": 0.02})
_BITE = blendshape_vector({"jawOpen": 0.4, "mouthLowerDown": 0.2, "mouthUpperUp": 0.06})
_CHEWS = blendshape_vector({"jawOpen": 0.14, "mouthPress": -0.1})
_PRESSED = blendshape_vector({"mouthPress": 0.25, "mouthRollLower": 0.15, "mouthRollUpper": 0.1})
_GRINDS = blendshape_vector({"jawLeft": 0.08, "jawRight": -0.08})
_ASLEEP = ACTIVITIES.index("sleep")
_BITE_S, _CHEWED_S, _DIPS_RAD = 1.2, 8.0, np.radians(-6.0)


class Motion:
    """The processes that go on from piece to piece."""

    def __init__(self, random: np.random.Generator, *, hz: float) -> None:
        memories_s = np.repeat([memory for memory, _ in _TENSION], len(TENSIONS))
        self._tension = Drifting(random, memories_s * hz)
        self._head = Wandering(random, np.array([_QUICK_S] * 3 + [_BURST_S]) * hz)
        self._slow = Drifting(random, np.array([_SLOW_S] * 3 + [_WANES_S]) * hz)
        self._looks = Drifting(random, np.full(DRIFTS, _LOOKS_S * hz))

    def next(
        self,
        random: np.random.Generator,
        stay: Stay,
        who: Patient,
        small: Events,
        times_s: np.ndarray,
    ) -> Performance:
        """What is done at some times, which follow those of the call before."""
        doing = activity_shares(stay, times_s)
        liveliness = (doing @ _FACE)[:, None]
        head = self._head.next(random, len(times_s))
        slow = self._slow.next(random, len(times_s))
        grimace = grimace_course(stay, times_s) * (1 + _WANES * slow[:, 3])
        held = (1 - _HOLDS * np.clip(grimace / _HOLDS_FROM, 0, 1))[:, None]
        moved = held * liveliness * self._tensions(random, len(times_s)) @ who.tension
        moved += grimace[:, None] * who.grimace + smile_course(stay, times_s)[:, None] * who.smile
        moved += _mouth(stay, who, small, times_s, doing)
        asleep = activity_shares(stay, times_s, changes_s=_FALLS_ASLEEP_S)[:, _ASLEEP]
        moved += looking(_gaze(small, times_s) * (1 - asleep)[:, None])
        shut = np.maximum.reduce([_lids(small, times_s), asleep, winced(who, grimace)])
        stir = _stir(stay, who, times_s, doing, grimace) * _bursts(head[:, 3])
        looks = held * liveliness * self._looks.next(random, len(times_s))
        return Performance(
            blendshapes=with_lids(moved, shut, opening=who.opening),
            pose_rad=_held(stir, head, (doing @ _HEAD) * who.restlessness, slow, small, times_s),
            drift=who.person.drift
            + small.postures.at(small.postures.drift, times_s)
            + _LOOKS * looks,
            stir=stir,
        )

    def _tensions(self, random: np.random.Generator, frames: int) -> np.ndarray:
        """(T, K) of deviation 1: quick, slow and very slow ones together."""
        noise = self._tension.next(random, frames).reshape(frames, len(_TENSION), -1)
        return np.einsum("tmk,m->tk", noise, np.sqrt([share for _, share in _TENSION]))


def activity_shares(
    stay: Stay, times_s: np.ndarray, *, changes_s: float = _CHANGES_S
) -> np.ndarray:
    """(T, A) how much of each activity goes on: one of them, but while it changes."""
    starts = np.array([one.start_s for one in stay.activities])
    kinds = np.array([ACTIVITIES.index(one.kind) for one in stay.activities])
    now = np.searchsorted(starts, times_s, side="right") - 1
    new = ramp((times_s - starts[now]) / changes_s)[:, None]
    alone = np.eye(len(ACTIVITIES))
    return alone[kinds[np.maximum(now - 1, 0)]] * (1 - new) + alone[kinds[now]] * new


def grimace_course(stay: Stay, times_s: np.ndarray) -> np.ndarray:
    """(T,) intensity of grimaces and distress, as they are meant."""
    meant = track(stay.grimaces)
    known = stay.intensities
    far = usual_intensity(meant.strength) if known is None else np.array(known)
    full = replace(meant, strength=far)
    return full.course(times_s, rise_s=_RISE_S, fall_s=_FALL_S)


def smile_course(stay: Stay, times_s: np.ndarray) -> np.ndarray:
    """(T,) how broad a smile is, 1 in full."""
    smiles = track(stay.expressions, "smile")
    return smiles.course(times_s, rise_s=_SMILE_RISE_S, fall_s=1.0)


def winced(who: Patient, grimace: np.ndarray) -> np.ndarray:
    """(T,) how far the eyes are shut in a grimace: some people's."""
    far = (grimace - _LIDS_FROM) / (_LIDS_FULL - _LIDS_FROM)
    return who.closes_eyes * np.clip(far, 0, 1)


def _mouth(
    stay: Stay, who: Patient, small: Events, times_s: np.ndarray, doing: np.ndarray
) -> np.ndarray:
    """(T, B) what speaking, eating and sleeping do."""
    moved = doing[:, [_ASLEEP]] * _SLEEPING + _chewing(small, times_s)
    said = small.sentences
    near = (said.start_s < times_s[-1] + 1) & (said.end_s > times_s[0] - 1)
    for index in np.flatnonzero(near):
        when = (times_s > said.start_s[index] - 0.5) & (times_s < said.end_s[index] + 0.5)
        if when.any():
            moved[when] += who.person.manner.speech * speech(
                stay.random(EVENTS, int(index) + 1),  # a seed ending in 0 is the one without it
                times_s[when],
                start_s=said.start_s[index],
                stop_s=said.end_s[index],
            )
    return moved


def _chewing(small: Events, times_s: np.ndarray) -> np.ndarray:
    """(T, B) a mouthful is taken, chewed with lips closed, and swallowed."""
    since_s, is_eating = _since_bite(small, times_s)
    turn = 2 * np.pi * small.chews_hz * since_s
    chewed = ramp((since_s - _BITE_S) / 0.3) * ramp((_BITE_S + _CHEWED_S - since_s) / 0.5)
    moved = np.outer(bite_course(small, times_s), _BITE)
    moved += (is_eating * chewed)[:, None] * (
        np.outer((1 - np.cos(turn)) / 2, _CHEWS) + np.outer(np.sin(turn / 2), _GRINDS) + _PRESSED
    )
    return moved


def bite_course(small: Events, times_s: np.ndarray) -> np.ndarray:
    """(T,) 0-1: a spoon or hand is at the mouth."""
    since_s, is_eating = _since_bite(small, times_s)
    return is_eating * ramp(since_s / 0.4) * ramp((_BITE_S - since_s) / 0.3)


def _since_bite(small: Events, times_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(T,) s since a mouthful was taken, and whether the patient is at it."""
    starts = small.bites.start_s
    if not len(starts):
        return np.zeros(len(times_s)), np.zeros(len(times_s), bool)
    last = starts[np.maximum(np.searchsorted(starts, times_s, side="right") - 1, 0)]
    return times_s - last, small.bites.is_on(times_s)


def _lids(small: Events, times_s: np.ndarray) -> np.ndarray:
    """(T,) how far blinks have shut the lids."""
    first, last = np.searchsorted(small.blink_s, [times_s[0] - 1, times_s[-1]])
    return lids_shut(times_s, small.blink_s[first:last], small.blink_pace[first:last])


def _gaze(small: Events, times_s: np.ndarray) -> np.ndarray:
    """(T, 2) to the person's left and down: one fixation after another."""
    return small.gaze[np.searchsorted(small.glance_s, times_s, side="right")]


def _stir(
    stay: Stay, who: Patient, times_s: np.ndarray, doing: np.ndarray, grimace: np.ndarray
) -> np.ndarray:
    """(T,) how lively the head is on the whole: 1 is somebody who talks."""
    body = track(stay.postures).course(times_s, rise_s=0.5, fall_s=0.5)
    calm = (doing @ _HEAD) * who.person.manner.liveliness
    return who.restlessness * (calm + _DISTRESS_STIRS * grimace) + _BODY_STIRS * body


def _bursts(noise: np.ndarray) -> np.ndarray:
    """(T,) heads mostly keep still, then move; the mean square is 1."""
    return np.exp(_BURSTS * noise - _BURSTS**2)


def _held(
    stir: np.ndarray,
    head: np.ndarray,
    sways: np.ndarray,
    slow: np.ndarray,
    small: Events,
    times_s: np.ndarray,
) -> np.ndarray:
    """(T, 3) yaw, pitch and roll, as the body lies and the head moves on it."""
    pose = small.postures.at(small.postures.pose_rad, times_s)
    pose = pose + stir[:, None] * head[:, :3] * _QUICK_RAD
    pose += sways[:, None] * slow[:, :3] * _SLOW_RAD
    pose[:, 1] += _BREATH_RAD * np.sin(2 * np.pi * _BREATH_HZ * times_s)
    pose[:, 1] += _DIPS_RAD * bite_course(small, times_s)
    return pose
