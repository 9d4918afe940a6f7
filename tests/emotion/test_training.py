"""Fitting in chunks, going on after a stop, stopping early: the same bits each time."""

import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mien.config import TrainSettings
from mien.emotion import devices, mlp, runs, training
from mien.emotion.batches import epoch_order
from mien.emotion.contract import find_recipe
from mien.emotion.frames import FeatureRows
from mien.emotion.mlp import MlpClassifier, seeded_network
from mien.emotion.runs import FitRun, RunFolder, TrainingRun
from mien.emotion.targets import class_weights, set_aside
from mien.emotion.training import Plan, fit_network
from mien.errors import InputError, MissingExtraError
from mien.face.features import FEATURE_SETS

WAYS: dict[str, dict[str, Any]] = {
    "one batch": {},
    "chunks": {},
    "small batches": dict(batch_rows=16, standardise=True, weight_decay=0.01),
    "early stopping": dict(batch_rows=16, patience=8, epochs=60, learning_rate=0.01),
}


class Stopped(Exception):
    pass


def stopping_at(last: int, folder: Path) -> FitRun:
    def stop(epoch: int) -> None:
        if epoch == last:
            raise Stopped

    return FitRun("a", folder=folder, on_epoch=stop)


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    X = random.normal(size=(90, 12)).astype(np.float32)
    return X, np.where(X[:, 0] + random.normal(0, 0.5, 90) > 0, "Sad", "Happy")


def in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "ROWS_AT_ONCE", 10)
    monkeypatch.setattr(training, "CHUNK_ROWS", 7)


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


@pytest.mark.parametrize("way", WAYS)
def test_a_training_that_was_stopped_ends_with_the_same_bits(
    data, way: str, tmp_path: Path, monkeypatch
) -> None:
    X, y = data
    if way == "chunks":
        in_chunks(monkeypatch)
    monkeypatch.setattr(runs, "SAVE_EVERY_S", 0)
    options = dict(hidden_units=8, epochs=12) | WAYS[way]
    whole = MlpClassifier(**options).fit(X, y)

    for epoch in (2, 5):
        with pytest.raises(Stopped):
            MlpClassifier(**options).fit(X, y, run=stopping_at(epoch, tmp_path))
    seen: list[int] = []
    resumed = MlpClassifier(**options).fit(
        X, y, run=FitRun("a", folder=tmp_path, on_epoch=seen.append)
    )
    assert seen[0] == 6
    assert resumed.loss_history_ == whole.loss_history_
    for name, weight in whole.weights().items():
        np.testing.assert_array_equal(resumed.weights()[name], weight)
    finished = MlpClassifier(**options).fit(X, y, run=stopping_at(1, tmp_path))
    np.testing.assert_array_equal(finished.predict_proba(X), whole.predict_proba(X))


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


def test_a_damaged_checkpoint_begins_again(data, tmp_path: Path) -> None:
    X, y = data
    MlpClassifier(hidden_units=8, epochs=3).fit(X, y, run=FitRun("a", folder=tmp_path))
    stored = tmp_path / "a.safetensors"
    stored.write_bytes(stored.read_bytes()[:200])
    assert FitRun("a", folder=tmp_path).load() is None
    assert (
        MlpClassifier(hidden_units=8, epochs=3)
        .fit(X, y, run=FitRun("a", folder=tmp_path))
        .loss_history_
    )


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


def test_a_gpu_that_is_not_there_is_told() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(InputError, match="finds no CUDA GPU here: use the device auto or cpu"):
        devices.chosen_device("cuda")
    assert devices.chosen_device("auto") == "cpu"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_on_a_gpu_it_learns_the_same_and_goes_on_after_a_stop(data, tmp_path: Path) -> None:
    X, y = data
    options = dict(hidden_units=8, epochs=12, batch_rows=16, standardise=True)
    on_cpu = MlpClassifier(**options).fit(X, y)
    with pytest.raises(Stopped):
        MlpClassifier(device="cuda", **options).fit(X, y, run=stopping_at(5, tmp_path))
    resumed = MlpClassifier(device="cuda", **options).fit(X, y, run=FitRun("a", folder=tmp_path))
    np.testing.assert_allclose(resumed.predict_proba(X), on_cpu.predict_proba(X), atol=1e-3)


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


def test_a_run_goes_on_only_from_its_own_key(tmp_path: Path) -> None:
    out = tmp_path / "model"
    key = {"table": "a", "settings": {"epochs": 2}}
    with pytest.raises(Stopped), RunFolder(out) as runs:
        (runs.take_up(key, resume=False) / "subject-1.safetensors").write_bytes(b"x")
        raise Stopped
    with (
        pytest.raises(InputError, match="had settings: epochs 2, not 3: give the same, or leave"),
        RunFolder(out) as runs,
    ):
        runs.take_up({"table": "a", "settings": {"epochs": 3}}, resume=True)
    with RunFolder(out) as runs:
        assert [path.name for path in runs.fits] == ["subject-1.safetensors"]
        runs.take_up(key, resume=True)
        assert [path.name for path in runs.fits] == ["subject-1.safetensors"]
        with pytest.raises(InputError, match="another mien train is writing"), RunFolder(out):
            pass
    assert not list(tmp_path.iterdir())
    with RunFolder(out) as runs:
        (runs.take_up(key, resume=True) / "subject-1.safetensors").write_bytes(b"x")
        runs.take_up(key, resume=False)
        assert not runs.fits


def test_losses_are_logged_for_tensorboard(data, tmp_path: Path, monkeypatch) -> None:
    X, y = data
    loaded = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    options = dict(hidden_units=8, epochs=6, batch_rows=30, patience=9)
    folder, logs = tmp_path / "run", tmp_path / "logs"
    monkeypatch.setattr(runs, "SAVE_EVERY_S", 0)
    stopped = TrainingRun(folder, logs).fit("subject-1", on_epoch=stopping_at(4, tmp_path).on_epoch)
    with pytest.raises(Stopped):
        MlpClassifier(**options).fit(X, y, run=stopped)
    model = MlpClassifier(**options).fit(X, y, run=TrainingRun(folder, logs).fit("subject-1"))
    events = loaded.EventAccumulator(str(logs / "subject-1")).Reload()
    logged = events.Scalars("loss/train")
    assert [event.step for event in logged] == [1, 2, 3, 4, 5, 6]
    np.testing.assert_allclose([e.value for e in logged], model.loss_history_, rtol=1e-6)
    assert len(events.Scalars("loss/validation")) == 6


def test_tensorboard_that_is_not_installed_is_named(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'mien\[tensorboard\]'"):
        runs.summary_writer()


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


def test_auto_precision_is_exact_in_one_batch_and_the_processor_s_in_small_ones(
    monkeypatch,
) -> None:
    for is_there in (False, True):
        monkeypatch.setattr(mlp, "has_bfloat16", lambda device, there=is_there: there)
        assert not MlpClassifier(precision="auto")._plan(None).bfloat16
        assert MlpClassifier(precision="auto", batch_rows=8)._plan(None).bfloat16 == is_there
        assert not MlpClassifier(precision="float32", batch_rows=8)._plan(None).bfloat16
    assert devices.has_bfloat16("cpu") in (False, True)
