"""Verbs of the bedside watch: replay."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mien import console
from mien.cli.base import app, say_lines, stoppable

STOPPED = "stopped; no log or picture was written, what is in a store stays, and the same goes on"


@app.command()
@stoppable(STOPPED)
def replay(
    source: Annotated[
        Path | None,
        typer.Argument(metavar="RECORDING", help="A landmark table, or an event log (.jsonl)."),
    ] = None,
    patient: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="This subject alone; or whose a table without is."),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="A model folder for the term N; without it, facs."),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            metavar="SECONDS|TABLE",
            help="Learn the own baseline from so many usable seconds, not 1800; or replay this "
            "table before, as the patient's earlier time.",
        ),
    ] = None,
    gap: Annotated[
        float, typer.Option(metavar="SECONDS", help="Between clips of one patient.")
    ] = 0.0,
    fps: Annotated[
        float | None, typer.Option(help="Frames a second of a table without time_s.")
    ] = None,
    log: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write every event here, as JSON Lines.")
    ] = None,
    figure: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the stay on one page here, .png.")
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|URL",
            help="Keep the log of this one replay in a journal, SQLite or PostgreSQL; the same "
            "replay goes on from it (mien[monitor]).",
        ),
    ] = None,
    explain: Annotated[
        str | None,
        typer.Option(metavar="RECORD", help="Say why this record is, from the record alone."),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(help="Threads; as many as there are processors without it.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the log and the picture.")
    ] = False,
) -> None:
    """Take a recording through the bedside watch, faster than it happened.

    Prints the signal, the own baseline, the level and every alert as they come, by the
    stream's clock; then counts of late, doubled and dropped frames. A second is watched 2 s
    after its end, so that the last ones of a recording never are. A score says how far a face
    moves and how far that is from usual for this person; it measures no pain, emotion or
    risk. Rows shuffled within 2 s or doubled, or a replay stopped and begun again, give the
    same alerts, byte for byte. Each subject of a table is a patient; clips of one follow one
    another. Without --store nothing is kept but what --log and --figure name.

    Examples:

        mien replay stay.parquet --log stay.jsonl --figure stay.png

        mien replay landmarks.parquet --patient 1001 --model model --baseline 60

        mien replay stay.parquet --patient P0001 --store ward.db

        mien replay stay.jsonl --explain P0001/concern/5310
    """
    from mien.risk.words import line_of
    from mien.workflows.replay import replay as run
    from mien.workflows.replay_result import describe

    with console.LineProgress() as progress:
        done = run(
            source,
            patient=patient,
            model=model,
            baseline=baseline,
            gap_s=gap,
            fps=fps,
            log=log,
            figure=figure,
            store=store,
            explain=explain,
            threads=threads,
            overwrite=overwrite,
            on_event=lambda event: progress.say(line_of(event)),
            on_progress=progress,
            on_note=console.warn,
        )
    say_lines(describe(done))
    console.show_paths(path for path in (done.log, done.figure) if path is not None)
