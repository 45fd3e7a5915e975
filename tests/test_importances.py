"""Class importances of a data set against direct calls of the formulas."""

import numpy as np
import pandas as pd
import pytest

from limekiln import importances, matrix
from limekiln.aggregate import floor, normlime
from limekiln.domains.tabular import space as spaces
from limekiln.domains.tabular.space import Space
from limekiln.importances import ClassTally
from limekiln.record import ALL_CLASSES, TABLES
from limekiln.values import Explanations, LocalExplanations, Vocabulary, concatenate, plain_vocabulary
from weight_cases import by_column, by_key

CLASSES = ("bad", "good", "never")


def explained(n: int = 150) -> tuple[Space, LocalExplanations]:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=n), "kind": rng.choice(list("abc"), n), "unused": rng.normal(size=n)})
    space = spaces.fit(frame, discretizer="quartile")
    weights = np.where(rng.random((n, 3)) < 0.7, rng.normal(size=(n, 3)), 0.0)
    weights[:, 2] = 0.0
    labels, nothing = rng.integers(0, 2, n), np.zeros(n)
    codes = spaces.encode(space, frame)
    return space, LocalExplanations(np.arange(n), labels, codes, weights, *[nothing] * 6)


def tallied(space: Space, local: LocalExplanations) -> tuple[ClassTally, ...]:
    return importances.tally(matrix.of_space(space), matrix.of_table(space, local), 3)


def part(local: LocalExplanations, which: slice) -> LocalExplanations:
    return LocalExplanations(**{name: getattr(local, name)[which] for name in LocalExplanations.__dataclass_fields__})


def test_classes_hold_the_rows_explained_for_them_and_the_star_all_rows() -> None:
    space, local = explained()
    ranked = importances.rank(tallied(space, local), CLASSES, "weighted", 1)
    assert [(r.class_name, r.level) for r in ranked] == [
        (name, level) for name in (ALL_CLASSES, *CLASSES) for level in ("feature", "value")
    ]
    keys = matrix.table_keys(space, local.codes)
    for c, r in ((0, ranked[2]), (1, ranked[4])):
        mine = normlime.scores(normlime.tally(by_column(local.weights[local.labels == c])))
        np.testing.assert_allclose(r.scores.weighted, mine.weighted, rtol=1e-12)
    everything = normlime.scores(normlime.tally(by_key(local.weights, keys, int(space.sizes.sum()))))
    np.testing.assert_allclose(ranked[1].scores.share, everything.share, rtol=1e-12)
    assert (ranked[6].scores.support == 0).all()
    assert len(ranked[7].keys) == 0


def test_tallies_of_batches_add_up_to_the_tally_of_all() -> None:
    space, local = explained()
    parts = [part(local, slice(0, 40)), part(local, slice(40, 41)), part(local, slice(41, None))]
    batches = [tallied(space, p) for p in parts]
    whole = tallied(space, concatenate(parts))
    for c in range(3):
        added = sum((b[c] for b in batches[1:]), start=batches[0][c])
        left, right = added.values, whole[c].values
        assert left is not None
        assert right is not None
        np.testing.assert_allclose(left.weighted, right.weighted, rtol=1e-12)
        np.testing.assert_array_equal(added.features.support, whole[c].features.support)


@pytest.mark.parametrize("score", ["weighted", "share"])
def test_the_table_is_ranked_by_the_configured_score_and_has_the_contracts_columns(score: str) -> None:
    space, local = explained()
    ranked = importances.rank(tallied(space, local), CLASSES, score, 1)  # type: ignore[arg-type]  # two literals
    table = importances.table(ranked, matrix.of_space(space))
    assert tuple(table.columns) == TABLES["importances"]
    for _, group in table.groupby(["class", "level"]):
        assert group["rank"].tolist() == list(range(1, len(group) + 1))
        assert group[score].is_monotonic_decreasing
    features = table[table["level"] == "feature"]
    assert features.groupby("class")["feature"].nunique().eq(3).all()
    assert features["value"].isna().all()
    values = table[table["level"] == "value"]
    assert (values["support"] > 0).all()
    assert not (values["feature"] == "unused").any()
    assert table[["ci_low", "ci_high", "rank_low", "rank_high"]].isna().all(axis=None)


def test_a_feature_that_no_row_uses_ranks_last_with_zeros() -> None:
    space, local = explained()
    table = importances.table(importances.rank(tallied(space, local), CLASSES, "share", 1), matrix.of_space(space))
    last = table[(table["level"] == "feature") & (table["class"] == "bad")].iloc[-1]
    assert (last["feature"], last["support"], last["share"], last["sign_consistency"]) == ("unused", 0, 0.0, 0.0)


def test_too_little_support_ranks_behind_all_others() -> None:
    space, local = explained()
    local.weights[:, 2] = 0.0
    local.weights[0, 2] = 1e6
    ranked = importances.rank(tallied(space, local), CLASSES, "weighted", 20)
    assert ranked[0].ranks.tolist()[2] == 3
    loose = importances.rank(tallied(space, local), CLASSES, "weighted", 1)
    assert loose[0].ranks.tolist()[2] == 1


def words(n_words: int, used: list[int]) -> tuple[Vocabulary, Explanations]:
    """Two texts' weights on some words of a vocabulary, the same in both."""
    nothing = np.zeros(2)
    weights = by_key(np.array([[2.0] * len(used), [-1.0] * len(used)]), np.array([used, used]), n_words)
    labels = np.zeros(2, dtype=np.int64)
    explained = Explanations(np.arange(2), labels, weights, *[nothing] * 6)
    return plain_vocabulary([f"w{i:05d}" for i in range(n_words)]), explained


def test_features_without_values_have_no_table_of_values() -> None:
    vocabulary, explained = words(6, [1, 4])
    tallies = importances.tally(vocabulary, explained, 1)
    assert [t.values for t in tallies] == [None]
    assert (tallies[0] + tallies[0]).values is None
    ranked = importances.rank(tallies, ("spam",), "weighted", 1)
    assert [(r.class_name, r.level) for r in ranked] == [(ALL_CLASSES, "feature"), ("spam", "feature")]
    table = importances.table(ranked, vocabulary).query("`class` == 'spam'")
    assert table["feature"].tolist()[:2] == ["w00001", "w00004"]
    assert len(table) == 6, "every one of a few features is ranked, used or not"
    assert table["sign_consistency"].tolist() == [0.0] * 6, "for and against in equal parts, or never used"


def test_of_a_large_vocabulary_only_words_that_are_used_are_ranked() -> None:
    vocabulary, explained = words(20_000, [7, 19_999])
    ranked = importances.rank(importances.tally(vocabulary, explained, 1), ("spam",), "share", 1)
    table = importances.table(ranked, vocabulary).query("`class` == 'spam'")
    assert table["feature"].tolist() == ["w00007", "w19999"]
    assert table["rank"].tolist() == [1, 2]
    assert table["support"].tolist() == [2, 2]


def test_features_stand_above_or_below_their_floors_and_values_have_none() -> None:
    space, local = explained()
    rng = np.random.default_rng(3)
    small, large = rng.normal(size=(150, 4, 3)) * 0.01, rng.normal(size=(150, 4, 3)) * 100
    probes = np.where(np.arange(3) == 0, small, large)
    ranked = importances.rank(tallied(space, local), CLASSES, "weighted", 1)
    made = importances.above(ranked, floor.tally(probes, local.weights, local.labels, 3))
    whole = importances.table(made, matrix.of_space(space))
    features = whole[whole["level"] == "feature"]
    for name in (ALL_CLASSES, "bad", "good"):
        mine = features[features["class"] == name].set_index("feature").loc[["x", "kind", "unused"]]
        assert mine["above_floor"].astype(object).tolist()[:2] == [True, False]
        assert (mine["weighted"] > mine["floor"]).tolist()[:2] == [True, False]
        assert mine["above_floor"].isna().tolist() == [False, False, True]
    assert features.loc[features["class"] == "never", "floor"].isna().all()
    assert whole.loc[whole["level"] == "value", "floor"].isna().all()
    assert importances.above(ranked, None) == ranked
