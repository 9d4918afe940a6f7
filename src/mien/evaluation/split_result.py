"""The record of one way of holding out: its name, who was held out, what was scored.

Shapes: N labelled rows with a face, n held out, C labels.
"""

from __future__ import annotations

import numpy as np

from mien.corpora.splits import Split
from mien.emotion.frames import LabelledFrames
from mien.evaluation.answers import Answers
from mien.evaluation.measures import Measures
from mien.evaluation.metrics import Record, Scores, score

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


def split_result(
    frames: LabelledFrames,
    name: str,
    folds: list[Split],
    *,
    rows: np.ndarray,
    clips: Answers,
    measures: Measures | None = None,
) -> SplitResult:
    """The record of a split's answers.

    rows: (n, C) probabilities of the rows that the folds hold out, in their order.
    """
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
