"""The same alerts, byte for byte: shuffled, doubled, stopped and begun again, killed."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from mien.monitor.journal import Journal
from mien.risk.events import Event, Tick, WindowClosed
from mien.risk.lines import alert_log, from_line
from mien.tables import read_landmarks
from mien.workflows.replay import replay
from mien.workflows.replay_bedside import Bedside
from mien.workflows.replay_frame import MeasuredFrame
from mien.workflows.replay_log import LogWriter
from mien.workflows.replay_order import InOrder
from mien.workflows.replay_ward import Ward
from tests.workflows.stays import (
    LENGTH_S,
    shuffled,
    with_rows,
)
from tests.workflows.telling import CONFIG, FACS, kept_in, told, write_log


def test_a_tick_comes_after_the_windows_that_it_may_know(log: list[Event]) -> None:
    ended_s = 0.0
    for event in log:
        if isinstance(event.body, WindowClosed):
            ended_s = event.event_time_ms / 1000
        elif isinstance(event.body, Tick) and event.event_time_ms >= 3000:
            assert ended_s == event.event_time_ms / 1000 - 2


@settings(max_examples=12, phases=[Phase.generate], deadline=None)
@given(seed=st.integers(0, 2**32 - 1), doubled=st.sampled_from([0.0, 0.3]))
def test_shuffled_within_2_s_and_doubled_it_says_the_same_bytes(
    frames: list[MeasuredFrame], log: list[Event], seed: int, doubled: float
) -> None:
    times_s = np.array([frame.time_ms for frame in frames]) / 1000
    order = shuffled(times_s, np.random.default_rng(seed), doubled=doubled)
    again = told([frames[row] for row in order])
    assert alert_log(again) == alert_log(log)
    assert [e for e in again if not isinstance(e.body, WindowClosed)] == [
        e for e in log if not isinstance(e.body, WindowClosed)
    ] or doubled


@settings(max_examples=6, phases=[Phase.generate], deadline=None)
@given(
    cuts=st.lists(st.integers(0, round(10 * LENGTH_S)), min_size=1, max_size=3),
    seed=st.integers(0, 99),
)
def test_stopped_anywhere_and_begun_again_it_says_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory,
    frames: list[MeasuredFrame],
    log: list[Event],
    cuts: list[int],
    seed: int,
) -> None:
    times_s = np.array([frame.time_ms for frame in frames]) / 1000
    order = shuffled(times_s, np.random.default_rng(seed), doubled=0.1)
    store = tmp_path_factory.mktemp("store") / "ward.db"
    for cut in sorted(cuts):
        stopped(store, [frames[row] for row in order][:cut])
    with Journal.open(store) as journal:
        told([frames[row] for row in order], journal)
    assert alert_log(kept_in(store)) == alert_log(log)


def stopped(store: Path, frames: list[MeasuredFrame]) -> None:
    """A replay that ends without a word, what it had last said unwritten."""
    with Journal.open(store) as journal:
        ward = Ward(CONFIG, writer=LogWriter(None), on_event=lambda _: None, journal=journal)
        ward.go_on_from(journal.resume()[1])
        bed = Bedside("P0001", ward, FACS, CONFIG)
        for frame in frames:
            bed.frame(frame)


@pytest.mark.slow
def test_a_table_shuffled_and_doubled_gives_the_same_log_of_alerts(
    stay: Path, log: list[Event], tmp_path: Path
) -> None:
    rows = read_landmarks(stay)
    order = shuffled(rows["time_s"].to_numpy(), np.random.default_rng(3), doubled=0.2)
    mixed = with_rows(rows, order, tmp_path / "mixed.parquet")
    done = replay(mixed, log=tmp_path / "mixed.jsonl", threads=2)
    lines = (tmp_path / "mixed.jsonl").read_text("utf-8").splitlines()
    assert alert_log(map(from_line, lines)) == alert_log(log)
    counts = done.patients[0].frames
    assert counts is not None
    assert (counts.frames, counts.doubled) == (len(order), len(order) - rows.num_rows)
    assert (counts.late, counts.dropped) == (0, 0)


def test_frames_that_are_too_late_are_counted_and_change_nothing(
    frames: list[MeasuredFrame], log: list[Event]
) -> None:
    late = [*frames[:900], frames[870], *frames[900:]]
    ward = Ward(CONFIG, writer=LogWriter(None), on_event=lambda _: None)
    bed = Bedside("P0001", ward, FACS, CONFIG)
    for frame in late:
        bed.frame(frame)
    bed.end()
    assert (bed.counts.late, bed.counts.doubled) == (1, 0)
    assert told(late) == log


@pytest.mark.parametrize("newest_ms", [-500, 0, 500])
def test_what_is_late_is_late_by_the_newest_time_even_where_that_is_0(newest_ms: int) -> None:
    order = InOrder(CONFIG.settings.signal)
    frames = (newest_ms, newest_ms - 1000, newest_ms - 2500)
    given_ms = [
        one.time_ms
        for time_ms in frames
        for one in order.add(MeasuredFrame("p", time_ms, time_ms, False, None))
    ]
    given_ms += [one.time_ms for one in order.rest()]
    assert (given_ms, order.counts.late) == ([newest_ms - 1000, newest_ms], 1)


KILLS = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "watch_kills.py"))


def test_a_killed_replay_goes_on_and_loses_and_doubles_nothing(
    log: list[Event], tmp_path: Path
) -> None:
    source = write_log(log, tmp_path / "log.jsonl")
    count = KILLS["kill_replays"](source, kills=2, seed=1, folder=tmp_path)
    assert count.kills == 2 and count.is_clean, KILLS["report"](count)


@pytest.mark.slow
def test_20_kills_of_a_table_s_replay_lose_and_double_nothing(stay: Path, tmp_path: Path) -> None:
    count = KILLS["kill_replays"](stay, kills=20, seed=2, folder=tmp_path)
    assert count.kills == 20 and count.midway > 2 and count.is_clean, KILLS["report"](count)
