"""What alarms are worth as plain text: the table of targets, and what stands behind it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from mien.evaluation.alarm_results import AlarmResults, Variant
from mien.evaluation.alarm_table import rate_text, rows, share_text, worse_in
from mien.evaluation.numbers import percent

_HEADING = (
    f"    {'':16}{'strong':>16}{'weaker':>16}{'median':>8}{'median':>8}{'MEDIUM of':>11}"
    f"{'false MEDIUM a day':>24}{'worst':>8}{'MEDIUM in':>11}"
)
_UNITS = (
    f"    {'':16}{'found':>16}{'found':>16}{'strong':>8}{'weaker':>8}{'weaker':>11}"
    f"{'':>24}{'tenth':>8}{'wavering':>11}"
)


def summary(results: AlarmResults) -> Iterator[str]:
    """Who was simulated, then every measure beside its target."""
    plan = results.plan
    yield f"Level of evidence: {results.evidence}."
    yield (
        f"Simulated {plan.role} patients of seed {plan.seed}: {plan.days} event-free days "
        f"({plan.days_of_faces} by every frame's landmarks), {plan.episodes} episodes or more "
        f"({plan.episodes_of_faces}); settings {results.settings_hash}, rules {results.rules_hash}"
    )
    yield ""
    for row in rows(results):
        yield f"{row.measure}   [{row.target}]"
        yield f"    {row.verdict:8}{row.found}"


def details(results: AlarmResults) -> Iterator[str]:
    """Rules taken away, limits and delays moved, and both ways of simulating."""
    free, whole = results.free, results.whole
    yield "Event-free days"
    yield f"    false MEDIUM told to people a day: {rate_text(free.told_mediums)}"
    yield f"    LOW a day: {rate_text(free.lows)}"
    yield f"    technical notifications a day: {rate_text(free.technical)}"
    yield f"    patients with any false MEDIUM: {free.patients_with_any} of {free.patients}"
    yield f"    all time that is scored: {percent(free.scored.value)}"
    yield f"    face lost 120 s: MEDIUM {share_text(results.lost.away_long)}"
    yield f"    stream stopped 10 s: told {share_text(results.lost.stalled)}"
    yield "Missed episodes"
    for name, one in (("strong", whole.strong), ("weaker", whole.weak)):
        yield (
            f"    {name}: {one.found.count - one.found.found}, in {one.patients_with_a_miss} of "
            f"{one.patients} patients; {one.already_on} while an alarm was on before; not well "
            f"seen and left out: {one.not_well_seen}"
        )
    yield from _variants("Without one rule", [whole, *results.ablated])
    yield from (f"    {one.name}: {'; '.join(worse_in(one, whole))}" for one in results.ablated)
    yield from _variants("Concern raised from another score", results.limits)
    yield from _variants("Concern raised after another delay", results.delays)
    by_source = [one.model_copy(update={"name": name}) for name, one in results.by_source.items()]
    yield from _variants("By how patients were simulated", by_source)


def _variants(title: str, some: Sequence[Variant]) -> Iterator[str]:
    yield title
    yield _HEADING
    yield _UNITS
    for one in some:
        strong, weak, false = one.strong, one.weak, one.false_mediums
        rate = f"{false.value:.2f} ({false.low:.2f}-{false.high:.2f})" if false.days else "-"
        yield (
            f"    {one.name:16}{_share(strong.found.found, strong.found.count):>16}"
            f"{_share(weak.found.found, weak.found.count):>16}{_number(strong.median_s, 0):>8}"
            f"{_number(weak.median_s, 0):>8}{_percent(one.weak_mediums.value):>11}{rate:>24}"
            f"{_number(one.worst_tenth, 2):>8}{_number(one.alarms_wavering, 2):>11}"
        )


def _share(found: int, count: int) -> str:
    return f"{found} of {count}"


def _number(value: float, places: int) -> str:
    return "-" if math.isnan(value) else f"{value:.{places}f}"


def _percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{100 * value:.0f} %"
