"""The command `mien`: each verb parses, calls one workflow, prints.

Exit codes: 0 done, 2 wrong use or input, 3 done but for the failures listed.
"""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

import mien
from mien.config import INTENDED_USE
from mien.errors import MienError
from mien.files import is_address

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
out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)


def main() -> None:
    """Run the command. An error that mien foresees is one line, without a trace."""
    try:
        app()
    except MienError as error:
        err.print(f"[bold red]error:[/] {escape(' '.join(str(error).split()))}")
        sys.exit(error.exit_code)


def _resumable(verb: Callable[..., None]) -> Callable[..., None]:
    """A verb that Ctrl-C stops with what it has kept."""

    @functools.wraps(verb)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            verb(*args, **kwargs)
        except KeyboardInterrupt as interrupt:
            err.print("stopped; run the same command again to go on from here")
            raise typer.Exit(INTERRUPTED) from interrupt

    return run


def _version(wanted: bool) -> None:
    if wanted:
        out.print(f"mien {mien.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
@_resumable
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
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Start the table anew, dropping what it holds.")
    ] = False,
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

    options: dict[str, Any] = dict(labels=labels, overwrite=overwrite, faces=faces, smooth=smooth)
    live = webcam if webcam is not None else _address(paths)
    with _FrameProgress() as progress:
        if live is not None:
            result = record(
                live,
                output,
                duration_s=duration,
                on_event=lambda text: err.print(escape(text)),
                on_failure=_print_failure,
                on_frames=progress.advance,
                **options,
            )
        else:
            result = run(
                paths or [],
                output,
                workers=workers,
                on_start=progress.start_on,
                on_frames=progress.advance,
                on_failure=_print_failure,
                **options,
            )
    _print_extracted(result)


def _address(paths: list[str] | None) -> str | None:
    addresses = [path for path in paths or [] if is_address(path)]
    if addresses and len(paths or []) > 1:
        raise typer.BadParameter("a stream address stands alone: one recording, one table")
    return addresses[0] if addresses else None


def _print_failure(clip: str, reason: str) -> None:
    err.print(f"[red]failed:[/] {escape(clip)}: {escape(reason)}")


def _print_extracted(result: Any) -> None:
    if result.table is not None:
        share = result.rows_without_face / max(result.rows, 1)
        kept = f", {result.kept_clips} of them kept from before" if result.kept_clips else ""
        out.print(
            f"{escape(str(result.table))}: {result.clips} clips{kept}, {result.rows} rows, "
            f"{result.rows_without_face} without a face ({share:.1%})"
        )
    if result.failures:
        err.print(
            f"{len(result.failures)} could not be read: {escape(str(result.failures_file))}"
            + ("" if result.table else "; no table was written")
        )
        raise typer.Exit(DONE_BUT_FOR_FAILURES)


class _FrameProgress:
    """A bar on the error stream with frames/s and the time left; plain text gets no bar."""

    def __init__(self) -> None:
        self._bar = Progress(
            TextColumn("extracting"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.completed:.0f} frames, {task.fields[rate]:.0f} frames/s, left"),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=err,
            disable=not err.is_terminal,
        )

    def __enter__(self) -> _FrameProgress:
        self._began_s = time.monotonic()
        self._done = 0
        self._bar.start()
        self._task = self._bar.add_task("", total=None, rate=0.0)
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def start_on(self, sources: list[Any]) -> None:
        from mien.recording.video import expected_frames

        if err.is_terminal:
            self._bar.update(self._task, total=expected_frames([s.path for s in sources]))

    def advance(self, frames: int) -> None:
        self._done += frames
        seconds = max(time.monotonic() - self._began_s, 1e-3)
        self._bar.update(self._task, advance=frames, rate=self._done / seconds)


if __name__ == "__main__":
    main()
