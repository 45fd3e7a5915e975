"""Which column of a data set is told how: what the config says, and what is masked where it says nothing."""

import os
from collections.abc import Iterator, Sequence
from typing import Final

import pandas as pd

from limekiln.data.columns import kind_of
from limekiln.data.roles import no_column, place
from limekiln.errors import InputError
from limekiln.redaction import Redaction
from limekiln.settings import DataSettings, Rule

_FEW_VALUES: Final = 20
_ROWS_A_VALUE: Final = 10
_SHORTEST_KEY: Final = 16


def settle(
    table: pd.DataFrame, settings: DataSettings, source: str, *, features: Sequence[str], id_: str | None
) -> Redaction:
    """Say how each column is told.

    Masked unless the config names them: the column that names rows, texts and images that are explained, and free
    text, that is columns of text with more than 20 different values, each in fewer than 10 rows on average.

    Args:
        table: every column but the one that is explained where rows are texts, images or series.
        settings: the roles, and what the config says of columns.
        source: how a message names the data.
        features: what the model gets.
        id_: the column that names rows.

    Raises:
        InputError: a column that the config names is not there or cannot be told so, or there is no key for hashes.
    """
    content = settings.content
    known = [*(str(name) for name in table.columns), *([content] if content and content not in table.columns else [])]
    for name, rule in settings.redact.items():
        if name not in known:
            raise InputError(f"data.redact: {no_column(source, name, known)}")
        if rule == "bin" and not (name in features and _counts(table[name])):
            raise InputError(
                f"data.redact: {place(source, name)} cannot be told by intervals: bin is for numbers that the model "
                "gets; expected mask or hash"
            )
    default = {name for name in _by_default(table, settings, id_) if name not in settings.redact}
    rules: dict[str, Rule] = {name: settings.redact.get(name, "mask") for name in known if name in default}
    rules |= {name: rule for name, rule in settings.redact.items() if rule != "show"}
    return Redaction(
        rules=rules,
        by_default=frozenset(default),
        aliases=_aliases([name for name in known if rules.get(name) == "drop"], features),
        id=id_,
        content=content,
        key=_key(settings) if "hash" in rules.values() else b"",
    )


def _by_default(table: pd.DataFrame, settings: DataSettings, id_: str | None) -> Iterator[str]:
    if id_ is not None:
        yield id_
    if settings.content is not None and settings.domain in {"text", "images"}:
        yield settings.content
    for name in table.columns:
        if name not in {id_, settings.target, settings.content} and _is_free_text(table[name]):
            yield str(name)


def _is_free_text(values: pd.Series) -> bool:
    """Text whose values name few rows each. A type that lists its categories declares them."""
    if isinstance(values.dtype, pd.CategoricalDtype) or kind_of(values) not in {"text", "bytes"}:
        return False
    different = int(values.nunique())
    return different > _FEW_VALUES and different * _ROWS_A_VALUE > int(values.notna().sum())


def _counts(values: pd.Series) -> bool:
    return kind_of(values) in {"numbers", "nothing"} and not isinstance(values.dtype, pd.CategoricalDtype)


def _aliases(dropped: Sequence[str], features: Sequence[str]) -> dict[str, str]:
    """What dropped columns are called: features have a place in every table, so each needs a name."""
    of_model = [name for name in features if name in dropped]
    others = [name for name in dropped if name not in of_model]
    return {
        **{name: f"withheld feature {i}" for i, name in enumerate(of_model, start=1)},
        **{name: f"withheld column {i}" for i, name in enumerate(others, start=1)},
    }


def _key(settings: DataSettings) -> bytes:
    name = str(settings.redact_key_env)
    key = os.environ.get(name, "")
    if len(key) < _SHORTEST_KEY:
        what = f"has {len(key)} characters" if key else "is not set"
        raise InputError(
            f"data.redact_key_env: the environment variable {name} {what}; put a secret of {_SHORTEST_KEY} characters "
            "or more into it, the same for runs whose hashes should agree: openssl rand -hex 32"
        )
    return key.encode("utf-8", "surrogateescape")
