"""Faces followed from frame to frame, each under one identity.

A face's region in the next frame comes from its points in this one; the
detector runs only while faces are missing. Where two tracked faces meet, the
one whose shape fits better keeps the place and the other is lost; a lost face
that appears again is told by where it went and by its shape. Points come as the
model gives them, not smoothed.

Shapes: P = 478 points, (P, 3) float32 in pixels.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from mien.config import ExtractSettings
from mien.recording.facemesh import (
    FaceMesh,
    Region,
    overlap,
    region_of_detection,
    region_of_points,
)
from mien.recording.smoothing import packed, unpacked

_ONE_FACE = 0.5  # regions that share this much of their area hold one face
_FORGET_AFTER_S = 3.0  # a face that comes back later is a new one
_MAX_JUMP = 2.0  # how far from its guessed place a face may come back, in its own sizes
_MAX_SHAPE_DISTANCE = 0.12  # one person: .03-.06, another: .06-.14; a gross check only
_SHAPE_RATE = 0.1  # of each new frame in a track's remembered shape


@dataclass(frozen=True)
class TrackedFace:
    """One face in one frame. points: (478, 3) float32, pixels; presence 0-1."""

    face_id: int
    points: np.ndarray
    presence: float


@dataclass(frozen=True)
class _Track:
    face_id: int
    region: Region
    seen_s: float
    shape: np.ndarray = field(repr=False)  # (478, 3) centred, of unit size; zeros for one face
    speed_px_s: tuple[float, float] = (0.0, 0.0)


class FaceTracker:
    """Follows up to `settings.faces` faces through the frames of one recording.

    Everything it remembers is in `state()`, so that a recording can be taken up
    in the middle and give the same points.
    """

    def __init__(
        self, mesh: FaceMesh, settings: ExtractSettings, state: dict[str, Any] | None = None
    ) -> None:
        self.mesh = mesh
        self.settings = settings
        self._several = settings.faces > 1
        self._tracks: list[_Track] = []
        self._lost: list[_Track] = []
        self._next_id = 0
        self._frames_since_look = 0
        if state is not None:
            self._restore(state)

    def step(self, image: np.ndarray, time_s: float) -> list[TrackedFace]:
        """The faces in the next frame, by face_id. image: (H, W, 3) uint8 RGB."""
        found = self._follow(image, time_s)
        self._frames_since_look += 1
        missing = self.settings.faces - len(self._tracks)
        due = not self._tracks or self._frames_since_look >= self.settings.redetect_every_frames
        if missing and due:
            found |= self._look(image, time_s, missing)
            self._frames_since_look = 0
        self._lost = [t for t in self._lost if time_s - t.seen_s <= _FORGET_AFTER_S]
        return [found[track_id] for track_id in sorted(found)]

    def _follow(self, image: np.ndarray, time_s: float) -> dict[int, TrackedFace]:
        """Read each known face in its region. One of two that met is let go."""
        found: dict[int, TrackedFace] = {}
        kept: list[_Track] = []
        for track in self._tracks:
            points, presence = self.mesh.points(image, track.region)
            if presence < self.settings.presence_threshold:
                self._lose(track)
                continue
            moved = self._moved(track, points, time_s)
            rival = _holding(moved.region, kept)
            if rival is not None:
                if _shape_distance(points, rival.shape) <= _shape_distance(points, track.shape):
                    self._lose(track)
                    continue
                kept.remove(rival)
                del found[rival.face_id]
                self._lose(next(t for t in self._tracks if t.face_id == rival.face_id))
            kept.append(moved)
            found[track.face_id] = TrackedFace(track.face_id, points, presence)
        self._tracks = kept
        return found

    def _look(self, image: np.ndarray, time_s: float, missing: int) -> dict[int, TrackedFace]:
        """Detect faces that are not tracked yet, the largest first."""
        found: dict[int, TrackedFace] = {}
        detections = self.mesh.detect(image, threshold=self.settings.detection_threshold)
        for detection in sorted(detections, key=lambda d: -d.area):
            region = region_of_detection(detection)
            if len(found) == missing:
                break
            if _holding(region, self._tracks) is not None:
                continue
            points, presence = self.mesh.points(image, region)
            own = region_of_points(points)
            if presence < self.settings.presence_threshold or _holding(own, self._tracks):
                continue
            track = self._identify(points, own, time_s)
            self._tracks.append(track)
            found[track.face_id] = TrackedFace(track.face_id, points, presence)
        return found

    def _identify(self, points: np.ndarray, region: Region, time_s: float) -> _Track:
        """The lost track that this face goes on, or a new one."""
        shape = _normalised(points) if self._several else np.zeros((0, 3), np.float32)
        known = [
            (distance, track)
            for track in self._lost
            if self._several
            and _came_from(track, region, time_s)
            and (distance := _shape_distance(points, track.shape)) <= _MAX_SHAPE_DISTANCE
        ]
        if known:
            _, track = min(known, key=lambda pair: pair[0])
            self._lost.remove(track)
            return replace(track, region=region, seen_s=time_s)
        self._next_id += 1
        return _Track(self._next_id - 1, region, time_s, shape)

    def _moved(self, track: _Track, points: np.ndarray, time_s: float) -> _Track:
        region = region_of_points(points)
        if not self._several:
            return _Track(track.face_id, region, time_s, track.shape)
        step_s = max(time_s - track.seen_s, 1e-3)
        speed = (
            0.5 * track.speed_px_s[0]
            + 0.5 * (region.center_x_px - track.region.center_x_px) / step_s,
            0.5 * track.speed_px_s[1]
            + 0.5 * (region.center_y_px - track.region.center_y_px) / step_s,
        )
        fitted = _aligned(_normalised(points), track.shape)
        shape = track.shape + np.float32(_SHAPE_RATE) * (fitted - track.shape)
        return _Track(track.face_id, region, time_s, shape, speed)

    def _lose(self, track: _Track) -> None:
        self._lost.append(track)

    def state(self) -> dict[str, Any]:
        """What the tracker remembers, as JSON values."""
        return {
            "tracks": [_track_state(track) for track in self._tracks],
            "lost": [_track_state(track) for track in self._lost],
            "next_id": self._next_id,
            "frames_since_look": self._frames_since_look,
        }

    def _restore(self, state: dict[str, Any]) -> None:
        self._tracks = [_track_from(row) for row in state["tracks"]]
        self._lost = [_track_from(row) for row in state["lost"]]
        self._next_id = state["next_id"]
        self._frames_since_look = state["frames_since_look"]


def _holding(region: Region, tracks: list[_Track]) -> _Track | None:
    """The track whose region is the same place."""
    if not tracks:
        return None
    shares = overlap(_box(region), np.stack([_box(track.region) for track in tracks]))
    best = int(shares.argmax())
    return tracks[best] if shares[best] > _ONE_FACE else None


def _box(region: Region) -> np.ndarray:
    half = region.size_px / 2
    x, y = region.center_x_px, region.center_y_px
    return np.array([x - half, y - half, x + half, y + half])


def _came_from(track: _Track, region: Region, time_s: float) -> bool:
    """Whether a face at `region` can be the track, by its last place and speed."""
    gap_s = time_s - track.seen_s
    guess_x = track.region.center_x_px + track.speed_px_s[0] * gap_s
    guess_y = track.region.center_y_px + track.speed_px_s[1] * gap_s
    jump = np.hypot(region.center_x_px - guess_x, region.center_y_px - guess_y)
    return bool(jump <= _MAX_JUMP * track.region.size_px)


def _normalised(points: np.ndarray) -> np.ndarray:
    """Points centred on their mean and scaled to a root mean square radius of 1."""
    centred = points - points.mean(axis=0)
    radius = np.sqrt((centred**2).sum(axis=1).mean())
    return (centred / max(float(radius), 1e-6)).astype(np.float32)


def _aligned(shape: np.ndarray, target: np.ndarray) -> np.ndarray:
    """A normalised shape turned onto another (Kabsch, Acta Cryst. A32:922, 1976)."""
    u, _, vt = np.linalg.svd(shape.T @ target)
    sign = np.sign(np.linalg.det(u @ vt))
    return shape @ ((u * np.array([1, 1, sign], np.float32)) @ vt)


def _shape_distance(points: np.ndarray, shape: np.ndarray) -> float:
    """Root mean square distance to a track's shape, head pose apart, in face radii."""
    return float(np.sqrt(((_aligned(_normalised(points), shape) - shape) ** 2).sum(axis=1).mean()))


def _track_state(track: _Track) -> dict[str, Any]:
    return {**asdict(track), "shape": packed(track.shape)}


def _track_from(row: dict[str, Any]) -> _Track:
    shape = unpacked(row["shape"])
    assert shape is not None
    return _Track(
        row["face_id"], Region(**row["region"]), row["seen_s"], shape, tuple(row["speed_px_s"])
    )
