"""Verbs on tables: inspect, convert, features, cache, fetch, simulate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

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
from mien.corpora.labels import canonical_label
from mien.errors import InputError

Kind = Annotated[
    str,
    typer.Option(
        help="emotions: people show emotions, each in an own way; motion-pair: two emotions "
        "that no single frame tells apart, only motion does."
    ),
]


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


_OF_STAYS = {"hours", "patient", "start_hour", "episodes", "troubled"}
_OF_BOTH = {"output", "stay", "seed", "fps", "overwrite"}


@app.command()
@stoppable(NOTHING_KEPT)
def simulate(
    context: typer.Context,
    output: TableOut,
    people: Annotated[int, typer.Option(help="How many people.")] = 40,
    clips_each: Annotated[int, typer.Option(help="Clips of each person.")] = 12,
    frames: Annotated[int, typer.Option(help="Frames of each clip.")] = 75,
    kind: Kind = "emotions",
    emotions: Annotated[
        str | None, typer.Option(help="Labels, such as Happy,Sad,Neutral; else the kind's own.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same people.")] = 0,
    fps: Annotated[float, typer.Option(help="Frames a second.")] = 29.97,
    width: Annotated[int, typer.Option(help="The frame's width, pixels.")] = 480,
    height: Annotated[int, typer.Option(help="The frame's height, pixels.")] = 360,
    turn: Annotated[
        float, typer.Option(help="How far people sit turned aside: deviation, degrees.")
    ] = 6.0,
    noise: Annotated[
        float, typer.Option(help="The tracker's tremor, 1 as on real clips, 0 for none.")
    ] = 1.0,
    dropout: Annotated[float, typer.Option(help="Share of frames without a face.")] = 0.01,
    stay: Annotated[
        bool, typer.Option("--stay", help="Hours of one patient in bed instead of many clips.")
    ] = False,
    hours: Annotated[float, typer.Option(help="With --stay: how long.")] = 8.0,
    patient: Annotated[int, typer.Option(help="With --stay: which of the seed's people.")] = 1,
    start_hour: Annotated[float, typer.Option(help="With --stay: the time of day, hours.")] = 8.0,
    episodes: Annotated[
        float, typer.Option(help="With --stay: distress of 45 s or more, times an hour; 0: none.")
    ] = 0.5,
    troubled: Annotated[
        bool,
        typer.Option("--troubled", help="With --stay: frames come late, twice and out of order."),
    ] = False,
    overwrite: Overwrite = False,
) -> None:
    """Write a landmark table of people who do not exist, with a known answer.

    Clips are named and labelled like CREMA-D's, of actors 2001 and up. Faces,
    expressions and a tracker's tremor were fitted to real ones; see
    docs/images/synthetic_people.png. The same settings give the same table.

    With --stay it is one patient in bed, 10 frames a second: sleep, talk, meals, smiles, turns,
    things in the way, brief grimaces and distress. All that was scripted, with its onset and
    end, stands beside the table in .truth.jsonl.

    Examples:

        mien simulate -o people.parquet

        mien simulate --stay --hours 8 -o stay.parquet

        mien simulate -o pair.parquet --kind motion-pair --people 100 --clips-each 10

        mien simulate -o small.csv --people 5 --emotions Happy,Neutral --dropout 0.1
    """
    from mien.workflows.simulate import describe
    from mien.workflows.simulate import simulate as run

    sources = {name: context.get_parameter_source(name) for name in context.params}
    given = {name for name, source in sources.items() if source and source.name == "COMMANDLINE"}
    if stay:
        _refuse(given - _OF_BOTH - _OF_STAYS, "--stay does not take")
        settings = {"hours": hours, "patient": patient, "start_hour": start_hour, "seed": seed}
        settings |= {"episodes_per_hour": episodes, "is_troubled": troubled}
        _stay(output, hz=fps if "fps" in given else 10.0, overwrite=overwrite, **settings)
        return
    _refuse(given & _OF_STAYS, "without --stay mien simulate does not take")
    chosen = None if emotions is None else [canonical_label(e) for e in emotions.split(",")]
    with console.StepProgress() as progress:
        result = run(
            output,
            people=people,
            clips_each=clips_each,
            frames=frames,
            kind=kind,
            emotions=chosen,
            seed=seed,
            fps=fps,
            width_px=width,
            height_px=height,
            turn_deg=turn,
            noise=noise,
            dropout=dropout,
            overwrite=overwrite,
            on_progress=progress,
        )
    say_lines(describe(result))


def _stay(output: Path, **settings: Any) -> None:
    from mien.workflows.simulate_stay import describe, simulate_stay

    with console.StepProgress() as progress:
        result = simulate_stay(output, on_progress=progress, **settings)
    say_lines(describe(result))


def _refuse(names: set[str], why: str) -> None:
    if names:
        raise InputError(f"{why} {', '.join('--' + n.replace('_', '-') for n in sorted(names))}")
