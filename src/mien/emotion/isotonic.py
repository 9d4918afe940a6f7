"""Isotonic calibration: what a label's claimed probability turned out to be worth.

Shapes: N rows, C labels. Probabilities are (N, C), NaN in rows without a face.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from mien.emotion.probabilities import checked_probabilities, lesson, normalised
from mien.emotion.strict_json import items, members, numbers
from mien.errors import ModelError

TIE_DECIMALS = 9  # probabilities nearer than that differ by rounding alone
KNOT_LIMIT = 100_000  # of a staircase that is read: it has a few dozen


@dataclass(frozen=True)
class Isotonic:
    """For each label a rising staircase from claimed to observed share, then renormalised.

    Pool-adjacent-violators on each label against the rest (Zadrozny and Elkan
    2002), straight lines between the steps. It can undo any monotone
    distortion, but wants many people: a few hundred for each label. A label that nobody
    showed keeps its probability. No share is 0 or 1, only half a row away from
    it: what did not happen among n rows is not impossible.
    """

    kind: ClassVar[str] = "isotonic"
    knots: tuple[tuple[tuple[float, ...], tuple[float, ...]], ...]  # C pairs: claimed, observed

    @classmethod
    def fit(
        cls, probabilities: np.ndarray, labels: np.ndarray, *, weights: np.ndarray | None = None
    ) -> Isotonic:
        """Learn a staircase for each label. labels: (N,) ints; weights: (N,), 0 or more."""
        claimed, labels, weights = lesson(probabilities, labels, weights)
        return cls(
            tuple(
                _staircase(claimed[:, index], (labels == index).astype(float), weights)
                for index in range(claimed.shape[1])
            )
        )

    @property
    def class_count(self) -> int | None:
        return len(self.knots)

    def observed(self, probabilities: np.ndarray) -> np.ndarray:
        """(N, C) shares before they are made to sum to 1: each rises with its own column."""
        claimed = checked_probabilities(probabilities, self)
        columns = [np.interp(claimed[:, i], *pair) for i, pair in enumerate(self.knots)]
        return np.stack(columns, axis=1)

    def apply(self, probabilities: np.ndarray) -> np.ndarray:
        """(N, C) float64."""
        return normalised(self.observed(probabilities))

    def to_json(self) -> dict[str, Any]:
        pairs = [{"claimed": list(x), "observed": list(y)} for x, y in self.knots]
        return {"kind": self.kind, "knots": pairs}

    @classmethod
    def from_json(cls, stored: Any) -> Isotonic:
        """Raises ModelError naming what differs."""
        pairs = items(members(stored, ["kind", "knots"], what=cls.kind)["knots"], what="knots")
        return cls(tuple(_stored_knots(pair, f"knots[{i}]") for i, pair in enumerate(pairs)))


def _staircase(
    claimed: np.ndarray, shown: np.ndarray, weights: np.ndarray
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The rising staircase nearest to 0/1 outcomes: its corners, claimed and observed."""
    if not shown.any():
        return (0.0, 1.0), (0.0, 1.0)
    values, place = np.unique(claimed.round(TIE_DECIMALS), return_inverse=True)
    mass = np.bincount(place, weights=weights)
    level, first, last = _pooled(np.bincount(place, weights=weights * shown) / mass, mass)
    corners = np.unique(np.concatenate([first, last]))
    block = np.searchsorted(last, corners)
    least = 0.5 / (len(shown) + 1)
    observed = np.clip(level[block], least, 1 - least)
    return tuple(values[corners].tolist()), tuple(observed.tolist())


def _pooled(levels: np.ndarray, mass: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pool adjacent violators. Returns each block's level, and its first and last position."""
    blocks: list[tuple[float, float, int]] = []  # level, mass, first
    for position, (level, weight) in enumerate(zip(levels.tolist(), mass.tolist(), strict=True)):
        first = position
        while blocks and blocks[-1][0] >= level:
            before, heavy, first = blocks.pop()
            level = (before * heavy + level * weight) / (heavy + weight)
            weight += heavy
        blocks.append((level, weight, first))
    starts = np.array([block[2] for block in blocks])
    ends = np.append(starts[1:], len(levels)) - 1
    return np.array([block[0] for block in blocks]), starts, ends


def _stored_knots(stored: Any, what: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    pair = members(stored, ["claimed", "observed"], what=what)
    claimed = numbers(pair["claimed"], what=f"{what}.claimed", least=0, greatest=1)
    if not 1 <= len(claimed) <= KNOT_LIMIT:
        raise ModelError(f"{what}.claimed has {len(claimed)} members, wanted 1 to {KNOT_LIMIT:,}")
    observed = numbers(
        pair["observed"], what=f"{what}.observed", count=len(claimed), least=0, greatest=1
    )
    if _falls(claimed, strictly=True) or _falls(observed, strictly=False):
        raise ModelError(f"{what} does not rise: a staircase from claimed to observed share must")
    return claimed, observed


def _falls(values: Sequence[float], *, strictly: bool) -> bool:
    return any(b < a or (strictly and b == a) for a, b in pairwise(values))
