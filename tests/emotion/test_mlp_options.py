"""What recipe mlp adds to the reference: scaling, early stopping, precision, rows on disk."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mien.emotion import devices, mlp
from mien.emotion.frames import FeatureRows
from mien.emotion.mlp import MlpClassifier
from mien.emotion.targets import set_aside
from mien.face.features import FEATURE_SETS
from tests.emotion.fits import ninety_rows


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    return ninety_rows()


def test_early_stopping_keeps_the_best_epoch_and_learns_from_nobody_set_aside(data) -> None:
    X, y = data
    noise = np.random.default_rng(2).permutation(y)  # nothing to learn: the loss soon rises
    people = np.array([f"p{row // 10}" for row in range(90)])
    model = MlpClassifier(
        hidden_units=64, epochs=200, learning_rate=0.05, batch_rows=8, patience=4
    ).fit(X, noise, groups=people)
    assert 5 <= len(model.loss_history_) < 200
    learnt, checked = set_aside(np.arange(90), noise, people, seed=0)
    assert not set(people[learnt]) & set(people[checked])
    assert len(learnt) + len(checked) == 90
    best_epoch = len(model.loss_history_) - 4
    same = MlpClassifier(hidden_units=64, epochs=best_epoch, learning_rate=0.05, batch_rows=8)
    same.fit(X, noise, rows=learnt)
    np.testing.assert_array_equal(model.predict_proba(X), same.predict_proba(X))


def test_a_data_frame_is_an_array(data) -> None:
    X, y = data
    frame = pd.DataFrame(X)
    model = MlpClassifier(hidden_units=4, epochs=2).fit(frame, y)
    np.testing.assert_array_equal(model.predict_proba(frame), model.predict_proba(X))


def test_standardising_is_folded_into_the_weights(data) -> None:
    X, y = data
    shifted = (X * np.linspace(0.1, 10, 12) + 1).astype(np.float32)
    options = dict(hidden_units=8, epochs=30, batch_rows=16, standardise=True, learning_rate=0.01)
    plain, moved = (MlpClassifier(**options).fit(values, y) for values in (X, shifted))
    np.testing.assert_allclose(plain.predict_proba(X), moved.predict_proba(shifted), atol=2e-3)
    assert plain.score(X, y) > 0.8


def test_rows_come_from_a_matrix_on_disk_as_from_memory(tmp_path: Path) -> None:
    points = np.random.default_rng(0).random((50, 1434)).astype(np.float32)
    points.tofile(tmp_path / "points.f32")
    mapped = np.memmap(tmp_path / "points.f32", np.float32, "r", shape=points.shape)
    rows = np.array([3, 4, 9, 30, 31, 40, 41, 42])
    X = FeatureRows(mapped, rows=rows, features=FEATURE_SETS["raw-points"])
    y = np.array(["a", "b"] * 4)
    assert len(X) == 8
    np.testing.assert_array_equal(np.asarray(X), points[rows])
    np.testing.assert_array_equal(X.some(np.array([5, 0]))[:], points[[40, 3]])
    some = np.array([6, 0, 2, 5])
    model = MlpClassifier(hidden_units=4, epochs=3).fit(X, y, rows=some)
    again = MlpClassifier(hidden_units=4, epochs=3).fit(points[rows], y, rows=some)
    np.testing.assert_array_equal(model.predict_proba(X), again.predict_proba(points[rows]))


def test_bfloat16_learns_the_same_thing(data) -> None:
    X, y = data
    options = dict(hidden_units=32, epochs=60, learning_rate=0.01)
    exact = MlpClassifier(**options).fit(X, y)
    rough = MlpClassifier(precision="bfloat16", **options).fit(X, y)
    assert rough.loss_history_ != exact.loss_history_
    assert rough.weights()["0.weight"].dtype == np.float32
    np.testing.assert_allclose(rough.predict_proba(X), exact.predict_proba(X), atol=0.1)


def test_auto_precision_is_exact_in_one_batch_and_the_processor_s_in_small_ones(
    monkeypatch,
) -> None:
    for is_there in (False, True):
        monkeypatch.setattr(mlp, "has_bfloat16", lambda device, there=is_there: there)
        assert not MlpClassifier(precision="auto")._plan(None).bfloat16
        assert MlpClassifier(precision="auto", batch_rows=8)._plan(None).bfloat16 == is_there
        assert not MlpClassifier(precision="float32", batch_rows=8)._plan(None).bfloat16
    assert devices.has_bfloat16("cpu") in (False, True)
