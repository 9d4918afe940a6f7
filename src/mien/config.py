"""Settings: each with its default, unit and reason, in one place."""

from __future__ import annotations

import hashlib
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mien.errors import InputError

INTENDED_USE = (
    "Research use only. Describes visible facial behaviour; does not measure pain, emotion or "
    "risk of harm. Prompts a bedside assessment with a validated tool. Not a vital-signs monitor; "
    "absence of an alert says nothing about the patient. Not for identification; not for staff, "
    "visitors, workplace or education. Reduced validity: facial palsy, parkinsonism, facial "
    "trauma, masks, sedation, profile view, under-represented groups."
)
CREMA_D_FPS = 29.97
CREMA_D_SIZE_PX = (480, 360)


class Settings(BaseModel):
    """Base of all settings: frozen, and an unknown name is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def digest(self) -> str:
        """The first 16 hexadecimal digits of the settings' SHA-256."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]


AnySettings = TypeVar("AnySettings", bound=Settings)


class ExtractSettings(Settings):
    """How frames become points. What changes a number in the table is here."""

    faces: int = Field(1, ge=1, le=16, description="faces tracked at once; 1: the largest")
    smooth: bool = Field(
        True, description="the One Euro filter that MediaPipe's VIDEO mode applies to one face"
    )
    detection_threshold: float = Field(
        0.5, gt=0, lt=1, description="detector's score from which a box is a face, 0-1"
    )
    presence_threshold: float = Field(
        0.5, gt=0, lt=1, description="landmark confidence below which the face is lost, 0-1"
    )
    redetect_every_frames: int = Field(
        5, ge=1, description="while faces are missing, look for them every so many frames"
    )


RecipeName = Literal[
    "majority",
    "facs",
    "seed",
    "logistic",
    "svm",
    "blend",
    "kernel",
    "mlp",
    "temporal",
    "lstm",
    "cnn",
]


class TrainSettings(Settings):
    """How a recipe is trained, calibrated and scored. None leaves a choice to the recipe."""

    recipe: RecipeName = Field("seed", description="the model and its features")
    split: Literal["subject", "time", "random-frame"] = Field(
        "subject",
        description="what the saved model never sees: people; the end of each clip; "
        "or random frames (leaky: the reference's own split)",
    )
    folds: int = Field(5, ge=2, le=50, description="person-disjoint folds of the evaluation")
    seed: int = Field(
        0, ge=0, lt=2**32, description="weights and folds; splits keep random_state 42"
    )
    epochs: int | None = Field(
        None, ge=1, description="passes over all rows; none: the recipe's own, 20 for seed"
    )
    learning_rate: float | None = Field(
        None, gt=0, description="the largest step; none: the recipe's own, 0.001 for seed"
    )
    hidden_units: int | None = Field(
        None, ge=1, description="width of a hidden layer; none: the recipe's own, 256 for seed"
    )
    batch_rows: int | None = Field(
        None, ge=1, description="rows (or clips) a step; none: the recipe's own, all for seed"
    )
    patience: int | None = Field(
        None,
        ge=1,
        description="stop after so many epochs without a better loss on a tenth of the people "
        "learnt from, who are then set aside for it; none: run every epoch",
    )
    class_weight: Literal["auto", "none", "balanced", "sqrt"] = Field(
        "auto",
        description="weight of rare labels in the loss: alike (none), equal say for each "
        "(balanced), half-way (sqrt); auto: the recipe's own",
    )
    causal: bool = Field(
        False, description="for clips: a frame's answer depends on no later frame, as live"
    )
    calibration: Literal["auto", "none", "temperature", "bias", "isotonic"] = Field(
        "auto",
        description="how probabilities are made to be believed, learnt on people set aside in "
        "turn; auto: temperature, for svm isotonic when it is learnt on 500 people or more, and "
        "none for majority, facs and seed",
    )
    calibration_folds: int | None = Field(
        None,
        ge=2,
        le=20,
        description="so many times people are set aside for it; none: 3",
    )
    balance: float = Field(
        0.0,
        ge=0,
        le=1,
        description="further towards rare labels than the recipe answers: the log of a label's "
        "share is subtracted with this weight; recipes that weigh labels alike are there already",
    )
    coverage: float = Field(
        0.9, gt=0.5, lt=1, description="share of true labels that the sets of labels promise"
    )
    enrol: bool = Field(
        False,
        description="score apart what each held-out person's own neutral face is worth, on their "
        "other clips: one more pass over these",
    )
    max_folds: int | None = Field(
        None,
        ge=1,
        description="fit only so many of the folds: a large table says enough with one",
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where to train")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto",
        description="of the products while training; weights are float32. auto: bfloat16 in small "
        "batches where the processor has it; float32 for seed",
    )


def checked(kind: type[AnySettings], **values: Any) -> AnySettings:
    """Build settings; a bad value becomes one readable line.

    >>> checked(ExtractSettings, faces=0)
    Traceback (most recent call last):
    mien.errors.InputError: faces: Input should be greater than or equal to 1, got 0
    """
    try:
        return kind(**values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{name}: {first['msg']}, got {first['input']!r}") from error
