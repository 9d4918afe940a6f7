"""Do probabilities mean what they say? Calibration error, Brier score and log loss.

All of it is of answered rows alone, for a row without a face claims nothing;
how many those are stands beside. Shapes: M answers, C labels, K people,
B = BINS bins of equal width, closed on the right, as scikit-learn's.
"""

from __future__ import annotations

import numpy as np

from mien.evaluation.answers import Answers
from mien.evaluation.metrics import Number, Record, Score
from mien.evaluation.resampling import ratio

BINS = 15  # Guo et al. 2017
LEAST_PROBABILITY = float(np.finfo(np.float64).eps)  # log loss stays finite; scikit-learn's own


class ReliabilityBin(Record):
    """Answers of like confidence: how sure they were, and how often right."""

    low: float  # confidence above this, up to and with `high`
    high: float
    count: int
    people: int
    confidence: Number  # mean; NaN in an empty bin
    accuracy: Score  # share that is right; NaN in an empty bin


class LabelReliability(Record):
    """One label's probability against whether it was the true one."""

    label: str
    people: int  # who showed it
    count: int  # rows that showed it
    ece: Score
    brier: Score  # mean squared error, from 0 to 1: scikit-learn's brier_score_loss


class Reliability(Record):
    """How far probabilities can be believed, on answered rows.

    ece: mean distance between confidence and accuracy over the bins, weighted by
    their rows. classwise_ece: the same of every label's probability, averaged
    over labels (Kull et al. 2019). Both are sums of absolute values, which noise
    raises: perfect probabilities would show about `ece_by_chance` from as many
    people. Their intervals are resampling.distance_interval's.
    brier: summed over labels, 0 to 2 (Brier 1950). log_loss: in nats.
    overconfidence: mean confidence less accuracy; below 0, too modest.
    """

    unit: str
    count: int  # answered
    unanswered: int
    people: int
    bins: list[ReliabilityBin]
    ece: Score
    ece_by_chance: Number
    classwise_ece: Score
    overconfidence: Score
    brier: Score
    log_loss: Score
    per_label: list[LabelReliability]


def reliability(answers: Answers, *, bins: int = BINS) -> Reliability:
    """Calibration of a model's answers, with 95 % intervals over people.

    With no answer at all, every number is NaN.
    """
    people, rows = answers.people, answers.answered
    top, errors = _top_sums(answers, bins), _error_sums(answers)
    each = _label_excess(answers, bins)
    ece, chance = people.distance(top[..., 1] - top[..., 2], errors[:, 0])
    spread_out = each.reshape(len(each), -1), errors[:, 0] * each.shape[1]
    return Reliability(
        unit=answers.unit,
        count=int(rows.sum()),
        unanswered=answers.unanswered,
        people=people.behind(rows),
        bins=_bins(answers, top),
        ece=ece,
        ece_by_chance=chance,
        classwise_ece=people.distance(*spread_out)[0],
        overconfidence=people.score(
            top, lambda s: ratio((s[..., 1] - s[..., 2]).sum(-1), s[..., 0].sum(-1))
        ),
        brier=people.score(errors, lambda s: ratio(s[..., 2:].sum(-1), s[..., 0])),
        log_loss=people.score(errors, lambda s: ratio(s[..., 1], s[..., 0])),
        per_label=_per_label(answers, each, errors),
    )


def bin_of(probabilities: np.ndarray, bins: int) -> np.ndarray:
    """Which of equally wide bins, closed on the right; 0 is in the first.

    >>> bin_of(np.array([0, .2, .21, 1]), 5).tolist()
    [0, 0, 1, 4]
    """
    edges = np.linspace(0, 1, bins + 1)[1:-1]
    return np.searchsorted(edges, probabilities, side="left")


def _top_sums(answers: Answers, bins: int) -> np.ndarray:
    """(K + 1, B, 3): count, confidence and right answers of the likeliest label."""
    rows, people = answers.answered, answers.people
    sure = np.where(rows, answers.confidence, 0.0)
    cells = bin_of(sure, bins)
    columns = (rows.astype(float), sure, (rows & answers.is_right).astype(float))
    return np.stack([people.counts(cells, bins, weights) for weights in columns], axis=-1)


def _error_sums(answers: Answers) -> np.ndarray:
    """(K + 1, 2 + C): count, -log p of the true label, and squared error of each label."""
    rows = answers.answered
    found = np.where(rows[:, None], answers.probabilities, 0.0)
    shown = np.eye(found.shape[1])[answers.truth] * rows[:, None]
    own = np.maximum((found * shown).sum(axis=1), LEAST_PROBABILITY)
    surprise = np.where(rows, -np.log(own), 0.0)
    return answers.people.sums(np.column_stack([rows, surprise, (found - shown) ** 2]))


def _label_excess(answers: Answers, bins: int) -> np.ndarray:
    """(K + 1, C, B): probability less truth, summed, of every label in its bins."""
    rows = answers.answered
    found = np.where(rows[:, None], answers.probabilities, 0.0)
    made = []
    for label in range(found.shape[1]):
        excess = np.where(rows, found[:, label] - (answers.truth == label), 0.0)
        made.append(answers.people.counts(bin_of(found[:, label], bins), bins, excess))
    return np.stack(made, axis=1)


def _bins(answers: Answers, top: np.ndarray) -> list[ReliabilityBin]:
    count, edges = top.shape[1], np.linspace(0, 1, top.shape[1] + 1)
    whole = top.sum(axis=0)
    return [
        ReliabilityBin(
            low=float(edges[index]),
            high=float(edges[index + 1]),
            count=int(whole[index, 0]),
            people=int((top[: answers.people.count, index, 0] > 0).sum()),
            confidence=float(ratio(whole[index, 1], whole[index, 0])),
            accuracy=answers.people.score(top[:, index], lambda s: ratio(s[..., 2], s[..., 0])),
        )
        for index in range(count)
    ]


def _per_label(answers: Answers, each: np.ndarray, errors: np.ndarray) -> list[LabelReliability]:
    people = answers.people
    return [
        LabelReliability(
            label=label,
            people=people.behind(answers.answered & (answers.truth == index)),
            count=int((answers.answered & (answers.truth == index)).sum()),
            ece=people.distance(each[:, index], errors[:, 0])[0],
            brier=people.score(
                errors[:, [0, 2 + index]], lambda sums: ratio(sums[..., 1], sums[..., 0])
            ),
        )
        for index, label in enumerate(answers.labels)
    ]
