"""What a person's own neutral face is worth, on people never seen: a score apart.

It needs what no other score does, a recording of each person at rest, and is of other
clips: those that are left. So it compares with itself alone, without the neutral face.

Shapes: N labelled rows with a face, n some of them, F values a row, C labels.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np

from mien.corpora.splits import Split
from mien.emotion.contract import Recipe
from mien.emotion.enrolment import (
    LEAST_FRAMES,
    NEUTRAL,
    NormalisedRows,
    facs_reference,
    neutral_faces,
    neutral_reference,
)
from mien.emotion.fitting import Answered, Fitted
from mien.emotion.frames import LabelledFrames
from mien.emotion.prediction import PLACE_BOUND
from mien.evaluation.clips_asked import clip_answers
from mien.evaluation.comparison import Comparison, compare
from mien.evaluation.metrics import Record
from mien.evaluation.pool import Pooled

PLAIN, ENROLLED = "plain", "enrolled"
TOO_FEW = (
    f"it takes two or more people held out with {LEAST_FRAMES} Neutral frames and another clip "
    "each, and Neutral faces to learn from"
)


class EnrolmentGain(Record):
    """The same models on the same clips, plainly and with people's neutral faces taken off.

    Of people who were held out and could be enrolled. The clips that they were enrolled
    from are in neither score.
    """

    people_held_out: int
    clips_to_enrol: int
    frames_to_enrol: int
    scored: dict[str, int]  # clips by label
    compared: Comparison  # PLAIN, then ENROLLED with its paired difference


@dataclass(frozen=True)
class RestFace:
    """A person's neutral face, and what it was taken from."""

    values: np.ndarray  # (F,)
    clips: list[int]
    frames: int


def why_not(recipe: Recipe, split: str) -> str | None:
    """Why enrolment is not measured, whoever is held out; None where it can be."""
    if recipe.name == "majority":
        return "recipe majority does not look at faces"
    if recipe.features.name in PLACE_BOUND:
        return f"recipe {recipe.name} sees where a face is, and enrolling would move it"
    if split != "subject":
        return "nobody is held out"
    return None


def reference_face(recipe: Recipe, frames: LabelledFrames, rows: np.ndarray) -> np.ndarray | None:
    """(F,) the mean neutral face of rows that were learnt from, to which others are moved.

    None where no Neutral is among them. Of facs, which learns nothing, its own.
    """
    if recipe.name == "facs":
        return facs_reference()
    return neutral_reference(frames.features, rows[frames.labels[rows] == NEUTRAL])


def rest_faces(frames: LabelledFrames, rows: np.ndarray) -> dict[str | None, RestFace]:
    """The neutral faces of people in some rows, of no more of their Neutral clips than needed.

    The clips are taken by name until they give LEAST_FRAMES. Left out is who has not so
    many, or no other clip to be asked about.
    """
    found: dict[str | None, RestFace] = {}
    for person, own in _rows_by_person(frames, rows).items():
        face = _rest_face(frames, own)
        if face is not None and len(np.unique(frames.clip_of[own])) > len(face.clips):
            found[person] = face
    return found


@dataclass
class Enrolling:
    """Gathers, fold after fold, answers about people whose neutral face was taken off."""

    frames: LabelledFrames
    faces: dict[str | None, RestFace] = field(default_factory=dict)
    clip_ids: list[np.ndarray] = field(default_factory=list)
    clips: list[np.ndarray] = field(default_factory=list)  # (k, C) each

    def add(self, fitted: Fitted, fold: Split) -> None:
        """Enrol whom a fold holds out and ask its model about their other clips."""
        reference = reference_face(fitted.recipe, self.frames, fold.train)
        faces = {} if reference is None else rest_faces(self.frames, fold.test)
        if reference is None or not faces:
            return
        found = _answered_enrolled(fitted, self.frames, fold.test, faces, reference)
        self.faces |= faces
        self.clip_ids.append(found.clip_ids)
        self.clips.append(found.clips)

    def gain(self, pooled: Pooled) -> EnrolmentGain | None:
        """What it was worth. pooled: the same models' plain answers, about everybody.

        None where fewer than two people could be enrolled.
        """
        if len(self.faces) < 2:
            return None
        used = [clip for face in self.faces.values() for clip in face.clips]
        is_scored = ~np.isin(pooled.asked, used)
        is_scored &= [person in self.faces for person in pooled.answers.subjects.tolist()]
        scored = pooled.asked[is_scored]
        answers = {
            PLAIN: pooled.answers.probabilities[is_scored],
            ENROLLED: self._placed(scored, len(self.frames.classes)),
        }
        return EnrolmentGain(
            people_held_out=pooled.answers.people.count,
            clips_to_enrol=len(used),
            frames_to_enrol=sum(face.frames for face in self.faces.values()),
            scored=dict(sorted(Counter(self.frames.clips.labels[scored].tolist()).items())),
            compared=compare(
                {name: clip_answers(self.frames, scored, found) for name, found in answers.items()}
            ),
        )

    def _placed(self, scored: np.ndarray, labels: int) -> np.ndarray:
        """(len(scored), C) the answers in the order of these clips; NaN without a face."""
        ids = np.concatenate(self.clip_ids)
        is_scored = np.isin(ids, scored)
        found = np.full((len(scored), labels), np.nan)
        found[np.searchsorted(scored, ids[is_scored])] = np.concatenate(self.clips)[is_scored]
        return found


def _rows_by_person(frames: LabelledFrames, rows: np.ndarray) -> dict[str, np.ndarray]:
    known = rows[[person is not None for person in frames.subjects[rows]]]
    people, number = np.unique(frames.subjects[known].astype(str), return_inverse=True)
    parts = np.split(known[np.argsort(number, kind="stable")], np.cumsum(np.bincount(number))[:-1])
    return dict(zip(people.tolist(), parts, strict=True))


def _rest_face(frames: LabelledFrames, own: np.ndarray) -> RestFace | None:
    """A person's neutral face, from rows of that person; None with too few."""
    shown: list[np.ndarray] = []
    used: list[int] = []
    own = own[frames.labels[own] == NEUTRAL]
    clips = [clip for clip in np.unique(frames.clip_of[own]).tolist() if _is_neutral(frames, clip)]
    for clip in sorted(clips, key=lambda clip: (frames.clips.names[clip], clip)):
        values = frames.features[own[frames.clip_of[own] == clip]]
        values = values[~np.isnan(values).any(axis=1)]
        if not len(values):
            continue
        shown.append(values)
        used.append(clip)
        count = sum(map(len, shown))
        if count >= LEAST_FRAMES:
            neutral = neutral_faces(np.concatenate(shown), person=[None] * count)
            return RestFace(neutral[None], used, count)
    return None


def _is_neutral(frames: LabelledFrames, clip: int) -> bool:
    return bool(frames.clips.labels[clip] == NEUTRAL)


def _answered_enrolled(
    fitted: Fitted,
    frames: LabelledFrames,
    rows: np.ndarray,
    faces: dict[str | None, RestFace],
    reference: np.ndarray,
) -> Answered:
    """Answers, as plain ones are made, about rows of enrolled people in their other clips."""
    used = [clip for face in faces.values() for clip in face.clips]
    is_other = ~np.isin(frames.clip_of[rows], used)
    is_other &= [person in faces for person in frames.subjects[rows].tolist()]
    moved = NormalisedRows(
        frames.features,
        person=frames.subjects,
        neutral={person: face.values for person, face in faces.items()},
        reference=reference,
    )
    found = fitted.raw(replace(frames, features=moved), rows[is_other])
    return found if fitted.calibrations is None else fitted.calibrations.read(found)
