"""Verbs on models: train, evaluate, predict, report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mien import console
from mien.cli.base import DONE_BUT_FOR_FAILURES, NOTHING_KEPT, Table, app, stoppable
from mien.config import TrainSettings

Recipe = Annotated[
    str,
    typer.Option(
        help="What to train: seed, the reference's own network and one batch an epoch; mlp, the "
        "same standardised and in small batches."
    ),
]
SplitName = Annotated[
    str,
    typer.Option(help="Hold out: subject (people), time (each clip's end), random-frame (leaky)."),
]
Folds = Annotated[int, typer.Option(help="Person-disjoint folds.")]
Seed = Annotated[int, typer.Option(help="For the weights and the folds.")]
Epochs = Annotated[int, typer.Option(help="Passes over all rows.")]
MaxFolds = Annotated[
    int | None,
    typer.Option(help="Fit only so many of the folds: a large table says enough with one."),
]
BatchRows = Annotated[
    int | None, typer.Option(help="Rows a step, 1,024 if not given; not for seed, which takes all.")
]
Patience = Annotated[
    int | None,
    typer.Option(
        metavar="EPOCHS",
        help="Stop early after so many epochs without a better loss on people set aside.",
    ),
]
Device = Annotated[str, typer.Option(help="Train on: auto, cpu or cuda.")]
Precision = Annotated[
    str, typer.Option(help="Of the products: float32, bfloat16, or auto, by recipe and processor.")
]


def _settings(options: dict[str, Any]) -> dict[str, Any]:
    """Those of a verb's options that are settings of training."""
    return {name: options[name] for name in TrainSettings.model_fields if name in options}


@app.command()
@stoppable("stopped; the same command with --resume goes on from here")
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
    max_folds: MaxFolds = None,
    batch_rows: BatchRows = None,
    patience: Patience = None,
    device: Device = "auto",
    precision: Precision = "auto",
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from where a stopped training was.")
    ] = False,
    tensorboard: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write TensorBoard logs here.")
    ] = None,
) -> None:
    """Train a recipe and say honestly what it is worth.

    Writes a model folder with metrics, figures and report.html. The score on
    random frames is printed beside the one on people never seen, and named leaky.
    A table of gigabytes is read once into a matrix on disk (`mien cache`).

    Examples:

        mien train landmarks.parquet --recipe seed -o model

        mien train landmarks.parquet --split random-frame -o reference

        mien train emotion_landmark_dataset.parquet --max-folds 1 -o model --resume
    """
    settings = _settings(locals())
    from mien.workflows.train import train as run

    with console.StepProgress() as progress:
        result = run(
            table,
            out=output,
            resume=resume,
            tensorboard=tensorboard,
            on_progress=progress,
            on_note=console.warn,
            **settings,
        )
    console.show_scores(result.results)
    console.show_paths([result.folder, result.report])


@app.command()
@stoppable(NOTHING_KEPT)
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
    max_folds: MaxFolds = None,
    batch_rows: BatchRows = None,
    patience: Patience = None,
    device: Device = "auto",
    precision: Precision = "auto",
) -> None:
    """Score a recipe on people it has not seen, beside the leaky score and the majority.

    Example:

        mien evaluate landmarks.parquet --recipe seed --folds 5 -o evaluation
    """
    settings = _settings(locals())
    from mien.workflows.evaluate import evaluate as run

    with console.StepProgress() as progress:
        result = run(table, out=output, on_progress=progress, **settings)
    console.show_scores(result.results)
    console.show_paths([result.report] if result.report else [])


@app.command()
@stoppable(NOTHING_KEPT)
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
