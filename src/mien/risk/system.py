"""Several beds technical at once: a fault of the system, told once, not once a bed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from mien.risk.alert_state import Alert, Kept, Technical
from mien.risk.events import PRIORITIES, Gathered, Term
from mien.risk.settings import AlertSettings, to_ms

_BEDS = "beds: "  # before their names, in the unit of the ward's term
Member = tuple[str, Technical]  # of this patient


def gathered(beds: Iterable[Alert], settings: AlertSettings) -> Gathered:
    """Technical conditions of at least three beds that began within 10 s of each other.

    Beds that are technical for reasons of their own, hours apart, stay alerts of their own: on a
    large ward some face is always turned away. Paused beds do not count.
    """
    present = sorted(
        ((bed.patient, one) for bed in beds if bed.pause is None for one in bed.technical),
        key=lambda member: (member[1].since_ms, member[0], member[1].cause.rule),
    )
    members = _together(present, settings)
    ranks = [PRIORITIES.index(one.cause.priority) for _, one in members]
    keys = tuple((patient, one.cause.rule) for patient, one in members)
    return Gathered(keys, PRIORITIES[max(ranks, default=0)])


def _together(present: list[Member], settings: AlertSettings) -> list[Member]:
    """Those with enough beds in a span of time that begins or ends around them; rising."""
    within_ms = to_ms(settings.system_within_s)
    found: set[int] = set()
    for first, (_, begun) in enumerate(present):
        last = first
        while last < len(present) and present[last][1].since_ms - begun.since_ms <= within_ms:
            last += 1
        if len({patient for patient, _ in present[first:last]}) >= settings.system_beds:
            found.update(range(first, last))
    return [present[at] for at in sorted(found)]


def term_of(members: Iterable[tuple[str, str]], settings: AlertSettings) -> Term | None:
    """The ward's reason: how many beds, which, and from how many on. None: no bed."""
    beds = sorted({patient for patient, _ in members})
    if not beds:
        return None
    unit = _BEDS + ", ".join(beds)
    return Term("system", float(len(beds)), float(settings.system_beds), 0, unit)


def without_patient(ward: Alert, patient: str) -> Alert:
    """The ward's own alerts without the name of one who is gone. How many there were stays."""
    technical = (replace(one, term=_nameless(one.term, patient)) for one in ward.technical)
    records = (_record_without(kept, patient) for kept in ward.records)
    return replace(ward, technical=tuple(technical), records=tuple(records))


def _record_without(kept: Kept, patient: str) -> Kept:
    evidence = kept.record.evidence
    if evidence is None:
        return kept
    terms = tuple(_nameless(term, patient) for term in evidence.terms)
    return replace(kept, record=replace(kept.record, evidence=replace(evidence, terms=terms)))


def _nameless(term: Term, patient: str) -> Term:
    """A name may have commas in it: it is looked for whole, between those that part names."""
    names = f", {term.unit.removeprefix(_BEDS)}, ".replace(f", {patient}, ", ", ")[2:-2]
    return replace(term, unit=_BEDS + names)
