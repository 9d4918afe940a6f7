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
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from mien.errors import InputError, missing_extra
from mien.files import replacing, take_lock

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
        self.logs = logs / name if logs else None
        self._writer: Any = None

    @contextmanager
    def logging(self, epoch: int) -> Iterator[None]:
        """Write logs meanwhile, from this epoch on: what a stopped run logged after it goes."""
        if self.logs is None:
            yield
            return
        self._writer = summary_writer()(str(self.logs), purge_step=epoch + 1)
        try:
            yield
        finally:
            self._writer.close()
            self._writer = None

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
        self._log(state)
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

    def _log(self, state: FitState) -> None:
        if self._writer is None:
            return
        self._writer.add_scalar("loss/train", state.losses[-1], state.epoch)
        if state.checked:
            self._writer.add_scalar("loss/validation", state.checked[-1], state.epoch)
        self._writer.flush()


@dataclass(frozen=True)
class TrainingRun:
    """A training: gives each fit its place. Without a folder nothing is kept."""

    folder: Path | None = None
    logs: Path | None = None

    def fit(self, name: str, *, on_epoch: OnEpoch = lambda epoch: None) -> FitRun:
        return FitRun(name, folder=self.folder, logs=self.logs, on_epoch=on_epoch)


class RunFolder:
    """The folder of a training's checkpoints, beside what it will write.

    Held by one process from the start; gone when the training is done. Its lock
    lies beside it, so that the folder goes while it is held.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self.folder = out.with_name(f".{out.name}.training")
        self._lock_path = out.with_name(f".{out.name}.training.lock")

    def __enter__(self) -> Self:
        """Raises InputError when another process trains into `out`, or nothing can be written."""
        self._lock = take_lock(
            self._lock_path,
            busy=f"another mien train is writing {self.out}: wait for it",
            cannot=f"cannot write beside {self.out}",
        )
        for stale in self.out.parent.glob(f".{glob.escape(self.out.name)}.*.tmp"):
            shutil.rmtree(stale, ignore_errors=True)  # a model that a killed run was writing
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None or not self.fits:
            shutil.rmtree(self.folder, ignore_errors=True)
        with suppress(OSError):  # Windows keeps what is open
            self._lock_path.unlink()
        self._lock.release()

    @property
    def fits(self) -> list[Path]:
        """The checkpoints that are there."""
        return sorted(self.folder.glob("*.safetensors"))

    def take_up(self, key: dict[str, Any], *, resume: bool) -> Path:
        """Make the folder ready for a training and return it.

        key: what the training depends on, as JSON values. resume: go on from what a
        stopped training of the same key left; without it that is dropped.
        Raises InputError when what was left is of another key.
        """
        path = self.folder / _KEY
        try:
            before = dict(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            before = {}
        if resume and self.fits and before != key:
            raise InputError(
                f"the training of {self.out} that was stopped had {_difference(before, key)}: "
                "give the same, or leave out --resume to begin anew"
            )
        if not resume or not before:
            for stale in self.fits:
                stale.unlink()
        with replacing(path, flush=False) as temporary:
            temporary.write_text(json.dumps(key), encoding="utf-8")
        return self.folder


def _difference(before: dict[str, Any], now: dict[str, Any], within: str = "") -> str:
    """The first value that differs between two keys, in words."""
    for name, value in now.items():
        old = before.get(name)
        if isinstance(value, dict) and isinstance(old, dict) and old != value:
            return _difference(old, value, f"{name}: ")
        if old != value:
            return f"{within}{name} {old}, not {value}"
    return "more settings than this mien knows"


def summary_writer() -> Any:
    """TensorBoard's writer. Raises MissingExtraError when it is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise missing_extra("--tensorboard", "tensorboard", "tensorboard") from error
    return SummaryWriter
