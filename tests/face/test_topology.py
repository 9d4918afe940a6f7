import pyarrow as pa
import pytest

from mien.face.topology import (
    CHIN,
    FOREHEAD,
    LEFT_IRIS_CENTER,
    NOSE_TIP,
    PARTS,
    RIGHT_IRIS_CENTER,
    points_of_part,
)
from mien.tables import POINT_COUNT, points_of


def center(face, part):
    return face[list(points_of_part(part)), :2].mean(axis=0)


@pytest.fixture(scope="module")
def face(landmarks: pa.Table):
    """The first frame of the first clip: a frontal face, eyes open."""
    return points_of(landmarks.slice(0, 1))[0]


@pytest.mark.parametrize("name", PARTS)
def test_a_part_is_drawn_in_strokes_over_points_of_the_mesh(name: str) -> None:
    for contour in PARTS[name]:
        assert len(set(contour.points)) == len(contour.points) >= 2
        assert set(contour.points) <= set(range(POINT_COUNT))


def test_left_and_right_parts_share_no_point_and_have_as_many() -> None:
    for part in ("eye", "eyebrow", "iris"):
        left, right = points_of_part(f"left {part}"), points_of_part(f"right {part}")
        assert len(left) == len(right)
        assert not set(left) & set(right)


@pytest.mark.parametrize("part", ["eye", "eyebrow", "iris"])
def test_the_persons_left_lies_at_the_right_of_the_image(face, part: str) -> None:
    assert center(face, f"left {part}")[0] > center(face, f"right {part}")[0]


def test_the_parts_of_a_real_face_lie_from_the_brows_to_the_chin_in_order(face) -> None:
    rows = [face[FOREHEAD, 1]]
    rows += [center(face, part)[1] for part in ("left eyebrow", "left eye", "nose", "outer lips")]
    rows += [face[CHIN, 1]]
    assert rows == sorted(rows)
    assert center(face, "right eye")[0] < face[NOSE_TIP, 0] < center(face, "left eye")[0]


@pytest.mark.parametrize(
    ("iris", "middle"), [("left iris", LEFT_IRIS_CENTER), ("right iris", RIGHT_IRIS_CENTER)]
)
def test_an_iris_lies_around_its_center_and_between_its_lids(face, iris: str, middle: int) -> None:
    rim = face[list(points_of_part(iris)), :2]
    assert (rim.min(axis=0) < face[middle, :2]).all()
    assert (face[middle, :2] < rim.max(axis=0)).all()
    eye = face[list(points_of_part(iris.replace("iris", "eye"))), :2]
    assert (eye.min(axis=0) < face[middle, :2]).all()
    assert (face[middle, :2] < eye.max(axis=0)).all()


def test_the_face_oval_holds_every_other_part(face) -> None:
    oval = face[list(points_of_part("face oval")), :2]
    for name in PARTS:
        part = face[list(points_of_part(name)), :2]
        assert (part >= oval.min(axis=0)).all()
        assert (part <= oval.max(axis=0)).all()


def test_the_inner_lips_lie_within_the_outer_ones(face) -> None:
    inner, outer = (face[list(points_of_part(f"{which} lips")), :2] for which in ("inner", "outer"))
    assert (inner.min(axis=0) > outer.min(axis=0)).all()
    assert (inner.max(axis=0) < outer.max(axis=0)).all()
