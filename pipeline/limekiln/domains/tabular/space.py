"""The interpretable space of a table: its columns and groups, fitted to a background once and then only read."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from limekiln.domains.tabular import columns as col
from limekiln.domains.tabular import groups as grp
from limekiln.domains.tabular.columns import Column, Discretizer
from limekiln.domains.tabular.groups import Group
from limekiln.values import Array, Codes, Index, Mask


@dataclass(frozen=True)
class Space:
    """d features.

    Attributes:
        columns: (d,) columns, and groups of columns, in the model's order; a group stands where its first member does.
        discretized: whether continuous columns are matched by interval or kept as numbers; groups always match.
        order: the model's columns in its order, those inside groups included.
        titles: (d,) what the features are called, where that is not their own names.
    """

    columns: tuple[Column | Group, ...]
    discretized: bool
    order: tuple[str, ...]
    titles: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """What the features are called, (d,)."""
        return self.titles or tuple(c.name for c in self.columns)

    @property
    def sizes(self) -> Index:
        """How many codes each feature has, missing and unseen included."""
        return np.array([len(c.labels) for c in self.columns], dtype=np.int64)

    @property
    def matched(self) -> Mask:
        """Features (d,) whose interpretable value is 1 where a perturbed row has the row's own code."""
        return np.array([self.discretized or c.kind != "continuous" for c in self.columns])


@dataclass(frozen=True)
class Perturbed:
    """n perturbed rows: as the model sees them, their codes (n, d), and their standardised numbers (n, d)."""

    frame: pd.DataFrame
    codes: Codes
    standardised: Array


def fit(
    background: pd.DataFrame,
    *,
    discretizer: Discretizer,
    categorical: Collection[str] = (),
    classes: Index | None = None,
    seed: int = 0,
    groups: Mapping[str, Sequence[str]] | None = None,
) -> Space:
    """Fits intervals, categories, combinations and frequencies to a background.

    Args:
        background: (N, D) rows that perturbations are drawn like.
        discretizer: how continuous columns are cut; see `columns.fit_continuous`.
        categorical: numeric columns whose numbers are names.
        classes: (N,) the rows' classes, for the entropy discretizer.
        seed: of the entropy discretizer's trees, and of which rows a group draws from.
        groups: columns that are one feature, by its name.

    Raises:
        ValueError: a group names a column that is not there or is in another group, or has a column's name.
    """
    groups = groups or {}
    _check_groups(groups, list(background.columns))
    group_of = {member: name for name, members in groups.items() for member in members}
    columns = {}
    for name in background.columns:
        values = background[name]
        if name in categorical or not col.is_continuous(values):
            columns[name] = col.fit_categorical(values)
        else:
            columns[name] = col.fit_continuous(values, discretizer, classes, seed)
    features: dict[str, Column | Group] = {}
    for name, column in columns.items():
        group = group_of.get(name)
        if group is None:
            features[name] = column
        elif group not in features:
            features[group] = grp.fit(group, tuple(columns[m] for m in groups[group]), background, seed)
    return Space(tuple(features.values()), discretized=discretizer != "none", order=tuple(columns))


def encode(space: Space, frame: pd.DataFrame) -> Codes:
    """Codes of rows, (n, d)."""
    return np.column_stack([_encode(c, frame) for c in space.columns])


def standardise(space: Space, frame: pd.DataFrame) -> Array:
    """Standardised numbers of rows, (n, d); 0 for categories, groups and missing values."""
    nothing = np.zeros(len(frame))
    return np.column_stack(
        [col.standardise(c, frame[c.name]) if isinstance(c, Column) else nothing for c in space.columns]
    )


def perturb(space: Space, n: int, rng: np.random.Generator) -> Perturbed:
    """Draws n perturbed rows, each feature by itself: its code by frequency, then its value within the code.

    The law does not depend on any explained row (lime's `__data_inverse`), which is what lets rows share them.
    """
    draw = col.draw_within if space.discretized else col.draw_around_mean
    values: list[pd.Series | pd.DataFrame] = []
    codes = []
    for column in space.columns:
        if isinstance(column, Group):
            rows, drawn = grp.draw(column, n, rng)
            values.append(rows)
            codes.append(drawn)
            continue
        drawn = col.draw_codes(column, n, rng)
        series = draw(column, drawn, rng)
        values.append(series)
        codes.append(drawn if space.discretized else col.encode(column, series))
    frame = pd.concat(values, axis=1)[list(space.order)]
    return Perturbed(frame, np.column_stack(codes), standardise(space, frame))


def _encode(column: Column | Group, frame: pd.DataFrame) -> Codes:
    return col.encode(column, frame[column.name]) if isinstance(column, Column) else grp.encode(column, frame)


def _check_groups(groups: Mapping[str, Sequence[str]], columns: Sequence[str]) -> None:
    members = [member for group in groups.values() for member in group]
    if unknown := sorted(set(members) - set(columns)):
        raise ValueError(f"a group names the column {unknown[0]!r}, which is not there")
    if len(set(members)) < len(members):
        raise ValueError("a column belongs to one group, once")
    if clashes := sorted(set(groups) & set(columns)):
        raise ValueError(f"the group {clashes[0]!r} has the name of a column")
