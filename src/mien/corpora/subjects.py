"""Who is in each clip: from a CSV file, a table's own column, or the file names of known corpora.

Shapes: N rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mien.corpora.index import CLIP_COLUMNS, SUBJECT_COLUMNS, LabelFile, read_label_file
from mien.corpora.names import label_from_name
from mien.corpora.problems import UNKNOWN, Rows
from mien.errors import LabelError


@dataclass(frozen=True)
class Subjects:
    """The person of every row, and how many rows each way of knowing told."""

    of_rows: np.ndarray  # (N,) str, None where nobody is known
    from_csv: int
    from_column: int
    from_names: int

    @property
    def unknown(self) -> int:
        return len(self.of_rows) - self.from_csv - self.from_column - self.from_names


def read_subject_file(path: str | Path) -> LabelFile:
    """Read a CSV that says who is in each clip: a column for the clip, one for the subject.

    Raises InputError when there is no such file, LabelError when it cannot be used, gives
    one clip two people, or names nobody.
    """
    labels = read_label_file(path)
    if not any(label is not None and label.subject for label in labels.by_name.values()):
        raise LabelError(
            f"{path} names nobody: wanted a clip column ({', '.join(CLIP_COLUMNS)}) and a subject "
            f"column ({', '.join(SUBJECT_COLUMNS)})"
        )
    return labels


def subjects_of(
    clips: Sequence[str],
    *,
    labels: LabelFile | None = None,
    column: Sequence[str | None] | np.ndarray | None = None,
) -> Subjects:
    """The person of each row: the CSV's, else the column's, else the one that the name tells.

    The CSV comes first, for it is given on purpose. clips: N names. labels: what
    read_subject_file gave. column: N people, None or blank where unknown.
    Raises LabelError when the CSV names none of the clips, or two rows of it contradict.

    >>> subjects_of(["1027_IOM_HAP_XX.flv", "holiday.mp4"]).of_rows.tolist()
    ['1027', None]
    """
    told = {clip: _told(clip, labels) for clip in dict.fromkeys(clips)}
    if labels is not None and told and not any(csv for csv, _ in told.values()):
        raise LabelError(
            f"{labels.path} names none of the {len(told):,} clips (the first is "
            f"{next(iter(told))!r}): name them as the table does, with their folders or without"
        )
    own = [_known(person) for person in ([None] * len(clips) if column is None else column)]
    if len(own) != len(clips):
        raise LabelError(f"{len(own):,} people in the column for {len(clips):,} rows")
    people = np.full(len(clips), None, object)
    counts = [0, 0, 0]
    for row, (clip, person) in enumerate(zip(clips, own, strict=True)):
        ways = (told[clip][0], person, told[clip][1])
        way = next((way for way, known in enumerate(ways) if known), None)
        if way is not None:
            people[row] = ways[way]
            counts[way] += 1
    return Subjects(people, *counts)


def with_subjects(rows: Rows, labels: LabelFile) -> Rows:
    """A table's rows with the people that a CSV names; those it leaves out stay as they are.

    Raises LabelError when the CSV names none of the clips.
    """
    names = [rows.clip_names[clip] if clip >= 0 else "" for clip in rows.clip.tolist()]
    known = [rows.people[person] if person >= 0 else None for person in rows.subject.tolist()]
    found = subjects_of(names, labels=labels, column=known).of_rows
    people = sorted({person for person in found.tolist() if person is not None})
    number = {person: place for place, person in enumerate(people)} | {None: UNKNOWN}
    subject = np.array([number[person] for person in found.tolist()], np.int32)
    return replace(rows, subject=subject, people=people)


def _told(clip: str, labels: LabelFile | None) -> tuple[str | None, str | None]:
    """Who the CSV says is in a clip, and who its name does."""
    label = labels.label_of(clip) if labels is not None and clip else None
    return (label.subject if label else None), (label_from_name(clip).subject if clip else None)


def _known(person: object) -> str | None:
    """A cell of a subject column; None where it is null, blank or NaN, pandas' null."""
    is_nan = isinstance(person, float) and person != person
    return str(person) if person is not None and not is_nan and str(person).strip() else None
