"""Several columns as one feature: what a row of them is called, matched by, and drawn from."""

from typing import Any, Final

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from limekiln import surrogate
from limekiln.domains.tabular import groups as grp
from limekiln.domains.tabular import pool as pools
from limekiln.domains.tabular import space as spaces
from limekiln.domains.tabular.columns import MISSING_LABEL, UNSEEN_LABEL, Column, Discretizer
from limekiln.domains.tabular.groups import OTHER_LABEL, Group
from limekiln.domains.tabular.space import Space

COLOURS: Final = ("colour_red", "colour_green", "colour_blue")
GROUPS: Final = {"colour": COLOURS, "size": ("height", "width")}
CUTS: Final[list[Discretizer]] = ["quartile", "decile", "none"]


def background(n: int = 400, kind: Any = "int64") -> pd.DataFrame:
    """A colour as one-hot parts, two heights that go together with gaps, and two columns by themselves."""
    rng = np.random.default_rng(0)
    colour = rng.choice(3, n, p=[0.5, 0.3, 0.2])
    height = rng.normal(size=n)
    table: pd.DataFrame = pd.DataFrame({name: colour == i for i, name in enumerate(COLOURS)}).astype(kind)
    table.insert(1, "width", np.where(rng.random(n) < 0.2, np.nan, height + rng.normal(scale=0.05, size=n)))
    table["age"] = rng.integers(18, 75, n)
    table["height"] = height
    table["city"] = rng.choice(["Bonn", "Ulm"], n)
    return table


def fitted(cut: Discretizer = "quartile", **changes: Any) -> Space:
    return spaces.fit(**{"background": background(), "discretizer": cut, "groups": GROUPS, **changes})


def group(space: Space, name: str) -> Group:
    found = space.columns[space.names.index(name)]
    assert isinstance(found, Group)
    return found


def alone(table: pd.DataFrame, cut: Discretizer = "quartile") -> Group:
    return group(spaces.fit(table, discretizer=cut, groups={"all": tuple(table.columns)}), "all")


def test_a_group_is_one_feature_where_its_first_column_stands() -> None:
    space = fitted()
    assert space.names == ("colour", "size", "age", "city")
    assert [c.kind for c in space.columns] == ["group", "group", "continuous", "categorical"]
    assert [c.members for c in space.columns] == [COLOURS, ("height", "width"), ("age",), ("city",)]
    assert space.sizes[0] == 3 + 2
    assert fitted("none").matched.tolist() == [True, True, False, True]


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("kind", ["int64", "bool", "float64", "Int64", "boolean"])
def test_perturbed_rows_have_one_colour_and_the_models_columns(kind: Any, cut: Discretizer) -> None:
    table = background(kind=kind)
    space = fitted(cut, background=table)
    drawn = spaces.perturb(space, 2000, np.random.default_rng(1))
    assert (drawn.frame[list(COLOURS)].astype(int).sum(axis=1) == 1).all()
    assert drawn.frame.columns.tolist() == table.columns.tolist()
    assert drawn.frame.dtypes.tolist() == table.dtypes.tolist()
    assert drawn.frame.index.tolist() == list(range(2000))
    assert space.columns[0].labels[:3] == ("blue = 1", "green = 1", "red = 1")


@pytest.mark.parametrize("cut", CUTS)
def test_what_is_drawn_together_was_seen_together(cut: Discretizer) -> None:
    table = background()
    drawn = spaces.perturb(fitted(cut), 3000, np.random.default_rng(2)).frame
    seen = set(table[["height", "width"]].fillna(-99).itertuples(index=False, name=None))
    assert set(drawn[["height", "width"]].fillna(-99).itertuples(index=False, name=None)) <= seen
    assert drawn["height"].corr(drawn["width"]) > 0.99
    assert abs(np.corrcoef(drawn["height"], drawn["colour_red"])[0, 1]) < 0.06


@pytest.mark.parametrize("cut", CUTS)
def test_codes_and_numbers_are_those_of_the_frame(cut: Discretizer) -> None:
    space = fitted(cut)
    drawn = spaces.perturb(space, 500, np.random.default_rng(3))
    np.testing.assert_array_equal(drawn.codes, spaces.encode(space, drawn.frame))
    np.testing.assert_array_equal(drawn.standardised, spaces.standardise(space, drawn.frame))
    assert (drawn.standardised[:, :2] == 0).all()


def test_combinations_are_drawn_by_their_share_and_rows_within_them_alike() -> None:
    space = fitted()
    size = group(space, "size")
    seen = np.bincount(grp.encode(size, background()), minlength=len(size.labels)) / 400
    np.testing.assert_allclose(size.frequency, seen)
    frame, codes = grp.draw(size, 40_000, np.random.default_rng(4))
    counts = np.bincount(codes, minlength=len(size.labels))
    assert (counts[seen == 0] == 0).all()
    assert stats.chisquare(counts[seen > 0], 40_000 * seen[seen > 0]).pvalue > 1e-4
    each_row = frame["height"].value_counts()
    assert len(each_row) == 400
    assert stats.chisquare(each_row).pvalue > 1e-4


def test_groups_change_nothing_for_a_table_without_any() -> None:
    table = background()
    one = spaces.fit(table, discretizer="quartile")
    two = spaces.fit(table, discretizer="quartile", groups={})
    first, second = (spaces.perturb(s, 50, np.random.default_rng(5)).frame for s in (one, two))
    pd.testing.assert_frame_equal(first, second)
    assert one.names == tuple(table.columns)


def test_two_rows_match_where_every_member_has_the_same_code() -> None:
    table = background()
    joint = spaces.fit(table, discretizer="quartile", groups=GROUPS)
    single = spaces.fit(table, discretizer="quartile")
    by_group, by_column = spaces.encode(joint, table), spaces.encode(single, table)
    members = [single.names.index(n) for n in ("height", "width")]
    for i in range(0, 400, 37):
        same = (by_column[:, members] == by_column[i, members]).all(axis=1)
        np.testing.assert_array_equal(by_group[:, 1] == by_group[i, 1], same)


@pytest.mark.parametrize("cut", CUTS)
def test_a_linear_models_coefficient_of_an_indicator_is_the_groups_weight(cut: Discretizer) -> None:
    """2·red + 0.5·[city is Ulm]: for a red row the group weighs 2, for a row of Ulm the city 0.5, all else 0."""
    space = fitted(cut, groups={"colour": COLOURS})
    drawn = spaces.perturb(space, 600, np.random.default_rng(6))
    outputs = 2.0 * drawn.frame["colour_red"] + 0.5 * (drawn.frame["city"] == "Ulm")
    pool = pools.make(space, drawn.codes, drawn.standardised, outputs.to_numpy()[:, None])
    row = background().query("colour_red == 1 and city == 'Ulm' and width == width").iloc[[0]]
    codes, numbers = spaces.encode(space, row)[0], spaces.standardise(space, row)[0]
    raw = pools.raw_moments(pool, space, codes, numbers, labels=slice(None), width=2.0, folds=1)
    fit = surrogate.fit(surrogate.centre(raw, len(codes)))
    expected = dict.fromkeys(space.names, 0.0) | {"colour": 2.0, "city": 0.5}
    # the ridge of 1 pulls weights towards 0, by less than 1/(600·0.5·0.2) of them
    np.testing.assert_allclose(fit.coef[0, 0], [expected[n] for n in space.names], atol=0.04)


def test_an_unseen_combination_of_seen_values_matches_nothing() -> None:
    space = fitted()
    both = background().iloc[[0]].assign(colour_red=1, colour_green=1)
    codes = spaces.encode(space, both)[0]
    assert space.columns[0].labels[codes[0]] == UNSEEN_LABEL
    drawn = spaces.perturb(space, 300, np.random.default_rng(7))
    pool = pools.make(space, drawn.codes, drawn.standardised, np.zeros((300, 1)))
    Z, _ = pools.neighbourhood(pool, space, codes, np.zeros(len(codes)))
    assert not Z[0].any()


def test_a_category_that_the_background_lacks_makes_its_combination_unseen() -> None:
    table = background()
    place = group(fitted(groups={"place": ("city", "age")}), "place")
    rows = table.head(3).assign(city=pd.Series(["Rome", "Bonn", None]))
    unseen = grp.encode(place, rows) == place.unseen
    assert unseen.tolist() == [True, False, True]


def test_missing_members_are_part_of_the_combination_and_all_missing_is_missing() -> None:
    table = pd.DataFrame({"a": [1.0, np.nan, np.nan, 2.0] * 5, "b": ["x", "y", None, "y"] * 5})
    both = alone(table)
    assert both.labels == ("a ≤ 1 & b = x", "a > 1.5 & b = y", "a (missing) & b = y", MISSING_LABEL, UNSEEN_LABEL)
    assert grp.encode(both, table)[:4].tolist() == [0, 2, both.missing, 1]
    assert both.frequency.tolist() == [0.25, 0.25, 0.25, 0.25, 0.0]
    drawn, codes = grp.draw(both, 200, np.random.default_rng(8))
    assert drawn[codes == both.missing].isna().all(axis=None)
    assert (drawn[codes == 2]["b"] == "y").all()
    assert drawn[codes == 2]["a"].isna().all()


def test_flags_are_named_by_those_that_are_set() -> None:
    table = pd.DataFrame({"a": [0, 1, 0, 1], "b": [False, False, True, True]})
    assert alone(table).labels[:4] == ("all 0", "b = 1", "a = 1", "a = 1 & b = 1")
    gaps = pd.DataFrame({"a": [0, 1, 0], "b": [0.0, np.nan, 1.0]})
    assert alone(gaps).labels[:3] == ("all 0", "b = 1", "a = 1 & b (missing)")


@pytest.mark.parametrize(
    ("names", "label"),
    [
        (["size_height", "size_width"], "height = 2 & width = b"),
        (["size.height", "size: width"], "height = 2 & width = b"),
        (["size", "size_width"], "size = 2 & size_width = b"),
        (["size_height", "width"], "size_height = 2 & width = b"),
        (["size1", "size2"], "size1 = 2 & size2 = b"),
        (["sizeable", "size_width"], "sizeable = 2 & size_width = b"),
    ],
)
def test_a_members_name_is_shown_without_the_groups_where_all_begin_with_it(names: list[str], label: str) -> None:
    table = pd.DataFrame({names[0]: [1, 2, 3], names[1]: ["a", "b", "b"]})
    parts = tuple(spaces.fit(table, discretizer="quartile").columns)
    made = grp.fit("size", tuple(c for c in parts if isinstance(c, Column)), table, 0)
    assert label in made.labels


def test_labels_name_intervals_whole_numbers_and_categories() -> None:
    table = pd.DataFrame(
        {"flag": [0, 1] * 4, "year": [2020, 2021, 2022, 2023] * 2, "income": [">50K"] * 4 + ["<=50K"] * 4, "c": [7] * 8}
    )
    labels = alone(table).labels
    assert labels[0] == "flag = 0 & year ≤ 2020 & income = <=50K"
    assert "flag = 1 & year = 2021 & income = >50K" in labels
    assert len(set(labels)) == len(labels) == 8 + 2
    assert alone(pd.DataFrame({"a": [7.0] * 3, "b": ["x"] * 3})).labels[0] == "a = 7 & b = x"


def test_rare_combinations_beyond_the_limit_share_a_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grp, "COMBINATIONS", 2)
    table = pd.DataFrame({"a": list("ppppqqrrst"), "b": list("xxxxyyzzzz")})
    both = alone(table)
    assert both.labels == ("a = p & b = x", "a = q & b = y", OTHER_LABEL, MISSING_LABEL, UNSEEN_LABEL)
    assert grp.encode(both, table).tolist() == [0] * 4 + [1] * 2 + [2] * 4
    assert grp.encode(both, pd.DataFrame({"a": ["p"], "b": ["y"]})).tolist() == [both.unseen]
    drawn, codes = grp.draw(both, 300, np.random.default_rng(9))
    assert set(drawn[codes == 2].itertuples(index=False, name=None)) == {("r", "z"), ("s", "z"), ("t", "z")}


def test_a_large_background_lends_a_share_of_its_rows_and_every_combination(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grp, "_DONORS", 100)
    table = pd.DataFrame({"a": np.arange(1000.0), "b": ["x"] * 999 + ["rare"]})
    both = alone(table)
    assert len(both.donors) <= 105
    assert (both.donors["b"] == "rare").sum() == 1
    assert both.frequency.sum() == pytest.approx(1.0)
    again = alone(table)
    pd.testing.assert_frame_equal(both.donors, again.donors)
    codes = grp.encode(both, both.donors)
    assert (np.diff(codes) >= 0).all()
    np.testing.assert_array_equal(np.bincount(codes, minlength=len(both.labels)), np.diff(both.starts))


def test_a_hundred_parts_are_told_apart() -> None:
    """Four codes a column: numbered all at once, a combination would need 200 bits."""
    table = pd.DataFrame(np.eye(100, dtype=np.int8), columns=[f"x{i:02}" for i in range(100)])
    both = alone(pd.concat([table, table.iloc[:3]]))
    assert len(both.labels) == 100 + 2
    assert sorted(grp.encode(both, table).tolist()) == list(range(100))
    assert both.labels[int(grp.encode(both, table)[42])] == "x42 = 1"


def test_a_group_that_never_varies_is_constant() -> None:
    assert alone(pd.DataFrame({"a": [1, 1], "b": ["x", "x"]})).constant
    assert not alone(pd.DataFrame({"a": [1, 1], "b": ["x", "y"]})).constant
    empty = alone(pd.DataFrame({"a": [np.nan] * 3, "b": [np.nan] * 3}))
    assert empty.constant
    assert empty.labels == (MISSING_LABEL, UNSEEN_LABEL)
    assert grp.draw(empty, 5, np.random.default_rng(0))[0].isna().all(axis=None)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ({"g": ("age", "agee")}, "'agee', which is not there"),
        ({"g": ("age", "city"), "h": ("city", "height")}, "one group, once"),
        ({"age": ("city", "height")}, "'age' has the name of a column"),
    ],
)
def test_groups_that_do_not_fit_the_table_are_refused(groups: dict[str, tuple[str, ...]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fitted(groups=groups)
