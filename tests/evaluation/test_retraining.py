"""Keep and remove and retrain against what is known exactly for tiny models."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression

from limekiln.evaluation import retraining
from limekiln.evaluation.retraining import Split
from limekiln.values import Array

WEIGHTS = np.array([4.0, 2.0, 1.0, 0.5])
FEATURES = [["a"], ["b"], ["c"], ["d"]]


def linear(frame: pd.DataFrame) -> Array:
    values: Array = frame[["a", "b", "c", "d"]].to_numpy(dtype=np.float64) @ WEIGHTS
    return values


def numbers(n: int = 40, seed: int = 0) -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(seed).uniform(0, 1, (n, 4)), columns=list("abcd"))


def test_first_features_are_kept_or_removed() -> None:
    orders = np.array([[3, 1, 0, 2]])
    kept = retraining.kept_features(orders, [0.01, 0.5, 1.0], "keep")[0]
    assert kept.tolist() == [[False, False, False, True], [False, True, False, True], [True] * 4]
    assert (retraining.kept_features(orders, [0.01, 0.5, 1.0], "remove")[0] == ~kept).all()


def least_squares(X: pd.DataFrame, y: Any, _: int) -> Callable[[pd.DataFrame], Any]:
    fitted = LinearRegression().fit(X.to_numpy(dtype=np.float64), y)
    return lambda rows: fitted.predict(rows.to_numpy(dtype=np.float64)) > 0.5


def halves() -> Split:
    X = numbers(200)
    y = linear(X) > np.median(linear(X))
    return Split(X[:100], y[:100], X[100:], y[100:])


def test_with_everything_kept_the_score_is_the_full_models() -> None:
    split = halves()
    found = retraining.retrain(least_squares, split, np.ones((1, 4), dtype=bool), FEATURES, [0])
    whole = least_squares(split.X, split.y, 0)(split.X_test) == split.y_test
    assert np.array_equal(found[0, 0], whole)


def test_what_decides_is_enough_when_kept_and_missing_when_removed() -> None:
    split = halves()
    orders = np.array([[0, 1, 2, 3], [3, 2, 1, 0]])
    keep, remove = (
        retraining.retrain(
            least_squares, split, retraining.kept_features(orders, [0.25], mode)[:, 0], FEATURES, [0]
        ).mean(axis=(1, 2))
        for mode in ("keep", "remove")
    )
    assert keep[0] > keep[1] + 0.2
    assert remove[0] < remove[1] - 0.2


def test_a_set_that_comes_twice_is_trained_once_for_each_seed() -> None:
    calls: list[tuple[int, tuple[float, ...]]] = []

    def train(X: pd.DataFrame, _: Any, seed: int) -> Callable[[pd.DataFrame], Any]:
        calls.append((seed, tuple(X.nunique())))
        return lambda rows: np.zeros(len(rows)) == seed

    keep = np.array([[True, False, False, False], [False, True, True, True], [True, False, False, False]])
    found = retraining.retrain(train, halves(), keep, FEATURES, [5, 0])
    assert sorted(calls) == sorted([(seed, u) for seed in (0, 5) for u in ((100, 1, 1, 1), (1, 100, 100, 100))])
    assert np.array_equal(found[0], found[2])
    assert found.shape == (3, 2, 100)


def test_what_is_taken_away_is_the_mean_or_the_most_frequent_value_of_the_training_rows() -> None:
    X = pd.DataFrame({"n": [1, 2, 6], "c": ["x", "y", "y"], "k": [7, 7, 1], "b": [True, True, False]})
    assert retraining.uninformative(X, ["k"]) == {"n": 3.0, "c": "y", "k": 7, "b": True}
    seen: list[pd.DataFrame] = []

    def train(rows: pd.DataFrame, _: Any, __: int) -> Callable[[pd.DataFrame], Any]:
        def predict(others: pd.DataFrame) -> Any:
            seen.append(others)
            return np.zeros(len(others))

        seen.append(rows)
        return predict

    judged = pd.DataFrame({"n": [100, 100], "c": ["z", "z"], "k": [9, 9], "b": [False, False]})
    split = Split(X, np.zeros(3), judged, np.zeros(2))
    nothing = np.zeros((1, 2), dtype=bool)
    retraining.retrain(train, split, nothing, [["n", "c"], ["k"]], [0], categorical=["k"])
    assert seen[0].to_dict("list") == {"n": [3.0] * 3, "c": ["y"] * 3, "k": [7] * 3, "b": [True, True, False]}
    assert seen[1].to_dict("list") == {"n": [3.0] * 2, "c": ["y"] * 2, "k": [7] * 2, "b": [False, False]}
