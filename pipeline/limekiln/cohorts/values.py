"""A column's values as cohorts, as they may be told; which rows of each are explained beyond the sample."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd

from limekiln import sample
from limekiln.data.frame import Frame
from limekiln.data.roles import no_column
from limekiln.domains.tabular import columns
from limekiln.errors import InputError
from limekiln.redaction import Redaction, text_of
from limekiln.settings import Settings
from limekiln.values import Index

MOST: Final = 10
"""Cohorts of a column; of more values the rarest are one cohort."""
OTHER: Final = "(other)"
MISSING: Final = "(missing)"


@dataclass(frozen=True)
class Cohorts:
    """The cohorts of one column.

    Attributes:
        column: its name as it may be told.
        by: whether a cohort is a value, or a quarter of the numbers.
        names: the cohorts', as they may be told.
        codes: (n,) the cohort of each row of the data.
        pooled: how many values are in the cohort `OTHER`; 0 where there is none.
    """

    column: str
    by: Literal["value", "quarter"]
    names: tuple[str, ...]
    codes: Index
    pooled: int = 0


def check(frame: Frame, settings: Settings) -> None:
    """See that every column of `report.cohorts` is there and can be told of.

    Raises:
        InputError: one is not; the message has a line for each.
    """
    if problems := [
        f"report.cohorts[{i}]: {text}"
        for i, name in enumerate(settings.report.cohorts)
        for text in _problems(name, frame, settings)
    ]:
        raise InputError("\n".join(problems))


def of_frame(frame: Frame, settings: Settings) -> tuple[Cohorts, ...]:
    """The cohorts of every column that `report.cohorts` names."""
    return tuple(_of_column(frame.column(name), frame.redaction) for name in settings.report.cohorts)


def numbered(cohorts: Sequence[Cohorts]) -> Index:
    """The number of each row's cohort by column (n, K), counted through all columns."""
    starts = first_numbers(cohorts)
    return np.stack([c.codes + start for c, start in zip(cohorts, starts, strict=True)], axis=1)


def first_numbers(cohorts: Sequence[Cohorts]) -> list[int]:
    """The number of each column's first cohort in `numbered`."""
    return [0, *np.cumsum([len(c.names) for c in cohorts])[:-1].tolist()]


def beyond(cohorts: Sequence[Cohorts], keys: Sequence[str], sampled: Index, each: int, seed: int) -> Index:
    """Rows that are added so that `each` rows of a cohort are explained, or all that it has.

    They are the cohort's next by the numbers that the sample is drawn by, so that its rows are drawn evenly.

    Args:
        cohorts: the columns'.
        keys: (n,) the rows' keys.
        sampled: positions of the rows that are explained anyway.
        each: how many rows of a cohort.
        seed: the run's.

    Returns:
        (n, K) as `numbered`, −1 where a row is not added for the column's cohort.
    """
    added = np.full((len(keys), len(cohorts)), -1, dtype=np.int64)
    hashed, taken = sample.hash_keys(keys), np.zeros(len(keys), dtype=bool)
    taken[sampled] = True
    numbers = numbered(cohorts)
    for j in range(len(cohorts)):
        for number in np.unique(numbers[:, j]):
            members = np.flatnonzero(numbers[:, j] == number)
            left = members[~taken[members]]
            lacking = min(each - int(taken[members].sum()), len(left))
            if lacking > 0:
                drawn = sample.draw(hashed[left], sample.one_stratum(len(left)), lacking, seed)
                added[left[drawn.rows], j] = number
    return added


def _problems(name: str, frame: Frame, settings: Settings) -> Iterator[str]:
    content = frame.redaction.content
    known = [str(c) for table in (frame.features, frame.others) for c in table.columns if c != content]
    if name == settings.data.id:
        yield f'"{name}" is data.id, which names each row; a cohort is of rows that share a value'
    elif name == content:
        yield f'"{name}" holds what is explained; name a column beside it'
    elif name not in known:
        yield no_column(frame.source, name, known)
    elif frame.redaction.rule(name) == "drop":
        yield f'data.redact drops "{name}", so no cohort of it can be told; mask or hash it, or leave it out here'


def _of_column(values: pd.Series, redaction: Redaction) -> Cohorts:
    rule = redaction.rule(str(values.name))
    numbers = pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype)
    if numbers and (rule == "bin" or values.nunique() > MOST):
        return _quarters(values, redaction)
    return _by_value(values, redaction, sort=numbers)


def _quarters(values: pd.Series, redaction: Redaction) -> Cohorts:
    """Numbers cut at their quartiles, named by the intervals where these may be told."""
    cut = columns.fit_continuous(values, "quartile", None, 0)
    codes = columns.encode(cut, values).astype(np.int64)
    n, rule = cut.missing, redaction.rule(cut.name)
    places = [f"quarter {i} of {n}" for i in range(1, n + 1)]
    one_value = cut.low == cut.high  # such an interval's ends would tell it
    labels = [
        label if rule == "show" or (rule == "bin" and not one) else place
        for label, place, one in zip(cut.labels[:n], places, one_value, strict=True)
    ]
    return Cohorts(redaction.name(cut.name), "quarter", (*labels, *((MISSING,) if (codes == n).any() else ())), codes)


def _by_value(values: pd.Series, redaction: Redaction, *, sort: bool) -> Cohorts:
    """Values as they are, the most frequent first, or by size where they are numbers."""
    name = str(values.name)
    ordered = values.sort_values(kind="stable") if sort else values
    texts = ordered.astype(object).map(text_of, na_action="ignore")
    codes, found = pd.factorize(texts)
    codes = pd.Series(codes, index=texts.index).reindex(values.index).to_numpy()
    counts = np.bincount(codes[codes >= 0], minlength=len(found))
    by_size = np.argsort(-counts, kind="stable")
    absent = bool((codes < 0).any())
    room = MOST - absent
    kept = by_size if len(found) <= room else by_size[: room - 1]
    told = _told([str(found[k]) for k in kept], name, redaction)  # numbered by size where they may not be told
    order = np.argsort(kept, kind="stable") if sort and redaction.shows(name) else np.arange(len(kept))
    pooled = len(found) - len(kept)
    names = [told[i] for i in order] + ([OTHER] if pooled else []) + ([MISSING] if absent else [])
    place = np.full(len(found) + 1, len(kept))
    place[kept[order]] = np.arange(len(kept))
    place[-1] = len(names) - 1  # where −1, a missing value, points
    return Cohorts(redaction.name(name), "value", tuple(names), place[codes].astype(np.int64), pooled)


def _told(texts: list[str], column: str, redaction: Redaction) -> list[str]:
    match redaction.rule(column):
        case "show":
            return texts
        case "hash":
            return [redaction.hashed(column, text) for text in texts]
        case _:
            return [f"cohort {i}" for i in range(1, len(texts) + 1)]
