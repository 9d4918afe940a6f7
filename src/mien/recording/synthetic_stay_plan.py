"""What happens over days in a bed, drawn at random: the layers of a stay's script.

A layer is a tuple of stretches in their order, none over another. Rates and lengths are
assumptions about a ward, not measurements; all are in this one place.

Times are seconds of the stream's clock, hours are of the wall's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

HOUR_S, DAY_H = 3600.0, 24.0
MEALS_H = (8.2, 12.3, 17.8)
NIGHT_H = (22.0, 30.5)  # to half past six
_NAP_H, _NAP_CHANCE = 13.3, 0.75
_AWAKE_S = {"rest": 480.0, "speech": 210.0}  # mean lengths, by turns
_WAKES_EACH_S, _WAKE_S = 5400.0, (90.0, 600.0)  # at night
_POSTURE_EACH_S = {"rest": 420.0, "sleep": 900.0, "speech": 360.0, "meal": 420.0}
_POSTURE_S = (2.0, 6.0)
_SLEEPS_ASIDE = 0.25  # of the postures of a sleeper: turned away from the camera till the next
_SMILES_EACH_S = {"rest": 700.0, "speech": 110.0, "meal": 500.0}
SHORTEST_DISTRESS_S = 45.0
_DISTRESS_S = (90.0, 600.0)  # mean beyond the shortest, and the longest
_APART_S = 480.0  # from the end of one distress to the next: its alert has cleared by then
_CLEAR_S = 60.0  # before and after a distress the face is seen well


@dataclass(frozen=True, slots=True)
class Stretch:
    """One thing that goes on from start to end. What strength means depends on the kind."""

    kind: str
    start_s: float
    end_s: float
    strength: float = 1.0

    @property
    def length_s(self) -> float:
        return self.end_s - self.start_s


Layer = tuple[Stretch, ...]


@dataclass(frozen=True)
class _Sight:
    """How often something stands between face and camera, and for how long."""

    each_s: dict[str, float]  # activity -> mean time from one to the next
    median_s: float
    spread: float  # deviation of the length's logarithm
    shortest_s: float
    longest_s: float
    strength: Callable[[np.random.Generator], float]


_SIGHTS = {
    # strength: yaw in degrees, to the person's own left
    "turned": _Sight(
        {"rest": 900, "speech": 500, "meal": 900}, 15, 0.9, 4, 300,
        lambda random: float(random.choice([-1, 1]) * random.uniform(40, 68)),
    ),
    # strength: how much of the lower face is hidden, 0-1
    "occluded": _Sight(
        {"rest": 1200, "speech": 1000, "sleep": 7200}, 12, 0.9, 2, 400,
        lambda random: float(random.uniform(0.4, 1.0)),
    ),
    # strength: the tracker's tremor, in that of good light
    "dim": _Sight(
        {"rest": 6000, "speech": 6000, "meal": 6000, "sleep": 9000}, 150, 0.8, 20, 1200,
        lambda random: float(random.uniform(2.0, 9.0)),
    ),
    "away": _Sight(
        {"rest": 7200, "speech": 5400, "sleep": 14400}, 120, 0.8, 10, 900,
        lambda random: 1.0,
    ),
    "lost": _Sight(
        {"rest": 14400, "speech": 14400, "meal": 14400, "sleep": 14400}, 15, 1.2, 2, 400,
        lambda random: 1.0,
    ),
}  # fmt: skip


def activities(random: np.random.Generator, *, length_s: float, start_hour: float) -> Layer:
    """What the patient does, without a gap: rest, sleep, speech, meal."""
    layer = _awake(random, length_s)
    for kind, start_h, end_h in _day_plan(random, start_hour + length_s / HOUR_S):
        start_s, end_s = ((hour - start_hour) * HOUR_S for hour in (start_h, end_h))
        layer = painted(layer, Stretch(kind, max(start_s, 0), min(end_s, length_s)))
    return layer


def _awake(random: np.random.Generator, length_s: float) -> Layer:
    """Rest and talk by turns; some people talk more than others."""
    talkative = random.lognormal(0, 0.4)
    means_s = {"rest": _AWAKE_S["rest"] / talkative, "speech": _AWAKE_S["speech"] * talkative}
    made, now_s, kind = [], 0.0, "rest"
    while now_s < length_s:
        end_s = min(now_s + 20 + random.exponential(means_s[kind]), length_s)
        made.append(Stretch(kind, now_s, end_s))
        now_s, kind = end_s, "speech" if kind == "rest" else "rest"
    return tuple(made)


def _day_plan(random: np.random.Generator, until_h: float) -> list[tuple[str, float, float]]:
    """(activity, from, to) in hours since the first midnight: later ones are on top."""
    plan = []
    for day in range(-1, math.ceil(until_h / DAY_H)):
        midnight_h = day * DAY_H
        for meal_h in MEALS_H:
            at_h = midnight_h + meal_h + random.normal(0, 0.2)
            plan.append(("meal", at_h, at_h + random.uniform(0.25, 0.4)))
        nap_h = midnight_h + _NAP_H + random.normal(0, 0.25)
        if random.random() < _NAP_CHANCE:
            plan.append(("sleep", nap_h, nap_h + random.uniform(0.4, 1.4)))
        asleep_h, up_h = (midnight_h + hour + random.normal(0, 0.5) for hour in NIGHT_H)
        plan.append(("sleep", asleep_h, up_h))
        for _ in range(random.poisson((up_h - asleep_h) * HOUR_S / _WAKES_EACH_S)):
            wakes_h = random.uniform(asleep_h, up_h)
            plan.append(("rest", wakes_h, wakes_h + random.uniform(*_WAKE_S) / HOUR_S))
    return plan


def episodes(
    random: np.random.Generator,
    *,
    length_s: float,
    first_s: float,
    per_hour: float,
    strong_share: float,
) -> Layer:
    """Distress of 45 s and more; strength is the P that is meant: 4.7-5.3, or 7-10."""
    made: list[Stretch] = []
    if per_hour == 0:
        return ()
    wait_s = max(HOUR_S / per_hour - _APART_S - SHORTEST_DISTRESS_S - _DISTRESS_S[0], 1.0)
    now_s = first_s
    while True:
        start_s = now_s + random.exponential(wait_s)
        lasts_s = min(SHORTEST_DISTRESS_S + random.exponential(_DISTRESS_S[0]), _DISTRESS_S[1])
        is_strong = random.random() < strong_share
        strength = random.uniform(7, 10) if is_strong else random.uniform(4.7, 5.3)
        if start_s + lasts_s + _CLEAR_S > length_s:
            return tuple(made)
        made.append(Stretch("distress", start_s, start_s + lasts_s, strength))
        now_s = start_s + lasts_s + _APART_S


def grimaces(random: np.random.Generator, doing: Layer, *, per_hour: float) -> Layer:
    """Brief ones, 1 to 10 s, that are no event; strength is the P that is meant, 4-9."""
    if per_hour == 0:
        return ()
    each_s = dict.fromkeys(("rest", "speech", "meal"), HOUR_S / per_hour)
    return _scattered(
        random,
        doing,
        each_s,
        lambda at_s: Stretch("grimace", at_s, at_s + random.uniform(1, 10), random.uniform(4, 9)),
    )


def smiles(random: np.random.Generator, doing: Layer) -> Layer:
    """Strength 1 is a broad smile. Some people smile more than others."""
    cheerful = random.lognormal(0, 0.5)
    each_s = {kind: each / cheerful for kind, each in _SMILES_EACH_S.items()}
    return _scattered(
        random,
        doing,
        each_s,
        lambda at_s: Stretch(
            "smile", at_s, at_s + 2 + random.gamma(2, 2.5), random.uniform(0.4, 1.2)
        ),
    )


def postures(random: np.random.Generator, doing: Layer) -> Layer:
    """The body is laid anew; strength is how far, 1 is usual. Some people never lie still."""
    restless = random.lognormal(0, 0.4)
    each_s = {kind: each / restless for kind, each in _POSTURE_EACH_S.items()}
    return _scattered(
        random,
        doing,
        each_s,
        lambda at_s: Stretch(
            "posture", at_s, at_s + random.uniform(*_POSTURE_S), random.lognormal(0, 0.3)
        ),
    )


def views(random: np.random.Generator, doing: Layer, moved: Layer) -> Layer:
    """What is in the way of seeing the face well; what is not named is clear.

    moved: the postures: who sleeps may lie turned from one to the next.
    """
    found: Layer = ()
    for before, after in pairwise(moved):
        if random.random() < _SLEEPS_ASIDE and at(doing, before.start_s) == "sleep":
            yaw_deg = _SIGHTS["turned"].strength(random)
            found = (*found, Stretch("turned", before.start_s, after.start_s, yaw_deg))
    for kind, sight in _SIGHTS.items():
        found = merged(found, _scattered(random, doing, sight.each_s, _seen(random, kind, sight)))
    return found


def _seen(random: np.random.Generator, kind: str, sight: _Sight) -> Callable[[float], Stretch]:
    def made(at_s: float) -> Stretch:
        lasts_s = sight.median_s * random.lognormal(0, sight.spread)
        lasts_s = float(np.clip(lasts_s, sight.shortest_s, sight.longest_s))
        return Stretch(kind, at_s, at_s + lasts_s, sight.strength(random))

    return made


def _scattered(
    random: np.random.Generator,
    doing: Layer,
    each_s: dict[str, float],
    made: Callable[[float], Stretch],
) -> Layer:
    """Stretches that begin at random while the patient does something, and end before all ends."""
    found: list[Stretch] = []
    for stretch in doing:
        if stretch.kind not in each_s:
            continue
        count = random.poisson(stretch.length_s / each_s[stretch.kind])
        found += [made(float(s)) for s in np.sort(random.uniform(0, stretch.length_s, count))
                  + stretch.start_s]  # fmt: skip
    last_s = doing[-1].end_s
    return merged((), [replace(one, end_s=min(one.end_s, last_s)) for one in found])


def merged(kept: Layer, more: Iterable[Stretch], *, apart_s: float = 3.0) -> Layer:
    """Both, without those of `more` that come too near to one that is there."""
    found = list(kept)
    starts = [one.start_s for one in found]
    for one in more:
        place = int(np.searchsorted(starts, one.start_s))
        is_free = (place == 0 or found[place - 1].end_s + apart_s <= one.start_s) and (
            place == len(found) or one.end_s + apart_s <= found[place].start_s
        )
        if is_free:
            found.insert(place, one)
            starts.insert(place, one.start_s)
    return tuple(found)


def without(layer: Layer, start_s: float, end_s: float) -> Layer:
    """A layer with nothing between two times: what reaches in is cut."""
    kept = []
    for one in layer:
        if one.end_s <= start_s or one.start_s >= end_s:
            kept.append(one)
            continue
        if one.start_s < start_s:
            kept.append(replace(one, end_s=start_s))
        if one.end_s > end_s:
            kept.append(replace(one, start_s=end_s))
    return tuple(kept)


def painted(layer: Layer, stretch: Stretch) -> Layer:
    """A layer with one stretch over whatever was there."""
    if stretch.length_s <= 0:
        return layer
    kept = [*without(layer, stretch.start_s, stretch.end_s), stretch]
    return tuple(sorted(kept, key=lambda one: one.start_s))


def cleared(layer: Layer, episode: Stretch) -> Layer:
    """A layer that leaves a distress, and a minute around it, free."""
    return without(layer, episode.start_s - _CLEAR_S, episode.end_s + _CLEAR_S)


def at(layer: Layer, time_s: float) -> str | None:
    """The kind that goes on at a time."""
    return next((one.kind for one in layer if one.start_s <= time_s < one.end_s), None)
