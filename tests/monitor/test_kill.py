"""A writer that is killed loses nothing that it acknowledged, and writes nothing twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import pytest

from mien.monitor.audit import Head
from mien.monitor.journal import Journal
from mien.monitor.verification import Verified
from mien.risk.events import WARD, Awarded, Notified
from tests.monitor.killed_writer import BEDS, Batches, batches_in
from tests.monitor.postgres import Server

REPO = Path(__file__).parent.parent.parent
GONE = "gone\n"


@contextmanager
def writers(address: str) -> Iterator[subprocess.Popen[str]]:
    words = [sys.executable, "-m", "tests.monitor.killed_writer", address]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        words, cwd=REPO, stdin=pipe, stdout=pipe, text=True, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # a writer too, where a check has failed


def killed(process: subprocess.Popen[str], chance: random.Random) -> int:
    """Kill a writer at any moment within three commits; the last batch it acknowledged, or 0."""
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    pid = int(process.stdout.readline())
    said = [_line(process) for _ in range(chance.randint(0, 4))]  # "writing", then acks
    assert GONE not in said, "the writer ended by itself"
    time.sleep(chance.uniform(0, 0.03))
    os.kill(pid, signal.SIGKILL)
    said += iter(lambda: _line(process), GONE)
    return max((int(line) for line in said if line != "writing\n"), default=0)


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, "the process that starts writers ended"
    return line


def check_log(address: str, acknowledged: int, head: Head) -> tuple[int, Head]:
    """Everything is there once, and all that is there follows from the same batches."""
    with Journal.open(address) as journal:
        count = batches_in(journal)
        assert acknowledged <= count <= acknowledged + 1
        wanted = [event for batch in islice(Batches(), count) for event in batch]
        for patient in (WARD, *BEDS):
            own = [event for event in wanted if event.patient == patient]
            assert list(journal.events(patient)) == own
        told = [event for event in wanted if isinstance(event.body, Notified)]
        awards = [event for event in wanted if isinstance(event.body, Awarded)]
        assert len(awards) == len(told) == len(journal.records())
        assert journal.outbox.pending() == len(told) + len(awards)
        result = journal.verify(head)
        assert isinstance(result, Verified)
        return count, result.head


def check_kills(address: str, *, kills: int, every: int) -> None:
    chance = random.Random(26)
    with Journal.open(address) as journal:
        head = journal.head()
    last = 0
    with writers(address) as process:
        for kill in range(1, kills + 1):
            acknowledged = max(last, killed(process, chance))
            with Journal.open(address) as journal:
                last = batches_in(journal)
            assert acknowledged <= last <= acknowledged + 1
            if kill % every == 0:
                last, head = check_log(address, last, head)
    assert last > kills // 2  # they did get to write


@pytest.mark.slow
def test_200_kills_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    check_kills(str(tmp_path / "ward.db"), kills=200, every=50)


@pytest.mark.slow
def test_kills_lose_nothing_and_double_nothing_in_postgresql(server: Server) -> None:
    check_kills(server.new_database(), kills=40, every=20)


def test_a_kill_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    check_kills(str(tmp_path / "ward.db"), kills=3, every=1)
