"""What the command prints: progress on the error stream, results on the other."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from mien.text import printable

if TYPE_CHECKING:
    from mien.evaluation.metrics import Score
    from mien.evaluation.results import Results
    from mien.workflows.cache import Cache
    from mien.workflows.demo import RealClip
    from mien.workflows.extract import ExtractResult
    from mien.workflows.fetch import Fetched
    from mien.workflows.overlay import OverlayResult
    from mien.workflows.predict import Predicted

out = Console(highlight=False, emoji=False)
err = Console(stderr=True, highlight=False, emoji=False)

CLIPS_SHOWN = 12
REFRESH_S = 0.1
LINE_EVERY_S = 60.0  # of progress where there is no terminal


def say(text: object) -> None:
    """Print one line of plain text: brackets in it are text, control characters escapes."""
    out.print(_plain(text), soft_wrap=True)


def warn(text: object) -> None:
    """Print one line of plain text on the error stream."""
    err.print(_plain(text), soft_wrap=True)


def failed(name: str, reason: str) -> None:
    """One line for one thing that could not be done."""
    line = Text.assemble(("failed:", "red"), " ", _plain(name), ": ", _plain(reason))
    err.print(line, soft_wrap=True)


def error(text: object) -> None:
    """The one line that says why the command ends."""
    err.print(Text.assemble(("error:", "bold red"), " ", _plain(text)), soft_wrap=True)


def show_extracted(result: ExtractResult) -> None:
    """The table in one line, and where the failures are listed."""
    if result.table is not None:
        share = result.rows_without_face / max(result.rows, 1)
        kept = f", {result.kept_clips} of them kept from before" if result.kept_clips else ""
        say(
            f"{result.table}: {_count(result.clips, 'clip')}{kept}, {_count(result.rows, 'row')}, "
            f"{result.rows_without_face} without a face ({share:.1%})"
        )
    if result.failures:
        nothing = "" if result.table else "; no table was written"
        warn(f"{len(result.failures)} could not be read: {result.failures_file}{nothing}")


def show_fetched(result: Fetched) -> None:
    """Each file and where it is from; then the licence and what to cite."""
    for file in result.files:
        state = "fetched" if file.is_new else "there already"
        say(f"{file.path}: {_size(file.size_bytes)}, {state}, from {file.source}")
        say(f"SHA-256 {file.sha256}")
    for clip, reason in result.failures.items():
        failed(clip, reason)
    if result.files:
        say(f"licence: {result.licence}")
        for citation in result.citations:
            say(f"cite: {citation}")


def show_overlay(result: OverlayResult) -> None:
    """What was drawn, and which clips were skipped."""
    for path in (result.figure, result.video):
        if path is not None:
            say(path)
    for clip in result.missing_clips:
        warn(f"skipped: {clip}: not in the folder of videos")
    for clip, reason in result.failures.items():
        failed(clip, reason)


def show_scores(results: Results) -> None:
    """Every way of holding out side by side, recipes compared, how far to believe the answers."""
    from mien.evaluation.answer_sentences import console_lines
    from mien.evaluation.comparison import comparison_text
    from mien.evaluation.metrics import report_text
    from mien.evaluation.sentences import ENROLMENT_APART, enrolment_sentences, gap_text

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("held out", no_wrap=True)
    for unit in ("frame", "clip"):
        table.add_column(f"{unit} accuracy", justify="right")
        table.add_column("balanced", justify="right")
    for split in results.splits:
        cells = [
            _score(score)
            for unit in (split.frames, split.clips)
            for score in (unit.accuracy, unit.balanced_accuracy)
        ]
        table.add_row(_plain(split.title), *cells)
    out.print(table)
    shown = results.honest or results.splits[1]
    lines = report_text(shown.frames).split("\n")
    for line in ("", f"{shown.title}, label by label, in frames:", *lines, ""):
        say(line)
    for sentence in gap_text(results):
        say(sentence)
    if results.comparison is not None and len(results.comparison.lines) > 1:
        first = results.comparison.lines[0].recipe
        lines = comparison_text(results.comparison).split("\n")
        for line in ("", f"On the same clips; below, differences from {first}:", *lines, ""):
            say(line)
    for line in console_lines(shown.measures) if shown.measures else ():
        say(line)
    if results.enrolment is not None:
        for line in ("", f"{ENROLMENT_APART}:", *enrolment_sentences(results.enrolment)):
            say(line)
    for text in results.warnings:
        warn(f"note: {text}")


def show_real_clips(clips: Sequence[RealClip]) -> None:
    """The six real clips: what they are labelled, and what was answered."""
    table = Table(box=None, pad_edge=False, header_style="bold", title_justify="left")
    for name in ("real clip", "labelled", "model's answer", "facs"):
        table.add_column(name)
    for clip in clips:
        answers = (clip.by_model or "no face", clip.by_facs or "no face")
        table.add_row(_plain(clip.clip), _plain(clip.label), *map(_plain, answers))
    out.print(table)


def show_predicted(result: Predicted) -> None:
    """The clips' answers, where the frames' are, and what a reader must know of the model."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    answer = [] if result.coverage is None else [f"answer at {result.coverage:.0%}"]
    faces = "faces" if answer else "frames with a face"
    for name in ("clip", "predicted", "probability", *answer, faces):
        table.add_column(name, no_wrap=name in answer)
    rows = result.clips.to_pylist()
    for row in rows[:CLIPS_SHOWN]:
        chosen = row["predicted"]
        table.add_row(
            _plain(row["video_filename"]),
            _plain(chosen or "unknown"),
            f"{row[f'p_{chosen}']:.2f}" if chosen else "-",
            *(_plain(_answer(row)) for _ in answer),
            str(row.get("frames_with_face", "")),
        )
    out.print(table)
    if len(rows) > CLIPS_SHOWN:
        say(f"and {len(rows) - CLIPS_SHOWN} clips more")
    if result.frames_without_face:
        say(f"{result.frames_without_face} frames have no face and so no probability")
    for note in result.notes:
        say(f"note: {note}")
    show_paths(path for path in (result.path, result.clips_path) if path is not None)


def show_cache(cache: Cache) -> None:
    """What the cache holds, what was freed and what differs."""
    if cache.freed_bytes:
        say(f"freed {_size(cache.freed_bytes)}")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, justify in (("table", "left"), ("rows", "right"), ("size", "right"), ("", "left")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    for entry in cache.entries:
        note = "" if entry.is_current else "the table changed or is gone"
        note = note if entry.is_whole else "unfinished"
        table.add_row(_plain(entry.table), f"{entry.rows:,}", _size(entry.bytes), note)
    if cache.entries:
        out.print(table)
    say(f"{_count(len(cache.entries), 'matrix', 'matrices')} in {cache.folder}")
    for difference in cache.differences.values():
        failed("differs", difference)


def show_paths(paths: Iterable[Path]) -> None:
    for path in paths:
        say(path)


def _plain(text: object) -> Text:
    return Text(printable(str(text)))


def _score(score: Score) -> str:
    if math.isnan(score.value):
        return "-"
    interval = "" if math.isnan(score.low) else f" ({score.low:.2f}-{score.high:.2f})"
    return f"{score.value:.3f}{interval}"


def _answer(row: dict[str, Any]) -> str:
    """A clip's answer in words; an unknown one says how many labels remain possible."""
    if row["set"] is None:
        return f"{row['answer']} (no face)"
    if "|" in row["set"] or not row["set"]:
        return f"{row['answer']} ({_count(len([*filter(None, row['set'].split('|'))]), 'label')})"
    return str(row["answer"])


def _count(number: int, noun: str, plural: str = "") -> str:
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def _size(count: int) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"


class _MinuteLines:
    """How far work is, for a log: a line a minute, none of what takes less. Not on a terminal."""

    def __init__(self) -> None:
        self._said_s = time.monotonic()

    def say(self, text: str) -> None:
        now_s = time.monotonic()
        if not err.is_terminal and now_s - self._said_s >= LINE_EVERY_S:
            self._said_s = now_s
            warn(text)


class FrameProgress:
    """A bar with frames/s and the time left. Without a terminal, a line a minute."""

    def __init__(self) -> None:
        self._bar = Progress(
            TextColumn("extracting"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.completed:.0f} frames, {task.fields[rate]:.0f} frames/s, left"),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=err,
            disable=not err.is_terminal,
        )

    def __enter__(self) -> FrameProgress:
        self._began_s = self._shown_s = time.monotonic()
        self._lines = _MinuteLines()
        self._done = 0
        self._bar.start()
        self._task = self._bar.add_task("", total=None, rate=0.0)
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def start_on(self, sources: list[Any]) -> None:
        from mien.recording.video import expected_frames

        if err.is_terminal:
            self._bar.update(self._task, total=expected_frames([s.path for s in sources]))

    def advance(self, frames: int) -> None:
        self._done += frames
        now_s = time.monotonic()
        if now_s - self._shown_s < REFRESH_S:
            return
        self._shown_s = now_s
        rate = self._done / max(now_s - self._began_s, 1e-3)
        self._bar.update(self._task, completed=self._done, rate=rate)
        self._lines.say(f"extracting: {self._done:,} frames, {rate:.0f} frames/s")


class StepProgress:
    """A bar for work that says what it does and how far it is; without a terminal, as lines."""

    def __init__(self, *, redirect_stdout: bool = True) -> None:
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=err,
            disable=not err.is_terminal,
            redirect_stdout=redirect_stdout,
        )

    def __enter__(self) -> Self:
        self._bar.start()
        self._task = self._bar.add_task("starting", total=None)
        self._lines = _MinuteLines()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def __call__(self, doing: str, done: int, total: int) -> None:
        self._bar.update(self._task, description=printable(doing), completed=done, total=total)
        self._lines.say(f"{doing}: {done / total if total else 0:.0%}")


class LineProgress(StepProgress):
    """The same, over which lines are printed as they come; to a file they go without the bar."""

    def __init__(self) -> None:
        super().__init__(redirect_stdout=out.is_terminal)

    def say(self, text: str | None) -> None:
        if text is not None:
            say(text)
