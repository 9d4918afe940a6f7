"""Who alarms are measured on: simulated patients, of whom some may be learnt from, others not.

A patient is a seed and a number. Whatever is chosen or mended while the watch is built, is so by
patients of DEVELOPMENT seeds; those of TEST seeds say what it is then worth, and are not looked at
before. The packaged distributions of windows were measured on seed 20 000, a development seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from mien.errors import InputError
from mien.evaluation.stay_calibration import calibrated
from mien.evaluation.stay_measured import measured_windows
from mien.evaluation.stay_windows import windows
from mien.recording.synthetic_stay import Stay, script
from mien.recording.synthetic_stay_plan import Stretch
from mien.risk.events import Said

DEVELOPMENT = range(50_000)
TEST = range(50_000, 60_000)
DAY_H = 24.0
# The hour at which the watch begins, by turns: whoever comes at night has a baseline of sleep.
STARTS_H = (8.0, 14.0, 20.0, 2.0)
FACES_H, FACES_EPISODES_AN_HOUR = 2.5, 4.0  # short and full: a patient-hour of faces is a minute
# Numbers of patients, so that nobody is measured twice.
_FACES_FROM, _EPISODES_FROM, _VANISHING_FROM, _WAVERING_FROM = 5_000, 10_000, 15_000, 17_000
VANISHES_S = (8.0, 45.0)  # into strong distress: about when an alarm is due
# Distress that comes and goes: from when to when, how long each part of it, of which P.
WAVERS_S, WAVERS_EACH_S, WAVERS_P = (2000.0, 2900.0), (20.0, 60.0), (1.5, 8.0)

Source = Literal["windows", "faces"]  # straight at 1 s windows, or every frame's landmarks
# Event-free days; distress to be found; distress of somebody who leaves the camera's view;
# distress that comes and goes.
Purpose = Literal["days", "episodes", "vanishing", "wavering"]


@dataclass(frozen=True)
class Asked:
    """One patient who is to be watched."""

    seed: int
    number: int
    purpose: Purpose
    source: Source
    hours: float = DAY_H
    episodes_an_hour: float = 0.5

    @property
    def name(self) -> str:
        return f"P{self.number:04d}"


def role_of(seed: int) -> str:
    """Whether a seed's patients may be learnt from. Raises InputError for a seed of neither kind.

    >>> role_of(0), role_of(50_000)
    ('development', 'test')
    """
    if seed in DEVELOPMENT:
        return "development"
    if seed in TEST:
        return "test"
    raise InputError(
        f"seed {seed} is neither a development seed ({DEVELOPMENT.start}-{DEVELOPMENT.stop - 1}) "
        f"nor a test seed ({TEST.start}-{TEST.stop - 1})"
    )


def event_free(seed: int, days: int, *, days_of_faces: int = 0) -> list[Asked]:
    """Patients of a day each in which nothing is to be found; the first ones by every frame."""
    return [
        Asked(seed, 1 + index, "days", "faces" if index < days_of_faces else "windows")
        for index in range(days)
    ]


def distressed(seed: int, episodes: int, *, of_faces: int = 0) -> list[Asked]:
    """Patients with so many episodes of distress or a few more; `of_faces` of them by every frame.

    By windows a patient is watched for a day, by every frame for a short and full stay.
    """
    short = Asked(seed, _FACES_FROM, "episodes", "faces", FACES_H, FACES_EPISODES_AN_HOUR)
    found = _until(short, of_faces)
    left = episodes - sum(_count(one) for one in found)
    return found + _until(Asked(seed, _EPISODES_FROM, "episodes", "windows"), left)


def vanishing(seed: int, count: int) -> list[Asked]:
    """Patients of minutes who are gone just when an alarm is due."""
    first = Asked(seed, _VANISHING_FROM, "vanishing", "windows", hours=0.1)
    return [replace(first, number=first.number + index) for index in range(count)]


def wavering(seed: int, count: int) -> list[Asked]:
    """Patients who are learnt, then in distress that comes and goes for a quarter of an hour."""
    first = Asked(seed, _WAVERING_FROM, "wavering", "windows", hours=50 / 60)
    return [replace(first, number=first.number + index) for index in range(count)]


def _until(first: Asked, episodes: int) -> list[Asked]:
    """Patients from a number on, until they have so many episodes."""
    found: list[Asked] = []
    while episodes > 0:
        found.append(replace(first, number=first.number + len(found)))
        episodes -= _count(found[-1])
    return found


def _count(asked: Asked) -> int:
    return len(_scripted(asked).distress)


def stay_of(asked: Asked) -> Stay:
    """The script of one patient. Takes about a second, in which the face is measured."""
    return calibrated(_scripted(asked))


def _scripted(asked: Asked) -> Stay:
    plain = script(
        asked.seed,
        asked.hours,
        patient=asked.number,
        start_hour=STARTS_H[asked.number % len(STARTS_H)],
        episodes_per_hour=asked.episodes_an_hour if asked.purpose == "episodes" else 0.0,
    )
    random = np.random.default_rng([plain.seed, plain.number])
    if asked.purpose == "vanishing":
        return _vanishing(plain, random)
    return _wavering(plain, random) if asked.purpose == "wavering" else plain


def _vanishing(plain: Stay, random: np.random.Generator) -> Stay:
    """Strong distress after a minute at rest, in which the bed becomes empty for another."""
    away_s = 60 + random.uniform(*VANISHES_S)
    return replace(
        plain,
        activities=(Stretch("rest", 0, plain.length_s),),
        expressions=(Stretch("distress", 60.0, 210.0, 8.5),),
        postures=(),
        views=(Stretch("away", away_s, away_s + 60),),
    )


def _wavering(plain: Stay, random: np.random.Generator) -> Stay:
    """Parts of one distress, each of another strength, that follow each other."""
    parts, now_s = list[Stretch](), WAVERS_S[0]
    while now_s < WAVERS_S[1]:
        end_s = now_s + random.uniform(*WAVERS_EACH_S)
        parts.append(Stretch("distress", now_s, end_s, random.uniform(*WAVERS_P)))
        now_s = end_s
    rest = (Stretch("rest", 0, plain.length_s),)
    return replace(plain, activities=rest, expressions=tuple(parts), postures=(), views=())


def windows_of(stay: Stay, source: Source) -> Iterator[Said]:
    """(end_ms, WindowClosed) of each second."""
    return measured_windows(stay) if source == "faces" else windows(stay)
