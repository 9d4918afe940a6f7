"""Verbs on models: train, evaluate, predict, report, explain."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mien import console
from mien.cli import alarm_options as alarm
from mien.cli import fit_options as fit
from mien.cli.base import NOTHING_KEPT, Table, app, end, say_lines, stoppable

Resume = Annotated[bool, typer.Option("--resume", help="Go on from where a stopped training was.")]
TensorBoard = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="Write TensorBoard logs here.")
]
OptionalTable = Annotated[
    Path | None,
    typer.Argument(metavar="TABLE", show_default=False, help="A landmark table, Parquet or CSV."),
]
Method = Annotated[
    str,
    typer.Option(
        help="occlusion (any model, no torch) or integrated-gradients (networks; mien[train])."
    ),
]
Clips = Annotated[
    list[str] | None,
    typer.Option(help="Show this clip, by its video_filename; may be repeated."),
]
Labels = Annotated[
    list[str] | None, typer.Option("--class", help="Sum up this label only; may be repeated.")
]
Reference = Annotated[
    Path | None,
    typer.Option(metavar="TABLE", help="Compare with the mean face of this table, not of TABLE."),
]


@app.command()
@stoppable("stopped; the same command with --resume goes on from here")
def train(
    table: Table,
    recipe: fit.Recipe = "seed",
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The model folder to write.")
    ] = Path("model"),
    split: fit.SplitName = "subject",
    folds: fit.Folds = 5,
    seed: fit.Seed = 0,
    epochs: fit.Epochs = None,
    max_folds: fit.MaxFolds = None,
    batch_rows: fit.BatchRows = None,
    patience: fit.Patience = None,
    class_weight: fit.ClassWeight = "auto",
    causal: fit.Causal = False,
    calibration: fit.CalibrationName = "auto",
    balance: fit.Balance = 0.0,
    coverage: fit.Coverage = 0.9,
    enrol: fit.Enrol = False,
    beside: fit.Beside = "seed",
    subjects: fit.Subjects = None,
    folds_file: fit.FoldsFile = None,
    demographics: fit.Demographics = None,
    crema_d_votes: fit.CremaDVotes = None,
    device: fit.Device = "auto",
    precision: fit.Precision = "auto",
    resume: Resume = False,
    tensorboard: TensorBoard = None,
) -> None:
    """Train a recipe and say honestly what it is worth.

    Writes a model folder with metrics, figures and report.html. The score on
    random frames is printed beside the one on people never seen, and named leaky.
    A table of gigabytes is read once into a matrix on disk (`mien cache`).

    Examples:

        mien train landmarks.parquet --recipe mlp -o model

        mien train clips.parquet --recipe temporal --causal -o live

        mien train landmarks.parquet --split random-frame -o reference

        mien train emotion_landmark_dataset.parquet --max-folds 1 -o model --resume
    """
    shared = fit.shared_options(locals())
    from mien.workflows.train import train as run

    with console.StepProgress() as progress:
        result = run(
            table,
            out=output,
            resume=resume,
            tensorboard=tensorboard,
            on_progress=progress,
            on_note=console.warn,
            **shared,
        )
    console.show_scores(result.results)
    console.show_paths([result.folder, result.report])


@app.command()
@stoppable(NOTHING_KEPT)
def evaluate(
    context: typer.Context,
    table: OptionalTable = None,
    recipe: fit.Recipes = "seed",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A folder for metrics and report.")
    ] = None,
    split: fit.SplitName = "subject",
    folds: fit.Folds = 5,
    seed: fit.Seed = 0,
    epochs: fit.Epochs = None,
    max_folds: fit.MaxFolds = None,
    batch_rows: fit.BatchRows = None,
    patience: fit.Patience = None,
    class_weight: fit.ClassWeight = "auto",
    causal: fit.Causal = False,
    calibration: fit.CalibrationName = "auto",
    balance: fit.Balance = 0.0,
    coverage: fit.Coverage = 0.9,
    enrol: fit.Enrol = False,
    beside: fit.Beside = "seed",
    subjects: fit.Subjects = None,
    folds_file: fit.FoldsFile = None,
    demographics: fit.Demographics = None,
    crema_d_votes: fit.CremaDVotes = None,
    device: fit.Device = "auto",
    precision: fit.Precision = "auto",
    alarms: alarm.Alarms = False,
    days: alarm.Days = 4,
    episodes: alarm.Episodes = 24,
    workers: alarm.Workers = 1,
) -> None:
    """Score recipes on people they have not seen, beside the leaky score and the majority.

    Several recipes are compared on the same people, with intervals of the differences.

    With --alarms it is the bedside watch that is measured, on simulated patients: episodes found
    and how soon, false alarms a day, what each rule is worth (docs/alarms.md). A patient-day
    takes about a minute.

    Examples:

        mien evaluate landmarks.parquet --recipe svm --folds 5 -o evaluation

        mien evaluate landmarks.parquet --recipe logistic,mlp,temporal --folds-file folds.json

        mien evaluate --alarms --days 4 --episodes 24 -o alarms
    """
    if alarm.is_asked(context, alarms=alarms, table=table):
        alarm.evaluate_alarms(
            days=days, episodes=episodes, seed=seed, output=output, workers=workers
        )
        return
    assert table is not None
    shared = fit.shared_options(locals())
    from mien.workflows.evaluate import evaluate as run

    with console.StepProgress() as progress:
        result = run(table, out=output, on_progress=progress, **shared)
    console.show_scores(result.results)
    console.show_paths([result.report] if result.report else [])


@app.command()
@stoppable(NOTHING_KEPT)
def predict(
    source: Annotated[
        list[str], typer.Argument(metavar="VIDEO|TABLE…", help="Recordings, or one table.")
    ],
    model: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="A model folder that mien train wrote; without it, facs."),
    ] = None,
    enrol: Annotated[
        str | None,
        typer.Option(
            metavar="VIDEO|TABLE",
            help="The same people with a neutral face, which is taken off theirs.",
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Probabilities a frame; clips go beside it.")
    ] = Path("predictions.parquet"),
    workers: Annotated[int, typer.Option("--workers", "-w", help="Processes for extraction.")] = 1,
) -> None:
    """Predict probabilities a frame and a clip, from videos, photos or a table.

    Without --model by facs: published rules that need no training and are weak beyond
    Neutral, Happy and Surprise (docs/facs.md). A calibrated model also gives the set of
    labels that remain possible, and an answer, which may be "unknown". A frame without
    a face has no probability. Needs no torch.

    Examples:

        mien predict clip.mp4

        mien predict clip.mp4 --model model -o predictions.csv

        mien predict landmarks.parquet --model model --enrol neutral.mp4
    """
    from mien.workflows.predict import predict as run

    with console.FrameProgress() as progress:
        result = run(
            source,
            model=model,
            enrol=enrol,
            out=output,
            workers=workers,
            on_start=progress.start_on,
            on_frames=progress.advance,
            on_failure=console.failed,
        )
    console.show_predicted(result)
    end(is_complete=not result.failures)


@app.command()
def report(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="What mien train or mien evaluate wrote.")
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The page alone; else page and card in the folder."),
    ] = None,
) -> None:
    """Write report.html and model_card.md again from a model or evaluation folder.

    Example:

        mien report model -o report.html
    """
    from mien.workflows.report import report as run

    console.show_paths([run(folder, out=output)])


@app.command()
@stoppable(NOTHING_KEPT)
def explain(
    table: Table,
    model: Annotated[
        Path | None,
        typer.Option(help="A model folder; without one facs, the rules that need no training."),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The folder for the page, figures and numbers.")
    ] = Path("explanation"),
    clip: Clips = None,
    method: Method = "occlusion",
    label: Labels = None,
    reference: Reference = None,
    max_frames: Annotated[
        int, typer.Option(help="Look at so many frames, evenly over the clips.")
    ] = 2000,
    seed: Annotated[int, typer.Option(help="Of which clips, where not all are looked at.")] = 0,
) -> None:
    """Find out which parts of the face moved a model's answers.

    Writes a page, heat on a face for each label and clip, and all numbers. It says
    what the model used, not what a person feels.

    Examples:

        mien explain landmarks.parquet --model model -o explanation

        mien explain landmarks.parquet --model model --clip 1001_DFA_HAP_XX.flv

        mien explain landmarks.parquet --model model --method integrated-gradients
    """
    from mien.evaluation.explanation_page import describe
    from mien.workflows.explain import explain as run

    with console.StepProgress() as progress:
        result = run(
            table,
            model=model,
            out=output,
            clip=clip,
            method=method,
            classes=label,
            reference=reference,
            max_frames=max_frames,
            seed=seed,
            on_progress=progress,
        )
    say_lines(describe(result.explanation))
    console.show_paths([result.page])
