"""A landmark table as arrays to learn from, however large it is.

A small table is read into memory; a large one is mapped from the cache that
corpora/cache.py keeps, and its rows are fetched when they are asked for.

Shapes: N rows with a face and a label, F values a row, K clips.
"""

from __future__ import annotations

import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mien.corpora.cache import cache_folder, is_large, open_matrix
from mien.corpora.frame_size import UNKNOWN_SIZE_PX, frame_sizes_by_clip
from mien.corpora.index import LabelFile
from mien.corpora.labels import canonical_label
from mien.corpora.matrix import Matrix, OnRows, read_matrix
from mien.corpora.problems import FACE, Rows
from mien.corpora.subjects import with_subjects
from mien.corpora.survey import Survey, refuse, survey_of
from mien.emotion.enrolment import NormalisedRows
from mien.face.blendshapes import BLENDSHAPE_NAMES
from mien.face.features import FeatureSet
from mien.tables import POINT_COUNT, LandmarkSource

_KEPT_BYTES = 1 << 30
_COMPUTED_ROWS = 1024


@dataclass(frozen=True)
class Clips:
    """The labelled clips (a track each, where a table tracks several faces), K of them."""

    names: np.ndarray  # (K,) str
    labels: np.ndarray  # (K,) str, the one that most of its frames have
    subjects: np.ndarray  # (K,) str or None
    rows: np.ndarray  # (K,) labelled frames, with a face or without


class FeatureRows:
    """(N, F) float32 features of some rows of a table, computed as they are asked for.

    Indexed by a slice or by row numbers it gives an array, as an array would.
    """

    gives_rows = True  # for an estimator: need not become an array

    def __init__(
        self,
        points: np.ndarray,
        *,
        rows: np.ndarray,
        features: FeatureSet,
        size_px: Any = UNKNOWN_SIZE_PX,
    ) -> None:
        """points: (R, 1434) float32, in memory or mapped; rows: (N,) which of them.
        size_px: (2,) or (R, 2) width and height of the frames."""
        self._points = np.asarray(points)  # a memmap is twice as slow to index
        self._rows = rows
        self._features = features
        self._size_px = np.asarray(size_px)
        self.shape = (len(rows), features.value_count)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: slice | np.ndarray) -> np.ndarray:
        rows = self._rows[index]
        size_px = self._size_px if self._size_px.ndim == 1 else self._size_px[rows]
        points = self._points[rows].reshape(-1, POINT_COUNT, 3)
        return self._features.compute(points, size_px=size_px)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:], dtype)

    def some(self, rows: np.ndarray) -> FeatureRows:
        """The same of fewer rows; nothing is fetched yet."""
        return self._seen_as(self._features, self._rows[rows])

    def of(self, features: FeatureSet) -> FeatureRows:
        """Other features of the same rows."""
        return self._seen_as(features, self._rows)

    def computed(self, *, on_rows: OnRows = lambda done, total: None) -> FeatureRows | Computed:
        """All values at once, where they are dear to compute or small to keep; else as they are.

        What a fit asks for again and again is then an array in memory, or mapped from
        a file that goes when it is no longer used.
        """
        size = 4 * len(self) * self._features.value_count
        if self._features.name == "raw-points" or (size > _KEPT_BYTES and not self._is_dear):
            return self
        values = _room(size, (len(self), self._features.value_count))
        starts = range(0, len(self), _COMPUTED_ROWS)

        def fill(start: int) -> None:
            values[start : start + _COMPUTED_ROWS] = self[start : start + _COMPUTED_ROWS]

        with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
            for start, _ in zip(starts, threads.map(fill, starts), strict=True):
                on_rows(min(start + _COMPUTED_ROWS, len(self)), len(self))
        return Computed(values)

    @property
    def _is_dear(self) -> bool:
        """Whether a neural network's pass a frame is in it: 0.7 ms, against 0.02 for the rest."""
        return any(name in BLENDSHAPE_NAMES for name in self._features.names)

    def _seen_as(self, features: FeatureSet, rows: np.ndarray) -> FeatureRows:
        return FeatureRows(self._points, rows=rows, features=features, size_px=self._size_px)


class Computed:
    """Values that are there already, or some rows of them: the same use as FeatureRows."""

    gives_rows = True

    def __init__(self, values: np.ndarray, rows: np.ndarray | None = None) -> None:
        self._values = values
        self._rows = np.arange(len(values)) if rows is None else rows
        self.shape = (len(self._rows), values.shape[1])

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: slice | np.ndarray) -> np.ndarray:
        return self._values[self._rows[index]]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:], dtype)

    def some(self, rows: np.ndarray) -> Computed:
        """The same of fewer rows; nothing is copied yet."""
        return Computed(self._values, self._rows[rows])


def _room(size: int, shape: tuple[int, int]) -> np.ndarray:
    """An array in memory, or mapped from a nameless file when it is large."""
    if size <= _KEPT_BYTES:
        return np.empty(shape, np.float32)
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as handle:
        return np.memmap(handle, np.float32, "w+", shape=shape)


@dataclass(frozen=True)
class LabelledFrames:
    """What a model learns from: every row that has a face and a label, in the table's order."""

    features: FeatureRows | Computed | NormalisedRows  # (N, F) float32
    points: FeatureRows  # (N, F) of the same rows, for other features of them
    labels: np.ndarray  # (N,) str, in mien's vocabulary
    subjects: np.ndarray  # (N,) str or None
    clip_of: np.ndarray  # (N,) index into clips
    frame_nums: np.ndarray  # (N,) int64
    clips: Clips
    table_sha256: str

    def seen_as(
        self, features: FeatureSet, *, on_rows: OnRows = lambda done, total: None
    ) -> LabelledFrames:
        """The same frames with other features, computed once if need be: see FeatureRows."""
        return replace(self, features=self.points.of(features).computed(on_rows=on_rows))

    @property
    def classes(self) -> list[str]:
        """The labels, sorted: the order of every model's probabilities."""
        return sorted(set(self.labels.tolist()))

    @property
    def people(self) -> list[str]:
        return sorted({person for person in self.subjects.tolist() if person is not None})


def read_frames(
    source: LandmarkSource,
    features: FeatureSet,
    *,
    subjects: LabelFile | None = None,
    on_rows: OnRows = lambda done, total: None,
) -> tuple[LabelledFrames, Survey]:
    """A table's labelled frames, and a survey of all its rows.

    Rows without a face or a label are counted in the survey and left out. subjects: who
    is in each clip, see corpora.subjects; it comes before what the table says.
    Raises TableError when the table cannot be learnt from: see survey.refuse; LabelError
    when `subjects` names none of the clips.
    """
    matrix = open_matrix(source, on_rows=on_rows) if is_large(source) else read_matrix(source)
    if subjects is not None:
        rows = with_subjects(matrix.rows, subjects)
        matrix = replace(matrix, rows=rows, subjects_from=("the subjects file",))
    found = survey_of(matrix.rows, matrix.subjects_from)
    refuse(found)
    return _labelled(matrix, features), found


def _labelled(matrix: Matrix, features: FeatureSet) -> LabelledFrames:
    rows = matrix.rows
    vocabulary = np.array([*map(canonical_label, rows.spellings), None], object)
    people = np.array([*rows.people, None], object)
    is_labelled = np.flatnonzero(rows.spelling >= 0)
    clip_of, clips = _clips(rows, is_labelled, vocabulary, people)
    has_face = rows.state[is_labelled] == FACE
    usable = is_labelled[has_face]
    points = FeatureRows(
        matrix.points,
        rows=usable,
        features=features,
        size_px=frame_sizes_by_clip(
            rows.clip_names, sizes_px=rows.clip_sizes_px, clip_of=rows.clip
        ),
    )
    return LabelledFrames(
        features=points,
        points=points,
        labels=vocabulary[rows.spelling[usable]].astype(str),
        subjects=people[rows.subject[usable]],
        clip_of=clip_of[has_face],
        frame_nums=rows.frame[usable],
        clips=clips,
        table_sha256=matrix.sha256,
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
