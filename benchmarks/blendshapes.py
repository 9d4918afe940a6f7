"""Blendshapes from stored points against those that MediaPipe itself gives, clip by clip.

    make test-reference                      # once: makes .venv-reference with MediaPipe
    .venv/bin/python benchmarks/blendshapes.py [VIDEO|FOLDER ...]

Without paths, the six packaged clips. MediaPipe FaceLandmarker runs over the decoded frames, in
IMAGE mode and in VIDEO mode, and gives points and blendshapes. `same points`: mien's blendshapes
of MediaPipe's points, as a landmark table keeps them (float32 fractions). `own points`: mien's
blendshapes of the points that mien extract writes, against MediaPipe's VIDEO mode. Differences
are the mean over frames and 52 blendshapes of the absolute difference; MediaPipe's are 0-1.
"""

import argparse
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mien.config import ExtractSettings
from mien.face.blendshapes import BLENDSHAPE_NAMES, blendshapes
from mien.face.bundle import BUNDLE_PATH
from mien.face.geometry import to_pixels
from mien.recording.extract import _mesh
from mien.recording.smoothing import OneEuroFilter
from mien.recording.sources import find_sources
from mien.recording.tracking import FaceTracker
from mien.recording.video import Frame, read_frames

REPO = Path(__file__).parent.parent
PEER = REPO / ".venv-reference" / "bin" / "python"
SAMPLE = REPO / "src" / "mien" / "corpora" / "sample"
LIMIT = 0.01
SHOWN = ("browDownLeft", "browInnerUp", "mouthSmileLeft", "mouthUpperUpRight", "eyeSquintRight")

PEER_SCRIPT = """
import sys
import mediapipe as mp, numpy as np
from mediapipe.tasks.python import BaseOptions, vision
model, frames, mode, out = sys.argv[1:]
stored = np.load(frames)
options = vision.FaceLandmarkerOptions(
    base_options=BaseOptions(model_asset_path=model),
    running_mode=getattr(vision.RunningMode, mode), output_face_blendshapes=True)
count = len(stored["times_ms"])
points = np.full((count, 478, 3), np.nan, np.float32)
values = np.full((count, 52), np.nan, np.float32)
with vision.FaceLandmarker.create_from_options(options) as landmarker:
    for row, time_ms in enumerate(stored["times_ms"]):
        image = mp.Image(mp.ImageFormat.SRGB, stored[f"image_{row}"])
        found = (landmarker.detect(image) if mode == "IMAGE"
                 else landmarker.detect_for_video(image, int(time_ms)))
        for face, shapes in zip(found.face_landmarks[:1], found.face_blendshapes[:1]):
            points[row] = [[point.x, point.y, point.z] for point in face]
            values[row] = [shape.score for shape in shapes]
            names = [shape.category_name for shape in shapes]
np.savez(out, points=points, values=values, names=names)
"""


@dataclass(frozen=True)
class Peer:
    """What MediaPipe gives of a clip: points (N, 478, 3) and blendshapes (N, 52)."""

    points: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class Agreement:
    """Mean absolute differences of a clip, and the blendshape that differs most."""

    frames: int
    same_points_image: float
    same_points_video: float
    own_points: float
    worst: str
    worst_difference: float
    image_means: np.ndarray  # (52,) of mien's, from MediaPipe's points


def compare(path: Path, *, peer: Path = PEER) -> Agreement:
    """Both programs over one clip."""
    frames = list(read_frames(path))
    height, width = frames[0].image.shape[:2]
    image, video = (peers(frames, mode, peer) for mode in ("IMAGE", "VIDEO"))

    def ours(points: np.ndarray) -> np.ndarray:
        return blendshapes(to_pixels(points, width_px=width, height_px=height))

    from_image, from_video, own = map(ours, (image.points, video.points, own_points(frames)))
    difference = np.nanmean(np.abs(from_image - image.values), axis=0)
    return Agreement(
        len(frames),
        float(difference.mean()),
        float(np.nanmean(np.abs(from_video - video.values))),
        float(np.nanmean(np.abs(own - video.values))),
        BLENDSHAPE_NAMES[difference.argmax()],
        float(difference.max()),
        np.nanmean(from_image, axis=0),
    )


def own_points(frames: list[Frame]) -> np.ndarray:
    """(N, 478, 3) fractions, as mien extract writes them."""
    tracker = FaceTracker(_mesh(), ExtractSettings())
    points = np.full((len(frames), 478, 3), np.nan, np.float32)
    times_s = [round(frame.time_s * 1000) / 1000 for frame in frames]
    for row, frame in enumerate(frames):
        for face in tracker.step(frame.image, times_s[row])[:1]:
            points[row] = face.points
    OneEuroFilter().smooth_rows(points, times_s)
    height, width = frames[0].image.shape[:2]
    return points / np.array([width, height, width], np.float32)


def peers(frames: list[Frame], mode: str, peer: Path) -> Peer:
    """MediaPipe's points and blendshapes; NaN where it finds no face."""
    with tempfile.TemporaryDirectory() as folder:
        stored, out = Path(folder) / "frames.npz", Path(folder) / "found.npz"
        named = {f"image_{row}": frame.image[..., :3] for row, frame in enumerate(frames)}
        np.savez(stored, times_ms=[round(frame.time_s * 1000) for frame in frames], **named)
        words = [str(peer), "-c", PEER_SCRIPT, str(BUNDLE_PATH), str(stored), mode, str(out)]
        subprocess.run(words, check=True, capture_output=True)
        found = np.load(out)
        assert tuple(found["names"]) == BLENDSHAPE_NAMES, "MediaPipe names them otherwise"
        return Peer(found["points"], found["values"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="*", type=Path)
    parser.add_argument("--peer", type=Path, default=PEER, help="a Python that has MediaPipe")
    asked = parser.parse_args()
    if not asked.peer.exists():
        sys.exit("MediaPipe is not installed beside: run make test-reference once")
    found = {
        source.clip: compare(source.path, peer=asked.peer)
        for source in find_sources(asked.paths or [SAMPLE])
    }
    print(
        f"{'mean absolute difference':26}{'frames':>7}{'same points':>22}{'own points':>12}  worst"
    )
    print(f"{'':26}{'':7}{'IMAGE':>11}{'VIDEO':>11}{'VIDEO':>12}  of IMAGE")
    for clip, row in found.items():
        print(
            f"{clip[:25]:26}{row.frames:7}{row.same_points_image:11.5f}{row.same_points_video:11.5f}"
            f"{row.own_points:12.5f}  {row.worst} {row.worst_difference:.5f}"
        )
    print(f"\n{'mean over the clip, IMAGE':26}" + "".join(f"{clip[9:12]:>8}" for clip in found))
    for name in SHOWN:
        place = BLENDSHAPE_NAMES.index(name)
        print(f"{name:26}" + "".join(f"{row.image_means[place]:8.2f}" for row in found.values()))
    worst = max(max(r.same_points_image, r.same_points_video, r.own_points) for r in found.values())
    print(f"\nlargest {worst:.5f}, wanted at most {LIMIT}")
    sys.exit(worst > LIMIT)


if __name__ == "__main__":
    main()
