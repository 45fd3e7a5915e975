"""Picks of a data set, and their certificates re-checked as an outside auditor would: from the tables alone."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from limekiln import matrix, representatives
from limekiln.domains.tabular import space as spaces
from limekiln.domains.tabular.columns import Discretizer
from limekiln.domains.tabular.space import Space
from limekiln.record import TABLES
from limekiln.representatives import COVERED_ABOVE_AVERAGE, COVERED_BY_WEIGHT, Representatives
from limekiln.values import Array, Explanations, Index, LocalExplanations, plain_vocabulary
from weight_cases import by_key

BY_WEIGHT, ABOVE_AVERAGE = (rule.format(what="feature's value") for rule in (COVERED_BY_WEIGHT, COVERED_ABOVE_AVERAGE))

Key = tuple[str, str]


def frame(seed: int, n: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": rng.integers(18, 75, n),
            "amount": np.where(rng.random(n) < 0.1, np.nan, rng.lognormal(7, 1, n)),
            "housing": rng.choice(["own", "rent", "free"], n),
            "purpose": rng.choice(list("abcdefgh"), n),
        }
    )


def explained(
    seed: int, n: int, cut: Discretizer = "quartile", density: float = 0.6
) -> tuple[Space, LocalExplanations]:
    rng, table = np.random.default_rng(seed), frame(seed, n)
    space = spaces.fit(table, discretizer=cut)
    weights = np.where(rng.random((n, 4)) < density, rng.normal(size=(n, 4)), 0.0)
    return space, explanations(space, table, weights)


def explanations(space: Space, table: pd.DataFrame, weights: Array) -> LocalExplanations:
    n = len(table)
    rows, nothing = np.arange(n), np.zeros(n)
    codes = spaces.encode(space, table)
    return LocalExplanations(rows, np.zeros(n, dtype=np.int64), codes, weights, *[nothing] * 6)


def choose(space: Space, local: LocalExplanations, members: Index, scope: str, budget: int) -> Representatives:
    return representatives.choose(matrix.of_space(space), matrix.of_table(space, local), members, scope, budget)


def certificates_table(r: Representatives, space: Space) -> pd.DataFrame:
    return representatives.certificates_table([r], matrix.of_space(space))


def told(space: Space, local: LocalExplanations, *, whole_numbers: bool) -> list[dict[Key, float]]:
    """Each row's weights by (feature, value), as a table of explanations has them."""
    return [
        {
            (c.name, "" if whole_numbers and c.kind == "continuous" and k != c.missing else c.labels[k]): float(w)
            for c, k, w in zip(space.columns, codes, weights, strict=True)
        }
        for codes, weights in zip(local.codes, local.weights, strict=True)
    ]


def audited(rows: list[dict[Key, float]], certificate: pd.DataFrame, budget: int, *, above_average: bool) -> float:
    """The bound that a certificate proves, from explanations and the table alone, in plain loops."""
    worth = {(f, v): i for f, v, i in zip(certificate.feature, certificate.value, certificate.importance, strict=True)}
    dual = {(f, v): x for f, v, x in zip(certificate.feature, certificate.value, certificate.dual, strict=True)}
    covering = []
    for row in rows:
        used = [abs(w) for w in row.values() if w != 0]
        floor = sum(used) / len(used) * (1 - 1e-12) if used and above_average else 0.0
        covering.append([k for k, w in row.items() if w != 0 and abs(w) >= floor])
    for key, value in worth.items():
        paid = sum(abs(row.get(key, 0.0)) for row in rows)
        assert value == pytest.approx(paid**0.5, rel=1e-12)
        assert 0 <= dual[key] <= value
    reached = sorted((sum(dual[k] for k in keys) for keys in covering), reverse=True)
    return float(sum(worth[k] - dual[k] for k in worth) + sum(reached[:budget]))


@pytest.mark.parametrize("cut", ["quartile", "none"])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("copies", [False, True], ids=["", "rows many times over"])
def test_the_certificate_table_alone_proves_the_bound(seed: int, cut: Discretizer, *, copies: bool) -> None:
    space, local = explained(seed, 120, cut)
    if copies:
        again = np.arange(120) % 7
        local = replace(local, codes=local.codes[again], weights=local.weights[again])
    r = choose(space, local, np.arange(120), "*", 5)
    table = certificates_table(r, space)
    above = r.rule == ABOVE_AVERAGE
    proved = audited(told(space, local, whole_numbers=cut == "none"), table, 5, above_average=above)
    assert proved == pytest.approx(r.upper_bound, rel=1e-9)
    assert r.gains.sum() <= r.upper_bound + 1e-9
    covered = table[table.covered]
    assert covered.importance.sum() == pytest.approx(r.gains.sum())


def test_what_the_picked_rows_bring_in_is_what_they_gain() -> None:
    space, local = explained(1, 150)
    r = choose(space, local, np.arange(150), "*", 6)
    assert len(r.new_keys) == len(r.members) == len(r.gains) == len(r.curve)
    for member, gain, keys in zip(r.members, r.gains, r.new_keys, strict=True):
        assert sum(r.importance[k] for k in keys) == pytest.approx(gain)
        own = matrix.of_space(space).pick[matrix.table_keys(space, local.codes[[member]])[0]]
        assert set(keys) <= set(own[local.weights[member] != 0].tolist())
        assert list(r.importance[list(keys)]) == sorted(r.importance[list(keys)], reverse=True)
    flat = [k for keys in r.new_keys for k in keys]
    assert len(flat) == len(set(flat)) == r.covered.sum()


def test_rows_that_cover_everything_by_weight_must_cover_above_average() -> None:
    _, local = explained(2, 60, "none", density=1.0)
    numbers = replace(local, weights=local.weights[:, :2], codes=local.codes[:, :2])
    only = spaces.fit(frame(2, 60)[["age", "amount"]], discretizer="none")
    r = choose(only, numbers, np.arange(60), "*", 3)
    present = numbers.codes[:, 1] != only.columns[1].missing
    assert r.rule in (BY_WEIGHT, ABOVE_AVERAGE)
    r = choose(only, numbers, np.flatnonzero(present), "*", 3)
    assert r.rule == ABOVE_AVERAGE
    assert len(r.members) == 2, "one row for each of the two columns"
    assert r.total == pytest.approx(np.sqrt(np.abs(numbers.weights[present]).sum(axis=0)).sum())


def test_a_column_that_no_row_covers_above_average_is_worth_nothing() -> None:
    _, local = explained(2, 60, "none")
    only = spaces.fit(frame(2, 60)[["age", "amount"]], discretizer="none")
    weights = np.column_stack([np.full(60, -2.0), np.full(60, 1.0)])
    numbers = replace(local, weights=weights, codes=local.codes[:, :2])
    r = choose(only, numbers, np.flatnonzero(numbers.codes[:, 1] < only.columns[1].missing), "*", 3)
    assert r.rule == ABOVE_AVERAGE
    assert certificates_table(r, only)["feature"].tolist() == ["age"]
    assert r.gains.tolist() == [r.total]


def test_a_missing_number_is_a_key_of_its_own_beside_the_whole_column() -> None:
    space, local = explained(3, 80, "none", density=1.0)
    named = matrix.pick_names(matrix.of_space(space))
    r = choose(space, local, np.arange(80), "*", 80)
    keys = {named[k] for k in np.flatnonzero(r.importance)}
    assert ("age", "") in keys
    assert ("amount", "") in keys
    assert ("amount", "(missing)") in keys
    assert len({k for k in keys if k[0] == "age"}) == 1


def test_a_model_that_uses_nothing_gives_an_empty_pick() -> None:
    space, local = explained(4, 30)
    r = choose(space, replace(local, weights=np.zeros((30, 4))), np.arange(30), "*", 3)
    assert r.members.tolist() == []
    assert r.total == r.upper_bound == 0.0
    assert certificates_table(r, space).empty
    assert representatives.picks_table([r], ["x"] * 30).empty


@pytest.mark.parametrize("n", [1, 2])
def test_one_row_or_two_identical_ones(n: int) -> None:
    space, local = explained(5, 30, density=1.0)
    first = np.zeros(n, dtype=np.int64)
    few = LocalExplanations(
        rows=np.arange(n),
        labels=local.labels[first],
        codes=local.codes[first],
        weights=local.weights[first],
        intercept=local.intercept[first],
        surrogate=local.surrogate[first],
        predicted=local.predicted[first],
        r2=local.r2[first],
        vsi=local.vsi[first],
        csi=local.csi[first],
    )
    r = choose(space, few, np.arange(n), "*", 8)
    assert 1 <= len(r.members) <= n
    assert r.upper_bound >= r.gains.sum() - 1e-12


def test_the_order_of_rows_only_matters_for_equal_rows() -> None:
    space, local = explained(6, 90)
    shuffled = np.random.default_rng(0).permutation(90)
    a = choose(space, local, np.arange(90), "*", 5)
    b = choose(space, local, shuffled, "*", 5)
    np.testing.assert_allclose(a.gains, b.gains, rtol=1e-12)
    assert a.upper_bound == pytest.approx(b.upper_bound, rel=1e-9)
    assert set(a.members.tolist()) == set(b.members.tolist())


def test_the_tables_have_the_contracts_columns() -> None:
    space, local = explained(7, 50)
    r = choose(space, local, np.arange(20, 50), "good", 3)
    picks = representatives.picks_table([r], [f"row {i}" for i in range(50)])
    assert tuple(picks.columns) == TABLES["picks"]
    assert tuple(certificates_table(r, space).columns) == TABLES["certificates"]
    assert picks["row"].tolist() == [f"row {i}" for i in r.members]
    assert (r.members >= 20).all()
    np.testing.assert_allclose(picks["coverage"], np.cumsum(picks["gain"]))
    assert picks["order"].tolist() == [1, 2, 3]
    assert (picks["upper_bound"] >= picks["coverage"] - 1e-9).all()


def test_texts_cover_their_words_and_the_rule_speaks_of_features() -> None:
    weights = by_key(np.array([[2.0, 1.0], [3.0, 0.0], [4.0, -1.0]]), np.array([[0, 1], [2, 3], [0, 2]]), 5)
    nothing = np.zeros(3)
    explained = Explanations(np.arange(3), np.zeros(3, dtype=np.int64), weights, *[nothing] * 6)
    vocabulary = plain_vocabulary(["bad", "fair", "good", "never", "unseen"])
    r = representatives.choose(vocabulary, explained, np.arange(3), "*", 2)
    assert r.rule == "a row covers a feature where its weight is not zero"
    assert r.members.tolist() == [2, 0]
    assert r.new_keys == ((0, 2), (1,))
    np.testing.assert_allclose(r.importance, np.sqrt([6.0, 1.0, 4.0, 0.0, 0.0]))
    table = representatives.certificates_table([r], vocabulary)
    assert table["feature"].tolist() == ["bad", "fair", "good"]
    assert set(table["value"]) == {""}
