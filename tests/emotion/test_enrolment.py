"""A person's neutral face is taken off: laws of the shift, and who may be enrolled."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mien.emotion import facs
from mien.emotion.enrolment import (
    LEAST_FRAMES,
    Enrolment,
    NormalisedRows,
    enrol,
    facs_reference,
    neutral_faces,
    neutral_reference,
    neutral_rows,
    normalise,
)
from mien.errors import ShapeError, TableError
from mien.face.blendshapes import BLENDSHAPE_NAMES

VALUES = 3
faces = arrays(np.float64, (4, VALUES), elements=st.floats(-100, 100))
one_face = arrays(np.float64, VALUES, elements=st.floats(-100, 100))
REFERENCE = np.array([0.1, 0.2, 0.3], np.float32)


def rows(
    people: Sequence[str | None],
    *,
    clip: str = "a.mp4",
    emotion: Sequence[str | None] | None = None,
) -> pa.RecordBatch:
    columns = {
        "video_filename": pa.array([clip] * len(people), pa.string()),
        "subject": pa.array(people, pa.string()),
    }
    if emotion is not None:
        columns["emotion"] = pa.array(emotion, pa.string())
    return pa.RecordBatch.from_pydict(columns)


def shown(people: Sequence[str | None], value: float = 1.0) -> tuple[pa.RecordBatch, np.ndarray]:
    return rows(people), np.full((len(people), VALUES), value, np.float32)


@given(one_face, one_face)
def test_a_persons_neutral_face_becomes_the_reference(own: np.ndarray, reference: np.ndarray):
    moved = normalise(own[None], person=["a"], neutral={"a": own}, reference=reference)
    np.testing.assert_allclose(moved[0], reference, atol=1e-4)


@given(faces, one_face, one_face)
def test_what_a_face_shows_beyond_its_rest_does_not_change(
    values: np.ndarray, own: np.ndarray, reference: np.ndarray
):
    moved = normalise(values, person=["a"] * 4, neutral={"a": own}, reference=reference)
    np.testing.assert_allclose(moved - moved[0], values - values[0], atol=1e-4)


@given(faces, one_face, one_face)
def test_who_a_person_is_leaves_no_trace(values: np.ndarray, one: np.ndarray, other: np.ndarray):
    neutral = {"a": one, "b": other}
    of_a = normalise(values + one, person=["a"] * 4, neutral=neutral, reference=REFERENCE)
    of_b = normalise(values + other, person=["b"] * 4, neutral=neutral, reference=REFERENCE)
    np.testing.assert_allclose(of_a, of_b, atol=1e-3)


def test_each_row_is_moved_by_its_own_person_and_no_face_stays_none() -> None:
    values = np.array([[1, 1, 1], [1, 1, 1], [np.nan] * 3], np.float32)
    neutral = {"a": np.zeros(3), "b": np.ones(3)}
    moved = normalise(values, person=["a", "b", "a"], neutral=neutral, reference=REFERENCE)
    np.testing.assert_allclose(moved[:2], [REFERENCE + 1, REFERENCE], atol=1e-6)
    assert np.isnan(moved[2]).all()
    assert values[0, 0] == 1


def test_rows_are_normalised_as_they_are_asked_for() -> None:
    values = np.random.default_rng(0).normal(size=(6, VALUES)).astype(np.float32)
    person = np.array(["a", "b", "b", "a", "z", "b"], object)
    rest = {"neutral": {"a": np.zeros(3), "b": np.ones(3)}, "reference": REFERENCE}
    source = NormalisedRows(values, person=person, **rest)
    wanted = normalise(values[:4], person=person[:4], **rest)
    np.testing.assert_array_equal(source[:4], wanted)
    chosen = source.some(np.array([3, 1]))
    assert (chosen.shape, len(chosen)) == ((2, VALUES), 2)
    np.testing.assert_array_equal(np.asarray(chosen), wanted[[3, 1]])
    with pytest.raises(TableError, match="person 'z' has no neutral face"):
        source[4:]


def test_a_person_without_a_neutral_face_is_not_passed_over() -> None:
    with pytest.raises(TableError, match="person 'b' has no neutral face: enrol everybody"):
        normalise(np.ones((1, 3)), person=["b"], neutral={"a": np.ones(3)}, reference=REFERENCE)


@pytest.mark.parametrize(
    ("values", "person", "own", "words"),
    [
        (np.ones((2, 3)), ["a"], 3, "of 1 people's rows"),
        (np.ones((1, 4)), ["a"], 3, r"values \(1, 4\)"),
        (np.ones((1, 3)), ["a"], 2, r"has a neutral face \(2,\), wanted \(3,\)"),
    ],
)
def test_what_does_not_fit_is_named(values: np.ndarray, person: list, own: int, words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        normalise(values, person=person, neutral={"a": np.ones(own)}, reference=REFERENCE)


@given(st.integers(0, 4), st.floats(-1000, 1000))
def test_a_blink_does_not_change_a_neutral_face(place: int, shut: float) -> None:
    values = np.ones((LEAST_FRAMES, VALUES))
    values[place, 1] = shut
    assert neutral_faces(values, person=["a"] * 5)["a"].tolist() == [1, 1, 1]


def test_too_few_frames_make_no_neutral_face() -> None:
    values = np.ones((10, VALUES))
    values[6] = np.nan
    found = neutral_faces(values, person=["a"] * 5 + ["b"] * 5)
    assert list(found) == ["a"]


def test_the_reference_is_the_mean_of_the_rows_with_a_face() -> None:
    values = np.random.default_rng(0).normal(size=(10_000, VALUES)).astype(np.float32)
    values[7] = np.nan
    chosen = np.arange(0, 10_000, 7)
    np.testing.assert_allclose(
        neutral_reference(values, chosen), np.nanmean(values[chosen], axis=0), atol=1e-6
    )
    assert neutral_reference(values, np.array([7])) is None
    assert neutral_reference(values, np.array([], int)) is None


def test_rows_labelled_otherwise_than_neutral_do_not_count() -> None:
    given = rows(["a"] * 4, emotion=["Neutral", "NEU", None, "Happy"])
    assert neutral_rows(given).num_rows == 3
    assert neutral_rows(rows(["a"])).num_rows == 1


def test_one_unnamed_person_stands_for_all_rows() -> None:
    found = enrol([shown([None] * 5)], reference=REFERENCE)
    moved = found.applied(np.full((2, VALUES), 1.5), rows(["x", None]))
    np.testing.assert_allclose(moved, [REFERENCE + 0.5] * 2, atol=1e-6)


def test_one_named_person_stands_for_rows_of_theirs_and_of_nobody_known() -> None:
    found = enrol([shown(["a"] * 5)], reference=REFERENCE)
    moved = found.applied(np.full((2, VALUES), 1.0), rows(["a", None]))
    np.testing.assert_allclose(moved, [REFERENCE] * 2, atol=1e-6)
    with pytest.raises(TableError, match=r"clip 'a.mp4' shows 'b', who is not enrolled: enrol 5"):
        found.applied(np.ones((1, VALUES)), rows(["b"]))


def test_several_people_are_told_apart_by_subject() -> None:
    found = enrol([shown(["a"] * 5, 1.0), shown(["b"] * 6, 2.0)], reference=REFERENCE)
    moved = found.applied(np.full((2, VALUES), 2.0), rows(["b", "a"]))
    np.testing.assert_allclose(moved, [REFERENCE, REFERENCE + 1], atol=1e-6)
    with pytest.raises(TableError, match=r"does not say whose face it shows, and 'a', 'b' are"):
        found.applied(np.ones((1, VALUES)), rows([None]))


def test_the_name_of_a_clip_tells_whose_face_it_is() -> None:
    found = enrol([shown(["1001"] * 5)], reference=REFERENCE)
    found.applied(np.ones((1, VALUES)), rows([None], clip="1001_DFA_HAP_XX.flv"))
    with pytest.raises(TableError, match="'1002'"):
        found.applied(np.ones((1, VALUES)), rows([None], clip="1002_DFA_HAP_XX.flv"))


def test_somebody_with_too_few_frames_is_named_when_they_are_met() -> None:
    found = enrol([shown(["a"] * 5 + ["b"] * 3)], reference=REFERENCE)
    with pytest.raises(
        TableError, match=r"'b', of whom only 3 neutral frames have a face: enrol 5 frames"
    ):
        found.applied(np.ones((1, VALUES)), rows(["b"]))


def test_nobody_with_enough_frames_is_refused_with_the_remedy() -> None:
    with pytest.raises(TableError, match=r"^4 neutral frames .* record a few seconds"):
        enrol([shown(["a"] * 4 + ["b"] * 2)], reference=REFERENCE)
    with pytest.raises(TableError, match=r"^0 neutral frames .* otherwise than Neutral"):
        enrol([], reference=REFERENCE)


def test_frames_of_nobody_among_those_of_people_are_refused() -> None:
    with pytest.raises(TableError, match="2 frames to enrol from do not say whose"):
        enrol([shown(["a"] * 5 + [None] * 2)], reference=REFERENCE)


def test_facs_knows_the_rest_of_every_blendshape_that_it_reads() -> None:
    reference = facs_reference()
    reads = facs.FacsClassifier().weights()["sides"].any(axis=1)
    assert ((reference > 0) == reads).all()
    assert len(reference) == len(BLENDSHAPE_NAMES)
    assert facs.LABELS[int(facs.probabilities(reference[None]).argmax())] == "Neutral"


def test_a_face_that_rests_in_a_smile_is_neutral_to_facs_once_enrolled() -> None:
    smiles = [BLENDSHAPE_NAMES.index(name) for name in ("mouthSmileLeft", "mouthSmileRight")]
    rest = facs_reference()
    rest[smiles] += 0.6
    wider = rest.copy()
    wider[smiles] += 0.35
    both = np.stack([rest, wider])

    def answers(values: np.ndarray) -> list[str]:
        return [facs.LABELS[place] for place in facs.probabilities(values).argmax(axis=1)]

    enrolment = Enrolment({None: rest}, facs_reference())
    assert answers(both) == ["Happy", "Happy"]
    assert answers(enrolment.applied(both, rows([None, None]))) == ["Neutral", "Happy"]
