"""What tells a fooling model from an honest one, on cases whose answer is known."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from limekiln import fooling
from limekiln.domains.tabular import pool as pools
from limekiln.domains.tabular import space as spaces
from limekiln.domains.tabular.pool import Pool
from limekiln.domains.tabular.space import Space
from limekiln.fooling import Comparison, StandIn, Weights
from limekiln.kernels import default_width
from limekiln.local import tables as local
from limekiln.local.tables import Local, PooledJob, Rows
from limekiln.values import Array, Index

NAMES = ["group", "income", "a", "aa", "b", "bb", "c", "cc"]
PAIRS = {"a": "aa", "b": "bb", "c": "cc"}
Function = Callable[[pd.DataFrame], Array]


def people(n: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Three pairs of columns that nearly always agree, which perturbed rows draw apart; two columns stand alone."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"group": rng.integers(0, 2, n), "income": rng.integers(0, 4, n)})
    for name in "abc":
        values = rng.integers(0, 2, n)
        frame[name], frame[name * 2] = values, np.where(rng.random(n) < 0.02, 1 - values, values)
    return frame.astype(dict.fromkeys(["group", *PAIRS, *PAIRS.values()], str))


def binary(p: Array) -> Array:
    return np.column_stack([1 - p, p])


def by_group(frame: pd.DataFrame) -> Array:
    return binary(np.asarray(frame["group"] == "1", dtype=np.float64))


def honest(frame: pd.DataFrame) -> Array:
    """Additive, and by both correlated columns."""
    score = 0.3 * (frame["a"] == "1") + 0.2 * (frame["aa"] == "1") + 0.1 * frame["income"]
    return binary(np.asarray(0.05 + score, dtype=np.float64))


def by_income(frame: pd.DataFrame) -> Array:
    return binary(np.asarray(frame["income"] > 1, dtype=np.float64))


def attack(frame: pd.DataFrame) -> Array:
    """Decides by group where the pairs agree, as in real rows, else by income."""
    real = np.all([frame[one] == frame[other] for one, other in PAIRS.items()], axis=0)
    return np.where(real[:, None], by_group(frame), by_income(frame))


def made(space: Space, frame: pd.DataFrame, function: Function) -> Pool:
    return pools.make(space, spaces.encode(space, frame), spaces.standardise(space, frame), function(frame))


def both(function: Function) -> tuple[Space, Pool, Pool]:
    space = spaces.fit(people(), discretizer="quartile")
    perturbed = spaces.perturb(space, 1500, np.random.default_rng(1)).frame
    return space, made(space, perturbed, function), made(space, people(), function)


def compared(function: Function) -> tuple[Comparison, StandIn]:
    space, perturbed, real = both(function)
    stood_in = fooling.stand_in(perturbed, real, 0)
    asked = people(80, seed=2)
    predicted = function(asked)
    rows = Rows(
        rows=np.arange(80),
        keys=np.arange(80).astype(np.uint64),
        codes=spaces.encode(space, asked),
        numbers=spaces.standardise(space, asked),
        predicted=predicted,
        labels=predicted.argmax(axis=1).astype(np.int64),
    )
    way = Local(space, default_width(len(space.columns)), "none", None)
    three = (
        local.explain_pooled(PooledJob(way, p), rows).explanations.weights for p in (perturbed, real, stood_in.pool)
    )
    return fooling.compare(Weights(rows.labels, *three), stood_in, 0.7), stood_in


def test_rows_of_one_law_cannot_be_told_apart_and_columns_that_never_vary_apart_can() -> None:
    space = spaces.fit(people(), discretizer="quartile")
    one, other = (made(space, people(seed=s), honest) for s in (3, 4))
    assert fooling.tell_apart(one, other, 0) == pytest.approx(0.5, abs=0.05)
    always = people().assign(aa=lambda f: f["a"])
    space = spaces.fit(always, discretizer="quartile")
    drawn = spaces.perturb(space, 1000, np.random.default_rng(1)).frame
    # half of the perturbed rows have two values that no real row has
    assert fooling.tell_apart(made(space, drawn, honest), made(space, always, honest), 0) > 0.7


def test_an_additive_models_behaviour_carries_over_and_an_attacks_does_not() -> None:
    _, perturbed, real = both(honest)
    good = fooling.stand_in(perturbed, real, 0)
    assert min(*good.taught, *good.carried) > 0.97
    space, perturbed, _ = both(by_income)
    bad = fooling.stand_in(perturbed, made(space, people(), by_group), 0)
    assert bad.taught.min() > 0.97
    assert bad.carried.max() < 0


def test_the_stand_in_answers_as_it_was_taught_and_not_as_the_model_does() -> None:
    space, perturbed, _ = both(by_income)
    real = made(space, people(), by_group)
    pool = fooling.stand_in(perturbed, real, 0).pool
    np.testing.assert_allclose((pool.outputs + pool.offset[:, None]).T, by_income(people()), atol=0.02)
    np.testing.assert_allclose(pool.outputs.mean(axis=1), 0, atol=1e-12)
    np.testing.assert_array_equal(pool.codes, real.codes)


def test_outputs_that_are_no_two_probabilities_are_each_taught() -> None:
    def three(frame: pd.DataFrame) -> Array:
        return np.column_stack([honest(frame)[:, 1], by_income(frame)[:, 1], np.full(len(frame), 0.5)])

    _, perturbed, real = both(three)
    found = fooling.stand_in(perturbed, real, 0)
    assert found.taught[:2].min() > 0.97
    assert np.isnan([found.taught[2], found.carried[2]]).all()  # an output that never varies has nothing to teach
    _, perturbed, real = both(lambda f: 1e4 * honest(f)[:, 1:])
    assert fooling.stand_in(perturbed, real, 0).taught.shape == (1,)


def test_an_attack_is_caught_and_what_it_hides_is_named() -> None:
    found, _ = compared(attack)
    assert found.verdict == "disagree"
    assert found.risen[0].feature == NAMES.index("group")
    assert found.risen[0].marginal < 0.25
    assert found.risen[0].data > 0.6
    assert found.fallen[0].feature == NAMES.index("income")
    assert found.excess == max(s.excess for s in found.risen) >= fooling.DISAGREE


@pytest.mark.parametrize("function", [honest, by_income])
def test_an_honest_model_agrees_although_its_shares_differ_between_the_pools(function: Function) -> None:
    found, _ = compared(function)
    assert found.verdict == "agree"
    assert found.excess < 0.03


def shares(*rows: tuple[float, float]) -> Array:
    return np.array(rows * 10, dtype=np.float64)


def flat(labels: Index, data: Array, expected: Array) -> Comparison:
    nothing = StandIn(both(honest)[2], np.array([0.9, np.nan]), np.array([0.8, np.nan]))
    return fooling.compare(Weights(labels, expected, data, expected), nothing, 0.5)


def test_shares_count_every_row_once_whatever_its_weights_size() -> None:
    weights = Weights(np.zeros(20, dtype=np.int64), *[shares((3.0, -1.0), (0.0, 0.01))] * 3)
    found = {(s.label, s.feature): s.data for s in fooling.shifts(weights)}
    assert found == pytest.approx({(None, 0): 0.375, (None, 1): 0.625, (0, 0): 0.375, (0, 1): 0.625})


def test_a_shift_in_one_class_counts_where_the_class_has_rows_enough() -> None:
    same, other = np.tile([1.0, 1.0], (100, 1)), np.tile([1.0, 1.0], (100, 1))
    for n, verdict in ((fooling.MIN_ROWS, "disagree"), (fooling.MIN_ROWS - 1, "agree")):
        labels = (np.arange(100) < n).astype(np.int64)
        other[:] = 1.0
        other[:n] = [1.5, 0.5]  # 0.25 more in this class, 0.05 over all
        found = flat(labels, other, same)
        assert found.verdict == verdict
        assert (found.risen[0].label, found.risen[0].feature) == ((1, 0) if verdict == "disagree" else (None, 0))
    assert (found.taught, found.carried) == (0.9, 0.8)


@pytest.mark.parametrize(
    ("excess", "verdict"),
    [
        (fooling.SUSPICIOUS - 0.01, "agree"),
        (fooling.SUSPICIOUS + 0.01, "suspicious"),
        (fooling.DISAGREE + 0.01, "disagree"),
    ],
)
def test_the_verdict_goes_by_the_largest_excess(excess: float, verdict: str) -> None:
    labels = np.zeros(20, dtype=np.int64)
    found = flat(labels, shares((0.5 + excess, 0.5 - excess), (0.5 + excess, 0.5 - excess)), shares((1, 1), (1, 1)))
    assert found.verdict == verdict
    assert found.excess == found.rise == pytest.approx(excess)
    assert found.fallen[0].excess == pytest.approx(-excess)


def test_rows_without_any_weight_break_nothing() -> None:
    found = flat(np.zeros(20, dtype=np.int64), shares((0.0, 0.0), (0.0, 0.0)), shares((1.0, 1.0), (1.0, 1.0)))
    assert (found.verdict, found.excess) == ("agree", -0.5)


def test_the_measures_follow_from_the_seed() -> None:
    _, perturbed, real = both(attack)
    (one, auc), (again, same) = (fooling.examine((perturbed, real), 2**62 + 1) for _ in range(2))
    assert one.pool.outputs.tobytes() == again.pool.outputs.tobytes()
    assert auc == same
