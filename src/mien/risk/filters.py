"""Three filters over seconds: smoothing, a hidden state of two, a sum that finds slow rises.

Each is a pure function from what is remembered and a value to what is remembered next. They are
checked against pandas, hmmlearn and published run lengths in tests/risk/test_filters.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace


def ewma(mean: float | None, value: float, *, elapsed_s: float, time_constant_s: float) -> float:
    """The smoothed value after one more (Roberts 1959), for steps of any length.

    mean: what was smoothed so far, None at the beginning. After `time_constant_s` of a new value
    63 % of the way is gone. Returns a value in the same unit.

    >>> ewma(None, 4.0, elapsed_s=0.1, time_constant_s=2.0)
    4.0
    >>> round(ewma(0.0, 1.0, elapsed_s=2.0, time_constant_s=2.0), 3)
    0.632
    """
    if mean is None:
        return value
    return value + (mean - value) * math.exp(-elapsed_s / time_constant_s)


def forward(probability: float, posterior: float | None, *, stay: float, seconds: int = 1) -> float:
    """Probability of the second of two hidden states, one observation later (Rabiner 1989).

    The states are equally frequent and each lasts another second with probability `stay`, so
    without a prior the posterior is the likelihood, up to a factor. Seconds without an
    observation (`posterior` None, or `seconds` above 1 before one) only let what is known fade
    towards 1/2. `probability` is .5 at the beginning; all are 0-1.

    >>> forward(0.5, 0.9, stay=0.99)
    0.9
    >>> forward(0.9, None, stay=0.99, seconds=3600)
    0.5
    """
    prior = 0.5 + (probability - 0.5) * (2 * stay - 1) ** seconds
    if posterior is None:
        return prior
    yes, no = prior * posterior, (1 - prior) * (1 - posterior)
    return yes / (yes + no)


@dataclass(frozen=True, slots=True)
class Cusum:
    """A one-sided cumulative sum (Page 1954) of means of blocks, and the block that is not full."""

    level: float = 0.0  # in deviations, never below 0
    block_sum: float = 0.0
    block_count: int = 0


def add_to_cusum(
    cusum: Cusum, deviations: float, *, block: int, k: float, h: float
) -> tuple[Cusum, float | None]:
    """One more value, in deviations from what is expected. `block` values make a mean.

    A block counts what its mean is above the allowance `k`; at `h` the sum fires and begins anew.
    Returns the level at which it fired with the new sum, or None.

    >>> add_to_cusum(Cusum(7.0), 2.0, block=1, k=0.5, h=8.0)
    (Cusum(level=0.0, block_sum=0.0, block_count=0), 8.5)
    """
    total, count = cusum.block_sum + deviations, cusum.block_count + 1
    if count < block:
        return Cusum(cusum.level, total, count), None
    level = max(0.0, cusum.level + total / count - k)
    return (Cusum(), level) if level >= h else (Cusum(level), None)


def without_block(cusum: Cusum) -> Cusum:
    """Forget the block that is not full: its seconds and the next ones are too far apart."""
    return replace(cusum, block_sum=0.0, block_count=0) if cusum.block_count else cusum
