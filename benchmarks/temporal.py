"""Models of clips on synthetic people: what motion tells, how long training takes, how fast it is.

    python benchmarks/temporal.py [--quick] [--folder DIR] [--out benchmarks/results/temporal.txt]

Three tables. On clips of kind motion-pair, of which no single frame tells the emotion: models
of frames and of clips, on people never seen. On 7,000 clips of 75 frames that show six emotions:
how long `temporal` learns and how it does on people never seen. And frames a second on one core
through ONNX Runtime, a clip at a time and live, from features to scores.

--folder keeps the features, so that a second run need not make the clips again. --quick takes
fewer clips and epochs: the figures are then no claim.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mien.emotion.clip_augmentation import ClipAugmentation, point_columns
from mien.emotion.mlp import MlpClassifier
from mien.emotion.sequence_classifier import ClipClassifier
from mien.evaluation.results import environment
from mien.face.features import FEATURE_SETS
from mien.recording.synthetic import GENERATOR, Scenario, clips

FEATURES = FEATURE_SETS["motion"]
PAIR = Scenario(kind="motion-pair", people=60, clips_each=24)
EMOTIONS = Scenario(kind="emotions", people=120, clips_each=70)
ASKED_PEOPLE = 20  # never learnt from
QUICK = dict(people=30, clips_each=12)
FASTEST_OF = 5

Say = Callable[[str], None]


@dataclass(frozen=True)
class Data:
    """Clips of synthetic people. The last ASKED_PEOPLE of them are asked about."""

    values: np.ndarray  # (K, T, F)
    labels: np.ndarray  # (K,)
    people: np.ndarray  # (K,)

    @property
    def asked(self) -> np.ndarray:
        return np.isin(self.people, np.unique(self.people)[-ASKED_PEOPLE:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--epochs", type=int, default=10)
    asked = parser.parse_args()
    lines: list[str] = []

    def say(line: str) -> None:
        print(line, flush=True)
        lines.append(line)

    with tempfile.TemporaryDirectory() as temporary:
        run(asked, asked.folder or Path(temporary), say)
    if asked.out is not None:
        asked.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def run(asked: argparse.Namespace, folder: Path, say: Say) -> None:
    versions = environment().packages
    say(", ".join(f"{name} {versions[name]}" for name in ("torch", "onnxruntime", "numpy")))
    say(f"{torch.get_num_threads()} threads of torch, features {FEATURES.name} version "
        f"{FEATURES.version} ({FEATURES.value_count} values), {GENERATOR}")  # fmt: skip
    epochs = 2 if asked.quick else asked.epochs
    pair, emotions = (
        replace(scenario, **QUICK) if asked.quick else scenario for scenario in (PAIR, EMOTIONS)
    )
    motion_pair(made(pair, folder), say, epochs=4 * epochs if asked.quick else epochs)
    model = training(made(emotions, folder), say, epochs=epochs)
    speed(model, folder, say)


def made(scenario: Scenario, folder: Path) -> Data:
    """The scenario's clips as features, from the folder where they are there already."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{scenario.kind}-{scenario.people}x{scenario.clips_each}-{FEATURES.version}.npz"
    path = folder / name
    if not path.is_file():
        size_px = (scenario.width_px, scenario.height_px)
        values, labels, people = [], [], []
        for clip in clips(scenario):
            values.append(FEATURES.compute(clip.points, size_px=size_px))
            labels.append(clip.label)
            people.append(clip.subject)
        np.savez(path, values=np.stack(values), labels=labels, people=people)
    with np.load(path) as stored:
        return Data(stored["values"], stored["labels"], stored["people"])


def clip_model(**options: object) -> ClipClassifier:
    augment = ClipAugmentation(mirror=FEATURES.mirror, columns=point_columns(FEATURES.names))
    return ClipClassifier(augment=augment, **options)


def motion_pair(data: Data, say: Say, *, epochs: int) -> None:
    """Clip accuracy on people never seen, of every model."""
    say(f"\nmotion-pair: {(~data.asked).sum():,} clips learnt, {data.asked.sum():,} asked, "
        f"{epochs} epochs; one frame cannot tell the two apart")  # fmt: skip
    say(f"{'model':<28} {'frames':>8} {'clips':>8}")
    for name, model in (
        ("logistic", make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000))),
        ("mlp", MlpClassifier(batch_rows=1024, standardise=True, weight_decay=0.01)),
    ):
        say("{:<28} {:>8.3f} {:>8.3f}".format(name, *of_frames(model, data)))
    for network in ("temporal", "lstm", "cnn"):
        for causal in (False, True):
            model = clip_model(network=network, causal=causal, epochs=epochs)
            learnt = np.flatnonzero(~data.asked)
            model.fit(data.values, data.labels, rows=learnt)
            name = f"{network}{', causal' if causal else ''}"
            say("{:<28} {:>8.3f} {:>8.3f}".format(name, *of_clips(model, data)))


def of_frames(model, data: Data) -> tuple[float, float]:
    """Accuracy of a model of single frames, and of the mean of a clip's frames."""
    is_present = ~np.isnan(data.values).any(axis=2)
    labels = np.repeat(data.labels[:, None], data.values.shape[1], axis=1)
    learnt = is_present & ~data.asked[:, None]
    model.fit(data.values[learnt], labels[learnt])
    scores = np.full((*is_present.shape, len(model.classes_)), np.nan)
    scores[is_present] = model.predict_proba(data.values[is_present])
    with np.errstate(invalid="ignore"):  # a clip without a face has no mean
        means = np.nansum(scores, axis=1) / is_present.sum(axis=1)[:, None]
    return accuracies(scores, means, model.classes_, data)


def of_clips(model: ClipClassifier, data: Data) -> tuple[float, float]:
    asked = data.values[data.asked]
    frames = np.full((len(data.labels), data.values.shape[1], len(model.classes_)), np.nan)
    frames[data.asked] = model.predict_frames(asked)
    found = np.full((len(data.labels), len(model.classes_)), np.nan)
    found[data.asked] = model.predict_proba(asked)
    return accuracies(frames, found, model.classes_, data)


def accuracies(
    frames: np.ndarray, found: np.ndarray, classes: np.ndarray, data: Data
) -> tuple[float, float]:
    """Of frames with a face and of clips, of who was asked. A clip without a face is an error."""
    frames, found, labels = frames[data.asked], found[data.asked], data.labels[data.asked]
    is_present = ~np.isnan(frames).any(axis=2)
    is_right = classes[np.nan_to_num(frames).argmax(axis=2)] == labels[:, None]
    is_seen = ~np.isnan(found).any(axis=1)
    right = (classes[np.nan_to_num(found).argmax(axis=1)] == labels) & is_seen
    return float(is_right[is_present].mean()), float(right.mean())


def training(data: Data, say: Say, *, epochs: int) -> ClipClassifier:
    """How long both kinds of `temporal` learn, and how they do on people never seen."""
    learnt = np.flatnonzero(~data.asked)
    say(f"\nsix emotions: {len(learnt):,} clips of {data.values.shape[1]} frames learnt, "
        f"{data.asked.sum():,} of {ASKED_PEOPLE} other people asked, {epochs} epochs")  # fmt: skip
    say(f"{'model':<28} {'weights':>9} {'minutes':>8} {'frames':>8} {'clips':>8}")
    frames, found = of_frames(
        MlpClassifier(batch_rows=1024, standardise=True, weight_decay=0.01, epochs=5), data
    )
    say(f"{'mlp, mean of its frames':<28} {'':>9} {'':>8} {frames:>8.3f} {found:>8.3f}")
    models = []
    for causal in (False, True):
        model = clip_model(causal=causal, epochs=epochs)
        began = time.perf_counter()
        model.fit(data.values, data.labels, rows=learnt)
        minutes = (time.perf_counter() - began) / 60
        frames, found = of_clips(model, data)
        name = f"temporal{', causal' if causal else ''}"
        weights = sum(value.size for value in model.weights().values())
        say(f"{name:<28} {weights:>9,} {minutes:>8.1f} {frames:>8.3f} {found:>8.3f}")
        models.append(model)
    return models[-1]


def speed(live: ClipClassifier, folder: Path, say: Say) -> None:
    """Frames a second on one core, from features: clips one by one, and frame by frame."""
    say(f"\none core, ONNX Runtime, batches of one; the fastest of {FASTEST_OF}")
    say(f"{'model':<28} {'frames a second':>16}")
    clip = np.random.default_rng(0).normal(size=(1, 75, FEATURES.value_count)).astype(np.float32)
    for name in ("temporal", "lstm", "cnn"):
        for causal in (False, True):
            model = clip_model(network=name, causal=causal, epochs=0)
            model.fit(np.repeat(clip, 2, axis=0), np.array(["a", "b"]))
            rate = 75 / seconds(session(model, folder), clip)
            say(f"{name + (', causal' if causal else ''):<28} {rate:>16,.0f}")
    held = live.context_frames_
    buffer = np.random.default_rng(0).normal(size=(1, held, FEATURES.value_count))
    rate = 1 / seconds(session(live, folder), buffer.astype(np.float32))
    say(f"{'temporal, causal, live':<28} {rate:>16,.0f}   a buffer of {held} frames for each")


def session(model: ClipClassifier, folder: Path) -> onnxruntime.InferenceSession:
    model.write_onnx(folder / "model.onnx")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    stored = (folder / "model.onnx").read_bytes()
    return onnxruntime.InferenceSession(stored, options, providers=["CPUExecutionProvider"])


def seconds(graph: onnxruntime.InferenceSession, features: np.ndarray) -> float:
    """Time of one call: the fastest of some rounds of twenty, after a first call."""
    graph.run(None, {"features": features})
    rounds = []
    for _ in range(FASTEST_OF):
        began = time.perf_counter()
        for _ in range(20):
            graph.run(None, {"features": features})
        rounds.append((time.perf_counter() - began) / 20)
    return min(rounds)


if __name__ == "__main__":
    main()
