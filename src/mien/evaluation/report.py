"""report.html: one self-contained page, which forbids scripts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from mien.config import INTENDED_USE
from mien.emotion.conformal import LEAST_PEOPLE as LEAST_PEOPLE_A_LABEL
from mien.evaluation import answer_sentences, numbers, page, sentences
from mien.evaluation.comparison import Comparison
from mien.evaluation.fairness import LEAST_PEOPLE
from mien.evaluation.results import Results

FIGURES = (
    *("scores", "recipes", "loss", "confusion_frames", "confusion_clips", "reliability"),
    *("risk_coverage", "set_sizes", "gaps", "overlay"),
)
PEOPLE_SHOWN = 60
MEASURES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "balanced_common": "balanced over {count} labels",
    "macro_f1": "macro-F1",
}


def render(results: Results, *, figures: Mapping[str, bytes]) -> str:
    """The page, from the numbers and PNG figures by name (FIGURES; those absent are left out)."""
    told = facts(results) | {"people_shown": PEOPLE_SHOWN}
    return page.rendered("report.html.j2", FILTERS | {"number": _number}, told, figures=figures)


def facts(results: Results) -> dict[str, Any]:
    """What the templates of page and card read: the record, and what its numbers say."""
    honest = results.honest
    shown = honest or results.splits[1]
    return {
        "results": results,
        "honest": honest,
        "leaky": results.split("random-frame"),
        "shown": shown,
        "measures": shown.measures,
        "columns": compared_columns(results.comparison) if results.comparison else {},
        "is_one_frame_a_clip": shown.frames.confusion == shown.clips.confusion,
        "least_people": LEAST_PEOPLE,
        "least_people_a_label": LEAST_PEOPLE_A_LABEL,
        "balance": float(results.settings.get("balance") or 0),
        "intended_use": INTENDED_USE,
        "say": sentences,
        "believe": answer_sentences,
    }


def compared_columns(comparison: Comparison) -> dict[str, str]:
    """Measures that a comparison has something to say of, with their headings.

    Balanced over common labels is left out where all labels are, or none is.
    """
    common = len(comparison.common_labels)
    return {
        name: heading.format(count=common)
        for name, heading in MEASURES.items()
        if name != "balanced_common" or 0 < common < len(comparison.labels)
    }


def _count(value: int) -> str:
    return f"{value:,}"


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count:,} people"


FILTERS = {
    "count": _count,
    "people": _people,
    "percent": numbers.percent,
    "whole_percent": numbers.whole_percent,
    "interval": numbers.interval,
    "percent_within": numbers.percent_within,
    "points": numbers.points,
    "points_within": numbers.points_within,
    "decimal": numbers.decimal,
    "decimal_within": numbers.decimal_within,
    "sentence": sentences.sentence,
}


def _number(value: Any) -> str:
    """A coordinate or count for a table cell; None is a dash."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    return f"{value:.6f}" if isinstance(value, float) else str(value)
