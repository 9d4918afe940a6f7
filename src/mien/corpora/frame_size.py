"""How large a frame was, which undoing the scaling of its points needs.

Shapes: N rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from mien.config import CREMA_D_SIZE_PX
from mien.corpora.names import label_from_name

SIZE_COLUMNS = ("width_px", "height_px")
UNKNOWN_SIZE_PX = (1, 1)  # a square: only the ratio matters to what is computed from points


def frame_sizes(
    clips: Sequence[str | None] | np.ndarray, *, width_px: Any = None, height_px: Any = None
) -> np.ndarray:
    """(N, 2) float64 width and height of each row's frame, by the one rule that mien has.

    The row's own size where it has one; else CREMA-D's, for a clip that is named like its
    clips; else UNKNOWN_SIZE_PX, a square.

    clips: N names. width_px, height_px: N numbers, NaN or 0 where unknown; None: no such column.

    >>> frame_sizes(["1001_DFA_ANG_XX.flv", "holiday.mp4"]).tolist()
    [[480.0, 360.0], [1.0, 1.0]]
    >>> frame_sizes(["holiday.mp4"], width_px=[1920], height_px=[1080]).tolist()
    [[1920.0, 1080.0]]
    """
    sizes = np.full((len(clips), 2), UNKNOWN_SIZE_PX, np.float64)
    own = np.zeros((len(clips), 2))
    if width_px is not None and height_px is not None:
        own = np.stack([np.asarray(width_px, float), np.asarray(height_px, float)], axis=1)
    known = np.isfinite(own).all(axis=1) & (own > 0).all(axis=1)
    sizes[known] = own[known]
    unsized = np.flatnonzero(~known).tolist()
    by_name = {clip: _size_by_name(clip) for clip in {clips[row] for row in unsized}}
    if unsized:
        sizes[unsized] = [by_name[clips[row]] for row in unsized]
    return sizes


def _size_by_name(clip: str | None) -> tuple[int, int]:
    is_crema_d = clip is not None and label_from_name(clip).corpus == "CREMA-D"
    return CREMA_D_SIZE_PX if is_crema_d else UNKNOWN_SIZE_PX


def frame_sizes_of(rows: pa.RecordBatch | pa.Table) -> np.ndarray:
    """(N, 2) the same, of rows of a landmark table with the columns it has of these."""
    held = set(rows.schema.names)
    own = [
        rows.column(name).to_numpy(zero_copy_only=False) if name in held else None
        for name in SIZE_COLUMNS
    ]
    return frame_sizes(rows.column("video_filename").to_pylist(), width_px=own[0], height_px=own[1])


def frame_sizes_by_clip(
    clips: Sequence[str], *, sizes_px: Sequence[Sequence[int] | None], clip_of: np.ndarray
) -> np.ndarray:
    """(N, 2) the same, of rows that know the number of their clip, -1 where they have none.

    clips: K names; sizes_px: the clips' own sizes, None where unknown, or empty; clip_of: (N,).
    """
    own = np.array([size or (0, 0) for size in sizes_px], np.float64).reshape(-1, 2)
    own = own if len(own) else np.zeros((len(clips), 2))
    by_clip = frame_sizes(clips, width_px=own[:, 0], height_px=own[:, 1])
    return np.concatenate([by_clip, [UNKNOWN_SIZE_PX]])[clip_of]


def is_size_known(sizes_px: np.ndarray) -> np.ndarray:
    """(N,) bool: rows whose frame is not merely taken for a square. sizes_px: (N, 2)."""
    return ~(np.asarray(sizes_px) == UNKNOWN_SIZE_PX).all(axis=-1)
