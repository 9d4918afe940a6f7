"""`mien overlay`: landmarks on their frames, faces masked, as a figure or a video."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mien.corpora.labels import canonical_label
from mien.corpora.survey import Names
from mien.errors import InputError, VideoError
from mien.evaluation.overlay_figure import Panel, check_figure_path, overlay_figure, sample_rows
from mien.recording.clips import frames_at, resolve_clip
from mien.recording.drawing import (
    MASKS,
    Mask,
    Painter,
    captioned,
    is_located,
    scaled_to,
)
from mien.recording.overlay_video import check_video_path, write_overlay_video
from mien.recording.video import Frame
from mien.tables import LandmarkSource, open_landmarks
from mien.workflows.overlay_rows import (
    Key,
    Rows,
    faces_in_order,
    faces_of,
    read_predictions,
    read_rows,
)

_PANEL_PX = 960  # longer side of a frame in the figure
_REMEMBER_FRAMES = 15  # in a video, a bystander that the detector misses stays masked so long
_MASK_WORDS = {"fill": "faces masked", "blur": "faces blurred", "none": "faces not masked"}


@dataclass
class OverlayResult:
    """What was drawn, and what could not be. A path is None when it was not asked for."""

    figure: Path | None = None
    video: Path | None = None
    candidates: int = 0  # rows with a face whose clip was found: the figure is a sample of them
    frames: int = 0  # drawn, in the figure and the video together
    drawn: list[Key] = field(default_factory=list)  # the figure's, in the order of the sample
    missing_clips: list[str] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)  # clip -> reason

    @property
    def is_complete(self) -> bool:
        return not self.missing_clips and not self.failures


@dataclass(frozen=True)
class _Job:
    """What figure and video have in common."""

    source: LandmarkSource
    videos: Path
    mask: Mask
    result: OverlayResult


def overlay(
    table: str | Path,
    *,
    videos: str | Path,
    out: str | Path | None = None,
    frames: int = 16,
    random_state: int = 26,
    mask: Mask = "fill",
    predictions: str | Path | None = None,
    video: str | Path | None = None,
    clip: str | None = None,
) -> OverlayResult:
    """Draw landmarks on the frames they came from: random frames as a figure, a clip as a video.

    Frames are drawn at random from the rows that have a face and whose clip is
    in the folder, as pandas' sample(n=frames, random_state=random_state) would.
    Every face is masked first; a detector looks for faces that the table lacks.
    Clips that are missing or cannot be read are named in the result and skipped.

    videos: the folder that the table's clip names start from. out: .png or .pdf.
    mask: `fill`, `blur` or `none`. predictions: a table with video_filename,
    frame_num and predicted, to group by. video: a file for the whole of `clip`,
    which may be left out when the table has one clip only.
    Raises InputError or TableError when nothing can be drawn, or when a clip's
    name leads outside the folder.

    For example: mien.overlay("landmarks.parquet", videos="clips", out="overlay.png")
    """
    _check_options(out, frames, random_state, mask, video)
    job = _Job(open_landmarks(table), Path(videos), mask, OverlayResult())
    if out is not None:
        predicted = None if predictions is None else read_predictions(predictions)
        _draw_figure(job, Path(out), frames, random_state, predicted)
    if video is not None:
        _draw_video(job, Path(video), clip)
    return job.result


def _check_options(
    out: str | Path | None, frames: int, random_state: int, mask: str, video: str | Path | None
) -> None:
    if out is None and video is None:
        raise InputError("nothing to draw: give a figure's name (.png or .pdf) or a video's (.mp4)")
    if out is not None:
        check_figure_path(out)
    if video is not None:
        check_video_path(video)
    if frames < 1:
        raise InputError(f"frames must be 1 or more, got {frames}")
    if not 0 <= random_state < 2**32:
        raise InputError(f"random_state must be from 0 to 4294967295, got {random_state}")
    if mask not in MASKS:
        raise InputError(f"mask is {mask!r}, wanted one of {', '.join(MASKS)}")


def _draw_figure(
    job: _Job, out: Path, frames: int, random_state: int, predicted: Mapping[Key, str] | None
) -> None:
    rows = read_rows(job.source)
    paths = _find_clips(rows, job)
    _refuse_recording(out, paths.values())
    candidates = _candidates(rows, paths, job)
    chosen = candidates[sample_rows(len(candidates), size=frames, random_state=random_state)]
    panels = _panels(rows, chosen, paths, predicted, job)
    if predicted is not None and all(panel.predicted is None for panel in panels):
        raise InputError(
            "the predictions name none of the frames drawn: make them from this table, "
            "with mien predict"
        )
    job.result.drawn = [(panel.clip, panel.frame_num) for panel in panels]
    job.result.frames += len(panels)
    job.result.figure = overlay_figure(
        panels,
        out=out,
        heading="Landmarks on their frames, by "
        + ("emotion" if predicted is None else "predicted emotion"),
        footer=f"{len(panels)} of {len(candidates):,} rows with a face, drawn at random "
        f"(random_state {random_state}) · {_MASK_WORDS[job.mask]} · research use only",
        by_predicted=predicted is not None,
    )


def _refuse_recording(out: Path, recordings: Iterable[Path]) -> None:
    """Never write what is drawn over a recording that it is drawn from."""
    if out.exists() and any(out.samefile(path) for path in recordings if path.name == out.name):
        raise InputError(f"{out} is a recording of this table: choose another name")


def _candidates(rows: Rows, paths: Mapping[str, Path], job: _Job) -> np.ndarray:
    """The rows that may be drawn: with a face, in a clip that was found."""
    is_found = np.array([name in paths for name in rows.names], bool)
    candidates = np.flatnonzero(rows.has_face & is_found[rows.clip])
    if not len(candidates):
        raise InputError(
            f"{job.source.path}: no row of the clips in {job.videos} has a face, "
            "so there is nothing to draw"
        )
    job.result.candidates = len(candidates)
    return candidates


def _panels(
    rows: Rows,
    chosen: np.ndarray,
    paths: Mapping[str, Path],
    predicted: Mapping[Key, str] | None,
    job: _Job,
) -> list[Panel]:
    """The chosen rows, drawn; those whose frame cannot be read are left out."""
    keys = [(rows.names[rows.clip[row]], int(rows.frame_num[row])) for row in chosen]
    images = _drawn_frames(paths, faces_of(job.source, set(keys)), job)
    if not images:
        clip, reason = next(iter(job.result.failures.items()))
        raise InputError(f"none of the {len(keys)} frames could be read; {clip}: {reason}")
    return [
        _panel(rows, row, key, images[key], predicted)
        for row, key in zip(chosen, keys, strict=True)
        if key in images
    ]


def _panel(
    rows: Rows,
    row: int,
    key: Key,
    drawn: tuple[np.ndarray, str],
    predicted: Mapping[Key, str] | None,
) -> Panel:
    emotion = int(rows.emotion[row])
    return Panel(
        image=drawn[0],
        clip=key[0],
        frame_num=key[1],
        emotion=None if emotion < 0 else canonical_label(rows.names[emotion]),
        predicted=None if predicted is None else predicted.get(key),
        note=drawn[1],
    )


def _find_clips(rows: Rows, job: _Job) -> dict[str, Path]:
    """Clip name -> file, for those in the folder; the others are named in the result."""
    found = {}
    clips = [rows.names[index] for index in np.unique(rows.clip[rows.clip >= 0])]
    for name in clips:
        path = resolve_clip(job.videos, name)
        if path is None:
            job.result.missing_clips.append(name)
        else:
            found[name] = path
    if not found:
        raise InputError(
            f"none of the table's {len(clips)} clips is in {job.videos} (such as "
            f"{clips[0] if clips else ''!r}): give the folder that the clip names start from"
        )
    return found


def _drawn_frames(
    paths: Mapping[str, Path], faces: Mapping[Key, np.ndarray], job: _Job
) -> dict[Key, tuple[np.ndarray, str]]:
    """Each frame's drawn image and a note, by one pass over each clip that is needed."""
    drawn = {}
    paint = Painter(job.mask)
    for clip in sorted({clip for clip, _ in faces}):
        wanted = {frame for name, frame in faces if name == clip}
        try:
            for frame in frames_at(paths[clip], indices=wanted):
                key = (clip, frame.index)
                image = scaled_to(frame.image, longer_px=_PANEL_PX)
                drawn[key] = (paint(image, faces[key]), _note(faces[key]))
        except VideoError as error:
            job.result.failures[clip] = str(error)
            continue
        beyond = sorted(frame for frame in wanted if (clip, frame) not in drawn)
        if beyond:
            job.result.failures[clip] = f"it ends before frame {beyond[0]} of the table"
    return drawn


def _note(faces: np.ndarray) -> str:
    if is_located(faces):
        return ""
    return "no face found" if np.isnan(faces).all() else "points missing"


def _draw_video(job: _Job, out: Path, clip: str | None) -> None:
    clip = _chosen_clip(job.source, clip)
    path = resolve_clip(job.videos, clip)
    if path is None:
        raise InputError(f"no clip {clip!r} in {job.videos}")
    _refuse_recording(out, [path])
    faces_at = faces_in_order(job.source, clip)
    paint = Painter(job.mask, remember_frames=_REMEMBER_FRAMES)

    def draw(frame: Frame) -> np.ndarray:
        faces = faces_at(frame.index)
        image, note = paint(frame.image, faces), _note(faces)
        return captioned(image, note) if note else image

    try:
        job.result.frames += write_overlay_video(path, out=out, draw=draw)
    except VideoError as error:
        raise VideoError(f"{clip}: {error}") from error
    job.result.video = out


def _chosen_clip(source: LandmarkSource, clip: str | None) -> str:
    names = Names()
    for batch in source.batches(("video_filename",), batch_rows=65_536):
        names.numbers(batch.column("video_filename"))
    if clip is None and len(names.all) == 1:
        return names.all[0]
    if clip not in names.all:
        some = ", ".join(names.all[:3]) + (", …" if names.all[3:] else "")
        came = "no clip was named for the video" if clip is None else f"no clip {clip!r}"
        raise InputError(f"{came}: {source.path} has {some or 'none'}")
    return clip
