"""Over many seeds the pooled explanation and lime's have one law: their mean coefficients agree."""

from functools import cache
from typing import Final

import numpy as np
import pandas as pd
import pytest
from lime.lime_tabular import LimeTabularExplainer

from limekiln.domains.tabular import space as spaces
from limekiln.domains.tabular.columns import Discretizer
from limekiln.kernels import default_width
from limekiln.local.tables import (
    FreshJob,
    Local,
    PooledJob,
    PoolJob,
    Rows,
    explain_fresh,
    explain_pooled,
    join_pool,
    pool_parts,
    predict_part,
)
from limekiln.values import Array, Fresh, Instances, Outputs, part

SEEDS: Final = 40
PERTURBATIONS: Final = 1000
NAMES: Final = ["age", "amount", "rate", "housing", "purpose"]


@cache
def data() -> Array:
    rng = np.random.default_rng(21)
    n = 600
    columns = [rng.normal(40, 12, n), rng.lognormal(7, 1, n), rng.uniform(0, 1, n)]
    return np.column_stack([*columns, rng.integers(0, 3, n), rng.integers(0, 5, n)]).astype(np.float64)


def probabilities(X: Array) -> Array:
    age, amount, rate, housing, purpose = X.T
    z = 0.05 * (age - 40) - 1.0 * (amount > 1500) + np.sin(5 * rate) + 0.8 * (housing == 1) * (age > 35) - (purpose > 3)
    p = 1 / (1 + np.exp(-z))
    return np.column_stack([1 - p, p])


class Model:
    def predict_rows(self, instances: Instances | Fresh) -> Outputs:
        frame = part(instances, 0, len(instances))
        assert isinstance(frame, pd.DataFrame)
        return probabilities(frame.to_numpy(dtype=np.float64)), []


def limes(cut: Discretizer) -> Array:
    """Weights of one row for class 1, (seeds, d)."""
    weights = np.zeros((SEEDS, len(NAMES)))
    for seed in range(SEEDS):
        explainer = LimeTabularExplainer(
            data(),
            categorical_features=[3, 4],
            discretize_continuous=cut != "none",
            feature_selection="none",
            random_state=seed,
        )
        explanation = explainer.explain_instance(data()[7], probabilities, num_samples=PERTURBATIONS)
        for feature, weight in explanation.as_map()[1]:
            weights[seed, feature] = weight
    return weights


def ours(cut: Discretizer, *, pooled: bool) -> Array:
    frame = pd.DataFrame(data(), columns=NAMES)
    space = spaces.fit(frame, discretizer=cut, categorical=("housing", "purpose"))
    local = Local(space, default_width(len(NAMES)), "none", None)
    one = frame.iloc[[7]]
    weights = np.zeros((SEEDS, len(NAMES)))
    for seed in range(SEEDS):
        row = Rows(
            rows=np.array([7]),
            keys=np.array([12345], dtype=np.uint64),
            codes=spaces.encode(space, one),
            numbers=spaces.standardise(space, one),
            predicted=probabilities(data()[7:8]),
            labels=np.array([1]),
        )
        if pooled:
            parts = [predict_part(PoolJob(space, Model(), seed), p) for p in pool_parts(PERTURBATIONS)]
            batch = explain_pooled(PooledJob(local, join_pool(space, parts)), row)
        else:
            batch = explain_fresh(FreshJob(local, Model(), PERTURBATIONS, seed, 0.05), row)
        weights[seed] = batch.explanations.weights[0]
    return weights


@pytest.mark.parametrize("pooled", [True, False], ids=["pooled", "fresh"])
@pytest.mark.parametrize("cut", ["quartile", "none"])
def test_mean_and_spread_of_the_coefficients_agree_with_limes(cut: Discretizer, *, pooled: bool) -> None:
    theirs, mine = _limes_once(cut), ours(cut, pooled=pooled)
    error = np.sqrt((theirs.var(axis=0, ddof=1) + mine.var(axis=0, ddof=1)) / SEEDS)
    z = (mine.mean(axis=0) - theirs.mean(axis=0)) / error
    assert np.abs(z).max() < 4, z
    # a ratio of two variances with 39 degrees each leaves 1/3.3 … 3.3 once in 4,000 draws
    ratio = mine.var(axis=0, ddof=1) / theirs.var(axis=0, ddof=1)
    assert (ratio > 1 / 3.3).all()
    assert (ratio < 3.3).all()


_limes_once = cache(limes)
