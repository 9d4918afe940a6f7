"""Fitting a network: gradients in chunks and parts, the steps' rates, what a batch is."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mien.emotion import devices, runs, training
from mien.emotion.batches import epoch_order
from mien.emotion.mlp import MlpClassifier, seeded_network
from mien.emotion.runs import FitRun
from mien.emotion.training import Plan, fit_network
from mien.errors import InputError
from tests.emotion.fits import in_chunks, ninety_rows


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    return ninety_rows()


def test_the_summed_gradient_is_the_one_batch_gradient(data, monkeypatch) -> None:
    X, y = data
    targets = (y == "Sad").astype(np.int64)
    rows = np.random.default_rng(1).permutation(90)[:70]
    network = seeded_network(12, 2, hidden_units=8, seed=0)
    loss = torch.nn.functional.cross_entropy(
        network(torch.from_numpy(X[rows])), torch.from_numpy(targets[rows])
    )
    loss.backward()
    expected = [parameter.grad.clone() for parameter in network.parameters()]
    in_chunks(monkeypatch)
    again = seeded_network(12, 2, hidden_units=8, seed=0)
    fit = training._Fit(again, X, targets, Plan(epochs=1, learning_rate=0.001))
    assert fit.full_batch(rows) == pytest.approx(loss.item(), abs=1e-6)
    for parameter, gradient in zip(again.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, atol=1e-6, rtol=0)


def test_the_whole_training_in_chunks_is_the_same_within_1e_5(data, monkeypatch) -> None:
    X, y = data
    whole = MlpClassifier(hidden_units=8).fit(X, y)
    in_chunks(monkeypatch)
    pieces = MlpClassifier(hidden_units=8).fit(X, y)
    np.testing.assert_allclose(pieces.predict_proba(X), whole.predict_proba(X), atol=1e-5)


def test_one_thread_or_two_end_with_the_same_bits_when_batches_have_parts(data) -> None:
    X, y = data
    found = []
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            network = seeded_network(12, 2, hidden_units=8, seed=0)
            plan = Plan(epochs=3, learning_rate=0.01, batch_rows=17, shards=2)
            targets = (y == "Sad").astype(np.int64)
            losses = fit_network(network, X, targets=targets, rows=np.arange(90), plan=plan)
            found.append((losses, network.state_dict()))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert found[0][0] == found[1][0]
    for name, value in found[0][1].items():
        assert torch.equal(value, found[1][1][name])


@pytest.mark.parametrize("shards", [2, 3, 5])
def test_parts_of_a_batch_add_up_to_it(data, shards: int) -> None:
    """Ninety rows in batches of four: some shards have nothing to do."""
    X, y = data
    targets = (y == "Sad").astype(np.int64)
    options = dict(epochs=4, learning_rate=0.01, batch_rows=4, class_weights=np.ones(2, np.float32))
    networks, losses = [], []
    for count in (1, shards):
        networks.append(seeded_network(12, 2, hidden_units=8, seed=0))
        losses.append(
            fit_network(
                networks[-1],
                X,
                targets=targets,
                rows=np.arange(90),
                plan=Plan(shards=count, **options),
                validation=np.arange(7),
            )
        )
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)
    for name, value in networks[0].state_dict().items():
        torch.testing.assert_close(networks[1].state_dict()[name], value, atol=1e-4, rtol=0)


def learning_rates(monkeypatch: pytest.MonkeyPatch, data, **options: Any) -> list[float]:
    """The rate of each step of a training on 90 rows in batches of 30."""
    X, y = data
    rates: list[float] = []
    step = torch.optim.Adam.step

    def noted(self: torch.optim.Adam, *args: Any) -> Any:
        rates.append(self.param_groups[0]["lr"])
        return step(self, *args)

    monkeypatch.setattr(torch.optim.Adam, "step", noted)
    plan = Plan(epochs=4, learning_rate=0.1, batch_rows=30, **options)
    network = seeded_network(12, 2, hidden_units=4, seed=0)
    fit_network(network, X, targets=np.zeros(90, np.int64), rows=np.arange(90), plan=plan)
    return rates


def test_the_learning_rate_rises_and_follows_half_a_cosine(data, monkeypatch) -> None:
    assert learning_rates(monkeypatch, data) == [0.1] * 12
    rates = learning_rates(monkeypatch, data, schedule="cosine", warm_up=0.25)
    assert rates[:3] == pytest.approx([0.025, 0.05, 0.075])
    assert rates[3] == 0.1 and rates[-1] < 0.01
    assert rates[3:] == sorted(rates[3:], reverse=True)
    assert rates[3 + 9 // 3] == pytest.approx(0.1 * 0.75)  # a third of the way: cos 60 degrees
    level = learning_rates(monkeypatch, data, warm_up=0.25)
    assert level[3:] == [0.1] * 9 and level[:3] == rates[:3]


def test_a_long_gradient_is_shortened_and_a_short_one_is_left(data) -> None:
    X, y = data
    targets, lengths = (y == "Sad").astype(np.int64), []
    for most in (None, 1e-3, 1e3):
        network = seeded_network(12, 2, hidden_units=8, seed=0)
        plan = Plan(epochs=1, learning_rate=0.001, max_gradient_norm=most)
        fit = training._Fit(network, X, targets, plan)
        fit.full_batch(np.arange(90))
        gradients = [parameter.grad for parameter in network.parameters()]
        lengths.append(float(torch.nn.utils.get_total_norm(gradients)))
    assert lengths[1] == pytest.approx(1e-3, rel=1e-3)
    assert lengths[2] == lengths[0] > 0.01


def test_augmented_values_are_the_epoch_s_own_and_never_checked(data) -> None:
    """Each batch of each epoch has its own random numbers; validation sees values as they are."""
    X, y = data
    first: list[float] = []

    def augment(values: np.ndarray, random: np.random.Generator) -> np.ndarray:
        first.append(float(random.random()))
        return np.zeros_like(values)

    network = seeded_network(12, 2, hidden_units=8, seed=0)
    targets = (y == "Sad").astype(np.int64)
    plan = Plan(epochs=3, learning_rate=0.1, batch_rows=45, augment=augment, seed=7)
    fit_network(network, X, targets=targets, rows=np.arange(90), plan=plan, validation=np.arange(9))
    expected = [
        np.random.default_rng([7, epoch, batch]).random() for epoch in range(3) for batch in (0, 1)
    ]
    assert sorted(first) == sorted(expected)
    assert not network[0].weight.grad.any()  # all it saw was zero


def test_label_smoothing_and_class_weights_are_torch_s_own(data) -> None:
    X, y = data
    targets = (y == "Sad").astype(np.int64)
    weights = np.array([0.5, 2.0], np.float32)
    plan = Plan(epochs=1, learning_rate=0.1, class_weights=weights, label_smoothing=0.2)
    network = seeded_network(12, 2, hidden_units=8, seed=0)
    losses = torch.nn.functional.cross_entropy(
        network(torch.from_numpy(X)),
        torch.from_numpy(targets),
        torch.from_numpy(weights),
        label_smoothing=0.2,
        reduction="none",
    )
    fit = training._Fit(network, X, targets, plan)
    assert fit.full_batch(np.arange(90)) == pytest.approx(float(losses.mean().detach()), abs=1e-6)
    plain = training._Fit(network, X, targets, Plan(epochs=1, learning_rate=0.1))
    weighted = float(fit.loss(np.arange(90)))  # no smoothing when nothing is learnt
    own = [plain.loss(np.flatnonzero(targets == label)) for label in (0, 1)]
    share = np.bincount(targets) / 90
    assert weighted == pytest.approx((share * weights * own).sum(), abs=1e-6)


@given(st.integers(0, 2**32), st.integers(1, 9), st.lists(st.integers(1, 50), min_size=1))
def test_an_epoch_has_every_clip_once_with_like_lengths_together(seed, size, lengths) -> None:
    class Clips:
        shape = (len(lengths), 1, 1)

    rows = np.arange(len(lengths))
    assert sorted(epoch_order(Clips(), rows, size, seed=[seed]).tolist()) == rows.tolist()
    Clips.lengths = np.array(lengths)
    order = epoch_order(Clips(), rows, size, seed=[seed])
    assert sorted(order.tolist()) == rows.tolist()
    np.testing.assert_array_equal(order, epoch_order(Clips(), rows, size, seed=[seed]))
    if len(lengths) <= 16 * size:
        batches = [Clips.lengths[order[start : start + size]] for start in rows[::size]]
        spans = sorted((batch.min(), batch.max()) for batch in batches)
        assert all(before[1] <= after[0] for before, after in pairwise(spans))


def test_a_loss_that_is_no_number_ends_the_fit_with_a_remedy(data, tmp_path: Path) -> None:
    X, y = data
    with pytest.raises(InputError, match=r"the loss is (nan|inf) in epoch \d: lower learning_rate"):
        MlpClassifier(learning_rate=1e30, epochs=5).fit(X, y, run=FitRun("a", folder=tmp_path))


def test_a_validation_loss_that_is_no_number_is_never_the_best() -> None:
    network = seeded_network(2, 2, hidden_units=2, seed=0)
    state = runs.FitState()
    for checked in (1.0, 0.5, float("nan"), float("nan")):
        state = training._advanced(state, 1.0, checked, network)
    assert (state.best_epoch, state.best_loss) == (2, 0.5)
    assert training._is_over(state, Plan(epochs=9, learning_rate=1, patience=2))


def test_a_gpu_that_is_not_there_is_told() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(InputError, match="finds no CUDA GPU here: use the device auto or cpu"):
        devices.chosen_device("cuda")
    assert devices.chosen_device("auto") == "cpu"


def test_fit_network_leaves_the_caller_s_random_state_alone(data) -> None:
    X, y = data
    before = torch.get_rng_state()
    fit_network(
        seeded_network(12, 2, hidden_units=4, seed=0),
        X,
        targets=(y == "Sad").astype(np.int64),
        rows=np.arange(90),
        plan=Plan(epochs=2, learning_rate=0.01, batch_rows=20),
    )
    assert torch.equal(before, torch.get_rng_state())
