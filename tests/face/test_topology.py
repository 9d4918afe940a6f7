import numpy as np
import pyarrow as pa
import pytest

from mien.face.canonical import canonical_face, canonical_triangles
from mien.face.topology import (
    CHIN,
    FOREHEAD,
    LEFT_IRIS_CENTER,
    MIRROR,
    NOSE_TIP,
    PARTS,
    REGIONS,
    RIGHT_IRIS_CENTER,
    STABLE,
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


def test_mirroring_a_point_twice_is_the_point() -> None:
    assert sorted(MIRROR.tolist()) == list(range(POINT_COUNT))
    assert np.array_equal(MIRROR[MIRROR], np.arange(POINT_COUNT))


def test_the_partner_of_a_point_is_where_the_canonical_mesh_mirrors_it() -> None:
    mesh = canonical_face()[:468]
    distance = np.linalg.norm(mesh[:, None] * [-1, 1, 1] - mesh[None], axis=2)
    assert np.array_equal(distance.argmin(axis=1), MIRROR[:468])
    alone = np.flatnonzero(np.arange(POINT_COUNT) == MIRROR)
    assert np.array_equal(np.flatnonzero(np.abs(mesh[:, 0]) < 1e-6), alone)


@pytest.mark.parametrize("part", ["eye", "eyebrow", "iris"])
def test_the_partners_of_a_left_part_are_the_right_part(part: str) -> None:
    left = points_of_part(f"left {part}")
    assert set(MIRROR[list(left)].tolist()) == set(points_of_part(f"right {part}"))


@pytest.mark.parametrize("part", ["face oval", "nose", "outer lips", "inner lips"])
def test_a_central_part_is_its_own_partner(part: str) -> None:
    points = points_of_part(part)
    assert set(MIRROR[list(points)].tolist()) == set(points)


def test_a_mirrored_iris_begins_at_its_center_and_goes_round_the_other_way(face) -> None:
    assert MIRROR[RIGHT_IRIS_CENTER] == LEFT_IRIS_CENTER
    rim = list(points_of_part("right iris"))
    own = face[rim, :2] - face[RIGHT_IRIS_CENTER, :2]
    partner = face[MIRROR[rim], :2] - face[LEFT_IRIS_CENTER, :2]
    own, partner = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (own, partner))
    assert (own * partner * [-1, 1]).sum(axis=1).min() > 0.9  # the cosine of what is between


def test_every_point_is_in_exactly_one_region() -> None:
    points = [point for region in REGIONS.values() for point in region]
    assert sorted(points) == list(range(POINT_COUNT))


def test_the_region_of_a_partner_is_the_partner_of_the_region() -> None:
    for name, points in REGIONS.items():
        partner = {"left": "right", "right": "left"}.get(name.split()[0])
        other = f"{partner} {name.split()[1]}" if partner else name
        assert set(MIRROR[list(points)].tolist()) == set(REGIONS[other])


@pytest.mark.parametrize(
    ("part", "region"),
    [
        ("left eye", "left eye"),
        ("left iris", "left eye"),
        ("right eyebrow", "right brow"),
        ("nose", "nose"),
        ("outer lips", "mouth"),
        ("inner lips", "mouth"),
    ],
)
def test_a_part_lies_in_the_region_of_its_name(part: str, region: str) -> None:
    assert set(points_of_part(part)) <= set(REGIONS[region])


def test_a_region_is_one_piece_of_the_mesh() -> None:
    triangles = canonical_triangles()
    pairs = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    for name, region in REGIONS.items():
        points = {point for point in region if point < 468}
        edges = [pair for pair in pairs.tolist() if set(pair) <= points]
        reached = {min(points)}
        while grown := {p for pair in edges if set(pair) & reached for p in pair} - reached:
            reached |= grown
        assert reached == points, name


def test_stable_points_are_symmetric_and_off_the_brows_the_mouth_and_the_jaw() -> None:
    assert len(set(STABLE)) == len(STABLE)
    assert set(MIRROR[list(STABLE)].tolist()) == set(STABLE)
    for name in ("left brow", "right brow", "mouth", "chin", "left jaw", "right jaw"):
        assert not set(STABLE) & set(REGIONS[name])
