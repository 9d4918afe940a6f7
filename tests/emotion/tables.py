"""Landmark tables with a known answer, made small: the mouth's corners tell the emotion."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mien.tables import landmark_batch, write_table

MOUTH = (61, 291)
EMOTIONS = ("Happy", "Sad", "Angry")


def write_people(
    path: Path,
    *,
    people: int = 4,
    clips_each: int = 3,
    frames: int = 5,
    emotions: Sequence[str] = EMOTIONS,
    with_subject: bool = True,
    faceless: Sequence[int] = (),
) -> Path:
    """A table of `people`, each with a clip an emotion in turn; rows in `faceless` have no face."""
    random = np.random.default_rng(0)
    rest = random.uniform(0.3, 0.7, (478, 3))
    points, columns = [], {name: [] for name in ("video_filename", "frame_num", "emotion")}
    subjects = []
    for person in range(people):
        face = rest + random.normal(0, 0.01, (478, 3))
        for clip in range(clips_each):
            emotion = emotions[clip % len(emotions)]
            for frame in range(frames):
                moved = face + random.normal(0, 0.002, (478, 3))
                moved[list(MOUTH), 1] += 0.2 * (clip % len(emotions))
                points.append(moved)
                columns["video_filename"].append(f"p{person}/c{clip}.mp4")
                columns["frame_num"].append(frame)
                columns["emotion"].append(emotion)
                subjects.append(f"p{person}")
    return write_rows(
        path, np.array(points), columns | ({"subject": subjects} if with_subject else {}), faceless
    )


def write_rows(
    path: Path, points: np.ndarray, columns: dict[str, list], faceless: Sequence[int] = ()
) -> Path:
    """A landmark table of these rows. Points may be broken: they are written as they are."""
    points = points.astype(np.float32)
    points[list(faceless)] = np.nan
    return write_table([landmark_batch(points, columns)], path)
