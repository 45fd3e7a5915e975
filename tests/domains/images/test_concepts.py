import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import image_cases as cases
from limekiln.domains.images import concepts, segments
from limekiln.errors import InputError, InstanceError
from limekiln.values import Index


def stripes_and_spots(seed: int) -> tuple[np.ndarray, Index]:
    """A grid of 16 parts, half of them stripes and half spots of the same mean colour, in random places."""
    rng = np.random.default_rng(seed)
    kinds = rng.permutation(np.repeat([0, 1], 8))
    image = np.zeros((64, 64, 3), np.uint8)
    for part, kind in enumerate(kinds):
        y, x = 16 * (part // 4), 16 * (part % 4)
        if kind == 0:
            tile = np.tile(np.repeat([60, 190], 4), 2)[:, None].repeat(16, axis=1)
        else:
            tile = np.where(rng.random((16, 16)) < 0.5, 60, 190)
        image[y : y + 16, x : x + 16] = tile[:, :, None]
    return image, kinds


def described(n: int) -> tuple[np.ndarray, Index]:
    parts, _ = segments.grid(64, 64, (4, 4))
    made = [stripes_and_spots(seed) for seed in range(n)]
    return np.concatenate([concepts.describe(image, parts) for image, _ in made]), np.concatenate([k for _, k in made])


def test_textures_of_one_colour_are_told_apart() -> None:
    descriptors, kinds = described(12)
    assert descriptors.dtype == np.float32
    assert np.isfinite(descriptors).all()
    group = concepts.cluster(descriptors, 2, 0)
    agreement = np.mean(group == kinds)
    assert max(agreement, 1 - agreement) == 1


def test_colours_are_told_apart() -> None:
    parts, _ = segments.grid(40, 40, (4, 4))
    red = (parts % 3 == 0)[:, :, None]
    image = np.where(red, [200, 30, 30], [30, 90, 200]).astype(np.uint8)
    group = concepts.cluster(concepts.describe(image, parts), 2, 0)
    assert set(group[::3]).isdisjoint(group[1::3])


def test_larger_groups_come_first_and_no_number_is_left_out() -> None:
    rng = np.random.default_rng(0)
    points = np.repeat([[0.0, 0.0], [50, 0], [0, 50]], [20, 90, 40], axis=0) + rng.normal(0, 0.5, (150, 2))
    group = concepts.cluster(points, 3, 1)
    assert np.bincount(group).tolist() == [90, 40, 20]
    np.testing.assert_array_equal(group, np.repeat([2, 0, 1], [20, 90, 40]))


def test_groups_do_not_depend_on_where_the_parts_stand() -> None:
    descriptors, _ = described(6)
    order = np.random.default_rng(0).permutation(len(descriptors))
    np.testing.assert_array_equal(
        concepts.cluster(descriptors, 4, 9)[order], concepts.cluster(descriptors[order], 4, 9)
    )


@pytest.mark.parametrize("n", [0, 1, 3])
def test_fewer_parts_than_concepts_are_a_concept_each(n: int) -> None:
    group = concepts.cluster(np.eye(3, dtype=np.float32)[:n], 12, 0)
    assert sorted(group.tolist()) == list(range(n))


def test_equal_parts_are_one_concept() -> None:
    assert concepts.cluster(np.ones((30, 4)), 12, 0).tolist() == [0] * 30


def test_more_parts_than_groups_are_fitted_to_are_grouped_all(monkeypatch: pytest.MonkeyPatch) -> None:
    descriptors, kinds = described(12)
    monkeypatch.setattr(concepts, "_FIT_ON", 40)
    monkeypatch.setattr(concepts, "_BLOCK", 7)
    group = concepts.cluster(descriptors, 2, 0)
    assert max(np.mean(group == kinds), np.mean(group != kinds)) == 1


def test_groups_are_the_same_on_another_kind_of_machine() -> None:
    program = (
        "import numpy as np; from limekiln.domains.images.concepts import cluster;"
        "print(cluster(np.random.default_rng(4).normal(size=(900, 15)).astype('f4'), 12, 3).tolist())"
    )
    elsewhere = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OPENBLAS_CORETYPE": "Nehalem"}
    there = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=elsewhere
    ).stdout
    here = concepts.cluster(np.random.default_rng(4).normal(size=(900, 15)).astype("f4"), 12, 3)
    assert there.strip() == str(here.tolist())


def test_patches_show_a_part_alone() -> None:
    image = np.zeros((20, 20, 3), np.uint8)
    image[5:9, 5:9] = [200, 100, 50]
    parts = np.zeros((20, 20), np.int32)
    parts[5:9, 5:9] = 1
    parts[5, 5] = 0
    found = concepts.patches(image, parts)
    assert found.shape == (2, 64, 64, 3)
    assert (found[1] == [200, 100, 50]).all()


def test_an_encoder_describes_patches_by_its_vectors() -> None:
    parts, _ = segments.grid(40, 40, (2, 2))
    seen: list[Any] = []

    def encoder(patches: np.ndarray) -> list[list[float]]:
        seen.append(patches)
        return [[float(i), 1.0] for i in range(len(patches))]

    found = concepts.describe(cases.noise(40, 40), parts, encoder)
    assert found.tolist() == [[0, 1], [1, 1], [2, 1], [3, 1]]
    assert (seen[0].shape, seen[0].dtype) == ((4, 64, 64, 3), np.uint8)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (np.zeros(4), r"shape \(4,\), expected \(4, q\)"),
        (np.zeros((3, 2)), r"shape \(3, 2\)"),
        (np.zeros((4, 0)), r"shape \(4, 0\)"),
        (np.full((4, 2), np.inf), "not finite"),
        ("vectors", "raised ValueError"),
    ],
)
def test_an_encoder_that_gives_no_vectors_fails_the_row(answer: Any, reason: str) -> None:
    parts, _ = segments.grid(8, 8, (2, 2))
    with pytest.raises(InstanceError, match=f"data.images.encoder .*{reason}"):
        concepts.describe(cases.noise(8, 8), parts, lambda _: answer)


def test_an_encoder_that_cannot_be_found_is_not_the_rows_fault() -> None:
    def missing(_: np.ndarray) -> None:
        raise InputError("data.images.encoder: no module of that name")

    parts, _ = segments.grid(8, 8, (2, 2))
    with pytest.raises(InputError, match="no module"):
        concepts.describe(cases.noise(8, 8), parts, missing)


def test_typical_parts_are_the_nearest_and_from_different_images_first() -> None:
    descriptors = np.array([[0.0], [1.0], [1.0], [4.0], [20.0], [22.0]])
    features = np.array([0, 0, 0, 0, 1, 1])
    rows = np.array([7, 7, 8, 9, 7, 7])
    assert concepts.typical(descriptors, features, rows, 3, 3) == [[1, 2, 3], [4, 5], []]
    assert concepts.typical(descriptors, features, rows, 2, 4)[0] == [1, 2, 3, 0]


def test_a_single_pixel_can_be_described() -> None:
    found = concepts.describe(cases.noise(1, 1), np.zeros((1, 1), np.int32))
    assert np.isfinite(found).all()
