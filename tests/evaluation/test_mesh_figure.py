"""Heat on a face: what is darker moved an answer more, in every panel alike."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from PIL import Image

from mien.emotion.movements import AREAS
from mien.errors import InputError, ShapeError
from mien.evaluation.canvas import DPI
from mien.evaluation.mesh_figure import HEAT, HeatPanel, draw_face, mesh_figure, smoothed
from mien.face.canonical import canonical_face, canonical_triangles

FOREHEAD_POINT, LOWER_LIP_POINT = 151, 17


def heat_of(**areas: float) -> np.ndarray:
    heat = np.zeros(478)
    for area, value in areas.items():
        heat[list(AREAS[area])] = value
    return heat


def lightness_at(point: int, heat: np.ndarray, *, top: float = 1.0) -> float:
    """Of the drawn face in grey, 0-255, at a point of the mesh."""
    figure = Figure(figsize=(4, 4), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1))
    draw_face(axes, heat, scale=Normalize(0, top))
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    grey = np.asarray(Image.open(buffer).convert("L"), float)
    x, y = axes.transData.transform(canonical_face()[point, :2] * [1, -1])
    around = grey[round(400 - y) - 3 : round(400 - y) + 4, round(x) - 3 : round(x) + 4]
    return float(np.median(around))


def decoded(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png))


def test_what_moved_the_answer_is_darker_in_grey_print_too() -> None:
    heat = heat_of(mouth=1.0)
    assert lightness_at(LOWER_LIP_POINT, heat) < 80
    assert lightness_at(FOREHEAD_POINT, heat) > 220
    turned = heat_of(forehead=1.0)
    assert lightness_at(FOREHEAD_POINT, turned) < 80
    assert lightness_at(LOWER_LIP_POINT, turned) > 220


@settings(max_examples=8, deadline=None)
@given(st.floats(0, 0.85))
def test_more_heat_is_never_lighter(value: float) -> None:
    less, more = (lightness_at(FOREHEAD_POINT, heat_of(forehead=v)) for v in (value, value + 0.15))
    assert more < less


def test_the_scale_of_colours_falls_in_lightness_all_the_way() -> None:
    colours = HEAT(np.linspace(0, 1, 256))[:, :3]
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luminance) < 0).all()
    # For who sees no red or no green, too: Viénot, Brettel and Mollon, 1999.
    for first, second in ((0.11238, 0.88762), (0.29275, 0.70725)):
        seen = linear[:, 0] * first + linear[:, 1] * second
        assert (np.diff(seen) < 0).all()


def test_what_spoke_against_the_answer_is_as_pale_as_nothing() -> None:
    assert lightness_at(FOREHEAD_POINT, heat_of(forehead=-5.0)) == lightness_at(
        FOREHEAD_POINT, heat_of(mouth=0.0)
    )


def test_panels_of_a_figure_share_one_scale() -> None:
    strong, weak = heat_of(mouth=2.0), heat_of(mouth=0.5)
    panels = [HeatPanel("Happy", (), strong), HeatPanel("Sad", (), weak)]
    image = decoded(mesh_figure(panels, unit="nats")).convert("L")
    left = np.asarray(image)[:, : image.width // 2][: round(2.8 * DPI)]
    right = np.asarray(image)[:, image.width // 2 :][: round(2.8 * DPI)]
    assert np.percentile(left, 2) < np.percentile(right, 2)
    alone = decoded(mesh_figure(panels[1:], unit="nats")).convert("L")
    assert np.percentile(np.asarray(alone)[: round(2.8 * DPI)], 2) < np.percentile(right, 2)


@pytest.mark.parametrize(("count", "rows"), [(1, 1), (4, 1), (5, 2), (7, 2), (9, 3)])
def test_every_face_is_drawn_whatever_their_number(count: int, rows: int) -> None:
    panels = [HeatPanel(f"label {n}", ("3 clips",), heat_of(mouth=n)) for n in range(count)]
    image = decoded(mesh_figure(panels, unit="nats"))
    assert image.height == pytest.approx((rows * 2.85 + 0.75) * DPI, abs=2)
    assert image.info["dpi"] == pytest.approx((DPI, DPI), abs=0.1)


@pytest.mark.parametrize("text", ["$x_{$", "<script>", "a\nb\x1b[2J", "W" * 300, "漢字"])
def test_any_text_in_a_title_is_only_text(text: str) -> None:
    png = mesh_figure([HeatPanel(text, (), heat_of(mouth=1))], unit="nats")
    assert decoded(png).width == pytest.approx(3.4 * DPI, abs=2)


def test_where_nothing_moved_the_answer_the_face_is_pale() -> None:
    image = decoded(mesh_figure([HeatPanel("Sad", (), np.zeros(478))], unit="nats")).convert("L")
    face = np.asarray(image)[round(0.7 * DPI) : round(2.7 * DPI)]
    assert np.percentile(face, 8) > 200


def test_the_same_heat_gives_the_same_bytes() -> None:
    panel = HeatPanel("Sad", ("2 clips",), heat_of(brows=1, mouth=0.2))
    assert mesh_figure([panel], unit="nats") == mesh_figure([panel], unit="nats")


def test_smoothing_spreads_a_point_to_its_neighbours_and_no_further() -> None:
    spike = np.zeros(478)
    spike[LOWER_LIP_POINT] = 1
    corners = canonical_triangles()
    near = set(corners[(corners == LOWER_LIP_POINT).any(axis=1)].ravel().tolist())
    assert set(np.flatnonzero(smoothed(spike, times=1)).tolist()) == near
    assert np.array_equal(smoothed(spike, times=0), spike)


def test_smoothing_leaves_an_even_face_as_it_is() -> None:
    np.testing.assert_allclose(smoothed(np.full(478, 0.7), times=5), 0.7)


def test_heat_of_another_shape_or_none_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"must be \(478,\) finite numbers.*got \(468,\)"):
        mesh_figure([HeatPanel("Sad", (), np.zeros(468))], unit="nats")
    with pytest.raises(ShapeError, match="with 478 that are not finite"):
        mesh_figure([HeatPanel("Sad", (), np.full(478, np.nan))], unit="nats")
    with pytest.raises(InputError, match="no face to draw"):
        mesh_figure([], unit="nats")
