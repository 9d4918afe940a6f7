"""Shares and rates with intervals: Wilson's for episodes, resampled people for days.

Shapes: K patients.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mien.evaluation.metrics import Number, Record
from mien.evaluation.resampling import drawn, interval, ratio

Z_95 = 1.959963984540054  # of a normal distribution, 95 % two-sided
DAY_S = 86_400.0
WORST_SHARE = 0.1
_NONE_SEEN = -math.log(0.025)  # the exact Poisson upper end where nothing was counted


class Share(Record):
    """So many of so many, with a 95 % interval; NaN of none."""

    found: int
    count: int
    value: Number
    low: Number
    high: Number


class Rate(Record):
    """Events a patient-day, with a 95 % interval over patients; NaN where undefined."""

    events: int
    days: float
    value: Number
    low: Number
    high: Number


def share(found: int, count: int) -> Share:
    """Wilson's score interval (1927): right where the share is near 1, as Wald's is not.

    >>> made = share(150, 150)
    >>> made.value, round(made.low, 4), made.high
    (1.0, 0.975, 1.0)
    """
    if not count:
        return Share(found=0, count=0, value=math.nan, low=math.nan, high=math.nan)
    value, weight = found / count, Z_95**2 / count
    middle = (value + weight / 2) / (1 + weight)
    half = math.sqrt(weight * value * (1 - value) + weight**2 / 4) / (1 + weight)
    low = 0.0 if found == 0 else middle - half
    high = 1.0 if found == count else middle + half
    return Share(found=found, count=count, value=value, low=low, high=high)


def rate(events: Sequence[int], seconds: Sequence[float], *, seed: int = 0) -> Rate:
    """Events a day, by patients drawn again, each with all their events and time.

    events and seconds: (K,). Where nobody has any, the upper end is Poisson's exact one.

    >>> rate([0, 2], [86_400, 86_400]).value
    1.0
    """
    counts, days = np.asarray(events, float), np.asarray(seconds, float) / DAY_S
    total, length = int(counts.sum()), float(days.sum())
    if not length:
        return Rate(events=total, days=0.0, value=math.nan, low=math.nan, high=math.nan)
    if not total:
        return Rate(events=0, days=length, value=0.0, low=0.0, high=_NONE_SEEN / length)
    draws = drawn(len(counts), seed)
    found = interval(total / length, ratio(draws @ counts, draws @ days))
    return Rate(events=total, days=length, value=found.value, low=found.low, high=found.high)


def difference(
    ours: Sequence[float], theirs: Sequence[float], weights: Sequence[float], *, seed: int = 0
) -> tuple[float, float, float]:
    """Theirs less ours, a unit of weight, with a paired 95 % interval over patients.

    All (K,): sums a patient, and what they are divided by. NaN where undefined.
    """
    apart = np.asarray(theirs, float) - np.asarray(ours, float)
    per = np.asarray(weights, float)
    draws = drawn(len(apart), seed)
    value = float(ratio(apart.sum(), per.sum()))
    found = interval(value, ratio(draws @ apart, draws @ per))
    return found.value, found.low, found.high


def worst_tenth(events: Sequence[int], seconds: Sequence[float]) -> float:
    """Mean events a day of the tenth of patients with most; at least one patient. NaN of none.

    >>> worst_tenth([0] * 19 + [3], [86_400] * 20)
    1.5
    """
    if not len(events):
        return math.nan
    rates = np.asarray(events, float) / (np.asarray(seconds, float) / DAY_S)
    worst = np.sort(rates)[-max(1, round(WORST_SHARE * len(rates))) :]
    return float(worst.mean())


def percentile(values: Sequence[float], percent: float) -> float:
    """NaN of none."""
    return float(np.percentile(values, percent)) if len(values) else math.nan


def mean(values: Sequence[float]) -> float:
    """NaN of none."""
    return float(np.mean(values)) if len(values) else math.nan
