"""alarms.html: one self-contained page of what the alarms are worth."""

from __future__ import annotations

import math
from collections.abc import Mapping

from mien.config import INTENDED_USE
from mien.evaluation import alarm_table, numbers, page
from mien.evaluation.alarm_measures import CREDITED_S, GOOD_SHARE, LATE_S, SHORTEST_S
from mien.evaluation.alarm_patients import WAVERS_EACH_S, WAVERS_P
from mien.evaluation.alarm_results import AlarmResults, Detection
from mien.evaluation.alarm_statistics import Rate, Share

LIMITS = (
    "The patients are simulated, their faces and rates of talk, sleep, turns and grimaces assumed "
    "(docs/decisions/0013). What an alarm is worth on a ward, where faces, light and illness are "
    "others and staff react, is not known from this."
)


def render(results: AlarmResults, *, figures: Mapping[str, bytes]) -> str:
    """The page, from the numbers and PNG figures by name (alarm_figures.FIGURES)."""
    filters = {
        "share": alarm_table.share_text,
        "rate": _rate,
        "percent": _percent,
        "plain_percent": lambda one: numbers.percent(one.value),
        "seconds": _seconds,
        "decimal": _decimal,
    }
    facts = {
        "results": results,
        "rows": alarm_table.rows(results),
        "headline": headline(results),
        "variants": [results.whole, *results.ablated],
        "worse": alarm_table.worse_in,
        "credited_s": CREDITED_S,
        "shortest_s": SHORTEST_S,
        "good_share": GOOD_SHARE,
        "late_s": LATE_S,
        "wavers_each_s": WAVERS_EACH_S,
        "wavers_p": WAVERS_P,
        "limits": LIMITS,
        "intended_use": INTENDED_USE,
    }
    return page.rendered("alarms.html.j2", filters, facts, figures=figures)


def headline(results: AlarmResults) -> str:
    """What was found, in two sentences."""
    strong, weak, free = results.whole.strong, results.whole.weak, results.free
    told = (
        f"Of well-seen episodes of {SHORTEST_S:g} s or more, {_of(strong)} strong ones raised a "
        f"MEDIUM alarm and {_of(weak)} weaker ones at least a LOW one"
    )
    if not free.days:
        return told + "."
    return (
        f"{told}. In {free.days:.0f} patient-days in which nothing was to be found there were "
        f"{free.false_mediums.value:.2f} false MEDIUM alarms a day; a bare limit on the same "
        f"signal fires {free.bare_alarms.value:,.0f} times a day."
    )


def _of(one: Detection) -> str:
    return f"{one.found.found:,} of {one.found.count:,}"


def _rate(one: Rate) -> str:
    return "–" if math.isnan(one.value) else f"{one.value:.2f} ({one.low:.2f}–{one.high:.2f})"


def _percent(one: Share) -> str:
    if math.isnan(one.value):
        return "–"
    return f"{100 * one.value:.1f} % ({100 * one.low:.1f}–{100 * one.high:.1f})"


def _seconds(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.0f} s"


def _decimal(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2f}"
