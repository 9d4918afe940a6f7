"""A whole clip as a video, its faces masked and its landmarks drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from mien.errors import InputError
from mien.files import replacing
from mien.recording.video import Frame, read_frames

VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv")
_TICKS_S = Fraction(1, 60_000)  # exact for 24, 25, 29.97, 30, 50 and 60 frames/s; MPEG-4 takes it
_ENCODERS = (("libx264", {"crf": "20", "preset": "veryfast"}), ("mpeg4", {"qscale": "3"}))


def write_overlay_video(
    source: str | Path, *, out: str | Path, draw: Callable[[Frame], np.ndarray]
) -> int:
    """Write a clip again with `draw` applied to each frame, at the same times, without sound.

    The video is H.264 where the build of libav has it, else MPEG-4; an odd
    width or height grows by one pixel. Memory does not grow with the length.
    Returns the number of frames. Raises VideoError when the clip cannot be read to its end,
    InputError for another ending or a path that cannot be written.
    """
    out = check_video_path(out)
    frame_count = 0
    with replacing(out) as temporary, _encoding(temporary) as encode:
        for frame in read_frames(source):
            encode(draw(frame), frame.time_s)
            frame_count += 1
    return frame_count


def check_video_path(out: str | Path) -> Path:
    """The path, if its ending says a video that can be written. Raises InputError."""
    out = Path(out)
    if out.suffix.lower() not in VIDEO_SUFFIXES:
        raise InputError(f"{out}: an overlay video ends in {', '.join(VIDEO_SUFFIXES)}")
    return out


@contextmanager
def _encoding(path: Path) -> Iterator[Callable[[np.ndarray, float], None]]:
    """Give a function that appends one image at a time in seconds."""
    with av.open(str(path), "w") as container:
        stream: Any = None
        last_tick = -1

        def encode(image: np.ndarray, time_s: float) -> None:
            nonlocal stream, last_tick
            image = _even(image)
            if stream is None:
                stream = _new_stream(container, image.shape)
            if image.shape[:2] != (stream.height, stream.width):
                image = cv2.resize(image, (stream.width, stream.height))
            picture = av.VideoFrame.from_ndarray(image, format="rgb24")
            last_tick = max(last_tick + 1, round(time_s / _TICKS_S))
            picture.pts, picture.time_base = last_tick, _TICKS_S
            container.mux(stream.encode(picture))

        yield encode
        if stream is not None:
            container.mux(stream.encode(None))


def _new_stream(container: Any, shape: tuple[int, ...]) -> Any:
    encoder, options = next(e for e in _ENCODERS if e[0] in av.codec.codecs_available)
    stream = container.add_stream(encoder, rate=30, options=options)
    stream.height, stream.width = shape[:2]
    stream.pix_fmt = "yuv420p"
    stream.time_base = stream.codec_context.time_base = _TICKS_S
    return stream


def _even(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    grown = cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
    return np.asarray(grown)
