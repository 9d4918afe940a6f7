"""Hidden layers, ReLU, softmax, as a scikit-learn classifier.

With its defaults it is the reference's network and training; batches, scaling, balance
and dropout make it recipe `mlp`.

Shapes: N rows, F values a row, C classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin

from mien.emotion.batches import Augment, RowSource, rows_of
from mien.emotion.devices import chosen_device, has_bfloat16
from mien.emotion.fitted_network import row_probabilities, take_weights, weights_of, write_onnx
from mien.emotion.layers import Dropout
from mien.emotion.projection import FLAT_FACE
from mien.emotion.runs import FitRun
from mien.emotion.targets import ClassWeight, class_weights, lesson_of, set_aside
from mien.emotion.training import CHUNK_ROWS, Plan, fit_network
from mien.errors import InputError


class MlpClassifier(ClassifierMixin, BaseEstimator):
    """Linear -> ReLU, hidden_layers times, -> Linear, fitted by training.fit_network.

    classes: every label there is, so that folds which lack one agree; None takes y's own.
    Labels are numbered in sorted order, as LabelEncoder does.
    batch_rows: rows a step; None for all. standardise: scale each value by the mean and
    deviation of the rows learnt from. patience: stop after so many epochs without a
    better loss on a tenth of the people (or rows), which are then not learnt from.
    dropout: share of hidden units that a row learnt from does without. class_weight:
    None, "balanced" or "sqrt", see targets.py. augment: done to rows learnt from, such as
    a FaceAugmentation. schedule: of the learning rate, "constant" or "cosine".
    device: "cpu", "cuda" or "auto". precision: of the products, "float32", "bfloat16" or
    "auto", which takes the latter in small batches on processors that have it.
    """

    def __init__(
        self,
        *,
        hidden_units: int = 256,
        epochs: int = 20,
        learning_rate: float = 0.001,
        seed: int = 0,
        classes: Sequence[str] | None = None,
        batch_rows: int | None = None,
        standardise: bool = False,
        weight_decay: float = 0.0,
        patience: int | None = None,
        hidden_layers: int = 1,
        dropout: float = 0.0,
        class_weight: ClassWeight | None = None,
        label_smoothing: float = 0.0,
        augment: Augment | None = None,
        schedule: Literal["constant", "cosine"] = "constant",
        device: str = "cpu",
        precision: str = "float32",
    ) -> None:
        self.hidden_units = hidden_units
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.seed = seed
        self.classes = classes
        self.batch_rows = batch_rows
        self.standardise = standardise
        self.weight_decay = weight_decay
        self.patience = patience
        self.hidden_layers = hidden_layers
        self.dropout = dropout
        self.class_weight = class_weight
        self.label_smoothing = label_smoothing
        self.augment = augment
        self.schedule = schedule
        self.device = device
        self.precision = precision

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

        X: an array, or what gives rows when indexed. groups: (N,) people, of whom early
        stopping sets some aside. run: where checkpoints go, and what to go on from.
        Raises InputError when a label is not among `classes`.
        """
        X = rows_of(X)
        self.classes_, rows, targets = lesson_of(y, rows, self.classes)
        self.n_features_in_ = X.shape[1]
        learnt, checked = rows, None
        if self.patience is not None:
            learnt, checked = set_aside(rows, np.asarray(y), groups, seed=self.seed)
        self.network_ = seeded_network(
            self.n_features_in_,
            len(self.classes_),
            hidden_units=self.hidden_units,
            hidden_layers=self.hidden_layers,
            dropout=self.dropout,
            seed=self.seed,
        )
        weights = class_weights(
            targets[learnt], class_count=len(self.classes_), kind=self.class_weight
        )
        scaling = _scaling(X, learnt) if self.standardise else None
        self.loss_history_ = fit_network(
            self.network_ if scaling is None else torch.nn.Sequential(scaling, self.network_),
            X,
            targets=targets,
            rows=learnt,
            plan=self._plan(weights),
            validation=checked,
            run=run,
        )
        if scaling is not None:
            _fold_in(scaling, self.network_[0])
        return self

    def _plan(self, weights: np.ndarray | None) -> Plan:
        device = chosen_device(self.device)
        is_rough = self.precision == "bfloat16"
        if self.precision == "auto" and self.batch_rows is not None:
            is_rough = has_bfloat16(device)
        return Plan(
            epochs=self.epochs,
            learning_rate=self.learning_rate,
            batch_rows=self.batch_rows,
            weight_decay=self.weight_decay,
            patience=self.patience,
            seed=self.seed,
            device=device,
            bfloat16=is_rough,
            class_weights=weights,
            label_smoothing=self.label_smoothing,
            augment=self.augment,
            schedule=self.schedule,
        )

    def predict_proba(self, X: RowSource) -> np.ndarray:
        """(N, C) float32 probabilities of X (N, F), in the order of classes_."""
        return row_probabilities(self.network_, X, class_count=len(self.classes_))

    def predict(self, X: np.ndarray) -> np.ndarray:
        """(N,) the likeliest label of each row."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def weights(self) -> dict[str, np.ndarray]:
        """Each layer's weight and bias, float32."""
        return weights_of(self.network_)

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
    model.network_ = _network(
        model.n_features_in_,
        len(labels),
        hidden_units=model.hidden_units,
        hidden_layers=model.hidden_layers,
        dropout=model.dropout,
    )
    take_weights(model.network_, weights)
    model.loss_history_ = []
    return model


def seeded_network(
    value_count: int, class_count: int, *, seed: int, **shape: Any
) -> torch.nn.Sequential:
    """The untrained network, the same for a seed; torch's own random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(seed)
        return _network(value_count, class_count, **shape)


def _network(
    value_count: int,
    class_count: int,
    *,
    hidden_units: int,
    hidden_layers: int = 1,
    dropout: float = 0.0,
) -> torch.nn.Sequential:
    layers: list[torch.nn.Module] = []
    for number in range(hidden_layers):
        layers += [torch.nn.Linear(hidden_units if number else value_count, hidden_units)]
        layers += [torch.nn.ReLU(), *([_RowDropout(dropout)] if dropout else [])]
    return torch.nn.Sequential(*layers, torch.nn.Linear(hidden_units, class_count))


class _RowDropout(Dropout):
    """The same for rows: x is (b, channels)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.unsqueeze(1)).squeeze(1)


class _Scaling(torch.nn.Module):
    """(x - mean) / deviation, value by value."""

    def __init__(self, mean: np.ndarray, deviation: np.ndarray) -> None:
        super().__init__()
        self.register_buffer("mean", torch.from_numpy(mean.astype(np.float32)))
        self.register_buffer("scale", torch.from_numpy((1 / deviation).astype(np.float32)))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return (values - self.mean) * self.scale


def _scaling(X: RowSource, rows: np.ndarray) -> _Scaling:
    """Mean and deviation of some rows, a chunk at a time (Chan, Golub & LeVeque, 1983)."""
    count, mean, squares = 0, np.zeros(X.shape[1]), np.zeros(X.shape[1])
    rows = np.sort(rows)
    for start in range(0, len(rows), CHUNK_ROWS):
        some = np.asarray(X[rows[start : start + CHUNK_ROWS]], np.float64)
        step = some.mean(axis=0) - mean
        squares += ((some - some.mean(axis=0)) ** 2).sum(axis=0)
        squares += step**2 * count * len(some) / (count + len(some))
        mean += step * len(some) / (count + len(some))
        count += len(some)
    if not np.isfinite(mean).all():
        raise InputError(FLAT_FACE)
    return _Scaling(mean, np.maximum(np.sqrt(squares / count), 1e-6))


@torch.no_grad()
def _fold_in(scaling: _Scaling, layer: torch.nn.Linear) -> None:
    """Make a layer take values as they are that was fitted on scaled ones."""
    weight = layer.weight.double() * scaling.scale.double()
    layer.bias.copy_(layer.bias.double() - weight @ scaling.mean.double())
    layer.weight.copy_(weight)
