"""What a training run keeps beside it: checkpoints to go on from, and logs.

A run is one training of a recipe, with a fit for every split and fold. Each
fit has a checkpoint of its own, a safetensors file that is whole or absent; the
run's key says what it was a training of, so that nothing else goes on from it.
"""

from __future__ import annotations

import glob
import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from mien.errors import InputError, missing_extra
from mien.files import replacing

if TYPE_CHECKING:
    import torch

SAVE_EVERY_S = 5.0  # what a kill can cost
_KEY = "run.json"

OnEpoch = Callable[[int], None]  # how many of a fit's epochs are done


@dataclass(frozen=True)
class FitState:
    """How far a fit is. Losses are one an epoch."""

    epoch: int = 0
    losses: list[float] = field(default_factory=list)
    checked: list[float] = field(default_factory=list)  # of the validation rows
    best_epoch: int = 0
    best_loss: float | None = None
    best_weights: dict[str, torch.Tensor] = field(default_factory=dict, repr=False)

    def after(
        self,
        epoch: int,
        loss: float,
        checked: float | None,
        *,
        best_weights: dict[str, torch.Tensor] | None = None,
    ) -> FitState:
        """The state one epoch later. best_weights: given when the epoch was the best."""
        later = replace(
            self,
            epoch=epoch,
            losses=[*self.losses, loss],
            checked=self.checked if checked is None else [*self.checked, checked],
        )
        if best_weights is None:
            return later
        return replace(later, best_epoch=epoch, best_loss=checked, best_weights=best_weights)


class FitRun:
    """One fit of a run. `folder` None: nothing is kept."""

    def __init__(
        self,
        name: str,
        *,
        folder: Path | None = None,
        logs: Path | None = None,
        on_epoch: OnEpoch = lambda epoch: None,
    ) -> None:
        self.path = folder / f"{name}.safetensors" if folder else None
        self.on_epoch = on_epoch
        self._saved_s = time.monotonic()
        self._writer = _summary_writer(logs / name) if logs else None

    def load(self) -> tuple[FitState, dict[str, torch.Tensor]] | None:
        """Where an earlier run left this fit; None when it had not begun."""
        from safetensors import SafetensorError, safe_open

        if self.path is None or not self.path.is_file():
            return None
        try:
            with safe_open(self.path, framework="pt") as stored:
                told = json.loads(stored.metadata()["state"])
                tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
        except (SafetensorError, OSError, ValueError, KeyError, TypeError):
            return None  # damaged by a power cut: this fit begins again
        best = {n.removeprefix("best."): t for n, t in tensors.items() if n.startswith("best.")}
        rest = {name: value for name, value in tensors.items() if not name.startswith("best.")}
        return FitState(**told, best_weights=best), rest

    def epoch_done(
        self, state: FitState, tensors: dict[str, torch.Tensor], *, is_last: bool
    ) -> None:
        """Log an epoch, and keep it when the last kept one is old."""
        self._log(state, is_last=is_last)
        if self.path is not None and (is_last or time.monotonic() - self._saved_s >= SAVE_EVERY_S):
            self._save(state, tensors)
            self._saved_s = time.monotonic()
        self.on_epoch(state.epoch)

    def _save(self, state: FitState, tensors: dict[str, torch.Tensor]) -> None:
        from safetensors.torch import save_file

        assert self.path is not None
        told = {
            "epoch": state.epoch,
            "losses": state.losses,
            "checked": state.checked,
            "best_epoch": state.best_epoch,
            "best_loss": state.best_loss,
        }
        every = tensors | {f"best.{name}": value for name, value in state.best_weights.items()}
        every = {name: value.detach().cpu().contiguous() for name, value in every.items()}
        with replacing(self.path, flush=False) as path:
            save_file(every, path, metadata={"state": json.dumps(told)})

    def _log(self, state: FitState, *, is_last: bool) -> None:
        if self._writer is None:
            return
        self._writer.add_scalar("loss/train", state.losses[-1], state.epoch)
        if state.checked:
            self._writer.add_scalar("loss/validation", state.checked[-1], state.epoch)
        self._writer.flush()
        if is_last:
            self._writer.close()


@dataclass(frozen=True)
class TrainingRun:
    """A training: gives each fit its place. Without a folder nothing is kept."""

    folder: Path | None = None
    logs: Path | None = None

    def fit(self, name: str, *, on_epoch: OnEpoch = lambda epoch: None) -> FitRun:
        return FitRun(name, folder=self.folder, logs=self.logs, on_epoch=on_epoch)


@contextmanager
def run_folder(out: Path, key: dict[str, Any], *, resume: bool) -> Iterator[Path]:
    """The folder of a training's checkpoints, beside what it will write; gone when it is done.

    key: what the training depends on, as JSON values. resume: go on from what a
    stopped training of the same key left; without it that is dropped.
    Raises InputError when another process trains into `out`, or when what was
    left is of another key.
    """
    folder = out.with_name(f".{out.name}.training")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / "lock")
        lock.acquire(timeout=0)
    except Timeout as error:
        raise InputError(f"another mien train is writing {out}: wait for it") from error
    except OSError as error:
        raise InputError(f"cannot write beside {out}: {error.strerror}") from error
    for stale in out.parent.glob(f".{glob.escape(out.name)}.*.tmp"):
        shutil.rmtree(stale, ignore_errors=True)  # a model that a killed run was writing
    try:
        _check_key(folder, key, out, resume=resume)
        yield folder
    except BaseException:
        lock.release()
        if not any(folder.glob("*.safetensors")):
            shutil.rmtree(folder, ignore_errors=True)
        raise
    lock.release()
    shutil.rmtree(folder, ignore_errors=True)


def _check_key(folder: Path, key: dict[str, Any], out: Path, *, resume: bool) -> None:
    path = folder / _KEY
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        before = None
    if resume and before is not None and before != key:
        changed = ", ".join(name for name in key if before.get(name) != key[name])
        raise InputError(
            f"the training of {out} that was stopped had another {changed}: "
            "give the same, or leave out --resume to begin anew"
        )
    if not resume or before is None:
        for stale in folder.glob("*.safetensors"):
            stale.unlink()
    with replacing(path, flush=False) as temporary:
        temporary.write_text(json.dumps(key), encoding="utf-8")


def _summary_writer(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise missing_extra("--tensorboard", "tensorboard", "tensorboard") from error
    return SummaryWriter(str(folder))
