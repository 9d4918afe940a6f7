"""What can be wrong with the rows of a landmark table, each finding with its remedy.

Shapes: N rows. Rows hold numbers, not strings: 25 bytes a row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath, PureWindowsPath

import numpy as np

from mien.corpora.labels import SEPARATOR, canonical_label, is_ambiguous
from mien.corpora.labels import UNKNOWN as UNKNOWN_ANSWER
from mien.tables import POINT_COUNT

FACE, NO_FACE, PARTIAL, INFINITE = range(4)
UNKNOWN = -1


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a table. `refuses`: no model learns from it until it is put right."""

    kind: str
    count: int
    what: str
    first: str
    remedy: str
    refuses: bool = False

    def sentence(self) -> str:
        """One line: what, how often, where first, what to do."""
        return f"{self.count:,} {self.what} (first: {self.first}): {self.remedy}"


@dataclass(frozen=True)
class Rows:
    """Every row of a table without its points. Numbers index the names; UNKNOWN is -1."""

    clip: np.ndarray  # (N,) int32, into clip_names
    frame: np.ndarray  # (N,) int64 frame numbers
    face: np.ndarray  # (N,) int32 face_id, UNKNOWN without that column
    spelling: np.ndarray  # (N,) int32, into spellings
    subject: np.ndarray  # (N,) int32, into people
    state: np.ndarray  # (N,) int8: FACE, NO_FACE, PARTIAL or INFINITE
    clip_names: list[str]
    spellings: list[str]  # labels as the table writes them
    people: list[str]
    # Width and height of each clip's first frame that has them; None where none has.
    clip_sizes_px: list[list[int] | None] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.clip)

    def named(self, index: int) -> str:
        """A row as a reader finds it."""
        clip, frame, face = int(self.clip[index]), self.frame[index], self.face[index]
        name = repr(self.clip_names[clip]) if clip >= 0 else "no clip name"
        return f"row {index}, {name} frame {frame}" + (f" face {face}" if face >= 0 else "")


def point_states(points: np.ndarray) -> np.ndarray:
    """FACE, NO_FACE, PARTIAL or INFINITE for each row. points: (N, 478, 3) or (N, 1434).

    Returns (N,) int8. A row that is all NaN says that no face was found; some NaN says nothing.
    """
    flat = points.reshape(len(points), 3 * POINT_COUNT)
    state = np.full(len(flat), FACE, np.int8)
    odd = np.flatnonzero(~np.isfinite(flat).all(axis=1))  # few: the rest is one pass
    missing = np.isnan(flat[odd]).sum(axis=1)
    state[odd] = np.where(missing == flat.shape[1], NO_FACE, PARTIAL)
    state[odd[np.isinf(flat[odd]).any(axis=1)]] = INFINITE
    return state


def leads_outside(clip: str) -> bool:
    """Whether a clip's name is absolute or climbs out of the folder it lies in.

    >>> leads_outside("a/b.flv"), leads_outside("../b.flv"), leads_outside("C:\\\\b.flv")
    (False, True, True)
    """
    windows, posix = PureWindowsPath(clip), PurePosixPath(clip)
    return posix.is_absolute() or bool(windows.drive or windows.root) or ".." in windows.parts


def find_problems(rows: Rows) -> Iterator[Problem]:
    """Everything wrong with a table, what refuses it first."""
    yield from _key_problems(rows)
    yield from _point_problems(rows)
    yield from _whole_table_problems(rows)
    yield from _absences(rows)
    yield from _gap_problems(rows)
    yield from _clip_problems(rows)


def gaps(rows: Rows) -> tuple[np.ndarray, int]:
    """Rows after which frame numbers are skipped within a clip, and how many are skipped."""
    order = np.lexsort((rows.frame, rows.clip))
    step = np.diff(rows.frame[order])
    is_gap = (np.diff(rows.clip[order]) == 0) & (step > 1)
    return order[:-1][is_gap], int((step[is_gap] - 1).sum())


def distinct_pairs(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(2, K) distinct pairs of numbers of which neither is UNKNOWN."""
    known = (first >= 0) & (second >= 0)
    return np.unique(np.stack([first[known], second[known]]), axis=1)


def with_several(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The numbers of `first` that go with more than one of `second`."""
    numbers, counts = np.unique(distinct_pairs(first, second)[0], return_counts=True)
    return numbers[counts > 1]


def _key_problems(rows: Rows) -> Iterator[Problem]:
    yield from _where(
        rows,
        (rows.clip < 0) | (rows.frame < 0),
        "missing key",
        "rows lack a video_filename or a frame_num of 0 or more",
        "name the clip and frame of each row",
        refuses=True,
    )
    yield from _where(
        rows,
        _repeats(rows.clip, rows.frame, rows.face),
        "duplicate row",
        "rows repeat a (video_filename, frame_num, face_id) that came before",
        "keep one row a frame, or rename clips that share a name",
        refuses=True,
    )


def _point_problems(rows: Rows) -> Iterator[Problem]:
    yield from _where(
        rows,
        rows.state == PARTIAL,
        "partial face",
        "rows have some but not all of the 1,434 coordinates",
        "a face is whole or absent: fill the row, or empty it to say that no face was found",
        refuses=True,
    )
    yield from _where(
        rows,
        rows.state == INFINITE,
        "infinite coordinate",
        "rows have an infinite coordinate",
        "coordinates are fractions of the frame: extract those clips again",
        refuses=True,
    )


def _whole_table_problems(rows: Rows) -> Iterator[Problem]:
    is_face = rows.state == FACE
    if not is_face.any():
        what = "rows, none of which has a face"
        remedy = "give a table with faces in it"
        yield Problem("no face at all", len(rows), what, "the whole table", remedy, refuses=True)
        return
    used = np.unique(rows.spelling[is_face & (rows.spelling >= 0)])
    labels = sorted({canonical_label(rows.spellings[number]) for number in used})
    yield from _label_problems(labels)


def _label_problems(labels: list[str]) -> Iterator[Problem]:
    """labels: of the rows with a face, in mien's vocabulary."""
    if ambiguous := [label for label in labels if is_ambiguous(label)]:
        yield Problem(
            "ambiguous label",
            len(ambiguous),
            f"labels hold {SEPARATOR!r} or read {UNKNOWN_ANSWER!r}",
            repr(ambiguous[0]),
            f"predictions join labels by {SEPARATOR!r}, and answer {UNKNOWN_ANSWER!r} where none "
            "fits alone: write another label, or none where it is not known",
            refuses=True,
        )
    if len(labels) < 2:
        yield Problem(
            "too few classes",
            len(labels),
            "emotion among the rows with a face, wanted two or more",
            repr(labels[0]) if labels else "no row has a label",
            "add labelled clips of another emotion",
            refuses=True,
        )


def _absences(rows: Rows) -> Iterator[Problem]:
    yield from _where(
        rows,
        rows.state == NO_FACE,
        "no face",
        "rows have no face",
        "they are kept, counted and not learnt from",
    )
    yield from _where(
        rows, rows.spelling < 0, "no label", "rows have no emotion", "they are not learnt from"
    )
    yield from _where(
        rows,
        rows.subject < 0,
        "no subject",
        "rows have no known person",
        "add a `subject` column: they cannot be held out by person",
    )


def _gap_problems(rows: Rows) -> Iterator[Problem]:
    before, _ = gaps(rows)
    if len(before):
        yield Problem(
            "gap",
            len(before),
            "gaps in frame_num within a clip",
            f"after {rows.named(int(before[0]))}",
            "fine for models of single frames; motion is not measured across a gap",
        )


def _clip_problems(rows: Rows) -> Iterator[Problem]:
    outside = [name for name in rows.clip_names if leads_outside(name)]
    if outside:
        yield Problem(
            "unsafe name",
            len(outside),
            "clip names lead outside a folder of videos",
            repr(outside[0]),
            "make them relative paths without '..'; such clips are never opened",
        )
    vocabulary = sorted(map(canonical_label, rows.spellings))
    label_of = [vocabulary.index(canonical_label(text)) for text in rows.spellings]
    labels = np.array([*label_of, UNKNOWN])[rows.spelling]
    for kind, column in (("label", labels), ("person", rows.subject)):
        mixed = with_several(rows.clip, column)
        if len(mixed):
            yield Problem(
                f"several {kind}s",
                len(mixed),
                f"clips have more than one {kind}",
                repr(rows.clip_names[mixed[0]]),
                "a clip's own is the one that most of its frames have",
            )


def _where(
    rows: Rows, mask: np.ndarray, kind: str, what: str, remedy: str, *, refuses: bool = False
) -> Iterator[Problem]:
    """The problem of the rows in a mask, if there are any."""
    if mask.any():
        first = rows.named(int(mask.argmax()))
        yield Problem(kind, int(mask.sum()), what, first, remedy, refuses)


def _repeats(*keys: np.ndarray) -> np.ndarray:
    """(N,) bool: rows whose key came before, in the table's order. Exact: nothing is hashed."""
    order = np.lexsort((np.arange(len(keys[0])), *keys[::-1]))
    same = np.ones(max(len(order) - 1, 0), bool)
    for key in keys:
        same &= np.diff(key[order]) == 0
    repeated = np.zeros(len(order), bool)
    repeated[order[1:][same]] = True
    return repeated
