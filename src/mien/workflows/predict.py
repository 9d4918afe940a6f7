"""Probabilities a frame and a clip, from a table or from frames as they are extracted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from mien.emotion.prediction import PREDICT_COLUMNS, clip_table, load_model, predict_batches
from mien.errors import InputError, TableError
from mien.tables import check_table_path, open_landmarks, write_table


@dataclass(frozen=True)
class Predicted:
    """Predictions a frame and a clip, and where they were written."""

    frames: pa.Table
    clips: pa.Table
    labels: list[str]
    frames_without_face: int
    path: Path | None
    clips_path: Path | None


def predict(
    source: str | Path | pa.Table | Iterable[pa.RecordBatch],
    *,
    model: str | Path,
    out: str | Path | None = None,
    threads: int = 1,
) -> Predicted:
    """Predict every frame and clip of a landmark table with a model folder.

    source: a table's path, an Arrow table, or batches of landmark rows as
    extraction yields them. A frame without a face has null probabilities; a
    clip's are the mean over its frames with one. With `out`, the frames go
    there and the clips beside it, to `<name>_clips`.
    Raises ModelError for a model that cannot be trusted, TableError for rows
    that cannot be used, InputError for a path that cannot be written.
    """
    path = None if out is None else check_table_path(out)
    loaded = load_model(model, threads=threads)
    batches = list(predict_batches(loaded, _batches(source)))
    if not batches:
        raise TableError("the table has no rows: there is nothing to predict")
    frames = pa.Table.from_batches(batches)
    clips = clip_table(frames, loaded.labels)
    clips_path = None if path is None else path.with_name(f"{path.stem}_clips{path.suffix}")
    if path is not None and clips_path is not None:
        write_table(clips, clips_path, metadata={"kind": "clip predictions"})
        write_table(frames, path, metadata={"kind": "frame predictions"})
    return Predicted(frames, clips, loaded.labels, frames["predicted"].null_count, path, clips_path)


def _batches(source: str | Path | pa.Table | Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
    if isinstance(source, str | Path):
        return open_landmarks(source).batches(PREDICT_COLUMNS)
    if isinstance(source, pa.Table):
        return source.to_batches(max_chunksize=4096)
    if isinstance(source, Iterable):
        return source
    raise InputError(f"cannot predict a {type(source).__name__}: give a table's path or Arrow rows")
