"""One recording to finished parts: decode, track, keep; go on where it stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from mien.config import ExtractSettings
from mien.errors import VideoError
from mien.face.bundle import BUNDLE_SHA256
from mien.recording.facemesh import EXTRACTOR, FaceMesh
from mien.recording.parts import ClipParts, Rows
from mien.recording.smoothing import OneEuroFilter
from mien.recording.sources import Source
from mien.recording.tracking import FaceTracker
from mien.recording.video import Frame, Position, read_frames

PART_FRAMES = 1500  # a minute at 25 frames/s: what a kill can cost; 8.6 MB

_BURST_BYTES = 8 << 20


@dataclass(frozen=True)
class ClipDone:
    """How one clip ended. `failure` is the reason in words, None when all went well."""

    clip: str
    key: dict[str, Any] | None = None  # of its parts
    failure: str | None = None


def part_key(
    clip: str, settings: ExtractSettings, fingerprint: dict[str, object]
) -> dict[str, Any]:
    """What a clip's points depend on, as JSON values: the file, the model and the settings."""
    return {
        "clip": clip,
        "file": fingerprint,
        "extractor": EXTRACTOR,
        "model_sha256": BUNDLE_SHA256,
        "settings": settings.model_dump(),
    }


def extract_clip(
    source: Source,
    parts_folder: Path,
    settings: ExtractSettings,
    on_frames: Callable[[int], None] = lambda _: None,
) -> ClipDone:
    """Extract one file into parts, from where an earlier run left it.

    on_frames: told of every few frames that are done, resumed ones too.
    A file that cannot be read comes back as a failure; the finished parts of a
    long one stay, for another run.
    """
    key = part_key(source.clip, settings, source.fingerprint())
    parts = ClipParts.of(parts_folder, key)
    before = parts.last()
    position = Position(*before["last"]) if before else None
    if position:
        on_frames(position.index + 1)
    if before and before["final"]:
        return ClipDone(source.clip, key)
    frames = _in_bursts(read_frames(source.path, after=position, padded=True))
    try:
        extract_frames(
            frames, parts, settings, state=before["state"] if before else None, on_frames=on_frames
        )
    except VideoError as error:
        return ClipDone(source.clip, failure=str(error))
    if source.fingerprint() != key["file"]:
        parts.remove()
        return ClipDone(source.clip, failure="it changed while it was read: extract it again")
    return ClipDone(source.clip, key)


def extract_frames(
    frames: Iterable[Frame],
    parts: ClipParts,
    settings: ExtractSettings,
    *,
    state: dict[str, Any] | None = None,
    is_live: bool = False,
    on_frames: Callable[[int], None] = lambda _: None,
) -> None:
    """Track faces through frames and write their rows as parts.

    is_live: a KeyboardInterrupt or VideoError passes through after all whole
    rows are written, since nobody can read those frames again. Of a file, an
    unfinished part is dropped: its state may be half-way through a frame.
    """
    before = state or {}
    tracker = FaceTracker(_mesh(), settings, before.get("tracker"))
    smoother = _smoother(settings, before.get("smoother"))
    rows, last = Rows(), None

    def write(*, final: bool) -> None:
        nonlocal rows, smoother
        assert last is not None
        advanced = smoother and replace(smoother)  # an interrupt in here must leave it as it was
        table = rows.table(advanced)
        remembered = {"tracker": tracker.state(), "smoother": advanced and advanced.state()}
        parts.write(table, last=last, state=remembered, final=final)
        rows, smoother = Rows(), advanced

    try:
        for frame in frames:
            if last is not None and rows.frames == PART_FRAMES:
                write(final=False)
            rows.add(frame, tracker.step(frame.image, frame.time_s))
            last = Position(frame.index, frame.time_s, frame.is_exact)
            on_frames(1)
    except (KeyboardInterrupt, VideoError):
        if is_live and last is not None:
            write(final=False)
        raise
    if last is not None:
        write(final=True)
    elif state is not None:  # the last part ended with the file
        parts.write(Rows().table(), last=_last_of(parts), state=state, final=True)


def _smoother(settings: ExtractSettings, state: list[Any] | None) -> OneEuroFilter | None:
    """The filter for the only face's points; None when there is to be none."""
    if settings.faces > 1 or not settings.smooth:
        return None
    return OneEuroFilter() if state is None else OneEuroFilter.restored(state)


def _last_of(parts: ClipParts) -> Position:
    said = parts.last()
    assert said is not None
    return Position(*said["last"])


def _in_bursts(frames: Iterator[Frame]) -> Iterator[Frame]:
    """The same frames, decoded some at a time.

    Decoder and landmark model each fill a core's cache: taking turns at every
    frame costs the decoder half as much again.
    """
    burst: list[Frame] = []
    size = 0
    for frame in frames:
        burst.append(frame)
        size += frame.image.nbytes
        if size >= _BURST_BYTES:
            yield from burst
            burst, size = [], 0
    yield from burst


@cache
def _mesh() -> FaceMesh:
    """One pair of models a process."""
    import cv2

    cv2.setNumThreads(1)  # a worker is one core
    # Freeing one large block teaches glibc to keep freed memory for the next frames
    # (its threshold is dynamic, mallopt(3)); else each burst's pages are fetched anew.
    np.empty(31 << 20, np.uint8)
    return FaceMesh()
