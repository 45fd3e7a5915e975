import subprocess
import sys
from pathlib import Path
from typing import Final, Literal

import numpy as np
import pytest

import image_cases as cases
from limekiln.domains.images import segments
from limekiln.errors import InputError, InstanceError

TESTS: Final = Path(cases.__file__).parent


@pytest.mark.parametrize("method", ["slic", "quickshift"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 1), (1, 40), (3, 3), (30, 20)])
def test_labels_are_consecutive_and_none_is_missing(
    method: Literal["slic", "quickshift"], shape: tuple[int, int]
) -> None:
    parts = segments.superpixels(cases.noise(*shape), method, 12, 7)
    assert parts.shape == shape
    assert parts.dtype == np.int32
    assert np.unique(parts).tolist() == list(range(int(parts.max()) + 1))


def test_a_pixel_is_one_part() -> None:
    assert segments.superpixels(cases.noise(1, 1), "slic", 50, 0).tolist() == [[0]]
    assert segments.grid(1, 1, (8, 8))[0].tolist() == [[0]]


def test_superpixels_follow_the_picture() -> None:
    image = cases.scene()
    parts = segments.superpixels(image, "slic", 30, 0)
    red = image[:, :, 0] > 120
    share = np.bincount(parts.ravel(), weights=red.ravel()) / np.bincount(parts.ravel())
    assert np.mean((share < 0.1) | (share > 0.9)) > 0.8
    assert 15 <= parts.max() + 1 <= 45


def test_segments_are_a_function_of_image_and_seed_in_any_process() -> None:
    program = (
        "import image_cases as cases; from limekiln.domains.images.segments import superpixels;"
        "print([superpixels(cases.scene(), m, 30, 2**63 + 5).tobytes().hex() for m in ('slic', 'quickshift')])"
    )
    there = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=TESTS
    ).stdout
    methods: Final[list[Literal["slic", "quickshift"]]] = ["slic", "quickshift"]
    assert there.strip() == str(
        [segments.superpixels(cases.scene(), m, 30, 2**63 + 5).tobytes().hex() for m in methods]
    )


def test_a_grid_covers_images_of_any_size_alike() -> None:
    for height, width in ((4, 6), (28, 30), (97, 101)):
        parts, cells = segments.grid(height, width, (4, 3))
        assert cells.tolist() == list(range(12))
        sizes = np.bincount(parts.ravel())
        assert sizes.max() <= (height // 4 + 1) * (width // 3 + 1)
        assert sizes.min() >= (height // 4) * (width // 3)
        assert (parts[0, 0], parts[0, -1], parts[-1, 0], parts[-1, -1]) == (0, 2, 9, 11)


def test_a_grid_finer_than_the_image_has_a_part_a_pixel_and_says_which_cells() -> None:
    parts, cells = segments.grid(2, 2, (4, 4))
    assert parts.tolist() == [[0, 1], [2, 3]]
    assert cells.tolist() == [5, 7, 13, 15]


def test_superpixels_beyond_all_bounds_are_a_failed_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "MOST", 3)
    with pytest.raises(InstanceError, match=r"more than 3; a smaller data.images.size"):
        segments.superpixels(cases.scene(), "slic", 50, 0)


def test_without_scikit_image_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage", None)
    with pytest.raises(
        InputError, match=r'data.images.parts: slic needs scikit-image: pip install "limekiln\[images\]"'
    ):
        segments.superpixels(cases.noise(), "slic", 50, 0)
    assert segments.grid(8, 8, (2, 2))[0].max() == 3
