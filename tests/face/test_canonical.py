"""The canonical face is MediaPipe's mesh, in this package's axes."""

import numpy as np
import pytest

from mien.errors import ModelError
from mien.face.bundle import BUNDLE_PATH, open_bundle
from mien.face.canonical import IRIS_DIAMETER_CM, canonical_face, canonical_triangles
from mien.face.topology import CHIN, FOREHEAD, MIRROR, NOSE_TIP, PARTS, points_of_part


def test_its_axes_are_image_right_image_down_and_away_from_the_camera() -> None:
    face = canonical_face()
    assert face[263, 0] > 0 > face[33, 0]  # the person's left eye is at image right
    assert face[CHIN, 1] > face[NOSE_TIP, 1] > face[FOREHEAD, 1]
    assert face[:, 2].argmin() in (1, NOSE_TIP)  # the nose is nearest


def test_it_is_a_grown_persons_face_in_centimetres() -> None:
    width, height, depth = np.ptp(canonical_face(), axis=0)
    assert 12 < width < 18
    assert 15 < height < 20
    assert 7 < depth < 13


def test_its_halves_are_mirror_images() -> None:
    face = canonical_face()
    assert np.array_equal(face[MIRROR] * [-1, 1, 1], face)


def test_its_irises_lie_in_its_eyes() -> None:
    face = canonical_face()
    for side in ("left", "right"):
        rim = face[list(points_of_part(f"{side} iris")), :2]
        eye = face[list(points_of_part(f"{side} eye")), :2]
        np.testing.assert_allclose(np.ptp(rim, axis=0), IRIS_DIAMETER_CM, rtol=1e-5)
        assert eye[:, 0].min() < rim[:, 0].min() < rim[:, 0].max() < eye[:, 0].max()
        assert np.abs(rim.mean(axis=0) - eye.mean(axis=0)).max() < 0.2


def test_its_triangles_join_neighbours_and_leave_no_point_out() -> None:
    triangles = canonical_triangles()
    assert triangles.shape == (898, 3)
    assert set(triangles.ravel().tolist()) == set(range(468))
    corners = canonical_face()[triangles]
    edges = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2)
    assert edges.max() < 3


@pytest.mark.parametrize("part", ["face oval", "left eye", "right eye", "outer lips", "inner lips"])
def test_a_closed_part_runs_along_edges_of_the_mesh(part: str) -> None:
    triangles = canonical_triangles()
    pairs = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    edges = {frozenset(pair) for pair in pairs.tolist()}
    points = PARTS[part][0].points
    assert {frozenset(pair) for pair in zip(points, points[1:] + points[:1], strict=True)} <= edges


def test_nothing_can_change_it() -> None:
    with pytest.raises(ValueError, match="read-only"):
        canonical_face()[0] = 0


def test_an_altered_bundle_is_refused_and_a_missing_one_named(tmp_path) -> None:
    altered = tmp_path / "face_landmarker.task"
    with pytest.raises(ModelError, match="no landmark model at"):
        open_bundle(altered)
    altered.write_bytes(BUNDLE_PATH.read_bytes()[:-1] + b"\1")
    with pytest.raises(ModelError, match="SHA-256 .*wanted 64184e229b26"):
        open_bundle(altered)
