"""Several beds technical at once: a fault of the system, told once, not once a bed."""

from __future__ import annotations

from collections.abc import Iterable

from mien.risk.alert_state import Alert, Technical
from mien.risk.events import PRIORITIES, Gathered
from mien.risk.settings import AlertSettings, to_ms

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
