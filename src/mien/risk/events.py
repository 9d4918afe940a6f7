"""What happens at the beds, as one ordered log: every arrow between the machines is an Event.

Times are whole milliseconds. `event_time_ms` is of the stream's own clock, `received_time_ms`
of the host's. Frames are measured before they come here: no pixel and no whole landmark set is
in any event, and frames themselves are not logged; the log begins with 1 s windows.

`seq` numbers a patient's logged events from 1 in their order; a frame has seq 0. The ward's own
events (ticks, the roster, triage) have patient "" and a numbering of their own.
What identifies an alert is free of `received_time_ms`, so that a replay gives the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

WARD = ""  # the patient of events that are nobody's own

Signal = Literal["LIVE", "NOT_OBSERVABLE", "NO_SIGNAL", "PAUSED"]
Baseline = Literal["LEARNING", "READY"]
Level = Literal["CALM", "WATCH", "CONCERN", "UNKNOWN"]
Priority = Literal["NONE", "LOW", "MEDIUM", "HIGH"]
Shown = Literal["on", "ack", "latched", "off"]  # FHIR R6's words
Outcome = Literal["treated", "assessed-no-action", "false", "technical"]
PauseReason = Literal["care", "consent", "meal"]

PATIENT_RULES = ("watch", "sustained", "concern", "concern-vitals")
TECHNICAL_RULES = ("face-lost", "not-observable", "stalled", "store-failing", "clock-skew")
WARD_RULES = ("system",)  # three beds technical at once
PRIORITIES: tuple[Priority, ...] = ("NONE", "LOW", "MEDIUM", "HIGH")  # rising

UNIT_COUNT = 6  # len(action_units.UNITS)
REGION_COUNT = 14  # len(action_units.REGIONS)
POINT_VALUES = 44  # of a Face: x, y of the regions' middles and of measured.STEADY_POINTS
LARGEST = 2**63 - 1  # of whole numbers: what the databases hold
LATEST_MS = 2**53  # of times that come in: what is added to them has room
FAR = 1e3  # of a face's angles and points: what is farther is no measurement, and overflows
_FAST = 1e9  # of what follows from them, in a second

# What lines may hold; a machine's own values are not checked while it speaks.
Count = Annotated[int, Field(ge=0)]
Unit = Annotated[float, Field(ge=0, le=5)]
Units = Annotated[tuple[Unit, ...], Field(min_length=UNIT_COUNT, max_length=UNIT_COUNT)]
Height = Annotated[float, Field(ge=-FAR, le=FAR)]
Heights = Annotated[tuple[Height, ...], Field(min_length=REGION_COUNT, max_length=REGION_COUNT)]
Speed = Annotated[float, Field(ge=0, le=_FAST)]
Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True, slots=True)
class Face:
    """What is kept of a face in one frame. None of it could draw the face again."""

    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    action_units: tuple[float, ...]  # 0-5 each, in the order of action_units.UNITS
    mouth_opening: float  # outer-eye-corner distances
    points: tuple[float, ...]  # x, y of some pose-free points, outer-eye-corner distances
    negative: float | None = None  # the model's posterior of Angry, Disgust, Fear and Sad


# --- What comes from outside: frames, ticks, people, systems -----------------


@dataclass(frozen=True, slots=True)
class FrameMeasured:
    face: Face | None  # None: no face in this frame


@dataclass(frozen=True, slots=True)
class BedAdded:
    """A bed is watched from now on. Said by the watch with a bed's first event, if by nobody else.

    A host that says it beforehand learns of cameras that never send a frame.
    """


@dataclass(frozen=True, slots=True)
class Tick:
    """The host's second. Stalls, escalation and re-alerts run on it, and on nothing else."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    record: str
    who: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Whoever was awarded an alert cannot go: escalation moves on at once."""

    record: str
    who: str


@dataclass(frozen=True, slots=True)
class Closed:
    record: str
    who: str
    outcome: Outcome
    cpot: Annotated[int, Field(ge=0, le=8)] | None = None  # a label for later learning
    nrs: Annotated[int, Field(ge=0, le=10)] | None = None


@dataclass(frozen=True, slots=True)
class Paused:
    who: str
    reason: PauseReason
    duration_ms: Count


@dataclass(frozen=True, slots=True)
class Resumed:
    who: str


@dataclass(frozen=True, slots=True)
class AudioPaused:
    who: str


@dataclass(frozen=True, slots=True)
class LearningRestarted:
    """Somebody has the own baseline learnt anew: another person, or a face that changed to stay."""

    who: str


@dataclass(frozen=True, slots=True)
class VitalsGiven:
    """NEWS2, taken at the event's time: shown beside, never in the score."""

    news2: Annotated[int, Field(ge=0, le=20)]


@dataclass(frozen=True, slots=True)
class StoreChanged:
    """The host's store fails, or works again."""

    is_failing: bool


@dataclass(frozen=True, slots=True)
class Nurse:
    """One of those who may be sent. role "charge" is the ward's last person."""

    name: str
    role: Literal["nurse", "charge"]
    beds: tuple[str, ...]  # patients assigned
    buddy_of: tuple[str, ...] = ()  # names of nurses whom this one stands in for
    is_on_shift: bool = True
    place_m: float = 0.0  # along the ward's corridor
    load: int = 0  # alerts in hand, as known when the roster was set


@dataclass(frozen=True, slots=True)
class RosterSet:
    nurses: tuple[Nurse, ...]
    bed_places_m: tuple[tuple[str, float], ...] = ()  # (patient, place along the corridor)


# --- What the machines say ---------------------------------------------------


@dataclass(frozen=True, slots=True)
class WindowClosed:
    """One second of a stream, smoothed. event_time_ms is its end. None: nothing to measure."""

    frames: Count  # after thinning to 10 Hz
    with_face: Count
    in_pose: Count  # with a face that is not turned too far
    jitter: Speed | None
    skew_ms: int | None  # median of received minus the stream's own time
    action_units: Units | None  # EWMA of 0-5 each, order of action_units.UNITS
    mouth_is_speaking: bool
    p: Annotated[float, Field(ge=0, le=16)] | None  # of the smoothed units
    r: Speed | None  # restlessness: rad/s of the head plus distances/s of the points
    negative: Share | None
    regions: Heights | None  # mean height a region, order of action_units.REGIONS
    clock_offset_ms: int = 0  # what these times add to the stream's clock since that was set back


@dataclass(frozen=True, slots=True)
class SignalChanged:
    signal: Signal
    is_greyed: bool = False  # no frame for 3 s: what is shown is old


@dataclass(frozen=True, slots=True)
class TechnicalChanged:
    """A technical condition begins, rises in priority, or ends."""

    rule: str  # of TECHNICAL_RULES
    is_present: bool
    priority: Priority
    value: float | None = None
    limit: float | None = None
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Term:
    """One reason in a score: what was seen, from where on it counts, and how much it adds."""

    name: str  # P, B, E, N, R, C
    value: float | None  # None: absent, as while learning
    limit: float | None  # the limit that was reached, else the lowest
    weight: int
    unit: str


@dataclass(frozen=True, slots=True)
class Scored:
    """A second's appraisal. score None: not observable, which is not 0."""

    score: int | None
    terms: tuple[Term, ...]
    has_single_3: bool
    quality: float  # 0-1, of the last 10 s
    baseline: Baseline
    regions: tuple[tuple[str, float], ...] = ()  # moved most against own baseline, most first


@dataclass(frozen=True, slots=True)
class BaselineChanged:
    baseline: Baseline


@dataclass(frozen=True, slots=True)
class ConditionChanged:
    """A patient's condition begins, ends, is held unseen, or is seen again."""

    rule: str  # of PATIENT_RULES; for the others see TechnicalChanged and Gathered
    is_present: bool
    priority: Priority
    is_observed: bool = True  # False: held, since nothing is seen


@dataclass(frozen=True, slots=True)
class LevelChanged:
    level: Level


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that explains a record, without the log: see MONITOR's "evidence in each record"."""

    terms: tuple[Term, ...]
    score: int | None
    regions: tuple[tuple[str, float], ...]
    # 120 s of (time_ms, p, r, negative, quality, score)
    before: tuple[tuple[int | float | None, ...], ...]
    quality: float
    levels: tuple[tuple[int, Level], ...]  # of the last 5 min: (since_ms, level)
    model_hash: str
    rules_hash: str
    settings_hash: str
    clears_when: str
    cannot_know: str
    baseline: Baseline | None = None  # while LEARNING, B, R and C are absent


@dataclass(frozen=True, slots=True)
class Record:
    """One onset of one condition. key: patient/rule/onset seq."""

    key: str
    patient: str
    rule: str
    priority: Priority
    onset_ms: int
    is_present: bool
    is_observed: bool
    acknowledged_by: str | None
    acknowledged_ms: int | None
    cleared_ms: int | None
    is_closed: bool
    outcome: Outcome | None
    closed_by: str | None
    cpot: int | None
    nrs: int | None
    reopened: int  # how often it came back within 5 min
    score: int | None  # the highest while it was present
    evidence: Evidence | None

    @property
    def shown(self) -> Shown:
        if self.is_present:
            return "ack" if self.acknowledged_by else "on"
        return "off" if self.acknowledged_by else "latched"


@dataclass(frozen=True, slots=True)
class RecordChanged:
    record: Record
    why: Literal[
        "opened", "reopened", "acknowledged", "cleared", "held", "observed", "priority", "closed"
    ]


@dataclass(frozen=True, slots=True)
class Notified:
    """Something to tell people. It goes into the outbox with its record, once."""

    record: str
    priority: Priority
    why: Literal["raised", "priority rose", "score rose", "still present", "advisory", "system"]
    text: str
    is_audible: bool


@dataclass(frozen=True, slots=True)
class NotDone:
    """A person's act that changed nothing, with the reason to tell them."""

    act: str  # the name of its body, as "Acknowledged"
    record: str  # "" for acts that are about none
    who: str
    why: str


@dataclass(frozen=True, slots=True)
class Gathered:
    """Technical conditions of several beds that began together: one system alert covers them."""

    members: tuple[tuple[str, str], ...]  # (patient, rule); none: it is over
    priority: Priority  # the highest of theirs


@dataclass(frozen=True, slots=True)
class Ordered:
    """Triage's one total order of open records: priority, age, bed."""

    records: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Announced:
    """The contract net asks for bids for a record."""

    record: str
    step: int  # 0 assigned nurse, 1 buddy, 2 charge nurse and unit display, 3 failsafe


@dataclass(frozen=True, slots=True)
class Bid:
    record: str
    who: str
    cost: float  # least wins


@dataclass(frozen=True, slots=True)
class Awarded:
    record: str
    to: tuple[str, ...]  # "unit-display" is a place to show, not a person
    step: int
    is_failsafe: bool


@dataclass(frozen=True, slots=True)
class EscalationEnded:
    record: str
    why: Literal["acknowledged", "closed", "cleared"]


Body = (
    FrameMeasured | BedAdded | Tick | Acknowledged | Refused | Closed | Paused | Resumed
    | AudioPaused | LearningRestarted | VitalsGiven | StoreChanged | RosterSet | WindowClosed
    | SignalChanged | TechnicalChanged | Scored | BaselineChanged | ConditionChanged | LevelChanged
    | RecordChanged | Notified | NotDone | Gathered | Ordered | Announced | Bid | Awarded
    | EscalationEnded
)  # fmt: skip

Said = tuple[int, Body]  # what a machine says, before it is numbered: (event_time_ms, body)


@dataclass(frozen=True, slots=True)
class Event:
    patient: str
    seq: int
    event_time_ms: int
    received_time_ms: int
    config_hash: str
    body: Body
