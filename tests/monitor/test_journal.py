"""The watch's log comes back as it was written, each event once, each alert with its message."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from mien.errors import LogError
from mien.monitor.journal import Journal
from mien.monitor.verification import Verified
from mien.risk.events import (
    WARD,
    Event,
    FrameMeasured,
    Paused,
    Scored,
    Tick,
    VitalsGiven,
)
from mien.risk.lines import to_line
from tests.monitor.telling import WINDOW, Telling


def test_what_was_appended_is_there_after_a_restart(address: str) -> None:
    telling = Telling()
    batches = [telling.second("bed-1", "bed-2"), telling.alert("bed-2"), telling.second("bed-1")]
    with Journal.open(address) as journal:
        assert journal.resume() == (None, [])
        heads = [journal.append(batch) for batch in batches]
    assert [head.position for head in heads] == [1, 2, 3]
    with Journal.open(address) as journal:
        assert journal.resume() == (None, [event for batch in batches for event in batch])
        assert journal.head() == heads[-1]
        assert journal.verify(heads[1]) == Verified(heads[-1])


def test_a_restart_goes_on_from_the_newest_snapshot_and_what_came_after(journal: Journal) -> None:
    telling = Telling()
    journal.append(telling.second("bed-1"), {WARD: "{}", "bed-1": '{"n":1}'})
    journal.append(telling.second("bed-1"), {WARD: "{}", "bed-1": '{"n":2}'})
    after = telling.second("bed-1")
    journal.append(after)
    assert journal.resume() == ({WARD: "{}", "bed-1": '{"n":2}'}, after)
    assert isinstance(journal.verify(), Verified)


def test_a_snapshot_that_is_older_than_the_log_is_refused(journal: Journal) -> None:
    telling = Telling()
    first = telling.second("bed-1")
    journal.append(first)
    journal.append(telling.second("bed-1"))
    with pytest.raises(LogError, match="the moment after event 1 of 'bed-1', but the log goes on"):
        journal.append(first, {WARD: "{}"})
    assert journal.resume()[0] is None
    with pytest.raises(LogError, match="a snapshot of nothing"):
        journal.append([], {})


def test_appending_the_same_again_changes_nothing(journal: Journal) -> None:
    telling = Telling()
    batch = telling.second("bed-1") + telling.alert("bed-1")
    head = journal.append(batch)
    assert journal.append(batch) == head
    more = telling.second("bed-1")
    journal.append(batch[2:] + more + more)  # some known, some new, the new ones twice
    assert journal.resume()[1] == batch + more
    assert journal.outbox.pending() == 1


def test_an_event_that_comes_again_with_other_content_is_refused_and_the_batch_with_it(
    journal: Journal,
) -> None:
    telling = Telling()
    batch = telling.second("bed-1")
    head = journal.append(batch)
    other = replace(batch[1], config_hash="0ther")
    with pytest.raises(LogError, match="event 1 of 'bed-1' is in the log with other content"):
        journal.append([*telling.second("bed-1"), other])
    assert journal.head() == head
    new = telling("bed-2", WINDOW)
    with pytest.raises(LogError, match="event 1 of 'bed-2' is in the log with other content"):
        journal.append([new, replace(new, config_hash="0ther")])
    assert journal.head() == head


def test_a_missing_event_is_noticed_when_the_next_one_comes(journal: Journal) -> None:
    telling = Telling()
    journal.append(telling.second("bed-1"))
    telling.second("bed-1")
    with pytest.raises(LogError, match="event 3 of the ward came after 1: some are missing"):
        journal.append(telling.second("bed-1"))


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (Event("bed-1", 0, 0, 0, "", FrameMeasured(None)), "frames are not logged"),
        (Event("bed-1", 1, 0, 0, "", Scored(0, (), False, float("nan"), "READY")), "cannot be"),
        (Event("bed-\ud800", 1, 0, 0, "", Tick()), "cannot be written"),
        (Event("bed-\0", 1, 0, 0, "", Tick()), "no NUL"),
        (Event("bed-1", 1, 2**63, 0, "", Tick()), "no time that can be written"),
    ],
)
def test_what_no_log_can_hold_is_refused(tmp_path: Path, event: Event, why: str) -> None:
    with Journal.open(tmp_path / "ward.db") as journal, pytest.raises(LogError, match=why):
        journal.append([event])


def test_a_record_is_kept_as_its_last_change_left_it_with_the_entry_that_says_so(
    journal: Journal,
) -> None:
    telling = Telling()
    journal.append(telling.second("bed-1", "bed-2"))
    opened = telling.alert("bed-1") + telling.alert("bed-2", onset_ms=5)
    first = journal.append(opened)
    one, two = (kept.record for kept in journal.records())
    assert [one.key, two.key] == ["bed-1/concern/2", "bed-2/concern/2"]
    assert [kept.head for kept in journal.records(patient="bed-2")] == [first]
    last = journal.append(telling.closing(one))
    assert [kept.record for kept in journal.records()] == [two]
    (closed, _) = journal.records(closed=True)
    assert closed.record.is_closed and closed.head == last


def test_a_patient_s_events_are_found_by_kind_and_time(journal: Journal) -> None:
    telling = Telling()
    for _ in range(3):
        journal.append([*telling.second("bed-1", "bed-2"), telling("bed-1", VitalsGiven(5))])
    assert len(list(journal.events("bed-1"))) == 6
    found = list(journal.events("bed-1", kinds=["VitalsGiven"], from_ms=2000, to_ms=3000))
    assert [(event.event_time_ms, event.body) for event in found] == [(2000, VitalsGiven(5))]


ANY_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@settings(max_examples=10, deadline=None)
@given(st.lists(ANY_TEXT, max_size=3))
def test_any_text_is_a_patient_s_key(patients: list[str]) -> None:
    telling = Telling()
    with TemporaryDirectory() as folder, Journal.open(Path(folder) / "ward.db") as journal:
        batch = [telling(patient, Paused("ann", "care", 1)) for patient in patients]
        journal.append(batch)
        assert journal.resume()[1] == batch
        assert isinstance(journal.verify(), Verified)
        for patient in set(patients) - {WARD}:
            states = {WARD: "[]"}
            journal.erase(patient, who="", why="", time_ms=0, snapshot=states, after=batch[-1])
        assert [event for event in journal.resume()[1] if event.patient] == []
        assert isinstance(journal.verify(), Verified)


PATIENTS = ("bed-1", "bed-2", "bed-31")


class Keeping(RuleBasedStateMachine):
    """Whatever is done with a journal, in whatever order, it holds what a plain list would."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = TemporaryDirectory()
        self._path = Path(self._folder.name) / "ward.db"
        self.journal = Journal.open(self._path)
        self.telling = Telling()
        self.log: list[Event] = []  # what a restart reads
        self.last: Event | None = None
        self.states: dict[str, str] | None = None
        self.head = self.journal.head()

    def teardown(self) -> None:
        self.journal.close()
        self._folder.cleanup()

    def snapshot(self, without: str = "") -> dict[str, str]:
        stays = [patient for patient in PATIENTS if patient != without]
        return {patient: f'{{"at":{self.telling.now_ms}}}' for patient in (WARD, *stays)}

    @rule(watched=st.sets(st.sampled_from(PATIENTS)), again=st.integers(0, 5))
    def a_second_passes(self, watched: set[str], again: int) -> None:
        batch = self.telling.second(*sorted(watched))
        self.head = self.journal.append(self.log[len(self.log) - again :] + batch)
        self.log += batch
        self.last = batch[-1]

    @rule(patient=st.sampled_from(PATIENTS), is_closed=st.booleans())
    def an_alert_comes(self, patient: str, is_closed: bool) -> None:
        batch = self.telling.alert(patient, is_closed=is_closed)
        self.head = self.journal.append(batch)
        self.log += batch
        self.last = batch[-1]

    @precondition(lambda self: self.log)
    @rule()
    def a_snapshot_is_taken(self) -> None:
        self.states = self.snapshot()
        self.head = self.journal.append(self.log[-1:], self.states)
        self.log = []

    @rule()
    def somebody_looks(self) -> None:
        self.head = self.journal.note({"who": "ann"}, time_ms=self.telling.now_ms, patient="bed-1")

    @rule()
    def messages_go_out(self) -> None:
        for delivery in self.journal.outbox.claim(now_ms=self.telling.now_ms):
            self.journal.outbox.sent(delivery, now_ms=self.telling.now_ms)

    @rule(seconds=st.integers(0, 5))
    def the_old_is_forgotten(self, seconds: int) -> None:
        now_ms = self.telling.now_ms
        open_before = self.journal.records()
        self.head = self.journal.forget_before(now_ms - 1000 * seconds, who="day", now_ms=now_ms)
        assert self.journal.records() == open_before

    @rule(patient=st.sampled_from(PATIENTS))
    def a_patient_is_erased(self, patient: str) -> None:
        states = self.snapshot(without=patient)
        try:
            self.head = self.journal.erase(
                patient,
                who="ann",
                why="asked",
                time_ms=self.telling.now_ms,
                snapshot=states,
                after=self.last,
            )
        except LogError:
            assert not list(self.journal.events(patient))
            return
        self.states, self.log = states, []
        assert not list(self.journal.events(patient))
        assert not self.journal.records(patient=patient, closed=True)
        assert not [e for e in self.journal.events(WARD) if f'"{patient}/' in to_line(e)]

    @rule()
    def it_starts_again(self) -> None:
        self.journal.close()
        self.journal = Journal.open(self._path)

    @invariant()
    def a_restart_reads_what_is_due(self) -> None:
        assert self.journal.resume() == (self.states, self.log)

    @invariant()
    def it_verifies(self) -> None:
        assert self.journal.verify(self.head) == Verified(self.journal.head())


def test_a_journal_holds_what_a_list_would() -> None:
    some = settings(max_examples=4, stateful_step_count=12, deadline=None)
    run_state_machine_as_test(Keeping, settings=some)


@pytest.mark.slow
def test_a_journal_holds_what_a_list_would_whatever_is_done_with_it() -> None:
    many = settings(max_examples=30, stateful_step_count=25, deadline=None)
    run_state_machine_as_test(Keeping, settings=many)
