"""The ward's one order: priority, age, bed."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from mien.risk import records, triage
from mien.risk.events import WARD, Event, Ordered, Priority, Record, RecordChanged, Tick
from mien.risk.records import Cause
from mien.risk.triage import Waiting, ordered
from tests.risk.test_records import EVIDENCE

waiting = st.dictionaries(
    st.text(max_size=4),
    st.builds(
        Waiting,
        st.sampled_from(["LOW", "MEDIUM", "HIGH"]),
        st.integers(0, 5),
        st.sampled_from(["a", "b"]),
    ),
    max_size=8,
)


def record(patient: str, priority: Priority, onset_ms: int, seq: int = 1) -> Record:
    rule = {"LOW": "sustained", "MEDIUM": "concern", "HIGH": "concern-vitals"}[priority]
    return records.opened(patient, Cause(rule, priority, seq, onset_ms, True, 5), EVIDENCE)


def order_of(*changed: Record) -> tuple[str, ...]:
    state = triage.initial()
    for one in changed:
        event = Event(one.patient, 1, 0, 0, "", RecordChanged(one, "opened"))
        state, said = triage.step(state, event)
        assert said == []
    _, said = triage.step(state, Event(WARD, 1, 9000, 9000, "", Tick()))
    return said[0][1].records if said and isinstance(said[0][1], Ordered) else ()


def test_priority_goes_before_age_and_age_before_bed() -> None:
    low, old = record("a", "LOW", 1), record("c", "MEDIUM", 2)
    young, other = record("a", "MEDIUM", 3), record("b", "MEDIUM", 3)
    high = record("z", "HIGH", 9)
    wanted = tuple(one.key for one in (high, old, young, other, low))
    assert order_of(other, young, high, low, old) == wanted
    assert order_of(low, old, young, other, high) == wanted


def test_what_is_acknowledged_or_closed_leaves_the_order() -> None:
    one, two = record("a", "MEDIUM", 1), record("b", "MEDIUM", 2)
    seen = records.acknowledged(one, "ann", 3)
    assert order_of(one, two, seen) == (two.key,)
    assert order_of(one, two, replace(records.cleared(seen, 4), is_closed=True)) == (two.key,)
    assert order_of(one, records.cleared(one, 2)) == (one.key,)


def test_the_order_is_told_when_it_changes_and_not_again() -> None:
    state, _ = triage.step(
        triage.initial(),
        Event("a", 1, 0, 0, "", RecordChanged(record("a", "LOW", 1), "opened")),
    )
    state, said = triage.step(state, Event(WARD, 1, 1000, 1000, "", Tick()))
    assert len(said) == 1
    assert triage.step(state, Event(WARD, 2, 2000, 2000, "", Tick())) == (state, [])


@given(waiting, st.randoms())
def test_the_order_is_total_and_does_not_depend_on_who_came_first(
    known: dict[str, Waiting], random: object
) -> None:
    items = list(known.items())
    random.shuffle(items)  # type: ignore[attr-defined]
    order = ordered(dict(items))
    assert order == ordered(known)
    assert sorted(order) == sorted(known)
