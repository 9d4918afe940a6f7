"""Figures are pictures whatever the labels, the same each time, and only of what was measured."""

import io
from pathlib import Path

import pytest
from PIL import Image

from mien.evaluation.figures import confusion_matrix, draw, loss_curve, score_bars
from mien.evaluation.report import FIGURES
from mien.evaluation.results import Results

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.mark.filterwarnings("error")
def test_figures_are_pictures_whatever_the_labels(hostile: Results) -> None:
    shown = hostile.splits[-1]
    odd = shown.frames.model_copy(update={"labels": ["$x_", "a" * 300, "line\nbreak"]})
    for png in (
        confusion_matrix(odd),
        confusion_matrix(shown.clips),
        score_bars(hostile.splits),
        loss_curve([2.0], class_count=3),
    ):
        assert png.startswith(PNG)
        assert len(png) > 2000


def test_a_figure_is_the_same_each_time(crema_d: Results) -> None:
    assert draw(crema_d) == draw(crema_d)


def test_bars_are_of_clips_and_frames_stand_beside(hostile: Results) -> None:
    splits = hostile.splits
    alike = [split.model_copy(update={"frames": split.clips}) for split in splits]
    other = [split.model_copy(update={"clips": split.frames}) for split in splits]
    assert len({score_bars(splits), score_bars(alike), score_bars(other)}) == 3


def test_what_was_measured_is_drawn(crema_d: Results) -> None:
    assert set(draw(crema_d)) == set(FIGURES) - {"overlay", "loss"}


def test_what_was_not_measured_is_not_drawn(one_person: Results) -> None:
    assert set(draw(one_person)) <= {"scores", "confusion_frames", "confusion_clips", "loss"}


def test_the_folder_holds_what_was_drawn(crema_d_folder: Path, crema_d: Results) -> None:
    drawn = draw(crema_d)
    assert {path.stem for path in crema_d_folder.glob("*.png")} == set(drawn)
    for name, png in drawn.items():
        assert (crema_d_folder / f"{name}.png").read_bytes() == png
        width, height = Image.open(io.BytesIO(png)).size
        assert 600 < width < 2000
        assert 400 < height < 2600
