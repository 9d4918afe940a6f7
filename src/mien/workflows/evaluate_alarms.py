"""`mien evaluate --alarms`: what the watch's alarms are worth on simulated patients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mien.emotion.checkpoint import check_free, replacing_folder
from mien.emotion.contract import Progress
from mien.errors import InputError
from mien.evaluation.alarm_figures import FIGURES, draw
from mien.evaluation.alarm_kept import keeping
from mien.evaluation.alarm_page import render
from mien.evaluation.alarm_patients import role_of
from mien.evaluation.alarm_results import ALARMS, AlarmResults, Elsewhere, Plan, write_alarms
from mien.evaluation.alarms import gathered, measure_all
from mien.workflows.alarm_replays import replays as tell_again

PAGE = "alarms.html"
RESULT_FILES = (PAGE, ALARMS, *(f"{name}.png" for name in FIGURES))
DAYS, EPISODES = 4, 24  # a few minutes; benchmarks/alarms.py asks for more
VANISHING, WAVERING, REPLAYS = 20, 12, 2


@dataclass(frozen=True)
class AlarmsEvaluated:
    """What was found, and where it was written if that was asked for."""

    results: AlarmResults
    folder: Path | None
    report: Path | None


def evaluate_alarms(
    *,
    days: int = DAYS,
    episodes: int = EPISODES,
    seed: int = 0,
    days_of_faces: int = 0,
    episodes_of_faces: int = 0,
    vanishing: int = VANISHING,
    wavering: int = WAVERING,
    replays: int = REPLAYS,
    out: str | Path | None = None,
    workers: int = 1,
    elsewhere: Mapping[str, Elsewhere] | None = None,
    on_progress: Progress | None = None,
) -> AlarmsEvaluated:
    """Watch simulated patients and count what was found, missed and raised for nothing.

    days: of event-free patient-days; 0 for none. episodes: of scripted distress, so many or a few
    more, in patients of their own. seed: who they are; alarm_patients says which seeds may be
    learnt from. days_of_faces, episodes_of_faces: how many of them by every frame's landmarks,
    a quarter of an hour a day, instead of straight at 1 s windows, a minute a day. vanishing: of
    patients who leave the camera's view just when an alarm is due. wavering: of those whose
    distress comes and goes. replays: of streams that are
    told again in other orders. elsewhere: what other scripts found, by their names. workers:
    processes; they change no number.
    Writes alarms.json, alarms.html and the figures into the folder `out`. Stopped, the same call
    goes on from the last patient that was watched.
    Raises InputError when something else is in `out`, or for settings that cannot be.
    """
    plan = _plan(
        seed=seed,
        days=days,
        days_of_faces=days_of_faces,
        episodes=episodes,
        episodes_of_faces=episodes_of_faces,
        vanishing=vanishing,
        wavering=wavering,
    )
    if workers < 1 or replays < 0:
        raise InputError(f"workers must be 1 or more, replays 0; got {workers} and {replays}")
    if out is not None:
        out = check_free(out, own_files=RESULT_FILES)
    with keeping(out, seed=seed) as kept:
        patients = measure_all(plan, workers=workers, kept=kept, on_progress=on_progress)
        told_again = tell_again(seed, replays, on_progress=on_progress) if replays else None
        results = gathered(
            plan, patients, made_by="mien evaluate --alarms", replays=told_again,
            elsewhere=elsewhere,
        )  # fmt: skip
        if out is None:
            return AlarmsEvaluated(results, None, None)
        with replacing_folder(out, own_files=RESULT_FILES) as folder:
            write_result_files(results, folder)
    return AlarmsEvaluated(results, out, out / PAGE)


def _plan(**asked: int) -> Plan:
    for name, value in asked.items():
        if value < 0:
            raise InputError(f"{name} must be 0 or more, got {value}")
    for what in ("days", "episodes"):
        if asked[f"{what}_of_faces"] > asked[what]:
            raise InputError(f"{what}_of_faces is part of {what}: at most {asked[what]}")
    if not any(asked[name] for name in ("days", "episodes", "vanishing", "wavering")):
        raise InputError("nobody to watch: ask for days, episodes or both")
    return Plan(role=role_of(asked["seed"]), **asked)


def write_result_files(results: AlarmResults, folder: Path) -> None:
    """alarms.json, the figures as PNG and alarms.html, into an existing folder."""
    figures = draw(results)
    for name, png in figures.items():
        (folder / f"{name}.png").write_bytes(png)
    write_alarms(results, folder)
    (folder / PAGE).write_text(render(results, figures=figures), encoding="utf-8")
