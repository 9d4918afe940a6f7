"""Intervals over people: people are drawn again, with all their rows.

Rows of a person resemble each other, so that resampling rows would promise far
too much. Every measure is a function of sums over people, so that a resample
is one line of a matrix product.

Shapes: M rows, K people, R = RESAMPLES, S sums a person.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from mien.emotion.probabilities import numbered_people
from mien.evaluation.metrics import RESAMPLES, Score

Statistic = Callable[[np.ndarray], np.ndarray]  # sums (..., S) to values (...)


class People:
    """Who stands behind each row; the same draws of them for every measure."""

    def __init__(self, subjects: Sequence[str | None] | np.ndarray, *, seed: int = 0) -> None:
        """subjects: (M,), None where unknown: counted, but in no resample."""
        self.of_row, self.count = numbered_people(subjects)  # (M,), K for the unknown; K
        self.seed = seed

    @property
    def draws(self) -> np.ndarray:
        """(R, K) how often each person is in each resample; (0, K) below two people."""
        return drawn(self.count, self.seed)

    def sums(self, values: np.ndarray) -> np.ndarray:
        """(M, S) values a row to (K + 1, S) sums a person, the last of the unknown."""
        columns = [
            np.bincount(self.of_row, weights=column, minlength=self.count + 1)
            for column in np.asarray(values, np.float64).T
        ]
        return np.stack(columns, axis=1)

    def counts(
        self, cells: np.ndarray, cell_count: int, weights: np.ndarray | None = None
    ) -> np.ndarray:
        """(M,) cell numbers to (K + 1, cell_count) rows, or weights, a person has in each."""
        flat = self.of_row * cell_count + cells
        found = np.bincount(flat, weights=weights, minlength=(self.count + 1) * cell_count)
        return found.reshape(self.count + 1, cell_count).astype(np.float64)

    def behind(self, chosen: np.ndarray) -> int:
        """How many known people stand behind the chosen rows, (M,) bool."""
        return len(np.unique(self.of_row[chosen & (self.of_row < self.count)]))

    def score(self, sums: np.ndarray, statistic: Statistic) -> Score:
        """A statistic of (K + 1, ...) sums over people, with its interval.

        statistic: takes sums with any leading axes.
        """
        return interval(float(statistic(sums.sum(axis=0))), statistic(self.resampled(sums)))

    def distance(self, excess: np.ndarray, counts: np.ndarray) -> tuple[Score, float]:
        """sum |excess| / sum counts with its interval, and what chance alone would make of it.

        excess: (K + 1, B) sums a person that are 0 in each of B bins where all is
        well; counts: (K + 1,). Chance: the mean that people drawn again show when
        the excess of these is taken off.
        """
        whole, drawn_again, rows = (
            excess.sum(axis=0),
            self.resampled(excess),
            self.resampled(counts),
        )
        value = _distances(whole, counts.sum())
        noise = _distances(drawn_again - whole, rows)
        chance = float(noise.mean()) if len(noise) else math.nan
        return distance_interval(float(value), _distances(drawn_again, rows), noise), chance

    def resampled(self, sums: np.ndarray) -> np.ndarray:
        """(R, ...) sums over each resample of people, from (K + 1, ...) sums a person."""
        return np.tensordot(self.draws, sums[: self.count], axes=1)


@lru_cache(maxsize=2)
def drawn(count: int, seed: int) -> np.ndarray:
    """(R, count) how often each person is drawn, as metrics.score draws them."""
    if count < 2:
        return np.empty((0, count))
    random = np.random.default_rng(seed)
    times = np.stack(
        [np.bincount(random.integers(count, size=count), minlength=count) for _ in range(RESAMPLES)]
    ).astype(np.float64)
    times.setflags(write=False)
    return times


def interval(value: float, samples: np.ndarray) -> Score:
    """The 95 % percentile interval; NaN where no resample is defined."""
    low, high = _percentiles(samples)
    return Score(value=float(value), low=low, high=high)


def distance_interval(value: float, samples: np.ndarray, noise: np.ndarray) -> Score:
    """The 95 % interval of a sum of absolute values, which noise can only raise.

    samples: the same of resamples, (R,), which repeat the noise of the sample
    and add their own, so that their percentiles lie too high; noise: (R,) what
    resamples show where nothing is amiss. What is amiss and noise add up in
    squares, so sqrt(value² - noise²) is about what is amiss. Around it lie as
    wide ends as the samples', down to 0 unless noise alone would hardly reach
    the value; the upper end is no lower than the samples' reflection in the
    value (the basic bootstrap: Davison and Hinkley 1997). The value itself can
    lie above the interval, where most of it is noise.
    """
    low, high = _percentiles(samples)
    if math.isnan(value) or math.isnan(low):
        return Score(value=value, low=math.nan, high=math.nan)
    mean, floor = float(samples.mean()), float(noise.mean())
    amiss = math.sqrt(max(value**2 - floor**2, 0.0))
    is_noise = value <= np.percentile(noise, 97.5)
    return Score(
        value=value,
        low=0.0 if is_noise else max(amiss - (high - mean), 0.0),
        high=max(amiss + high - mean, 2 * value - low),
    )


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole, NaN where whole is 0."""
    part, whole = np.broadcast_arrays(np.asarray(part, float), np.asarray(whole, float))
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)


def _percentiles(samples: np.ndarray) -> tuple[float, float]:
    defined = samples[~np.isnan(samples)]
    if not len(defined):
        return math.nan, math.nan
    low, high = np.percentile(defined, [2.5, 97.5])
    return float(low), float(high)


def _distances(excess: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return ratio(np.abs(excess).sum(axis=-1), counts)
