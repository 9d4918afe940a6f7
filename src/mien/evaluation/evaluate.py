"""Who-was-held-out evaluation: the leaky score, the honest one, and the majority beside them.

Shapes: N labelled rows with a face, K clips, C labels.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mien.config import TrainSettings
from mien.corpora.frozen_folds import FrozenFolds
from mien.corpora.splits import Split, end_of_clips, leaky_random_frames, person_disjoint
from mien.emotion.contract import Progress, Recipe, find_recipe
from mien.emotion.fitting import (
    Answered,
    Calibrations,
    Fitted,
    calibration_folds,
    calibration_methods,
    fit_rows,
)
from mien.emotion.frames import LabelledFrames
from mien.emotion.runs import FitRun, TrainingRun
from mien.errors import TableError
from mien.evaluation.answers import Answers
from mien.evaluation.measures import Asked, Known, Measures, measure
from mien.evaluation.metrics import Record, Scores, score
from mien.face.features import FEATURE_SETS

_ROWS_AT_ONCE = 4096
_YAW_FRAMES = 15  # of a clip
TITLES = {
    "random-frame": "Random frames (leaky)",
    "subject": "People never seen",
    "time": "End of each clip",
    "majority": "Always the majority",
}
EXPLANATIONS = {
    "random-frame": "a fifth of the frames drawn at random, as the reference does: other frames "
    "of the same clips and people were learnt from",
    "subject": "each person is held out once and every answer is about somebody never learnt from",
    "time": "the last fifth of each clip's frames is held out: the same people, a moment later",
    "majority": "the commonest label of what was learnt from, without looking at any face",
}


class SplitResult(Record):
    """Scores of one way of holding out."""

    split: str
    title: str
    explanation: str
    folds: int
    learnt_from: int  # frames, in the first fold
    held_out: int  # frames, over all folds
    held_out_people: list[str]  # of the first fold; empty unless split by subject
    frames: Scores
    clips: Scores
    measures: Measures | None = None  # of clips, where people are held out


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
    name, splits, warnings = _held_out_splits(frames, settings, folds)
    jobs = {"random-frame": [leaky_random_frames(len(frames.labels))]} | {name: splits}
    inner = calibration_folds(recipe, settings) if name == "subject" else 0
    ticks = _Ticks(1 + len(splits) * (1 + inner), recipe.epochs_of(settings), on_progress)
    job = _Job(frames, recipe, settings, ticks, run or TrainingRun(), known or Known())
    fitted = {split: _fit(job, split, folds) for split, folds in jobs.items() if folds}
    by_person = name == "subject"
    baseline, answers = _majority(frames, splits or jobs["random-frame"], by_person)
    if inner and fitted["subject"].lacks_calibration:
        warnings.append("too few people to set some aside: the probabilities are not calibrated")
    if name != "subject" and known is not None and (known.votes or known.groups):
        warnings.append("votes and demographics are set against people held out: left out here")
    if name != "subject" and (settings.balance or settings.calibration != "auto"):
        warnings.append("nobody can be set aside: calibration and balance were left out")
    return Evaluation(fitted["random-frame"], fitted.get(name), baseline, answers, warnings)


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


def _held_out_splits(
    frames: LabelledFrames, settings: TrainSettings, frozen: FrozenFolds | None
) -> tuple[str, list[Split], list[str]]:
    """The honest split's name, its folds, and what had to be said about it."""
    warnings = []
    if settings.split != "time":
        if len(frames.people) > 1:
            folds = _by_person(frames, settings, frozen)
            if len(folds) != settings.folds:
                warnings.append(
                    f"{len(frames.people)} people give {len(folds)} folds, not {settings.folds}"
                )
            if settings.max_folds is not None and settings.max_folds < len(folds):
                warnings.append(
                    f"{settings.max_folds} of {len(folds)} person-disjoint folds fitted, as asked: "
                    "the scores are of those people alone"
                )
            return "subject", folds[: settings.max_folds], warnings
        warnings.append(_why_not_by_person(frames))
    try:
        return "time", [end_of_clips(frames.clip_of, frame_nums=frames.frame_nums)], warnings
    except TableError as error:
        if settings.split != "random-frame":
            raise TableError(
                f"{error}, and {len(frames.people)} known people cannot be held out: add a "
                "`subject` column, or choose the split random-frame, which is leaky"
            ) from error
        return "time", [], [*warnings, f"there is only the leaky score: {error}"]


def _by_person(
    frames: LabelledFrames, settings: TrainSettings, frozen: FrozenFolds | None
) -> list[Split]:
    if frozen is not None:
        return frozen.splits(frames.subjects, table_sha256=frames.table_sha256)
    return person_disjoint(
        frames.labels, subjects=frames.subjects, folds=settings.folds, seed=settings.seed
    )


def _why_not_by_person(frames: LabelledFrames) -> str:
    if not frames.people:
        return (
            "no person is known, so nobody can be held out: add a `subject` column. "
            "The end of each clip is held out instead; that says nothing about a new person"
        )
    return (
        f"all frames are of one person ({frames.people[0]}), so nobody can be held out. "
        "The end of each clip is held out instead; that says nothing about a new person"
    )


@dataclass(frozen=True)
class _Job:
    frames: LabelledFrames
    recipe: Recipe
    settings: TrainSettings
    ticks: _Ticks
    run: TrainingRun
    known: Known

    def fit_of(self, name: str, doing: str) -> Callable[[str], FitRun]:
        """Where the fits of a fold keep what they have, and whom they tell."""

        def fit(part: str) -> FitRun:
            doing_what = doing if not part else f"{doing}, calibration {part.rpartition('-')[2]}"
            return self.run.fit(name + part, on_epoch=self.ticks.begin(doing_what))

        return fit


@dataclass
class _Pool:
    """The answers of all folds, in the folds' order."""

    frames: list[np.ndarray]
    clip_ids: list[np.ndarray]
    clips: list[np.ndarray]
    sets: list[np.ndarray]
    class_sets: list[np.ndarray]

    def add(self, found: Answered, calibrations: Calibrations | None) -> None:
        if calibrations is not None:
            found = calibrations.read(found)
            self.sets.append(calibrations.clips.marginal.sets(found.clips))
            self.class_sets.append(calibrations.clips.class_conditional.sets(found.clips))
        self.frames.append(found.frames)
        self.clip_ids.append(found.clip_ids)
        self.clips.append(found.clips)


def _fit(job: _Job, name: str, folds: list[Split]) -> FittedSplit:
    """Fit once a fold; score the pooled answers. The first fold's model is kept."""
    frames, kept, pool = job.frames, [], _Pool([], [], [], [], [])
    for number, fold in enumerate(folds, start=1):
        fitted = fit_rows(
            job.recipe,
            job.settings,
            frames,
            fold.train,
            by_person=name == "subject",
            fit_of=job.fit_of(f"{name}-{number}", f"{TITLES[name]}: fold {number} of {len(folds)}"),
        )
        pool.add(fitted.raw(frames, fold.test), fitted.calibrations)
        kept.append(fitted)
        kept = kept[:1]
    first, model = folds[0], kept[0]
    asked = _asked(job, pool, folds, all_clips=name == "subject", calibrations=model.calibrations)
    measures = None
    if name == "subject":
        measures = measure(asked, job.known, promised=job.settings.coverage)
    return FittedSplit(
        _result(frames, name, folds, np.concatenate(pool.frames), asked.answers, measures),
        model,
        first,
        asked.answers,
        _neutral(frames, first.train),
        len(pool.sets) < len(folds),
        clips_learnt_from=len(np.unique(frames.clip_of[first.train])),
        clips_held_out=len(np.unique(frames.clip_of[first.test])),
        people_learnt_from=len({p for p in frames.subjects[first.train] if p is not None}),
    )


def _majority(
    frames: LabelledFrames, folds: list[Split], by_person: bool
) -> tuple[SplitResult, Answers]:
    """Answer each fold with the commonest label of its training rows, faces or not."""
    classes = frames.classes
    ids, clips, rows = [], [], []
    for fold in folds:
        commonest = Counter(frames.labels[fold.train].tolist()).most_common(1)[0][0]
        answer = np.eye(len(classes))[classes.index(commonest)]
        ids.append(np.unique(frames.clip_of[fold.test]))
        clips.append(np.tile(answer, (len(ids[-1]), 1)))
        rows.append(np.tile(answer, (len(fold.test), 1)))
    overall = Counter(frames.labels.tolist()).most_common(1)[0][0]
    asked = _clips_asked(frames, folds, all_clips=by_person)
    found = np.tile(np.eye(len(classes))[classes.index(overall)], (len(asked), 1))
    found[np.searchsorted(asked, np.concatenate(ids))] = np.concatenate(clips)
    answers = _answers(frames, asked, found)
    return _result(frames, "majority", folds, np.concatenate(rows), answers, None), answers


def _result(
    frames: LabelledFrames,
    name: str,
    folds: list[Split],
    rows: np.ndarray,
    clips: Answers,
    measures: Measures | None,
) -> SplitResult:
    """rows: (n, C) probabilities of the rows that the folds hold out, in their order."""
    held_out = np.concatenate([fold.test for fold in folds])
    people = (
        {str(person) for person in frames.subjects[folds[0].test]} if name == "subject" else set()
    )
    of_rows = Answers(
        rows,
        truth=frames.labels[held_out],
        subjects=frames.subjects[held_out],
        labels=frames.classes,
        unit="frames",
    )
    return SplitResult(
        split=name,
        title=TITLES[name],
        explanation=EXPLANATIONS[name],
        folds=len(folds),
        learnt_from=len(folds[0].train),
        held_out=len(held_out),
        held_out_people=sorted(people),
        frames=_scores(of_rows),
        clips=_scores(clips),
        measures=measures,
    )


def _scores(answers: Answers) -> Scores:
    return score(
        np.array(answers.labels)[answers.truth],
        answers.predicted_labels,
        labels=answers.labels,
        subjects=answers.subjects,
        unit=answers.unit,
    )


def _asked(
    job: _Job,
    pool: _Pool,
    folds: list[Split],
    *,
    all_clips: bool,
    calibrations: Calibrations | None,
) -> Asked:
    """The clips that are asked about, with the answers of all folds."""
    frames = job.frames
    asked = _clips_asked(frames, folds, all_clips=all_clips)
    place = np.searchsorted(asked, np.concatenate(pool.clip_ids))
    probabilities = np.full((len(asked), len(frames.classes)), np.nan)
    probabilities[place] = np.concatenate(pool.clips)
    is_whole = len(pool.sets) == len(folds)

    def placed(sets: list[np.ndarray]) -> np.ndarray | None:
        if not is_whole:
            return None
        found = np.zeros(probabilities.shape, bool)
        found[place] = np.concatenate(sets)
        return found

    steps = calibration_methods(job.recipe, job.settings) if calibrations else ()
    return Asked(
        _answers(frames, asked, probabilities),
        frames.clips.names[asked],
        _yaw(frames, asked) if all_clips else np.full(len(asked), np.nan),
        placed(pool.sets),
        placed(pool.class_sets),
        ", then ".join(steps) or "none",
        calibrations.clips.people if calibrations else 0,
    )


def _answers(frames: LabelledFrames, asked: np.ndarray, probabilities: np.ndarray) -> Answers:
    return Answers(
        probabilities,
        truth=frames.clips.labels[asked],
        subjects=frames.clips.subjects[asked],
        labels=frames.classes,
        unit="clips",
    )


def _clips_asked(frames: LabelledFrames, folds: list[Split], *, all_clips: bool) -> np.ndarray:
    """(M,) numbers of the clips that are asked about.

    Where people are held out every labelled clip of theirs is, and one without a
    usable face counts as an error; otherwise those with a held-out frame are.
    """
    clips = frames.clips
    held_out = np.concatenate([fold.test for fold in folds])
    seen = np.bincount(frames.clip_of[held_out], minlength=len(clips.names)) > 0
    faceless = np.bincount(frames.clip_of, minlength=len(clips.names)) == 0
    elsewhere = set(frames.people) - set(frames.subjects[held_out].tolist())  # of folds not fitted
    known = np.isin(clips.labels, frames.classes) & np.array(
        [person is not None and person not in elsewhere for person in clips.subjects], bool
    )
    return np.flatnonzero(seen | (faceless & known & all_clips))


def _yaw(frames: LabelledFrames, asked: np.ndarray) -> np.ndarray:
    """(M,) the median of |yaw| over frames of each clip, rad; NaN for a clip without a face.

    A long clip is judged by a sample, spread over all of it: turning every point of
    half a million faces takes longer than the answer is worth.
    """
    order = np.argsort(frames.clip_of, kind="stable")
    ids, first, count = np.unique(frames.clip_of[order], return_index=True, return_counts=True)
    of_each = np.minimum(count, _YAW_FRAMES)
    clip = np.repeat(np.arange(len(ids)), of_each)
    nth = np.arange(len(clip)) - np.repeat(np.cumsum(of_each) - of_each, of_each)
    rows = order[first[clip] + (2 * nth + 1) * count[clip] // (2 * of_each[clip])]
    yaw = np.abs(frames.points.some(rows).of(FEATURE_SETS["pose"]).computed()[:][:, 0])
    found = np.full(len(frames.clips.names), np.nan)
    found[ids] = [np.median(part) for part in np.split(yaw, np.cumsum(of_each)[:-1])]
    return found[asked]


def _neutral(frames: LabelledFrames, rows: np.ndarray) -> np.ndarray | None:
    """(F,) float32 the mean features of rows that are labelled Neutral; None without any."""
    rows = rows[frames.labels[rows] == "Neutral"]
    if not len(rows):
        return None
    total = np.zeros(frames.features.shape[1])
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        total += frames.features[rows[start : start + _ROWS_AT_ONCE]].sum(axis=0, dtype=np.float64)
    mean: np.ndarray = (total / len(rows)).astype(np.float32)
    return mean
