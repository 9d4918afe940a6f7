"""mien explain: a model and a table in, areas, faces and a page out."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mien.emotion.movements import AREAS
from mien.errors import InputError, ModelError, TableError
from mien.evaluation.explanation import Explanation
from mien.face.blendshapes import BLENDSHAPE_NAMES
from mien.tables import open_landmarks, points_of, read_landmarks, write_table
from mien.workflows.explain import FILES, explain
from mien.workflows.explain_rows import take_sample
from mien.workflows.simulate import simulate
from mien.workflows.train import train
from tests.emotion.telling import LABELS, write_telling

FACELESS = (0, 1, 2, 3, 4, 5, 7)  # all of p0/c0.mp4 and one frame of p0/c1.mp4
METHODS = ("occlusion", "integrated-gradients")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("table") / "mouth.parquet"
    return write_telling(path, "mouth", faceless=FACELESS)


@pytest.fixture(scope="module")
def model(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(table, tmp_path_factory.mktemp("model") / "mouth")


def trained(table: Path, out: Path, **more) -> Path:
    options = dict(recipe="svm", calibration="none", folds=2, max_folds=1)
    return train(table, out=out, **options | more).folder


def top_areas(found: Explanation) -> dict[str, str]:
    return {each.label: each.areas[0].area for each in found.classes if each.areas}


@pytest.mark.parametrize("method", METHODS)
def test_the_mouth_is_found_where_only_the_mouth_was_made_informative(
    table: Path, model: Path, tmp_path: Path, method: str
) -> None:
    found = explain(table, model=model, out=tmp_path / "out", method=method).explanation
    assert top_areas(found) == {"Happy": "mouth", "Sad": "mouth"}
    for each in found.classes:
        assert each.areas[0].nats.value > 2 * each.areas[1].nats.value
        assert each.points is not None
        heat = np.array(each.points.value)
        on_mouth = heat[list(AREAS["mouth"])].mean()
        assert on_mouth > 4 * max(heat[list(AREAS[a])].mean() for a in ("forehead", "eyes", "jaw"))
        assert {m.area for m in each.movements} <= {"mouth", "jaw", "cheeks"}
    right = [clip.answer == clip.label for clip in found.clips]
    assert np.mean(right) > 0.9
    assert {clip.areas[0].area for clip in found.clips} == {"mouth"}


def test_the_brows_are_found_where_only_the_brows_were(tmp_path: Path) -> None:
    table = write_telling(tmp_path / "brows.parquet", "brows")
    model = trained(table, tmp_path / "model")
    for method in METHODS:
        found = explain(table, model=model, out=tmp_path / method, method=method).explanation
        assert top_areas(found) == {"Happy": "brows", "Sad": "brows"}


def test_what_is_written_is_numbers_two_figures_and_a_page(
    table: Path, model: Path, tmp_path: Path
) -> None:
    done = explain(table, model=model, out=tmp_path / "out")
    assert sorted(path.name for path in done.folder.iterdir()) == sorted(FILES)
    stored = json.loads((done.folder / "explanation.json").read_text("utf-8"))
    assert str(Explanation.model_validate(stored)) == str(done.explanation)
    page = done.page.read_text("utf-8")
    assert page.count("data:image/png;base64") == 2
    assert "Research use only" in page
    assert "<script" not in page
    assert done.explanation.frames_without_face == len(FACELESS)
    assert done.explanation.clips_in_table == 23


def test_the_same_call_finds_the_same(table: Path, model: Path, tmp_path: Path) -> None:
    ones = [explain(table, model=model, out=tmp_path / name, max_frames=30) for name in "ab"]
    assert str(ones[0].explanation) == str(ones[1].explanation)
    for name in ("classes.png", "clips.png", "explanation.html"):
        assert (ones[0].folder / name).read_bytes() == (ones[1].folder / name).read_bytes()


def test_a_clip_that_is_asked_for_is_the_one_that_is_shown(
    table: Path, model: Path, tmp_path: Path
) -> None:
    done = explain(table, model=model, out=tmp_path / "out", clip="p0/c1.mp4", max_frames=10)
    shown = [clip for clip in done.explanation.clips if clip.points is not None]
    assert [clip.clip for clip in shown] == ["p0/c1.mp4"]
    assert (shown[0].frames, shown[0].frames_without_face) == (5, 1)
    assert shown[0].subject == "p0"
    assert shown[0].areas[0].area == "mouth"
    assert "p0/c1.mp4" in done.page.read_text("utf-8")


def test_only_the_labels_asked_for_are_summed_up(table: Path, model: Path, tmp_path: Path) -> None:
    found = explain(table, model=model, out=tmp_path / "out", classes=["Sad"]).explanation
    assert [each.label for each in found.classes] == ["Sad"]
    with pytest.raises(InputError, match="no label 'Bored': it has Happy, Sad"):
        explain(table, model=model, out=tmp_path / "out", classes=["Bored"])


def test_without_a_model_the_rules_of_facs_are_explained(table: Path, tmp_path: Path) -> None:
    found = explain(table, out=tmp_path / "out").explanation
    assert (found.recipe, found.model, found.feature_set) == ("facs", None, "blendshapes")
    assert {"Angry", "Neutral", "Surprise"} <= {each.label for each in found.classes}
    with pytest.raises(InputError, match="facs has no network.*use the method occlusion"):
        explain(table, out=tmp_path / "out", method="integrated-gradients")


def test_what_is_found_of_facs_is_what_its_rules_say(tmp_path: Path) -> None:
    """A rule reads no cheek or nose: their blendshapes are dead. Happy is first of all a smile."""
    table = tmp_path / "people.parquet"
    simulate(table, people=8, clips_each=6, frames=4, emotions=("Happy", "Neutral", "Sad"), seed=2)
    found = explain(table, out=tmp_path / "out").explanation
    for each in found.classes:
        for area in each.areas:
            assert area.area not in ("cheeks", "nose") or (area.nats.value, area.size) == (0, 0)
    happy = next(each for each in found.classes if each.label == "Happy")
    assert happy.clips >= 2
    assert happy.areas[0].area == "mouth"
    assert "mouth corners raised" in " ".join(movement.words for movement in happy.movements)
    assert "which the model answers Neutral" in found.reference


def test_occlusion_needs_neither_torch_nor_captum(table: Path, model: Path, tmp_path: Path) -> None:
    lines = (
        "import sys; sys.modules.update(torch=None, sklearn=None, captum=None)",
        "from mien.workflows.explain import explain",
        "found = explain(sys.argv[1], model=sys.argv[2], out=sys.argv[3]).explanation",
        "print(found.classes[0].areas[0].area)",
    )
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines), str(table), str(model), str(tmp_path / "out")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("mouth\n", "")


def test_a_model_of_clips_is_explained_clip_by_clip(table: Path, tmp_path: Path) -> None:
    model = trained(table, tmp_path / "model", recipe="temporal", hidden_units=32, epochs=8)
    for method in METHODS:
        found = explain(table, model=model, out=tmp_path / method, method=method).explanation
        assert found.clips_used == 23
        weight = sum(
            each.clips * each.areas[0].nats.value
            for each in found.classes
            if each.areas and each.areas[0].area == "mouth"
        )
        total = sum(each.clips * max(area.nats.value for area in each.areas)
                    for each in found.classes if each.areas)  # fmt: skip
        assert weight > 0.8 * total


def test_a_clip_that_is_not_in_the_table_is_named_with_one_that_is(
    table: Path, model: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"no clip 'p1/c1\.mpg'.*such as 'p1/c1\.mp4'"):
        explain(table, model=model, out=tmp_path / "out", clip="p1/c1.mpg")
    with pytest.raises(InputError, match=r"'p0/c0\.mp4' has no frame with a face"):
        explain(table, model=model, out=tmp_path / "out", clip="p0/c0.mp4")
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_explained_is_refused_with_a_remedy(
    table: Path, model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with pytest.raises(InputError, match="no method 'guess': there are occlusion, integrated-g"):
        explain(table, model=model, out=out, method="guess")
    with pytest.raises(InputError, match="max_frames must be 1 or more, got 0"):
        explain(table, model=model, out=out, max_frames=0)
    with pytest.raises(InputError, match="no model at"):
        explain(table, model=tmp_path / "none", out=out)
    with pytest.raises(InputError, match="no table at"):
        explain(tmp_path / "none.parquet", model=model, out=out)
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match=r"holds 'thesis\.txt', which mien did not write"):
        explain(table, model=model, out=out)
    assert [path.name for path in out.iterdir()] == ["thesis.txt"]


def test_an_altered_model_is_refused(table: Path, model: Path, tmp_path: Path) -> None:
    copy = tmp_path / "model"
    copy.mkdir()
    for path in model.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    (copy / "model.onnx").write_bytes(b"other")
    with pytest.raises(ModelError):
        explain(table, model=copy, out=tmp_path / "out")


def test_a_table_without_any_face_or_with_half_of_one_is_refused(
    model: Path, tmp_path: Path
) -> None:
    nobody = write_telling(tmp_path / "a.parquet", "mouth", people=1, faceless=range(24))
    with pytest.raises(TableError, match="none of which has a face"):
        explain(nobody, model=model, out=tmp_path / "out")
    rows = read_landmarks(write_telling(tmp_path / "b.parquet", "mouth", people=1))
    name = rows.schema.names.index("x_5")
    half = rows.set_column(name, "x_5", [[None, *rows["x_5"].to_pylist()[1:]]])
    broken = write_table(half.cast(rows.schema), tmp_path / "c.parquet")
    with pytest.raises(TableError, match="some but not all of the 1,434 coordinates"):
        explain(broken, model=model, out=tmp_path / "out")


def test_a_table_needs_no_labels_to_be_explained(model: Path, tmp_path: Path) -> None:
    table = write_telling(tmp_path / "a.parquet", "mouth", with_labels=False)
    found = explain(table, model=model, out=tmp_path / "out").explanation
    assert set(top_areas(found).values()) == {"mouth"}
    assert {clip.label for clip in found.clips} == {None}
    assert "every label" not in found.reference


def test_another_table_can_give_the_reference(table: Path, model: Path, tmp_path: Path) -> None:
    one = write_telling(tmp_path / "one.parquet", "mouth", people=1, clips_each=1, frames=8)
    alone = explain(one, model=model, out=tmp_path / "alone").explanation
    against = explain(one, model=model, out=tmp_path / "against", reference=table).explanation
    assert any("give the table that the model learnt from" in note for note in alone.warnings)
    assert not any("give the table" in note for note in against.warnings)
    assert "frames of mouth.parquet, every label counting the same" in against.reference
    assert against.clips[0].areas[0].area == "mouth"
    assert against.clips[0].areas[0].nats.value > 5 * abs(alone.clips[0].areas[0].nats.value)


def test_what_was_left_out_or_guessed_is_said(model: Path, tmp_path: Path) -> None:
    table = write_telling(tmp_path / "a.parquet", "mouth", people=1, with_size=False)
    warnings = " ".join(
        explain(table, model=model, out=tmp_path / "out", max_frames=6).explanation.warnings
    )
    assert "4 of 24 frames with a face were looked at, of 4 of 4 clips" in warnings
    assert "fewer than two known people" in warnings
    assert "4 frames say nothing of their size" in warnings


def test_a_reference_that_is_itself_answered_surely_is_said(
    table: Path, model: Path, tmp_path: Path
) -> None:
    happy = write_telling(tmp_path / "a.parquet", "mouth", people=3, clips_each=1)
    found = explain(table, model=model, out=tmp_path / "out", reference=happy).explanation
    assert "the model answers the reference face itself Happy" in " ".join(found.warnings)
    by_label = {each.label: each for each in found.classes}
    assert by_label["Happy"].areas[0].nats.value < by_label["Sad"].areas[0].nats.value / 3


def test_progress_ends_at_the_end(table: Path, model: Path, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    explain(table, model=model, out=tmp_path / "out", on_progress=lambda *step: told.append(step))
    assert told[-1] == ("weighing areas", 137, 137)
    assert all(done <= total for _, done, total in told)


@pytest.mark.parametrize("most", [1, 5, 22, 23, 40, 137, 500])
def test_frames_are_taken_evenly_and_no_more_than_asked_for(table: Path, most: int) -> None:
    sample = take_sample(table, most_frames=most, whole_clips=False)
    counts = np.bincount(sample.clip_of)
    assert counts.sum() <= most
    assert counts.sum() >= min(most, 137) // 2
    lengths = dict.fromkeys(sample.names, 6) | {"p0/c1.mp4": 5}
    for name, count in zip(sample.names, counts, strict=True):
        assert count == min(counts.max(), lengths[name])
    assert not np.isnan(sample.points).any()


def test_of_clips_whole_ones_are_taken(table: Path) -> None:
    sample = take_sample(table, most_frames=20, whole_clips=True, named=("p0/c1.mp4",), seed=3)
    counts = dict(zip(sample.names, np.bincount(sample.clip_of), strict=True))
    assert counts.pop("p0/c1.mp4") == 5
    assert list(counts.values()) == [6, 6]
    cropped = take_sample(table, most_frames=3, whole_clips=True, named=("p2/c1.mp4",))
    assert cropped.is_cropped
    assert cropped.frame_nums.tolist() == [1, 2, 3]


def test_a_sample_holds_the_rows_that_it_says(table: Path) -> None:
    rows = read_landmarks(table)
    points = points_of(rows)
    sample = take_sample(table, most_frames=40, whole_clips=False)
    keys = list(zip(rows["video_filename"].to_pylist(), rows["frame_num"].to_pylist(), strict=True))
    for index in range(len(sample.points)):
        key = (sample.names[sample.clip_of[index]], int(sample.frame_nums[index]))
        row = keys.index(key)
        assert np.array_equal(sample.points[index], points[row])
        assert sample.frame_labels[index] == rows["emotion"][row].as_py()
        assert sample.size_px[index].tolist() == [480, 360]
    assert set(sample.labels) == set(LABELS)


def test_a_seed_decides_which_clips_are_taken(table: Path) -> None:
    names = [
        tuple(take_sample(table, most_frames=4, whole_clips=False, seed=seed).names)
        for seed in (0, 0, 1, 2, 3)
    ]
    assert names[0] == names[1]
    assert len(set(names)) > 1


def test_the_values_in_words_are_blendshapes_of_the_stored_points(
    table: Path, model: Path, tmp_path: Path
) -> None:
    from mien.face.blendshapes import blendshapes

    found = explain(table, model=model, out=tmp_path / "out", clip="p1/c2.mp4").explanation
    clip = next(clip for clip in found.clips if clip.points is not None)
    assert clip.movements
    rows = read_landmarks(table)
    own = [name == "p1/c2.mp4" for name in rows["video_filename"].to_pylist()]
    means = blendshapes(points_of(rows)[own] * [480, 360, 480]).mean(axis=0)
    for movement in clip.movements:
        for name, value in zip(movement.blendshapes, movement.values, strict=True):
            assert value == pytest.approx(means[BLENDSHAPE_NAMES.index(name)], abs=1e-3)
    assert open_landmarks(table).row_count == 144
