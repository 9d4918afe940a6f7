"""What a recipe is: features, and a classifier in scikit-learn's manner.

Shapes: N rows, F values a row, C classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from mien.config import TrainSettings
from mien.emotion.runs import FitRun
from mien.errors import InputError, missing_extra
from mien.face.features import FEATURE_SETS, FeatureSet

Progress = Callable[[str, int, int], None]  # what is being done, done, in all


class Estimator(Protocol):
    """A classifier that scikit-learn can clone and mien can save."""

    classes_: np.ndarray  # (C,) labels, in the order of the probabilities
    loss_history_: list[float]  # one value an epoch; empty when fitting has none

    def fit(
        self,
        X: Any,
        y: np.ndarray,
        *,
        rows: np.ndarray | None = None,
        groups: np.ndarray | None = None,
        run: FitRun | None = None,
    ) -> Any:
        """Learn. X: (N, F) float32, or what gives such rows when indexed; y: (N,) labels.
        rows: which to learn from, None for all, so that a fold of a large table needs no
        copy of it. groups: (N,) people. run: where checkpoints and logs go."""

    def predict_proba(self, X: Any) -> np.ndarray:
        """(N, C) float32 probabilities of X, as fit takes it."""

    def get_params(self, deep: bool = True) -> dict[str, Any]: ...

    def weights(self) -> dict[str, np.ndarray]:
        """What was learnt, by name."""

    def write_onnx(self, path: Path) -> None:
        """The fitted model as a graph: `features` (N, F) in, `probabilities` (N, C) out."""


@dataclass(frozen=True)
class Recipe:
    """A named way from a landmark table to a model."""

    name: str
    summary: str
    features: FeatureSet
    # Settings, and every class there is. Raises InputError when a setting does not fit.
    build: Callable[[TrainSettings, Sequence[str]], Estimator]


def _network(settings: TrainSettings, labels: Sequence[str], **options: Any) -> Estimator:
    try:
        from mien.emotion.mlp import MlpClassifier
    except ImportError as error:
        raise missing_extra(f"recipe {settings.recipe}", "train", error.name or "torch") from error
    return MlpClassifier(
        hidden_units=settings.hidden_units,
        epochs=settings.epochs,
        learning_rate=settings.learning_rate,
        seed=settings.seed,
        classes=tuple(labels),
        patience=settings.patience,
        device=settings.device,
        precision=settings.precision,
        **options,
    )


def _seed(settings: TrainSettings, labels: Sequence[str]) -> Estimator:
    if settings.batch_rows is not None:
        raise InputError("recipe seed takes all rows in one batch: leave out batch_rows")
    return _network(settings, labels)


def _mlp(settings: TrainSettings, labels: Sequence[str]) -> Estimator:
    return _network(
        settings,
        labels,
        batch_rows=settings.batch_rows or 1024,
        standardise=True,
        weight_decay=0.01,
    )


RECIPES = {
    "seed": Recipe(
        "seed",
        "the reference: 1,434 raw values, one hidden layer of 256, all rows in one batch",
        FEATURE_SETS["raw-points"],
        _seed,
    ),
    "mlp": Recipe(
        "mlp",
        "the same values, standardised, in small batches",
        FEATURE_SETS["raw-points"],
        _mlp,
    ),
}


def find_recipe(name: str) -> Recipe:
    """The recipe of that name. Raises InputError, naming those there are."""
    if name not in RECIPES:
        raise InputError(f"no recipe {name!r}: mien has {', '.join(RECIPES)}")
    return RECIPES[name]
