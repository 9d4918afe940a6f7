"""Verbs on tables: inspect, convert, features, cache, fetch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mien import console
from mien.cli.base import (
    NOTHING_KEPT,
    RESUMES,
    Overwrite,
    Table,
    TableOut,
    app,
    end,
    say_lines,
    stoppable,
)
from mien.errors import InputError


@app.command()
def inspect(
    table: Table,
    rows: Annotated[int, typer.Option(help="Rows to preview.")] = 5,
) -> None:
    """Show what a table holds, and what is wrong with it.

    A preview, the schema, classes, clips, people, gaps and duplicates, and
    whether a random-frame split would leak. A table that breaks the contract
    is shown all the same; the exit code is then 3.

    Example:

        mien inspect landmarks.parquet
    """
    from mien.workflows.inspect import describe
    from mien.workflows.inspect import inspect as run

    inspection = run(table, rows=rows)
    console.out.print(describe(inspection))
    end(is_complete=not inspection.problems)


@app.command()
@stoppable(NOTHING_KEPT)
def convert(
    table: Table,
    output: Annotated[
        Path, typer.Argument(metavar="OUT", help="The table to write: .parquet or .csv.")
    ],
    overwrite: Overwrite = False,
) -> None:
    """Write a table again as Parquet or CSV, its points in half the bytes.

    Points become float32, Parquet zstd with byte-stream-split. Rows, other
    columns and what the table tells of its making are kept; a CSV has no place
    for the latter. Memory does not grow with the table.

    Examples:

        mien convert emotion_landmark_dataset.parquet small.parquet

        mien convert landmarks.parquet landmarks.csv
    """
    from mien.workflows.convert import convert as run
    from mien.workflows.convert import describe

    with console.StepProgress() as progress:
        result = run(table, output, overwrite=overwrite, on_progress=progress)
    say_lines(describe(result))


@app.command()
@stoppable(NOTHING_KEPT)
def features(
    table: Table,
    output: TableOut = Path("features.parquet"),
    sets: Annotated[
        str, typer.Option(help="Feature sets, with commas between.")
    ] = "pose,gaze,openings,blendshapes,action-units",
    threads: Annotated[
        int | None, typer.Option(help="Threads; as many as there are processors without it.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Compute what faces show from their points alone: one row a frame.

    Head pose in radians, gaze relative to the head, openings of eyes and mouth, 52 blendshapes
    as MediaPipe's own, and estimates of 18 action units from them; left and right are the
    person's own. Further sets: pose-free, expression, motion, motion-blendshapes, raw-points. A
    row without a face stays, its features null. Memory does not grow with the table.

    Examples:

        mien features landmarks.parquet -o features.parquet

        mien features landmarks.parquet --sets pose,gaze -o pose.csv
    """
    from mien.workflows.features import describe
    from mien.workflows.features import features as run

    names = [name.strip() for name in sets.split(",") if name.strip()]
    with console.StepProgress() as progress:
        result = run(
            table,
            out=output,
            sets=names,
            threads=threads,
            overwrite=overwrite,
            on_progress=progress,
        )
    say_lines(describe(result))


@app.command()
def cache(
    table: Annotated[
        Path | None, typer.Argument(metavar="TABLE", help="Only this table's; all without it.")
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare with the tables by their whole content.")
    ] = False,
    clear: Annotated[bool, typer.Option("--clear", help="Remove them.")] = False,
) -> None:
    """List, check or clear the matrices that large tables were read into.

    A table of more than 11,000 rows is read once into a matrix on disk, under
    your cache folder or $MIEN_CACHE, and mapped from there afterwards. One that
    differs from its table is named, and the exit code is then 3.

    Examples:

        mien cache

        mien cache --verify

        mien cache emotion_landmark_dataset.parquet --clear
    """
    from mien.workflows.cache import cache as run

    found = run(table, verify_content=verify, clear_entries=clear)
    console.show_cache(found)
    end(is_complete=not found.differences)


@app.command()
@stoppable(RESUMES)
def fetch(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME…", help="With --clips: such as 1001_DFA_ANG_XX."),
    ] = None,
    clips: Annotated[
        bool, typer.Option("--clips", help="Fetch these CREMA-D videos instead of the table.")
    ] = False,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The folder to fetch into.")
    ] = Path("."),
    csv: Annotated[bool, typer.Option("--csv", help="The table as CSV; else as Parquet.")] = False,
    revision: Annotated[
        str | None, typer.Option(help="The data set's branch, tag or commit; else the newest.")
    ] = None,
    with_token: Annotated[
        bool, typer.Option("--with-token", help="Send your saved Hugging Face token; else none.")
    ] = False,
) -> None:
    """Fetch the public landmark table, or CREMA-D videos. The same command resumes.

    A file stands under its name only when it is whole and its SHA-256 is right;
    its licence and what to cite are printed. The table needs `mien[fetch]`;
    HF_ENDPOINT names a mirror. Clips that cannot be had are named, and the exit
    code is then 3.

    Examples:

        mien fetch -o data

        mien fetch --clips 1001_DFA_ANG_XX 1001_DFA_HAP_XX -o clips
    """
    from mien.workflows.fetch import fetch as run

    if clips != bool(names):
        raise InputError("mien fetch --clips NAME… takes names; without --clips it takes none")
    with console.StepProgress() as progress:
        result = run(
            clips=names or [],
            out=output,
            csv=csv,
            revision=revision,
            token=with_token,
            on_progress=progress,
        )
    console.show_fetched(result)
    end(is_complete=not result.failures)
