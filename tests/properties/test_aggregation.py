"""Aggregates do not depend on the order or the chunks that explanations arrive in."""

from typing import Final

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from limekiln.aggregate import normlime
from limekiln.aggregate.normlime import Scores, Tally
from limekiln.values import Array
from weight_cases import by_column, by_key

QUICK: Final = settings(deadline=None, derandomize=True, max_examples=80)
WEIGHTS: Final = arrays(
    np.float64,
    st.tuples(st.integers(1, 20), st.integers(1, 6)),
    elements=st.one_of(st.just(0.0), st.floats(-1e6, 1e6).filter(lambda w: abs(w) > 1e-9)),
)


def assert_equal(a: Tally, b: Tally) -> None:
    assert a.rows == b.rows
    np.testing.assert_array_equal(a.support, b.support)
    for name in ("share", "weighted", "positive", "absolute"):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=1e-12, atol=1e-300)


@QUICK
@given(WEIGHTS, st.data())
def test_tallies_do_not_depend_on_order_or_chunks(weights: Array, data: st.DataObject) -> None:
    n, d = weights.shape
    keys = data.draw(arrays(np.int64, (n, d), elements=st.integers(0, 4)))
    order = data.draw(st.permutations(range(n)))
    cuts = sorted(data.draw(st.lists(st.integers(0, n), max_size=4)))
    chunks = np.split(np.array(order), cuts)
    parts = [normlime.tally(by_key(weights[c], keys[c], 5)) for c in chunks]
    assert_equal(sum(parts[1:], start=parts[0]), normlime.tally(by_key(weights, keys, 5)))
    wide = [normlime.tally(by_column(weights[c])) for c in chunks]
    assert_equal(sum(wide[1:], start=wide[0]), normlime.tally(by_column(weights)))


@QUICK
@given(WEIGHTS)
def test_scores_stay_within_their_limits(weights: Array) -> None:
    s = normlime.scores(normlime.tally(by_column(weights)))
    for name in Scores.__dataclass_fields__:
        assert np.isfinite(getattr(s, name)).all()
        assert (getattr(s, name) >= 0).all()
    assert (s.share <= 1 + 1e-12).all()
    assert (s.sign_consistency <= 1 + 1e-12).all()
    np.testing.assert_allclose(s.positive + s.negative, s.share, rtol=1e-12, atol=1e-15)
    assert (s.weighted <= np.abs(weights).max(axis=0) * (1 + 1e-12)).all()


@QUICK
@given(WEIGHTS)
def test_turning_all_signs_swaps_the_signed_parts_and_nothing_else(weights: Array) -> None:
    plain, turned = (normlime.scores(normlime.tally(by_column(w))) for w in (weights, -weights))
    np.testing.assert_allclose(turned.positive, plain.negative, atol=1e-12)
    np.testing.assert_array_equal(turned.share, plain.share)
    np.testing.assert_array_equal(turned.weighted, plain.weighted)
    np.testing.assert_array_equal(turned.support, plain.support)


@QUICK
@given(
    arrays(np.float64, st.integers(1, 12), elements=st.floats(0, 1)),
    st.integers(0, 5),
    st.data(),
)
def test_ranks_are_a_permutation_that_follows_the_score(score: Array, least: int, data: st.DataObject) -> None:
    support = data.draw(arrays(np.int64, len(score), elements=st.integers(0, 8)))
    ranks = normlime.ranks(score, support, least)
    assert sorted(ranks.tolist()) == list(range(1, len(score) + 1))
    order = np.argsort(ranks)
    enough = support[order] >= least
    assert (np.diff(enough.astype(int)) <= 0).all(), "all with enough support come first"
    assert (np.diff(score[order][enough]) <= 0).all()
    assert (np.diff(score[order][~enough]) <= 0).all()
