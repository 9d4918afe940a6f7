"""Whether windows drawn from a stay's script are distributed as those measured frame by frame.

Both are grouped by what goes on, and compared in what a score is made of: P, R, signal quality,
tremor, the rhythm of speech, and how alike a second is to those after it.

Shapes: N seconds, V = 5 values in the order of VALUES, L lags.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mien.recording.synthetic_stay import Stay
from mien.recording.synthetic_stay_events import track
from mien.risk.events import WindowClosed
from mien.risk.quality import quality_of
from mien.risk.settings import SignalSettings

VALUES = ("p", "r", "quality", "jitter", "speaks")
GROUPS = (
    *("rest", "sleep", "speech", "meal", "smile", "posture"),
    *("grimace", "distress 4-6", "distress 6-", "dim", "occluded", "turned", "away", "lost"),
)
LAGS_S = (1, 2, 5, 10, 20, 30, 45, 60)
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
STRONG_P = 6.0
_QUALITY_S = 10
_SETTLES_S = 5  # after something begins, until a second counts as its


@dataclass(frozen=True)
class GroupedWindows:
    """One patient's seconds. NaN: nothing to measure."""

    values: np.ndarray  # (N, V)
    group: np.ndarray  # (N,) of GROUPS, -1 where something has just begun


@dataclass(frozen=True)
class Compared:
    """One value in one group, both ways."""

    group: str
    value: str
    seconds: tuple[int, int]  # measured, drawn
    distance: float  # Kolmogorov-Smirnov: the largest gap between the two distributions, 0-1
    chance: float  # the same between two halves of the patients measured: what people differ
    quantiles: tuple[tuple[float, float], ...]  # (measured, drawn) at QUANTILES
    alike: tuple[tuple[float, float], ...]  # (measured, drawn) autocorrelation at LAGS_S


def grouped(
    stay: Stay, windows: Sequence[WindowClosed], settings: SignalSettings
) -> GroupedWindows:
    """The windows of a stay's first seconds, by what went on."""
    nan = float("nan")
    quality = [
        quality_of(windows[max(0, end - _QUALITY_S) : end], settings)
        for end in range(1, len(windows) + 1)
    ]
    values = [
        (
            nan if one.p is None else one.p,
            nan if one.r is None else one.r,
            how,
            nan if one.jitter is None else one.jitter,
            float(one.mouth_is_speaking),
        )
        for one, how in zip(windows, quality, strict=True)
    ]
    return GroupedWindows(np.array(values), groups_of(stay, len(windows)))


def groups_of(stay: Stay, seconds: int) -> np.ndarray:
    """(N,) what goes on in each second: the activity, unless a view or an expression is above."""
    times_s = np.arange(seconds) + 0.5
    found = np.full(seconds, -1)
    for name in ("rest", "sleep", "speech", "meal"):
        found[track(stay.activities, name).is_on(times_s)] = GROUPS.index(name)
    found[track(stay.postures).is_on(times_s)] = GROUPS.index("posture")
    for name in ("smile", "grimace"):
        found[track(stay.expressions, name).is_on(times_s)] = GROUPS.index(name)
    distress = track(stay.distress)
    is_strong = distress.latest(times_s) >= STRONG_P
    found[distress.is_on(times_s) & ~is_strong] = GROUPS.index("distress 4-6")
    found[distress.is_on(times_s) & is_strong] = GROUPS.index("distress 6-")
    for name in ("dim", "occluded", "turned", "away", "lost"):
        found[track(stay.views, name).is_on(times_s)] = GROUPS.index(name)
    return _settled(found)


def _settled(found: np.ndarray) -> np.ndarray:
    """Seconds soon after a change belong to nothing, where what begins lasts."""
    changes = np.flatnonzero(np.diff(found)) + 1
    kept = found.copy()
    for begin, end in zip(changes, [*changes[1:], len(found)], strict=True):
        if end - begin > 2 * _SETTLES_S:
            kept[begin : begin + _SETTLES_S] = -1
    return kept


def compare(
    measured: Sequence[GroupedWindows],
    drawn: Sequence[GroupedWindows],
    *,
    people: Sequence[GroupedWindows] | None = None,
) -> list[Compared]:
    """Both ways beside each other, for each group and value that both have.

    people: each of those measured once, where some stand for several and are given so often.
    """
    found = []
    for number, group in enumerate(GROUPS):
        for place, value in enumerate(VALUES):
            runs = [_runs(some, number, place) for some in (measured, drawn)]
            first, second = (_joined(some) for some in runs)
            if min(len(first), len(second)) < 2:
                continue
            halves = [
                _joined(_runs((people or measured)[half::2], number, place)) for half in (0, 1)
            ]
            found.append(
                Compared(
                    group,
                    value,
                    (len(first), len(second)),
                    distance(first, second),
                    distance(*halves) if min(map(len, halves)) > 1 else float("nan"),
                    _pairs(np.quantile(first, QUANTILES), np.quantile(second, QUANTILES)),
                    _pairs(likeness(runs[0]), likeness(runs[1])),
                )
            )
    return found


def distance(first: np.ndarray, second: np.ndarray) -> float:
    """Kolmogorov-Smirnov's, between two samples: 0 for the same, 1 for such as share nothing.

    >>> distance(np.array([1.0, 2.0]), np.array([1.0, 2.0])), distance(np.zeros(3), np.ones(2))
    (0.0, 1.0)
    """
    places = np.concatenate([first, second])
    shares = [
        np.searchsorted(np.sort(some), places, side="right") / len(some) for some in (first, second)
    ]
    return float(np.abs(shares[0] - shares[1]).max())


def likeness(runs: Sequence[np.ndarray]) -> np.ndarray:
    """(L,) autocorrelation at LAGS_S about the mean of all, within runs; NaN where none is so long.

    runs: values of a second each, without a gap.
    """
    everything = _joined(runs)
    mean, variance = everything.mean(), everything.var()
    found = []
    for lag in LAGS_S:
        pairs = [(run[lag:] - mean) * (run[:-lag] - mean) for run in runs if len(run) > lag]
        is_told = sum(map(len, pairs)) > 60 and variance > 0
        found.append(np.concatenate(pairs).mean() / variance if is_told else np.nan)
    return np.array(found)


def _runs(some: Sequence[GroupedWindows], group: int, value: int) -> list[np.ndarray]:
    runs = []
    for one in some:
        column = one.values[:, value]
        is_in = (one.group == group) & ~np.isnan(column)
        edges = np.flatnonzero(np.diff(np.concatenate([[False], is_in, [False]])))
        runs += [column[begin:end] for begin, end in edges.reshape(-1, 2)]
    return runs


def _joined(runs: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate(runs) if runs else np.empty(0)


def _pairs(first: np.ndarray, second: np.ndarray) -> tuple[tuple[float, float], ...]:
    return tuple(zip(first.tolist(), second.tolist(), strict=True))
