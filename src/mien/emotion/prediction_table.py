"""What a prediction is written as: a row a frame, and a row a clip.

Shapes: N rows, C labels. Probabilities are (N, C), NaN where there is no face: null in a
table, never zero.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from mien.corpora.labels import SEPARATOR
from mien.emotion.calibration import Calibration
from mien.emotion.conformal import LEAST_PEOPLE

KEPT_COLUMNS = ("video_filename", "frame_num", "time_s", "emotion", "subject", "face_id")
FRAME_MEANINGS = {
    "predicted": "the likeliest label; null when no face",
    "p_<label>": "its probability, calibrated if the model is; one column a label; null when "
    "no face",
    "set": "calibrated models: the labels that remain possible, joined by |, such that nine sets "
    "in ten (or what --coverage promised) have the true one; empty when none fits; null when no "
    "face",
    "class_set": "the same, promised for each label by itself and not only over all, where "
    f"{LEAST_PEOPLE} people or more showed it to the calibration; `answer` goes by `set`",
    "answer": "calibrated models: the set's label if it has exactly one, else `unknown`",
}
CLIP_MEANINGS = {
    "frames": "rows of the clip (and track)",
    "frames_with_face": "of those, with a face",
    **FRAME_MEANINGS,
    "is_sure": "calibrated models: whether the probability is above the threshold beyond which "
    "the wanted share of answers (95 %) was right on people held out",
}


def answer_columns(
    found: np.ndarray, labels: list[str], calibration: Calibration | None, *, is_sure: bool = False
) -> dict[str, pa.Array]:
    """The columns of FRAME_MEANINGS from a model's own probabilities (N, C).

    Without calibration there are no sets and no `answer`. is_sure: that column too.
    """
    absent = np.isnan(found).any(axis=1)
    found = np.where(absent[:, None], np.nan, found)
    reading = None if calibration is None else calibration.read(found)
    found = found if reading is None else reading.probabilities
    names = np.array(labels, object)[np.where(absent, 0, np.nan_to_num(found).argmax(axis=1))]
    columns = {"predicted": pa.array(names, pa.string(), mask=absent)}
    for index, label in enumerate(labels):
        values = np.ascontiguousarray(found[:, index], np.float32)
        columns[f"p_{label}"] = pa.array(values, mask=absent)
    if reading is not None:
        for name, sets in (("set", reading.sets), ("class_set", reading.class_sets)):
            columns[name] = pa.array(_joined(sets, labels), pa.string(), mask=absent)
        columns["answer"] = pa.array(reading.answers, pa.string())
        if is_sure:
            columns["is_sure"] = pa.array(reading.is_sure)
    return columns


def frame_batch(
    rows: pa.RecordBatch, found: np.ndarray, labels: list[str], calibration: Calibration | None
) -> pa.RecordBatch:
    """Prediction rows from landmark rows and a model's own probabilities (N, C) of them."""
    return pa.RecordBatch.from_pydict(kept(rows) | answer_columns(found, labels, calibration))


def kept(rows: pa.RecordBatch) -> dict[str, pa.Array]:
    """The columns of landmark rows that are known of a prediction too."""
    return {name: rows.column(name) for name in KEPT_COLUMNS if name in rows.schema.names}


class ClipTotals:
    """The clips (a track each, where several faces are tracked), gathered row by row.

    A clip's probabilities are a mean of what was added for it, each as heavy as was said.
    """

    def __init__(self, labels: list[str]) -> None:
        self.clips: list[str | None] = []  # each clip's video_filename, by number
        self._labels = labels
        self._types: dict[str, pa.DataType] = {}
        self._numbers: dict[tuple[str | None, int | None], int] = {}
        self._told: dict[str, list[str | None]] = {"subject": [], "emotion": []}
        self._rows: list[int] = []
        self._faces: list[int] = []
        self._sums: list[np.ndarray] = []  # (C,)
        self._weights: list[float] = []

    def numbers_of(self, rows: pa.RecordBatch) -> np.ndarray:
        """(n,) each row's clip by number, from 0 in the order of their first rows."""
        self._types = self._types or {field.name: field.type for field in rows.schema}
        clips = rows.column("video_filename").to_pylist()
        tracks = (
            rows.column("face_id").to_pylist()
            if "face_id" in self._types
            else [None] * rows.num_rows
        )
        told = {
            name: rows.column(name).to_pylist() if name in self._types else [None] * len(clips)
            for name in self._told
        }
        numbers = np.empty(rows.num_rows, np.int64)
        for row, key in enumerate(zip(clips, tracks, strict=True)):
            number = self._numbers.get(key)
            if number is None:
                number = self._numbers[key] = self._begun(key[0])
            for name, values in told.items():
                if self._told[name][number] is None:
                    self._told[name][number] = values[row]
            numbers[row] = number
        return numbers

    @property
    def class_count(self) -> int:
        return len(self._labels)

    def add_frames(self, numbers: np.ndarray, found: np.ndarray, *, is_mean: bool) -> None:
        """Count rows with probabilities (n, C) and without. is_mean: they are added as well."""
        is_face = ~np.isnan(found).any(axis=1)
        for number in np.unique(numbers).tolist():
            own = numbers == number
            self._rows[number] += int(own.sum())
            self._faces[number] += int((own & is_face).sum())
            if is_mean and (own & is_face).any():
                some = found[own & is_face]
                self.add(number, some.sum(axis=0, dtype=np.float64), weight=len(some))

    def add(self, number: int, weighted: np.ndarray, *, weight: float) -> None:
        """weighted: (C,) probabilities times their weight."""
        self._sums[number] = self._sums[number] + weighted
        self._weights[number] += weight

    def table(self, calibration: Calibration | None = None) -> pa.Table:
        """A row a clip; one without any face has null probabilities and no predicted label."""
        clips, tracks = zip(*self._numbers, strict=True) if self._numbers else ((), ())
        columns = {"video_filename": pa.array(clips, pa.string())}
        if "face_id" in self._types:
            columns["face_id"] = pa.array(tracks, self._types["face_id"])
        for name, values in self._told.items():
            if name in self._types:
                columns[name] = pa.array(values, self._types[name])
        columns["frames"] = pa.array(self._rows, pa.int64())
        columns["frames_with_face"] = pa.array(self._faces, pa.int64())
        weights = np.array(self._weights, np.float64)[:, None]
        sums = np.array(self._sums, np.float64).reshape(len(weights), len(self._labels))
        means = np.divide(sums, weights, out=np.full_like(sums, np.nan), where=weights > 0)
        return pa.table(columns | answer_columns(means, self._labels, calibration, is_sure=True))

    def _begun(self, clip: str | None) -> int:
        self.clips.append(clip)
        for values in self._told.values():
            values.append(None)
        self._rows.append(0)
        self._faces.append(0)
        self._sums.append(np.zeros(len(self._labels)))
        self._weights.append(0.0)
        return len(self._numbers)


def _joined(sets: np.ndarray, labels: list[str]) -> np.ndarray:
    """(N,) str: the names in each set of (N, C), in the labels' order."""
    kinds, kind = np.unique(sets, axis=0, return_inverse=True)
    names = [
        SEPARATOR.join(label for label, held in zip(labels, one, strict=True) if held)
        for one in kinds
    ]
    return np.array([*names, ""], object)[kind.reshape(-1)]
