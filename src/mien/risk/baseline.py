"""A person's own baseline: what is usual for this face, learnt from the first half hour on.

Learnt are the features of each usable second: P, R and the positions of the face's regions. What is
remembered are weighted histograms with fixed bins, so that memory has a bound, nothing depends on
the order of a block's seconds, and the same stream gives the same numbers on every machine.
A block of 60 s is learnt at once: what a histogram says is worked out once a minute.

P's deviations are counted on its level, P to the power 2/3: a unit grows as the power 1.5 of how
far it goes (action_units.CURVE), so that the same move is a larger change of P where there is some
already.

P has two baselines. A face is at rest for most of a minute and speaks or smiles for some of it:
the mean of 60 s is then above the median of its seconds, minute by minute. So the slow sum, which
is fed such means, is counted from the median of means and in their deviations; counted from that
of seconds it would rise for whoever talks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from mien.risk.action_units import CURVE, P_MOST
from mien.risk.settings import AppraisalSettings

P_STEP = 0.02  # width of P's bins: a 25th of the least deviation
R_PARTS = 64  # bins an octave: no bin is wider than a 64th of its R
R_EXPONENTS = (-9, 6)  # R from 2^-10 to 2^6: a still face's noise to more than a head can do
MAD_TO_DEVIATION = 1.4826  # of a normal distribution
FORGOTTEN = 1e-6  # seconds: a bin that weighs less is dropped

Bins = tuple[tuple[int, float], ...]  # (bin, weight in seconds), rising


@dataclass(frozen=True, slots=True)
class Spread:
    """Median and robust deviation of a feature, in its unit."""

    median: float
    deviation: float

    def deviations(self, value: float) -> float:
        """How far a value is above the median, in deviations."""
        return (value - self.median) / self.deviation


@dataclass(frozen=True, slots=True)
class OwnBaseline:
    """What is known of one person. The seconds of `waiting` are not in the bins yet."""

    learnt_s: int = 0
    is_ready: bool = False
    p_bins: Bins = ()
    p_mean_bins: Bins = ()  # of the blocks' means of P
    r_bins: Bins = ()
    p: Spread | None = None  # of levels; None while learning, and for what was never measured
    p_means: Spread | None = None
    r: Spread | None = None
    regions: tuple[float, ...] = ()  # slow mean of each
    region_deviations: tuple[float, ...] = ()  # slow mean of how far each is from that
    waiting: tuple[tuple[int, int | None], ...] = ()  # bins of P and R, a pair a second


def learn(
    own: OwnBaseline,
    p: float,
    r: float | None,
    regions: tuple[float, ...] | None,
    settings: AppraisalSettings,
) -> OwnBaseline:
    """One usable second more. Equal weights until the baseline is ready, then forgetting.

    p: 0-16. r: rad/s plus distances/s, None where there was nothing to compare with.
    Forgetting runs on learnt seconds alone: a night without a face forgets nothing.
    """
    learnt_s = own.learnt_s + 1
    waiting = (*own.waiting, (p_bin(level(p)), None if r is None else r_bin(r)))
    means, deviations = _regions_after(own, regions, settings)
    after = OwnBaseline(
        learnt_s,
        own.is_ready,
        own.p_bins,
        own.p_mean_bins,
        own.r_bins,
        own.p,
        own.p_means,
        own.r,
        means,
        deviations,
        waiting,
    )
    ends_learning = not own.is_ready and learnt_s >= settings.learn_s
    is_due = ends_learning or len(waiting) >= round(settings.c_block_s)
    return _block_learnt(after, settings) if is_due else after


def _block_learnt(own: OwnBaseline, settings: AppraisalSettings) -> OwnBaseline:
    waiting = own.waiting
    keep = 2 ** (-len(waiting) / settings.half_life_s) if own.is_ready else 1.0
    mean = round(sum(p for p, _ in waiting) / len(waiting))  # of whole numbers: no order in it
    p_bins = _added(own.p_bins, (p for p, _ in waiting), keep)
    p_mean_bins = _added(own.p_mean_bins, [mean] * len(waiting), keep)
    r_bins = _added(own.r_bins, (r for _, r in waiting if r is not None), keep)
    is_ready = own.learnt_s >= settings.learn_s
    least_p, least_r = settings.least_deviation, settings.r_least_deviation
    return OwnBaseline(
        learnt_s=own.learnt_s,
        is_ready=is_ready,
        p_bins=p_bins,
        p_mean_bins=p_mean_bins,
        r_bins=r_bins,
        p=spread(p_bins, p_of, least_p) if is_ready else None,
        p_means=spread(p_mean_bins, p_of, least_p) if is_ready else None,
        r=spread(r_bins, r_of, least_r) if is_ready else None,
        regions=own.regions,
        region_deviations=own.region_deviations,
    )


def _added(bins: Bins, new: Iterable[int], keep: float) -> Bins:
    weights = {place: weight * keep for place, weight in bins}
    for place in new:
        weights[place] = weights.get(place, 0.0) + 1.0
    return tuple(sorted((at, weight) for at, weight in weights.items() if weight >= FORGOTTEN))


def spread(bins: Bins, value_of: Callable[[int], float], least: float) -> Spread | None:
    """Median and 1.4826 x the median distance from it, at least `least`. None of no bins."""
    if not bins:
        return None
    values = [(value_of(place), weight) for place, weight in bins]
    median = _median(values)
    distance = _median(sorted((abs(value - median), weight) for value, weight in values))
    return Spread(median, max(least, MAD_TO_DEVIATION * distance))


def _median(rising: list[tuple[float, float]]) -> float:
    """The lower median of (value, weight)."""
    half = sum(weight for _, weight in rising) / 2
    below = 0.0
    for value, weight in rising:
        below += weight
        if below >= half:
            return value
    return rising[-1][0]


def level(p: float) -> float:
    """P on the scale on which its deviations are counted.

    >>> level(0.0), level(8.0)
    (0.0, 4.0)
    """
    return round(max(p, 0.0) ** (1 / CURVE), 6)  # powers differ in the last digit by machine


def p_bin(p: float) -> int:
    """Of a level. Bins are centred on multiples of .02, so that a neutral face's 0 stays 0."""
    return round(min(max(p, 0.0), P_MOST) / P_STEP)


def p_of(place: int) -> float:
    return place * P_STEP


def r_bin(r: float) -> int:
    """Each octave in 64 equal parts, exactly on every machine (as in HdrHistogram); 0: below all.

    >>> [r_bin(0.0), r_bin(2.0**-10), r_bin(1.0), r_bin(1.99), r_bin(2.0)]
    [0, 1, 641, 704, 705]
    """
    fraction, exponent = math.frexp(r)  # fraction from 1/2 to below 1
    lowest, highest = R_EXPONENTS
    if r <= 0 or exponent < lowest:
        return 0
    if exponent > highest:
        return (highest - lowest + 1) * R_PARTS
    return (exponent - lowest) * R_PARTS + int((2 * fraction - 1) * R_PARTS) + 1


def r_of(place: int) -> float:
    """The middle of a bin."""
    if place == 0:
        return 0.0
    octave, part = divmod(place - 1, R_PARTS)
    return math.ldexp(1 + (part + 0.5) / R_PARTS, R_EXPONENTS[0] - 1 + octave)


def _regions_after(
    own: OwnBaseline, regions: tuple[float, ...] | None, settings: AppraisalSettings
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Slow means of the regions and of their distances from these."""
    if regions is None:
        return own.regions, own.region_deviations
    if len(own.regions) != len(regions):
        return regions, (0.0,) * len(regions)
    share = 1 - 2 ** (-1 / settings.half_life_s) if own.is_ready else 1 / (own.learnt_s + 1)
    means = tuple(
        mean + share * (now - mean) for now, mean in zip(regions, own.regions, strict=True)
    )
    usual = tuple(
        known + share * (abs(now - mean) - known)
        for now, mean, known in zip(regions, own.regions, own.region_deviations, strict=True)
    )
    return means, usual


def moved_most(
    own: OwnBaseline,
    regions: tuple[float, ...],
    names: Sequence[str],
    settings: AppraisalSettings,
) -> tuple[tuple[str, float], ...]:
    """The regions that are furthest from their own mean, most first, in their own deviations.

    None of them while learning: how far this face's regions usually are is not known yet.
    """
    if not own.is_ready or not regions or len(own.regions) != len(regions):
        return ()
    least = settings.region_least_deviation
    moves = [
        (round(abs(now - mean) / max(usual, least), 3), name)
        for now, mean, usual, name in zip(
            regions, own.regions, own.region_deviations, names, strict=True
        )
    ]
    moves.sort(key=lambda move: (-move[0], move[1]))
    return tuple((name, moved) for moved, name in moves[: settings.regions_shown])
