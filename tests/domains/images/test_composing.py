from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import image_cases as cases
from limekiln.domains.images import composing
from limekiln.domains.images.channels import Pixels
from limekiln.domains.images.picture import Picture

TYPES: Final = ["uint8", "float32"]


def made(kind: str, shape: tuple[int, int, int], seed: int) -> Pixels:
    whole = cases.noise(*shape, seed=seed)
    return whole if kind == "uint8" else (whole / np.float32(7.3) - 5).astype(np.float32)


@settings(deadline=None, max_examples=60)
@given(
    kind=st.sampled_from(TYPES),
    shape=st.tuples(st.integers(1, 70), st.integers(1, 70), st.integers(1, 5)),
    size=st.integers(1, 40),
    m=st.integers(0, 5),
    seed=st.integers(0, 999),
)
def test_both_ways_give_what_the_definition_says(
    kind: str, shape: tuple[int, int, int], size: int, m: int, seed: int
) -> None:
    size = min(size, shape[0] * shape[1])
    parts = cases.random_parts(shape[0], shape[1], size, seed)
    pixels, hidden = made(kind, shape, seed), made(kind, shape, seed + 1)
    kept = np.random.default_rng(seed).random((m, size)) < 0.5
    expected = cases.slowly(pixels, hidden, parts, kept).reshape(m, *shape)
    for found in (
        Picture(pixels, parts, hidden).compose(kept),
        composing.compose_pixels(pixels, hidden, parts, kept),
    ):
        assert found.dtype == pixels.dtype
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(("size", "planned"), [(2, True), (60, True), (400, True), (4000, False)])
def test_parts_of_any_size_are_composed(size: int, *, planned: bool) -> None:
    pixels, hidden = cases.noise(71, 83), cases.noise(71, 83, seed=1)
    side = np.sqrt(71 * 83 / size)
    row, column = (np.arange(71) / side).astype(np.int32), (np.arange(83) / side).astype(np.int32)
    parts = np.unique(row[:, None] * 1000 + column, return_inverse=True)[1].reshape(71, 83).astype(np.int32)
    assert (composing.plan(pixels, hidden, parts) is not None) == planned
    kept = np.random.default_rng(0).random((7, int(parts.max()) + 1)) < 0.5
    np.testing.assert_array_equal(
        Picture(pixels, parts, hidden).compose(kept), cases.slowly(pixels, hidden, parts, kept)
    )


def test_no_byte_overflows_where_an_image_is_darker_than_what_hides_it() -> None:
    pixels, hidden = np.zeros((40, 40, 3), np.uint8), np.full((40, 40, 3), 255, np.uint8)
    pixels[::2], hidden[::2] = 255, 1
    parts = np.repeat(np.arange(4, dtype=np.int32), 10)[:, None].repeat(40, axis=1)
    kept = np.array([[True, False, True, False], [False] * 4, [True] * 4])
    found = Picture(pixels, parts, hidden).compose(kept)
    np.testing.assert_array_equal(found, cases.slowly(pixels, hidden, parts, kept))
    np.testing.assert_array_equal(found[1], hidden)
    np.testing.assert_array_equal(found[2], pixels)


def test_floats_keep_every_bit_even_where_they_are_huge() -> None:
    pixels = np.array([1e-38, 3e38, -0.0, 0.1] * 400, np.float32).reshape(40, 40, 1)
    parts = cases.random_parts(40, 40, 9, 1)
    kept = np.random.default_rng(0).random((6, 9)) < 0.5
    found = Picture(pixels, parts, np.full_like(pixels, -3e38)).compose(kept)
    expected = cases.slowly(pixels, np.full_like(pixels, -3e38), parts, kept)
    assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize("side", [8, 60])
def test_composed_images_are_new_ones(side: int) -> None:
    pixels = cases.noise(side, side)
    picture = Picture(pixels, cases.random_parts(side, side, 5, 0), np.zeros_like(pixels))
    before = pixels.copy()
    picture.compose(np.ones((2, 5), dtype=bool))[:] = 9
    np.testing.assert_array_equal(picture.pixels, before)
    np.testing.assert_array_equal(picture.compose(np.ones((1, 5), dtype=bool))[0], before)


def test_images_that_lie_in_memory_in_another_order_are_composed_alike() -> None:
    pixels = np.asfortranarray(cases.noise(40, 30))
    hidden = cases.noise(30, 40, seed=1).transpose(1, 0, 2)
    parts = cases.random_parts(40, 30, 7, 2)
    kept = np.random.default_rng(0).random((4, 7)) < 0.5
    np.testing.assert_array_equal(
        Picture(pixels, parts, hidden).compose(kept), cases.slowly(pixels, hidden, parts, kept)
    )
