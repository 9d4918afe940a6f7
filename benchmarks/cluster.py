"""Extraction over a Ray cluster of three nodes, one of which is killed half-way.

    .venv/bin/python benchmarks/cluster.py [--clips 200]

The six packaged clips are copied to 200 files of their own. Three real raylets on this
machine, of one CPU each, extract them; when half are done, one raylet and its workers are
killed with SIGKILL. The table is compared with that of one process on the same files.
"""

import argparse
import hashlib
import os
import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from mien.recording.ray_session import NOBODY_ANSWERS, RAY_SWITCHES
from mien.tables import read_landmarks
from mien.workflows.extract import ExtractResult, extract

os.environ.update(RAY_SWITCHES | NOBODY_ANSWERS)  # before Ray is imported
os.environ["RAY_USAGE_STATS_REPORT_URL"] = "http://127.0.0.1:9"  # "they are off" is a report too

import ray
from ray.cluster_utils import Cluster

REPO = Path(__file__).parent.parent
CLIPS = REPO / "src" / "mien" / "corpora" / "sample"


def copies(folder: Path, count: int) -> Path:
    """The six clips, over and over, as files of their own."""
    folder.mkdir()
    clips = sorted(CLIPS.glob("*.flv"))
    for number in range(count):
        clip = clips[number % len(clips)]
        shutil.copy(clip, folder / f"{number:03d}_{clip.name}")
    return folder


def timed(*arguments: Any, **options: Any) -> tuple[ExtractResult, float]:
    began = time.perf_counter()
    return extract(*arguments, **options), time.perf_counter() - began


class NodeKiller:
    """Kills a node of the cluster once, when so many clips' points have come back."""

    def __init__(self, cluster: Cluster, node: Any, after_clips: int) -> None:
        self.cluster, self.node, self.after_clips = cluster, node, after_clips
        self.clips = 0
        self.killed_after: int | None = None

    def __call__(self, frames: int) -> None:
        self.clips += 1
        if self.clips == self.after_clips:
            self.cluster.remove_node(self.node, allow_graceful=False)
            self.killed_after = self.clips


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=200)
    wanted = parser.parse_args().clips
    with tempfile.TemporaryDirectory() as scratch:
        folder = copies(Path(scratch) / "clips", wanted)
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
        cluster.wait_for_nodes()
        killer = NodeKiller(cluster, nodes[0], wanted // 2)
        spread, spread_s = timed(
            [folder], Path(scratch) / "spread.parquet", cluster=cluster.address, on_frames=killer
        )
        cluster.shutdown()
        alone, alone_s = timed([folder], Path(scratch) / "alone.parquet")
        report(wanted, killer, spread, spread_s, alone, alone_s)


def report(
    wanted: int,
    killer: NodeKiller,
    spread: ExtractResult,
    spread_s: float,
    alone: ExtractResult,
    alone_s: float,
) -> None:
    names = read_landmarks(spread.table, ["video_filename", "frame_num"])
    keys = Counter(zip(*(column.to_pylist() for column in names.columns), strict=True))
    digests = [hashlib.sha256(result.table.read_bytes()).hexdigest() for result in (spread, alone)]
    print(f"{wanted} clips over 3 nodes of 1 CPU, Ray {ray.__version__}, {os.cpu_count()} cores")
    print(f"a node was killed after       {killer.killed_after} clips")
    print(f"clips in the table            {len({clip for clip, _ in keys})}")
    print(f"rows                          {spread.rows}, one process {alone.rows}")
    print(f"failures                      {len(spread.failures)}")
    print(f"every frame exactly once      {set(keys.values()) == {1}}")
    print(f"byte for byte the same table  {digests[0] == digests[1]}  {digests[0][:16]}")
    print(f"seconds, 3 nodes of which 1 dies  {spread_s:.1f}")
    print(f"seconds, one process              {alone_s:.1f}")


if __name__ == "__main__":
    main()
