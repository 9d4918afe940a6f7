"""Who-was-held-out evaluation: the leaky score, the honest one, and the majority beside them.

Shapes: N labelled rows with a face, C labels.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mien.config import TrainSettings
from mien.corpora.splits import Split, end_of_clips, leaky_random_frames, person_disjoint
from mien.emotion.contract import Estimator, Progress, find_recipe
from mien.emotion.frames import LabelledFrames
from mien.emotion.runs import TrainingRun
from mien.errors import TableError
from mien.evaluation.metrics import UNANSWERED, Record, Scores, score

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


@dataclass(frozen=True)
class FittedSplit:
    """A split's scores, and the model that its first fold gave."""

    result: SplitResult
    estimator: Estimator
    first: Split
    clips_learnt_from: int
    clips_held_out: int
    people_learnt_from: int


@dataclass(frozen=True)
class Evaluation:
    """Every way of holding out that the table allows."""

    leaky: FittedSplit
    held_out: FittedSplit | None  # by person, or by time; None when neither is possible
    majority: SplitResult
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
    on_progress: Progress | None = None,
    run: TrainingRun | None = None,
) -> Evaluation:
    """Score a recipe as the reference does, on held-out people, and beside the majority.

    One known person cannot be split by person: then, or when asked for, the
    end of each clip is held out. Raises TableError when the asked split is impossible.
    """
    name, splits, warnings = _held_out_splits(frames, settings)
    jobs = {"random-frame": [leaky_random_frames(len(frames.labels))]} | {name: splits}
    ticks = _Ticks(sum(map(len, jobs.values())), settings.epochs, on_progress)
    fitted = {
        split: _fit(frames, settings, split, folds, ticks, run or TrainingRun())
        for split, folds in jobs.items()
        if folds
    }
    baseline = _majority(
        frames, splits or jobs["random-frame"], "subject" if name == "subject" else ""
    )
    return Evaluation(fitted["random-frame"], fitted.get(name), baseline, warnings)


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
    frames: LabelledFrames, settings: TrainSettings
) -> tuple[str, list[Split], list[str]]:
    """The honest split's name, its folds, and what had to be said about it."""
    warnings = []
    if settings.split != "time":
        if len(frames.people) > 1:
            folds = person_disjoint(
                frames.labels, subjects=frames.subjects, folds=settings.folds, seed=settings.seed
            )
            if len(folds) < settings.folds:
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


def _fit(
    frames: LabelledFrames,
    settings: TrainSettings,
    name: str,
    folds: list[Split],
    ticks: _Ticks,
    run: TrainingRun,
) -> FittedSplit:
    """Fit once a fold; score the pooled answers. The first fold's model is kept."""
    recipe, classes = find_recipe(settings.recipe), frames.classes
    held_out = np.concatenate([fold.test for fold in folds])
    answers, kept = [], None
    for number, fold in enumerate(folds, start=1):
        on_epoch = ticks.begin(f"{TITLES[name]}: fold {number} of {len(folds)}")
        model = recipe.build(settings, classes)
        groups = frames.subjects if name == "subject" else None
        model.fit(
            frames.features,
            frames.labels,
            rows=fold.train,
            groups=groups,
            run=run.fit(f"{name}-{number}", on_epoch=on_epoch),
        )
        answers.append(model.predict_proba(frames.features.some(fold.test)))
        kept = kept or model
    assert kept is not None
    first = folds[0]
    return FittedSplit(
        _result(frames, name, folds, held_out, np.concatenate(answers)),
        kept,
        first,
        clips_learnt_from=len(np.unique(frames.clip_of[first.train])),
        clips_held_out=len(np.unique(frames.clip_of[first.test])),
        people_learnt_from=len({p for p in frames.subjects[first.train] if p is not None}),
    )


def _majority(frames: LabelledFrames, folds: list[Split], split: str) -> SplitResult:
    """Answer each fold with the commonest label of its training rows, faces or not."""
    classes = frames.classes
    held_out = np.concatenate([fold.test for fold in folds])
    answers = np.zeros((len(held_out), len(classes)), np.float32)
    start = 0
    for fold in folds:
        commonest = Counter(frames.labels[fold.train].tolist()).most_common(1)[0][0]
        answers[start : start + len(fold.test), classes.index(commonest)] = 1
        start += len(fold.test)
    overall = Counter(frames.labels.tolist()).most_common(1)[0][0]
    return _result(frames, "majority", folds, held_out, answers, split=split, without_face=overall)


def _result(
    frames: LabelledFrames,
    name: str,
    folds: list[Split],
    held_out: np.ndarray,
    answers: np.ndarray,
    *,
    split: str = "",
    without_face: str = UNANSWERED,
) -> SplitResult:
    by_person = "subject" in (name, split)
    people = (
        {str(person) for person in frames.subjects[folds[0].test]} if name == "subject" else set()
    )
    classes = np.array(frames.classes)
    return SplitResult(
        split=name,
        title=TITLES[name],
        explanation=EXPLANATIONS[name],
        folds=len(folds),
        learnt_from=len(folds[0].train),
        held_out=len(held_out),
        held_out_people=sorted(people),
        frames=score(
            frames.labels[held_out],
            classes[answers.argmax(axis=1)],
            labels=frames.classes,
            subjects=frames.subjects[held_out],
            unit="frames",
        ),
        clips=_clip_scores(
            frames, held_out, answers, without_face=without_face, all_clips=by_person
        ),
    )


def _clip_scores(
    frames: LabelledFrames,
    held_out: np.ndarray,
    answers: np.ndarray,
    *,
    without_face: str,
    all_clips: bool,
) -> Scores:
    """A clip's answer is the likeliest label of its held-out frames' mean probabilities.

    Where people are held out every labelled clip is asked, and one without a
    usable face counts as an error; otherwise those with a held-out frame are.
    """
    clips, classes = frames.clips, frames.classes
    sums = np.zeros((len(clips.names), len(classes)))
    np.add.at(sums, frames.clip_of[held_out], answers)
    seen = np.bincount(frames.clip_of[held_out], minlength=len(clips.names)) > 0
    faceless = np.bincount(frames.clip_of, minlength=len(clips.names)) == 0
    elsewhere = set(frames.people) - set(frames.subjects[held_out].tolist())  # of folds not fitted
    known = np.isin(clips.labels, classes) & np.array(
        [person is not None and person not in elsewhere for person in clips.subjects], bool
    )
    asked = np.flatnonzero(seen | (faceless & known & all_clips))
    likeliest = np.where(seen[asked], np.array(classes)[sums[asked].argmax(axis=1)], without_face)
    return score(
        clips.labels[asked], likeliest, labels=classes, subjects=clips.subjects[asked], unit="clips"
    )
