"""mien's points against MediaPipe FaceLandmarker's, frame by frame.

    make test-reference                      # once: makes .venv-reference with MediaPipe
    .venv/bin/python benchmarks/agreement.py [VIDEO|PHOTO|FOLDER ...]

Without paths, the six packaged clips. Videos go through both trackers (MediaPipe in
VIDEO mode), photos through both detectors (IMAGE mode), on the same decoded frames.
Differences are in pixels of a 480x360 frame, whatever the frame's own size. A frame
that only one of the two finds a face in is counted, not averaged.
"""

import argparse
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mien.config import ExtractSettings
from mien.face.bundle import BUNDLE_PATH
from mien.recording.extract import _mesh
from mien.recording.smoothing import OneEuroFilter
from mien.recording.sources import find_sources
from mien.recording.tracking import FaceTracker
from mien.recording.video import is_photo, read_frames

REPO = Path(__file__).parent.parent
PEER = REPO / ".venv-reference" / "bin" / "python"
SAMPLE = REPO / "src" / "mien" / "corpora" / "sample"
AT_PX = np.array([480, 360, 480], np.float32)

PEER_SCRIPT = """
import sys
import mediapipe as mp, numpy as np
from mediapipe.tasks.python import BaseOptions, vision
model, frames, out = sys.argv[1:]
stored = np.load(frames)
mode = vision.RunningMode.IMAGE if stored["is_photo"] else vision.RunningMode.VIDEO
options = vision.FaceLandmarkerOptions(
    base_options=BaseOptions(model_asset_path=model), running_mode=mode)
points = np.full((len(stored["times_ms"]), 478, 3), np.nan, np.float32)
with vision.FaceLandmarker.create_from_options(options) as landmarker:
    for row, time_ms in enumerate(stored["times_ms"]):
        image = mp.Image(mp.ImageFormat.SRGB, stored[f"image_{row}"])
        found = (landmarker.detect(image) if stored["is_photo"]
                 else landmarker.detect_for_video(image, int(time_ms)))
        for face in found.face_landmarks[:1]:
            points[row] = [[point.x, point.y, point.z] for point in face]
np.save(out, points)
"""


@dataclass(frozen=True)
class Agreement:
    """Differences over the frames in which both find a face."""

    clip: str
    frames: int
    ours_only: int
    peers_only: int
    neither: int
    difference_px: np.ndarray  # (frames with both, 478, 3)

    @property
    def mean_px(self) -> np.ndarray:
        return (
            self.difference_px.mean(axis=(0, 1)) if len(self.difference_px) else np.full(3, np.nan)
        )

    @property
    def percentile_99_px(self) -> float:
        distance = np.linalg.norm(self.difference_px[..., :2], axis=-1)
        return float(np.quantile(distance, 0.99)) if distance.size else float("nan")


def compare(path: Path, clip: str) -> Agreement:
    """Both programs over one recording."""
    frames = list(read_frames(path))
    tracker = FaceTracker(_mesh(), ExtractSettings())
    ours = np.full((len(frames), 478, 3), np.nan, np.float32)
    times_ms = [round(frame.time_s * 1000) for frame in frames]
    for row, frame in enumerate(frames):
        for face in tracker.step(frame.image, times_ms[row] / 1000)[:1]:
            ours[row] = face.points
    OneEuroFilter().smooth_rows(ours, [time_ms / 1000 for time_ms in times_ms])
    height, width = frames[0].image.shape[:2]
    ours /= np.array([width, height, width], np.float32)
    theirs = peers_points([f.image for f in frames], times_ms, photo=is_photo(path))
    found, peers = (~np.isnan(points[:, 0, 0]) for points in (ours, theirs))
    both = found & peers
    return Agreement(
        clip,
        len(frames),
        int((found & ~peers).sum()),
        int((peers & ~found).sum()),
        int((~peers & ~found).sum()),
        np.abs(ours[both] - theirs[both]) * AT_PX,
    )


def peers_points(images: list[np.ndarray], times_ms: list[int], *, photo: bool) -> np.ndarray:
    """(frames, 478, 3) fractions from MediaPipe, NaN where it finds no face."""
    with tempfile.TemporaryDirectory() as folder:
        stored, out = Path(folder) / "frames.npz", Path(folder) / "points.npy"
        named = {f"image_{row}": image for row, image in enumerate(images)}
        np.savez(stored, times_ms=times_ms, is_photo=photo, **named)
        words = [str(PEER), "-c", PEER_SCRIPT, str(BUNDLE_PATH), str(stored), str(out)]
        subprocess.run(words, check=True, capture_output=True)
        return np.load(out)


def photos_found(paths: list[Path]) -> tuple[int, int]:
    """In how many photos each finds no face: mien, MediaPipe."""
    images = [next(read_frames(path)).image for path in paths]
    ours = [FaceTracker(_mesh(), ExtractSettings()).step(image, 0.0) for image in images]
    theirs = peers_points(images, [0] * len(images), photo=True)
    return sum(not faces for faces in ours), int(np.isnan(theirs[:, 0, 0]).sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="*", type=Path, default=[SAMPLE])
    if not PEER.exists():
        sys.exit("MediaPipe is not installed beside: run make test-reference once")
    sources = find_sources(parser.parse_args().paths or [SAMPLE])
    videos = [source for source in sources if not is_photo(source.path)]
    photos = [source.path for source in sources if is_photo(source.path)]
    if videos:
        print(
            f"{'px at 480x360':30}{'frames':>7}{'x':>8}{'y':>8}{'z':>8}{'99 %':>8}"
            f"{'ours only':>11}{'theirs only':>13}{'neither':>9}"
        )
    for source in videos:
        row = compare(source.path, source.clip)
        print(
            f"{row.clip[:29]:30}{row.frames:7}"
            + "".join(f"{v:8.3f}" for v in row.mean_px)
            + f"{row.percentile_99_px:8.3f}{row.ours_only:11}{row.peers_only:13}{row.neither:9}"
        )
    if photos:
        ours, theirs = photos_found(photos)
        print(f"{len(photos)} photos: no face found in {ours} by mien, in {theirs} by MediaPipe")


if __name__ == "__main__":
    main()
