"""The command itself: its options, its errors and what verbs share."""

from __future__ import annotations

import functools
import io
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

import mien
from mien import console
from mien.config import INTENDED_USE
from mien.errors import InputError, MienError
from mien.files import redacted

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
TableOut = Annotated[
    Path, typer.Option("--output", "-o", help="The table to write: .parquet or .csv.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the table that is there.")]


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


def stoppable(message: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
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


def say_lines(lines: Iterable[str]) -> None:
    for line in lines:
        console.say(line)


def end(*, is_complete: bool) -> None:
    """End a verb that did what it could: with exit code 3 where something is left undone."""
    if not is_complete:
        raise typer.Exit(DONE_BUT_FOR_FAILURES)


def given_options(context: typer.Context) -> set[str]:
    """The names of the options that the command line has."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return {name for name, source in sources.items() if source and source.name == "COMMANDLINE"}


def refuse(names: set[str], why: str) -> None:
    """Raise InputError for options that do not go together, if there are any."""
    if names:
        raise InputError(f"{why} {', '.join('--' + n.replace('_', '-') for n in sorted(names))}")


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
