"""Train a recipe and say honestly what it is worth."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mien
from mien.config import Settings, TrainSettings, checked
from mien.emotion.checkpoint import (
    CARD,
    GRAPH,
    WEIGHTS,
    HeldOut,
    ModelCard,
    TrainedOn,
    check_free,
    own_git_sha,
    replacing_folder,
    save_model,
)
from mien.emotion.contract import Progress, find_recipe
from mien.emotion.runs import RunFolder, TrainingRun, summary_writer
from mien.workflows.companions import Companions
from mien.workflows.evaluate import (
    BESIDE,
    RESULT_FILES,
    Measured,
    checked_recipe,
    measure,
    write_result_files,
)

if TYPE_CHECKING:
    from mien.evaluation.evaluate import FittedSplit
    from mien.evaluation.results import Results

MODEL_FILES = (CARD, GRAPH, WEIGHTS)


@dataclass(frozen=True)
class Trained:
    """Where a model and its report lie, and what it scored."""

    folder: Path
    report: Path
    results: Results


def train(
    table: str | Path,
    *,
    out: str | Path,
    overlay_png: bytes | None = None,
    resume: bool = False,
    tensorboard: str | Path | None = None,
    beside: Sequence[str] = BESIDE,
    subjects: str | Path | None = None,
    folds_file: str | Path | None = None,
    demographics: str | Path | None = None,
    crema_d_votes: str | Path | None = None,
    on_progress: Progress | None = None,
    on_note: Callable[[str], None] = lambda note: None,
    **settings: Any,
) -> Trained:
    """Train a recipe on a landmark table; write model, metrics, figures and report to `out`.

    settings: fields of config.TrainSettings. resume: go on from where a stopped
    training into `out` was. tensorboard: a folder for its logs. beside, subjects,
    folds_file, demographics, crema_d_votes: as in evaluate. on_note is told in words
    of what was dropped.
    The saved model is the first fold's, so its scores are of people that it never saw.
    One known person cannot be split: then the end of each clip is held out, with a warning.
    Raises TableError when the table cannot be learnt from, InputError when
    `out` holds something else. Nothing is left under `out` when it fails; what
    was trained lies beside it, for `resume`.
    """
    chosen = checked(TrainSettings, **settings)
    checked_recipe(chosen.recipe)
    out = check_free(out, own_files=(*MODEL_FILES, *RESULT_FILES))
    if tensorboard is not None:
        summary_writer()
    more = Companions.read(
        subjects=subjects,
        folds_file=folds_file,
        demographics=demographics,
        crema_d_votes=crema_d_votes,
    )
    logs = None if tensorboard is None else Path(tensorboard)
    with RunFolder(Path(os.path.abspath(out))) as runs:
        if runs.fits and not resume:
            on_note("dropping what a stopped training left; --resume would go on from it")

        def run_of(table_sha256: str, people_sha256: str) -> TrainingRun:
            key = {
                "table": table_sha256,
                "people": people_sha256,
                "mien": mien.__version__,
                "settings": chosen.model_dump(),
            }
            return TrainingRun(runs.take_up(key, resume=resume), logs)

        measured = measure(
            table, [chosen], beside=beside, more=more, on_progress=on_progress, run_of=run_of
        )[0]
        results = _save(measured, chosen, out, overlay_png=overlay_png)
    return Trained(out, out / "report.html", results)


def _save(
    measured: Measured, settings: TrainSettings, out: Path, *, overlay_png: bytes | None
) -> Results:
    """Write the model of the split that was asked for, and what was measured of it."""
    saved = measured.evaluation.held_out or measured.evaluation.leaky
    if settings.split == "random-frame":
        saved = measured.evaluation.leaky
    with replacing_folder(out, own_files=(*MODEL_FILES, *RESULT_FILES)) as folder:
        draft = measured.results(made_by="mien train", saved_split=saved.result.split)
        card = save_model(
            folder,
            _card(saved, draft, settings),
            weights=saved.fitted.estimator.weights(),
            neutral_reference=saved.neutral_reference,
            write_onnx=saved.fitted.estimator.write_onnx,
        )
        results = draft.model_copy(update={"weights_sha256": card.files[WEIGHTS]})
        write_result_files(results, folder, overlay_png=overlay_png)
    return results


def _card(saved: FittedSplit, results: Results, settings: Settings) -> ModelCard:
    recipe = find_recipe(results.recipe)
    return ModelCard(
        git_sha=own_git_sha(),
        recipe=recipe.name,
        labels=[str(label) for label in saved.fitted.estimator.classes_],
        feature_set=recipe.features.name,
        feature_version=recipe.features.version,
        value_count=recipe.features.value_count,
        unit=recipe.unit,
        window=getattr(saved.fitted.estimator, "context_frames_", None),
        calibration=_calibration(saved),
        held_out=HeldOut(
            split=saved.result.split,
            people=saved.result.held_out_people,
            frames=len(saved.first.test),
            clips=saved.clips_held_out,
        ),
        trained_on=TrainedOn(
            table=results.table.name,
            table_sha256=results.table.sha256,
            frames=len(saved.first.train),
            clips=saved.clips_learnt_from,
            people=saved.people_learnt_from,
        ),
        scores=_scores(saved),
        settings=settings.model_dump(mode="json"),
        settings_digest=settings.digest(),
    )


def _calibration(saved: FittedSplit) -> dict[str, Any] | None:
    found = saved.fitted.calibrations
    if found is None:
        return None
    return {"frames": found.frames.to_json(), "clips": found.clips.to_json()}


def _scores(saved: FittedSplit) -> dict[str, float | None]:
    """What the split that the model comes from scored, over all its folds."""
    scores = {
        f"{unit.unit}_{name}": getattr(unit, name).value
        for unit in (saved.result.frames, saved.result.clips)
        for name in ("accuracy", "balanced_accuracy", "macro_f1")
    }
    return {name: None if math.isnan(value) else value for name, value in scores.items()}
