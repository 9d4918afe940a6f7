"""What moved a model's answers: each area of the face, or each value, in nats.

Two ways, both in nats of the log-probability of one class, against a reference face:

- occlusion asks any model: how far does the log-probability fall when an area's values are
  those of the reference? Redundant areas each look small, for the rest still tells.
- integrated gradients (Sundararajan, Taly and Yan, 2017) needs the network: it shares out the
  whole difference between the face and the reference among the values, exactly but for the sum
  over steps.

Either says what a model used. Neither says what a person feels, nor that an area would tell
people apart in another model.

Shapes: N items, which are frames (F,) or clips (T, F) of F values; A areas; P = 478 points;
C classes. A frame without a face is NaN, and stays so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mien.emotion.movements import AREAS, WHOLE_FACE, columns_by_area, point_of
from mien.errors import InputError, ShapeError, missing_extra
from mien.tables import POINT_COUNT

# (N, F) or (N, T, F) float32 in, (N, C) probabilities out.
Answer = Callable[[np.ndarray], np.ndarray]

LEAST_PROBABILITY = 1e-6  # smaller ones count as this: their logarithm says nothing more
STEPS = 64  # of the path from the reference to a face
_ROWS_AT_ONCE = 1024


@dataclass(frozen=True)
class Gradients:
    """Integrated gradients of some items."""

    values: np.ndarray  # (N, F) nats; of a clip, summed over its frames
    difference: np.ndarray  # (N,) log-probability of the class, less that of the reference

    @property
    def unexplained(self) -> np.ndarray:
        """(N,) what the values' sum lacks to the difference: 0 for endless steps."""
        left: np.ndarray = self.difference - self.values.sum(axis=1)
        return left


def reference_of(values: np.ndarray, *, groups: Sequence[str | None] | None = None) -> np.ndarray:
    """(F,) float32 mean of frames with a face, every group counting the same.

    values: (N, F); groups: N labels, so that a common one does not draw the reference to
    itself; None where unknown. Raises InputError when there is no face.
    """
    is_face = ~np.isnan(values).any(axis=1)
    if not is_face.any():
        raise InputError("no frame has a face: there is nothing to compare with")
    given = [None] * len(values) if groups is None else groups
    names = np.array(["" if group is None else group for group in given], dtype=str)
    named = is_face & (names != "")
    chosen = named if named.any() else is_face
    means = [
        values[chosen & (names == name)].mean(axis=0, dtype=np.float64)
        for name in np.unique(names[chosen])
    ]
    found: np.ndarray = np.mean(means, axis=0).astype(np.float32)
    return found


def occlusion(
    answer: Answer,
    values: np.ndarray,
    *,
    columns: Mapping[str, np.ndarray],
    reference: np.ndarray,
    targets: np.ndarray,
) -> np.ndarray:
    """(N, A) nats that the target's log-probability falls by when an area is the reference's.

    Below 0 where the area spoke against the target. NaN for an item without any face.
    values: (N, F) or (N, T, F); columns: area -> its values, see movements.columns_by_area;
    reference: (F,); targets: (N,) class numbers.
    """
    _check(values, reference, targets)
    found = np.empty((len(values), len(columns)))
    at_once = max(1, _ROWS_AT_ONCE // (values.shape[1] if values.ndim == 3 else 1))
    for start in range(0, len(values), at_once):
        some = np.ascontiguousarray(values[start : start + at_once], np.float32)
        target = targets[start : start + at_once]
        whole = _log_probability(answer(some), target)
        for place, area in enumerate(columns.values()):
            without = _log_probability(answer(replaced(some, area, reference)), target)
            found[start : start + at_once, place] = whole - without
    return found


def replaced(values: np.ndarray, columns: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """The values with some columns those of the reference, wherever there is a face."""
    is_face = ~np.isnan(values).any(axis=-1, keepdims=True)
    changed = values.copy()
    changed[..., columns] = np.where(is_face, reference[columns], np.float32(np.nan))
    return changed


def integrated_gradients(
    network: Any,
    values: np.ndarray,
    *,
    reference: np.ndarray,
    targets: np.ndarray,
    steps: int = STEPS,
) -> Gradients:
    """Share out the target's log-probability, less the reference's, among the values.

    network: an estimator's network_: from (N, F) to scores (N, C), or from (N, T, F) to
    layers.ClipScores. The other arguments are occlusion's; the path leads straight from the
    reference to the face, by Gauss and Legendre's steps.
    Raises MissingExtraError without captum, InputError for an item without any face.
    """
    try:
        import torch
        from captum.attr import IntegratedGradients
    except ImportError as error:
        package = error.name or "captum"
        raise missing_extra("integrated gradients", "train", package) from error
    _check(values, reference, targets)
    is_face = ~np.isnan(values).any(axis=-1)
    if not is_face.reshape(len(values), -1).any(axis=1).all():
        raise InputError("an item has no face, so no answer that could be explained: leave it out")
    network = network.eval()

    def log_probabilities(filled: Any, face: Any) -> Any:
        scores = network(torch.where(face.unsqueeze(-1), filled, torch.nan))
        return torch.log_softmax(getattr(scores, "clips", scores).float(), dim=1)

    shared = IntegratedGradients(log_probabilities)
    found, difference = np.empty((len(values), values.shape[-1])), np.empty(len(values))
    at_once = 1 if values.ndim == 3 else 32  # times `steps` rows are held
    for start in range(0, len(values), at_once):
        some = slice(start, start + at_once)
        face = torch.from_numpy(is_face[some])
        filled = torch.from_numpy(np.nan_to_num(values[some]).astype(np.float32))
        base = torch.where(face.unsqueeze(-1), torch.from_numpy(reference), torch.zeros(()))
        target = torch.from_numpy(targets[some].astype(np.int64))
        parts = shared.attribute(
            filled, base, target=target, additional_forward_args=(face,), n_steps=steps
        )
        found[some] = _summed_over_time(parts.detach().numpy().astype(np.float64))
        with torch.inference_mode():
            gap = log_probabilities(filled, face) - log_probabilities(base, face)
        difference[some] = gap.gather(1, target.unsqueeze(1)).squeeze(1).numpy()
    return Gradients(found, difference)


def by_area(parts: np.ndarray, columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """(N, A) sums over each area's values. parts: (N, F)."""
    return np.stack([parts[:, area].sum(axis=1) for area in columns.values()], axis=1)


def by_point(parts: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """(N, 478) nats a point: its coordinates' sum, and its share of its area's other values.

    A blendshape belongs to no one point: it is spread evenly over its area. What belongs to
    no area, such as the head's turn, is at no point. parts: (N, F) of values with these names.
    """
    found = np.zeros((len(parts), POINT_COUNT))
    points = np.array([-1 if (p := point_of(name)) is None else p for name in names])
    np.add.at(found.T, points[points >= 0], parts[:, points >= 0].T)
    for area, columns in columns_by_area(names).items():
        others = columns[points[columns] < 0]
        if area != WHOLE_FACE and len(others):
            spread = parts[:, others].sum(axis=1, keepdims=True) / len(AREAS[area])
            found[:, list(AREAS[area])] += spread
    return found


def painted(area_values: np.ndarray, areas: Sequence[str]) -> np.ndarray:
    """(..., 478) each point with its area's value, 0 where there is none. area_values: (..., A)."""
    found = np.zeros((*area_values.shape[:-1], POINT_COUNT))
    for place, area in enumerate(areas):
        if area in AREAS:
            found[..., list(AREAS[area])] = area_values[..., [place]]
    return found


def _log_probability(probabilities: np.ndarray, targets: np.ndarray) -> np.ndarray:
    chosen = probabilities[np.arange(len(targets)), targets].astype(np.float64)
    return np.log(np.maximum(chosen, LEAST_PROBABILITY))


def _summed_over_time(parts: np.ndarray) -> np.ndarray:
    return parts.sum(axis=1) if parts.ndim == 3 else parts


def _check(values: np.ndarray, reference: np.ndarray, targets: np.ndarray) -> None:
    """Raises ShapeError unless the arguments belong together."""
    fits = values.ndim in (2, 3) and reference.shape == values.shape[-1:]
    if not fits or targets.shape != values.shape[:1]:
        raise ShapeError(
            f"values {values.shape}, reference {reference.shape} and targets {targets.shape} do "
            "not fit: give (N, F) or (N, T, F), (F,) and (N,)"
        )
