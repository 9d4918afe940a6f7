"""Work done by threads a little ahead of who takes it, in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from mien.errors import InputError

Given = TypeVar("Given")
Made = TypeVar("Made")


def thread_count(threads: int | None) -> int:
    """How many threads shall work. None: as many as there are processors.

    Raises InputError for less than one.

    >>> thread_count(3)
    3
    """
    if threads is not None and threads < 1:
        raise InputError(f"--threads must be 1 or more, got {threads}")
    return threads or os.cpu_count() or 1


def ahead(work: Callable[[Given], Made], given: Iterable[Given], *, threads: int) -> Iterator[Made]:
    """What is made of each that is given, in order. As many wait as there are threads, so
    that memory is bounded; one thread works when it is asked.

    >>> list(ahead(str.upper, "abc", threads=2))
    ['A', 'B', 'C']
    """
    if threads == 1:
        yield from map(work, given)
        return
    coming = iter(given)
    running: deque[Future[Made]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            while True:
                while len(running) <= threads and (some := next(coming, None)) is not None:
                    running.append(pool.submit(work, some))
                if not running:
                    return
                yield running.popleft().result()
        finally:
            for future in running:
                future.cancel()
