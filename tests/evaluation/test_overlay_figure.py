import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

from mien.errors import InputError
from mien.evaluation.overlay_figure import Panel, overlay_figure, sample_rows, set_out, shortened


def panel(clip: str = "a.flv", frame_num: int = 0, emotion: str | None = "Happy", **more) -> Panel:
    image = np.full((36, 48, 3), 90, np.uint8)
    return Panel(image=image, clip=clip, frame_num=frame_num, emotion=emotion, **more)


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


@pytest.mark.parametrize("count", [16, 17, 379, 9_574, 556_000])
@pytest.mark.parametrize("random_state", [0, 26])
def test_the_rows_are_those_that_pandas_samples(count: int, random_state: int) -> None:
    expected = pd.DataFrame({"row": range(count)}).sample(n=16, random_state=random_state)
    rows = sample_rows(count, size=16, random_state=random_state)
    assert rows.tolist() == expected["row"].tolist()


def test_a_table_of_fewer_rows_gives_them_all() -> None:
    assert sorted(sample_rows(5, size=16, random_state=26)) == [0, 1, 2, 3, 4]


def test_panels_stand_in_sorted_groups_and_those_without_a_label_last() -> None:
    panels = [
        panel("c.flv", 3, "Sad"),
        panel("b.flv", 2, None),
        panel("b.flv", 9, "Angry"),
        panel("b.flv", 1, "Angry"),
    ]
    found = texts(set_out(panels))
    groups = [text for text in found if text in ("Angry", "Sad", "no label")]
    assert groups == ["Angry", "Sad", "no label"]
    captions = [text for text in found if text.startswith("frame")]
    assert captions == ["frame 1 · Angry", "frame 9 · Angry", "frame 3 · Sad", "frame 2 · no label"]


def test_each_panel_is_titled_with_clip_frame_and_emotion() -> None:
    found = texts(set_out([panel("bed 3/a.flv", 41, "Fear", note="points missing")]))
    assert "bed 3/a.flv" in found
    assert "frame 41 · Fear · points missing" in found


def test_predictions_group_and_the_label_stays_in_the_title() -> None:
    panels = [
        panel(frame_num=1, emotion="Happy", predicted="Sad"),
        panel(frame_num=2, emotion="Happy"),
    ]
    found = texts(set_out(panels, by_predicted=True))
    assert [text for text in found if text in ("Sad", "no prediction", "Happy")] == [
        "Sad",
        "no prediction",
    ]
    assert "frame 1 · labelled Happy" in found


HOSTILE = [
    "$x_{$",
    "$\\frac{1}{0}$",
    "<script>alert(1)</script>",
    "a\nb\x1b[2J",
    "{}%s",
    "漢字 كلب 😀",
]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("ending", ["png", "pdf"])
def test_any_text_in_names_and_labels_is_only_text(tmp_path: Path, text: str, ending: str) -> None:
    out = tmp_path / f"figure.{ending}"
    overlay_figure([panel(clip=text, emotion=text, note=text)], out=out, heading=text)
    assert out.stat().st_size > 1000


def test_line_breaks_in_a_name_start_no_line() -> None:
    assert "a?b.flv" in texts(set_out([panel(clip="a\nb.flv")]))


def test_no_texts_overlap_however_long_the_names_are() -> None:
    panels = [
        panel(clip="W" * 300 + f"{n}.flv", frame_num=10**9 + n, emotion=f"{'M' * 90}{n % 5}")
        for n in range(16)
    ]
    figure = set_out(panels, heading="H" * 400, footer="F" * 900)
    boxes = [text.get_window_extent() for text in figure.texts]
    page = figure.bbox
    for index, one in enumerate(boxes):
        assert page.x0 <= one.x0
        assert one.x1 <= page.x1
        assert not any(one.overlaps(other) for other in boxes[index + 1 :])
    for axes in figure.axes:
        frame = axes.get_window_extent()
        assert not any(frame.overlaps(box) for box in boxes)


def test_a_long_name_keeps_both_its_ends() -> None:
    name = "morning_2026_visit/" + "x" * 80 + "/1001_DFA_ANG_XX.flv"
    title = next(text for text in texts(set_out([panel(clip=name)])) if "…" in text)
    assert title.startswith("morning")
    assert title.endswith("XX.flv")


@pytest.mark.parametrize("limit", [3, 4, 5, 10, 11])
def test_a_shortened_text_is_as_long_as_asked(limit: int) -> None:
    assert len(shortened("abcdefghijklmnop", limit=limit)) == limit
    assert shortened("abc", limit=limit) == "abc"


@pytest.mark.parametrize("count", [1, 2, 5, 16, 23])
def test_every_panel_is_drawn_whatever_their_number(count: int) -> None:
    figure = set_out([panel(frame_num=n) for n in range(count)])
    assert len(figure.axes) == count


def test_frames_of_other_shapes_stand_beside_each_other(tmp_path: Path) -> None:
    shapes = [(10, 90), (90, 10), (36, 48), (1, 1)]
    panels = [
        Panel(image=np.full((*shape, 3), 90, np.uint8), clip="a", frame_num=0, emotion="Sad")
        for shape in shapes
    ]
    assert overlay_figure(panels, out=tmp_path / "figure.png").is_file()


def test_the_same_panels_give_the_same_file(tmp_path: Path) -> None:
    for ending in ("png", "pdf"):
        files = [tmp_path / f"{name}.{ending}" for name in "ab"]
        for file in files:
            overlay_figure([panel()], out=file)
        assert files[0].read_bytes() == files[1].read_bytes()


def test_the_ending_decides_the_format(tmp_path: Path) -> None:
    png = overlay_figure([panel()], out=tmp_path / "figure.PNG")
    with Image.open(png) as image:
        assert image.format == "PNG"
    pdf = overlay_figure([panel()], out=tmp_path / "new folder" / "figure.pdf")
    assert pdf.read_bytes().startswith(b"%PDF")


def test_the_titles_of_a_pdf_are_text_and_not_pictures(tmp_path: Path) -> None:
    pdf = overlay_figure([panel(clip="a.flv")], out=tmp_path / "figure.pdf").read_bytes()
    streams = (part.split(b"endstream")[0].strip() for part in pdf.split(b"stream\n")[1:])
    content = b"".join(_inflated(stream) for stream in streams)
    assert b"BT" in content
    assert b"Tf" in content


def _inflated(stream: bytes) -> bytes:
    try:
        return zlib.decompress(stream)
    except zlib.error:
        return b""


def test_another_ending_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"figure\.jpg: a figure ends in \.png or \.pdf"):
        overlay_figure([panel()], out=tmp_path / "figure.jpg")
    assert not list(tmp_path.iterdir())


def test_no_panel_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no frame to draw"):
        overlay_figure([], out=tmp_path / "figure.png")
