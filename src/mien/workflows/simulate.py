"""`mien simulate`: a landmark table of people who do not exist, with a known answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from rich.filesize import decimal

import mien
from mien.emotion.contract import Progress
from mien.errors import InputError
from mien.recording.synthetic import GENERATOR, Scenario, SyntheticClip, clips
from mien.tables import TableWriter, check_table_path, landmark_batch

BATCH_ROWS = 2048  # columns cost by the batch


@dataclass(frozen=True)
class Simulated:
    """What a simulation wrote."""

    table: Path
    scenario: Scenario
    rows: int
    rows_without_face: int
    clips: dict[str, int]  # by label


def simulate(
    out: str | Path,
    *,
    people: int = 40,
    clips_each: int = 12,
    frames: int = 75,
    seed: int = 0,
    kind: str = "emotions",
    emotions: Sequence[str] | None = None,
    overwrite: bool = False,
    on_progress: Progress | None = None,
    **settings: Any,
) -> Simulated:
    """Write a landmark table of synthetic people, labelled and named like CREMA-D's clips.

    The same settings give the same points, bit by bit on one machine; more people or clips leave
    the others as they were. Memory does not grow with the table.

    out: .parquet or .csv. kind: "emotions", each person in an own way, or "motion-pair", two
    emotions that differ in motion only. emotions: some of the kind's labels; None for its own.
    settings: other fields of recording.synthetic.Scenario. on_progress: told clips done of all.
    Raises InputError when `out` exists and not `overwrite`, or when a setting cannot be.
    """
    out = check_table_path(out)
    if out.exists() and not overwrite:
        raise InputError(f"{out} exists: choose another name, or --overwrite")
    scenario = _scenario(
        people=people,
        clips_each=clips_each,
        frames=frames,
        seed=seed,
        kind=kind,
        emotions=None if emotions is None else tuple(emotions),
        **settings,
    )
    told = on_progress or (lambda doing, done, total: None)
    counted = _Counted(scenario, told)
    with TableWriter(out, metadata=_metadata(scenario)) as writer:
        for batch in _batches(counted.passing(clips(scenario)), scenario):
            writer.write(batch)
    return Simulated(out, scenario, writer.row_count, counted.rows_without_face, counted.labels)


def describe(done: Simulated) -> Iterator[str]:
    """A simulation in a few lines of text."""
    scenario = done.scenario
    labels = ", ".join(f"{label} {count:,}" for label, count in done.clips.items())
    yield (
        f"{done.table}: {scenario.people:,} synthetic people, {scenario.clip_count:,} clips, "
        f"{done.rows:,} rows, {decimal(done.table.stat().st_size)}"
    )
    yield f"clips: {labels}; {done.rows_without_face:,} rows without a face"
    if scenario.kind == "motion-pair":
        yield "no single frame tells the pair apart: only motion does"


class _Counted:
    """Counts clips on their way to the table."""

    def __init__(self, scenario: Scenario, told: Progress) -> None:
        self.labels = dict.fromkeys(scenario.labels, 0)
        self.rows_without_face = 0
        self._total = scenario.clip_count
        self._told = told

    def passing(self, made: Iterable[SyntheticClip]) -> Iterator[SyntheticClip]:
        for done, clip in enumerate(made, start=1):
            self.labels[clip.label] += 1
            self.rows_without_face += int((clip.presence == 0).sum())
            yield clip
            self._told("simulating", done, self._total)


def _scenario(**settings: Any) -> Scenario:
    unknown = sorted(set(settings) - set(Scenario.__dataclass_fields__))
    if unknown:
        raise InputError(
            f"{', '.join(unknown)}: no such setting of a simulation, which has "
            f"{', '.join(Scenario.__dataclass_fields__)}"
        )
    return Scenario(**settings)


def _metadata(scenario: Scenario) -> dict[str, Any]:
    told = {"mien": mien.__version__, "extractor": GENERATOR, "is_synthetic": True}
    return told | {"settings": asdict(scenario)}


def _batches(made: Iterable[SyntheticClip], scenario: Scenario) -> Iterator[pa.RecordBatch]:
    pending: list[SyntheticClip] = []
    for clip in made:
        pending.append(clip)
        if len(pending) * scenario.frames >= BATCH_ROWS:
            yield _rows(pending, scenario)
            pending = []
    if pending:
        yield _rows(pending, scenario)


def _rows(some: list[SyntheticClip], scenario: Scenario) -> pa.RecordBatch:
    count = len(some) * scenario.frames

    def of_clips(values: list[str]) -> np.ndarray:
        return np.repeat(np.array(values, object), scenario.frames)

    columns = {
        "video_filename": of_clips([clip.name for clip in some]),
        "frame_num": np.tile(np.arange(scenario.frames), len(some)),
        "emotion": of_clips([clip.label for clip in some]),
        "subject": of_clips([clip.subject for clip in some]),
        "time_s": np.concatenate([clip.times_s for clip in some]),
        "width_px": np.full(count, scenario.width_px),
        "height_px": np.full(count, scenario.height_px),
        "presence": np.concatenate([clip.presence for clip in some]),
    }
    return landmark_batch(np.concatenate([clip.points for clip in some]), columns)
