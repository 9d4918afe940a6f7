"""The network of recipe `temporal`: convolutions over time, and attention to the seconds around.

What follows the streams of layers.py is the design that won a neighbouring task, signs
read from landmarks: depthwise convolutions over time and a small transformer. A frame
attends to so many frames before it, and unless the network is causal after it, and
its place is told by distance alone: cost grows with a recording's length, not with its
square, and a part of a recording gives the same scores as the whole.

Shapes: b clips of a batch, T frames, F values a frame, W units, H heads, C classes.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from mien.emotion.layers import RECENT_FRAMES, ClipHead, ClipScores, Dropout, Streams
from mien.errors import InputError

_HEAD_UNITS = 32
_EXPANSION = 2


class TemporalNetwork(torch.nn.Module):
    """Streams, a linear stem, `stages` of two convolutions and one attention, a head.

    width: units a frame, a multiple of 32. kernel_frames: odd. attention_frames: how far
    a frame looks, to each side. causal: scores of a frame depend on no later one.
    values: (b, T, F), NaN where there is no face. Raises InputError for another width.
    """

    def __init__(
        self,
        value_count: int,
        class_count: int,
        *,
        width: int,
        stages: int,
        causal: bool,
        dropout: float,
        kernel_frames: int = 9,
        attention_frames: int = 32,
    ) -> None:
        if width % _HEAD_UNITS:
            raise InputError(
                f"width is {width}: attention has heads of {_HEAD_UNITS} units, give a multiple"
            )
        super().__init__()
        self.streams = Streams(value_count, causal=causal)
        self.stem = torch.nn.Linear(4 * value_count, width)
        blocks: list[torch.nn.Module] = []
        for _ in range(stages):
            for _ in range(2):
                blocks.append(_Convolution(width, kernel_frames, causal=causal, dropout=dropout))
            blocks.append(_Attention(width, attention_frames, causal=causal, dropout=dropout))
        self.blocks = torch.nn.ModuleList(blocks)
        self.head = ClipHead(width, class_count, dropout=dropout)
        self.context_frames = (
            RECENT_FRAMES + stages * (2 * (kernel_frames - 1) + attention_frames)
            if causal
            else None
        )

    def forward(self, values: torch.Tensor) -> ClipScores:
        streams, is_present = self.streams(values)
        x = self.stem(streams)
        for block in self.blocks:
            x = block(x, is_present)
        return self.head(x, is_present)


class DepthwiseOverTime(torch.nn.Module):
    """One filter over time for each unit. x: (b, T, W); frames outside are zero.

    As a 2-D convolution of an image one pixel wide, with units innermost in memory: the
    1-D one of torch takes several times as long on a processor.
    """

    def __init__(self, width: int, kernel_frames: int, *, causal: bool) -> None:
        super().__init__()
        before = kernel_frames - 1 if causal else kernel_frames // 2
        self.padding = (0, 0, before, kernel_frames - 1 - before)
        filters = torch.nn.Conv2d(width, width, (kernel_frames, 1), groups=width)
        self.filters = filters.to(memory_format=torch.channels_last)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        padded = functional.pad(x, self.padding).transpose(1, 2).unsqueeze(3)
        return self.filters(padded).squeeze(3).transpose(1, 2)


class _Convolution(torch.nn.Module):
    """Widen, filter each unit over time, narrow; added to what came in."""

    def __init__(self, width: int, kernel_frames: int, *, causal: bool, dropout: float) -> None:
        super().__init__()
        inner = _EXPANSION * width
        self.norm = torch.nn.LayerNorm(width)
        self.widen = torch.nn.Linear(width, inner)
        self.over_time = DepthwiseOverTime(inner, kernel_frames, causal=causal)
        self.dropout = Dropout(dropout)
        self.narrow = torch.nn.Linear(inner, width)

    def forward(self, x: torch.Tensor, is_present: torch.Tensor) -> torch.Tensor:
        inner = functional.silu(self.widen(self.norm(x)))
        inner = self.over_time(inner * is_present.unsqueeze(2).to(inner.dtype))
        return x + self.narrow(self.dropout(functional.silu(inner)))


class _Attention(torch.nn.Module):
    """Self-attention within reach, then two linear layers; each added to what came in.

    Frames are taken in blocks as long as the reach: a block's frames find all that they
    may look at in their own block and its neighbours.
    """

    is_in_reach: torch.Tensor
    distance: torch.Tensor

    def __init__(self, width: int, reach: int, *, causal: bool, dropout: float) -> None:
        super().__init__()
        self.reach, self.causal = reach, causal
        self.heads = width // _HEAD_UNITS
        self.norm = torch.nn.LayerNorm(width)
        self.asked = torch.nn.Linear(width, 3 * width)
        self.answer = torch.nn.Linear(width, width)
        self.by_distance = torch.nn.Parameter(torch.zeros(self.heads, 2 * reach + 1))
        self.norm_inner = torch.nn.LayerNorm(width)
        self.widen = torch.nn.Linear(width, _EXPANSION * width)
        self.narrow = torch.nn.Linear(_EXPANSION * width, width)
        self.dropout = Dropout(dropout)
        key = torch.arange((2 if causal else 3) * reach) - reach
        distance = key[None, :] - torch.arange(reach)[:, None]
        nearest = 0 if causal else reach
        in_reach = (distance >= -reach) & (distance <= nearest)
        self.register_buffer("is_in_reach", in_reach, persistent=False)
        self.register_buffer("distance", distance.clamp(-reach, reach) + reach, persistent=False)

    def forward(self, x: torch.Tensor, is_present: torch.Tensor) -> torch.Tensor:
        x = x + self.dropout(self.answer(self._attended(self.asked(self.norm(x)), is_present)))
        inner = functional.silu(self.widen(self.norm_inner(x)))
        return x + self.narrow(self.dropout(inner))

    def _attended(self, asked: torch.Tensor, is_present: torch.Tensor) -> torch.Tensor:
        clips, frames = asked.shape[0], asked.shape[1]
        count = (frames + self.reach - 1) // self.reach  # blocks
        query, key, value = asked.chunk(3, dim=2)
        query = self._blocks(functional.pad(query, (0, 0, 0, self.reach - 1)), clips, count)
        key, value = self._around(key, clips, count), self._around(value, clips, count)
        present = self._around(is_present.unsqueeze(2).to(asked.dtype), clips, count, heads=1)
        scores = (query * _HEAD_UNITS**-0.5) @ key.transpose(3, 4)  # (b, H, blocks, reach, keys)
        scores = scores + self.by_distance[:, self.distance].unsqueeze(1)
        may_look = self.is_in_reach & (present.transpose(3, 4) > 0.5)
        scores = scores.float().masked_fill(~may_look, -1e4)
        found = torch.softmax(scores, dim=4).to(value.dtype) @ value
        return found.permute(0, 2, 3, 1, 4).reshape(clips, count * self.reach, -1)[:, :frames]

    def _blocks(
        self, x: torch.Tensor, clips: int, count: int, *, heads: int | None = None
    ) -> torch.Tensor:
        """(b, H, blocks, reach, units) of the first frames of x (b, frames, W)."""
        x = x[:, : count * self.reach].reshape(clips, count, self.reach, heads or self.heads, -1)
        return x.permute(0, 3, 1, 2, 4)

    def _around(
        self, x: torch.Tensor, clips: int, count: int, *, heads: int | None = None
    ) -> torch.Tensor:
        """The same with each block between those beside it: (b, H, blocks, keys, units)."""
        ahead = 0 if self.causal else 1
        padded = functional.pad(x, (0, 0, self.reach, (1 + ahead) * self.reach - 1))
        blocks = self._blocks(padded, clips, count + 1 + ahead, heads=heads)
        return torch.cat([blocks[:, :, i : i + count] for i in range(2 + ahead)], dim=3)
