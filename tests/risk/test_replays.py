"""A log played again, shuffled, doubled, broken off and gone on with."""

import random
from collections.abc import Iterable
from dataclasses import replace

import pytest

from mien.errors import LogError
from mien.risk import snapshots, watch
from mien.risk.action_units import UNITS
from mien.risk.events import (
    WARD,
    Awarded,
    BedAdded,
    Event,
    Face,
    FrameMeasured,
    Notified,
    Ordered,
    RecordChanged,
    Tick,
)
from mien.risk.lines import alert_log, from_line, to_line
from mien.risk.settings import ConditionSettings, WatchSettings
from mien.risk.watch import Watch
from tests.risk.streams import CALM as CALM_FACE
from tests.risk.wards import ROSTER, SECONDS, Ward, bodies

CONFIG = watch.configured(model_hash="m")


START_MS = 1_700_000_000_000


GRIMACE = replace(
    CALM_FACE, action_units=tuple(4.0 if unit in ("au04", "au07") else 0.0 for unit in UNITS)
)


def stream(patient: str, seconds: int, faces: dict[tuple[int, int], Face | None]) -> list[Event]:
    """12 frames a second of a calm face, but for what `faces` says of some seconds [from, to)."""
    found = []
    for index in range(12 * seconds):
        at = index / 12
        face = next((face for (a, b), face in faces.items() if a <= at < b), CALM_FACE)
        time_ms = START_MS + round(at * 1000)
        found.append(Event(patient, 0, time_ms, time_ms + 40, "", FrameMeasured(face)))
    return found


def with_ticks(frames: Iterable[Event]) -> list[Event]:
    """Frames as they are received, and the ticks of a replay.

    That of second h comes after the windows that end at h - 2, which a frame of h or later closes,
    and before all others. Where frames are up to 1.5 s late that is .9 s after h.
    """
    found: list[Event] = []
    second = 1
    for event in sorted(frames, key=lambda event: event.received_time_ms):
        while START_MS + 1000 * second + 900 < event.received_time_ms:
            found.append(tick(second))
            second += 1
        found.append(event)
    newest_ms = max(event.event_time_ms for event in found)
    return found + [tick(s) for s in range(second, (newest_ms - START_MS) // 1000 + 4)]


def tick(second: int) -> Event:
    at_ms = START_MS + 1000 * second
    return Event(WARD, 0, at_ms, at_ms + 900, "", Tick())


def played(events: Iterable[Event], state: Watch | None = None) -> tuple[Watch, list[Event]]:
    state, log = state or watch.initial(CONFIG), []
    for event in events:
        state, said = watch.advance(state, event)
        log += said
    return state, log


EPISODE = {(20, 75): GRIMACE, (90, 100): None}


def two_beds() -> list[Event]:
    return stream("a", 130, EPISODE) + stream("b", 130, {(40, 55): GRIMACE})


def test_from_frames_to_who_is_sent() -> None:
    roster = Event(WARD, 0, START_MS, START_MS, "", ROSTER)
    _, log = played([roster, *with_ticks(two_beds())])
    opened = [body.record for body in bodies(RecordChanged, log) if body.why == "opened"]
    assert [(record.patient, record.rule) for record in opened] == [("a", "concern")]
    assert 20 <= (opened[0].onset_ms - START_MS) / 1000 - 20 <= 35
    assert [body.to for body in bodies(Awarded, log)] == [("ann",)]
    assert len(bodies(Notified, log)) == 1
    assert len(bodies(Ordered, log)) == 1


def test_every_bed_and_the_ward_number_their_events_from_1() -> None:
    _, log = played(with_ticks(two_beds()))
    for patient in ("a", "b", WARD):
        numbers = [event.seq for event in log if event.patient == patient]
        assert numbers == list(range(1, len(numbers) + 1))
    assert all(event.config_hash == CONFIG.hash for event in log)
    assert not bodies(FrameMeasured, log)
    assert all(from_line(to_line(event)) == event for event in log)


def test_replaying_a_stream_says_the_same_again() -> None:
    events = with_ticks(two_beds())
    assert played(events) == played(events)


@pytest.mark.parametrize("seed", range(3))
def test_frames_shuffled_and_doubled_within_2_s_give_the_same_alerts(seed: int) -> None:
    chance = random.Random(seed)
    frames = [
        replace(frame, received_time_ms=frame.event_time_ms + chance.randint(0, 1500))
        for frame in two_beds()
        for _ in range(chance.choice([1, 1, 2]))
    ]
    _, shuffled = played(with_ticks(frames))
    _, ordered = played(with_ticks(two_beds()))
    assert by_patient(shuffled) == by_patient(ordered)
    assert "Notified" in by_patient(ordered)["a"]


@pytest.mark.parametrize("at", [40, 900, 1700, 2900])
def test_going_on_from_a_snapshot_is_going_on(at: int) -> None:
    events = with_ticks(two_beds())
    state, first = played(events[:at])
    restarted = snapshots.from_snapshot(snapshots.to_snapshot(state))
    assert restarted == state
    end, second = played(events[at:], restarted)
    whole_end, whole = played(events)
    assert [to_line(event) for event in first + second] == [to_line(event) for event in whole]
    assert snapshots.to_snapshot(end) == snapshots.to_snapshot(whole_end)


@pytest.mark.parametrize("at", [40, 900, 2100])
def test_after_a_kill_the_log_and_the_frames_that_are_sent_again_are_enough(at: int) -> None:
    """No snapshot at all: what the log lacks are frames of windows that were not closed."""
    events = with_ticks(two_beds())
    _, log = played(events[:at])
    rebuilt, missing = watch.gone_on(
        watch.initial(CONFIG), [from_line(to_line(event)) for event in log]
    )
    assert missing == []
    again = [event for event in events[:at] if isinstance(event.body, FrameMeasured)]
    _, rest = played([*again[-80:], *events[at:]], rebuilt)
    _, whole = played(events)
    assert by_patient(log + rest) == by_patient(whole)


def by_patient(log: list[Event]) -> dict[str, str]:
    return {
        patient: alert_log(event for event in log if event.patient == patient)
        for patient in ("a", "b", WARD)
    }


def test_a_log_that_ends_within_what_was_said_gives_what_it_lacks() -> None:
    ward = Ward(CONFIG, patients="a")
    ward.hear(BedAdded(), "a")
    while not bodies(RecordChanged, ward.log):
        ward.hear(SECONDS["much"], "a")
        ward.time_ms += 1000
    state, missing = watch.gone_on(watch.initial(CONFIG), ward.log[:-2])
    assert missing == ward.log[-2:]
    assert state == ward.state


def test_a_log_of_other_rules_is_refused() -> None:
    ward = Ward(CONFIG)
    ward.seconds(30, "much")
    eager = watch.configured(WatchSettings(conditions=ConditionSettings(concern_raise_s=1.0)))
    with pytest.raises(LogError, match="other settings, another model or another version"):
        watch.gone_on(watch.initial(eager), ward.log)
    with pytest.raises(LogError, match="follows from nothing that came before it"):
        watch.gone_on(watch.initial(CONFIG), [one for one in ward.log if bodies(Notified, [one])])
