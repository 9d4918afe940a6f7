"""Probabilities from landmark rows: by a model folder on ONNX Runtime, or by the rules of facs.

No torch and no scikit-learn; facs needs no ONNX Runtime either.

Shapes: N rows, P = 478 points, F values a row, C labels. A row without a face has no
probabilities: null in a table, NaN in an array, never zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from mien.corpora.frame_size import SIZE_COLUMNS, UNKNOWN_SIZE_PX, frame_sizes_of
from mien.corpora.problems import FACE, INFINITE, PARTIAL, point_states
from mien.emotion import facs
from mien.emotion.ahead import ahead
from mien.emotion.checkpoint import (
    GRAPH,
    Calibrations,
    ModelCard,
    calibrations_of,
    load_card,
    load_neutral_reference,
)
from mien.emotion.clip_prediction import answered_by_clip
from mien.emotion.enrolment import Enrolment, enrol, facs_reference, neutral_rows
from mien.emotion.prediction_table import KEPT_COLUMNS, ClipTotals, frame_batch, kept
from mien.errors import ModelError, TableError
from mien.face.features import FEATURE_SETS, FeatureSet, feature_set
from mien.tables import POINT_COLUMNS, points_of

PREDICT_COLUMNS = (*KEPT_COLUMNS, *SIZE_COLUMNS, *POINT_COLUMNS)
BATCH_ROWS = 512  # what a thread computes at a time
PLACE_BOUND = ("raw-points", "pose")  # features that say where a face is, not what it shows

OUTPUTS = {"frame": ("probabilities",), "clip": ("probabilities", "frames")}

Answered = tuple[pa.RecordBatch, np.ndarray]  # rows without points, and an array of as many


class Model(Protocol):
    """What gives probabilities: a model folder, or facs."""

    @property
    def name(self) -> str:
        """The recipe."""

    @property
    def labels(self) -> list[str]:
        """C, in the order of the probabilities."""

    @property
    def features(self) -> FeatureSet: ...

    @property
    def unit(self) -> str:
        """ "frame" or "clip": what `run` takes."""

    @property
    def window(self) -> int | None:
        """How many frames decide a frame's scores, see ModelCard."""

    @property
    def calibrations(self) -> Calibrations: ...

    @property
    def neutral_reference(self) -> np.ndarray | None:
        """(F,) the mean neutral face; None: nobody can be enrolled."""

    def run(self, values: np.ndarray) -> Any:
        """(N, C) from (N, F); or of clips what clip_prediction.RunClips says."""


@dataclass(frozen=True)
class ModelFolder:
    """A model folder, checked and ready to predict."""

    card: ModelCard
    session: Any  # onnxruntime.InferenceSession
    features: FeatureSet
    calibrations: Calibrations
    neutral_reference: np.ndarray | None

    @property
    def name(self) -> str:
        return self.card.recipe

    @property
    def labels(self) -> list[str]:
        return self.card.labels

    @property
    def unit(self) -> str:
        return self.card.unit

    @property
    def window(self) -> int | None:
        return self.card.window

    def run(self, values: np.ndarray) -> Any:
        values = np.ascontiguousarray(values, np.float32)
        outputs = OUTPUTS[self.unit]
        found = self.session.run([*outputs], {"features": values})
        return found[0] if len(outputs) == 1 else tuple(found)


@dataclass(frozen=True)
class Rules:
    """facs.py, which needs no training. It is not calibrated."""

    name: str = "facs"
    unit: str = "frame"
    window: int | None = None
    labels: list[str] = field(default_factory=lambda: [*facs.LABELS])
    features: FeatureSet = FEATURE_SETS["blendshapes"]
    calibrations: Calibrations = field(default_factory=Calibrations)
    neutral_reference: np.ndarray | None = field(default_factory=facs_reference)

    def run(self, values: np.ndarray) -> np.ndarray:
        return facs.probabilities(values)


def facs_model() -> Model:
    """The rules of facs.py."""
    return Rules()


def load_model(folder: str | Path, *, threads: int = 1) -> ModelFolder:
    """Open a model folder strictly, on the CPU. threads: that its graph runs on.

    Raises ModelError when it is altered, newer, for other features, or when its
    graph does not fit its labels; InputError when there is none.
    """
    card = load_card(folder)
    session = _session(Path(folder) / GRAPH, threads)
    _check_graph(session, card, Path(folder) / GRAPH)
    features = feature_set(card.feature_set, version=card.feature_version)
    reference = load_neutral_reference(folder)
    return ModelFolder(card, session, features, calibrations_of(card), reference)


def probabilities(
    model: Model, points: np.ndarray, *, size_px: Any = UNKNOWN_SIZE_PX
) -> np.ndarray:
    """(N, C) float32, a model's own probabilities of frames; NaN rows where there is no face.

    They are not calibrated. A model of clips takes the N frames for one clip.

    points: (N, 478, 3) fractions; size_px: (2,) or (N, 2) width and height of the frames.
    Raises TableError when a row has some but not all coordinates, or an infinite one.
    """
    values = features_of(model, points, size_px=size_px)
    if model.unit == "frame":
        return _of_frames(model, values)
    found: np.ndarray = model.run(values[None])[1][0]
    return found


def features_of(model: Model, points: np.ndarray, *, size_px: Any = UNKNOWN_SIZE_PX) -> np.ndarray:
    """(N, F) float32 of what a model sees; NaN rows where there is no face.

    points: (N, 478, 3) fractions; size_px: (2,) or (N, 2) width and height of the frames.
    Raises TableError when a row has some but not all coordinates, or an infinite one.
    """
    state = point_states(points)
    for bad, what in (
        (PARTIAL, "some but not all of its coordinates"),
        (INFINITE, "an infinite coordinate"),
    ):
        if (state == bad).any():
            row = int((state == bad).argmax())
            raise TableError(
                f"row {row} has {what}: a face is whole or absent; extract that clip again"
            )
    values = np.full((len(points), model.features.value_count), np.nan, np.float32)
    is_face = state == FACE
    if is_face.any():
        sizes = np.broadcast_to(np.asarray(size_px), (len(points), 2))
        values[is_face] = model.features.compute(points[is_face], size_px=sizes[is_face])
    return values


def enrolled(model: Model, batches: Iterable[pa.RecordBatch], *, threads: int = 1) -> Enrolment:
    """The neutral faces of people, for a model, from landmark rows: see enrolment.enrol.

    Raises ModelError for a model that cannot take them, TableError for rows that cannot
    be used.
    """
    if model.features.name in PLACE_BOUND:
        raise ModelError(
            f"a model of {model.features.name} sees where a face is, and enrolling would move it: "
            "leave out the enrolment, or train a recipe of pose-free features"
        )
    if model.neutral_reference is None:
        raise ModelError(
            "the model has no neutral reference, for no Neutral face was among what it learnt "
            "from: leave out the enrolment, or train again with Neutral frames"
        )
    neutral = _slices(neutral_rows(batch) for batch in batches)
    seen = ahead(partial(_seen, model), neutral, threads=threads)
    return enrol(seen, reference=model.neutral_reference)


def predict_batches(
    model: Model,
    batches: Iterable[pa.RecordBatch],
    *,
    clips: ClipTotals | None = None,
    enrolment: Enrolment | None = None,
    ends: Mapping[str | None, int] | None = None,
    threads: int = 1,
) -> Iterator[pa.RecordBatch]:
    """Landmark rows in, prediction rows out, in order, by some threads ahead of the reader.

    Each has the row's key, what was known of it, and the columns of
    prediction_table.FRAME_MEANINGS. clips: gathers the clips' answers, whole when the last
    row is out: those of a model of frames are the mean over their frames with a face, of
    probabilities that are not calibrated. enrolment: whose neutral faces are taken off.
    ends: of a model of clips, see clip_prediction.answered_by_clip.
    Raises TableError naming the clip and frame of a row that cannot be used.
    """
    totals = ClipTotals(model.labels) if clips is None else clips
    seen = ahead(partial(_looked_at, model, enrolment), _slices(batches), threads=threads)
    calibration = model.calibrations.frames
    if model.unit == "clip":
        found = answered_by_clip(
            seen, run=model.run, totals=totals, context_frames=model.window, ends=ends
        )
    else:
        found = _added(seen, totals)
    for rows, answers in found:
        yield frame_batch(rows, answers, model.labels, calibration)


def clip_table(model: Model, clips: ClipTotals) -> pa.Table:
    """One row a clip (and track), when the last row of predict_batches is out."""
    return clips.table(model.calibrations.clips)


def _looked_at(model: Model, enrolment: Enrolment | None, rows: pa.RecordBatch) -> Answered:
    """Rows, and what a model of clips takes of them (n, F), or answers (n, C)."""
    about, values = _seen(model, rows)
    if enrolment is not None:
        values = enrolment.applied(values, about)
    return about, values if model.unit == "clip" else _of_frames(model, values)


def _added(seen: Iterable[Answered], totals: ClipTotals) -> Iterator[Answered]:
    for rows, found in seen:
        totals.add_frames(totals.numbers_of(rows), found, is_mean=True)
        yield rows, found


def _seen(model: Model, rows: pa.RecordBatch) -> Answered:
    """Rows, and their features (n, F). Raises TableError naming clip and frame."""
    points = points_of(rows)
    try:
        values = features_of(model, points, size_px=frame_sizes_of(rows))
    except TableError as error:
        raise TableError(f"{_where(rows, points)}: {error}") from error
    return pa.RecordBatch.from_pydict(kept(rows)), values


def _of_frames(model: Model, values: np.ndarray) -> np.ndarray:
    found = np.full((len(values), len(model.labels)), np.nan, np.float32)
    is_face = ~np.isnan(values).any(axis=1)
    if is_face.any():
        found[is_face] = model.run(values[is_face])
    return found


def _slices(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for start in range(0, batch.num_rows, BATCH_ROWS):
            yield batch.slice(start, BATCH_ROWS)


def _session(path: Path, threads: int) -> Any:
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises types of its own, undocumented
        raise ModelError(f"{path} cannot be loaded: {str(error).splitlines()[0]}") from error


def _check_graph(session: Any, card: ModelCard, path: Path) -> None:
    ranks = {name: 2 if name == "probabilities" else 3 for name in OUTPUTS[card.unit]}
    inputs = [(item.name, len(item.shape), item.shape[-1]) for item in session.get_inputs()]
    outputs = [(item.name, len(item.shape), item.shape[-1]) for item in session.get_outputs()]
    if inputs != [("features", 2 if card.unit == "frame" else 3, card.value_count)]:
        raise ModelError(
            f"{path} takes {inputs} (name, dimensions, values), model.json says features of "
            f"{card.value_count} values a {'frame' if card.unit == 'frame' else 'frame of a clip'}"
        )
    if outputs != [(name, rank, len(card.labels)) for name, rank in ranks.items()]:
        raise ModelError(
            f"{path} gives {outputs} (name, dimensions, values), wanted {' and '.join(ranks)} "
            f"of {card.unit}s; model.json names {len(card.labels)} labels: "
            f"{', '.join(card.labels)}"
        )


def _where(rows: pa.RecordBatch, points: np.ndarray) -> str:
    state = point_states(points)
    row = int(((state == PARTIAL) | (state == INFINITE)).argmax())
    clip, frame = (rows.column(name)[row].as_py() for name in ("video_filename", "frame_num"))
    return f"clip {clip!r} frame {frame}"
