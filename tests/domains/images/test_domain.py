import pickle
import sys
from typing import Literal

import numpy as np
import pytest
from PIL import Image

import image_cases as cases
from limekiln.domains import images
from limekiln.domains.images import Picture, segments
from limekiln.errors import InputError, InstanceError
from limekiln.settings.data import ImageSettings


@pytest.mark.parametrize("parts", ["slic", "quickshift", "grid"])
@pytest.mark.parametrize("hide", ["mean", "blur", "#7f7f7f"])
def test_every_way_of_splitting_and_hiding_gives_a_picture(
    parts: Literal["slic", "quickshift", "grid"], hide: str
) -> None:
    domain = images.fit(ImageSettings(parts=parts, hide=hide, segments=12))
    picture = domain.decompose(cases.scene(32), 1)
    assert picture.pixels.shape == picture.hidden.shape == (32, 32, 3)
    assert picture.size == len(np.unique(picture.parts))
    assert all(len(trait) == picture.size for trait in picture.traits().values())
    both = picture.compose(np.array([[True], [False]]).repeat(picture.size, axis=1))
    np.testing.assert_array_equal(both, [picture.pixels, picture.hidden])


@pytest.mark.parametrize("hide", ["mean", "blur", "#7f7f7f"])
@pytest.mark.parametrize("parts", ["slic", "quickshift", "grid"])
def test_a_pixel_is_a_picture_of_one_part(parts: Literal["slic", "quickshift", "grid"], hide: str) -> None:
    picture = images.fit(ImageSettings(parts=parts, hide=hide)).decompose(np.full((1, 1, 3), 9, np.uint8), 0)
    assert picture.size == 1
    assert picture.compose(np.ones((2, 1), dtype=bool)).shape == (2, 1, 1, 3)


def test_the_domain_travels_and_gives_the_same_pictures_there() -> None:
    settings = ImageSettings(segments=12, hide="ground.png")
    domain = images.fit(settings, None, cases.encoded(Image.fromarray(cases.noise())))
    there = pickle.loads(pickle.dumps(domain))  # noqa: S301 - made the line before
    here, other = domain.decompose(cases.scene(), 5), there.decompose(cases.scene(), 5)
    assert (
        here.compose(np.zeros((1, here.size), bool)).tobytes()
        == other.compose(np.zeros((1, here.size), bool)).tobytes()
    )
    assert here.parts.tobytes() == other.parts.tobytes()


def test_features_of_a_grid_are_its_cells() -> None:
    domain = images.fit(ImageSettings(parts="grid", grid=(4, 5)))
    assert domain.grid == (4, 5)
    pictures = [domain.decompose(cases.noise(*shape), 0) for shape in ((8, 10), (1, 1))]
    cells = np.concatenate([p.traits()["cell"] for p in pictures])
    names, features = images.globalise(domain, {"cell": cells}, 0)
    assert len(names) == 20
    assert names[0] == "row 1, column 1"
    assert names[13] == "row 3, column 4"
    assert features.tolist() == [*range(20), 12]
    assert names[12] == "row 3, column 3"  # the only pixel's centre


def test_features_of_superpixels_are_concepts() -> None:
    domain = images.fit(ImageSettings(segments=20, concepts=3))
    assert domain.grid is None
    pictures = [domain.decompose(cases.scene(size), 0) for size in (48, 64)]
    traits = {"descriptor": np.concatenate([p.traits()["descriptor"] for p in pictures])}
    names, features = images.globalise(domain, traits, 0)
    assert names == ["concept 1", "concept 2", "concept 3"]
    assert len(features) == sum(p.size for p in pictures)
    assert np.unique(features).tolist() == [0, 1, 2]


def test_no_part_at_all_gives_no_concept() -> None:
    domain = images.fit(ImageSettings())
    names, features = images.globalise(domain, {"descriptor": np.empty((0, 15), np.float32)}, 0)
    assert names == []
    assert features.tolist() == []


def test_a_bad_cell_is_a_failed_row() -> None:
    domain = images.fit(ImageSettings())
    for call in (domain.decode, lambda cell: domain.decompose(cell, 0)):
        with pytest.raises(InstanceError, match="no image that can be read"):
            call(b"not an image")


def test_superpixels_need_scikit_image_from_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage", None)
    with pytest.raises(InputError, match=r"limekiln\[images\]"):
        images.fit(ImageSettings())
    domain = images.fit(ImageSettings(parts="grid", grid=(2, 2)))
    assert domain.decompose(cases.noise(), 0).size == 4


def test_drawings_are_small_and_the_same_every_time() -> None:
    domain = images.fit(ImageSettings(segments=20))
    for cell in (cases.scene(500), cases.scene(40), cases.noise(3, 300), cases.noise(1, 1)):
        picture = domain.decompose(cell, 0)
        weights = np.random.default_rng(0).normal(size=picture.size)
        width, height = size(images.overlay(picture, weights))
        assert width <= 2 * 240 + 8
        assert height <= 240
        assert images.overlay(picture, weights) == images.overlay(picture, weights)
        for part in {0, picture.size - 1}:
            assert max(size(images.patch(picture, part))) <= 72
            assert images.patch(picture, part) == images.patch(picture, part)


def size(png: bytes) -> tuple[int, int]:
    width, height = cases.opened(png).shape[1::-1]
    return width, height


def test_evidence_for_is_blue_and_against_is_orange_and_none_is_grey() -> None:
    pixels = np.full((90, 90, 3), 128, np.uint8)
    parts, cells = segments.grid(90, 90, (1, 3))
    drawn = cases.opened(images.overlay(Picture(pixels, parts, pixels, cells), np.array([2.0, -2.0, 0.0]))).astype(int)
    drawn = tinted(drawn)
    third = drawn.shape[1] // 3
    left, middle, right = (drawn[10:-10, k * third + 10 : (k + 1) * third - 10] for k in range(3))
    assert (left[..., 2] > left[..., 0] + 60).all()
    assert (middle[..., 0] > middle[..., 2] + 30).all()
    assert len(np.unique(middle.reshape(-1, 3), axis=0)) == 2  # hatched: legible without its hue
    assert len(np.unique(left.reshape(-1, 3), axis=0)) == 1
    assert (np.ptp(right, axis=2) == 0).all()


def tinted(drawn: np.ndarray) -> np.ndarray:
    """The right half of an overlay."""
    return drawn[:, (drawn.shape[1] + 8) // 2 :]


def test_weights_of_zero_tint_nothing() -> None:
    picture = images.fit(ImageSettings(parts="grid", grid=(2, 2))).decompose(cases.scene(20), 0)
    drawn = cases.opened(images.overlay(picture, np.zeros(4)))
    assert (np.ptp(tinted(drawn), axis=2) == 0).all()


def test_the_image_stands_beside_its_tinted_self() -> None:
    scene = cases.scene(120)
    picture = images.fit(ImageSettings(segments=9)).decompose(scene, 0)
    drawn = cases.opened(images.overlay(picture, np.arange(picture.size, dtype=float)))
    np.testing.assert_array_equal(drawn[:, :240], scene.repeat(2, 0).repeat(2, 1))
    assert (drawn[:, 240:248] == 255).all()


def test_the_heaviest_superpixels_carry_their_numbers_and_cells_do_not() -> None:
    pixels = np.full((120, 120, 3), 128, np.uint8)
    parts, cells = segments.grid(120, 120, (2, 2))
    weights = np.array([0.0, 0.0, 0.0, 1.0])
    plain, numbered = (
        tinted(cases.opened(images.overlay(Picture(pixels, parts, pixels, c), weights))) for c in (cells, None)
    )
    differ = (plain != numbered).any(axis=2)
    assert differ[120:, 120:].any()
    assert not differ[:120].any()
    assert not differ[:, :120].any()


def test_a_patch_shows_its_part_in_colour_and_the_rest_pale() -> None:
    pixels = np.full((40, 40, 3), [200, 30, 30], np.uint8)
    parts = np.zeros((40, 40), np.int32)
    parts[10:20, 10:20] = 1
    drawn = cases.opened(images.patch(Picture(pixels, parts, pixels), 1))
    middle = drawn[drawn.shape[0] // 2, drawn.shape[1] // 2]
    assert middle.tolist() == [200, 30, 30]
    assert np.ptp(drawn[0, 0]) == 0
    assert drawn[0, 0, 0] > 150
