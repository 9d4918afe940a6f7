"""What is in a landmark table, and what is wrong with it, in one pass.

Memory is a batch of points and 25 bytes a row; duplicates are still exact.
Shapes: N rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mien.corpora.frame_size import SIZE_COLUMNS
from mien.corpora.labels import canonical_label, renamed_labels
from mien.corpora.names import label_from_name
from mien.corpora.problems import (
    NO_FACE,
    UNKNOWN,
    Problem,
    Rows,
    distinct_pairs,
    find_problems,
    gaps,
    leads_outside,
    point_states,
    with_several,
)
from mien.errors import TableError
from mien.tables import KEY_COLUMNS, POINT_COLUMNS, LandmarkSource, points_of

__all__ = [
    "KEY_AND_LABEL_COLUMNS",
    "PREVIEW_COLUMNS",
    "SURVEY_COLUMNS",
    "Names",
    "Survey",
    "Surveyor",
    "leads_outside",
    "preview",
    "refuse",
    "survey",
    "survey_of",
]
PREVIEW_COLUMNS = ("video_filename", "frame_num", "emotion", "x_477", "y_477", "z_477")
KEY_AND_LABEL_COLUMNS = (*KEY_COLUMNS, "emotion", "subject", "face_id", *SIZE_COLUMNS)
SURVEY_COLUMNS = (*KEY_AND_LABEL_COLUMNS, *POINT_COLUMNS)


@dataclass(frozen=True)
class Survey:
    """What a table holds. Counts are of rows unless a name says otherwise."""

    rows: int
    rows_without_face: int
    rows_without_label: int
    rows_without_subject: int
    clips: int
    clips_with_many_frames: int
    frames_a_clip: tuple[int, float, int]  # least, median, most
    labels: dict[str, int]  # label in mien's vocabulary -> rows
    renamed: dict[str, str]  # spelling in the table -> vocabulary
    subjects: dict[str, int]  # person -> rows
    subjects_from: str  # "the subject column", "file names", "both" or "nothing"
    subjects_with_many_clips: int
    missing_frames: int  # frame numbers skipped between a clip's first and last
    problems: tuple[Problem, ...]

    @property
    def rows_with_face(self) -> int:
        return self.rows - self.rows_without_face

    @property
    def random_frames_leak(self) -> bool:
        """Whether frames drawn at random put a clip or a person on both sides."""
        return self.clips_with_many_frames > 0 or self.subjects_with_many_clips > 0

    def leakage_sentence(self) -> str:
        """What a random-frame split would leak, in one line."""
        if not self.random_frames_leak:
            return "a random-frame split would not leak: one frame a clip and one clip a person"
        return (
            f"a random-frame split would leak: {self.clips_with_many_frames:,} of {self.clips:,} "
            f"clips have more than one frame and {self.subjects_with_many_clips:,} of "
            f"{len(self.subjects):,} known people more than one clip; hold people out instead"
        )


def survey(source: LandmarkSource) -> Survey:
    """Read a table once and say what it holds and what is wrong with it.

    Raises TableError when the file cannot be read to its end.
    """
    surveyor = Surveyor()
    for batch in source.batches(SURVEY_COLUMNS):
        surveyor.add_keys(batch)
        surveyor.add_states(point_states(points_of(batch)))
    return survey_of(surveyor.rows(), surveyor.subjects_from())


def survey_of(rows: Rows, subjects_from: Sequence[str]) -> Survey:
    """What rows hold. subjects_from: where their people are known from, see Surveyor."""
    frames_a_clip = np.unique(distinct_pairs(rows.clip, rows.frame)[0], return_counts=True)[1]
    return Survey(
        rows=len(rows),
        rows_without_face=int((rows.state == NO_FACE).sum()),
        rows_without_label=int((rows.spelling < 0).sum()),
        rows_without_subject=int((rows.subject < 0).sum()),
        clips=len(rows.clip_names),
        clips_with_many_frames=int((frames_a_clip > 1).sum()),
        frames_a_clip=_spread(frames_a_clip),
        labels=_label_counts(rows),
        renamed=renamed_labels(set(rows.spellings)),
        subjects=_counts(rows.subject, rows.people),
        subjects_from="both" if len(subjects_from) == 2 else next(iter(subjects_from), "nothing"),
        subjects_with_many_clips=len(with_several(rows.subject, rows.clip)),
        missing_frames=gaps(rows)[1],
        problems=tuple(find_problems(rows)),
    )


def refuse(survey: Survey) -> None:
    """Raise TableError for the first problem that forbids learning from a table."""
    for problem in survey.problems:
        if problem.refuses:
            raise TableError(problem.sentence())


def preview(source: LandmarkSource, *, rows: int = 5) -> list[dict[str, Any]]:
    """The first rows as the reference shows them: name, frame, emotion and the last point."""
    for batch in source.batches(PREVIEW_COLUMNS, batch_rows=rows):
        return batch.to_pylist()
    return []


class Names:
    """Strings seen so far, each with a number: columns become small integers."""

    def __init__(self) -> None:
        self.all: list[str] = []
        self._numbers: dict[str, int] = {}

    def number(self, name: str) -> int:
        if name not in self._numbers:
            self._numbers[name] = len(self.all)
            self.all.append(name)
        return self._numbers[name]

    def numbers(self, column: pa.Array) -> np.ndarray:
        """(N,) int32, -1 where null or blank."""
        encoded = column.dictionary_encode()
        spelt = encoded.dictionary.to_pylist()
        known = [self.number(name) if name.strip() else UNKNOWN for name in spelt]
        of_code = np.array([*known, UNKNOWN], np.int32)
        return of_code[pc.fill_null(encoded.indices, len(known)).to_numpy(zero_copy_only=False)]


class Surveyor:
    """Every row of a table as numbers: add all batches, then ask for the rows.

    Keys and points may come at different times, each in the table's order.
    """

    def __init__(self) -> None:
        self._clips, self._spellings, self._people = Names(), Names(), Names()
        self._person_by_clip: list[int] = []
        self._keys: list[tuple[np.ndarray, ...]] = []
        self._states: list[np.ndarray] = []
        self._sources: set[str] = set()
        self._size_by_clip: dict[int, list[int]] = {}

    def add_keys(self, batch: pa.RecordBatch) -> np.ndarray:
        """Take a batch's names, numbers and labels. Returns which rows have a label (N,)."""
        clip = self._clips.numbers(batch.column("video_filename"))
        frame = _integers(batch, "frame_num", np.int64)
        face = _integers(batch, "face_id", np.int32)
        spelling = _numbers(self._spellings, batch, "emotion")
        self._keys.append((clip, frame, face, spelling, self._subjects(batch, clip)))
        self._take_sizes(batch, clip)
        return spelling >= 0

    def add_states(self, states: np.ndarray) -> None:
        """Take what point_states() says of the next rows, (N,) int8."""
        self._states.append(states)

    def rows(self) -> Rows:
        """Every row added so far, without its points."""
        nothing = (np.empty(0, np.int64),) * 5
        keys = tuple(map(np.concatenate, zip(*(self._keys or [nothing]), strict=True)))
        state = np.concatenate([np.empty(0, np.int8), *self._states])
        self._keys, self._states = [keys], [state]
        names = (self._clips.all, self._spellings.all, self._people.all)
        clip, frame, face, spelling, subject = keys
        sizes = [self._size_by_clip.get(number) for number in range(len(self._clips.all))]
        return Rows(clip, frame, face, spelling, subject, state, *names, sizes)

    def subjects_from(self) -> tuple[str, ...]:
        """Where people are known from: the subject column, file names, both or nothing."""
        return tuple(sorted(self._sources))

    def _take_sizes(self, batch: pa.RecordBatch, clip: np.ndarray) -> None:
        """Keep the first size of each clip that is not known yet."""
        width, height = (_integers(batch, name, np.int32) for name in SIZE_COLUMNS)
        known = np.flatnonzero((width > 0) & (height > 0) & (clip >= 0))
        clips, first = np.unique(clip[known], return_index=True)
        for number, row in zip(clips.tolist(), known[first].tolist(), strict=True):
            self._size_by_clip.setdefault(number, [int(width[row]), int(height[row])])

    def _subjects(self, batch: pa.RecordBatch, clip: np.ndarray) -> np.ndarray:
        """Each row's person: the column's, else the one that the file name tells, else -1."""
        for name in self._clips.all[len(self._person_by_clip) :]:
            person = label_from_name(name).subject
            self._person_by_clip.append(UNKNOWN if person is None else self._people.number(person))
        from_name = np.array([*self._person_by_clip, UNKNOWN], np.int32)[clip]
        from_column = _numbers(self._people, batch, "subject")
        if (from_column >= 0).any():
            self._sources.add("the subject column")
        if ((from_column < 0) & (from_name >= 0)).any():
            self._sources.add("file names")
        return np.where(from_column >= 0, from_column, from_name)


def _integers(batch: pa.RecordBatch, name: str, kind: type) -> np.ndarray:
    if name not in batch.schema.names:
        return np.full(batch.num_rows, UNKNOWN, kind)
    return pc.fill_null(batch.column(name), UNKNOWN).to_numpy(zero_copy_only=False).astype(kind)


def _numbers(names: Names, batch: pa.RecordBatch, column: str) -> np.ndarray:
    if column not in batch.schema.names:
        return np.full(batch.num_rows, UNKNOWN, np.int32)
    return names.numbers(batch.column(column))


def _counts(numbers: np.ndarray, names: list[str]) -> dict[str, int]:
    counts = np.bincount(numbers[numbers >= 0], minlength=len(names))
    return {name: int(count) for name, count in sorted(zip(names, counts, strict=True)) if count}


def _label_counts(rows: Rows) -> dict[str, int]:
    labels: dict[str, int] = {}
    for spelling, count in _counts(rows.spelling, rows.spellings).items():
        label = canonical_label(spelling)
        labels[label] = labels.get(label, 0) + count
    return dict(sorted(labels.items()))


def _spread(counts: np.ndarray) -> tuple[int, float, int]:
    """Least, median and most; zeros where there is nothing."""
    if not len(counts):
        return 0, 0.0, 0
    return int(counts.min()), float(np.median(counts)), int(counts.max())
