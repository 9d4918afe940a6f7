"""Who may be sent at each step of an escalation, and what each of them bids. Least wins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from mien.risk.events import Nurse, RosterSet
from mien.risk.settings import AlertSettings

FAILSAFE = 3  # the step after the last that asks for bids
UNIT_DISPLAY = "unit-display"  # a place to show, not a person


def asked(
    roster: RosterSet, patient: str, number: int, refused: tuple[str, ...]
) -> tuple[Nurse, ...]:
    """Those on shift who may bid at a step (0 assigned, 1 buddies, 2 charge) and have not refused.

    A buddy stands in for an assigned nurse who is off shift, too.
    """
    assigned = {nurse.name for nurse in roster.nurses if patient in nurse.beds}
    belongs = (
        lambda nurse: nurse.name in assigned,
        lambda nurse: bool(assigned & set(nurse.buddy_of)),
        lambda nurse: nurse.role == "charge",
    )[number]
    free = (n for n in roster.nurses if n.is_on_shift and n.name not in refused)
    return tuple(nurse for nurse in free if belongs(nurse))


def others(bidders: tuple[Nurse, ...], asked_last: tuple[str, ...]) -> tuple[Nurse, ...]:
    """Without who has just not answered, if anybody else bids."""
    return tuple(nurse for nurse in bidders if nurse.name not in asked_last) or bidders


def offers(
    bidders: Iterable[Nurse],
    patient: str,
    roster: RosterSet,
    in_hand: Mapping[str, int],
    settings: AlertSettings,
) -> list[tuple[float, str]]:
    """(cost, name), least first: the walk in metres, and what counts like a walk.

    A bed whose place is not known is equally far for all.
    """
    places = dict(roster.bed_places_m)

    def cost(nurse: Nurse) -> float:
        walk_m = abs(nurse.place_m - places[patient]) if patient in places else 0.0
        load = nurse.load + in_hand.get(nurse.name, 0)
        stranger_m = 0.0 if patient in nurse.beds else settings.unassigned_m
        return round(walk_m + load * settings.load_m + stranger_m, 3)

    return sorted((cost(nurse), nurse.name) for nurse in bidders)


def loads(sent: Iterable[tuple[str, ...]]) -> Counter[str]:
    """For how many unanswered alerts each person has been sent."""
    return Counter(who for to in sent for who in to)


def is_on_shift(roster: RosterSet, who: str) -> bool:
    return any(nurse.name == who and nurse.is_on_shift for nurse in roster.nurses)


def everybody(roster: RosterSet) -> tuple[str, ...]:
    """The failsafe: the unit display and the charge nurses, without one all who are on shift."""
    on_shift = [nurse for nurse in roster.nurses if nurse.is_on_shift]
    charge = [nurse for nurse in on_shift if nurse.role == "charge"]
    return (UNIT_DISPLAY, *sorted({nurse.name for nurse in charge or on_shift}))
