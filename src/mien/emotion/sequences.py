"""Clips as arrays to learn from: frames put in their places in time.

A clip's frames are laid out by number or by time, and what is missing between
them is a row of NaN. Only the clips that are asked for are laid out, so that the
frames may be a matrix on disk.

Shapes: N frames, K clips, T frames of the longest clip, F values a frame.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from mien.emotion.batches import RowSource
from mien.errors import InputError, ShapeError

MAX_FRAMES = 512  # of a clip that is learnt from: 17 seconds
RATE_HZ = 30.0

_CLIPS_AT_ONCE = 256
_SPARSE_FRAMES = 1_000_000  # a clip this long, and nearly empty, has other numbers than frames'


class Sequences:
    """(K, T, F) float32 clips of frames with features, indexed by clip numbers.

    An index by clip numbers, a slice or a mask gives (k, t, F), t being the longest of
    those clips; a clip is followed by NaN. `drawn` gives the same with clips longer than
    max_frames cropped: what is learnt from never exceeds it, and changes from epoch to
    epoch. Predictions are of whole clips.
    """

    gives_rows = True  # for an estimator: need not become an array

    def __init__(
        self,
        features: RowSource,
        *,
        clip_of: np.ndarray,
        frame_nums: np.ndarray,
        clip_count: int | None = None,
        times_s: np.ndarray | None = None,
        rate_hz: float = RATE_HZ,
        max_frames: int = MAX_FRAMES,
    ) -> None:
        """features: (N, F) of frames, NaN where there is no face; clip_of: (N,) clip numbers
        from 0; frame_nums: (N,) within a clip. clip_count: K, when clips may have no frame.

        times_s: (N,) seconds; then frames are placed rate_hz to the second, so that clips
        of any frame rate move alike; of two frames in one place the later stays.
        Raises ShapeError when lengths differ; InputError for a clip number below 0, or two
        frames of one number.
        """
        counts = {len(column) for column in (clip_of, frame_nums, features)}  # type: ignore[arg-type]
        if len(counts) > 1 or (times_s is not None and len(times_s) not in counts):
            raise ShapeError(
                f"{features.shape[0]} frames have {len(clip_of)} clip numbers, {len(frame_nums)} "
                f"frame numbers and {'no' if times_s is None else len(times_s)} times: one each"
            )
        if len(clip_of) and clip_of.min() < 0:
            raise InputError(f"clip number {clip_of.min()} is below 0: leave such frames out")
        held = int(clip_of.max()) + 1 if len(clip_of) else 0
        self._features = features
        self._max_frames = max_frames
        self._rows = np.lexsort((frame_nums, clip_of))  # by clip, then in order
        sizes = np.bincount(clip_of, minlength=clip_count or held)
        self._ends = np.cumsum(sizes)
        places = _places(clip_of[self._rows], frame_nums[self._rows])
        if times_s is not None:
            times = np.asarray(times_s, np.float64)[self._rows]
            places = np.rint(_places(clip_of[self._rows], times) * rate_hz)
        self._places = places.astype(np.int64)
        self._clips = np.arange(len(sizes))
        self.lengths = self._all_lengths(sizes)
        self.shape = (len(sizes), int(self.lengths.max(initial=0)), features.shape[1])
        if times_s is None:
            _refuse_twins(clip_of[self._rows], frame_nums[self._rows])
        _refuse_sparse(self.lengths, sizes)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> np.ndarray:
        chosen = np.atleast_1d(np.arange(len(self))[index])
        return self._laid_out(chosen, starts=np.zeros(len(chosen), np.int64), frames=None)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:], dtype)

    def drawn(self, clips: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """(k, t, F) of some clips, t max_frames at most; longer ones begin at random."""
        spare = np.maximum(self.lengths[clips] - self._max_frames, 0)
        return self._laid_out(
            clips, starts=random.integers(0, spare, endpoint=True), frames=self._max_frames
        )

    def some(self, clips: np.ndarray) -> Sequences:
        """The same of fewer clips; nothing is fetched yet."""
        fewer = object.__new__(Sequences)
        fewer.__dict__ = dict(self.__dict__)
        fewer._clips = self._clips[clips]
        fewer.lengths = self.lengths[clips]
        fewer.shape = (
            len(fewer._clips),
            int(fewer.lengths.max(initial=0)),
            self.shape[2],
        )
        return fewer

    def frames_of(self, clip: int) -> tuple[np.ndarray, np.ndarray]:
        """The frames of a clip: (n,) their rows among the features and (n,) their places in it."""
        number = self._clips[clip]
        some = slice(self._ends[number - 1] if number else 0, self._ends[number])
        return self._rows[some], self._places[some]

    def _all_lengths(self, sizes: np.ndarray) -> np.ndarray:
        lengths = np.zeros(len(sizes), np.int64)
        is_there = sizes > 0
        lengths[is_there] = self._places[self._ends[is_there] - 1] + 1
        return lengths

    def _laid_out(self, clips: np.ndarray, *, starts: np.ndarray, frames: int | None) -> np.ndarray:
        lengths = self.lengths[clips] - starts
        if frames is not None:
            lengths = np.minimum(lengths, frames)
        longest = int(lengths.max(initial=0))
        rows, targets = [], []
        for number, (clip, start) in enumerate(zip(clips, starts, strict=True)):
            own, places = self.frames_of(clip)
            is_within = (places >= start) & (places < start + longest)
            rows.append(own[is_within])
            targets.append(number * longest + places[is_within] - start)
        laid = np.full((len(clips) * longest, self.shape[2]), np.nan, np.float32)
        if len(clips):
            laid[np.concatenate(targets)] = self._fetched(np.concatenate(rows))
        return laid.reshape(len(clips), longest, self.shape[2])

    def _fetched(self, rows: np.ndarray) -> np.ndarray:
        """Features in the order of the rows, read in the order in which they lie."""
        order = np.argsort(rows, kind="stable")
        values = np.empty((len(rows), self.shape[2]), np.float32)
        values[order] = self._features[rows[order]]
        return values


class PaddedClips:
    """The same of an array (K, T, F) that is laid out already, NaN after a clip's end."""

    gives_rows = True

    def __init__(self, values: np.ndarray, *, max_frames: int = MAX_FRAMES) -> None:
        """Raises ShapeError when values are not three-dimensional."""
        if values.ndim != 3:
            raise ShapeError(
                f"clips must be (clips, frames, values), got {values.shape}. A model of clips "
                "wants each clip's frames in a row, with NaN after its end"
            )
        self._values = values
        self._max_frames = max_frames
        self.shape = values.shape
        self.lengths = np.concatenate(
            [
                _lengths(values[start : start + _CLIPS_AT_ONCE])
                for start in range(0, max(len(values), 1), _CLIPS_AT_ONCE)
            ]
        )

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, index: Any) -> np.ndarray:
        chosen = np.atleast_1d(np.arange(len(self))[index])
        return self._values[chosen][:, : self.lengths[chosen].max(initial=0)]

    def drawn(self, clips: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """(k, t, F) of some clips, t max_frames at most; longer ones begin at random."""
        spare = np.maximum(self.lengths[clips] - self._max_frames, 0)
        starts = random.integers(0, spare, endpoint=True)
        longest = min(int(self.lengths[clips].max(initial=0)), self._max_frames)
        frames = starts[:, None] + np.arange(longest)
        return self._values[clips[:, None], np.minimum(frames, self.shape[1] - 1)]


def clips_of(X: Any) -> RowSource:
    """What gives rows as it is; anything else as an array of clips."""
    if getattr(X, "gives_rows", False):
        return X
    return PaddedClips(np.asarray(X, np.float32))


def _lengths(values: np.ndarray) -> np.ndarray:
    """(k,) frames up to the last one with a face."""
    is_present = ~np.isnan(values).any(axis=2)
    from_end = is_present[:, ::-1].argmax(axis=1) if values.shape[1] else np.zeros(len(values), int)
    return np.where(is_present.any(axis=1), values.shape[1] - from_end, 0)


def _refuse_sparse(lengths: np.ndarray, sizes: np.ndarray) -> None:
    is_sparse = (lengths > _SPARSE_FRAMES) & (lengths > 100 * sizes)
    if is_sparse.any():
        first = int(np.flatnonzero(is_sparse)[0])
        raise InputError(
            f"clip {first} has {sizes[first]} frames over {lengths[first]} places: frame numbers "
            "must count frames, and times be in seconds"
        )


def _places(clip_of: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(N,) values, sorted by clip, less the first of their clip."""
    if not len(values):
        return values
    begins = np.flatnonzero(np.diff(clip_of, prepend=clip_of[0] - 1))
    return values - np.repeat(values[begins], np.diff([*begins, len(values)]))


def _refuse_twins(clip_of: np.ndarray, frame_nums: np.ndarray) -> None:
    is_twin = (np.diff(clip_of) == 0) & (np.diff(frame_nums) == 0)
    if is_twin.any():
        first = int(np.flatnonzero(is_twin)[0])
        raise InputError(
            f"clip {clip_of[first]} has frame {frame_nums[first]} twice: give each frame, "
            "or each face's track, a number of its own"
        )


def stretches(lengths: np.ndarray, *, most_frames: int) -> Iterator[tuple[int, int]]:
    """From and to which of neighbouring clips (K,), each laid out as long as the longest of
    them, there are no more than most_frames; a longer clip stands alone.

    >>> list(stretches(np.array([3, 2, 4, 9]), most_frames=8))
    [(0, 2), (2, 3), (3, 4)]
    """
    start, longest = 0, 1
    for number, length in enumerate(lengths.tolist()):
        longest = max(longest, length)
        if number > start and (number - start + 1) * longest > most_frames:
            yield start, number
            start, longest = number, max(1, length)
    if start < len(lengths):
        yield start, len(lengths)
