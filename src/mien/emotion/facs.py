"""Emotions from blendshapes by published FACS prototypes: no training, numpy alone.

Blendshapes are read as action units, 0-1. A rule of facs_rules.py is as strong as its
units are present together; a label has the evidence of its strongest rule, less half of
the strongest unit that speaks against it. Neutral has a fixed evidence, which a rule
must exceed to win. A softmax turns evidence into probabilities.

The combinations come from print. What else there is to choose was chosen on half of the
people of a collection of photographs: facs_rules.CHOSEN says what, and docs/facs.md has
the scores of the other half.

Shapes: N frames, B = 52 blendshapes, U action units, R variants of rules, C labels.
A frame without a face is a row of NaN, and so is its answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from mien.emotion.facs_rules import (
    ACTION_UNITS,
    AGAINST,
    LABELS,
    rules,
    rules_markdown,
    rules_text,
)
from mien.emotion.facs_tables import (
    AGAINST_SHARE,
    NEUTRAL_EVIDENCE,
    SMILE,
    TABLES,
    TEMPERATURE,
    TOLERANCE,
    UNIT_PLACES,
    VARIANTS,
)
from mien.errors import InputError, ModelError, ShapeError, missing_extra
from mien.face.blendshapes import BLENDSHAPE_NAMES

__all__ = [
    "LABELS",
    "FacsClassifier",
    "action_units",
    "evidence",
    "explain",
    "from_weights",
    "probabilities",
    "rules",
    "rules_markdown",
    "rules_text",
]

_CHUNK_ROWS = 16384
_SHOWN = 0.1  # a unit weaker than this is not mentioned


def action_units(blendshapes: np.ndarray) -> np.ndarray:
    """(N, U) float64 estimates, 0-1, of the action units in facs_rules.ACTION_UNITS' order.

    0 is what nine neutral faces in ten do not exceed, 1 what is strong in an expression.
    blendshapes: (N, 52). Raises ShapeError for others, InputError for infinite values.
    """
    values = _checked(blendshapes)
    absent = np.isnan(values).any(axis=1)
    shown = np.where(absent[:, None], 0, values) @ TABLES["sides"]
    level = np.clip((shown - TABLES["zero"]) / TABLES["span"], 0, 1)
    seen = level[:, TABLES["shown_by"]].max(axis=2)
    units: np.ndarray = np.maximum(seen - TABLES["less_smile"] * seen[:, [SMILE]], 0)
    units[absent] = np.nan
    return units


def evidence(units: np.ndarray) -> np.ndarray:
    """(N, C) float64 evidence for each of LABELS. units: (N, U), as action_units gives them."""
    absent = np.isnan(units).any(axis=1)
    units = np.where(absent[:, None], 0, units)
    strengths = _strengths(units)
    found = np.full((len(units), len(LABELS)), NEUTRAL_EVIDENCE)
    for place in set(TABLES["speaks_for"].tolist()):
        spoken = strengths[:, TABLES["speaks_for"] == place].max(axis=1)
        denied = units[:, TABLES["against"][place] > 0].max(axis=1)
        found[:, place] = spoken - AGAINST_SHARE * denied
    found[absent] = np.nan
    return found


def probabilities(blendshapes: np.ndarray, *, labels: Sequence[str] = LABELS) -> np.ndarray:
    """(N, C) float32 probabilities of some labels, in their order; NaN rows where no face.

    A label that has no rule gets 0. blendshapes: (N, 52). Raises ShapeError, InputError.

    >>> LABELS[int(probabilities(np.zeros((1, 52))).argmax())]
    'Neutral'
    """
    known = [place for place, label in enumerate(labels) if label in LABELS]
    if not known:
        raise InputError(
            f"facs has no rule for {', '.join(map(repr, labels))}: it knows {', '.join(LABELS)}"
        )
    scores = evidence(action_units(blendshapes))[:, [LABELS.index(labels[p]) for p in known]]
    scores = np.exp((scores - scores.max(axis=1, keepdims=True)) / TEMPERATURE)
    found = np.zeros((len(scores), len(labels)), np.float32)
    found[:, known] = scores / scores.sum(axis=1, keepdims=True)
    found[np.isnan(scores).any(axis=1)] = np.nan
    return found


def explain(blendshapes_row: np.ndarray) -> str:
    """In words: the answer for one frame, the rule that gave it, and the units that spoke.

    blendshapes_row: (52,). Raises ShapeError, InputError.

    >>> explain(np.full(52, np.nan))
    'no face: no answer'
    """
    row = np.asarray(blendshapes_row, np.float64)
    if row.shape != (len(BLENDSHAPE_NAMES),):
        raise ShapeError(f"one frame has ({len(BLENDSHAPE_NAMES)},) blendshapes, got {row.shape}")
    if np.isnan(row).any():
        return "no face: no answer"
    units = action_units(row[None])
    chances, found = probabilities(row[None])[0], evidence(units)[0]
    label = LABELS[int(chances.argmax())]
    nearest = label if label != "Neutral" else _likeliest_but_neutral(found)
    said = f"{label} ({chances.max():.2f}): "
    if label == "Neutral":
        said += (
            f"no rule exceeds {NEUTRAL_EVIDENCE}; the nearest is {nearest} at "
            f"{max(found[LABELS.index(nearest)], 0):.2f}, "
        )
    return said + _rule_in_words(units[0], nearest)


class FacsClassifier:
    """The rules as a scikit-learn classifier that needs no scikit-learn.

    fit learns nothing: it only takes which labels to answer, those of y or `classes`.
    The probability of a label that facs knows and y lacks is folded into the others.
    """

    _estimator_type = "classifier"  # how scikit-learn before 1.6 knows a classifier
    n_features_in_ = len(BLENDSHAPE_NAMES)

    def __init__(self, *, classes: Sequence[str] | None = None) -> None:
        self.classes = classes

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's arguments."""
        return {"classes": self.classes}

    def set_params(self, **params: Any) -> Self:
        """Change the constructor's arguments. Raises InputError for others."""
        for name, value in params.items():
            if name != "classes":
                raise InputError(f"facs has no parameter {name!r}: it has classes")
            self.classes = value
        return self

    def fit(
        self,
        X: Any,
        y: np.ndarray,
        *,
        rows: np.ndarray | None = None,
        groups: np.ndarray | None = None,
        run: Any = None,
    ) -> Self:
        """Take the labels of y (N,), or of some `rows`. X, groups and run are not looked at.

        Raises InputError when a label is not among `classes`, or facs knows none of them.
        """
        labels = np.unique(np.asarray(y) if rows is None else np.asarray(y)[rows])
        chosen = labels if self.classes is None else np.array(sorted(self.classes))
        unknown = set(labels.tolist()) - set(chosen.tolist())
        if unknown:
            raise InputError(
                f"label {sorted(unknown)[0]!r} is not among the classes {chosen.tolist()}"
            )
        probabilities(np.empty((0, self.n_features_in_)), labels=chosen.tolist())
        self.classes_ = chosen
        self.loss_history_: list[float] = []
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """(N, C) float32 probabilities of blendshapes X (N, 52), in the order of classes_."""
        labels = self._fitted_classes().tolist()
        return np.concatenate([probabilities(some, labels=labels) for some in _chunks(X)])

    def predict(self, X: Any) -> np.ndarray:
        """(N,) the likeliest label of each row. Raises InputError when a row has no face."""
        found = self.predict_proba(X)
        absent = np.isnan(found).any(axis=1)
        if absent.any():
            raise InputError(
                f"row {int(absent.argmax())} has no face, so it has no label: "
                "leave such rows out, or ask predict_proba"
            )
        return self._fitted_classes()[found.argmax(axis=1)]

    def score(self, X: Any, y: np.ndarray) -> float:
        """The share of rows whose label is y's."""
        return float((self.predict(X) == np.asarray(y)).mean())

    def weights(self) -> dict[str, np.ndarray]:
        """The rules as numbers: what from_weights compares with its own."""
        return {name: np.array(value) for name, value in TABLES.items()}

    def write_onnx(self, path: Path) -> None:
        """The rules as a graph: `features` (N, 52) in, `probabilities` (N, C) out. Needs torch."""
        try:
            from mien.emotion.facs_graph import write_onnx
        except ImportError as error:
            raise missing_extra("writing a graph", "train", error.name or "torch") from error
        write_onnx(path, labels=self._fitted_classes().tolist())

    def _fitted_classes(self) -> np.ndarray:
        if not hasattr(self, "classes_"):
            raise InputError("fit first: facs must be told which labels to answer")
        return self.classes_

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn 1.6 and later ask an estimator; only they call it."""
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags(),
            input_tags=InputTags(allow_nan=True),
        )

    def __repr__(self) -> str:
        return f"FacsClassifier(classes={self.classes!r})"


def from_weights(weights: Mapping[str, np.ndarray], *, labels: Sequence[str]) -> FacsClassifier:
    """The fitted classifier whose weights() these are. Raises ModelError for other rules'."""
    for name, own in TABLES.items():
        if name not in weights or not np.array_equal(weights[name], own):
            raise ModelError(f"the model's {name} is not that of this mien's facs: fit it again")
    return FacsClassifier(classes=tuple(labels)).fit(np.empty((0, 52)), np.array(labels))


def _checked(blendshapes: np.ndarray) -> np.ndarray:
    values = np.asarray(blendshapes, np.float64)
    if values.ndim != 2 or values.shape[1] != len(BLENDSHAPE_NAMES):
        raise ShapeError(
            f"blendshapes must be (frames, {len(BLENDSHAPE_NAMES)}), got {values.shape}: "
            "facs takes the feature set blendshapes"
        )
    if np.isinf(values).any():
        row = int(np.isinf(values).any(axis=1).argmax())
        raise InputError(f"row {row} has an infinite blendshape: they are 0-1, or NaN for no face")
    return values


def _chunks(X: Any) -> Iterator[np.ndarray]:
    rows = X if getattr(X, "gives_rows", False) else np.asarray(X)
    for start in range(0, max(rows.shape[0], 1), _CHUNK_ROWS):
        yield rows[start : start + _CHUNK_ROWS]


def _strengths(units: np.ndarray) -> np.ndarray:
    """(N, R) how much of every variant is there: the geometric mean of its units, made tolerant.

    A mean lets one strong unit stand for all; the smallest lets one unit that a camera
    missed silence the rest.
    """
    found: np.ndarray = np.exp(np.log(units + TOLERANCE) @ TABLES["variants"].T) - TOLERANCE
    return found


def _likeliest_but_neutral(found: np.ndarray) -> str:
    return max(
        (label for label in LABELS if label in AGAINST), key=lambda c: found[LABELS.index(c)]
    )


def _rule_in_words(units: np.ndarray, label: str) -> str:
    places = np.flatnonzero(TABLES["speaks_for"] == LABELS.index(label))
    best = int(places[_strengths(units[None])[0, places].argmax()])
    rule, variant = VARIANTS[best]
    said = "by the rule " + rule.published + f" ({', '.join(rule.sources)}): "
    said += ", ".join(_unit_in_words(units, number) for number in variant)
    against = [number for number in AGAINST[label] if units[UNIT_PLACES[number]] >= _SHOWN]
    if against:
        said += "; against it " + ", ".join(_unit_in_words(units, number) for number in against)
    return said


def _unit_in_words(units: np.ndarray, number: int) -> str:
    unit = ACTION_UNITS[UNIT_PLACES[number]]
    return f"{unit.meaning} ({unit.name}) {units[UNIT_PLACES[number]]:.2f}"
