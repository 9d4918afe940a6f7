"""The options of mien evaluate --alarms, and what it does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mien import console
from mien.cli.base import NOTHING_KEPT, RESUMES, given_options, refuse, say_lines, stoppable
from mien.errors import InputError

Alarms = Annotated[
    bool,
    typer.Option(
        "--alarms", help="What the watch's alarms are worth, on simulated patients; no TABLE."
    ),
]
Days = Annotated[int, typer.Option(help="With --alarms: patient-days without events.")]
Episodes = Annotated[int, typer.Option(help="With --alarms: scripted episodes, or a few more.")]
Workers = Annotated[int, typer.Option("--workers", "-w", help="With --alarms: processes.")]
_OF_ALARMS = {"days", "episodes", "workers"}
_OF_BOTH = {"alarms", "output", "seed"}


def is_asked(context: typer.Context, *, alarms: bool, table: Path | None) -> bool:
    """Whether alarms are to be evaluated. Raises InputError for options of the other kind."""
    given = given_options(context)
    if alarms:
        refuse(given - _OF_ALARMS - _OF_BOTH - {"table"}, "--alarms does not take")
        if table is not None:
            raise InputError(f"--alarms simulates its patients and does not take {table}")
        return True
    refuse(given & _OF_ALARMS, "without --alarms mien evaluate does not take")
    if table is None:
        raise InputError("give a landmark table to evaluate recipes on, or --alarms")
    return False


def evaluate_alarms(
    *, days: int, episodes: int, seed: int, output: Path | None, workers: int
) -> None:
    evaluated = stoppable(NOTHING_KEPT if output is None else RESUMES)(_evaluated)
    evaluated(days=days, episodes=episodes, seed=seed, output=output, workers=workers)


def _evaluated(*, days: int, episodes: int, seed: int, output: Path | None, workers: int) -> None:
    from mien.evaluation.alarm_text import summary
    from mien.workflows.evaluate_alarms import evaluate_alarms as run

    with console.StepProgress() as progress:
        result = run(
            days=days, episodes=episodes, seed=seed, out=output, workers=workers,
            on_progress=progress,
        )  # fmt: skip
    say_lines(summary(result.results))
    console.show_paths([result.report] if result.report else [])
