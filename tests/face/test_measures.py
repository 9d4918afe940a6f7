"""Gaze, openings and action units say what the face shows."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.face.blendshapes import BLENDSHAPE_NAMES, DEAD_BLENDSHAPES
from mien.face.features import FEATURE_SETS
from mien.face.geometry import align, template
from mien.face.measures import (
    ACTION_UNITS,
    GAZE_NAMES,
    OPENING_NAMES,
    action_units,
    gaze,
    openings,
)
from mien.tables import points_of

RIGHT_IRIS, LEFT_IRIS = slice(468, 473), slice(473, 478)


def named(values: np.ndarray, names: tuple[str, ...]) -> dict[str, float]:
    return dict(zip(names, values[0].tolist(), strict=True))


def with_irises_moved(*, x: float, y: float) -> np.ndarray:
    """The template, its irises shifted in its own units (the eyes' outer distance)."""
    face = template().astype(np.float32)[None].copy()
    face[:, 468:] += np.array([x, y, 0], np.float32)
    return face


@given(st.floats(-0.05, 0.05), st.floats(-0.05, 0.05))
def test_gaze_follows_the_irises_to_the_own_left_and_up(x: float, y: float) -> None:
    rest = named(gaze(with_irises_moved(x=0, y=0)), GAZE_NAMES)
    found = named(gaze(with_irises_moved(x=x, y=y)), GAZE_NAMES)
    width = np.linalg.norm(template()[33] - template()[133])
    assert found["gaze_left"] - rest["gaze_left"] == pytest.approx(2 * x / width, abs=0.02)
    assert found["gaze_up"] - rest["gaze_up"] == pytest.approx(-2 * y / width, abs=0.02)


def test_an_iris_at_the_corner_is_one_away() -> None:
    face = with_irises_moved(x=0, y=0)
    face[:, LEFT_IRIS] = face[:, 263]
    face[:, RIGHT_IRIS] = face[:, 33]
    found = named(gaze(face), GAZE_NAMES)
    assert found["left_eye_gaze_left"] == pytest.approx(1)
    assert found["right_eye_gaze_left"] == pytest.approx(-1)
    assert found["gaze_left"] == pytest.approx(0, abs=1e-6)
    assert found["gaze_up"] == pytest.approx(0, abs=1e-6)


def test_openings_measure_lids_lips_and_corners() -> None:
    face = template().astype(np.float32)[None].copy()
    before = named(openings(face), OPENING_NAMES)
    face[:, [13, 82, 312], 1] -= 0.05
    face[:, [385, 387]] = face[:, [380, 373]]  # the left eye's upper lid upon the lower one
    face[:, 61, 0] -= 0.1
    found = named(openings(face), OPENING_NAMES)
    assert found["mouth_opening"] == pytest.approx(before["mouth_opening"] + 0.05, abs=1e-6)
    assert found["mouth_width"] > before["mouth_width"] + 0.09
    assert found["left_eye_opening"] == 0
    assert found["right_eye_opening"] == before["right_eye_opening"] > 0.1


def test_measures_agree_with_the_blendshapes_of_the_same_movement(landmarks: pa.Table) -> None:
    points = points_of(landmarks)
    shapes = FEATURE_SETS["blendshapes"].compute(points, size_px=(480, 360))
    aligned = align(points * np.array([480, 360, 480], np.float32)).points
    found = np.concatenate([openings(aligned), gaze(aligned)], axis=1)
    names = (*OPENING_NAMES, *GAZE_NAMES)

    def correlation(measure: str, shape: str, other: str | None = None) -> float:
        values = shapes[:, BLENDSHAPE_NAMES.index(shape)]
        if other:
            values = values - shapes[:, BLENDSHAPE_NAMES.index(other)]
        return float(np.corrcoef(found[:, names.index(measure)], values)[0, 1])

    assert correlation("left_eye_opening", "eyeBlinkLeft") < -0.8
    assert correlation("right_eye_opening", "eyeBlinkRight") < -0.8
    assert correlation("mouth_opening", "jawOpen") > 0.7
    assert correlation("gaze_up", "eyeLookUpLeft", "eyeLookDownLeft") > 0.9
    # The actress looks ahead, so sideways there is little to agree on.
    assert correlation("left_eye_gaze_left", "eyeLookOutLeft", "eyeLookInLeft") > 0.4
    assert correlation("right_eye_gaze_left", "eyeLookInRight", "eyeLookOutRight") > 0.7


def test_an_action_unit_is_the_mean_of_its_blendshapes() -> None:
    shapes = np.random.default_rng(0).random((5, 52), np.float32)
    found = dict(zip(ACTION_UNITS, action_units(shapes).T, strict=True))
    left, right = (shapes[:, BLENDSHAPE_NAMES.index(f"mouthSmile{s}")] for s in ("Left", "Right"))
    np.testing.assert_allclose(found["au12_lip_corner_puller"], (left + right) / 2)
    np.testing.assert_array_equal(
        found["au01_inner_brow_raiser"], shapes[:, BLENDSHAPE_NAMES.index("browInnerUp")]
    )


def test_action_units_rest_on_living_blendshapes_of_both_sides() -> None:
    for name, shapes in ACTION_UNITS.items():
        assert not set(shapes) & set(DEAD_BLENDSHAPES), name
        swapped = {
            s.replace("Left", "?").replace("Right", "Left").replace("?", "Right") for s in shapes
        }
        assert swapped == set(shapes)


def test_no_face_has_no_measures() -> None:
    nothing = np.full((2, 478, 3), np.nan, np.float32)
    assert np.isnan(gaze(nothing)).all()
    assert np.isnan(openings(nothing)).all()
    assert np.isnan(action_units(np.full((2, 52), np.nan, np.float32))).all()
