"""Make golden/neutral_clip.npz with MediaPipe: run in .venv-reference by hand.

    .venv-reference/bin/python tests/recording/make_golden.py

FaceLandmarker 0.10.33, VIDEO mode, one face, every third frame of the neutral
clip, presentation times rounded to the millisecond as MediaPipe takes them.
"""

from pathlib import Path

import av
import mediapipe as mp
import numpy as np
from mediapipe.tasks.python import BaseOptions, vision

SOURCE = Path(__file__).parent.parent.parent / "src" / "mien"
CLIP = SOURCE / "corpora" / "sample" / "1001_DFA_NEU_XX.flv"
MODEL = SOURCE / "recording" / "assets" / "face_landmarker.task"


def main() -> None:
    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(MODEL)),
        running_mode=vision.RunningMode.VIDEO,
    )
    points = []
    with vision.FaceLandmarker.create_from_options(options) as landmarker, av.open(CLIP) as clip:
        for frame in clip.decode(video=0):
            image = mp.Image(mp.ImageFormat.SRGB, frame.to_ndarray(format="rgb24"))
            face = landmarker.detect_for_video(image, round(frame.time * 1000)).face_landmarks[0]
            points.append([[point.x, point.y, point.z] for point in face])
    path = Path(__file__).parent / "golden" / "neutral_clip.npz"
    np.savez_compressed(path, points=np.array(points[::3], np.float32), every=3)


if __name__ == "__main__":
    main()
