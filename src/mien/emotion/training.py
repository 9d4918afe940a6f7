"""Fitting a network by gradient descent, apart from what the network is.

Rows are fetched a chunk at a time while the processor works on the one before,
so that a matrix on disk is never in memory whole. All that is random comes from
the seed and the numbers of epoch and batch: a run that is taken up in the middle
ends with the same bits as one that was not stopped.

Shapes: N rows, F values a row, b rows of a batch, T frames of a clip, C classes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch

from mien.emotion.batches import Augment, RowSource, chunks, epoch_order
from mien.emotion.devices import one_thread
from mien.emotion.layers import ClipScores, Dropout
from mien.emotion.losses import cross_entropy, frames_cross_entropy
from mien.emotion.runs import FitRun, FitState
from mien.errors import InputError

ROWS_AT_ONCE = 1 << 16  # 376 MB of raw points; more rows are summed into the same gradient
CHUNK_ROWS = 4096  # of such a sum: 23 MB, which the allocator keeps for the next


@dataclass(frozen=True)
class Plan:
    """How a network is fitted. batch_rows: None for every row in one batch.

    shards: parts of a small batch, each worked on in one thread, as many at a time as
    torch has threads. The result depends on the parts, never on the threads.
    """

    epochs: int
    learning_rate: float
    batch_rows: int | None = None
    weight_decay: float = 0.0
    patience: int | None = None  # epochs without a better validation loss; None: never stop early
    seed: int = 0
    device: str = "cpu"
    bfloat16: bool = False  # the products; weights and sums stay float32
    class_weights: np.ndarray | None = None  # (C,), of each class in the loss; None: alike
    label_smoothing: float = 0.0  # share of a label given to every class alike
    schedule: Literal["constant", "cosine"] = "constant"  # of the learning rate, over all steps
    warm_up: float = 0.0  # share of the steps over which the learning rate rises from zero
    max_gradient_norm: float | None = None  # a longer gradient is shortened to it
    augment: Augment | None = None  # (b, ...) values and random numbers -> values learnt from
    frame_share: float = 0.0  # of the frames' own loss beside their clip's, for ClipScores
    shards: int = 1
    checked_rows: int | None = None  # at once when nothing is learnt; None: CHUNK_ROWS


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
    with fit.working(), run.logging(state.epoch) if run is not None else nullcontext():
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
        fit.train()
        whole = plan.batch_rows is None
        loss = fit.full_batch(rows, state.epoch) if whole else fit.epoch(rows, state.epoch)
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


_Batch = tuple[torch.Tensor, torch.Tensor]  # inputs, targets


class _Part(NamedTuple):
    """Which part of a batch, and how much of it."""

    number: int
    share: float


class _Fit:
    """A network, its optimiser and its data."""

    def __init__(
        self, network: torch.nn.Module, features: RowSource, targets: np.ndarray, plan: Plan
    ) -> None:
        self.network = network
        self.features = features
        self.targets = targets
        self.plan = plan
        self._shards = [network, *(_twin(network) for _ in range(plan.shards - 1))]
        self._workers: ThreadPoolExecutor | None = None
        weights = plan.class_weights
        self._weights = None if weights is None else torch.from_numpy(weights).to(plan.device)
        kind = torch.optim.Adam if not plan.weight_decay else torch.optim.AdamW
        self.optimizer = kind(
            network.parameters(), lr=plan.learning_rate, weight_decay=plan.weight_decay
        )

    @contextmanager
    def working(self) -> Iterator[None]:
        """Threads for the shards meanwhile."""
        if self.plan.shards == 1:
            yield
            return
        threads = min(torch.get_num_threads(), self.plan.shards)
        with one_thread(), ThreadPoolExecutor(threads) as self._workers:
            yield
        self._workers = None

    def train(self, mode: bool = True) -> None:
        """Make every shard's network one that learns, or one that is asked."""
        for network in self._shards:
            network.train(mode)

    def full_batch(self, rows: np.ndarray, epoch: int = 0) -> float:
        """One step on every row. Beyond ROWS_AT_ONCE rows the gradient is summed chunk by
        chunk: the same step, without every activation in memory."""
        is_whole = len(rows) <= ROWS_AT_ONCE
        rows = rows if is_whole else np.sort(rows)  # a sum has no order; a disk has
        self.optimizer.zero_grad()
        total = 0.0
        batches = self._chunks(rows, len(rows) if is_whole else CHUNK_ROWS, epoch=epoch)
        for number, (inputs, targets) in enumerate(batches):
            self._reseed(self.network, epoch, number)
            share = len(targets) / len(rows)
            total += self._backward(self.network, inputs, targets, share=share)
        self._step(epoch, of=self.plan.epochs)
        return total

    def epoch(self, rows: np.ndarray, number: int) -> float:
        """A step on each small batch, in an order of this epoch's own. Returns the mean loss."""
        assert self.plan.batch_rows is not None
        seed = [self.plan.seed, number]
        order = epoch_order(self.features, rows, self.plan.batch_rows, seed=seed)
        steps = math.ceil(len(order) / self.plan.batch_rows)
        total = 0.0
        batches = self._chunks(order, self.plan.batch_rows, epoch=number)
        for batch, (inputs, targets) in enumerate(batches):
            self.optimizer.zero_grad()
            total += self._gradient(inputs, targets, number, batch) * len(targets)
            self._step(number * steps + batch, of=self.plan.epochs * steps)
        return total / len(order)

    def loss(self, rows: np.ndarray) -> float:
        """The mean cross-entropy of some rows, nothing learnt."""

        def checked(network: torch.nn.Module, batch: _Batch, part: _Part) -> float:
            with torch.inference_mode():
                return float(self._loss(network, *batch)) * part.share

        self.train(False)
        total = 0.0
        for inputs, targets in self._chunks(rows, self.plan.checked_rows or CHUNK_ROWS):
            total += self._in_parts(checked, inputs, targets) * len(targets)
        return total / len(rows)

    def _gradient(
        self, inputs: torch.Tensor, targets: torch.Tensor, epoch: int, number: int
    ) -> float:
        """Give every weight the gradient of a batch's loss, and return that."""

        def backward(network: torch.nn.Module, batch: _Batch, part: _Part) -> float:
            self._reseed(network, epoch, number, part.number)
            return self._backward(network, *batch, share=part.share)

        for network in self._shards:
            network.zero_grad()
        loss = self._in_parts(backward, inputs, targets)
        _add_up(self._shards)
        return loss

    def _in_parts(
        self,
        work: Callable[[torch.nn.Module, _Batch, _Part], float],
        inputs: torch.Tensor,
        targets: torch.Tensor,
    ) -> float:
        """The sum of what work gives for each shard's part of a batch."""
        count = len(self._shards)
        split = zip(inputs.tensor_split(count), targets.tensor_split(count), strict=True)
        batches = [batch for batch in split if len(batch[1])]
        parts = [_Part(i, len(batch[1]) / len(targets)) for i, batch in enumerate(batches)]
        several = map if self._workers is None else self._workers.map
        return sum(several(work, self._shards, batches, parts))

    def _reseed(self, network: torch.nn.Module, *numbers: int) -> None:
        """Random numbers for the next pass: the seed's, the epoch's, the batch's, the shard's."""
        dropouts = [module for module in network.modules() if isinstance(module, Dropout)]
        if dropouts:
            seed = np.random.SeedSequence([self.plan.seed, *numbers]).generate_state(1, np.uint64)
            generator = torch.Generator(self.plan.device).manual_seed(int(seed[0] >> 1))
            for module in dropouts:
                module.generator = generator

    def _step(self, number: int, *, of: int) -> None:
        if self.plan.max_gradient_norm is not None:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.plan.max_gradient_norm)
        for group in self.optimizer.param_groups:
            group["lr"] = self.plan.learning_rate * _rate(self.plan, number, of)
        self.optimizer.step()

    def _backward(
        self,
        network: torch.nn.Module,
        inputs: torch.Tensor,
        targets: torch.Tensor,
        share: float = 1.0,
    ) -> float:
        """Add a batch's share of the loss to the gradients; return that share."""
        loss = self._loss(network, inputs, targets, is_learning=True) * share
        loss.backward()
        return float(loss.detach())

    def _loss(
        self,
        network: torch.nn.Module,
        inputs: torch.Tensor,
        targets: torch.Tensor,
        *,
        is_learning: bool = False,
    ) -> torch.Tensor:
        """Cross-entropy; label smoothing and the frames' own loss only to learn from."""
        plan, targets = self.plan, targets.to(self.plan.device)
        smoothing = plan.label_smoothing if is_learning else 0.0
        with torch.autocast(plan.device, torch.bfloat16) if plan.bfloat16 else nullcontext():
            scores = network(inputs.to(plan.device))
        if not isinstance(scores, ClipScores):
            return cross_entropy(scores, targets, self._weights, smoothing=smoothing)
        clips = cross_entropy(scores.clips, targets, self._weights, smoothing=smoothing)
        if not (is_learning and plan.frame_share):
            return clips
        frames = frames_cross_entropy(scores, targets, self._weights, smoothing=smoothing)
        return (1 - plan.frame_share) * clips + plan.frame_share * frames

    def _chunks(
        self, rows: np.ndarray, chunk_rows: int, *, epoch: int | None = None
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Values and targets, chunk after chunk; cropped and augmented as an epoch has it,
        or without an epoch cropped in one way and not augmented."""
        is_learning = epoch is not None
        seed = [self.plan.seed, epoch] if epoch is not None else [self.plan.seed]
        augment = self.plan.augment if is_learning else None
        for values, some in chunks(self.features, rows, chunk_rows, seed=seed, augment=augment):
            yield torch.from_numpy(values), torch.from_numpy(self.targets[some])

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


def _twin(network: torch.nn.Module) -> torch.nn.Module:
    """The same weights, with gradients of its own."""
    twin = deepcopy(network)
    pairs = zip(twin.parameters(), network.parameters(), strict=True)
    for parameter, original in pairs:
        parameter.data = original.data
    return twin


def _add_up(networks: list[torch.nn.Module]) -> None:
    """Give the first network the sum of all gradients, always in the same order."""
    for parameters in zip(*(network.parameters() for network in networks), strict=True):
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        if gradients:
            parameters[0].grad = sum(gradients[1:], gradients[0])


def _rate(plan: Plan, step: int, steps: int) -> float:
    """The share of the learning rate that a step has: rising, then level or half a cosine."""
    rising = plan.warm_up * steps
    if step < rising:
        return (step + 1) / (math.floor(rising) + 1)
    if plan.schedule == "constant":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1.0, steps - rising)))


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
