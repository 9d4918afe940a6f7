"""What the networks of clips share: the streams that they see, and their head.

Shapes: b clips of a batch, T frames, F values a frame, W units, C classes. A clip is
(T, F) with NaN where a frame has no face and after its end.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional

RECENT_FRAMES = 60  # two seconds, of which a causal network knows the mean

_REACH = 8.0  # deviations; a tracking error may be a thousand away


class ClipScores(NamedTuple):
    """What a network of clips gives: a clip's scores, and those of its frames."""

    clips: torch.Tensor  # (b, C)
    frames: torch.Tensor  # (b, T, C)
    is_present: torch.Tensor  # (b, T) bool: the frame has a face


class Dropout(torch.nn.Module):
    """Zeroes whole channels of a clip, from random numbers that the fit hands out.

    A channel is zero for all of a clip's frames: noise that differs from frame to frame
    averages away, and drawing it costs as much as a layer. x: (b, T, channels).
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share
        self.generator: torch.Generator | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training or not self.share:
            return x
        kept = torch.empty(len(x), 1, x.shape[-1], device=x.device)
        kept.bernoulli_(1 - self.share, generator=self.generator)
        return x * (kept / (1 - self.share)).to(x.dtype)


class Streams(torch.nn.Module):
    """A clip's values, their distance to what is usual in the clip, velocity and acceleration.

    The distance is to the clip's mean, or for a causal network to that of the last
    RECENT_FRAMES: what is left is how the face moves, not whose it is. Velocity and
    acceleration are differences of neighbouring frames. All are standardised, value by
    value, and zero where they are not known: Δ needs two frames with a face, Δ² three.

    values: (b, T, F). Returns (b, T, 4 F) and (b, T) bool, whether a frame has a face.
    """

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self, value_count: int, *, causal: bool) -> None:
        super().__init__()
        self.causal = causal
        self.register_buffer("mean", torch.zeros(4 * value_count))
        self.register_buffer("scale", torch.ones(4 * value_count))

    def forward(self, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        streams, is_known, is_present = self.unscaled(values)
        scaled = ((streams - self.mean) * self.scale).clamp(-_REACH, _REACH)
        return scaled * is_known, is_present

    def unscaled(self, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The streams before standardisation, where each value is known (1 or 0), presence."""
        is_present = ~torch.isnan(values).any(dim=2)
        known = is_present.unsqueeze(2).to(values.dtype)
        values = torch.where(is_present.unsqueeze(2), values, torch.zeros_like(values))
        usual = _recent_mean(values, known) if self.causal else _clip_mean(values, known)
        velocity, known_1 = _difference(values, known)
        acceleration, known_2 = _difference(velocity, known_1)
        streams = torch.cat([values, values - usual, velocity, acceleration], dim=2)
        is_known = torch.cat(
            [part.expand_as(values) for part in (known, known, known_1, known_2)], dim=2
        )
        return streams, is_known, is_present

    @torch.no_grad()
    def standardise(self, chunks: Iterable[np.ndarray]) -> None:
        """Take mean and deviation of each stream from clips to learn from (b, T, F),
        summed a chunk at a time (Chan, Golub & LeVeque, 1983)."""
        count = torch.zeros(len(self.mean), dtype=torch.float64)
        mean, squares = torch.zeros_like(count), torch.zeros_like(count)
        for chunk in chunks:
            streams, is_known, _ = self.unscaled(torch.from_numpy(chunk))
            streams, is_known = streams.double().flatten(0, 1), is_known.double().flatten(0, 1)
            own = is_known.sum(0)
            own_mean = (streams * is_known).sum(0) / own.clamp(min=1)
            squares += (((streams - own_mean) ** 2) * is_known).sum(0)
            both = (count + own).clamp(min=1)
            squares += (own_mean - mean) ** 2 * count * own / both
            mean += (own_mean - mean) * own / both
            count += own
        deviation = (squares / count.clamp(min=1)).sqrt().clamp(min=1e-6)
        self.mean.copy_(mean.float())
        self.scale.copy_((1 / deviation).float())


class ClipHead(torch.nn.Module):
    """Scores of each frame, and the clip's: their mean, weighted by how much a frame tells.

    x: (b, T, W). A clip without any face has scores of zero: nothing to learn from.
    """

    def __init__(self, width: int, class_count: int, *, dropout: float) -> None:
        super().__init__()
        self.norm = torch.nn.LayerNorm(width)
        self.dropout = Dropout(dropout)
        self.scores = torch.nn.Linear(width, class_count)
        self.weight = torch.nn.Linear(width, 1)
        torch.nn.init.zeros_(self.weight.weight)  # a plain mean to begin with
        torch.nn.init.zeros_(self.weight.bias)

    def forward(self, x: torch.Tensor, is_present: torch.Tensor) -> ClipScores:
        x = self.norm(x)
        frames = self.scores(self.dropout(x)).float()
        weight = torch.sigmoid(self.weight(x).float()) * is_present.unsqueeze(2).float()
        clips = (frames * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1e-12)
        return ClipScores(clips, frames, is_present)


class ClipProbabilities(torch.nn.Module):
    """A network of clips with softmax: (b, C) of clips and (b, T, C) of frames, NaN where
    there is no face to tell from."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        scores: ClipScores = self.network(features)
        is_present = scores.is_present.unsqueeze(2)
        nothing = torch.full_like(scores.clips, float("nan"))
        clips = torch.where(is_present.any(dim=1), torch.softmax(scores.clips, dim=1), nothing)
        frames = torch.softmax(scores.frames, dim=2)
        return clips, torch.where(is_present, frames, torch.full_like(frames, float("nan")))


def _difference(values: torch.Tensor, known: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """From the frame before to this one, (b, T, F), and where both are known, (b, T, 1)."""
    both = known * _before(known)
    return (values - _before(values)) * both, both


def _before(values: torch.Tensor) -> torch.Tensor:
    """One frame later, zeros first."""
    return functional.pad(values, (0, 0, 1, 0))[:, :-1]


def _clip_mean(values: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    return values.sum(dim=1, keepdim=True) / known.sum(dim=1, keepdim=True).clamp(min=1)


def _recent_mean(values: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """(b, T, F) mean of the last RECENT_FRAMES' known values, this frame's among them."""

    def share(x: torch.Tensor) -> torch.Tensor:
        padded = functional.pad(x.transpose(1, 2), (RECENT_FRAMES - 1, 0))
        return functional.avg_pool1d(padded, RECENT_FRAMES, stride=1).transpose(1, 2)

    return share(values) / share(known).clamp(min=0.5 / RECENT_FRAMES)
