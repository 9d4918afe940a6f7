"""`mien replay`: recorded landmarks, or a log, through the same machines as at the bedside."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from mien.emotion.ahead import thread_count
from mien.emotion.contract import Progress
from mien.errors import InputError
from mien.files import is_address, is_sqlite, without_credentials
from mien.risk.events import Event
from mien.risk.settings import WatchSettings
from mien.risk.watch import configured
from mien.workflows.replay_log import check_log_path, is_log, refuse_truth
from mien.workflows.replay_posterior import posterior
from mien.workflows.replay_record import explain_log, explain_store
from mien.workflows.replay_result import Replayed
from mien.workflows.replay_runs import Outputs, replay_log, replay_table


def replay(
    source: str | Path | None = None,
    *,
    patient: str | None = None,
    model: str | Path | None = None,
    baseline: float | str | Path | None = None,
    gap_s: float = 0.0,
    fps: float | None = None,
    log: str | Path | None = None,
    figure: str | Path | None = None,
    store: str | Path | None = None,
    explain: str | None = None,
    settings: WatchSettings | None = None,
    threads: int | None = None,
    overwrite: bool = False,
    on_event: Callable[[Event], None] = lambda _: None,
    on_progress: Progress | None = None,
    on_note: Callable[[str], None] = lambda _: None,
) -> Replayed:
    """Take a recording through the watch's machines, faster than it happened.

    source: a landmark table (.parquet, .csv) with `time_s`, and `received_s` where it is known
    when frames reached the host; or an event log (.jsonl), whose inputs and windows are told
    again. Each subject of a table is a patient, alone in a ward, so that nobody's alerts depend
    on who else is in it. Clips of one patient follow one another, one frame and gap_s apart.
    patient: the one to be replayed; None: all. Or how to call the one whom a table does not
    name. log, figure, store and explain are of one patient.

    model: a model folder for the negative-expression term; None: facs. Its hash is on each alert.
    baseline: usable seconds over which the own baseline is learnt (1,800 without it), or a
    table that is replayed before, as the patient's earlier time.
    fps: of rows without time_s. settings: the watch's limits.
    log: written as JSON Lines, whole or not at all. figure: a picture of the stay, .png.
    store: a journal's file or postgresql://…; the same replay again goes on from it. One of
    another patient is refused; that it is another recording of this one is not noticed.
    explain: the key of a record. Of a log, or of a store without a source, it is read there and
    nothing is replayed, nor written.
    threads: that measure faces; None: as many as there are processors.
    on_event: told each event once it is kept. on_progress: told rows or events done, of all.

    Memory does not grow with a table. Raises InputError, TableError, ModelError, LogError for
    what cannot be replayed; StoreError where a store fails, and the same again goes on.
    """
    threads = thread_count(threads)
    outputs = Outputs(
        log=_free(None if log is None else check_log_path(log), source, overwrite=overwrite),
        figure=_free(_figure_path(figure), source, overwrite=overwrite),
        store=None if store is None else str(store),
        explain=explain,
        on_event=on_event,
        on_progress=on_progress or (lambda doing, done, total: None),
        on_note=on_note,
    )
    if source is not None:
        refuse_truth(source)
    if source is None or (explain is not None and is_log(source)):
        return _read_where_it_stands(source, outputs)
    _check_source(source)
    asked = posterior(model)
    earlier = None if baseline is None or _is_number(baseline) else Path(str(baseline))
    learn_s = float(str(baseline)) if baseline is not None and earlier is None else None
    config = configured(_with_learning(settings, learn_s), model_hash=asked.digest)
    if is_log(source):
        if earlier is not None:
            raise InputError(f"{earlier}: a log has its own baseline in it; give seconds, or none")
        return replay_log(Path(source), config, outputs, patient=patient)
    return replay_table(
        Path(source),
        config,
        outputs,
        asked=asked,
        patient=patient,
        earlier=earlier,
        gap_s=_checked("--gap", gap_s, least=0.0),
        fps=None if fps is None else _checked("--fps", fps, least=0.01),
        threads=threads,
    )


def _is_number(value: object) -> bool:
    """
    >>> _is_number("600"), _is_number(600), _is_number("neutral.parquet")
    (True, True, False)
    """
    try:
        float(str(value))
    except ValueError:
        return False
    return True


def _with_learning(settings: WatchSettings | None, learn_s: float | None) -> WatchSettings:
    settings = settings or WatchSettings()
    if learn_s is None:
        return settings
    learn_s = _checked("--baseline", learn_s, least=1.0)
    appraisal = settings.appraisal.model_copy(update={"learn_s": learn_s})
    return settings.model_copy(update={"appraisal": appraisal})


def _checked(name: str, value: float, *, least: float) -> float:
    if not least <= value < 1e9:
        raise InputError(f"{name} must be {least:g} or more, got {value}")
    return float(value)


def _figure_path(figure: str | Path | None) -> Path | None:
    if figure is None:
        return None
    if Path(figure).suffix.lower() != ".png":
        raise InputError(f"{figure}: the picture of a stay ends in .png")
    return Path(figure)


def _free(path: Path | None, source: str | Path | None, *, overwrite: bool) -> Path | None:
    """A path that may be written, and can be. Raises InputError."""
    if path is None:
        return None
    if path.exists():
        if source is not None and Path(source).exists() and path.samefile(source):
            raise InputError(f"{path} is what is replayed: give another name")
        if path.is_dir() or not overwrite:
            raise InputError(f"{path} exists: choose another name, or --overwrite")
    _try_folder(path)
    return path


def _try_folder(path: Path) -> None:
    """Before a replay of hours, whether what it ends with can be written: a folder, or the one
    in which it will be made. Raises InputError."""
    there = next(folder for folder in path.absolute().parents if folder.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error


def _read_where_it_stands(source: str | Path | None, outputs: Outputs) -> Replayed:
    """A record of what was replayed before, from a log or a store. Raises InputError."""
    key, store = outputs.explain, outputs.store
    if key is None or (source is None and store is None):
        raise InputError("nothing to replay: give a landmark table or an event log (.jsonl)")
    given: dict[str, object] = {"--log": outputs.log, "--figure": outputs.figure}
    if source is not None:
        given["--store"] = store
    for option, value in given.items():
        if value is not None:
            raise InputError(
                f"--explain reads a record of what was replayed before, and {option} would stay "
                "empty: one at a time"
            )
    lines = explain_store(str(store), key) if source is None else explain_log(source, key)
    return Replayed(explanation=tuple(lines))


def _check_source(source: str | Path) -> None:
    if is_address(source):
        shown = without_credentials(str(source))
        raise InputError(f"{shown} is a stream: mien extract it, then replay the table")
    if Path(source).is_dir():
        raise InputError(f"{source} is a folder: give one landmark table or event log in it")
    if Path(source).is_file() and is_sqlite(source):
        raise InputError(
            f"{source} is a store: --store {source} --explain KEY reads a record of it"
        )
