"""Classifiers of single frames on projected values: recipes logistic, svm, kernel and blend.

Shapes: N rows, F values a row, D components, C classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin

from mien.emotion.batches import RowSource, rows_of
from mien.emotion.heads import HEADS, head_from
from mien.emotion.mlp import write_onnx
from mien.emotion.projection import Projection, fit_projection
from mien.emotion.runs import FitRun
from mien.emotion.targets import ClassWeight, class_numbers, class_weights
from mien.emotion.training import CHUNK_ROWS
from mien.errors import InputError
from mien.face.features import FEATURE_SETS

_ROWS = {
    "logistic": 100_000,
    "kernel": 40_000,
    "svm": 20_000,
    "blend": 20_000,
}  # learnt from at most


class FrameClassifier(ClassifierMixin, BaseEstimator):
    """Principal components, evened out, and a head of heads.HEADS that decides.

    method: "logistic", "svm", "kernel" or "blend". components, whitening: see projection.py.
    strength: how closely the rows are followed, scikit-learn's C. gamma: of the kernel, for
    rows of mean square 1. class_weight: None, "balanced" or "sqrt", see targets.py.
    mirror_of: a feature set's name; then each face is learnt from in the mirror too.
    max_rows: so many rows, drawn by chance, are learnt from when there are more; None:
    what the method bears. classes: every label there is; None takes y's own.
    """

    def __init__(
        self,
        *,
        method: Literal["logistic", "svm", "kernel", "blend"] = "logistic",
        components: int = 500,
        whitening: float = 0.7,
        strength: float = 1.0,
        gamma: float = 0.5,
        class_weight: ClassWeight | None = None,
        mirror_of: str | None = None,
        max_rows: int | None = None,
        seed: int = 0,
        classes: Sequence[str] | None = None,
    ) -> None:
        self.method = method
        self.components = components
        self.whitening = whitening
        self.strength = strength
        self.gamma = gamma
        self.class_weight = class_weight
        self.mirror_of = mirror_of
        self.max_rows = max_rows
        self.seed = seed
        self.classes = classes

    def fit(
        self,
        X: RowSource,
        y: np.ndarray,
        *,
        rows: np.ndarray | None = None,
        groups: np.ndarray | None = None,
        run: FitRun | None = None,
    ) -> Self:
        """Learn from X (N, F) and labels y (N,), or from some `rows` of them.

        groups and run are not needed: nothing is stopped early or kept half-way.
        Raises InputError when a label is not among `classes`, there is but one to learn,
        or the method is not known.
        """
        if self.method not in HEADS:
            raise InputError(f"no method {self.method!r}: there are {', '.join(HEADS)}")
        X, y = rows_of(X), np.asarray(y)
        rows = np.arange(len(y)) if rows is None else np.asarray(rows)
        self.classes_ = (
            np.unique(y[rows]) if self.classes is None else np.array(sorted(self.classes))
        )
        self.n_features_in_ = X.shape[1]
        targets = class_numbers(y, rows, self.classes_)
        rows = self._drawn(rows)
        if len(np.unique(targets[rows])) < 2:
            only = str(y[rows[0]])
            raise InputError(f"all rows are labelled {only!r}: two labels or more are needed")
        mirrored = self._mirrored(X)
        projection = fit_projection(
            X, rows, components=self.components, whitening=self.whitening, mirrored=mirrored
        )
        sources = [X] if mirrored is None else [X, mirrored]
        z = np.concatenate([_projected(projection, source, rows) for source in sources])
        chosen = np.tile(targets[rows], len(sources))
        counted = class_weights(chosen, class_count=len(self.classes_), kind=self.class_weight)
        head = HEADS[self.method](
            z,
            chosen,
            np.ones(len(self.classes_), np.float32) if counted is None else counted,
            strength=self.strength,
            gamma=self.gamma,
            seed=self.seed,
        )
        self.network_ = _network(projection, head)
        self.loss_history_: list[float] = []
        return self

    def predict_proba(self, X: RowSource) -> np.ndarray:
        """(N, C) float32 probabilities of X (N, F), in the order of classes_."""
        X = rows_of(X)
        found = np.empty((X.shape[0], len(self.classes_)), np.float32)
        with torch.inference_mode():
            for start in range(0, len(found), CHUNK_ROWS):
                some = np.ascontiguousarray(X[start : start + CHUNK_ROWS], np.float32)
                scores = self.network_(torch.from_numpy(some))
                found[start : start + len(some)] = torch.softmax(scores, dim=1).numpy()
        return found

    def predict(self, X: RowSource) -> np.ndarray:
        """(N,) the likeliest label of each row."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def weights(self) -> dict[str, np.ndarray]:
        """The projection's and the head's arrays, float32."""
        return {name: value.numpy().copy() for name, value in self.network_.state_dict().items()}

    def write_onnx(self, path: Path) -> None:
        """`features` (N, F) in, `probabilities` (N, C) out."""
        write_onnx(self.network_, path, value_count=self.n_features_in_)

    def _drawn(self, rows: np.ndarray) -> np.ndarray:
        most = _ROWS[self.method] if self.max_rows is None else self.max_rows
        if len(rows) <= most:
            return rows
        return np.sort(np.random.default_rng(self.seed).choice(rows, most, replace=False))

    def _mirrored(self, X: RowSource) -> RowSource | None:
        if self.mirror_of is None:
            return None
        return _Mirrored(X, FEATURE_SETS[self.mirror_of].mirror)


def from_weights(
    weights: Mapping[str, np.ndarray], *, labels: Sequence[str], **params: Any
) -> FrameClassifier:
    """The fitted classifier whose weights() these are. labels: its classes, in order."""
    model = FrameClassifier(classes=tuple(labels), **params)
    model.classes_ = np.array(labels)
    projection = Projection(weights["project.mean"], weights["project.matrix"])
    head = {n.removeprefix("head."): v for n, v in weights.items() if n.startswith("head.")}
    model.network_ = _network(projection, head_from(model.method, head))
    model.n_features_in_ = len(projection.mean)
    model.loss_history_ = []
    return model


class _Mirrored:
    """The same rows' faces in the mirror."""

    gives_rows = True

    def __init__(self, X: RowSource, mirror: Callable[[np.ndarray], np.ndarray]) -> None:
        self.shape, self._source, self._mirror = X.shape, X, mirror

    def __getitem__(self, index: Any) -> np.ndarray:
        return self._mirror(np.asarray(self._source[index]))


class _Project(torch.nn.Module):
    def __init__(self, projection: Projection) -> None:
        super().__init__()
        self.register_buffer("mean", torch.from_numpy(np.array(projection.mean)))
        self.register_buffer("matrix", torch.from_numpy(np.array(projection.matrix, order="C")))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return (values - self.mean) @ self.matrix


def _network(projection: Projection, head: torch.nn.Module) -> torch.nn.Module:
    parts = torch.nn.Sequential()
    parts.add_module("project", _Project(projection))
    parts.add_module("head", head)
    return parts.eval()


def _projected(projection: Projection, source: RowSource, rows: np.ndarray) -> np.ndarray:
    return np.concatenate(
        [
            projection(np.asarray(source[rows[start : start + CHUNK_ROWS]], np.float32))
            for start in range(0, len(rows), CHUNK_ROWS)
        ]
    )
