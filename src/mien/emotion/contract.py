"""What a recipe is: features, and a classifier in scikit-learn's manner.

Shapes: N rows, K clips, T frames, F values, C classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from mien.config import TrainSettings
from mien.emotion.clip_augmentation import ClipAugmentation, point_columns
from mien.emotion.face_augmentation import FaceAugmentation
from mien.emotion.runs import FitRun
from mien.errors import InputError, missing_extra
from mien.face.features import FEATURE_SETS, FeatureSet

Progress = Callable[[str, int, int], None]  # what is being done, done, in all


class Estimator(Protocol):
    """A classifier that scikit-learn can clone and mien can save.

    One of frames takes X (N, F); one of clips X (K, T, F), NaN where a frame has no face.
    """

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
        """Learn. X: float32, or what gives such rows when indexed; y: labels, one a row.
        rows: which to learn from, None for all, so that a fold of a large table needs no
        copy of it. groups: people, one a row. run: where checkpoints and logs go."""

    def predict_proba(self, X: Any) -> np.ndarray:
        """(N or K, C) float32 probabilities of X, as fit takes it."""

    def get_params(self, deep: bool = True) -> dict[str, Any]: ...

    def weights(self) -> dict[str, np.ndarray]:
        """What was learnt, by name."""

    def write_onnx(self, path: Path) -> None:
        """The fitted model as a graph: `features` in, `probabilities` (N or K, C) out, and
        for clips `frames` (K, T, C)."""


@dataclass(frozen=True)
class Recipe:
    """A named way from a landmark table to a model."""

    name: str
    summary: str
    features: FeatureSet
    module: str  # where its estimator and from_weights live
    estimator: str
    unit: Literal["frame", "clip"] = "frame"  # what is learnt and answered at once
    options: Mapping[str, Any] = field(default_factory=dict)  # of the estimator
    takes: Mapping[str, str] = field(default_factory=dict)  # setting -> the estimator's name for it
    epochs: int = 1  # of its own; 1 where fitting has none
    calibration: Literal["none", "temperature", "isotonic"] = "temperature"  # its own choice
    least_people: int = 0  # with fewer to learn from, another recipe is the better choice
    needs: tuple[str, ...] = ("torch", "sklearn")

    def build(self, settings: TrainSettings, labels: Sequence[str]) -> Estimator:
        """The untrained estimator. labels: every class there is.

        Raises InputError for a setting that this recipe does not have,
        MissingExtraError when what it needs is not installed.
        """
        made: Estimator = getattr(self._home(), self.estimator)(
            classes=tuple(labels), **self._options(settings)
        )
        return made

    def restore(
        self, weights: Mapping[str, np.ndarray], settings: TrainSettings, labels: Sequence[str]
    ) -> Estimator:
        """The fitted estimator whose weights() these are."""
        restored: Estimator = self._home().from_weights(
            weights, labels=labels, **self._options(settings)
        )
        return restored

    def epochs_of(self, settings: TrainSettings) -> int:
        """How many passes a fit takes at most."""
        return self.epochs if settings.epochs is None else settings.epochs

    def _home(self) -> Any:
        try:
            return import_module(self.module)
        except ImportError as error:
            name = error.name or "torch"
            raise missing_extra(f"recipe {self.name}", "train", name) from error

    def _options(self, settings: TrainSettings) -> dict[str, Any]:
        options = dict(self.options)
        if "seed" in self.takes:
            options["seed"] = settings.seed
        for name, unset in _TUNED.items():
            value = getattr(settings, name)
            if name in self.takes:
                if value != unset or name in ("device", "precision"):
                    options[self.takes[name]] = None if value == "none" else value
            elif value != unset and value != _PLAIN.get(name):
                raise InputError(
                    f"recipe {self.name} has no {name}: leave it out"
                    + (", it takes all rows in one batch" if name == "batch_rows" else "")
                )
        return options


_PLAIN = {"device": "cpu", "precision": "float32"}  # what every recipe does
# Settings that reach an estimator, with the value that leaves it its own choice.
_TUNED: dict[str, Any] = {
    "epochs": None,
    "learning_rate": None,
    "hidden_units": None,
    "batch_rows": None,
    "patience": None,
    "class_weight": "auto",
    "causal": False,
    "device": "auto",
    "precision": "auto",
}


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


_NETWORK = _same(
    "seed", "epochs", "learning_rate", "hidden_units", "patience", "device", "precision"
)
_CLIP_NETWORK = {
    **_same("seed", "epochs", "learning_rate", "patience", "causal", "class_weight"),
    **_same("device", "precision"),
    "hidden_units": "width",
    "batch_rows": "batch_clips",
}


def _frame(name: str, summary: str, features: str, **options: Any) -> Recipe:
    return Recipe(
        name,
        summary,
        FEATURE_SETS[features],
        "mien.emotion.frame_classifier",
        "FrameClassifier",
        options={"method": name, "features": features, **options},
        takes=_same("seed", "class_weight"),
        least_people=0 if name == "logistic" else 50,
        calibration="isotonic" if name == "svm" else "temperature",
    )


def _clip(name: str, summary: str) -> Recipe:
    return Recipe(
        name,
        summary,
        FEATURE_SETS["motion"],
        "mien.emotion.sequence_classifier",
        "ClipClassifier",
        unit="clip",
        options={
            "network": name,
            "epochs": 10,
            "augment": ClipAugmentation(
                mirror=FEATURE_SETS["motion"].mirror,
                columns=point_columns(FEATURE_SETS["motion"].names),
            ),
        },
        takes=_CLIP_NETWORK,
        epochs=10,
    )


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            "majority",
            "the commonest label, without looking",
            FEATURE_SETS["raw-points"],
            "mien.emotion.baseline",
            "MajorityClassifier",
            calibration="none",
        ),
        Recipe(
            "facs",
            "published FACS prototypes on blendshapes; learns nothing",
            FEATURE_SETS["blendshapes"],
            "mien.emotion.facs",
            "FacsClassifier",
            calibration="none",
        ),
        Recipe(
            "seed",
            "the reference: 1,434 raw values, one hidden layer of 256, all rows in one batch",
            FEATURE_SETS["raw-points"],
            "mien.emotion.mlp",
            "MlpClassifier",
            takes=_NETWORK,
            epochs=20,
            calibration="none",
        ),
        _frame(
            "logistic",
            "pose-free points and blendshapes, logistic regression, balanced",
            "posed-expression",
            class_weight="balanced",
            strength=0.6,
        ),
        _frame(
            "svm",
            "pose-free points, a support vector machine; rare labels weigh half-way",
            "posed-points",
            class_weight="sqrt",
            strength=5.0,
            gamma=0.35,
        ),
        _frame(
            "blend",
            "points and blendshapes, logistic regression and machine, each with labels of equal "
            "say: for who wants rare labels found",
            "posed-expression",
            class_weight="balanced",
            strength=0.6,
            gamma=0.3,
        ),
        _frame(
            "kernel",
            "pose-free points, logistic regression in a Gaussian kernel's space",
            "posed-points",
            strength=1.0,
            gamma=0.35,
        ),
        Recipe(
            "mlp",
            "points and blendshapes, two hidden layers, balanced half-way; mirrored and turned",
            FEATURE_SETS["expression"],
            "mien.emotion.mlp",
            "MlpClassifier",
            options={
                "batch_rows": 256,
                "standardise": True,
                "hidden_layers": 2,
                "dropout": 0.5,
                "weight_decay": 0.1,
                "class_weight": "sqrt",
                "schedule": "cosine",
                "epochs": 30,
                "augment": FaceAugmentation("expression"),
            },
            takes={**_NETWORK, **_same("batch_rows", "class_weight")},
            epochs=30,
        ),
        _clip("temporal", "how the face moves: convolutions over time and attention"),
        _clip("lstm", "how the face moves: a recurrent network"),
        _clip("cnn", "how the face moves: convolutions over time alone"),
    )
}


def find_recipe(name: str) -> Recipe:
    """The recipe of that name. Raises InputError, naming those there are."""
    if name not in RECIPES:
        raise InputError(f"no recipe {name!r}: mien has {', '.join(RECIPES)}")
    return RECIPES[name]
