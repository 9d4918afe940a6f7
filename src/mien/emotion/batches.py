"""Rows to learn from, fetched a chunk at a time while the processor works on the one before.

Shapes: N rows, F values a row, b rows of a batch, T frames of a clip.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import Any, Protocol

import numpy as np

Augment = Callable[[np.ndarray, np.random.Generator], np.ndarray]
Chunk = tuple[np.ndarray, np.ndarray]  # (b, ...) values, (b,) row numbers

_CHUNKS_AHEAD = 4  # fetched while one is worked on: a disk answers several questions at once
_FETCHERS = 2
_BATCHES_SORTED = 16  # as many batches' clips are sorted by length together


class RowSource(Protocol):
    """(N, F) values of which some rows can be had: an array, or what fetches them.

    For clips (N, T, F), it may also have `lengths`, (N,) frames, by which clips of a
    batch are made alike, and `drawn(rows, random)`, the same rows cropped by chance.
    """

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __getitem__(self, index: Any) -> np.ndarray: ...


def rows_of(X: Any) -> RowSource:
    """What gives rows as it is; anything else, such as a DataFrame or lists, as an array."""
    return X if getattr(X, "gives_rows", False) else np.asarray(X, np.float32)


def chunks(
    features: RowSource,
    rows: np.ndarray,
    chunk_rows: int,
    *,
    seed: list[int],
    augment: Augment | None = None,
) -> Iterator[Chunk]:
    """The values of rows (b, ...) float32 with their numbers, chunk after chunk.

    seed: of the random numbers by which values are cropped, where the source does that,
    and augmented; the chunk's number is added to it.
    """
    drawn = getattr(features, "drawn", None)

    def fetch(start: int) -> Chunk:
        chosen = rows[start : start + chunk_rows]
        random = np.random.default_rng([*seed, start // chunk_rows])
        values = features[chosen] if drawn is None else drawn(chosen, random)
        if augment is not None:
            values = augment(values, random)
        return np.ascontiguousarray(values, np.float32), chosen

    ahead: deque[Future[Chunk]] = deque()
    for start in range(0, len(rows), chunk_rows):
        ahead.append(_fetchers().submit(fetch, start))
        if len(ahead) > _CHUNKS_AHEAD:
            yield ahead.popleft().result()
    while ahead:
        yield ahead.popleft().result()


def epoch_order(
    features: RowSource, rows: np.ndarray, batch_rows: int, *, seed: list[int]
) -> np.ndarray:
    """The rows in an order by chance; where they are clips, with like lengths in a batch.

    A batch is as long as its longest clip. What is over from full batches comes last.
    """
    random = np.random.default_rng(seed)
    order = random.permutation(rows)
    lengths = getattr(features, "lengths", None)
    if lengths is None:
        return order
    stretch = batch_rows * _BATCHES_SORTED
    parts = [order[start : start + stretch] for start in range(0, len(order), stretch)]
    alike = np.concatenate([part[np.argsort(lengths[part], kind="stable")] for part in parts])
    full = len(alike) // batch_rows * batch_rows
    batches = random.permutation(alike[:full].reshape(-1, batch_rows))
    return np.concatenate([batches.ravel(), alike[full:]])


@cache
def _fetchers() -> ThreadPoolExecutor:
    """Two threads for good: each new one would get, and keep, memory of its own."""
    return ThreadPoolExecutor(_FETCHERS, thread_name_prefix="mien-rows")
