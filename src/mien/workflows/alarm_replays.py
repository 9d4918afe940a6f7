"""Whether a replay gives the same alert log, byte for byte, in whatever order frames come.

Short simulated streams in which records open, a face is lost and the stream stops are told to the
watch in order; shuffled within 2 s; with doubles; and broken off half-way, to go on from the log
or from a snapshot and the log after it. Each stream is measured once, by every frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mien.emotion.contract import Progress
from mien.evaluation.alarm_results import Replays
from mien.evaluation.stay_calibration import calibrated
from mien.evaluation.stay_measured import measured_events
from mien.recording.synthetic_stay import Stay, script
from mien.recording.synthetic_stay_plan import HOUR_S, Stretch
from mien.risk.events import Event, Face, FrameMeasured, RecordChanged
from mien.risk.lines import alert_log
from mien.risk.settings import WatchConfig
from mien.risk.snapshots import from_snapshot, to_snapshot
from mien.risk.watch import Watch, advance, configured, gone_on, initial
from mien.workflows.replay_frame import MeasuredFrame
from mien.workflows.replay_order import Course, InOrder

LENGTH_S = 420.0
FIRST_NUMBER = 20_000  # of patients: others than those whose alarms are counted
SHUFFLED_S, DOUBLED = 1.99, 0.2  # frames up to so late; share that comes twice
WAYS = ("shuffled", "doubled", "restarted from the log", "restarted from a snapshot")


@dataclass(frozen=True)
class _Told:
    """What one telling of a stream said."""

    log: tuple[Event, ...]
    state: Watch

    @property
    def alerts(self) -> str:
        return alert_log(self.log)


def replays(seed: int, streams: int, *, on_progress: Progress | None = None) -> Replays:
    """Tell some streams in every way. About ten seconds each, most of it to make the faces."""
    same, frames, lines, records = dict.fromkeys(WAYS, 0), 0, 0, 0
    for number in range(streams):
        stream, random = _stream(seed, number), np.random.default_rng([seed, number])
        told, ways = told_in_order(stream), _told_in_ways(stream, random)
        frames += len(stream)
        lines += told.alerts.count("\n")
        records += sum(_is_opened(event) for event in told.log)
        for way in WAYS:
            same[way] += ways[way] == told.alerts
        if on_progress is not None:
            on_progress("streams replayed", number + 1, streams)
    return Replays(streams=streams, frames=frames, alert_lines=lines, records=records, same=same)


def _is_opened(event: Event) -> bool:
    return isinstance(event.body, RecordChanged) and event.body.why == "opened"


def _told_in_ways(stream: Sequence[MeasuredFrame], random: np.random.Generator) -> dict[str, str]:
    """Way -> alert log."""
    cut = float(random.uniform(0.3, 0.7))
    told = (
        told_in_order(shuffled(stream, random)),
        told_in_order(shuffled(doubled(stream, random), random)),
        restarted(stream, cut, from_snapshot_of=None),
        restarted(stream, cut, from_snapshot_of=cut / 2),
    )
    return {way: one.alerts for way, one in zip(WAYS, told, strict=True)}


# --- Streams -----------------------------------------------------------------


def _stream(seed: int, number: int) -> list[MeasuredFrame]:
    stay = calibrated(scene(seed, number))
    return [_frame(event, event.body.face) for event in measured_events(stay)
            if isinstance(event.body, FrameMeasured)]  # fmt: skip


def _frame(event: Event, face: Face | None) -> MeasuredFrame:
    at_ms, came_ms = event.event_time_ms, event.received_time_ms
    return MeasuredFrame(event.patient, at_ms, came_ms, has_face=face is not None, face=face)


def scene(seed: int, number: int) -> Stay:
    """Strong distress, then an empty bed, then no camera; somewhat elsewhere in each stream."""
    plain = script(seed, LENGTH_S / HOUR_S, patient=FIRST_NUMBER + number, episodes_per_hour=0)
    starts_s = np.array([60.0, 200.0, 330.0]) + np.random.default_rng([seed, number]).uniform(0, 20)
    pain_s, away_s, lost_s = starts_s.tolist()
    return replace(
        plain,
        activities=(Stretch("rest", 0, LENGTH_S),),
        expressions=(Stretch("distress", pain_s, pain_s + 90, 9.0),),
        views=(Stretch("away", away_s, away_s + 60), Stretch("lost", lost_s, lost_s + 25)),
    )


def shuffled(stream: Sequence[MeasuredFrame], random: np.random.Generator) -> list[MeasuredFrame]:
    """Every frame up to 2 s late: none is further behind the newest than is waited for."""
    late_ms = random.uniform(0, 1000 * SHUFFLED_S, len(stream))
    order = np.argsort([frame.time_ms for frame in stream] + late_ms, kind="stable")
    return [stream[place] for place in order.tolist()]


def doubled(stream: Sequence[MeasuredFrame], random: np.random.Generator) -> list[MeasuredFrame]:
    again = random.random(len(stream)) < DOUBLED
    return [one for frame, twice in zip(stream, again, strict=True)
            for one in (frame, frame)[: 1 + int(twice)]]  # fmt: skip


# --- Tellings ----------------------------------------------------------------


def told_in_order(stream: Sequence[MeasuredFrame]) -> _Told:
    """As mien replay tells a recording."""
    config = configured()
    return _told(initial(config), _events(stream, config), ())


def restarted(
    stream: Sequence[MeasuredFrame], share: float, *, from_snapshot_of: float | None
) -> _Told:
    """Broken off after a share of the log, and told again from where that ends.

    from_snapshot_of: the share of the log of which a snapshot was kept; None: none was.
    """
    config = configured()
    whole = told_in_order(stream).log
    kept = whole[: round(share * len(whole))]
    if from_snapshot_of is None:
        state, due = gone_on(initial(config), kept)
    else:
        state, due = _gone_on_from_snapshot(kept, round(from_snapshot_of * len(whole)), config)
    bed = next(iter(state.beds.values()))
    events = _events(
        stream, config, after_tick_ms=state.ward.tick_ms, from_ms=bed.signal.held.closed_ms
    )
    return _told(state, events, (*kept, *due))


def _gone_on_from_snapshot(
    kept: Sequence[Event], at: int, config: WatchConfig
) -> tuple[Watch, list[Event]]:
    """The snapshot is of a state between two inputs: that at `at` or soon after."""
    state, due = gone_on(initial(config), kept[:at])
    state = from_snapshot(to_snapshot(state))
    return gone_on(state, kept[at + len(due) :])


def _events(
    stream: Iterable[MeasuredFrame],
    config: WatchConfig,
    *,
    after_tick_ms: int | None = None,
    from_ms: int | None = None,
) -> Iterable[Event]:
    order = InOrder(config.settings.signal)
    course = Course(config.hash, after_tick_ms=after_tick_ms, from_ms=from_ms)
    for frame in stream:
        for due in order.add(frame):
            yield from course.through(due)
    for due in order.rest():
        yield from course.through(due)
    yield from course.end()


def _told(state: Watch, events: Iterable[Event], before: Sequence[Event]) -> _Told:
    log = list(before)
    for event in events:
        state, said = advance(state, event)
        log += said
    return _Told(tuple(log), state)
