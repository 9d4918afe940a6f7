"""A network of clips as a scikit-learn classifier: recipes temporal, lstm and cnn.

Shapes: K clips, T frames, F values a frame, C classes. A clip is (T, F) with NaN where a
frame has no face and after its end.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin

from mien.emotion.batches import Augment, RowSource, chunks
from mien.emotion.comparators import CnnNetwork, LstmNetwork
from mien.emotion.devices import chosen_device, has_bfloat16, one_thread
from mien.emotion.fitted_network import export, take_weights, weights_of
from mien.emotion.layers import ClipProbabilities, Streams
from mien.emotion.runs import FitRun
from mien.emotion.sequences import clips_of, stretches
from mien.emotion.targets import ClassWeight, class_weights, lesson_of, set_aside
from mien.emotion.temporal import TemporalNetwork
from mien.emotion.training import Plan, fit_network
from mien.errors import InputError

NETWORKS: dict[str, Callable[..., torch.nn.Module]] = {
    "temporal": lambda *counts, depth, **options: TemporalNetwork(*counts, stages=depth, **options),
    "lstm": lambda *counts, depth, **options: LstmNetwork(*counts, layers=depth, **options),
    "cnn": lambda *counts, depth, **options: CnnNetwork(*counts, layers=depth, **options),
}

_SHARDS = 2  # of a batch: a thread each, and the same bits on one
_CLIPS_AT_ONCE = 64
_FRAMES_AT_ONCE = 1 << 13  # predicted together
_OPSET = 17  # the first with layer normalisation
_AXES = {
    "features": {0: "clips", 1: "frames"},
    "probabilities": {0: "clips"},
    "frames": {0: "clips", 1: "frames"},
}


class ClipClassifier(ClassifierMixin, BaseEstimator):
    """A clip's label from how the face moves, by a network of NETWORKS.

    network: "temporal", "lstm" or "cnn". causal: a frame's scores depend on no later frame.
    width: units a frame; depth: stages of temporal, layers of the others.
    batch_clips: clips a step. class_weight: None, "balanced" or "sqrt", see targets.py.
    frame_share: of the loss of frames by themselves, which makes scores of single frames
    worth reading. augment: done to clips learnt from, such as a ClipAugmentation.
    classes, patience, device, precision: as in mlp.MlpClassifier.
    """

    def __init__(
        self,
        *,
        network: Literal["temporal", "lstm", "cnn"] = "temporal",
        causal: bool = False,
        width: int = 128,
        depth: int = 2,
        dropout: float = 0.1,
        epochs: int = 20,
        learning_rate: float = 0.002,
        batch_clips: int = 64,
        weight_decay: float = 0.05,
        label_smoothing: float = 0.1,
        frame_share: float = 0.3,
        class_weight: ClassWeight | None = None,
        augment: Augment | None = None,
        patience: int | None = None,
        seed: int = 0,
        classes: Sequence[str] | None = None,
        device: str = "cpu",
        precision: str = "auto",
    ) -> None:
        self.network = network
        self.causal = causal
        self.width = width
        self.depth = depth
        self.dropout = dropout
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.batch_clips = batch_clips
        self.weight_decay = weight_decay
        self.label_smoothing = label_smoothing
        self.frame_share = frame_share
        self.class_weight = class_weight
        self.augment = augment
        self.patience = patience
        self.seed = seed
        self.classes = classes
        self.device = device
        self.precision = precision

    def fit(
        self,
        X: RowSource,
        y: np.ndarray,
        *,
        rows: np.ndarray | None = None,
        groups: np.ndarray | None = None,
        run: FitRun | None = None,
    ) -> Self:
        """Learn from clips X (K, T, F) and labels y (K,), or from some `rows` of them.

        X: an array, or what gives clips when indexed, such as sequences.Sequences; a clip
        without any face is not learnt from. groups: (K,) people, of whom early stopping
        sets some aside. run: where checkpoints go, and what to go on from.
        Raises InputError when a label is not among `classes`, or no clip has a face.
        """
        X = clips_of(X)
        self.classes_, rows, targets = lesson_of(y, rows, self.classes)
        self.n_features_in_ = X.shape[2]
        rows = self._with_faces(X, rows)
        learnt, checked = rows, None
        if self.patience is not None:
            learnt, checked = set_aside(rows, np.asarray(y), groups, seed=self.seed)
        self.network_ = self._untrained(self.n_features_in_, len(self.classes_))
        streams = self.network_.streams
        assert isinstance(streams, Streams)
        with one_thread():
            streams.standardise(values for values, _ in self._chunks(X, learnt))
        weights = class_weights(
            targets[learnt], class_count=len(self.classes_), kind=self.class_weight
        )
        self.loss_history_ = fit_network(
            self.network_,
            X,
            targets=targets,
            rows=learnt,
            plan=self._plan(weights),
            validation=checked,
            run=run,
        )
        return self

    @property
    def context_frames_(self) -> int | None:
        """How many frames, the newest included, decide a frame's scores: with as many in a
        buffer, live scores are those of the whole recording. None: all of them."""
        found = self.network_.context_frames
        return found if isinstance(found, int) else None

    def predict_proba(self, X: RowSource) -> np.ndarray:
        """(K, C) float32 probabilities of clips X (K, T, F); NaN for one without any face."""
        return np.concatenate([clips for clips, _ in self._predicted(X)])

    def predict_frames(self, X: RowSource) -> np.ndarray:
        """(K, T, C) float32 probabilities of each frame; NaN where there is no face."""
        X = clips_of(X)
        frames = np.full((*X.shape[:2], len(self.classes_)), np.nan, np.float32)
        done = 0
        for _, some in self._predicted(X):
            frames[done : done + len(some), : some.shape[1]] = some
            done += len(some)
        return frames

    def predict(self, X: RowSource) -> np.ndarray:
        """(K,) the likeliest label of each clip.

        Raises InputError when a clip has no face: it has no likeliest label.
        """
        probabilities = self.predict_proba(X)
        unseen = np.flatnonzero(np.isnan(probabilities).any(axis=1))
        if len(unseen):
            raise InputError(
                f"{len(unseen)} clips have no face, the first is clip {unseen[0]}: they have no "
                "label; leave them out, or read predict_proba, which is NaN there"
            )
        return self.classes_[probabilities.argmax(axis=1)]

    def weights(self) -> dict[str, np.ndarray]:
        """Each layer's weights, and the constants of standardisation, float32."""
        return weights_of(self.network_)

    def write_onnx(self, path: Path) -> None:
        """`features` (K, T, F) in; `probabilities` (K, C) and `frames` (K, T, C) out."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Constant folding - Only steps=1", UserWarning)
            # Of the LSTM's own check that a frame has as many values as it was made for.
            own = dict(category=torch.jit.TracerWarning, module=r"torch\.nn\.modules\.rnn")
            warnings.filterwarnings("ignore", **own)
            # Meant for networks whose first state is a constant; here it follows the batch.
            warnings.filterwarnings("ignore", "Exporting a model to ONNX with a batch", UserWarning)
            export(
                ClipProbabilities(self.network_),
                path,
                sample_shape=(2, 3, self.n_features_in_),
                axes=_AXES,
                opset_version=_OPSET,
            )

    def _plan(self, weights: np.ndarray | None) -> Plan:
        device = chosen_device(self.device)
        is_rough = self.precision == "bfloat16"
        if self.precision == "auto":
            is_rough = has_bfloat16(device)
        return Plan(
            epochs=self.epochs,
            learning_rate=self.learning_rate,
            batch_rows=self.batch_clips,
            weight_decay=self.weight_decay,
            patience=self.patience,
            seed=self.seed,
            device=device,
            bfloat16=is_rough,
            class_weights=weights,
            label_smoothing=self.label_smoothing,
            schedule="cosine",
            warm_up=0.1,
            max_gradient_norm=1.0,
            augment=self.augment,
            frame_share=self.frame_share,
            shards=_SHARDS if device == "cpu" else 1,
            checked_rows=_CLIPS_AT_ONCE,
        )

    def _untrained(self, value_count: int, class_count: int) -> torch.nn.Module:
        """The network of the seed; torch's own random state is left as it was."""
        if self.network not in NETWORKS:
            raise InputError(f"no network {self.network!r}: there are {', '.join(NETWORKS)}")
        with torch.random.fork_rng(devices=[]):
            torch.random.default_generator.manual_seed(self.seed)
            return NETWORKS[self.network](
                value_count,
                class_count,
                width=self.width,
                depth=self.depth,
                causal=self.causal,
                dropout=self.dropout,
            )

    def _chunks(self, X: RowSource, rows: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        return chunks(X, rows, _CLIPS_AT_ONCE, seed=[self.seed])

    def _with_faces(self, X: RowSource, rows: np.ndarray) -> np.ndarray:
        """The rows whose clip has a face somewhere in what would be learnt from."""
        seen = [
            some[~np.isnan(values).any(axis=2).all(axis=1)]
            for values, some in self._chunks(X, rows)
        ]
        if not any(len(some) for some in seen):
            raise InputError(f"none of {len(rows)} clips has a face: there is nothing to learn")
        return np.concatenate(seen)

    def _predicted(self, X: RowSource) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Probabilities of clips (k, C) and their frames (k, t, C), in order."""
        X = clips_of(X)
        graph = ClipProbabilities(self.network_).eval()
        lengths = getattr(X, "lengths", np.full(X.shape[0], X.shape[1]))
        for start, end in stretches(lengths, most_frames=_FRAMES_AT_ONCE):
            values = np.ascontiguousarray(X[np.arange(start, end)], np.float32)
            with torch.inference_mode():
                clips, frames = graph(torch.from_numpy(values))
            yield clips.numpy(), frames.numpy()


def from_weights(
    weights: Mapping[str, np.ndarray], *, labels: Sequence[str], **params: Any
) -> ClipClassifier:
    """The fitted classifier whose weights() these are.

    labels: its classes, in order; params: those it was made with.
    """
    model = ClipClassifier(classes=tuple(labels), **params)
    model.classes_ = np.array(labels)
    model.n_features_in_ = weights["streams.mean"].shape[0] // 4
    model.network_ = model._untrained(model.n_features_in_, len(labels))
    take_weights(model.network_, weights)
    model.loss_history_ = []
    return model
