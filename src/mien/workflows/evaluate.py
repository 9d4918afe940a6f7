"""Evaluate a recipe: the leaky score, the honest one and the majority, without saving a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mien.config import TrainSettings, checked
from mien.corpora.survey import Survey, preview
from mien.emotion.checkpoint import check_free, replacing_folder
from mien.emotion.contract import Progress, Recipe, find_recipe
from mien.emotion.frames import read_frames
from mien.errors import InputError, missing_extra
from mien.tables import LandmarkSource, open_landmarks

if TYPE_CHECKING:
    from mien.emotion.runs import TrainingRun
    from mien.evaluation.evaluate import Evaluation
    from mien.evaluation.results import Results

FIGURE_NAMES = ("scores", "loss", "confusion_frames", "confusion_clips", "overlay")
RESULT_FILES = ("metrics.json", "report.html", *(f"{name}.png" for name in FIGURE_NAMES))


@dataclass(frozen=True)
class Evaluated:
    """What a recipe scored, and where the report lies if one was asked for."""

    results: Results
    folder: Path | None
    report: Path | None


@dataclass(frozen=True)
class Measured:
    """An evaluation and the table that it was made on."""

    source: LandmarkSource
    survey: Survey
    settings: TrainSettings
    evaluation: Evaluation
    table_sha256: str

    def results(self, *, made_by: str, saved_split: str | None = None) -> Results:
        """The record that metrics.json holds."""
        from mien.evaluation.results import gather, table_facts

        table = table_facts(
            self.survey,
            name=self.source.path.name,
            sha256=self.table_sha256,
            preview=preview(self.source),
        )
        return gather(
            self.evaluation, self.settings, made_by=made_by, table=table, saved_split=saved_split
        )


def evaluate(
    table: str | Path,
    *,
    out: str | Path | None = None,
    overlay_png: bytes | None = None,
    on_progress: Progress | None = None,
    **settings: Any,
) -> Evaluated:
    """Score a recipe on a landmark table; with `out`, write metrics, figures and report there.

    settings: fields of config.TrainSettings, such as recipe="seed", folds=5.
    Raises TableError when the table cannot be learnt from, InputError when
    `out` holds something else.
    """
    chosen = checked(TrainSettings, **settings)
    checked_recipe(chosen.recipe)
    if out is not None:
        out = check_free(out, own_files=RESULT_FILES)
    results = measure(table, chosen, on_progress=on_progress).results(made_by="mien evaluate")
    if out is None:
        return Evaluated(results, None, None)
    with replacing_folder(out, own_files=RESULT_FILES) as folder:
        write_result_files(results, folder, overlay_png=overlay_png)
    return Evaluated(results, out, out / "report.html")


def measure(
    table: str | Path,
    settings: TrainSettings,
    *,
    on_progress: Progress | None = None,
    run_of: Callable[[str], TrainingRun] | None = None,
) -> Measured:
    """Read a table and evaluate a recipe on it.

    run_of: given the table's SHA-256, the run that keeps checkpoints; None: nothing is kept.
    """
    recipe, source = checked_recipe(settings.recipe), open_landmarks(table)
    from mien.evaluation.evaluate import evaluate_frames

    check_settings(recipe, settings)

    def on_rows(done: int, total: int | None) -> None:
        if on_progress is not None:
            on_progress("reading the table", done, total or done + 1)

    on_rows(0, source.row_count)
    frames, survey = read_frames(source, recipe.features, on_rows=on_rows)
    run = None if run_of is None else run_of(frames.table_sha256)
    found = evaluate_frames(frames, settings, on_progress=on_progress, run=run)
    return Measured(source, survey, settings, found, frames.table_sha256)


def checked_recipe(name: str) -> Recipe:
    """The recipe, once what it needs is known to be installed. Raises MissingExtraError."""
    for package, module in (("torch", "torch"), ("scikit-learn", "sklearn")):
        if find_spec(module) is None:
            raise missing_extra(f"recipe {name}", "train", package)
    return find_recipe(name)


def check_settings(recipe: Recipe, settings: TrainSettings) -> None:
    """Raise InputError for settings that do not fit, before a table of gigabytes is read."""
    from mien.emotion.training import chosen_device

    chosen_device(settings.device)
    recipe.build(settings, ["a", "b"])
    if settings.max_folds is not None and settings.split == "time":
        raise InputError("max_folds is for folds of people: leave it out with the split time")


def write_result_files(results: Results, folder: Path, *, overlay_png: bytes | None = None) -> None:
    """metrics.json, the figures as PNG and report.html, into an existing folder."""
    from mien.evaluation.report import render
    from mien.evaluation.results import write_results

    figures = draw(results) | ({"overlay": overlay_png} if overlay_png else {})
    for name, png in figures.items():
        (folder / f"{name}.png").write_bytes(png)
    write_results(results, folder)
    (folder / "report.html").write_text(render(results, figures=figures), encoding="utf-8")


def draw(results: Results) -> dict[str, bytes]:
    """The figures of a record, as PNG bytes by name."""
    from mien.evaluation.figures import confusion_matrix, loss_curve, score_bars

    shown = results.honest or results.splits[1]
    figures = {
        "scores": score_bars(results.splits),
        "confusion_frames": confusion_matrix(shown.frames),
    }
    if results.loss_history:
        figures["loss"] = loss_curve(results.loss_history, class_count=len(shown.frames.labels))
    if shown.clips.confusion != shown.frames.confusion:
        figures["confusion_clips"] = confusion_matrix(shown.clips)
    return figures
