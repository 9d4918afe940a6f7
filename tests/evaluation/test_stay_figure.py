"""The picture of a stay: bounded in memory whatever its length, and of anything that can be."""

from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from mien.evaluation.canvas import drawable
from mien.evaluation.stay_figure import _MOST_TICKS, _TICKS_MS, A4_IN, _looks, stay_figure
from mien.evaluation.stay_table import draw_table
from mien.evaluation.stay_trace import MOST_BINS, StayTrace
from mien.risk.events import Event, LevelChanged, RecordChanged, Scored, SignalChanged, Term
from tests.risk.beds import CONFIG, Bed, concerned, of, scored, technical


def second(at_s: int, score: int | None) -> Event:
    return Event("a", 1, 1000 * at_s, 0, "c", scored(score))


def test_a_long_stay_takes_no_more_memory_and_loses_no_peak() -> None:
    trace = StayTrace("a")
    for at_s in range(1, 3 * MOST_BINS):
        trace.add(second(at_s, 5 if at_s == 4000 else 0))
    assert MOST_BINS / 2 <= len(trace.bins) <= MOST_BINS
    peak = max(range(len(trace.bins)), key=lambda place: trace.bins[place].score or 0)
    assert trace.bins[peak].score == 5
    assert peak * trace.bin_ms <= 3_999_000 < (peak + 1) * trace.bin_ms
    assert trace.length_s == 3 * MOST_BINS - 1


def test_a_stay_before_time_0_is_as_long_as_what_was_scored() -> None:
    trace = StayTrace("a")
    for at_s in range(-99, -89):
        trace.add(second(at_s, 1))
    assert (trace.length_s, trace.begin_ms, trace.end_ms) == (10, -100_000, -90_000)


def test_seconds_without_a_score_are_gaps_and_not_zeros() -> None:
    trace = StayTrace("a")
    for at_s in range(1, 10):
        trace.add(second(at_s, None if at_s > 4 else 1))
    assert [one.score for one in trace.bins] == [1] * 4 + [None] * 5
    assert [one.p_most for one in trace.bins[4:]] == [None] * 5


@pytest.mark.parametrize("alerts", [0, 1, 30])
def test_a_stay_is_drawn_with_any_number_of_alerts(alerts: int, tmp_path: Path) -> None:
    trace, bed = StayTrace("a$b"), Bed("a$b").live()
    trace.add(Event("a$b", 1, 1000, 0, "c", SignalChanged("PAUSED")))
    for at_s in range(1, 100):
        trace.add(Event("a$b", 1, 1000 * at_s, 0, "c", scored(at_s % 7)))
    trace.add(Event("a$b", 1, 50_000, 0, "c", LevelChanged("CONCERN")))
    for number in range(alerts):
        bed.hear(technical(is_present=True))
        for record in of(RecordChanged, bed.ticks(1)):
            trace.records[f"{record.record.key}/{number}"] = record.record
        bed.hear(technical(is_present=False))
    assert len(trace.records) >= alerts
    assert stay_figure(trace, CONFIG).startswith(b"\x89PNG")


def test_the_picture_has_the_evidence_of_an_alert_s_onset_though_it_came_back() -> None:
    trace, bed = StayTrace("bed 1"), concerned(score=5)
    bed.seconds(40, 0)
    bed.seconds(25, 6)
    for at_ms, body in bed.said:
        trace.add(Event("bed 1", 1, at_ms, 0, "c", body))
    (record,) = trace.records.values()
    assert (record.reopened, record.score, record.evidence.score) == (1, 6, 5)
    assert [term.weight for term in record.evidence.terms] == [5]


@pytest.mark.parametrize("name", ["Müller 山田/Bett 3", "a\x1b[31mb", "x" * 200, "a\nb"])
def test_a_name_that_the_font_cannot_draw_is_drawn_by_its_characters_numbers(name: str) -> None:
    trace = StayTrace(name)
    trace.add(second(1, 1))
    assert stay_figure(trace, CONFIG).startswith(b"\x89PNG")  # a warning would be an error here
    assert drawable("山") != drawable("田")


@pytest.mark.parametrize("onset_ms", [3_725_000, 1_700_000_000_000])
def test_what_is_in_the_alerts_table_stays_in_its_column(onset_ms: int) -> None:
    bed = concerned(score=5)
    record = replace(bed.record(), onset_ms=onset_ms, reopened=2)
    many = tuple(Term(name, 2.123, 1.123, 2, "x") for name in "PBENRC")
    record = replace(record, evidence=replace(record.evidence, terms=many))
    figure = Figure(figsize=A4_IN)
    axes = figure.add_axes((0.085, 0.1, 0.865, 0.2))
    draw_table(axes, [(1, record)])
    figure.canvas.draw()
    (table,) = axes.tables
    for (_, place), cell in table.get_celld().items():
        text, box = cell.get_text().get_window_extent(), cell.get_window_extent()
        assert text.x1 <= (figure.bbox.x1 if place == 7 else box.x1)


def test_a_short_recording_has_more_ticks_than_its_ends() -> None:
    for length_s in (7, 10, 20):
        steps = [ms for ms in _TICKS_MS if 1000 * length_s / ms <= _MOST_TICKS]
        assert length_s * 1000 / steps[0] >= 4


def test_states_that_look_alike_share_a_legend_entry() -> None:
    looks = _looks()
    assert len({look for look, _ in looks}) == len(looks)
    assert "LIVE, READY, CALM" in [names for _, names in looks]


def test_a_stay_of_which_nothing_was_seen_is_drawn_too() -> None:
    assert stay_figure(StayTrace("a"), CONFIG).startswith(b"\x89PNG")
    trace = StayTrace("a")
    trace.add(Event("a", 1, 1000, 0, "c", Scored(None, (), False, 0.0, "LEARNING")))
    assert stay_figure(trace, CONFIG) == stay_figure(trace, CONFIG)
