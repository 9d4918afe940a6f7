"""A landmark table as arrays to learn from: one pass, one matrix.

Shapes: N rows with a face and a label, F values a row, K clips.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mien.corpora.labels import canonical_label
from mien.corpora.problems import FACE, Rows
from mien.corpora.survey import SURVEY_COLUMNS, Survey, Surveyor, refuse
from mien.emotion.features import FeatureSet
from mien.tables import LandmarkSource


@dataclass(frozen=True)
class Clips:
    """The labelled clips (a track each, where a table tracks several faces), K of them."""

    names: np.ndarray  # (K,) str
    labels: np.ndarray  # (K,) str, the one that most of its frames have
    subjects: np.ndarray  # (K,) str or None
    rows: np.ndarray  # (K,) labelled frames, with a face or without


@dataclass(frozen=True)
class LabelledFrames:
    """What a model learns from: every row that has a face and a label, in the table's order."""

    features: np.ndarray  # (N, F) float32
    labels: np.ndarray  # (N,) str, in mien's vocabulary
    subjects: np.ndarray  # (N,) str or None
    clip_of: np.ndarray  # (N,) index into clips
    frame_nums: np.ndarray  # (N,) int64
    clips: Clips

    @property
    def classes(self) -> list[str]:
        """The labels, sorted: the order of every model's probabilities."""
        return sorted(set(self.labels.tolist()))

    @property
    def people(self) -> list[str]:
        return sorted({person for person in self.subjects.tolist() if person is not None})


def read_frames(source: LandmarkSource, features: FeatureSet) -> tuple[LabelledFrames, Survey]:
    """Stream a table once into one float32 matrix, surveying it on the way.

    Rows without a face or a label are counted in the survey and left out.
    Raises TableError when the table cannot be learnt from: see survey.refuse.
    """
    surveyor = Surveyor()
    matrix = np.empty((source.row_count or 8192, features.value_count), np.float32)
    filled = 0
    for batch in source.batches(SURVEY_COLUMNS):
        points, is_usable = surveyor.add(batch)
        wanted = points[is_usable]
        if filled + len(wanted) > len(matrix):  # CSV tells its length only at its end
            matrix.resize((3 * (filled + len(wanted)) // 2, matrix.shape[1]), refcheck=False)
        matrix[filled : filled + len(wanted)] = features.compute(wanted)
        filled += len(wanted)
    found = surveyor.survey()
    refuse(found)
    return _labelled(surveyor.rows(), matrix[:filled]), found


def _labelled(rows: Rows, features: np.ndarray) -> LabelledFrames:
    vocabulary = np.array([*map(canonical_label, rows.spellings), None], object)
    people = np.array([*rows.people, None], object)
    is_labelled = np.flatnonzero(rows.spelling >= 0)
    clip_of, clips = _clips(rows, is_labelled, vocabulary, people)
    has_face = rows.state[is_labelled] == FACE
    usable = is_labelled[has_face]
    return LabelledFrames(
        features=features,
        labels=vocabulary[rows.spelling[usable]].astype(str),
        subjects=people[rows.subject[usable]],
        clip_of=clip_of[has_face],
        frame_nums=rows.frame[usable],
        clips=clips,
    )


def _clips(
    rows: Rows, chosen: np.ndarray, vocabulary: np.ndarray, people: np.ndarray
) -> tuple[np.ndarray, Clips]:
    """Number the (clip, track) pairs of some rows; give each its commonest label and person."""
    pairs = np.stack([rows.clip[chosen], rows.face[chosen]])
    keys, clip_of = np.unique(pairs, axis=1, return_inverse=True)
    clip_of = clip_of.reshape(-1)
    clips = Clips(
        names=np.array(rows.clip_names, object)[keys[0]],
        labels=vocabulary[_commonest(clip_of, rows.spelling[chosen])].astype(str),
        subjects=people[_commonest(clip_of, rows.subject[chosen])],
        rows=np.bincount(clip_of),
    )
    return clip_of, clips


def _commonest(groups: np.ndarray, values: np.ndarray) -> np.ndarray:
    """For each group 0, 1, ... the value that occurs most often in it."""
    pairs, counts = np.unique(np.stack([groups, values]), axis=1, return_counts=True)
    best = np.lexsort((-counts, pairs[0]))
    first = np.unique(pairs[0][best], return_index=True)[1]
    return pairs[1][best][first]
