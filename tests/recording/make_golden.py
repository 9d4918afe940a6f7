"""Make golden files with MediaPipe: run in .venv-reference by hand.

    .venv-reference/bin/python tests/recording/make_golden.py

FaceLandmarker 0.10.33, VIDEO mode, one face, every third frame of the neutral
clip, presentation times rounded to the millisecond as MediaPipe takes them:
points into golden/neutral_clip.npz, the blendshapes of these points into
../face/golden/neutral_blendshapes.npz.
"""

from pathlib import Path

import av
import mediapipe as mp
import numpy as np
from mediapipe.tasks.python import BaseOptions, vision

TESTS = Path(__file__).parent.parent
SOURCE = TESTS.parent / "src" / "mien"
CLIP = SOURCE / "corpora" / "sample" / "1001_DFA_NEU_XX.flv"
MODEL = SOURCE / "face" / "assets" / "face_landmarker.task"
EVERY = 3


def main() -> None:
    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(MODEL)),
        running_mode=vision.RunningMode.VIDEO,
        output_face_blendshapes=True,
    )
    points, shapes = [], []
    with vision.FaceLandmarker.create_from_options(options) as landmarker, av.open(CLIP) as clip:
        for frame in clip.decode(video=0):
            image = mp.Image(mp.ImageFormat.SRGB, frame.to_ndarray(format="rgb24"))
            found = landmarker.detect_for_video(image, round(frame.time * 1000))
            points.append([[point.x, point.y, point.z] for point in found.face_landmarks[0]])
            shapes.append([shape.score for shape in found.face_blendshapes[0]])
    np.savez_compressed(
        TESTS / "recording" / "golden" / "neutral_clip.npz",
        points=np.array(points[::EVERY], np.float32),
        every=EVERY,
    )
    np.savez_compressed(
        TESTS / "face" / "golden" / "neutral_blendshapes.npz",
        values=np.array(shapes[::EVERY], np.float32),
        names=[shape.category_name for shape in found.face_blendshapes[0]],
    )


if __name__ == "__main__":
    main()
