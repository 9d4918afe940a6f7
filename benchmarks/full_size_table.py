"""A landmark table of the public one's size and schema, from the packaged clips.

    .venv/bin/python benchmarks/full_size_table.py --out full.parquet [--row-group 65536]
    .venv/bin/python benchmarks/full_size_table.py --csv --rows 60000 --out slice.csv

The public table is 556,000 rows of 7,442 CREMA-D clips by 91 actors: 4.62 GB of snappy
Parquet, 16.24 GB of CSV. That is 5.8 bytes a float64, which snappy reaches only when each
holds a float32, as MediaPipe gives. So does each here: 4.84 GB, and 16.0 GB of CSV. A clip
is the packaged clip of its emotion, stretched in time; each actor has a size, proportions
and a place of their own, each clip a turn of the head, each frame a jitter. The first rows
are the same whatever the number of rows and their grouping.

Shapes: T frames, P = 478 points.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from mien.corpora.names import label_from_name
from mien.corpora.sample import SAMPLE_FOLDER
from mien.tables import POINT_COLUMNS, has_face, points_of, read_landmarks
from mien.workflows.extract import extract

ROWS = 556_000
CLIPS = 7_442
ACTORS = range(1001, 1092)
SENTENCES = "IEO TIE IOM IWW TAI MTI IWL ITH DFA ITS TSI WSI".split()
EMOTIONS = "ANG DIS FEA HAP NEU SAD".split()
LEVELS = ("LO", "MD", "HI")  # of the first sentence, but for Neutral; the others have XX
FRAME_PX = np.array([480, 360, 480], np.float32)  # what fractions of x, y and z are of
BATCH_ROWS = 8192
ONE_GROUP = 1 << 20  # pyarrow's own bound: 1,048,576 rows
SCHEMA = pa.schema(
    [
        ("video_filename", pa.string()),
        ("frame_num", pa.int64()),
        ("emotion", pa.string()),
        *((name, pa.float64()) for name in POINT_COLUMNS),
    ]
)


@dataclass(frozen=True)
class Look:
    """What makes an actor's face and place their own."""

    proportions: np.ndarray  # (3,) times the packaged face's width, height and depth
    place: np.ndarray  # (3,) fractions of the frame


def make_table(
    path: str | Path, *, rows: int = ROWS, row_group: int = ONE_GROUP, seed: int = 0
) -> Path:
    """Write the first `rows` rows as Parquet, as pandas would write them. Returns the path.

    row_group: rows a group; the default puts all of them into one. Arrow writes a
    group column by column, so the rows are first spooled to disk beside the path
    (8 bytes a value) and mapped: the memory is a batch's, whatever the group's size.
    Pages are of 1 MB, 131,072 rows, as Arrow wrote them until it bounded their rows.
    """
    path = Path(path)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".full-size-") as folder:
        spool = Path(folder) / "rows.arrow"
        with pa.OSFile(str(spool), "wb") as sink, pa.ipc.new_file(sink, SCHEMA) as writer:
            for batch in batches(rows, seed=seed):
                writer.write_batch(batch)
        with pa.memory_map(str(spool)) as mapped:
            table = pa.ipc.open_file(mapped).read_all()
            with pq.ParquetWriter(path, SCHEMA, max_rows_per_page=ONE_GROUP) as parquet:
                parquet.write_table(table, row_group)
            del table
    return path


def make_csv(path: str | Path, *, rows: int, seed: int = 0) -> Path:
    """Write the same rows as CSV, floats as pandas writes them. Returns the path."""
    unquoted = pa_csv.WriteOptions(quoting_style="none", quoting_header="none")
    with pa_csv.CSVWriter(path, SCHEMA, write_options=unquoted) as writer:
        for batch in batches(rows, seed=seed):
            writer.write_batch(batch)
    return Path(path)


def batches(rows: int = ROWS, *, seed: int = 0) -> Iterator[pa.RecordBatch]:
    """The first rows of the table, about BATCH_ROWS at a time."""
    if not 0 < rows <= ROWS:
        raise SystemExit(f"rows must be 1 to {ROWS}, got {rows}")
    faces, looks = packaged_faces(), actors_looks(seed)
    names, frame_counts = clip_names(seed), clip_lengths(seed)
    pending: list[tuple[str, np.ndarray]] = []
    pending_rows = written = 0
    for index, (name, frames) in enumerate(zip(names, frame_counts, strict=True)):
        actor, _, emotion, _ = name.split("_")
        rng = np.random.default_rng([seed, index])
        pending.append((name, clip_points(faces[emotion], looks[actor], frames, rng)))
        pending_rows += frames
        is_last = written + pending_rows >= rows
        if pending_rows >= BATCH_ROWS or is_last:
            yield to_batch(pending).slice(0, rows - written)
            written += pending_rows
            pending, pending_rows = [], 0
        if is_last:
            return


def packaged_faces() -> dict[str, np.ndarray]:
    """The packaged clip of each emotion, extracted: (T, 478, 3) fractions of the frame."""
    with tempfile.TemporaryDirectory() as folder:
        extract([SAMPLE_FOLDER], Path(folder) / "sample.parquet")
        table = read_landmarks(Path(folder) / "sample.parquet")
    clips, points = np.array(table["video_filename"]), points_of(table)
    return {
        name.split("_")[2]: points[(clips == name) & has_face(points)] for name in np.unique(clips)
    }


def clip_names(seed: int) -> list[str]:
    """CREMA-D's 7,442 names, in order: 82 clips an actor but for 20 that are missing."""
    names = []
    for actor in ACTORS:
        for sentence in SENTENCES:
            for emotion in EMOTIONS:
                has_levels = sentence == SENTENCES[0] and emotion != "NEU"
                for level in LEVELS if has_levels else ("XX",):
                    names.append(f"{actor}_{sentence}_{emotion}_{level}.flv")
    missing = np.random.default_rng([seed, CLIPS]).choice(
        len(names), len(names) - CLIPS, replace=False
    )
    return sorted(set(names) - {names[index] for index in missing})


def clip_lengths(seed: int) -> list[int]:
    """Frames of each clip: about 75, ROWS in all."""
    weights = np.random.default_rng([seed, CLIPS, 1]).normal(75, 14, CLIPS).clip(38, 150)
    ends = np.round(np.cumsum(weights) * (ROWS / weights.sum())).astype(int)
    return np.diff(ends, prepend=0).tolist()


def actors_looks(seed: int) -> dict[str, Look]:
    rng = np.random.default_rng([seed, CLIPS, 2])
    return {
        str(actor): Look(rng.normal(1, 0.06, 3), rng.normal(0, (0.03, 0.03, 0))) for actor in ACTORS
    }


def clip_points(face: np.ndarray, look: Look, frames: int, rng: np.random.Generator) -> np.ndarray:
    """A packaged clip as another actor's, of another length: (frames, 478, 3) float32."""
    points = stretched(face, frames) * FRAME_PX
    middle = points.mean(axis=(0, 1))
    turned = (points - middle) @ turn(rng.normal(0, 0.08, 3)) * look.proportions.astype(np.float32)
    moved = (turned + middle) / FRAME_PX + look.place.astype(np.float32)
    return moved + np.float32(0.0005) * rng.standard_normal(moved.shape, np.float32)


def stretched(face: np.ndarray, frames: int) -> np.ndarray:
    """(T, 478, 3) of any length to `frames` frames, linearly in time."""
    at = np.linspace(0, len(face) - 1.001, frames, dtype=np.float32)
    before = at.astype(int)
    share = (at - before.astype(np.float32))[:, None, None]
    return face[before] * (1 - share) + face[before + 1] * share


def turn(angles_rad: np.ndarray) -> np.ndarray:
    """The rotation about x, then y, then z: (3, 3) float32."""
    rotation = np.eye(3)
    for axis, angle in enumerate(angles_rad):
        one = np.eye(3)
        a, b = (axis + 1) % 3, (axis + 2) % 3
        one[[a, b], [a, b]] = np.cos(angle)
        one[a, b], one[b, a] = -np.sin(angle), np.sin(angle)
        rotation = rotation @ one
    return rotation.astype(np.float32)


def to_batch(clips: list[tuple[str, np.ndarray]]) -> pa.RecordBatch:
    """Rows of the public schema from clips of points."""
    counts = [len(points) for _, points in clips]
    names = np.repeat([name for name, _ in clips], counts)
    labels = np.repeat([label_from_name(name).emotion for name, _ in clips], counts)
    numbers = np.concatenate([np.arange(count) for count in counts])
    flat = np.concatenate([points.reshape(len(points), -1) for _, points in clips])
    columns = np.ascontiguousarray(flat.T, dtype=np.float64)
    arrays = [pa.array(names, pa.string()), pa.array(numbers), pa.array(labels, pa.string())]
    return pa.RecordBatch.from_arrays([*arrays, *map(pa.array, columns)], schema=SCHEMA)


class AnonymousMemory:
    """The highest RssAnon of this process within a block: what mapped files do not count in."""

    def __enter__(self) -> Self:
        self.peak_mb = 0.0
        self._is_over = threading.Event()
        self._watch = threading.Thread(target=self._sample, daemon=True)
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._watch.join()

    def _sample(self) -> None:
        while not self._is_over.wait(0.05):
            status = Path("/proc/self/status").read_text()
            line = next(line for line in status.splitlines() if line.startswith("RssAnon"))
            self.peak_mb = max(self.peak_mb, int(line.split()[1]) / 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--row-group", type=int, default=ONE_GROUP)
    parser.add_argument("--csv", action="store_true", help="CSV instead of Parquet")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    began = time.perf_counter()
    with AnonymousMemory() as memory:
        if asked.csv:
            make_csv(asked.out, rows=asked.rows, seed=asked.seed)
        else:
            make_table(asked.out, rows=asked.rows, row_group=asked.row_group, seed=asked.seed)
    print(
        f"{asked.out}: {asked.rows:,} rows, {asked.out.stat().st_size / 1e9:.2f} GB, "
        f"{time.perf_counter() - began:.0f} s, {memory.peak_mb:.0f} MB of anonymous memory"
    )


if __name__ == "__main__":
    main()
