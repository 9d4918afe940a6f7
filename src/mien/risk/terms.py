"""What a score is the sum of: the specification's table, as a function of what was measured.

| term | adds 1 | 2 | 3 |
|---|---|---|---|
| P, 75th percentile over 10 s, 0-16 | 2-4 | 4-6 | 6 and above |
| B, P above own baseline, deviations | 2-3 | 3 and above | |
| E, share of the last 5 min with expression: P of 2 beyond own baseline, or 4 | .10-.30 | .30 - | |
| N, filtered posterior of .5 or more for 30 s | yes | | |
| R, restlessness above own baseline, deviations | 2-4 | 4 and above | |
| C, a cumulative sum that fired within 10 min | yes | | |

E, N and C add nothing while P, B and R all add nothing. Nothing subtracts. Deviations of P are
counted on its level (see `baseline`).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace

from mien.risk.events import Term
from mien.risk.settings import AppraisalSettings

ON_THEIR_OWN = frozenset("PBR")  # the others only add to these
DEVIATIONS = "deviations from own baseline"


@dataclass(frozen=True, slots=True)
class Measured:
    """A second's measures. None: absent, as B, R and C are while the baseline is learnt."""

    p: float | None = None
    p_above: float | None = None  # deviations
    expressive_share: float | None = None  # 0-1
    negative: float | None = None  # filtered, 0-1
    negative_s: int = 0  # for so long it was at its limit or above
    r_above: float | None = None  # deviations
    risen: float | None = None  # the cumulative sum, or where it fired within the last 10 min
    has_fired: bool = False


def terms_of(measured: Measured, settings: AppraisalSettings) -> tuple[Term, ...]:
    """The six terms, in the table's order."""
    has_negative = measured.negative_s >= settings.n_for_s
    return _added_up(
        (
            _graded("P", measured.p, settings.p_limits, "PSPI proxy, 0-16"),
            _graded("B", measured.p_above, settings.b_limits, DEVIATIONS),
            _graded("E", measured.expressive_share, settings.e_limits, "share of time, 0-1"),
            _plain("N", measured.negative, settings.n_from, has_negative, "posterior, 0-1"),
            _graded("R", measured.r_above, settings.r_limits, DEVIATIONS),
            _plain("C", measured.risen, settings.c_h, measured.has_fired, DEVIATIONS),
        )
    )


def score_of(terms: Iterable[Term]) -> int:
    return sum(term.weight for term in terms)


def has_single_3(terms: Iterable[Term], *, is_learning: bool) -> bool:
    """Whether P alone is reason enough: with B, or as long as no baseline could tell."""
    weights = {term.name: term.weight for term in terms}
    return weights.get("P", 0) >= 3 and (is_learning or weights.get("B", 0) >= 1)


def rounded(value: float) -> float:
    """As numbers go into events: the same decimals are compared, shown and logged; no -0.0."""
    return round(value, 6) + 0.0


def _graded(name: str, value: float | None, limits: tuple[float, ...], unit: str) -> Term:
    """What is no number is absent: sorted among limits, NaN would stand above them all."""
    if value is None or not math.isfinite(value):
        return Term(name, None, limits[0], 0, unit)
    value = rounded(value)
    weight = bisect_right(limits, value)
    return Term(name, value, limits[max(weight - 1, 0)], weight, unit)


def _plain(name: str, value: float | None, limit: float, holds: bool, unit: str) -> Term:
    if value is None or not math.isfinite(value):
        return Term(name, None, limit, 0, unit)
    return Term(name, rounded(value), limit, int(holds), unit)


def _added_up(terms: tuple[Term, ...]) -> tuple[Term, ...]:
    if any(term.weight for term in terms if term.name in ON_THEIR_OWN):
        return terms
    return tuple(replace(term, weight=0) if term.weight else term for term in terms)
