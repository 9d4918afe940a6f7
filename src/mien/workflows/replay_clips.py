"""Who is in a landmark table, and when: a recording looked through once, without its points.

Each subject is a patient; without subjects, all rows are one patient's. A patient's first clip
keeps its own clock. Each further clip, in the order in which they begin in the table, begins one
frame and `gap_s` after the end of the one before, whatever its own clock says.

Shapes: n rows of a batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa

from mien.config import CREMA_D_FPS
from mien.corpora.names import label_from_name
from mien.corpora.subjects import subjects_of
from mien.errors import InputError, TableError
from mien.risk.lines import check_header
from mien.tables import LandmarkSource

FRAME_MS = 100  # between clips of one frame each
UNNAMED = "patient"  # who a table without subjects is of, unless somebody says
ABOUT = ("video_filename", "frame_num", "subject", "time_s", "received_s", "face_id", "presence")
_SOME, _SHOWN = 5, 40  # names that an error tells, and how much of a long one
_MOST_S = 1e11  # 3,000 years
_FEW = 4  # rows that have no usual step
_SLOWEST_MS = 10_000  # from frame to frame: as long without one, a stream has stopped
_MILLISECONDS = "If times are in milliseconds, give seconds"


@dataclass(frozen=True, slots=True)
class ClipTimes:
    """When a clip of a patient is, by its own clock, and what is added to that."""

    first_ms: int
    last_ms: int
    rows: int
    shift_ms: int = 0
    late: int = 0  # rows further behind the newest before them than frames are waited for
    step_ms: float = 0.0  # from a frame to the next, the median of the first of them

    @property
    def interval_ms(self) -> int:
        """From a frame to the next, in the mean."""
        return round((self.last_ms - self.first_ms) / max(self.rows - 1, 1)) or FRAME_MS


@dataclass(frozen=True)
class Recording:
    """A landmark table, looked through once without its points."""

    source: LandmarkSource
    clips: Mapping[tuple[str, str], ClipTimes]  # by patient and clip, in the order they begin
    fps: float | None
    is_named: bool  # by the table itself: rows that name nobody are then left out
    rows_of_nobody: int = 0

    @property
    def patients(self) -> list[str]:
        return list(dict.fromkeys(patient for patient, _ in self.clips))

    @property
    def rows(self) -> int:
        return sum(clip.rows for clip in self.clips.values())

    def clip_count(self, patient: str) -> int:
        return sum(name == patient for name, _ in self.clips)

    def ends_ms(self, *, gap_s: float) -> dict[str, int]:
        """When a further clip of each patient would begin."""
        return {
            patient: clip.last_ms + clip.shift_ms + clip.interval_ms + round(1000 * gap_s)
            for (patient, _), clip in self.clips.items()
        }


def open_recording(
    source: LandmarkSource,
    *,
    patient: str | None = None,
    fps: float | None = None,
    late_ms: int = 2000,
) -> Recording:
    """Look through a table: who is in it, and when.

    patient: the one to be replayed, None for all; or how to call the patient of a table that
    names nobody. fps: of rows without time_s; CREMA-D's clips have their own. late_ms: further
    behind the newest a frame is not waited for.
    Raises TableError for a table without rows, times that are absent, not finite, mostly out of
    order or not in seconds, several faces a frame, InputError for a patient whom it does not know.
    """
    survey = _Survey(source, fps, late_ms)
    for batch in source.batches(ABOUT, batch_rows=65536):
        survey.add(batch)
    if not survey.row:
        raise TableError(f"{source.path} has no rows: there is nothing to replay")
    return survey.recording(patient)


def placed(recording: Recording, *, gap_s: float, after_ms: Mapping[str, int]) -> Recording:
    """The recording with its clips one after another.

    after_ms: where patients' earlier recordings ended, by patient.
    """
    ends, clips = dict(after_ms), {}
    for (patient, name), clip in recording.clips.items():
        clip = replace(clip, shift_ms=ends.get(patient, clip.first_ms) - clip.first_ms)
        clips[patient, name] = clip
        ends[patient] = clip.last_ms + clip.shift_ms + clip.interval_ms + round(1000 * gap_s)
    return replace(recording, clips=clips)


@dataclass
class _Survey:
    source: LandmarkSource
    fps: float | None
    late_ms: int
    row: int = 0
    faces: set[int | None] = field(default_factory=set)
    clips: dict[tuple[str | None, str], ClipTimes] = field(default_factory=dict)

    def add(self, batch: pa.RecordBatch) -> None:
        patients, clips = patients_of(batch), clips_of(batch)
        times, _ = times_ms(batch, self.fps, first_row=self.row)
        for person, clip, some in runs(patients, clips):
            self.clips[person, clip] = self._longer(self.clips.get((person, clip)), times[some])
        if "face_id" in batch.schema.names:
            self.faces.update(batch.column("face_id").unique().to_pylist())
        self.row += batch.num_rows

    def _longer(self, old: ClipTimes | None, times: np.ndarray) -> ClipTimes:
        """A clip with more rows. times: (n,) ms."""
        first, last = int(times.min()), int(times.max())
        newest = np.maximum.accumulate(times)
        step = float(np.median(np.diff(np.sort(times)))) if len(times) > _FEW else 0.0
        if old is None:
            late = int((times < newest - self.late_ms).sum())
            return ClipTimes(first, last, len(times), late=late, step_ms=step)
        late = int((times < np.maximum(newest, old.last_ms) - self.late_ms).sum())
        return ClipTimes(
            min(first, old.first_ms),
            max(last, old.last_ms),
            old.rows + len(times),
            late=old.late + late,
            step_ms=old.step_ms or step,
        )

    def _check_times(self) -> None:
        """Raises TableError for clips that cannot have been one stream's, in seconds."""
        for (_, clip), times in self.clips.items():
            if times.step_ms >= _SLOWEST_MS:
                raise TableError(
                    f"{self.source.path}, clip {clip!r}: from a frame to the next are "
                    f"{times.step_ms / 1000:,g} s. {_MILLISECONDS}"
                )
            if 2 * times.late > times.rows:
                raise TableError(
                    f"{self.source.path}, clip {clip!r}: {times.late:,} of {times.rows:,} rows are "
                    f"more than {self.late_ms / 1000:g} s behind rows before them, too late to be "
                    "watched. A stream's clock runs on: sort the rows by time_s"
                )

    def _check_names(self, names: set[str]) -> None:
        """Raises InputError for a name that no log could be read with again."""
        for name in sorted(names):
            try:
                check_header(name)
            except ValueError as error:
                raise InputError(
                    f"{self.source.path} has a patient {name[:_SHOWN]!a} who cannot be watched: "
                    f"{error}"
                ) from None

    def recording(self, patient: str | None) -> Recording:
        self._check_times()
        if len(self.faces - {None}) > 1:
            raise TableError(
                f"{self.source.path} has {len(self.faces - {None})} tracked faces, and a watch is "
                "of one: keep the rows of one face_id, or extract again with --faces 1"
            )
        known = list(dict.fromkeys(name for name, _ in self.clips if name is not None))
        if not known:
            name = patient or UNNAMED
            self._check_names({name})
            clips = {(name, clip): times for (_, clip), times in self.clips.items()}
            return Recording(self.source, clips, self.fps, is_named=False)
        if patient is not None and patient not in known:
            more = f" and {len(known) - _SOME} more" if len(known) > _SOME else ""
            raise InputError(
                f"{self.source.path} has no patient {patient!r}: it has "
                f"{', '.join(known[:_SOME])}{more} (column subject, or the clips' names)"
            )
        wanted = {patient} if patient is not None else set(known)
        self._check_names(wanted)
        return Recording(
            self.source,
            {(name, clip): t for (name, clip), t in self.clips.items() if name in wanted and name},
            self.fps,
            is_named=True,
            rows_of_nobody=sum(t.rows for (name, _), t in self.clips.items() if name is None),
        )


def patients_of(batch: pa.RecordBatch) -> list[str | None]:
    column = batch.column("subject").to_pylist() if "subject" in batch.schema.names else None
    found: list[str | None] = subjects_of(clips_of(batch), column=column).of_rows.tolist()
    return found


def clips_of(batch: pa.RecordBatch) -> list[str]:
    return [clip or "" for clip in batch.column("video_filename").to_pylist()]


def runs(patients: list[str | None], clips: list[str]) -> Iterator[tuple[str | None, str, slice]]:
    """Stretches of rows of the same patient and clip."""
    start = 0
    for row in range(1, len(clips) + 1):
        if row < len(clips) and (clips[row], patients[row]) == (clips[start], patients[start]):
            continue
        yield patients[start], clips[start], slice(start, row)
        start = row


def times_ms(
    batch: pa.RecordBatch, fps: float | None, *, first_row: int
) -> tuple[np.ndarray, np.ndarray]:
    """(n,) int64 each: when a frame was, and when it was received, by the clip's own clock."""
    times_s = numbers_of(batch, "time_s")
    absent = np.isnan(times_s)
    if absent.any():
        times_s = np.where(absent, _by_frame_number(batch, fps), times_s)
    bad = np.flatnonzero(~np.isfinite(times_s) | (np.abs(times_s) > _MOST_S))
    if len(bad):
        raise TableError(_timeless(batch, int(bad[0]), first_row, float(times_s[bad[0]])))
    received_s = numbers_of(batch, "received_s")
    received_s = np.where(np.isfinite(received_s), received_s, times_s)
    far = np.flatnonzero(np.abs(received_s) > _MOST_S)
    if len(far):
        at = int(far[0])
        raise TableError(_too_far(batch, at, first_row, "received_s", float(received_s[at])))
    return _to_ms(times_s), _to_ms(received_s)


def _to_ms(times_s: np.ndarray) -> np.ndarray:
    return np.asarray(np.rint(1000 * times_s).astype(np.int64))


def _timeless(batch: pa.RecordBatch, row: int, first_row: int, time_s: float) -> str:
    if np.isfinite(time_s):
        return _too_far(batch, row, first_row, "time_s", time_s)
    has_times = "time_s" in batch.schema.names
    what = "time_s is null, NaN or infinite" if has_times else "there is no time_s"
    return (
        f"row {first_row + row} ({_where(batch, row)}): {what}. Give seconds in a column time_s, "
        "or --fps with the frames a second of its frame_num"
    )


def _too_far(batch: pa.RecordBatch, row: int, first_row: int, name: str, seconds: float) -> str:
    return (
        f"row {first_row + row} ({_where(batch, row)}): {name} is {seconds:.0f}, and no clock has "
        f"run for so many seconds. {_MILLISECONDS}"
    )


def _by_frame_number(batch: pa.RecordBatch, fps: float | None) -> np.ndarray:
    """(n,) s, NaN where the frame rate is not known."""
    numbers = numbers_of(batch, "frame_num")
    if fps is not None:
        return numbers / fps
    clips = clips_of(batch)
    is_known = {clip: label_from_name(clip).corpus == "CREMA-D" for clip in set(clips)}
    rates = np.array([CREMA_D_FPS if is_known[clip] else np.nan for clip in clips])
    return np.asarray(numbers / rates)


def numbers_of(batch: pa.RecordBatch, name: str) -> np.ndarray:
    """(n,) float64, NaN where null or where the table has no such column."""
    if name not in batch.schema.names:
        return np.full(batch.num_rows, np.nan)
    try:
        return np.asarray(batch.column(name).cast(pa.float64()).to_numpy(zero_copy_only=False))
    except pa.ArrowInvalid as error:
        raise TableError(f"column {name} is not of numbers: {error}") from error


def _where(batch: pa.RecordBatch, row: int) -> str:
    clip, frame = (batch.column(name)[row].as_py() for name in ("video_filename", "frame_num"))
    return f"clip {clip!r} frame {frame}"
