"""Probabilities a frame and a clip, from recordings, a table, or rows as they come."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from mien.emotion.prediction import (
    PREDICT_COLUMNS,
    Model,
    clip_table,
    load_model,
    predict_batches,
)
from mien.errors import InputError, TableError
from mien.files import is_address, without_credentials
from mien.recording.sources import Source
from mien.tables import TABLE_SUFFIXES, check_table_path, open_landmarks, write_table
from mien.workflows.extract import extract


@dataclass(frozen=True)
class Predicted:
    """Predictions a frame and a clip, and where they were written."""

    frames: pa.Table
    clips: pa.Table
    labels: list[str]
    frames_without_face: int
    path: Path | None
    clips_path: Path | None
    failures: dict[str, str] = field(default_factory=dict)  # recording -> reason


def predict(
    source: str | Path | Iterable[str | Path] | pa.Table | Iterable[pa.RecordBatch],
    *,
    model: str | Path,
    out: str | Path | None = None,
    threads: int = 1,
    workers: int = 1,
    on_start: Callable[[list[Source]], None] = lambda _: None,
    on_frames: Callable[[int], None] = lambda _: None,
    on_failure: Callable[[str, str], None] = lambda clip, reason: None,
) -> Predicted:
    """Predict every frame and clip of recordings or of a landmark table with a model folder.

    source: videos, photos or folders, which are extracted first with `workers`
    processes; or a table's path, an Arrow table, or batches of landmark rows.
    A frame without a face has null probabilities; a clip's are the mean over
    its frames with one. With `out`, the frames go there and the clips beside
    it, to `<name>_clips`. Recordings that cannot be read are in `failures`.
    Raises ModelError for a model that cannot be trusted, TableError for rows
    that cannot be used, InputError for a path that cannot be read or written.
    """
    path = None if out is None else check_table_path(out)
    _refuse_overwriting(source, path)
    loaded = load_model(model, threads=threads)
    recordings = _recordings(source)
    if not recordings:
        return _predict(loaded, _batches(source), path)
    with tempfile.TemporaryDirectory(prefix="mien-") as folder:
        extracted = extract(
            recordings,
            Path(folder) / "landmarks.parquet",
            workers=workers,
            on_start=on_start,
            on_frames=on_frames,
            on_failure=on_failure,
        )
        if extracted.table is None:
            raise InputError("nothing to predict: none of the recordings could be read")
        return _predict(loaded, _batches(extracted.table), path, extracted.failures)


def _clips_path(path: Path) -> Path:
    return path.with_name(f"{path.stem}_clips{path.suffix}")


def _refuse_overwriting(source: object, path: Path | None) -> None:
    paths = [source] if isinstance(source, str | Path) else source
    if path is None or not isinstance(paths, list | tuple):
        return
    written = {path.resolve(), _clips_path(path).resolve()}
    for item in paths:
        if (
            isinstance(item, str | Path)
            and not is_address(item)
            and Path(item).resolve() in written
        ):
            raise InputError(f"{item} would be overwritten by the predictions: give another name")


def _recordings(source: object) -> list[str | Path]:
    """The recordings among paths; none when the source is a table or rows."""
    paths = [source] if isinstance(source, str | Path) else source
    if not isinstance(paths, list | tuple) or not all(isinstance(p, str | Path) for p in paths):
        return []
    for path in paths:
        if is_address(path):
            shown = without_credentials(str(path))
            raise InputError(f"{shown} is a stream: mien extract it, then predict the table")
    tables = [path for path in paths if Path(path).suffix.lower() in TABLE_SUFFIXES]
    if tables and len(paths) > 1:
        raise InputError(f"{tables[0]} is a table: predict it alone")
    return [] if tables else list(paths)


def _batches(source: Any) -> Iterable[pa.RecordBatch]:
    if isinstance(source, list | tuple) and len(source) == 1:
        source = source[0]
    if isinstance(source, str | Path):
        return open_landmarks(source).batches(PREDICT_COLUMNS)
    if isinstance(source, pa.Table):
        return source.to_batches(max_chunksize=4096)
    if isinstance(source, Iterable):
        return source
    raise InputError(f"cannot predict a {type(source).__name__}: give paths or Arrow rows")


def _predict(
    model: Model,
    batches: Iterable[pa.RecordBatch],
    path: Path | None,
    failures: dict[str, str] | None = None,
) -> Predicted:
    found = list(predict_batches(model, batches))
    if not found:
        raise TableError("the table has no rows: there is nothing to predict")
    frames = pa.Table.from_batches(found)
    clips = clip_table(frames, model.labels)
    clips_path = None if path is None else _clips_path(path)
    if path is not None and clips_path is not None:
        write_table(clips, clips_path, metadata={"kind": "clip predictions"})
        write_table(frames, path, metadata={"kind": "frame predictions"})
    without = frames["predicted"].null_count
    return Predicted(frames, clips, model.labels, without, path, clips_path, failures or {})
