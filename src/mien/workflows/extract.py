"""`mien extract`: recordings in, a landmark table out; the same command resumes."""

from __future__ import annotations

import csv
import glob
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

import mien
from mien.config import ExtractSettings, checked
from mien.corpora.index import LabelFile, label_of, read_label_file
from mien.errors import InputError, TableError, VideoError
from mien.face.bundle import BUNDLE_SHA256
from mien.files import redacted, replacing, take_lock, without_credentials
from mien.recording.cluster import extract_on_cluster
from mien.recording.extract import ClipDone, extract_frames, part_key
from mien.recording.facemesh import EXTRACTOR
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
FAILURE_COLUMNS = ["table", "clip", "reason"]


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
    cluster: str | None = None,
    overwrite: bool = False,
    on_start: Callable[[list[Source]], None] = lambda _: None,
    on_frames: Callable[[int], None] = lambda _: None,
    on_failure: Callable[[str, str], None] = lambda clip, reason: None,
    **settings: Any,
) -> ExtractResult:
    """Extract landmarks from video files, photos and folders into one table.

    Clips that the table already holds are kept and not done again; finished
    pieces of an interrupted run are taken up. A recording that cannot be read
    is listed in `failures` and in a failures.csv beside the table. A script that
    asks for several workers must do so under `if __name__ == "__main__":`.
    With a cluster the clips are spread over its nodes instead; the table is the same.

    cluster: a Ray cluster's address: auto, host:port, ray://host:port, or local.
    paths: files and folders. out: .parquet or .csv. labels: a CSV with clip,
    emotion and subject columns; without it CREMA-D and RAVDESS names are read.
    settings: fields of ExtractSettings. on_start is told which sources are to do.
    Raises InputError or TableError before anything is written.
    """
    if workers < 1:
        raise InputError(f"workers must be 1 or more, got {workers}")
    if cluster is not None and workers > 1:
        raise InputError(
            "workers are of this machine: leave them out with a cluster, which "
            "does as many clips at once as its nodes have CPUs"
        )
    chosen = checked(ExtractSettings, **settings)
    out = check_table_path(out)
    label_file = read_label_file(labels) if labels else None
    sources = find_sources(paths)
    with _work_folder(out) as folder:
        old = _old_table(out, chosen, overwrite=overwrite)
        todo = [s for s in sources if not _is_current(s, old)]
        _refuse_other_places(todo, old, out)
        for source in todo:
            label_of(source.clip, label_file)  # an ambiguous label is told before the work
        on_start(todo)
        result = ExtractResult(out, kept_clips=len(sources) - len(todo))
        keys = {}
        for done in _spread(todo, folder, chosen, workers, cluster, on_frames):
            if done.key is not None:
                keys[done.clip] = done.key
            else:
                result.failures[done.clip] = redacted(done.failure or "unknown")
                on_failure(done.clip, result.failures[done.clip])
        parts = [ClipParts.of(folder, keys[s.clip]) for s in todo if s.clip in keys]
        return _finish(out, old, parts, result, chosen, label_file)


def _spread(
    todo: list[Source],
    folder: Path,
    settings: ExtractSettings,
    workers: int,
    cluster: str | None,
    on_frames: Callable[[int], None],
) -> Iterator[ClipDone]:
    if cluster is None:
        return extract_all(todo, folder, settings, workers=workers, on_frames=on_frames)
    return extract_on_cluster(todo, folder, settings, address=cluster, on_frames=on_frames)


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
    that an earlier, killed recording left are written as well. A source that
    cannot be opened or stops is in `failures`.
    """
    if duration_s is not None and duration_s <= 0:
        raise InputError(f"duration_s must be above 0, got {duration_s:g}")
    chosen = checked(ExtractSettings, **settings)
    out = check_table_path(out)
    label_file = read_label_file(labels) if labels else None
    with _work_folder(out) as folder:
        old = _old_table(out, chosen, overwrite=overwrite)
        parts = ClipParts.of(folder, part_key(_live_name(address), chosen, {"live": True}))
        result = ExtractResult(out)
        try:
            frames = _live_frames(address, duration_s, on_event)
            extract_frames(frames, parts, chosen, is_live=True, on_frames=on_frames)
        except KeyboardInterrupt:
            on_event("stopped: writing what was recorded")
        except VideoError as error:
            result.failures[parts.key["clip"]] = str(error)
            on_failure(parts.key["clip"], str(error))
        live = [p for p in left_behind(folder) if p.key == parts.key | {"clip": p.key["clip"]}]
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
    lock = take_lock(
        folder / "lock",
        busy=f"another mien extract is writing {out}: wait for it",
        cannot=f"cannot write beside {out}",
    )
    try:
        for stale in out.parent.glob(f".{glob.escape(out.name)}.*.tmp{out.suffix}"):
            stale.unlink()  # a killed run's table, half-written
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
    """One file is one clip: never replace a namesake's rows, nor add a file under a second name."""
    known = old.metadata["clips"] if old else {}
    by_place = {file.get("place"): clip for clip, file in known.items() if "place" in file}
    for source in todo:
        place = source.fingerprint().get("place")
        if source.clip in known and known[source.clip].get("place") != place:
            raise InputError(
                f"{out} holds another {source.clip}, from another folder: give both folders in "
                "one call, so that their names differ, or --overwrite"
            )
        if source.clip not in known and place in by_place:
            raise InputError(
                f"{source.clip} is in {out} already, as {by_place[place]}: give the same folder "
                "as before, or --overwrite"
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
    points = np.concatenate([points_in(table) for table in tables])
    table = pa.concat_tables(tables)
    left_out = ["points"] if settings.faces > 1 else ["points", "face_id"]
    columns = table.drop_columns(left_out)
    names = columns.column_names
    return landmark_batch(points, {name: columns.column(name).combine_chunks() for name in names})


def _kept_rows(old: LandmarkSource, kept: list[str]) -> Iterator[pa.RecordBatch]:
    for batch in old.batches():
        chosen = batch.filter(pc.is_in(batch.column("video_filename"), pa.array(kept, pa.string())))
        if chosen.num_rows:
            yield chosen


def _labelled(batch: pa.RecordBatch, labels: LabelFile) -> pa.RecordBatch:
    """Rows of an earlier run under the labels that are given now; what those lack stays."""
    found = [labels.label_of(clip) for clip in batch.column("video_filename").to_pylist()]
    for name in ("emotion", "subject"):
        index = batch.schema.get_field_index(name)
        values = [
            (getattr(label, name) if label else None) or before
            for label, before in zip(found, batch.column(index).to_pylist(), strict=True)
        ]
        batch = batch.set_column(index, name, pa.array(values, pa.string()))
    return batch


def _count(batch: pa.RecordBatch, result: ExtractResult) -> None:
    result.rows += batch.num_rows
    result.rows_without_face += batch.column("x_0").null_count


def _write_failures(out: Path, failures: dict[str, str]) -> Path | None:
    """Make failures.csv true for this table. Rows of other tables stay, and so does a file
    of that name that is not mien's."""
    path = out.with_name("failures.csv")
    stored = _stored_failures(path)
    if stored is None:
        path, stored = out.with_name(f"{out.name}.failures.csv"), []
    others = [row for row in stored if row[:1] != [out.name]]
    rows = others + [[out.name, clip, reason] for clip, reason in failures.items()]
    if not rows:
        path.unlink(missing_ok=True)
        return None
    with (
        replacing(path) as temporary,
        open(temporary, "w", newline="", encoding="utf-8", errors="backslashreplace") as handle,
    ):
        csv.writer(handle).writerows([FAILURE_COLUMNS, *rows])
    return path if failures else None


def _stored_failures(path: Path) -> list[list[str]] | None:
    """The rows of a failures.csv; None when it is somebody else's."""
    if not path.exists():
        return []
    try:
        with open(path, newline="", encoding="utf-8") as handle:
            header, *rows = list(csv.reader(handle))
    except (OSError, ValueError, csv.Error):
        return None
    return rows if header == FAILURE_COLUMNS else None
