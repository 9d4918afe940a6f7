"""A condition that is back: the old record again, or a new one, and who hears of it."""

import pytest

from mien.risk.events import Acknowledged, Body, Paused, Tick, VitalsGiven
from tests.risk.beds import Bed, concerned, scored, technical, whys

CLOCKS = pytest.mark.parametrize("lag_s", [0, 3600, -3600])  # the stream's clock behind the host's


def behind(bed: Bed, count: int, score: int, lag_s: int) -> list[Body]:
    """Seconds whose scores have a time of another clock than the ticks after them."""
    said = []
    for _ in range(count):
        bed.time_ms += 1000
        said += bed.hear(scored(score), bed.time_ms - 1000 * lag_s) + bed.hear(Tick())
    return said


def ended_in_a_pause(lag_s: int) -> Bed:
    """Its clearing comes with a tick, at the host's time; what begins has the stream's."""
    bed = Bed().live()
    bed.hear(Tick())
    behind(bed, 21, 5, lag_s)
    bed.hear(Paused("ann", "care", 60_000))
    assert whys(behind(bed, 60, 0, lag_s)) == ["cleared"]
    bed.hear(Acknowledged(bed.record().key, "ann"))
    return bed


@CLOCKS
def test_back_long_after_a_pause_in_which_it_ended_it_is_new_whatever_the_clocks(
    lag_s: int,
) -> None:
    bed = ended_in_a_pause(lag_s)
    behind(bed, 290, 0, lag_s)
    assert whys(behind(bed, 21, 5, lag_s)) == ["opened", "raised"]


@CLOCKS
def test_back_soon_after_a_pause_in_which_it_ended_it_is_the_old_one_whatever_the_clocks(
    lag_s: int,
) -> None:
    bed = ended_in_a_pause(lag_s)
    behind(bed, 100, 0, lag_s)
    assert whys(behind(bed, 21, 5, lag_s)) == ["reopened"]
    assert bed.record().shown == "ack"


@CLOCKS
def test_a_high_that_a_news2_ended_is_new_40_min_later_whatever_the_clocks(lag_s: int) -> None:
    bed = Bed().live()
    bed.hear(Tick())
    bed.hear(VitalsGiven(8))
    behind(bed, 21, 5, lag_s)
    assert whys(bed.hear(VitalsGiven(2))) == ["cleared"]
    bed.hear(Acknowledged(bed.record("concern-vitals").key, "ann"))
    behind(bed, 2400, 5, lag_s)
    bed.hear(VitalsGiven(12))
    assert whys(behind(bed, 1, 5, lag_s)) == ["opened", "raised"]


def test_back_at_a_higher_priority_it_is_told_again_and_needs_a_new_acknowledgement() -> None:
    bed = Bed().live()
    bed.hear(technical("face-lost"))
    bed.ticks(1)
    bed.hear(Acknowledged(bed.record("face-lost").key, "ann"))
    assert whys(bed.hear(technical("face-lost", is_present=False))) == ["cleared", "closed"]
    bed.hear(Paused("ann", "care", 60_000))
    bed.hear(technical("face-lost"))
    bed.hear(technical("face-lost", "MEDIUM"))
    assert whys(bed.ticks(60)) == ["reopened", "priority rose"]
    assert (bed.record("face-lost").shown, bed.record("face-lost").priority) == ("on", "MEDIUM")


def test_a_record_that_is_back_without_a_word_reminds_10_min_later_not_at_once() -> None:
    bed = concerned()
    bed.hear(Acknowledged(bed.record().key, "ann"))
    bed.seconds(400, 5)
    bed.seconds(240, 0)
    assert whys(bed.seconds(21, 5)) == ["reopened"]
    assert whys(bed.seconds(598, 5)) == []
    assert whys(bed.seconds(2, 5)) == ["still present"]
