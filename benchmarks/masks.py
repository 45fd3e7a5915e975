# ruff: noqa: INP001, SLF001, T201 - a script that a reader runs, which prints, and looks inside to compare designs
"""Error of local explanations against model calls, by the design that draws the masks.

Run it as `python benchmarks/masks.py [PATH of the SMS Spam Collection]`. The figures of
docs/decisions/0012-mask-designs.md are what it prints. Without the messages (UCI, CC BY 4.0; a tab-separated file with
a header and the columns label and message) the texts are left out.

The error of a design is the sum over the coefficients of their squared distance from the surrogate that infinitely many
calls would give, with the same ridge penalty for n calls: by all masks up to 16 parts, by 100,000 draws beyond. What is
printed is lime's error over the design's, above 1 where the design wins. `lime again` is lime with other seeds: how
far it strays from 1 shows what chance does.
"""

import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline

from limekiln import surrogate
from limekiln.domains import masks
from limekiln.domains.masks import Law, Masks
from limekiln.values import Array, Mask

WIDTH: Final = 0.25
SEEDS: Final = 30
CALLS: Final = (100, 300, 1000)
LONG_RUN: Final = 100_000
LISTED: Final = 16

Response = Callable[[Mask], Array]
Draw = Callable[[int, int, np.random.Generator, Law], Masks]


@dataclass(frozen=True)
class Case:
    """A model's response to masks of d parts of one row."""

    family: str
    law: Law
    d: int
    response: Response


# --- the designs -------------------------------------------------------------------------------------------------


def lime(d: int, n: int, rng: np.random.Generator, law: Law) -> Masks:
    """As lime draws; equal masks merged."""
    return masks.draw(d, n, rng, law=law, design="lime", width=WIDTH)


def kernel_law(d: int, n: int, rng: np.random.Generator, law: Law) -> Masks:
    """GLIME's: independent draws from p·π, all of one weight."""
    share, total = _kernel_share(d, law)
    return _equal(masks._subsets(rng.choice(d + 1, n, p=share), d, rng), n * total)


def stratified_sizes(d: int, n: int, rng: np.random.Generator, law: Law) -> Masks:
    """The kernel's law with systematic sizes."""
    share, total = _kernel_share(d, law)
    return _equal(masks._subsets(_systematic_sizes(share, n, rng), d, rng), n * total)


def balanced(d: int, n: int, rng: np.random.Generator, law: Law) -> Masks:
    """As before, with masks of nearly one size four by four from one order of the parts, each part in turn."""
    share, total = _kernel_share(d, law)
    hidden = d - _systematic_sizes(share, n + -n % 4, rng).reshape(-1, 4)
    start = np.cumsum(hidden, axis=1) - hidden
    ranks = masks._ranks(len(hidden), d, rng)[:, None, :]
    kept = (ranks - start[:, :, None]) % d >= hidden[:, :, None]
    return _equal(kept.reshape(-1, d)[:n], n * total)


def complements(d: int, n: int, rng: np.random.Generator, law: Law) -> Masks:
    """Exact complements, from the kernel's law made symmetric, with the weights that undo this."""
    share, total = _kernel_share(d, law)
    symmetric = (share + share[::-1]) / 2
    one = masks._subsets(_systematic_sizes(symmetric, n // 2, rng), d, rng)
    kept = np.concatenate([one, ~one])
    size = kept.sum(axis=1)
    return Masks(kept, n * total / len(kept) * share[size] / symmetric[size])


def between(d: int, n: int, rng: np.random.Generator, law: Law) -> Masks:
    """Sizes by p·√π, systematic, small sizes listed, no pairs."""
    return masks._stratified(d, n, rng, law, masks._proximity(d, WIDTH), paired=False)


def between_in_pairs(d: int, n: int, rng: np.random.Generator, law: Law) -> Masks:
    """The same in pairs, whatever the calls."""
    return masks._stratified(d, n, rng, law, masks._proximity(d, WIDTH), paired=True)


def kernel(d: int, n: int, rng: np.random.Generator, law: Law) -> Masks:
    """What `explain.masks: kernel` draws."""
    return masks.draw(d, n, rng, law=law, design="kernel", width=WIDTH)


DESIGNS: Final[dict[str, Draw]] = {
    "lime again": lime,
    "kernel law": kernel_law,
    "+ sizes": stratified_sizes,
    "+ balanced": balanced,
    "complements": complements,
    "p√π": between,
    "p√π pairs": between_in_pairs,
    "kernel": kernel,
}


def _kernel_share(d: int, law: Law) -> tuple[Array, float]:
    share = masks._sizes(d, law)[0] * masks._proximity(d, WIDTH)
    return share / share.sum(), float(share.sum())


def _systematic_sizes(share: Array, n: int, rng: np.random.Generator) -> Any:
    return np.repeat(np.arange(len(share)), masks._systematic(n * share, n, rng))


def _equal(kept: Mask, total: float) -> Masks:
    return Masks(kept, np.full(len(kept), total / len(kept)))


# --- the cases ---------------------------------------------------------------------------------------------------


def texts(path: Path) -> Iterator[Case]:
    """Messages of 5 to 40 different words, for four models."""
    rows = [line.split("\t", 1) for line in path.read_text("utf-8").splitlines()[1:] if "\t" in line]
    messages, spam = [row[1] for row in rows], np.array([row[0] == "spam" for row in rows])
    linear = make_pipeline(TfidfVectorizer(), LogisticRegression(C=10, max_iter=500)).fit(messages, spam)
    forest = make_pipeline(CountVectorizer(max_features=800), _forest()).fit(messages, spam)
    net = make_pipeline(CountVectorizer(max_features=800), _net(15)).fit(messages, spam)
    words = linear[0].build_analyzer()
    for d in (5, 10, 15, 25, 40):
        ours = [i for i, message in enumerate(messages) if len(set(words(message))) == d]
        for i in [i for i in ours if spam[i]][:1] + [i for i in ours if not spam[i]][:1]:
            ask = [(linear.predict_proba, "TF-IDF, probability"), (linear.decision_function, "TF-IDF, logit")]
            ask += [(forest.predict_proba, "forest on counts"), (net.predict_proba, "net on counts")]
            for predict, name in ask:
                yield Case(f"text: {name}", "size", d, _hidden_words(predict, words(messages[i])))


def _hidden_words(predict: Callable[..., Any], tokens: list[str]) -> Response:
    order = {word: j for j, word in enumerate(dict.fromkeys(tokens))}

    def response(kept: Mask) -> Array:
        answer = predict([" ".join(t for t in tokens if row[order[t]]) for row in kept])
        return np.asarray(answer if answer.ndim == 1 else answer[:, 1], dtype=np.float64)

    return response


def images() -> Iterator[Case]:
    """Digits on grids of 16 and 64 cells, hidden cells grey, for three models."""
    digits = load_digits()
    pixels = digits.data / 16
    models = {
        "logistic": LogisticRegression(max_iter=1000),
        "forest": _forest(),
        "net": _net(200),
    }
    for name, model in models.items():
        model.fit(pixels, digits.target)
        for cells in (4, 8):
            place = np.arange(64).reshape(8, 8)
            cell = (place // 8 * cells // 8 * cells + place % 8 * cells // 8).ravel()
            for row in (3, 7, 20, 31):
                response = _hidden_cells(model.predict_proba, pixels[row], pixels.mean(), cell, digits.target[row])
                yield Case(f"image: {name}", "coin", cells**2, response)


def _hidden_cells(
    predict: Callable[..., Any], row: Array, grey: float, cell: NDArray[np.int64], label: int
) -> Response:
    def response(kept: Mask) -> Array:
        return np.asarray(predict(np.where(kept[:, cell], row, grey))[:, label], dtype=np.float64)

    return response


def made_up() -> Iterator[Case]:
    """A sigmoid of a sum, the hardest case for pairs, and of a sum with products, the easiest; d 5, 10 and 50."""
    laws: tuple[Law, ...] = ("size", "coin")
    for law in laws:
        for products in (0.0, 2.0):
            for d in (5, 10, 50):
                name = "sigmoid of products" if products else "sigmoid of a sum"
                yield Case(f"made up: {name}", law, d, _sigmoid(d, products))


def _sigmoid(d: int, products: float) -> Response:
    rng = np.random.default_rng(1)
    slope, twist = rng.normal(size=d), products * rng.normal(size=(d, d)) / np.sqrt(d)

    def score(z: Array) -> Array:
        total: Array = z @ slope + ((z @ twist) * z).sum(axis=1)
        return total

    typical = score((rng.random((500, d)) < 0.6).astype(np.float64))  # noqa: PLR2004 - a usual share of parts kept
    middle, scale = np.median(typical), typical.std() / 1.5

    def response(kept: Mask) -> Array:
        answer: Array = 1 / (1 + np.exp(-(score(kept.astype(np.float64)) - middle) / scale))
        return answer

    return response


def _forest() -> RandomForestClassifier:
    return RandomForestClassifier(20, min_samples_leaf=2, random_state=0)


def _net(rounds: int) -> MLPClassifier:
    return MLPClassifier((32,), max_iter=rounds, random_state=0)


# --- the measurement ---------------------------------------------------------------------------------------------


def raw_moments(m: Masks, y: Array) -> Array:
    """Weighted moments of (1, z, y)."""
    augmented = np.column_stack([np.ones(len(y)), m.kept, y])
    product: Array = (augmented * m.weights[:, None]).T @ augmented
    return product


def coefficients(raw: Array, itself: Array) -> Array:
    """The surrogate's, with the explained row itself at weight 1."""
    d = len(itself) - 2
    coef: Array = surrogate.fit(surrogate.centre((raw + np.outer(itself, itself))[None], d)).coef[0, 0]
    return coef


def remembered(case: Case) -> Case:
    """The same case, its answers to all masks asked beforehand where they can be listed."""
    if case.d > LISTED:
        return case
    bits = 2 ** np.arange(case.d)
    every = (np.arange(2**case.d)[:, None] & bits) > 0
    answers: Array = np.concatenate([case.response(every[s : s + 4096]) for s in range(0, len(every), 4096)])

    def response(kept: Mask) -> Array:
        found: Array = answers[kept @ bits]
        return found

    return replace(case, response=response)


def population(case: Case) -> Array:
    """The raw moments that one call has in expectation."""
    if case.d <= LISTED:
        n = 2**case.d
        m = kernel(case.d, n, np.random.default_rng(0), case.law)
        return np.asarray(raw_moments(m, case.response(m.kept)) / n)
    size = 5000
    moments = np.zeros((case.d + 2, case.d + 2))
    for seed in range(LONG_RUN // size):
        m = between_in_pairs(case.d, size, np.random.default_rng([9, seed]), case.law)
        moments += raw_moments(m, case.response(m.kept)) / LONG_RUN
    return moments


def errors(case: Case) -> Array:
    """The mean squared error of lime over each design's, (calls, designs)."""
    full = np.ones((1, case.d), dtype=bool)
    itself = np.concatenate([[1.0], full[0], case.response(full)])
    truth = population(case)

    def error(design: Draw, n: int, first: int) -> float:
        wanted = coefficients(n * truth, itself)
        total = 0.0
        for seed in range(first, first + SEEDS):
            m = design(case.d, n, np.random.default_rng([seed, n]), case.law)
            total += float(((coefficients(raw_moments(m, case.response(m.kept)), itself) - wanted) ** 2).sum())
        return total / SEEDS

    table = []
    for n in CALLS:
        reference = error(lime, n, 1000)
        table.append([reference / max(error(design, n, 0), 1e-6 * reference) for design in DESIGNS.values()])
    return np.array(table)


def main() -> None:
    """Prints, for each family, number of parts and calls: the median of the ratios and the least."""
    warnings.filterwarnings("ignore")
    print("| case | law | parts | calls |", " | ".join(DESIGNS), "|")
    print("|---|---|---|---|" + "---|" * len(DESIGNS))
    sources = [made_up(), images(), *(texts(Path(path)) for path in sys.argv[1:2])]
    for cases in sources:
        grouped: dict[tuple[str, Law, int], list[Array]] = {}
        for case in cases:
            grouped.setdefault((case.family, case.law, case.d), []).append(errors(remembered(case)))
        for (family, law, d), found in sorted(grouped.items()):
            for i, n in enumerate(CALLS):
                cells = [_shown(np.array(found)[:, i, j]) for j in range(len(DESIGNS))]
                print(f"| {family} | {law} | {d} | {n:,} |", " | ".join(cells), "|", flush=True)


def _shown(ratios: Array) -> str:
    if ratios.min() > 1e5:  # noqa: PLR2004 - nothing but rounding is left
        return "exact"
    return f"{np.median(ratios):.2f} ({ratios.min():.2f})" if len(ratios) > 1 else f"{ratios[0]:.2f}"


if __name__ == "__main__":
    main()
