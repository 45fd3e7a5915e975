import numpy as np
import pytest
from lime import lime_image
from PIL import Image

import image_cases as cases
from limekiln.domains import images
from limekiln.domains.images import hiding, segments
from limekiln.errors import InputError
from limekiln.settings.data import ImageSettings


def test_perturbed_images_are_lime_images_own_on_the_same_segments_and_masks() -> None:
    image = cases.scene()
    picture = images.fit(ImageSettings(segments=20)).decompose(image, 0)
    asked: list[np.ndarray] = []

    def model(batch: np.ndarray) -> np.ndarray:
        asked.append(batch)
        return np.zeros((len(batch), 2))

    explainer = lime_image.LimeImageExplainer(random_state=3)
    explainer.explain_instance(
        image, model, hide_color=None, num_samples=40, batch_size=10, segmentation_fn=lambda _: picture.parts
    )
    rng = np.random.RandomState(3)  # lime's own order of draws: a seed for the segments, then the masks
    rng.randint(0, high=1000)
    kept = rng.randint(0, 2, 40 * picture.size).reshape(40, picture.size)
    kept[0] = 1
    np.testing.assert_array_equal(picture.compose(kept.astype(bool)), np.concatenate(asked))


def test_the_mean_is_each_parts_own_by_channel() -> None:
    pixels = np.array([[[0, 10], [3, 20]], [[100, 30], [200, 40]]], np.float32)
    parts = np.array([[0, 0], [1, 1]], np.int32)
    assert hiding.mean(pixels, parts).tolist() == [[[1.5, 15], [1.5, 15]], [[150, 35], [150, 35]]]


def test_blur_keeps_the_level_and_takes_the_detail() -> None:
    pixels = cases.noise(60, 60)
    found = hiding.blur(pixels)
    assert found.dtype == np.uint8
    assert abs(float(found.mean()) - float(pixels.mean())) < 2
    assert found.std() < pixels.std() / 4
    assert hiding.blur(np.full((9, 9, 2), 77, np.uint8)).tolist() == np.full((9, 9, 2), 77).tolist()


@pytest.mark.parametrize(
    ("channels", "expected"), [(1, [76]), (2, [76, 255]), (3, [255, 0, 0]), (4, [255, 0, 0, 255]), (5, [76] * 5)]
)
def test_a_colour_is_put_in_the_images_channels(channels: int, expected: list[int]) -> None:
    domain = images.fit(ImageSettings(hide="#ff0000", parts="grid", grid=(2, 2), mode="keep"))
    hidden = domain.decompose(cases.noise(4, 4, channels), 0).hidden
    assert hidden.shape == (4, 4, channels)
    assert hidden[1, 2].tolist() == expected


def test_a_colour_is_put_in_the_scale_of_floats() -> None:
    domain = images.fit(ImageSettings(hide="#ffffff", parts="grid", grid=(2, 2), mode="keep"))
    unit = np.linspace(0.2, 0.8, 16).reshape(4, 4)
    assert domain.decompose(unit, 0).hidden.max() == 1
    assert domain.decompose(unit * 20, 0).hidden.max() == 16


def test_another_image_is_brought_to_the_images_size() -> None:
    other = np.zeros((10, 40, 3), np.uint8)
    other[:, 10:30] = [0, 200, 0]
    settings = ImageSettings(hide="ground.png", parts="grid", grid=(2, 2))
    domain = images.fit(settings, None, cases.encoded(Image.fromarray(other)))
    hidden = domain.decompose(cases.noise(6, 6), 0).hidden
    assert hidden.shape == (6, 6, 3)
    assert (hidden == [0, 200, 0]).all()


@pytest.mark.parametrize(
    ("data", "reason"), [(None, "an image file that is there"), (b"GIF89a", "its head is damaged")]
)
def test_another_image_that_cannot_be_read_is_an_error_of_the_config(data: bytes | None, reason: str) -> None:
    with pytest.raises(InputError, match=f"data.images.hide: ground.png: .*{reason}"):
        images.fit(ImageSettings(hide="ground.png", parts="grid"), None, data)


@pytest.mark.parametrize("text", ["#12345", "#12345g", "#1234567"])
def test_a_colour_has_six_digits(text: str) -> None:
    with pytest.raises(ValueError, match="six hexadecimal digits"):
        ImageSettings(hide=text)


def test_what_is_hidden_depends_on_the_parts_alone() -> None:
    pixels = cases.noise(12, 12)
    parts, _ = segments.grid(12, 12, (3, 3))
    hidden = hiding.mean(pixels, parts)
    for part in range(9):
        assert len(np.unique(hidden[parts == part], axis=0)) == 1
