"""The answer that looks at no face: what every model must beat.

Shapes: N rows, F values a row, C classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin

from mien.emotion.batches import rows_of
from mien.emotion.fitted_network import export
from mien.emotion.runs import FitRun
from mien.emotion.targets import lesson_of


class MajorityClassifier(ClassifierMixin, BaseEstimator):
    """Each label as probable as it was common, whatever the face: the commonest is answered."""

    def __init__(self, *, classes: Sequence[str] | None = None) -> None:
        self.classes = classes

    def fit(
        self,
        X: Any,
        y: np.ndarray,
        *,
        rows: np.ndarray | None = None,
        groups: np.ndarray | None = None,
        run: FitRun | None = None,
    ) -> Self:
        """Count labels y (N,), or those of some `rows`. Raises InputError for a label that
        is not among `classes`."""
        self.classes_, rows, targets = lesson_of(y, rows, self.classes)
        self.n_features_in_ = rows_of(X).shape[1]
        counts = np.bincount(targets[rows], minlength=len(self.classes_))
        self.shares_ = (counts / counts.sum()).astype(np.float32)
        self.loss_history_: list[float] = []
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """(N, C) float32, every row the same, in the order of classes_."""
        return np.tile(self.shares_, (rows_of(X).shape[0], 1))

    def predict(self, X: Any) -> np.ndarray:
        """(N,) the commonest label."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def weights(self) -> dict[str, np.ndarray]:
        return {"shares": self.shares_.copy(), "mean": np.zeros(self.n_features_in_, np.float32)}

    def write_onnx(self, path: Path) -> None:
        """`features` (N, F) in, `probabilities` (N, C) out."""
        export(_Constant(self.shares_), path, sample_shape=(2, self.n_features_in_))


def from_weights(
    weights: Mapping[str, np.ndarray], *, labels: Sequence[str], **params: Any
) -> MajorityClassifier:
    """The fitted classifier whose weights() these are. labels: its classes, in order."""
    model = MajorityClassifier(classes=tuple(labels))
    model.classes_, model.shares_ = np.array(labels), np.array(weights["shares"])
    model.n_features_in_, model.loss_history_ = len(weights["mean"]), []
    return model


class _Constant(torch.nn.Module):
    def __init__(self, shares: np.ndarray) -> None:
        super().__init__()
        self.register_buffer("shares", torch.from_numpy(shares))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return torch.zeros_like(values[:, :1]) + self.shares
