"""Fitting a network by gradient descent, apart from what the network is.

Shapes: N rows, F values a row.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

ROWS_AT_ONCE = 1 << 16  # 376 MB of raw points; more rows are summed into the same gradient


def train_full_batch(
    network: torch.nn.Module,
    features: np.ndarray,
    *,
    targets: np.ndarray,
    rows: np.ndarray,
    epochs: int,
    learning_rate: float,
) -> list[float]:
    """Adam and cross-entropy, every row in one batch an epoch, as the reference does it.

    Beyond ROWS_AT_ONCE rows the batch's gradient is summed piece by piece: the
    same step, without every activation in memory.

    features: (N, F) float32; targets: (N,) class numbers; rows: which to learn from.
    Returns each epoch's loss before its step.
    """
    optimizer = torch.optim.Adam(network.parameters(), lr=learning_rate)
    network.train()
    history = []
    for _ in range(epochs):
        optimizer.zero_grad()
        loss = sum(
            _backward(network, batch, len(rows)) for batch in _batches(features, targets, rows)
        )
        optimizer.step()
        history.append(loss)
    network.eval()
    return history


def _batches(
    features: np.ndarray, targets: np.ndarray, rows: np.ndarray
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    for start in range(0, len(rows), ROWS_AT_ONCE):
        chosen = rows[start : start + ROWS_AT_ONCE]
        yield torch.from_numpy(features[chosen]), torch.from_numpy(targets[chosen])


def _backward(
    network: torch.nn.Module, batch: tuple[torch.Tensor, torch.Tensor], row_count: int
) -> float:
    """Add a batch's share of the mean loss to the gradients; return that share."""
    inputs, targets = batch
    loss = torch.nn.functional.cross_entropy(network(inputs), targets)
    loss = loss * (len(targets) / row_count)
    loss.backward()
    return float(loss.detach())
