"""What rows are explained by, as it may be told: a table's values, a text's words."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from limekiln.domains.tabular.columns import Column
from limekiln.domains.tabular.groups import Group
from limekiln.domains.tabular.space import Space
from limekiln.errors import InstanceError, LimekilnError
from limekiln.redaction import Redaction, text_of
from limekiln.values import Array, Index


def space(fitted: Space, background: pd.DataFrame, redaction: Redaction) -> Space:
    """A space whose names and labels may be told; codes, draws and the model's own columns stay as they are."""
    if not redaction.rules:
        return fitted
    columns = tuple(
        _column(c, background[c.name], redaction) if isinstance(c, Column) else _group(c, redaction)
        for c in fitted.columns
    )
    return replace(fitted, columns=columns, titles=tuple(redaction.name(name) for name in fitted.names))


def words(names: Sequence[str], counts: Index, column: str, redaction: Redaction) -> list[str]:
    """Words as they may be told: themselves, their hashes, or `word 1`, `word 2`, … by falling frequency."""
    rule = redaction.rule(column)
    if rule == "show":
        return list(names)
    if rule == "hash":
        return [redaction.hashed(column, name) for name in names]
    return [f"word {n}" for n in _places(counts)]


def user_code(function: Callable[..., Any], redaction: Redaction) -> Callable[..., Any]:
    """A tokenizer or an encoder, whose errors may quote what it is given."""
    return function if redaction.shows(redaction.content) else _Silent(function)


@dataclass(frozen=True)
class _Silent:
    function: Callable[..., Any]

    def __call__(self, given: Any) -> Any:
        try:
            return self.function(given)
        except LimekilnError:
            raise
        except Exception as error:  # noqa: BLE001 - the user's code may raise anything
            what = f"{type(error).__name__}; its message may quote the data and is withheld"
            raise InstanceError(f"{getattr(self.function, 'key', 'the function')} raised {what}") from None


def _column(column: Column, values: pd.Series, redaction: Redaction) -> Column:
    rule = redaction.rule(column.name)
    ordinary, special = column.labels[: column.missing], column.labels[column.missing :]
    if rule == "show":
        return column
    if column.kind == "continuous":
        coded = [f"interval {i} of {len(ordinary)}" for i in range(1, len(ordinary) + 1)]
        # the ends of an interval that holds one value would tell it
        same = column.low == column.high
        told = [c if one else label for label, c, one in zip(ordinary, coded, same, strict=True)]
        return replace(column, labels=(*(told if rule == "bin" else coded), *special))
    if rule == "hash":
        return replace(
            column, labels=(*(redaction.hashed(column.name, text_of(c)) for c in column.categories), *special)
        )
    # sorted values would be numbered by their alphabet: a number would tell where in it a value stands
    seen = pd.Index(values.dropna().unique()).get_indexer(pd.Index(column.categories))
    places = _places(column.frequency[: column.missing], seen)
    return replace(column, labels=(*(f"category {n}" for n in places), *special))


def _group(group: Group, redaction: Redaction) -> Group:
    """A group that holds a column which is not shown tells its combinations by number, the most frequent first."""
    if all(redaction.shows(name) for name in group.members):
        return group
    ordinary, special = group.frequency[: group.missing], group.labels[group.missing :]
    return replace(group, labels=(*(f"combination {n}" for n in _places(ordinary)), *special))


def _places(counts: Array | Index, seen: Index | None = None) -> list[int]:
    """Places from 1 by falling count, equal ones in the order in which they were seen."""
    seen = np.arange(len(counts)) if seen is None else seen
    places = np.empty(len(counts), dtype=np.int64)
    places[np.lexsort((seen, -counts))] = np.arange(1, len(counts) + 1)
    return places.tolist()
