"""What the watch says in words: only what the specification allows, and all of a record."""

import re
from dataclasses import replace

import pytest

from mien.risk.events import Baseline, Event, LevelChanged, RecordChanged
from mien.risk.lines import BODIES
from mien.risk.words import explained, line_of, moment
from tests.risk.beds import Bed, of, scored

FORBIDDEN = re.compile(r"pain score|in pain|RASS|depress|risk score|probability of harm", re.I)


def concern() -> Bed:
    bed = Bed().live()
    bed.seconds(30, 6)
    return bed


def test_a_record_is_explained_in_allowed_words_with_all_its_evidence() -> None:
    record = concern().record()
    text = "\n".join(explained(record))
    assert "concern" in text and "MEDIUM" in text and "nobody has acknowledged it" in text
    assert "still present when the log ends" in text
    assert re.search(r"P +12, counts from +2, adds 6 +pain-expression index", text)
    assert "clears when: score ≤ 3" in text and "cannot know: Visible facial behaviour" in text
    assert "moved most against own baseline, in deviations: brow 1.5" in text
    assert "settings " in text and "rules rules, model model" in text
    assert not FORBIDDEN.search(text)


def test_what_became_of_a_record_is_told() -> None:
    bed = concern()
    from mien.risk.events import Acknowledged, Closed

    key = bed.record().key
    bed.hear(Acknowledged(key, "ann"))
    bed.seconds(40, 0)
    said = of(RecordChanged, bed.hear(Closed(key, "ann", "treated", cpot=3)))
    text = "\n".join(explained(said[-1].record))
    assert "closed, acknowledged by ann at" in text and "outcome treated" in text
    assert re.search(r"present for \d+ s", text)


def test_transitions_are_a_line_and_the_seconds_between_are_none() -> None:
    line = line_of(Event("bed 1", 4, 3_725_000, 0, "c", LevelChanged("UNKNOWN")))
    assert line == " 1:02:05  bed 1  level UNKNOWN"
    quiet = {"WindowClosed", "Scored", "Tick", "FrameMeasured", "Ordered", "Bid", "Announced"}
    assert quiet < set(BODIES)


@pytest.mark.parametrize(
    ("time_ms", "text"),
    [(0, "0:00:00"), (-5_000, "-0:00:05"), (90_061_000, "25:01:01")],
)
def test_a_moment_counts_hours_of_the_stream(time_ms: int, text: str) -> None:
    assert moment(time_ms) == text


@pytest.mark.parametrize(
    ("time_ms", "words"),
    [
        (10**18, "9999-12-31 23:59:59"),
        (-(10**18), "0001-01-01 00:00:00"),
        (1_700_000_000_000, "2023-11-14 22:13:20"),
    ],
)
def test_a_time_beyond_the_calendar_is_its_last_or_first_second(time_ms: int, words: str) -> None:
    assert moment(time_ms) == words


@pytest.mark.parametrize("baseline", ["LEARNING", "READY"])
def test_a_record_is_marked_where_no_own_baseline_was_learnt_yet(baseline: Baseline) -> None:
    bed = Bed().live()
    for _ in range(21):
        bed.time_ms += 1000
        bed.hear(replace(scored(5), baseline=baseline))
    evidence = bed.record().evidence
    assert evidence is not None and evidence.baseline == baseline
    text = "\n".join(explained(bed.record()))
    assert ("own baseline LEARNING: B, R and C are absent" in text) == (baseline == "LEARNING")
