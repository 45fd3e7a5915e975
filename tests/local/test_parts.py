"""Texts, images and series to explanations: exact truths, sameness in any batch, and what odd inputs give."""

import math
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Final

import numpy as np
import pytest

from limekiln.domains import masks
from limekiln.domains.masks import Design, Law
from limekiln.domains.text import Texts
from limekiln.errors import InstanceError
from limekiln.local import parts
from limekiln.local.parts import Cells, CellsJob, PartBatch, PartsJob
from limekiln.surrogate import RIDGE, Selection
from limekiln.values import Array, Fresh, Instances, Mask, Outputs, PartExplanations, Traits, concatenate, part

FIELDS: Final = tuple(PartExplanations.__dataclass_fields__)
TEXTS: Final = Texts(tokens="words", unit="bag", mask="", max_tokens=500)
WORTH: Final = {"good": 3.0, "bad": -2.0, "plot": 0.5, "very": 0.25, "the": 0.0}


@dataclass
class Model:
    """A function as a predictor that remembers how many instances it was asked for at once."""

    function: Callable[[Instances], Array]
    calls: list[int] = field(default_factory=list)

    def predict_rows(self, instances: Instances | Fresh) -> Outputs:
        self.calls.append(len(instances))
        outputs = self.function(part(instances, 0, len(instances)))
        failed = np.flatnonzero(np.isnan(outputs).any(axis=1))
        return outputs, [(int(i), "no prediction") for i in failed]


def words(text: object) -> set[str]:
    return set(str(text).split())


def linear(texts: Instances) -> Array:
    """Two values: a sum over the words that are there, and their number."""
    return np.array([[7.0 + sum(WORTH[w] for w in words(t)), float(len(words(t)))] for t in texts])


def crooked(texts: Instances) -> Array:
    """Two classes, with an interaction."""
    z = np.array([2.0 * ("good" in words(t)) - 1.5 * ({"good", "bad"} <= words(t)) + 0.1 * len(str(t)) for t in texts])
    p = 1 / (1 + np.exp(-z))
    return np.column_stack([1 - p, p])


def job_of(
    model: Model, *, n: int = 300, batch: int = 64, design: Design = "kernel", selection: Selection = "none"
) -> PartsJob:
    features = None if selection == "none" else 2
    return PartsJob(TEXTS, model, n, batch, design, 0.25, selection, features, 5, 0.05)


def cells_of(model: Model, texts: list[object]) -> Cells:
    rows = np.arange(len(texts))
    known = [str(t) if isinstance(t, str) else "the" for t in texts]
    predicted = model.function(known)
    labels = predicted.argmax(axis=1).astype(np.int64)
    return Cells(rows + 100, rows.astype(np.uint64) * np.uint64(7919), tuple(texts), predicted, labels)


def pick(batch: Cells, which: list[int]) -> Cells:
    return Cells(
        batch.rows[which],
        batch.keys[which],
        tuple(batch.cells[i] for i in which),
        batch.predicted[which],
        batch.labels[which],
    )


def rows_of(told: PartExplanations) -> list[dict[str, bytes]]:
    """Each row's fields as bytes, its weights among them."""
    ends = np.cumsum(told.sizes)
    return [
        {name: getattr(told, name)[i].tobytes() for name in FIELDS if name != "weights"}
        | {"weights": told.weights[end - size : end].tobytes()}
        for i, (size, end) in enumerate(zip(told.sizes, ends, strict=True))
    ]


REVIEWS: Final[list[object]] = [
    "good plot",
    "the very bad plot",
    "good good bad",
    "bad",
    "the good the bad the plot very",
    "very very good plot bad",
]


@pytest.mark.parametrize("design", ["lime", "kernel"])
@pytest.mark.parametrize("selection", ["none", "highest_weights", "forward_selection", "lasso_path"])
def test_a_row_is_explained_to_the_same_bits_in_any_batch_and_order(design: Design, selection: Selection) -> None:
    model = Model(crooked)
    job, batch = job_of(model, design=design, selection=selection), cells_of(model, REVIEWS)
    whole = rows_of(parts.explain_parts(job, batch).explanations)
    assert len(whole) == len(REVIEWS)
    for which in ([0], [4], [5, 2], [1, 2, 3], [5, 4, 3, 2, 1, 0]):
        assert rows_of(parts.explain_parts(job, pick(batch, which)).explanations) == [whole[i] for i in which]
    split = [parts.explain_parts(job, piece) for piece in parts.split(batch, 4)]
    assert rows_of(concatenate([b.explanations for b in split])) == whole


def test_splitting_keeps_every_cell_in_order() -> None:
    batch = cells_of(Model(crooked), REVIEWS)
    for size in (1, 4, 6, 100):
        pieces = parts.split(batch, size)
        assert max(len(p.rows) for p in pieces) <= size
        assert [c for p in pieces for c in p.cells] == REVIEWS
        assert np.concatenate([p.rows for p in pieces]).tolist() == batch.rows.tolist()
        np.testing.assert_array_equal(np.concatenate([p.predicted for p in pieces]), batch.predicted)


@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_row_and_all_its_outputs_are_one_piece_of_work(size: int) -> None:
    """Else the model would be asked again for each output."""
    model = Model(crooked)
    batch = pick(cells_of(model, REVIEWS), [0, 0, 1, 2, 2, 2, 3, 3])
    pieces = parts.split(batch, size)
    assert np.concatenate([p.rows for p in pieces]).tolist() == batch.rows.tolist()
    found = [set(p.rows.tolist()) for p in pieces]
    assert sum(map(len, found)) == len(set().union(*found)) == 4
    assert max(map(len, found)) == min(size, 4)
    assert parts.split(pick(batch, []), size) == []


def test_another_seed_or_key_draws_other_masks() -> None:
    long = " ".join(f"w{i}" for i in range(30))

    def some(texts: Instances) -> Array:
        return np.array([[len(str(t)) ** 0.5 + ("w3" in words(t)) * ("w4" in words(t))] for t in texts])

    model = Model(some)
    job, batch = job_of(model, n=100), cells_of(model, [long, long])
    first = parts.explain_parts(job, batch).explanations.weights
    assert not np.array_equal(first[:30], first[30:])
    assert not np.array_equal(parts.explain_parts(replace(job, seed=6), batch).explanations.weights, first)


@pytest.mark.parametrize("design", ["lime", "kernel"])
def test_a_linear_model_of_words_gets_its_coefficients_back(design: Design) -> None:
    """Up to lime's ridge: with many masks its share of the weight vanishes."""
    model = Model(linear)
    job = job_of(model, n=200_000, batch=10_000, design=design)
    job = replace(job, domain=replace(TEXTS, unit="positions", mask="the"))

    def by_place(texts: Instances) -> Array:
        return np.array([[7.0 + sum(WORTH[w] for w in str(t).split())] for t in texts])

    told = parts.explain_parts(replace(job, model=Model(by_place)), cells_of(Model(by_place), ["good very bad plot"]))
    if design == "kernel":
        assert told.model_rows == 15, "all that there are"
    np.testing.assert_allclose(told.explanations.weights, [3.0, 0.25, -2.0, 0.5], rtol=2e-3)
    assert told.explanations.r2[0] > 0.99999
    assert told.explanations.surrogate[0] == pytest.approx(8.75, rel=1e-3)
    assert told.explanations.intercept[0] == pytest.approx(7.0, rel=1e-3)


def ridge(kept: Mask, weights: Array, y: Array, own: float) -> tuple[Array, float]:
    """lime's local model in one dense solve: the row itself first, the intercept free."""
    Z = np.vstack([np.ones(kept.shape[1]), kept])
    w, target = np.concatenate([[1.0], weights]), np.concatenate([[own], y])
    centre, mean = np.average(Z, axis=0, weights=w), np.average(target, weights=w)
    A = (Z - centre).T @ (w[:, None] * (Z - centre)) + RIDGE * np.eye(kept.shape[1])
    coef = np.linalg.solve(A, (Z - centre).T @ (w * (target - mean)))
    return coef, float(mean - centre @ coef)


@pytest.mark.parametrize("text", ["the good the bad the plot very", "good bad", "good"])
def test_the_surrogate_is_the_weighted_ridge_over_the_masks_and_the_row(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    drawn: list[masks.Masks] = []
    draw = masks.draw

    def spy(d: int, n: int, rng: np.random.Generator, *, law: Law, design: Design, width: float) -> masks.Masks:
        drawn.append(draw(d, n, rng, law=law, design=design, width=width))
        return drawn[-1]

    monkeypatch.setattr(masks, "draw", spy)
    model = Model(crooked)
    batch = cells_of(model, [text])
    told = parts.explain_parts(job_of(model, n=50), batch).explanations
    label = int(batch.labels[0])
    y = crooked(TEXTS.decompose(text, 0).compose(drawn[0].kept))[:, label]
    coef, intercept = ridge(drawn[0].kept, drawn[0].weights, y, float(batch.predicted[0, label]))
    np.testing.assert_allclose(told.weights, coef, rtol=1e-9, atol=1e-12)
    assert told.intercept[0] == pytest.approx(intercept, rel=1e-9)
    assert told.surrogate[0] == pytest.approx(intercept + coef.sum(), rel=1e-9)
    assert told.weights.any()


def test_all_outputs_of_a_row_are_what_each_alone_is() -> None:
    model = Model(crooked)
    job, batch = job_of(model), cells_of(model, [REVIEWS[4]])
    found, fitted = parts.explain_all_outputs(job, batch.cells[0], int(batch.keys[0]), batch.predicted[0])
    assert found.size == 5
    assert fitted.coef.shape == (1, 2, 5)
    for label in range(2):
        alone = parts.explain_parts(job, replace(batch, labels=np.array([label]))).explanations
        np.testing.assert_allclose(fitted.coef[0, label], alone.weights, atol=1e-12)
        assert fitted.intercept[0, label] == pytest.approx(alone.intercept[0], abs=1e-12)
        assert fitted.r2[0, label] == pytest.approx(alone.r2[0], abs=1e-12)
        assert fitted.at(np.ones((1, 5)))[0, label] == pytest.approx(alone.surrogate[0], abs=1e-12)


def test_a_row_that_is_explained_for_every_output_is_asked_for_once() -> None:
    model = Model(crooked)
    job, batch = job_of(model, n=50), cells_of(model, REVIEWS[:2])
    twice = replace(pick(batch, [0, 0, 1, 1]), labels=np.array([0, 1, 0, 1]))
    told = parts.explain_parts(job, twice)
    assert told.model_rows == sum(model.calls)
    once = [parts.explain_parts(job, replace(batch, labels=np.full(2, label))) for label in range(2)]
    assert told.model_rows == once[0].model_rows == once[1].model_rows
    rows = rows_of(told.explanations)
    assert rows[0::2] == rows_of(once[0].explanations)
    assert rows[1::2] == rows_of(once[1].explanations)
    assert told.traits["word"].tolist() == ["good", "plot"] * 2 + ["the", "very", "bad", "plot"] * 2


def test_the_two_classes_of_a_binary_model_have_opposite_weights() -> None:
    model = Model(crooked)
    job, batch = job_of(model), cells_of(model, REVIEWS)
    first, second = (parts.explain_parts(job, replace(batch, labels=np.full(6, c))).explanations for c in range(2))
    np.testing.assert_allclose(first.weights, -second.weights, atol=1e-10)
    np.testing.assert_allclose(first.intercept + second.intercept, 1, atol=1e-10)
    np.testing.assert_allclose(first.r2, second.r2, atol=1e-9)


def test_large_outputs_with_small_differences_keep_their_digits() -> None:
    def lifted(texts: Instances) -> Array:
        return linear(texts) + 1e6

    plain, raised = (
        parts.explain_parts(job_of(Model(f)), cells_of(Model(f), REVIEWS)).explanations for f in (linear, lifted)
    )
    np.testing.assert_allclose(raised.weights, plain.weights, atol=1e-7)
    np.testing.assert_allclose(raised.r2, plain.r2, atol=1e-7)
    np.testing.assert_allclose(raised.surrogate - 1e6, plain.surrogate, atol=1e-7)


def test_a_model_that_never_changes_its_mind_weighs_nothing() -> None:
    model = Model(lambda texts: np.tile([0.25, 0.75], (len(texts), 1)))
    told = parts.explain_parts(job_of(model), cells_of(model, REVIEWS)).explanations
    np.testing.assert_allclose(told.weights, 0, atol=1e-15)
    assert np.isnan(told.r2).all()
    np.testing.assert_allclose(told.surrogate, 0.75)


@pytest.mark.parametrize("batch", [1, 7, 50, 1000])
@pytest.mark.parametrize("design", ["lime", "kernel"])
def test_the_model_is_never_asked_for_more_than_a_batch(batch: int, design: Design) -> None:
    model = Model(crooked)
    told = parts.explain_parts(job_of(model, n=300, batch=batch, design=design), cells_of(model, REVIEWS))
    assert max(model.calls) <= batch
    assert sum(model.calls) == told.model_rows <= 300 * len(REVIEWS)
    plain = parts.explain_parts(job_of(Model(crooked), n=300, design=design), cells_of(model, REVIEWS))
    assert rows_of(told.explanations) == rows_of(plain.explanations)


@dataclass(frozen=True)
class Bar:
    """A cell of numbers, each of which can be set to zero."""

    numbers: Array

    @property
    def size(self) -> int:
        return len(self.numbers)

    def compose(self, kept: Mask) -> Instances:
        return np.where(kept, self.numbers, 0.0)

    def traits(self) -> Traits:
        return {"place": np.arange(self.size)}


@dataclass(frozen=True)
class Bars:
    law: Law = "coin"

    @property
    def least(self) -> int:
        return 1

    def decode(self, cell: object) -> str | np.ndarray:
        if not isinstance(cell, np.ndarray):
            raise InstanceError(f"{cell!r} is no bar")
        return cell

    def decompose(self, cell: object, seed: int) -> Bar:
        return Bar(np.asarray(self.decode(cell)) + 0.0 * seed)


def test_at_most_one_composed_batch_is_alive() -> None:
    alive: list[weakref.ref[np.ndarray]] = []
    seen: list[int] = []

    def watching(instances: Instances) -> Array:
        assert isinstance(instances, np.ndarray)
        seen.append(sum(ref() is not None for ref in alive))
        alive.append(weakref.ref(instances))
        total: Array = np.sin(instances).sum(axis=1, keepdims=True)
        return total

    job = replace(job_of(Model(watching), n=200, batch=16), domain=Bars())
    one = np.arange(1.0, 13.0)
    batch = Cells(
        np.arange(2), np.arange(2, dtype=np.uint64), (one, one), np.zeros((2, 1)), np.zeros(2, dtype=np.int64)
    )
    parts.explain_parts(job, batch)
    assert len(seen) == 2 * 13
    assert set(seen) == {0}


def refusing(least: int) -> Callable[[Instances], Array]:
    def function(texts: Instances) -> Array:
        short = np.array([len(words(t)) < least for t in texts])
        return np.where(short[:, None], np.nan, linear(texts))

    return function


def test_perturbations_that_the_model_refuses_are_left_out_and_counted() -> None:
    """Without words it says nothing: one of the 31 masks of five words."""
    model = Model(refusing(1))
    told = parts.explain_parts(job_of(model), cells_of(model, [REVIEWS[4]]))
    assert (told.model_rows, told.refused, told.failures) == (31, 1, ())
    assert np.isfinite(told.explanations.weights).all()
    assert told.explanations.sizes.tolist() == [5]


def test_a_row_of_which_too_much_is_refused_fails_and_its_neighbours_are_explained() -> None:
    model = Model(refusing(2))
    told = parts.explain_parts(job_of(model), cells_of(model, [REVIEWS[0], REVIEWS[4], REVIEWS[1]]))
    assert [(f.row, f.stage) for f in told.failures] == [(100, "perturb"), (101, "perturb"), (102, "perturb")]
    assert told.failures[0].error == "the model refused 3 of 3 perturbations: no prediction"
    assert told.failures[1].error == "the model refused 6 of 31 perturbations: no prediction"
    generous = parts.explain_parts(
        replace(job_of(model), max_refused=0.2), cells_of(model, [REVIEWS[0], REVIEWS[4], REVIEWS[1]])
    )
    assert [f.row for f in generous.failures] == [100, 102]
    assert generous.explanations.rows.tolist() == [101]
    assert generous.refused == 3 + 6 + 5
    assert generous.traits["word"].tolist() == ["the", "good", "bad", "plot", "very"]


def test_a_cell_without_parts_is_a_failure_and_its_neighbours_are_explained() -> None:
    model = Model(crooked)
    batch = cells_of(model, ["", "good plot", None, "bad"])
    told = parts.explain_parts(job_of(model), batch)
    assert [(f.row, f.stage, f.error) for f in told.failures] == [
        (100, "decompose", "the text is blank"),
        (102, "decompose", "the text is missing"),
    ]
    assert told.explanations.rows.tolist() == [101, 103]
    assert told.explanations.sizes.tolist() == [2, 1]
    assert told.traits["word"].tolist() == ["good", "plot", "bad"]
    both = parts.explain_parts(job_of(model), replace(pick(batch, [0, 0, 1]), labels=np.array([0, 1, 1])))
    assert [f.row for f in both.failures] == [100], "once, whatever it should have been explained for"


def test_a_batch_without_any_explanation_has_none_and_joins_with_others() -> None:
    model = Model(crooked)
    nothing = parts.explain_parts(job_of(model), cells_of(model, ["", "?"]))
    something = parts.explain_parts(job_of(model), cells_of(model, ["good plot"]))
    assert nothing.explanations.rows.shape == nothing.explanations.weights.shape == (0,)
    assert (nothing.traits, nothing.model_rows) == ({}, 0)
    joined = concatenate([nothing.explanations, something.explanations, nothing.explanations])
    assert rows_of(joined) == rows_of(something.explanations)
    batches: list[PartBatch] = [nothing, something, nothing]
    assert parts.join_traits(batches)["word"].tolist() == ["good", "plot"]
    assert parts.join_traits([nothing]) == {}


def test_one_row_that_cannot_be_explained_says_why() -> None:
    with pytest.raises(InstanceError, match="the model refused all 3 perturbations: no prediction"):
        parts.explain_all_outputs(job_of(Model(refusing(9))), "good plot", 1, np.zeros(2))
    with pytest.raises(InstanceError, match="blank"):
        parts.explain_all_outputs(job_of(Model(linear)), " ", 1, np.zeros(2))


def test_rows_themselves_are_predicted_in_bounded_batches_of_one_shape() -> None:
    shapes: list[tuple[int, ...]] = []

    def sums(instances: Instances) -> Array:
        assert isinstance(instances, np.ndarray)
        shapes.append(instances.shape)
        return np.where(instances[:, :1] < 0, np.nan, instances.sum(axis=1, keepdims=True))

    cells = [np.array([1.0, 2]), np.array([5.0]), "x", np.array([3.0, 4]), np.array([-1.0]), np.array([0.0, 1])]
    outputs, failed = parts.predict_cells(CellsJob(Bars(), Model(sums), 2), cells)
    np.testing.assert_array_equal(outputs[:, 0], [3, 5, np.nan, 7, np.nan, 1])
    assert failed == [(2, "'x' is no bar"), (4, "no prediction")]
    assert shapes == [(2, 2), (1, 2), (2, 1)]


def test_rows_none_of_which_can_be_read_are_all_failures() -> None:
    model = Model(linear)
    outputs, failed = parts.predict_cells(CellsJob(TEXTS, model, 8), [None, 3.0])
    assert np.isnan(outputs).all()
    assert [i for i, _ in failed] == [0, 1]
    assert model.calls == []


def test_the_rows_themselves_are_decomposed_alike_everywhere() -> None:
    assert parts.part_seed(5, 7919) == parts.part_seed(5, 7919) < 2**32
    assert len({parts.part_seed(seed, key) for seed in range(5) for key in range(5)}) == 25


def shapley_job(model: Model, n: int = 300) -> PartsJob:
    return replace(job_of(model, n=n), method="kernelshap")


def joint(texts: Instances) -> Array:
    """Two classes, by which words stand together."""
    seen = [words(t) for t in texts]
    z = np.array(
        [2.0 * ("good" in s) - 1.5 * ({"good", "bad"} <= s) + 0.7 * ({"very", "plot", "the"} <= s) for s in seen]
    )
    p = 1 / (1 + np.exp(-z))
    return np.column_stack([1 - p, p])


def exact(text: str, model: Callable[[Instances], Array], label: int) -> dict[str, float]:
    """Shapley values by their definition, over all orders' coalitions of the text's different words."""
    named = list(dict.fromkeys(text.split()))
    d = len(named)

    def value(which: frozenset[str]) -> float:
        return float(model([" ".join(w for w in text.split() if w in which)])[0, label])

    found = {}
    for word in named:
        others = [w for w in named if w != word]
        found[word] = sum(
            (value(frozenset(c) | {word}) - value(frozenset(c))) / (d * math.comb(d - 1, k))
            for k in range(d)
            for c in combinations(others, k)
        )
    return found


def test_shapley_values_of_words_are_their_definition() -> None:
    text = "the good the bad the plot very"
    batch = cells_of(Model(joint), [text])
    told = parts.explain_parts(shapley_job(Model(joint)), batch).explanations
    expected = exact(text, joint, int(batch.labels[0]))
    np.testing.assert_allclose(told.weights, list(expected.values()), atol=1e-9)
    assert told.intercept[0] == pytest.approx(joint([""])[0, batch.labels[0]])
    assert told.surrogate[0] == pytest.approx(told.predicted[0], abs=1e-12)
    assert told.vsi[0] == 1  # every coalition was listed


def test_shapley_values_of_a_sum_are_its_terms_and_fit_it() -> None:
    batch = cells_of(Model(linear), ["the very good plot bad"])
    told = parts.explain_parts(shapley_job(Model(linear)), replace(batch, labels=np.array([0]))).explanations
    np.testing.assert_allclose(told.weights, [WORTH[w] for w in ("the", "very", "good", "plot", "bad")], atol=1e-9)
    assert told.intercept[0] == pytest.approx(7)
    assert told.r2[0] == pytest.approx(1)


def test_sampled_shapley_values_add_up_and_leave_the_row_hidden_once() -> None:
    text = " ".join(f"word{i}" for i in range(30))
    model = Model(lambda texts: np.array([[np.tanh(len(words(t)) / 10)] for t in texts]))
    batch = cells_of(model, [text])
    model.calls.clear()
    told = parts.explain_parts(shapley_job(model, n=400), batch)
    assert told.explanations.weights.sum() == pytest.approx(np.tanh(3.0), abs=1e-9)
    np.testing.assert_allclose(told.explanations.weights, np.tanh(3.0) / 30, atol=0.05)
    assert told.model_rows == sum(model.calls) == 401


def test_shapley_values_are_the_same_bits_in_any_batch() -> None:
    model = Model(crooked)
    job, batch = shapley_job(model), cells_of(model, REVIEWS)
    whole = rows_of(parts.explain_parts(job, batch).explanations)
    for which in ([0], [5, 2], [5, 4, 3, 2, 1, 0]):
        assert rows_of(parts.explain_parts(job, pick(batch, which)).explanations) == [whole[i] for i in which]


def test_what_shapley_values_cannot_do_without_fails_the_row() -> None:
    long = " ".join(f"word{i}" for i in range(60))

    def picky(texts: Instances) -> Array:
        return np.array([[np.nan if not words(t) else 1.0] for t in texts])

    few = parts.explain_parts(shapley_job(Model(linear), n=50), Cells(
        np.array([3]), np.array([1], dtype=np.uint64), (long,), np.ones((1, 2)), np.array([0])
    ))  # fmt: skip
    assert "needs at least 160 perturbations for its 60 parts" in few.failures[0].error
    hidden = parts.explain_parts(shapley_job(Model(picky)), cells_of(Model(picky), ["good plot very bad the"]))
    assert "the one with every part hidden" in hidden.failures[0].error
    assert len(hidden.explanations.rows) == 0


def test_all_outputs_of_one_row_are_shared_out() -> None:
    model = Model(linear)
    _, found = parts.explain_all_outputs(shapley_job(model), "good plot", 5, linear(["good plot"])[0])
    np.testing.assert_allclose(found.coef[0], [[3.0, 0.5], [1.0, 1.0]], atol=1e-9)
