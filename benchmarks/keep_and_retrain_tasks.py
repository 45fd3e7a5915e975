# ruff: noqa: INP001 - a part of keep_and_retrain.py
"""The data sets and models that rankings are compared on.

`python -m benchmarks.keep_and_retrain` runs it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from limekiln.evaluation.retraining import Labels, Split
from limekiln.values import Array

ADULT_NAMES: Final = (
    *("age", "workclass", "fnlwgt", "education", "education_num", "marital_status", "occupation", "relationship"),
    *("race", "sex", "capital_gain", "capital_loss", "hours_per_week", "native_country", "income"),
)
ADULT_TRAIN: Final = 5000
ADULT_TEST: Final = 5000
DIGITS_TEST: Final = 700


@dataclass(frozen=True)
class Task:
    """A data set, what is trained on it, and how many features a sparse local explanation keeps.

    Attributes:
        classes: names in the order of a model's outputs; labels are positions into them.
        model: gives an unfitted model for a seed, for all classes or (True) for one against the rest.
    """

    name: str
    split: Split
    classes: tuple[str, ...]
    model: Callable[[int, bool], Any]
    kept: int

    @property
    def features(self) -> list[list[str]]:
        """Every column by itself."""
        return [[name] for name in self.split.X.columns]


def digits() -> Task:
    """1,797 images of 8 × 8 pixels: the same pixel is the same feature in every image. A network with one layer."""
    X, y = load_digits(return_X_y=True)
    frame = pd.DataFrame(X, columns=[f"r{i // 8}c{i % 8}" for i in range(64)])
    X_train, X_test, y_train, y_test = train_test_split(frame, y, test_size=DIGITS_TEST, random_state=0, stratify=y)
    split = Split(X_train.reset_index(drop=True), y_train, X_test.reset_index(drop=True), y_test)

    def model(seed: int, one_class: bool) -> Network:  # noqa: FBT001 - one of the two arguments that every task takes
        return Network(16 if one_class else 32, 20, seed)

    return Task("digits", split, tuple(str(c) for c in range(10)), model, 10)


class Network(MLPClassifier):  # type: ignore[misc]  # scikit-learn has no types
    """A small network on pixels from 0 to 16."""

    def __init__(self, units: int = 32, epochs: int = 20, seed: int = 0) -> None:
        self.units, self.epochs, self.seed = units, epochs, seed
        super().__init__((units,), learning_rate_init=0.01, batch_size=100, max_iter=epochs, random_state=seed)

    def fit(self, X: pd.DataFrame, y: Labels) -> "Network":
        """Pixels are scaled to 0 … 1."""
        super().fit(X.to_numpy() / 16, y)
        return self

    def predict_proba(self, X: pd.DataFrame) -> Array:
        """Of each class."""
        p: Array = super().predict_proba(X.to_numpy() / 16)
        return p

    def predict(self, X: pd.DataFrame) -> Labels:
        """The likeliest class."""
        found: Labels = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return found


def adult(path: Path) -> Task:
    """A fixed sample of Adult with its 14 columns, one of them (fnlwgt) said to be of no use. Boosted trees."""
    frame = pd.read_csv(path, names=ADULT_NAMES, skipinitialspace=True)
    frame = frame.sample(ADULT_TRAIN + ADULT_TEST, random_state=0).reset_index(drop=True)
    y = (frame.pop("income") == ">50K").to_numpy().astype(np.int64)
    for name in frame.select_dtypes(exclude="number"):
        frame[name] = frame[name].astype("category")
    n = ADULT_TRAIN

    def model(seed: int, _: bool) -> HistGradientBoostingClassifier:  # noqa: FBT001 - as above
        return HistGradientBoostingClassifier(
            max_iter=30, learning_rate=0.2, max_leaf_nodes=15, max_features=0.5, early_stopping=False, random_state=seed
        )

    split = Split(frame[:n], y[:n], frame[n:].reset_index(drop=True), y[n:])
    return Task("Adult", split, ("<=50K", ">50K"), model, 4)
