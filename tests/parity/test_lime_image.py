"""Images against lime 0.2.0.1: the same perturbed images for the same masks, and the same explanations of them."""

from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

import numpy as np
import pytest
from lime.lime_image import LimeImageExplainer
from scipy import stats
from skimage.data import astronaut

from limekiln.domains import images, masks
from limekiln.domains.images import Images, Picture, Pixels
from limekiln.domains.masks import Masks
from limekiln.local import parts
from limekiln.local.parts import Cells, PartsJob
from limekiln.settings import ImageSettings
from limekiln.surrogate import Selection
from limekiln.values import Array, Fresh, Instances, Outputs, part

SELECTIONS: Final[list[tuple[Selection, int]]] = [
    ("none", 3),
    ("highest_weights", 5),
    ("forward_selection", 4),
    ("lasso_path", 5),
    ("auto", 4),
    ("auto", 9),
]
SAMPLES: Final = 200
Kind = Literal["grid", "slic", "quickshift"]


def photo() -> Pixels:
    """A portrait of 52 × 43 pixels, which lies in scikit-image's package."""
    shrunk: Pixels = astronaut()[::10, ::12].copy()
    return shrunk


def domain(kind: Kind, hide: str) -> Images:
    return images.fit(ImageSettings(parts=kind, grid=(3, 4), segments=12, hide=hide))


def predict(pictures: Array) -> Array:
    """Two classes, by brightness here and contrast there."""
    light = pictures.astype(np.float64) / 255
    left, right = light[:, :, :21].mean(axis=(1, 2)), light[:, :, 21:]
    first = 3 * left[:, 0] - 2 * left[:, 2] * right.mean(axis=(1, 2, 3)) + right.std(axis=(1, 2, 3))
    p = 1 / (1 + np.exp(-4 * (first - 1)))
    return np.column_stack([1 - p, p])


@dataclass(frozen=True)
class Recorded:
    """What lime drew (row 0 is the image itself), asked, weighed, and made of each class."""

    asked: Pixels
    Z: Array
    Y: Array
    distances: Array
    kernel: Array
    fits: dict[int, tuple[float, Array, float, float]]


@cache
def record(kind: Kind, hide: str, selection: Selection, k: int) -> Recorded:
    explainer = LimeImageExplainer(feature_selection=selection, random_state=3)
    seen: dict[str, Any] = {"fits": {}}
    asked: list[Pixels] = []
    solve = explainer.base.explain_instance_with_data

    def spy(Z: Array, Y: Array, distances: Array, label: int, num_features: int, **options: Any) -> Any:
        answer = solve(Z, Y, distances, label, num_features, **options)
        seen.update(Z=np.array(Z, dtype=np.float64), Y=np.array(Y), distances=np.array(distances))
        weights = np.zeros(Z.shape[1])
        for feature, weight in answer[1]:
            weights[feature] = weight
        seen["fits"][label] = (float(answer[0]), weights, float(answer[2]), float(answer[3][0]))
        return answer

    def ask(pictures: Pixels) -> Array:
        asked.append(pictures)
        return predict(pictures)

    explainer.base.explain_instance_with_data = spy
    explainer.explain_instance(
        photo(),
        ask,
        top_labels=2,
        hide_color=None if hide == "mean" else tuple(bytes.fromhex(hide[1:])),
        num_features=k,
        num_samples=SAMPLES,
        batch_size=64,
        segmentation_fn=lambda _: picture(kind, hide).parts,
    )
    return Recorded(asked=np.concatenate(asked), kernel=explainer.base.kernel_fn(seen["distances"]), **seen)


@cache
def picture(kind: Kind, hide: str) -> Picture:
    return domain(kind, hide).decompose(photo(), 7)


@pytest.mark.parametrize("hide", ["mean", "#102030"])
@pytest.mark.parametrize("kind", ["grid", "slic", "quickshift"])
def test_the_same_masks_give_the_very_same_images(kind: Kind, hide: str) -> None:
    seen = record(kind, hide, "none", 3)
    ours = picture(kind, hide)
    assert ours.size == seen.Z.shape[1] > 1
    composed = ours.compose(seen.Z.astype(bool))
    assert composed.dtype == seen.asked.dtype
    np.testing.assert_array_equal(composed, seen.asked)


@dataclass(frozen=True)
class Model:
    """The same function as lime was given."""

    def predict_rows(self, instances: Instances | Fresh) -> Outputs:
        asked = part(instances, 0, len(instances))
        assert isinstance(asked, np.ndarray)
        return predict(asked), []


@pytest.mark.parametrize("kind", ["grid", "slic"])
@pytest.mark.parametrize(("selection", "k"), SELECTIONS)
def test_limes_masks_give_limes_explanations(
    monkeypatch: pytest.MonkeyPatch, selection: Selection, k: int, kind: Kind
) -> None:
    seen = record(kind, "mean", selection, k)
    monkeypatch.setattr(masks, "draw", lambda *_, **__: Masks(seen.Z[1:].astype(bool), seen.kernel[1:]))
    features = None if selection == "none" else k
    job = PartsJob(domain(kind, "mean"), Model(), SAMPLES - 1, 48, "lime", 0.25, selection, features, 0, 0.0)
    rows = np.zeros(2, dtype=np.int64)
    predicted = np.repeat(seen.Y[:1], 2, axis=0)
    ours = parts.explain_parts(
        job, Cells(rows, rows.astype(np.uint64), (photo(),) * 2, predicted, np.arange(2))
    ).explanations
    d = seen.Z.shape[1]
    assert ours.sizes.tolist() == [d] * 2
    assert np.ptp(seen.Y) > 0.1, "there is something to explain"
    for label, (intercept, weights, score, local_pred) in seen.fits.items():
        np.testing.assert_allclose(ours.weights[label * d : (label + 1) * d], weights, rtol=1e-8, atol=1e-8)
        assert ours.intercept[label] == pytest.approx(intercept, rel=1e-8, abs=1e-8)
        assert ours.r2[label] == pytest.approx(score, rel=1e-8, abs=1e-8)
        assert ours.surrogate[label] == pytest.approx(local_pred, rel=1e-8, abs=1e-8)
        assert ours.predicted[label] == seen.Y[0, label]


def test_the_kernel_is_limes() -> None:
    seen = record("grid", "mean", "none", 3)
    np.testing.assert_allclose(seen.kernel, np.exp(-8 * (1 - np.sqrt(seen.Z.mean(axis=1))) ** 2), rtol=1e-9)


def test_masks_follow_limes_law() -> None:
    """Frequencies of all 2^d masks over some seeds; lime's first is the image itself."""
    d, n = 6, 900
    places = 1 << np.arange(d)
    kernel = np.exp(-8 * (1 - np.sqrt(np.arange(d + 1) / d)) ** 2)
    theirs, ours = np.zeros(2**d), np.zeros(2**d)
    pixels, segments = np.zeros((1, d, 3), dtype=np.uint8), np.arange(d)[None]
    for seed in range(10):
        explainer = LimeImageExplainer(random_state=seed)
        Z, _ = explainer.data_labels(pixels, pixels, segments, lambda x: np.zeros((len(x), 1)), n + 1)
        theirs += np.bincount(Z[1:] @ places, minlength=2**d)
        drawn = masks.draw(d, n, np.random.default_rng(seed), law="coin", design="lime", width=0.25)
        times = drawn.weights / kernel[drawn.kept.sum(axis=1)]
        ours += np.bincount(drawn.kept @ places, weights=times, minlength=2**d)
    assert ours.sum() == pytest.approx(theirs.sum())
    assert stats.chi2_contingency([theirs, ours]).pvalue > 0.01
