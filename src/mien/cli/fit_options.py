"""The options of train and evaluate, each declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mien.config import TrainSettings

Recipe = Annotated[
    str,
    typer.Option(
        help="What to train: majority, facs, seed (the reference's own network, one batch an "
        "epoch), logistic, svm, blend, kernel, mlp; for how the face moves, temporal, lstm, cnn."
    ),
]
Recipes = Annotated[str, typer.Option(help="As in mien train; several with commas between.")]
SplitName = Annotated[
    str,
    typer.Option(help="Hold out: subject (people), time (each clip's end), random-frame (leaky)."),
]
Folds = Annotated[int, typer.Option(help="Person-disjoint folds.")]
Seed = Annotated[int, typer.Option(help="For the weights and the folds.")]
Epochs = Annotated[
    int | None, typer.Option(help="Passes over all rows; the recipe's own if not given.")
]
MaxFolds = Annotated[
    int | None,
    typer.Option(help="Fit only so many of the folds: a large table says enough with one."),
]
BatchRows = Annotated[
    int | None,
    typer.Option(help="Rows or clips a step, if not the recipe's own; seed takes all."),
]
Patience = Annotated[
    int | None,
    typer.Option(
        metavar="EPOCHS",
        help="Stop early after so many epochs without a better loss on people set aside.",
    ),
]
ClassWeight = Annotated[
    str, typer.Option(help="Of rare labels: none, balanced, sqrt, or auto, the recipe's own.")
]
Causal = Annotated[
    bool, typer.Option("--causal", help="Of clips: look at no later frame, as when live.")
]
CalibrationName = Annotated[
    str, typer.Option(help="none, temperature, bias, isotonic, or auto, the recipe's own.")
]
Balance = Annotated[
    float,
    typer.Option(help="Further towards rare labels than the recipe answers: 0, not at all, to 1."),
]
Coverage = Annotated[float, typer.Option(help="Share of true labels that sets promise to hold.")]
Enrol = Annotated[
    bool,
    typer.Option("--enrol", help="Score apart what a person's own neutral face is worth."),
]
Beside = Annotated[
    str, typer.Option(help="Recipes whose scores stand beside, with commas between; '' for none.")
]
Subjects = Annotated[
    Path | None, typer.Option(metavar="CSV", help="Who is in each clip, where the table lacks it.")
]
FoldsFile = Annotated[
    Path | None,
    typer.Option(metavar="JSON", help="Who is held out together; written when not there."),
]
Demographics = Annotated[
    Path | None,
    typer.Option(metavar="CSV", help="CREMA-D's VideoDemographics.csv or alike: gaps by group."),
]
CremaDVotes = Annotated[
    Path | None,
    typer.Option(metavar="CSV", help="CREMA-D's summaryTable.csv: agreement with its raters."),
]
Device = Annotated[str, typer.Option(help="Train on: auto, cpu or cuda.")]
Precision = Annotated[
    str, typer.Option(help="Of the products: float32, bfloat16, or auto, by recipe and processor.")
]
_FILES = ("subjects", "folds_file", "demographics", "crema_d_votes")


def shared_options(options: dict[str, Any]) -> dict[str, Any]:
    """Those of a verb's options that train and evaluate share."""
    named = {name: options[name] for name in TrainSettings.model_fields if name in options}
    files = {name: options[name] for name in _FILES}
    beside = [name.strip() for name in options["beside"].split(",") if name.strip()]
    return {**named, **files, "beside": beside}
