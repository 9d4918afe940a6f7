"""Predictions as tests read them."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from mien.emotion.prediction import Model, clip_table, predict_batches
from mien.emotion.prediction_table import ClipTotals


def predicted(model: Model, batches: Iterable[pa.RecordBatch], **options: Any) -> Any:
    """Tables of frames and of clips."""
    totals = ClipTotals(model.labels)
    frames = pa.Table.from_batches([*predict_batches(model, batches, clips=totals, **options)])
    return frames, clip_table(model, totals)


def chances(rows: pa.Table, labels: Sequence[str]) -> np.ndarray:
    """(N, C) probabilities of a table, NaN where null."""
    return np.stack([rows[f"p_{label}"].to_numpy() for label in labels], axis=1)
