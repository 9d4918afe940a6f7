"""`mien simulate --stay`: hours or days of one patient, as landmarks with a known answer beside."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from rich.filesize import decimal

import mien
from mien.emotion.contract import Progress
from mien.errors import InputError
from mien.evaluation.stay_calibration import calibrated
from mien.files import replacing
from mien.recording.synthetic_stay import FIRST_EPISODE_S, GENERATOR, Stay, script, truth
from mien.recording.synthetic_stay_arrival import IN_ORDER, TROUBLED
from mien.recording.synthetic_stay_frames import SIZE_PX, FrameChunk, frame_count, frames
from mien.tables import TableWriter, check_table_path, landmark_batch
from mien.workflows.replay_log import TRUTH_SUFFIX

_MOST_EPISODES = 60  # an hour; of 45 s or more, and a minute between them


@dataclass(frozen=True)
class SimulatedStay:
    """What a simulation wrote."""

    table: Path
    truth: Path
    stay: Stay
    hz: float
    rows: int
    rows_without_face: int
    is_distress_asked: bool = False  # whether there was to be some, as chance has it


def simulate_stay(
    out: str | Path,
    *,
    hours: float = 8.0,
    seed: int = 0,
    patient: int = 1,
    hz: float = 10.0,
    start_hour: float = 8.0,
    episodes_per_hour: float = 0.5,
    grimaces_per_hour: float = 2.0,
    is_troubled: bool = False,
    overwrite: bool = False,
    on_progress: Progress | None = None,
) -> SimulatedStay:
    """Write the landmark table of one patient's stay, and beside it all that was scripted.

    The table has time_s, the stream's clock, and received_s, the host's; rows are in the order
    in which the host gets them. The truth is JSON Lines, as recording.synthetic_stay.truth
    gives it, beside the table: stay.parquet has stay.truth.jsonl. The same settings give the
    same bytes on one machine. Memory does not grow with the hours.

    out: .parquet or .csv. hz: frames a second. start_hour: of the wall's clock. episodes_per_hour:
    of distress; 0 for an event-free stay. A grimace goes as far as this face must for the watch to
    measure the P that is meant. is_troubled: frames are late, doubled and shuffled, and the
    host's clock drifts. on_progress: told frames done of all.
    Raises InputError when a file exists and not `overwrite`, or when a setting cannot be.
    """
    _check_options(start_hour=start_hour, episodes=episodes_per_hour)
    out = check_table_path(out)
    for path in (out, truth_path(out)):
        if path.exists() and not overwrite:
            raise InputError(f"{path} exists: choose another name, or --overwrite")
    stay = script(
        seed,
        hours,
        patient=patient,
        start_hour=start_hour,
        episodes_per_hour=episodes_per_hour,
        grimaces_per_hour=grimaces_per_hour,
        arrival=TROUBLED if is_troubled else IN_ORDER,
    )
    done = write_stay(calibrated(stay), out, hz=hz, on_progress=on_progress)
    return replace(done, is_distress_asked=episodes_per_hour > 0)


def _check_options(*, start_hour: float, episodes: float) -> None:
    """By the names that the command has for them. Raises InputError."""
    if not 0 <= start_hour < 24:
        raise InputError(f"--start-hour must be 0 or more and below 24, got {start_hour:g}")
    if not 0 <= episodes <= _MOST_EPISODES:
        raise InputError(f"--episodes must be 0 to {_MOST_EPISODES}, got {episodes:g}")


def write_stay(
    stay: Stay, out: Path, *, hz: float = 10.0, on_progress: Progress | None = None
) -> SimulatedStay:
    """Write a stay's table and its truth over whatever is there. stay: calibrated."""
    told = on_progress or (lambda doing, done, total: None)
    answers = truth_path(out)
    absent, total = 0, frame_count(stay, hz)
    with replacing(answers) as temporary:
        _write_truth(stay, temporary)
        with TableWriter(out, metadata=_metadata(stay, hz)) as writer:
            for chunk in frames(stay, hz):
                writer.write(_rows(chunk, stay))
                absent += int((chunk.presence == 0).sum())
                told("simulating", min(int(chunk.frame_num.max()) + 1, total), total)
    return SimulatedStay(out, answers, stay, hz, writer.row_count, absent)


def truth_path(table: Path) -> Path:
    return table.with_name(table.stem + TRUTH_SUFFIX)


def describe(done: SimulatedStay) -> Iterator[str]:
    """A simulation in a few lines of text."""
    stay = done.stay
    yield (
        f"{done.table}: patient {stay.patient}, {stay.hours:g} h at {done.hz:g} frames a second, "
        f"{done.rows:,} rows, {decimal(done.table.stat().st_size)}"
    )
    counts = Counter(row["kind"] for row in truth(stay) if row["layer"] == "expressions")
    shown = ", ".join(f"{kind} {counts[kind]}" for kind in ("distress", "grimace", "smile"))
    yield f"{done.truth}: {shown}; {done.rows_without_face:,} rows without a face"
    if done.is_distress_asked and not counts["distress"]:
        yield (
            f"note: no distress was drawn. How often it comes is chance, about --episodes an hour, "
            f"and never in the first {FIRST_EPISODE_S / 60:g} min, in which a baseline is learnt: "
            "give more --hours, or another --seed"
        )


def _write_truth(stay: Stay, path: Path) -> None:
    lines = (json.dumps(row) for row in truth(stay))
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")


def _metadata(stay: Stay, hz: float) -> dict[str, Any]:
    told = {"mien": mien.__version__, "extractor": GENERATOR, "is_synthetic": True}
    settings = {
        "seed": stay.seed,
        "patient": stay.number,
        "hours": stay.hours,
        "start_hour": stay.start_hour,
        "hz": hz,
        "arrival": asdict(stay.arrival),
    }
    return told | {"settings": settings}


def _rows(chunk: FrameChunk, stay: Stay) -> pa.RecordBatch:
    count = len(chunk.time_s)
    columns = {
        "video_filename": np.full(count, f"{stay.patient}.stay", object),
        "frame_num": chunk.frame_num,
        "subject": np.full(count, stay.patient, object),
        "time_s": chunk.time_s,
        "width_px": np.full(count, SIZE_PX[0]),
        "height_px": np.full(count, SIZE_PX[1]),
        "presence": chunk.presence,
        "received_s": chunk.received_s,
    }
    return landmark_batch(chunk.points, columns)
