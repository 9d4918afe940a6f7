"""What moved a model's answers, in numbers and words: a line a class, a line a clip.

A clip is the unit: its own numbers are means over its frames (or its one answer), and a class's
are means over the clips that the model answered so, with 95 % intervals over people. Numbers
are nats of log-probability: 0.69 less makes an answer half as likely.

Shapes: K clips, A areas, P = 478 points, B = 52 blendshapes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mien.emotion.movements import MOVEMENTS, in_words, paired
from mien.evaluation.metrics import Number, Record, Score
from mien.evaluation.resampling import People, ratio
from mien.face.blendshapes import BLENDSHAPE_NAMES

METHODS = {
    "occlusion": "how far the answer's log-probability falls when an area of the face is given "
    "the reference's values",
    "integrated-gradients": "each value's share of the difference between the answer's "
    "log-probability and that of the reference",
}
UNITS = {
    "occlusion": "fall of the answer's log-probability when an area is replaced (nats)",
    "integrated-gradients": "share of the answer's log-probability (nats a point)",
}
MOVEMENTS_SHOWN = 4
_LEAST_DIFFERENCE = 0.05  # of a blendshape, that is worth words
_LEAST_SPREAD = 0.02  # of a blendshape over clips: less is the tracker's tremor
_SHOWN = 0.15  # of a blendshape of the reference, that then rises more rather than at all
LEAST_NATS = 0.005  # of an area: less rounds to nothing


class AreaWeight(Record):
    """How much an area moved the answer, in nats."""

    area: str
    nats: Score  # below 0: the area spoke against the answer
    size: Number  # the mean of the absolute values


class PointWeights(Record):
    """The same for each of the 478 points."""

    value: list[Number]
    low: list[Number]
    high: list[Number]


class MovementSeen(Record):
    """A movement that differs from the reference face's, in the direction of the answer."""

    blendshapes: list[str]  # one, or both sides
    area: str
    words: str
    values: list[float]  # of this clip, or of the class's clips, 0-1
    reference: list[float]

    @property
    def sentence(self) -> str:
        """As in: mouth corners raised (mouthSmileLeft 0.62, reference 0.14)."""
        sides = (
            f"{name} {value:.2f}, reference {base:.2f}"
            for name, value, base in zip(self.blendshapes, self.values, self.reference, strict=True)
        )
        return f"{self.words} ({'; '.join(sides)})"


class ClassExplanation(Record):
    """What moved the model's answer to one label."""

    label: str
    clips: int  # that were answered so
    frames: int
    people: int  # known ones among them
    areas: list[AreaWeight]  # what moved the answer most first; empty when no clip was answered so
    points: PointWeights | None
    movements: list[MovementSeen]


class ClipExplanation(Record):
    """What moved the model's answer for one clip."""

    clip: str
    face_id: int | None
    subject: str | None
    label: str | None
    answer: str
    probability: float
    frames: int  # with a face, that were looked at
    frames_without_face: int
    areas: list[AreaWeight]
    points: list[float] | None  # of the clips that are shown
    movements: list[MovementSeen]


class Explanation(Record):
    """Everything that mien explain found: explanation.json."""

    made_by: str
    model: str | None  # the folder's name; None for facs
    recipe: str
    feature_set: str
    method: str
    unit: str
    reference: str  # what faces are compared with
    table: str
    table_sha256: str
    clips_in_table: int
    frames_in_table: int
    frames_without_face: int
    clips_used: int
    frames_used: int
    unexplained: Number  # nats, the largest that integrated gradients leave; NaN for occlusion
    warnings: list[str]
    classes: list[ClassExplanation]
    clips: list[ClipExplanation]


@dataclass(frozen=True)
class ClipWeights:
    """What was found of K clips, before it is summed up."""

    names: list[str]
    face_ids: list[int | None]
    subjects: list[str | None]
    labels: list[str | None]
    answers: np.ndarray  # (K,) class numbers
    probabilities: np.ndarray  # (K,) of that class
    frames: np.ndarray  # (K,) looked at
    frames_without_face: np.ndarray  # (K,)
    areas: tuple[str, ...]
    by_area: np.ndarray  # (K, A) signed means over the clip's frames
    size_by_area: np.ndarray  # (K, A) means of absolute values
    by_point: np.ndarray  # (K, 478)
    blendshapes: np.ndarray  # (K, 52) means over the clip's frames
    reference_blendshapes: np.ndarray  # (52,)


def explain_classes(found: ClipWeights, labels: Mapping[int, str]) -> list[ClassExplanation]:
    """One line for each class number and its label."""
    return [_of_class(found, number, label) for number, label in labels.items()]


def explain_clips(found: ClipWeights, labels: Sequence[str], *, shown: set[int]) -> list[
    ClipExplanation
]:  # fmt: skip
    """One line for each clip; with points for the clips whose numbers are in `shown`."""
    return [_of_clip(found, clip, labels, clip in shown) for clip in range(len(found.names))]


def movements_seen(
    values: np.ndarray,
    *,
    reference: np.ndarray,
    spread: np.ndarray,
    towards: np.ndarray | None,
    areas: set[str],
    most: int = MOVEMENTS_SHOWN,
) -> list[MovementSeen]:
    """The movements that differ from the reference in the direction of an answer, most first.

    values, reference, spread: (52,) blendshapes and their deviation over clips. towards: (52,)
    how clips with that answer differ from the others, in deviations; None when there are no
    others: then any direction counts. areas: where on the face to look: those that moved the
    answer. Dead blendshapes and differences below .05 are left out.
    """
    away = (values - reference) / spread
    strength = np.abs(away) if towards is None else away * towards
    is_told = np.array([m.area in areas and not m.is_dead for m in MOVEMENTS])
    is_told &= (np.abs(values - reference) >= _LEAST_DIFFERENCE) & (strength > 0)
    order = [int(place) for place in np.argsort(-strength, kind="stable") if is_told[place]]
    places = {name: place for place, name in enumerate(BLENDSHAPE_NAMES)}
    rising = [BLENDSHAPE_NAMES[place] for place in order if away[place] > 0]
    falling = [BLENDSHAPE_NAMES[place] for place in order if away[place] < 0]
    groups = sorted(
        [*paired(rising), *paired(falling)],
        key=lambda group: min(order.index(places[name]) for name in group),
    )
    return [_seen(group, values, reference, places) for group in groups[:most]]


def _of_class(found: ClipWeights, number: int, label: str) -> ClassExplanation:
    own = np.flatnonzero(found.answers == number)
    people = People([found.subjects[clip] for clip in own])
    areas, points, movements = [], None, []
    if len(own):
        scores = _means(people, found.by_area[own])
        areas = _ranked(found.areas, scores, found.size_by_area[own].mean(axis=0))
        heat = _means(people, found.by_point[own])
        points = PointWeights(
            value=[_short(score.value) for score in heat],
            low=[_short(score.low) for score in heat],
            high=[_short(score.high) for score in heat],
        )
        movements = movements_seen(
            found.blendshapes[own].mean(axis=0),
            reference=found.reference_blendshapes,
            spread=_spread(found),
            towards=_towards(found, number),
            areas=_moving(areas),
        )
    return ClassExplanation(
        label=label,
        clips=len(own),
        frames=int(found.frames[own].sum()),
        people=people.count,
        areas=areas,
        points=points,
        movements=movements,
    )


def _of_clip(
    found: ClipWeights, clip: int, labels: Sequence[str], is_shown: bool
) -> ClipExplanation:
    scores = [Score(value=v, low=math.nan, high=math.nan) for v in found.by_area[clip]]
    areas = _ranked(found.areas, scores, found.size_by_area[clip])
    number = int(found.answers[clip])
    return ClipExplanation(
        clip=found.names[clip],
        face_id=found.face_ids[clip],
        subject=found.subjects[clip],
        label=found.labels[clip],
        answer=labels[number],
        probability=float(found.probabilities[clip]),
        frames=int(found.frames[clip]),
        frames_without_face=int(found.frames_without_face[clip]),
        areas=areas,
        points=[_short(v) for v in found.by_point[clip]] if is_shown else None,
        movements=movements_seen(
            found.blendshapes[clip],
            reference=found.reference_blendshapes,
            spread=_spread(found),
            towards=_towards(found, number),
            areas=_moving(areas),
        ),
    )


def _means(people: People, values: np.ndarray) -> list[Score]:
    """Means over clips with intervals over people. values: (K, S)."""
    sums = people.sums(np.concatenate([values, np.ones((len(values), 1))], axis=1))
    whole, drawn = sums.sum(axis=0), people.resampled(sums)
    means, samples = whole[:-1] / whole[-1], ratio(drawn[:, :-1], drawn[:, -1:])
    if not len(samples):
        return [Score(value=float(v), low=math.nan, high=math.nan) for v in means]
    low, high = np.percentile(samples, [2.5, 97.5], axis=0)
    return [
        Score(value=float(v), low=float(a), high=float(b))
        for v, a, b in zip(means, low, high, strict=True)
    ]


def _ranked(areas: Sequence[str], scores: Sequence[Score], sizes: np.ndarray) -> list[AreaWeight]:
    order = sorted(range(len(areas)), key=lambda place: -scores[place].value)
    return [
        AreaWeight(area=areas[place], nats=scores[place], size=float(sizes[place]))
        for place in order
    ]


def _moving(areas: Sequence[AreaWeight]) -> set[str]:
    """The areas that moved the answer by a tenth of what the first did, or more."""
    least = max(LEAST_NATS, areas[0].nats.value / 10) if areas else LEAST_NATS
    return {each.area for each in areas if each.nats.value >= least}


def _spread(found: ClipWeights) -> np.ndarray:
    spread: np.ndarray = np.maximum(found.blendshapes.std(axis=0), _LEAST_SPREAD)
    return spread


def _towards(found: ClipWeights, number: int) -> np.ndarray | None:
    """(52,) how clips with an answer differ from the others, in deviations."""
    is_own = found.answers == number
    if is_own.all():
        return None
    own, other = found.blendshapes[is_own], found.blendshapes[~is_own]
    towards: np.ndarray = (own.mean(axis=0) - other.mean(axis=0)) / _spread(found)
    return towards


def _seen(
    group: tuple[str, ...], values: np.ndarray, reference: np.ndarray, places: Mapping[str, int]
) -> MovementSeen:
    own = [float(values[places[name]]) for name in group]
    base = [float(reference[places[name]]) for name in group]
    words = in_words(group)
    if own[0] < base[0]:
        words += " less"
    elif min(base) >= _SHOWN:
        words += " more"
    area = next(m.area for m in MOVEMENTS if m.blendshape == group[0])
    return MovementSeen(blendshapes=list(group), area=area, words=words, values=own, reference=base)


def _short(value: float) -> float:
    """Four significant digits: 478 of them stand in a line."""
    return float(f"{value:.4g}")
