"""A person's own neutral face, taken off before a model looks: x' = x - neutral + reference.

Faces at rest differ: one person's looks cross, another's smiles. What is left after the
shift is how far a face is from its own rest, about the rest of those whom the model knows.

Shapes: N rows, F values a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from mien.corpora.labels import canonical_label
from mien.corpora.subjects import subjects_of
from mien.emotion.batches import RowSource
from mien.errors import ShapeError, TableError
from mien.face.blendshapes import BLENDSHAPE_NAMES

LEAST_FRAMES = 5  # of a face at rest: fewer are one blink
NEUTRAL = "Neutral"
_CHUNK_ROWS = 4096

# The mean of each blendshape that facs reads, left and right alike, over the 2,419 Neutral
# photographs of the half of the people on which benchmarks/facs_levels.py measures.
_NEUTRAL_BLENDSHAPES = {
    "browInnerUp": 0.097,
    "browOuterUp": 0.126,
    "browDown": 0.178,
    "eyeWide": 0.015,
    "eyeSquint": 0.364,
    "mouthUpperUp": 0.015,
    "mouthSmile": 0.033,
    "mouthFrown": 0.023,
    "mouthShrugLower": 0.043,
    "mouthStretch": 0.028,
    "mouthFunnel": 0.005,
    "mouthPress": 0.068,
    "mouthLowerDown": 0.059,
    "jawOpen": 0.062,
    "eyeLookDown": 0.176,
    "eyeBlink": 0.138,
}


def normalise(
    values: np.ndarray,
    *,
    person: Sequence[str | None] | np.ndarray,
    neutral: Mapping[str | None, np.ndarray],
    reference: np.ndarray,
) -> np.ndarray:
    """(N, F) float32 values as if each person's neutral face were the reference.

    values: (N, F), NaN where there is no face; person: N of the keys of neutral, which
    gives each one's neutral face (F,); reference: (F,).
    Raises ShapeError when they do not fit, TableError naming a person without neutral face.

    >>> normalise(np.array([[5.0, 2.0]]), person=["ann"], neutral={"ann": np.array([4.0, 2.0])},
    ...           reference=np.array([0.5, 0.0]))
    array([[1.5, 0. ]], dtype=float32)
    """
    values, reference = np.asarray(values), np.asarray(reference)
    if values.ndim != 2 or len(person) != len(values) or reference.shape != values.shape[1:]:
        raise ShapeError(
            f"values {values.shape} of {len(person)} people's rows with a reference "
            f"{reference.shape}: wanted (N, F), N and (F,)"
        )
    people = np.asarray(person, object)
    moved = np.array(values, np.float32)
    for name in dict.fromkeys(people.tolist()):
        if name not in neutral:
            raise TableError(f"{_named(name)} has no neutral face: enrol everybody")
        if np.shape(neutral[name]) != reference.shape:
            raise ShapeError(
                f"{_named(name)} has a neutral face {np.shape(neutral[name])}, "
                f"wanted {reference.shape}"
            )
        moved[people == name] += (reference - neutral[name]).astype(np.float32)
    return moved


def neutral_faces(
    values: np.ndarray,
    *,
    person: Sequence[str | None] | np.ndarray,
    least_frames: int = LEAST_FRAMES,
) -> dict[str | None, np.ndarray]:
    """Each person's neutral face (F,): the median of their rows, which a blink leaves as it is.

    values: (N, F) of neutral faces, NaN where there is none; person: N names, None where
    unknown, who count as one. People with fewer than least_frames rows are left out.
    """
    people = np.asarray(person, object)
    is_face = ~np.isnan(values).any(axis=1)
    found: dict[str | None, np.ndarray] = {}
    for name in dict.fromkeys(people.tolist()):
        own = values[is_face & (people == name)]
        if len(own) >= max(least_frames, 1):
            found[name] = np.median(own, axis=0).astype(np.float32)
    return found


def neutral_reference(features: RowSource, rows: np.ndarray) -> np.ndarray | None:
    """(F,) float32, the mean of some rows of (N, F): the Neutral ones that a model learnt from.

    Read a chunk at a time. None when none of the rows has a face.
    """
    total, count = np.zeros(features.shape[1]), 0
    for start in range(0, len(rows), _CHUNK_ROWS):
        values = np.asarray(features[rows[start : start + _CHUNK_ROWS]], np.float64)
        values = values[~np.isnan(values).any(axis=1)]
        total += values.sum(axis=0)
        count += len(values)
    return (total / count).astype(np.float32) if count else None


class NormalisedRows:
    """(N, F) float32 values of rows of enrolled people, normalised as they are asked for."""

    gives_rows = True  # for an estimator: need not become an array

    def __init__(
        self,
        source: RowSource,
        *,
        person: np.ndarray,
        neutral: Mapping[str | None, np.ndarray],
        reference: np.ndarray,
        rows: np.ndarray | None = None,
    ) -> None:
        """source: (M, F); person: (M,); neutral, reference: as in normalise, of those who are
        asked for. rows: (N,) which rows of the source; None: all."""
        self._source, self._person = source, np.asarray(person, object)
        self._neutral, self._reference = neutral, reference
        self._rows = np.arange(source.shape[0]) if rows is None else rows
        self.shape = (len(self._rows), source.shape[1])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: slice | np.ndarray) -> np.ndarray:
        rows = self._rows[index]
        return normalise(
            self._source[rows],
            person=self._person[rows],
            neutral=self._neutral,
            reference=self._reference,
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:], dtype)

    def some(self, rows: np.ndarray) -> NormalisedRows:
        """The same of fewer rows; nothing is fetched yet."""
        return NormalisedRows(
            self._source,
            person=self._person,
            neutral=self._neutral,
            reference=self._reference,
            rows=self._rows[rows],
        )


def facs_reference() -> np.ndarray:
    """(52,) blendshapes of a mean neutral face; 0 for those that facs does not read."""
    found = np.zeros(len(BLENDSHAPE_NAMES), np.float32)
    for place, name in enumerate(BLENDSHAPE_NAMES):
        channel = name.removesuffix("Left").removesuffix("Right")
        found[place] = _NEUTRAL_BLENDSHAPES.get(channel, 0)
    return found


@dataclass(frozen=True)
class Enrolment:
    """The neutral faces of some people, in a model's own values, and what they are moved to.

    One person's is for rows of that person and of nobody known. Of several, each row must
    say whose it is.
    """

    neutral: dict[str | None, np.ndarray]  # (F,) by person
    reference: np.ndarray  # (F,)
    frames: dict[str | None, int] = field(default_factory=dict)  # of everybody who was shown

    def applied(self, values: np.ndarray, rows: pa.RecordBatch) -> np.ndarray:
        """(N, F) values of some rows of a landmark table, normalised.

        Raises TableError for a row of somebody who is not enrolled.
        """
        person = people_of(rows)
        alone = next(iter(self.neutral)) if len(self.neutral) == 1 else None
        for row, name in enumerate(person.tolist()):
            if name in self.neutral:
                continue
            if len(self.neutral) == 1 and None in (name, alone):
                person[row] = alone
                continue
            raise TableError(self._refusal(rows, row, name))
        return normalise(values, person=person, neutral=self.neutral, reference=self.reference)

    def _refusal(self, rows: pa.RecordBatch, row: int, name: str | None) -> str:
        clip = rows.column("video_filename")[row].as_py()
        enrolled = ", ".join(repr(known) for known in self.neutral if known is not None)
        if name is None:
            return (
                f"clip {clip!r} does not say whose face it shows, and {enrolled} are enrolled: "
                "add a subject column"
            )
        shown = self.frames.get(name)
        why = f"of whom only {shown} neutral frames have a face" if shown else "who is not enrolled"
        return (
            f"clip {clip!r} shows {name!r}, {why}: enrol {LEAST_FRAMES} frames or more "
            f"of everybody (enrolled: {enrolled})"
        )


def neutral_rows(rows: pa.RecordBatch) -> pa.RecordBatch:
    """Rows of a landmark table without those that are labelled otherwise than Neutral."""
    if "emotion" not in rows.schema.names:
        return rows
    labels = rows.column("emotion").to_pylist()
    is_kept = [label is None or canonical_label(label) == NEUTRAL for label in labels]
    return rows if all(is_kept) else rows.filter(pa.array(is_kept, pa.bool_()))


def enrol(some: Iterable[tuple[pa.RecordBatch, np.ndarray]], *, reference: np.ndarray) -> Enrolment:
    """Take people's neutral faces from rows of a landmark table and their values (n, F).

    The rows are those that neutral_rows gives; reference: (F,).
    Raises TableError when nobody has LEAST_FRAMES frames with a face, or some rows say
    whose they are and others do not.
    """
    values: list[np.ndarray] = []
    people: list[str | None] = []
    for rows, found in some:
        is_face = ~np.isnan(found).any(axis=1)
        values.append(found[is_face])
        people += people_of(rows)[is_face].tolist()
    if None in people and len(set(people)) > 1:
        raise TableError(
            f"{people.count(None)} frames to enrol from do not say whose they are, and others do: "
            "name the subject of every row, or of none"
        )
    shown = np.concatenate(values) if values else np.empty((0, len(reference)), np.float32)
    neutral = neutral_faces(shown, person=people)
    counts = {name: people.count(name) for name in dict.fromkeys(people)}
    if not neutral:
        most = max(counts.values(), default=0)
        raise TableError(
            f"{most} neutral frames of a person with a face to enrol from, wanted {LEAST_FRAMES} "
            f"or more: record a few seconds of the face at rest (rows labelled otherwise than "
            f"{NEUTRAL} do not count)"
        )
    return Enrolment(neutral, np.asarray(reference, np.float32), counts)


def people_of(rows: pa.RecordBatch) -> np.ndarray:
    """(N,) whose face each row shows: its subject, else whom the clip's name tells, else None."""
    column = rows.column("subject").to_pylist() if "subject" in rows.schema.names else None
    clips = [clip or "" for clip in rows.column("video_filename").to_pylist()]
    return subjects_of(clips, column=column).of_rows


def _named(person: str | None) -> str:
    return "a row of an unknown person" if person is None else f"person {person!r}"
