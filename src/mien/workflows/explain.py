"""`mien explain`: which parts of the face moved a model's answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mien.corpora.frame_size import is_size_known
from mien.emotion.checkpoint import replacing_folder
from mien.emotion.contract import Progress
from mien.emotion.prediction import Model, facs_model, load_model
from mien.errors import InputError
from mien.evaluation.explanation import (
    LEAST_NATS,
    METHODS,
    UNITS,
    AreaWeight,
    ClassExplanation,
    ClipWeights,
    Explanation,
    explain_classes,
    explain_clips,
)
from mien.evaluation.explanation_page import render
from mien.evaluation.mesh_figure import HeatPanel, mesh_figure
from mien.workflows.explain_rows import Sample, take_sample
from mien.workflows.explain_weights import Weighed, network_of, weigh

PAGE, NUMBERS = "explanation.html", "explanation.json"
FILES = (PAGE, NUMBERS, "classes.png", "clips.png")
CLIPS_SHOWN = 8  # with a face each, when none was asked for
MAX_FRAMES = 2000
_SURE = 0.5  # of the reference face, from which its own answer has little left to explain


@dataclass(frozen=True)
class Explained:
    """What was found, and where it was written."""

    explanation: Explanation
    folder: Path
    page: Path


def explain(
    table: str | Path,
    *,
    out: str | Path,
    model: str | Path | None = None,
    clip: str | Sequence[str] | None = None,
    method: str = "occlusion",
    classes: Sequence[str] | None = None,
    reference: str | Path | None = None,
    max_frames: int = MAX_FRAMES,
    seed: int = 0,
    on_progress: Progress | None = None,
) -> Explained:
    """Find out which parts of the face moved a model's answers; write numbers, faces and a page.

    An answer is a clip's, as mien predict gives it; weighed is the log-probability that the
    model itself gives to that answer, before calibration. Areas are weighed by `method`,
    "occlusion" (any model, no torch) or "integrated-gradients" (networks; needs mien[train]),
    against a reference: the mean face of the table, every label counting the same, or that of
    another table, `reference`.

    model: a model folder; None: facs, the rules that mien predict goes by without one.
    clip: which to show, by video_filename; None: all of a few, else the surest of each label.
    classes: labels to sum up; None: all that the model knows. max_frames: how many frames to
    look at, evenly over clips; a model of clips takes whole clips. seed: of which clips.
    Writes explanation.json, explanation.html, classes.png and clips.png into the folder `out`.
    Raises InputError for a clip, label or method that there is not, or when `out` holds
    something else; TableError and ModelError as mien predict does.
    """
    told = on_progress or (lambda doing, done, total: None)
    named = (clip,) if isinstance(clip, str) else tuple(clip or ())
    if method not in METHODS:
        raise InputError(f"no method {method!r}: there are {', '.join(METHODS)}")
    if max_frames < 1:
        raise InputError(f"max_frames must be 1 or more, got {max_frames}")
    loaded = facs_model() if model is None else load_model(model)
    labels = _chosen_labels(loaded.labels, classes)
    network = network_of(model) if method == "integrated-gradients" else None
    whole = loaded.unit == "clip"

    def sample_of(path: str | Path, clips: tuple[str, ...]) -> Sample:
        return take_sample(
            path, most_frames=max_frames, whole_clips=whole, named=clips, seed=seed,
            on_progress=told,
        )  # fmt: skip

    sample = sample_of(table, named)
    other = None if reference is None else sample_of(reference, ())
    weighed = weigh(loaded, sample, network=network, other=other, on_progress=told)
    explanation = _explanation(
        loaded, sample, other, weighed,
        folder=None if model is None else Path(model).resolve().name,
        method=method, labels=labels, shown=_shown(weighed.clips, named),
    )  # fmt: skip
    return _write(explanation, Path(out))


def _chosen_labels(labels: list[str], classes: Sequence[str] | None) -> dict[int, str]:
    """The labels to sum up, by their number. Raises InputError for one that there is not."""
    unknown = [label for label in classes or () if label not in labels]
    if unknown:
        raise InputError(f"the model has no label {unknown[0]!r}: it has {', '.join(labels)}")
    return {n: label for n, label in enumerate(labels) if classes is None or label in classes}


def _explanation(
    model: Model,
    sample: Sample,
    other: Sample | None,
    weighed: Weighed,
    *,
    folder: str | None,
    method: str,
    labels: dict[int, str],
    shown: set[int],
) -> Explanation:
    """What was found, in numbers and words. folder: the model's, by name; None for facs."""
    found = weighed.clips
    return Explanation(
        made_by="mien explain",
        model=folder,
        recipe=model.name,
        feature_set=model.features.name,
        method=method,
        unit=UNITS[method],
        reference=_reference_in_words(other or sample, weighed),
        table=sample.table,
        table_sha256=sample.table_sha256,
        clips_in_table=sample.clips_in_table,
        frames_in_table=sample.rows_in_table,
        frames_without_face=sample.rows_without_face,
        clips_used=len(found.names),
        frames_used=len(sample.points),
        unexplained=weighed.unexplained,
        warnings=_warnings(sample, other, weighed, model),
        classes=explain_classes(found, labels),
        clips=explain_clips(found, model.labels, shown=shown),
    )


def _shown(found: ClipWeights, named: tuple[str, ...]) -> set[int]:
    """The clips that get a face: those asked for, all of a few, or the surest of each label."""
    if named:
        best: dict[str, int] = {}
        for number, name in enumerate(found.names):
            if name in named and found.frames[number] > found.frames[best.get(name, number)] - 1:
                best[name] = number
        return set(best.values())
    if len(found.names) <= CLIPS_SHOWN:
        return set(range(len(found.names)))
    surest = {
        int(np.where(found.answers == number, found.probabilities, -1).argmax())
        for number in np.unique(found.answers)
    }
    return set(sorted(surest, key=lambda clip: -found.probabilities[clip])[:CLIPS_SHOWN])


def _reference_in_words(sample: Sample, weighed: Weighed) -> str:
    """What faces are compared with. What they share with it counts for nothing."""
    known = {label for label in sample.labels if label is not None}
    how = ", every label counting the same" if len(known) > 1 else ""
    answer, probability = weighed.of_reference
    return (
        f"the mean of {len(sample.points):,} frames of {sample.table}{how}, which the model "
        f"answers {answer} ({probability:.2f})"
    )


def _warnings(sample: Sample, other: Sample | None, weighed: Weighed, model: Model) -> list[str]:
    found = []
    has_face = sample.rows_in_table - sample.rows_without_face
    if len(sample.points) < has_face:
        found.append(
            f"{len(sample.points):,} of {has_face:,} frames with a face were looked at, of "
            f"{len(sample.names):,} of {sample.clips_in_table:,} clips: ask for more with "
            "max_frames"
        )
    if sample.is_cropped:
        found.append("of clips longer than max_frames, only the middle was looked at")
    if other is None and sample.clips_in_table == 1:
        found.append(
            "the reference is the mean of the one clip there is, so that only what changes within "
            "it can count: give the table that the model learnt from as reference"
        )
    answer, probability = weighed.of_reference
    if probability > _SURE:
        found.append(
            f"the model answers the reference face itself {answer} ({probability:.2f}), so little "
            f"is left that could move it to {answer}: for that answer, give a table of other faces "
            "as reference"
        )
    if len({person for person in sample.subjects if person is not None}) < 2:
        found.append("with fewer than two known people there is no interval over people")
    square = int((~is_size_known(sample.size_px)).sum())
    if square and model.features.name != "raw-points":
        found.append(
            f"{square:,} frames say nothing of their size and were taken for squares: add "
            "width_px and height_px columns if they were not"
        )
    if weighed.is_coarse:
        found.append(
            f"integrated gradients leave up to {weighed.unexplained:.2f} nats of an answer "
            "unexplained, more than a twentieth on average: trust occlusion more here"
        )
    return found


def _write(found: Explanation, out: Path) -> Explained:
    figures = _figures(found)
    with replacing_folder(out, own_files=FILES) as folder:
        for name, png in figures.items():
            (folder / f"{name}.png").write_bytes(png)
        text = found.model_dump_json(indent=1) + "\n"
        (folder / NUMBERS).write_text(text, encoding="utf-8")
        (folder / PAGE).write_text(render(found, figures=figures), encoding="utf-8")
    return Explained(found, out, out / PAGE)


def _figures(found: Explanation) -> dict[str, bytes]:
    """A face a label and a face a clip, as PNG by name; none where there is nothing to draw."""
    smooth = 1 if found.method == "occlusion" else 2  # single points of a network look like noise
    by_label = [
        HeatPanel(each.label, (_behind(each), _top(each.areas)), np.array(each.points.value))
        for each in found.classes
        if each.points is not None
    ]
    by_clip = [
        HeatPanel(
            Path(each.clip).name,
            (f"{each.answer}, {each.probability:.2f}", _top(each.areas)),
            np.array(each.points),
        )
        for each in found.clips
        if each.points is not None
    ]
    return {
        name: mesh_figure(panels, unit=found.unit, smooth=smooth)
        for name, panels in (("classes", by_label), ("clips", by_clip))
        if panels
    }


def _top(areas: Sequence[AreaWeight]) -> str:
    told = [each for each in areas[:3] if each.nats.value >= LEAST_NATS]
    return " · ".join(f"{each.area} {each.nats.value:.2f}" for each in told) or "no area by itself"


def _behind(found: ClassExplanation) -> str:
    clips = f"{found.clips:,} clip{'' if found.clips == 1 else 's'}"
    people = "person" if found.people == 1 else "people"
    return f"{clips}, {found.people:,} known {people}"
