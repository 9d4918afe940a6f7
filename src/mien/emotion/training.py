"""Fitting a network by gradient descent, apart from what the network is.

Rows are fetched a chunk at a time while the processor works on the one before,
so that a matrix on disk is never in memory whole. All that is random comes from
the seed and the epoch's number: a run that is taken up in the middle ends with
the same bits as one that was not stopped.

Shapes: N rows, F values a row.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import numpy as np
import torch

from mien.emotion.runs import FitRun, FitState
from mien.errors import InputError

ROWS_AT_ONCE = 1 << 16  # 376 MB of raw points; more rows are summed into the same gradient
CHUNK_ROWS = 4096  # of such a sum: 23 MB, which the allocator keeps for the next

_CHUNKS_AHEAD = 4  # fetched while one is worked on: a disk answers several questions at once
_FETCHERS = 2


class RowSource(Protocol):
    """(N, F) values of which some rows can be had: an array, or what fetches them."""

    shape: tuple[int, ...]

    def __getitem__(self, index: Any) -> np.ndarray: ...


@dataclass(frozen=True)
class Plan:
    """How a network is fitted. batch_rows: None for every row in one batch."""

    epochs: int
    learning_rate: float
    batch_rows: int | None = None
    weight_decay: float = 0.0
    patience: int | None = None  # epochs without a better validation loss; None: never stop early
    seed: int = 0
    device: str = "cpu"
    bfloat16: bool = False  # the products; weights and sums stay float32


def fit_network(
    network: torch.nn.Module,
    features: RowSource,
    *,
    targets: np.ndarray,
    rows: np.ndarray,
    plan: Plan,
    validation: np.ndarray | None = None,
    run: FitRun | None = None,
) -> list[float]:
    """Adam and cross-entropy, in one batch an epoch as the reference does it or in small ones.

    features: (N, F) float32; targets: (N,) class numbers; rows: which to learn from.
    validation: rows whose loss tells when to stop; the best epoch's weights are kept.
    run: where checkpoints and logs go, and what to go on from.
    Returns each epoch's loss: before its step in one batch, else the mean of its batches.
    Raises InputError when the loss is no longer a number.
    """
    fit = _Fit(network.to(plan.device), features, targets, plan)
    state = fit.restored(run.load()) if run is not None else FitState()
    with run.logging(state.epoch) if run is not None else nullcontext():
        state = _run_epochs(fit, rows, validation, state, run)
    if state.best_weights:
        network.load_state_dict(state.best_weights)
    network.to("cpu").eval()
    return state.losses


def _run_epochs(
    fit: _Fit,
    rows: np.ndarray,
    validation: np.ndarray | None,
    state: FitState,
    run: FitRun | None,
) -> FitState:
    network, plan = fit.network, fit.plan
    while not _is_over(state, plan):
        network.train()
        loss = fit.full_batch(rows) if plan.batch_rows is None else fit.epoch(rows, state.epoch)
        if not math.isfinite(loss):
            raise InputError(
                f"the loss is {loss} in epoch {state.epoch + 1}: lower learning_rate, which is "
                f"{plan.learning_rate:g}"
            )
        checked = None if validation is None else fit.loss(validation)
        state = _advanced(state, loss, checked, network)
        if run is not None:
            run.epoch_done(state, fit.tensors, is_last=_is_over(state, plan))
    return state


def chosen_device(asked: str) -> str:
    """The device cuda or cpu; auto is the GPU where there is one.

    Raises InputError when there is none and it was asked for.
    """
    has_gpu = torch.cuda.is_available()
    if asked == "cuda" and not has_gpu:
        raise InputError("torch finds no CUDA GPU here: use the device auto or cpu")
    return "cuda" if has_gpu and asked != "cpu" else "cpu"


def has_bfloat16(device: str) -> bool:
    """Whether the processor multiplies bfloat16 itself: there it is 1.6 times as fast
    (benchmarks/results/full_size.txt), elsewhere slower than float32."""
    if device == "cuda":
        return torch.cuda.is_bf16_supported()
    asked = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")  # torch names them so itself
    return any(getattr(torch.cpu, name, lambda: False)() for name in asked)


@cache
def _fetchers() -> ThreadPoolExecutor:
    """Two threads for good: each new one would get, and keep, memory of its own."""
    return ThreadPoolExecutor(_FETCHERS, thread_name_prefix="mien-rows")


class _Fit:
    """A network, its optimiser and its data."""

    def __init__(
        self, network: torch.nn.Module, features: RowSource, targets: np.ndarray, plan: Plan
    ) -> None:
        self.network = network
        self.features = features
        self.targets = targets
        self.plan = plan
        kind = torch.optim.Adam if not plan.weight_decay else torch.optim.AdamW
        self.optimizer = kind(
            network.parameters(), lr=plan.learning_rate, weight_decay=plan.weight_decay
        )

    def full_batch(self, rows: np.ndarray) -> float:
        """One step on every row. Beyond ROWS_AT_ONCE rows the gradient is summed chunk by
        chunk: the same step, without every activation in memory."""
        is_whole = len(rows) <= ROWS_AT_ONCE
        rows = rows if is_whole else np.sort(rows)  # a sum has no order; a disk has
        self.optimizer.zero_grad()
        total = 0.0
        for inputs, targets in self._chunks(rows, len(rows) if is_whole else CHUNK_ROWS):
            total += self._backward(inputs, targets, share=len(targets) / len(rows))
        self.optimizer.step()
        return total

    def epoch(self, rows: np.ndarray, number: int) -> float:
        """A step on each small batch, in an order of this epoch's own. Returns the mean loss."""
        order = np.random.default_rng([self.plan.seed, number]).permutation(rows)
        assert self.plan.batch_rows is not None
        total = 0.0
        for inputs, targets in self._chunks(order, self.plan.batch_rows):
            self.optimizer.zero_grad()
            total += self._backward(inputs, targets) * len(targets)
            self.optimizer.step()
        return total / len(order)

    def loss(self, rows: np.ndarray) -> float:
        """The mean cross-entropy of some rows, nothing learnt."""
        self.network.eval()
        total = 0.0
        with torch.inference_mode():
            for inputs, targets in self._chunks(rows, CHUNK_ROWS):
                total += float(self._cross_entropy(inputs, targets)) * len(targets)
        return total / len(rows)

    def _backward(self, inputs: torch.Tensor, targets: torch.Tensor, share: float = 1.0) -> float:
        """Add a batch's share of the loss to the gradients; return that share."""
        loss = self._cross_entropy(inputs, targets) * share
        loss.backward()
        return float(loss.detach())

    def _cross_entropy(self, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        device = self.plan.device
        with torch.autocast(device, torch.bfloat16) if self.plan.bfloat16 else nullcontext():
            scores = self.network(inputs.to(device))
        return torch.nn.functional.cross_entropy(scores.float(), targets.to(device))

    def _chunks(
        self, rows: np.ndarray, chunk_rows: int
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Rows in chunks, each fetched while the one before is worked on."""

        def fetch(start: int) -> tuple[torch.Tensor, torch.Tensor]:
            chosen = rows[start : start + chunk_rows]
            values = np.ascontiguousarray(self.features[chosen], np.float32)
            return torch.from_numpy(values), torch.from_numpy(self.targets[chosen])

        ahead: deque[Future[tuple[torch.Tensor, torch.Tensor]]] = deque()
        for start in range(0, len(rows), chunk_rows):
            ahead.append(_fetchers().submit(fetch, start))
            if len(ahead) > _CHUNKS_AHEAD:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()

    @property
    def tensors(self) -> dict[str, torch.Tensor]:
        """Weights and optimiser, by name: all that the next epoch depends on."""
        named = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        for number, slots in self.optimizer.state_dict()["state"].items():
            named |= {f"optimizer.{number}.{name}": value for name, value in slots.items()}
        return named

    def restored(self, saved: tuple[FitState, dict[str, torch.Tensor]] | None) -> FitState:
        """Take up weights and optimiser where an earlier run left them."""
        if saved is None:
            return FitState()
        state, tensors = saved
        network: dict[str, torch.Tensor] = {}
        slots: dict[int, dict[str, torch.Tensor]] = {}
        for name, value in tensors.items():
            kind, _, rest = name.partition(".")
            if kind == "network":
                network[rest] = value
            else:
                number, _, slot = rest.partition(".")
                slots.setdefault(int(number), {})[slot] = value
        self.network.load_state_dict(network)
        whole = self.optimizer.state_dict()
        self.optimizer.load_state_dict({**whole, "state": slots})
        return state


def _is_over(state: FitState, plan: Plan) -> bool:
    waited = state.epoch - state.best_epoch
    stops = plan.patience is not None and waited >= plan.patience
    return state.epoch >= plan.epochs or stops


def _advanced(
    state: FitState, loss: float, checked: float | None, network: torch.nn.Module
) -> FitState:
    epoch, best = state.epoch + 1, state.best_loss
    is_best = checked is not None and math.isfinite(checked) and (best is None or checked < best)
    if not is_best:
        return state.after(epoch, loss, checked)
    weights = {name: value.detach().clone() for name, value in network.state_dict().items()}
    return state.after(epoch, loss, checked, best_weights=weights)
