"""What moved an answer in numbers, words and a page."""

import math
from dataclasses import replace

import numpy as np
import pytest

from mien.evaluation.explanation import (
    METHODS,
    UNITS,
    ClipWeights,
    Explanation,
    explain_classes,
    explain_clips,
    movements_seen,
)
from mien.evaluation.explanation_page import CAUTION, describe, headline, likelier, render
from mien.face.blendshapes import BLENDSHAPE_NAMES, DEAD_BLENDSHAPES

AREAS = ("brows", "mouth", "nose")
HOSTILE = "<script>alert('1')</script>"


def shapes(**values: float) -> np.ndarray:
    found = np.full(52, 0.1)
    for name, value in values.items():
        found[BLENDSHAPE_NAMES.index(name)] = value
    return found


def some_weights(people: list[str | None] | None = None) -> ClipWeights:
    """Six clips: three of Happy, where the mouth counts, three of Sad, where the brows do."""
    by_area = np.array([[0.1, 1.0, -0.2], [0.2, 1.5, -0.1], [0.0, 0.8, 0.0]] * 2)
    by_area[3:, :2] = by_area[3:, 1::-1]
    smile, frown = shapes(mouthSmileLeft=0.6, mouthSmileRight=0.5), shapes(browDownLeft=0.7)
    return ClipWeights(
        names=[f"{n}.mp4" for n in range(6)],
        face_ids=[None] * 6,
        subjects=people or ["a", "b", "c"] * 2,
        labels=["Happy"] * 6,
        answers=np.array([0, 0, 0, 1, 1, 1]),
        probabilities=np.full(6, 0.7),
        frames=np.full(6, 10),
        frames_without_face=np.zeros(6, int),
        areas=AREAS,
        by_area=by_area,
        size_by_area=np.abs(by_area) + 0.1,
        by_point=np.repeat(by_area[:, [1]], 478, axis=1),
        blendshapes=np.array([smile] * 3 + [frown] * 3),
        reference_blendshapes=shapes(browDownLeft=0.3),
    )


def an_explanation(found: ClipWeights, **more) -> Explanation:
    fields = dict(
        made_by="mien explain", model="model", recipe="mlp", feature_set="expression",
        method="occlusion", unit=UNITS["occlusion"], reference="the mean", table="a.parquet",
        table_sha256="0" * 64, clips_in_table=6, frames_in_table=61, frames_without_face=1,
        clips_used=6, frames_used=60, unexplained=math.nan, warnings=[],
        classes=explain_classes(found, {0: "Happy", 1: "Sad", 2: "Fear"}),
        clips=explain_clips(found, ["Happy", "Sad", "Fear"], shown={0}),
    )  # fmt: skip
    return Explanation(**fields | more)


def test_a_class_is_the_mean_over_the_clips_that_were_answered_so() -> None:
    happy, sad, fear = explain_classes(some_weights(), {0: "Happy", 1: "Sad", 2: "Fear"})
    assert [area.area for area in happy.areas] == ["mouth", "brows", "nose"]
    assert happy.areas[0].nats.value == pytest.approx(1.1)
    assert happy.areas[2].nats.value == pytest.approx(-0.1)
    assert sad.areas[0].area == "brows"
    assert (happy.clips, happy.frames, happy.people) == (3, 30, 3)
    assert (fear.clips, fear.areas, fear.points) == (0, [], None)


def test_the_interval_is_over_people_and_holds_the_value() -> None:
    happy = explain_classes(some_weights(), {0: "Happy"})[0]
    assert happy.areas[0].nats.low < happy.areas[0].nats.value < happy.areas[0].nats.high
    assert happy.areas[0].nats.low >= 0.8
    assert happy.areas[0].nats.high <= 1.5
    assert happy.points is not None
    assert happy.points.low[0] == pytest.approx(happy.areas[0].nats.low, rel=1e-3)
    one = explain_classes(some_weights(["a"] * 6), {0: "Happy"})[0]
    assert math.isnan(one.areas[0].nats.low)
    unknown = explain_classes(some_weights([None] * 6), {0: "Happy"})[0]
    assert unknown.people == 0
    assert unknown.areas[0].nats.value == pytest.approx(1.1)


def test_only_clips_that_are_shown_have_their_points() -> None:
    clips = explain_clips(some_weights(), ["Happy", "Sad"], shown={2})
    assert [clip.points is not None for clip in clips] == [n == 2 for n in range(6)]


def test_the_top_movements_are_said_in_words_with_their_values() -> None:
    happy, sad = explain_classes(some_weights(), {0: "Happy", 1: "Sad"})
    assert happy.movements[0].sentence == (
        "mouth corners raised (mouthSmileLeft 0.60, reference 0.10; mouthSmileRight 0.50, "
        "reference 0.10)"
    )
    assert sad.movements[0].words == "left brow lowered more"
    assert {m.area for m in happy.movements} == {"mouth"}


def seen(values: np.ndarray, **more) -> list[str]:
    given = (
        dict(reference=shapes(), spread=np.full(52, 0.1), towards=None, areas={"mouth", "eyes"})
        | more
    )
    return [movement.words for movement in movements_seen(values, **given)]


def test_movements_against_the_answer_are_not_told() -> None:
    values = shapes(mouthPucker=0.5, mouthFunnel=0.4)
    towards = np.zeros(52)
    towards[BLENDSHAPE_NAMES.index("mouthPucker")] = 2.0
    towards[BLENDSHAPE_NAMES.index("mouthFunnel")] = -2.0
    assert seen(values, towards=towards) == ["lips puckered"]
    assert seen(values) == ["lips puckered", "lips funnelled"]


def test_a_movement_that_lacks_is_told_as_less() -> None:
    assert seen(shapes(mouthPucker=0.0)) == ["lips puckered less"]
    both = shapes(eyeSquintLeft=0.5, eyeSquintRight=0.6)
    assert seen(both, reference=shapes(eyeSquintLeft=0.3, eyeSquintRight=0.3)) == [
        "eyes narrowed more"
    ]


def test_sides_that_move_apart_are_not_said_in_one_breath() -> None:
    words = seen(shapes(mouthSmileLeft=0.5, mouthSmileRight=0.0))
    assert words == ["left mouth corner raised", "right mouth corner raised less"]


def test_areas_that_did_not_move_the_answer_and_dead_values_are_left_out() -> None:
    dead = {name: 0.9 for name in DEAD_BLENDSHAPES}
    everywhere = {"brows", "eyes", "mouth", "jaw", "nose", "cheeks", "forehead", "whole face"}
    assert seen(shapes(browDownLeft=0.9)) == []
    assert seen(shapes(**dead), areas=everywhere) == []
    assert seen(shapes(jawOpen=0.14), areas=everywhere) == []


def test_the_headline_speaks_of_the_models_answer() -> None:
    happy, fear = explain_classes(some_weights(), {0: "Happy", 2: "Fear"})
    text = headline(happy)
    assert text.startswith("The model's answer was moved most by the mouth (1.10 nats, ")
    assert "which made it 3.0 times as likely; then by the brows (0.10 nats" in text
    assert "nose" not in text
    assert headline(fear) == "The model answered no clip so."
    nothing = replace(some_weights(), by_area=np.zeros((6, 3)))
    assert headline(explain_classes(nothing, {0: "Happy"})[0]).startswith("No area by itself")


@pytest.mark.parametrize("nats", [0.0, 0.7, -0.7, 3.0])
def test_nats_are_read_as_a_ratio(nats: float) -> None:
    assert likelier(nats) == f"{math.exp(nats):.1f} times as likely"


def test_an_explanation_survives_being_stored() -> None:
    found = an_explanation(some_weights())
    again = Explanation.model_validate_json(found.model_dump_json())
    assert str(again) == str(found)
    assert "NaN" not in found.model_dump_json()


def test_the_page_holds_every_answer_and_says_what_it_is_not() -> None:
    page = render(an_explanation(some_weights()), figures={"classes": b"png"})
    for words in ("Happy", "Sad", "Fear", "The model answered no clip so", "0.mp4", "Research use"):
        assert words in page
    assert CAUTION.split(".")[0].replace("'", "&#39;") in page
    assert METHODS["occlusion"].replace("'", "&#39;") in page
    assert "what a person feels" in page
    assert "data:image/png;base64" in page


def test_hostile_text_is_escaped_and_the_page_runs_nothing() -> None:
    found = replace(some_weights(), names=[HOSTILE] * 6, labels=[HOSTILE] * 6)
    page = render(
        an_explanation(
            found, table=HOSTILE, model=HOSTILE, reference=HOSTILE, warnings=[HOSTILE],
            classes=explain_classes(found, {0: HOSTILE}),
            clips=explain_clips(found, [HOSTILE, "Sad"], shown={0}),
        ),
        figures={},
    )  # fmt: skip
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "default-src 'none'" in page
    assert "http" not in page.replace("http-equiv", "")


def test_a_name_cannot_steer_the_terminal() -> None:
    found = replace(some_weights(), names=["a\x1b[2J.mp4"] * 6)
    lines = list(describe(an_explanation(found)))
    assert any("a\\x1b[2J.mp4: Happy (0.70)" in line for line in lines)
    assert lines[-1] == CAUTION
