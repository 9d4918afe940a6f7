"""Folds that are kept hold out the very same people, or say why they cannot."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.corpora.frozen_folds import FrozenFolds, freeze_folds, read_folds, write_folds
from mien.corpora.splits import person_disjoint
from mien.errors import InputError, TableError

ROWS = st.lists(
    st.tuples(st.sampled_from("ABC"), st.sampled_from(["p", "Zoë", "r", "s", None])), min_size=2
)


@given(rows=ROWS, folds=st.integers(2, 5), seed=st.integers(0, 3))
@settings(deadline=None, max_examples=60)
def test_frozen_folds_are_the_folds_that_were_dealt(
    tmp_path_factory: pytest.TempPathFactory, rows: list, folds: int, seed: int
) -> None:
    labels, subjects = np.array([r[0] for r in rows]), np.array([r[1] for r in rows], object)
    if len(set(subjects.tolist()) - {None}) < 2:
        return
    dealt = person_disjoint(labels, subjects=subjects, folds=folds, seed=seed)
    path = tmp_path_factory.mktemp("folds") / "folds.json"
    frozen = freeze_folds(labels, subjects=subjects, folds=folds, seed=seed)
    assert read_folds(write_folds(frozen, path)) == frozen
    for split, was in zip(read_folds(path).splits(subjects), dealt, strict=True):
        assert (split.test == was.test).all() and (split.train == was.train).all()


def test_the_order_of_rows_does_not_change_who_is_held_out() -> None:
    subjects = np.array([f"p{index // 3}" for index in range(30)], object)
    frozen = freeze_folds(["A", "B", "C"] * 10, subjects=subjects, folds=5, seed=1)
    turned = subjects[::-1]
    for one, other in zip(frozen.splits(subjects), frozen.splits(turned), strict=True):
        assert set(subjects[one.test]) == set(turned[other.test])


def test_the_file_says_how_the_folds_were_dealt_and_who_is_in_each(tmp_path: Path) -> None:
    subjects = ["ann", "ann", "ben", "cat", "ben", "cat"]
    frozen = freeze_folds(
        ["A", "B"] * 3, subjects=subjects, folds=3, seed=7, table_sha256="ab" * 32
    )
    stored = json.loads(write_folds(frozen, tmp_path / "folds.json").read_text("utf-8"))
    assert sorted(stored.pop("folds")) == [["ann"], ["ben"], ["cat"]]
    assert stored == {
        "format": "mien folds",
        "version": 1,
        "method": "person-disjoint, stratified by label",
        "seed": 7,
        "table_sha256": "ab" * 32,
    }


def test_people_that_no_fold_holds_are_named_with_what_differs() -> None:
    frozen = FrozenFolds((("ann", "ben"), ("cat", "dan")), 0, table_sha256="a" * 64)
    with pytest.raises(TableError) as told:
        frozen.splits(["ann", "cat", "eve"], table_sha256="b" * 64)
    said = str(told.value)
    assert "lack 1 of the table's 3 people ('eve')" in said
    assert "hold 2 that the table lacks ('ben', 'dan')" in said
    assert f"frozen from a table of SHA-256 {'a' * 64}, this one has {'b' * 64}" in said


def test_a_part_of_the_people_keeps_its_folds_until_one_is_empty() -> None:
    frozen = FrozenFolds((("ann", "ben"), ("cat", "dan")), 0)
    first, second = frozen.splits(["ann", None, "dan", "ann"])
    assert first.test.tolist() == second.train.tolist() == [0, 3]
    assert second.test.tolist() == first.train.tolist() == [2]
    with pytest.raises(TableError, match=r"nobody of frozen fold 1 \('cat', 'dan'\): freeze"):
        frozen.splits(["ann", "ben"])


GOOD = {
    "format": "mien folds",
    "version": 1,
    "method": "by hand",
    "seed": 0,
    "table_sha256": None,
    "folds": [["ann"], ["ben"]],
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": "other"}, "holds no folds: wanted an object whose format is 'mien folds'"),
        ({"version": 2}, "has version 2, this mien reads 1"),
        ({"extra": 1}, "lacks or has too much: 'extra'"),
        ({"seed": "0"}, "seed cannot be '0'"),
        ({"seed": True}, "seed cannot be True"),
        ({"table_sha256": 5}, "table_sha256 cannot be 5"),
        ({"folds": [["ann"]]}, "two or more lists of people"),
        ({"folds": {"0": ["ann"]}}, "two or more lists of people"),
        ({"folds": [["ann"], []]}, "fold 1 must be a list of one or more"),
        ({"folds": [["ann"], [7]]}, "fold 1 must be a list of one or more"),
        ({"folds": [["ann"], ["ben", "ann"]]}, "'ann' is in fold 0 and in 1"),
    ],
)
def test_a_file_that_was_altered_is_refused(tmp_path: Path, change: dict, said: str) -> None:
    path = tmp_path / "folds.json"
    path.write_text(json.dumps(GOOD), "utf-8")
    assert read_folds(path).people == {"ann", "ben"}
    path.write_text(json.dumps(GOOD | change), "utf-8")
    with pytest.raises(InputError, match=said):
        read_folds(path)


@pytest.mark.parametrize("content", [b"", b"folds", b"\xff\xfe{", b"[" * 100_000])
def test_what_is_no_json_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "folds.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match="is no JSON in UTF-8"):
        read_folds(path)


def test_no_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no folds at"):
        read_folds(tmp_path / "none.json")
