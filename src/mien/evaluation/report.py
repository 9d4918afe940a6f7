"""report.html: one self-contained page. Nothing is fetched, nothing is run.

Every name and label goes through Jinja's escaping; the page forbids scripts.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from typing import Any

import jinja2

from mien.config import INTENDED_USE
from mien.evaluation.evaluate import SplitResult
from mien.evaluation.metrics import Score
from mien.evaluation.results import Results

FIGURES = ("scores", "overlay", "loss", "confusion_frames", "confusion_clips")
SMALL_GAP = 0.02


def render(results: Results, *, figures: Mapping[str, bytes]) -> str:
    """The page, from the numbers and PNG figures by name (FIGURES; those absent are left out)."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("mien.evaluation", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "percent": percent,
        "interval": interval,
        "number": _number,
        "sentence": _sentence,
    }
    honest = results.honest
    return environment.get_template("report.html.j2").render(
        results=results,
        honest=honest,
        leaky=results.split("random-frame"),
        shown=honest or results.split("random-frame"),
        headline=headline(results),
        gap=gap_text(results),
        figures={name: _data_uri(png) for name, png in figures.items()},
        intended_use=INTENDED_USE,
    )


def percent(value: float) -> str:
    """A share for reading. Undefined is a dash.

    >>> percent(.59233), percent(float("nan"))
    ('59.2 %', '–')
    """
    return "–" if math.isnan(value) else f"{100 * value:.1f} %"


def interval(score: Score) -> str:
    """A score's 95 % interval, as in 56.5–61.6; nothing where it is undefined."""
    return "" if math.isnan(score.low) else f"{100 * score.low:.1f}–{100 * score.high:.1f}"


def headline(results: Results) -> str:
    """One sentence: what the model is worth on whom it never saw, against saying the majority."""
    shown = results.honest or results.splits[1]
    majority = results.splits[0]
    where = {
        "subject": "On people it never saw",
        "time": "On later frames of the same people",
        "random-frame": "On random frames of clips it has seen (leaky)",
    }[shown.split]
    accuracy, baseline = shown.frames.accuracy.value, majority.frames.accuracy.value
    return (
        f"{where}, recipe {results.recipe} labels {percent(accuracy)} of frames as they are "
        f"labelled; always giving the majority label scores {percent(baseline)}. "
        f"Averaged over labels it is right {percent(shown.frames.balanced_accuracy.value)} "
        f"of the time; chance is {percent(1 / len(shown.frames.labels))}."
    )


def gap_text(results: Results) -> list[str]:
    """What the distance between the two scores means, a sentence at a time."""
    leaky, honest = results.split("random-frame"), results.honest
    if leaky is None or honest is None:
        return [
            "There is only the random-frame score. Frames of one clip, and clips of one person, "
            "lie on both sides of that split, so it says nothing about a new clip or a new person."
        ]
    scores = (
        f"Random frames give {percent(leaky.frames.accuracy.value)}, "
        f"{_of(honest)} {percent(honest.frames.accuracy.value)}: "
        f"a gap of {100 * results.gap:+.1f} points."
    )
    return [scores, _gap_reason(results, honest), _who_counts(honest)]


def _gap_reason(results: Results, honest: SplitResult) -> str:
    if results.gap > SMALL_GAP:
        return (
            "That much of the random-frame score comes from having learnt from neighbouring frames "
            "or other clips of the same people, not from reading expressions."
        )
    if results.gap < -SMALL_GAP:
        return (
            "The random-frame score is not the higher one here: the two are of different frames, "
            "and this model does not profit from what leaks."
        )
    many = results.table.rows > results.table.clips
    why = (
        "the model is too weak to profit from what leaks, or both splits leak alike"
        if many or honest.split == "time"
        else "every clip is one frame, so that no neighbouring frame can leak, and this model "
        "does not profit from other pictures of the same people"
    )
    return (
        f"The gap is small here: {why}. A stronger model on the same table may show a larger one."
    )


def _who_counts(honest: SplitResult) -> str:
    if honest.split == "subject":
        return "Only the score on people never seen says what to expect of somebody new."
    return (
        "Neither score says what to expect of somebody new: the frames held out show the same "
        "people as those learnt from, a moment later."
    )


def _of(honest: SplitResult) -> str:
    return "people never seen" if honest.split == "subject" else "the held-out ends of clips"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _number(value: Any) -> str:
    """A coordinate or count for a table cell; None is a dash."""
    if value is None:
        return "–"
    return f"{value:.6f}" if isinstance(value, float) else str(value)


def _data_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")
