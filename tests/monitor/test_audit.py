"""A log that was edited, reordered, cut short or made anew is found out, always."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from mien.errors import InputError
from mien.monitor import audit
from mien.monitor.audit import GENESIS, Head
from mien.monitor.entries import content_of
from mien.monitor.journal import Journal
from mien.monitor.verification import Broken, Verified
from mien.risk.events import WARD, Paused
from tests.monitor.telling import Telling

CHAIN = ("audit", "audit_parts", "events", "notes", "snapshots", "records", "outbox")
COVERED = {  # all columns of the chain's tables but what changes by its nature
    "audit": ("position", "time_ms", "what", "digest", "link"),
    "audit_parts": ("position", "part", "kind", "subject", "digest", "salt"),
    "events": ("position", "place", "part", "patient", "seq", "kind", "event_time_ms", "line"),
    "notes": ("position", "part", "patient", "line"),
    "snapshots": ("position", "part", "patient", "text"),
    "records": ("key", "patient", "seq", "position", "is_closed", "line"),
    "outbox": ("key", "patient", "seq", "position", "rank", "line"),
}


def write_log(path: Path) -> Head:
    """A log with all that there can be: alerts, notes, snapshots, an erasure, a forgotten start."""
    telling = Telling()
    with Journal.open(path) as journal:
        journal.append(telling.second("bed-1", "bed-2"), {WARD: "{}", "bed-1": '{"p":1}'})
        said = telling.second("bed-1", "bed-2", "bed-3") + telling.alert("bed-3")
        journal.append(said)
        journal.note({"who": "ann", "did": "looked"}, time_ms=telling.now_ms, patient="bed-2")
        states = {WARD: "{}", "bed-1": '{"p":2}', "bed-2": '{"p":3}'}
        now_ms, last = telling.now_ms, said[-1]
        journal.erase("bed-3", who="ann", why="asked", time_ms=now_ms, snapshot=states, after=last)
        journal.append(telling.second("bed-1", "bed-2") + telling.alert("bed-1"))
        journal.forget_before(telling.now_ms, who="day", now_ms=telling.now_ms)
        journal.append(telling.second("bed-1", "bed-2"), states)
        journal.append([*telling.alert("bed-2"), telling("bed-1", Paused("ann", "care", 1000))])
        journal.note({"who": "bob", "did": "logged in"}, time_ms=telling.now_ms)
        return journal.append(telling.second("bed-1", "bed-2"))


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Head]:
    path = tmp_path_factory.mktemp("log") / "ward.db"
    return path, write_log(path)


class Tampering:
    """Somebody who may write to the database's file, and knows how it is made."""

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None)

    def rows(self, table: str) -> list[tuple[int, dict[str, Any]]]:
        columns = COVERED[table]
        found = self.connection.execute(
            f"SELECT rowid, {', '.join(columns)} FROM {table} ORDER BY rowid"
        )
        return [(row[0], dict(zip(columns, row[1:], strict=True))) for row in found]

    def set(self, table: str, rowid: int, column: str, value: object) -> None:
        words = f"UPDATE {table} SET {column} = ? WHERE rowid = ?"
        self.connection.execute(words, (value, rowid))

    def all(self) -> dict[str, list[str]]:
        """What the log says: SQLite's own numbers of its rows, and their order, say nothing."""
        return {table: sorted(repr(row) for _, row in self.rows(table)) for table in CHAIN}

    def cut(self, last: int) -> None:
        """Take away all after an entry, without a trace."""
        for table in reversed(CHAIN):
            self.connection.execute(f"DELETE FROM {table} WHERE position > {last}")
        self.connection.execute(
            "UPDATE subjects SET last_seq = coalesce("
            "(SELECT max(seq) FROM events WHERE events.patient = subjects.patient), 0)"
        )

    def make_anew(self, first: int) -> None:
        """Every digest and link from an entry on, so that they agree with the contents again."""
        for rowid, part in self.rows("audit_parts"):
            if part["salt"] is not None and part["position"] >= first:
                self.set("audit_parts", rowid, "digest", self._digest(part))
        before = GENESIS
        told = [part for _, part in self.rows("audit_parts")]
        for rowid, entry in self.rows("audit"):
            if entry["position"] >= first:
                own = [part for part in told if part["position"] == entry["position"]]
                entry["digest"] = audit.digest_of_parts(
                    (part["kind"], part["subject"], part["digest"]) for part in own
                )
                self.set("audit", rowid, "digest", entry["digest"])
                entry.pop("link")
                entry["link"] = audit.link_of(before, **entry)
                self.set("audit", rowid, "link", entry["link"])
            before = entry["link"]

    def _digest(self, part: dict[str, Any]) -> str:
        def here(table: str) -> list[dict[str, Any]]:
            place = (part["position"], part["part"])
            return [row for _, row in self.rows(table) if (row["position"], row["part"]) == place]

        if part["kind"] == "events":
            content = content_of((row["place"], row["line"]) for row in here("events"))
        elif part["kind"] == "snapshot":
            content = here("snapshots")[0]["text"]
        else:
            content = here("notes")[0]["line"]
        return audit.digest_of(part["salt"], content)


@pytest.fixture
def copy(log: tuple[Path, Head], tmp_path: Path) -> Iterator[tuple[Path, Head, Tampering]]:
    path = tmp_path / "copy.db"
    shutil.copy(log[0], path)
    with closing((tampering := Tampering(path)).connection):
        yield path, log[1], tampering


def verified(path: Path, head: Head | None = None) -> Verified | Broken:
    with Journal.open(path) as journal:
        return journal.verify(head)


def changed(value: object, draw: st.DrawFn) -> object:
    if isinstance(value, int):
        return draw(st.integers(-2, 12).filter(lambda other: other != value))
    if value is None:
        return draw(st.sampled_from(["", "0" * 32]))
    assert isinstance(value, str)
    where = draw(st.integers(0, len(value)))
    longer = value[:where] + draw(st.sampled_from('0a"{\n')) + value[where:]
    shorter = value[:where] + value[where + 1 :]
    return draw(st.sampled_from([longer, shorter]).filter(lambda other: other != value))


@st.composite
def tamperings(draw: st.DrawFn, tampering: Tampering) -> str:
    """Do one thing to a log, and say what."""
    table = draw(st.sampled_from([table for table in CHAIN if tampering.rows(table)]))
    rows = tampering.rows(table)
    rowid, row = draw(st.sampled_from(rows))
    column = draw(st.sampled_from(COVERED[table]))
    deed = draw(st.sampled_from(["edit", "delete", "swap", "copy"]))
    if deed == "edit":
        tampering.set(table, rowid, column, changed(row[column], draw))
    elif deed == "delete":
        tampering.connection.execute(f"DELETE FROM {table} WHERE rowid = ?", (rowid,))
    elif deed == "copy":
        row[column] = changed(row[column], draw)
        if table == "outbox":
            row |= {"state": "sent", "attempts": 1, "due_ms": 0}
        marks = ", ".join("?" for _ in row)
        tampering.connection.execute(
            f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", tuple(row.values())
        )
    else:
        _swap(tampering, table, (rowid, row), draw(st.sampled_from(rows)), column)
    return f"{deed} {table}.{column} of {row}"


def _swap(tampering: Tampering, table: str, one: Any, other: Any, column: str) -> None:
    tampering.set(table, one[0], column, -7)  # for a moment, for the sake of unique columns
    tampering.set(table, other[0], column, one[1][column])
    tampering.set(table, one[0], column, other[1][column])


def check_tampering(data: st.DataObject, log: tuple[Path, Head], folder: Path) -> None:
    path = folder / "tampered.db"
    shutil.copy(log[0], path)
    with closing((tampering := Tampering(path)).connection):
        before = tampering.all()
        try:
            deeds = [data.draw(tamperings(tampering)) for _ in range(data.draw(st.integers(1, 3)))]
        except sqlite3.IntegrityError:
            reject()
        if tampering.all() == before:
            reject()
    result = verified(path, log[1])
    assert isinstance(result, Broken), deeds
    assert result.why


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_whatever_is_edited_moved_added_or_deleted_is_found(
    data: st.DataObject, log: tuple[Path, Head], tmp_path_factory: pytest.TempPathFactory
) -> None:
    check_tampering(data, log, tmp_path_factory.getbasetemp())


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_whatever_is_edited_is_found_in_many_tries(
    data: st.DataObject, log: tuple[Path, Head], tmp_path_factory: pytest.TempPathFactory
) -> None:
    check_tampering(data, log, tmp_path_factory.getbasetemp())


def test_the_log_itself_verifies(log: tuple[Path, Head]) -> None:
    assert verified(*log) == Verified(log[1])
    assert str(verified(*log)) == f"verified: 10 entries, head {log[1]}"
    with Journal.open(log[0]) as journal:
        assert not list(journal.events("bed-3"))


@pytest.mark.parametrize("last", range(10))
def test_a_log_cut_short_anywhere_lacks_the_head_that_was_kept(
    copy: tuple[Path, Head, Tampering], last: int
) -> None:
    path, head, tampering = copy
    tampering.cut(last)
    result = verified(path, head)
    assert isinstance(result, Broken)
    assert last < 7 or result.why == f"cut short: 10 entries were written, {last} are"


def test_a_log_made_anew_after_an_edit_has_another_head(
    copy: tuple[Path, Head, Tampering],
) -> None:
    path, head, tampering = copy
    (rowid, note) = tampering.rows("notes")[-1]
    tampering.set("notes", rowid, "line", note["line"].replace("bob", "eve"))
    assert verified(path) == Broken(note["position"], "part 0 (note) was changed")
    tampering.make_anew(note["position"])
    assert isinstance(verified(path), Verified)  # nothing inside the store could tell
    assert verified(path, head) == Broken(
        10, "another log: the head that was kept has another link"
    )


def test_a_head_of_an_earlier_day_still_verifies(log: tuple[Path, Head]) -> None:
    with closing(Tampering(log[0]).connection) as connection:
        links = connection.execute("SELECT position, link FROM audit").fetchall()
    for position, link in links:
        assert verified(log[0], Head(position, link)) == Verified(log[1])
        other = Head(position, link[::-1])
        assert verified(log[0], other) == Broken(
            position, "another log: the head that was kept has another link"
        )


def test_contents_that_go_without_a_tombstone_are_missed(
    copy: tuple[Path, Head, Tampering],
) -> None:
    path, _, tampering = copy
    last = tampering.rows("events")[-1][1]["position"]
    tampering.connection.execute("DELETE FROM events WHERE position = ?", (last,))
    tampering.connection.execute("UPDATE audit_parts SET salt = NULL WHERE position = ?", (last,))
    assert verified(path) == Broken(last, "part 0 (events) is gone, and no tombstone says why")


def test_the_chain_never_holds_who_a_patient_is(log: tuple[Path, Head]) -> None:
    with closing(Tampering(log[0]).connection) as connection:
        kept = connection.execute("SELECT * FROM audit").fetchall()
        kept += connection.execute("SELECT * FROM audit_parts").fetchall()
        salts = [row[0] for row in connection.execute("SELECT salt FROM audit_parts") if row[0]]
    assert "bed-" not in repr(kept)
    assert len(set(salts)) == len(salts)


def test_a_printed_head_is_read_back_and_nothing_else_is(log: tuple[Path, Head]) -> None:
    assert Head.parse(f" {log[1]}\n") == log[1]
    with pytest.raises(InputError, match="a colon and 64 hexadecimal digits, got '7:abc'"):
        Head.parse("7:abc")
