"""Windows for the Appraisal machine, a second each, and what it says to them."""

from collections.abc import Iterable
from dataclasses import replace

from mien.risk.action_units import REGIONS
from mien.risk.appraisal import Appraisal, initial, step
from mien.risk.events import Body, Event, Said, Scored, Term, WindowClosed
from mien.risk.settings import AppraisalSettings, WatchSettings

SETTINGS = WatchSettings()
QUICK = WatchSettings(appraisal=AppraisalSettings(learn_s=60))  # a baseline after a minute
STILL = tuple(0.1 * place for place in range(len(REGIONS)))

Fed = tuple[Appraisal, list[Said]]


def window(p: float | None = 0.0, **changed: object) -> WindowClosed:
    good = WindowClosed(10, 10, 10, 0.0, 0, (0.0,) * 6, False, p, 0.1, None, STILL)
    return replace(good, **changed)  # type: ignore[arg-type]


TURNED = window(None, in_pose=0, r=None, action_units=None, regions=None)  # a face, unusable
NO_FACE = replace(TURNED, with_face=0, jitter=None)


def event(body: Body, at_ms: int) -> Event:
    return Event("a", 1, at_ms, at_ms, "c", body)


def feed(
    state: Appraisal,
    windows: Iterable[WindowClosed],
    rules: WatchSettings = SETTINGS,
    *,
    after_s: int = 0,
) -> Fed:
    """One window a second, the first `after_s` seconds later than next."""
    said: list[Said] = []
    at_ms = (state.at_ms or 0) + 1000 * after_s
    for body in windows:
        at_ms += 1000
        state, new = step(state, event(body, at_ms), rules)
        said += new
    return state, said


def told(state: Appraisal, body: Body, rules: WatchSettings = SETTINGS) -> Appraisal:
    return step(state, event(body, state.at_ms or 0), rules)[0]


def scores(said: list[Said]) -> list[Scored]:
    return [body for _, body in said if isinstance(body, Scored)]


def terms(scored: Scored) -> dict[str, Term]:
    return {term.name: term for term in scored.terms}


def ready(p: float = 0.0, rules: WatchSettings = QUICK, **changed: object) -> Appraisal:
    state, _ = feed(initial(), [window(p, **changed)] * 65, rules)
    assert state.own.is_ready
    return state
