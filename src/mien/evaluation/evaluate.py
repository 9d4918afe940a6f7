"""Who-was-held-out evaluation: the leaky score, the honest one, and the majority beside them.

Shapes: N labelled rows with a face, F values a row.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mien.config import TrainSettings
from mien.corpora.frozen_folds import FrozenFolds
from mien.corpora.splits import Split, leaky_random_frames
from mien.emotion.contract import Progress, Recipe, find_recipe
from mien.emotion.fitting import Fitted, calibration_folds, calibration_methods, fit_rows
from mien.emotion.frames import LabelledFrames
from mien.emotion.runs import FitRun, TrainingRun
from mien.evaluation.answers import Answers
from mien.evaluation.clips_asked import yaw_of_clips
from mien.evaluation.enrolment import TOO_FEW, Enrolling, EnrolmentGain, reference_face, why_not
from mien.evaluation.held_out import held_out_splits
from mien.evaluation.majority import majority
from mien.evaluation.measures import Asked, Known, Measures, measure
from mien.evaluation.pool import Pool, Pooled
from mien.evaluation.split_result import TITLES, SplitResult, split_result


@dataclass(frozen=True)
class FittedSplit:
    """A split's scores, and the model that its first fold gave."""

    result: SplitResult
    fitted: Fitted
    first: Split
    answers: Answers  # of clips, over all folds
    neutral_reference: np.ndarray | None  # (F,) of what the first fold learnt from
    lacks_calibration: bool  # of some fold
    clips_learnt_from: int
    clips_held_out: int
    people_learnt_from: int
    enrolment: EnrolmentGain | None = None  # where asked for and possible


@dataclass(frozen=True)
class Evaluation:
    """Every way of holding out that the table allows."""

    leaky: FittedSplit
    held_out: FittedSplit | None  # by person, or by time; None when neither is possible
    majority: SplitResult
    majority_answers: Answers  # of the same clips as the honest split's
    warnings: list[str]

    @property
    def gap(self) -> float:
        """Frame accuracy that the leaky split shows above the honest one; NaN without one."""
        if self.held_out is None:
            return math.nan
        honest = self.held_out.result.frames.accuracy.value
        return self.leaky.result.frames.accuracy.value - honest

    @property
    def enrolment(self) -> EnrolmentGain | None:
        """What people's own neutral faces are worth, where that was measured."""
        return None if self.held_out is None else self.held_out.enrolment


def evaluate_frames(
    frames: LabelledFrames,
    settings: TrainSettings,
    *,
    known: Known | None = None,
    folds: FrozenFolds | None = None,
    on_progress: Progress | None = None,
    run: TrainingRun | None = None,
) -> Evaluation:
    """Score a recipe as the reference does, on held-out people, and beside the majority.

    frames: with the features of the recipe, see LabelledFrames.seen_as. known: of people
    and clips beside the table. One known person cannot be split by person: then, or when
    asked for, the end of each clip is held out. Raises TableError when the asked split is
    impossible.
    """
    recipe = find_recipe(settings.recipe)
    name, splits, notes = held_out_splits(frames, settings, folds)
    jobs = {"random-frame": [leaky_random_frames(len(frames.labels))]} | {name: splits}
    inner = calibration_folds(recipe, settings) if name == "subject" else 0
    ticks = _Ticks(1 + len(splits) * (1 + inner), recipe.epochs_of(settings), on_progress)
    job = _Job(frames, recipe, settings, ticks, run or TrainingRun(), known or Known())
    fitted = {split: _fit(job, split, folds) for split, folds in jobs.items() if folds}
    by_person = name == "subject"
    baseline, answers = majority(frames, splits or jobs["random-frame"], by_person=by_person)
    notes += _lacking(job, fitted["subject"]) if by_person else _left_out(job)
    found = Evaluation(fitted["random-frame"], fitted.get(name), baseline, answers, notes)
    if settings.enrol and found.enrolment is None:
        notes.append(f"enrolment was not measured: {why_not(recipe, name) or TOO_FEW}")
    return found


def _lacking(job: _Job, found: FittedSplit) -> list[str]:
    """What could not be done, or not well, for want of people."""
    notes, people = [], found.people_learnt_from
    if calibration_folds(job.recipe, job.settings) and found.lacks_calibration:
        notes.append("too few people to set some aside: the probabilities are not calibrated")
    if people < job.recipe.least_people:
        notes.append(
            f"{people} people to learn from: recipe {job.recipe.name} wants "
            f"{job.recipe.least_people} or more and may be near chance; try logistic"
        )
    return notes


def _left_out(job: _Job) -> list[str]:
    """What was asked for, and needs that people are held out."""
    notes = []
    if job.known.votes or job.known.groups:
        notes.append("votes and demographics are set against people held out: left out here")
    if job.settings.balance or job.settings.calibration != "auto":
        notes.append("nobody can be set aside: calibration and balance were left out")
    return notes


@dataclass
class _Ticks:
    """Progress in epochs over all fits."""

    fits: int
    epochs: int
    on_progress: Progress | None
    done: int = 0

    def begin(self, doing: str) -> Callable[[int], None]:
        """A fit begins. Returns what is to be told of its epochs."""
        before, self.done = self.done * self.epochs, self.done + 1

        def epoch_done(epoch: int) -> None:
            if self.on_progress is not None:
                self.on_progress(doing, before + epoch, self.fits * self.epochs)

        epoch_done(0)
        return epoch_done


@dataclass(frozen=True)
class _Job:
    frames: LabelledFrames
    recipe: Recipe
    settings: TrainSettings
    ticks: _Ticks
    run: TrainingRun
    known: Known

    def enrols(self, split: str) -> bool:
        """Whether people held out are enrolled too."""
        return self.settings.enrol and why_not(self.recipe, split) is None

    def fit_of(self, name: str, doing: str) -> Callable[[str], FitRun]:
        """Where the fits of a fold keep what they have, and whom they tell."""

        def fit(part: str) -> FitRun:
            doing_what = doing if not part else f"{doing}, calibration {part.rpartition('-')[2]}"
            return self.run.fit(name + part, on_epoch=self.ticks.begin(doing_what))

        return fit


def _fit(job: _Job, name: str, folds: list[Split]) -> FittedSplit:
    """Fit once a fold; score the pooled answers. The first fold's model is kept."""
    frames, by_person, pool = job.frames, name == "subject", Pool()
    enrolling = Enrolling(frames) if job.enrols(name) else None
    model: Fitted | None = None
    for number, fold in enumerate(folds, start=1):
        fitted = fit_rows(
            job.recipe,
            job.settings,
            frames,
            fold.train,
            by_person=by_person,
            fit_of=job.fit_of(f"{name}-{number}", f"{TITLES[name]}: fold {number} of {len(folds)}"),
        )
        pool.add(fitted, fitted.raw(frames, fold.test))
        if enrolling is not None:
            enrolling.add(fitted, fold)
        model = model or fitted
    assert model is not None
    pooled = pool.pooled(frames, folds, by_person=by_person)
    return FittedSplit(
        split_result(
            frames,
            name,
            folds,
            rows=np.concatenate(pool.frames),
            clips=pooled.answers,
            measures=_measures(job, pooled, model) if by_person else None,
        ),
        model,
        folds[0],
        pooled.answers,
        reference_face(job.recipe, frames, folds[0].train),
        not pool.is_calibrated,
        clips_learnt_from=len(np.unique(frames.clip_of[folds[0].train])),
        clips_held_out=len(np.unique(frames.clip_of[folds[0].test])),
        people_learnt_from=len({p for p in frames.subjects[folds[0].train] if p is not None}),
        enrolment=None if enrolling is None else enrolling.gain(pooled),
    )


def _measures(job: _Job, pooled: Pooled, model: Fitted) -> Measures:
    """What is measured of answers about people never seen. model: of the first fold."""
    calibrations = model.calibrations
    steps = (
        calibration_methods(job.recipe, job.settings, people=calibrations.clips.people)
        if calibrations
        else ()
    )
    asked = Asked(
        pooled.answers,
        job.frames.clips.names[pooled.asked],
        yaw_of_clips(job.frames, pooled.asked),
        pooled.sets,
        pooled.class_sets,
        ", then ".join(steps) or "none",
        calibrations.clips.people if calibrations else 0,
    )
    return measure(asked, job.known, promised=job.settings.coverage)
