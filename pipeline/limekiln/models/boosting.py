"""XGBoost, LightGBM and CatBoost through their scikit-learn interface: columns in the categories of the training.

A booster splits on the codes of categories, not on their names. XGBoost and LightGBM refuse text, and take a category
that they never saw for a missing value without a word. Here a column gets the very categories of the training, in
their order; a value that is none of them is the row's failure.

| library | remembers its categories | takes |
|---|---|---|
| XGBoost ≥ 3.1 | in the model, by `get_categories` | category columns |
| LightGBM | in `booster_.pandas_categorical`, in the order of the columns | category columns |
| CatBoost | needs none: it hashes texts | texts and whole numbers; no missing value |

No library is imported here: an estimator brings its own.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from limekiln.errors import InputError
from limekiln.models.model import feature_names, label_text

_LIBRARIES: Final = {"xgboost", "lightgbm", "catboost"}
_MARGIN: Final[Mapping[str, dict[str, Any]]] = {
    "xgboost": {"output_margin": True},
    "lightgbm": {"raw_score": True},
    "catboost": {"prediction_type": "RawFormulaVal"},
}
_THREADS: Final[Mapping[str, dict[str, Any]]] = {"catboost": {"thread_count": 1}}
_SHOWN: Final = 5

Cast = Callable[[pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True, eq=False)
class Boosted:
    """A booster, or a search around one, that takes columns as a table on disk has them.

    Attributes:
        estimator: what is asked.
        library: xgboost, lightgbm or catboost.
        cast: rows as they come → rows as the booster takes them.
        feature_names_in_: the columns that it was fitted on; None where it does not say.
        threads: the keyword by which it predicts in one thread, where that is not an attribute of its own.
    """

    estimator: Any
    library: str
    cast: Cast
    feature_names_in_: Sequence[str] | None
    threads: Mapping[str, Any]

    def predict(self, rows: Any) -> np.ndarray:
        """Give (n,) labels or values."""
        found = np.asarray(self.estimator.predict(self.taken(rows), **self.threads))
        return found.ravel() if found.size == len(rows) else found

    def taken(self, rows: Any) -> Any:
        """Give rows as the booster takes them."""
        return self.cast(rows) if isinstance(rows, pd.DataFrame) else rows

    def __sklearn_tags__(self) -> Any:
        return self.estimator.__sklearn_tags__()


@dataclass(frozen=True, eq=False)
class BoostedClassifier(Boosted):
    """One that gives probabilities of classes."""

    @property
    def classes_(self) -> Any:
        """The class labels."""
        return self.estimator.classes_

    def predict_proba(self, rows: Any) -> np.ndarray:
        """Give (n, C) probabilities."""
        return np.asarray(self.estimator.predict_proba(self.taken(rows), **self.threads))

    def decision_function(self, rows: Any) -> np.ndarray:
        """Give scores before the link function: (n,) of the second of two classes, else (n, C)."""
        return np.asarray(self.estimator.predict(self.taken(rows), **_MARGIN[self.library], **self.threads))


def library_of(estimator: object) -> str | None:
    """Name the library of a booster; None where the estimator is none."""
    found = {parent.__module__.partition(".")[0] for parent in type(estimator).__mro__} & _LIBRARIES
    return min(found, default=None)


def taken(estimator: Any) -> Any:
    """Give a fitted booster as one that takes columns of text; any other estimator as it is.

    Raises:
        InputError: the booster has categorical columns and does not know their categories.
    """
    inside = getattr(estimator, "best_estimator_", estimator)
    library = library_of(inside)
    if library is None or not hasattr(inside, "get_params"):
        return estimator
    cast = {"xgboost": _of_xgboost, "lightgbm": _of_lightgbm, "catboost": _of_catboost}[library]
    asked = inside if library == "catboost" else estimator
    kind = BoostedClassifier if hasattr(inside, "predict_proba") else Boosted
    return kind(asked, library, cast(inside), _names(inside, library), _THREADS.get(library, {}))


def one_thread(estimator: Any) -> None:
    """Let a fitted booster predict in one thread; to XGBoost and LightGBM, no number means all."""
    library = library_of(estimator)
    if library in {"xgboost", "lightgbm"} and hasattr(estimator, "n_jobs"):
        estimator.n_jobs = 1
    if library == "xgboost" and hasattr(estimator, "get_booster") and estimator.__sklearn_is_fitted__():
        estimator.get_booster().set_param({"nthread": 1})


def _names(estimator: Any, library: str) -> tuple[str, ...] | None:
    """Column names, where the booster was fitted on a table; the libraries make up names for arrays."""
    names = tuple(estimator.feature_names_) if library == "catboost" else feature_names(estimator)
    if names is None or names in {tuple(f"{prefix}{i}" for i in range(len(names))) for prefix in ("", "Column_")}:
        return None
    return names


def _of_xgboost(estimator: Any) -> Cast:
    booster = estimator.get_booster()
    categorical = [i for i, kind in enumerate(booster.feature_types or ()) if kind == "c"]
    if not categorical:
        return _unchanged
    known = booster.get_categories(export_to_arrow=True).to_arrow() if hasattr(booster, "get_categories") else []
    categories: dict[int, pd.Index] = {}
    for i in categorical:
        name, values = known[i] if i < len(known) else (booster.feature_names[i], None)
        if values is None:
            raise InputError(
                f'model.source: the XGBoost model does not hold the categories of its column "{name}", so that text '
                "cannot be turned into its codes; fit it on a table with category columns, with XGBoost 3.1 or later"
            )
        if not _is_ascii(values) and not _keeps_names():
            raise InputError(
                f"model.source: XGBoost {sys.modules['xgboost'].__version__} damages the names of categories that are "
                f'not plain ASCII, as in the column "{name}", and then takes one category for another; fit the model '
                "with ASCII names, or behind an OrdinalEncoder in a Pipeline"
            )
        categories[i] = pd.Index(values.to_pylist())
    return _To(categories, "XGBoost")


def _is_ascii(values: Any) -> bool:
    """Whether all names are ASCII; read from the bytes, since damaged ones may be no text."""
    buffers = values.buffers()
    return len(buffers) < 3 or bytes(buffers[2] or b"").isascii()  # noqa: PLR2004 - validity, offsets, characters


def _keeps_names() -> bool:
    """Whether this XGBoost keeps a name that is not ASCII. It counts characters where bytes are meant (seen in 3.2)."""
    table = pd.DataFrame({"c": pd.Categorical(["ö", "u"])})
    matrix = sys.modules["xgboost"].DMatrix(table, enable_categorical=True)
    try:
        return bool(matrix.get_categories(export_to_arrow=True).to_arrow()[0][1].to_pylist() == ["ö", "u"])
    except UnicodeDecodeError:
        return False


def _of_lightgbm(estimator: Any) -> Cast:
    remembered = estimator.booster_.pandas_categorical or []
    if not remembered:
        return _unchanged
    header = estimator.booster_.model_to_string(num_iteration=1)
    facts = next(line for line in header.splitlines() if line.startswith("feature_infos=")).partition("=")[2].split(" ")
    categorical = [i for i, fact in enumerate(facts) if fact != "none" and not fact.startswith("[")]
    categories = [pd.Index(values) for values in remembered]
    if len(categorical) == len(categories):
        return _To(dict(zip(categorical, categories, strict=True)), "LightGBM")
    return _ToTexts(categories)


def _of_catboost(estimator: Any) -> Cast:
    return _ForCatBoost(tuple(estimator.get_cat_feature_indices()))


def _unchanged(rows: pd.DataFrame) -> pd.DataFrame:
    return rows


def _replaced(rows: pd.DataFrame, columns: Mapping[int, pd.Series]) -> pd.DataFrame:
    return pd.DataFrame({name: columns.get(i, rows.iloc[:, i]) for i, name in enumerate(rows.columns)})


@dataclass(frozen=True, eq=False)
class _To:
    """Columns, by position, to the categories of the training."""

    categories: Mapping[int, pd.Index]
    library: str

    def __call__(self, rows: pd.DataFrame) -> pd.DataFrame:
        return _replaced(rows, {i: _cast(rows.iloc[:, i], known) for i, known in self.categories.items()})


@dataclass(frozen=True, eq=False)
class _ToTexts:
    """The same where LightGBM does not tell which columns they are: as one constant in the training; by their text."""

    categories: Sequence[pd.Index]

    def __call__(self, rows: pd.DataFrame) -> pd.DataFrame:
        texts = [i for i in range(rows.shape[1]) if not pd.api.types.is_numeric_dtype(rows.dtypes.iloc[i])]
        if len(texts) != len(self.categories):
            raise ValueError(
                f"the LightGBM model was fitted with {len(self.categories)} category columns, and the data have "
                f"{len(texts)} columns of text; fit it on a table whose category columns are the data's text columns"
            )
        return _To(dict(zip(texts, self.categories, strict=True)), "LightGBM")(rows)


def _cast(values: pd.Series, categories: pd.Index) -> pd.Series:
    plain = values.astype(object)
    known = set(categories)
    if all(isinstance(name, str) for name in known):
        plain = plain.map(lambda value: value if isinstance(value, str) else label_text(value), na_action="ignore")
    missing = plain.isna()
    strange = plain[~missing & ~plain.isin(known)]
    if len(strange):
        names = ", ".join(repr(name) for name in categories[:_SHOWN]) + (", …" if len(categories) > _SHOWN else "")
        raise ValueError(
            f'the column "{values.name}" holds {strange.iloc[0]!r}, which the model never saw; it knows {names}'
        )
    return pd.Series(pd.Categorical(plain.where(~missing, None), categories=categories), index=values.index)


@dataclass(frozen=True)
class _ForCatBoost:
    """Categorical columns as texts and whole numbers; numbers that a missing value made floats are whole again."""

    categorical: tuple[int, ...]

    def __call__(self, rows: pd.DataFrame) -> pd.DataFrame:
        return _replaced(rows, {i: _whole(rows.iloc[:, i]) for i in self.categorical})


def _whole(values: pd.Series) -> pd.Series:
    if values.isna().any():
        raise ValueError(
            f'the column "{values.name}" has no value; CatBoost needs one in a categorical column: fill it in the data '
            "as it was filled for the training"
        )
    return pd.Series(
        [int(value) if isinstance(value, float) and value.is_integer() else value for value in values.tolist()],
        index=values.index,
        dtype=object,
    )
