"""One recording to finished parts: decode, track, keep; go on where it stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from mien.config import ExtractSettings
from mien.errors import VideoError
from mien.recording.facemesh import BUNDLE_SHA256, EXTRACTOR, FaceMesh
from mien.recording.parts import ClipParts, Rows
from mien.recording.sources import Source
from mien.recording.tracking import FaceTracker
from mien.recording.video import Frame, Position, read_frames

PART_FRAMES = 1500  # a minute at 25 frames/s: what a kill can cost; 8.6 MB

_BURST_BYTES = 8 << 20


@dataclass(frozen=True)
class ClipDone:
    """How one clip ended. `failure` is the reason in words, None when all went well."""

    clip: str
    frames: int = 0
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
    A file that cannot be read leaves no parts and comes back as a failure.
    """
    parts = ClipParts.of(parts_folder, part_key(source.clip, settings, source.fingerprint()))
    before = parts.last()
    position = Position(*before["last"]) if before else None
    if position:
        on_frames(position.index + 1)
    if before and before["final"]:
        return ClipDone(source.clip, position.index + 1 if position else 0)
    state = before["state"] if before else None
    try:
        frames = _in_bursts(read_frames(source.path, after=position, padded=True))
        count = extract_frames(frames, parts, settings, state=state, on_frames=on_frames)
    except VideoError as error:
        parts.remove()
        return ClipDone(source.clip, failure=str(error))
    if count == 0 and position is None:
        return ClipDone(source.clip, failure="it holds no frame that can be decoded")
    return ClipDone(source.clip, count + (position.index + 1 if position else 0))


def extract_frames(
    frames: Iterable[Frame],
    parts: ClipParts,
    settings: ExtractSettings,
    *,
    state: dict[str, Any] | None = None,
    on_frames: Callable[[int], None] = lambda _: None,
) -> int:
    """Track faces through frames and write their rows as parts. Returns the frames read.

    A KeyboardInterrupt or VideoError passes through after what was read is written:
    a camera that breaks does not take its last minute along.
    """
    tracker = FaceTracker(_mesh(), settings, state)
    rows, count, last = Rows(), 0, Position(-1, 0.0)
    try:
        for frame in frames:
            if rows.frames == PART_FRAMES:
                parts.write(rows, last=last, state=tracker.state(), final=False)
                rows = Rows()
            rows.add(frame, tracker.step(frame.image, frame.time_s))
            last = Position(frame.index, frame.time_s)
            count += 1
            on_frames(1)
    except (KeyboardInterrupt, VideoError):
        if rows.frames:
            parts.write(rows, last=last, state=tracker.state(), final=False)
        raise
    if count or state is not None:
        parts.write(rows, last=last, state=tracker.state(), final=True)
    return count


def _in_bursts(frames: Iterator[Frame]) -> Iterator[Frame]:
    """The same frames, decoded some at a time.

    Decoder and landmark model each fill a core's cache: taking turns at every
    frame costs the decoder half as much again.
    """
    burst: list[Frame] = []
    for frame in frames:
        burst.append(frame)
        if sum(f.image.nbytes for f in burst) >= _BURST_BYTES:
            yield from burst
            burst = []
    yield from burst


@cache
def _mesh() -> FaceMesh:
    """One pair of models a process."""
    import cv2

    cv2.setNumThreads(1)  # a worker is one core
    return FaceMesh()
