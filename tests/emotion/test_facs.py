"""What `facs` promises: every rule is printed with its source, and does what it says."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.base import clone, is_classifier
from sklearn.model_selection import GroupKFold, cross_validate

import mien
from mien.corpora.labels import ALIASES
from mien.corpora.sample import SAMPLE_FOLDER
from mien.emotion.facs import (
    LABELS,
    FacsClassifier,
    action_units,
    evidence,
    explain,
    from_weights,
    probabilities,
    rules,
    rules_markdown,
    rules_text,
)
from mien.emotion.facs_rules import (
    ACTION_UNITS,
    AGAINST,
    LEVELS,
    NOT_MEASURED,
    RULES,
    SOURCES,
)
from mien.emotion.facs_tables import UNIT_PLACES
from mien.errors import InputError, ModelError, ShapeError
from mien.face.blendshapes import BLENDSHAPE_NAMES
from mien.face.features import FEATURE_SETS
from mien.tables import points_of, read_landmarks

FACES = arrays(
    np.float32, st.tuples(st.integers(1, 6), st.just(52)), elements=st.floats(0, 1, width=32)
)
ONE_FACE = arrays(np.float32, 52, elements=st.floats(0, 1, width=32))
UNITS = {unit.number: unit for unit in ACTION_UNITS}


def face(units: tuple[int, ...], *, strength: float = 1.0) -> np.ndarray:
    """(52,) blendshapes of a face that shows just these units so strongly."""
    made = np.zeros(52)
    for number in units:
        for channel in UNITS[number].blendshapes:
            zero, full = LEVELS[channel]
            for place in places(channel):
                made[place] = zero + strength * (full - zero)
    return made


def places(channel: str) -> list[int]:
    names = (channel, f"{channel}Left", f"{channel}Right")
    return [place for place, name in enumerate(BLENDSHAPE_NAMES) if name in names]


def answer(blendshapes: np.ndarray) -> str:
    return LABELS[int(probabilities(blendshapes[None])[0].argmax())]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.label} {rule.published}")
def test_a_face_that_shows_a_rule_and_nothing_else_gets_its_label(rule) -> None:
    for variant in rule.variants:
        assert answer(face(variant)) == rule.label, variant


def test_a_still_face_is_neutral_and_a_faint_one_too() -> None:
    assert answer(np.zeros(52)) == "Neutral"
    assert answer(face((6, 12), strength=0.1)) == "Neutral"


@pytest.mark.parametrize("label", sorted(AGAINST))
def test_what_speaks_against_a_label_lowers_it_and_is_in_none_of_its_rules(label: str) -> None:
    own = {unit for rule in RULES if rule.label == label for unit in rule.units}
    assert not own & set(AGAINST[label])
    full = np.zeros((1, len(ACTION_UNITS)))
    full[0, [UNIT_PLACES[unit] for unit in own]] = 1
    for unit in AGAINST[label]:
        spoilt = full.copy()
        spoilt[0, UNIT_PLACES[unit]] = 1
        place = LABELS.index(label)
        assert evidence(spoilt)[0, place] == pytest.approx(evidence(full)[0, place] - 0.5)


def test_a_smile_is_not_taken_for_the_raised_lip_of_disgust() -> None:
    smile = face((12,)) + face((10,))
    assert action_units(smile[None])[0, UNIT_PLACES[10]] == 0
    assert answer(smile) == "Happy"
    assert answer(face((10,))) == "Disgust"


@given(values=FACES)
@settings(deadline=None)
def test_probabilities_add_up_to_one_and_a_mirrored_face_has_the_same(values: np.ndarray) -> None:
    found = probabilities(values)
    assert found.dtype == np.float32
    assert found.sum(axis=1) == pytest.approx(1, abs=1e-5)
    mirrored = FEATURE_SETS["blendshapes"].mirror(values)
    assert probabilities(mirrored) == pytest.approx(found, abs=1e-5)


@given(values=ONE_FACE, more=st.floats(0, 1))
@settings(deadline=None)
def test_more_of_a_smile_never_makes_happy_less_likely(values: np.ndarray, more: float) -> None:
    smiling = values.copy()
    for place in places("mouthSmile"):
        smiling[place] = max(smiling[place], more)
    place = LABELS.index("Happy")
    before, after = probabilities(np.stack([values, smiling]))[:, place]
    assert after >= before - 1e-6


@given(values=FACES, labels=st.lists(st.sampled_from(LABELS), min_size=1, unique=True))
@settings(deadline=None)
def test_labels_that_are_not_asked_for_are_folded_into_the_others(
    values: np.ndarray, labels: list[str]
) -> None:
    every = probabilities(values)[:, [LABELS.index(label) for label in labels]]
    asked = probabilities(values, labels=labels)
    assert asked.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert asked * every.sum(axis=1, keepdims=True) == pytest.approx(every, abs=1e-5)


def test_a_label_without_a_rule_has_no_probability_and_one_alone_is_refused() -> None:
    found = probabilities(face((6, 12))[None], labels=["Calm", "Happy", "Neutral"])
    assert found[0, 0] == 0 and found[0].sum() == pytest.approx(1)
    with pytest.raises(InputError, match="no rule for 'Calm': it knows Angry, Disgust"):
        probabilities(np.zeros((1, 52)), labels=["Calm"])


def test_no_face_has_no_answer_and_leaves_the_others_theirs() -> None:
    values = np.stack([face((6, 12)), np.full(52, np.nan), np.zeros(52)]).astype(np.float32)
    values[2, 0] = np.nan
    found = probabilities(values)
    assert np.isnan(found[1:]).all() and not np.isnan(found[0]).any()
    with pytest.raises(InputError, match="row 1 has no face"):
        FacsClassifier().fit(values, np.array(["Happy", "Sad", "Neutral"])).predict(values)
    assert explain(values[1]) == "no face: no answer"


@pytest.mark.parametrize(
    ("values", "error", "said"),
    [
        (np.zeros((2, 51)), ShapeError, r"must be \(frames, 52\), got \(2, 51\)"),
        (np.zeros(52), ShapeError, r"must be \(frames, 52\), got \(52,\)"),
        (np.full((1, 52), np.inf), InputError, "row 0 has an infinite blendshape"),
    ],
)
def test_values_that_are_no_blendshapes_are_refused(values, error, said: str) -> None:
    with pytest.raises(error, match=said):
        probabilities(values)


def test_every_rule_has_a_source_that_is_written_out_and_units_that_are_measured() -> None:
    for rule in RULES:
        assert rule.sources and set(rule.sources) <= set(SOURCES)
        assert set(rule.units) <= set(UNITS) and not set(rule.units) & set(NOT_MEASURED)
        assert set(rule.may_lack) < set(rule.units)
    assert len({(rule.label, rule.units) for rule in RULES}) == len(RULES)
    assert {rule.label for rule in RULES} == set(AGAINST) == set(LABELS) - {"Neutral"}
    assert set(LABELS) <= set(ALIASES)


def test_every_unit_is_shown_by_blendshapes_that_exist_and_move_on_real_faces() -> None:
    shown = {channel for unit in ACTION_UNITS for channel in unit.blendshapes}
    assert shown == set(LEVELS)
    for channel, (zero, full) in LEVELS.items():
        assert len(places(channel)) in (1, 2), channel
        assert full - zero > 0.03, channel
    assert not shown & {"cheekPuff", "cheekSquint", "noseSneer", "jawForward"}


def test_the_rules_are_printed_each_with_its_source() -> None:
    told = rules()
    assert len(told) == len(RULES)
    for record, rule in zip(told, RULES, strict=True):
        assert record["label"] == rule.label and record["published"] == rule.published
        assert all(SOURCES[key] in record["full_sources"] for key in rule.sources)
    text, page = rules_text(), rules_markdown()
    for rule in RULES:
        assert rule.published in text and rule.published.replace("*", r"\*") in page
    assert all(source in text and source in page for source in SOURCES.values())
    assert all(f"| {unit.name} | {unit.meaning} |" in page for unit in ACTION_UNITS)


def test_the_explanation_names_the_rule_and_the_units_that_spoke() -> None:
    said = explain(face((6, 12)) + face((4,), strength=0.4))
    assert said.startswith("Happy (")
    assert "rule 6+12* (Guide, EMFACS)" in said
    assert "lip corners pulled up (AU12) 1.00" in said
    assert "against it brow lowered (AU4) 0.40" in said
    faint = explain(face((1, 2, 26), strength=0.1))
    assert faint.startswith("Neutral (")
    assert "no rule exceeds 0.15; the nearest is Surprise at 0.10, by the rule 1+2+26" in faint
    with pytest.raises(ShapeError, match="one frame"):
        explain(np.zeros((1, 52)))


def test_it_is_a_classifier_that_scikit_learn_clones_and_cross_validates() -> None:
    rng = np.random.default_rng(0)
    prototypes = {"Happy": (6, 12), "Surprise": (1, 2, 5, 26), "Neutral": ()}
    labels = np.array(sorted(prototypes) * 20)
    values = np.stack([face(prototypes[label], strength=rng.uniform(0.5, 1)) for label in labels])
    model = FacsClassifier()
    assert is_classifier(model)
    assert clone(FacsClassifier(classes=LABELS)).get_params() == {"classes": LABELS}
    scores = cross_validate(
        model,
        values,
        labels,
        groups=np.arange(60) // 3,
        cv=GroupKFold(4),
        scoring=["accuracy", "neg_log_loss"],
        error_score="raise",
    )
    assert scores["test_accuracy"].tolist() == [1, 1, 1, 1]
    assert (cross_validate(model, values, labels, cv=3)["test_score"] == 1).all()


def test_fitting_takes_the_labels_of_the_rows_it_is_given_and_nothing_else() -> None:
    y = np.array(["Sad", "Happy", "Neutral", "Bored"])
    model = FacsClassifier().fit(None, y, rows=np.array([0, 1, 2]))
    assert model.classes_.tolist() == ["Happy", "Neutral", "Sad"]
    assert model.predict(face((6, 12))[None]).tolist() == ["Happy"]
    every = FacsClassifier(classes=LABELS).fit(None, y[:2])
    assert every.classes_.tolist() == list(LABELS)
    with pytest.raises(InputError, match="'Bored' is not among the classes"):
        FacsClassifier(classes=LABELS).fit(None, y)
    with pytest.raises(InputError, match="fit first"):
        FacsClassifier().predict_proba(np.zeros((1, 52)))
    with pytest.raises(InputError, match="no parameter 'depth'"):
        FacsClassifier().set_params(depth=3)


def test_its_weights_give_the_same_model_and_other_rules_are_refused() -> None:
    model = FacsClassifier().fit(None, np.array(["Happy", "Sad"]))
    values = face((6, 12))[None]
    again = from_weights(model.weights(), labels=["Happy", "Sad"])
    assert (again.predict_proba(values) == model.predict_proba(values)).all()
    with pytest.raises(ModelError, match="the model's zero is not that of this mien's facs"):
        from_weights(model.weights() | {"zero": np.zeros(3)}, labels=["Happy", "Sad"])


def test_the_graph_answers_as_the_rules_do(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    values = rng.uniform(0, 1, (200, 52)).astype(np.float32) ** 3
    values[7] = np.nan
    model = FacsClassifier().fit(None, np.array(["Neutral", "Happy", "Sad", "Angry", "Calm"]))
    model.write_onnx(tmp_path / "facs.onnx")
    session = onnxruntime.InferenceSession(
        tmp_path / "facs.onnx", providers=["CPUExecutionProvider"]
    )
    (found,) = session.run(["probabilities"], {"features": values})
    np.testing.assert_allclose(found, model.predict_proba(values), atol=1e-5)


def test_it_runs_where_neither_torch_nor_scikit_learn_is_installed() -> None:
    script = (
        "import sys; sys.modules['torch'] = sys.modules['sklearn'] = None; import numpy as np;"
        "from mien.emotion.facs import FacsClassifier, explain, rules_text;"
        "model = FacsClassifier().fit(None, np.array(['Happy', 'Neutral']));"
        "print(model.predict(np.zeros((1, 52)))[0], len(rules_text()) > 0, explain(np.zeros(52)))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("Neutral True Neutral (")


def test_of_the_sample_clips_the_smile_is_happy_and_the_still_face_neutral(tmp_path: Path) -> None:
    clips = {"1001_DFA_HAP_XX.flv": "Happy", "1001_DFA_NEU_XX.flv": "Neutral"}
    extracted = mien.extract([SAMPLE_FOLDER / clip for clip in clips], tmp_path / "t.parquet")
    table = read_landmarks(extracted.table)
    names = np.array(table["video_filename"].to_pylist())
    points = np.concatenate([points_of(batch) for batch in table.to_batches()])
    values = FEATURE_SETS["blendshapes"].compute(points, size_px=(480, 360))
    for clip, label in clips.items():
        mean = np.nanmean(probabilities(values[names == clip]), axis=0)
        assert LABELS[int(mean.argmax())] == label
