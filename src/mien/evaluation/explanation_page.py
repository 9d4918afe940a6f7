"""explanation.html: one self-contained page of what moved a model's answers, and its words."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from mien.config import INTENDED_USE
from mien.emotion.movements import AREAS, WHOLE_FACE
from mien.evaluation import page
from mien.evaluation.explanation import (
    LEAST_NATS,
    METHODS,
    ClassExplanation,
    ClipExplanation,
    Explanation,
)
from mien.evaluation.metrics import Score
from mien.text import printable

FIGURES = ("classes", "clips")
CAUTION = (
    "This says which parts of the points moved the model's answer, against a reference face. It "
    "does not say what a person feels, nor that the answer is right, nor what other models use. "
    "Areas that tell the same can stand in for each other, and then each looks less important "
    "than it is."
)


def render(found: Explanation, *, figures: Mapping[str, bytes]) -> str:
    """The page, from the numbers and PNG figures by name (FIGURES; those absent are left out)."""
    filters = {
        "nats": nats,
        "likelier": likelier,
        "headline": headline,
        "two_places": two_places,
    }
    weighed = {area.area for each in found.classes for area in each.areas}
    facts = {
        "found": found,
        "method": METHODS[found.method],
        "areas": [area for area in (*AREAS, WHOLE_FACE) if area in weighed],
        "shown": [clip for clip in found.clips if clip.points is not None],
        "caution": CAUTION,
        "intended_use": INTENDED_USE,
    }
    return page.rendered("explanation.html.j2", filters, facts, figures=figures)


def headline(found: ClassExplanation | ClipExplanation) -> str:
    """What moved the answer, in one sentence: areas, nats, and how much likelier they made it."""
    if not found.areas:
        return "The model answered no clip so."
    moved = [area for area in found.areas if area.nats.value >= LEAST_NATS]
    if not moved:
        return "No area by itself moved the model's answer towards it."
    first, *others = moved[:3]
    text = (
        f"The model's answer was moved most by the {first.area} ({nats(first.nats)}), which made "
        f"it {likelier(first.nats.value)}"
    )
    if others:
        text += "; then by " + " and ".join(f"the {e.area} ({nats(e.nats)})" for e in others)
    return text + "."


def likelier(nats: float) -> str:
    """A difference of log-probability as a ratio, for reading.

    >>> likelier(1.32), likelier(-.69), likelier(9.)
    ('3.7 times as likely', '0.5 times as likely', 'over 1,000 times as likely')
    """
    times = math.exp(min(nats, 20))
    return f"{times:.1f} times as likely" if times < 1000 else "over 1,000 times as likely"


def nats(score: Score) -> str:
    """A number of nats, with its interval where it has one.

    >>> nats(Score(value=1.3, low=.9, high=1.71)), nats(Score(value=1.3, low=None, high=None))
    ('1.30 nats, 0.90 to 1.71', '1.30 nats')
    """
    text = f"{two_places(score.value)} nats"
    if math.isnan(score.low):
        return text
    return f"{text}, {two_places(score.low)} to {two_places(score.high)}"


def two_places(value: float) -> str:
    """A number with two decimals, and no -0.00.

    >>> two_places(-.001), two_places(-.126)
    ('0.00', '-0.13')
    """
    return f"{round(value, 2) + 0.0:.2f}"


def describe(found: Explanation) -> Iterator[str]:
    """An explanation in a few lines of text."""
    yield (
        f"{found.table}: {found.frames_used:,} frames of {found.clips_used:,} clips looked at, "
        f"{found.frames_without_face:,} without a face left out; {found.method}, against "
        f"{found.reference}"
    )
    for each in found.classes:
        clips = f"{each.clips:,} clip" + ("" if each.clips == 1 else "s")
        yield f"{printable(each.label)} ({clips}): {headline(each)}"
        if each.movements:
            yield "  " + "; ".join(movement.sentence for movement in each.movements)
    for clip in found.clips:
        if clip.points is not None:
            answer = f"{printable(clip.answer)} ({clip.probability:.2f})"
            yield f"{printable(clip.clip)}: {answer}. {headline(clip)}"
            if clip.movements:
                yield "  " + "; ".join(movement.sentence for movement in clip.movements)
    yield from (f"note: {warning}" for warning in found.warnings)
    yield CAUTION
