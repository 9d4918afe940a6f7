"""The parametric face: whose face, what it shows and how the head is held, to 478 points.

A face is a sum: the average neutral face, what makes it this person's, what blendshapes
move, what MediaPipe's points do when a head turns, and what differs between two recordings
of one person. All terms were fitted to photographs by benchmarks/fit_synthetic_face.py.

Shapes: T frames, P = 478 points, B = 52 blendshapes. A face's own points are (..., P, 3) in
units of the average outer eye corners' distance: +x image right, +y down, +z away from the camera.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from mien.face.geometry import rotation_of
from mien.recording.synthetic_motion import autoregression
from mien.tables import POINT_COUNT

DRIFTS = 30
JITTER_MEMORY_S = 0.067  # of a tracker's tremor after its filter: two frames at 30 a second
STATISTICS_PATH = Path(__file__).parent / "data" / "face_statistics.npz"
_VALUES = 3 * POINT_COUNT


@dataclass(frozen=True)
class FaceStatistics:
    """What the photographs say. Directions are one standard deviation long, largest first."""

    mean: np.ndarray  # (P, 3) the average neutral face, symmetric
    identity: np.ndarray  # (40, P, 3) how people differ
    expression: np.ndarray  # (B, P, 3) what one unit of a blendshape moves; dead ones nothing
    turn: np.ndarray  # (5, P, 3) what a turned head does to its points: see turn_terms
    drift: np.ndarray  # (30, P, 3) how two photographs of one person differ beside all that
    jitter: np.ndarray  # (16, P, 3) how a tracker's points tremble together
    jitter_rest: np.ndarray  # (P, 3) and each by itself: standard deviation
    said: np.ndarray  # (4, B) mean blendshapes of labelled photographs, about the person's rest
    said_of: tuple[str, ...]  # the labels


@cache
def face_statistics() -> FaceStatistics:
    """The packaged statistics."""
    with np.load(STATISTICS_PATH, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    labels = tuple(arrays.pop("said_of").tolist())
    numbers = {name: array.astype(np.float32) for name, array in arrays.items()}
    for array in numbers.values():
        array.setflags(write=False)
    return FaceStatistics(**numbers, said_of=labels)


def turn_terms(yaw_rad: np.ndarray, pitch_rad: np.ndarray) -> np.ndarray:
    """(..., 5): what the shape of a turned head is linear in."""
    terms = (yaw_rad, pitch_rad, yaw_rad**2, pitch_rad**2, yaw_rad * pitch_rad)
    return np.stack(terms, axis=-1)


def rest_face(random: np.random.Generator) -> np.ndarray:
    """(P, 3) float32: the neutral face of a person who is nobody."""
    statistics = face_statistics()
    weights = random.standard_normal(len(statistics.identity)).astype(np.float32)
    return statistics.mean + np.tensordot(weights, statistics.identity, axes=1)


def shown(
    rest: np.ndarray, *, blendshapes: np.ndarray, pose_rad: np.ndarray, drift: np.ndarray
) -> np.ndarray:
    """A person's face as it looks in each frame, not yet turned nor trembling.

    rest: (P, 3). blendshapes: (T, 52) beside those at rest. pose_rad: (T, 3) yaw, pitch, roll.
    drift: (T, 30) standard deviations. Returns (T, P, 3) float32.
    """
    statistics = face_statistics()
    terms = turn_terms(pose_rad[:, 0], pose_rad[:, 1])
    weights = np.concatenate([blendshapes, terms, drift], axis=1).astype(np.float32)
    basis = np.concatenate([statistics.expression, statistics.turn, statistics.drift])
    moved = weights @ basis.reshape(-1, _VALUES)
    return rest + moved.reshape(-1, POINT_COUNT, 3)


def filmed(
    face: np.ndarray, *, pose_rad: np.ndarray, scale_px: np.ndarray, centre_px: np.ndarray
) -> np.ndarray:
    """The points as a far camera sees them: turned, sized and placed, in pixels.

    face: (T, P, 3). pose_rad: (T, 3). scale_px: (T,) pixels a unit. centre_px: (T, 2) where the
    points' middle lies. Returns (T, P, 3) float32; as MediaPipe has it, z's mean is 0.
    """
    turned = face @ rotation_of(pose_rad).astype(np.float32).transpose(0, 2, 1)
    turned -= turned.mean(axis=1, keepdims=True)
    turned *= scale_px[:, None, None].astype(np.float32)
    turned[..., :2] += centre_px[:, None].astype(np.float32)
    return turned


def trembling(random: np.random.Generator, frames: int, *, fps: float) -> np.ndarray:
    """How far a tracker's points are off, (T, P, 3) float32: together, and each by itself."""
    statistics = face_statistics()
    together = len(statistics.jitter)
    noise = autoregression(
        random, frames, memory_frames=JITTER_MEMORY_S * fps, width=together + _VALUES
    )
    off = noise[:, together:] * statistics.jitter_rest.reshape(-1)
    off += noise[:, :together] @ statistics.jitter.reshape(together, _VALUES)
    return off.reshape(frames, POINT_COUNT, 3)


def lid_opening(rest: np.ndarray) -> float:
    """How wide a person's eyes are at rest, 1 for the average face. rest: (P, 3)."""
    upper, lower = [159, 386], [145, 374]
    gaps = [face[lower, 1] - face[upper, 1] for face in (rest, face_statistics().mean)]
    return float(np.clip(gaps[0].mean() / gaps[1].mean(), 0.4, 1.6))
