"""What is learnt towards: classes evened out, and people set aside to stop by."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.emotion.targets import class_weights, set_aside
from mien.errors import InputError


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60))
def test_class_weights_are_1_on_average_and_even_out_the_classes(numbers: list[int]) -> None:
    numbers = np.array(numbers)
    counts = np.bincount(numbers, minlength=5)
    is_there = counts > 0
    for kind in ("balanced", "sqrt"):
        weights = class_weights(numbers, class_count=5, kind=kind)
        assert weights[numbers].mean() == pytest.approx(1, abs=1e-5)
        assert (weights[~is_there] == 1).all()
        say = (weights * counts)[is_there]
        expected = np.ones(len(say)) if kind == "balanced" else np.sqrt(counts[is_there])
        np.testing.assert_allclose(say / say.sum(), expected / expected.sum(), atol=1e-5)
    assert class_weights(numbers, class_count=5, kind=None) is None


def test_an_unknown_class_weight_is_refused() -> None:
    with pytest.raises(InputError, match="class_weight is 'even': give balanced, sqrt or none"):
        class_weights(np.zeros(3, np.int64), class_count=2, kind="even")


@pytest.mark.parametrize(
    ("people", "most"),
    [
        (["a"] * 9 + ["b"] * 1 + ["c"] * 90, 20),
        (["a"] * 40 + ["b"] * 30 + ["c"] * 30, 30),
        ([f"p{i // 5}" for i in range(100)], 20),
        (["a"] * 100, 20),
        (["a"] * 90 + ["b"] * 10, 20),
    ],
)
def test_who_is_set_aside_is_a_fifth_or_the_smallest_person(people: list[str], most: int) -> None:
    labels = np.array(["x", "y"] * 50)
    for seed in range(12):
        learnt, checked = set_aside(np.arange(100), labels, np.array(people), seed=seed)
        assert 0 < len(checked) <= most and len(learnt) + len(checked) == 100


def test_setting_a_whole_class_aside_is_refused() -> None:
    people = np.array([f"p{i // 10}" for i in range(100)])
    labels = np.array(["x"] * 10 + ["y"] * 90)
    refused = 0
    for seed in range(12):
        try:
            learnt, _ = set_aside(np.arange(100), labels, people, seed=seed)
            assert set(labels[learnt]) == {"x", "y"}
        except InputError as error:
            assert "leaves nothing of 'x' to learn from" in str(error)
            refused += 1
    assert 0 < refused < 12
