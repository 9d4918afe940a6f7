"""Many recordings over several processes, each clip by one of them.

A worker ends with its parent, even when the parent is killed. A recording on
which a worker dies is tried once more alone, then listed as failed, so that
one hostile file does not stop the batch. That needs two workers or more: one
is this process itself.
"""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from mien.config import ExtractSettings
from mien.errors import InputError, MienError
from mien.processes import begin_worker, kill
from mien.recording.extract import ClipDone, extract_clip
from mien.recording.sources import Source

_POLL_S = 0.2
_REPORT_EVERY_FRAMES = 10
_NOT_STARTED = (
    "the worker processes could not start: a script that calls mien.extract with workers must do "
    'so under `if __name__ == "__main__":`, since each worker imports the script'
)
_counter: Any = None  # in a worker: the frames done by all, shared with the parent


def extract_all(
    sources: Sequence[Source],
    parts_folder: Path,
    settings: ExtractSettings,
    *,
    workers: int,
    on_frames: Callable[[int], None] = lambda _: None,
) -> Iterator[ClipDone]:
    """Extract every source into parts; yield each clip as it is done, in any order.

    One worker is this process. Raises InputError when processes cannot start.
    """
    if workers == 1:
        for source in sources:
            yield guarded(source, parts_folder, settings, on_frames)
        return
    waiting = deque(sources)
    while waiting:
        suspects: list[Source] = []
        yield from _in_pool(waiting, parts_folder, settings, workers, on_frames, suspects)
        for source in suspects:  # one of these killed its worker: each alone tells which
            again: list[Source] = []
            alone = deque([source])
            yield from _in_pool(alone, parts_folder, settings, 1, on_frames, again)
            if again:
                yield ClipDone(source.clip, failure="the decoder crashed on it, twice")


def _in_pool(
    waiting: deque[Source],
    parts_folder: Path,
    settings: ExtractSettings,
    workers: int,
    on_frames: Callable[[int], None],
    suspects: list[Source],
) -> Iterator[ClipDone]:
    """Take sources until none waits or a worker dies; who was under way then is a suspect."""
    context = multiprocessing.get_context("spawn")
    counter, started = context.Value("q", 0), context.Value("q", 0)
    executor = ProcessPoolExecutor(
        min(workers, len(waiting)), context, initializer=_start_worker, initargs=(counter, started)
    )
    jobs: dict[Future[ClipDone], Source] = {}
    seen = 0
    try:
        while jobs or (waiting and not suspects):
            while waiting and len(jobs) < workers and not suspects:
                source = waiting.popleft()
                try:
                    jobs[executor.submit(_run, source, parts_folder, settings)] = source
                except BrokenProcessPool:
                    waiting.appendleft(source)
                    break
            done, _ = wait(jobs, timeout=_POLL_S, return_when=FIRST_COMPLETED)
            on_frames(counter.value - seen)
            seen = counter.value
            for job in done:
                source = jobs.pop(job)
                try:
                    yield job.result()
                except BrokenProcessPool as error:
                    if not started.value:
                        raise InputError(_NOT_STARTED) from error
                    suspects.append(source)
    except BaseException:
        kill(executor)  # what they finished is on the disk
        raise
    executor.shutdown(cancel_futures=True)


def _start_worker(counter: Any, started: Any) -> None:
    global _counter
    _counter = counter
    with started.get_lock():
        started.value += 1
    begin_worker()


def _run(source: Source, parts_folder: Path, settings: ExtractSettings) -> ClipDone:
    pending = 0

    def count(frames: int) -> None:
        nonlocal pending
        pending += frames
        if pending >= _REPORT_EVERY_FRAMES:
            with _counter.get_lock():
                _counter.value += pending
            pending = 0

    done = guarded(source, parts_folder, settings, count)
    with _counter.get_lock():
        _counter.value += pending
    return done


def guarded(
    source: Source,
    parts_folder: Path,
    settings: ExtractSettings,
    on_frames: Callable[[int], None] = lambda _: None,
) -> ClipDone:
    """One clip. An error that nobody foresaw is that clip's failure, named, not the batch's."""
    try:
        return extract_clip(source, parts_folder, settings, on_frames)
    except MienError:
        raise  # a full disk, a broken install: no clip would fare better
    except Exception as error:
        return ClipDone(source.clip, failure=f"unexpected {type(error).__name__}: {error}")
