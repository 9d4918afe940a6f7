"""Faces keep their identity while they move, and the tracker can be taken up anywhere."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mien.config import ExtractSettings
from mien.recording.facemesh import FaceMesh
from mien.recording.tracking import FaceTracker, TrackedFace
from mien.recording.video import read_frames


@pytest.fixture(scope="module")
def mesh() -> FaceMesh:
    return FaceMesh()


@pytest.fixture(scope="module")
def images(clips: list[Path]) -> list[np.ndarray]:
    return [frame.image for frame in read_frames(clips[4])]


@pytest.fixture(scope="module")
def other_images(images: list[np.ndarray]) -> list[np.ndarray]:
    """Another person, as far as shape goes: the same actor, wider and mirrored."""
    wide = [cv2.resize(image[:, ::-1], (620, 360)) for image in images]
    return [image[:, 70:550] for image in wide]


def side_by_side(
    left: np.ndarray, right: np.ndarray, gap_px: float, size: float = 1.0
) -> np.ndarray:
    """Two people on one canvas of 960x360, `gap_px` between the middles of their pictures.

    Each is cut to the 200 px around the head, so that they can pass each other; the left
    one is in front.
    """
    canvas = np.full((360, 960, 3), 90, np.uint8)
    for image, center, scale in ((right, 480 + gap_px / 2, size), (left, 480 - gap_px / 2, 1.0)):
        head = cv2.resize(image[20:330, 140:340], None, fx=scale, fy=scale)
        x = round(center - head.shape[1] / 2)
        canvas[20 : 20 + head.shape[0], x : x + head.shape[1]] = head[:340]
    return canvas


def center_x(face: TrackedFace) -> float:
    return float(face.points[:, 0].mean())


def test_the_largest_face_is_the_one_that_is_kept(
    mesh: FaceMesh, images: list[np.ndarray], other_images: list[np.ndarray]
) -> None:
    for larger_left in (True, False):
        canvas = side_by_side(images[0], other_images[0], 400, size=0.7)
        canvas = canvas if larger_left else np.ascontiguousarray(canvas[:, ::-1])
        face = FaceTracker(mesh, ExtractSettings()).step(canvas, 0.0)[0]
        assert (center_x(face) < 480) is larger_left


def test_two_faces_that_move_keep_their_identities(
    mesh: FaceMesh, images: list[np.ndarray], other_images: list[np.ndarray]
) -> None:
    tracker = FaceTracker(mesh, ExtractSettings(faces=2))
    ids = []
    for step in range(40):
        gap = 450 - 5 * step  # to 255 px: near, not touching
        faces = tracker.step(side_by_side(images[step], other_images[step], gap), step / 25)
        ids.append([face.face_id for face in sorted(faces, key=center_x)])
    assert ids == [ids[0]] * 40
    assert sorted(ids[0]) == [0, 1]


@pytest.mark.slow
def test_two_faces_that_cross_keep_their_identities(
    mesh: FaceMesh, images: list[np.ndarray], other_images: list[np.ndarray]
) -> None:
    tracker = FaceTracker(mesh, ExtractSettings(faces=2))
    before: dict[int, str] = {}
    after: dict[int, str] = {}
    for step in range(60):
        gap = 450 - 15 * step  # one passes in front of the other, to -435 px
        frame = side_by_side(images[step], other_images[step], gap)
        faces = tracker.step(frame, step / 25)
        if len(faces) == 2 and abs(gap) > 250:
            left, right = sorted(faces, key=center_x)
            here = before if gap > 0 else after
            front, back = (left, right) if gap > 0 else (right, left)
            here |= {front.face_id: "front", back.face_id: "back"}
    assert before == {0: before[0], 1: before[1]}
    assert after == before


def test_a_face_that_leaves_is_no_face_and_comes_back_the_same(
    mesh: FaceMesh, images: list[np.ndarray]
) -> None:
    tracker = FaceTracker(mesh, ExtractSettings(faces=2))
    empty = np.zeros_like(images[0])
    seen = [
        [face.face_id for face in tracker.step(image, step / 25)]
        for step, image in enumerate([*images[:5], *[empty] * 10, *images[5:12]])
    ]
    assert seen[:5] == [[0]] * 5
    assert seen[5:15] == [[]] * 10
    assert seen[-1] == [0]


@pytest.mark.parametrize("faces", [1, 2])
def test_a_tracker_taken_up_from_its_state_gives_the_same_points(
    mesh: FaceMesh, images: list[np.ndarray], faces: int
) -> None:
    settings = ExtractSettings(faces=faces)
    whole = FaceTracker(mesh, settings)
    expected = [whole.step(image, step / 25) for step, image in enumerate(images[:20])]
    tracker = FaceTracker(mesh, settings)
    for step, image in enumerate(images[:20]):
        state = json.loads(json.dumps(tracker.state()))
        tracker = FaceTracker(mesh, settings, state)
        found = tracker.step(image, step / 25)
        assert [face.face_id for face in found] == [face.face_id for face in expected[step]]
        assert np.array_equal(found[0].points, expected[step][0].points)
