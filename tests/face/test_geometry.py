import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.errors import ShapeError
from mien.face.geometry import to_pixels

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
