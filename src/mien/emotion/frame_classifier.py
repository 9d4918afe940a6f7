"""Classifiers of single frames on projected values: recipes logistic, svm, kernel and blend.

Shapes: N rows, F values a row, D components, C classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin

from mien.emotion.batches import RowSource, rows_of
from mien.emotion.fitted_network import row_probabilities, weights_of, write_onnx
from mien.emotion.heads import HEADS, head_from
from mien.emotion.projection import POWERS, TURN_UNIT_RAD, Projection, fit_projection
from mien.emotion.runs import FitRun
from mien.emotion.targets import ClassWeight, class_weights, lesson_of
from mien.emotion.training import CHUNK_ROWS
from mien.errors import InputError
from mien.face.features import FEATURE_SETS

_ROWS = {
    "logistic": 100_000,
    "kernel": 40_000,
    "svm": 15_000,
    "blend": 15_000,
}  # learnt from at most; a machine holds 8 bytes for each pair of rows


class FrameClassifier(ClassifierMixin, BaseEstimator):
    """Principal components, evened out, and a head of heads.HEADS that decides.

    method: "logistic", "svm", "kernel" or "blend". components, whitening: see projection.py.
    strength: how closely the rows are followed, scikit-learn's C. gamma: of the kernel, for
    rows of mean square 1. class_weight: None, "balanced" or "sqrt", see targets.py.
    features: the name of the feature set that X holds; then a face and its mirror image are
    learnt from and answered alike, and head pose, if it is among the values, is taken out of
    the others. max_rows: so many rows, drawn by chance, are learnt from when there are more;
    None: what the method bears. classes: every label there is; None takes y's own.
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
        features: str | None = None,
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
        self.features = features
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

        groups: (N,) people, who count in the weights of classes. run is not needed:
        nothing is kept half-way.
        Raises InputError when a label is not among `classes`, there is but one to learn,
        or the method is not known.
        """
        if self.method not in HEADS:
            raise InputError(f"no method {self.method!r}: there are {', '.join(HEADS)}")
        X = rows_of(X)
        self.n_features_in_ = X.shape[1]
        self.classes_, rows, targets = lesson_of(y, rows, self.classes)
        rows = self._drawn(rows)
        if len(np.unique(targets[rows])) < 2:
            only = str(np.asarray(y)[rows[0]])
            raise InputError(f"all rows are labelled {only!r}: two labels or more are needed")
        projection = fit_projection(
            X,
            rows,
            components=self.components,
            whitening=self.whitening,
            features=None if self.features is None else FEATURE_SETS[self.features],
        )
        chosen, class_count = targets[rows], len(self.classes_)
        counted = class_weights(
            chosen,
            class_count=class_count,
            kind=self.class_weight,
            groups=None if groups is None else groups[rows],
        )
        head = HEADS[self.method](
            _projected(projection, X, rows),
            chosen,
            np.ones(class_count, np.float32) if counted is None else counted,
            signs=projection.signs,
            strength=self.strength,
            gamma=self.gamma,
            seed=self.seed,
        )
        self.network_ = _network(projection, head)
        self.loss_history_: list[float] = []
        return self

    def predict_proba(self, X: RowSource) -> np.ndarray:
        """(N, C) float32 probabilities of X (N, F), in the order of classes_."""
        return row_probabilities(self.network_, X, class_count=len(self.classes_))

    def predict(self, X: RowSource) -> np.ndarray:
        """(N,) the likeliest label of each row."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def weights(self) -> dict[str, np.ndarray]:
        """The projection's and the head's arrays."""
        return weights_of(self.network_)

    def write_onnx(self, path: Path) -> None:
        """`features` (N, F) in, `probabilities` (N, C) out."""
        write_onnx(self.network_, path, value_count=self.n_features_in_)

    def _drawn(self, rows: np.ndarray) -> np.ndarray:
        most = _ROWS[self.method] if self.max_rows is None else self.max_rows
        if len(rows) <= most:
            return rows
        return np.sort(np.random.default_rng(self.seed).choice(rows, most, replace=False))


def from_weights(
    weights: Mapping[str, np.ndarray], *, labels: Sequence[str], **params: Any
) -> FrameClassifier:
    """The fitted classifier whose weights() these are. labels: its classes, in order."""
    model = FrameClassifier(classes=tuple(labels), **params)
    model.classes_ = np.array(labels)
    parts = ("course", "matrix", "signs", "turn", "reach")
    projection = Projection(*(weights[f"project.{part}"] for part in parts))
    head = {n.removeprefix("head."): v for n, v in weights.items() if n.startswith("head.")}
    model.network_ = _network(projection, head_from(model.method, head))
    model.n_features_in_ = projection.matrix.shape[0]
    model.loss_history_ = []
    return model


class _Project(torch.nn.Module):
    """What a Projection does, in a graph."""

    def __init__(self, projection: Projection) -> None:
        super().__init__()
        for name in ("course", "matrix", "signs", "turn", "reach"):
            self.register_buffer(name, torch.from_numpy(np.array(getattr(projection, name))))
        self.turns = len(projection.course) > 1

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        if not self.turns:
            return (values - self.course) @ self.matrix
        turned = values[:, self.turn]
        turned = torch.minimum(torch.maximum(turned, -self.reach), self.reach) / TURN_UNIT_RAD
        yaw, pitch = turned[:, 0], turned[:, 1]
        terms = torch.stack([yaw**i * pitch**j for i, j in POWERS], dim=1)
        return (values - terms @ self.course) @ self.matrix


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
