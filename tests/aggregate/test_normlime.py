"""NormLIME against a literal transcription of its formulas, in plain loops over dicts."""

import math

import numpy as np
import pytest

from limekiln.aggregate import normlime
from limekiln.aggregate.normlime import Scores
from limekiln.values import Array, Index
from weight_cases import by_column, by_key

Explanation = dict[int, float]


def normlime_literally(explanations: list[Explanation], n_keys: int) -> list[dict[str, float]]:
    """One dict of scores a key; an explanation names only the keys that it holds."""
    told = []
    for f in range(n_keys):
        users = [w for w in explanations if w.get(f, 0.0) != 0.0]
        share = weighted = positive = negative = total = 0.0
        for w in users:
            norm = sum(abs(v) for v in w.values())
            gamma = abs(w[f]) / norm
            share += gamma
            weighted += gamma * abs(w[f])
            positive += gamma if w[f] > 0 else 0.0
            negative += gamma if w[f] < 0 else 0.0
            total += abs(w[f])
        n = len(users) or 1
        told.append(
            {
                "support": len(users),
                "share": share / n,
                "weighted": weighted / n,
                "positive": positive / n,
                "negative": negative / n,
                "sign_consistency": abs(positive - negative) / share if share else 0.0,
                "pick_importance": math.sqrt(total),
            }
        )
    return told


def assert_agrees(ours: Scores, explanations: list[Explanation]) -> None:
    for f, expected in enumerate(normlime_literally(explanations, len(ours.support))):
        for name, value in expected.items():
            assert getattr(ours, name)[f] == pytest.approx(value, rel=1e-12, abs=1e-14), (f, name)


def sparse_weights(seed: int, n: int = 50, d: int = 7) -> Array:
    """Weights with zeros, a row without any, a feature that no row uses, and one with a single user."""
    rng = np.random.default_rng(seed)
    weights = np.where(rng.random((n, d)) < 0.6, rng.normal(size=(n, d)) * rng.lognormal(0, 1, (n, 1)), 0.0)
    weights[3] = 0.0
    weights[:, 5] = 0.0
    weights[:, 6] = 0.0
    weights[11, 6] = -2.5
    return weights


def keys_of(seed: int, n: int = 50, d: int = 7) -> tuple[Index, int]:
    """Each column has values of its own, numbered through."""
    return np.random.default_rng(seed).integers(0, 4, (n, d)) + 4 * np.arange(d), 4 * d


@pytest.mark.parametrize("seed", range(5))
def test_features_agree_with_the_formulas(seed: int) -> None:
    weights = sparse_weights(seed)
    assert_agrees(normlime.scores(normlime.tally(by_column(weights))), [dict(enumerate(w.tolist())) for w in weights])


@pytest.mark.parametrize("seed", range(5))
def test_values_agree_with_the_formulas(seed: int) -> None:
    weights = sparse_weights(seed)
    keys, size = keys_of(seed)
    told = [dict(zip(k.tolist(), w.tolist(), strict=True)) for k, w in zip(keys, weights, strict=True)]
    assert_agrees(normlime.scores(normlime.tally(by_key(weights, keys, size))), told)


def test_a_stored_zero_is_no_use_of_a_key() -> None:
    weights = sparse_weights(6)
    kept, dropped = by_column(weights), by_column(weights)
    dropped.eliminate_zeros()
    assert dropped.nnz < kept.nnz
    for name in Scores.__dataclass_fields__:
        left, right = (getattr(normlime.scores(normlime.tally(w)), name) for w in (kept, dropped))
        np.testing.assert_array_equal(left, right)


def test_classes_and_all_together_agree_with_the_formulas() -> None:
    weights = sparse_weights(8)
    labels = np.random.default_rng(8).integers(0, 3, len(weights))
    tallies = [normlime.tally(by_column(weights[labels == c])) for c in range(3)]
    for c in range(3):
        assert_agrees(normlime.scores(tallies[c]), [dict(enumerate(w.tolist())) for w in weights[labels == c]])
    together = tallies[0] + tallies[1] + tallies[2]
    assert_agrees(normlime.scores(together), [dict(enumerate(w.tolist())) for w in weights])
    assert together.rows == len(weights)


def test_the_mean_is_over_the_users_of_a_feature_not_over_all_rows() -> None:
    weights = np.zeros((100, 2))
    weights[:, 0] = 1.0
    weights[0, 1] = 9.0
    ours = normlime.scores(normlime.tally(by_column(weights)))
    assert ours.share[1] == pytest.approx(0.9)
    assert ours.weighted[1] == pytest.approx(8.1)
    assert ours.support.tolist() == [100, 1]


def test_nothing_explained_gives_zeros_and_no_warning() -> None:
    with np.errstate(all="raise"):
        for weights in (np.zeros((4, 3)), np.zeros((0, 3))):
            ours = normlime.scores(normlime.tally(by_column(weights)))
            for name in Scores.__dataclass_fields__:
                np.testing.assert_array_equal(getattr(ours, name), np.zeros(3))


def test_weights_of_any_size_keep_shares_in_the_unit_interval() -> None:
    weights = sparse_weights(4)
    plain = normlime.scores(normlime.tally(by_column(weights)))
    for factor in (1e-150, 1e150):
        scaled = normlime.scores(normlime.tally(by_column(weights * factor)))
        np.testing.assert_allclose(scaled.share, plain.share, rtol=1e-12)
        np.testing.assert_allclose(scaled.weighted, plain.weighted * factor, rtol=1e-12)
    assert plain.share.max() <= 1.0
    assert plain.share.min() >= 0.0


def test_unconditional_shares_of_a_row_add_to_one() -> None:
    weights = sparse_weights(2)
    used = np.abs(weights).sum(axis=1) > 0
    t = normlime.tally(by_column(weights))
    assert t.share.sum() == pytest.approx(used.sum())


def test_positive_and_negative_parts_add_to_the_share() -> None:
    ours = normlime.scores(normlime.tally(by_column(sparse_weights(1))))
    np.testing.assert_allclose(ours.positive + ours.negative, ours.share, rtol=1e-14)
    assert ours.sign_consistency[6] == 1.0
    assert ours.sign_consistency[5] == 0.0


def test_ranks_put_thin_support_last_and_break_ties_by_position() -> None:
    score = np.array([0.2, 0.9, 0.5, 0.5, 0.0])
    support = np.array([30, 2, 30, 30, 0])
    assert normlime.ranks(score, support, min_support=20).tolist() == [3, 4, 1, 2, 5]
    assert normlime.ranks(score, support, min_support=1).tolist() == [4, 1, 2, 3, 5]
    assert normlime.ranks(score, support, min_support=0).tolist() == [4, 1, 2, 3, 5]
