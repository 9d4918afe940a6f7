"""The watch of a whole ward: every machine, wired, as one function over one log.

`advance` takes what comes from outside (a frame, a tick, a person's act, vitals, the roster, the
store) through Signal, Appraisal and Alert of its bed, then through Triage and Responder of the
ward, and gives back what is to be logged, numbered: the input itself, but for frames, and all
that was said to it, in a fixed order. A bed appears with its first frame or vitals, or is added;
an act for a bed that there is not is the ward's NotDone, or each mistyped name would be a bed that
alarms.

Ticks come once a second, at the host's time, which is never set back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from mien.errors import LogError
from mien.risk import signal
from mien.risk.events import (
    WARD,
    Acknowledged,
    AudioPaused,
    BedAdded,
    Body,
    Closed,
    Event,
    FrameMeasured,
    LearningRestarted,
    NotDone,
    Paused,
    Refused,
    Resumed,
    RosterSet,
    Scored,
    SignalChanged,
    StoreChanged,
    TechnicalChanged,
    Tick,
    VitalsGiven,
    WindowClosed,
)
from mien.risk.turn import Turn
from mien.risk.ward_state import (
    Bed,
    Watch,
    configured,
    initial,
    reconfigured,
    rules_hash,
    without_patient,
)

__all__ = [
    "Bed",
    "Watch",
    "advance",
    "configured",
    "gone_on",
    "initial",
    "reconfigured",
    "rules_hash",
    "without_patient",
]

_OF_THE_WARD = Tick | RosterSet
_OF_EITHER = Acknowledged | Refused | Closed | AudioPaused | StoreChanged
_OF_A_BED = BedAdded | Paused | Resumed | LearningRestarted | VitalsGiven | WindowClosed
INPUTS = _OF_THE_WARD | _OF_EITHER | _OF_A_BED  # what a restart reads from the log: is_input
_OF_PEOPLE = (
    Acknowledged | Refused | Closed | AudioPaused
    | Paused | Resumed | LearningRestarted | VitalsGiven
)  # fmt: skip
_ADDING = BedAdded | FrameMeasured | WindowClosed | VitalsGiven
NO_BED = "no such bed"
BEDS_MOST = 1000  # that vitals add: a hospital's system may send those of everybody
_AHEAD_MS = 1000  # of the last tick: an act comes within the host's second
SIMULATED = Scored | SignalChanged | TechnicalChanged  # said in a machine's place


def advance(state: Watch, event: Event) -> tuple[Watch, list[Event]]:
    """The ward after an event from outside, and what is to be logged, in order.

    event: its seq and config_hash do not matter; an act dated in the future is done, and logged,
    now, or a pause would last until then. Raises LogError for what does not come from
    outside, and for what is of a bed or of the ward and says otherwise.
    """
    _check_whose(event)
    event = _in_time(state, event)
    if event.patient != WARD and not _has_bed(state, event):
        event = replace(event, patient=WARD, body=_not_done(event.body))
    if isinstance(event.body, FrameMeasured):
        return _framed(state, event)
    turn = Turn(state, event)
    told = turn.told(event.patient, (event.event_time_ms, event.body))
    if event.patient != WARD:
        turn.bed_hears(told)
    elif isinstance(event.body, Tick):
        turn.ticked(told)
    else:
        turn.ward_told(told)
    return turn.done()


def is_input(event: Event) -> bool:
    """Whether a log's event may have come from outside, which a replay tells again."""
    return isinstance(event.body, INPUTS) or _is_of_no_bed(event)


def _is_of_no_bed(event: Event) -> bool:
    body = event.body
    return event.patient == WARD and isinstance(body, NotDone) and body.why == NO_BED


def _has_bed(state: Watch, event: Event) -> bool:
    """Or gets one with this event."""
    if event.patient in state.beds:
        return True
    is_full = isinstance(event.body, VitalsGiven) and len(state.beds) >= BEDS_MOST
    return isinstance(event.body, _ADDING | SIMULATED) and not is_full


def _not_done(act: Body) -> NotDone:
    record, who = getattr(act, "record", ""), getattr(act, "who", "")
    return NotDone(type(act).__name__, record, who, NO_BED)


def _check_whose(event: Event) -> None:
    if _is_of_no_bed(event):
        return
    kind = type(event.body).__name__
    if not isinstance(event.body, FrameMeasured | INPUTS | SIMULATED):
        raise LogError(f"{kind} is what the watch says, not what it is told")
    if event.patient == WARD and not isinstance(event.body, _OF_THE_WARD | _OF_EITHER):
        raise LogError(f"{kind} without a patient: say whose it is")
    if event.patient != WARD and isinstance(event.body, _OF_THE_WARD):
        raise LogError(f"{kind} of patient {event.patient!r}: it is the ward's, with patient ''")


def _in_time(state: Watch, event: Event) -> Event:
    """An act with the time of the ward's last tick and a second at most."""
    tick_ms = state.ward.tick_ms
    if tick_ms is None or not isinstance(event.body, _OF_PEOPLE):
        return event
    return replace(event, event_time_ms=min(event.event_time_ms, tick_ms + _AHEAD_MS))


def _framed(state: Watch, event: Event) -> tuple[Watch, list[Event]]:
    """Most frames close no window: then nothing but their bed's signal is touched."""
    bed = state.beds.get(event.patient)
    if bed is None:
        turn = Turn(state, event)
        turn.signal_says(event.patient, turn.signal_hears(event.patient, event))
        return turn.done()
    seen, said = signal.step(bed.signal, event, state.config.settings)
    state = _with_bed(state, event.patient, Bed(seen, bed.appraisal, bed.alert, bed.seq))
    if not said:
        return state, []
    turn = Turn(state, event)
    turn.signal_says(event.patient, said)
    return turn.done()


def _with_bed(state: Watch, patient: str, bed: Bed) -> Watch:
    """As dataclasses.replace, which takes several times as long, at every frame."""
    return Watch(
        state.config,
        {**state.beds, patient: bed},
        state.ward,
        state.triage,
        state.responder,
        state.gathered,
        state.store,
        state.seq,
    )


def gone_on(state: Watch, logged: Iterable[Event]) -> tuple[Watch, list[Event]]:
    """The ward after a log: what came from outside is told again, and says the same again.

    Returns also what the log lacks, if it ends before all was written that was said.
    Raises LogError where this watch says something else, as when other rules wrote the log.
    """
    due: list[Event] = []
    for event in logged:
        if not due:
            if not is_input(event) and not isinstance(event.body, SIMULATED):
                raise LogError(f"event {_name(event)} follows from nothing that came before it")
            state, due = advance(state, event)
        _check_same(due.pop(0), event)
    return state, due


def _check_same(mine: Event, logged: Event) -> None:
    if replace(mine, received_time_ms=logged.received_time_ms) != logged:
        raise LogError(
            f"event {_name(logged)} stands in the log where this watch says {_name(mine)}: "
            "other settings, another model or another version wrote it"
        )


def _name(event: Event) -> str:
    return f"{event.seq} of {event.patient!r} ({type(event.body).__name__})"
