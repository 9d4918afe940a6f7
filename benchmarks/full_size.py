"""The public table's size on a laptop: mien on all of it, the reference's way on a slice.

    .venv/bin/python benchmarks/full_size.py [--folder DIR] [--reference-rows 60000]

Makes the tables where they are missing (full_size_table.py; 12 GB of disk). Every job is
a process of its own, so that its seconds and its peak memory are whole-process figures:
anonymous memory (RssAnon) is what it holds, mapped pages (RssFile) are the kernel's to
take back. The reference's way is its own lines: pandas, iterrows, Python lists, one
tensor, 20 epochs in one batch, classification_report.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from full_size_table import ROWS, make_csv, make_table

CSV_ROWS = 60_000
BUILDS = 3  # of the matrix: disks shared with others vary; rows/s are of the median
SAMPLE_EVERY_S = 0.02

IMPORTS = "import json, sys, time; began = time.perf_counter()\n"
MATRIX = (
    IMPORTS
    + """
from mien.corpora.cache import open_matrix
from mien.tables import open_landmarks
imported = time.perf_counter()
matrix = open_matrix(open_landmarks(sys.argv[1]))
print(json.dumps({"rows": len(matrix.points), "open_s": time.perf_counter() - imported}))
"""
)
TRAIN = (
    IMPORTS
    + """
from mien import train
table, out, *folds = sys.argv[1:]
result = train(table, out=out, recipe="seed", max_folds=int(folds[0]) if folds else None)
scores = {s.title: round(s.frames.accuracy.value, 3) for s in result.results.splits}
print(json.dumps({"scores": scores, "work_s": time.perf_counter() - began}))
"""
)
REFERENCE = (
    IMPORTS
    + """
import numpy as np, pandas as pd, torch
from sklearn.metrics import classification_report
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import LabelEncoder
frame = pd.read_parquet(sys.argv[1])
loaded = time.perf_counter()
columns = [f"{axis}_{point}" for point in range(478) for axis in "xyz"]
values, labels = [], []
for _, row in frame.iterrows():
    values.append([row[name] for name in columns])
    labels.append(row["emotion"])
prepared = time.perf_counter()
X, y = np.array(values, np.float32), LabelEncoder().fit_transform(labels)
learn, test, y_learn, y_test = train_test_split(X, y, test_size=0.2, random_state=42)
model = torch.nn.Sequential(
    torch.nn.Linear(1434, 256), torch.nn.ReLU(), torch.nn.Linear(256, len(set(y.tolist()))))
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
inputs, targets = torch.tensor(learn), torch.tensor(y_learn)
for _ in range(20):
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(model(inputs), targets).backward()
    optimizer.step()
with torch.no_grad():
    found = model(torch.tensor(test)).argmax(1).numpy()
classification_report(y_test, found, zero_division=0)
print(json.dumps({"rows": len(y), "prepare_s": prepared - loaded,
                  "work_s": time.perf_counter() - began}))
"""
)
SAME_JOB = (
    IMPORTS
    + """
import numpy as np
from sklearn.metrics import classification_report
from mien.corpora.splits import leaky_random_frames
from mien.face.features import FEATURE_SETS
from mien.emotion.frames import read_frames
from mien.emotion.mlp import MlpClassifier
from mien.tables import open_landmarks
frames, _ = read_frames(open_landmarks(sys.argv[1]), FEATURE_SETS["raw-points"])
split = leaky_random_frames(len(frames.labels))
model = MlpClassifier().fit(frames.features, frames.labels, rows=split.train)
found = model.predict(frames.features.some(split.test))
classification_report(frames.labels[split.test], found, zero_division=0)
print(json.dumps({"rows": len(frames.labels)}))
"""
)
CSV_ALONE = (
    IMPORTS
    + """
import pyarrow.csv as csv
options = csv.ReadOptions(block_size=16 << 20)
rows = sum(block.num_rows for block in csv.open_csv(sys.argv[1], read_options=options))
print(json.dumps({"rows": rows, "work_s": time.perf_counter() - began}))
"""
)
RATES = (
    IMPORTS
    + """
import numpy as np, torch
from mien.corpora.cache import open_matrix
from mien.face.features import FEATURE_SETS
from mien.emotion.frames import FeatureRows
from mien.emotion.mlp import seeded_network
from mien.emotion.training import CHUNK_ROWS, Plan, _Fit
from mien.tables import open_landmarks
classes, hidden, values = 6, 256, 1434
def flops(rows):  # forward and weight gradients of both layers, input gradient of the second
    return rows * hidden * (4 * values + 6 * classes)
x, w = torch.rand(CHUNK_ROWS, values), torch.rand(hidden, values)
g, v, e = (torch.rand(*s) for s in ((CHUNK_ROWS, hidden), (classes, hidden), (CHUNK_ROWS, classes)))
def once():
    torch.mm(x, w.T); torch.mm(g.T, x); torch.mm(g, v.T); torch.mm(e.T, g); torch.mm(e, v)
def rate_of_products(kind=torch.float32):
    global x, w, g, v, e
    x, w, g, v, e = (t.to(kind) for t in (x, w, g, v, e))
    once()
    t = time.perf_counter()
    for _ in range(40):
        once()
    return 40 * flops(CHUNK_ROWS) / (time.perf_counter() - t)
matrix = open_matrix(open_landmarks(sys.argv[1]))
features = FeatureRows(matrix.points, rows=np.arange(len(matrix.points)),
                       features=FEATURE_SETS["raw-points"])
learn = np.random.default_rng(0).permutation(len(features))[: len(features) * 4 // 5]
targets = np.random.default_rng(0).integers(0, classes, len(features))
def rate_of_training(**plan):
    fit = _Fit(seeded_network(values, classes, hidden_units=hidden, seed=0), features, targets,
               Plan(epochs=1, learning_rate=0.001, **plan))
    t = time.perf_counter()
    fit.full_batch(learn)
    return flops(len(learn)) / (time.perf_counter() - t)
rate_of_training()  # the pages come from the disk once
def rate_of_batches(**plan):
    fit = _Fit(seeded_network(values, classes, hidden_units=hidden, seed=0), features, targets,
               Plan(epochs=1, learning_rate=0.001, batch_rows=1024, **plan))
    t = time.perf_counter()
    fit.epoch(learn[:100_000], 0)
    return flops(100_000) / (time.perf_counter() - t)
rounds = [(rate_of_products(), rate_of_training(), rate_of_training(bfloat16=True),
           rate_of_batches(), rate_of_batches(bfloat16=True)) for _ in range(3)]
names = ("product", "training", "bfloat16", "batches", "rough batches")
print(json.dumps(dict(zip(names, np.median(rounds, axis=0)))))
"""
)
SAME = """
import json, sys
import numpy as np
from mien.corpora.cache import open_matrix
from mien.tables import open_landmarks
a, b = (open_matrix(open_landmarks(path)) for path in sys.argv[1:])
same = a.points.tobytes() == b.points.tobytes() and a.rows.clip_names == b.rows.clip_names
print(json.dumps({"same": same}))
"""


@dataclass
class Ran:
    """A process that ended well: what it said, its seconds and its peaks."""

    said: dict
    seconds: float
    anon_mb: float
    mapped_mb: float


def ran(script: str, *words: object, cache: Path) -> Ran:
    environment = os.environ | {"MIEN_CACHE": str(cache)}
    command = [sys.executable, "-c", script, *map(str, words)]
    began = time.perf_counter()
    running = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    peaks = {"RssAnon": 0, "RssFile": 0}
    while running.poll() is None:
        for line in _status(running.pid):
            name, _, value = line.partition(":")
            if name in peaks:
                peaks[name] = max(peaks[name], int(value.split()[0]))
        time.sleep(SAMPLE_EVERY_S)
    assert running.stdout is not None
    if running.returncode:
        sys.exit(f"it ended with {running.returncode}: {script[:60]!r}")
    seconds = time.perf_counter() - began
    said = json.loads(running.stdout.read().splitlines()[-1])
    return Ran(said, seconds, peaks["RssAnon"] / 1024, peaks["RssFile"] / 1024)


def _status(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return []


def show(name: str, run: Ran, note: str = "") -> Ran:
    print(
        f"{name:34}{run.seconds:9.1f} s{run.anon_mb:8.0f} MB anon{run.mapped_mb:8.0f} MB mapped"
        f"  {note}",
        flush=True,
    )
    return run


@dataclass
class Job:
    """The tables, and what is measured on them."""

    folder: Path
    rows: int
    reference_rows: int
    all_folds: bool

    @property
    def full(self) -> Path:
        return self.made("full.parquet", self.rows)

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    @property
    def out(self) -> Path:
        return self.folder / "model"

    def made(self, name: str, rows: int, group: int = 1 << 20) -> Path:
        """A table of the folder, made when it is not there."""
        path = self.folder / name
        if not path.exists():
            make_table(path, rows=rows, row_group=group)
        return path


def matrix(job: Job) -> float:
    """First reads and a later one. Returns rows/s of the median of the first reads."""
    builds = []
    for _ in range(BUILDS):
        shutil.rmtree(job.cache, ignore_errors=True)
        builds.append(show("matrix, one row group", ran(MATRIX, job.full, cache=job.cache)))
    again = show("opened again", ran(MATRIX, job.full, cache=job.cache))
    print(f"  of which opening, without Python's imports, {again.said['open_s']:.2f} s")
    built = sorted(builds, key=lambda run: run.seconds)[BUILDS // 2]
    return built.said["rows"] / built.seconds


def groups(job: Job) -> None:
    """The same rows in groups of 65,536."""
    path = job.made("full_groups.parquet", job.rows, 1 << 16)
    show("matrix, groups of 65,536", ran(MATRIX, path, cache=job.cache))


def training(job: Job) -> None:
    """Recipe seed from the table to the report, and the arithmetic of it."""
    shutil.rmtree(job.cache, ignore_errors=True)
    trained = ran(TRAIN, job.full, job.out, 1, cache=job.cache)
    show("seed, end to end, one fold", trained)
    print(f"  {trained.said['scores']}")
    if job.all_folds:
        show("seed, matrix ready, five folds", ran(TRAIN, job.full, job.out, cache=job.cache))
    rates = ran(RATES, job.full, cache=job.cache).said
    print(f"  matrix product   {rates['product'] / 1e9:7.0f} GFLOP/s")
    share = rates["training"] / rates["product"]
    print(f"  training         {rates['training'] / 1e9:7.0f} GFLOP/s  {share:.0%} of the product")
    print(f"  in bfloat16      {rates['bfloat16'] / 1e9:7.0f} GFLOP/s")
    print(f"  batches of 1,024 {rates['batches'] / 1e9:7.0f} GFLOP/s")
    print(f"  in bfloat16      {rates['rough batches'] / 1e9:7.0f} GFLOP/s")


def text(job: Job) -> None:
    """A slice as CSV, beside the parser alone."""
    csv = job.folder / "slice.csv"
    if not csv.exists():
        make_csv(csv, rows=CSV_ROWS)
    alone = show("pyarrow.csv alone", ran(CSV_ALONE, csv, cache=job.cache))
    ours = show("matrix from that CSV", ran(MATRIX, csv, cache=job.cache))
    same = ran(SAME, csv, job.made("slice.parquet", CSV_ROWS), cache=job.cache).said["same"]
    size_mb = csv.stat().st_size / 1e6
    print(
        f"  {size_mb / ours.seconds:.0f} MB/s, alone {size_mb / alone.seconds:.0f}: "
        f"{alone.seconds / ours.seconds:.0%}; equal to the Parquet's: {same}"
    )


def reference(job: Job, my_rate: float) -> None:
    """The reference's own way on a slice, and the same job by mien."""
    count = f"{job.reference_rows:,} rows"
    part = job.made(f"slice-{job.reference_rows}.parquet", job.reference_rows)
    theirs = show(f"reference, {count}", ran(REFERENCE, part, cache=job.cache))
    mine = show(f"the same job by mien, {count}", ran(SAME_JOB, part, cache=job.cache))
    whole = show(f"mien train, one fold, {count}", ran(TRAIN, part, job.out, 1, cache=job.cache))
    their_rate = theirs.said["rows"] / theirs.said["prepare_s"]
    print(
        f"preparation, rows/s: mien {my_rate:,.0f}, reference {their_rate:,.0f}: "
        f"{my_rate / their_rate:.0f} times"
    )
    print(f"load, split, 20 epochs, report: {theirs.seconds / mine.seconds:.1f} times")
    print(
        f"with the honest split, figures and page too: {theirs.seconds / whole.seconds:.1f} times"
    )
    kb_a_row = theirs.anon_mb / theirs.said["rows"] * 1000
    survives = os.sysconf("SC_PHYS_PAGES") * 4096 / 1e3 / kb_a_row
    print(f"the reference holds {kb_a_row:.0f} KB a row: it ends near {survives:,.0f} rows here")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("full-size"))
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--reference-rows", type=int, default=CSV_ROWS)
    parser.add_argument("--all-folds", action="store_true", help="train with five folds as well")
    parser.add_argument("--only-reference", action="store_true", help="the matrix and that slice")
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    job = Job(chosen.folder, chosen.rows, chosen.reference_rows, chosen.all_folds)
    print(f"{os.cpu_count()} cores, {chosen.rows:,} rows x 1,434 float64, snappy")
    my_rate = matrix(job)
    if not chosen.only_reference:
        groups(job)
        training(job)
        text(job)
    reference(job, my_rate)


if __name__ == "__main__":
    main()
