"""A record explains itself: what was seen, against which limits, and what it cannot know."""

from mien.risk import evidence
from mien.risk.events import Event, RecordChanged, VitalsGiven, WindowClosed
from mien.risk.lines import from_line, to_line
from tests.risk.beds import Bed, concerned, scored, technical


def test_a_record_explains_itself_alone() -> None:
    bed = Bed().live()
    for at in range(300):
        bed.time_ms += 1000
        p = 6.0 if at >= 270 else 0.5
        bed.hear(WindowClosed(10, 10, 10, 0.0, 0, (), False, p, 0.25, 0.1, ()))
        bed.hear(scored(6 if at >= 270 else 0))
    told = bed.record().evidence
    assert told is not None
    assert [(term.name, term.value, term.limit, term.weight) for term in told.terms] == [
        ("P", 12.0, 2.0, 6)
    ]
    assert (told.score, told.quality, told.regions) == (6, 0.9, (("brow", 1.5),))
    opened_ms = bed.record().onset_ms
    times = [row[0] for row in told.before]
    assert times == list(range(opened_ms - 119_000, opened_ms + 1, 1000))
    assert told.before[-1] == (opened_ms, 6.0, 0.25, 0.1, 0.9, 6)
    assert [level for _, level in told.levels] == ["CALM", "WATCH"]
    assert told.clears_when == "score ≤ 3 and no single 3, for 30 s"
    assert "not pain" in told.cannot_know
    hashes = (told.model_hash, told.rules_hash, told.settings_hash)
    assert hashes == ("model", "rules", bed.config.settings_hash)
    line = to_line(Event("a", 1, 0, 0, "", RecordChanged(bed.record(), "opened")))
    assert to_line(from_line(line)) == line


def test_evidence_of_vitals_names_the_news2_which_weighs_nothing() -> None:
    bed = concerned()
    bed.hear(VitalsGiven(9))
    bed.second(5)
    told = bed.record("concern-vitals").evidence
    assert told is not None
    term = told.terms[-1]
    assert (term.name, term.value, term.limit, term.weight) == ("NEWS2", 9.0, 7.0, 0)


def test_evidence_has_the_levels_of_the_last_5_min_and_no_older() -> None:
    bed = Bed().live()
    bed.seconds(16, 3)
    bed.seconds(61, 0)
    bed.seconds(400, 0)
    bed.seconds(21, 5)
    told = bed.record().evidence
    assert told is not None
    assert [level for _, level in told.levels] == ["CALM", "WATCH"]
    assert told.levels[0][0] < bed.record().onset_ms - 300_000 < told.levels[1][0]


def test_levels_of_5_min_are_kept_and_no_more_however_far_behind_the_streams_clock_is() -> None:
    """A pause has the host's time, scores the stream's."""
    levels: evidence.Levels = ((0, "CALM"), (9_000_000, "UNKNOWN"))
    history = evidence.History(levels=levels)
    for minute in range(60):
        history = evidence.remember_level(history, 60_000 * minute, "CALM")
    assert len(history.levels) == 6
    assert history.levels[0] == (54 * 60_000, "CALM")


def test_a_stalled_stream_has_no_quality_left() -> None:
    bed = Bed().live()
    bed.seconds(10, 0)
    bed.hear(technical("stalled"))
    bed.ticks(1)
    told = bed.record("stalled").evidence
    assert told is not None
    assert (told.quality, told.score) == (0.0, None)
    assert [(term.name, term.value, term.limit) for term in told.terms] == [("stalled", 10.0, 10.0)]


def test_no_text_says_pain_score_or_in_pain() -> None:
    words = [*evidence.TITLES.values(), *evidence.TERMS.values(), *evidence.CLEARS_WHEN.values()]
    for forbidden in ("pain score", "in pain", "RASS", "depressed", "probability"):
        assert not any(forbidden in word for word in words)
