"""The frames of a landmark table, measured, each on its patient's own clock.

Shapes: n rows of a batch, P = 478 points, F values a frame.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa

from mien.corpora.frame_size import SIZE_COLUMNS, frame_sizes_of
from mien.corpora.problems import NO_FACE, point_states
from mien.emotion.ahead import ahead
from mien.face.features import Faces
from mien.risk.events import Face
from mien.risk.measured import kept_of
from mien.tables import POINT_COLUMNS, points_of
from mien.workflows.features import refuse_partial
from mien.workflows.replay_clips import (
    ABOUT,
    Recording,
    clips_of,
    numbers_of,
    patients_of,
    runs,
    times_ms,
)
from mien.workflows.replay_frame import MeasuredFrame
from mien.workflows.replay_posterior import Posterior

BATCH_ROWS = 256  # what a thread measures at a time
ROWS_AT_ONCE = 4096


def measured(
    recording: Recording,
    posterior: Posterior,
    *,
    threads: int,
    known_to_ms: Mapping[str, int] | None = None,
) -> Iterator[list[MeasuredFrame]]:
    """The frames in the table's order, some at a time, by threads ahead of the reader.

    known_to_ms: patients' frames before this are not measured, since an earlier run has.
    Memory does not grow with the table. Raises TableError for a face that is not whole.
    """
    slices = _slices(recording, known_to_ms or {})
    yield from ahead(partial(_measured, posterior=posterior), slices, threads=threads)


@dataclass(frozen=True)
class _Slice:
    rows: pa.RecordBatch
    patients: list[str]
    times_ms: np.ndarray  # (n,) by the patient's clock
    received_ms: np.ndarray
    is_new: np.ndarray  # (n,) bool: to be measured


def _slices(recording: Recording, known_to_ms: Mapping[str, int]) -> Iterator[_Slice]:
    columns = (*ABOUT, *SIZE_COLUMNS, *POINT_COLUMNS)
    for batch in recording.source.batches(columns, batch_rows=ROWS_AT_ONCE):
        for start in range(0, batch.num_rows, BATCH_ROWS):
            rows = batch.slice(start, BATCH_ROWS)
            if (found := _slice(recording, rows, known_to_ms)) is not None:
                yield found


def _slice(
    recording: Recording, rows: pa.RecordBatch, known_to_ms: Mapping[str, int]
) -> _Slice | None:
    """The rows that are replayed; None: none of these."""
    patients: list[str | None] = patients_of(rows)
    if not recording.is_named:
        patients = [recording.patients[0]] * rows.num_rows
    times, received = times_ms(rows, recording.fps, first_row=0)
    keep = np.zeros(rows.num_rows, bool)
    for person, clip, some in runs(patients, clips_of(rows)):
        found = recording.clips.get((person or "", clip))
        if found is not None:
            keep[some] = True
            times[some] += found.shift_ms
            received[some] += found.shift_ms
    if not keep.any():
        return None
    kept = [person for person, is_kept in zip(patients, keep, strict=True) if person and is_kept]
    known = np.array([known_to_ms.get(person, np.iinfo(np.int64).min) for person in kept])
    times, received = times[keep], received[keep]
    return _Slice(rows.filter(pa.array(keep)), kept, times, received, times >= known)


def _measured(some: _Slice, posterior: Posterior) -> list[MeasuredFrame]:
    """The frames of a slice; of those that are known, only whether there is a face."""
    points = points_of(some.rows)
    state = point_states(points)
    refuse_partial(some.rows, state)
    is_face = state != NO_FACE
    faces, values = _faces(some.rows, points, np.flatnonzero(is_face & some.is_new), posterior)
    clips, numbers = clips_of(some.rows), some.rows.column("frame_num").to_pylist()
    return [
        MeasuredFrame(
            some.patients[row],
            int(some.times_ms[row]),
            int(some.received_ms[row]),
            bool(is_face[row]),
            faces[row],
            values[row],
            f"clip {clips[row]!r} frame {numbers[row]}",
        )
        for row in range(len(clips))
    ]


def _faces(
    rows: pa.RecordBatch, points: np.ndarray, new: np.ndarray, posterior: Posterior
) -> tuple[list[Face | None], list[np.ndarray | None]]:
    """What is kept of each row's face, and what the model sees. new: the rows to be measured."""
    faces: list[Face | None] = [None] * len(points)
    values: list[np.ndarray | None] = [None] * len(points)
    if len(new):
        seen = Faces(points[new], size_px=frame_sizes_of(rows)[new])
        presence = numbers_of(rows, "presence")[new]
        found = kept_of(seen, presence=np.where(np.isnan(presence), 1.0, presence))
        for row, face, value in zip(new.tolist(), found, posterior.values(seen), strict=True):
            faces[row], values[row] = face, value
    return faces, values
