"""The score that needs no face: always the commonest label of what was learnt from.

Shapes: K clips, C labels.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from mien.corpora.splits import Split
from mien.emotion.frames import LabelledFrames
from mien.evaluation.answers import Answers
from mien.evaluation.clips_asked import clip_answers, clips_asked
from mien.evaluation.split_result import SplitResult, split_result


def majority(
    frames: LabelledFrames, folds: list[Split], *, by_person: bool
) -> tuple[SplitResult, Answers]:
    """Answer each fold with the commonest label of its training rows, faces or not."""
    ids, clips, rows = [], [], []
    for fold in folds:
        answer = _commonest(frames, frames.labels[fold.train])
        ids.append(np.unique(frames.clip_of[fold.test]))
        clips.append(np.tile(answer, (len(ids[-1]), 1)))
        rows.append(np.tile(answer, (len(fold.test), 1)))
    asked = clips_asked(frames, folds, by_person=by_person)
    found = np.tile(_commonest(frames, frames.labels), (len(asked), 1))
    found[np.searchsorted(asked, np.concatenate(ids))] = np.concatenate(clips)
    answers = clip_answers(frames, asked, found)
    result = split_result(frames, "majority", folds, rows=np.concatenate(rows), clips=answers)
    return result, answers


def _commonest(frames: LabelledFrames, labels: np.ndarray) -> np.ndarray:
    """(C,) 1 for the commonest of some labels."""
    commonest = Counter(labels.tolist()).most_common(1)[0][0]
    answer: np.ndarray = np.eye(len(frames.classes))[frames.classes.index(commonest)]
    return answer
