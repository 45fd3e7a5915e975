"""One column of a table: how its values become codes, and how perturbed values are drawn from a code.

A code is an interval of a continuous column or a category of a categorical one. Two codes follow the
ordinary ones: *missing*, a value of its own, and *unseen*, a category that the background does not have
and that no perturbation is ever drawn from.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
from pandas.api.extensions import take
from scipy.special import ndtr, ndtri
from sklearn.tree import DecisionTreeClassifier

from limekiln.values import Array, Codes, Index, Mask

Discretizer = Literal["quartile", "decile", "entropy", "none"]

MISSING_LABEL: Final = "(missing)"
UNSEEN_LABEL: Final = "(not in the background)"

_PERCENTILES: Final = {"quartile": (25, 50, 75), "decile": tuple(range(10, 100, 10)), "none": (25, 50, 75)}
_ENTROPY_DEPTH: Final = 3


@dataclass(frozen=True)
class Column:
    """A column of the background with K ordinary codes, then missing (K), then unseen (K + 1).

    Attributes:
        name: the column's name.
        kind: continuous columns have intervals, categorical ones categories.
        dtype: the background's type; drawn values have it too.
        labels: (K + 2,) what a reader calls each code.
        frequency: (K + 2,) each code's share of the background; what a perturbation's code is drawn by.
        categories: (K,) a categorical column's values, in the background's type.
        absent: what stands for a missing value in a categorical column of the background.
        borders: (K − 1,) a continuous column's inner borders; interval i is borders[i−1] < x ≤ borders[i].
        low, high, mean, std: (K,) of the background's values in each interval (ddof 0).
        centre, scale: mean and standard deviation of the whole column; 0 and 1 for categories.
    """

    name: str
    kind: Literal["continuous", "categorical"]
    dtype: Any
    labels: tuple[str, ...]
    frequency: Array
    categories: Any
    absent: Any
    borders: Array
    low: Array
    high: Array
    mean: Array
    std: Array
    centre: float
    scale: float

    @property
    def members(self) -> tuple[str, ...]:
        """The columns of the data that make up this feature: itself. A group has several."""
        return (self.name,)

    @property
    def missing(self) -> int:
        """The code of a missing value."""
        return len(self.labels) - 2

    @property
    def unseen(self) -> int:
        """The code of a category that the background does not have."""
        return len(self.labels) - 1

    @property
    def constant(self) -> bool:
        """Whether the background has one code only, so that nothing can be said about the column."""
        return int(np.count_nonzero(self.frequency)) <= 1


def is_continuous(values: pd.Series) -> bool:
    """Numbers are continuous; texts, categories and truth values are not."""
    return pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype)


def fit_categorical(values: pd.Series) -> Column:
    """A column whose values are names, or numbers that stand for names."""
    known = values.dropna()
    categories = known.drop_duplicates().sort_values().array
    missing = len(categories)
    codes = _positions(categories, values)
    counts = np.bincount(np.where(codes < 0, missing, codes), minlength=missing + 2)
    nothing = np.empty(0)
    return Column(
        name=str(values.name),
        kind="categorical",
        dtype=values.dtype,
        labels=(*(str(c) for c in categories), MISSING_LABEL, UNSEEN_LABEL),
        frequency=counts / len(values),
        categories=categories,
        absent=values[values.isna()].iloc[0] if counts[missing] else np.nan,
        borders=nothing,
        low=nothing,
        high=nothing,
        mean=nothing,
        std=nothing,
        centre=0.0,
        scale=1.0,
    )


def fit_continuous(values: pd.Series, discretizer: Discretizer, classes: Index | None, rng: int) -> Column:
    """A column of numbers, cut into intervals.

    Args:
        values: the background's column; missing and infinite values are left out of all statistics, and
            infinite ones count as members of the outer intervals.
        discretizer: quartile and decile cut at percentiles; entropy at the thresholds of a decision tree
            of depth 3 that predicts `classes`; none keeps the numbers, and its quartiles only name values.
        classes: (n,) class of each background row, for `entropy`.
        rng: seed of the decision tree, which breaks its ties at random.
    """
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    present = np.isfinite(numbers)
    known = numbers[present]
    varies = len(known) > 0 and known.min() < known.max()
    borders = _borders(known, discretizer, None if classes is None else classes[present], rng)
    if _is_whole(values):
        borders = np.unique(np.floor(borders))  # between 2.5 and 2.75 lies no whole number
    # a border at or above the largest value would leave an empty last interval
    borders = borders[borders < known.max()] if len(known) else borders
    if not len(borders) and varies:
        # more than three quarters are the largest value: a flag that is mostly 1 would pass for constant
        borders = np.array([known[known < known.max()].max()])
    bins = np.searchsorted(borders, known, side="left")
    members = [known[bins == b] for b in range(len(borders) + 1)] if len(known) else []
    placed = np.searchsorted(borders, numbers[~np.isnan(numbers)], side="left") if len(known) else []
    counts = np.bincount(placed, minlength=len(members))[: len(members)]
    return Column(
        name=str(values.name),
        kind="continuous",
        dtype=values.dtype,
        labels=(*_interval_labels(borders, members, whole=_is_whole(values)), MISSING_LABEL, UNSEEN_LABEL),
        frequency=np.array([*counts, len(values) - counts.sum(), 0]) / len(values),
        categories=None,
        absent=np.nan,
        borders=borders,
        low=np.array([m.min() if len(m) else np.nan for m in members]),
        high=np.array([m.max() if len(m) else np.nan for m in members]),
        mean=np.array([m.mean() if len(m) else np.nan for m in members]),
        std=np.array([m.std() if len(m) else np.nan for m in members]),
        centre=float(known.mean() if varies else known[0]) if len(known) else 0.0,
        scale=(float(known.std()) or 1.0) if varies else 1.0,  # the spread of equal numbers is rounding, not 0
    )


def encode(column: Column, values: pd.Series) -> Codes:
    """The code of each value, (n,)."""
    if column.kind == "categorical":
        codes = _positions(column.categories, values)
        absent = np.where(values.isna().to_numpy(), column.missing, column.unseen)
        return np.where(codes < 0, absent, codes).astype(np.int32)
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    bins = np.searchsorted(column.borders, numbers, side="left")
    return np.where(np.isnan(numbers), column.missing, bins).astype(np.int32)


def standardise(column: Column, values: pd.Series) -> Array:
    """(x − mean)/std of a continuous column, (n,); 0 where a value is missing and for categories."""
    if column.kind == "categorical":
        return np.zeros(len(values))
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.nan_to_num((numbers - column.centre) / column.scale, nan=0.0, posinf=0.0, neginf=0.0)


def draw_codes(column: Column, n: int, rng: np.random.Generator) -> Codes:
    """Draws n codes, each by its frequency in the background."""
    return draw_by(column.frequency, n, rng)


def draw_by(frequency: Array, n: int, rng: np.random.Generator) -> Codes:
    """Draws n codes 0 … K − 1 by their frequencies (K,)."""
    edges = np.cumsum(frequency)
    codes = np.searchsorted(edges / edges[-1], rng.random(n), side="right")
    return codes.astype(np.int32)


def draw_within(column: Column, codes: Codes, rng: np.random.Generator) -> pd.Series:
    """A value for each code: the category itself, or a truncated normal draw from the interval (lime's law).

    An interval whose values are all equal gives that value. (lime 0.2.0.1 gives (value − mean)/std there,
    0.0 for a column that is 40 % exactly 18.) Whole-number columns give whole numbers of the interval.
    """
    if column.kind == "categorical":
        where = np.where(codes >= column.missing, -1, codes)
        drawn_categories = take(column.categories, where, allow_fill=True)
        if column.dtype == object and column.absent is None:
            drawn_categories[where < 0] = None  # to an encoder None and NaN are two categories
        drawn_values: pd.Series = pd.Series(drawn_categories, name=column.name, dtype=column.dtype)
        return drawn_values
    if not len(column.low):
        return _typed(column, np.zeros(len(codes)), codes == column.missing, -np.inf, np.inf)
    ordinary = np.minimum(codes, column.missing - 1)
    low, high, mean, std = (a[ordinary] for a in (column.low, column.high, column.mean, column.std))
    spread = np.where(std > 0, std, 1.0)
    bottom, top = ndtr((low - mean) / spread), ndtr((high - mean) / spread)
    drawn = mean + spread * ndtri(bottom + rng.random(len(codes)) * (top - bottom))
    return _typed(column, np.clip(drawn, low, high), codes == column.missing, low, high)


def draw_around_mean(column: Column, codes: Codes, rng: np.random.Generator) -> pd.Series:
    """Undiscretised law of lime: normal draws around the column's mean; missing where the code says so."""
    if column.kind == "categorical":
        return draw_within(column, codes, rng)
    varies = len(column.low) > 0 and column.low[0] < column.high[-1]
    drawn = column.centre + (column.scale if varies else 0.0) * rng.standard_normal(len(codes))
    return _typed(column, drawn, codes == column.missing, *_range(column.dtype))


def _borders(known: Array, discretizer: Discretizer, classes: Index | None, rng: int) -> Array:
    if not len(known):
        return np.empty(0)
    if discretizer != "entropy":
        return np.unique(np.percentile(known, _PERCENTILES[discretizer]))
    if classes is None:
        raise ValueError("the entropy discretizer needs the class of each background row")
    tree = DecisionTreeClassifier(criterion="entropy", max_depth=_ENTROPY_DEPTH, random_state=rng)
    inner = tree.fit(known[:, None], classes).tree_
    thresholds = inner.threshold[inner.children_left != -1]
    return np.unique(thresholds if len(thresholds) else np.array([np.median(known)]))


def _positions(categories: Any, values: pd.Series) -> Index:
    """Where each value stands among the categories, (n,); −1 for missing and unknown ones."""
    positions: Index = pd.Index(categories).get_indexer(pd.Index(values)).astype(np.int64)
    return positions


def _is_whole(values: pd.Series) -> bool:
    return pd.api.types.is_integer_dtype(values.dtype)


def _interval_labels(borders: Array, members: list[Array], *, whole: bool) -> list[str]:
    """Whole numbers are named by the first and last value that an interval can hold, others by its borders."""
    if not members:
        return []
    if whole:
        ends = [int(np.floor(b)) for b in borders]
        starts = [e + 1 for e in ends]
        inner = [str(a) if a == b else f"{a} to {b}" for a, b in zip(starts[:-1], ends[1:], strict=True)]
        names = [f"≤ {ends[0]}", *inner, f"≥ {starts[-1]}"] if ends else []
    else:
        texts = _texts(borders, np.sort(np.concatenate(members)))
        inner = [f"> {a} to {b}" for a, b in pairwise(texts)]
        names = [f"≤ {texts[0]}", *inner, f"> {texts[-1]}"] if texts else []
    if not names:
        only = members[0]
        names = [f"{only.min():.6g}" if only.min() == only.max() else "any"]
    return names


def _texts(borders: Array, known: Array) -> list[str]:
    """Each border in as few digits as keep them apart, and every value of the column on its side of them."""
    below = np.searchsorted(known, borders, side="right")
    for digits in range(4, 17):
        rounded = [float(f"{b:.{digits}g}") for b in borders]
        if len(set(rounded)) == len(rounded) and (np.searchsorted(known, rounded, side="right") == below).all():
            return [_plain(r) for r in rounded]
    return [_plain(float(b)) for b in borders]


def _plain(number: float) -> str:
    """A number without an exponent, as far as a reader can count its zeros."""
    few_zeros = number == 0 or 1e-5 <= abs(number) < 1e12  # noqa: PLR2004  # about a dozen places
    return np.format_float_positional(number, trim="-") if few_zeros else f"{number:g}"


def _range(dtype: Any) -> tuple[float, float]:
    """The smallest and largest float that a number type holds."""
    if not pd.api.types.is_integer_dtype(dtype):
        return -np.inf, np.inf
    info = np.iinfo(getattr(dtype, "numpy_dtype", dtype))
    top = float(info.max)  # rounds up where the type has 64 bits
    return float(info.min), top if top <= info.max else float(np.nextafter(top, 0.0))


def _typed(column: Column, drawn: Array, missing: Mask, low: Array | float, high: Array | float) -> pd.Series:
    whole = pd.api.types.is_integer_dtype(column.dtype)
    if whole:
        drawn = np.clip(np.rint(drawn), low, high)
    series: pd.Series = pd.Series(np.where(missing, np.nan, drawn), name=column.name).astype(column.dtype)
    return series
