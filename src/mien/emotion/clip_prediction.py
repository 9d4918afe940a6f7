"""Rows of a table to clips, to a model of clips, and back to the rows in their order.

A clip's frames are laid out as sequences.py lays out those that a model learns from. A
recording of more than WHOLE_FRAMES places is read in parts of PART_FRAMES with
CONTEXT_FRAMES of the recording around each, so that memory is bounded: its frames' answers
are those of their part, and its own is the mean of the parts', each as heavy as it has
frames with a face. A part is longer than anything a model learns from (sequences.MAX_FRAMES).

Shapes: n rows of a batch, T frames, F values a frame, C labels.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from mien.emotion.prediction_table import ClipTotals
from mien.emotion.sequences import Sequences, stretches
from mien.errors import TableError

WHOLE_FRAMES = 8192  # four and a half minutes at 30 a second
PART_FRAMES = 7168
CONTEXT_FRAMES = 512
_FRAMES_AT_ONCE = 8192

# (K, T, F) to (K, C) of clips and (K, T, C) of frames
RunClips = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass
class Held:
    """Rows that wait for their clips to be whole."""

    rows: pa.RecordBatch  # n, without their points
    values: np.ndarray  # (n, F), NaN where there is no face
    found: np.ndarray  # (n, C), NaN until it is known
    missing: int  # rows whose clip is not whole yet
    frame_nums: np.ndarray  # (n,)


@dataclass
class _OpenClip:
    """A clip of which more rows may come."""

    parts: list[tuple[Held, np.ndarray]] = field(default_factory=list)  # and its rows there


@dataclass(frozen=True)
class _Segment:
    """Frames that a model reads together."""

    clip: int
    rows: np.ndarray  # of all frames that are read at once, in the order of their places
    is_core: np.ndarray  # the answers that are taken from here


def last_rows(batches: Iterable[pa.RecordBatch]) -> dict[str | None, int]:
    """The last row of each clip, by video_filename, of a table that is known beforehand."""
    found: dict[str | None, int] = {}
    start = 0
    for batch in batches:
        clips = batch.column("video_filename").to_pylist()
        found.update(zip(clips, range(start, start + len(clips)), strict=True))
        start += len(clips)
    return found


def answered_by_clip(
    some: Iterable[tuple[pa.RecordBatch, np.ndarray]],
    *,
    run: RunClips,
    totals: ClipTotals,
    context_frames: int | None = None,
    ends: Mapping[str | None, int] | None = None,
) -> Iterator[tuple[pa.RecordBatch, np.ndarray]]:
    """Rows with the probabilities (n, C) of their frames, batch by batch, in order.

    some: rows and their values (n, F). run: the model. totals: gets the clips'
    probabilities. context_frames: how many frames decide a frame's scores, if it is known.
    ends: what last_rows gives; a clip is then answered as soon as its last row is read, and
    what is held is the clips that are not whole. Without it all rows are held to the end,
    by their values: of 300 a frame, 1.2 kB a row.
    Raises TableError for a clip that has a frame twice, or a row without a frame_num.
    """
    waiting: deque[Held] = deque()
    open_clips: dict[int, _OpenClip] = {}
    seen = 0
    for rows, values in some:
        numbers = totals.numbers_of(rows)
        held = _held(rows, values, class_count=totals.class_count)
        waiting.append(held)
        for number in np.unique(numbers).tolist():
            own = open_clips.setdefault(number, _OpenClip())
            own.parts.append((held, np.flatnonzero(numbers == number)))
        seen += rows.num_rows
        clips = totals.clips if ends is not None else []
        whole = [n for n in open_clips if ends is not None and ends.get(clips[n], seen) < seen]
        _answer({n: open_clips.pop(n) for n in whole}, run, totals, context_frames)
        yield from _ready(waiting)
    _answer(open_clips, run, totals, context_frames)
    yield from _ready(waiting)


def _held(rows: pa.RecordBatch, values: np.ndarray, *, class_count: int) -> Held:
    numbers = rows.column("frame_num")
    if numbers.null_count:
        clip = rows.column("video_filename")[numbers.is_null().index(True).as_py()]
        raise TableError(
            f"clip {clip.as_py()!r} has a row without frame_num, and the model takes the frames "
            "of a clip in their order: number them"
        )
    found = np.full((rows.num_rows, class_count), np.nan, np.float32)
    return Held(rows, values, found, rows.num_rows, numbers.to_numpy(zero_copy_only=False))


def _ready(waiting: deque[Held]) -> Iterator[tuple[pa.RecordBatch, np.ndarray]]:
    while waiting and not waiting[0].missing:
        done = waiting.popleft()
        yield done.rows, done.found


def _answer(
    clips: dict[int, _OpenClip], run: RunClips, totals: ClipTotals, context_frames: int | None
) -> None:
    """Fill in the answers of whole clips, one stretch of clips after another."""
    chosen: list[tuple[int, _OpenClip]] = []
    rows = 0
    for number, clip in clips.items():
        chosen.append((number, clip))
        rows += sum(len(own) for _, own in clip.parts)
        if rows >= _FRAMES_AT_ONCE:
            _answer_some(chosen, run, totals, context_frames)
            chosen, rows = [], 0
    if chosen:
        _answer_some(chosen, run, totals, context_frames)


def _answer_some(
    clips: list[tuple[int, _OpenClip]],
    run: RunClips,
    totals: ClipTotals,
    context_frames: int | None,
) -> None:
    parts = [(number, held, own) for number, clip in clips for held, own in clip.parts]
    values = np.concatenate([held.values[own] for _, held, own in parts])
    frames = np.concatenate([held.frame_nums[own] for _, held, own in parts])
    clip_of = np.repeat([number for number, *_ in parts], [len(own) for *_, own in parts])
    context = max(CONTEXT_FRAMES, context_frames or 0)
    segments = [
        segment
        for number, clip in clips
        for segment in _segments(number, np.flatnonzero(clip_of == number), frames, context, totals)
    ]
    found = _run(segments, values, frames, run, totals)
    start = 0
    for number, held, own in parts:
        answers = found[start : start + len(own)]
        held.found[own] = answers
        held.missing -= len(own)
        totals.add_frames(np.full(len(own), number), answers, is_mean=False)
        start += len(own)


def _segments(
    clip: int, rows: np.ndarray, frames: np.ndarray, context: int, totals: ClipTotals
) -> Iterator[_Segment]:
    """What is read of a clip at once: all of it, or parts with the frames around them.

    rows: the clip's, of all rows; frames: the frame numbers of all rows.
    """
    rows = rows[np.argsort(frames[rows], kind="stable")]
    places = frames[rows] - frames[rows[0]]
    twin = np.flatnonzero(np.diff(places) == 0)
    if len(twin):
        raise TableError(
            f"clip {totals.clips[clip]!r} has frame {frames[rows[twin[0]]]} twice: give each "
            "frame, or each face's track (face_id), a number of its own"
        )
    if places[-1] < WHOLE_FRAMES:
        yield _Segment(clip, rows, np.ones(len(rows), bool))
        return
    part = places // PART_FRAMES
    for number in np.unique(part).tolist():
        low = np.searchsorted(places, number * PART_FRAMES - context)
        high = np.searchsorted(places, (number + 1) * PART_FRAMES + context)
        yield _Segment(clip, rows[low:high], part[low:high] == number)


def _run(
    segments: list[_Segment],
    values: np.ndarray,
    frames: np.ndarray,
    run: RunClips,
    totals: ClipTotals,
) -> np.ndarray:
    """(N, C) probabilities of all rows; the clips' go to totals."""
    read = np.concatenate([segment.rows for segment in segments])
    laid_out = Sequences(
        _Picked(values, read),
        clip_of=np.repeat(np.arange(len(segments)), [len(segment.rows) for segment in segments]),
        frame_nums=frames[read],
    )
    found = np.full((len(values), totals.class_count), np.nan, np.float32)
    for start, end in stretches(laid_out.lengths, most_frames=_FRAMES_AT_ONCE):
        of_clips, of_frames = run(laid_out[start:end])
        for number in range(start, end):
            segment = segments[number]
            _, places = laid_out.frames_of(number)
            answers = of_frames[number - start, places]
            found[segment.rows[segment.is_core]] = answers[segment.is_core]
            faces = int((~np.isnan(answers).any(axis=1) & segment.is_core).sum())
            if faces:
                whole = of_clips[number - start].astype(np.float64)
                totals.add(segment.clip, whole * faces, weight=faces)
    return found


class _Picked:
    """Some rows of values, fetched when they are asked for."""

    gives_rows = True

    def __init__(self, values: np.ndarray, rows: np.ndarray) -> None:
        self._values, self._rows = values, rows
        self.shape: tuple[int, ...] = (len(rows), values.shape[1])

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> np.ndarray:
        found: np.ndarray = self._values[self._rows[index]]
        return found
