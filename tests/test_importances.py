"""Class importances of a data set against direct calls of the formulas."""

import numpy as np
import pandas as pd
import pytest

from limekiln import importances, matrix
from limekiln.aggregate import normlime
from limekiln.domains.tabular import space as spaces
from limekiln.domains.tabular.space import Space
from limekiln.record import ALL_CLASSES, TABLES
from limekiln.values import LocalExplanations, concatenate

CLASSES = ("bad", "good", "never")


def explained(n: int = 150) -> tuple[Space, LocalExplanations]:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=n), "kind": rng.choice(list("abc"), n), "unused": rng.normal(size=n)})
    space = spaces.fit(frame, discretizer="quartile")
    weights = np.where(rng.random((n, 3)) < 0.7, rng.normal(size=(n, 3)), 0.0)
    weights[:, 2] = 0.0
    labels, nothing = rng.integers(0, 2, n), np.zeros(n)
    codes = spaces.encode(space, frame)
    return space, LocalExplanations(np.arange(n), labels, codes, weights, nothing, nothing, nothing, nothing)


def part(local: LocalExplanations, which: slice) -> LocalExplanations:
    return LocalExplanations(**{name: getattr(local, name)[which] for name in LocalExplanations.__dataclass_fields__})


def test_classes_hold_the_rows_explained_for_them_and_the_star_all_rows() -> None:
    space, local = explained()
    ranked = importances.rank(importances.tally(space, local, 3), CLASSES, "weighted", 1)
    assert [(r.class_name, r.level) for r in ranked] == [
        (name, level) for name in (ALL_CLASSES, *CLASSES) for level in ("feature", "value")
    ]
    keys = matrix.value_keys(space, local.codes)
    for c, r in ((0, ranked[2]), (1, ranked[4])):
        mine = normlime.scores(normlime.tally(local.weights[local.labels == c]))
        np.testing.assert_allclose(r.scores.weighted, mine.weighted, rtol=1e-12)
    everything = normlime.scores(normlime.tally_keys(local.weights, keys, matrix.n_keys(space)))
    np.testing.assert_allclose(ranked[1].scores.share, everything.share, rtol=1e-12)
    assert (ranked[6].scores.support == 0).all()
    assert len(ranked[7].keys) == 0


def test_tallies_of_batches_add_up_to_the_tally_of_all() -> None:
    space, local = explained()
    parts = [part(local, slice(0, 40)), part(local, slice(40, 41)), part(local, slice(41, None))]
    batches = [importances.tally(space, p, 3) for p in parts]
    whole = importances.tally(space, concatenate(parts), 3)
    for c in range(3):
        added = sum((b[c] for b in batches[1:]), start=batches[0][c])
        np.testing.assert_allclose(added.values.weighted, whole[c].values.weighted, rtol=1e-12)
        np.testing.assert_array_equal(added.features.support, whole[c].features.support)


@pytest.mark.parametrize("score", ["weighted", "share"])
def test_the_table_is_ranked_by_the_configured_score_and_has_the_contracts_columns(score: str) -> None:
    space, local = explained()
    ranked = importances.rank(importances.tally(space, local, 3), CLASSES, score, 1)  # type: ignore[arg-type]  # two literals
    table = importances.table(ranked, space)
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
    table = importances.table(importances.rank(importances.tally(space, local, 3), CLASSES, "share", 1), space)
    last = table[(table["level"] == "feature") & (table["class"] == "bad")].iloc[-1]
    assert (last["feature"], last["support"], last["share"], last["sign_consistency"]) == ("unused", 0, 0.0, 0.0)


def test_too_little_support_ranks_behind_all_others() -> None:
    space, local = explained()
    local.weights[:, 2] = 0.0
    local.weights[0, 2] = 1e6
    ranked = importances.rank(importances.tally(space, local, 3), CLASSES, "weighted", 20)
    assert ranked[0].ranks.tolist()[2] == 3
    loose = importances.rank(importances.tally(space, local, 3), CLASSES, "weighted", 1)
    assert loose[0].ranks.tolist()[2] == 1
