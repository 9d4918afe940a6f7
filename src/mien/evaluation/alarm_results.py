"""alarms.json: all that is said of what the alarms are worth, and the specification's table of it.

Everything follows from the patients' counts, which stand in it too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from mien.evaluation.alarm_measures import GOOD_SHARE, WEAK_P, Episode, Watched
from mien.evaluation.alarm_statistics import (
    DAY_S,
    Rate,
    Share,
    difference,
    mean,
    percentile,
    rate,
    share,
    worst_tenth,
)
from mien.evaluation.alarm_variants import NO_BASELINE, NO_DELAY, NO_HYSTERESIS, WHOLE
from mien.evaluation.metrics import Number, Record

ALARMS_VERSION = 2
ALARMS = "alarms.json"
EVIDENCE = "simulation and replay, no patients"
ABLATED = (NO_DELAY, NO_HYSTERESIS, NO_BASELINE)


class Detection(Record):
    """How many well-seen episodes of one strength were told of, and how soon."""

    found: Share
    median_s: Number  # from onset to being told, of those found
    slow_s: Number  # 95th percentile
    patients: int
    patients_with_a_miss: int
    not_well_seen: int  # left out: too much of them was not scored
    already_on: int  # of those missed: an alarm was there before


class Variant(Record):
    """A set of rules, and what it is worth."""

    name: str
    strong: Detection
    weak: Detection
    strong_mediums: Share  # of well-seen episodes, those with a MEDIUM alarm
    weak_mediums: Share  # which is more than is asked for
    false_mediums: Rate
    worst_tenth: Number  # of the patients, a day
    alarms_wavering: Number  # in a quarter of an hour of distress that comes and goes
    # Beside the whole, with paired 95 % intervals over patients: value, low, high
    more_false_mediums: tuple[Number, Number, Number]
    more_alarms_wavering: tuple[Number, Number, Number]
    fewer_found: tuple[Number, Number, Number]  # a share of all episodes
    later_s: tuple[Number, Number, Number]  # of those that both found


class FreeDays(Record):
    """Days in which nothing was to be found."""

    patients: int
    days: float
    false_mediums: Rate  # onsets of Concern
    worst_tenth: Number
    patients_with_any: int
    told_mediums: Rate  # of which people heard: an alarm back within 5 min is not told again
    lows: Rate
    technical: Rate
    bare_alarms: Rate
    good_scored: Share  # seconds
    scored: Share


class LostFaces(Record):
    """Technical alarms of faces and streams that were not there."""

    away: Share  # told at 30 s
    away_long: Share  # MEDIUM at 120 s
    stalled: Share  # told at 10 s


class NoFace(Record):
    """Patient's records that were opened, and those while nobody was there."""

    opened: int
    without_face_in_the_second: int


class Replays(Record):
    """Streams told again in another order: whether the alert log was the same, byte for byte."""

    streams: int
    frames: int
    alert_lines: int
    records: int  # that were opened in them
    same: dict[str, int]  # way of telling -> streams of the same log


class Plan(Record):
    """Who was simulated."""

    seed: int
    role: str  # development or test
    days: int  # free of events
    days_of_faces: int  # of them, by every frame's landmarks; the others straight at windows
    episodes: int  # at least
    episodes_of_faces: int
    vanishing: int = 0  # patients who leave the view just when an alarm is due
    wavering: int = 0  # patients whose distress comes and goes


class Elsewhere(Record):
    """What another script measures. is_met None: it says so in words only."""

    found: str
    is_met: bool | None = None


class AlarmResults(Record):
    """The whole record. The same seed and plan give the same."""

    schema_version: int = ALARMS_VERSION
    evidence: str = EVIDENCE
    made_by: str
    mien: str
    settings_hash: str
    rules_hash: str
    plan: Plan
    whole: Variant
    ablated: list[Variant]
    limits: list[Variant]  # Concern's limit moved, lowest first
    delays: list[Variant]  # Concern's delay moved, shortest first
    free: FreeDays
    lost: LostFaces
    no_face: NoFace
    by_source: dict[str, Variant]  # "faces", "windows": the whole by how patients were simulated
    replays: Replays | None
    elsewhere: dict[str, Elsewhere]  # by script
    patients: list[Watched]


def detection(episodes: Iterable[Episode], variant: str, *, is_strong: bool) -> Detection:
    """Of well-seen episodes of one strength: strong, P of 6 or more; weak, 4 to 6."""
    asked = [one for one in episodes if one.strength >= WEAK_P and one.is_strong == is_strong]
    seen = well_seen(asked)
    times = [s for one in seen if (s := one.found_s(variant)) is not None]
    missed = [one for one in seen if one.found_s(variant) is None]
    return Detection(
        found=share(len(times), len(seen)),
        median_s=percentile(times, 50),
        slow_s=percentile(times, 95),
        patients=len({one.patient for one in seen}),
        patients_with_a_miss=len({one.patient for one in missed}),
        not_well_seen=len(asked) - len(seen),
        already_on=sum(one.was_on for one in missed),
    )


def of_purpose(patients: Iterable[Watched], purpose: str) -> list[Watched]:
    return [who for who in patients if who.purpose == purpose]


def to_be_found(patients: Iterable[Watched]) -> list[Episode]:
    return [one for who in of_purpose(patients, "episodes") for one in who.episodes]


def well_seen(episodes: Iterable[Episode]) -> list[Episode]:
    return [one for one in episodes if one.seen_share >= GOOD_SHARE]


def _mediums(episodes: Iterable[Episode], name: str, *, is_strong: bool) -> Share:
    some = [one for one in well_seen(episodes) if one.is_strong == is_strong]
    some = [one for one in some if one.strength >= WEAK_P]
    return share(sum(one.medium_s[name] is not None for one in some), len(some))


def variant(patients: Sequence[Watched], name: str, *, shown: str | None = None) -> Variant:
    """What a variant is worth on all patients, beside the whole."""
    episodes = to_be_found(patients)
    free, wavering = of_purpose(patients, "days"), of_purpose(patients, "wavering")
    seconds, mediums = [who.length_s for who in free], [who.mediums[name] for who in free]
    return Variant(
        name=shown or name,
        strong=detection(episodes, name, is_strong=True),
        weak=detection(episodes, name, is_strong=False),
        strong_mediums=_mediums(episodes, name, is_strong=True),
        weak_mediums=_mediums(episodes, name, is_strong=False),
        false_mediums=rate(mediums, seconds),
        worst_tenth=worst_tenth(mediums, seconds),
        alarms_wavering=mean([who.mediums[name] for who in wavering]),
        more_false_mediums=_more(free, name, [s / DAY_S for s in seconds]),
        more_alarms_wavering=_more(wavering, name, [1.0] * len(wavering)),
        fewer_found=_beside(patients, name, lambda e, n: e.found_s(n) is None),
        later_s=_beside(patients, name, lambda e, n: e.found_s(n)),
    )


def _more(some: Sequence[Watched], name: str, per: Sequence[float]) -> tuple[float, float, float]:
    """Onsets of Concern, a variant's less the whole's."""
    ours, theirs = ([who.mediums[one] for who in some] for one in (WHOLE, name))
    return difference(ours, theirs, per)


def _beside(
    patients: Sequence[Watched], name: str, value: Callable[[Episode, str], float | None]
) -> tuple[float, float, float]:
    """A variant less the whole, an episode of those of which both have a value."""
    ours, theirs, counts = [], [], []
    for who in of_purpose(patients, "episodes"):
        pairs = [(value(one, WHOLE), value(one, name)) for one in well_seen(who.episodes)]
        both = [(a, b) for a, b in pairs if a is not None and b is not None]
        ours.append(sum(a for a, _ in both))
        theirs.append(sum(b for _, b in both))
        counts.append(len(both))
    return difference(ours, theirs, counts)


def free_days(patients: Sequence[Watched]) -> FreeDays:
    free = of_purpose(patients, "days")
    seconds = [who.length_s for who in free]
    mediums = [who.mediums[WHOLE] for who in free]
    return FreeDays(
        patients=len(free),
        days=sum(seconds) / DAY_S,
        false_mediums=rate(mediums, seconds),
        worst_tenth=worst_tenth(mediums, seconds),
        patients_with_any=sum(count > 0 for count in mediums),
        told_mediums=rate([who.told_mediums for who in free], seconds),
        lows=rate([who.lows for who in free], seconds),
        technical=rate([who.told_technical for who in free], seconds),
        bare_alarms=rate([who.bare_alarms for who in free], seconds),
        good_scored=share(sum(w.good_scored_s for w in free), sum(w.good_s for w in free)),
        scored=share(sum(w.scored_s for w in free), int(sum(seconds))),
    )


def lost_faces(patients: Iterable[Watched]) -> LostFaces:
    every = [one for who in patients for one in who.lost]
    away = [one for one in every if one.kind == "away"]
    stalled = [one for one in every if one.kind == "lost"]
    long = [one.is_medium for one in away if one.is_medium is not None]
    return LostFaces(
        away=share(sum(one.is_told for one in away), len(away)),
        away_long=share(sum(long), len(long)),
        stalled=share(sum(one.is_told for one in stalled), len(stalled)),
    )


def no_face(patients: Sequence[Watched]) -> NoFace:
    return NoFace(
        opened=sum(who.opened for who in patients),
        without_face_in_the_second=sum(who.opened_without_face for who in patients),
    )


def write_alarms(results: AlarmResults, folder: Path) -> Path:
    """Write alarms.json into a folder. Undefined numbers are null."""
    path = folder / ALARMS
    text = json.dumps(json.loads(results.model_dump_json()), indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
    return path
