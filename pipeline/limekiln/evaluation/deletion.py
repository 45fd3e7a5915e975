"""Is a ranking right? What happens to the fitted model when the features ranked first are taken away.

Two questions, put to every ranking alike, so that rankings can be compared with each other and with chance:

- *Deletion*: on the fitted model, values of the first features are replaced by those of other rows. A good ranking
  makes the class's output fall early. AOPC, the area over the perturbation curve (Samek et al., arXiv:1509.06321), is
  the mean fall over the first 0 … L features: AOPC = 1/(L+1) Σₖ E[f(x) − f(x without the first k)].
- *Permutation*: one feature at a time is shuffled between rows (Breiman 2001, section 10). It ranks by itself, without
  local explanations, and so is what other rankings are compared with.

What happens to a model that is trained anew without them, `retraining` asks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from scipy import stats

from limekiln.values import Array, Index, Mask, Predictor

Features = Sequence[Sequence[str]]
"""F features, each the columns that make it up: one, or a group that is replaced together."""
ASKED_AT_ONCE: Final = 4096
"""Rows that a model is asked for at once; a constant, since a model's last bits may depend on it."""
DRAWS: Final = 4
RANDOM_ORDERS: Final = 20
CONFIDENCE: Final = 0.95
_FEWEST: Final = 2


@dataclass(frozen=True)
class Interval:
    """A mean and its confidence interval; the bounds are NaN where there are too few observations."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Deletion:
    """Falls of the class's output as features are replaced.

    Attributes:
        falls: (O, n, L + 1) f(x) − f(x without the first k features of order o), the mean over draws; 0 at k = 0.
        kept: (n,) positions of the rows that count: those that the model answered for throughout.
        refused: how many rows were left out, since the model refused them or one of their variants.
    """

    falls: Array
    kept: Index
    refused: int


@dataclass(frozen=True)
class Evidence:
    """One ranking against random orders, on the same rows and draws.

    Attributes:
        rows, refused: how many rows count, and how many were left out.
        curve: (L + 1,) the ranking's mean fall without the first 0 … L features.
        random: (L + 1,) that of the random orders together.
        aopc: of the ranking.
        difference: the ranking's AOPC less the random orders'; better than random where the low bound is above 0.
        beaten: share of the random orders with a smaller AOPC.
    """

    rows: int
    refused: int
    curve: tuple[Interval, ...]
    random: tuple[Interval, ...]
    aopc: Interval
    difference: Interval
    beaten: float


@dataclass(frozen=True)
class Permutation:
    """What shuffling each feature costs each row.

    Attributes:
        output: (n, F) fall of the output of the row's class, or change of the output asked for, the mean over repeats.
        correct: (n, F) likewise of being right, 1 or 0; None where the true classes were not given.
        kept: (n,) positions of the rows that count.
        refused: how many rows were left out.
    """

    output: Array
    correct: Array | None
    kept: Index
    refused: int


def rows_of(predicted: Array, label: int, at_most: int, seed: int) -> Index:
    """Positions of the rows that the model gives a class, rising; `at_most` so many, chosen by the seed.

    `predicted` are the model's outputs (n, C); a row with NaN is in no class.
    """
    known = np.flatnonzero(np.isfinite(predicted).all(axis=1))
    mine = known[predicted[known].argmax(axis=1) == label]
    return np.sort(np.random.default_rng(seed).permutation(mine)[:at_most])


def order_of(scores: Array) -> Index:
    """Features (F,) by falling score; ties to the first."""
    return np.argsort(-scores, kind="stable")


def random_orders(n_features: int, count: int, seed: int) -> Index:
    """Orders (count, F), each drawn by itself from all."""
    rng = np.random.default_rng(seed)
    return np.stack([rng.permutation(n_features) for _ in range(count)])


def crossed(values: Array, confidence: float = CONFIDENCE) -> Interval:
    """Interval of the mean of (n, m) values, where both the n rows and the m columns are drawn from more like them.

    SE² = var(row means)/n + var(column means)/m, degrees of freedom as Welch and Satterthwaite's. Each variance holds a
    little of the other's noise: the interval is rather too wide. A single column is taken as fixed.
    """
    n, m = values.shape
    mean = float(values.mean()) if values.size else np.nan
    if n < _FEWEST:
        return Interval(mean, np.nan, np.nan)
    parts = [(values.mean(axis=1).var(ddof=1) / n, n - 1)]
    if m >= _FEWEST:
        parts.append((values.mean(axis=0).var(ddof=1) / m, m - 1))
    variance = sum(v for v, _ in parts)
    if variance == 0:
        return Interval(mean, mean, mean)
    freedom = variance**2 / sum(v**2 / f for v, f in parts)
    half = float(stats.t.ppf((1 + confidence) / 2, freedom) * np.sqrt(variance))
    return Interval(mean, mean - half, mean + half)


def delete(
    model: Predictor,
    rows: pd.DataFrame,
    background: pd.DataFrame,
    orders: Index,
    features: Features,
    *,
    label: int,
    seed: int,
    draws: int = DRAWS,
    either_way: bool = False,
) -> Deletion:
    """Asks the model for rows without the first 0 … L features of each order.

    In each draw a row gets one row of the background, and takes all its lost features from that: without any feature of
    its own it is a row of the background. Orders share these draws; a set of features that several orders reach is
    asked for once.

    Args:
        model: asked for at most `ASKED_AT_ONCE` rows at a time, n · draws for each different set of features.
        rows: (n, D) rows of the class.
        background: rows to take values from, with the same columns and types.
        orders: (O, L) positions into `features`, none twice in an order.
        features: the columns of each feature.
        label: position of the class among the model's outputs.
        seed: of the draws.
        draws: how many rows of the background each row gets.
        either_way: take the size of each change in place of the fall, for a value whose rise counts as much.

    Raises:
        ValueError: no row, a column that is not there, or an order that names a feature twice.
    """
    check_columns(rows, background, features)
    if any(len(set(order)) < len(order) for order in orders.tolist()):
        raise ValueError("an order names each feature at most once")
    reached = _prefixes(orders, len(features))
    sets, which = np.unique(reached.reshape(-1, len(features)), axis=0, return_inverse=True)
    donors = np.random.default_rng(seed).integers(len(background), size=(len(rows), draws))
    swaps = [(s, donors[:, d]) for s in sets for d in range(draws)]
    asked = _asked(model, rows, background, features, swaps)[..., label]
    outputs = asked.reshape(len(sets), draws, len(rows))
    kept = np.flatnonzero(np.isfinite(outputs).all(axis=(0, 1)))
    whole = outputs[~sets.any(axis=1)][:, :, kept]
    change = whole - outputs[:, :, kept]
    change = (np.abs(change) if either_way else change).mean(axis=1)
    falls = np.moveaxis(change[which.reshape(reached.shape[:2])], 2, 1)
    return Deletion(falls, kept, len(rows) - len(kept))


def aopc(falls: Array) -> Array:
    """Each row's area over the perturbation curve: the mean of (…, L + 1) falls over the last axis."""
    area: Array = falls.mean(axis=-1)
    return area


def evidence(deletion: Deletion, ranking: int, random: Sequence[int], confidence: float = CONFIDENCE) -> Evidence:
    """One order of a deletion against others of it that were drawn at random; the rows are compared with themselves.

    Args:
        deletion: from `delete`.
        ranking: position of the order in question.
        random: positions of at least two random orders, drawn as `random_orders` does.
        confidence: of every interval.
    """
    mine, chance = deletion.falls[ranking], deletion.falls[list(random)]
    area, areas = aopc(mine), aopc(chance).T
    steps = range(mine.shape[1])
    return Evidence(
        rows=len(mine),
        refused=deletion.refused,
        curve=tuple(crossed(mine[:, k : k + 1], confidence) for k in steps),
        random=tuple(crossed(chance[:, :, k].T, confidence) for k in steps),
        aopc=crossed(area[:, None], confidence),
        difference=crossed(area[:, None] - areas, confidence),
        beaten=float((areas.mean(axis=0) < area.mean()).mean()) if len(area) else np.nan,
    )


def permute(
    model: Predictor,
    rows: pd.DataFrame,
    features: Features,
    *,
    seed: int,
    repeats: int = DRAWS,
    target: Index | None = None,
    label: int | None = None,
    either_way: bool = False,
) -> Permutation:
    """Shuffles each feature between the rows and asks the model again.

    Args:
        model: asked for n · (1 + F · repeats) rows, at most `ASKED_AT_ONCE` at a time.
        rows: (n, D) rows of all classes; a class's importances are the means over its own rows.
        features: the columns of each feature.
        seed: of the shuffles; a feature is shuffled alike whatever stands beside it in a repeat.
        repeats: shuffles of each feature.
        target: (n,) positions of the true classes among the model's outputs, if they are known.
        label: position of the output that is looked at; that of each row's class by default.
        either_way: as in `delete`.

    Raises:
        ValueError: no row, or a column that is not there.
    """
    check_columns(rows, rows, features)
    rng = np.random.default_rng(seed)
    n, d = len(rows), len(features)
    shuffles = [rng.permutation(n) for _ in range(repeats)]
    swaps = [(np.zeros(d, dtype=bool), np.arange(n))]
    swaps += [(one, shuffle) for one in np.eye(d, dtype=bool) for shuffle in shuffles]
    asked = _asked(model, rows, rows, features, swaps)
    kept = np.flatnonzero(np.isfinite(asked).all(axis=(0, 2)))
    whole, shuffled = asked[0, kept], asked[1:, kept].reshape(d, repeats, len(kept), -1)
    mine = whole.argmax(axis=1) if label is None else np.full(len(kept), label)
    every = np.arange(len(kept))
    correct: Array | None = None
    if target is not None:
        right = (shuffled.argmax(axis=3) == target[kept]).mean(axis=1)
        correct = ((whole.argmax(axis=1) == target[kept]) - right).T
    change = whole[every, mine] - shuffled[:, :, every, mine]
    return Permutation(
        output=(np.abs(change) if either_way else change).mean(axis=1).T,
        correct=correct,
        kept=kept,
        refused=n - len(kept),
    )


def check_columns(rows: pd.DataFrame, others: pd.DataFrame, features: Features) -> None:
    """Sees that there are rows in both, with every column of the features.

    Raises:
        ValueError: there is no row, or a column that is not there.
    """
    if not len(rows) or not len(others):
        raise ValueError("there is no row" if not len(rows) else "there is no row to take values from")
    for name in (name for columns in features for name in columns):
        if name not in rows.columns or name not in others.columns:
            raise ValueError(f"a feature names the column {name!r}, which is not there")


def _prefixes(orders: Index, n_features: int) -> Mask:
    """The first 0 … L features of each order as sets, (O, L + 1, F)."""
    count, length = orders.shape
    sets = np.zeros((count, length + 1, n_features), dtype=bool)
    for k in range(length):
        sets[np.arange(count), k + 1 :, orders[:, k]] = True
    return sets


def _asked(
    model: Predictor, rows: pd.DataFrame, donors: pd.DataFrame, features: Features, swaps: Sequence[tuple[Mask, Index]]
) -> Array:
    """The model's outputs (J, n, C), NaN where it refused.

    Swap j takes the features of a set (F,) from the donors at positions (n,), one for each row.
    """
    n, total = len(rows), len(rows) * len(swaps)
    together = pd.concat([rows, donors[rows.columns]], ignore_index=True)
    feature_of = {name: f for f, columns in enumerate(features) for name in columns}
    sets, taken_from = (np.stack(part) for part in zip(*swaps, strict=True))
    answers = []
    for start in range(0, total, ASKED_AT_ONCE):
        swap, row = np.divmod(np.arange(start, min(start + ASKED_AT_ONCE, total)), n)
        lost, other = sets[swap], n + taken_from[swap, row]
        source = {name: np.where(lost[:, f], other, row) for name, f in feature_of.items()}
        made = {name: together[name].take(source.get(name, row)).reset_index(drop=True) for name in rows.columns}
        answers.append(model.predict_rows(pd.DataFrame(made))[0])
    return np.concatenate(answers).reshape(len(swaps), n, -1)
