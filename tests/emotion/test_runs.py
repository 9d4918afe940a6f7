"""A training that was stopped goes on with the same bits; what it keeps beside it, and logs."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mien.emotion import runs
from mien.emotion.mlp import MlpClassifier
from mien.emotion.runs import FitRun, RunFolder, TrainingRun
from mien.errors import InputError, MissingExtraError
from tests.emotion.fits import Stopped, in_chunks, ninety_rows, stopping_at

WAYS: dict[str, dict[str, Any]] = {
    "one batch": {},
    "chunks": {},
    "small batches": dict(batch_rows=16, standardise=True, weight_decay=0.01),
    "early stopping": dict(batch_rows=16, patience=8, epochs=60, learning_rate=0.01),
}


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    return ninety_rows()


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


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_on_a_gpu_it_learns_the_same_and_goes_on_after_a_stop(data, tmp_path: Path) -> None:
    X, y = data
    options = dict(hidden_units=8, epochs=12, batch_rows=16, standardise=True)
    on_cpu = MlpClassifier(**options).fit(X, y)
    with pytest.raises(Stopped):
        MlpClassifier(device="cuda", **options).fit(X, y, run=stopping_at(5, tmp_path))
    resumed = MlpClassifier(device="cuda", **options).fit(X, y, run=FitRun("a", folder=tmp_path))
    np.testing.assert_allclose(resumed.predict_proba(X), on_cpu.predict_proba(X), atol=1e-3)


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
