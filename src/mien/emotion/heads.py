"""What decides on projected values: a line, a line for each pair of labels in a kernel's space.

Each is fitted on arrays and is a torch module that gives scores, whose softmax are
probabilities, so that one code answers here and in the graph that is written.

A face and its mirror image get the same answer: a line looks at what is the same in both, and
a kernel compares a face with another and with its mirror image. It is what learning from
both would give, at a quarter of the work.

Shapes: N rows, D components, C classes, S support vectors or landmarks, Q = C (C - 1) / 2 pairs.
signs: (D,) 1, or -1 for a component that is its own opposite in the mirror; all 1 for
values that no mirror is known of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations

import numpy as np
import torch
from torch.nn import functional

from mien.emotion.devices import one_thread

_STEPS = 200  # of L-BFGS at most
_LANDMARKS = 4000  # rows that span the kernel's space: more gave nothing on 9,574 photographs
_BLENDED = 0.3  # strength of a blend's machine: labels weigh alike, so rare ones are held back
_ROWS_AT_ONCE = 1024
_FOREIGN = 20.0  # a margin that no face reaches
_LEAST_EIGENVALUE = 1e-6  # of the landmarks' kernel, as a share of the largest


class LinearHead(torch.nn.Module):
    """scores = z @ weight + bias."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return z @ self.weight + self.bias


class KernelHead(torch.nn.Module):
    """scores = kernel(z, landmarks) @ weight + bias."""

    def __init__(
        self,
        landmarks: torch.Tensor,
        gamma: torch.Tensor,
        signs: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor,
    ) -> None:
        super().__init__()
        for name, value in (
            ("landmarks", landmarks), ("gamma", gamma), ("signs", signs), ("weight", weight),
            ("bias", bias),
        ):  # fmt: skip
            self.register_buffer(name, value)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return symmetric(z, self.landmarks, self.gamma, self.signs) @ self.weight + self.bias


class PairwiseHead(torch.nn.Module):
    """A kernel machine for each pair of labels; their margins become scores of labels.

    A margin d says one of a pair with probability 1 / (1 + exp(-d)); a label's score is the
    sum of the logarithms over its pairs.
    """

    def __init__(
        self,
        landmarks: torch.Tensor,
        gamma: torch.Tensor,
        signs: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor,
        for_first: torch.Tensor,
        for_second: torch.Tensor,
    ) -> None:
        super().__init__()
        self.margins = KernelHead(landmarks, gamma, signs, weight, bias)
        self.register_buffer("for_first", for_first)  # (Q, C) 1 where the label is the pair's first
        self.register_buffer("for_second", for_second)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        margins = self.margins(z)
        # In ONNX Runtime a sigmoid is 0 below -18, and its logarithm no number.
        first, second = -functional.softplus(-margins), -functional.softplus(margins)
        return first @ self.for_first + second @ self.for_second


class BlendHead(torch.nn.Module):
    """The product of two heads' probabilities: scores are the sum of their logarithms."""

    def __init__(self, linear: LinearHead, pairs: PairwiseHead) -> None:
        super().__init__()
        self.linear, self.pairs = linear, pairs

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return functional.log_softmax(self.linear(z), 1) + functional.log_softmax(self.pairs(z), 1)


def gaussian(z: torch.Tensor, landmarks: torch.Tensor, gamma: torch.Tensor) -> torch.Tensor:
    """(N, S) exp(-gamma |z - landmark|²)."""
    squares = (z * z).sum(1, keepdim=True) + (landmarks * landmarks).sum(1) - 2 * z @ landmarks.T
    return torch.exp(-gamma * squares.clamp(min=0))


def symmetric(
    z: torch.Tensor, landmarks: torch.Tensor, gamma: torch.Tensor, signs: torch.Tensor
) -> torch.Tensor:
    """(N, S) the mean of a face's kernel values with a landmark and with its mirror image."""
    return (gaussian(z, landmarks, gamma) + gaussian(z * signs, landmarks, gamma)) / 2


def fit_logistic(
    z: np.ndarray,
    targets: np.ndarray,
    weights: np.ndarray,
    *,
    signs: np.ndarray,
    strength: float,
    **_: float,
) -> LinearHead:
    """Multinomial logistic regression with a squared penalty, by L-BFGS.

    z: (N, D); targets: (N,) class numbers; weights: (C,) of each class in the loss.
    strength: what scikit-learn calls C, for one row on average.
    """
    same = torch.from_numpy(signs > 0)
    found, bias = _fit_linear(
        torch.from_numpy(z)[:, same], targets, weights, penalty=1 / (strength * len(z))
    )
    weight = torch.zeros(z.shape[1], len(weights))
    weight[same] = found
    return LinearHead(weight, bias)


def fit_kernel(
    z: np.ndarray,
    targets: np.ndarray,
    weights: np.ndarray,
    *,
    signs: np.ndarray,
    strength: float,
    gamma: float,
    seed: int,
) -> KernelHead:
    """Logistic regression in a Gaussian kernel's space, spanned by some of the rows (Nyström).

    Smooth where a support vector machine has a margin: its probabilities are the loss's own.
    Source: Zhu & Hastie 2005, doi:10.1198/106186005X25619; Williams & Seeger 2001.
    """
    rows, width, sides = torch.from_numpy(z), torch.tensor(gamma), torch.from_numpy(signs)
    chosen = np.sort(np.random.default_rng(seed).permutation(len(z))[:_LANDMARKS])
    landmarks = rows[torch.from_numpy(chosen)]
    values, vectors = torch.linalg.eigh(symmetric(landmarks, landmarks, width, sides).double())
    kept = values > _LEAST_EIGENVALUE * values.max()
    root = (vectors[:, kept] / values[kept].sqrt()).float()
    weight, bias = _fit_linear(
        symmetric(rows, landmarks, width, sides) @ root,
        targets,
        weights,
        penalty=1 / (strength * len(z)),
    )
    return KernelHead(landmarks, width, sides, root @ weight, bias)


def fit_svm(
    z: np.ndarray,
    targets: np.ndarray,
    weights: np.ndarray,
    *,
    signs: np.ndarray,
    strength: float,
    gamma: float,
    seed: int,
) -> PairwiseHead:
    """A support vector machine for each pair of labels (libsvm)."""
    from sklearn.svm import SVC

    classes = np.unique(targets)
    width, sides = torch.tensor(gamma), torch.from_numpy(signs)
    machine = SVC(
        C=strength,
        kernel="precomputed",
        class_weight={int(number): float(weights[number]) for number in classes},
        cache_size=1000,
        decision_function_shape="ovo",
    ).fit(_kernel_of(torch.from_numpy(z), width, sides), targets)
    arrays = _pairs_of(machine, classes, len(weights))
    landmarks = torch.from_numpy(z[machine.support_])
    return PairwiseHead(landmarks, width, sides, *(torch.from_numpy(array) for array in arrays))


def _kernel_of(rows: torch.Tensor, gamma: torch.Tensor, signs: torch.Tensor) -> np.ndarray:
    """(N, N) float64, as libsvm takes it: 8 N² bytes."""
    found = np.empty((len(rows), len(rows)))
    with one_thread():  # the last bit of a product depends on how many share it
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            some = rows[start : start + _ROWS_AT_ONCE]
            found[start : start + len(some)] = symmetric(some, rows, gamma, signs).numpy()
    return found


def fit_blend(
    z: np.ndarray,
    targets: np.ndarray,
    weights: np.ndarray,
    *,
    signs: np.ndarray,
    strength: float,
    gamma: float,
    seed: int,
) -> BlendHead:
    """Both: what a straight line and what a kernel find, of equal weight. strength: of the line;
    the machine's is _BLENDED."""
    linear = fit_logistic(z, targets, weights, signs=signs, strength=strength)
    pairs = fit_svm(z, targets, weights, signs=signs, strength=_BLENDED, gamma=gamma, seed=seed)
    return BlendHead(linear, pairs)


HEADS: dict[str, Callable[..., torch.nn.Module]] = {
    "logistic": fit_logistic,
    "kernel": fit_kernel,
    "svm": fit_svm,
    "blend": fit_blend,
}
_MODULES: dict[str, type[torch.nn.Module]] = {
    "logistic": LinearHead,
    "kernel": KernelHead,
    "svm": PairwiseHead,
}


def head_from(method: str, weights: Mapping[str, np.ndarray]) -> torch.nn.Module:
    """The module whose state_dict these arrays are."""
    if method == "blend":
        linear, pairs = (
            {n.removeprefix(f"{part}."): v for n, v in weights.items() if n.startswith(f"{part}.")}
            for part in ("linear", "pairs")
        )
        return BlendHead(LinearHead(**_tensors(linear)), PairwiseHead(**_tensors(pairs)))
    return _MODULES[method](**_tensors(weights))


def _tensors(weights: Mapping[str, np.ndarray]) -> dict[str, torch.Tensor]:
    return {n.rpartition(".")[2]: torch.from_numpy(np.array(v)) for n, v in weights.items()}


def _fit_linear(
    x: torch.Tensor, targets: np.ndarray, weights: np.ndarray, *, penalty: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """(D, C) weights and (C,) biases of the least weighted cross-entropy and penalty."""
    numbers, shares = torch.from_numpy(targets), torch.from_numpy(weights.astype(np.float32))
    counts = torch.bincount(numbers, minlength=len(weights)).float() * shares
    weight = torch.zeros(x.shape[1], len(weights), requires_grad=True)
    bias = torch.log((counts / counts.sum()).clamp(min=1e-6)).requires_grad_(True)
    search = torch.optim.LBFGS(
        [weight, bias], max_iter=_STEPS, history_size=20, line_search_fn="strong_wolfe"
    )

    def loss() -> float:
        search.zero_grad()
        found = functional.cross_entropy(x @ weight + bias, numbers, weight=shares)
        found = found + penalty * (weight * weight).sum() / 2
        found.backward()
        return float(found.detach())

    with one_thread():  # a sum over several depends on how many they are
        search.step(loss)
    return weight.detach(), bias.detach()


def _pairs_of(machine: object, classes: np.ndarray, class_count: int) -> tuple[np.ndarray, ...]:
    """(S, Q) coefficients, (Q,) biases, (Q, C) firsts and seconds of every pair of classes.

    libsvm keeps, for each class's vectors, one row for each other class (its FAQ, "how do I
    get the decision values"). A pair with a class that was not learnt has margin 0; a
    class not learnt must never win, so its pairs lean fully to the other.
    """
    coefficients, counts = machine._dual_coef_, machine.n_support_  # type: ignore[attr-defined]
    starts = np.concatenate([[0], np.cumsum(counts)])
    every = list(combinations(range(class_count), 2))
    weight = np.zeros((starts[-1], len(every)), np.float32)
    bias, sides = np.zeros(len(every), np.float32), np.zeros((2, len(every), class_count))
    place = {int(number): index for index, number in enumerate(classes)}
    order = {pair: index for index, pair in enumerate(combinations(range(len(classes)), 2))}
    for index, (first, second) in enumerate(every):
        sides[0, index, first] = sides[1, index, second] = 1
        if first in place and second in place:
            i, j = place[first], place[second]
            weight[starts[i] : starts[i + 1], index] = coefficients[
                j - 1, starts[i] : starts[i + 1]
            ]
            weight[starts[j] : starts[j + 1], index] = coefficients[i, starts[j] : starts[j + 1]]
            bias[index] = machine._intercept_[order[i, j]]  # type: ignore[attr-defined]
        elif first in place:
            bias[index] = _FOREIGN
        elif second in place:
            bias[index] = -_FOREIGN
    return weight, bias, *sides.astype(np.float32)
