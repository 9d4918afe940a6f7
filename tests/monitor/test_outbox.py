"""Each notification reaches its receiver at least once, whoever dies, and has a key for doubles."""

from __future__ import annotations

import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.monitor.entries import message_key
from mien.monitor.journal import Journal
from mien.monitor.outbox import Delivery
from mien.monitor.settings import JournalSettings
from mien.monitor.verification import Verified
from mien.risk.events import WARD, Notified
from mien.risk.lines import to_line
from tests.monitor.telling import Telling
from tests.risk.plain_record import record


def notify(journal: Journal, count: int) -> list[str]:
    """The keys of the messages, one of each bed."""
    telling = Telling()
    said = [event for n in range(count) for event in telling.alert(f"bed-{n}")]
    position = journal.append(said).position
    messages = [event for event in said if isinstance(event.body, Notified)]
    return [message_key(to_line(event), position) for event in messages]


def names(deliveries: list[Delivery]) -> list[tuple[str, int]]:
    return [(one.event.patient, one.event.seq) for one in deliveries]


def test_the_most_urgent_goes_first_then_the_oldest(journal: Journal) -> None:
    telling = Telling()
    for bed, priority in [("a", "LOW"), ("b", "MEDIUM"), ("c", "HIGH"), ("d", "MEDIUM")]:
        told = Notified(f"{bed}/concern/1", priority, "raised", "assess", True)  # type: ignore[arg-type]
        journal.append([telling(bed, told)])
    first = journal.outbox.claim(now_ms=0, limit=3)
    assert names(first) == [("c", 1), ("b", 1), ("d", 1)]
    assert names(journal.outbox.claim(now_ms=0)) == [("a", 1)]
    assert journal.outbox.claim(now_ms=0) == []


def test_whom_escalation_has_come_to_is_told_and_the_failsafe_before_all(journal: Journal) -> None:
    telling = Telling()
    opened = record("a", 1)
    first, last = telling.award(opened), telling.award(opened, is_failsafe=True)
    journal.append([*telling.alert("b"), first, last])
    sent = journal.outbox.claim(now_ms=0)
    assert sent[0].event == last
    assert set(names(sent)) == {("a", 1), ("a", 2), ("b", 2)}
    assert isinstance(journal.verify(), Verified)


def test_a_sender_who_dies_is_replaced_after_the_lease(journal: Journal) -> None:
    (key,) = notify(journal, 1)
    (first,) = journal.outbox.claim(now_ms=0)
    assert journal.outbox.claim(now_ms=29_999) == []
    (second,) = journal.outbox.claim(now_ms=30_000)
    assert (first.key, first.attempt) == (key, 1)
    assert (second.key, second.attempt) == (key, 2)
    assert first.event == second.event
    journal.outbox.failed(first, now_ms=30_001, error="late news")  # from the one thought dead
    assert journal.outbox.claim(now_ms=59_999) == []
    journal.outbox.sent(first, now_ms=60_000)  # it had arrived after all
    assert journal.outbox.claim(now_ms=10**9) == []
    assert journal.outbox.pending() == 0
    journal.outbox.failed(second, now_ms=60_001, error="refused as a double")
    assert journal.outbox.claim(now_ms=10**9) == []


def test_a_failed_one_is_tried_again_after_waits_that_double_up_to_a_minute(
    journal: Journal,
) -> None:
    notify(journal, 1)
    now_ms, waits_s = 0, []
    for _ in range(9):
        (delivery,) = journal.outbox.claim(now_ms=now_ms)
        journal.outbox.failed(delivery, now_ms=now_ms, error="503 from https://a:b@pager/x")
        failed_ms = now_ms
        while not (found := journal.outbox.claim(now_ms=now_ms)):
            now_ms += 500
        waits_s.append((now_ms - failed_ms) / 1000)
        journal.outbox.failed(found[0], now_ms=-(10**9), error="")  # due at once
    assert waits_s == [1, 4, 16, 60, 60, 60, 60, 60, 60]


@pytest.mark.parametrize("error", ["half \ud83d of a face", "nul \0", "x" * 5000, ""])
def test_whatever_a_receiver_answers_can_be_kept(journal: Journal, error: str) -> None:
    notify(journal, 1)
    (delivery,) = journal.outbox.claim(now_ms=0)
    journal.outbox.failed(delivery, now_ms=0, error=error)
    (again,) = journal.outbox.claim(now_ms=10**6)
    assert again.attempt == 2


def test_senders_at_the_same_time_never_take_the_same(address: str) -> None:
    with Journal.open(address) as journal:
        keys = notify(journal, 40)

    def send(_: int) -> list[str]:
        sent = []
        with Journal.open(address) as journal:
            while deliveries := journal.outbox.claim(now_ms=0, limit=3):
                for delivery in deliveries:
                    sent.append(delivery.key)
                    journal.outbox.sent(delivery, now_ms=0)
        return sent

    with ThreadPoolExecutor(4) as pool:
        sent = [key for some in pool.map(send, range(4)) for key in some]
    assert sorted(sent) == sorted(keys)


DEEDS = st.sampled_from(["sent", "failed", "died before", "died after"])


@settings(max_examples=10, deadline=None)
@given(deeds=st.lists(st.tuples(DEEDS, st.integers(0, 40_000)), max_size=30))
def test_whatever_happens_to_senders_every_message_arrives_and_doubles_are_known(
    deeds: list[tuple[str, int]],
) -> None:
    arrived: Counter[str] = Counter()
    with TemporaryDirectory() as folder, Journal.open(Path(folder) / "ward.db") as journal:
        keys = notify(journal, 3)
        now_ms = 0
        for deed, wait_ms in [*deeds, *[("sent", 70_000)] * 3]:
            now_ms += wait_ms
            for delivery in journal.outbox.claim(now_ms=now_ms, limit=2):
                arrived[delivery.key] += deed in ("sent", "died after")
                if deed == "sent":
                    journal.outbox.sent(delivery, now_ms=now_ms)
                elif deed == "failed":
                    journal.outbox.failed(delivery, now_ms=now_ms, error="busy")
        assert journal.outbox.pending() == 0
    assert set(arrived) == set(keys) and min(arrived.values()) >= 1
    if not any(deed == "died after" for deed, _ in deeds):
        assert set(arrived.values()) == {1}


def test_waits_are_settings(tmp_path: Path) -> None:
    quick = JournalSettings(lease_s=2, retry_first_s=0.5, retry_most_s=0.5)
    with Journal.open(tmp_path / "ward.db", quick) as journal:
        notify(journal, 1)
        (delivery,) = journal.outbox.claim(now_ms=0)
        journal.outbox.failed(delivery, now_ms=0, error="busy")
        assert [one.attempt for one in journal.outbox.claim(now_ms=500)] == [2]
        assert journal.outbox.claim(now_ms=2499) == []
        assert [one.attempt for one in journal.outbox.claim(now_ms=2500)] == [3]


def test_the_next_patient_of_an_erased_one_s_bed_has_messages_of_their_own(
    journal: Journal,
) -> None:
    """The same events to the letter, but for the entry that they are in."""
    first = Telling().alert("bed-1")
    journal.append(first)
    (old,) = journal.outbox.claim(now_ms=0)
    states = {WARD: "{}"}
    journal.erase("bed-1", who="ann", why="asked", time_ms=0, snapshot=states, after=first[-1])
    journal.append([event for event in first if event.patient != WARD])
    journal.outbox.sent(old, now_ms=0)  # by a sender who heard of no erasure
    (new,) = journal.outbox.claim(now_ms=0)
    assert (new.event, new.attempt) == (old.event, 1)
    assert new.key != old.key
    assert isinstance(journal.verify(), Verified)


def test_a_message_that_is_appended_again_keeps_its_key(journal: Journal) -> None:
    telling = Telling()
    journal.append(telling.second("bed-1"))
    alert = telling.alert("bed-1")
    journal.append(alert)  # as if its answer were lost
    (first,) = journal.outbox.claim(now_ms=0)
    journal.append([*alert, *telling.second("bed-1"), *telling.alert("bed-2")])
    assert journal.outbox.pending() == 2
    (second,) = [one for one in journal.outbox.claim(now_ms=30_000) if one.event == first.event]
    assert second.key == first.key


def test_a_message_s_key_tells_no_name(journal: Journal) -> None:
    (key,) = notify(journal, 1)
    (delivery,) = journal.outbox.claim(now_ms=0)
    assert delivery.key == key
    assert re.fullmatch("[0-9a-f]{32}", key)


@pytest.mark.parametrize("patient", ["bed-1", WARD])
def test_a_message_and_its_record_are_one_entry(journal: Journal, patient: str) -> None:
    telling = Telling()
    head = journal.append(telling.alert(patient))
    (kept,) = journal.records()
    (delivery,) = journal.outbox.claim(now_ms=0)
    assert kept.head == head
    assert isinstance(delivery.event.body, Notified)
    assert delivery.event.body.record == kept.record.key
