"""Single explanations against lime 0.2.0.1, on lime's own perturbed rows."""

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
import pandas as pd
import pytest
from lime.lime_tabular import LimeTabularExplainer

from limekiln import surrogate
from limekiln.domains.tabular import pool as pools
from limekiln.domains.tabular import space as spaces
from limekiln.domains.tabular.columns import Discretizer
from limekiln.domains.tabular.space import Space
from limekiln.kernels import default_width, exponential
from limekiln.local.tables import Local, PooledJob, Rows, explain_all_classes, explain_pooled
from limekiln.surrogate import Selection
from limekiln.values import Array

NUMERIC: Final = ["age", "amount", "rate", "months"]
NAMED: Final = ["housing", "purpose", "telephone"]
COLUMNS: Final = [*NUMERIC, *NAMED]
LETTERS: Final = np.array(list("abcde"), dtype=object)
SELECTIONS: Final[list[tuple[Selection, int]]] = [
    ("none", 3),
    ("highest_weights", 4),
    ("forward_selection", 4),
    ("lasso_path", 3),
    ("auto", 3),
    ("auto", 7),
]
CUTS: Final[list[Discretizer]] = ["quartile", "decile", "entropy", "none"]


def numbers(seed: int, n: int) -> Array:
    rng = np.random.default_rng(seed)
    continuous = [rng.normal(40, 12, n), rng.lognormal(7, 1, n), rng.uniform(0, 1, n), rng.gamma(2.0, 9.0, n)]
    return np.column_stack([*continuous, *(rng.integers(0, k, n) for k in (3, 5, 2))]).astype(np.float64)


def as_frame(X: Array) -> pd.DataFrame:
    return pd.DataFrame({n: X[:, j] if n in NUMERIC else LETTERS[X[:, j].astype(int)] for j, n in enumerate(COLUMNS)})


def scores(X: Array) -> Array:
    """Three outputs, with steps, an interaction and curvature."""
    age, amount, rate, months, housing, purpose, telephone = X.T
    first = 0.04 * age - 0.6 * (amount > 1500) + np.sin(5 * rate) * telephone
    second = 0.03 * months * (housing == 1) - 0.5 * (purpose >= 3)
    third = 0.2 * housing - 0.01 * age * rate + 0.3 * (purpose == 0)
    return np.column_stack([first, second, third])


def probabilities(X: Array) -> Array:
    e = np.exp(scores(X))
    shares: Array = e / e.sum(axis=1, keepdims=True)
    return shares


def amounts(X: Array) -> Array:
    total: Array = scores(X).sum(axis=1)
    return 1e4 * total


@dataclass(frozen=True)
class Recorded:
    """What lime drew (row 0 is the explained row), how it weighed it, and what it made of each label."""

    inputs: Array
    Z: Array
    Y: Array
    distances: Array
    kernel: Array
    width: float
    fits: dict[int, tuple[float, Array, float, float]]


@cache
def record(cut: Discretizer, selection: Selection, k: int, *, regression: bool) -> Recorded:
    X = numbers(1, 400)
    explainer = LimeTabularExplainer(
        X,
        mode="regression" if regression else "classification",
        training_labels=probabilities(X).argmax(axis=1),
        feature_names=COLUMNS,
        categorical_features=[4, 5, 6],
        discretize_continuous=cut != "none",
        discretizer=cut if cut != "none" else "quartile",
        feature_selection=selection,
        random_state=3,
    )
    seen: dict[str, Any] = {"fits": {}}
    solve = explainer.base.explain_instance_with_data

    def spy(Z: Array, Y: Array, distances: Array, label: int, num_features: int, **options: Any) -> Any:
        answer = solve(Z, Y, distances, label, num_features, **options)
        seen.update(Z=np.array(Z), Y=np.array(Y), distances=distances)
        weights = np.zeros(Z.shape[1])
        for feature, weight in answer[1]:
            weights[feature] = weight
        seen["fits"][label] = (float(answer[0]), weights, float(answer[2]), float(answer[3][0]))
        return answer

    def predict(inputs: Array) -> Array:
        seen["inputs"] = inputs.copy()
        return amounts(inputs) if regression else probabilities(inputs)

    explainer.base.explain_instance_with_data = spy
    explainer.explain_instance(X[17], predict, labels=(0, 1, 2), num_features=k, num_samples=500)
    width: float = explainer.base.kernel_fn.keywords["kernel_width"]
    return Recorded(kernel=explainer.base.kernel_fn(seen["distances"]), width=width, **seen)


def our_space(cut: Discretizer) -> Space:
    X = numbers(1, 400)
    return spaces.fit(as_frame(X), discretizer=cut, classes=probabilities(X).argmax(axis=1))


def our_job(seen: Recorded, cut: Discretizer, selection: Selection, k: int) -> tuple[PooledJob, Rows]:
    """A pool of lime's perturbed rows, and the row that it explained."""
    space, frame = our_space(cut), as_frame(seen.inputs)
    codes, standardised = spaces.encode(space, frame), spaces.standardise(space, frame)
    pool = pools.make(space, codes[1:], standardised[1:], seen.Y[1:])
    zero = np.zeros(1, dtype=np.int64)
    row = Rows(zero, np.zeros(1, dtype=np.uint64), codes[:1], standardised[:1], seen.Y[:1], zero)
    return PooledJob(Local(space, default_width(len(COLUMNS)), selection, k), pool), row


@pytest.mark.parametrize("regression", [False, True], ids=["classification", "regression"])
@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize(("selection", "k"), SELECTIONS)
def test_the_surrogate_is_limes_on_limes_neighbourhood(
    cut: Discretizer, selection: Selection, k: int, *, regression: bool
) -> None:
    seen = record(cut, selection, k, regression=regression)
    unit = np.abs(seen.Y).max()
    m = surrogate.moments(seen.Z[None], seen.Y[None], seen.kernel[None])
    ours = surrogate.fit(m, surrogate.select(m, selection, k, seen.Z[:1]))
    at_row = ours.at(seen.Z[:1])
    assert len(seen.fits) == (1 if regression else 3)
    for label, (intercept, weights, score, local_pred) in seen.fits.items():
        np.testing.assert_array_equal(ours.coef[0, label] != 0, weights != 0)
        np.testing.assert_allclose(ours.coef[0, label], weights, rtol=1e-8, atol=1e-8 * unit)
        assert ours.intercept[0, label] == pytest.approx(intercept, rel=1e-8, abs=1e-8 * unit)
        assert ours.r2[0, label] == pytest.approx(score, rel=1e-8, abs=1e-8)
        assert at_row[0, label] == pytest.approx(local_pred, rel=1e-8, abs=1e-8 * unit)


@pytest.mark.parametrize("regression", [False, True], ids=["classification", "regression"])
@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize(("selection", "k"), SELECTIONS)
def test_a_pool_of_limes_rows_gives_limes_explanation(
    cut: Discretizer, selection: Selection, k: int, *, regression: bool
) -> None:
    seen = record(cut, selection, k, regression=regression)
    unit = np.abs(seen.Y).max()
    job, row = our_job(seen, cut, selection, k)
    of_all, own = explain_all_classes(job, row)
    for label, (intercept, weights, score, local_pred) in seen.fits.items():
        one = Rows(row.rows, row.keys, row.codes, row.numbers, row.predicted, np.array([label]))
        pooled = explain_pooled(job, one).explanations
        np.testing.assert_allclose(pooled.weights[0], weights, rtol=1e-8, atol=1e-8 * unit)
        assert pooled.intercept[0] == pytest.approx(intercept, rel=1e-8, abs=1e-8 * unit)
        assert pooled.r2[0] == pytest.approx(score, rel=1e-8, abs=1e-8)
        assert pooled.surrogate[0] == pytest.approx(local_pred, rel=1e-8, abs=1e-8 * unit)
        assert pooled.predicted[0] == seen.Y[0, label]
        np.testing.assert_allclose(of_all.coef[0, label], weights, rtol=1e-8, atol=1e-8 * unit)
        assert of_all.intercept[0, label] == pytest.approx(intercept, rel=1e-8, abs=1e-8 * unit)
        assert of_all.at(own)[0, label] == pytest.approx(local_pred, rel=1e-8, abs=1e-8 * unit)


@pytest.mark.parametrize("cut", CUTS)
def test_the_neighbourhood_is_limes(cut: Discretizer) -> None:
    seen = record(cut, "none", 7, regression=False)
    job, row = our_job(seen, cut, "none", 7)
    Z, squared = pools.neighbourhood(job.pool, job.local.space, row.codes[0], row.numbers[0])
    np.testing.assert_allclose(np.asarray(Z, dtype=np.float64).T, seen.Z[1:], atol=1e-9)
    np.testing.assert_allclose(np.sqrt(squared.astype(np.float64)), seen.distances[1:], atol=1e-7)
    np.testing.assert_allclose(pools.own_values(job.local.space, row.codes, row.numbers)[0], seen.Z[0], atol=1e-9)


def test_kernel_and_default_width_are_limes() -> None:
    seen = record("quartile", "none", 7, regression=False)
    assert default_width(len(COLUMNS)) == seen.width
    np.testing.assert_allclose(exponential(seen.distances**2, seen.width), seen.kernel, rtol=1e-12)
