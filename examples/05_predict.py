"""Probabilities a frame and a clip, from a video, without torch."""

import mien
from mien.corpora.sample import SAMPLE_FOLDER

result = mien.predict(SAMPLE_FOLDER / "1001_DFA_HAP_XX.flv", model="model", out="answers.csv")
for clip in result.clips.to_pylist():
    print(clip["video_filename"], clip["predicted"], clip["frames_with_face"], "frames")
