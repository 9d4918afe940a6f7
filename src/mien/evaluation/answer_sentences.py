"""How far answers can be believed, and whose: the words beside answer_figures.py.

Every number in a sentence is read from the record.
"""

from __future__ import annotations

import math

from mien.evaluation.fairness import GroupScores
from mien.evaluation.measures import Anchor, Measures, RaterAgreement
from mien.evaluation.numbers import (
    decimal,
    decimal_within,
    percent,
    percent_within,
    points_within,
    whole_percent,
    within,
)
from mien.evaluation.reliability import Reliability
from mien.evaluation.selective import LabelCoverage, Selective, SetScores
from mien.evaluation.split_result import SplitResult

SHOWN_COVERAGE = 0.7  # the one that a sentence tells; the table has the others


def calibration_sentences(found: Measures, *, balance: float) -> list[str]:
    """How the probabilities were made, and how far they are from how often they come true."""
    made = "The probabilities are the model's own: they were not calibrated."
    if found.calibration != "none":
        made = (
            f"The probabilities were calibrated ({found.calibration}) on answers about people "
            f"whom the model had not learnt from ({found.calibrated_on:,} in the first fold), and "
            "are scored on others."
        )
    sentences = [made, reliability_sentence(found.reliability), _lean(found.reliability)]
    if balance:
        sentences.append(
            f"With balance {balance:g} the answers lean towards rare labels on purpose, so that "
            "the probabilities are of a world where labels are more alike in number than here."
        )
    return sentences


def reliability_sentence(found: Reliability) -> str:
    """Expected calibration error, with what chance alone would show."""
    limits = decimal_within(found.ece)
    how_sure = f", 95 % interval {limits}" if limits else ""
    text = (
        f"A stated probability is {decimal(found.ece.value)} away from how often the answer is "
        f"right, on average (ECE{how_sure}, {found.count:,} {found.unit})"
    )
    if math.isnan(found.ece_by_chance):
        return f"{text}."
    chance = decimal(found.ece_by_chance)
    text += f"; perfect probabilities of as many answers would show about {chance}"
    if not math.isnan(found.ece.low) and found.ece.low <= 0:
        return f"{text}, so that no error is shown beyond chance."
    return f"{text}."


def knowing_nothing(labels: int) -> float:
    """Log loss, in nats, of saying that all labels are equally likely."""
    return math.log(labels)


def abstention_sentence(found: Selective) -> str:
    """What answering only when sure is worth."""
    at = {point.coverage: point.accuracy for point in found.at}
    some, every = at.get(SHOWN_COVERAGE), at.get(1.0)
    if some is None or every is None:
        return ""
    return (
        f"Answering only the surest {whole_percent(SHOWN_COVERAGE)} of {found.unit}, it is right "
        f"{percent_within(some)} of the time; answering all, {percent(every.value)}."
    )


def sets_sentences(found: SetScores) -> list[str]:
    """What the sets promise, what they held, and how often they amount to an answer."""
    held = (
        f"The set of a clip promises to hold its true label {whole_percent(found.promised)} of the "
        f"time for new people like these. Here it does {percent_within(found.coverage)} of the "
        f"time ({percent(found.coverage_a_person.value)} averaged over people), with "
        f"{size_of(found)} labels on average."
    )
    named = f"It names one label for {percent(found.singletons.value)} of {found.unit}"
    if found.sizes[1]:
        right = percent_within(found.singleton_accuracy)
        named += f", and {right} of these {found.sizes[1]:,} are right"
    empty = f"; {found.sizes[0]:,} are empty, because no label fits" if found.sizes[0] else ""
    return [held, f"{named}. Every other set means “unknown”{empty}."]


def size_of(found: SetScores | LabelCoverage) -> str:
    """How many labels a set holds on average."""
    return "–" if math.isnan(found.mean_size.value) else f"{found.mean_size.value:.2f}"


def promise_sentence(found: SetScores) -> str:
    """For which labels marginal sets do not keep what they promise over all."""
    promised = whole_percent(found.promised)
    text = "Such sets keep their promise over all clips together, not label by label."
    if short := below_promise(found):
        each = ", ".join(
            f"{line.label} ({percent(line.coverage.value)} of {line.count:,}, {_people(line)})"
            for line in short
        )
        return f"{text} Below {promised} here: {each}."
    return f"{text} Here every label reaches {promised}, which is more than they promise."


def below_promise(found: SetScores) -> list[LabelCoverage]:
    """Labels that the sets hold less often than promised."""
    return [line for line in found.per_label if line.coverage.value < found.promised]


def class_sets_sentence(found: Measures, *, least_people: int) -> str:
    """What it costs to promise the same of every label."""
    if found.class_sets is None or not own_class_sets(found):
        return (
            f"No label was shown by {least_people} people or more among those set aside for "
            "calibration, so no label has a promise of its own."
        )
    return (
        f"Sets made label by label promise it of every label that {least_people} people or more "
        f"showed in calibration; the others share the common threshold. They hold the true label "
        f"{percent_within(found.class_sets.coverage)} of the time, with "
        f"{size_of(found.class_sets)} labels on average and one alone for "
        f"{percent(found.class_sets.singletons.value)} of {found.class_sets.unit}."
    )


def own_class_sets(found: Measures) -> bool:
    """Whether any label had people enough for a threshold of its own."""
    one, other = found.sets, found.class_sets
    return (
        one is not None
        and other is not None
        and one.model_dump_json(exclude={"kind"}) != other.model_dump_json(exclude={"kind"})
    )


def gap_sentence(found: GroupScores) -> str:
    """How far the best and the worst group lie apart, if so many people may say it."""
    gap = found.accuracy_gap
    if gap.best is None or gap.worst is None:
        return (
            f"Fewer than two groups have {found.least_people} people, so nothing is claimed "
            "of a gap."
        )
    text = (
        f"“{gap.best}” is answered rightly {100 * gap.value.value:.1f} points more often than "
        f"“{gap.worst}”{within(points_within(gap.value))}."
    )
    if gap.value.low <= 0:
        text += " The interval holds 0: these people do not show which of the two is better off."
    return text


def sex_sentence(found: Measures) -> str:
    """The same gap of human raters; empty where it is not known or not asked."""
    if math.isnan(found.sex_gap_of_raters):
        return ""
    return (
        f"The corpus' raters, who saw the face alone, are {100 * found.sex_gap_of_raters:.1f} "
        "points better on clips of women than on clips of men."
    )


def anchor_sentence(anchor: Anchor, shown: SplitResult) -> str:
    """Where the model stands to what people reach."""
    score = shown.clips.accuracy
    where = "more often" if score.value > anchor.accuracy else "less often"
    if score.low <= anchor.accuracy <= score.high:
        where = "these people do not tell the two apart"
    return (
        f"{anchor.who[:1].upper()}{anchor.who[1:]}: the intended label "
        f"{percent(anchor.accuracy)} of the time. This model: {percent_within(score)}, {where}."
    )


def raters_sentence(found: RaterAgreement) -> str:
    """How often the model says what most raters said, and how often the labels do."""
    absent = f"; {found.without_votes:,} have no votes" if found.without_votes else ""
    return (
        f"On {found.clips:,} clips with raters' votes ({found.ties:,} of them tied{absent}) the "
        f"model gives what most raters said {percent(found.answers)} of the time; the intended "
        f"label is what they said {percent(found.labels)} of the time."
    )


def in_short(found: Measures) -> str:
    """Belief and abstention in two sentences, for the top of a page."""
    texts = [reliability_sentence(found.reliability)] if found.reliability.count else []
    return " ".join([*texts, abstention_sentence(found.selective)]).strip()


def console_lines(found: Measures) -> list[str]:
    """Two lines for the terminal: calibration error; sets and the surest clips."""
    if not found.reliability.count:
        return []
    ece, chance = found.reliability.ece, found.reliability.ece_by_chance
    how = "not calibrated" if found.calibration == "none" else found.calibration
    lines = [
        f"Probabilities ({how}): ECE {decimal(ece.value)}{within(decimal_within(ece))}, "
        f"where chance alone gives {decimal(chance)}."
    ]
    unknown = abstention_sentence(found.selective)
    if found.sets is not None:
        sets = found.sets
        unknown = (
            f"{whole_percent(sets.promised)} sets hold the true label "
            f"{percent_within(sets.coverage)} of the time with {size_of(sets)} labels on average. "
            + unknown
        )
    return [*lines, unknown]


def _lean(found: Reliability) -> str:
    lean = found.overconfidence
    if math.isnan(lean.value):
        return ""
    side = "above" if lean.value >= 0 else "below"
    text = (
        f"Its confidence lies {100 * abs(lean.value):.1f} points {side} its accuracy on average"
        f"{within(points_within(lean))}"
    )
    if lean.low <= 0 <= lean.high:
        return f"{text}: these people show it neither too sure nor too modest."
    return f"{text}: it is too {'sure' if lean.value >= 0 else 'modest'}."


def _people(line: LabelCoverage) -> str:
    return "1 person" if line.people == 1 else f"{line.people:,} people"
