"""Every recipe keeps one contract, whatever it is inside."""

from pathlib import Path
from typing import get_args

import numpy as np
import onnxruntime
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_predict

from mien.config import RecipeName, TrainSettings
from mien.emotion.contract import RECIPES, Recipe, find_recipe
from mien.errors import InputError

LABELS = ["Angry", "Happy", "Sad"]
RARE = [*LABELS, "Surprise"]  # the last is never learnt


def settings_of(recipe: Recipe, **more: object) -> TrainSettings:
    quick = {"epochs": 2, "hidden_units": 32}
    taken = {name: value for name, value in quick.items() if name in recipe.takes}
    return TrainSettings(recipe=recipe.name, **taken, **more)


def data_of(recipe: Recipe, *, count: int = 36) -> tuple[np.ndarray, np.ndarray]:
    """Values whose size tells the label, as rows or as clips of 3 to 8 frames."""
    random = np.random.default_rng(0)
    y = np.array(LABELS)[np.arange(count) % 3]
    shape = (count, recipe.features.value_count)
    if recipe.unit == "clip":
        shape = (count, 8, recipe.features.value_count)
    X = random.uniform(0, 0.1, shape).astype(np.float32)
    X += 0.3 * (np.arange(count) % 3).reshape(-1, *(1,) * (len(shape) - 1)).astype(np.float32)
    if recipe.unit == "clip":
        for clip, length in enumerate(random.integers(3, 9, count)):
            X[clip, length:] = np.nan
        X[:, 1] = np.where(random.random((count, 1)) < 0.3, np.nan, X[:, 1])
    return X, y


@pytest.fixture(scope="module", params=RECIPES)
def fitted(request: pytest.FixtureRequest):
    recipe = RECIPES[request.param]
    X, y = data_of(recipe)
    return recipe, X, y, recipe.build(settings_of(recipe), RARE).fit(X, y)


def test_every_name_of_the_settings_is_a_recipe_and_none_is_missing() -> None:
    assert set(get_args(RecipeName)) == set(RECIPES)


def test_an_unknown_recipe_is_named_with_those_there_are() -> None:
    with pytest.raises(InputError, match="no recipe 'sed': mien has majority, facs, seed"):
        find_recipe("sed")


def test_probabilities_sum_to_one_in_the_order_of_the_labels(fitted) -> None:
    _, X, _, model = fitted
    found = model.predict_proba(X)
    assert model.classes_.tolist() == RARE
    assert found.shape == (len(X), 4)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    assert (found >= 0).all()
    assert found.dtype == np.float32
    np.testing.assert_array_equal(model.predict(X), model.classes_[found.argmax(axis=1)])


@pytest.mark.parametrize("name", ["majority", "logistic", "svm", "blend", "kernel"])
def test_a_label_that_was_never_learnt_does_not_win(name: str) -> None:
    X, y = data_of(RECIPES[name])
    model = RECIPES[name].build(settings_of(RECIPES[name]), RARE).fit(X, y)
    assert not (model.predict(X) == "Surprise").any()


def test_weights_give_the_model_back_to_the_bit(fitted) -> None:
    recipe, X, _, model = fitted
    again = recipe.restore(model.weights(), settings_of(recipe), RARE)
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_the_graph_answers_as_the_model(fitted, tmp_path: Path) -> None:
    _, X, _, model = fitted
    model.write_onnx(tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    found = session.run(["probabilities"], {"features": X[:7]})[0]
    np.testing.assert_allclose(found, model.predict_proba(X[:7]), atol=2e-5)
    assert str(tmp_path) not in (tmp_path / "model.onnx").read_bytes().decode("latin-1")


def test_a_clone_has_the_same_parameters_and_a_seed_the_same_answers(fitted) -> None:
    recipe, X, y, model = fitted
    twin = clone(model)
    assert twin.get_params().keys() == model.get_params().keys()
    np.testing.assert_array_equal(twin.fit(X, y).predict_proba(X), model.predict_proba(X))


def test_it_is_cross_validated_as_any_classifier_of_scikit_learn(fitted) -> None:
    recipe, X, y, _ = fitted
    model = recipe.build(settings_of(recipe), LABELS)
    assert set(cross_val_predict(model, X, y, cv=2)) <= set(LABELS)


def test_some_rows_are_learnt_from_as_a_copy_of_them(fitted) -> None:
    recipe, X, y, _ = fitted
    rows = np.arange(0, len(y), 2)
    some = recipe.build(settings_of(recipe), LABELS).fit(X, y, rows=rows)
    copied = recipe.build(settings_of(recipe), LABELS).fit(X[rows], y[rows])
    np.testing.assert_allclose(some.predict_proba(X), copied.predict_proba(X), atol=1e-5)


def test_a_setting_that_a_recipe_does_not_have_is_refused_not_ignored() -> None:
    for name, setting in (("svm", "epochs"), ("facs", "hidden_units"), ("seed", "batch_rows")):
        with pytest.raises(InputError, match=f"recipe {name} has no {setting}: leave it out"):
            find_recipe(name).build(TrainSettings(recipe=name, **{setting: 3}), LABELS)
    with pytest.raises(InputError, match="recipe mlp has no causal"):
        find_recipe("mlp").build(TrainSettings(recipe="mlp", causal=True), LABELS)


def test_class_weight_is_the_recipe_s_own_unless_it_is_asked_for() -> None:
    def built(name: str, asked: str) -> object:
        settings = TrainSettings(recipe=name, class_weight=asked)
        return find_recipe(name).build(settings, LABELS).get_params()["class_weight"]

    assert built("logistic", "auto") == "balanced"
    assert built("logistic", "none") is None
    assert built("mlp", "balanced") == "balanced"


def test_a_recipe_is_built_with_the_settings_that_were_asked_for() -> None:
    asked = dict(patience=3, device="cpu", precision="bfloat16", hidden_units=7, seed=5, epochs=9)
    for name, batch_rows in (("seed", None), ("mlp", 33)):
        settings = TrainSettings(recipe=name, batch_rows=batch_rows, learning_rate=0.5, **asked)
        built = find_recipe(name).build(settings, ["a", "b"]).get_params()
        assert asked | {"batch_rows": batch_rows, "learning_rate": 0.5} == {
            key: built[key] for key in (*asked, "batch_rows", "learning_rate")
        }
    with pytest.raises(InputError, match="recipe seed has no batch_rows: leave it out"):
        find_recipe("seed").build(TrainSettings(batch_rows=8), ["a", "b"])
