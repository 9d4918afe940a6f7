"""The state as text, and the hashes of what decides."""

from dataclasses import replace

import pytest

from mien.errors import LogError
from mien.risk import conditions, evidence, snapshots, watch
from mien.risk.conditions import Rule
from mien.risk.events import (
    Paused,
    RecordChanged,
)
from mien.risk.settings import ConditionSettings, WatchSettings
from tests.risk.wards import ROSTER, Ward, bodies

CONFIG = watch.configured(model_hash="m")


def test_a_patient_who_is_gone_leaves_nothing_in_the_state() -> None:
    ward = Ward(CONFIG)
    ward.hear(ROSTER)
    ward.seconds(45, "much")
    ward.seconds(30, "silent")
    ward.hear(Paused("ann", "care", 60_000), "b")
    text = snapshots.to_snapshot(watch.without_patient(ward.state, "b"))
    assert '"b"' not in text.replace("\\", "") and "b/" not in text
    ward.state = watch.without_patient(ward.state, "b")
    ward.patients = "ac"
    ward.seconds(5)


def test_the_hash_changes_with_settings_model_and_rules() -> None:
    config = watch.configured(model_hash="m")
    other = WatchSettings(conditions=ConditionSettings(concern_raise=6))
    hashes = {
        config.hash,
        watch.configured(model_hash="n").hash,
        watch.configured(other, model_hash="m").hash,
        replace(config, rules_hash="r").hash,
    }
    assert len(hashes) == 4
    assert watch.configured(model_hash="m").hash == config.hash


def test_a_watch_goes_on_under_other_settings_with_another_hash() -> None:
    ward = Ward(CONFIG)
    ward.seconds(15, "much")
    eager = watch.configured(WatchSettings(conditions=ConditionSettings(concern_raise_s=1.0)))
    ward.state = watch.reconfigured(ward.state, eager)
    said = ward.seconds(2, "much")
    assert {event.config_hash for event in said} == {eager.hash}
    assert [body.why for body in bodies(RecordChanged, said)] == ["opened"] * 3


def test_the_rules_hash_is_of_the_codes_own_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    before = watch.rules_hash()
    monkeypatch.setitem(conditions.RULES, "concern", Rule("concern", "HIGH", "concern"))
    changed = watch.rules_hash()
    monkeypatch.undo()
    monkeypatch.setitem(evidence.CLEARS_WHEN, "concern", "never")
    assert len({before, changed, watch.rules_hash()}) == 3


def test_a_snapshot_has_a_part_for_each_patient() -> None:
    ward = Ward(CONFIG)
    ward.seconds(15)
    parts = snapshots.to_parts(ward.state)
    assert sorted(parts) == ["", "a", "b", "c"]
    assert snapshots.from_parts(parts) == ward.state


@pytest.mark.parametrize("text", ["", "[]", '{"":1}', "{}", '{"":"{}"}', '{"":"x"}'])
def test_what_is_no_snapshot_is_refused(text: str) -> None:
    with pytest.raises(LogError, match="snapshot"):
        snapshots.from_snapshot(text)
