"""Recipe seed is the reference's network, and a scikit-learn classifier."""

import numpy as np
import onnxruntime
import pytest
import torch
from sklearn.base import clone
from sklearn.metrics import accuracy_score
from sklearn.model_selection import cross_val_score
from sklearn.preprocessing import LabelEncoder

from mien.config import TrainSettings
from mien.emotion.contract import find_recipe
from mien.emotion.mlp import MlpClassifier, from_weights
from mien.errors import InputError


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    X = random.normal(size=(60, 12)).astype(np.float32)
    return X, np.where(X[:, 0] > 0, "Sad", np.where(X[:, 1] > 0, "Happy", "Angry"))


def as_the_reference_does(X: np.ndarray, y: np.ndarray, *, seed: int) -> tuple[np.ndarray, list]:
    """The reference's own lines: encoder, network, Adam, 20 epochs of one batch."""
    encoder = LabelEncoder()
    targets = torch.tensor(encoder.fit_transform(y), dtype=torch.long)
    inputs = torch.tensor(X, dtype=torch.float32)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = torch.nn.Sequential(
            torch.nn.Linear(X.shape[1], 256),
            torch.nn.ReLU(),
            torch.nn.Linear(256, len(encoder.classes_)),
        )
    criterion, losses = torch.nn.CrossEntropyLoss(), []
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    for _ in range(20):
        optimizer.zero_grad()
        loss = criterion(model(inputs), targets)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return torch.softmax(model(inputs), dim=1).detach().numpy(), losses


def test_the_seed_recipe_is_the_reference_to_the_last_bit(data) -> None:
    X, y = data
    model = find_recipe("seed").build(TrainSettings(seed=3), ["Angry", "Happy", "Sad"]).fit(X, y)
    expected, losses = as_the_reference_does(X, y, seed=3)
    np.testing.assert_array_equal(model.predict_proba(X), expected)
    assert model.loss_history_ == losses
    assert model.classes_.tolist() == ["Angry", "Happy", "Sad"]


def test_learning_from_some_rows_is_learning_from_a_copy_of_them(data) -> None:
    X, y = data
    rows = np.arange(0, 60, 2)
    some = MlpClassifier(hidden_units=8).fit(X, y, rows=rows)
    copied = MlpClassifier(hidden_units=8).fit(X[rows], y[rows])
    np.testing.assert_array_equal(some.predict_proba(X), copied.predict_proba(X))


def test_a_seed_gives_the_same_model_and_leaves_torch_s_random_state(data) -> None:
    X, y = data
    state = torch.get_rng_state()
    models = [MlpClassifier(hidden_units=8, seed=seed, epochs=2).fit(X, y) for seed in (1, 1, 2)]
    assert torch.equal(state, torch.get_rng_state())
    first, again, other = (model.predict_proba(X) for model in models)
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_it_is_a_scikit_learn_classifier(data) -> None:
    X, y = data
    model = MlpClassifier(hidden_units=16, epochs=100, learning_rate=0.01)
    assert clone(model).get_params() == model.get_params()
    assert cross_val_score(model, X, y, cv=3).mean() > 0.6
    assert model.fit(X, y).score(X, y) == accuracy_score(y, model.predict(X))


def test_a_label_missing_from_a_fold_keeps_its_place(data) -> None:
    X, y = data
    model = MlpClassifier(classes=("Angry", "Fear", "Happy", "Sad"), epochs=2).fit(X, y)
    assert model.classes_.tolist() == ["Angry", "Fear", "Happy", "Sad"]
    assert model.predict_proba(X).shape == (60, 4)
    with pytest.raises(InputError, match="'Happy' is not among the classes"):
        MlpClassifier(classes=("Angry", "Sad")).fit(X, y)


def test_weights_give_the_model_back(data) -> None:
    X, y = data
    model = MlpClassifier(hidden_units=8, epochs=2).fit(X, y)
    again = from_weights(model.weights(), labels=model.classes_.tolist())
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_deeper_networks_with_dropout_give_back_from_their_weights(data, tmp_path) -> None:
    X, y = data
    shape = dict(hidden_layers=2, dropout=0.5, hidden_units=8)
    model = MlpClassifier(epochs=3, batch_rows=16, standardise=True, **shape).fit(X, y)
    again = from_weights(model.weights(), labels=model.classes_.tolist(), **shape)
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    np.testing.assert_array_equal(
        model.predict_proba(X), model.predict_proba(X)
    )  # asked: no chance
    model.write_onnx(tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    np.testing.assert_allclose(
        session.run(None, {"features": X})[0], model.predict_proba(X), atol=1e-6
    )


def test_a_rare_label_is_answered_more_often_when_it_has_an_equal_say() -> None:
    random = np.random.default_rng(1)
    X = random.normal(size=(400, 4)).astype(np.float32)
    y = np.where(X[:, 0] + random.normal(size=400) > 1.8, "rare", "common")
    found = {
        kind: (MlpClassifier(class_weight=kind, epochs=40, batch_rows=32).fit(X, y).predict(X))
        for kind in (None, "sqrt", "balanced")
    }
    shares = [float((answers == "rare").mean()) for answers in found.values()]
    assert shares[0] < shares[1] < shares[2]
