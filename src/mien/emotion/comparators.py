"""What the reference names as future work, to compare `temporal` with: an LSTM and a CNN.

They see the same streams and end in the same head, so that what differs is how they
look at time.

Shapes: b clips of a batch, T frames, F values a frame, W units, C classes.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from mien.emotion.layers import RECENT_FRAMES, ClipHead, ClipScores, Dropout, Streams

_KERNEL_FRAMES = 5


class LstmNetwork(torch.nn.Module):
    """`layers` of long short-term memory (Hochreiter & Schmidhuber, 1997); both ways unless causal.

    The way back begins at a clip's last frame with a face, not at what pads it. A causal
    one remembers without bound: it has no number of context frames.
    values: (b, T, F), NaN where there is no face.
    """

    context_frames = None

    def __init__(
        self,
        value_count: int,
        class_count: int,
        *,
        width: int,
        layers: int,
        causal: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        self.streams = Streams(value_count, causal=causal)
        self.stem = torch.nn.Linear(4 * value_count, width)
        self.dropout = Dropout(dropout)
        self.width = width
        self.ahead = _layers(width, layers)
        self.back = None if causal else _layers(width, layers)
        self.head = ClipHead(width if causal else 2 * width, class_count, dropout=dropout)

    def forward(self, values: torch.Tensor) -> ClipScores:
        streams, is_present = self.streams(values)
        x = functional.silu(self.stem(streams)) * is_present.unsqueeze(2).to(streams.dtype)
        ahead = self._run(self.ahead, x)
        if self.back is None:
            return self.head(ahead, is_present)
        order = _from_last_to_first(is_present)
        back = _taken(self._run(self.back, _taken(x, order)), order)
        return self.head(torch.cat([ahead, back], dim=2), is_present)

    def _run(self, layers: torch.nn.ModuleList, x: torch.Tensor) -> torch.Tensor:
        start = torch.zeros(1, x.shape[0], self.width, device=x.device, dtype=x.dtype)
        for layer in layers:
            x, _ = layer(self.dropout(x), (start, start))
        return x


class CnnNetwork(torch.nn.Module):
    """`layers` of convolutions over time, each twice as far apart as the one before.

    values: (b, T, F), NaN where there is no face.
    """

    def __init__(
        self,
        value_count: int,
        class_count: int,
        *,
        width: int,
        layers: int,
        causal: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        self.streams = Streams(value_count, causal=causal)
        self.stem = torch.nn.Linear(4 * value_count, width)
        self.dropout = Dropout(dropout)
        self.norms = torch.nn.ModuleList(torch.nn.LayerNorm(width) for _ in range(layers))
        filters = torch.nn.ModuleList(
            torch.nn.Conv2d(width, width, (_KERNEL_FRAMES, 1), dilation=(2**number, 1))
            for number in range(layers)
        )
        self.filters = filters.to(memory_format=torch.channels_last)
        self.head = ClipHead(width, class_count, dropout=dropout)
        self.causal = causal
        reach = sum(2**number * (_KERNEL_FRAMES - 1) for number in range(layers))
        self.context_frames = RECENT_FRAMES + reach if causal else None

    def forward(self, values: torch.Tensor) -> ClipScores:
        streams, is_present = self.streams(values)
        present = is_present.unsqueeze(2).to(streams.dtype)
        x = functional.silu(self.stem(streams))
        for number, (norm, filters) in enumerate(zip(self.norms, self.filters, strict=True)):
            reach = 2**number * (_KERNEL_FRAMES - 1)
            before = reach if self.causal else reach // 2
            padded = functional.pad(norm(x) * present, (0, 0, before, reach - before))
            seen = filters(padded.transpose(1, 2).unsqueeze(3)).squeeze(3).transpose(1, 2)
            x = x + self.dropout(functional.silu(seen))
        return self.head(x, is_present)


def _layers(width: int, count: int) -> torch.nn.ModuleList:
    return torch.nn.ModuleList(torch.nn.LSTM(width, width, batch_first=True) for _ in range(count))


def _from_last_to_first(is_present: torch.Tensor) -> torch.Tensor:
    """(b, T) frame numbers: backwards up to the last frame with a face, then as they are."""
    frame = torch.cumsum(torch.ones_like(is_present, dtype=torch.int64), dim=1) - 1
    last = (frame * is_present.to(frame.dtype)).amax(dim=1, keepdim=True)
    return torch.where(frame <= last, last - frame, frame)


def _taken(x: torch.Tensor, order: torch.Tensor) -> torch.Tensor:
    return torch.gather(x, 1, order.unsqueeze(2).expand(-1, -1, x.shape[2]))
