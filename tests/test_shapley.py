"""Shapley values of games: equal to their definition where all coalitions are listed, and close to it where not."""

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limekiln import shapley
from limekiln.aggregate.folds import FOLDS
from limekiln.shapley import Coalitions, Shapley
from limekiln.values import Array, Mask

Game = Callable[[Mask], Array]
"""Coalitions (m, d) to values (m, C)."""

budgets = st.integers(1, 26).flatmap(lambda d: st.tuples(st.just(d), st.integers(shapley.least(d), 900)))
seeds = st.integers(0, 10**6)


def table_game(d: int, seed: int, C: int = 2) -> Game:
    """A game whose values are random numbers, one for each subset: every interaction that there can be."""
    values = np.random.default_rng(seed).normal(size=(2**d, C))
    return lambda kept: values[kept.astype(np.int64) @ (1 << np.arange(d))]


def pairs_game(d: int, seed: int) -> Game:
    """Products of two and of three features beside single effects."""
    rng = np.random.default_rng(seed)
    single, double = rng.normal(size=d), rng.normal(size=(d, d))

    def value(kept: Mask) -> Array:
        z = kept.astype(np.float64)
        triple = z * np.roll(z, 1, axis=1) * np.roll(z, 2, axis=1)
        answers: Array = z @ single + np.einsum("mi,ij,mj->m", z, double, z) + 2 * triple.sum(axis=1)
        return answers[:, None]

    return value


def solved(coalitions: Coalitions, game: Game) -> Shapley:
    ends = game(np.array([[False], [True]]).repeat(coalitions.kept.shape[1], axis=1))
    return shapley.solve(coalitions, game(coalitions.kept), ends[0], ends[1])


def estimated(game: Game, d: int, n: int, seed: int) -> Shapley:
    return solved(shapley.draw(d, n, np.random.default_rng(seed)), game)


def by_permutations(game: Game, d: int) -> Array:
    """(C, d) mean gain of a feature when it joins those before it, over all orders."""
    orders = list(itertools.permutations(range(d)))
    phi = np.zeros((game(np.zeros((1, d), dtype=bool)).shape[1], d))
    for order in orders:
        kept = np.zeros((d + 1, d), dtype=bool)
        for step, j in enumerate(order):
            kept[step + 1 :, j] = True
        phi[:, order] += np.diff(game(kept), axis=0).T / len(orders)
    return phi


def by_subsets(game: Game, d: int) -> Array:
    """(C, d) Σ_S |S|!(d − |S| − 1)!/d!·(v(S ∪ j) − v(S))."""
    every = np.array(list(itertools.product([False, True], repeat=d)))
    phi = []
    for j in range(d):
        without = every[~every[:, j]]
        sizes = without.sum(axis=1)
        weight = np.array([math.factorial(k) * math.factorial(d - k - 1) / math.factorial(d) for k in sizes])
        phi.append(weight @ (game(without | (np.arange(d) == j)) - game(without)))
    return np.array(phi).T


def independent(d: int, n: int, seed: int) -> Coalitions:
    """n independent draws by the kernel, merged where they are equal: no pairs, nothing listed."""
    rng = np.random.default_rng(seed)
    k = np.arange(1, d)
    law = 1 / (k * (d - k))
    sizes = rng.choice(k, n, p=law / law.sum())
    ranks = rng.permuted(np.tile(np.arange(d), (n, 1)), axis=1)
    kept, counts = np.unique(ranks < sizes[:, None], axis=0, return_counts=True)
    return Coalitions(kept, counts / n, np.zeros(len(kept), dtype=np.int64))


@pytest.mark.parametrize("seed", range(5))
def test_all_coalitions_give_the_mean_over_all_orders(seed: int) -> None:
    game = table_game(4, seed)
    np.testing.assert_allclose(estimated(game, 4, 14, 0).phi, by_permutations(game, 4), atol=1e-12)


@given(st.integers(1, 8), seeds)
def test_all_coalitions_give_the_definition(d: int, seed: int) -> None:
    game = table_game(d, seed)
    found = estimated(game, d, 2**d, seed)
    np.testing.assert_allclose(found.phi, by_subsets(game, d), atol=1e-11)
    np.testing.assert_array_equal(found.base, game(np.zeros((1, d), dtype=bool))[0])


@given(budgets, seeds)
def test_coalitions_are_distinct_pairs_of_complements_within_the_budget(size: tuple[int, int], seed: int) -> None:
    d, n = size
    c = shapley.draw(d, n, np.random.default_rng(seed))
    m = len(c.kept)
    assert c.kept.shape == (m, d)
    assert m == min(n - n % 2, 2**d - 2)
    assert c.exact == (m == 2**d - 2)
    assert len(np.unique(c.kept, axis=0)) == m
    assert c.kept.any(axis=1).all()
    assert not c.kept.all(axis=1).any()
    np.testing.assert_array_equal(c.kept[m // 2 :], ~c.kept[: m // 2])
    np.testing.assert_array_equal(c.fold[m // 2 :], c.fold[: m // 2])
    np.testing.assert_array_equal(c.weights[m // 2 :], c.weights[: m // 2])
    assert (c.weights > 0).all()
    assert c.weights.sum() == pytest.approx(1 if m else 0)


@given(st.integers(2, 11))
def test_where_all_are_listed_weights_are_the_shapley_kernel(d: int) -> None:
    c = shapley.draw(d, 2**d, np.random.default_rng(0))
    kernel = np.array([(d - 1) / (math.comb(d, k) * k * (d - k)) for k in c.kept.sum(axis=1)])
    np.testing.assert_allclose(c.weights, kernel / kernel.sum(), rtol=1e-12)


def test_sizes_are_listed_from_the_outside_in_and_the_others_drawn_by_their_share() -> None:
    c = shapley.draw(14, 1000, np.random.default_rng(0))
    sizes = c.kept.sum(axis=1)
    counts = np.bincount(sizes, minlength=15)
    listed = np.unique(sizes[c.fold < 0])
    assert listed.tolist() == [1, 2, 12, 13]
    assert all(counts[k] == math.comb(14, k) for k in listed)
    drawn = np.arange(3, 12)
    share = 1 / (drawn * (14 - drawn))
    np.testing.assert_allclose(counts[3:12], share / share.sum() * (1000 - 14 * 15), atol=2)


@pytest.mark.parametrize(("d", "n"), [(9, 60), (10, 140), (13, 300)])
def test_weighted_sums_over_sampled_coalitions_are_unbiased(d: int, n: int) -> None:
    game = table_game(d, 1, C=1)

    def sums(c: Coalitions) -> Array:
        return np.concatenate([(c.kept.T * c.weights) @ c.kept, (c.kept.T * c.weights) @ game(c.kept)], axis=1)

    exact = sums(shapley.draw(d, 2**d, np.random.default_rng(0)))
    found = np.array([sums(shapley.draw(d, n, np.random.default_rng(s))) for s in range(300)])
    z = (found.mean(axis=0) - exact) / np.maximum(found.std(axis=0) / np.sqrt(len(found)), 1e-12)
    assert np.abs(z).max() < 4.5


@given(budgets, seeds)
def test_contributions_add_up_to_the_output_whatever_was_sampled(size: tuple[int, int], seed: int) -> None:
    d, n = size
    game = pairs_game(d, seed)
    found = estimated(game, d, n, seed)
    full = game(np.ones((1, d), dtype=bool))[0]
    np.testing.assert_allclose(found.base + found.phi.sum(axis=1), full, atol=1e-9)


@given(budgets, seeds)
def test_an_additive_game_is_found_from_any_coalitions(size: tuple[int, int], seed: int) -> None:
    d, n = size
    effects = np.random.default_rng(seed).normal(size=(d, 3))
    found = estimated(lambda kept: 5 + kept @ effects, d, n, seed)
    np.testing.assert_allclose(found.phi, effects.T, atol=1e-10)
    if d > 1:
        np.testing.assert_allclose(found.r2, 1, atol=1e-10)


@given(st.integers(2, 8), seeds)
def test_features_that_do_the_same_get_the_same_and_one_that_does_nothing_gets_exactly_none(d: int, seed: int) -> None:
    game = table_game(d, seed)

    def alike(kept: Mask) -> Array:  # the first two can be exchanged, the last counts for nothing
        first = np.column_stack([kept[:, :2].any(axis=1), kept[:, :2].all(axis=1), kept[:, 2:]])
        return game(first)

    found = estimated(lambda kept: alike(kept[:, :-1]), d + 1, 2 ** (d + 1), seed)
    np.testing.assert_allclose(found.phi[:, 0], found.phi[:, 1], atol=1e-12)
    assert (found.phi[:, -1] == 0).all()


def test_values_add_up_over_games() -> None:
    one, other = table_game(6, 1), table_game(6, 2)
    both = estimated(lambda kept: 2 * one(kept) - 3 * other(kept), 6, 62, 0)
    expected = 2 * estimated(one, 6, 62, 0).phi - 3 * estimated(other, 6, 62, 0).phi
    np.testing.assert_allclose(both.phi, expected, atol=1e-12)


def errors(game: Game, d: int, n: int) -> float:
    """Root mean square error over 30 draws."""
    truth = estimated(game, d, 2**d, 0).phi
    return float(np.sqrt(np.mean([(estimated(game, d, n, s).phi - truth) ** 2 for s in range(30)])))


def test_the_error_falls_with_the_budget_and_is_none_in_the_end() -> None:
    game = pairs_game(12, 3)
    by_budget = [errors(game, 12, n) for n in (70, 200, 640, 2560, 4094)]
    assert all(b < 0.7 * a for a, b in itertools.pairwise(by_budget))
    assert by_budget[-1] == 0


@pytest.mark.parametrize("make", [pairs_game, lambda d, seed: table_game(d, seed, C=1)], ids=["pairs", "anything"])
def test_pairs_have_no_larger_error_than_independent_draws(make: Callable[[int, int], Game]) -> None:
    d, n = 11, 200
    game = make(d, 4)
    truth = estimated(game, d, 2**d, 0).phi
    singly = np.sqrt(np.mean([(solved(independent(d, n, s), game).phi - truth) ** 2 for s in range(30)]))
    assert errors(game, d, n) < singly


def test_products_of_two_features_cost_pairs_no_error() -> None:
    d = 12
    products = np.triu(np.random.default_rng(0).normal(size=(d, d)), 1)

    def game(kept: Mask) -> Array:
        values: Array = np.einsum("mi,ij,mj->m", kept * 1.0, products, kept * 1.0)
        return values[:, None]

    assert errors(game, d, 64) < 1e-12


def test_fit_is_one_without_interactions_and_the_kernels_r2_else() -> None:
    game = table_game(5, 8)
    c = shapley.draw(5, 30, np.random.default_rng(0))
    found, values = solved(c, game), game(c.kept)
    residual = values - found.base - c.kept @ found.phi.T
    level = np.average(values, axis=0, weights=c.weights)
    expected = 1 - (c.weights @ residual**2) / (c.weights @ (values - level) ** 2)
    np.testing.assert_allclose(found.r2, expected, rtol=1e-12)
    assert (found.r2 < 0.99).all()


def test_a_game_that_does_not_vary_has_zeros_and_no_fit() -> None:
    rng = np.random.default_rng(0)
    found = estimated(lambda kept: 0.1 + 1e-17 * rng.normal(size=(len(kept), 2)), 6, 62, 0)
    assert (found.phi == 0).all()
    assert np.isnan(found.r2).all()


def test_one_feature_gets_all_and_two_share_their_interaction() -> None:
    one = shapley.solve(
        shapley.draw(1, 1, np.random.default_rng(0)), np.empty((0, 2)), np.array([1.0, 2.0]), np.array([4.0, 0.0])
    )
    assert one.phi.tolist() == [[3.0], [-2.0]]
    assert np.isnan(one.r2).all()
    two = estimated(lambda kept: kept @ np.array([[1.0], [2.0]]) + 4.0 * kept.all(axis=1, keepdims=True), 2, 2, 0)
    np.testing.assert_allclose(two.phi, [[3.0, 4.0]], atol=1e-14)


@pytest.mark.parametrize(("d", "n"), [(0, 50), (1, -1), (2, 1), (3, 5), (6, 51), (30, 99)])
def test_a_budget_that_cannot_determine_the_values_is_refused(d: int, n: int) -> None:
    with pytest.raises(ValueError, match=f"got d = {d}, n = {n}"):
        shapley.draw(d, n, np.random.default_rng(0))


@settings(max_examples=40)
@given(st.integers(3, 150), seeds)
def test_the_least_budget_determines_the_values(d: int, seed: int) -> None:
    effects = np.random.default_rng(seed).normal(size=(d, 1))
    found = estimated(lambda kept: kept @ effects, d, shapley.least(d), seed)
    np.testing.assert_allclose(found.phi, effects.T, atol=1e-9)


def test_lost_coalitions_leave_the_values_or_say_that_they_cannot_be_told() -> None:
    effects = np.arange(1.0, 7.0)[:, None]
    c = shapley.draw(6, 62, np.random.default_rng(0))
    some = c.only(np.arange(0, 62, 3))
    np.testing.assert_allclose(solved(some, lambda kept: kept @ effects).phi, effects.T, atol=1e-12)
    together = np.flatnonzero(c.kept[:, 0] == c.kept[:, 1])  # features 1 and 2 always go together
    for few in (c.only(together), c.only(np.arange(4)), c.only(np.arange(0))):
        with pytest.raises(ValueError, match="too few distinct coalitions are left to tell 6 features apart"):
            solved(few, lambda kept: kept @ effects)


def test_repeats_of_exact_values_are_the_values() -> None:
    game = table_game(5, 2)
    c = shapley.draw(5, 30, np.random.default_rng(0))
    ends = game(np.array([[False] * 5, [True] * 5]))
    again = shapley.repeats(c, game(c.kept), *ends)
    phi = solved(c, game).phi
    for found, n in ((again.without, FOLDS), (again.halves, 2), (again.quarters, shapley.REPEATS)):
        assert found.shape == (n, *phi.shape)
        assert (found == phi).all()


def test_the_folds_tell_how_far_the_draw_is_off() -> None:
    d, n = 12, 400
    game = pairs_game(d, 5)
    ends = game(np.array([[False] * d, [True] * d]))
    truth = estimated(game, d, 2**d, 0).phi[0]
    values, variances, products = [], [], []
    for s in range(120):
        c = shapley.draw(d, n, np.random.default_rng(s))
        again = shapley.repeats(c, game(c.kept), *ends)
        values.append(solved(c, game).phi[0])
        variances.append((FOLDS - 1) * again.without[:, 0].var(axis=0))
        products.append(again.halves[0, 0] * again.halves[1, 0])
        np.testing.assert_allclose(again.quarters.sum(axis=2), (ends[1] - ends[0]).item(), atol=1e-9)
    found = np.array(values)
    ratio = np.sqrt(np.mean(variances, axis=0)) / found.std(axis=0)
    assert (ratio > 0.85).all()  # without replacement and with strata a draw is a little better than the folds can see
    assert (ratio < 1.6).all()
    off = np.mean(products, axis=0) - truth**2
    assert np.abs(off / (np.std(products, axis=0) / np.sqrt(120))).max() < 4


def test_the_same_seed_gives_the_same_coalitions() -> None:
    one, other = (shapley.draw(17, 333, np.random.default_rng([4, 9])) for _ in range(2))
    assert all(np.array_equal(getattr(one, name), getattr(other, name)) for name in ("kept", "weights", "fold"))
