"""Patients of minutes whose P is said second by second, for tests of what alarms are worth."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from mien.evaluation.alarm_bed import ABSENT, Change, Seen
from mien.evaluation.alarm_measures import Watched
from mien.evaluation.alarm_patients import Asked
from mien.evaluation.alarm_results import AlarmResults, Plan
from mien.evaluation.alarms import gathered, measured_stay
from mien.recording.synthetic_stay import Stay, script
from mien.recording.synthetic_stay_plan import HOUR_S, Stretch
from mien.risk.action_units import REGIONS
from mien.risk.events import Said, WindowClosed

REST_P, SPREAD = 0.6, 0.25
STILL_R = 0.1


def stay(
    *episodes: Stretch, minutes: float = 60, views: Sequence[Stretch] = (), patient: int = 1
) -> Stay:
    """Somebody at rest, but for some episodes, behind some views."""
    plain = script(1, minutes * 60 / HOUR_S, patient=patient, episodes_per_hour=0)
    return replace(
        plain,
        activities=(Stretch("rest", 0, minutes * 60),),
        expressions=episodes,
        views=tuple(views),
        postures=(),
    )


def distress(start_s: float, length_s: float, p: float) -> Stretch:
    return Stretch("distress", start_s, start_s + length_s, p)


def windows(of: Stay, *, seed: int = 0, spread: float = SPREAD) -> list[Said]:
    """P as scripted, with noise that lasts some seconds; nobody there while away or lost."""
    seconds = int(of.length_s)
    steps = np.random.default_rng([seed, of.number]).normal(size=seconds)
    noise = np.convolve(steps, np.ones(5) / np.sqrt(5))[:seconds]
    p = np.clip(REST_P + spread * noise, 0, 16)
    frames, faces = np.full(seconds, 10), np.full(seconds, 10)
    for one in of.expressions:
        p[int(one.start_s) : int(one.end_s)] = one.strength
    for view in of.views:
        span = slice(int(view.start_s), int(view.end_s))
        faces[span] = 0
        if view.kind == "lost":
            frames[span] = 0
    return [
        (1000 * (at + 1), window(value, frames=int(count), faces=int(with_face)))
        for at, (value, count, with_face) in enumerate(zip(p, frames, faces, strict=True))
    ]


def window(p: float, *, frames: int = 10, faces: int = 10) -> WindowClosed:
    has_face = faces > 0
    return WindowClosed(
        frames=frames,
        with_face=faces,
        in_pose=faces,
        jitter=0.003 if has_face else None,
        skew_ms=50 if frames else None,
        action_units=(0.0,) * 6 if has_face else None,
        mouth_is_speaking=False,
        p=round(float(p), 4) if has_face else None,
        r=STILL_R if has_face else None,
        negative=None,
        regions=(0.1,) * len(REGIONS) if has_face else None,
    )


def seen(seconds: int, *, scored: bool = True, conditions: Iterable[Change] = ()) -> Seen:
    """A watch that scored all or nothing, and said this."""
    return Seen(
        p=np.full(seconds, 0.5),
        has_face=np.ones(seconds, bool),
        score=np.full(seconds, 0 if scored else ABSENT, np.int8),
        has_single_3=np.zeros(seconds, bool),
        conditions=tuple(conditions),
        technical=(),
        opened=(),
        told=(),
    )


MINUTES = 45
# Between, the score is 4, which neither raises nor clears; the second time C is part of it.
WAVERS = (
    distress(1900, 120, 7.0),
    distress(2020, 60, 2.5),
    distress(2080, 60, 7.0),
    distress(2140, 60, 2.0),
    distress(2200, 60, 7.0),
)


@cache
def patients(seed: int = 0) -> tuple[Watched, ...]:
    """Two with a strong and a weaker episode, two with nothing but a restless face, two waver."""
    episodes = distress(1900.4, 60, 8.5), distress(2450.2, 150, 4.9)
    away, lost = Stretch("away", 900.3, 1060.8), Stretch("lost", 1500.1, 1530.0)
    return (
        patient(1, seed, *episodes),
        patient(2, seed, *episodes),
        patient(3, seed, views=(away, lost), spread=3.0),
        patient(4, seed, views=(away, lost), spread=3.5),
        patient(5, seed, *WAVERS, purpose="wavering", minutes=38, spread=0.1),
        patient(6, seed, *WAVERS[:3], purpose="wavering", minutes=37, spread=0.1),
    )


def patient(
    number: int,
    seed: int,
    *episodes: Stretch,
    purpose: str | None = None,
    views: Sequence[Stretch] = (),
    spread: float = SPREAD,
    minutes: float = MINUTES,
) -> Watched:
    one = stay(*episodes, minutes=minutes, views=views, patient=number)
    purpose = purpose or ("episodes" if episodes else "days")
    asked = Asked(seed, number, purpose, "windows", one.hours)
    return measured_stay(one, windows(one, seed=seed, spread=spread), asked)


@cache
def results(seed: int = 0) -> AlarmResults:
    plan = Plan(
        seed=seed, role="development", days=2, days_of_faces=0, episodes=4, episodes_of_faces=0
    )
    return gathered(plan, patients(seed), made_by="a test")
