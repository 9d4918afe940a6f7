"""The laws of holding out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from mien.corpora.splits import (
    end_of_clips,
    leaky_clip_disjoint,
    leaky_random_frames,
    person_disjoint,
)
from mien.errors import TableError

ROWS = st.lists(
    st.tuples(st.sampled_from("ABC"), st.sampled_from(["p", "q", "r", "s", None])), min_size=2
)

DEALT = [["p1", "p4", "p6"], ["p0", "p2"], ["p3", "p5", "p7"]]  # saved folds depend on it


@pytest.mark.parametrize("count", [2, 7, 100, 9574])
def test_the_leaky_split_is_the_reference_s_own(count: int) -> None:
    values = np.arange(count) * 10
    train, test = train_test_split(values, test_size=0.2, random_state=42)
    split = leaky_random_frames(count)
    assert values[split.train].tolist() == train.tolist()
    assert values[split.test].tolist() == test.tolist()


def test_one_frame_cannot_be_split() -> None:
    with pytest.raises(TableError, match="two or more"):
        leaky_random_frames(1)


@given(rows=ROWS, folds=st.integers(2, 6), seed=st.integers(0, 3))
@settings(deadline=None, max_examples=60)
def test_no_person_stands_on_both_sides_of_a_split(rows: list, folds: int, seed: int) -> None:
    labels, subjects = np.array([r[0] for r in rows]), np.array([r[1] for r in rows], object)
    people = {person for person in subjects if person is not None}
    if len(people) < 2:
        with pytest.raises(TableError, match="person"):
            person_disjoint(labels, subjects=subjects, folds=folds, seed=seed)
        return
    splits = person_disjoint(labels, subjects=subjects, folds=folds, seed=seed)
    assert len(splits) == min(folds, len(people))
    for split in splits:
        assert len(split.test) and len(split.train)
        assert not set(subjects[split.train]) & set(subjects[split.test])
    held_out = sorted(np.concatenate([split.test for split in splits]).tolist())
    assert held_out == [i for i, person in enumerate(subjects) if person is not None]


def test_each_fold_has_its_share_of_each_label() -> None:
    labels = np.array(["A", "B"] * 50)
    subjects = [f"p{index // 4}" for index in range(100)]
    for split in person_disjoint(labels, subjects=subjects, folds=5, seed=0):
        assert (labels[split.test] == "A").mean() == pytest.approx(0.5)


def test_the_seed_deals_people_into_other_folds() -> None:
    labels, subjects = ["A", "B"] * 20, [f"p{index // 2}" for index in range(40)]
    first, again, other = (
        person_disjoint(labels, subjects=subjects, folds=5, seed=seed) for seed in (0, 0, 1)
    )
    assert all((a.test == b.test).all() for a, b in zip(first, again, strict=True))
    assert any((a.test != b.test).any() for a, b in zip(first, other, strict=True))


def test_the_people_that_a_seed_deals_stay_the_same() -> None:
    labels = ["A", "B", "B", "C"] * 6
    subjects = [None, *(f"p{index // 3}" for index in range(23))]
    held_out = [
        sorted({subjects[row] for row in split.test})
        for split in person_disjoint(labels, subjects=subjects, folds=3, seed=42)
    ]
    assert held_out == DEALT


@given(rows=ROWS, folds=st.integers(2, 6), seed=st.integers(0, 3))
@settings(deadline=None, max_examples=60)
def test_no_clip_stands_on_both_sides_of_a_clip_disjoint_split(
    rows: list, folds: int, seed: int
) -> None:
    labels, clips = np.array([r[0] for r in rows]), np.array([str(r[1]) for r in rows])
    if len(set(clips)) < 2:
        with pytest.raises(TableError, match="1 clip: a clip-disjoint split needs two or more"):
            leaky_clip_disjoint(labels, clips=clips, folds=folds, seed=seed)
        return
    splits = leaky_clip_disjoint(labels, clips=clips, folds=folds, seed=seed)
    assert len(splits) == min(folds, len(set(clips)))
    for split in splits:
        assert len(split.test) and not set(clips[split.train]) & set(clips[split.test])
    assert sorted(np.concatenate([s.test for s in splits]).tolist()) == list(range(len(rows)))


def test_a_clip_disjoint_split_is_leaky_about_people() -> None:
    people = np.repeat(["p", "q"], 20)
    clips = np.array([f"{person}{index // 2}" for index, person in enumerate(people)])
    splits = leaky_clip_disjoint(["A", "B"] * 20, clips=clips, folds=5, seed=0)
    assert all(set(people[split.test]) <= set(people[split.train]) for split in splits)


def test_the_end_of_each_clip_is_held_out_whatever_the_order_of_rows() -> None:
    clips = ["a"] * 10 + ["b"] * 3 + ["c"]
    frames = [9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 20, 40, 30, 0]
    split = end_of_clips(clips, frame_nums=frames)
    assert [(clips[i], frames[i]) for i in split.test] == [("a", 9), ("a", 8), ("b", 40)]
    assert sorted([*split.train, *split.test]) == list(range(14))


def test_two_faces_of_one_frame_are_held_out_together() -> None:
    split = end_of_clips(["a"] * 4, frame_nums=[0, 0, 1, 1])
    assert split.test.tolist() == [2, 3]


def test_clips_of_one_frame_have_no_end_to_hold_out() -> None:
    with pytest.raises(TableError, match="no clip has two frames"):
        end_of_clips(["a", "b"], frame_nums=[0, 0])
