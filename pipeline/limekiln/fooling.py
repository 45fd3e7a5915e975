"""Whether a model shows perturbed rows the behaviour that real rows get: the attack of Slack et al. 2020.

Perturbed rows lie off the data (arXiv 1911.02508, "Fooling LIME and SHAP"). A model that tells them from real rows
can decide real ones by one column and answer perturbed ones by another, and LIME reports the other. Explanations from
a pool of the background's own rows (`domains.tabular.data_pool`) are not fooled. But to compare the two pools' shares
is not enough: honest models differ between them too, since columns that go together in real rows are drawn apart in
perturbed ones. So there is a third explanation to compare with. A regressor is taught the model's behaviour on
perturbed rows and answers for the real rows; explained from the real rows, it shows what an honest model would:

    excess(f) = share(f | real rows, model) − share(f | real rows, the regressor taught on perturbed rows)

Both sides are explained on the same rows, so that correlation between columns is in neither; and no model is called.
"""

from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from scipy import sparse
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from limekiln.aggregate import normlime
from limekiln.domains.tabular.pool import Pool
from limekiln.values import Array, Index, Mask

Verdict = Literal["agree", "suspicious", "disagree"]

SUSPICIOUS: Final = 0.08
"""Excess from which a share is worth a look; see docs/explanation/cannot-be-fooled.md for the trial behind it."""
DISAGREE: Final = 0.12
"""Excess from which the pools disagree by more than honest models' do."""
MIN_ROWS: Final = 20
"""Classes with fewer explained rows are not judged: a mean over so few strays by itself."""

_HELD_OUT: Final = 4
"""One in so many perturbed rows is kept from the regressor."""
_FOLDS: Final = 3
_SHOWN: Final = 3
_TOLERANCE: Final = 1e-9


@dataclass(frozen=True)
class StandIn:
    """A regressor's answers, taught on perturbed rows, in place of the model's on real rows.

    Attributes:
        pool: the pool of real rows with those answers; what the model's own explanations are compared with.
        taught: (C,) R² on perturbed rows held out: how much of the behaviour could be learnt. NaN for an output that
            does not vary.
        carried: (C,) R² on real rows: how much of it holds there. Negative where the mean would have been better.
    """

    pool: Pool
    taught: Array
    carried: Array


@dataclass(frozen=True)
class Weights:
    """Weights (n, d) of the same n rows' explanations, by feature, each row for one class.

    Attributes:
        labels: (n,) the class that each row is explained for.
        marginal: from the pool of perturbed rows.
        data: from the pool of real rows.
        expected: from `StandIn.pool`.
    """

    labels: Index
    marginal: Array
    data: Array
    expected: Array


@dataclass(frozen=True)
class Shift:
    """A feature's share of the weight of one class, from each pool; the features' shares sum to 1.

    Attributes:
        label: the class; None is all classes together.
        feature: position of the feature.
        marginal, data, expected: as in `Weights`.
    """

    label: int | None
    feature: int
    marginal: float
    data: float
    expected: float

    @property
    def rise(self) -> float:
        """From the perturbed pool to the real rows; honest models rise too, where columns go together."""
        return self.data - self.marginal

    @property
    def excess(self) -> float:
        """Beyond what a model that treats real rows as it treats perturbed ones would show."""
        return self.data - self.expected


@dataclass(frozen=True)
class Comparison:
    """How two pools' explanations of the same rows compare.

    Attributes:
        verdict: `disagree` where the largest excess is at least `DISAGREE`, `suspicious` from `SUSPICIOUS`, else
            `agree`.
        auc: how well perturbed and real rows can be told apart, 0.5 to 1. It is the data's, not the model's: how wide
            the door stands open for an attack.
        taught, carried: the lowest over the outputs of `StandIn`'s, NaN where no output varies.
        excess: the largest excess of any feature, in any class judged or over all.
        rise: the largest rise, likewise.
        risen: the features with most excess, over all rows and each class judged, one entry a feature, most first.
        fallen: the features with least, likewise, least first.
        shifts: of every feature, over all rows and each class judged, as `shifts` gives them.
    """

    verdict: Verdict
    auc: float
    taught: float
    carried: float
    excess: float
    rise: float
    risen: tuple[Shift, ...]
    fallen: tuple[Shift, ...]
    shifts: tuple[Shift, ...]


def judge(excess: float) -> Verdict:
    """What the largest excess says."""
    return "disagree" if excess >= DISAGREE else "suspicious" if excess >= SUSPICIOUS else "agree"


def tell_apart(perturbed: Pool, real: Pool, seed: int) -> float:
    """AUC of telling perturbed from real rows by their codes and numbers, cross-validated; 0.5 is not at all.

    Args:
        perturbed: at least 3 rows.
        real: at least 3 rows.
        seed: of the folds.
    """
    X = np.concatenate([_seen(perturbed), _seen(real)])
    is_real = np.repeat([0, 1], [perturbed.codes.shape[1], real.codes.shape[1]])
    detector = HistGradientBoostingClassifier(max_iter=40, max_leaf_nodes=15, early_stopping=False, random_state=0)
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed & 0xFFFFFFFF)
    score = cross_val_predict(detector, X, is_real, cv=folds, method="predict_proba")[:, 1]
    return max(0.5, float(roc_auc_score(is_real, score)))


def stand_in(perturbed: Pool, real: Pool, seed: int) -> StandIn:
    """Teaches regressors (boosted trees) the outputs on perturbed rows, and answers for the real rows with them.

    A branch of a tree uses two columns at most: most of what honest models rest on, and too little to learn the attack
    with. To tell real rows takes many columns together, and a regressor that could would show the attack's own shares.

    Args:
        perturbed: the pool of perturbed rows.
        real: the pool of real rows; its outputs are compared with and not learnt from.
        seed: of which perturbed rows are held out.
    """
    X, X_real = _seen(perturbed), _seen(real)
    varies = np.ptp(X, axis=0) > 0  # nothing is learnt from the others, and their pairs cost time
    varies[0] = True
    X, X_real = X[:, varies], X_real[:, varies]
    held_out = np.random.default_rng(seed).permutation(len(X)) < len(X) // _HELD_OUT
    mirrored = _mirrored(perturbed) and _mirrored(real)
    answers, taught, carried = [], [], []
    for c in range(1 if mirrored else len(perturbed.outputs)):
        y, y_real = (pool.outputs[c] + pool.offset[c] for pool in (perturbed, real))
        regressor = HistGradientBoostingRegressor(
            max_iter=100, interaction_cst="pairwise", early_stopping=False, random_state=0
        )
        regressor.fit(X[~held_out], y[~held_out])
        answers.append(regressor.predict(X_real))
        taught.append(_r2(y[held_out], regressor.predict(X[held_out])))
        carried.append(_r2(y_real, answers[-1]))
    if mirrored:
        answers.append(float(perturbed.offset.sum()) - answers[0])
        taught, carried = taught * 2, carried * 2
    outputs = np.stack(answers)
    offset = outputs.mean(axis=1)
    pool = replace(real, outputs=outputs - offset[:, None], offset=offset)
    return StandIn(pool, np.array(taught), np.array(carried))


def examine(pools: tuple[Pool, Pool], seed: int) -> tuple[StandIn, float]:
    """`stand_in` and `tell_apart` of (perturbed, real), as one piece of work for the fan-out.

    Sums over several threads would differ in their last bits; the fan-out gives a piece of work one.
    """
    perturbed, real = pools
    return stand_in(perturbed, real, seed), tell_apart(perturbed, real, seed)


def shifts(weights: Weights) -> tuple[Shift, ...]:
    """Every feature's shares, over all rows and then for each class with at least `MIN_ROWS` of them."""
    labels, counts = np.unique(weights.labels, return_counts=True)
    groups: list[tuple[int | None, Mask]] = [(None, np.ones(len(weights.labels), dtype=bool))]
    groups += [(int(c), weights.labels == c) for c, n in zip(labels, counts, strict=True) if n >= MIN_ROWS]
    return tuple(
        Shift(label, feature, *(float(share[feature]) for share in three))
        for label, rows in groups
        for three in [[_shares(w[rows]) for w in (weights.marginal, weights.data, weights.expected)]]
        for feature in range(weights.data.shape[1])
    )


def compare(weights: Weights, stood_in: StandIn, auc: float) -> Comparison:
    """The verdict, from the explanations of the same rows by the three pools.

    Args:
        weights: the explanations; at least one row.
        stood_in: where `weights.expected` come from.
        auc: from `tell_apart`.
    """
    found = shifts(weights)
    most = sorted(found, key=lambda s: -s.excess)
    excess = most[0].excess
    return Comparison(
        verdict=judge(excess),
        auc=auc,
        taught=_lowest(stood_in.taught),
        carried=_lowest(stood_in.carried),
        excess=excess,
        rise=max(s.rise for s in found),
        risen=_first_of_each(most),
        fallen=_first_of_each(most[::-1]),
        shifts=found,
    )


def _seen(pool: Pool) -> Array:
    """What is known of the pool's rows, (M, 2d): codes, and standardised numbers (0 for categories)."""
    return np.concatenate([pool.codes.astype(np.float64), pool.numbers]).T


def _mirrored(pool: Pool) -> bool:
    """Whether the second of two outputs is the first one turned around, as probabilities of two classes are."""
    two = len(pool.outputs) == 2  # noqa: PLR2004 - two outputs
    return two and bool(np.abs(pool.outputs.sum(axis=0)).max() <= _TOLERANCE * (1 + np.abs(pool.outputs).max()))


def _r2(y: Array, predicted: Array) -> float:
    return float(r2_score(y, predicted)) if len(y) and np.ptp(y) > 0 else np.nan


def _shares(weights: Array) -> Array:
    """Mean of |w|/‖w‖₁ over all rows (d,), rows that do not use a feature included: shares that sum to 1."""
    t = normlime.tally(sparse.csr_array(weights))
    return t.share / max(t.rows, 1)


def _lowest(values: Array) -> float:
    known = values[~np.isnan(values)]
    return float(known.min()) if len(known) else np.nan


def _first_of_each(ordered: list[Shift]) -> tuple[Shift, ...]:
    """The first entries of the first few features."""
    first: dict[int, Shift] = {}
    for shift in ordered:
        first.setdefault(shift.feature, shift)
    return tuple(list(first.values())[:_SHOWN])
