"""How much each area of the face moved a model's answers, clip by clip.

Shapes: M frames of K clips, F values a frame, A areas, C labels. An item is what the model
answers at once: a frame, or a clip (T, F).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mien.config import TrainSettings, checked
from mien.emotion.attribution import (
    Answer,
    by_area,
    by_point,
    integrated_gradients,
    occlusion,
    painted,
    reference_of,
)
from mien.emotion.checkpoint import load_card, load_weights
from mien.emotion.contract import Progress, find_recipe
from mien.emotion.movements import columns_by_area
from mien.emotion.prediction import Model
from mien.emotion.sequences import Sequences
from mien.errors import InputError, ShapeError
from mien.evaluation.explanation import ClipWeights
from mien.face.features import Faces, FeatureSet
from mien.workflows.explain_rows import Sample

_ROWS_AT_ONCE = 256
_LEAST_EXPLAINED = 0.05  # of the difference, that integrated gradients may miss


@dataclass(frozen=True)
class Weighed:
    """What moved the answers for K clips."""

    clips: ClipWeights
    of_reference: tuple[str, float]  # the model's answer for the reference face, and how likely
    unexplained: float  # nats, the most that integrated gradients leave; NaN for occlusion
    is_coarse: bool  # more is unexplained than should be


@dataclass(frozen=True)
class _Items:
    """What the model answers: frames (M, F), or clips that are laid out when asked for."""

    values: Any  # what gives items by a slice
    clip_of: np.ndarray  # (items,) the clip of each
    spans: list[slice]  # what is taken together


@dataclass(frozen=True)
class _Weights:
    by_area: np.ndarray  # (items, A)
    by_point: np.ndarray  # (items, 478)
    unexplained: np.ndarray  # (items,) NaN for occlusion
    difference: np.ndarray  # (items,)


def network_of(folder: str | Path | None) -> Any:
    """The network of a model folder, for gradients. Raises InputError for a model without one."""
    card = None if folder is None else load_card(folder)
    restored: Any = None
    if folder is not None and card is not None:
        settings = checked(TrainSettings, **card.settings)
        restored = find_recipe(card.recipe).restore(load_weights(folder), settings, card.labels)
    if not hasattr(restored, "network_"):
        name = "facs" if card is None else card.recipe
        raise InputError(
            f"recipe {name} has no network to take gradients of: use the method occlusion"
        )
    return restored.network_


def weigh(
    model: Model,
    sample: Sample,
    *,
    network: Any | None = None,
    other: Sample | None = None,
    on_progress: Progress = lambda doing, done, total: None,
) -> Weighed:
    """Weigh every area for every clip of the sample, for the answer that the model gave.

    network: for integrated gradients; None for occlusion. other: where the reference comes
    from; None: the sample itself. Raises ShapeError for points that make no face.
    """
    features = model.features
    values, shapes = _features(sample, features.values, on_progress)
    base_values, base_shapes = values, shapes
    if other is not None:
        base_values, base_shapes = _features(other, features.values, on_progress)
    groups = (other or sample).frame_labels
    reference = reference_of(base_values, groups=groups)
    items, answer = _items(sample, values, unit=model.unit), _answer(model)
    answers = np.concatenate([answer(items.values[span]) for span in items.spans])
    probabilities = _believed(_by_clip(answers, items.clip_of), model)
    targets = probabilities.argmax(axis=1)
    weights = _weights(
        items, answer, network, features,
        reference=reference, targets=targets[items.clip_of], on_progress=on_progress,
    )  # fmt: skip
    clips = ClipWeights(
        names=sample.names,
        face_ids=sample.face_ids,
        subjects=sample.subjects,
        labels=sample.labels,
        answers=targets,
        probabilities=probabilities.max(axis=1),
        frames=np.bincount(sample.clip_of),
        frames_without_face=sample.frames_without_face,
        areas=tuple(columns_by_area(features.names)),
        by_area=_by_clip(weights.by_area, items.clip_of),
        size_by_area=_by_clip(np.abs(weights.by_area), items.clip_of),
        by_point=_by_clip(weights.by_point, items.clip_of),
        blendshapes=_by_clip(shapes, sample.clip_of),
        reference_blendshapes=reference_of(base_shapes, groups=groups),
    )
    own = _believed(
        answer(reference[None] if model.unit == "frame" else reference[None, None]), model
    )
    of_reference = model.labels[int(own[0].argmax())], float(own[0].max())
    left, whole = weights.unexplained, weights.difference
    is_coarse = bool(np.mean(left) > _LEAST_EXPLAINED * np.mean(whole))
    return Weighed(clips, of_reference, float(left.max()), is_coarse)


def _weights(
    items: _Items,
    answer: Answer,
    network: Any | None,
    features: FeatureSet,
    *,
    reference: np.ndarray,
    targets: np.ndarray,
    on_progress: Progress,
) -> _Weights:
    columns = columns_by_area(features.names)
    areas, points, gaps = [], [], []
    for span in items.spans:
        on_progress("weighing areas", span.start, len(targets))
        some, own = np.asarray(items.values[span]), targets[span]
        if network is None:
            found = occlusion(answer, some, columns=columns, reference=reference, targets=own)
            points.append(painted(found, list(columns)))
            gaps.append(np.full((2, len(own)), np.nan))
        else:
            parts = integrated_gradients(network, some, reference=reference, targets=own)
            found = by_area(parts.values, columns)
            points.append(by_point(parts.values, features.names))
            gaps.append(np.abs([parts.unexplained, parts.difference]))
        areas.append(found)
    on_progress("weighing areas", len(targets), len(targets))
    return _Weights(np.concatenate(areas), np.concatenate(points), *np.concatenate(gaps, axis=1))


def _items(sample: Sample, values: np.ndarray, *, unit: str) -> _Items:
    if unit == "frame":
        return _Items(values, sample.clip_of, _spans(len(values), _ROWS_AT_ONCE))
    clips = Sequences(values, clip_of=sample.clip_of, frame_nums=sample.frame_nums)
    return _Items(clips, np.arange(len(clips)), _spans(len(clips), 1))


def _answer(model: Model) -> Answer:
    """The model's own probabilities of its items, before calibration."""

    def answer(values: np.ndarray) -> np.ndarray:
        found = model.run(np.ascontiguousarray(values, np.float32))
        probabilities: np.ndarray = found if model.unit == "frame" else found[0]
        return probabilities

    return answer


def _believed(probabilities: np.ndarray, model: Model) -> np.ndarray:
    """(K, C) of clips as mien predict gives them: calibrated, which can change the answer."""
    calibration = model.calibrations.clips
    return probabilities if calibration is None else calibration.apply(probabilities)


def _features(
    sample: Sample, values_of: Callable[[Faces], np.ndarray], on_progress: Progress
) -> tuple[np.ndarray, np.ndarray]:
    """The model's values (M, F) and the blendshapes (M, 52) of a sample's frames."""
    values, shapes = [], []
    for span in _spans(len(sample.points), _ROWS_AT_ONCE):
        on_progress("computing features", span.start, len(sample.points))
        faces = Faces(sample.points[span], size_px=sample.size_px[span])
        values.append(values_of(faces))
        shapes.append(faces.blendshapes)
    found = np.concatenate(values)
    broken = np.isnan(found).any(axis=1)
    if broken.any():
        row = int(broken.argmax())
        raise ShapeError(
            f"clip {sample.names[sample.clip_of[row]]!r} frame {sample.frame_nums[row]} has points "
            "that make no face, such as all in one place: extract that clip again"
        )
    return found, np.concatenate(shapes)


def _spans(count: int, at_once: int) -> list[slice]:
    return [slice(start, min(start + at_once, count)) for start in range(0, count, at_once)]


def _by_clip(values: np.ndarray, clip_of: np.ndarray) -> np.ndarray:
    """Means over each clip's items. values: (items, S); clip_of: (items,), every clip in it."""
    sums = np.zeros((int(clip_of.max()) + 1, values.shape[1]))
    np.add.at(sums, clip_of, values)
    means: np.ndarray = sums / np.bincount(clip_of)[:, None]
    return means
