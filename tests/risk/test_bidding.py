"""Who bids, who wins, and who is asked when the roster changes."""

from dataclasses import replace

from mien.risk.bidding import UNIT_DISPLAY, everybody
from mien.risk.events import (
    Announced,
    Awarded,
    Bid,
    Nurse,
    Ordered,
    RosterSet,
)
from tests.risk.searches import ANN, BEN, CID, ROSTER, Search, concern


def test_a_step_without_bidders_is_passed_over_at_once() -> None:
    ward = Search(RosterSet((replace(ANN, is_on_shift=False), BEN, CID)))
    ward.changed(concern())
    assert ward.awards(241) == [
        (1, 1, ("ben",)),
        (121, 2, ("cid", UNIT_DISPLAY)),
        (241, 3, (UNIT_DISPLAY, "cid")),
    ]
    ward = Search()
    ward.changed(concern("nobody's bed"))
    assert ward.awards(1) == [(1, 2, ("cid", UNIT_DISPLAY))]


def test_who_goes_off_shift_is_replaced_on_the_next_tick() -> None:
    ward = Search()
    ward.changed(concern())
    ward.tick(10)
    ward.hear(RosterSet((replace(ANN, is_on_shift=False), BEN, CID)))
    assert ward.awards(1) == [(1, 1, ("ben",))]
    ward.hear(RosterSet(()))
    assert ward.awards(1) == [(1, 3, (UNIT_DISPLAY,))]


def test_who_comes_on_shift_hears_of_a_failsafe_at_once_and_once() -> None:
    ward = Search(None)
    ward.changed(concern())
    ward.tick(50)
    ward.hear(ROSTER)
    assert ward.awards(80) == [(1, 3, (UNIT_DISPLAY, "cid")), (71, 3, (UNIT_DISPLAY, "cid"))]


def test_without_a_charge_nurse_the_failsafe_asks_all_who_are_on_shift() -> None:
    assert everybody(RosterSet((ANN, BEN))) == (UNIT_DISPLAY, "ann", "ben")
    assert everybody(ROSTER) == (UNIT_DISPLAY, "cid")


def test_the_least_bid_wins_and_every_bid_is_told() -> None:
    far = Nurse("abe", "nurse", ("a",), place_m=80.0)
    ward = Search(RosterSet((*ROSTER.nurses, far), ROSTER.bed_places_m))
    ward.changed(concern())
    said = ward.tick()
    key = concern().key
    assert said == [
        Announced(key, 0),
        Bid(key, "ann", 5.0),
        Bid(key, "abe", 70.0),
        Awarded(key, ("ann",), 0, is_failsafe=False),
    ]


def test_alerts_in_hand_weigh_in_a_bid() -> None:
    abe = Nurse("abe", "nurse", ("a", "b"), place_m=25.0)
    ward = Search(RosterSet((ANN, abe), (("a", 10.0), ("b", 10.0))))
    ward.changed(concern("a"))
    assert ward.awards(1) == [(1, 0, ("ann",))]
    ward.changed(concern("b"))
    assert ward.awards(1) == [(1, 0, ("abe",))]
    busy = RosterSet((replace(ANN, load=3), abe), (("a", 10.0),))
    ward = Search(busy)
    ward.changed(concern("a"))
    assert ward.awards(1) == [(1, 0, ("abe",))]


def test_the_most_urgent_gets_the_nearest_hands() -> None:
    abe = Nurse("abe", "nurse", ("a", "b"), place_m=40.0)
    ward = Search(RosterSet((ANN, abe), (("a", 10.0), ("b", 10.0))))
    medium, high = concern("a"), concern("b", "HIGH")
    ward.changed(medium)
    ward.changed(high)
    ward.hear(Ordered((high.key, medium.key)))
    awarded = [body for body in ward.tick() if isinstance(body, Awarded)]
    assert [(body.record, body.to) for body in awarded] == [
        (high.key, ("ann",)),
        (medium.key, ("abe",)),
    ]
