"""Texts against lime 0.2.0.1: the same perturbed texts for the same masks, and the same explanations of them."""

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
import pytest
from lime.lime_text import LimeTextExplainer
from scipy import stats

from limekiln.domains import masks
from limekiln.domains.masks import Masks
from limekiln.domains.text import Document, Texts
from limekiln.local import parts
from limekiln.local.parts import Cells, PartsJob
from limekiln.surrogate import Selection
from limekiln.values import Array, Fresh, Instances, Outputs, part

REVIEW: Final = "Good plot, good cast; the END is not good at all - 2 stars, no more than 2_000 words. Not bad?"
TEXTS: Final = [
    REVIEW,
    "one",
    "'Quoted' at both ends!",
    "…Öl für naïve Straße: ÖL\n\tin zwei  Zeilen",
    "日本語 と 日本語, x",
    "a b a b a b c",
]
SELECTIONS: Final[list[tuple[Selection, int]]] = [
    ("none", 3),
    ("highest_weights", 5),
    ("forward_selection", 4),
    ("lasso_path", 5),
    ("auto", 4),
    ("auto", 9),
]


def predict(texts: list[str]) -> Array:
    """Three classes, by words, their order and their number."""
    found = []
    for text in texts:
        words = text.lower().replace(",", " ").split()
        good, bad = words.count("good"), words.count("not") + words.count("bad?")
        first = 1.5 * good - 2.0 * bad * (good > 0) + 0.1 * len(words)
        second = 0.7 * ("stars" in words) - 0.05 * len(text) + 0.4 * ("unkwordz" in words)
        found.append([first, second, 0.3 * ("end" in words) * ("cast;" in words)])
    e = np.exp(np.array(found))
    shares: Array = e / e.sum(axis=1, keepdims=True)
    return shares


@dataclass(frozen=True)
class Recorded:
    """What lime drew (row 0 is the text itself), asked, weighed, and made of each class."""

    texts: list[str]
    Z: Array
    Y: Array
    distances: Array
    kernel: Array
    fits: dict[int, tuple[float, Array, float, float]]


@cache
def record(
    text: str, selection: Selection, k: int, *, bow: bool, mask_string: str | None = None, n: int = 400, seed: int = 3
) -> Recorded:
    explainer = LimeTextExplainer(bow=bow, mask_string=mask_string, feature_selection=selection, random_state=seed)
    seen: dict[str, Any] = {"fits": {}}
    solve = explainer.base.explain_instance_with_data

    def spy(Z: Array, Y: Array, distances: Array, label: int, num_features: int, **options: Any) -> Any:
        answer = solve(Z, Y, distances, label, num_features, **options)
        seen.update(Z=np.array(Z), Y=np.array(Y), distances=np.array(distances))
        weights = np.zeros(Z.shape[1])
        for feature, weight in answer[1]:
            weights[feature] = weight
        seen["fits"][label] = (float(answer[0]), weights, float(answer[2]), float(answer[3][0]))
        return answer

    def asked(texts: list[str]) -> Array:
        seen["texts"] = list(texts)
        return predict(texts)

    explainer.base.explain_instance_with_data = spy
    explainer.explain_instance(text, asked, labels=(0, 1, 2), num_features=k, num_samples=n)
    return Recorded(kernel=explainer.base.kernel_fn(seen["distances"]), **seen)


def domain(*, bow: bool, mask_string: str | None = None) -> Texts:
    return Texts(
        tokens="words",
        unit="bag" if bow else "positions",
        mask="" if bow else "UNKWORDZ" if mask_string is None else mask_string,
        max_tokens=500,
    )


WAYS: Final = pytest.mark.parametrize(
    ("bow", "mask_string"), [(True, None), (False, None), (False, "___"), (False, "")], ids=str
)


@WAYS
@pytest.mark.parametrize("text", TEXTS)
def test_the_same_masks_give_the_very_same_texts(text: str, mask_string: str | None, *, bow: bool) -> None:
    seen = record(text, "none", 3, bow=bow, mask_string=mask_string, n=60)
    document = domain(bow=bow, mask_string=mask_string).decompose(text, 0)
    assert isinstance(document, Document)
    assert document.size == seen.Z.shape[1]
    assert document.compose(seen.Z.astype(bool)) == seen.texts


@dataclass(frozen=True)
class Model:
    """The same function as lime was given."""

    def predict_rows(self, instances: Instances | Fresh) -> Outputs:
        asked = part(instances, 0, len(instances))
        assert isinstance(asked, list)
        return predict(asked), []


@pytest.mark.parametrize("bow", [True, False], ids=["bag", "positions"])
@pytest.mark.parametrize(("selection", "k"), SELECTIONS)
@pytest.mark.parametrize("text", [REVIEW, "good"], ids=["many words", "one word"])
def test_limes_masks_give_limes_explanations(
    monkeypatch: pytest.MonkeyPatch, selection: Selection, k: int, text: str, *, bow: bool
) -> None:
    seen = record(text, selection, k, bow=bow)
    monkeypatch.setattr(masks, "draw", lambda *_, **__: Masks(seen.Z[1:].astype(bool), seen.kernel[1:]))
    features = None if selection == "none" else k
    job = PartsJob(domain(bow=bow), Model(), 399, 64, "lime", 0.25, selection, features, 0, 0.0)
    rows = np.zeros(3, dtype=np.int64)
    batch = Cells(rows, rows.astype(np.uint64), (text,) * 3, np.repeat(seen.Y[:1], 3, axis=0), np.arange(3))
    ours = parts.explain_parts(job, batch).explanations
    ours_of_all = parts.explain_all_outputs(job, text, 0, seen.Y[0])[1]
    d = seen.Z.shape[1]
    assert ours.sizes.tolist() == [d] * 3
    assert np.ptp(seen.Y) > 0.1, "there is something to explain"
    for label, (intercept, weights, score, local_pred) in seen.fits.items():
        np.testing.assert_allclose(ours.weights[label * d : (label + 1) * d], weights, rtol=1e-8, atol=1e-8)
        assert ours.intercept[label] == pytest.approx(intercept, rel=1e-8, abs=1e-8)
        assert ours.r2[label] == pytest.approx(score, rel=1e-8, abs=1e-8)
        assert ours.surrogate[label] == pytest.approx(local_pred, rel=1e-8, abs=1e-8)
        assert ours.predicted[label] == seen.Y[0, label]
        np.testing.assert_allclose(ours_of_all.coef[0, label], weights, rtol=1e-8, atol=1e-8)
        assert ours_of_all.intercept[0, label] == pytest.approx(intercept, rel=1e-8, abs=1e-8)


def test_the_kernel_is_limes() -> None:
    """lime has 100 times the distance and a width of 25."""
    seen = record(REVIEW, "none", 3, bow=True)
    share = seen.Z.mean(axis=1)
    np.testing.assert_allclose(seen.kernel, np.exp(-8 * (1 - np.sqrt(share)) ** 2), rtol=1e-9)
    d = seen.Z.shape[1]
    drawn = masks.draw(d, 500, np.random.default_rng(0), law="size", design="lime", width=0.25)
    times = drawn.weights / np.exp(-8 * (1 - np.sqrt(drawn.kept.mean(axis=1))) ** 2)
    np.testing.assert_allclose(times, np.rint(times), rtol=1e-9)
    assert np.rint(times).sum() == 500


def frequencies(kept: Array, times: Array) -> Array:
    """How often each of the 2^d masks was drawn."""
    d = kept.shape[1]
    codes = (kept @ (1 << np.arange(d))).astype(np.int64)
    return np.bincount(codes, weights=times, minlength=2**d).astype(np.float64)


def test_masks_follow_limes_law() -> None:
    d, n = 6, 700
    kernel = np.exp(-8 * (1 - np.sqrt(np.arange(d + 1) / d)) ** 2)
    theirs, ours = np.zeros(2**d), np.zeros(2**d)
    for seed in range(10):
        seen = record("a b c d e f", "none", 3, bow=True, n=n + 1, seed=seed)
        theirs += frequencies(seen.Z[1:], np.ones(n))
        drawn = masks.draw(d, n, np.random.default_rng(seed), law="size", design="lime", width=0.25)
        ours += frequencies(drawn.kept.astype(np.float64), drawn.weights / kernel[drawn.kept.sum(axis=1)])
    assert theirs[-1] == ours[-1] == 0, "lime hides at least one word"
    assert ours.sum() == pytest.approx(theirs.sum())
    assert stats.chi2_contingency([theirs[:-1], ours[:-1]]).pvalue > 0.01
