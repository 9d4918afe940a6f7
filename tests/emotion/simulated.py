"""Simulated people whose answers have a known truth, to hold calibration to its laws."""

from dataclasses import dataclass

import numpy as np

LABELS = ["Angry", "Happy", "Neutral", "Sad"]


@dataclass(frozen=True)
class Simulated:
    """N rows: what a model claims, what is true, and whose row it is."""

    probabilities: np.ndarray  # (N, C) as claimed
    true_probabilities: np.ndarray  # (N, C) that the truth was drawn from
    truth: np.ndarray  # (N,) ints
    people: np.ndarray  # (N,) str

    @property
    def labels(self) -> np.ndarray:
        return np.array(LABELS)[self.truth]

    def some(self, rows: np.ndarray) -> "Simulated":
        return Simulated(
            self.probabilities[rows],
            self.true_probabilities[rows],
            self.truth[rows],
            self.people[rows],
        )


def simulate(
    random: np.random.Generator,
    *,
    people: int,
    rows: int | np.ndarray = 5,
    temperature: float = 1.0,
    sharpness: float = 2.0,
    spread: float = 0.3,
) -> Simulated:
    """People with as many rows each, alike in how easy they are.

    temperature: below 1 the claims are surer than they should be; at 1 they are
    exactly right. spread: how much people differ in sharpness.
    """
    number = np.repeat(np.arange(people), rows)
    ease = sharpness * np.exp(random.normal(0, spread, people))[number]
    logits = random.normal(0, 1, (len(number), len(LABELS))) * ease[:, None]
    true = softmax(logits)
    truth = (random.random((len(true), 1)) > true.cumsum(axis=1)[:, :-1]).sum(axis=1)
    names = np.array([f"p{index:05}" for index in range(people)])[number]
    return Simulated(softmax(logits / temperature), true, truth, names)


def softmax(logits: np.ndarray) -> np.ndarray:
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)
