"""Principal components evened out, and the heads that decide on them."""

from itertools import combinations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from mien.emotion.frame_classifier import FrameClassifier
from mien.emotion.heads import HEADS, fit_logistic, fit_svm
from mien.emotion.projection import fit_projection
from mien.emotion.targets import class_weights
from mien.errors import InputError
from mien.face.features import FEATURE_SETS


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    X = (random.normal(size=(300, 12)) * np.geomspace(10, 0.1, 12)).astype(np.float32)
    signs = np.sign(X[:, :3] / X[:, :3].std(axis=0) + random.normal(0, 0.5, (300, 3)))
    return X, np.array(["Angry", "Happy", "Sad", "Fear"])[(signs[:, 0] > 0) + 2 * (signs[:, 1] > 0)]


def plain(z: np.ndarray) -> np.ndarray:
    """The signs of components that no mirror is known of."""
    return np.ones(z.shape[1], np.float32)


def test_whitening_makes_components_alike_and_none_leaves_their_sizes(data) -> None:
    X, _ = data
    rows = np.arange(len(X))
    for whitening in (0.0, 0.5, 1.0):
        z = fit_projection(X, rows, components=12, whitening=whitening)(X)
        variances = z.var(axis=0)
        assert (z**2).sum(axis=1).mean() == pytest.approx(1, rel=1e-4)
        assert np.abs(np.corrcoef(z.T) - np.eye(12)).max() < 1e-3
        plain = fit_projection(X, rows, components=12, whitening=0)(X).var(axis=0)
        ratio = (variances / variances[0]) / (plain / plain[0]) ** (1 - whitening)
        np.testing.assert_allclose(ratio, 1, rtol=1e-3)


def test_a_value_that_never_changes_has_no_say(data) -> None:
    X, _ = data
    X = np.concatenate([X, np.full((len(X), 1), 7, np.float32)], axis=1)
    projection = fit_projection(X, np.arange(len(X)), components=20, whitening=1)
    assert projection.matrix.shape == (13, 12)
    assert not projection.matrix[-1].any()


def test_values_that_never_change_are_refused() -> None:
    with pytest.raises(InputError, match="no value changes from face to face"):
        FrameClassifier().fit(np.ones((4, 3), np.float32), np.array(["a", "b", "a", "b"]))


def test_a_projection_learns_from_its_rows_alone(data) -> None:
    X, _ = data
    rows = np.arange(0, 200)
    elsewhere = X.copy()
    elsewhere[200:] = 1e6
    found = [fit_projection(values, rows, components=5, whitening=0.7) for values in (X, elsewhere)]
    np.testing.assert_array_equal(found[0].matrix, found[1].matrix)


def test_logistic_regression_is_scikit_learn_s(data) -> None:
    X, y = data
    labels, numbers = np.unique(y, return_inverse=True)
    z = X / X.std(axis=0)
    for weights in (np.ones(4, np.float32), np.array([1, 2, 0.5, 1], np.float32)):
        head = fit_logistic(z, numbers, weights, signs=plain(z), strength=0.3)
        peer = LogisticRegression(
            C=0.3 * len(z) / weights[numbers].sum(), max_iter=2000, tol=1e-8,
            class_weight=dict(enumerate(weights.tolist())),
        ).fit(z, numbers)  # fmt: skip
        found = torch.softmax(head(torch.from_numpy(z)), 1).numpy()
        np.testing.assert_allclose(found, peer.predict_proba(z), atol=2e-3)


def test_each_pair_s_margin_is_libsvm_s(data) -> None:
    X, y = data
    _, numbers = np.unique(y, return_inverse=True)
    z = (X / X.std(axis=0)).astype(np.float32)
    settings = {"signs": plain(z), "strength": 2.0, "gamma": 0.1, "seed": 0}
    head = fit_svm(z, numbers, np.ones(4, np.float32), **settings)
    peer = SVC(C=2.0, gamma=0.1, decision_function_shape="ovo").fit(z, numbers)
    found = head.margins(torch.from_numpy(z)).numpy()
    np.testing.assert_allclose(found, peer.decision_function(z), atol=1e-3)
    two = numbers < 2  # scikit-learn turns the sign of two classes round
    head = fit_svm(z[two], numbers[two], np.ones(2, np.float32), **settings)
    answers = head(torch.from_numpy(z[two])).argmax(dim=1).numpy()
    agree = answers == SVC(C=2.0, gamma=0.1).fit(z[two], numbers[two]).predict(z[two])
    assert agree.mean() > 0.99


def test_a_pair_with_a_label_that_was_not_learnt_leans_to_the_other(data) -> None:
    X, y = data
    _, numbers = np.unique(y, return_inverse=True)
    known = numbers != 2
    settings = {"signs": plain(X), "strength": 1, "gamma": 0.1, "seed": 0}
    head = fit_svm(X[known], numbers[known], np.ones(4, np.float32), **settings)
    margins = head.margins(torch.from_numpy(X)).numpy()
    for pair, (first, second) in enumerate(combinations(range(4), 2)):
        if first == 2:
            assert (margins[:, pair] < -10).all()
        if second == 2:
            assert (margins[:, pair] > 10).all()


@pytest.mark.parametrize("method", HEADS)
def test_every_method_learns_what_there_is_to_learn(data, method: str) -> None:
    X, y = data
    learnt, asked = np.arange(200), np.arange(200, 300)
    model = FrameClassifier(method=method, strength=3.0, whitening=0.5).fit(X, y, rows=learnt)
    assert (model.predict(X[asked]) == y[asked]).mean() > 0.5  # chance is .25


@pytest.mark.parametrize("method", HEADS)
def test_a_face_and_its_mirror_image_get_the_same_answer(method: str) -> None:
    random = np.random.default_rng(0)
    found = FEATURE_SETS["blendshapes"]
    X = random.random((80, 52)).astype(np.float32)
    y = np.where(X[:, found.names.index("mouthSmileLeft")] > 0.5, "Happy", "Neutral")
    models = [
        FrameClassifier(method=method, strength=10, whitening=0, features=name).fit(X, y)
        for name in (None, "blendshapes")
    ]
    one, both = (model.predict_proba(X) for model in models)
    mirrored = found.mirror(X)
    np.testing.assert_allclose(both, models[1].predict_proba(mirrored), atol=1e-5)
    assert np.abs(one - models[0].predict_proba(mirrored)).max() > 0.1


def test_learning_from_faces_is_learning_from_their_mirror_images_too() -> None:
    random = np.random.default_rng(0)
    found = FEATURE_SETS["blendshapes"]
    X = random.random((60, 52)).astype(np.float32)
    y = np.where(X[:, found.names.index("jawOpen")] > 0.5, "Happy", "Neutral")
    doubled, both = np.concatenate([X, found.mirror(X)]), np.tile(y, 2)
    for method in ("logistic", "svm"):
        one = FrameClassifier(method=method, strength=1.0, features="blendshapes").fit(X, y)
        # The penalty is against the sum over rows: of twice as many, half of it.
        plainly = FrameClassifier(method=method, strength=0.5).fit(doubled, both)
        np.testing.assert_allclose(one.predict_proba(X), plainly.predict_proba(X), atol=2e-3)


def turned_faces(count: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Values of posed-points that follow the head's turn, and a little of a label."""
    random = np.random.default_rng(0)
    found = FEATURE_SETS["posed-points"]
    X = random.normal(0, 0.01, (count, found.value_count)).astype(np.float32)
    X[:, :3] = random.uniform(-0.6, 0.6, (count, 3))
    y = np.array(["Happy", "Neutral"])[random.integers(2, size=count)]
    course = 2 * X[:, 0] ** 2 + X[:, 1] ** 3 + 0.05 * (y == "Happy")
    X[:, 4::3] += course[:, None]  # y of every point
    return X, y


def test_what_follows_the_turn_of_the_head_is_taken_out() -> None:
    X, y = turned_faces()
    found = FEATURE_SETS["posed-points"]
    rows = np.arange(len(X))
    z = fit_projection(X, rows, components=600, whitening=0, features=found)(X)
    terms = np.stack([X[:, 0] ** 2, X[:, 1] ** 3, X[:, 0], X[:, 2]], axis=1)
    assert np.abs(np.corrcoef(z.T, terms.T)[: z.shape[1], z.shape[1] :]).max() < 0.2
    model = FrameClassifier(features="posed-points", strength=3, components=50).fit(
        X, y, rows=rows[:300]
    )
    assert (model.predict(X[300:]) == y[300:]).mean() > 0.9


def test_a_head_turned_further_than_any_learnt_is_taken_as_turned_so_far() -> None:
    X, y = turned_faces()
    model = FrameClassifier(features="posed-points", components=50).fit(X, y)
    far, further = X[:1].copy(), X[:1].copy()
    far[0, :2], further[0, :2] = 0.61, 1.5
    np.testing.assert_array_equal(model.predict_proba(far), model.predict_proba(further))


def test_a_label_that_few_people_show_has_less_say() -> None:
    numbers = np.repeat([0, 1, 2], [300, 60, 60])
    people = np.concatenate([np.arange(300), np.arange(60), np.zeros(60, int)])
    counted = class_weights(numbers, class_count=4, kind="balanced", groups=people)
    assert counted is not None
    assert counted[1] / counted[0] == pytest.approx(5)
    assert counted[2] / counted[1] == pytest.approx(1 / 50)
    assert counted[numbers].mean() == pytest.approx(1)
    assert counted[3] == 1


def test_more_rows_than_a_method_bears_are_drawn_by_the_seed(data) -> None:
    X, y = data
    some = [FrameClassifier(max_rows=50, seed=seed).fit(X, y) for seed in (1, 1, 2)]
    first, again, other = (model.predict_proba(X) for model in some)
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_what_cannot_be_learnt_is_said(data) -> None:
    X, y = data
    with pytest.raises(InputError, match="no method 'knn': there are logistic, kernel, svm, blend"):
        FrameClassifier(method="knn").fit(X, y)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="all rows are labelled 'Sad': two labels or more"):
        FrameClassifier().fit(X, np.full(len(y), "Sad"))
