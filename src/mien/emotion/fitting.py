"""Recipes on labelled frames: what they learn from, and answers by frame and by clip.

A recipe of frames learns from single rows, and a clip's answer is the mean of its frames'.
A recipe of clips learns from sequences; it answers both.

Shapes: N labelled rows with a face, n some of them, k their clips, C labels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mien.config import TrainSettings
from mien.corpora.splits import Split, person_disjoint
from mien.emotion.calibration import Calibration, fit_calibration
from mien.emotion.contract import Estimator, Recipe
from mien.emotion.frames import LabelledFrames
from mien.emotion.probabilities import numbered_people
from mien.emotion.runs import FitRun
from mien.emotion.sequences import Sequences

_CLIPS_AT_ONCE = 256
_PEOPLE_FOR_STAIRCASES = 500

FitOf = Callable[[str], FitRun]  # a fit's name -> where its checkpoints go


@dataclass(frozen=True)
class Answered:
    """Probabilities of some rows, and of their clips."""

    frames: np.ndarray  # (n, C)
    clip_ids: np.ndarray  # (k,) numbers of LabelledFrames.clips
    clips: np.ndarray  # (k, C)


@dataclass(frozen=True)
class Calibrations:
    """What makes a model's probabilities believable, for frames and for clips."""

    frames: Calibration
    clips: Calibration

    def read(self, found: Answered) -> Answered:
        return Answered(
            self.frames.apply(found.frames), found.clip_ids, self.clips.apply(found.clips)
        )


@dataclass(frozen=True)
class Fitted:
    """A model, and its calibration if people could be set aside for one."""

    recipe: Recipe
    estimator: Estimator
    calibrations: Calibrations | None

    def raw(self, frames: LabelledFrames, rows: np.ndarray) -> Answered:
        """The model's own probabilities."""
        return answered(self.recipe, self.estimator, frames, rows)


def fit_rows(
    recipe: Recipe,
    settings: TrainSettings,
    frames: LabelledFrames,
    rows: np.ndarray,
    *,
    by_person: bool,
    fit_of: FitOf,
    calibrate: bool = True,
) -> Fitted:
    """Fit a recipe on some rows, and calibrate it on people of them whom it had not seen.

    by_person: whether the rows' people may be told apart in fitting. fit_of: told
    "" for the fit that is kept and "-inner-1" and so on for those of the calibration.
    """
    calibrations = None
    if calibrate and by_person and calibration_folds(recipe, settings):
        calibrations = _calibrated(recipe, settings, frames, rows, fit_of)
    estimator = fit_one(recipe, settings, frames, rows, by_person=by_person, run=fit_of(""))
    return Fitted(recipe, estimator, calibrations)


def fit_one(
    recipe: Recipe,
    settings: TrainSettings,
    frames: LabelledFrames,
    rows: np.ndarray,
    *,
    by_person: bool,
    run: FitRun | None,
) -> Estimator:
    """Fit a recipe's estimator on some rows, or on the clips that they are of."""
    model = recipe.build(settings, frames.classes)
    if recipe.unit == "frame":
        groups = frames.subjects if by_person else None
        model.fit(frames.features, frames.labels, rows=rows, groups=groups, run=run)
        return model
    clips, ids = sequences(frames, rows)
    groups = frames.clips.subjects[ids] if by_person else None
    model.fit(clips, frames.clips.labels[ids], groups=groups, run=run)
    return model


def answered(
    recipe: Recipe, estimator: Estimator, frames: LabelledFrames, rows: np.ndarray
) -> Answered:
    """What a fitted estimator says of some rows and of their clips."""
    if recipe.unit == "clip":
        return _answered_clips(estimator, frames, rows)
    found = estimator.predict_proba(frames.features.some(rows))
    ids, clip = np.unique(frames.clip_of[rows], return_inverse=True)
    seen = ~np.isnan(found).any(axis=1)
    sums = np.zeros((len(ids), found.shape[1]))
    np.add.at(sums, clip[seen], found[seen])
    counts = np.bincount(clip[seen], minlength=len(ids))[:, None]
    means = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
    return Answered(found, ids, means)


def sequences(frames: LabelledFrames, rows: np.ndarray) -> tuple[Sequences, np.ndarray]:
    """The clips that some rows are of, with those rows alone, and (k,) their numbers."""
    ids, clip = np.unique(frames.clip_of[rows], return_inverse=True)
    made = Sequences(
        frames.features.some(rows),
        clip_of=clip,
        frame_nums=frames.frame_nums[rows],
        clip_count=len(ids),
    )
    return made, ids


def calibration_methods(recipe: Recipe, settings: TrainSettings, *, people: int) -> tuple[str, ...]:
    """The steps of calibration in their order; none for a recipe that is left as it is.

    people: whom it is learnt on, how many. A staircase wants hundreds.
    """
    method = settings.calibration
    if method == "auto":
        method = recipe.calibration
        if method == "isotonic" and people < _PEOPLE_FOR_STAIRCASES:
            method = "temperature"
    steps = () if method == "none" else (method,)
    if settings.balance:
        steps = (*steps, "log-prior")
    return steps


def calibration_folds(recipe: Recipe, settings: TrainSettings) -> int:
    """How many further fits calibration takes beside each one that is kept."""
    if not calibration_methods(recipe, settings, people=0):
        return 0
    return settings.calibration_folds or 3


def _calibrated(
    recipe: Recipe,
    settings: TrainSettings,
    frames: LabelledFrames,
    rows: np.ndarray,
    fit_of: FitOf,
) -> Calibrations | None:
    """Learn calibration from the answers of models that had not seen the person."""
    splits = _inner_splits(frames, rows, calibration_folds(recipe, settings), settings.seed)
    parts: list[tuple[np.ndarray, Answered]] = []
    for number, (train, test) in enumerate(splits, start=1):
        run = fit_of(f"-inner-{number}")
        model = fit_one(recipe, settings, frames, train, by_person=True, run=run)
        parts.append((test, answered(recipe, model, frames, test)))
    if not parts:
        return None
    tested = np.concatenate([test for test, _ in parts])
    if len(set(frames.subjects[tested].tolist())) < 2:
        return None
    ids = np.concatenate([found.clip_ids for _, found in parts])
    clips = _calibration(
        recipe,
        settings,
        np.concatenate([found.clips for _, found in parts]),
        frames.clips.labels[ids],
        frames.clips.subjects[ids],
        frames.classes,
    )
    if len(ids) == len(tested):  # a clip is one frame: the same answers
        return Calibrations(clips, clips)
    of_frames = _calibration(
        recipe,
        settings,
        np.concatenate([found.frames for _, found in parts]),
        frames.labels[tested],
        frames.subjects[tested],
        frames.classes,
    )
    return Calibrations(of_frames, clips)


def _inner_splits(
    frames: LabelledFrames, rows: np.ndarray, folds: int, seed: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows to fit on and to answer, people apart; a fold whose fit would lack all but one
    label, and a table of fewer than two people, gives none."""
    known = rows[[person is not None for person in frames.subjects[rows]]]
    if len(set(frames.subjects[known].tolist())) < 2:
        return []
    found: list[Split] = person_disjoint(
        frames.labels[known], subjects=frames.subjects[known], folds=folds, seed=seed
    )
    return [
        (known[split.train], known[split.test])
        for split in found
        if len(np.unique(frames.labels[known[split.train]])) > 1
    ]


def _calibration(
    recipe: Recipe,
    settings: TrainSettings,
    probabilities: np.ndarray,
    truth: np.ndarray,
    people: Sequence[str | None] | np.ndarray,
    labels: Sequence[str],
) -> Calibration:
    return fit_calibration(
        probabilities,
        truth,
        labels=labels,
        people=people,
        methods=calibration_methods(recipe, settings, people=numbered_people(people)[1]),
        prior_strength=settings.balance,
        coverage=settings.coverage,
        seed=settings.seed,
    )


def _answered_clips(estimator: Estimator, frames: LabelledFrames, rows: np.ndarray) -> Answered:
    clips, ids = sequences(frames, rows)
    each = np.full((len(rows), len(estimator.classes_)), np.nan, np.float32)
    whole = np.empty((len(ids), len(estimator.classes_)), np.float32)
    for start in range(0, len(ids), _CLIPS_AT_ONCE):
        chosen = np.arange(start, min(start + _CLIPS_AT_ONCE, len(ids)))
        some = clips.some(chosen)
        whole[chosen] = estimator.predict_proba(some)
        scores = estimator.predict_frames(some)  # type: ignore[attr-defined]
        for number in range(len(chosen)):
            own, places = some.frames_of(number)
            each[own] = scores[number, places]
    return Answered(each, ids, whole)
