"""Which clips a split asks about, how far their faces are turned, and answers to them.

Shapes: M clips asked about, C labels.
"""

from __future__ import annotations

import numpy as np

from mien.corpora.splits import Split
from mien.emotion.frames import LabelledFrames
from mien.evaluation.answers import Answers
from mien.face.features import FEATURE_SETS

_YAW_FRAMES = 15  # of a clip


def clips_asked(frames: LabelledFrames, folds: list[Split], *, by_person: bool) -> np.ndarray:
    """(M,) numbers of the clips that are asked about, ascending.

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
    return np.flatnonzero(seen | (faceless & known & by_person))


def clip_answers(frames: LabelledFrames, asked: np.ndarray, probabilities: np.ndarray) -> Answers:
    """Probabilities (M, C) of the clips asked about, with their labels and people."""
    return Answers(
        probabilities,
        truth=frames.clips.labels[asked],
        subjects=frames.clips.subjects[asked],
        labels=frames.classes,
        unit="clips",
    )


def yaw_of_clips(frames: LabelledFrames, asked: np.ndarray) -> np.ndarray:
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
