"""Frames out of recordings: video files, photos, webcams and network streams.

A Frame's image is (H, W, 3) uint8 RGB, already turned upright by the file's
rotation flag. Times are presentation times in seconds, as the file gives them.
"""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter
from PIL import Image, ImageOps

from mien.errors import VideoError
from mien.files import redacted, without_credentials

VIDEO_SUFFIXES = frozenset(
    ".3gp .asf .avi .flv .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .ogv .ts .vob .webm .wmv".split()
)
PHOTO_SUFFIXES = frozenset(".bmp .jpeg .jpg .png .tif .tiff .webp".split())
# Containers whose header states a length, so that a file cut short can be told.
_DECLARES_LENGTH = {"flv", "mov", "mp4", "matroska", "webm", "avi"}
_MISSING_S = 0.25  # the shortest missing end that counts, beyond the longest step between packets
_FALLBACK_FPS = 25.0
_SAME_S = 1e-6
_PLAYLISTS = {"concat", "dash", "hls", "applehttp", "tty", "sdp"}
_LIVE_SCHEMES = frozenset("rtsp rtsps rtmp rtmps rtp srt tcp udp".split())
_TURNS = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_CLOCKWISE}
_STREAM_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Frame:
    """One upright image, its 0-based index in presentation order and its time.

    is_exact: the time is the file's own and later than all before it, so that
    reading can go on from here after a seek.
    """

    index: int
    time_s: float
    image: np.ndarray
    is_exact: bool = False


@dataclass(frozen=True)
class Position:
    """Where reading goes on: the last frame that is done with."""

    index: int
    time_s: float
    is_exact: bool = False


def is_photo(path: str | Path) -> bool:
    """Whether a path is read as a photo: one frame at 0 s."""
    return Path(path).suffix.lower() in PHOTO_SUFFIXES


def read_frames(
    path: str | Path, *, after: Position | None = None, padded: bool = False
) -> Iterator[Frame]:
    """Yield the frames of a video file or photo, in presentation order.

    after: yield only what follows this frame, seeking there where the file
    allows it. padded: images of video are (H, W, 4), for speed; ignore the fourth
    channel. Memory does not grow with the length.
    Raises VideoError, at the first frame or later, when the file is missing,
    empty, no video, or ends before its header says.
    """
    path = Path(path)
    if not path.is_file():
        raise VideoError(f"no file at {path}")
    if path.stat().st_size == 0:
        raise VideoError("the file is empty (0 bytes)")
    if is_photo(path):
        if after is None:
            yield Frame(0, 0.0, read_photo(path))
        return
    try:
        yield from _decode(path, after, "rgba" if padded else "rgb24")
    except (av.error.FFmpegError, ValueError) as error:
        raise VideoError(_reason(error)) from error


def read_photo(path: str | Path) -> np.ndarray:
    """A photo as (H, W, 3) uint8 RGB, upright by its EXIF flag.

    Greyscale of 16 bits becomes 8 by its full range, 65535 being white. Of 32-bit
    integers, which state no range, values to 255 are taken as they are and larger
    ones as 16 bits; of floats, values to 1 are fractions of white, to 255 as they
    are, larger ones 16 bits. Transparency is dropped.
    Raises VideoError when it is no photo, is cut short or is absurdly large.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large photos and odd metadata: both are readable
            with Image.open(path) as photo:
                upright = ImageOps.exif_transpose(photo)
                if upright.mode[0] in "IF":
                    return _grey_in_8_bits(upright)
                if upright.mode == "P" and "transparency" in upright.info:
                    upright = upright.convert("RGBA")
                return np.asarray(upright.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise VideoError(f"not a readable photo: {reason}") from error


def _grey_in_8_bits(photo: Image.Image) -> np.ndarray:
    """Greyscale of modes I;16, I and F as (H, W, 3) uint8. See read_photo for the ranges."""
    levels: np.ndarray = np.nan_to_num(np.asarray(photo).astype(np.float32))
    highest = levels.max()
    if photo.mode.startswith("I;16") or highest > 255:
        levels = levels / 257
    elif photo.mode == "F" and highest <= 1:
        levels = levels * 255
    grey = np.rint(levels.clip(0, 255)).astype(np.uint8)
    return np.repeat(grey[..., np.newaxis], 3, axis=2)


def expected_frames(paths: list[Path]) -> int | None:
    """About how many frames some files hold, for a progress bar; None if unknown.

    Headers are read of at most 100 files spread over the list, and the rest guessed by size.
    """
    sample = paths[:: max(1, len(paths) // 100)]
    counts = [(count, path.stat().st_size) for path in sample if (count := _frame_count(path))]
    if not counts:
        return None
    sizes = [path.stat().st_size for path in paths if path.is_file()]
    frames, size = (sum(column) for column in zip(*counts, strict=True))
    return round(frames * (1 if len(sample) == len(paths) else sum(sizes) / max(size, 1)))


def _frame_count(path: Path) -> int | None:
    """The number of frames that the header tells; None if it does not."""
    if is_photo(path):
        return 1 if path.is_file() else None
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            seconds = (container.duration or 0) / av.time_base
            return stream.frames or round(seconds * float(stream.average_rate or 0)) or None
    except (av.error.FFmpegError, IndexError, ValueError):
        return None


def read_stream(
    address: str,
    *,
    duration_s: float | None = None,
    reconnect_s: float = 2.0,
    give_up_after_s: float = 60.0,
    on_event: Callable[[str], None] = lambda _: None,
) -> Iterator[Frame]:
    """Yield frames of a network address, going on after a broken connection.

    Times are seconds since the first frame, by this computer's clock, so that a
    gap in the connection is a gap in time. Stops after `duration_s`, or at the
    end of what has one, such as a video at an https address.
    on_event: told in words of each connection lost and regained; no credentials.
    Raises VideoError when it cannot be opened at first, or when nothing comes for
    `give_up_after_s` later.
    """
    shown = without_credentials(address)
    index, first_s, seen_s = 0, None, time.monotonic()
    while True:
        try:
            for image in _live_images(address):
                seen_s = time.monotonic()
                first_s = seen_s if first_s is None else first_s
                if duration_s is not None and seen_s - first_s > duration_s:
                    return
                yield Frame(index, seen_s - first_s, image)
                index += 1
            if address.partition(":")[0].lower() not in _LIVE_SCHEMES:
                return  # a file at an address has an end
            reason = "the stream ended"
        except (av.error.FFmpegError, ValueError) as error:
            reason = _reason(error)
        now_s = time.monotonic()
        if first_s is None:
            raise VideoError(f"{shown}: {reason}")
        if now_s - seen_s > give_up_after_s:
            raise VideoError(f"{shown}: nothing for {give_up_after_s:g} s ({reason})")
        if duration_s is not None and now_s - first_s > duration_s:
            return
        on_event(f"{shown}: {reason}; connecting again")
        time.sleep(reconnect_s)


def read_webcam(number: int, *, duration_s: float | None = None) -> Iterator[Frame]:
    """Yield frames of the computer's camera `number`, with times since the first one.

    Raises VideoError when there is no such camera or it stops.
    """
    capture = cv2.VideoCapture(number)
    try:
        if not capture.isOpened():
            raise VideoError(f"no camera {number} here, or another program holds it")
        index, first_s = 0, time.monotonic()
        while duration_s is None or time.monotonic() - first_s <= duration_s:
            arrived, image = capture.read()
            if not arrived:
                raise VideoError(f"camera {number} stopped after {index} frames")
            yield Frame(index, time.monotonic() - first_s, cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
            index += 1
    finally:
        capture.release()


def _decode(path: Path, after: Position | None, pixels: str) -> Iterator[Frame]:
    if after is not None and after.is_exact:
        with _open_file(path) as container:
            length = _LengthCheck(container)
            pictures = _pictures_after(container, after.time_s, length)
            if pictures is not None:
                yield from _frames(pictures, container, pixels, after)
                length.end()
                return
    with _open_file(path) as container:
        length = _LengthCheck(container)
        for frame in _frames(_pictures(container, length), container, pixels, None):
            if after is None or frame.index > after.index:
                yield frame
        length.end()


def _open_file(path: Path) -> av.container.InputContainer:
    """Open a local file. A playlist must not lead to other files, still less to the network."""
    container = av.open(str(path), options={"protocol_whitelist": "file"})
    if _PLAYLISTS & set(container.format.name.split(",")):
        container.close()
        raise VideoError("it is a text or a playlist, not a video")
    _video_stream(container)
    return container


def _pictures(
    container: av.container.InputContainer, length: _LengthCheck
) -> Iterator[av.VideoFrame]:
    stream = container.streams.video[0]
    for packet in container.demux():
        length.see(packet)
        if packet.stream is stream:
            for picture in packet.decode():
                length.pictures += 1
                yield picture


def _pictures_after(
    container: av.container.InputContainer, time_s: float, length: _LengthCheck
) -> Iterator[av.VideoFrame] | None:
    """The pictures after the one at a time; None when a seek does not find just that one."""
    stream = container.streams.video[0]
    try:
        container.seek(int(time_s / stream.time_base), stream=stream, backward=True)
    except av.error.FFmpegError:
        return None
    pictures = _pictures(container, length)
    for number, picture in enumerate(pictures):
        if number == 0 and not picture.key_frame:
            return None  # transport streams seek to any frame, whose picture would be grey
        if picture.time is None or picture.time > time_s + _SAME_S:
            return None
        if picture.time >= time_s - _SAME_S:
            return pictures
    return None


def _frames(
    pictures: Iterator[av.VideoFrame],
    container: av.container.InputContainer,
    pixels: str,
    after: Position | None,
) -> Iterator[Frame]:
    """Number the pictures and give each a time that is later than the one before."""
    rate = float(container.streams.video[0].average_rate or _FALLBACK_FPS)
    index, last_s = (after.index, after.time_s) if after else (-1, float("-inf"))
    to_rgb = VideoReformatter()
    for picture in pictures:
        index += 1
        is_exact = picture.time is not None and picture.time > last_s
        last_s = float(picture.time) if is_exact else max(last_s + 1 / rate, 0.0)
        yield Frame(index, last_s, _upright(picture, to_rgb, pixels), is_exact)


def _video_stream(container: av.container.InputContainer) -> av.video.stream.VideoStream:
    if not container.streams.video:
        raise VideoError("it has no video, only " + _kinds(container))
    stream = container.streams.video[0]
    stream.codec_context.thread_count = 1  # one worker, one core
    return stream


def _kinds(container: av.container.InputContainer) -> str:
    return ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"


def _upright(picture: av.VideoFrame, to_rgb: VideoReformatter, pixels: str = "rgb24") -> np.ndarray:
    converted = to_rgb.reformat(picture, format=pixels, threads=1)
    image = _in_place(converted) if pixels == "rgba" else converted.to_ndarray()
    turn = _TURNS.get(round(picture.rotation) % 360)
    return image if turn is None else cv2.rotate(image, turn)


def _in_place(picture: av.VideoFrame) -> np.ndarray:
    """An RGBA picture's own memory as (H, W, 4), rows perhaps apart: no copy."""
    plane = picture.planes[0]
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    return rows[: picture.height, : 4 * picture.width].reshape(picture.height, -1, 4)


class _LengthCheck:
    """Tells whether a file ended before its header says, or lost packets."""

    def __init__(self, container: av.container.InputContainer) -> None:
        names = set(container.format.name.split(","))
        known = container.duration is not None and names & _DECLARES_LENGTH
        self.declared_s = container.duration / av.time_base if known else None
        self.first_s, self.last_s = float("inf"), float("-inf")
        self.longest_step_s = 0.0  # of silence between packets: the last frame may stand as long
        self.damaged_packets = 0
        self.pictures = 0
        self._units_s: dict[int, float] = {}  # by stream: fractions are slow

    def see(self, packet: av.Packet) -> None:
        self.damaged_packets += packet.is_corrupt
        if packet.pts is None:
            return
        unit_s = self._units_s.get(packet.stream_index)
        if unit_s is None:
            unit_s = self._units_s[packet.stream_index] = float(packet.time_base)
        start_s = packet.pts * unit_s
        if self.last_s > float("-inf"):
            self.longest_step_s = max(self.longest_step_s, start_s - self.last_s)
        self.first_s = min(self.first_s, start_s)
        self.last_s = max(self.last_s, start_s + (packet.duration or 0) * unit_s)

    def end(self) -> None:
        if not self.pictures:
            raise VideoError("it holds no frame that can be decoded")
        if self.damaged_packets:
            raise VideoError(
                f"it is truncated or damaged: {self.damaged_packets} broken packets, "
                f"readable for {max(self.last_s, 0):.2f} s"
            )
        missing_s = (self.declared_s or 0) - (self.last_s - min(self.first_s, 0))
        if self.declared_s and missing_s > _MISSING_S + self.longest_step_s:
            raise VideoError(
                f"it is truncated: its header says {self.declared_s:.2f} s, "
                f"it ends at {self.last_s:.2f} s"
            )


def _live_images(address: str) -> Iterator[np.ndarray]:
    options = {"rtsp_transport": "tcp"} if address.lower().startswith("rtsp") else {}
    with av.open(address, options=options, timeout=_STREAM_TIMEOUT_S) as container:
        stream, to_rgb = _video_stream(container), VideoReformatter()
        for picture in container.decode(stream):
            yield _upright(picture, to_rgb)


def _reason(error: Exception) -> str:
    """An error of libav in a few words: no address, no path, no number."""
    text = getattr(error, "strerror", None) or str(error)
    text = redacted(re.sub(r"^\[Errno -?\d+\] ", "", text.splitlines()[0]))
    if isinstance(error, av.error.InvalidDataError | av.error.EOFError):
        return f"not a video that can be read, or cut short ({text})"
    return text
