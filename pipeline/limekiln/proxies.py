"""Which features of a table go together with a column that a gate names, over all rows of the data."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal

import numpy as np
import pandas as pd

from limekiln import association
from limekiln.association import NONE_AT_ALL, Association
from limekiln.data.frame import Frame
from limekiln.evidence import AssociatedFeature, Proxies
from limekiln.settings import Settings
from limekiln.settings.gates import MustNotBeDecidedAbove
from limekiln.values import Index

ITSELF: Final = Association(1.0, 1.0, 1.0)
"""Of a column with itself, or with the group that holds it."""


def measure(frame: Frame, settings: Settings) -> tuple[Proxies, ...]:
    """What the gates of a config ask for, each column and threshold once, in the config's order.

    The intervals of a column's features hold together at `aggregate.confidence`.
    """
    gates = [g for g in settings.gates if isinstance(g, MustNotBeDecidedAbove)]
    asked = dict.fromkeys((g.proxies_of, g.association) for g in gates)
    return tuple(_of_column(frame, settings, column, threshold) for column, threshold in asked if column is not None)


def _of_column(frame: Frame, settings: Settings, column: str, threshold: float) -> Proxies:
    values, categories = frame.column(column), settings.data.categorical
    members = features_of(list(frame.features.columns), settings.data.groups)
    confidence = 1 - (1 - settings.aggregate.confidence) / max(len(members), 1)  # Bonferroni
    categorical = column in categories or association.is_category(values)
    associated = _to_category(values, confidence) if categorical else _to_number(values, confidence)

    def with_feature(columns: Sequence[str]) -> Association:
        return strongest([associated(_groups(frame.features[name], categories)) for name in columns])

    found = [(f, ITSELF if column in columns else with_feature(columns)) for f, columns in members.items()]
    found.sort(key=lambda f: (f[1] is not ITSELF, -f[1].value, -f[1].high))
    return Proxies(
        column=column,
        measure="cramers_v" if categorical else "correlation_ratio",
        threshold=threshold,
        confidence=settings.aggregate.confidence,
        rows=len(frame.features),
        features=tuple(
            AssociatedFeature(
                feature=frame.redaction.name(f), value=a.value, low=a.low, high=a.high, standing=_standing(a, threshold)
            )
            for f, a in found
        ),
    )


def _to_category(values: pd.Series, confidence: float) -> Callable[[Index | None], Association]:
    of = association.groups(values, categorical=True)
    return lambda by: NONE_AT_ALL if by is None else association.of_category(of, by, confidence)


def _to_number(values: pd.Series, confidence: float) -> Callable[[Index | None], Association]:
    ranks = np.asarray(values.astype("Float64").rank().astype("float64"), dtype=float)
    return lambda by: NONE_AT_ALL if by is None else association.of_number(ranks, by, confidence)


def _groups(values: pd.Series, categories: Sequence[str]) -> Index | None:
    """A feature's groups; None where it never varies, and so goes together with nothing."""
    if values.nunique(dropna=False) < 2:  # noqa: PLR2004 - one value
        return None
    return association.groups(values, categorical=values.name in categories or association.is_category(values))


def features_of(columns: Sequence[str], groups: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """The columns of each feature, in order: a group's own, and of any other column itself."""
    group_of = {column: name for name, members in groups.items() for column in members}
    features: dict[str, tuple[str, ...]] = {}
    for column in columns:
        name = group_of.get(column, column)
        features[name] = (*features.get(name, ()), column)
    return features


def strongest(each: Sequence[Association]) -> Association:
    """A group's association: that of its columns which goes together most."""
    return Association(max(a.value for a in each), max(a.low for a in each), max(a.high for a in each))


def _standing(found: Association, threshold: float) -> Literal["the column", "proxy", "no proxy", "open"]:
    if found is ITSELF:
        return "the column"
    return "proxy" if found.low >= threshold else "no proxy" if found.high < threshold else "open"
