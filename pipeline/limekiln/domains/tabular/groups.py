"""Several columns as one feature: one-hot parts, correlated blocks, the parts of a date.

A code of a group is a combination of its members' codes that the background has. A row's interpretable value
is 1 where every member has the row's own code, and a draw takes all members' values from one row of the
background: what is drawn together has been seen together.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd

from limekiln.domains.tabular import columns as col
from limekiln.domains.tabular.columns import MISSING_LABEL, UNSEEN_LABEL, Column
from limekiln.values import Array, Codes, Index

COMBINATIONS: Final = 200
"""The most frequent combinations that get a code of their own; the others share one."""
OTHER_LABEL: Final = "(other combination)"

_DONORS: Final = 50_000


@dataclass(frozen=True, eq=False)
class Group:
    """A group of k columns with K ordinary codes, then missing (K: all members are), then unseen (K + 1).

    Where the background has more than `COMBINATIONS` combinations, code K − 1 stands for all rare ones.

    Attributes:
        name: the feature's name.
        parts: (k,) the columns, by themselves.
        labels: (K + 2,) what a reader calls each code.
        frequency: (K + 2,) each code's share of the background; what a perturbation's code is drawn by.
        levels: (k,) for each member, the combinations of it and those before it, as `_numbers` pairs them.
        code_of: (U,) the code of each combination of all members.
        donors: rows of the background, the members only, sorted by code; what values are drawn from.
        starts: (K + 3,) where each code's donors start and end.
    """

    name: str
    parts: tuple[Column, ...]
    labels: tuple[str, ...]
    frequency: Array
    levels: tuple[Index, ...]
    code_of: Codes
    donors: pd.DataFrame
    starts: Index

    @property
    def kind(self) -> Literal["group"]:
        """What tells a group from a column."""
        return "group"

    @property
    def members(self) -> tuple[str, ...]:
        """The columns' names, (k,)."""
        return tuple(c.name for c in self.parts)

    @property
    def missing(self) -> int:
        """The code of a row that has none of the members' values."""
        return len(self.labels) - 2

    @property
    def unseen(self) -> int:
        """The code of a combination that the background does not have."""
        return len(self.labels) - 1

    @property
    def constant(self) -> bool:
        """Whether the background has one code only, so that nothing can be said about the group."""
        return int(np.count_nonzero(self.frequency)) <= 1


def fit(name: str, parts: tuple[Column, ...], background: pd.DataFrame, seed: int) -> Group:
    """Fits a group to a background.

    Args:
        name: the feature's name.
        parts: (k,) the columns, fitted to the same background.
        background: (N, d) rows that perturbations are drawn like.
        seed: chooses the donors where the background has more than 50,000 rows.
    """
    codes = _part_codes(parts, background)
    levels, numbers = _levels(parts, codes)
    counts = np.bincount(numbers)
    first = np.full(len(counts), -1)
    first[numbers[::-1]] = np.arange(len(numbers))[::-1]  # the last assignment stays: each one's first row
    nothing = (codes[first] == [c.missing for c in parts]).all(axis=1)
    usual = np.flatnonzero(~nothing)
    own = np.sort(usual[np.argsort(-counts[usual], kind="stable")[:COMBINATIONS]])
    missing = len(own) + (len(usual) > len(own))
    code_of = np.full(len(counts), len(own), dtype=np.int32)
    code_of[own] = np.arange(len(own))
    code_of[nothing] = missing
    others = [OTHER_LABEL] * (missing - len(own))
    members = background[[c.name for c in parts]]
    labels = _labels(name, parts, members, members.iloc[first[own]], codes[first[own]])
    row_codes = code_of[numbers]
    chosen = _donor_rows(row_codes, seed)
    donor_counts = np.bincount(row_codes[chosen], minlength=missing + 2)
    return Group(
        name=name,
        parts=parts,
        labels=(*labels, *others, MISSING_LABEL, UNSEEN_LABEL),
        frequency=np.bincount(row_codes, minlength=missing + 2) / len(background),
        levels=levels,
        code_of=code_of,
        donors=members.iloc[chosen].reset_index(drop=True),
        starts=np.concatenate([[0], np.cumsum(donor_counts)]).astype(np.int64),
    )


def encode(group: Group, frame: pd.DataFrame) -> Codes:
    """The code of each row, (n,)."""
    numbers = _numbers(group.parts, group.levels, _part_codes(group.parts, frame))
    return np.where(numbers < 0, group.unseen, group.code_of[numbers]).astype(np.int32)


def draw(group: Group, n: int, rng: np.random.Generator) -> tuple[pd.DataFrame, Codes]:
    """Draws n codes by their frequency, and for each the members' values of one background row that has it."""
    codes = col.draw_by(group.frequency, n, rng)
    start, stop = group.starts[codes], group.starts[codes + 1]
    donors = start + np.floor(rng.random(n) * (stop - start)).astype(np.int64)
    return group.donors.take(donors).reset_index(drop=True), codes


def _part_codes(parts: tuple[Column, ...], frame: pd.DataFrame) -> Codes:
    return np.column_stack([col.encode(c, frame[c.name]) for c in parts])


def _levels(parts: tuple[Column, ...], codes: Codes) -> tuple[tuple[Index, ...], Index]:
    """The combinations of the first member, of the first two, …, and each row's number among those of all.

    Member by member, so that no number outgrows 64 bits: one for all members would with thirty of them.
    """
    levels = []
    numbers = np.zeros(len(codes), dtype=np.int64)
    for part, own in zip(parts, codes.T, strict=True):
        level, numbers = np.unique(numbers * len(part.labels) + own, return_inverse=True)
        levels.append(level)
    return tuple(levels), numbers


def _numbers(parts: tuple[Column, ...], levels: tuple[Index, ...], codes: Codes) -> Index:
    """Each row's number among the combinations of `_levels`, (n,); −1 for one that is not there."""
    numbers = np.zeros(len(codes), dtype=np.int64)
    for part, level, own in zip(parts, levels, codes.T, strict=True):
        pairs = numbers * len(part.labels) + own  # negative, and so nowhere, after a −1
        at = np.minimum(np.searchsorted(level, pairs), len(level) - 1)
        numbers = np.where(level[at] == pairs, at, -1)
    return numbers


def _donor_rows(codes: Codes, seed: int) -> Index:
    """Background rows in order of their code; where they are too many, a share of each code's, at least one."""
    order = np.argsort(codes, kind="stable")
    if len(codes) <= _DONORS:
        return order
    rng = np.random.default_rng(seed)
    ends = np.cumsum(np.bincount(codes))
    kept = []
    for rows in np.split(order, ends[:-1]):
        wanted = min(len(rows), max(1, round(len(rows) * _DONORS / len(codes))))
        kept.append(np.sort(rng.choice(rows, wanted, replace=False)) if len(rows) else rows)
    return np.concatenate(kept)


def _labels(
    group: str, parts: tuple[Column, ...], members: pd.DataFrame, examples: pd.DataFrame, codes: Codes
) -> Iterator[str]:
    """The name of each combination, from a row that has it: "red = 1" or "age ≤ 30 & housing = own"."""
    names = _short_names(group, parts)
    flags = [_is_flag(members[c.name]) for c in parts]
    shown = [j for j, part in enumerate(parts) if not part.constant] or list(range(len(parts)))
    ones_only = all(flags[j] for j in shown)
    for (_, row), own in zip(examples.iterrows(), codes, strict=True):
        texts = []
        for j in shown:
            absent = own[j] == parts[j].missing
            if not flags[j] or absent:
                texts.append(f"{names[j]} {_value(parts[j], int(own[j]))}")
            elif row.iloc[j] == 1 or not ones_only:
                texts.append(f"{names[j]} = {int(row.iloc[j])}")
        yield " & ".join(texts) or "all 0"


def _short_names(group: str, parts: tuple[Column, ...]) -> list[str]:
    """The members' names, without the group's own where all begin with it: a reader sees it before them."""
    rests = [c.name.removeprefix(group).lstrip("_-.:= ") for c in parts]
    begin_so = all(c.name.startswith(group) and not c.name[len(group) :][:1].isalnum() for c in parts)
    return rests if begin_so and all(rests) else [c.name for c in parts]


def _value(part: Column, code: int) -> str:
    label = part.labels[code]
    borders = part.kind == "continuous" and label[0] in "≤≥>"
    return label if borders or code == part.missing else f"= {label}"


def _is_flag(values: pd.Series) -> bool:
    """Whether a column holds truth values, or no other numbers than 0 and 1."""
    if not (pd.api.types.is_numeric_dtype(values.dtype) or pd.api.types.is_bool_dtype(values.dtype)):
        return False
    return bool(values.dropna().isin([0, 1]).all())
