"""Sixteen random frames with their landmarks, and one whole clip; faces masked."""

import mien
from mien.corpora.sample import SAMPLE_FOLDER

figure = mien.overlay("landmarks.parquet", videos=SAMPLE_FOLDER, out="overlay.png")
print(figure.figure, figure.frames, "frames")

video = mien.overlay(
    "landmarks.parquet", videos=SAMPLE_FOLDER, video="happy.mp4", clip="1001_DFA_HAP_XX.flv"
)
print(video.video, video.frames, "frames")
