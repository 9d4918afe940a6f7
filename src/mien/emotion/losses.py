"""Cross-entropy of rows, and of clips beside their frames.

Shapes: b rows of a batch, T frames of a clip, C classes.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from mien.emotion.layers import ClipScores


def cross_entropy(
    scores: torch.Tensor,
    targets: torch.Tensor,
    weights: torch.Tensor | None,
    *,
    smoothing: float = 0.0,
) -> torch.Tensor:
    """The mean over rows, also when classes weigh differently: shares of a batch add up.

    scores: (b, C); targets: (b,) class numbers; weights: (C,). smoothing: the share of a
    label that is given to every class alike (Szegedy et al., 2016).
    """
    if weights is None:
        return functional.cross_entropy(scores.float(), targets, label_smoothing=smoothing)
    total = functional.cross_entropy(
        scores.float(), targets, weights, label_smoothing=smoothing, reduction="sum"
    )
    return total / len(targets)


def frames_cross_entropy(
    scores: ClipScores,
    targets: torch.Tensor,
    weights: torch.Tensor | None,
    *,
    smoothing: float = 0.0,
) -> torch.Tensor:
    """The mean over clips of the mean over their frames with a face, each with its clip's label."""
    losses = functional.cross_entropy(
        scores.frames.float().transpose(1, 2),
        targets[:, None].expand(scores.frames.shape[:2]),
        weights,
        label_smoothing=smoothing,
        reduction="none",
    )
    counted = scores.is_present.sum(dim=1).clamp(min=1)
    return (losses.masked_fill(~scores.is_present, 0).sum(dim=1) / counted).mean()
