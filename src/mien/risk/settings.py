"""Every limit and time of the watch, with its unit and reason, and one hash over all.

Engineering defaults, not clinically validated. The hash travels with each alert.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

from pydantic import Field, field_validator

from mien.config import Settings


class SignalSettings(Settings):
    """From frames to 1 s windows, and what is wrong with a stream."""

    thin_hz: float = Field(
        default=10.0,
        gt=0,
        description="frames a second that are looked at: faces are slower than cameras",
    )
    lateness_s: float = Field(
        default=2.0,
        gt=0,
        description="frames this far behind the newest are waited for; later ones count",
    )
    smoothing_s: float = Field(default=2.0, gt=0, description="time constant of the windows' EWMA")
    yaw_limit_deg: float = Field(
        default=35.0, gt=0, description="a head turned further hides half of the face"
    )
    pitch_limit_deg: float = Field(
        default=25.0, gt=0, description="a head bowed further hides the brow"
    )
    jitter_limit: float = Field(
        default=0.02,
        gt=0,
        description="trembling of points that do not move, in outer-eye-corner distances, at "
        "which quality is .5: tracking is then guessing",
    )
    usable_quality: float = Field(
        default=0.6,
        ge=0,
        le=1,
        description="signal quality from which a score is given at all, 0-1",
    )
    grey_after_s: float = Field(
        default=3.0, gt=0, description="no frame for so long: what is shown is old and greyed"
    )
    stalled_low_s: float = Field(
        default=10.0, gt=0, description="no frame for so long: technical LOW"
    )
    stalled_medium_s: float = Field(
        default=60.0, gt=0, description="no frame for so long: technical MEDIUM, nobody is watching"
    )
    face_lost_low_s: float = Field(
        default=30.0, gt=0, description="frames without a face for so long: technical LOW"
    )
    face_lost_medium_s: float = Field(
        default=120.0, gt=0, description="frames without a face for so long: technical MEDIUM"
    )
    not_observable_s: float = Field(
        default=120.0,
        gt=0,
        description="a face, but unusable, for so long: one technical notification",
    )
    recovered_after_s: float = Field(
        default=5.0, gt=0, description="usable for so long ends a technical condition: no flapping"
    )
    skew_limit_s: float = Field(
        default=2.0, gt=0, description="received minus event time above this is a wrong clock"
    )
    skew_clear_s: float = Field(
        default=1.0, gt=0, description="at or below this the clock is right again"
    )
    skew_for_s: float = Field(
        default=30.0, gt=0, description="wrong or right for so long before it counts"
    )
    skew_median_s: float = Field(
        default=30.0, gt=0, description="the median of so many seconds: one late packet is no clock"
    )
    speech_amplitude: float = Field(
        default=0.012,
        gt=0,
        description="how far a mouth opens and closes in the rhythm of speech, in "
        "outer-eye-corner distances; resting lips tremble by .003",
    )
    speech_share: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="of the mouth's movement in a second that is in that rhythm: chewing is slower",
    )
    longest_gap_s: float = Field(
        default=10.0,
        ge=0,
        description="seconds without a frame that are told one by one; a longer gap is jumped",
    )
    clock_jump_s: float = Field(
        default=10.0,
        gt=0,
        description="a frame this far ahead of all others is an error, or another clock",
    )
    clock_taken_s: float = Field(
        default=10.0,
        gt=0,
        description="frames of another clock, and none of the old, for so long: it is taken up",
    )
    held_most: int = Field(
        default=128,
        ge=1,
        description="frames that wait for their window, a bed; beyond, the oldest is dropped",
    )


class AppraisalSettings(Settings):
    """From windows to a score with its terms."""

    feature_s: float = Field(
        default=10.0, gt=0, description="length of the features, at a hop of 1 s"
    )
    quantile: float = Field(default=0.75, gt=0, lt=1, description="of P and R within a feature")
    hold_s: float = Field(
        default=10.0,
        gt=0,
        description="no usable signal for so long: level UNKNOWN, timers start anew",
    )
    p_limits: tuple[float, float, float] = Field(
        default=(2.0, 4.0, 6.0), description="PSPI proxy, 0-16, from which P adds 1, 2, 3"
    )
    b_limits: tuple[float, float] = Field(
        default=(2.0, 3.0),
        description="P above own baseline, in deviations, from which B adds 1, 2",
    )
    r_limits: tuple[float, float] = Field(
        default=(2.0, 4.0),
        description="R above own baseline, in deviations, from which R adds 1, 2",
    )
    e_limits: tuple[float, float] = Field(
        default=(0.10, 0.30), description="share of time with an expression from which E adds 1, 2"
    )
    e_p: float = Field(
        default=2.0, gt=0, description="P from which a second is one with an expression"
    )
    e_deviations: float = Field(
        default=2.0,
        ge=0,
        description="and, once the baseline is known, so far above it: some faces have as much P "
        "at rest",
    )
    e_strong_p: float = Field(
        default=4.0, gt=0, description="P from which a second is one whatever is usual"
    )
    e_over_s: float = Field(default=300.0, gt=0, description="E looks back so far")
    e_least_s: float = Field(
        default=120.0, gt=0, description="usable seconds without which E is absent"
    )
    n_from: float = Field(
        default=0.5, gt=0, lt=1, description="filtered probability from which N counts"
    )
    n_for_s: float = Field(default=30.0, gt=0, description="and for so long")
    n_stay: float = Field(
        default=0.99, gt=0.5, lt=1, description="of the two-state HMM at 1 Hz: moods last minutes"
    )
    c_block_s: float = Field(
        default=60.0, gt=0, description="CUSUM is fed means of so many seconds"
    )
    c_k: float = Field(default=0.5, gt=0, description="CUSUM's allowance, in baseline deviations")
    c_h: float = Field(
        default=8.0, gt=0, description="CUSUM's decision limit, in baseline deviations"
    )
    c_lasts_s: float = Field(
        default=600.0, gt=0, description="a CUSUM that fired counts for so long"
    )
    learn_s: float = Field(
        default=1800.0, gt=0, description="usable seconds before a baseline is ready"
    )
    half_life_s: float = Field(
        default=14400.0, gt=0, description="of what a ready baseline remembers"
    )
    least_deviation: float = Field(
        default=0.5,
        gt=0,
        description="robust deviation of P's level, P^(2/3), counts as at least this: a still face "
        "is common",
    )
    r_least_deviation: float = Field(
        default=0.15,
        gt=0,
        description="R's, in rad/s plus distances/s: .5 would be a head thrown about. A still face "
        "has an R of .12-.18, an acting or speaking one .19-.44, so that these stay below 2",
    )
    region_least_deviation: float = Field(
        default=0.01,
        gt=0,
        description="a region's, in outer-eye-corner distances: trembling of the tracker",
    )
    regions_shown: int = Field(
        default=3, ge=0, description="regions that a score names, those that moved most"
    )
    speech_hz: tuple[float, float] = Field(
        default=(2.0, 8.0),
        description="rhythm of the mouth that is speech: its opening is then ignored",
    )

    @field_validator("p_limits", "b_limits", "r_limits", "e_limits")
    @classmethod
    def _rising(cls, limits: tuple[float, ...]) -> tuple[float, ...]:
        if list(limits) != sorted(set(limits)):
            raise ValueError(f"limits must rise from one weight to the next, got {limits}")
        return limits


class ConditionSettings(Settings):
    """Scores to conditions: raise at or above for so long, clear at or below for so long."""

    watch_raise: int = Field(default=3, ge=0, description="score, display only")
    watch_raise_s: float = Field(default=15.0, ge=0, description="for so long")
    watch_clear: int = Field(default=1, ge=0, description="score")
    watch_clear_s: float = Field(default=60.0, ge=0, description="for so long")
    sustained_raise: int = Field(default=4, ge=0, description="score, LOW")
    sustained_raise_s: float = Field(
        default=30.0, ge=0, description="for so long: grimaces are brief"
    )
    sustained_clear: int = Field(default=2, ge=0, description="score")
    sustained_clear_s: float = Field(default=30.0, ge=0, description="for so long")
    concern_raise: int = Field(default=5, ge=0, description="score, MEDIUM: a face's ceiling")
    concern_raise_s: float = Field(
        default=20.0,
        ge=0,
        description="for so long: 19 s removes 67 % of ignored alarms (Görges 2009)",
    )
    concern_clear: int = Field(default=3, ge=0, description="score, and no single 3")
    concern_clear_s: float = Field(default=30.0, ge=0, description="for so long")
    news2_from: int = Field(default=7, ge=0, description="NEWS2 that makes a Concern HIGH")
    news2_age_s: float = Field(default=14400.0, gt=0, description="a NEWS2 older than this is none")


class AlertSettings(Settings):
    """Records of alerts, and whom they reach."""

    reopen_s: float = Field(
        default=300.0,
        ge=0,
        description="back within this after clearing: the same record, not a new one",
    )
    reopen_louder: int = Field(
        default=2, ge=1, description="score higher by this: notified all the same"
    )
    remind_s: float = Field(
        default=600.0,
        gt=0,
        description="acknowledged and still present for so long: notified again",
    )
    audio_pause_s: float = Field(
        default=120.0, gt=0, description="silence that a person may ask for"
    )
    pause_most_s: float = Field(
        default=1800.0, gt=0, description="a pause of the watch ends by itself"
    )
    review_count: int = Field(
        default=6, ge=1, description="more MEDIUM in 24 h: advised to review limits"
    )
    review_s: float = Field(default=86400.0, gt=0, description="the 24 h of it")
    buddy_after_s: float = Field(default=120.0, gt=0, description="unanswered: the buddy is asked")
    charge_after_s: float = Field(
        default=240.0, gt=0, description="unanswered: charge nurse and unit"
    )
    failsafe_every_s: float = Field(
        default=120.0, gt=0, description="then everybody again, so often"
    )
    system_beds: int = Field(
        default=3, ge=2, description="so many beds technical at once are one system alert"
    )
    system_within_s: float = Field(
        default=10.0,
        ge=0,
        description="begun within so long is at once: three faces lost in one night are no outage",
    )
    load_m: float = Field(
        default=30.0, ge=0, description="an alert in hand weighs in a bid like so long a walk"
    )
    unassigned_m: float = Field(
        default=100.0, ge=0, description="and a patient who is not one's own like this one"
    )


class WatchSettings(Settings):
    """All of the watch."""

    signal: SignalSettings = SignalSettings()
    appraisal: AppraisalSettings = AppraisalSettings()
    conditions: ConditionSettings = ConditionSettings()
    alerts: AlertSettings = AlertSettings()


@dataclass(frozen=True)
class WatchConfig:
    """All that decides what the watch says. `hash` is every event's config_hash."""

    settings: WatchSettings
    model_hash: str  # of the emotion model's folder; "" where none is used
    rules_hash: str  # of the code's own tables: watch.rules_hash()

    @cached_property
    def settings_hash(self) -> str:
        return self.settings.digest()

    @cached_property
    def hash(self) -> str:
        """The first 16 hexadecimal digits of a SHA-256 over all three."""
        parts = "\n".join((self.settings_hash, self.model_hash, self.rules_hash))
        return hashlib.sha256(parts.encode()).hexdigest()[:16]


def to_ms(time_s: float) -> int:
    """A setting's seconds as the events' whole milliseconds.

    >>> to_ms(0.1)
    100
    """
    return round(time_s * 1000)
