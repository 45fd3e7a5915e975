"""How a column's values become codes, and what is drawn back from the codes."""

from typing import Any, Final

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from limekiln.domains.tabular import columns as col
from limekiln.domains.tabular import space as spaces
from limekiln.domains.tabular.columns import MISSING_LABEL, UNSEEN_LABEL, Column, Discretizer

CUTS: Final[list[Discretizer]] = ["quartile", "decile", "entropy", "none"]
N: Final = 200


def fitted(values: pd.Series, cut: Discretizer = "quartile") -> Column:
    classes = np.arange(len(values)) % 3
    return col.fit_continuous(values, cut, classes, 0) if col.is_continuous(values) else col.fit_categorical(values)


def drawn(column: Column, n: int = 400, *, around: bool = False) -> pd.Series:
    codes = col.draw_codes(column, n, np.random.default_rng(0))
    draw = col.draw_around_mean if around else col.draw_within
    return draw(column, codes, np.random.default_rng(1))


def whole(kind: Any, *, missing: bool = False) -> pd.Series:
    numbers: pd.Series = pd.Series(np.random.default_rng(2).integers(0, 100, N), name="x").astype(kind)
    if missing:
        numbers[[3, 50]] = pd.NA
    return numbers


def letters(kind: Any, *, missing: bool = False) -> pd.Series:
    texts: pd.Series = pd.Series(np.random.default_rng(3).choice(list("abc"), N), name="x").astype(kind)
    if missing:
        texts[[3, 50]] = None
    return texts


COLUMNS: Final[dict[str, pd.Series]] = {
    **{kind: whole(kind) for kind in ("int64", "int8", "uint8", "float64", "float32", "Int64", "Float64", "UInt8")},
    **{f"{kind} missing": whole(kind, missing=True) for kind in ("Int64", "Float64", "int64[pyarrow]")},
    "float64 missing": whole("float64").where(np.arange(N) % 7 != 0),
    **{kind: letters(kind) for kind in ("str", "object", "category", "string", "string[pyarrow]")},
    **{f"{kind} missing": letters(kind, missing=True) for kind in ("str", "object", "category", "string[pyarrow]")},
    "ordered category": letters(pd.CategoricalDtype(list("cbaz"), ordered=True)),
    "bool": whole("int64") > 40,
    "boolean missing": (whole("int64") > 40).astype("boolean").where(np.arange(N) % 7 != 0),
}


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("name", COLUMNS)
def test_drawn_values_have_the_backgrounds_type_and_no_new_kind_of_value(name: str, cut: Discretizer) -> None:
    values = COLUMNS[name]
    column = fitted(values, cut)
    new = drawn(column, around=cut == "none")
    assert new.dtype == values.dtype
    assert new.name == "x"
    assert bool(new.isna().any()) == bool(values.isna().any())
    if not col.is_continuous(values):
        assert set(new.dropna()) == set(values.dropna())
    if isinstance(values.dtype, pd.CategoricalDtype):
        assert new.cat.categories.tolist() == values.cat.categories.tolist()


@pytest.mark.parametrize("cut", CUTS[:3])
@pytest.mark.parametrize("name", COLUMNS)
def test_a_drawn_value_falls_into_the_code_it_was_drawn_from(name: str, cut: Discretizer) -> None:
    column = fitted(COLUMNS[name], cut)
    codes = col.draw_codes(column, 500, np.random.default_rng(5))
    new = col.draw_within(column, codes, np.random.default_rng(6))
    np.testing.assert_array_equal(col.encode(column, new), codes)


@pytest.mark.parametrize("name", COLUMNS)
def test_codes_are_drawn_by_the_backgrounds_frequencies(name: str) -> None:
    values = COLUMNS[name]
    column = fitted(values)
    seen = np.bincount(col.encode(column, values), minlength=len(column.labels))
    np.testing.assert_allclose(column.frequency, seen / N)
    codes = col.draw_codes(column, 20_000, np.random.default_rng(7))
    counts = np.bincount(codes, minlength=len(column.labels))
    used = seen > 0
    assert (counts[~used] == 0).all()
    assert stats.chisquare(counts[used], 20_000 * column.frequency[used]).pvalue > 1e-4


def test_whole_numbers_stay_whole_and_within_the_interval() -> None:
    values = whole("int64")
    column = fitted(values, "decile")
    codes = col.draw_codes(column, 5000, np.random.default_rng(0))
    new = col.draw_within(column, codes, np.random.default_rng(1)).to_numpy()
    for code in range(column.missing):
        own = values[col.encode(column, values) == code]
        assert own.min() <= new[codes == code].min()
        assert new[codes == code].max() <= own.max()


def test_values_within_an_interval_follow_the_truncated_normal_law() -> None:
    values = pd.Series(np.random.default_rng(8).lognormal(3, 1, 1000), name="x")
    column = fitted(values)
    for code in range(4):
        new = col.draw_within(column, np.full(3000, code), np.random.default_rng(code)).to_numpy()
        low, high, mean, std = (float(a[code]) for a in (column.low, column.high, column.mean, column.std))
        law = stats.truncnorm((low - mean) / std, (high - mean) / std, loc=mean, scale=std)
        assert stats.kstest(new, law.cdf).pvalue > 1e-4


def test_undiscretised_values_follow_the_normal_law_and_pass_the_datas_limits() -> None:
    values = pd.Series(np.random.default_rng(9).uniform(0, 1, 1000), name="x")
    new = drawn(fitted(values, "none"), 3000, around=True).to_numpy()
    assert stats.kstest(new, stats.norm(values.mean(), values.std(ddof=0)).cdf).pvalue > 1e-4
    assert new.min() < 0


def test_undiscretised_numbers_of_a_narrow_type_stop_at_its_limits() -> None:
    values = pd.Series([0, 1, 2, 250, 255] * 20, dtype="uint8", name="x")
    new = drawn(fitted(values, "none"), 2000, around=True)
    assert new.dtype == np.uint8
    assert (new == 0).mean() > 0.1
    huge = pd.Series([2**62, -(2**62)] * 50, name="x")
    assert drawn(fitted(huge, "none"), 2000, around=True).dtype == np.int64


def test_missing_and_unseen_values_have_codes_of_their_own() -> None:
    column = fitted(letters("str", missing=True))
    assert column.labels == ("a", "b", "c", MISSING_LABEL, UNSEEN_LABEL)
    assert col.encode(column, pd.Series(["c", None, "new", "a"])).tolist() == [2, 3, 4, 0]
    numbers = fitted(whole("float64"))
    assert col.encode(numbers, pd.Series([np.nan, -1e9, 1e9])).tolist() == [4, 0, 3]


@pytest.mark.parametrize(
    ("background", "rows"),
    [
        (letters("str"), letters("object")),
        (letters("object"), letters("category")),
        (letters("category"), letters("str")),
        (whole("int64") > 40, (whole("int64") > 40).astype(object)),
        (whole("int64").astype("float64"), whole("Int64")),
    ],
    ids=["str-object", "object-category", "category-str", "bool-object", "float-Int64"],
)
def test_rows_of_a_kindred_type_are_matched(background: pd.Series, rows: pd.Series) -> None:
    column = fitted(background)
    np.testing.assert_array_equal(col.encode(column, rows), col.encode(column, background))


def test_numbers_named_as_categories_are_matched_by_value() -> None:
    table = pd.DataFrame({"zone": [3, 1, 3, 7], "x": [0.1, 0.2, 0.3, 0.4]})
    space = spaces.fit(table, discretizer="quartile", categorical=("zone",))
    zone = space.columns[0]
    assert zone.kind == "categorical"
    assert zone.labels[:3] == ("1", "3", "7")
    assert col.encode(zone, pd.Series([7.0, np.nan, 2.0])).tolist() == [2, 3, 4]
    assert drawn(zone).dtype == np.int64


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize(
    "values", [[0.1] * N, [7.0] * (N - 1) + [np.nan], [np.nan] * N], ids=["one value", "one value or none", "no value"]
)
def test_a_column_of_one_value_is_never_perturbed_away_from_it(values: list[float], cut: Discretizer) -> None:
    series = pd.Series(values, name="x")
    column = fitted(series, cut)
    new = drawn(column, around=cut == "none")
    assert set(new.dropna()) == set(series.dropna())
    assert column.constant == (len(series.drop_duplicates()) == 1)
    assert (col.standardise(column, series) == 0).all()


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("kind", ["int64", "float64"])
@pytest.mark.parametrize("rare", [0, 1])
def test_a_flag_is_cut_in_two_whichever_value_is_rare(rare: int, kind: Any, cut: Discretizer) -> None:
    """lime puts a flag that is mostly 1 into a single interval, where its weight is always 0."""
    flag: pd.Series = pd.Series([rare] * 30 + [1 - rare] * 170, name="x").astype(kind)
    column = fitted(flag, cut)
    assert not column.constant
    if cut != "entropy":
        assert column.frequency[:2].tolist() == ([0.15, 0.85] if rare == 0 else [0.85, 0.15])
    assert set(drawn(column)) == {0, 1}


@pytest.mark.parametrize("cut", ["quartile", "decile", "none"])
@pytest.mark.parametrize("scale", [1e-310, 1e-300, 1e-9, 1e9, 1e100])
def test_scales_far_from_one(cut: Discretizer, scale: float) -> None:
    series = pd.Series(np.random.default_rng(4).normal(size=N) * scale, name="x")
    column = fitted(series, cut)
    new = drawn(column, around=cut == "none")
    assert np.isfinite(new).all()
    assert len(set(column.labels)) == len(column.labels)
    if cut != "none":
        assert series.min() <= new.min() <= new.max() <= series.max()


def test_labels_tell_intervals_and_whole_numbers_apart() -> None:
    assert fitted(pd.Series([1.0, 2, 3, 4, 5], name="x")).labels[:4] == ("≤ 2", "> 2 to 3", "> 3 to 4", "> 4")
    assert fitted(pd.Series([1, 2, 3, 4, 5], name="x")).labels[:4] == ("≤ 2", "3", "4", "≥ 5")
    assert fitted(pd.Series([18] * 40 + list(range(19, 79)), name="x")).labels[0] == "≤ 18"
    close = fitted(pd.Series(1e6 + np.arange(1000) * 1e-4, name="x")).labels
    assert len(set(close)) == len(close)


@pytest.mark.parametrize("n", range(1, 13))
def test_labels_of_few_whole_numbers_are_distinct_and_none_runs_backwards(n: int) -> None:
    for seed in range(20):
        values = pd.Series(np.random.default_rng([n, seed]).integers(0, 5, n), name="x")
        labels = fitted(values, "decile").labels
        assert len(set(labels)) == len(labels), labels
        for first, last in (label.split(" to ") for label in labels if " to " in label):
            assert int(first) < int(last), labels


def test_entropy_without_classes_is_refused() -> None:
    with pytest.raises(ValueError, match="class of each background row"):
        col.fit_continuous(pd.Series([1.0, 2.0], name="x"), "entropy", None, 0)


@pytest.mark.parametrize("absent", [None, float("nan")], ids=["None", "NaN"])
def test_a_missing_name_is_drawn_as_the_background_has_it(absent: object) -> None:
    """To scikit-learn's encoders None and NaN are two categories."""
    values = pd.Series(["a", absent, "b", absent] * 10, name="x", dtype=object)
    column = col.fit_categorical(values)
    codes = np.full(5, column.missing, dtype=np.int32)
    drawn = col.draw_within(column, codes, np.random.default_rng(0))
    assert all(value is None if absent is None else value != value for value in drawn)  # noqa: PLR0124  # NaN


def test_infinite_numbers_belong_to_the_outer_intervals_and_to_no_statistic() -> None:
    values = pd.Series([1.0, 2.0, 3.0, 4.0, np.inf, -np.inf, np.nan, 8.0], name="x")
    column = col.fit_continuous(values, "quartile", None, 0)
    codes = col.encode(column, values)
    assert codes[4] == codes[7]
    assert codes[5] == codes[0]
    assert np.isfinite(np.concatenate([column.low, column.high, column.mean, column.std])).all()
    drawn = col.draw_within(column, col.draw_codes(column, 200, np.random.default_rng(0)), np.random.default_rng(0))
    assert not np.isinf(drawn.to_numpy()).any()
    assert column.frequency.sum() == pytest.approx(1.0)


def test_a_printed_border_leaves_every_value_on_its_side() -> None:
    values = pd.Series([1.0, 2.0, 84798.0, 84798.0, 84799.0, 90000.0, 123456.75, 150000.0], name="x")
    column = col.fit_continuous(values, "quartile", None, 0)
    printed = [float(label.removeprefix("≤ ")) for label in column.labels if label.startswith("≤")]
    printed += [float(label.split(" to ")[1]) for label in column.labels if " to " in label]
    assert not any("e+" in label for label in column.labels)
    for border, text in zip(column.borders, printed, strict=True):
        assert ((values <= border) == (values <= text)).all()
