"""The reference's network as a scikit-learn classifier: one hidden layer, ReLU, softmax.

Shapes: N rows, F values a row, C classes.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin

from mien.emotion.training import ROWS_AT_ONCE, train_full_batch
from mien.errors import InputError


class MlpClassifier(ClassifierMixin, BaseEstimator):
    """Linear -> ReLU -> Linear, trained by train_full_batch.

    classes: every label there is, so that folds which lack one agree; None takes y's own.
    Labels are numbered in sorted order, as LabelEncoder does.
    """

    def __init__(
        self,
        *,
        hidden_units: int = 256,
        epochs: int = 20,
        learning_rate: float = 0.001,
        seed: int = 0,
        classes: Sequence[str] | None = None,
    ) -> None:
        self.hidden_units = hidden_units
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.seed = seed
        self.classes = classes

    def fit(self, X: np.ndarray, y: np.ndarray, *, rows: np.ndarray | None = None) -> Self:
        """Learn from X (N, F) and labels y (N,), or from some `rows` of them.

        Raises InputError when a label is not among `classes`.
        """
        X = np.ascontiguousarray(X, np.float32)
        rows = np.arange(len(X)) if rows is None else rows
        y = np.asarray(y)
        self.classes_ = (
            np.unique(y[rows]) if self.classes is None else np.array(sorted(self.classes))
        )
        self.n_features_in_ = X.shape[1]
        self.network_ = seeded_network(
            self.n_features_in_, len(self.classes_), hidden_units=self.hidden_units, seed=self.seed
        )
        self.loss_history_ = train_full_batch(
            self.network_,
            X,
            targets=_numbers(y, rows, self.classes_),
            rows=rows,
            epochs=self.epochs,
            learning_rate=self.learning_rate,
        )
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """(N, C) float32 probabilities of X (N, F), in the order of classes_."""
        probabilities = np.empty((len(X), len(self.classes_)), np.float32)
        with torch.inference_mode():
            for start in range(0, len(X), ROWS_AT_ONCE):
                some = np.ascontiguousarray(X[start : start + ROWS_AT_ONCE], np.float32)
                scores = self.network_(torch.from_numpy(some))
                probabilities[start : start + len(some)] = torch.softmax(scores, dim=1).numpy()
        return probabilities

    def predict(self, X: np.ndarray) -> np.ndarray:
        """(N,) the likeliest label of each row."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def weights(self) -> dict[str, np.ndarray]:
        """Each layer's weight and bias, float32."""
        return {name: value.numpy().copy() for name, value in self.network_.state_dict().items()}

    def write_onnx(self, path: Path) -> None:
        """The network with its softmax: `features` (N, F) in, `probabilities` (N, C) out."""
        write_onnx(self.network_, path, value_count=self.n_features_in_)


def from_weights(
    weights: Mapping[str, np.ndarray], *, labels: Sequence[str], **params: Any
) -> MlpClassifier:
    """The fitted classifier whose weights() these are. labels: its classes, in order."""
    model = MlpClassifier(classes=tuple(labels), **params)
    model.classes_ = np.array(labels)
    model.hidden_units, model.n_features_in_ = weights["0.weight"].shape
    model.network_ = _network(model.n_features_in_, len(labels), model.hidden_units)
    model.network_.load_state_dict(
        {name: torch.from_numpy(np.array(value)) for name, value in weights.items()}, strict=True
    )
    model.network_.eval()
    model.loss_history_ = []
    return model


def seeded_network(
    value_count: int, class_count: int, *, hidden_units: int, seed: int
) -> torch.nn.Sequential:
    """The untrained network, the same for a seed; torch's own random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(seed)
        return _network(value_count, class_count, hidden_units)


def write_onnx(network: torch.nn.Module, path: Path, *, value_count: int) -> None:
    """Export a network of class scores with softmax in the graph; any number of rows."""
    graph = torch.nn.Sequential(network, torch.nn.Softmax(dim=1)).eval()
    with warnings.catch_warnings():
        # The exporter that torch now prefers writes this machine's paths into the file.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            graph,
            (torch.zeros(2, value_count),),
            str(path),
            input_names=["features"],
            output_names=["probabilities"],
            dynamic_axes={"features": {0: "rows"}, "probabilities": {0: "rows"}},
            dynamo=False,
        )


def _network(value_count: int, class_count: int, hidden_units: int) -> torch.nn.Sequential:
    return torch.nn.Sequential(
        torch.nn.Linear(value_count, hidden_units),
        torch.nn.ReLU(),
        torch.nn.Linear(hidden_units, class_count),
    )


def _numbers(y: np.ndarray, rows: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """(N,) int64 class numbers; rows that are not learnt from may hold any label."""
    unknown = set(y[rows].tolist()) - set(classes.tolist())
    if unknown:
        raise InputError(
            f"label {sorted(unknown)[0]!r} is not among the classes {classes.tolist()}"
        )
    return np.minimum(np.searchsorted(classes, y.astype(classes.dtype)), len(classes) - 1)
