from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limekiln import sample
from limekiln.sample import Sample, Strata
from limekiln.values import Index


def names(n: int) -> list[str]:
    return [f"application {i}" for i in range(n)]


def drawn(n: int, rows: int, codes: Index | None = None, seed: int = 0) -> Sample:
    strata = sample.one_stratum(n) if codes is None else Strata(codes, tuple("abcdefgh"[: codes.max() + 1]))
    return sample.draw(sample.hash_keys(names(n)), strata, rows, seed)


@pytest.mark.parametrize("rows", [0, 1, 7, 99, 100, 500])
def test_the_size_is_exact(rows: int) -> None:
    codes = np.random.default_rng(0).integers(0, 5, 100)
    taken = drawn(100, rows, codes)
    assert len(taken.rows) == len(set(taken.rows.tolist())) == min(rows, 100)
    assert taken.taken.sum() == len(taken.rows)
    np.testing.assert_array_equal(np.bincount(codes[taken.rows], minlength=5), taken.taken)
    np.testing.assert_array_equal(np.bincount(codes, minlength=5), taken.sizes)


def test_all_means_all_in_order() -> None:
    everything = sample.draw(sample.hash_keys(names(50)), sample.one_stratum(50), "all", 3)
    assert everything.rows.tolist() == list(range(50))


def test_a_smaller_sample_lies_within_a_larger_one() -> None:
    samples = [set(drawn(300, rows).rows.tolist()) for rows in (5, 50, 51, 200)]
    for small, large in pairwise(samples):
        assert small < large


def test_it_depends_on_keys_and_seed_and_on_nothing_else() -> None:
    keys = np.array(names(200), dtype=object)
    codes = np.random.default_rng(1).integers(0, 3, 200)
    plain = sample.draw(sample.hash_keys(keys.tolist()), Strata(codes, ("a", "b", "c")), 40, 9)
    order = np.random.default_rng(2).permutation(200)
    shuffled = sample.draw(sample.hash_keys(keys[order].tolist()), Strata(codes[order], ("a", "b", "c")), 40, 9)
    assert set(keys[plain.rows]) == set(keys[order][shuffled.rows])
    other = sample.draw(sample.hash_keys(keys.tolist()), Strata(codes, ("a", "b", "c")), 40, 10)
    assert set(plain.rows.tolist()) != set(other.rows.tolist())


def test_rows_of_a_stratum_are_drawn_alike_whatever_the_other_strata_hold() -> None:
    codes = np.repeat([0, 1], [60, 140])
    whole = drawn(200, 20, codes)
    alone = sample.draw(sample.hash_keys(names(60)), sample.one_stratum(60), int(whole.taken[0]), 0)
    assert alone.rows.tolist() == whole.rows[whole.rows < 60].tolist()


def test_every_row_is_as_likely_as_any_other() -> None:
    keys, strata = sample.hash_keys(names(40)), sample.one_stratum(40)
    counts = np.zeros(40)
    for seed in range(2000):
        counts[sample.draw(keys, strata, 10, seed).rows] += 1
    z = (counts - 500) / np.sqrt(2000 * 0.25 * 0.75)
    assert np.abs(z).max() < 4
    assert (z**2).sum() == pytest.approx(40, abs=36)


def test_key_hashes_are_what_they_were_on_the_first_machine() -> None:
    assert sample.hash_keys(["17", "ä", ""]).tolist() == [
        1568588710791152757,
        169404545344139998,
        1760245841805064774,
    ]


@settings(deadline=None, derandomize=True, max_examples=300)
@given(st.lists(st.sampled_from([0, 1, 2, 3, 5, 90, 1000]), min_size=1, max_size=9), st.data())
def test_quotas_add_up_stay_within_and_leave_nobody_out(strata: list[int], data: st.DataObject) -> None:
    sizes = np.array(strata, dtype=np.int64)
    for total in data.draw(st.lists(st.integers(0, int(sizes.sum()) + 1), max_size=5)):
        quotas = sample.allocate(sizes, total)
        assert quotas.sum() == min(total, sizes.sum())
        assert (quotas >= 0).all()
        assert (quotas <= sizes).all()
        if total >= np.count_nonzero(sizes):
            assert (quotas[sizes > 0] >= 1).all(), (sizes, total, quotas)
            larger = np.argsort(sizes, kind="stable")
            assert (np.diff(quotas[larger]) >= -1).all(), "a larger stratum gets less only by one's rounding"
        else:
            assert quotas.max(initial=0) <= 1


def test_quotas_are_the_largest_remainders_where_nobody_is_left_out() -> None:
    assert sample.allocate(np.array([500, 300, 200]), 10).tolist() == [5, 3, 2]
    assert sample.allocate(np.array([416, 338, 246]), 10).tolist() == [4, 3, 3]
    assert sample.allocate(np.array([50, 50]), 3).tolist() == [2, 1]


def test_two_rare_strata_both_get_one() -> None:
    assert sample.allocate(np.array([98, 1, 1]), 10).tolist() == [8, 1, 1]


def test_where_not_all_can_have_one_the_largest_go_first() -> None:
    assert sample.allocate(np.array([3, 1000, 7]), 2).tolist() == [0, 1, 1]


def test_strata_of_names_and_few_numbers_are_the_values() -> None:
    strata = sample.strata_of(pd.Series(["b", None, "a", "b"], dtype=object))
    assert strata.names == ("a", "b", "(missing)")
    assert strata.codes.tolist() == [1, 2, 0, 1]
    assert sample.strata_of(pd.Series([3, 1, 3])).names == ("1", "3")
    assert sample.strata_of(pd.Series([True, False, True])).codes.tolist() == [1, 0, 1]
    assert sample.strata_of(pd.Series([None, None], dtype=object)).names == ("(missing)",)


def test_strata_of_many_numbers_are_tenths() -> None:
    values = pd.Series(np.random.default_rng(0).normal(size=1000))
    values[5] = np.nan
    strata = sample.strata_of(values)
    assert len(strata.names) == 11
    assert strata.names[-1] == "(missing)"
    sizes = np.bincount(strata.codes)
    assert sizes[-1] == 1
    assert sizes[:-1].min() >= 99
