"""What a replay gives back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mien.evaluation.stay_trace import StayTrace
from mien.risk.events import Evidence, Record
from mien.risk.settings import WatchConfig
from mien.risk.words import moment
from mien.workflows.replay_order import FrameCounts

if TYPE_CHECKING:
    from mien.monitor.audit import Head


@dataclass(frozen=True)
class PatientReplay:
    """What there was of one patient."""

    patient: str
    frames: FrameCounts | None  # None: of a log, which has no frames
    length_s: int  # from the first second that was appraised to the last
    scored_s: int  # of those, with a usable signal
    is_baseline_ready: bool  # at the end
    records: tuple[Record, ...]  # in the order of their onsets, as they are at the end
    trace: StayTrace  # what a picture is drawn from
    at_onsets: Mapping[str, Evidence] = field(default_factory=dict)  # of records, by key


@dataclass(frozen=True)
class Replayed:
    """What a replay said, and where it was written."""

    patients: tuple[PatientReplay, ...] = ()
    config: WatchConfig | None = None  # what decided; its hash is on every event
    log: Path | None = None
    figure: Path | None = None
    head: Head | None = None  # of the store's audit chain: keep it elsewhere
    explanation: tuple[str, ...] = ()

    @property
    def records(self) -> tuple[Record, ...]:
        return tuple(record for patient in self.patients for record in patient.records)


def describe(done: Replayed) -> Iterator[str]:
    """A replay in a few lines of text."""
    for one in done.patients:
        yield from _of_patient(one, done.config)
    if done.config is not None:
        config = done.config
        yield (
            f"made with {config.hash}: settings {config.settings_hash}, rules "
            f"{config.rules_hash}, model {config.model_hash or 'none'}"
        )
    if done.head is not None:
        yield f"head of the store's log, to be kept elsewhere: {done.head}"
    yield from done.explanation


def _of_patient(one: PatientReplay, config: WatchConfig | None) -> Iterator[str]:
    frames = one.frames
    if frames is not None:
        yield (
            f"{one.patient}: {frames.frames:,} frames, {frames.without_face:,} without a face, "
            f"{frames.late:,} late, {frames.doubled:,} doubled, {frames.dropped:,} dropped"
        )
    share = one.scored_s / max(one.length_s, 1)
    end = ""
    if frames is not None and config is not None:
        late_s = config.settings.signal.lateness_s
        end = f" (a second is watched {late_s:g} s after its end, the last never)"
    yield (
        f"{one.patient}: {moment(1000 * one.length_s)} watched{end}, {share:.1%} of it scored, "
        f"{_count_of(one.records)}"
    )
    if not one.scored_s:
        yield (
            f"note: no second of {one.patient} was fit for a score: too short, few frames with a "
            "face, a head turned away, or points that are no face's. See mien inspect"
        )
    if not one.is_baseline_ready:
        yield (
            f"note: the own baseline of {one.patient} was never ready, so that B, R and C are "
            "absent: --baseline takes fewer seconds to learn it from, or an earlier recording"
        )


def _count_of(records: tuple[Record, ...]) -> str:
    """
    >>> _count_of(())
    'no alert'
    """
    if not records:
        return "no alert"
    counts: dict[str, int] = {}
    for record in records:
        name = f"{record.rule} ({record.priority})"
        counts[name] = counts.get(name, 0) + 1
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
