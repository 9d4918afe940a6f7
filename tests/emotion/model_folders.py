"""Model folders made without the train workflow: small, quick and of any kind."""

from pathlib import Path
from typing import Any

import numpy as np

from mien.emotion.calibration import Calibration, fit_calibration
from mien.emotion.checkpoint import HeldOut, ModelCard, TrainedOn, save_model
from mien.face.features import FEATURE_SETS
from tests.emotion.simulated import simulate


def save(folder: Path, estimator: Any, features: str, **card: Any) -> Path:
    """A fitted estimator's folder. card: unit, window, calibration, neutral_reference."""
    folder.mkdir()
    found = FEATURE_SETS[features]
    reference = card.pop("neutral_reference", None)
    made = ModelCard(
        git_sha=None,
        recipe="test",
        labels=[str(label) for label in estimator.classes_],
        feature_set=found.name,
        feature_version=found.version,
        value_count=found.value_count,
        **{"window": None, "calibration": None, **card},
        held_out=HeldOut(split="subject", people=[], frames=0, clips=0),
        trained_on=TrainedOn(table="t", table_sha256="", frames=1, clips=1, people=1),
        scores={},
        settings={},
        settings_digest="",
    )
    save_model(
        folder,
        made,
        weights=estimator.weights(),
        write_onnx=estimator.write_onnx,
        neutral_reference=reference,
    )
    return folder


def calibration(labels: list[str], *, seed: int = 0, **options: Any) -> Calibration:
    """Learnt on simulated people who answer with the first of these labels."""
    found = simulate(np.random.default_rng(seed), people=40, temperature=0.5)
    chances = found.probabilities[:, : len(labels)]
    chances = chances / chances.sum(axis=1, keepdims=True)
    is_kept = found.truth < len(labels)
    return fit_calibration(
        chances[is_kept],
        np.array(labels)[found.truth[is_kept]],
        labels=labels,
        people=found.people[is_kept],
        **options,
    )
