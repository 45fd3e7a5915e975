"""Masks are what they say: distinct, within the budget, unbiased for lime's own moments, exact where all are listed."""

import itertools
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lime.lime_image import LimeImageExplainer
from lime.lime_text import IndexedString, LimeTextExplainer
from sklearn.metrics import pairwise_distances

from limekiln import surrogate
from limekiln.domains import masks
from limekiln.domains.masks import Design, Law, Masks
from limekiln.values import Array, Mask

WIDTH: Final = 0.25
LAWS: Final[list[Law]] = ["size", "coin"]
DESIGNS: Final[list[Design]] = ["lime", "kernel"]
QUICK: Final = settings(deadline=None, derandomize=True, max_examples=120)

sizes = st.tuples(st.integers(1, 24), st.integers(1, 400), st.integers(0, 10**6))
widths = st.floats(0.005, 10)


def drawn(d: int, n: int, seed: int, law: Law, design: Design, *, width: float = WIDTH) -> Masks:
    return masks.draw(d, n, np.random.default_rng(seed), law=law, design=design, width=width)


def population(d: int, law: Law) -> tuple[Mask, Array, Array]:
    """Every mask with its probability under lime's law and its kernel weight, by definition."""
    every = np.array(list(itertools.product([False, True], repeat=d)))
    sizes = every.sum(axis=1)
    kernel = np.array([np.sqrt(np.exp(-((1 - np.sqrt(k / d)) ** 2) / WIDTH**2)) for k in sizes])
    if law == "coin":
        return every, np.full(len(every), 0.5**d), kernel
    alike = np.array([(sizes == k).sum() for k in sizes])
    return every, np.where(sizes < d, 1 / d / alike, 0.0), kernel


def statistics(kept: Mask) -> Array:
    """Numbers of each mask whose weighted sums are compared: moments up to the second, and a rough response."""
    d = kept.shape[1]
    z = kept.astype(np.float64)
    pairs = [z[:, i] * z[:, j] for i, j in itertools.combinations(range(d), 2)]
    rough = np.sin(7 * z @ np.sqrt(np.arange(1, d + 1))) + 3 * (z.sum(axis=1) == 0)
    return np.column_stack([np.ones(len(z)), z, *pairs, rough, rough[:, None] * z])


@QUICK
@given(sizes, st.sampled_from(LAWS), st.sampled_from(DESIGNS), widths)
def test_masks_are_distinct_weighted_and_within_the_budget(
    size: tuple[int, int, int], law: Law, design: Design, width: float
) -> None:
    d, n, seed = size
    m = drawn(d, n, seed, law, design, width=width)
    assert m.kept.dtype == np.bool_
    assert m.kept.shape == (len(m.weights), d)
    assert 1 <= len(m.kept) <= n
    assert len(np.unique(m.kept, axis=0)) == len(m.kept)
    assert np.isfinite(m.weights).all()
    assert (m.weights > 0).all()
    assert law == "coin" or not m.kept.all(axis=1).any()


@QUICK
@given(sizes, st.sampled_from(LAWS), st.sampled_from(DESIGNS))
def test_the_generator_alone_decides(size: tuple[int, int, int], law: Law, design: Design) -> None:
    one, two = (drawn(*size, law, design) for _ in range(2))
    np.testing.assert_array_equal(one.kept, two.kept)
    np.testing.assert_array_equal(one.weights, two.weights)


@QUICK
@given(st.integers(1, 9), st.integers(0, 60), st.integers(0, 10**6), st.sampled_from(LAWS))
def test_a_budget_that_covers_all_masks_lists_them_without_error(d: int, more: int, seed: int, law: Law) -> None:
    every, p, kernel = population(d, law)
    possible = p > 0
    n = int(possible.sum()) + more
    m = drawn(d, n, seed, law, "kernel")
    assert len(m.kept) == possible.sum()
    expected = {tuple(z): n * w for z, w in zip(every[possible], (p * kernel)[possible], strict=True)}
    for z, w in zip(m.kept, m.weights, strict=True):
        assert w == pytest.approx(expected[tuple(z)], rel=1e-10)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize(("d", "n"), [(1, 1), (2, 2), (3, 2), (5, 24), (7, 60), (10, 20)])
def test_weighted_sums_are_unbiased_for_limes_population(d: int, n: int, law: Law, design: Design) -> None:
    every, p, kernel = population(d, law)
    truth = n * (p * kernel) @ statistics(every)
    repeats = 250
    sums = []
    for seed in range(repeats):
        m = drawn(d, n, seed, law, design)
        sums.append(m.weights @ statistics(m.kept))
    mean, error = np.mean(sums, axis=0), np.std(sums, axis=0, ddof=1) / np.sqrt(repeats)
    scale = n * (p * kernel) @ np.abs(statistics(every))
    z = (mean - truth) / np.maximum(error, 1e-10 * scale + 1e-300)
    # the largest of up to 67 dependent z-values; a rare stratum makes tails heavier than normal
    assert np.abs(z).max() < 4.5


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize(("d", "n"), [(8, 120), (12, 300), (20, 1000)])
def test_the_sum_of_the_kernel_designs_weights_hardly_varies(d: int, n: int, law: Law) -> None:
    _, p, kernel = population(d, law) if d < 15 else (None, *by_size(d, law))
    sums = [drawn(d, n, seed, law, "kernel").weights.sum() for seed in range(40)]
    np.testing.assert_allclose(sums, n * (p @ kernel), rtol=0.02)


def by_size(d: int, law: Law) -> tuple[Array, Array]:
    """Lime's probability and the kernel by size, for more parts than can be listed here."""
    p, _ = masks._sizes(d, law)
    return p, np.exp(-8 * (1 - np.sqrt(np.arange(d + 1) / d)) ** 2)


@pytest.mark.parametrize("law", LAWS)
def test_no_part_is_favoured(law: Law) -> None:
    d, n, repeats = 9, 50, 250
    hidden = np.array([(~m.kept).sum(axis=0) for m in (drawn(d, n, s, law, "kernel") for s in range(repeats))])
    error = hidden.std(axis=0, ddof=1) / np.sqrt(repeats)
    assert (np.abs(hidden.mean(axis=0) - hidden.mean()) < 4 * error).all()


def test_pairs_keep_each_size_and_overlap_as_little_as_sizes_allow() -> None:
    d = 11
    sizes = np.sort(np.random.default_rng(5).integers(0, d + 1, 41))
    kept = masks._pairs(sizes, d, np.random.default_rng(6))
    assert sorted(kept.sum(axis=1)) == sizes.tolist()
    one, other = kept[:20], kept[20:40]
    np.testing.assert_array_equal((one & other).sum(axis=1), np.maximum(one.sum(axis=1) + other.sum(axis=1) - d, 0))


def test_many_parts_and_a_narrow_kernel_stay_finite() -> None:
    for law, design, width in itertools.product(LAWS, DESIGNS, (0.001, 0.25, 1e6)):
        m = drawn(2000, 40, 3, law, design, width=width)
        assert m.kept.shape == (40, 2000)
        assert np.isfinite(m.weights).all()
        assert (m.weights > 0).all()


@pytest.mark.parametrize(("d", "n", "width"), [(0, 5, 0.25), (5, 0, 0.25), (5, 5, 0.0), (5, 5, float("nan"))])
def test_nonsense_is_refused(d: int, n: int, width: float) -> None:
    with pytest.raises(ValueError, match="expected d ≥ 1, n ≥ 1 and width > 0"):
        drawn(d, n, 0, "coin", "kernel", width=width)


def limes_text(d: int, n: int, seed: int) -> tuple[Mask, Array]:
    """The masks and weights that lime's own code gives a text of d words."""
    explainer = LimeTextExplainer(random_state=seed)
    text = IndexedString(" ".join(f"w{i}" for i in range(d)))
    data, _, distances = explainer._LimeTextExplainer__data_labels_distances(
        text, lambda texts: np.zeros((len(texts), 2)), n
    )
    return data.astype(bool)[1:], explainer.base.kernel_fn(distances)[1:]


def limes_image(d: int, n: int, seed: int) -> tuple[Mask, Array]:
    """The masks and weights that lime's own code gives an image of d superpixels."""
    explainer = LimeImageExplainer(random_state=seed)
    segments = np.arange(d).reshape(1, d)
    image = np.zeros((1, d, 3))

    def blank(images: Any) -> Array:
        return np.zeros((len(images), 2))

    data, _ = explainer.data_labels(image, image.copy(), segments, blank, n)
    distances = pairwise_distances(data, data[0].reshape(1, -1), metric="cosine").ravel()
    return data.astype(bool)[1:], explainer.base.kernel_fn(distances)[1:]


@pytest.mark.parametrize("law", LAWS)
def test_the_lime_design_has_limes_law_and_limes_weights(law: Law) -> None:
    d, n, repeats = 5, 30, 100
    limes = limes_text if law == "size" else limes_image
    ours, theirs = [], []
    for seed in range(repeats):
        m = drawn(d, n, seed, law, "lime")
        ours.append(m.weights @ statistics(m.kept))
        kept, weights = limes(d, n + 1, seed)
        theirs.append(weights @ statistics(kept))
        weight_of = dict(zip(kept.sum(axis=1).tolist(), weights.tolist(), strict=True))
        every = masks._proximity(d, WIDTH)
        for k, weight in weight_of.items():
            assert every[k] == pytest.approx(weight, rel=1e-9)
    spread = np.sqrt((np.var(ours, axis=0, ddof=1) + np.var(theirs, axis=0, ddof=1)) / repeats)
    assert np.abs((np.mean(ours, axis=0) - np.mean(theirs, axis=0)) / spread).max() < 4
    ratio = np.var(ours, axis=0, ddof=1) / np.var(theirs, axis=0, ddof=1)
    assert ratio.min() > 0.5
    assert ratio.max() < 2


def test_equal_draws_are_asked_once_with_their_summed_weight() -> None:
    m = drawn(3, 200, 0, "coin", "lime")
    assert len(m.kept) == 8
    counts = m.weights / masks._proximity(3, WIDTH)[m.kept.sum(axis=1)]
    np.testing.assert_allclose(counts, np.rint(counts), atol=1e-9)
    assert np.rint(counts).sum() == 200


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize(("d", "n"), [(8, 120), (12, 300)])
def test_the_kernel_design_has_a_smaller_error_than_limes(d: int, n: int, law: Law) -> None:
    slopes = np.random.default_rng(1).normal(size=(d, d)) / np.sqrt(d)

    def error(design: Design) -> float:
        found = []
        for seed in range(40):
            m = drawn(d, n, seed, law, design)
            z = m.kept.astype(np.float64)
            y = np.tanh(((z @ slopes) * z).sum(axis=1) + z @ slopes[0])
            moments = surrogate.moments(z[None], y[None, :, None], m.weights[None])
            found.append(surrogate.fit(moments).coef[0, 0])
        return float(np.var(found, axis=0, ddof=1).sum())

    assert error("kernel") < 0.9 * error("lime")
