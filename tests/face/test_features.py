"""Feature sets: named, versioned, unmoved by what is no expression, and honest about no face."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.errors import ModelError, ShapeError
from mien.face.blendshapes import BLENDSHAPE_NAMES
from mien.face.canonical import canonical_face
from mien.face.features import FEATURE_SETS, MOTION_POINTS, Faces, feature_set
from mien.face.geometry import align, mirror, to_pixels
from mien.face.topology import MIRROR
from mien.tables import points_of
from tests.face.faces import PLACES, POSES, SCALES, SEEDS, a_face, in_frame, moved

SIZE_PX = (640, 480)
WITH_BLENDSHAPES = (
    "blendshapes",
    "expression",
    "posed-expression",
    "motion-blendshapes",
    "action-units",
)
POSE_FREE = ("pose-free", "motion", "gaze", "openings")
SETS = pytest.mark.parametrize("name", FEATURE_SETS)


def stored(*faces: np.ndarray) -> np.ndarray:
    """Faces of pixels as a table has them."""
    return np.stack([in_frame(face, width_px=640, height_px=480) for face in faces])


def a_face_in_frame(*, seed: int = 0) -> np.ndarray:
    return moved(
        a_face(seed=seed, noise_cm=0.1), pose=(0.2, -0.1, 0.1), scale=18, place=(320, 240, 0)
    )


@SETS
def test_a_set_says_what_it_holds(name: str) -> None:
    found = FEATURE_SETS[name]
    values = found.compute(stored(a_face_in_frame()), size_px=SIZE_PX)
    assert found.name == name
    assert values.shape == (1, found.value_count) == (1, len(found.names))
    assert values.dtype == np.float32
    assert len(set(found.names)) == len(found.names)
    assert np.isfinite(values).all()


def test_sets_have_the_values_that_models_count_on() -> None:
    counts = {name: found.value_count for name, found in FEATURE_SETS.items()}
    assert counts["raw-points"] == counts["pose-free"] == 1434
    assert counts["blendshapes"] == 52
    assert counts["expression"] == 1434 + 52
    assert counts["motion"] == 2 * len(MOTION_POINTS) == 160
    assert counts["motion-blendshapes"] == 160 + 52
    assert FEATURE_SETS["pose"].names == ("yaw_rad", "pitch_rad", "roll_rad")


def test_two_sets_share_a_name_only_for_the_same_value() -> None:
    faces = Faces(stored(a_face_in_frame()), size_px=SIZE_PX)
    seen: dict[str, float] = {}
    for found in FEATURE_SETS.values():
        for name, value in zip(found.names, found.values(faces)[0].tolist(), strict=True):
            assert seen.setdefault(name, value) == value, name


@pytest.mark.parametrize("name", POSE_FREE)
@given(SEEDS, POSES, SCALES, PLACES)
def test_a_rotated_face_has_the_same_features(
    name: str, seed: int, pose: tuple, scale: float, place: tuple
) -> None:
    face = a_face(seed=seed, noise_cm=0.1)
    points = stored(face, moved(face, pose=pose, scale=scale, place=place))
    before, after = FEATURE_SETS[name].compute(points, size_px=SIZE_PX)
    assert np.abs(after - before).max() < 1e-4


@SETS
@given(SEEDS)
@settings(max_examples=20)
def test_float32_and_float64_have_the_same_features(name: str, seed: int) -> None:
    points = stored(a_face_in_frame(seed=seed))
    wide, narrow = (
        FEATURE_SETS[name].compute(points.astype(kind), size_px=SIZE_PX)
        for kind in (np.float64, np.float32)
    )
    # Points rounded to 1e-7 of the frame; the blendshape model is steep in places.
    assert np.abs(wide - narrow).max() < (1e-3 if name in WITH_BLENDSHAPES else 1e-5)


@SETS
@given(st.integers(0, 5))
@settings(max_examples=6)
def test_no_face_has_no_features_and_leaves_the_others_alone(name: str, absent: int) -> None:
    points = stored(*(a_face_in_frame(seed=n) for n in range(6)))
    whole = FEATURE_SETS[name].compute(points, size_px=SIZE_PX)
    points[absent] = np.nan
    found = FEATURE_SETS[name].compute(points, size_px=SIZE_PX)
    assert np.isnan(found[absent]).all()
    others = np.arange(6) != absent
    assert np.array_equal(found[others], whole[others])


@SETS
def test_a_frame_has_the_same_features_live_as_in_a_batch(name: str) -> None:
    points = stored(*(a_face_in_frame(seed=n) for n in range(5))).astype(np.float32)
    together = FEATURE_SETS[name].compute(points, size_px=SIZE_PX)
    for number in range(5):
        alone = FEATURE_SETS[name].compute(points[number : number + 1], size_px=SIZE_PX)
        assert np.array_equal(alone[0], together[number])


@SETS
def test_nothing_to_compute_gives_no_rows(name: str) -> None:
    found = FEATURE_SETS[name]
    empty = found.compute(np.empty((0, 478, 3), np.float32), size_px=SIZE_PX)
    assert empty.shape == (0, found.value_count)


@SETS
@given(SEEDS)
@settings(max_examples=20)
def test_mirroring_features_twice_gives_the_same_features(name: str, seed: int) -> None:
    found = FEATURE_SETS[name]
    values = np.random.default_rng(seed).random((3, found.value_count), np.float32)
    np.testing.assert_allclose(found.mirror(found.mirror(values)), values, atol=1e-7)


@pytest.mark.parametrize("name", ["raw-points", "pose", *POSE_FREE])
@given(SEEDS)
@settings(max_examples=30)
def test_a_mirrored_face_has_mirrored_features(name: str, seed: int) -> None:
    points = stored(a_face_in_frame(seed=seed))
    found = FEATURE_SETS[name]
    seen = found.compute(mirror(points), size_px=SIZE_PX)
    expected = found.mirror(found.compute(points, size_px=SIZE_PX))
    assert np.abs(seen - expected).max() < 1e-5


@pytest.mark.parametrize("name", WITH_BLENDSHAPES)
def test_a_mirrored_real_face_has_nearly_mirrored_blendshapes(
    name: str, landmarks: pa.Table
) -> None:
    """MediaPipe's model is not symmetric: on 9,574 photographs the mean is .022."""
    points = points_of(landmarks)[::5]
    found = FEATURE_SETS[name]
    seen = found.compute(mirror(points), size_px=(480, 360))
    difference = np.abs(seen - found.mirror(found.compute(points, size_px=(480, 360))))
    shapes = difference[:, [n not in FEATURE_SETS["pose-free"].names for n in found.names]]
    assert shapes.mean() < 0.04  # measured .018 on these clips


def test_left_becomes_right_in_the_mirror() -> None:
    found = FEATURE_SETS["blendshapes"]
    values = np.zeros((1, 52), np.float32)
    values[0, BLENDSHAPE_NAMES.index("mouthSmileLeft")] = 1
    mirrored = found.mirror(values)[0]
    assert mirrored[BLENDSHAPE_NAMES.index("mouthSmileRight")] == 1
    assert mirrored.sum() == 1


def test_the_size_of_each_frame_counts() -> None:
    face = a_face_in_frame()
    points = np.stack(
        [in_frame(face, width_px=w, height_px=h) for w, h in ((640, 480), (1280, 720))]
    )
    found = FEATURE_SETS["pose-free"]
    right = found.compute(points, size_px=[(640, 480), (1280, 720)])
    np.testing.assert_allclose(right[0], right[1], atol=1e-5)
    wrong = found.compute(points, size_px=(640, 480))
    assert np.abs(wrong[0] - wrong[1]).max() > 0.05


def test_raw_points_are_the_table_s_own_values_and_know_no_size() -> None:
    points = stored(a_face_in_frame()).astype(np.float32)
    for size_px in ((1, 1), (1920, 1080)):
        found = FEATURE_SETS["raw-points"].compute(points, size_px=size_px)
        assert np.array_equal(found, points.reshape(1, -1))


def test_motion_points_are_symmetric_and_each_there_once() -> None:
    assert len(set(MOTION_POINTS)) == len(MOTION_POINTS)
    assert set(MIRROR[list(MOTION_POINTS)].tolist()) == set(MOTION_POINTS)


def test_what_several_sets_need_is_computed_once(landmarks: pa.Table) -> None:
    faces = Faces(points_of(landmarks.slice(0, 4)), size_px=(480, 360))
    assert faces.blendshapes is faces.blendshapes
    pixels = to_pixels(faces.points, width_px=480, height_px=360)
    assert np.array_equal(faces.aligned.points, align(pixels).points)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"got \(2, 468, 3\).*mien extract"):
        Faces(np.zeros((2, 468, 3)), size_px=SIZE_PX)
    with pytest.raises(ShapeError, match=r"size_px must be \(2,\) or \(2, 2\).*got \(3, 2\)"):
        Faces(np.zeros((2, 478, 3)), size_px=np.ones((3, 2)))


def test_a_model_for_other_features_is_refused() -> None:
    assert feature_set("pose-free", version=1) is FEATURE_SETS["pose-free"]
    with pytest.raises(ModelError, match="wants features 'gait'; this mien has raw-points, pose-"):
        feature_set("gait", version=1)
    with pytest.raises(ModelError, match="version 9; this mien has version 1: train it again"):
        feature_set("pose-free", version=9)


# Of one face: the version, then mean, deviation and a mean weighted by place, over the values.
PINNED = {
    "raw-points": (1, 0.3156, 0.3199, 0.00003),
    "pose-free": (1, 0.0862, 0.4053, -0.00125),
    "blendshapes": (1, 0.0850, 0.1568, 0.01213),
    "expression": (1, 0.0861, 0.3992, -0.00105),
    "posed-points": (1, 0.0861, 0.4049, 0.00180),
    "posed-expression": (1, 0.0861, 0.3988, 0.00153),
    "motion": (1, 0.1523, 0.4315, 0.00509),
    "motion-blendshapes": (1, 0.1358, 0.3839, 0.00109),
    "pose": (1, 0.0667, 0.1247, 0.03479),
    "gaze": (1, 0.0018, 0.0018, -0.00007),
    "openings": (1, 0.2706, 0.1773, -0.05295),
    "action-units": (1, 0.0808, 0.1227, -0.03362),
}


@SETS
def test_other_values_need_another_version(name: str) -> None:
    """A model folder names its feature set and version: under them, values never change."""
    turned = moved(canonical_face(), pose=(0.2, -0.1, 0.1), scale=18, place=(320, 240, 0))
    values = FEATURE_SETS[name].compute(stored(turned), size_px=SIZE_PX)[0].astype(np.float64)
    found = (values.mean(), values.std(), (values * np.cos(np.arange(len(values)))).mean())
    version, *expected = PINNED[name]
    assert FEATURE_SETS[name].version == version
    np.testing.assert_allclose(found, expected, atol=2e-4 if name in WITH_BLENDSHAPES else 6e-5)
