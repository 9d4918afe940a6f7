"""Probabilities from a model folder, by ONNX Runtime alone: no torch, no scikit-learn.

Shapes: N rows, P = 478 points, C labels. A row without a face has no
probabilities: null in a table, NaN in an array, never zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pyarrow as pa

from mien.corpora.frame_size import SIZE_COLUMNS, UNKNOWN_SIZE_PX, frame_sizes_of
from mien.corpora.problems import FACE, INFINITE, PARTIAL, point_states
from mien.emotion.checkpoint import GRAPH, ModelCard, load_card
from mien.errors import ModelError, TableError
from mien.face.features import feature_set
from mien.tables import POINT_COLUMNS, points_of

KEPT_COLUMNS = ("video_filename", "frame_num", "time_s", "emotion", "subject", "face_id")
PREDICT_COLUMNS = (*KEPT_COLUMNS, *SIZE_COLUMNS, *POINT_COLUMNS)

onnxruntime.disable_telemetry_events()


@dataclass(frozen=True)
class Model:
    """A model folder, checked and ready to predict."""

    card: ModelCard
    session: Any  # onnxruntime.InferenceSession

    @property
    def labels(self) -> list[str]:
        return self.card.labels


def load_model(folder: str | Path, *, threads: int = 1) -> Model:
    """Open a model folder strictly, on the CPU.

    Raises ModelError when it is altered, newer, for other features, or when its
    graph does not fit its labels; InputError when there is none.
    """
    card = load_card(folder)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    path = Path(folder) / GRAPH
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime raises types of its own, undocumented
        raise ModelError(f"{path} cannot be loaded: {str(error).splitlines()[0]}") from error
    _check_graph(session, card, path)
    return Model(card, session)


def probabilities(
    model: Model, points: np.ndarray, *, size_px: Any = UNKNOWN_SIZE_PX
) -> np.ndarray:
    """(N, C) float32 probabilities; NaN rows where there is no face.

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
    found = np.full((len(points), len(model.labels)), np.nan, np.float32)
    is_face = state == FACE
    if is_face.any():
        features = feature_set(model.card.feature_set, version=model.card.feature_version)
        sizes = np.broadcast_to(np.asarray(size_px), (len(points), 2))
        values = features.compute(points[is_face], size_px=sizes[is_face])
        values = np.ascontiguousarray(values)
        found[is_face] = model.session.run(["probabilities"], {"features": values})[0]
    return found


def predict_batches(model: Model, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Landmark rows in, prediction rows out, batch by batch, in order.

    Each has the row's key, what was known of it, `predicted` and `p_<label>`.
    Raises TableError naming the clip and frame of a row that cannot be used.
    """
    for batch in batches:
        try:
            found = probabilities(model, points_of(batch), size_px=frame_sizes_of(batch))
        except TableError as error:
            raise TableError(f"{_where(batch)}: {error}") from error
        yield _prediction_batch(batch, found, model.labels)


def clip_table(predictions: pa.Table, labels: list[str]) -> pa.Table:
    """One row a clip (and track): the mean of its frames' probabilities, over those with a face.

    A clip without any face has null probabilities and no predicted label.
    """
    keys = ["video_filename", *(["face_id"] if "face_id" in predictions.schema.names else [])]
    kept = [name for name in ("subject", "emotion") if name in predictions.schema.names]
    columns = [_probability_column(label) for label in labels]
    counted = predictions.append_column("frames", pa.array(np.ones(predictions.num_rows, np.int64)))
    grouped = counted.group_by(keys, use_threads=False).aggregate(
        [("frames", "sum"), (columns[0], "count")]
        + [(name, "first") for name in kept]
        + [(name, "mean") for name in columns]
    )
    means = np.stack([grouped[f"{name}_mean"].to_numpy() for name in columns], axis=1)
    arrays = {name: grouped[name] for name in keys}
    arrays |= {name: grouped[f"{name}_first"] for name in kept}
    arrays |= {"frames": grouped["frames_sum"], "frames_with_face": grouped[f"{columns[0]}_count"]}
    return pa.table(arrays | _answer_columns(means, labels))


def _check_graph(session: Any, card: ModelCard, path: Path) -> None:
    inputs = [(item.name, item.shape[-1]) for item in session.get_inputs()]
    outputs = [(item.name, item.shape[-1]) for item in session.get_outputs()]
    if inputs != [("features", card.value_count)]:
        raise ModelError(
            f"{path} takes {inputs}, model.json says {card.value_count} values a frame"
        )
    if outputs != [("probabilities", len(card.labels))]:
        raise ModelError(
            f"{path} gives {outputs}, model.json names {len(card.labels)} labels: "
            f"{', '.join(card.labels)}"
        )


def _probability_column(label: str) -> str:
    return f"p_{label}"


def _prediction_batch(
    batch: pa.RecordBatch, found: np.ndarray, labels: list[str]
) -> pa.RecordBatch:
    kept = {name: batch.column(name) for name in KEPT_COLUMNS if name in batch.schema.names}
    return pa.RecordBatch.from_pydict(kept | _answer_columns(found, labels))


def _answer_columns(found: np.ndarray, labels: list[str]) -> dict[str, pa.Array]:
    """`predicted` and `p_<label>` of (N, C) probabilities; null where they are NaN."""
    absent = np.isnan(found).any(axis=1)
    names = np.array(labels, object)[np.where(absent, 0, np.nan_to_num(found).argmax(axis=1))]
    columns = {"predicted": pa.array(names, pa.string(), mask=absent)}
    for index, label in enumerate(labels):
        values = np.ascontiguousarray(found[:, index], np.float32)
        columns[_probability_column(label)] = pa.array(values, mask=absent)
    return columns


def _where(batch: pa.RecordBatch) -> str:
    state = point_states(points_of(batch))
    row = int(((state == PARTIAL) | (state == INFINITE)).argmax())
    clip, frame = (batch.column(name)[row].as_py() for name in ("video_filename", "frame_num"))
    return f"clip {clip!r} frame {frame}"
