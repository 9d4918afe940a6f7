"""The command `mien`: each verb parses, calls one workflow, prints.

Exit codes: 0 done, 2 wrong use or input, 3 done but for the failures listed.
"""

from __future__ import annotations

import functools
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

import mien
from mien import console
from mien.config import INTENDED_USE
from mien.errors import InputError, MienError
from mien.files import is_address, redacted

DONE_BUT_FOR_FAILURES = 3
INTERRUPTED = 130

app = typer.Typer(
    help="Face video to 478-point landmarks, landmarks to emotion probabilities.\n\n"
    + INTENDED_USE,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Table = Annotated[Path, typer.Argument(metavar="TABLE", help="A landmark table, Parquet or CSV.")]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Start the table anew, dropping what it holds.")
]
Recipe = Annotated[str, typer.Option(help="What to train: seed, the reference's own network.")]
SplitName = Annotated[
    str,
    typer.Option(help="Hold out: subject (people), time (each clip's end), random-frame (leaky)."),
]
Folds = Annotated[int, typer.Option(help="Person-disjoint folds.")]
Seed = Annotated[int, typer.Option(help="For the weights and the folds.")]
Epochs = Annotated[int, typer.Option(help="Passes over all rows.")]


def main() -> None:
    """Run the command. What the caller can put right is one line, without a trace."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name need not fit the terminal's encoding
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except MienError as error:
        console.error(" ".join(str(error).split()))
        sys.exit(error.exit_code)
    except BrokenPipeError:  # who reads the output, such as head, has enough
        sys.exit(1)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        text = redacted(place + (error.strerror or str(error) or type(error).__name__))
        console.error(" ".join(text.split()))
        sys.exit(InputError.exit_code)


RESUMES = "stopped; run the same command again to go on from here"
NOTHING_KEPT = "stopped; nothing was written"


def _stoppable(message: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A verb that Ctrl-C stops without a trace, saying what that means."""

    def wrap(verb: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(verb)
        def run(*args: Any, **kwargs: Any) -> None:
            try:
                verb(*args, **kwargs)
            except KeyboardInterrupt as interrupt:
                console.warn(message)
                raise typer.Exit(INTERRUPTED) from interrupt

        return run

    return wrap


def _version(wanted: bool) -> None:
    if wanted:
        console.say(f"mien {mien.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
@_stoppable(RESUMES)
def demo(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The folder to write into.")
    ] = Path("mien-demo"),
) -> None:
    """The whole journey on the packaged sample, in a minute.

    Extracts six CREMA-D clips, shows and draws the table, trains, evaluates and
    writes the report. One actor cannot be split by person, and the demo says so.

    Example:

        mien demo -o demo
    """
    from mien.workflows.demo import demo as run
    from mien.workflows.inspect import describe

    console.say("CREMA-D, actor 1001, six clips (ODbL 1.0 / DbCL 1.0; Cao et al. 2014)")
    with console.FrameProgress() as progress:
        result = run(output, on_start=progress.start_on, on_frames=progress.advance)
    console.show_extracted(result.extracted)
    console.out.print(describe(result.inspection))
    console.show_scores(result.trained.results)
    console.say(result.remark)
    console.say("")
    console.say(f"table   {result.extracted.table}")
    console.say(f"figure  {result.figure}")
    console.say(f"model   {result.trained.folder}")
    console.say(f"report  {result.trained.report}")


@app.command()
@_stoppable(RESUMES)
def extract(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH…", help="Video files, photos, folders, or one rtsp:// address."
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The table to write: .parquet or .csv.")
    ] = Path("landmarks.parquet"),
    labels: Annotated[
        Path | None,
        typer.Option(help="CSV with a clip column and an emotion or subject column."),
    ] = None,
    faces: Annotated[int, typer.Option(help="Faces to track; 1: the largest.")] = 1,
    workers: Annotated[
        int, typer.Option("--workers", "-w", help="Processes, each on one core.")
    ] = 1,
    smooth: Annotated[
        bool, typer.Option(help="Smooth as MediaPipe's VIDEO mode does (one face only).")
    ] = True,
    webcam: Annotated[
        int | None, typer.Option(metavar="NUMBER", help="Record from this camera instead.")
    ] = None,
    duration: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="End a live recording after this long.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Extract 478 landmarks a frame into a table. The same command resumes.

    Emotion and subject come from CREMA-D and RAVDESS file names or `--labels`.
    A frame without a face is a row of nulls. Recordings that cannot be read are
    listed in failures.csv, and the exit code is 3.

    Examples:

        mien extract clips/ -o landmarks.parquet --workers 2

        mien extract photos/ --labels photos/labels.csv -o photos.parquet

        mien extract --webcam 0 --duration 60 -o me.parquet

        mien extract rtsp://camera.local/bed3 -o bed3.parquet
    """
    from mien.workflows.extract import extract as run
    from mien.workflows.extract import record

    options: dict[str, Any] = dict(
        labels=labels,
        overwrite=overwrite,
        faces=faces,
        smooth=smooth,
        on_failure=console.failed,
    )
    live = webcam if webcam is not None else _address(paths)
    _check_live(live, paths, duration, workers)
    with console.FrameProgress() as progress:
        options["on_frames"] = progress.advance
        if live is not None:
            options |= dict(duration_s=duration, on_event=console.warn)
            result = record(live, output, **options)
        else:
            options |= dict(workers=workers, on_start=progress.start_on)
            result = run(paths or [], output, **options)
    console.show_extracted(result)
    if result.failures:
        raise typer.Exit(DONE_BUT_FOR_FAILURES)


def _address(paths: list[str] | None) -> str | None:
    addresses = [path for path in paths or [] if is_address(path)]
    if addresses and len(paths or []) > 1:
        raise InputError("a stream address stands alone: one recording, one table")
    return addresses[0] if addresses else None


def _check_live(
    live: str | int | None, paths: list[str] | None, duration: float | None, workers: int
) -> None:
    if live is None and duration is not None:
        raise InputError("--duration is for a camera or a stream: files are read to their end")
    if isinstance(live, int) and paths:
        raise InputError("--webcam stands alone: one recording, one table")
    if live is not None and workers > 1:
        raise InputError("one camera is read by one process: leave out --workers")


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
    if inspection.problems:
        raise typer.Exit(DONE_BUT_FOR_FAILURES)


@app.command()
@_stoppable(NOTHING_KEPT)
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
    if not result.is_complete:
        raise typer.Exit(DONE_BUT_FOR_FAILURES)


@app.command()
@_stoppable(NOTHING_KEPT)
def train(
    table: Table,
    recipe: Recipe = "seed",
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The model folder to write.")
    ] = Path("model"),
    split: SplitName = "subject",
    folds: Folds = 5,
    seed: Seed = 0,
    epochs: Epochs = 20,
) -> None:
    """Train a recipe and say honestly what it is worth.

    Writes a model folder with metrics, figures and report.html. The score on
    random frames is printed beside the one on people never seen, and named leaky.

    Examples:

        mien train landmarks.parquet --recipe seed -o model

        mien train landmarks.parquet --split random-frame -o reference
    """
    from mien.workflows.train import train as run

    settings: dict[str, Any] = dict(
        recipe=recipe, split=split, folds=folds, seed=seed, epochs=epochs
    )
    with console.StepProgress() as progress:
        result = run(table, out=output, on_progress=progress, **settings)
    console.show_scores(result.results)
    console.show_paths([result.folder, result.report])


@app.command()
@_stoppable(NOTHING_KEPT)
def evaluate(
    table: Table,
    recipe: Recipe = "seed",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A folder for metrics and report.")
    ] = None,
    split: SplitName = "subject",
    folds: Folds = 5,
    seed: Seed = 0,
    epochs: Epochs = 20,
) -> None:
    """Score a recipe on people it has not seen, beside the leaky score and the majority.

    Example:

        mien evaluate landmarks.parquet --recipe seed --folds 5 -o evaluation
    """
    from mien.workflows.evaluate import evaluate as run

    settings: dict[str, Any] = dict(
        recipe=recipe, split=split, folds=folds, seed=seed, epochs=epochs
    )
    with console.StepProgress() as progress:
        result = run(table, out=output, on_progress=progress, **settings)
    console.show_scores(result.results)
    console.show_paths([result.report] if result.report else [])


@app.command()
@_stoppable(NOTHING_KEPT)
def predict(
    source: Annotated[
        list[str], typer.Argument(metavar="VIDEO|TABLE…", help="Recordings, or one table.")
    ],
    model: Annotated[Path, typer.Option(help="A model folder that mien train wrote.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Probabilities a frame; clips go beside it.")
    ] = Path("predictions.parquet"),
    workers: Annotated[int, typer.Option("--workers", "-w", help="Processes for extraction.")] = 1,
) -> None:
    """Predict probabilities a frame and a clip, from videos, photos or a table.

    A frame without a face has no probability. Needs no torch.

    Examples:

        mien predict clip.mp4 --model model -o predictions.csv

        mien predict landmarks.parquet --model model
    """
    from mien.workflows.predict import predict as run

    with console.FrameProgress() as progress:
        result = run(
            source,
            model=model,
            out=output,
            workers=workers,
            on_start=progress.start_on,
            on_frames=progress.advance,
            on_failure=console.failed,
        )
    console.show_predicted(result)
    if result.failures:
        raise typer.Exit(DONE_BUT_FOR_FAILURES)


@app.command()
def report(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="What mien train or mien evaluate wrote.")
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The page; report.html in the folder.")
    ] = None,
) -> None:
    """Write report.html again from a model or evaluation folder.

    Example:

        mien report model -o report.html
    """
    from mien.workflows.report import report as run

    console.show_paths([run(folder, out=output)])


if __name__ == "__main__":
    main()
