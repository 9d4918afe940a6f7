"""The verb simulate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mien import console
from mien.cli.base import (
    NOTHING_KEPT,
    Overwrite,
    TableOut,
    app,
    given_options,
    refuse,
    say_lines,
    stoppable,
)
from mien.corpora.labels import canonical_label

Kind = Annotated[
    str,
    typer.Option(
        help="emotions: people show emotions, each in an own way; motion-pair: two emotions "
        "that no single frame tells apart, only motion does."
    ),
]
Emotions = Annotated[
    str | None, typer.Option(help="Labels, such as Happy,Sad,Neutral; else the kind's own.")
]
Turn = Annotated[float, typer.Option(help="How far people sit turned aside: deviation, degrees.")]
Noise = Annotated[float, typer.Option(help="The tracker's tremor, 1 as on real clips, 0 for none.")]
Stay = Annotated[
    bool, typer.Option("--stay", help="Hours of one patient in bed instead of many clips.")
]
Episodes = Annotated[
    float,
    typer.Option(
        help="With --stay: distress of 45 s or more, times an hour in the mean, none in the "
        "first 45 min; 0: none."
    ),
]
Troubled = Annotated[
    bool,
    typer.Option("--troubled", help="With --stay: frames come late, twice and out of order."),
]
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
    emotions: Emotions = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same people.")] = 0,
    fps: Annotated[float, typer.Option(help="Frames a second.")] = 29.97,
    width: Annotated[int, typer.Option(help="The frame's width, pixels.")] = 480,
    height: Annotated[int, typer.Option(help="The frame's height, pixels.")] = 360,
    turn: Turn = 6.0,
    noise: Noise = 1.0,
    dropout: Annotated[float, typer.Option(help="Share of frames without a face.")] = 0.01,
    stay: Stay = False,
    hours: Annotated[float, typer.Option(help="With --stay: how long.")] = 8.0,
    patient: Annotated[int, typer.Option(help="With --stay: which of the seed's people.")] = 1,
    start_hour: Annotated[float, typer.Option(help="With --stay: the time of day, 0-24.")] = 8.0,
    episodes: Episodes = 0.5,
    troubled: Troubled = False,
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
    given = _given(context, stay=stay)
    if stay:
        _stay(
            output, hz=fps if "fps" in given else 10.0, overwrite=overwrite, hours=hours,
            patient=patient, start_hour=start_hour, seed=seed, episodes_per_hour=episodes,
            is_troubled=troubled,
        )  # fmt: skip
        return
    _clips(
        output, people=people, clips_each=clips_each, frames=frames, kind=kind, emotions=emotions,
        seed=seed, fps=fps, width_px=width, height_px=height, turn_deg=turn, noise=noise,
        dropout=dropout, overwrite=overwrite,
    )  # fmt: skip


def _clips(output: Path, *, emotions: str | None, **settings: Any) -> None:
    from mien.workflows.simulate import describe, simulate

    chosen = None if emotions is None else [canonical_label(e) for e in emotions.split(",")]
    with console.StepProgress() as progress:
        result = simulate(output, emotions=chosen, on_progress=progress, **settings)
    say_lines(describe(result))


def _stay(output: Path, **settings: Any) -> None:
    from mien.workflows.simulate_stay import describe, simulate_stay

    with console.StepProgress() as progress:
        result = simulate_stay(output, on_progress=progress, **settings)
    say_lines(describe(result))


def _given(context: typer.Context, *, stay: bool) -> set[str]:
    """The options that the command line names. Raises InputError for those of the other kind."""
    given = given_options(context)
    if stay:
        refuse(given - _OF_BOTH - _OF_STAYS, "--stay does not take")
    else:
        refuse(given & _OF_STAYS, "without --stay mien simulate does not take")
    return given
