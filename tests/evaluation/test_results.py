"""metrics.json is read again by the mien that can, and refused by name otherwise."""

import json
from pathlib import Path

import pytest

from mien.errors import InputError
from mien.evaluation.results import METRICS, Results, load_results, write_results
from mien.workflows.report import report


def test_a_record_of_an_older_mien_is_refused_with_the_remedy(
    crema_d: Results, tmp_path: Path
) -> None:
    record = json.loads(write_results(crema_d, tmp_path).read_text("utf-8"))
    del record["comparison"]
    for split in record["splits"]:
        del split["measures"]
    (tmp_path / METRICS).write_text(json.dumps(record | {"schema_version": 1}))
    with pytest.raises(InputError, match="evaluate again with this mien"):
        report(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [METRICS]


def test_a_record_without_enrolment_is_read_as_before(crema_d: Results, tmp_path: Path) -> None:
    path = write_results(crema_d, tmp_path)
    record = json.loads(path.read_text("utf-8"))
    assert record.pop("enrolment") is None
    path.write_text(json.dumps(record), "utf-8")
    assert load_results(tmp_path) == load_results(write_results(crema_d, tmp_path).parent)
