"""metrics.json: everything that a report says, so that it can be written again from the folder."""

from __future__ import annotations

import json
import math
import platform
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

import mien
from mien.config import TrainSettings
from mien.corpora.survey import Survey
from mien.errors import InputError
from mien.evaluation.answers import Answers
from mien.evaluation.comparison import Comparison, compare
from mien.evaluation.enrolment import EnrolmentGain
from mien.evaluation.evaluate import Evaluation
from mien.evaluation.metrics import Number, Record
from mien.evaluation.split_result import SplitResult

RESULTS_VERSION = 2
METRICS = "metrics.json"
PACKAGES = ("mien", "numpy", "onnxruntime", "pyarrow", "safetensors", "scikit-learn", "torch")


class TableFacts(Record):
    """What was learnt from."""

    name: str  # the file's name, without its folder
    sha256: str
    rows: int
    rows_without_face: int
    rows_without_label: int
    clips: int
    people: int
    people_from: str
    labels: dict[str, int]
    renamed: dict[str, str]
    leakage: str
    problems: list[str]
    preview: list[dict[str, Any]]


class Environment(Record):
    """What it was computed with. No host name, no user, no paths."""

    python: str
    platform: str
    packages: dict[str, str]


class Results(Record):
    """The numbers of one train or evaluate."""

    schema_version: int = RESULTS_VERSION
    made_by: str  # "mien train" or "mien evaluate"
    created_utc: str
    recipe: str
    settings: dict[str, Any]
    settings_digest: str
    table: TableFacts
    saved_split: str | None  # which split's first model was saved; None when none was
    splits: list[SplitResult] = Field(min_length=2)  # majority, leaky, then the honest one
    gap: Number
    comparison: Comparison | None  # of clips of people never seen: this recipe, then those beside
    loss_history: list[float]
    warnings: list[str]
    environment: Environment
    weights_sha256: str | None
    enrolment: EnrolmentGain | None = None  # apart from all scores above; absent in older files

    def split(self, name: str) -> SplitResult | None:
        return next((result for result in self.splits if result.split == name), None)

    @property
    def honest(self) -> SplitResult | None:
        """The split by person, else by time, else None."""
        return self.split("subject") or self.split("time")


def gather(
    evaluation: Evaluation,
    settings: TrainSettings,
    *,
    made_by: str,
    table: TableFacts,
    saved_split: str | None = None,
    weights_sha256: str | None = None,
    beside: Mapping[str, Answers] | None = None,
) -> Results:
    """One record of an evaluation and what it was made from.

    beside: other recipes' answers about the same clips.
    """
    fitted = [evaluation.leaky] + ([evaluation.held_out] if evaluation.held_out else [])
    shown = next((f for f in fitted if f.result.split == saved_split), fitted[-1])
    return Results(
        made_by=made_by,
        created_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        recipe=settings.recipe,
        settings=settings.model_dump(mode="json"),
        settings_digest=settings.digest(),
        table=table,
        saved_split=saved_split,
        splits=[evaluation.majority, *(f.result for f in fitted)],
        gap=evaluation.gap,
        comparison=_compared(evaluation, settings.recipe, beside or {}),
        loss_history=list(shown.fitted.estimator.loss_history_),
        warnings=evaluation.warnings,
        environment=environment(),
        weights_sha256=weights_sha256,
        enrolment=evaluation.enrolment,
    )


def _compared(
    evaluation: Evaluation, recipe: str, beside: Mapping[str, Answers]
) -> Comparison | None:
    """The recipe's answers beside always the majority's and those of others."""
    if evaluation.held_out is None or evaluation.held_out.result.split != "subject":
        return None
    every = {
        recipe: evaluation.held_out.answers,
        "majority": evaluation.majority_answers,
        **beside,
    }
    return compare(every)


def table_facts(
    survey: Survey, *, name: str, sha256: str, preview: list[dict[str, Any]]
) -> TableFacts:
    """What a report says of a table."""
    return TableFacts(
        name=name,
        sha256=sha256,
        rows=survey.rows,
        rows_without_face=survey.rows_without_face,
        rows_without_label=survey.rows_without_label,
        clips=survey.clips,
        people=len(survey.subjects),
        people_from=survey.subjects_from,
        labels=survey.labels,
        renamed=survey.renamed,
        leakage=survey.leakage_sentence(),
        problems=[problem.sentence() for problem in survey.problems],
        preview=[{name: _finite(value) for name, value in row.items()} for row in preview],
    )


def environment() -> Environment:
    """Python, platform and the versions of the packages that numbers depend on."""
    packages = {"mien": mien.__version__}
    for name in PACKAGES[1:]:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            packages[name] = "not installed"
    return Environment(
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}, {sys.byteorder}-endian",
        packages=packages,
    )


def write_results(results: Results, folder: Path) -> Path:
    """Write metrics.json into a folder. Undefined numbers are null."""
    text = json.dumps(json.loads(results.model_dump_json()), indent=1, ensure_ascii=False)
    path = folder / METRICS
    path.write_text(text + "\n", encoding="utf-8")
    return path


def load_results(folder: str | Path) -> Results:
    """Read metrics.json of a folder. Raises InputError when it is absent or not this mien's."""
    path = Path(folder) / METRICS
    if not path.is_file():
        raise InputError(
            f"no {METRICS} in {folder}: give a folder that mien train or evaluate wrote"
        )
    text = path.read_text(encoding="utf-8")
    try:
        found = json.loads(text).get("schema_version")
    except (ValueError, AttributeError):
        found = RESULTS_VERSION  # no record at all: what follows says why
    if found != RESULTS_VERSION:
        raise InputError(
            f"{path} is version {found!r}, wanted {RESULTS_VERSION}: evaluate again with this mien"
        )
    try:
        return Results.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "the file"
        raise InputError(f"{path}: {key}: {first['msg']}: evaluate again with this mien") from error


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
