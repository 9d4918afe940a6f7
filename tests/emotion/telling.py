"""Faces whose label lies in one area alone: an explanation must find it, and nothing else."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mien.emotion.movements import AREAS
from tests.emotion.tables import write_rows
from tests.face.faces import a_face, in_frame, moved

LABELS = ("Happy", "Sad")
SIZE_PX = (480, 360)
_SHIFT_CM = 0.5  # up for one label, down for the other: a smile's corners move about as far


def telling_faces(
    area: str, *, people: int = 6, clips_each: int = 4, frames: int = 6
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Points (N, 478, 3) in fractions, labels, people and clip numbers (N,).

    Everybody has a face, every frame a tremor and a turn of the head; the clip's label is how
    high the area's points stand, and shows nowhere else.
    """
    random = np.random.default_rng(5)
    points, labels, persons, clips = [], [], [], []
    for person in range(people):
        face = a_face(seed=person, noise_cm=0.1)
        for clip in range(clips_each):
            kind = clip % len(LABELS)
            for _ in range(frames):
                shown = face + random.normal(0, 0.03, face.shape)
                shown[list(AREAS[area]), 1] += _SHIFT_CM * (2 * kind - 1)
                pose = random.normal(0, 0.05, 3)
                placed = moved(shown, pose=pose, scale=12, place=(240, 180, 0))
                points.append(in_frame(placed, width_px=SIZE_PX[0], height_px=SIZE_PX[1]))
                labels.append(LABELS[kind])
                persons.append(f"p{person}")
                clips.append(person * clips_each + clip)
    arrays = np.array(points, np.float32), np.array(labels), np.array(persons), np.array(clips)
    return arrays


def write_telling(
    path: Path,
    area: str,
    *,
    faceless: Sequence[int] = (),
    with_labels: bool = True,
    with_size: bool = True,
    **options: int,
) -> Path:
    """The same as a landmark table; clips are p0/c0.mp4, p0/c1.mp4 and so on."""
    points, labels, people, clips = telling_faces(area, **options)
    each = options.get("clips_each", 4)
    columns: dict[str, list] = {
        "video_filename": [f"p{c // each}/c{c % each}.mp4" for c in clips],
        "frame_num": [int((clips[:row] == clip).sum()) for row, clip in enumerate(clips)],
        "emotion": labels.tolist() if with_labels else [None] * len(labels),
        "subject": people.tolist(),
    }
    if with_size:
        columns |= {"width_px": [SIZE_PX[0]] * len(clips), "height_px": [SIZE_PX[1]] * len(clips)}
    return write_rows(path, points, columns, faceless)
