"""shap's KernelExplainer with the same background: the same contributions where all coalitions are asked."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingClassifier, RandomForestClassifier

from limekiln.domains.tabular import space as spaces
from limekiln.local import shapley as local
from limekiln.local.shapley import ShapleyJob, TableRows
from limekiln.local.tables import Rows
from limekiln.surrogate import Surrogate
from limekiln.values import Array, Fresh, Instances, Outputs, part

shap = pytest.importorskip("shap", reason="needs shap, which the tests of parity install")


@dataclass(frozen=True)
class Fitted:
    """An estimator as a predictor."""

    estimator: Any

    def outputs(self, frame: pd.DataFrame) -> Array:
        if hasattr(self.estimator, "predict_proba"):
            return np.asarray(self.estimator.predict_proba(frame), dtype=np.float64)
        return np.asarray(self.estimator.predict(frame), dtype=np.float64)[:, None]

    def predict_rows(self, instances: Instances | Fresh) -> Outputs:
        frame = part(instances, 0, len(instances))
        assert isinstance(frame, pd.DataFrame)
        return self.outputs(frame), []


def data(d: int) -> tuple[pd.DataFrame, Array]:
    """Numbers, whole numbers and flags, with interactions in the answer."""
    rng = np.random.default_rng(d)
    X = rng.normal(size=(300, d))
    X[:, 1] = rng.integers(0, 5, 300)
    X[:, 2] = rng.random(300) < 0.7
    score = X[:, 0] * X[:, 1] - 2 * X[:, 2] * np.sin(2 * X[:, -1]) + 0.3 * rng.normal(size=300)
    return pd.DataFrame(X, columns=[f"x{j}" for j in range(d)]), score


def ours(model: Fitted, background: pd.DataFrame, frame: pd.DataFrame, n: int) -> list[Surrogate]:
    space = spaces.fit(background, discretizer="quartile")
    job = ShapleyJob(space, model, local.ask_background(model, background), n, 0, 0.0)
    found = []
    for i in range(len(frame)):
        row = frame.iloc[[i]]
        predicted = model.outputs(row)
        codes, numbers = spaces.encode(space, row), spaces.standardise(space, row)
        rows = Rows(np.array([i]), np.array([i], dtype=np.uint64), codes, numbers, predicted, np.array([0]))
        found.append(local.explain_all_outputs(job, TableRows(rows, row))[0])
    return found


def theirs(model: Fitted, background: pd.DataFrame, frame: pd.DataFrame, n: int) -> tuple[Array, Array]:
    """Contributions (n, C, d) and the base (C,)."""
    columns = list(background.columns)

    def outputs(values: Array) -> Array:
        return model.outputs(pd.DataFrame(values, columns=columns))

    explainer = shap.KernelExplainer(outputs, background.to_numpy())
    found = explainer.shap_values(frame.to_numpy(), nsamples=n, l1_reg=False, silent=True)
    return np.swapaxes(np.asarray(found), 1, 2), np.asarray(explainer.expected_value)


@pytest.mark.parametrize("d", [3, 5, 8])
@pytest.mark.parametrize("kind", ["forest", "boosting", "regression"])
def test_contributions_are_those_of_shap(kind: str, d: int) -> None:
    X, score = data(d)
    classes = np.digitize(score, np.quantile(score, [1 / 3, 2 / 3]))
    estimator = {
        "forest": lambda: RandomForestClassifier(20, max_depth=6, random_state=0).fit(X, classes),
        "boosting": lambda: HistGradientBoostingClassifier(max_iter=15, random_state=0).fit(X, classes),
        "regression": lambda: GradientBoostingRegressor(n_estimators=30, random_state=0).fit(X, score),
    }[kind]()
    model, background, frame = Fitted(estimator), X.iloc[:25], X.iloc[[7, 100, 101]]
    found = ours(model, background, frame, 2**d)
    contributions, base = theirs(model, background, frame, 2**d)
    np.testing.assert_allclose(np.concatenate([s.coef for s in found]), contributions, atol=1e-6)
    np.testing.assert_allclose(found[0].intercept[0], base, atol=1e-6)
    if kind != "regression":
        assert contributions.shape == (3, 3, d)


def test_a_sampled_explanation_is_no_further_from_the_truth_than_shaps() -> None:
    X, score = data(11)
    model = Fitted(GradientBoostingRegressor(n_estimators=30, random_state=0).fit(X, score))
    background, frame = X.iloc[:10], X.iloc[100:106]
    truth = np.concatenate([s.coef for s in ours(model, background, frame, 2**11)])
    here = np.concatenate([s.coef for s in ours(model, background, frame, 300)])
    np.random.seed(0)  # noqa: NPY002 - the state that shap draws from
    there, _ = theirs(model, background, frame, 300)
    assert np.sqrt(np.mean((here - truth) ** 2)) < 1.1 * np.sqrt(np.mean((there - truth) ** 2))
