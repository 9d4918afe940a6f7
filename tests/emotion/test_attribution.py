"""What moved an answer: laws of both methods, and that they find where the label lies."""

import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.emotion.attribution import (
    by_area,
    by_point,
    integrated_gradients,
    occlusion,
    painted,
    reference_of,
    replaced,
)
from mien.emotion.mlp import MlpClassifier
from mien.emotion.movements import AREAS, WHOLE_FACE, columns_by_area
from mien.emotion.sequence_classifier import ClipClassifier
from mien.errors import InputError, MissingExtraError, ShapeError
from mien.face.features import FEATURE_SETS
from tests.emotion.telling import SIZE_PX, telling_faces

SEEDS = st.integers(0, 2**32 - 1)
METHODS = ("occlusion", "integrated gradients")


def importances(method: str, model, values: np.ndarray, names, reference: np.ndarray) -> dict:
    """Area -> mean nats for the model's own answers."""
    columns, targets = columns_by_area(names), model.predict_proba(values).argmax(axis=1)
    given = dict(reference=reference, targets=targets)
    if method == "occlusion":
        found = occlusion(model.predict_proba, values, columns=columns, **given)
    else:
        found = by_area(integrated_gradients(model.network_, values, **given).values, columns)
    return dict(zip(columns, found.mean(axis=0), strict=True))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("area", ["mouth", "brows", "jaw"])
def test_the_area_where_the_label_lies_is_found(area: str, method: str) -> None:
    features = FEATURE_SETS["pose-free"]
    points, labels, _, _ = telling_faces(area)
    values = features.compute(points, size_px=SIZE_PX)
    model = MlpClassifier(
        hidden_units=16, epochs=60, learning_rate=0.003, batch_rows=32, standardise=True
    )
    model.fit(values, labels)
    assert (model.predict(values) == labels).mean() > 0.95
    reference = reference_of(values, groups=labels.tolist())
    found = importances(method, model, values, features.names, reference)
    others = [nats for name, nats in found.items() if name != area]
    assert found[area] > 2 * max(others), found


@pytest.mark.parametrize("method", METHODS)
def test_of_clips_the_area_that_moves_is_found(method: str) -> None:
    features = FEATURE_SETS["motion"]
    points, labels, _, clip_of = telling_faces("mouth", people=9, frames=6)
    values = features.compute(points, size_px=SIZE_PX)
    clips = values.reshape(clip_of.max() + 1, 6, -1).copy()
    clips[:, 4] = np.nan  # a frame without a face, in every clip
    model = ClipClassifier(width=32, depth=1, epochs=12, batch_clips=12).fit(clips, labels[::6])
    assert (model.predict(clips) == labels[::6]).mean() > 0.95
    reference = reference_of(values)
    found = importances(method, model, clips[:8], features.names, reference)
    others = [nats for name, nats in found.items() if name != "mouth"]
    assert found["mouth"] > 2 * max(others), found


def a_network(seed: int, *, values: int = 12, classes: int = 3) -> torch.nn.Module:
    generator = torch.Generator().manual_seed(seed)
    network = torch.nn.Sequential(
        torch.nn.Linear(values, 8), torch.nn.Tanh(), torch.nn.Linear(8, classes)
    )
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(0, 0.7, generator=generator)
    return network


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_integrated_gradients_share_out_the_whole_difference(seed: int) -> None:
    random = np.random.default_rng(seed)
    network, values = a_network(seed), random.normal(size=(5, 12)).astype(np.float32)
    reference = random.normal(size=12).astype(np.float32)
    targets = random.integers(3, size=5)
    found = integrated_gradients(network, values, reference=reference, targets=targets)
    with torch.no_grad():
        scores = [torch.log_softmax(network(torch.from_numpy(v)), dim=-1).numpy()
                  for v in (values, reference)]  # fmt: skip
    difference = scores[0][np.arange(5), targets] - scores[1][targets]
    np.testing.assert_allclose(found.values.sum(axis=1), difference, atol=2e-3)
    np.testing.assert_allclose(found.difference, difference, atol=1e-5)
    np.testing.assert_allclose(found.unexplained, 0, atol=2e-3)


def test_integrated_gradients_of_a_clip_share_out_its_difference() -> None:
    random = np.random.default_rng(0)
    clips = random.normal(size=(6, 9, 10)).astype(np.float32)
    clips[0, 3:5] = np.nan
    clips[1, 6:] = np.nan
    labels = np.array(["a", "b"] * 3)
    model = ClipClassifier(width=32, depth=1, epochs=2).fit(clips, labels)
    reference = reference_of(clips.reshape(-1, 10))
    targets = np.zeros(6, np.int64)
    found = integrated_gradients(model.network_, clips, reference=reference, targets=targets)
    replaced_all = replaced(clips, np.arange(10), reference)
    gap = np.log(model.predict_proba(clips)[:, 0]) - np.log(model.predict_proba(replaced_all)[:, 0])
    np.testing.assert_allclose(found.values.sum(axis=1), gap, atol=5e-3)
    assert np.abs(gap).max() > 0.05


def test_more_steps_leave_less_unexplained() -> None:
    random = np.random.default_rng(3)
    values, reference = random.normal(size=(40, 12)).astype(np.float32) * 4, np.zeros(12, "f4")
    targets = np.zeros(40, np.int64)
    left = [
        np.abs(
            integrated_gradients(
                a_network(3), values, reference=reference, targets=targets, steps=steps
            ).unexplained
        ).mean()
        for steps in (4, 64)
    ]
    assert left[1] < left[0] / 4


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.sampled_from(["expression", "motion-blendshapes", "raw-points"]))
def test_points_and_the_whole_face_add_up_to_areas(seed: int, name: str) -> None:
    names = FEATURE_SETS[name].names
    columns = columns_by_area(names)
    parts = np.random.default_rng(seed).normal(size=(3, len(names)))
    areas, points = by_area(parts, columns), by_point(parts, names)
    for place, area in enumerate(columns):
        if area != WHOLE_FACE:
            own = points[:, list(AREAS[area])].sum(axis=1)
            np.testing.assert_allclose(own, areas[:, place], atol=1e-9)
    np.testing.assert_allclose(areas.sum(axis=1), parts.sum(axis=1), atol=1e-9)


def test_an_area_that_the_model_does_not_read_moves_nothing() -> None:
    def answer(values: np.ndarray) -> np.ndarray:
        share = 1 / (1 + np.exp(-values[:, 0]))
        return np.stack([share, 1 - share], axis=1)

    values = np.array([[2.0, 5.0], [-1.0, 3.0]], np.float32)
    columns = {"mouth": np.array([0]), "brows": np.array([1])}
    targets = np.array([0, 0])
    found = occlusion(answer, values, columns=columns, reference=np.zeros(2, "f4"), targets=targets)
    assert found[:, 1].tolist() == [0, 0]
    np.testing.assert_allclose(found[:, 0], np.log(answer(values)[:, 0] / 0.5), atol=1e-6)
    assert found[0, 0] > 0 > found[1, 0]  # the second face speaks against the class


def test_a_face_that_is_the_reference_has_nothing_to_explain() -> None:
    network, reference = a_network(1), np.random.default_rng(1).normal(size=12).astype(np.float32)
    targets = np.array([1])
    parts = integrated_gradients(network, reference[None], reference=reference, targets=targets)
    assert not parts.values.any()
    assert parts.difference == pytest.approx(0, abs=1e-6)


def test_a_frame_without_a_face_stays_without_when_an_area_is_replaced() -> None:
    clips = np.ones((1, 3, 4), np.float32)
    clips[0, 1] = np.nan
    found = replaced(clips, np.array([2]), np.full(4, 7, np.float32))
    assert np.isnan(found[0, 1]).all()
    assert found[0, [0, 2]].tolist() == [[1, 1, 7, 1]] * 2
    assert clips[0, 0].tolist() == [1, 1, 1, 1]


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.integers(1, 20))
def test_how_often_a_label_occurs_does_not_move_the_reference(seed: int, times: int) -> None:
    values = np.random.default_rng(seed).normal(size=(6, 4)).astype(np.float32)
    labels = ["Sad", "Sad", "Happy", "Happy", "Happy", "Fear"]
    often = np.concatenate([values, *[values[:2]] * times])
    more = labels + ["Sad", "Sad"] * times
    np.testing.assert_allclose(
        reference_of(often, groups=more), reference_of(values, groups=labels), atol=1e-6
    )


def test_a_table_without_labels_has_the_plain_mean_for_a_reference() -> None:
    values = np.array([[1.0], [3.0], [np.nan]], np.float32)
    assert reference_of(values).tolist() == [2.0]
    assert reference_of(values, groups=[None, None, None]).tolist() == [2.0]
    assert reference_of(values, groups=["Sad", None, None]).tolist() == [1.0]
    with pytest.raises(InputError, match="no frame has a face"):
        reference_of(values[2:])


def test_painting_gives_each_point_the_value_of_its_area() -> None:
    heat = painted(np.array([3.0, 1.0, 9.0]), ["mouth", "brows", WHOLE_FACE])
    assert set(heat[list(AREAS["mouth"])]) == {3.0}
    assert set(heat[list(AREAS["brows"])]) == {1.0}
    assert heat.sum() == 3 * len(AREAS["mouth"]) + len(AREAS["brows"])


def test_arrays_that_do_not_belong_together_are_refused() -> None:
    values, reference = np.zeros((2, 4), np.float32), np.zeros(3, np.float32)
    with pytest.raises(ShapeError, match=r"\(2, 4\), reference \(3,\) and targets \(2,\) do not"):
        integrated_gradients(a_network(0), values, reference=reference, targets=np.zeros(2, int))


def test_a_clip_without_any_face_has_no_gradients() -> None:
    values = np.full((1, 12), np.nan, np.float32)
    with pytest.raises(InputError, match="has no face.*leave it out"):
        integrated_gradients(
            a_network(0), values, reference=np.zeros(12, "f4"), targets=np.zeros(1, int)
        )


def test_without_captum_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "captum", None)
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(MissingExtraError, match=r"needs captum.*pip install 'mien\[train\]'"):
        integrated_gradients(
            a_network(0), np.zeros((1, 12), "f4"), reference=np.zeros(12, "f4"),
            targets=np.zeros(1, int),
        )  # fmt: skip
