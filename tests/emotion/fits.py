"""Small fits for tests: ninety rows, in chunks, or stopped on purpose."""

from pathlib import Path

import numpy as np
import pytest

from mien.emotion import training
from mien.emotion.runs import FitRun


def ninety_rows() -> tuple[np.ndarray, np.ndarray]:
    """Values (90, 12), of which the first tells the label but for noise, and labels (90,)."""
    random = np.random.default_rng(0)
    X = random.normal(size=(90, 12)).astype(np.float32)
    return X, np.where(X[:, 0] + random.normal(0, 0.5, 90) > 0, "Sad", "Happy")


def in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "ROWS_AT_ONCE", 10)
    monkeypatch.setattr(training, "CHUNK_ROWS", 7)


class Stopped(Exception):
    pass


def stopping_at(last: int, folder: Path) -> FitRun:
    def stop(epoch: int) -> None:
        if epoch == last:
            raise Stopped

    return FitRun("a", folder=folder, on_epoch=stop)
