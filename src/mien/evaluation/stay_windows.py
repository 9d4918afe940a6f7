"""A stay's 1 s windows straight from its script, without a face: a patient-day in seconds.

What is measured in a state (an activity under a view, a smile, a grimace of some P) has a known
distribution, and of its variance a part is the person's, and parts are forgotten within 20 min,
2 min, 15 s, 3 s or at once. Both are aggregates over simulated patients whose every frame was
made and measured: benchmarks/fit_stay_windows.py. benchmarks/stay_levels.py holds both ways
beside each other.

A value is drawn as a Gaussian with such a memory, put through the state's quantiles (Cario &
Nelson 1997, doi:10.1080/07408179708921302, "ARTA").

Shapes: N seconds, S states, C channels, M = 7 parts, Q quantiles, U = 6 units, R = 14 regions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from mien.evaluation.stay_states import p_beyond, smoothed, state_weights
from mien.recording.synthetic_stay import WINDOWS, Stay
from mien.recording.synthetic_stay_arrival import host_clock
from mien.recording.synthetic_stay_events import track
from mien.recording.synthetic_stay_noise import Drifting, Wandering
from mien.risk.action_units import CLOSED, COUNTS_WITH
from mien.risk.events import Said, WindowClosed
from mien.risk.measured import DECIMALS

# closed: AU43. gone: share of frames without a face. turned: share of faces that are turned too
# far. speaks: whether the mouth has the rhythm of speech.
CHANNELS = ("p", "closed", "r", "jitter", "gone", "turned", "speaks")
SMOOTHED = ("p", "closed")  # follow the action units, which the watch smooths
# How long the parts of a value last, beside what stays for ever, which is the person. The last but
# one is smooth, as turns of talk are: alike for a second or two, then not at all.
MEMORIES_S = (1200.0, 120.0, 15.0, 3.0)
SMOOTH_S = 1.2
PARTS = 1 + len(MEMORIES_S) + 2  # the person's, these, the smooth one, and what is new each second
STATISTICS_PATH = Path(__file__).parent / "data" / "stay_windows.npz"
PIECE_S = 3600  # made at a time: bounds memory
_THIN_HZ = 10  # frames a second that the watch looks at
_TRAVEL_S = 0.03  # an undisturbed frame's way
_AU06_OF_AU07, _AU09_OF_AU10 = 0.25, 0.1  # roughly, in grimaces
_LEAST = 1e-4  # a weight below is none


@dataclass(frozen=True)
class WindowStatistics:
    """What the long way says."""

    scores: np.ndarray  # (Q,) rising standard normal scores that the quantiles are at
    quantiles: np.ndarray  # (S, C, Q)
    shares: np.ndarray  # (S, C, M) of the variance: see PARTS
    profile_p: np.ndarray  # (L,) P without closed eyes, at which
    profile: np.ndarray  # (L, 3) it is so much of AU4, of the eyes' orbit, of the upper lip
    regions: np.ndarray  # (4, R) mean, deviation between people, move by P, deviation in time


@cache
def window_statistics() -> WindowStatistics:
    """The packaged statistics."""
    with np.load(STATISTICS_PATH, allow_pickle=False) as stored:
        return WindowStatistics(**{name: stored[name].astype(np.float64) for name in stored.files})


@dataclass(frozen=True)
class WindowColumns:
    """Some seconds' windows as arrays, for who counts without the watch. NaN: not measured."""

    end_ms: np.ndarray  # (N,)
    frames: np.ndarray  # (N,)
    with_face: np.ndarray  # (N,)
    in_pose: np.ndarray  # (N,)
    jitter: np.ndarray  # (N,)
    skew_ms: np.ndarray  # (N,)
    action_units: np.ndarray  # (N, U)
    is_speaking: np.ndarray  # (N,) bool
    p: np.ndarray  # (N,)
    r: np.ndarray  # (N,)
    regions: np.ndarray  # (N, R)


def windows(stay: Stay) -> Iterator[Said]:
    """(end_ms, WindowClosed) of each second of a stay, as the Signal machine would say them.

    Told to signal.step as events, they also give the signal's state and technical conditions.
    The same stay gives the same windows. No model of emotion looks on: `negative` is None.

    >>> from mien.recording.synthetic_stay import script
    >>> at_ms, window = next(windows(script(1, 1)))
    >>> at_ms, window.frames, window.with_face
    (1000, 10, 10)
    """
    for some in window_columns(stay):
        yield from zip(some.end_ms.tolist(), _closed(some), strict=True)


def window_columns(
    stay: Stay, statistics: WindowStatistics | None = None
) -> Iterator[WindowColumns]:
    """The same as arrays, an hour at a time."""
    known = statistics or window_statistics()
    random = stay.random(WINDOWS)
    noise = _Noise(random, known)
    seconds = int(stay.length_s)
    before: np.ndarray | None = None
    for start_s in range(0, seconds, PIECE_S):
        count = min(PIECE_S, seconds - start_s)
        weights = state_weights(stay, start_s, count)
        slow = smoothed(weights, weights[0] if before is None else before)
        before = slow[-1]
        drawn = noise.next(random, weights, slow)
        drawn["p"] += p_beyond(stay, start_s, count)
        yield _columns(stay, start_s, drawn, noise, random)


class _Noise:
    """One patient's gaussians, which go on from hour to hour."""

    def __init__(self, random: np.random.Generator, known: WindowStatistics) -> None:
        self.known = known
        self._person = random.standard_normal(len(CHANNELS))
        self._lasting = Drifting(random, np.tile(MEMORIES_S, len(CHANNELS)))
        self._smooth = Wandering(random, np.full(len(CHANNELS), SMOOTH_S))
        rest, between, _, _ = known.regions
        self.regions = rest + between * random.standard_normal(len(rest))
        self.region_noise = Drifting(random, np.full(len(rest), 60.0))

    def next(
        self, random: np.random.Generator, weights: np.ndarray, slow: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Channel -> (N,). weights: (N, S) of the states now; slow: as action units follow."""
        count = len(weights)
        lasting = self._lasting.next(random, count).reshape(count, len(CHANNELS), -1)
        smooth = self._smooth.next(random, count)
        fresh = random.standard_normal(smooth.shape)
        found = {}
        for place, name in enumerate(CHANNELS):
            person = np.full(count, self._person[place])
            parts = [person, *lasting[:, place].T, smooth[:, place], fresh[:, place]]
            found[name] = _drawn(
                slow if name in SMOOTHED else weights,
                np.stack(parts, axis=1),
                self.known.scores,
                self.known.quantiles[:, place],
                self.known.shares[:, place],
            )
        return found


def _drawn(
    weights: np.ndarray,
    parts: np.ndarray,
    scores: np.ndarray,
    quantiles: np.ndarray,
    shares: np.ndarray,
) -> np.ndarray:
    """(N,) of one channel. parts: (N, M). quantiles: (S, Q). shares: (S, M)."""
    found = np.zeros(len(weights))
    for state in np.flatnonzero(weights.max(axis=0) > _LEAST):
        rows = np.flatnonzero(weights[:, state] > _LEAST)
        score = parts[rows] @ np.sqrt(shares[state])
        found[rows] += weights[rows, state] * np.interp(score, scores, quantiles[state])
    return found


def _columns(
    stay: Stay,
    start_s: int,
    drawn: dict[str, np.ndarray],
    noise: _Noise,
    random: np.random.Generator,
) -> WindowColumns:
    count = len(drawn["p"])
    end_s = start_s + 1.0 + np.arange(count)
    frames, seen = _frames(stay, end_s)
    with_face = (frames * seen * (1 - np.clip(drawn["gone"], 0, 1))).round().astype(int)
    in_pose = (with_face * (1 - np.clip(drawn["turned"], 0, 1))).round().astype(int)
    speaks = (drawn["speaks"] > 0.5) & (with_face >= 7)
    units = action_units_of(drawn["p"], drawn["closed"], speaks, noise.known)
    p = p_of_rows(units, speaks)
    r = np.maximum(drawn["r"], 0) + _turning(stay, end_s)
    moves, wobble = noise.known.regions[2], noise.known.regions[3]
    regions = noise.regions + p[:, None] * moves
    regions = regions + wobble * noise.region_noise.next(random, count)
    skew_s = host_clock(end_s, stay.arrival) - end_s + _TRAVEL_S + stay.arrival.shuffle_s / 2
    return WindowColumns(
        end_ms=(end_s * 1000).round().astype(int),
        frames=frames,
        with_face=with_face,
        in_pose=in_pose,
        jitter=np.where(with_face >= 3, _rounded(np.maximum(drawn["jitter"], 0)), np.nan),
        skew_ms=(skew_s * 1000).round().astype(int),
        action_units=np.where(in_pose[:, None] > 0, units, np.nan),
        is_speaking=speaks,
        p=np.where(in_pose > 0, p, np.nan),
        r=np.where(with_face >= 2, _rounded(r), np.nan),
        regions=np.where(in_pose[:, None] > 0, _rounded(regions), np.nan),
    )


def _frames(stay: Stay, end_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N,) frames of each second, and the share of them in which somebody is in view."""
    tenths = np.arange(_THIN_HZ) / _THIN_HZ
    times_s = ((end_s - 1)[:, None] + tenths).ravel()
    is_sent = ~track(stay.views, "lost").is_on(times_s).reshape(-1, _THIN_HZ)
    is_there = ~track(stay.views, "away").is_on(times_s).reshape(-1, _THIN_HZ)
    frames = is_sent.sum(axis=1)
    return frames, (is_sent & is_there).sum(axis=1) / np.maximum(frames, 1)


def _turning(stay: Stay, end_s: np.ndarray) -> np.ndarray:
    """(N,) rad/s, of a head that turns away or back."""
    edges_s = np.append(end_s - 1, end_s[-1:])
    turned = track(stay.views, "turned")
    yaw_deg = turned.course(edges_s, rise_s=1.0, fall_s=1.0)
    return np.radians(np.abs(np.diff(yaw_deg)))


def action_units_of(
    p: np.ndarray, closed: np.ndarray, speaks: np.ndarray, known: WindowStatistics
) -> np.ndarray:
    """(N, U) units that make up P as grimaces do. closed: AU43. All (N,)."""
    closed = np.clip(closed, 0, 5)
    p = np.maximum(p, 0)
    shut = closed >= CLOSED
    parts = _parts(np.maximum(p - shut, 0), speaks, known)
    is_sleep = shut & (parts[:, :2].max(axis=1) < COUNTS_WITH)
    asleep = _parts(p, speaks, known)
    calm = (COUNTS_WITH - 1e-3) / np.maximum(asleep[:, :2].max(axis=1), COUNTS_WITH - 1e-3)
    parts = np.where(is_sleep[:, None], asleep * calm[:, None], parts)
    brow, orbit, lip = np.clip(parts, 0, 5).T
    said = np.where(speaks, _AU09_OF_AU10, 1.0)  # the lip that speech raises is not in P
    units = [brow, _AU06_OF_AU07 * orbit, orbit, lip * _AU09_OF_AU10 / said, lip, closed]
    return _rounded(np.stack(units, axis=1))


def _parts(core: np.ndarray, speaks: np.ndarray, known: WindowStatistics) -> np.ndarray:
    """(N, 3) AU4, orbit and lip that sum to a P without closed eyes, as far as each can go."""
    some = [np.interp(core, known.profile_p, column) for column in known.profile.T]
    share = np.stack(some, axis=1)
    share /= share.sum(axis=1, keepdims=True)
    parts: np.ndarray = np.minimum(core[:, None] * share, 5)
    left = core - parts.sum(axis=1)
    for place in (1, 0, 2):
        more = np.minimum(left, 5 - parts[:, place])
        parts[:, place] += more
        left = left - more
    return parts


def p_of_rows(units: np.ndarray, speaks: np.ndarray) -> np.ndarray:
    """(N,) as action_units.p_of, of many at once."""
    au04, au06, au07, au09, au10, au43 = units.T
    orbit = np.maximum(au06, au07)
    lip = np.where(speaks, au09, np.maximum(au09, au10))
    is_closed = (au43 >= CLOSED) & (np.maximum(au04, orbit) >= COUNTS_WITH)
    return _rounded(au04 + orbit + lip + is_closed)


def _closed(some: WindowColumns) -> Iterator[WindowClosed]:
    for row in zip(
        some.frames.tolist(),
        some.with_face.tolist(),
        some.in_pose.tolist(),
        some.jitter.tolist(),
        some.skew_ms.tolist(),
        some.action_units.tolist(),
        some.is_speaking.tolist(),
        some.p.tolist(),
        some.r.tolist(),
        some.regions.tolist(),
        strict=True,
    ):
        frames, with_face, in_pose, jitter, skew_ms, units, speaks, p, r, regions = row
        yield WindowClosed(
            frames=frames,
            with_face=with_face,
            in_pose=in_pose,
            jitter=None if jitter != jitter else jitter,
            skew_ms=skew_ms if frames else None,
            action_units=tuple(units) if in_pose else None,
            mouth_is_speaking=speaks,
            p=p if in_pose else None,
            r=None if r != r else r,
            negative=None,
            regions=tuple(regions) if in_pose else None,
        )


def _rounded(values: np.ndarray) -> np.ndarray:
    return np.round(values, DECIMALS) + 0.0
