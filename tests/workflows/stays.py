"""Short recordings with something to find: a synthetic episode, and the real clips in a loop."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from mien.recording.synthetic_stay import Stay, script
from mien.recording.synthetic_stay_frames import frames
from mien.recording.synthetic_stay_plan import Stretch
from mien.tables import POINT_COLUMNS, landmark_batch, points_of, write_table

EPISODE_S = (20.0, 65.0)  # of distress, strong
LENGTH_S = 100.0


def stay_with_an_episode(seed: int = 5) -> Stay:
    """A patient at rest for 100 s, in distress for 45 of them."""
    made = script(seed, LENGTH_S / 3600, episodes_per_hour=0, grimaces_per_hour=0)
    return replace(
        made,
        activities=(Stretch("rest", 0, LENGTH_S),),
        expressions=(Stretch("distress", *EPISODE_S, 9.0),),
        postures=(),
        views=(),
    )


def write_stay(path: Path) -> Path:
    """The stay as a landmark table, 10 frames a second."""
    made = stay_with_an_episode()
    batches = []
    for chunk in frames(made, 10.0):
        count = len(chunk.time_s)
        columns = {
            "video_filename": ["stay"] * count,
            "frame_num": chunk.frame_num,
            "subject": [made.patient] * count,
            "time_s": chunk.time_s,
            "width_px": [640] * count,
            "height_px": [480] * count,
            "presence": chunk.presence,
            "received_s": chunk.received_s,
        }
        batches.append(landmark_batch(chunk.points, columns))
    return write_table(batches, path)


def looped(landmarks: pa.Table, path: Path, pieces: list[tuple[float, bool]]) -> Path:
    """Real frames again and again, 10 a second; each piece has a length and a face or none."""
    points = points_of(landmarks)[::3]
    count = round(10 * sum(length_s for length_s, _ in pieces))
    rows = np.take(points, np.arange(count), axis=0, mode="wrap")
    begins_s = 0.0
    times_s = np.arange(count) / 10
    for length_s, has_face in pieces:
        if not has_face:
            rows[(times_s >= begins_s) & (times_s < begins_s + length_s)] = np.nan
        begins_s += length_s
    columns = {
        "video_filename": ["loop.mp4"] * count,
        "frame_num": np.arange(count),
        "subject": ["1001"] * count,
        "time_s": times_s,
        "width_px": [480] * count,
        "height_px": [360] * count,
    }
    return write_table([landmark_batch(rows, columns)], path)


def with_rows(table: pa.Table, order: np.ndarray, path: Path) -> Path:
    return write_table(table.take(pa.array(order)), path)


def without_faces(table: pa.Table, path: Path) -> Path:
    absent = pa.nulls(table.num_rows, pa.float32())
    for name in POINT_COLUMNS:
        table = table.set_column(table.schema.get_field_index(name), name, absent)
    return write_table(table, path)


def shuffled(times_s: np.ndarray, random: np.random.Generator, *, doubled: float) -> np.ndarray:
    """Row numbers in an order in which none is more than 2 s behind, some of them twice."""
    count = len(times_s)
    again = np.flatnonzero(random.random(count) < doubled)
    rows = np.concatenate([np.arange(count), again])
    arrives_s = times_s[rows] + random.uniform(0, 2, len(rows))
    return rows[np.argsort(arrives_s, kind="stable")]
