"""Evaluate recipes: the leaky score, the honest one, what stands beside; no model is saved."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mien.config import TrainSettings, checked
from mien.corpora.frozen_folds import FrozenFolds
from mien.corpora.survey import Survey, preview
from mien.emotion.checkpoint import check_free, replacing_folder
from mien.emotion.contract import RECIPES, Progress, Recipe, find_recipe
from mien.emotion.frames import LabelledFrames, read_frames
from mien.errors import InputError, missing_extra
from mien.face.features import FEATURE_SETS
from mien.tables import LandmarkSource, open_landmarks
from mien.workflows.companions import Companions

if TYPE_CHECKING:
    from mien.emotion.runs import TrainingRun
    from mien.evaluation.answers import Answers
    from mien.evaluation.evaluate import Evaluation
    from mien.evaluation.results import Results

FIGURE_NAMES = (
    *("scores", "recipes", "loss", "confusion_frames", "confusion_clips", "reliability"),
    *("risk_coverage", "set_sizes", "gaps", "overlay"),
)
RESULT_FILES = (
    *("metrics.json", "report.html", "model_card.md"),
    *(f"{name}.png" for name in FIGURE_NAMES),
)
BESIDE = ("seed",)  # the reference's own, beside every other recipe


@dataclass(frozen=True)
class Evaluated:
    """What recipes scored, and where the reports lie if one was asked for."""

    results: Results  # of the first recipe, with the others beside
    others: dict[str, Results]
    folder: Path | None
    report: Path | None


@dataclass(frozen=True)
class Table:
    """A table that recipes are measured on, read once."""

    source: LandmarkSource
    survey: Survey
    frames: LabelledFrames


@dataclass(frozen=True)
class Measured:
    """An evaluation and the table that it was made on."""

    table: Table
    settings: TrainSettings
    evaluation: Evaluation
    beside: Mapping[str, Answers] = field(default_factory=dict)

    def results(self, *, made_by: str, saved_split: str | None = None) -> Results:
        """The record that metrics.json holds."""
        from mien.evaluation.results import gather, table_facts

        facts = table_facts(
            self.table.survey,
            name=self.table.source.path.name,
            sha256=self.table.frames.table_sha256,
            preview=preview(self.table.source),
        )
        return gather(
            self.evaluation,
            self.settings,
            made_by=made_by,
            table=facts,
            saved_split=saved_split,
            beside=self.beside,
        )


def evaluate(
    table: str | Path,
    *,
    recipe: str | Sequence[str] = "seed",
    out: str | Path | None = None,
    beside: Sequence[str] = BESIDE,
    subjects: str | Path | None = None,
    folds_file: str | Path | None = None,
    demographics: str | Path | None = None,
    crema_d_votes: str | Path | None = None,
    overlay_png: bytes | None = None,
    on_progress: Progress | None = None,
    **settings: Any,
) -> Evaluated:
    """Score recipes on a landmark table; with `out`, write metrics, figures and report there.

    recipe: one, or several (a list, or names with commas between), compared on the same
    people with paired intervals; the others' reports go into folders of their names in `out`.
    beside: recipes whose scores stand beside as well. subjects: a CSV that says who is in
    each clip. folds_file: a JSON that says who is held out together, written when it is
    not there. demographics: a CSV in the form of
    CREMA-D's VideoDemographics.csv, for gaps between groups of people. crema_d_votes:
    its summaryTable.csv, for agreement with its raters. settings: fields of
    config.TrainSettings, such as folds=5, for the recipes that are named; with enrol=True
    Results.enrolment says what a person's own neutral face is worth.
    Raises TableError when the table cannot be learnt from, InputError when
    `out` holds something else.
    """
    names = list(dict.fromkeys(recipe.split(",") if isinstance(recipe, str) else recipe))
    asked = [checked(TrainSettings, recipe=name.strip(), **settings) for name in names]
    more = Companions.read(
        subjects=subjects,
        folds_file=folds_file,
        demographics=demographics,
        crema_d_votes=crema_d_votes,
    )
    own_files = (*RESULT_FILES, *RECIPES)
    if out is not None:
        out = check_free(out, own_files=own_files)
        for name in RECIPES:  # a folder of that name may hold a model
            check_free(out / name, own_files=RESULT_FILES)
    every = measure(table, asked, beside=beside, more=more, on_progress=on_progress)
    results: dict[str, Results] = {
        m.settings.recipe: m.results(made_by="mien evaluate") for m in every
    }
    first = results.pop(every[0].settings.recipe)
    if out is None:
        return Evaluated(first, results, None, None)
    with replacing_folder(out, own_files=own_files) as folder:
        write_result_files(first, folder, overlay_png=overlay_png)
        for name, other in results.items():
            (folder / name).mkdir()
            write_result_files(other, folder / name)
    return Evaluated(first, results, out, out / "report.html")


def measure(
    table: str | Path,
    asked: Sequence[TrainSettings],
    *,
    beside: Sequence[str] = (),
    more: Companions | None = None,
    on_progress: Progress | None = None,
    run_of: Callable[[str, str], TrainingRun] | None = None,
) -> list[Measured]:
    """Read a table and evaluate recipes on it, each beside the others.

    asked: settings, one for each recipe, that agree on who is held out. beside: further
    recipes, as they are. more: what files beside the table tell. run_of: given the
    table's SHA-256 and that of who is held out, the run that keeps the first's
    checkpoints; None: nothing is kept.
    """
    recipes = [checked_recipe(settings.recipe) for settings in asked]
    further = [checked_recipe(name) for name in beside if name not in {r.name for r in recipes}]
    source = open_landmarks(table)
    from mien.evaluation.evaluate import evaluate_frames

    for recipe, settings in zip(recipes, asked, strict=True):
        check_settings(recipe, settings)

    on_rows = _told(on_progress, "reading the table")
    on_rows(0, source.row_count)
    more = more or Companions.read(
        subjects=None, folds_file=None, demographics=None, crema_d_votes=None
    )
    frames, survey = read_frames(
        source, FEATURE_SETS["raw-points"], subjects=more.subjects, on_rows=on_rows
    )
    folds = more.folds_of(frames, asked[0])
    if asked[0].split == "time" or len(frames.people) < 2:
        further = []  # there is nothing to compare on
    run = None if run_of is None else run_of(frames.table_sha256, _who(frames, folds))
    wanted = [*asked, *(_beside(asked[0], recipe) for recipe in further)]
    found: dict[str, Evaluation] = {}
    for number, settings in enumerate(wanted):
        features = find_recipe(settings.recipe).features
        seen = frames.seen_as(features, on_rows=_told(on_progress, f"{features.name} of all faces"))
        found[settings.recipe] = evaluate_frames(
            seen,
            settings,
            known=more.known,
            folds=folds,
            on_progress=_named(on_progress, settings.recipe, several=len(wanted) > 1),
            run=run if number == 0 else None,
        )
    return _beside_each_other(Table(source, survey, frames), asked, found)


def _told(on_progress: Progress | None, doing: str) -> Callable[[int, int | None], None]:
    """Rows as progress; of a table whose length is not known, the end is never reached."""

    def on_rows(done: int, total: int | None) -> None:
        if on_progress is not None:
            on_progress(doing, done, total or done + 1)

    return on_rows


def _beside_each_other(
    table: Table, asked: Sequence[TrainSettings], found: Mapping[str, Evaluation]
) -> list[Measured]:
    """Each recipe that was asked for, with the answers of all others on the same people."""
    answers = {
        name: evaluation.held_out.answers
        for name, evaluation in found.items()
        if evaluation.held_out is not None and evaluation.held_out.result.split == "subject"
    }
    return [
        Measured(
            table,
            settings,
            found[settings.recipe],
            {name: other for name, other in answers.items() if name != settings.recipe},
        )
        for settings in asked
    ]


def _who(frames: LabelledFrames, folds: FrozenFolds | None) -> str:
    """The SHA-256 of who is in each row and who is held out together."""
    told = [frames.subjects.tolist(), None if folds is None else folds.folds]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _beside(settings: TrainSettings, recipe: Recipe) -> TrainSettings:
    """A recipe's own settings, with the same people held out."""
    shared = ["split", "folds", "seed", "max_folds", "coverage"]
    shared += ["device"] if "device" in recipe.takes else []
    same = {name: getattr(settings, name) for name in shared}
    return checked(TrainSettings, recipe=recipe.name, calibration="none", **same)


def _named(on_progress: Progress | None, recipe: str, *, several: bool) -> Progress | None:
    if on_progress is None or not several:
        return on_progress
    return lambda doing, done, total: on_progress(f"{recipe}, {doing}", done, total)


def checked_recipe(name: str) -> Recipe:
    """The recipe, once what it needs is known to be installed. Raises MissingExtraError."""
    recipe = find_recipe(name)
    for package, module in (("torch", "torch"), ("scikit-learn", "sklearn")):
        if find_spec(module) is None:
            raise missing_extra(f"recipe {name}", "train", package)
    return recipe


def check_settings(recipe: Recipe, settings: TrainSettings) -> None:
    """Raise InputError for settings that do not fit, before a table of gigabytes is read."""
    from mien.emotion.devices import chosen_device

    chosen_device(settings.device)
    recipe.build(settings, ["a", "b"])
    if settings.split != "subject" and (
        settings.balance or settings.calibration not in ("auto", "none")
    ):
        raise InputError("calibration and balance are learnt on people: use the split subject")
    for name, is_set in (("max_folds", settings.max_folds is not None), ("enrol", settings.enrol)):
        if is_set and settings.split == "time":
            raise InputError(f"{name} is for folds of people: leave it out with the split time")


def write_result_files(results: Results, folder: Path, *, overlay_png: bytes | None = None) -> None:
    """metrics.json, the figures as PNG, report.html and model_card.md, into an existing folder."""
    from mien.evaluation.figures import draw
    from mien.evaluation.model_card import render_card
    from mien.evaluation.report import render
    from mien.evaluation.results import write_results

    figures = draw(results) | ({"overlay": overlay_png} if overlay_png else {})
    for name, png in figures.items():
        (folder / f"{name}.png").write_bytes(png)
    write_results(results, folder)
    (folder / "report.html").write_text(render(results, figures=figures), encoding="utf-8")
    (folder / "model_card.md").write_text(render_card(results), encoding="utf-8")
