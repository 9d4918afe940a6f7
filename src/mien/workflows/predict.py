"""Probabilities a frame and a clip, from recordings, a table, or rows as they come."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from mien.emotion.ahead import thread_count
from mien.emotion.clip_prediction import last_rows
from mien.emotion.enrolment import Enrolment
from mien.emotion.prediction import (
    PREDICT_COLUMNS,
    Model,
    clip_table,
    enrolled,
    facs_model,
    load_model,
    predict_batches,
)
from mien.emotion.prediction_table import ClipTotals
from mien.errors import InputError, TableError
from mien.files import is_address, without_credentials
from mien.recording.sources import Source
from mien.tables import TABLE_SUFFIXES, check_table_path, open_landmarks, write_table
from mien.workflows.extract import extract

FACS_NOTE = (
    "facs, rules without training: weak beyond Neutral, Happy and Surprise (docs/facs.md); "
    "--model takes a trained model"
)
_TOLD = 3  # recordings whose failure one message tells


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
    notes: tuple[str, ...] = ()  # what a reader of the answers must know
    coverage: float | None = None  # what the clips' sets promise; None: there are none


@dataclass(frozen=True)
class _Rows:
    """Landmark rows to predict, and what is known of them beforehand."""

    batches: Iterable[pa.RecordBatch]
    ends: Callable[[], Mapping[str | None, int] | None]  # see clip_prediction.answered_by_clip
    failures: dict[str, str] = field(default_factory=dict)


def predict(
    source: str | Path | Iterable[str | Path] | pa.Table | Iterable[pa.RecordBatch],
    *,
    model: str | Path | None = None,
    enrol: str | Path | Iterable[str | Path] | pa.Table | Iterable[pa.RecordBatch] | None = None,
    out: str | Path | None = None,
    threads: int | None = None,
    workers: int = 1,
    on_start: Callable[[list[Source]], None] = lambda _: None,
    on_frames: Callable[[int], None] = lambda _: None,
    on_failure: Callable[[str, str], None] = lambda clip, reason: None,
) -> Predicted:
    """Predict every frame and clip of recordings or of a landmark table.

    source: videos, photos or folders, which are extracted first with `workers`
    processes; or a table's path, an Arrow table, or batches of landmark rows.
    model: a model folder. None: `facs`, published rules that need no training and
    are weak beyond Neutral, Happy and Surprise (docs/facs.md).
    enrol: the same people with a neutral face, in any form that source has. Their
    median face, of 5 frames or more, is moved to the mean neutral face that the model
    knows, and all of their frames with it. With one person enrolled, who may be unnamed,
    it is done to all rows that do not name another; else by `subject`, or who a
    CREMA-D or RAVDESS name tells. Rows labelled otherwise than Neutral do not count.
    threads: that compute features; None: as many as there are processors.

    The columns, of frames and of clips, are those of prediction_table.FRAME_MEANINGS and
    CLIP_MEANINGS. A frame without a face has null probabilities. A clip has the mean over
    its frames with one, or what a model of clips says of it. A calibrated model also gives
    the `set` of labels that remain possible, the `class_set` that promises as much of each
    label by itself, and an `answer`, which may be "unknown"; facs is not calibrated. With
    `out`, the frames go there and the clips beside it, to `<name>_clips`. Recordings that
    cannot be read are in `failures`.

    Memory holds the answers of all rows, 70 bytes or so each. A model of clips also holds
    the features of clips that are not whole yet, and where a clip ends is known for Parquet,
    Arrow tables and recordings; of CSV and batches it holds those of all rows, about 1 kB
    each. Clips of more than 8,192 frames are read in overlapping parts.
    Raises ModelError for a model that cannot be trusted or cannot take an enrolment,
    TableError for rows that cannot be used or people who are not enrolled, InputError for
    a path that cannot be read or written.
    """
    path = None if out is None else check_table_path(out)
    for given in (source, enrol):
        _refuse_overwriting(given, path)
    loaded: Model = facs_model() if model is None else load_model(model)
    threads = thread_count(threads)
    enrolment = None if enrol is None else _enrolled(loaded, enrol, threads, workers)
    with _rows(
        source, workers=workers, on_start=on_start, on_frames=on_frames, on_failure=on_failure
    ) as rows:
        return _predict(loaded, rows, path, enrolment=enrolment, threads=threads)


def _enrolled(model: Model, source: Any, threads: int, workers: int) -> Enrolment:
    with _rows(source, workers=workers, purpose="enrol from") as rows:
        for recording, reason in rows.failures.items():
            raise InputError(f"{recording} cannot be enrolled from: {reason}")
        return enrolled(model, rows.batches, threads=threads)


@contextmanager
def _rows(source: Any, *, purpose: str = "predict", **extraction: Any) -> Iterator[_Rows]:
    """The landmark rows of a source; recordings are extracted into a table that goes again."""
    recordings = _recordings(source)
    if not recordings:
        yield _known_rows(source)
        return
    with tempfile.TemporaryDirectory(prefix="mien-") as folder:
        done = extract(recordings, Path(folder) / "landmarks.parquet", **extraction)
        if done.table is None:
            raise InputError(f"nothing to {purpose}: {_why(done.failures)}")
        rows = _known_rows(done.table)
        yield _Rows(rows.batches, rows.ends, done.failures)


def _why(failures: Mapping[str, str]) -> str:
    told = [f"{name}: {reason}" for name, reason in failures.items()]
    more = f" (and {len(told) - _TOLD} more)" if len(told) > _TOLD else ""
    return "; ".join(told[:_TOLD]) + more


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


def _known_rows(source: Any) -> _Rows:
    if isinstance(source, list | tuple) and len(source) == 1:
        source = source[0]
    if isinstance(source, str | Path):
        table = open_landmarks(source)
        is_cheap = table.path.suffix.lower() == ".parquet"  # one column of a CSV costs all of it
        names = ("video_filename",)
        return _Rows(
            table.batches(PREDICT_COLUMNS),
            lambda: last_rows(table.batches(names, batch_rows=65536)) if is_cheap else None,
        )
    if isinstance(source, pa.Table):
        return _Rows(source.to_batches(max_chunksize=4096), lambda: last_rows(source.to_batches()))
    if isinstance(source, Iterable):
        return _Rows(source, lambda: None)
    raise InputError(f"cannot predict a {type(source).__name__}: give paths or Arrow rows")


def _predict(
    model: Model,
    rows: _Rows,
    path: Path | None,
    *,
    enrolment: Enrolment | None,
    threads: int,
) -> Predicted:
    totals = ClipTotals(model.labels)
    found = list(
        predict_batches(
            model,
            rows.batches,
            clips=totals,
            enrolment=enrolment,
            ends=rows.ends() if model.unit == "clip" else None,
            threads=threads,
        )
    )
    if not found:
        raise TableError("the table has no rows: there is nothing to predict")
    frames = pa.Table.from_batches(found)
    clips = clip_table(model, totals)
    clips_path = None if path is None else _clips_path(path)
    if path is not None and clips_path is not None:
        write_table(clips, clips_path, metadata={"kind": "clip predictions"})
        write_table(frames, path, metadata={"kind": "frame predictions"})
    without = frames["predicted"].null_count
    calibration = model.calibrations.clips
    return Predicted(
        frames,
        clips,
        model.labels,
        without,
        path,
        clips_path,
        rows.failures,
        notes=(FACS_NOTE,) if model.name == "facs" else (),
        coverage=None if calibration is None else calibration.marginal.coverage,
    )
