"""The filters are the textbook's: against pandas, hmmlearn and published run lengths."""

import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.risk.filters import Cusum, add_to_cusum, ewma, forward, without_block

shares = st.floats(0, 1)
several = st.lists(st.floats(0.001, 0.999), min_size=1, max_size=30)


def filtered(posteriors: list[float], stay: float = 0.99) -> list[float]:
    found, probability = [], 0.5
    for posterior in posteriors:
        found.append(probability := forward(probability, posterior, stay=stay))
    return found


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=50), st.floats(0.2, 20))
def test_smoothing_is_pandas_exponentially_weighted_mean(values: list[float], tau: float) -> None:
    mean, found = None, []
    for value in values:
        found.append(mean := ewma(mean, value, elapsed_s=1, time_constant_s=tau))
    alpha = 1 - np.exp(-1 / tau)
    wanted = pd.Series(values).ewm(alpha=alpha, adjust=False).mean()
    assert np.allclose(found, wanted, atol=1e-9)


@given(st.floats(-10, 10), st.floats(-10, 10), st.floats(0.01, 5), st.floats(0.01, 5))
def test_smoothing_a_constant_in_two_steps_is_smoothing_it_in_one(
    mean: float, value: float, first_s: float, second_s: float
) -> None:
    halfway = ewma(mean, value, elapsed_s=first_s, time_constant_s=2)
    in_two = ewma(halfway, value, elapsed_s=second_s, time_constant_s=2)
    in_one = ewma(mean, value, elapsed_s=first_s + second_s, time_constant_s=2)
    assert in_two == pytest.approx(in_one, abs=1e-9)


@given(several, st.floats(0.51, 0.999))
def test_the_hidden_state_is_that_of_the_forward_algorithm_in_matrices(
    posteriors: list[float], stay: float
) -> None:
    moves = np.array([[stay, 1 - stay], [1 - stay, stay]])
    alpha = np.array([0.5, 0.5]) * [1 - posteriors[0], posteriors[0]]
    wanted = [alpha[1] / alpha.sum()]
    for posterior in posteriors[1:]:
        alpha = (alpha @ moves) * [1 - posterior, posterior]
        alpha /= alpha.sum()
        wanted.append(alpha[1])
    assert np.allclose(filtered(posteriors, stay), wanted, atol=1e-12)


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="hmmlearn has no wheel for it")
def test_the_hidden_state_is_hmmlearns() -> None:
    from hmmlearn.base import BaseHMM

    class TwoStates(BaseHMM):
        def _compute_likelihood(self, rows: np.ndarray) -> np.ndarray:
            return np.column_stack([1 - rows[:, 0], rows[:, 0]])

        def _compute_log_likelihood(self, rows: np.ndarray) -> np.ndarray:
            return np.log(self._compute_likelihood(rows))

    peer = TwoStates(2)
    peer.startprob_, peer.n_features = np.array([0.5, 0.5]), 1
    peer.transmat_ = np.array([[0.99, 0.01], [0.01, 0.99]])
    posteriors = np.random.default_rng(0).uniform(0.02, 0.98, 60)
    rows = posteriors[:, None]
    # What is smoothed of a sequence's last second is what is filtered there.
    wanted = [peer.predict_proba(rows[: n + 1])[-1, 1] for n in range(len(rows))]
    assert np.allclose(filtered(list(posteriors)), wanted, atol=1e-12)


@given(shares, st.integers(1, 200))
def test_seconds_without_an_observation_fade_in_one_step_as_in_many(
    probability: float, seconds: int
) -> None:
    one_by_one = probability
    for _ in range(seconds):
        one_by_one = forward(one_by_one, None, stay=0.99)
    at_once = forward(probability, None, stay=0.99, seconds=seconds)
    assert at_once == pytest.approx(one_by_one, abs=1e-9)
    assert abs(at_once - 0.5) <= abs(probability - 0.5)


@given(st.lists(shares, min_size=1, max_size=50))
def test_the_hidden_state_stays_a_probability_whatever_is_observed(
    posteriors: list[float],
) -> None:
    assert all(0 <= probability <= 1 for probability in filtered(posteriors))


@given(shares, shares, shares)
def test_more_evidence_never_makes_the_second_state_less_likely(
    probability: float, one: float, other: float
) -> None:
    low, high = sorted((one, other))
    assert forward(probability, low, stay=0.99) <= forward(probability, high, stay=0.99) + 1e-12


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=60))
def test_the_cumulative_sum_is_the_walk_above_its_lowest_point(values: list[float]) -> None:
    cusum, found = Cusum(), []
    for value in values:
        cusum, _ = add_to_cusum(cusum, value, block=1, k=0.5, h=1e9)
        found.append(cusum.level)
    walk = np.concatenate([[0], np.cumsum(np.array(values) - 0.5)])
    assert np.allclose(found, (walk - np.minimum.accumulate(walk))[1:], atol=1e-9)


def run_lengths(*, k: float, h: float, values: int, seed: int) -> np.ndarray:
    fired, cusum = [0], Cusum()
    for n, value in enumerate(np.random.default_rng(seed).normal(size=values).tolist(), 1):
        cusum, level = add_to_cusum(cusum, value, block=1, k=k, h=h)
        if level is not None:
            fired.append(n)
    return np.diff(fired)


@pytest.mark.parametrize(("h", "published"), [(4.0, 336.0), (5.0, 930.0)])
def test_independent_noise_fires_as_seldom_as_published(h: float, published: float) -> None:
    # One side of Montgomery's table for k = .5: two sides are 168 and 465.
    lengths = run_lengths(k=0.5, h=h, values=400_000, seed=0)
    error = lengths.std() / len(lengths) ** 0.5
    assert abs(lengths.mean() - published) < 3 * error + 0.02 * published


@given(st.lists(st.floats(-3, 3), min_size=60, max_size=180))
def test_blocks_are_means_and_what_is_not_full_is_not_counted(values: list[float]) -> None:
    in_blocks, alone = Cusum(), Cusum()
    for value in values:
        in_blocks, _ = add_to_cusum(in_blocks, value, block=60, k=0.5, h=1e9)
    for start in range(0, len(values) - 59, 60):
        mean = sum(values[start : start + 60]) / 60
        alone, _ = add_to_cusum(alone, mean, block=1, k=0.5, h=1e9)
    assert in_blocks.level == pytest.approx(alone.level)
    assert in_blocks.block_count == len(values) % 60
    assert without_block(in_blocks) == Cusum(in_blocks.level)


def test_a_sum_that_fired_begins_anew() -> None:
    fired, cusum = [], Cusum()
    for second in range(1, 1201):
        cusum, level = add_to_cusum(cusum, 1.5, block=60, k=0.5, h=8)
        if level is not None:
            fired.append((second, level))
    assert fired == [(480, 8.0), (960, 8.0)]
