"""A pool of the background's own rows: which rows, encoded how, and that surrogates can be fitted to it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from limekiln.domains.tabular import data_pool
from limekiln.domains.tabular import space as spaces
from limekiln.domains.tabular.columns import Discretizer
from limekiln.domains.tabular.data_pool import DataPoolJob
from limekiln.domains.tabular.pool import Pool
from limekiln.domains.tabular.space import Space
from limekiln.kernels import default_width
from limekiln.local import tables as local
from limekiln.local.tables import Local, PooledJob, Rows
from limekiln.values import Array, Fresh, Instances, Outputs, part


@dataclass(frozen=True)
class Model:
    function: Callable[[pd.DataFrame], Array]

    def predict_rows(self, instances: Instances | Fresh) -> Outputs:
        frame = part(instances, 0, len(instances))
        assert isinstance(frame, pd.DataFrame)
        outputs = self.function(frame)
        return outputs, [(int(i), "no prediction") for i in np.flatnonzero(np.isnan(outputs).any(axis=1))]


def background(n: int = 600) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    age = rng.integers(18, 75, n)
    return pd.DataFrame(
        {
            "age": age,
            "years": age // 2 + rng.integers(0, 5, n),
            "amount": np.where(rng.random(n) < 0.2, np.nan, rng.lognormal(2, 0.5, n)),
            "housing": rng.choice(["own", "rent"], n),
        }
    )


MIDDLE = int(background()["age"].median())  # a border between two intervals


def linear(frame: pd.DataFrame) -> Array:
    p = 0.5 + 0.3 * (frame["housing"] == "own") - 0.2 * (frame["age"] > MIDDLE)
    return np.column_stack([1 - p, p])


def drawn(space: Space, frame: pd.DataFrame, function: Callable[[pd.DataFrame], Array], wanted: int) -> Pool:
    pieces = data_pool.parts(frame, data_pool.choose(len(frame), wanted, 3))
    return data_pool.join(space, [data_pool.predict_part(DataPoolJob(space, Model(function)), p) for p in pieces])


@pytest.mark.parametrize(("n", "wanted", "found"), [(50, 20, 20), (50, 50, 50), (50, 1000, 50)])
def test_each_row_stands_once_and_all_of_them_where_there_are_no_more(n: int, wanted: int, found: int) -> None:
    positions = data_pool.choose(n, wanted, 0)
    assert len(set(positions.tolist())) == len(positions) == found
    assert set(positions.tolist()) <= set(range(n))


def test_the_draw_follows_from_the_seed_and_is_not_in_the_datas_order() -> None:
    assert data_pool.choose(500, 100, 1).tolist() == data_pool.choose(500, 100, 1).tolist()
    assert data_pool.choose(500, 100, 1).tolist() != data_pool.choose(500, 100, 2).tolist()
    everything = data_pool.choose(500, 500, 1)
    assert abs(np.corrcoef(everything, np.arange(500))[0, 1]) < 0.2


def test_parts_hold_the_chosen_rows_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_pool, "DATA_PART", 70)
    positions = data_pool.choose(600, 200, 0)
    pieces = data_pool.parts(background(), positions)
    assert [len(p) for p in pieces] == [70, 70, 60]
    pd.testing.assert_frame_equal(pd.concat(pieces), background().iloc[positions])


@pytest.mark.parametrize("cut", ["quartile", "none"])
def test_rows_are_encoded_as_the_space_encodes_them(cut: Discretizer) -> None:
    frame = background()
    space = spaces.fit(frame, discretizer=cut)
    pool = drawn(space, frame, linear, 10_000)
    rows = frame.iloc[data_pool.choose(len(frame), 10_000, 3)]
    np.testing.assert_array_equal(pool.codes.T, spaces.encode(space, rows))
    np.testing.assert_array_equal(pool.numbers.T, spaces.standardise(space, rows))
    np.testing.assert_array_equal(pool.matched, space.matched)
    np.testing.assert_allclose(pool.outputs.T + pool.offset, linear(rows), atol=1e-15)


def test_predictions_that_are_there_already_make_the_same_pool() -> None:
    frame = background()
    space = spaces.fit(frame, discretizer="quartile")
    asked = drawn(space, frame, linear, 10_000)
    rows = frame.iloc[data_pool.choose(len(frame), 10_000, 3)]
    known = data_pool.join(space, [data_pool.predicted(space, rows, linear(rows))])
    for name in ("codes", "numbers", "matched", "outputs", "offset"):
        assert getattr(asked, name).tobytes() == getattr(known, name).tobytes()


def test_refused_rows_are_dropped_and_counted() -> None:
    frame = background()
    space = spaces.fit(frame, discretizer="quartile")

    def partly(rows: pd.DataFrame) -> Array:
        return np.where(rows[["amount"]].isna(), np.nan, linear(rows))

    found = data_pool.predict_part(DataPoolJob(space, Model(partly)), frame)
    missing = int(frame["amount"].isna().sum())
    assert (found.failed, len(found.outputs), found.error) == (missing, len(frame) - missing, "no prediction")
    amount = space.names.index("amount")
    assert not (found.codes[:, amount] == space.columns[amount].missing).any()
    nothing = data_pool.predicted(space, frame, np.full((len(frame), 2), np.nan), "no")
    with pytest.raises(ValueError, match="at least one row"):
        data_pool.join(space, [nothing])


def explained(frame: pd.DataFrame, function: Callable[[pd.DataFrame], Array]) -> tuple[Space, Array]:
    """Weights (n, d) for the second class."""
    space = spaces.fit(frame, discretizer="quartile")
    pool = drawn(space, frame, function, 10_000)
    rows = frame.iloc[:40]
    batch = Rows(
        rows=np.arange(40),
        keys=np.arange(40).astype(np.uint64),
        codes=spaces.encode(space, rows),
        numbers=spaces.standardise(space, rows),
        predicted=function(rows),
        labels=np.ones(40, dtype=np.int64),
    )
    job = PooledJob(Local(space, default_width(len(space.columns)), "none", None), pool)
    return space, local.explain_pooled(job, batch).explanations.weights


def test_a_linear_models_weights_keep_their_signs_and_sizes() -> None:
    _, weights = explained(background(), linear)
    own = (background()["housing"] == "own").to_numpy()[:40]
    np.testing.assert_allclose(weights[:, 3], np.where(own, 0.3, -0.3), atol=0.01)
    old = (background()["age"] > MIDDLE).to_numpy()[:40]
    assert (np.sign(weights[:, 0]) == np.where(old, -1, 1)).all()
    assert np.abs(weights[:, 2]).max() < 0.02


def test_columns_that_always_go_together_share_the_weight() -> None:
    frame = background().assign(again=lambda f: f["housing"])
    _, weights = explained(frame, linear)
    np.testing.assert_allclose(weights[:, 3], weights[:, 4], atol=1e-9)
    np.testing.assert_allclose(np.abs(weights[:, 3] + weights[:, 4]), 0.3, atol=0.01)
