"""What a record says of itself: what was seen, against which limits, and what it cannot know.

All of it stands in the record, so that a record explains itself without the log.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from mien.risk.conditions import Conditions
from mien.risk.events import Event, Evidence, Level, Record, Scored, Term, WindowClosed
from mien.risk.records import is_technical
from mien.risk.settings import WatchConfig

BEFORE_MS = 120_000  # of features in each record
LEVELS_MS = 300_000  # of levels in each record

TITLES = {
    "sustained": "lasting facial expression",
    "concern": "strong facial expression",
    "concern-vitals": "strong facial expression and a high NEWS2",
    "face-lost": "no face is seen",
    "not-observable": "the face cannot be read",
    "stalled": "no frames come",
    "store-failing": "the store fails, nothing is kept",
    "clock-skew": "the stream's clock is wrong",
    "system": "technical at once",
}
TERMS = {
    "P": "pain-expression index (PSPI proxy)",
    "B": "deviation from this person's own baseline",
    "E": "share of the last 5 min with expression beyond the usual",
    "N": "negative expression (weak evidence)",
    "R": "restlessness",
    "C": "slow rise",
}
CLEARS_WHEN = {
    "sustained": "score ≤ {sustained_clear} for {sustained_clear_s:g} s, or Concern raised",
    "concern": "score ≤ {concern_clear} and no single 3, for {concern_clear_s:g} s",
    "concern-vitals": "Concern ends, or NEWS2 is below {news2_from} or {news2_age_s:g} s old",
    "face-lost": "usable for {recovered_after_s:g} s",
    "not-observable": "usable for {recovered_after_s:g} s",
    "stalled": "good for {recovered_after_s:g} s",
    "store-failing": "good for {recovered_after_s:g} s",
    "clock-skew": "≤ {skew_clear_s:g} s for {skew_for_s:g} s",
    "system": "no {system_beds} of its beds are technical any more",
}
CANNOT_KNOW = (
    "Visible facial behaviour alone: not pain, emotion, cause or risk of harm, nor what happens "
    "while the face is not seen. Less valid with facial palsy, parkinsonism, facial trauma, masks, "
    "sedation, profile view and in under-represented groups."
)
CANNOT_KNOW_TECHNICAL = "How the patient is: meanwhile nothing, or not enough, is seen."


Levels = tuple[tuple[int, Level], ...]  # (since_ms, level), in the order they came in
Row = tuple[int | float | None, ...]  # (time_ms, p, r, negative, quality, score)


@dataclass(frozen=True, slots=True)
class History:
    """The last minutes of one patient, as much as evidence takes."""

    rows: tuple[Row, ...] = ()  # rising in time
    window: WindowClosed | None = None  # the newest
    scored: Scored | None = None  # the newest
    levels: Levels = ()


def remember(history: History, event: Event) -> History:
    """A window is kept until its score is there; the two make a row."""
    if isinstance(event.body, WindowClosed):
        return replace(history, window=event.body)
    if not isinstance(event.body, Scored):
        return history
    now_ms, scored, window = event.event_time_ms, event.body, history.window
    seen = (None, None, None) if window is None else (window.p, window.r, window.negative)
    row = (now_ms, *seen, scored.quality, scored.score)
    times = (row_before[0] or 0 for row_before in history.rows)
    old = next((at for at, time_ms in enumerate(times) if time_ms > now_ms - BEFORE_MS), None)
    kept = () if old is None else history.rows[old:]
    return History((*kept, row), None, scored, history.levels)


def remember_level(history: History, time_ms: int, level: Level) -> History:
    """What was shown since when."""
    levels = (*_lately(history.levels, time_ms), (time_ms, level))
    return replace(history, levels=levels)


def _lately(levels: Levels, now_ms: int) -> Levels:
    """Those of the last 5 min; the one in which they began is needed too.

    A level has the host's time where a tick or a person changed it, so that times may fall: the
    newest that is old enough ends all before it, or one from another clock would hold them.
    """
    old = (at for at, (ms, _) in enumerate(levels) if ms <= now_ms - LEVELS_MS)
    return levels[max(old, default=0) :]


def evidence_of(
    rule: str, history: History, terms: tuple[Term, ...], now_ms: int, config: WatchConfig
) -> Evidence:
    """For a record of this rule that opens now. A stream that has stopped has no quality left."""
    scored = history.scored
    quality = 0.0 if scored is None or rule == "stalled" else scored.quality
    settings = config.settings
    limits = settings.signal.model_dump() | settings.conditions.model_dump()
    return Evidence(
        terms=terms,
        score=None if scored is None or is_technical(rule) else scored.score,
        regions=() if scored is None else scored.regions,
        before=history.rows,
        quality=quality,
        levels=_lately(history.levels, now_ms),
        model_hash=config.model_hash,
        rules_hash=config.rules_hash,
        settings_hash=config.settings_hash,
        clears_when=CLEARS_WHEN[rule].format_map(limits | settings.alerts.model_dump()),
        cannot_know=CANNOT_KNOW_TECHNICAL if is_technical(rule) else CANNOT_KNOW,
        baseline=None if scored is None else scored.baseline,
    )


def patient_terms(
    rule: str, history: History, conditions: Conditions, config: WatchConfig
) -> tuple[Term, ...]:
    """Those of the newest score, and NEWS2 where the rule asks for it: it weighs nothing."""
    terms = () if history.scored is None else history.scored.terms
    if rule != "concern-vitals" or conditions.news2 is None:
        return terms
    limit = float(config.settings.conditions.news2_from)
    return (*terms, Term("NEWS2", float(conditions.news2), limit, 0, "0-20, beside the score"))


def text_of(record: Record) -> str:
    """What people are told, in the words that the specification allows."""
    title = TITLES[record.rule]
    terms = () if record.evidence is None else record.evidence.terms
    if is_technical(record.rule):
        measured = [f"{t.value:g} {t.unit}".strip() for t in terms if t.value is not None]
        return ": ".join((title, ", ".join(measured))) if measured else title
    reasons = ", ".join(TERMS[term.name] for term in terms if term.weight > 0)
    return f"needs a bedside assessment: {title}, score {record.score} ({reasons})"
