"""Where the watch's negative-expression term comes from: a model folder, or the rules of facs.

Weak evidence: people scowl in about 30 % of anger. It can add one point to a score, and none by
itself.

Shapes: n frames, F values a frame, C labels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mien.corpora.labels import canonical_label
from mien.emotion.checkpoint import CARD
from mien.emotion.facs_tables import TABLES
from mien.emotion.prediction import Model, facs_model, load_model
from mien.errors import ModelError
from mien.face.features import Faces
from mien.files import sha256
from mien.risk.measured import DECIMALS
from mien.workflows.replay_frame import MeasuredFrame

NEGATIVE = ("Angry", "Disgust", "Fear", "Sad")
BLOCK_MS = 10_000  # of frames that the model is asked of at once
_DIGITS = 16  # hexadecimal, of a hash: as the settings' and the rules'


@dataclass(frozen=True)
class Posterior:
    """A model, asked for one number a frame: its summed probability of NEGATIVE."""

    model: Model
    digest: str  # travels with each alert
    places: tuple[int, ...]  # of NEGATIVE among the model's labels

    @property
    def context_frames(self) -> int:
        """How many earlier frames a frame's answer depends on."""
        return 0 if self.model.window is None else self.model.window - 1

    def values(self, faces: Faces) -> np.ndarray:
        """(n, F) what the model sees of each frame; NaN where there is no face."""
        found: np.ndarray = self.model.features.values(faces)
        return found

    def of_frames(self, values: np.ndarray) -> np.ndarray:
        """(n,) 0-1, NaN where there is no face. values: (n, F), each frame by itself."""
        found = np.full((len(values), len(self.model.labels)), np.nan, np.float32)
        is_face = ~np.isnan(values).any(axis=1)
        if is_face.any():
            found[is_face] = self.model.run(values[is_face])
        return self._summed(found)

    def of_sequence(self, values: np.ndarray) -> np.ndarray:
        """(n,) the same by a model of clips. values: (n, F), frames that follow one another."""
        found: np.ndarray = self.model.run(values[None])[1][0]
        return self._summed(np.where(np.isnan(values).any(axis=1)[:, None], np.nan, found))

    def _summed(self, found: np.ndarray) -> np.ndarray:
        calibration = self.model.calibrations.frames
        if calibration is not None:
            found = calibration.read(found).probabilities
        summed: np.ndarray = found[:, self.places].sum(axis=1, dtype=np.float64).clip(0, 1)
        return summed


def posterior(folder: str | Path | None) -> Posterior:
    """The posterior of a model folder, or of facs.

    Raises ModelError for a model that knows none of NEGATIVE, or that looks ahead: what comes
    later is not there at a bedside.
    """
    model: Model = facs_model() if folder is None else load_model(folder)
    if model.unit == "clip" and model.window is None:
        raise ModelError(
            f"{folder}: a {model.name} model that reads whole clips looks ahead, which a watch "
            "cannot: train it with --causal (temporal, cnn), or give a model of frames"
        )
    names = [canonical_label(label) for label in model.labels]
    places = tuple(place for place, name in enumerate(names) if name in NEGATIVE)
    if not places:
        raise ModelError(
            f"{folder}: the model knows {', '.join(names)}, none of {', '.join(NEGATIVE)}: give "
            "one that does, or leave out --model for the rules of facs"
        )
    return Posterior(model, _rules_digest() if folder is None else _folder_digest(folder), places)


def _folder_digest(folder: str | Path) -> str:
    """Of the card, in which the SHA-256 of every file of the model stands."""
    return sha256(Path(folder) / CARD)[:_DIGITS]


def _rules_digest() -> str:
    made = hashlib.sha256(b"facs")
    for name in sorted(TABLES):
        made.update(name.encode() + np.ascontiguousarray(TABLES[name], "<f8").tobytes())
    return made.hexdigest()[:_DIGITS]


class Answers:
    """One patient's frames, in order, each with what the model says of it.

    The model is asked of whole ten seconds, whatever came with what, and of frames of one time
    once: its answers differ in their last digits by what it is asked together with.
    """

    def __init__(self, posterior: Posterior) -> None:
        self._posterior = posterior
        self._block: list[MeasuredFrame] = []
        self._before = np.empty((0, posterior.model.features.value_count), np.float32)

    def add(self, frame: MeasuredFrame) -> Iterator[MeasuredFrame]:
        """The frames before this one, once their ten seconds are over."""
        if self._block and frame.time_ms // BLOCK_MS != self._block[0].time_ms // BLOCK_MS:
            yield from self.rest()
        self._block.append(frame)

    def rest(self) -> Iterator[MeasuredFrame]:
        block, self._block = self._block, []
        values = {frame.time_ms: self._row(frame) for frame in reversed(block)}
        times = sorted(values)
        rows = np.array([values[time_ms] for time_ms in times])
        chances = dict(zip(times, self._asked(rows).tolist(), strict=True)) if times else {}
        for frame in block:
            yield _with_negative(frame, chances[frame.time_ms])

    def _row(self, frame: MeasuredFrame) -> np.ndarray:
        absent = np.full(self._posterior.model.features.value_count, np.nan, np.float32)
        return absent if frame.values is None else frame.values

    def _asked(self, rows: np.ndarray) -> np.ndarray:
        if self._posterior.model.unit == "frame":
            return self._posterior.of_frames(rows)
        known = np.concatenate([self._before, rows])
        self._before = known[max(0, len(known) - self._posterior.context_frames) :]
        return self._posterior.of_sequence(known)[-len(rows) :]


def _with_negative(frame: MeasuredFrame, chance: float) -> MeasuredFrame:
    if frame.face is None or np.isnan(chance):
        return frame
    return replace(frame, face=replace(frame.face, negative=round(chance, DECIMALS)))
