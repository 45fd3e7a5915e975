import io
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFile

import image_cases as cases
from limekiln.domains.images.decoding import decode, resize
from limekiln.errors import InstanceError
from limekiln.settings.data import ImageSettings

RGB = ImageSettings()
GREY = ImageSettings(mode="grey")
KEEP = ImageSettings(mode="keep")


class Unreadable:
    reason = "photos/cat.jpg: no such file"


def file_of(array: np.ndarray, mode: str | None = None, kind: str = "PNG", **options: object) -> bytes:
    return cases.encoded(
        Image.fromarray(array) if mode is None else Image.fromarray(array).convert(mode), kind, **options
    )


def test_a_file_gives_its_pixels() -> None:
    pixels = cases.noise()
    found = decode(file_of(pixels), RGB)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, pixels)


def test_grey_files_have_three_channels_one_or_their_own() -> None:
    plane = cases.noise(channels=1)[:, :, 0]
    np.testing.assert_array_equal(decode(file_of(plane), RGB), np.repeat(plane[:, :, None], 3, axis=2))
    for settings in (GREY, KEEP):
        np.testing.assert_array_equal(decode(file_of(plane), settings), plane[:, :, None])


def test_grey_of_colours_is_what_pillow_says() -> None:
    pixels = cases.noise()
    expected = np.asarray(Image.fromarray(pixels).convert("L")).astype(int)
    assert np.abs(decode(pixels, GREY)[:, :, 0].astype(int) - expected).max() <= 1


def test_transparency_lies_over_white_unless_it_is_kept() -> None:
    pixels = np.zeros((2, 2, 4), np.uint8)
    pixels[0, 0] = [10, 20, 30, 255]
    pixels[0, 1] = [10, 20, 30, 0]
    pixels[1, 0] = [0, 0, 0, 51]
    found = decode(file_of(pixels), RGB)
    assert found[0].tolist() == [[10, 20, 30], [255, 255, 255]]
    assert found[1, 0].tolist() == [204, 204, 204]
    np.testing.assert_array_equal(decode(file_of(pixels), KEEP), pixels)


def test_a_palette_with_a_transparent_colour_is_over_white_too() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([200, 0, 0, 0, 0, 200])
    image.putpixel((1, 0), 1)
    assert decode(cases.encoded(image), RGB)[0].tolist() == [[200, 0, 0], [0, 0, 200]]
    clear = decode(cases.encoded(image, transparency=1), RGB)
    assert clear[0].tolist() == [[200, 0, 0], [255, 255, 255]]


def test_cmyk_becomes_rgb_in_every_mode() -> None:
    white = Image.new("CMYK", (16, 16), (0, 0, 0, 0))
    for settings in (RGB, KEEP):
        found = decode(cases.encoded(white, "JPEG"), settings)
        assert found.shape == (16, 16, 3)
        assert found.min() >= 250


def test_black_and_white_files_are_0_and_255() -> None:
    image = Image.new("1", (2, 1))
    image.putpixel((1, 0), 1)
    assert decode(cases.encoded(image), KEEP)[0, :, 0].tolist() == [0, 255]


def test_sixteen_bits_become_eight_by_their_high_byte_in_files_and_arrays() -> None:
    wide = np.array([[0, 255, 256, 0x1234, 0xFFFF]], dtype=np.uint16)
    for cell in (file_of(wide), file_of(wide, kind="TIFF"), wide, wide.astype(np.int64)):
        assert decode(cell, KEEP)[0, :, 0].tolist() == [0, 0, 1, 0x12, 0xFF]


def test_small_integers_are_eight_bits() -> None:
    assert decode(np.array([[0, 16, 255]], dtype=np.int64), KEEP)[0, :, 0].tolist() == [0, 16, 255]
    assert decode(np.array([[True, False]]), KEEP)[0, :, 0].tolist() == [255, 0]


def test_floats_keep_their_scale() -> None:
    digit = np.linspace(0, 16, 64).reshape(8, 8)
    found = decode(digit, KEEP)
    assert found.shape == (8, 8, 1)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[:, :, 0], digit.astype(np.float32))
    assert decode(digit, RGB).shape == (8, 8, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_stands_upright(orientation: int) -> None:
    upright = np.zeros((2, 3), np.uint8)
    upright[0, 0], upright[0, 2] = 255, 100
    stored = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
        5: upright.T, 6: upright.T[::-1], 7: upright.T[::-1, ::-1], 8: upright.T[:, ::-1],
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = decode(file_of(np.ascontiguousarray(stored), exif=exif), GREY)
    np.testing.assert_array_equal(found[:, :, 0], upright)


def test_of_several_frames_the_first_is_read() -> None:
    first, second = Image.new("L", (4, 4), 10), Image.new("L", (4, 4), 200)
    cell = cases.encoded(first, "TIFF", save_all=True, append_images=[second])
    assert set(decode(cell, GREY).ravel()) == {10}


def test_a_size_takes_the_centre_or_stretches() -> None:
    wide = np.zeros((10, 30, 1), np.uint8)
    wide[:, 10:20] = 200
    crop = ImageSettings(mode="grey", size=(5, 5))
    assert (decode(wide, crop)[:, 1:4] == 200).all()  # the edge is smoothed over its neighbours, as in a resized whole
    stretched = decode(wide, ImageSettings(mode="grey", size=(5, 6), resize="stretch"))
    assert stretched.shape == (5, 6, 1)
    assert stretched[2, 0, 0] == 0
    assert stretched[2, 3, 0] > 150


def test_resizing_never_overshoots_and_keeps_the_type() -> None:
    edge = np.zeros((40, 40, 2), np.float32)
    edge[:, 20:] = 3.5
    found = resize(edge, (7, 9), crop=False)
    assert found.shape == (7, 9, 2)
    assert found.dtype == np.float32
    assert found.min() >= 0
    assert found.max() <= 3.5
    assert resize(edge, (40, 40), crop=True) is edge
    assert resize(cases.noise(1, 1), (4, 6), crop=True).shape == (4, 6, 3)


def bomb() -> bytes:
    file = io.BytesIO()
    Image.new("1", (8000, 8000)).save(file, format="PNG")
    return file.getvalue()


PNG = file_of(cases.noise(50, 50))
JPEG = file_of(cases.noise(50, 50), kind="JPEG")

BAD: list[tuple[Any, str]] = [
    (None, "got nothing"),
    ("cat.png", "got a str"),
    (Unreadable(), "photos/cat.jpg: no such file"),
    (b"", "empty"),
    (b"<html>404</html>", "no image that can be read"),
    (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no image that can be read"),
    (PNG[: len(PNG) // 2], "truncated or damaged"),
    (JPEG[: len(JPEG) // 2], "truncated or damaged"),
    (PNG[:40], "its head is damaged"),
    (PNG[:60] + bytes(20) + PNG[80:], "truncated or damaged"),
    (bomb(), r"64,000,000 pixels, more than data.images.max_pixels \(50,000,000\)"),
    (np.zeros((8000, 8000, 1), np.uint8), "64,000,000 pixels"),
    (np.zeros(5), r"\(H, W\) or \(H, W, C\), got one of shape \(5,\)"),
    (np.zeros((0, 5, 3)), "no pixels"),
    (np.zeros((5, 5, 0)), "no pixels"),
    (np.full((2, 2), np.nan), "missing or infinite"),
    (np.full((2, 2), 1e300), "missing or infinite"),
    (np.full((2, 2), -1), "got -1 to -1"),
    (np.full((2, 2), 70_000), "got 70000 to 70000"),
    (np.array([["a", "b"]]), "expected numbers"),
    (np.zeros((2, 2, 7), np.uint8), "7 channels"),
    (np.zeros((2, 2, 4)), "4 channels of float32"),
]


@pytest.mark.parametrize(("cell", "reason"), BAD, ids=[reason for _, reason in BAD])
def test_what_is_no_image_says_why(cell: Any, reason: str) -> None:
    with pytest.raises(InstanceError, match=reason):
        decode(cell, RGB)


@pytest.mark.filterwarnings("error")
def test_an_image_larger_than_any_limit_is_refused_before_it_is_read() -> None:
    header = bytearray(file_of(np.zeros((1, 1), np.uint8)))
    header[16:24] = (60_000).to_bytes(4) + (60_000).to_bytes(4)
    header[29:33] = zlib.crc32(header[12:29]).to_bytes(4)
    with pytest.raises(InstanceError, match="pixels"):
        decode(bytes(header), ImageSettings(max_pixels=175_000_000))


@pytest.mark.filterwarnings("error")
def test_a_large_image_within_the_limit_warns_of_nothing() -> None:
    assert (
        decode(file_of(np.zeros((9500, 9500), np.bool_)), ImageSettings(mode="grey", max_pixels=95_000_000)).shape[0]
        == 9500
    )


def test_any_truncation_of_a_file_is_a_reason_and_never_another_error() -> None:
    for data in (PNG, JPEG, file_of(cases.noise(50, 50), kind="GIF", mode="P"), file_of(cases.noise(), kind="TIFF")):
        for cut in range(0, len(data) - 1, max(1, len(data) // 40)):
            try:
                decode(data[:cut], RGB)
            except InstanceError as error:
                assert str(error)  # noqa: PT017 - a file cut in its last bytes may still be whole


def test_a_truncated_file_is_refused_also_where_a_library_has_it_filled_with_grey(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("PIL.ImageFile.LOAD_TRUNCATED_IMAGES", True)  # as importing weasyprint does
    with pytest.raises(InstanceError, match="truncated or damaged"):
        decode(PNG[: len(PNG) // 2], ImageSettings())
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True
