import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.errors import ShapeError
from mien.face.canonical import canonical_face
from mien.face.geometry import align, head_pose, mirror, rotation_of, template, to_pixels
from mien.face.topology import NOSE_TIP
from mien.tables import points_of
from tests.face.faces import PLACES, POSES, SCALES, SEEDS, a_face, in_frame, moved

SIDE = st.integers(1, 10_000)


def random_face(*, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((478, 3), np.float32)


@given(SIDE, SIDE)
def test_a_circle_in_the_frame_is_a_circle_in_pixels(width: int, height: int) -> None:
    turn = np.linspace(0, 2 * np.pi, 478)
    radius = 50.0
    face = np.stack([radius * np.cos(turn) / width, radius * np.sin(turn) / height, 0 * turn], -1)
    pixels = to_pixels(face, width_px=width, height_px=height)
    assert np.allclose(np.linalg.norm(pixels[:, :2], axis=1), radius)


def test_depth_is_on_the_scale_of_the_width() -> None:
    face = random_face()
    pixels = to_pixels(face, width_px=640, height_px=480)
    assert np.allclose(pixels[:, 2] / face[:, 2], 640, rtol=1e-5)


def test_many_frames_are_each_as_one() -> None:
    faces = np.stack([random_face(seed=n) for n in range(6)]).reshape(2, 3, 478, 3)
    together = to_pixels(faces, width_px=64, height_px=48)
    assert np.array_equal(together[1, 2], to_pixels(faces[1, 2], width_px=64, height_px=48))


def test_the_precision_and_the_given_array_stay() -> None:
    face = random_face()
    before = face.copy()
    assert to_pixels(face, width_px=64, height_px=48).dtype == np.float32
    assert to_pixels(face.astype(float), width_px=64, height_px=48).dtype == np.float64
    assert np.array_equal(face, before)


def test_no_face_stays_no_face() -> None:
    assert np.isnan(to_pixels(np.full((478, 3), np.nan), width_px=64, height_px=48)).all()


def test_468_points_are_refused_with_the_remedy() -> None:
    with pytest.raises(ShapeError, match=r"got \(468, 3\).*without irises.*mien extract"):
        to_pixels(np.zeros((468, 3)), width_px=64, height_px=48)


def test_a_frame_without_a_size_is_refused() -> None:
    with pytest.raises(ValueError, match="got 0x48 px"):
        to_pixels(random_face(), width_px=0, height_px=48)


def test_each_frame_may_have_its_own_size() -> None:
    faces = np.stack([random_face(seed=n) for n in range(3)])
    pixels = to_pixels(faces, width_px=[640, 480, 64], height_px=[480, 360, 48])
    assert np.array_equal(pixels[1], to_pixels(faces[1], width_px=480, height_px=360))
    with pytest.raises(ValueError, match="got 480x-1 px"):
        to_pixels(faces, width_px=[640, 480, 64], height_px=[480, -1, 48])


@given(SEEDS, POSES, SCALES, PLACES)
def test_a_face_that_is_moved_scaled_and_turned_has_the_same_aligned_points(
    seed: int, pose: tuple, scale: float, place: tuple
) -> None:
    face = a_face(seed=seed)
    found = align(moved(face, pose=pose, scale=scale, place=place)).points
    assert np.abs(found - align(face).points).max() < 1e-5  # of the eyes' distance


@given(SEEDS, POSES, SCALES, PLACES)
def test_float32_aligns_as_float64_does(seed: int, pose: tuple, scale: float, place: tuple) -> None:
    face = moved(a_face(seed=seed), pose=pose, scale=scale, place=place)
    wide, narrow = align(face), align(face.astype(np.float32))
    rounding_px = 4100 * np.finfo(np.float32).eps
    assert np.abs(wide.points - narrow.points).max() < 1e-5 + 2 * rounding_px / wide.scale_px


@given(SEEDS, POSES, SCALES, PLACES)
def test_an_aligned_face_put_back_is_the_face(
    seed: int, pose: tuple, scale: float, place: tuple
) -> None:
    face = moved(a_face(seed=seed), pose=pose, scale=scale, place=place)
    found = align(face)
    back = found.scale_px * found.points @ found.rotation.T + found.translation_px
    assert np.abs(back - face).max() < 1e-5 * found.scale_px


@given(POSES, SCALES, PLACES)
def test_the_pose_of_the_canonical_face_is_how_it_was_turned(
    pose: tuple, scale: float, place: tuple
) -> None:
    found = align(moved(canonical_face(), pose=pose, scale=scale, place=place))
    np.testing.assert_allclose(head_pose(found.rotation), pose, atol=1e-5)
    np.testing.assert_allclose(found.points, template(), atol=1e-5)


@given(SEEDS, POSES, SCALES, PLACES)
def test_a_mirrored_face_has_mirrored_aligned_points_and_pose(
    seed: int, pose: tuple, scale: float, place: tuple
) -> None:
    face = moved(a_face(seed=seed), pose=pose, scale=scale, place=place)
    found, seen = align(face), align(mirror(face, width=640))
    np.testing.assert_allclose(seen.points, mirror(found.points, width=0), atol=1e-5)
    expected = head_pose(found.rotation) * [-1, 1, -1]
    np.testing.assert_allclose(head_pose(seen.rotation), expected, atol=1e-6)


@given(SEEDS, st.sampled_from([0, 1, 640]))
def test_mirrored_twice_is_the_same_face(seed: int, width: int) -> None:
    face = a_face(seed=seed)
    np.testing.assert_allclose(mirror(mirror(face, width=width), width=width), face, atol=1e-12)


def test_aligned_is_never_a_reflection() -> None:
    inside_out = a_face() * [1, 1, -1]
    assert np.linalg.det(align(inside_out).rotation) == pytest.approx(1)


@pytest.mark.parametrize(
    ("pose", "from_", "to"),
    [
        ((0.3, 0, 0), 0, +1),  # yaw: the nose goes to image right
        ((0, 0.3, 0), 1, -1),  # pitch: the nose goes up
        ((0, 0, 0.3), 0, -1),  # roll: the nose, below the eyes, swings to image left
    ],
)
def test_a_positive_angle_moves_the_nose_as_the_docstring_says(pose, from_: int, to: int) -> None:
    def nose(face: np.ndarray) -> np.ndarray:
        eyes = face[[33, 133, 362, 263]].mean(axis=0)
        return face[NOSE_TIP] - eyes

    change = nose(moved(canonical_face(), pose=pose)) - nose(canonical_face())
    assert to * change[from_] > 0.5  # centimetres


def test_a_positive_yaw_is_to_the_persons_own_left(landmarks: pa.Table) -> None:
    """Of all the frames of the real clips, those with the larger yaw show more right cheek."""
    faces = to_pixels(points_of(landmarks), width_px=480, height_px=360)
    yaw = head_pose(align(faces).rotation)[:, 0]
    right = faces[:, NOSE_TIP, 0] - faces[:, 234, 0]
    left = faces[:, 454, 0] - faces[:, NOSE_TIP, 0]
    assert np.corrcoef(yaw, right / (right + left))[0, 1] > 0.9


def test_actors_who_look_into_the_camera_have_a_small_steady_pose(landmarks: pa.Table) -> None:
    faces = to_pixels(points_of(landmarks), width_px=480, height_px=360)
    pose = np.degrees(head_pose(align(faces).rotation))
    assert np.abs(pose).max() < 15
    clips = landmarks.column("video_filename").to_numpy()
    step = np.abs(np.diff(pose, axis=0))[clips[1:] == clips[:-1]]
    assert np.median(step) < 0.5  # degrees a frame
    assert step.max() < 4


def test_a_face_at_the_side_of_a_wide_frame_has_the_pose_it_has_in_a_square() -> None:
    face = moved(a_face(), pose=(0.4, -0.2, 0.1), scale=9, place=(700, 300, 0))
    stored = in_frame(face, width_px=1280, height_px=720)
    right = align(to_pixels(stored, width_px=1280, height_px=720)).rotation
    wrong = align(to_pixels(stored, width_px=720, height_px=720)).rotation
    expected = head_pose(align(face).rotation)
    np.testing.assert_allclose(head_pose(right), expected, atol=1e-5)
    assert np.abs(head_pose(wrong) - expected).max() > 0.05


@given(POSES)
def test_rotation_and_pose_are_each_others_inverse(pose: tuple) -> None:
    rotation = rotation_of(pose)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(head_pose(rotation), pose, atol=1e-9)


def test_many_faces_align_as_each_alone_to_the_last_bit() -> None:
    faces = np.stack([moved(a_face(seed=n), scale=5 + n) for n in range(7)]).astype(np.float32)
    together = align(faces)
    for number, face in enumerate(faces):
        alone = align(face)
        assert np.array_equal(alone.points, together.points[number])
        assert np.array_equal(alone.rotation, together.rotation[number])


def test_no_face_aligns_to_nothing_and_leaves_the_others_alone() -> None:
    faces = np.stack([a_face(seed=n) for n in range(4)])
    faces[1] = np.nan
    faces[2, 168] = np.inf
    faces[3] = 7.1  # every point in one place
    found = align(faces)
    assert np.array_equal(found.points[0], align(faces[0]).points)
    for values in (found.points, found.rotation, found.scale_px, head_pose(found.rotation)):
        assert np.isnan(values[1:]).all()
    assert align(np.empty((0, 478, 3))).points.shape == (0, 478, 3)
