"""Measure how a stay's windows are distributed: what mien packages for days without faces.

    python benchmarks/fit_stay_windows.py [--patients 48] [--workers 2] [--kept FOLDER]

Simulated patients go through every activity under every view, and through grimaces of known P,
twice each. Every frame is made and measured by the watch's own code (evaluation/stay_measured).
What is written are quantiles, shares of variance and means over all patients, for
evaluation/stay_windows: no patient can be read from it. With --kept the windows of a patient are
stored, and a second run goes on from them.

Takes about a processor-minute a patient and hour, of which each has one.

Shapes: N seconds, S states, C channels, M parts, Q quantiles.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy.optimize import nnls
from scipy.special import ndtr

from mien.evaluation.stay_calibration import calibrated, p_of_levels
from mien.evaluation.stay_measured import measured_windows
from mien.evaluation.stay_states import (
    P_LEVELS,
    POSTURE,
    SMILE,
    STATES,
    VIEW_LEVELS,
    smoothed,
    state_weights,
)
from mien.evaluation.stay_windows import (
    CHANNELS,
    MEMORIES_S,
    PARTS,
    SMOOTH_S,
    SMOOTHED,
    STATISTICS_PATH,
)
from mien.recording.synthetic_stay import ACTIVITIES, SCRIPT, Stay, script
from mien.recording.synthetic_stay_plan import HOUR_S, Stretch, postures
from mien.risk.events import WindowClosed

SEED = 20_000  # of patients that no test simulates
CLEAR_S, VIEW_S, VIEW_APART_S = 160.0, 22.0, 6.0
HELD_S, HELD_APART_S = 30.0, 20.0
SMILE_S, SMILE_APART_S = 12.0, 40.0
PASSES = 2
IN_STATE = 0.93  # of a second's weight: it is then of this state
TAIL = 3  # groups of 20, of those with most P at rest, that are looked at closely
FEWEST = 100  # seconds that a distribution is measured on; else it is its neighbour's
SCORES = np.linspace(-3.2, 3.2, 33)
_VIEWS = sum(map(len, VIEW_LEVELS.values()))
PASS_S = round(
    len(ACTIVITIES) * (CLEAR_S + _VIEWS * (VIEW_APART_S + VIEW_S))
    + len(P_LEVELS) * (HELD_APART_S + HELD_S)
)
# The last ones are to the other pass: the same person at another time.
LAGS_S = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 45, 60, 90, 120, PASS_S - 36, PASS_S, PASS_S + 36)
PROFILE_P = np.array([0.0, 0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.5])
HERMITES = 14


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patients", type=int, default=48, help="groups of 20 to stand for")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--kept", type=Path)
    parser.add_argument("--out", type=Path, default=STATISTICS_PATH)
    asked = parser.parse_args()
    chosen = spread(asked.patients, tail=min(TAIL, asked.patients))
    with ProcessPoolExecutor(asked.workers) as pool:
        seen = list(pool.map(partial(toured, kept=asked.kept), chosen))
    arrays = fit(seen, np.array(list(chosen.values())))
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(asked.out, **{name: a.astype(np.float32) for name, a in arrays.items()})
    print(f"{asked.out}: {asked.out.stat().st_size / 1e3:.0f} kB of {len(seen)} patients")
    show(arrays, seen)


def spread(
    count: int, *, seed: int = SEED, each: int = 20, tail: int = 0, parts: int = 5
) -> dict[int, float]:
    """Numbers of patients who stand for many, and for which share: of every `each`, one.

    By how they look at rest. What differs most between people is the P of a resting face: most
    have none, a few have much, and those are unlike each other. So of the `tail` groups that have
    most, one is taken of each of so many `parts`.
    """
    looks = []
    for number in range(1, count * each + 1):
        plain = script(seed, 0.01, patient=number, episodes_per_hour=0)
        rest, *more = p_of_levels(plain, np.zeros(1))[0, :3]
        looks.append(rest + 0.1 * sum(more))
    coarse = np.arange(0, (count - tail) * each, each)
    edges = np.append(coarse, np.arange((count - tail) * each, count * each + 1, each // parts))
    chosen = np.argsort(looks, kind="stable")[(edges[1:] + edges[:-1]) // 2] + 1
    shares = np.diff(edges) / (count * each)
    return dict(zip(chosen.tolist(), shares.tolist(), strict=True))


@dataclass(frozen=True)
class Seen:
    """One patient's windows, with the states that they are of. NaN: nothing to measure."""

    values: np.ndarray  # (N, C)
    units: np.ndarray  # (N, 6)
    regions: np.ndarray  # (N, 14)
    state: np.ndarray  # (N,) of the second; -1 where there is more than one
    slow_state: np.ndarray  # (N,) as action units follow


def toured(patient: int, *, kept: Path | None) -> Seen:
    """What is measured of one patient who goes through everything."""
    path = kept / f"tour-{patient}.npz" if kept else None
    if path and path.exists():
        with np.load(path) as stored:
            return Seen(**{name: stored[name] for name in stored.files})
    stay = tour(patient)
    said = list(measured_windows(stay))
    found = seen_of([body for _, body in said], stay)
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, **{n: getattr(found, n) for n in Seen.__dataclass_fields__})
    return found


def tour(patient: int) -> Stay:
    """Every activity under every view, smiles, and grimaces of known P, by turns."""
    doing, seen, shown = [], [], []
    now_s = 0.0
    for _ in range(PASSES):
        for activity in ACTIVITIES:
            from_s = now_s
            if activity in ("rest", "speech"):
                shown += smiles_within(now_s + 20, now_s + CLEAR_S - 20)
            now_s += CLEAR_S
            for view, levels in VIEW_LEVELS.items():
                for level in levels:
                    now_s += VIEW_APART_S
                    seen.append(Stretch(view, now_s, now_s + VIEW_S, level))
                    now_s += VIEW_S
            doing.append(Stretch(activity, from_s, now_s))
        from_s = now_s
        for level in P_LEVELS:
            now_s += HELD_APART_S
            shown.append(Stretch("distress", now_s, now_s + HELD_S, level))
            now_s += HELD_S
        doing.append(Stretch("rest", from_s, now_s))
    plain = script(SEED, now_s / HOUR_S, patient=patient, episodes_per_hour=0)
    moves = postures(plain.random(SCRIPT), tuple(doing))
    stay = replace(
        plain,
        activities=tuple(doing),
        views=tuple(seen),
        expressions=tuple(sorted(shown, key=lambda one: one.start_s)),
        postures=moves,
    )
    return calibrated(stay)


def smiles_within(start_s: float, end_s: float) -> list[Stretch]:
    starts = np.arange(start_s, end_s - SMILE_S, SMILE_APART_S)
    strengths = np.linspace(0.5, 1.2, len(starts))
    return [
        Stretch("smile", float(s), float(s) + SMILE_S, float(k))
        for s, k in zip(starts, strengths, strict=True)
    ]


def seen_of(windows: list[WindowClosed], stay: Stay) -> Seen:
    weights = state_weights(stay, 0, len(windows))
    states = [
        np.where(w.max(axis=1) >= IN_STATE, w.argmax(axis=1), -1)
        for w in (weights, smoothed(weights, weights[0]))
    ]
    units = rows_of([one.action_units for one in windows], 6)
    return Seen(values_of(windows), units, rows_of([one.regions for one in windows], 14), *states)


def values_of(windows: list[WindowClosed]) -> np.ndarray:
    """(N, C) in the order of CHANNELS."""
    nan = float("nan")
    return np.array(
        [
            (
                nan if one.p is None else one.p,
                nan if one.action_units is None else one.action_units[5],
                nan if one.r is None else one.r,
                nan if one.jitter is None else one.jitter,
                1 - one.with_face / one.frames if one.frames else nan,
                1 - one.in_pose / one.with_face if one.with_face else nan,
                float(one.mouth_is_speaking) if one.with_face else nan,
            )
            for one in windows
        ]
    )


def rows_of(values: list[tuple[float, ...] | None], width: int) -> np.ndarray:
    return np.array([(float("nan"),) * width if row is None else row for row in values])


def fit(seen: list[Seen], weights: np.ndarray) -> dict[str, np.ndarray]:
    """The packaged arrays: see evaluation/stay_windows.WindowStatistics. weights: of each seen."""
    quantiles = np.zeros((len(STATES), len(CHANNELS), len(SCORES)))
    shares = np.zeros((len(STATES), len(CHANNELS), PARTS))
    for place, channel in enumerate(CHANNELS):
        for state, name in enumerate(STATES):
            is_slow = channel in SMOOTHED
            some = of_state(seen, place, state, is_slow=is_slow)
            if len(joined(some)) < FEWEST:
                some = of_state(seen, place, STATES.index(neighbour(name)), is_slow=is_slow)
            quantiles[state, place] = np.quantile(
                joined(some), ndtr(SCORES), weights=weights_of(some, weights), method="inverted_cdf"
            )
            shares[state, place] = shares_of(some, weights, quantiles[state, place])
    return {
        "scores": SCORES,
        "quantiles": quantiles,
        "shares": shares,
        "profile_p": PROFILE_P,
        "profile": profile(seen),
        "regions": region_moves(seen, weights),
    }


def neighbour(name: str) -> str:
    """The state that stands for one which is too rarely measured."""
    if name in (SMILE, POSTURE) or name.startswith("P "):
        return "rest/clear"
    return f"{name.split('/')[0]}/clear"


def of_state(seen: list[Seen], channel: int, state: int, *, is_slow: bool) -> list[np.ndarray]:
    """(N,) of each patient: the values of a state's seconds, NaN in all others."""
    found = []
    for one in seen:
        states = one.slow_state if is_slow else one.state
        found.append(np.where(states == state, one.values[:, channel], np.nan))
    return found


def joined(some: list[np.ndarray]) -> np.ndarray:
    everything = np.concatenate(some)
    return everything[~np.isnan(everything)]


def weights_of(some: list[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """Of each of the joined values: as much as its patient's."""
    counts = [int((~np.isnan(one)).sum()) for one in some]
    return np.repeat(weights, counts)


def shares_of(some: list[np.ndarray], weights: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
    """(M,) of a gaussian's variance, so that what comes out is as alike over time."""
    if np.ptp(quantiles) < 1e-9:
        return np.eye(PARTS)[-1]
    lags, alike = likeness(some, weights)
    needed = gaussian_likeness(alike, quantiles)
    lasting = np.exp(-np.divide.outer(lags, np.array([np.inf, *MEMORIES_S])))
    rows = np.column_stack([lasting, smooth_likeness(lags), np.zeros(len(lags))])
    sums = np.full((1, rows.shape[1]), 100.0)
    found, _ = nnls(np.concatenate([rows, sums]), np.append(needed, 100.0))
    return found / found.sum()


def smooth_likeness(lags: np.ndarray) -> np.ndarray:
    """(L,) of a low-pass of a low-pass: synthetic_stay_noise.Wandering."""
    keep = np.exp(-1 / SMOOTH_S)
    return keep**lags * (1 + lags * (1 - keep**2) / (1 + keep**2))


def likeness(some: list[np.ndarray], weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(L,) lags and the correlation at each, people's own level included.

    From squared differences: seconds so far apart are other ones at each lag, and not all people
    vary alike.
    """
    values, each = joined(some), weights_of(some, weights)
    variance = np.average(np.square(values - np.average(values, weights=each)), weights=each)
    lags, found = [], []
    for lag in LAGS_S:
        apart = [one[lag:] - one[:-lag] for one in some]
        squared = np.square(joined(apart))
        if len(squared) >= FEWEST:
            lags.append(float(lag))
            mean = np.average(squared, weights=weights_of(apart, weights))
            found.append(1 - mean / (2 * variance))
    return np.array(lags), np.clip(found, 0, 1)


def gaussian_likeness(alike: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
    """The correlation that gaussians need, so that what their quantiles give has `alike`."""
    x = np.linspace(-6, 6, 4801)
    density = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi) * (x[1] - x[0])
    values = np.interp(x, SCORES, quantiles)
    values = values - (values * density).sum()
    polynomial, before = np.ones_like(x), np.zeros_like(x)
    parts = []
    for degree in range(1, HERMITES):  # He_n over the root of n factorial
        polynomial, before = (
            (x * polynomial - np.sqrt(degree - 1) * before) / np.sqrt(degree),
            polynomial,
        )
        parts.append((values * polynomial * density).sum() ** 2)
    rest = max((values**2 * density).sum() - sum(parts), 0)
    needed = np.linspace(0, 1, 501)
    given = sum(part * needed ** (n + 1) for n, part in enumerate(parts)) + rest * needed**HERMITES
    return np.interp(alike, given / given[-1], needed)


def profile(seen: list[Seen]) -> np.ndarray:
    """(L, 3) which part of a P without closed eyes is AU4, the eyes' orbit, the upper lip."""
    units = np.concatenate([one.units for one in seen])
    units = units[~np.isnan(units).any(axis=1)]
    parts = np.stack([units[:, 0], units[:, 1:3].max(axis=1), units[:, 3:5].max(axis=1)], axis=1)
    core = parts.sum(axis=1)
    edges = np.concatenate([[-1], (PROFILE_P[1:] + PROFILE_P[:-1]) / 2, [99]])
    found = np.array(
        [parts[(core > low) & (core <= high) & (core > 0.01)].mean(axis=0)
         for low, high in pairwise(edges)]
    )  # fmt: skip
    return found / found.sum(axis=1, keepdims=True)


def region_moves(seen: list[Seen], weights: np.ndarray) -> np.ndarray:
    """(4, R) mean, deviation between people, move by P, deviation in time."""
    rests, slopes, noises = [], [], []
    for one in seen:
        usable = ~np.isnan(one.regions).any(axis=1) & ~np.isnan(one.values[:, 0])
        usable &= (one.state == STATES.index("rest/clear")) | (one.state >= STATES.index("P 3"))
        p, where = one.values[usable, 0], one.regions[usable]
        design = np.stack([np.ones(len(p)), p], axis=1)
        (rest, slope), *_ = np.linalg.lstsq(design, where, rcond=None)
        rests.append(rest)
        slopes.append(slope)
        noises.append((where - design @ np.stack([rest, slope])).std(axis=0))
    rest, slope, noise = (
        np.average(some, axis=0, weights=weights) for some in (rests, slopes, noises)
    )
    between = np.sqrt(np.average(np.square(rests - rest), axis=0, weights=weights))
    return np.stack([rest, between, slope, noise])


def show(arrays: dict[str, np.ndarray], seen: list[Seen]) -> None:
    for line in lines(arrays, seen):
        print(line)


def lines(arrays: dict[str, np.ndarray], seen: list[Seen]) -> Iterator[str]:
    yield f"{'state':22}{'seconds':>8}  median and 95th percentile: " + "  ".join(CHANNELS)
    middle, high = (int(np.argmin(np.abs(SCORES - score))) for score in (0.0, 1.6))
    for state, name in enumerate(STATES):
        count = sum(int((one.slow_state == state).sum()) for one in seen)
        values = "  ".join(f"{q[middle]:6.3f} {q[high]:6.3f}" for q in arrays["quantiles"][state])
        yield f"{name:22}{count:8}  {values}"
    memories = ", ".join(f"{memory:g} s" for memory in MEMORIES_S)
    yield f"shares of the variance of P: the person's, {memories}, smooth {SMOOTH_S} s, at once"
    for state, name in enumerate(STATES):
        yield f"{name:22}" + " ".join(f"{share:5.2f}" for share in arrays["shares"][state, 0])


if __name__ == "__main__":
    main()
