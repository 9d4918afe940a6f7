"""What is held out: people where there are several, else the end of each clip."""

from __future__ import annotations

from mien.config import TrainSettings
from mien.corpora.frozen_folds import FrozenFolds
from mien.corpora.splits import Split, end_of_clips, person_disjoint
from mien.emotion.frames import LabelledFrames
from mien.errors import TableError


def held_out_splits(
    frames: LabelledFrames, settings: TrainSettings, frozen: FrozenFolds | None
) -> tuple[str, list[Split], list[str]]:
    """The honest split's name, its folds, and what had to be said about it.

    No folds where there is only the leaky split, and that was asked for. Raises
    TableError where it was not.
    """
    if settings.split != "time" and len(frames.people) > 1:
        folds = _by_person(frames, settings, frozen)
        return "subject", folds[: settings.max_folds], _notes_on(folds, frames, settings)
    warnings = [] if settings.split == "time" else [_why_not_by_person(frames)]
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


def _notes_on(folds: list[Split], frames: LabelledFrames, settings: TrainSettings) -> list[str]:
    """Where there are other folds than were asked for, or not all are fitted."""
    notes = []
    if len(folds) != settings.folds:
        notes.append(f"{len(frames.people)} people give {len(folds)} folds, not {settings.folds}")
    if settings.max_folds is not None and settings.max_folds < len(folds):
        notes.append(
            f"{settings.max_folds} of {len(folds)} person-disjoint folds fitted, as asked: "
            "the scores are of those people alone"
        )
    return notes


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
