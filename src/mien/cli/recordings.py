"""Verbs on recordings: demo, extract, overlay."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mien import console
from mien.cli.base import NOTHING_KEPT, RESUMES, Table, TableOut, app, end, stoppable
from mien.errors import InputError
from mien.files import is_address

Recordings = Annotated[
    list[str] | None,
    typer.Argument(metavar="PATH…", help="Video files, photos, folders, or one rtsp:// address."),
]
Labels = Annotated[
    Path | None, typer.Option(help="CSV with a clip column and an emotion or subject column.")
]
Workers = Annotated[int, typer.Option("--workers", "-w", help="Processes, each on one core.")]
Cluster = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Over a Ray cluster: auto, host:port, ray://host:port, or local to start one.",
    ),
]
Webcam = Annotated[
    int | None, typer.Option(metavar="NUMBER", help="Record from this camera instead.")
]
Duration = Annotated[
    float | None, typer.Option(metavar="SECONDS", help="End a live recording after this long.")
]
Anew = Annotated[
    bool, typer.Option("--overwrite", help="Start the table anew, dropping what it holds.")
]


@app.command()
@stoppable(RESUMES)
def demo(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The folder to write into.")
    ] = Path("mien-demo"),
) -> None:
    """The whole journey on what is packaged, in minutes.

    Extracts, shows and draws six CREMA-D clips; makes synthetic people, trains on them with
    people held out, and writes the report; then predicts the six real clips and says
    how far that goes.

    Example:

        mien demo -o demo
    """
    from mien.workflows.demo import demo as run
    from mien.workflows.inspect import describe

    console.say("CREMA-D, actor 1001, six clips (ODbL 1.0 / DbCL 1.0; Cao et al. 2014)")
    with console.StepProgress() as progress:
        result = run(output, on_progress=progress)
    console.show_extracted(result.extracted)
    console.out.print(describe(result.inspection))
    console.show_scores(result.trained.results)
    console.show_real_clips(result.real_clips)
    for remark in result.remarks():
        console.say(remark)
    console.say("")
    console.say(f"table   {result.extracted.table}")
    console.say(f"figure  {result.figure}")
    console.say(f"model   {result.trained.folder}")
    console.say(f"report  {result.trained.report}")


@app.command()
@stoppable(RESUMES)
def extract(
    paths: Recordings = None,
    output: TableOut = Path("landmarks.parquet"),
    labels: Labels = None,
    faces: Annotated[int, typer.Option(help="Faces to track; 1: the largest.")] = 1,
    workers: Workers = 1,
    cluster: Cluster = None,
    smooth: Annotated[
        bool, typer.Option(help="Smooth as MediaPipe's VIDEO mode does (one face only).")
    ] = True,
    webcam: Webcam = None,
    duration: Duration = None,
    overwrite: Anew = False,
) -> None:
    """Extract 478 landmarks a frame into a table. The same command resumes.

    Emotion and subject come from CREMA-D and RAVDESS file names or `--labels`.
    A frame without a face is a row of nulls. Recordings that cannot be read are
    listed in failures.csv, and the exit code is 3.

    Examples:

        mien extract clips/ -o landmarks.parquet --workers 2

        mien extract clips/ -o landmarks.parquet --cluster 10.0.0.5:6379

        mien extract photos/ --labels photos/labels.csv -o photos.parquet

        mien extract --webcam 0 --duration 60 -o me.parquet

        mien extract rtsp://camera.local/bed3 -o bed3.parquet
    """
    from mien.workflows.extract import extract as run
    from mien.workflows.extract import record

    live = webcam if webcam is not None else _address(paths)
    _check_live(live, paths, duration, workers, cluster)
    options: dict[str, Any] = dict(labels=labels, overwrite=overwrite, faces=faces, smooth=smooth)
    with console.FrameProgress() as progress:
        options |= dict(on_frames=progress.advance, on_failure=console.failed)
        if live is not None:
            options |= dict(duration_s=duration, on_event=console.warn)
            result = record(live, output, **options)
        else:
            options |= dict(workers=workers, cluster=cluster, on_start=progress.start_on)
            result = run(paths or [], output, **options)
    console.show_extracted(result)
    end(is_complete=not result.failures)


def _address(paths: list[str] | None) -> str | None:
    addresses = [path for path in paths or [] if is_address(path)]
    if addresses and len(paths or []) > 1:
        raise InputError("a stream address stands alone: one recording, one table")
    return addresses[0] if addresses else None


def _check_live(
    live: str | int | None,
    paths: list[str] | None,
    duration: float | None,
    workers: int,
    cluster: str | None,
) -> None:
    if live is None and duration is not None:
        raise InputError("--duration is for a camera or a stream: files are read to their end")
    if isinstance(live, int) and paths:
        raise InputError("--webcam stands alone: one recording, one table")
    if live is not None and workers > 1:
        raise InputError("one camera is read by one process: leave out --workers")
    if live is not None and cluster is not None:
        raise InputError("one camera is read by one process: leave out --cluster")


@app.command()
@stoppable(NOTHING_KEPT)
def overlay(
    table: Table,
    videos: Annotated[
        Path, typer.Option(help="The folder that the table's clip names start from.")
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The figure: .png or .pdf.")
    ] = None,
    frames: Annotated[int, typer.Option(help="Frames in the figure.")] = 16,
    random_state: Annotated[int, typer.Option(help="Which frames are drawn at random.")] = 26,
    mask: Annotated[str, typer.Option(help="Hide faces: fill, blur or none.")] = "fill",
    predictions: Annotated[
        Path | None, typer.Option(help="Group by these predictions instead of the labels.")
    ] = None,
    video: Annotated[
        Path | None, typer.Option(help="Draw a whole clip into this .mp4, .mov or .mkv.")
    ] = None,
    clip: Annotated[str | None, typer.Option(help="Which clip --video draws.")] = None,
) -> None:
    """Draw landmarks on the frames they came from, faces masked.

    The figure holds random frames, grouped by emotion. Clips that are not in
    the folder are named and skipped; the exit code is then 3.

    Examples:

        mien overlay landmarks.parquet --videos clips/ -o overlay.png

        mien overlay landmarks.parquet --videos clips/ --video a.mp4 --clip a.flv
    """
    from mien.workflows.overlay import overlay as run

    if output is None and video is None:
        output = Path("overlay.png")
    result = run(
        table,
        videos=videos,
        out=output,
        frames=frames,
        random_state=random_state,
        mask=mask,  # type: ignore[arg-type]
        predictions=predictions,
        video=video,
        clip=clip,
    )
    console.show_overlay(result)
    end(is_complete=result.is_complete)
