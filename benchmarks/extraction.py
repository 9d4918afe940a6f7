"""Extraction against its bounds and its peer, side by side in one run.

    make test-reference                       # once: makes .venv-reference with MediaPipe
    .venv/bin/python benchmarks/extraction.py [--rounds 5] [--repeats 11]

The six packaged clips, repeated, go through: decoding alone (to RGB, one thread);
the bare landmark model alone (LiteRT, one thread, on one fixed input); mien, one
worker, decoding and writing the table included; MediaPipe FaceLandmarker in VIDEO
mode with the same decoding; then mien with one and with two worker processes, timed
from when the workers run until the first of them runs dry. Rounds are interleaved,
and medians are over rounds. CPU-seconds count every thread of the process.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from functools import cache
from pathlib import Path

REPO = Path(__file__).parent.parent
CLIPS = REPO / "src" / "mien" / "corpora" / "sample"
PEER = REPO / ".venv-reference" / "bin" / "python"

PEER_SCRIPT = """
import json, resource, sys, time
import av, mediapipe as mp
from av.video.reformatter import VideoReformatter
from mediapipe.tasks.python import BaseOptions, vision
model, *paths = sys.argv[1:]
options = vision.FaceLandmarkerOptions(
    base_options=BaseOptions(model_asset_path=model), running_mode=vision.RunningMode.VIDEO)
frames, wall, cpu = 0, 0.0, 0.0
for path in paths:
    with vision.FaceLandmarker.create_from_options(options) as landmarker, av.open(path) as clip:
        stream, to_rgb = clip.streams.video[0], VideoReformatter()
        stream.codec_context.thread_count = 1
        began, used = time.perf_counter(), time.process_time()
        for frame in clip.decode(stream):
            image = to_rgb.reformat(frame, format="rgb24", threads=1).to_ndarray()
            landmarker.detect_for_video(
                mp.Image(mp.ImageFormat.SRGB, image), round(frame.time * 1000))
            frames += 1
        wall += time.perf_counter() - began
        cpu += time.process_time() - used
print(json.dumps([frames, wall, cpu]))
"""


def timed(work: Callable[[], int]) -> tuple[int, float, float]:
    """Frames, seconds and CPU-seconds of a piece of work in this process."""
    began, used = time.perf_counter(), time.process_time()
    frames = work()
    return frames, time.perf_counter() - began, time.process_time() - used


def decode(paths: list[Path]) -> int:
    from mien.recording.video import read_frames

    return sum(1 for path in paths for _ in read_frames(path))


@cache
def decoded_frames(clip: str) -> int:
    return decode([CLIPS / clip])


def bare_model(frames: int) -> int:
    from mien.recording.extract import _mesh

    interpreter = _mesh()._landmarks._interpreter
    for _ in range(frames):
        interpreter.invoke()
    return frames


def whole_extraction(path: Path) -> int:
    from mien.workflows.extract import extract

    with tempfile.TemporaryDirectory() as scratch:
        return extract([path], Path(scratch) / "t.parquet").rows


def peer(paths: list[Path]) -> tuple[int, float, float]:
    from mien.face.bundle import BUNDLE_PATH

    words = [str(PEER), "-c", PEER_SCRIPT, str(BUNDLE_PATH), *map(str, paths)]
    ran = subprocess.run(words, capture_output=True, text=True, check=True)
    frames, wall_s, cpu_s = json.loads(ran.stdout.splitlines()[-1])
    return frames, wall_s, cpu_s


def with_workers(folder: Path, workers: int) -> tuple[int, float, float]:
    """Frames and seconds between the moment all workers run and the first runs dry."""
    from mien.config import ExtractSettings
    from mien.recording.pool import _in_pool
    from mien.recording.sources import find_sources

    sources = deque(find_sources([folder]))
    frames_of = {source.clip: decoded_frames(source.path.name[4:]) for source in sources}
    done = []
    with tempfile.TemporaryDirectory() as scratch:
        pool = _in_pool(sources, Path(scratch), ExtractSettings(), workers, lambda _: None, [])
        for clip in pool:
            done.append((time.perf_counter(), frames_of[clip.clip]))
    steady = done[2 * workers - 1 : len(done) - workers]
    wall_s = steady[-1][0] - steady[0][0]
    return sum(frames for _, frames in steady[1:]), wall_s, float("nan")


def copies(folder: Path, repeats: int) -> list[Path]:
    """The clips, `repeats` times, as files of their own."""
    for clip in sorted(CLIPS.glob("*.flv")):
        for number in range(repeats):
            shutil.copy(clip, folder / f"{number:03d}_{clip.name}")
    return sorted(folder.glob("*.flv"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=11, help="times 379 frames")
    arguments = parser.parse_args()
    if not PEER.exists():
        sys.exit("MediaPipe is not installed beside: run make test-reference once")
    with tempfile.TemporaryDirectory() as scratch:
        paths = copies(Path(scratch), arguments.repeats)
        frames = decode(paths)
        bare_model(50)
        whole_extraction(paths[0])  # imports and first allocations are not throughput
        rows = {
            "decoding alone": lambda: timed(lambda: decode(paths)),
            "bare landmark model": lambda: timed(lambda: bare_model(frames)),
            "mien extract": lambda: timed(lambda: whole_extraction(Path(scratch))),
            "MediaPipe VIDEO": lambda: peer(paths),
            "mien, 1 worker running": lambda: with_workers(Path(scratch), 1),
            "mien, 2 workers running": lambda: with_workers(Path(scratch), 2),
        }
        measured: dict[str, list[tuple[int, float, float]]] = {name: [] for name in rows}
        for number in range(arguments.rounds):
            for name, run in rows.items():
                measured[name].append(run())
                print(f"round {number + 1}: {name}", file=sys.stderr)
    report(measured, frames, arguments.rounds)


def report(measured: dict[str, list[tuple[int, float, float]]], frames: int, rounds: int) -> None:
    median = {
        name: (
            statistics.median(f / wall_s for f, wall_s, _ in runs),
            statistics.median(f / cpu_s for f, _, cpu_s in runs),
        )
        for name, runs in measured.items()
    }
    print(f"{frames} frames of 480x360, medians of {rounds}, {os.cpu_count()} cores")
    print(f"{'':26}{'frames/s':>10}{'frames/CPU-s':>14}")
    for name, (rate, cpu_rate) in median.items():
        print(f"{name:26}{rate:10.0f}{cpu_rate:14.0f}".replace("nan", "  -"))
    bound = 1 / (1 / median["decoding alone"][1] + 1 / median["bare landmark model"][1])
    mien = median["mien extract"]
    print(f"mien / MediaPipe, per CPU-second    {mien[1] / median['MediaPipe VIDEO'][1]:.2f}")
    print(f"mien / MediaPipe, per second        {mien[0] / median['MediaPipe VIDEO'][0]:.2f}")
    print(f"overhead over model and decoding    {bound / mien[1] - 1:.1%}")
    two, one = (median[f"mien, {n} running"][0] for n in ("2 workers", "1 worker"))
    print(f"two workers / one                   {two / one:.2f}")
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of this process         {peak_mb:.0f} MB")


if __name__ == "__main__":
    main()
