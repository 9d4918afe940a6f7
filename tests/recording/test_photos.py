"""A photo is the same picture in whichever format it is saved."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.errors import VideoError
from mien.recording.video import read_photo


@pytest.fixture
def grey() -> np.ndarray:
    return np.arange(256, dtype=np.uint8).reshape(16, 16)


def saved(path: Path, photo: Image.Image, **options: object) -> Path:
    photo.save(path, **options)
    return path


def assert_same(image: np.ndarray, grey: np.ndarray, *, levels: int = 1) -> None:
    assert (image.shape, image.dtype) == ((*grey.shape, 3), np.uint8)
    assert np.abs(image.astype(int) - grey[..., np.newaxis].astype(int)).max() <= levels


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_sixteen_bits_of_grey_are_the_same_picture_as_eight(
    tmp_path: Path, grey: np.ndarray, ending: str
) -> None:
    fine = grey.astype(np.uint16) * 256 + 128
    assert_same(read_photo(saved(tmp_path / f"a.{ending}", Image.fromarray(fine))), grey)
    assert_same(read_photo(saved(tmp_path / f"b.{ending}", Image.fromarray(grey))), grey, levels=0)


def test_sixteen_bits_in_the_other_byte_order_are_the_same_picture(
    tmp_path: Path, grey: np.ndarray
) -> None:
    fine = Image.frombytes("I;16B", grey.shape, (grey.astype(">u2") * 257).astype(">u2").tobytes())
    assert_same(read_photo(saved(tmp_path / "a.tif", fine)), grey, levels=0)


@pytest.mark.parametrize("scale", [1, 257])
def test_32_bit_integers_are_eight_bits_unless_larger(
    tmp_path: Path, grey: np.ndarray, scale: int
) -> None:
    photo = Image.fromarray(grey.astype(np.int32) * scale)
    assert_same(read_photo(saved(tmp_path / "a.tif", photo)), grey, levels=0)


@pytest.mark.parametrize("white", [1, 255, 65535])
def test_floats_are_fractions_of_white_unless_larger(
    tmp_path: Path, grey: np.ndarray, white: int
) -> None:
    photo = Image.fromarray(grey.astype(np.float32) / 255 * white)
    assert_same(read_photo(saved(tmp_path / "a.tif", photo)), grey, levels=0)


def test_sixteen_bits_are_turned_upright_too(tmp_path: Path, grey: np.ndarray) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    path = saved(tmp_path / "a.png", Image.fromarray(grey.astype(np.uint16) * 257), exif=exif)
    assert_same(read_photo(path), grey[::-1, ::-1], levels=0)


def test_a_palette_with_transparency_keeps_its_colours_without_a_warning(
    tmp_path: Path, grey: np.ndarray
) -> None:
    photo = Image.fromarray(grey).convert("P")
    path = saved(tmp_path / "a.png", photo, transparency=bytes(range(256)))
    assert_same(read_photo(path), grey, levels=0)


def test_a_photo_of_a_hundred_megapixels_is_read_without_a_warning_and_an_absurd_one_refused(
    tmp_path: Path, grey: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path / "a.png", Image.fromarray(grey))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", grey.size - 1)
    assert_same(read_photo(path), grey, levels=0)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", grey.size // 2 - 1)
    with pytest.raises(VideoError, match="not a readable photo"):
        read_photo(path)
