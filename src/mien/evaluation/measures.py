"""What is measured of answers about people never seen, beside right and wrong.

Shapes: M clips, C labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mien.corpora.crema_d import HUMAN_ANCHORS, RATERS_SEX_GAP
from mien.corpora.names import label_from_name
from mien.corpora.votes import Votes, agreement
from mien.errors import InputError
from mien.evaluation.answers import Answers
from mien.evaluation.fairness import GroupScores, group_scores, yaw_bands
from mien.evaluation.metrics import Number, Record
from mien.evaluation.reliability import Reliability, reliability
from mien.evaluation.selective import Selective, SetScores, selective, set_scores

_CREMA_D_ACTORS = range(1001, 1092)  # others with such names are no people of the corpus


class Anchor(Record):
    """What people reach on the same corpus, by the face alone."""

    who: str
    accuracy: float
    source: str


class RaterAgreement(Record):
    """How often answers are what most raters said, and how often the labels are."""

    clips: int
    ties: int
    without_votes: int
    answers: Number  # a tie of k labels counts 1/k when the answer is among them
    labels: Number  # the raters' own accuracy on these clips


class Measures(Record):
    """Of clips of people never seen. None where there was nothing to measure it on."""

    calibration: str  # the steps in words, "none" without
    calibrated_on: int  # people whom the first fold's calibration learnt from
    reliability: Reliability
    selective: Selective
    sets: SetScores | None  # marginal
    class_sets: SetScores | None  # a promise for each label of 50 people or more
    groups: list[GroupScores]
    anchors: list[Anchor]
    sex_gap_of_raters: Number
    raters: RaterAgreement | None


@dataclass(frozen=True)
class Known:
    """What is known of people and clips beside the table."""

    groups: Mapping[str, Mapping[str, str]] | None = None  # person -> {"sex": ..., ...}
    votes: Votes | None = None


@dataclass(frozen=True)
class Asked:
    """Clips of people never seen, and what was answered."""

    answers: Answers  # calibrated where that is possible
    names: np.ndarray  # (M,) of the clips
    yaw_rad: np.ndarray  # (M,) the middle of a clip's, NaN without a face
    sets: np.ndarray | None  # (M, C) bool
    class_sets: np.ndarray | None
    steps: str = "none"
    calibrated_on: int = 0


def measure(asked: Asked, known: Known, *, promised: float) -> Measures:
    """Every measure of one recipe's answers. promised: share that the sets should hold."""
    answers = asked.answers
    is_crema_d = _is_crema_d(asked)
    return Measures(
        calibration=asked.steps,
        calibrated_on=asked.calibrated_on,
        reliability=reliability(answers),
        selective=selective(answers),
        sets=_sets(asked.sets, answers, promised, "marginal"),
        class_sets=_sets(asked.class_sets, answers, promised, "label by label"),
        groups=_groups(asked, known),
        anchors=[
            Anchor(who=anchor.name, accuracy=anchor.accuracy, source=anchor.source)
            for anchor in (HUMAN_ANCHORS if is_crema_d else ())
        ],
        sex_gap_of_raters=RATERS_SEX_GAP if is_crema_d else np.nan,
        raters=_raters(asked, known.votes),
    )


def _sets(
    sets: np.ndarray | None, answers: Answers, promised: float, kind: str
) -> SetScores | None:
    return None if sets is None else set_scores(answers, sets, promised=promised, kind=kind)


def _groups(asked: Asked, known: Known) -> list[GroupScores]:
    """Gaps by how far the head is turned, and by every attribute that is known of people."""
    bands, order = yaw_bands(asked.yaw_rad)
    found = []
    if any(band is not None for band in bands):
        turned = group_scores(asked.answers, bands, attribute="head turned", order=order)
        found.append(turned)
    people = known.groups or {}
    present = {str(person) for person in asked.answers.subjects if person is not None}
    if people and not present & set(people):
        raise InputError(
            f"the demographics name none of the {len(present)} people, such as "
            f"{min(present)!r}: they name {min(people)!r}"
        )
    attributes = dict.fromkeys(name for person in people.values() for name in person)
    for attribute in attributes:
        of_person = {who: told[attribute] for who, told in people.items() if who in present}
        if of_person:
            found.append(group_scores(asked.answers, of_person, attribute=attribute))
    return found


def _is_crema_d(asked: Asked) -> bool:
    told = [label_from_name(str(name)) for name in asked.names]
    return all(
        found.corpus == "CREMA-D" and int(found.subject or 0) in _CREMA_D_ACTORS for found in told
    )


def _raters(asked: Asked, votes: Votes | None) -> RaterAgreement | None:
    if votes is None:
        return None
    labels = np.array(asked.answers.labels, object)
    answered = [*asked.answers.labels, None]
    found = agreement(
        {name: answered[p] for name, p in zip(asked.names, asked.answers.predicted, strict=True)},
        votes,
    )
    own = agreement(dict(zip(asked.names, labels[asked.answers.truth], strict=True)), votes)
    return RaterAgreement(
        clips=found.clips,
        ties=found.ties,
        without_votes=len(found.without_votes),
        answers=found.share,
        labels=own.share,
    )
