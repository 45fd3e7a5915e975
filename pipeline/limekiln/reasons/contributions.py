"""How much each feature of a row speaks for a class, against a reference population (docs/decisions/0022).

The weight that LIME gives to "has the value v" is m(v) − m(not v): the model's mean output over perturbed rows with the
value, less that over those without it. So (1 − p(v))·w = m(v) − m, the effect of the value against all perturbed rows,
where p(v) is how often they have it. KernelSHAP's weight is such an effect already. A row's contribution is its own
effect less the mean effect over the reference rows. Of an additive model it is f_j(x_j) − mean f_j(r_j), exactly: the
"coefficient times distance from the reference's mean" of a linear one.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from limekiln.values import Array, Codes, Mask

COMPARABLE: Final = 0.9
"""Share of the reference rows whose value of a feature must have a known effect."""
_UNKNOWN: Final = -1


@dataclass(frozen=True)
class Weights:
    """All explained rows of a run by their features.

    Attributes:
        features: (F,) names.
        weights: (n, F) local weights, each row's for the class that it is predicted.
        values: (n, F) which of `labels` each value is; -1 where the weight is 0 and the value was not stored.
        labels: the values' names, of all features.
    """

    features: tuple[str, ...]
    weights: Array
    values: Codes
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Compared:
    """Rows of a class against the reference, (m, F) or (F,).

    Attributes:
        contribution: (m, F) in units of the output; positive speaks for the class.
        same: (m, F) share of the reference rows that have the row's value.
        known: (F,) share of the reference rows whose value has a known effect.
    """

    contribution: Array
    same: Array
    known: Array


def of_table(explanations: pd.DataFrame, rows: pd.Series, features: tuple[str, ...]) -> Weights:
    """`explanations.parquet` as arrays, in the order of `rows` and `features`."""
    row = pd.Index(rows).get_indexer(pd.Index(explanations["row"]))
    feature = pd.Index(features).get_indexer(pd.Index(explanations["feature"]))
    codes, labels = pd.factorize(explanations["value"].fillna(""))
    weights = np.zeros((len(rows), len(features)))
    values = np.full(weights.shape, _UNKNOWN, dtype=np.int32)
    weights[row, feature] = explanations["weight"]
    values[row, feature] = codes
    return Weights(features, weights, values, tuple(str(label) for label in labels))


def effects(w: Weights, *, centred: bool) -> Array:
    """Each weight as the effect of a value against all perturbed rows, (n, F).

    Args:
        w: the weights.
        centred: whether they are that already, as KernelSHAP's. LIME's are put to it by the share of the explained rows
            that have the value, which stands for that of the perturbed rows: they are drawn like the data.
    """
    if centred:
        return w.weights
    return w.weights * (1 - _shares(w.values, w.values))


def compare(w: Weights, effect: Array, mine: Mask, reference: Mask, *, two_classes: bool) -> Compared:
    """The rows `mine`, which are explained for the class, against the rows `reference` (n,).

    Of two classes the weights for one are those for the other with the sign turned (their outputs sum to 1), so every
    reference row's own explanation counts. Of more, a reference row's explanation is of another class and says nothing
    of this one: each of its values counts with the value's mean effect among the rows explained for the class.
    """
    if two_classes:
        signed = np.where(mine[:, None], effect, -effect)
        mean, known = signed[reference].mean(axis=0), np.ones(effect.shape[1])
    else:
        mean, known = _by_value(w.values, effect, mine, reference)
    return Compared(effect[mine] - mean, _shares(w.values[mine], w.values[reference]), known)


def _by_value(values: Codes, effect: Array, mine: Mask, reference: Mask) -> tuple[Array, Array]:
    means, known = np.full(effect.shape[1], np.nan), np.zeros(effect.shape[1])
    for f in range(effect.shape[1]):
        size = int(values[:, f].max()) + 2  # the last counts what was not stored, whose weight is 0
        held, wanted = _counts(values[mine, f], size), _counts(values[reference, f], size)
        total = _counts(values[mine, f], size, effect[mine, f])
        there = held > 0
        known[f] = wanted[there].sum() / wanted.sum()
        if known[f] > 0:
            means[f] = (wanted[there] * total[there] / held[there]).sum() / wanted[there].sum()
    return means, known


def _counts(values: Codes, size: int, worth: Array | None = None) -> Array:
    return np.bincount(np.where(values < 0, size - 1, values), worth, minlength=size).astype(np.float64)


def _shares(values: Codes, among: Codes) -> Array:
    """How often each of (m, F) values stands in its column of `among` (n, F); 0 for one that was not stored."""
    shares = np.zeros(values.shape)
    for f in range(values.shape[1]):
        size = max(int(values[:, f].max()), int(among[:, f].max())) + 2
        often = _counts(among[:, f], size) / len(among)
        often[-1] = 0.0
        shares[:, f] = often[values[:, f]]  # -1 is the last
    return shares
