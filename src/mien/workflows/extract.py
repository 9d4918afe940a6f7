"""`mien extract`: recordings in, a landmark table out; the same command resumes."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from filelock import FileLock, Timeout

import mien
from mien.config import ExtractSettings, checked
from mien.corpora.index import LabelFile, label_of, read_label_file
from mien.errors import InputError, TableError, VideoError
from mien.files import replacing, without_credentials
from mien.recording.extract import extract_frames, part_key
from mien.recording.facemesh import BUNDLE_SHA256, EXTRACTOR
from mien.recording.parts import ClipParts, left_behind, points_in
from mien.recording.pool import extract_all
from mien.recording.sources import Source, find_sources
from mien.recording.video import Frame, read_stream, read_webcam
from mien.tables import (
    LandmarkSource,
    TableWriter,
    check_table_path,
    landmark_batch,
    open_landmarks,
)

BATCH_ROWS = 2048


@dataclass
class ExtractResult:
    """What an extraction gave. `table` is None when no clip could be read."""

    table: Path | None
    clips: int = 0  # in the table
    rows: int = 0
    rows_without_face: int = 0
    kept_clips: int = 0  # that an earlier run had finished
    failures: dict[str, str] = field(default_factory=dict)  # clip -> reason
    failures_file: Path | None = None


def extract(
    paths: Iterable[str | Path],
    out: str | Path,
    *,
    labels: str | Path | None = None,
    workers: int = 1,
    overwrite: bool = False,
    on_start: Callable[[list[Source]], None] = lambda _: None,
    on_frames: Callable[[int], None] = lambda _: None,
    on_failure: Callable[[str, str], None] = lambda clip, reason: None,
    **settings: Any,
) -> ExtractResult:
    """Extract landmarks from video files, photos and folders into one table.

    Clips that the table already holds are kept and not done again; finished
    pieces of an interrupted run are taken up. A recording that cannot be read
    is listed in `failures` and in a failures.csv beside the table.

    paths: files and folders. out: .parquet or .csv. labels: a CSV with clip,
    emotion and subject columns; without it CREMA-D and RAVDESS names are read.
    settings: fields of ExtractSettings. on_start is told which sources are to do.
    Raises InputError or TableError before anything is written.
    """
    if workers < 1:
        raise InputError(f"workers must be 1 or more, got {workers}")
    chosen = checked(ExtractSettings, **settings)
    out = check_table_path(out)
    label_file = read_label_file(labels) if labels else None
    sources = find_sources(paths)
    with _work_folder(out) as folder:
        old = _old_table(out, chosen, overwrite=overwrite)
        todo = [s for s in sources if not _is_current(s, old)]
        _refuse_other_places(todo, old, out)
        on_start(todo)
        result = ExtractResult(out, kept_clips=len(sources) - len(todo))
        for done in extract_all(todo, folder, chosen, workers=workers, on_frames=on_frames):
            if done.failure is not None:
                result.failures[done.clip] = done.failure
                on_failure(done.clip, done.failure)
        fresh = [s for s in todo if s.clip not in result.failures]
        keys = [part_key(s.clip, chosen, s.fingerprint()) for s in fresh]
        parts = [ClipParts.of(folder, key) for key in keys]
        return _finish(out, old, parts, result, chosen, label_file)


def record(
    address: str | int,
    out: str | Path,
    *,
    duration_s: float | None = None,
    labels: str | Path | None = None,
    overwrite: bool = False,
    on_event: Callable[[str], None] = lambda _: None,
    on_frames: Callable[[int], None] = lambda _: None,
    on_failure: Callable[[str, str], None] = lambda clip, reason: None,
    **settings: Any,
) -> ExtractResult:
    """Extract landmarks from a webcam (a number) or a stream address, as they come.

    Ends after `duration_s` or at an interrupt; the rows so far are written. A
    connection that breaks is made again. Each recording is a clip of its own,
    named by the address without its credentials and by when it began; rows
    that an earlier, killed recording left are written as well.
    Raises VideoError when the source cannot be opened.
    """
    chosen = checked(ExtractSettings, **settings)
    out = check_table_path(out)
    label_file = read_label_file(labels) if labels else None
    with _work_folder(out) as folder:
        old = _old_table(out, chosen, overwrite=overwrite)
        parts = ClipParts.of(folder, part_key(_live_name(address), chosen, {"live": True}))
        result = ExtractResult(out)
        try:
            frames = _live_frames(address, duration_s, on_event)
            extract_frames(frames, parts, chosen, on_frames=on_frames)
        except KeyboardInterrupt:
            on_event("stopped: writing what was recorded")
        except VideoError as error:
            result.failures[parts.key["clip"]] = str(error)
            on_failure(parts.key["clip"], str(error))
        live = [p for p in left_behind(folder) if p.key["file"].get("live")]
        return _finish(out, old, live, result, chosen, label_file)


def _live_frames(
    address: str | int, duration_s: float | None, on_event: Callable[[str], None]
) -> Iterator[Frame]:
    if isinstance(address, int):
        return read_webcam(address, duration_s=duration_s)
    return read_stream(address, duration_s=duration_s, on_event=on_event)


def _live_name(address: str | int) -> str:
    began = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%S-%fZ")
    if isinstance(address, int):
        return f"webcam-{address}/{began}"
    place = without_credentials(address).partition("://")[2].rstrip("/")
    return f"{place.replace(':', '-')}/{began}"


@contextmanager
def _work_folder(out: Path) -> Iterator[Path]:
    """The folder of unfinished pieces beside a table, held by one process at a time."""
    folder = out.with_name(f".{out.name}.parts")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / "lock")
        lock.acquire(timeout=0)
    except Timeout as error:
        raise InputError(f"another mien extract is writing {out}: wait for it") from error
    except OSError as error:
        raise InputError(f"cannot write beside {out}: {error.strerror}") from error
    try:
        yield folder
    finally:
        lock.release()
        if not any(folder.glob("*/")):
            shutil.rmtree(folder, ignore_errors=True)


def _old_table(out: Path, settings: ExtractSettings, *, overwrite: bool) -> LandmarkSource | None:
    """The table that is there and may be added to. Raises TableError when it may not."""
    if overwrite or not out.exists():
        return None
    old = open_landmarks(out)
    mine = _metadata(settings)
    wanted = {name: mine[name] for name in ("extractor", "model_sha256", "settings")}
    found = {name: old.metadata.get(name) for name in wanted}
    if "clips" not in old.metadata:
        raise TableError(
            f"{out} exists and was not written as Parquet by mien extract, so it cannot be "
            "added to: choose another name, or --overwrite"
        )
    if found != wanted:
        changed = ", ".join(name for name in wanted if found[name] != wanted[name])
        raise TableError(
            f"{out} was extracted with other {changed}: choose another name, or --overwrite"
        )
    return old


def _is_current(source: Source, old: LandmarkSource | None) -> bool:
    return old is not None and old.metadata["clips"].get(source.clip) == source.fingerprint()


def _refuse_other_places(todo: list[Source], old: LandmarkSource | None, out: Path) -> None:
    """Two files of one name are two clips: never let one replace the other's rows."""
    known = old.metadata["clips"] if old else {}
    for source in todo:
        if source.clip in known and known[source.clip].get("place") != source.fingerprint().get(
            "place"
        ):
            raise InputError(
                f"{out} holds another {source.clip}, from another folder: give both folders in "
                "one call, so that their names differ, or --overwrite"
            )


def _finish(
    out: Path,
    old: LandmarkSource | None,
    parts: list[ClipParts],
    result: ExtractResult,
    settings: ExtractSettings,
    labels: LabelFile | None,
) -> ExtractResult:
    """Write the table from the old one's rows and the finished parts; then clear the parts."""
    result.failures_file = _write_failures(out, result.failures)
    clips = dict(old.metadata["clips"]) if old else {}
    replaced = {p.key["clip"] for p in parts}
    kept = [clip for clip in clips if clip not in replaced]
    clips = {c: clips[c] for c in kept} | {p.key["clip"]: p.key["file"] for p in parts}
    result.clips = len(clips)
    if not clips:
        result.table = None
        return result
    if old is not None and not parts and labels is None:
        for batch in old.batches(["x_0"]):
            _count(batch, result)
        return result
    with TableWriter(out, metadata={**_metadata(settings), "clips": clips}) as writer:
        if old is not None:
            for batch in _kept_rows(old, kept):
                _count(batch, result)
                writer.write(_labelled(batch, labels) if labels else batch)
        for batch in _rows_of(parts, settings, labels):
            _count(batch, result)
            writer.write(batch)
    for part in parts:
        part.remove()
    return result


def _metadata(settings: ExtractSettings) -> dict[str, Any]:
    return {
        "mien": mien.__version__,
        "extractor": EXTRACTOR,
        "model_sha256": BUNDLE_SHA256,
        "settings": settings.model_dump(),
    }


def _rows_of(
    parts: list[ClipParts], settings: ExtractSettings, labels: LabelFile | None
) -> Iterator[pa.RecordBatch]:
    """The parts' rows in the table's columns, many clips a batch: columns cost by the batch."""
    pending: list[pa.Table] = []
    for part in parts:
        label = label_of(part.key["clip"], labels)
        named = (part.key["clip"], label.emotion, label.subject)
        for table in part.tables():
            for name, value in zip(("video_filename", "emotion", "subject"), named, strict=True):
                values = pa.repeat(pa.scalar(value, pa.string()), table.num_rows)
                table = table.append_column(name, values)
            pending.append(table)
            if sum(table.num_rows for table in pending) >= BATCH_ROWS:
                yield _landmark_rows(pending, settings)
                pending = []
    if pending:
        yield _landmark_rows(pending, settings)


def _landmark_rows(tables: list[pa.Table], settings: ExtractSettings) -> pa.RecordBatch:
    table = pa.concat_tables(tables).combine_chunks()
    points = points_in(table)
    left_out = ["points"] if settings.faces > 1 else ["points", "face_id"]
    columns = table.drop_columns(left_out)
    names = columns.column_names
    return landmark_batch(points, {name: columns.column(name).combine_chunks() for name in names})


def _kept_rows(old: LandmarkSource, kept: list[str]) -> Iterator[pa.RecordBatch]:
    for batch in old.batches():
        mask = np.isin(batch.column("video_filename").to_numpy(zero_copy_only=False), kept)
        if mask.any():
            yield batch.filter(pa.array(mask))


def _labelled(batch: pa.RecordBatch, labels: LabelFile) -> pa.RecordBatch:
    """Rows of an earlier run under the labels that are given now."""
    found = [label_of(clip, labels) for clip in batch.column("video_filename").to_pylist()]
    for name, values in (
        ("emotion", [label.emotion for label in found]),
        ("subject", [label.subject for label in found]),
    ):
        index = batch.schema.get_field_index(name)
        batch = batch.set_column(index, name, pa.array(values, pa.string()))
    return batch


def _count(batch: pa.RecordBatch, result: ExtractResult) -> None:
    result.rows += batch.num_rows
    result.rows_without_face += batch.column("x_0").null_count


def _write_failures(out: Path, failures: dict[str, str]) -> Path | None:
    """Make failures.csv true for this table. Rows of other tables beside it stay."""
    path = out.with_name("failures.csv")
    others = []
    if path.exists():
        with open(path, newline="", encoding="utf-8") as handle:
            others = [row for row in csv.reader(handle) if row[:1] not in ([out.name], ["table"])]
    rows = others + [[out.name, clip, reason] for clip, reason in failures.items()]
    if not rows:
        path.unlink(missing_ok=True)
        return None
    with replacing(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as handle:
        csv.writer(handle).writerows([["table", "clip", "reason"], *rows])
    return path if failures else None
