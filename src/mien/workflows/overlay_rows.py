"""Rows of a landmark table found by clip and frame, without holding its points.

Shapes: N rows, K faces in a frame, P = 478 points.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from mien.corpora.survey import Names
from mien.errors import InputError, TableError
from mien.tables import POINT_COLUMNS, POINT_COUNT, LandmarkSource, points_of

_PREDICTION_COLUMNS = ("video_filename", "frame_num", "predicted")

Key = tuple[str, int]  # a clip and a frame_num


@dataclass(frozen=True)
class Rows:
    """The rows of a table without their points, (N,) each. clip and emotion index `names`."""

    names: list[str]
    clip: np.ndarray
    frame_num: np.ndarray
    emotion: np.ndarray  # -1 where null
    has_face: np.ndarray


def read_rows(source: LandmarkSource) -> Rows:
    """Every row's clip, frame, emotion and whether it has a face, without reading the points."""
    names, parts = Names(), []
    columns = ("video_filename", "frame_num", "emotion", POINT_COLUMNS[0])
    for batch in source.batches(columns, batch_rows=65_536):
        x = batch.column(POINT_COLUMNS[0]).to_numpy(zero_copy_only=False)
        emotion = np.full(batch.num_rows, -1, np.int32)
        if "emotion" in batch.schema.names:
            emotion = names.numbers(batch.column("emotion"))
        clip = names.numbers(batch.column("video_filename"))
        frame_num = batch.column("frame_num").fill_null(-1).to_numpy(zero_copy_only=False)
        parts.append((clip, frame_num, emotion, np.isfinite(x) & (clip >= 0) & (frame_num >= 0)))
    if not parts:
        raise TableError(f"{source.path} has no rows")
    return Rows(names.all, *(np.concatenate(part) for part in zip(*parts, strict=True)))


def faces_of(source: LandmarkSource, keys: set[Key]) -> dict[Key, np.ndarray]:
    """The points of every face in some frames: (K, 478, 3) each."""
    rows: dict[Key, list[np.ndarray]] = {key: [] for key in keys}
    clips = {clip for clip, _ in keys}
    for key, points in _points_in(source, clips, {frame for _, frame in keys}):
        if key in rows:
            rows[key].append(points)
    return {key: np.stack(faces) for key, faces in rows.items()}


def _points_in(
    source: LandmarkSource, clips: set[str], frames: set[int] | None = None
) -> Iterator[tuple[Key, np.ndarray]]:
    """The key and points (478, 3) of each row of some clips, in the table's order."""
    wanted_clips = pa.array(sorted(clips), pa.string())
    for batch in source.batches(("video_filename", "frame_num", *POINT_COLUMNS)):
        is_wanted = pc.is_in(batch.column("video_filename"), wanted_clips)
        is_wanted = pc.and_(is_wanted, pc.is_valid(batch.column("frame_num")))
        if frames is not None:
            in_frames = pc.is_in(batch.column("frame_num"), pa.array(sorted(frames)))
            is_wanted = pc.and_(is_wanted, in_frames)
        kept = batch.filter(is_wanted)
        if not kept.num_rows:
            continue
        keys = zip(
            kept.column("video_filename").to_pylist(),
            kept.column("frame_num").to_pylist(),
            strict=True,
        )
        yield from zip(keys, points_of(kept), strict=True)


def faces_in_order(source: LandmarkSource, clip: str) -> Callable[[int], np.ndarray]:
    """A function from a frame number to that frame's faces (K, 478, 3), asked in rising order.

    The table is read along with the video, so that memory does not grow with the length.
    Raises TableError, later, when the clip's rows are not in the order of their frames.
    """
    rows = ((key[1], points) for key, points in _points_in(source, {clip}))
    waiting: tuple[int, np.ndarray] | None = next(rows, None)

    def faces_at(index: int) -> np.ndarray:
        nonlocal waiting
        faces = []
        while waiting is not None and waiting[0] <= index:
            if waiting[0] == index:
                faces.append(waiting[1])
            before, waiting = waiting[0], next(rows, None)
            if waiting is not None and waiting[0] < before:
                raise TableError(
                    f"{source.path}: the rows of {clip!r} are not in the order of their frames "
                    f"({waiting[0]} after {before}): sort the table by video_filename and frame_num"
                )
        return np.stack(faces) if faces else np.empty((0, POINT_COUNT, 3), np.float32)

    return faces_at


def read_predictions(path: str | Path) -> dict[Key, str]:
    """(clip, frame) -> predicted label, from a Parquet or CSV table of predictions.

    Of several faces in a frame the last row counts.
    Raises InputError when there is no such file, TableError when it is no such table.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"no predictions at {path}: give the .parquet or .csv of mien predict")
    try:
        is_parquet = path.suffix.lower() == ".parquet"
        table = pq.read_table(path) if is_parquet else pa_csv.read_csv(path)
    except (pa.ArrowInvalid, OSError) as error:
        reason = str(error).splitlines()[0]
        raise TableError(f"{path} cannot be read as predictions: {reason}") from error
    missing = [name for name in _PREDICTION_COLUMNS if name not in table.column_names]
    if missing:
        raise TableError(f"{path} is no table of predictions: it lacks {', '.join(missing)}")
    clips, frames, labels = (table.column(name).to_pylist() for name in _PREDICTION_COLUMNS)
    return {
        (clip, frame): str(label)
        for clip, frame, label in zip(clips, frames, labels, strict=True)
        if label is not None
    }
