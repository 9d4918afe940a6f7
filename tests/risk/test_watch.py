"""The whole watch over one log: from frames to who is sent, replayed, shuffled, restarted."""

import random
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from mien.errors import LogError
from mien.risk import conditions, evidence, snapshots, watch
from mien.risk.action_units import UNITS
from mien.risk.conditions import Rule
from mien.risk.events import (
    WARD,
    Acknowledged,
    AudioPaused,
    Awarded,
    BedAdded,
    Event,
    Face,
    FrameMeasured,
    Gathered,
    NotDone,
    Notified,
    Ordered,
    Paused,
    RecordChanged,
    Refused,
    RosterSet,
    Scored,
    SignalChanged,
    StoreChanged,
    TechnicalChanged,
    Tick,
    VitalsGiven,
    WindowClosed,
    alert_log,
    from_line,
    to_line,
)
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


def of(kind: Any, log: list[Event]) -> list[Any]:
    return [event.body for event in log if isinstance(event.body, kind)]


def test_from_frames_to_who_is_sent() -> None:
    roster = Event(WARD, 0, START_MS, START_MS, "", ROSTER)
    _, log = played([roster, *with_ticks(two_beds())])
    opened = [body.record for body in of(RecordChanged, log) if body.why == "opened"]
    assert [(record.patient, record.rule) for record in opened] == [("a", "concern")]
    assert 20 <= (opened[0].onset_ms - START_MS) / 1000 - 20 <= 35
    assert [body.to for body in of(Awarded, log)] == [("ann",)]
    assert len(of(Notified, log)) == 1
    assert len(of(Ordered, log)) == 1


def test_every_bed_and_the_ward_number_their_events_from_1() -> None:
    _, log = played(with_ticks(two_beds()))
    for patient in ("a", "b", WARD):
        numbers = [event.seq for event in log if event.patient == patient]
        assert numbers == list(range(1, len(numbers) + 1))
    assert all(event.config_hash == CONFIG.hash for event in log)
    assert not of(FrameMeasured, log)
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
        watch.gone_on(watch.initial(CONFIG), [one for one in ward.log if of(Notified, [one])])


def test_a_bed_is_logged_when_it_appears() -> None:
    frame = stream("a", 1, {})[0]
    state, said = watch.advance(watch.initial(CONFIG), frame)
    assert [event.body for event in said] == [BedAdded()]
    assert watch.advance(state, frame)[1] == []


def test_a_bed_whose_camera_never_sends_is_noticed() -> None:
    ward = Ward(CONFIG, patients="")
    ward.hear(BedAdded(), "a")
    told = bodies(Notified, ward.seconds(70))
    assert [(one.priority, one.why) for one in told] == [
        ("LOW", "raised"),
        ("MEDIUM", "priority rose"),
    ]


@pytest.mark.parametrize(
    ("patient", "body", "message"),
    [
        ("a", Notified("r", "LOW", "raised", "t", True), "is what the watch says"),
        ("", VitalsGiven(3), "without a patient"),
        ("", FrameMeasured(None), "without a patient"),
        ("", Paused("ann", "care", 1000), "without a patient"),
        ("a", Tick(), "it is the ward's"),
        ("a", RosterSet(()), "it is the ward's"),
    ],
)
def test_what_does_not_come_from_outside_is_refused(patient: str, body: Any, message: str) -> None:
    with pytest.raises(LogError, match=message):
        watch.advance(watch.initial(CONFIG), Event(patient, 1, 0, 0, "", body))


def test_a_frame_that_closes_no_window_touches_its_own_bed_alone() -> None:
    ward = Ward(CONFIG)
    ward.seconds(5)
    frame = replace(stream("a", 1, {})[0], event_time_ms=ward.time_ms)
    after, _ = watch.advance(ward.state, frame)
    assert all(after.beds[bed] is ward.state.beds[bed] for bed in "bc")
    assert after.beds["a"].appraisal is ward.state.beds["a"].appraisal


def test_a_state_that_was_given_is_not_changed() -> None:
    ward = Ward(CONFIG)
    ward.hear(ROSTER)
    ward.seconds(15)
    before = snapshots.to_snapshot(ward.state)
    state = ward.state
    for kind in ("much", "silent", "nobody"):
        ward.seconds(40, kind)
    assert snapshots.to_snapshot(state) == before


def in_concern() -> tuple[Ward, str]:
    ward = Ward(CONFIG, patients="a")
    ward.hear(ROSTER)
    opened = [body.record for body in bodies(RecordChanged, ward.seconds(40, "much"))]
    return ward, opened[0].key


def test_an_acknowledgement_in_the_second_of_the_escalation() -> None:
    """Before the tick nobody else is called; after it the call is ended at once."""
    ward, key = in_concern()
    started_ms = next(event.event_time_ms for event in ward.log if of(Awarded, [event]))
    while ward.time_ms < started_ms + 119_000:
        ward.second("much")
    early, late = ward.state, ward.second("much")
    assert of(Awarded, late)[0].to == ("ben",)
    ended = ward.hear(Acknowledged(key, "ann"), "a")
    assert type(ended[-1].body).__name__ == "EscalationEnded"
    ward.state = early
    ward.hear(Acknowledged(key, "ann"), "a")
    assert not of(Awarded, ward.seconds(300, "much"))


def test_acts_on_what_is_not_there_are_answered_and_change_nothing() -> None:
    ward, key = in_concern()
    before = ward.state.beds["a"].alert.records
    for body in (Acknowledged("nobody/concern/1", "ann"), Refused("x", "ann")):
        said = ward.hear(body, "a")
        assert isinstance(said[-1].body, NotDone)
    said = ward.hear(Refused(key, "ann"), "b")
    assert isinstance(said[-1].body, NotDone)
    assert ward.state.beds["a"].alert.records == before


# --- Several beds ---------------------------------------------------------------------------


def test_three_beds_technical_at_once_are_one_system_alert() -> None:
    ward = Ward(CONFIG)
    ward.hear(ROSTER)
    ward.seconds(15)
    said = ward.seconds(30, "silent")
    told = bodies(Notified, said)
    assert [(one.why, one.priority, one.record.rsplit("/", 1)[0]) for one in told] == [
        ("system", "LOW", "/system")
    ]
    assert told[0].text == "technical at once: 3 beds: a, b, c"
    said = ward.seconds(50, "silent")
    assert [(one.why, one.priority) for one in bodies(Notified, said)] == [
        ("priority rose", "MEDIUM")
    ]
    assert [one.to for one in bodies(Awarded, said)] == [("cid", "unit-display")]


def test_a_bed_that_stays_technical_after_the_system_alert_gets_its_own() -> None:
    ward = Ward(CONFIG)
    ward.seconds(15)
    ward.seconds(30, "silent")
    said = ward.seconds(20, {"a": "silent", "b": "calm", "c": "calm"})
    assert of(Gathered, said)[-1].members == ()
    own = [event for event in said if event.patient == "a" and of(Notified, [event])]
    assert len(own) == 1
    system = next(body.record for body in of(RecordChanged, said) if body.record.rule == "system")
    assert system.shown == "latched"


def test_two_beds_or_three_at_other_times_alert_each_by_itself() -> None:
    ward = Ward(CONFIG)
    ward.seconds(15)
    said = ward.seconds(30, {"a": "silent", "b": "silent", "c": "calm"})
    assert {event.patient for event in said if of(Notified, [event])} == {"a", "b"}
    said = ward.seconds(20, "silent")
    assert {event.patient for event in said if of(Notified, [event])} == {"c"}
    assert not of(Gathered, ward.log)


def test_a_store_that_fails_is_told_once_for_all_beds_and_for_new_ones() -> None:
    ward = Ward(CONFIG)
    ward.seconds(15)
    ward.hear(StoreChanged(is_failing=True))
    said = ward.seconds(15)
    assert [one.why for one in bodies(Notified, said)] == ["system"]
    ward.hear(BedAdded(), "d")
    ward.patients += "d"
    ward.seconds(15)
    assert ("d", "store-failing") in ward.state.gathered.members or any(
        isinstance(event.body, TechnicalChanged) and event.patient == "d" for event in ward.log
    )


def test_the_sound_may_be_paused_for_the_whole_ward() -> None:
    ward = Ward(CONFIG)
    ward.seconds(5)
    ward.hear(AudioPaused("ann"))
    assert all(bed.alert.audio_until_ms for bed in ward.state.beds.values())
    assert ward.state.ward.audio_until_ms
    ward.seconds(121)
    assert not any(bed.alert.audio_until_ms for bed in ward.state.beds.values())


def test_the_end_of_a_pause_is_said_once_with_what_the_signal_is_by_then() -> None:
    ward = Ward(CONFIG, patients="a")
    ward.seconds(15)
    ward.hear(Paused("ann", "care", 60_000), "a")
    said = ward.seconds(60, "turned")
    signals = [body.signal for body in of(SignalChanged, said)]
    assert signals == ["NOT_OBSERVABLE"]


def test_a_patient_who_is_gone_leaves_nothing_in_the_state() -> None:
    ward = Ward(CONFIG)
    ward.hear(ROSTER)
    ward.seconds(45, "much")
    ward.seconds(30, "silent")
    ward.hear(Paused("ann", "care", 60_000), "b")
    text = snapshots.to_snapshot(watch.without_patient(ward.state, "b"))
    assert '"b"' not in text.replace("\\", "") and "b/" not in text
    ward.state = watch.without_patient(ward.state, "b")
    ward.patients = "ac"
    ward.seconds(5)


# --- Hashes and snapshots -------------------------------------------------------------------


def test_the_hash_changes_with_settings_model_and_rules() -> None:
    config = watch.configured(model_hash="m")
    other = WatchSettings(conditions=ConditionSettings(concern_raise=6))
    hashes = {
        config.hash,
        watch.configured(model_hash="n").hash,
        watch.configured(other, model_hash="m").hash,
        replace(config, rules_hash="r").hash,
    }
    assert len(hashes) == 4
    assert watch.configured(model_hash="m").hash == config.hash


def test_a_watch_goes_on_under_other_settings_with_another_hash() -> None:
    ward = Ward(CONFIG)
    ward.seconds(15, "much")
    eager = watch.configured(WatchSettings(conditions=ConditionSettings(concern_raise_s=1.0)))
    ward.state = watch.reconfigured(ward.state, eager)
    said = ward.seconds(2, "much")
    assert {event.config_hash for event in said} == {eager.hash}
    assert [body.why for body in bodies(RecordChanged, said)] == ["opened"] * 3


def test_the_rules_hash_is_of_the_codes_own_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    before = watch.rules_hash()
    monkeypatch.setitem(conditions.RULES, "concern", Rule("concern", "HIGH", "concern"))
    changed = watch.rules_hash()
    monkeypatch.undo()
    monkeypatch.setitem(evidence.CLEARS_WHEN, "concern", "never")
    assert len({before, changed, watch.rules_hash()}) == 3


def test_a_snapshot_has_a_part_for_each_patient() -> None:
    ward = Ward(CONFIG)
    ward.seconds(15)
    parts = snapshots.to_parts(ward.state)
    assert sorted(parts) == ["", "a", "b", "c"]
    assert snapshots.from_parts(parts) == ward.state


@pytest.mark.parametrize("text", ["", "[]", '{"":1}', "{}", '{"":"{}"}', '{"":"x"}'])
def test_what_is_no_snapshot_is_refused(text: str) -> None:
    with pytest.raises(LogError, match="snapshot"):
        snapshots.from_snapshot(text)


def test_scores_may_be_said_in_a_machines_place() -> None:
    """As simulations of a ward do, which have no frames."""
    ward = Ward(CONFIG, patients="")
    ward.hear(SignalChanged("LIVE"), "a")
    for second in range(25):
        at_ms = ward.time_ms + 1000 * second
        ward.hear(Scored(6, (), False, 1.0, "READY"), "a", at_ms)
    assert [body.why for body in bodies(RecordChanged, ward.log)] == ["opened"]
    assert not bodies(WindowClosed, ward.log)
