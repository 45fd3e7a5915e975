"""A table and the config's roles of its columns → the frame that the model is asked with."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd

from limekiln.data.columns import kind_of, prepared
from limekiln.data.names import check_names
from limekiln.data.private import settle
from limekiln.data.raw import RawTable, fingerprint
from limekiln.data.roles import check_roles, keys_of, listed, no_column, place, roles_of, target_of
from limekiln.errors import InputError
from limekiln.record import Notice
from limekiln.redaction import SHOWN, Redaction, text_of, values_of
from limekiln.settings import DataSettings
from limekiln.values import Index

_MOSTLY: Final = 0.9
IN_MEMORY: Final = "a DataFrame in memory"


@dataclass(frozen=True, eq=False)
class Frame:
    """Rows ready to be explained.

    Attributes:
        features: (n, d) the model's columns in the model's order, in the types of `data.columns`, indexed 0 … n − 1.
            Texts, images and series: one column of objects, see `data.cells`.
        target: (n,) the true labels or values; None where the config names none.
        keys: (n,) each row's key, unique: the id column as text, else the position from 0. Randomness comes from it.
        others: every further column of the data, as it was read.
        source: what was read, as a reader may see it.
        sha256: of the bytes that were read.
        notices: what a reader should know of the data.
        redaction: how columns are told. Whatever is written holds `names` and `told` values, never keys or features.
    """

    features: pd.DataFrame
    target: pd.Series | None
    keys: tuple[str, ...]
    others: pd.DataFrame
    source: str
    sha256: str
    notices: tuple[Notice, ...]
    redaction: Redaction = SHOWN

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What each row is called, (n,), in whatever is written."""
        return self.redaction.row_names(self.keys)

    def told(self, rows: Index) -> pd.DataFrame:
        """Some rows' features as they may be told, by the names that these may have.

        Empty texts stand for values that are told by their interval or category alone.
        """
        chosen = self.features.iloc[rows]
        return pd.DataFrame({self.redaction.name(name): self._told(chosen[name]) for name in chosen.columns})

    def told_targets(self, rows: Index) -> pd.Series | None:
        """Some rows' true labels or values as they may be told; None where there are none or they may not."""
        if self.target is None or self.redaction.rule(str(self.target.name)) == "mask":
            return None
        return self._told(self.target.iloc[rows])

    def withheld(self) -> list[str]:
        """Every value that may not be told, as text."""
        tables = [self.features, self.others] if self.redaction.content is None else [self.others]
        hidden = [t[[c for c in t.columns if not self.redaction.shows(c)]] for t in tables]
        ids = [] if self.redaction.shows(self.redaction.id) else list(self.keys)
        return [*ids, *(value for table in hidden for value in values_of(table))]

    def _told(self, values: pd.Series) -> pd.Series:
        name = str(values.name)
        match self.redaction.rule(name):
            case "show":
                return values
            case "hash":
                return values.astype(object).map(lambda v: self.redaction.hashed(name, text_of(v)), na_action="ignore")
            case _:
                return pd.Series("", index=values.index, name=name)

    def column(self, name: str) -> pd.Series:
        """Give any column of the data, a feature or not.

        Raises:
            InputError: there is none of that name.
        """
        for table in (self.features, self.others):
            if name in table.columns:
                return table[name]
        raise InputError(no_column(self.source, name, [*self.features.columns, *self.others.columns]))


def make(raw: RawTable, settings: DataSettings, *, model_features: Sequence[str] | None) -> Frame:
    """Split a table by the roles of its columns.

    Args:
        raw: the table.
        settings: which columns are target, id, excluded and categorical, and which are one feature.
        model_features: the model's columns in its order; None takes every column that has no other role.

    Raises:
        InputError: a column is missing, named twice or of a type that no model takes; ids are missing or repeated; a
            group names a column that is no feature, or has a feature's name.
    """
    check_names(raw.table.columns, raw.source)
    table = raw.table.reset_index(drop=True)
    check_roles(table, settings, raw.source)
    names = _feature_names(table, settings, raw.source, model_features)
    for name in settings.categorical:
        if name not in names:
            raise InputError(f"data.categorical: {no_column(raw.source, name, names)}")
    _check_groups(settings, names, raw.source)
    features = _prepared(table, names, raw.source)
    redaction = settle(table, settings, raw.source, features=names, id_=settings.id)
    return Frame(
        features=features,
        target=target_of(table, settings, raw.source),
        keys=keys_of(table, settings, raw.source),
        others=table.drop(columns=names),
        source=raw.source,
        sha256=raw.sha256,
        notices=(
            *raw.notices,
            *_left_over(table, settings, names, redaction),
            *_curious(features, raw.source, redaction),
        ),
        redaction=redaction,
    )


def make_background(raw: RawTable, settings: DataSettings, *, like: Frame) -> Frame:
    """Take rows that only say what perturbations look like: they need no target, no id and no further column.

    Args:
        raw: the table.
        settings: as of the explained rows.
        like: the explained rows; the background gets the same features.

    Raises:
        InputError: a feature is missing, or holds another kind of values than in the explained rows.
    """
    target = settings.target if settings.target in raw.table.columns else None
    bare = settings.model_copy(update={"target": target, "id": None, "exclude": (), "redact": {}})
    made = make(raw, bare, model_features=list(like.features.columns))
    for name in made.features.columns:
        here, there = kind_of(made.features[name]), kind_of(like.features[name])
        if here != there and "nothing" not in {here, there}:
            raise InputError(f"data.background: {place(raw.source, name)} holds {here}, but {there} in {like.source}")
    return replace(made, notices=raw.notices, redaction=like.redaction)


def in_memory(table: pd.DataFrame, target: Sequence[object] | pd.Series | None) -> Frame:
    """Take a DataFrame whose columns are all features, for the Python API; rows are named by position.

    Raises:
        InputError: it is no DataFrame, has no rows, or its columns are unfit; the target has another length.
    """
    if not isinstance(table, pd.DataFrame):
        raise InputError(f"expected a pandas DataFrame, got {type(table).__name__}")
    if table.empty:
        raise InputError(f"{IN_MEMORY}: no {'columns' if len(table) else 'rows'}")
    check_names(table.columns, IN_MEMORY)
    named = table.reset_index(drop=True)
    labels = None
    if target is not None:
        labels = pd.Series(list(target), name=getattr(target, "name", None))
        if len(labels) != len(named):
            raise InputError(f"target: {len(labels)} values for {len(named)} rows")
        labels = prepared(labels, "target")
    features = _prepared(named, list(named.columns), IN_MEMORY)
    notices = tuple(_curious(features, IN_MEMORY, SHOWN))
    others = pd.DataFrame(index=named.index)
    return Frame(
        features, labels, tuple(str(i) for i in range(len(named))), others, IN_MEMORY, fingerprint(table), notices
    )


def _feature_names(
    table: pd.DataFrame, settings: DataSettings, source: str, model_features: Sequence[str] | None
) -> list[str]:
    roles = roles_of(settings)
    if model_features is None:
        names = [name for name in table.columns if name not in roles]
        if not names:
            raise InputError(f"{source}: no column is left for the model")
        return names
    if lacking := [name for name in model_features if name not in table.columns]:
        more = f" (and {len(lacking) - 1} more of the model's columns)" if len(lacking) > 1 else ""
        raise InputError(
            f"the model needs a column that is not there{more}: {no_column(source, lacking[0], list(table.columns))}"
        )
    for name in model_features:
        if name in roles:
            raise InputError(f'{roles[name]}: the model was fitted on "{name}" and needs it as a feature')
    return list(model_features)


def _check_groups(settings: DataSettings, names: Sequence[str], source: str) -> None:
    for group, columns in settings.groups.items():
        if group in names:
            raise InputError(f"data.groups.{group}: a column has this name too; give the group a name of its own")
        for name in columns:
            if name not in names:
                raise InputError(f"data.groups.{group}: {_no_feature(settings, names, source, name)}")


def _no_feature(settings: DataSettings, names: Sequence[str], source: str, name: str) -> str:
    roles = roles_of(settings)
    return f'{roles[name]} keeps "{name}" from the model' if name in roles else no_column(source, name, names)


def _prepared(table: pd.DataFrame, names: Sequence[str], source: str) -> pd.DataFrame:
    return pd.DataFrame({name: prepared(table[name], place(source, name)) for name in names})


def _left_over(table: pd.DataFrame, settings: DataSettings, names: Sequence[str], redaction: Redaction) -> list[Notice]:
    known = {*names, *settings.exclude, settings.id, settings.target, *redaction.aliases}
    extra = [str(name) for name in table.columns if name not in known]
    if not extra:
        return []
    was = "column of the data was" if len(extra) == 1 else "columns of the data were"
    return [Notice(code="columns_not_used", text=f"{len(extra)} {was} not given to the model: {listed(extra)}.")]


def _curious(features: pd.DataFrame, source: str, redaction: Redaction) -> list[Notice]:
    """Columns that are allowed and that a reader should know of."""
    notices = []
    for name in features.columns:
        values, called = features[name], redaction.name(name)
        if values.isna().all():
            text = f'The column "{called}" holds no value in any row.'
            notices.append(Notice(code="column_without_values", text=text))
        elif isinstance(values.dtype, np.dtype) and values.dtype.kind == "f" and (n := int(np.isinf(values).sum())):
            text = f'The column "{called}" holds {n} infinite value{"s" if n > 1 else ""}.'
            notices.append(Notice(code="column_with_infinity", text=text))
        elif stray := _stray_texts(values, redaction):
            text = (
                f'The column "{called}" of {source} is text, though almost all of its values are numbers; not {stray}.'
            )
            notices.append(Notice(code="numbers_as_text", text=f"{text} If these mean missing, add them to na_values."))
    return notices


def _stray_texts(values: pd.Series, redaction: Redaction) -> str:
    """The few values of a text column that keep it from being numbers, or how many they are."""
    if isinstance(values.dtype, pd.CategoricalDtype) or not pd.api.types.is_string_dtype(values.dtype):
        return ""
    known = pd.Series(values.dropna().unique(), dtype=object)
    texts = pd.to_numeric(known, errors="coerce").isna()
    stray = known[texts.to_numpy()]
    if not len(stray) or len(known) < 1 / (1 - _MOSTLY) or len(stray) > (1 - _MOSTLY) * len(known):
        return ""
    if not redaction.shows(str(values.name)):
        return f"{len(stray)} of them, which are withheld"
    return listed([str(value) for value in stray])
