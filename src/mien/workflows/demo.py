"""`mien demo`: the whole journey on what is packaged: synthetic people and six real clips."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mien.corpora.sample import SAMPLE_FOLDER
from mien.emotion.contract import Progress
from mien.workflows.extract import ExtractResult, extract
from mien.workflows.inspect import Inspection, inspect
from mien.workflows.overlay import overlay
from mien.workflows.predict import Predicted, predict
from mien.workflows.simulate import Simulated, simulate
from mien.workflows.train import Trained, train

RECIPE = "temporal"
PEOPLE, CLIPS_EACH, FRAMES, FOLDS, EPOCHS = 40, 12, 45, 2, 10


@dataclass(frozen=True)
class RealClip:
    """One of the six clips: what it is labelled, and what was answered."""

    clip: str
    label: str
    by_model: str | None  # None: no face
    by_facs: str | None


@dataclass(frozen=True)
class Demo:
    """Each step's result, in the order of the journey."""

    extracted: ExtractResult
    inspection: Inspection
    figure: Path
    simulated: Simulated
    trained: Trained
    real_clips: list[RealClip]

    def remarks(self) -> Iterator[str]:
        """What the scores mean, and what they do not."""
        honest = self.trained.results.honest
        assert honest is not None
        count = len(self.real_clips)
        by_model = sum(clip.by_model == clip.label for clip in self.real_clips)
        by_facs = sum(clip.by_facs == clip.label for clip in self.real_clips)
        yield (
            f"Recipe {RECIPE} learnt from synthetic people alone: of clips of synthetic people it "
            f"never saw it is right {honest.clips.accuracy.value:.2f} of the time."
        )
        yield (
            f"Of the six real clips it is right on {by_model} of {count}, facs (published rules, "
            f"no training) on {by_facs}. One actor is no measure of a model, and learning on a "
            "simulation says little about real faces: train on real people to use it."
        )


def demo(
    out: str | Path,
    *,
    on_progress: Progress | None = None,
) -> Demo:
    """Extract, inspect, draw six CREMA-D clips; train on synthetic people; predict the clips.

    Synthetic people are held out from one another, a fold at a time. Everything goes
    into one folder; a second run keeps the clips' table and does the rest anew.
    Raises MissingExtraError before anything is done when mien[train] is not installed.
    """
    from mien.workflows.evaluate import checked_recipe

    checked_recipe(RECIPE)
    out = Path(out)
    table = out / "landmarks.parquet"
    told = on_progress or (lambda doing, done, total: None)
    told("extracting six clips", 0, 1)
    extracted = extract([SAMPLE_FOLDER], table)
    inspection = inspect(table)
    figure = overlay(table, videos=SAMPLE_FOLDER, out=out / "overlay.png").figure
    assert figure is not None
    simulated = simulate(
        out / "synthetic.parquet",
        people=PEOPLE,
        clips_each=CLIPS_EACH,
        frames=FRAMES,
        overwrite=True,
        on_progress=on_progress,
    )
    trained = train(
        simulated.table,
        out=out / "model",
        recipe=RECIPE,
        folds=FOLDS,
        epochs=EPOCHS,
        overlay_png=figure.read_bytes(),
        on_progress=on_progress,
    )
    by_model = predict(table, model=trained.folder, out=out / "predictions.parquet")
    return Demo(
        extracted, inspection, figure, simulated, trained, _answers(by_model, predict(table))
    )


def _answers(by_model: Predicted, by_facs: Predicted) -> list[RealClip]:
    rows = zip(by_model.clips.to_pylist(), by_facs.clips.to_pylist(), strict=True)
    return [
        RealClip(model["video_filename"], model["emotion"], model["predicted"], facs["predicted"])
        for model, facs in rows
    ]
