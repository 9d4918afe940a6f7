"""Figures of how far answers can be believed are pictures, whatever the answers."""

import io

import numpy as np
import pytest
from PIL import Image

from mien.evaluation.answer_figures import (
    group_gaps,
    recipe_comparison,
    reliability_diagram,
    risk_coverage_curve,
    set_sizes,
)
from mien.evaluation.answers import Answers
from mien.evaluation.canvas import DPI, SERIES, short
from mien.evaluation.comparison import compare
from mien.evaluation.fairness import group_scores
from mien.evaluation.reliability import reliability
from mien.evaluation.selective import selective, set_scores
from tests.emotion.simulated import simulate, softmax

PNG = b"\x89PNG\r\n\x1a\n"
ODD = ["$x_", "a" * 300, "line\nbreak", "<b>"]


@pytest.fixture(scope="module")
def answers() -> Answers:
    found = simulate(np.random.default_rng(0), people=60)
    claimed = found.probabilities.copy()
    claimed[::9] = np.nan
    return Answers(
        claimed, truth=np.array(ODD)[found.truth], subjects=found.people, labels=ODD, unit="clips"
    )


@pytest.fixture(scope="module")
def empty() -> Answers:
    """Nothing answered, nobody known."""
    return Answers(
        np.full((4, 4), np.nan), truth=ODD, subjects=[None] * 4, labels=ODD, unit="clips"
    )


def drawn(answers: Answers) -> dict[str, bytes]:
    noisy = Answers(
        softmax(np.log(answers.probabilities) + np.arange(4)),
        truth=np.array(ODD)[answers.truth],
        subjects=answers.subjects,
        labels=ODD,
        unit="clips",
    )
    sets = [
        set_scores(answers, answers.probabilities > least, promised=0.9, kind=kind)
        for least, kind in ((0.1, "marginal"), (0.05, "class-conditional"))
    ]
    places = [ODD[index % 4] if index % 10 else None for index in range(len(answers))]
    return {
        "reliability": reliability_diagram(reliability(answers)),
        "risk": risk_coverage_curve({ODD[0]: selective(answers), ODD[1]: selective(noisy)}),
        "sets": set_sizes(sets),
        "groups": group_gaps([group_scores(answers, places, attribute=ODD[2])] * 2),
        "comparison": recipe_comparison(
            compare({ODD[0]: answers, ODD[1]: noisy}, common_people=58)
        ),
    }


@pytest.fixture(scope="module")
def figures(answers: Answers) -> dict[str, bytes]:
    return drawn(answers)


def test_every_figure_is_a_picture_whatever_the_labels(figures: dict[str, bytes]) -> None:
    for png in figures.values():
        assert png.startswith(PNG)
        assert len(png) > 5000


def test_figures_of_nothing_are_pictures_too(empty: Answers) -> None:
    for png in drawn(empty).values():
        assert png.startswith(PNG)


def test_a_figure_is_the_same_each_time(answers: Answers, figures: dict[str, bytes]) -> None:
    assert drawn(answers) == figures


def test_figures_fit_a_page_and_keep_to_their_edges(figures: dict[str, bytes]) -> None:
    """Nothing is cut off: the outermost pixels are paper."""
    for name, png in figures.items():
        pixels = np.asarray(Image.open(io.BytesIO(png)).convert("L"))
        assert pixels.shape[1] <= 9 * DPI, name
        for edge in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]):
            assert (edge > 250).all(), name


def test_series_are_told_apart_in_grey_and_by_their_marks() -> None:
    greys = []
    for colour, _, _ in SERIES:
        red, green, blue = (int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5))
        greys.append(0.299 * red + 0.587 * green + 0.114 * blue)
    assert len({round(grey, 2) for grey in greys}) == len(SERIES)
    assert len({marker for _, marker, _ in SERIES}) == len(SERIES)
    assert len({dashes for _, _, dashes in SERIES}) == len(SERIES)


def test_many_recipes_share_a_figure(answers: Answers) -> None:
    many = {f"recipe {index}": answers for index in range(9)}
    assert recipe_comparison(compare(many)).startswith(PNG)
    assert risk_coverage_curve({name: selective(answers) for name in many}).startswith(PNG)


def test_a_label_fits_an_axis() -> None:
    assert short("line\nbreak") == "line break"
    assert len(short("a" * 300)) == 24
