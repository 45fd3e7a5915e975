"""Keep or remove and retrain (KAR, ROAR; Hooker et al., arXiv:1806.10758): is a ranking right for a model trained anew?

Features are made uninformative and a model is trained from scratch. It never sees rows unlike those it learnt from, as
the fitted model does under deletion; but it is another model than the one that was explained.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from limekiln.evaluation.deletion import Features, check_columns
from limekiln.values import Array, Index, Mask

Labels = NDArray[Any]
Predict = Callable[[pd.DataFrame], Labels]
Train = Callable[[pd.DataFrame, Labels, int], Predict]
"""From rows, their labels and a seed to what predicts labels; the same for the same arguments."""
Score = Callable[[Labels, Labels], Array]
"""From n true and n predicted labels to n scores, more is better; a model's score is their mean."""
Mode = Literal["keep", "remove"]


@dataclass(frozen=True)
class Split:
    """Rows to train on and rows to judge by, with their labels."""

    X: pd.DataFrame
    y: Labels
    X_test: pd.DataFrame
    y_test: Labels


def kept_features(orders: Index, fractions: Sequence[float], mode: Mode) -> Mask:
    """Which features a retrained model may see, (O, T, F).

    Args:
        orders: (O, F) every feature, most important first.
        fractions: (T,) of the features, rounded to whole ones, at least one: the first so many are kept, or removed.
        mode: `keep` (KAR) or `remove` (ROAR).
    """
    n_features = orders.shape[1]
    place = np.argsort(orders, axis=1)
    counts = np.maximum(1, np.rint(np.array(fractions) * n_features))
    first: Mask = place[:, None, :] < counts[None, :, None]
    return first if mode == "keep" else ~first


def uninformative(X: pd.DataFrame, categorical: Collection[str] = ()) -> dict[str, Any]:
    """What stands for each column of X where it is taken away: a number's mean, a category's most frequent value.

    `categorical` are numeric columns whose numbers are names.
    """
    return {name: _typical(X[name], categorical) for name in X.columns}


def retrain(
    train: Train,
    split: Split,
    keep: Mask,
    features: Features,
    seeds: Sequence[int],
    *,
    categorical: Collection[str] = (),
    score: Score | None = None,
) -> Array:
    """Scores (M, S, n) of models that were trained on some features only; a set that comes twice is trained once.

    Args:
        train: trains from scratch.
        split: the rows; those to judge by are not seen before.
        keep: (M, F) the features that keep their values; the columns of others hold one value throughout.
        features: the columns of each feature; columns in none are always kept.
        seeds: (S,) of the training.
        categorical: as in `uninformative`.
        score: of each judged row; 1 for a right label and 0 for a wrong one by default.

    Returns:
        For each set and seed the score of each judged row; their mean is the model's.

    Raises:
        ValueError: a column that is not there.
    """
    check_columns(split.X, split.X_test, features)
    values = uninformative(split.X, categorical)
    sets, which = np.unique(keep, axis=0, return_inverse=True)
    found = np.empty((len(sets), len(seeds), len(split.y_test)))
    for s, kept in enumerate(sets):
        lost = [name for columns, stays in zip(features, kept, strict=True) if not stays for name in columns]
        X, X_test = (_without(frame, lost, values) for frame in (split.X, split.X_test))
        for k, seed in enumerate(seeds):
            predicted = np.asarray(train(X, split.y, seed)(X_test))
            found[s, k] = (score or _right)(split.y_test, predicted)
    return found[which.reshape(-1)]


def _right(true: Labels, predicted: Labels) -> Array:
    return np.asarray(true == predicted, dtype=np.float64)


def _typical(values: pd.Series, categorical: Collection[str]) -> Any:
    kind = values.dtype
    if pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind) and values.name not in categorical:
        return float(values.mean())
    frequent = values.mode()
    return frequent.iloc[0] if len(frequent) else None


def _without(frame: pd.DataFrame, lost: Sequence[str], values: dict[str, Any]) -> pd.DataFrame:
    """A copy with one value in each lost column; means are floats, categories stay what they were."""
    kinds = {name: None if isinstance(values[name], float) else frame[name].dtype for name in lost}
    return frame.assign(**{name: pd.Series(values[name], index=frame.index, dtype=kinds[name]) for name in lost})
