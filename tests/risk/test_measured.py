"""From a table's points to what is kept of a face."""

import numpy as np
import pyarrow as pa
import pytest

from mien.errors import ShapeError
from mien.face.features import Faces
from mien.face.geometry import head_pose
from mien.risk.action_units import REGIONS, UNITS, action_units
from mien.risk.measured import REGION_VALUES, STEADY_POINTS, faces_of
from mien.tables import points_of

SIZE_PX = (480, 360)


@pytest.fixture(scope="module")
def points(landmarks: pa.Table) -> np.ndarray:
    some = points_of(landmarks)[::9].copy()
    some[3] = np.nan
    return some


def test_a_frame_is_measured_the_same_in_whichever_batch(points: np.ndarray) -> None:
    together = faces_of(points, size_px=SIZE_PX)
    for size in (1, 2, 7):
        apart = [
            face
            for begin in range(0, len(points), size)
            for face in faces_of(points[begin : begin + size], size_px=SIZE_PX)
        ]
        assert apart == together


def test_what_is_kept_is_what_the_face_module_measures(points: np.ndarray) -> None:
    faces = Faces(points, size_px=SIZE_PX)
    pose_deg, units = np.degrees(head_pose(faces.aligned.rotation)), action_units(faces)
    for face, pose, unit in zip(faces_of(points, size_px=SIZE_PX), pose_deg, units, strict=True):
        if face is None:
            assert np.isnan(pose).all()
            continue
        assert (face.yaw_deg, face.pitch_deg, face.roll_deg) == pytest.approx(pose, abs=1e-5)
        assert face.action_units == pytest.approx(unit, abs=1e-5)
        assert len(face.action_units) == len(UNITS)


def test_a_frame_without_a_face_is_none_never_zeros(points: np.ndarray) -> None:
    assert [face is None for face in faces_of(points[:5], size_px=SIZE_PX)] == [
        *(False, False, False, True, False)
    ]
    absent = faces_of(points[:3], size_px=SIZE_PX, presence=[1, 0, 0.5])
    assert [face is None for face in absent] == [False, True, False]
    half = points[:1].copy()
    half[0, STEADY_POINTS[0]] = np.nan
    assert faces_of(half, size_px=SIZE_PX) == [None]
    assert faces_of(points[:0], size_px=SIZE_PX) == []


def test_the_posterior_is_kept_where_there_is_one(points: np.ndarray) -> None:
    faces = faces_of(points[:3], size_px=SIZE_PX, negative=[0.25, np.nan, 1.0])
    assert [face.negative if face else "no face" for face in faces] == [0.25, None, 1.0]
    assert all(f is None or f.negative is None for f in faces_of(points[:3], size_px=SIZE_PX))


def test_no_face_can_be_drawn_from_what_is_kept(points: np.ndarray) -> None:
    face = faces_of(points[:1], size_px=SIZE_PX)[0]
    assert face is not None
    assert len(face.points) == REGION_VALUES + 2 * len(STEADY_POINTS) == 2 * (len(REGIONS) + 8)


def test_a_region_that_moves_is_the_one_that_is_kept_elsewhere(points: np.ndarray) -> None:
    lowered = points[:1].copy()
    brow = [46, 52, 53, 55, 63, 65, 66, 70, 105, 107]  # the person's right
    lowered[0, brow, 1] += 0.02
    before, after = (faces_of(each, size_px=SIZE_PX)[0] for each in (points[:1], lowered))
    assert before is not None and after is not None
    moved = np.abs(np.subtract(after.points, before.points))[:REGION_VALUES]
    heights = dict(zip(REGIONS, moved.reshape(-1, 2)[:, 1], strict=True))
    assert max(heights, key=lambda name: heights[name]) == "right brow"


def test_columns_of_another_length_are_refused(points: np.ndarray) -> None:
    with pytest.raises(ShapeError, match=r"negative must be \(2,\).*got \(3,\)"):
        faces_of(points[:2], size_px=SIZE_PX, negative=[0.1, 0.2, 0.3])
    with pytest.raises(ShapeError, match="478"):
        faces_of(points[:2, :468], size_px=SIZE_PX)
