"""Videos made for the tests from the packaged clips' own frames."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

IDENTITY = [0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000]
QUARTER_TURN = [0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000]  # to be shown turned clockwise


def write_video(
    path: Path,
    images: Sequence[np.ndarray],
    times_s: Sequence[float] | None = None,
    *,
    key_frame_every: int = 12,
) -> Path:
    """Encode RGB images at the given times (25 a second by default)."""
    times_s = [i / 25 for i in range(len(images))] if times_s is None else times_s
    height, width = images[0].shape[:2]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=1000)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        stream.codec_context.gop_size = key_frame_every
        stream.bit_rate = 4_000_000
        for image, time_s in zip(images, times_s, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            frame.pts, frame.time_base = round(time_s * 1000), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def turned(path: Path) -> Path:
    """Set an mp4's rotation flag to a quarter turn by rewriting its track header's matrix."""

    def as_bytes(matrix: list[int]) -> bytes:
        return b"".join(value.to_bytes(4, "big", signed=True) for value in matrix)

    content = path.read_bytes()
    head = content.index(b"tkhd")
    place = content.index(as_bytes(IDENTITY), head)
    path.write_bytes(content[:place] + as_bytes(QUARTER_TURN) + content[place + 36 :])
    return path


def write_plain(path: Path, images: Sequence[np.ndarray], codec: str) -> Path:
    """Encode RGB images at 25 a second as a codec does by itself, B-frames and all."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.gop_size = 9
        if codec != "mpeg4":
            stream.codec_context.max_b_frames = 2
        for image in images:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
