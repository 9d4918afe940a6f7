"""Temperature, bias and prior: a few numbers that make probabilities better.

Learnt on people that the model has not seen, kept as JSON. Shapes: N rows,
C labels. Probabilities are (N, C), NaN in rows without a face.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from mien.emotion.probabilities import checked_probabilities, lesson, normalised
from mien.emotion.strict_json import members, number, numbers
from mien.errors import InputError, ModelError

FLOOR = 1e-12  # a probability of 0 counts as this much, where its logarithm is taken
TEMPERATURES = (0.05, 20.0)  # beyond, the answers carry no information or are all right
BIAS_PENALTY = 1.0  # as much as one row: the offset of a label never seen stays finite


@dataclass(frozen=True)
class Temperature:
    """softmax(log p / temperature + bias): one number, and if asked an offset for each label.

    Above 1 it takes confidence away. Without a bias the likeliest label stays
    the likeliest. Guo et al. 2017 (temperature); Alexandari, Kundaje and
    Shrikumar 2020 (with a bias: vector scaling whose scale all labels share).
    """

    kind: ClassVar[str] = "temperature"
    temperature: float
    bias: tuple[float, ...] | None = None  # (C,), sums to 0

    @classmethod
    def fit(
        cls,
        probabilities: np.ndarray,
        labels: np.ndarray,
        *,
        weights: np.ndarray | None = None,
        with_bias: bool = False,
    ) -> Temperature:
        """Maximise the likelihood of the labels, (N,) ints; weights: (N,), 0 or more.

        Convex in 1 / temperature and the bias, so Newton's method finds the one
        maximum. The temperature stays within TEMPERATURES.
        """
        logits, labels, weights = lesson(probabilities, labels, weights)
        logits = np.log(np.maximum(logits, FLOOR))
        if with_bias:
            inverse, bias = _fit_scale_and_bias(logits, labels, weights)
            return cls(1 / inverse, tuple(bias.tolist()))
        return cls(1 / _fit_scale(logits, labels, weights))

    @property
    def class_count(self) -> int | None:
        return None if self.bias is None else len(self.bias)

    def apply(self, probabilities: np.ndarray) -> np.ndarray:
        """(N, C) float64."""
        logits = np.log(np.maximum(checked_probabilities(probabilities, self), FLOOR))
        return _softmax(logits / self.temperature + np.array(self.bias or 0.0))

    def to_json(self) -> dict[str, Any]:
        bias = None if self.bias is None else list(self.bias)
        return {"kind": self.kind, "temperature": self.temperature, "bias": bias}

    @classmethod
    def from_json(cls, stored: Any) -> Temperature:
        """Raises ModelError naming what differs."""
        found = members(stored, ["kind", "temperature", "bias"], what=cls.kind)
        low, high = TEMPERATURES
        temperature = number(
            found["temperature"], what="temperature", least=low * 0.999, greatest=high * 1.001
        )
        if found["bias"] is None:
            return cls(temperature)
        return cls(temperature, numbers(found["bias"], what="bias", least=-100, greatest=100))


@dataclass(frozen=True)
class LogPrior:
    """p / prior^strength, renormalised: answers for a world where labels are less unequal.

    At 1, as if every label were equally common; at 0, nothing changes. It moves
    answers towards rare labels, so it gains balanced accuracy and loses
    accuracy, and what comes out is calibrated for no world that was seen.
    So order matters: before a calibrating step the answers move and the
    probabilities are made honest again (a temperature keeps the moved answers,
    a bias or a staircase moves them back); after it they stay shifted.
    Menon et al. 2021; Saerens, Latinne and Decaestecker 2002.
    """

    kind: ClassVar[str] = "log-prior"
    strength: float
    prior: tuple[float, ...]  # (C,), sums to 1

    @classmethod
    def fit(
        cls,
        probabilities: np.ndarray,
        labels: np.ndarray,
        *,
        weights: np.ndarray | None = None,
        strength: float = 0.5,
    ) -> LogPrior:
        """The prior is the labels' weighted share, half a row added to each: none is 0."""
        if not 0 <= strength <= 1:
            raise InputError(f"strength of the log-prior is {strength}, wanted 0 to 1")
        claimed, labels, weights = lesson(probabilities, labels, weights)
        counts = np.bincount(labels, weights=weights, minlength=claimed.shape[1]) + 0.5
        return cls(float(strength), tuple((counts / counts.sum()).tolist()))

    @property
    def class_count(self) -> int | None:
        return len(self.prior)

    def apply(self, probabilities: np.ndarray) -> np.ndarray:
        """(N, C) float64."""
        claimed = checked_probabilities(probabilities, self)
        return normalised(claimed / np.array(self.prior) ** self.strength)

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "strength": self.strength, "prior": list(self.prior)}

    @classmethod
    def from_json(cls, stored: Any) -> LogPrior:
        """Raises ModelError naming what differs."""
        found = members(stored, ["kind", "strength", "prior"], what=cls.kind)
        strength = number(found["strength"], what="strength", least=0, greatest=1)
        prior = numbers(found["prior"], what="prior", least=1e-12, greatest=1)
        if abs(sum(prior) - 1) > 1e-6:
            raise ModelError(f"prior sums to {sum(prior):.6g}, wanted 1")
        return cls(strength, prior)


def _softmax(logits: np.ndarray) -> np.ndarray:
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def _fit_scale(logits: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> float:
    """The scale at which the likelihood's slope is 0: Newton's steps inside a shrinking bracket."""
    low, high = 1 / TEMPERATURES[1], 1 / TEMPERATURES[0]
    own = logits[np.arange(len(labels)), labels]
    scale = 1.0
    for _ in range(100):
        found = _softmax(scale * logits)
        mean = (found * logits).sum(axis=1)
        slope = weights @ (mean - own)  # of the loss: it rises with the scale
        curve = weights @ ((found * logits**2).sum(axis=1) - mean**2)
        low, high = (low, scale) if slope > 0 else (scale, high)
        step = scale - slope / curve if curve > 0 else np.inf
        following = step if low < step < high else (low + high) / 2
        if abs(following - scale) < 1e-12 * scale:
            break
        scale = following
    return float(np.clip(scale, 1 / TEMPERATURES[1], 1 / TEMPERATURES[0]))


def _fit_scale_and_bias(
    logits: np.ndarray, labels: np.ndarray, weights: np.ndarray
) -> tuple[float, np.ndarray]:
    """Newton's method, each step halved until the loss falls."""
    count = logits.shape[1]
    logits = logits - logits.mean(axis=1, keepdims=True)
    values = np.concatenate([[_fit_scale(logits, labels, weights)], np.zeros(count)])
    own = np.eye(count)[labels]

    def loss(at: np.ndarray) -> float:
        found = _softmax(at[0] * logits + at[1:])
        likelihood = weights @ np.log(np.maximum((found * own).sum(axis=1), 1e-300))
        return float(BIAS_PENALTY / 2 * at[1:] @ at[1:] - likelihood)

    for _ in range(100):
        slope, curve = _derivatives(values, logits, own, weights)
        step = np.linalg.solve(curve, slope)
        size = 1.0
        while size > 1e-9 and loss(values - size * step) > loss(values):
            size /= 2
        values = values - size * step
        values[0] = np.clip(values[0], 1 / TEMPERATURES[1], 1 / TEMPERATURES[0])
        if np.abs(size * step).max() < 1e-10:
            break
    return float(values[0]), values[1:] - values[1:].mean()


def _derivatives(
    values: np.ndarray, logits: np.ndarray, own: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Slope (C + 1,) and curvature (C + 1, C + 1) of the penalised loss in scale and bias."""
    found = _softmax(values[0] * logits + values[1:])
    weighted = found * weights[:, None]
    spread = logits - (found * logits).sum(axis=1, keepdims=True)
    slope = np.concatenate(
        [[(weighted * logits).sum() - weights @ (own * logits).sum(axis=1)],
         (weighted - own * weights[:, None]).sum(axis=0) + BIAS_PENALTY * values[1:]]
    )  # fmt: skip
    curve = np.empty((len(values), len(values)))
    curve[0, 0] = (weighted * spread**2).sum() + 1e-9
    curve[0, 1:] = curve[1:, 0] = (weighted * spread).sum(axis=0)
    curve[1:, 1:] = np.diag(weighted.sum(axis=0) + BIAS_PENALTY) - weighted.T @ found
    return slope, curve
