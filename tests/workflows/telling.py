"""Frames told to a watch as a replay tells them, and what it says."""

from pathlib import Path

import pyarrow as pa

from mien.monitor.journal import Journal
from mien.risk.events import Event
from mien.risk.lines import to_line
from mien.risk.watch import configured
from mien.workflows.replay_bedside import Bedside
from mien.workflows.replay_frame import MeasuredFrame
from mien.workflows.replay_log import LogWriter
from mien.workflows.replay_posterior import Posterior, posterior
from mien.workflows.replay_ward import Ward

FACS = posterior(None)
CONFIG = configured(model_hash=FACS.digest)


def told(
    frames: list[MeasuredFrame], journal: Journal | None = None, asked: Posterior = FACS
) -> list[Event]:
    """All that is said to frames that come in this order."""
    log: list[Event] = []
    config = configured(model_hash=asked.digest)
    ward = Ward(config, writer=LogWriter(None), on_event=log.append, journal=journal)
    if journal is not None:
        ward.go_on_from(journal.resume()[1])
    bed = Bedside("P0001", ward, asked, config)
    for frame in frames:
        bed.frame(frame)
    bed.end()
    return log


def of(kind: type, log: list[Event]) -> list[tuple[float, object]]:
    return [(one.event_time_ms / 1000, one.body) for one in log if isinstance(one.body, kind)]


def write_log(log: list[Event], path: Path) -> Path:
    path.write_text("".join(f"{to_line(event)}\n" for event in log), "utf-8")
    return path


def column(table: pa.Table, name: str, values: object) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), name, pa.array(values))


def kept_in(store: Path) -> list[Event]:
    with Journal.open(store) as journal:
        return journal.resume()[1]
