"""The two ways of a replay: from a table's frames, or from a log's inputs; and what is written."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mien.emotion.contract import Progress
from mien.errors import InputError, LogError, TableError
from mien.files import replacing
from mien.risk.events import WARD, Event
from mien.risk.records import patient_of
from mien.risk.settings import WatchConfig, to_ms
from mien.risk.watch import is_input
from mien.tables import open_landmarks
from mien.workflows.replay_bedside import Bedside
from mien.workflows.replay_check import LogCheck
from mien.workflows.replay_clips import Recording, open_recording, placed
from mien.workflows.replay_log import LogWriter, patients_in, read_log, refuse_empty, writing_log
from mien.workflows.replay_order import FrameCounts
from mien.workflows.replay_posterior import Posterior
from mien.workflows.replay_record import explain_replayed
from mien.workflows.replay_result import PatientReplay, Replayed
from mien.workflows.replay_rows import measured
from mien.workflows.replay_store import open_store
from mien.workflows.replay_ward import ONE_REPLAY, Ward

if TYPE_CHECKING:
    from mien.monitor.audit import Head
    from mien.monitor.journal import Journal


@dataclass(frozen=True)
class Outputs:
    """Where a replay goes, and who is told."""

    log: Path | None
    figure: Path | None
    store: str | None
    explain: str | None
    on_event: Callable[[Event], None]
    on_progress: Progress
    on_note: Callable[[str], None]

    @property
    def of_one(self) -> str | None:
        """The option that is of one patient, where one is given."""
        options = ("log", "figure", "store", "explain")
        return next((name for name in options if getattr(self, name) is not None), None)


def replay_table(
    path: Path,
    config: WatchConfig,
    outputs: Outputs,
    *,
    asked: Posterior,
    patient: str | None,
    earlier: Path | None,
    gap_s: float,
    fps: float | None,
    threads: int,
) -> Replayed:
    """From frames. See replay."""
    late_ms = to_ms(config.settings.signal.lateness_s)
    recordings = _recordings(path, earlier, late_ms, patient=patient, gap_s=gap_s, fps=fps)
    patients = recordings[-1].patients
    if len(patients) > 1 and outputs.of_one is not None:
        raise InputError(
            f"--{outputs.of_one} is of one patient, and {path} has {len(patients)}: name one with "
            f"--patient, such as {patients[0]!r}"
        )
    if outputs.explain is not None and patient_of(outputs.explain) not in patients:
        raise InputError(
            f"no record {outputs.explain!r} can be in {path}: a record is named as "
            f"{patients[0]}/concern/5310, by patient, rule and number"
        )
    for note in _notes(recordings[-1], gap_s):
        outputs.on_note(note)
    with ExitStack() as opened:
        writer = opened.enter_context(writing_log(outputs.log))
        journal = _journal(outputs, opened)
        beds = {
            name: Bedside(name, _ward(config, outputs, writer, journal, [name]), asked, config)
            for name in patients
        }
        known = {name: bed.known_to_ms for name, bed in beds.items() if bed.known_to_ms is not None}
        for frame_of in _frames(recordings, asked, threads, known, outputs.on_progress):
            beds[frame_of.patient].frame(frame_of)
        for bed in beds.values():
            bed.end()
        if not any(bed.counts.frames - bed.counts.without_face for bed in beds.values()):
            raise TableError(
                f"no frame of {path} has a face: there is nothing to appraise. See mien inspect, "
                "and extract again from where the face is seen"
            )
        done = [_patient(name, bed.ward, bed.counts) for name, bed in beds.items()]
        head = None if journal is None else journal.head()
    return _written(done, config, outputs, head, path)


def replay_log(
    path: Path, config: WatchConfig, outputs: Outputs, *, patient: str | None
) -> Replayed:
    """From a log's inputs and windows. See replay."""
    names: list[str] = []
    if patient is not None or outputs.figure is not None or outputs.store is not None:
        names = patients_in(path)
        _check_names(names, patient, outputs, path)
    with ExitStack() as opened:
        writer = opened.enter_context(writing_log(outputs.log))
        journal = _journal(outputs, opened)
        ward = _ward(config, outputs, writer, journal, names)
        check = LogCheck(path, _noted(outputs))
        _tell_again(path, ward, check, config, outputs)
        ward.commit()
        names = sorted(ward.said)
        _check_names(names, patient, outputs, path)
        found = [_patient(name, ward, None) for name in names if patient in (None, name)]
        head = None if journal is None else journal.head()
    return _written(found, config, outputs, head, path)


def _tell_again(
    path: Path, ward: Ward, check: LogCheck, config: WatchConfig, outputs: Outputs
) -> None:
    """What came from outside, and the windows: the rest follows from it, and is compared."""
    known = {name: bed.seq for name, bed in ward.state.beds.items()} | {WARD: ward.state.seq}
    total, told = _line_count(path), 0
    for line, event in read_log(path):
        if event.config_hash != config.hash and check.is_compared:
            check.is_compared = False
            _note_other_config(event, config, outputs, path)
        check.read(line, event)
        is_new = event.seq > known.get(event.patient, 0)
        if is_input(event):
            told += 1
            if is_new:
                check.said(ward.tell(event))
        if is_new:
            check.compare(line, event)
        if line % 2000 == 0:
            outputs.on_progress("replaying", line, total)
    if not told:
        refuse_empty(path)
    check.end()


def _noted(outputs: Outputs) -> Callable[[str], None]:
    """Where it is told what is wrong with a log: into a store goes none of it."""
    return outputs.on_note if outputs.store is None else _refuse_for_store


def _refuse_for_store(text: str) -> None:
    raise LogError(f"{text}. Into a store goes only what is whole: leave out --store")


def _check_names(names: list[str], patient: str | None, outputs: Outputs, path: Path) -> None:
    """Before anything is told. Raises InputError."""
    if patient is not None and patient not in names:
        raise InputError(f"{path} has no patient {patient!r}: it has {', '.join(names) or 'none'}")
    if patient is None and len(names) > 1 and outputs.figure is not None:
        raise InputError(
            f"--figure is of one patient, and {path} has {len(names)}: name one with --patient"
        )


def _recordings(
    path: Path,
    earlier: Path | None,
    late_ms: int,
    *,
    patient: str | None,
    gap_s: float,
    fps: float | None,
) -> list[Recording]:
    """What is replayed, in order, each patient's clips one after another."""
    main = open_recording(open_landmarks(path), patient=patient, fps=fps, late_ms=late_ms)
    if earlier is None:
        return [placed(main, gap_s=gap_s, after_ms={})]
    if len(main.patients) > 1:
        raise InputError(
            f"--baseline {earlier} is of one patient, and {path} has {len(main.patients)}: name "
            "one with --patient"
        )
    name = main.patients[0]
    before = open_recording(open_landmarks(earlier), patient=name, fps=fps, late_ms=late_ms)
    before = placed(before, gap_s=gap_s, after_ms={})
    return [before, placed(main, gap_s=gap_s, after_ms=before.ends_ms(gap_s=gap_s))]


def _notes(recording: Recording, gap_s: float) -> Iterator[str]:
    for name in recording.patients:
        clips = recording.clip_count(name)
        if clips > 1:
            yield f"{name}: {clips} clips, one after another, {gap_s:g} s between them"
    if recording.rows_of_nobody:
        yield f"{recording.rows_of_nobody:,} rows name no subject and are left out"


def _frames(
    recordings: list[Recording],
    asked: Posterior,
    threads: int,
    known: Mapping[str, int],
    told: Progress,
) -> Iterator:
    total = sum(recording.rows for recording in recordings)
    done = 0
    for recording in recordings:
        for some in measured(recording, asked, threads=threads, known_to_ms=known):
            yield from some
            done += len(some)
            told("replaying", done, total)


def _journal(outputs: Outputs, opened: ExitStack) -> Journal | None:
    return None if outputs.store is None else opened.enter_context(open_store(outputs.store))


def _ward(
    config: WatchConfig,
    outputs: Outputs,
    writer: LogWriter,
    journal: Journal | None,
    patients: Collection[str],
) -> Ward:
    """A ward, which goes on from what its store holds. Raises LogError where that is another's."""
    ward = Ward(config, writer=writer, on_event=outputs.on_event, journal=journal)
    if journal is None:
        return ward
    snapshot, logged = journal.resume()
    if snapshot is not None:
        raise LogError(
            f"{outputs.store} is a running ward's, not a replay's: give a store of its own"
        )
    others = sorted({event.patient for event in logged} - {*patients, WARD})
    if others:
        raise LogError(
            f"{outputs.store} holds a replay of {others[0]!r}, and this one has no such patient. "
            f"{ONE_REPLAY}"
        )
    ward.go_on_from(logged)
    if logged:
        outputs.on_note(f"the store has {len(logged):,} events of this replay: going on from there")
    return ward


def _patient(name: str, ward: Ward, counts: FrameCounts | None) -> PatientReplay:
    said = ward.said[name]
    records = sorted(said.records.values(), key=lambda record: (record.onset_ms, record.key))
    own = ward.state.beds[name].appraisal.own
    return PatientReplay(
        name, counts, said.trace.length_s, said.scored_s, own.is_ready, tuple(records), said.trace,
        said.at_onsets,
    )  # fmt: skip


def _written(
    done: list[PatientReplay],
    config: WatchConfig,
    outputs: Outputs,
    head: Head | None,
    path: Path,
) -> Replayed:
    """The picture, what is explained, and all of it as one result."""
    if outputs.figure is not None:
        from mien.evaluation.stay_figure import stay_figure  # .5 s that most replays can do without

        with replacing(outputs.figure) as temporary:
            temporary.write_bytes(stay_figure(done[0].trace, config))
    records = [record for one in done for record in one.records]
    at_onsets = {key: then for one in done for key, then in one.at_onsets.items()}
    key = outputs.explain
    lines = () if key is None else explain_replayed(records, at_onsets, key, path)
    return Replayed(
        patients=tuple(done),
        config=config,
        log=outputs.log,
        figure=outputs.figure,
        head=head,
        explanation=tuple(lines),
    )


def _line_count(path: Path) -> int:
    try:
        with open(path, "rb") as handle:
            return sum(1 for _ in handle)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def _note_other_config(event: Event, config: WatchConfig, outputs: Outputs, path: Path) -> None:
    """In words, since nobody knows a hash by heart."""
    text = (
        f"{path} was made with other settings, another model or version of mien: without "
        "--baseline and --model as they were then, alerts may differ "
        f"(log {event.config_hash}, this replay {config.hash})"
    )
    _noted(outputs)(text)
