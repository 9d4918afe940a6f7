"""What the ward's own log says of an erased patient goes, and what it says of others stays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mien.monitor.journal import Journal
from mien.monitor.verification import Verified
from mien.risk import watch
from mien.risk.events import WARD, Acknowledged, BedAdded, Closed, NotDone, RecordChanged, Refused
from mien.risk.snapshots import to_parts
from tests.monitor.telling import Telling
from tests.risk.plain_record import record
from tests.risk.wards import Ward, bodies

BEDS = ("a", "b", "c", "zed")


def erase(journal: Journal, ward: Ward, patient: str) -> None:
    """Out of the watch, and out of its log."""
    ward.state = watch.without_patient(ward.state, patient)
    ward.patients = [bed for bed in ward.patients if bed != patient]
    states = to_parts(ward.state)
    journal.erase(patient, who="eve", why="asked", time_ms=0, snapshot=states, after=ward.log[-1])


def shown(journal: Journal) -> list[tuple[str, bool]]:
    """How the ward's own records stand, by the journal: (shown, is closed)."""
    kept = (kept.record for kept in journal.records(patient=WARD, closed=True))
    return [(record.shown, record.is_closed) for record in kept]


def failing() -> tuple[Ward, str]:
    """Three beds fall silent together, then one more, whom the risen alert names too; its key."""
    ward = Ward(patients=BEDS)
    ward.seconds(15)
    ward.seconds(3, dict.fromkeys(BEDS, "silent") | {"zed": "calm"})
    ward.seconds(65, "silent")
    changes = [event for event in ward.log if event.patient == WARD]
    opened, *_, risen = (body.record for body in bodies(RecordChanged, changes))
    assert [one.evidence.terms[0].unit for one in (opened, risen)] == [
        "beds: a, b, c",
        "beds: a, b, c, zed",
    ]
    return ward, opened.key


def test_a_ward_s_record_that_closed_does_not_open_again_when_a_bed_of_it_is_erased(
    journal: Journal,
) -> None:
    ward, key = failing()
    ward.seconds(20)
    ward.hear(Acknowledged(key, "ann"))
    journal.append(ward.log)
    assert shown(journal) == [("off", True)]
    erase(journal, ward, "zed")
    assert [kept.record.is_closed for kept in ward.state.ward.records] == [True]
    assert shown(journal) == []
    head = journal.head()
    assert journal.verify(head) == Verified(head)
    journal.append(ward.seconds(2), to_parts(ward.state))
    for delivery in journal.outbox.claim(now_ms=0, limit=100):
        journal.outbox.sent(delivery, now_ms=0)
    journal.forget_before(ward.time_ms, who="nightly", now_ms=ward.time_ms)
    assert not list(journal.events(WARD, kinds=["RecordChanged"]))
    assert isinstance(journal.verify(head), Verified)


def test_a_ward_s_record_that_is_open_is_written_again_by_its_next_change(
    journal: Journal,
) -> None:
    ward, key = failing()
    journal.append(ward.log)
    assert shown(journal) == [("on", False)]
    erase(journal, ward, "zed")
    assert shown(journal) == []
    journal.append(ward.hear(Acknowledged(key, "ann")))
    assert shown(journal) == [("ack", False)]
    journal.append(ward.seconds(20))
    assert shown(journal) == [("off", True)]
    (kept,) = journal.records(patient=WARD, closed=True)
    assert kept.record in [kept.record for kept in ward.state.ward.records]
    assert isinstance(journal.verify(), Verified)


def test_a_ward_s_record_that_no_longer_names_the_erased_stays_as_it_is(journal: Journal) -> None:
    telling = Telling()
    system = record(WARD, 2, rule="system")
    said = telling.second("bed-1") + [
        telling(WARD, RecordChanged(replace(system, patient=patient), why))  # type: ignore[arg-type]
        for patient, why in [("bed-1", "opened"), (WARD, "acknowledged")]
    ]
    journal.append(said)
    before = journal.records()
    journal.erase("bed-1", who="a", why="b", time_ms=0, snapshot={WARD: "{}"}, after=said[-1])
    assert [kept.record for kept in before] == [system] and journal.records() == before
    assert isinstance(journal.verify(), Verified)


@pytest.mark.parametrize(
    "typed",
    [
        "anna-4711/concern",
        "anna-4711/concern/17/",
        " anna-4711/concern/17",
        "concern/anna-4711",
        "anna-4711/concern/17",
        "anna-4711",
    ],
)
def test_no_byte_of_a_key_that_somebody_misspelt_in_an_act_is_left(
    tmp_path: Path, typed: str
) -> None:
    """Acts for a bed that there is not, and for the ward itself: both are the ward's."""
    ward, key = Ward(patients=("bed-2",)), "anna-4711"
    for bed in (key, "bed-2"):
        ward.hear(BedAdded(), bed)
    acts = (Acknowledged(typed, "ann"), Refused(typed, "ann"), Closed(typed, "ann", "treated"))
    for patient in ("ann-4711", WARD):
        for act in acts:
            ward.hear(act, patient)
    assert len(bodies(NotDone, ward.log)) == 6
    ward.hear(Acknowledged("bed-2/concern", "ann"))
    with Journal.open(tmp_path / "ward.db") as journal:
        journal.append(ward.log)
        erase(journal, ward, key)
        assert key.encode() not in b"".join(file.read_bytes() for file in tmp_path.iterdir())
        assert bodies(Acknowledged, list(journal.events(WARD))) == [
            Acknowledged("bed-2/concern", "ann")
        ]
        assert isinstance(journal.verify(), Verified)


def test_an_act_for_another_s_record_that_looks_like_a_patient_s_key_stays(
    journal: Journal,
) -> None:
    telling = Telling()
    others = ("/system/5", "bed-1/concern/5", "bed-1/face-lost/5", "15/concern/5")
    own = ("5/concern/9", "bed 5/concern/9", "5")
    said = telling.second("5", "bed-1")
    stay = [said[0], *(telling(WARD, Acknowledged(one, "ann")) for one in others)]
    said += [*stay[1:], *(telling(WARD, Refused(one, "ann")) for one in own)]
    journal.append(said)
    states = {WARD: "{}", "bed-1": "{}"}
    journal.erase("5", who="a", why="b", time_ms=0, snapshot=states, after=said[-1])
    assert list(journal.events(WARD)) == stay
    assert isinstance(journal.verify(), Verified)
