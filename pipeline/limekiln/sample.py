"""Which rows are explained: an exact, stratified sample that is a pure function of (seed, row keys).

Every row gets a pseudo-random number from its key and the seed; a stratum's sample is its rows with the
smallest numbers. So the sample does not depend on the order or the partitions that rows arrive in.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from limekiln.values import Index

Keys = NDArray[np.uint64]

_NUMERIC_STRATA: Final = 10
_MANY_VALUES: Final = 20


@dataclass(frozen=True)
class Strata:
    """The stratum of each row, (n,) positions into `names`."""

    codes: Index
    names: tuple[str, ...]


@dataclass(frozen=True)
class Sample:
    """Positions of the chosen rows in rising order, and for each stratum its rows and how many were taken."""

    rows: Index
    strata: Strata
    sizes: Index
    taken: Index


def given(rows: Index, n: int) -> Sample:
    """Rows of n that somebody named, as a sample from one stratum."""
    return Sample(np.sort(rows), one_stratum(n), np.array([n]), np.array([len(rows)]))


def hash_keys(keys: Sequence[str]) -> Keys:
    """A 64-bit number for each row key, the same in every process and on every machine."""
    return pd.util.hash_array(np.asarray(keys, dtype=object), categorize=False)


def one_stratum(n: int) -> Strata:
    """All rows in one stratum."""
    return Strata(np.zeros(n, dtype=np.int64), ("all rows",))


def strata_of(values: pd.Series) -> Strata:
    """Strata from a column: its values, or ten equal parts of a number with more than 20 different ones."""
    if pd.api.types.is_numeric_dtype(values.dtype) and values.nunique() > _MANY_VALUES:
        values = pd.qcut(values, _NUMERIC_STRATA, duplicates="drop")
    codes, uniques = pd.factorize(values, sort=True, use_na_sentinel=True)
    names = tuple(str(u) for u in uniques)
    missing = codes < 0
    if missing.any():
        codes, names = np.where(missing, len(names), codes), (*names, "(missing)")
    return Strata(codes.astype(np.int64), names)


def draw(keys: Keys, strata: Strata, rows: int | Literal["all"], seed: int) -> Sample:
    """Draws exactly min(rows, n) rows, each stratum in proportion to its size, but at least one of each.

    Args:
        keys: (n,) from `hash_keys`.
        strata: each row's stratum.
        rows: how many to draw, or "all".
        seed: the run's seed.
    """
    sizes = np.bincount(strata.codes, minlength=len(strata.names)).astype(np.int64)
    wanted = len(keys) if rows == "all" else min(rows, len(keys))
    quotas = allocate(sizes, wanted)
    number = _splitmix(keys ^ _splitmix(np.array([seed], dtype=np.uint64)))
    order = np.lexsort((np.arange(len(keys)), keys, number, strata.codes))
    rank_in_stratum = np.arange(len(keys)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    chosen = order[rank_in_stratum < quotas[strata.codes[order]]]
    return Sample(np.sort(chosen), strata, sizes, quotas)


def allocate(sizes: Index, total: int) -> Index:
    """Splits `total` among strata in proportion to `sizes` by largest remainders.

    No stratum gets more than its size; none that has rows gets less than one: a stratum whose share is below
    one gets one, and the others divide the rest. Where `total` is too small for that, the largest get one.
    """
    if total >= sizes.sum():
        return sizes.copy()
    quotas = np.zeros_like(sizes)
    if total <= np.count_nonzero(sizes):
        quotas[np.argsort(-sizes, kind="stable")[:total]] = 1
        return quotas
    rare = open_ = sizes > 0
    while rare.any():
        share = np.where(open_, sizes * ((total - quotas.sum()) / sizes[open_].sum()), 0.0)
        rare = open_ & (share < 1)
        quotas[rare] = 1
        open_ = open_ & ~rare
    whole = np.floor(share)
    quotas[open_] = whole[open_]
    by_remainder = np.argsort(whole - share, kind="stable")
    quotas[by_remainder[: total - quotas.sum()]] += 1
    return quotas


def _splitmix(x: Keys) -> Keys:
    """SplitMix64's finaliser (Steele, Lea & Flood 2014): a bijection that spreads every bit."""
    z = x + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
