"""Windows of simulated stays, by every frame's landmarks and straight from the script: alike?

    python benchmarks/stay_levels.py [--patients 8] [--hours 2] [--workers 2] [--kept FOLDER]

The same scripts go both ways: (a) through landmarks, measured by the watch's own code, and (b)
drawn by evaluation/stay_windows. One of every 20 patients by their look at rest is measured, of
the 20 with most P one of every 4; each counts, and is drawn, as often as people stand behind.
For every activity and view the distributions of P, R, signal quality, tremor and the rhythm of
speech are held beside each other: the Kolmogorov-Smirnov distance, quantiles, and the
autocorrelation over a minute. How far halves of the patients of (a) are apart says how much of a
distance is who the patients are. Then: what the Appraisal machine makes of both. None of these
patients was used to fit (b).

Takes about a processor-minute a patient and hour. With --kept, what (a) measured is stored.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from fit_stay_windows import spread

from mien.evaluation.stay_calibration import calibrated
from mien.evaluation.stay_comparison import (
    LAGS_S,
    QUANTILES,
    VALUES,
    Compared,
    GroupedWindows,
    compare,
    grouped,
)
from mien.evaluation.stay_measured import measured_windows
from mien.evaluation.stay_windows import windows
from mien.recording.synthetic_stay import Stay, script
from mien.risk import appraisal
from mien.risk.events import Event, Said, Scored, WindowClosed
from mien.risk.settings import WatchSettings
from mien.risk.watch import configured

SEED = 30_000
SCORES = (1, 2, 3, 4, 5)
START_HOURS = (11.7, 20.8, 7.6, 14.5)  # lunch and nap, going to sleep, breakfast, afternoon
SHOWN_QUANTILES = (2, 4, 5)  # of QUANTILES: .5, .95, .99
SHOWN_LAGS = (0, 2, 4, 7)  # of LAGS_S: 1, 5, 20, 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patients", type=int, default=8)
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--kept", type=Path)
    asked = parser.parse_args()
    shares = spread(asked.patients, seed=SEED, tail=1)
    times = [round(share / min(shares.values())) for share in shares.values()]
    stays = [stay_of(number, place, asked.hours) for place, number in enumerate(shares)]
    with ProcessPoolExecutor(asked.workers) as pool:
        measured = list(pool.map(partial(by_landmarks, kept=asked.kept), stays))
    started = time.perf_counter()
    drawn = [
        by_draw(other)
        for stay, count in zip(stays, times, strict=True)
        for other in others(stay, count)
    ]
    took_s = time.perf_counter() - started
    for line in lines(measured, times, drawn):
        print(line)
    hours = asked.hours * len(drawn)
    print(f"(b) with scores: {hours:.0f} patient-hours in {took_s:.0f} s")


def stay_of(number: int, place: int, hours: float) -> Stay:
    start = START_HOURS[place % len(START_HOURS)]
    stay = script(SEED, hours, patient=number, start_hour=start, episodes_per_hour=2.0)
    return calibrated(stay)


def others(stay: Stay, count: int) -> Iterator[Stay]:
    """So many other people in the same stay: only what is drawn differs."""
    for draw in range(count):
        yield replace(stay, number=stay.number + 10_000 * (draw + 1))


def by_landmarks(stay: Stay, *, kept: Path | None) -> tuple[GroupedWindows, np.ndarray]:
    """The windows in groups, and the score of each second; NaN: none."""
    rules = configured().hash[:8]  # by which it was scored
    path = kept / f"levels-{stay.patient}-{stay.hours:g}-{rules}.npz" if kept else None
    if path and path.exists():
        with np.load(path) as stored:
            return GroupedWindows(stored["values"], stored["group"]), stored["scores"]
    found, scores = told(stay, list(measured_windows(stay)))
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, values=found.values, group=found.group, scores=scores)
    return found, scores


def by_draw(stay: Stay) -> tuple[GroupedWindows, np.ndarray]:
    return told(stay, list(windows(stay)))


def told(stay: Stay, said: list[Said]) -> tuple[GroupedWindows, np.ndarray]:
    settings = WatchSettings()
    bodies = [body for _, body in said if isinstance(body, WindowClosed)]
    return grouped(stay, bodies, settings.signal), scores_of(said, settings)


def scores_of(said: list[Said], settings: WatchSettings) -> np.ndarray:
    """(N,) the Appraisal machine's."""
    state, found = appraisal.initial(), []
    for seq, (at_ms, body) in enumerate(said, start=1):
        state, answers = appraisal.step(state, Event("P", seq, at_ms, at_ms, "", body), settings)
        found += [
            float("nan") if answer.score is None else float(answer.score)
            for _, answer in answers
            if isinstance(answer, Scored)
        ]
    return np.array(found)


def lines(
    people: list[tuple[GroupedWindows, np.ndarray]],
    times: list[int],
    drawn: list[tuple[GroupedWindows, np.ndarray]],
) -> Iterator[str]:
    measured = [one for one, count in zip(people, times, strict=True) for _ in range(count)]
    found = compare(
        [one for one, _ in measured], [one for one, _ in drawn], people=[one for one, _ in people]
    )
    quantiles = ", ".join(f"{QUANTILES[place]:g}" for place in SHOWN_QUANTILES)
    lags = ", ".join(f"{LAGS_S[place]}" for place in SHOWN_LAGS)
    yield f"{len(people)} patients by landmarks (a), for {len(measured)}; {len(drawn)} drawn (b)"
    yield f"KS: distance of a and b | of halves of a. Then a|b: quantiles {quantiles}; "
    yield f"autocorrelation at {lags} s"
    for one in sorted(found, key=lambda one: VALUES.index(one.value)):
        yield line(one)
    yield "seconds with a score: " + _shares(measured, drawn, lambda s: ~np.isnan(s))
    for least in SCORES:
        yield f"score of {least} or more, of those with one: " + _shares(
            measured, drawn, lambda s, least=least: s[~np.isnan(s)] >= least
        )


def line(one: Compared) -> str:
    pairs = " ".join(f"{a:.3g}|{b:.3g}" for a, b in (one.quantiles[q] for q in SHOWN_QUANTILES))
    alike = " ".join(f"{a:.2f}|{b:.2f}" for a, b in (one.alike[lag] for lag in SHOWN_LAGS))
    return (
        f"{one.value:8}{one.group:13}{one.seconds[0]:7} s  KS {one.distance:.2f}|{one.chance:.2f}"
        f"  {pairs}  ;  {alike}"
    )


def _shares(measured, drawn, is_so) -> str:
    both = [np.concatenate([is_so(scores) for _, scores in some]) for some in (measured, drawn)]
    return " | ".join(f"{one.mean():.4f}" for one in both)


if __name__ == "__main__":
    main()
