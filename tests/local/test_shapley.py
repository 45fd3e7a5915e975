"""A table's rows to Shapley values: closed forms, what reaches the model, sameness in any batch, and refusals."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd
import pytest

from limekiln import shapley
from limekiln.aggregate import spread
from limekiln.domains.tabular import space as spaces
from limekiln.domains.tabular.space import Space
from limekiln.errors import InstanceError
from limekiln.local import shapley as local
from limekiln.local.shapley import Background, ShapleyJob, TableRows
from limekiln.local.tables import Batch, Rows
from limekiln.values import Array, Fresh, Index, Instances, LocalExplanations, Outputs, part

FIELDS: Final = tuple(LocalExplanations.__dataclass_fields__)
Function = Callable[[pd.DataFrame], Array]


@dataclass(frozen=True)
class Model:
    """A function as a predictor, which keeps the frames that it was asked for; rows where it gives NaN have failed."""

    function: Function
    asked: list[pd.DataFrame] = field(default_factory=list)

    def predict_rows(self, instances: Instances | Fresh) -> Outputs:
        frame = part(instances, 0, len(instances))
        assert isinstance(frame, pd.DataFrame)
        self.asked.append(frame)
        outputs = self.function(frame)
        failed = np.flatnonzero(np.isnan(outputs).any(axis=1))
        return outputs, [(int(i), "no prediction") for i in failed]


def table(n: int, seed: int) -> pd.DataFrame:
    """One column of each type that a table may have."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 75, n),
            "amount": np.where(rng.random(n) < 0.3, np.nan, rng.lognormal(2, 0.5, n)).astype(np.float32),
            "housing": pd.Categorical(rng.choice(["own", "rent"], n), categories=["free", "own", "rent"]),
            "grade": pd.Categorical(rng.choice(["low", "mid"], n), categories=["low", "mid", "top"], ordered=True),
            "job": rng.choice(np.array(["clerk", "cook", None], dtype=object), n),
            "flag": rng.random(n) < 0.5,
            "count": pd.array(rng.integers(0, 4, n), dtype="Int64"),
        }
    )
    frame.loc[::4, "count"] = pd.NA
    return frame


def numbers(frame: pd.DataFrame) -> Array:
    """(n, 7) a number for each column."""
    return np.column_stack(
        [
            frame["age"].to_numpy(dtype=np.float64) / 50,
            frame["amount"].fillna(30).to_numpy(dtype=np.float64) / 10,
            frame["housing"].astype(object) == "rent",
            2.0 * (frame["grade"].astype(object) == "low"),
            frame["job"].map({"clerk": 1.0, "cook": -1.0}).fillna(3.0).to_numpy(),
            frame["flag"].to_numpy(dtype=np.float64),
            frame["count"].to_numpy(dtype=np.float64, na_value=-5.0),
        ]
    ).astype(np.float64)


def additive(frame: pd.DataFrame) -> Array:
    return numbers(frame) @ np.linspace(-1, 1, 21).reshape(7, 3)


def twisted(frame: pd.DataFrame) -> Array:
    """Probabilities of two classes, with interactions."""
    x = numbers(frame)
    z = x @ np.linspace(-1, 1, 7) + x[:, 0] * x[:, 2] - x[:, 4] * x[:, 5] * x[:, 6]
    p = 1 / (1 + np.exp(-z))
    return np.column_stack([1 - p, p])


def rows_of(space: Space, frame: pd.DataFrame, function: Function) -> TableRows:
    predicted = function(frame)
    positions = np.arange(len(frame))
    rows = Rows(
        rows=positions,
        keys=positions.astype(np.uint64) * np.uint64(7919),
        codes=spaces.encode(space, frame),
        numbers=spaces.standardise(space, frame),
        predicted=predicted,
        labels=predicted.argmax(axis=1).astype(np.int64),
    )
    return TableRows(rows, frame)


def job_of(
    function: Function,
    background: pd.DataFrame,
    *,
    n: int = 500,
    max_refused: float = 0.05,
    groups: dict[str, Sequence[str]] | None = None,
) -> ShapleyJob:
    space = spaces.fit(background, discretizer="quartile", groups=groups)
    return ShapleyJob(space, Model(function), local.ask_background(Model(function), background), n, 5, max_refused)


def model_of(job: ShapleyJob) -> Model:
    assert isinstance(job.model, Model)
    return job.model


def pick(batch: TableRows, which: Sequence[int]) -> TableRows:
    r, chosen = batch.rows, np.array(which, dtype=np.int64)
    return TableRows(
        Rows(*(getattr(r, name)[chosen] for name in Rows.__dataclass_fields__)), batch.frame.iloc[list(which)]
    )


def for_every_output(batch: TableRows) -> TableRows:
    n, C = batch.rows.predicted.shape
    repeated = pick(batch, np.repeat(np.arange(n), C).tolist())
    r = repeated.rows
    labels: Index = np.tile(np.arange(C), n)
    return TableRows(Rows(r.rows, r.keys, r.codes, r.numbers, r.predicted, labels), repeated.frame)


def explained(job: ShapleyJob, frame: pd.DataFrame) -> Batch:
    return local.explain_shapley(job, for_every_output(rows_of(job.space, frame, model_of(job).function)))


def test_a_linear_model_gets_its_closed_form() -> None:
    rng = np.random.default_rng(0)
    X, B = (pd.DataFrame(rng.normal(2, 3, (n, 6)), columns=list("abcdef")) for n in (5, 40))
    beta = rng.normal(size=(6, 2))
    found = explained(job_of(lambda frame: frame.to_numpy() @ beta + 7, B), X).explanations
    expected = (X.to_numpy() - B.to_numpy().mean(axis=0))[:, None] * beta.T
    np.testing.assert_allclose(found.weights.reshape(5, 2, 6), expected, atol=1e-9)
    np.testing.assert_allclose(found.intercept.reshape(5, 2), np.tile(B.to_numpy().mean(axis=0) @ beta + 7, (5, 1)))
    np.testing.assert_allclose(found.r2, 1, atol=1e-9)


@pytest.mark.parametrize("n", [94, 500], ids=["sampled", "listed"])
def test_an_additive_model_of_any_columns_gets_its_closed_form(n: int) -> None:
    B, X = table(30, 1), table(6, 2)
    job = job_of(additive, B, n=n)
    found = explained(job, X).explanations
    beta = np.linspace(-1, 1, 21).reshape(7, 3)
    expected = (numbers(X) - numbers(B).mean(axis=0))[:, None] * beta.T
    np.testing.assert_allclose(found.weights.reshape(6, 3, 7), expected, atol=1e-9)


def test_a_group_is_hidden_as_one_and_gets_what_its_columns_do_together() -> None:
    B, X = table(30, 1), table(6, 2)

    def function(frame: pd.DataFrame) -> Array:
        x = numbers(frame)
        return np.column_stack([x[:, 0] + x[:, 1] * x[:, 4], x[:, 3]])

    job = job_of(function, B, groups={"money": ["amount", "job"]})
    assert job.space.names == ("age", "money", "housing", "grade", "flag", "count")
    found = explained(job, X).explanations.weights.reshape(6, 2, 6)
    own, others = numbers(X), numbers(B)
    np.testing.assert_allclose(found[:, 0, 0], own[:, 0] - others[:, 0].mean(), atol=1e-9)
    money = own[:, 1] * own[:, 4] - (others[:, 1] * others[:, 4]).mean()
    np.testing.assert_allclose(found[:, 0, 1], money, atol=1e-9)
    assert (found[:, 0, 2:] == 0).all()
    seen = {(a, j) for f in (B, X) for a, j in f[["amount", "job"]].astype(object).fillna("none").to_numpy()}
    for frame in model_of(job).asked:
        assert {(a, j) for a, j in frame[["amount", "job"]].astype(object).fillna("none").to_numpy()} <= seen


def test_the_model_gets_the_tables_own_types_and_order() -> None:
    B, X = table(30, 1), table(4, 2)
    job = job_of(twisted, B, groups={"ends": ["age", "count"]})
    explained(job, X)
    values = {
        name: set(pd.concat([B[name], X[name]]).astype(object).where(lambda s: s.notna(), None)) for name in B.columns
    }
    for frame in model_of(job).asked:
        assert list(frame.columns) == list(B.columns)
        assert frame.dtypes.to_dict() == B.dtypes.to_dict()
        for name in B.columns:
            assert set(frame[name].astype(object).where(lambda s: s.notna(), None)) <= values[name]


def test_a_category_that_the_background_does_not_name_reaches_the_model_as_a_category() -> None:
    B, X = table(20, 1)[["age", "housing"]], table(2, 2)[["age", "housing"]]
    X["housing"] = pd.Categorical(["boat", "own"], categories=["own", "boat"])

    def function(frame: pd.DataFrame) -> Array:
        assert isinstance(frame["housing"].dtype, pd.CategoricalDtype)
        return np.where(frame[["housing"]].astype(object) == "boat", 1.0, 0.0)

    assert explained(job_of(function, B), X).explanations.weights.tolist() == [[0, 1], [0, 0]]


@pytest.mark.parametrize("n", [94, 500], ids=["sampled", "listed"])
def test_contributions_add_up_and_two_classes_mirror_each_other(n: int) -> None:
    found = explained(job_of(twisted, table(30, 1), n=n), table(6, 2)).explanations
    np.testing.assert_allclose(found.surrogate, found.predicted, atol=1e-9)
    np.testing.assert_array_equal(found.surrogate, found.intercept + found.weights.sum(axis=1))
    one, other = found.weights.reshape(6, 2, 7).swapaxes(0, 1)
    np.testing.assert_allclose(one, -other, atol=1e-12)
    assert (found.r2 < 1).all()


def test_a_value_that_the_whole_background_shares_counts_for_nothing_and_is_not_asked_about() -> None:
    B, X = table(30, 1), table(6, 2)
    B["flag"], B["count"] = True, pd.array([pd.NA] * 30, dtype="Int64")
    job = job_of(twisted, B)
    found = explained(job, X).explanations.weights.reshape(6, 2, 7)
    same = np.column_stack([X["flag"], X["count"].isna()])
    assert (found[:, :, 5:] == 0).transpose(0, 2, 1)[same].all()
    assert (found[:, :, 5:] != 0).transpose(0, 2, 1)[~same].all()
    assert sum(map(len, model_of(job).asked)) == sum(30 * (2**d - 2) for d in 7 - same.sum(axis=1))


def test_a_row_like_every_background_row_has_nothing_to_explain() -> None:
    B = pd.concat([table(1, 1)] * 5, ignore_index=True)
    job = job_of(twisted, B)
    found = explained(job, B.head(1))
    assert (found.explanations.weights == 0).all()
    assert np.isnan(found.explanations.r2).all()
    np.testing.assert_allclose(found.explanations.surrogate, found.explanations.predicted)
    assert found.model_rows == 0
    assert model_of(job).asked == []


def test_a_single_feature_gets_the_whole_difference() -> None:
    B, X = table(30, 1)[["age"]], table(3, 2)[["age"]]
    found = explained(job_of(lambda frame: frame[["age"]].to_numpy() ** 2.0, B), X).explanations
    expected = X["age"].to_numpy() ** 2.0 - (B["age"].to_numpy() ** 2.0).mean()
    np.testing.assert_allclose(found.weights[:, 0], expected, rtol=1e-12)


@pytest.mark.parametrize("n", [94, 500], ids=["sampled", "listed"])
def test_a_row_is_explained_to_the_same_bits_in_any_batch_and_order(n: int) -> None:
    job = job_of(twisted, table(20, 1), n=n)
    rows = rows_of(job.space, table(8, 2), twisted)
    whole = local.explain_shapley(job, rows).explanations
    for which in ([0], [3], [5, 3], [2, 3, 4], list(range(7, -1, -1)), [6] * 3):
        some = local.explain_shapley(job, pick(rows, which)).explanations
        for name in FIELDS:
            assert getattr(some, name).tobytes() == getattr(whole, name)[which].tobytes(), name


def test_another_seed_draws_other_coalitions_for_each_row() -> None:
    B, X = table(20, 1), table(2, 2)
    job = job_of(twisted, B, n=94)
    rows = rows_of(job.space, pd.concat([X, X]), twisted)  # the same values under other keys
    found = local.explain_shapley(job, rows).explanations.weights
    assert not np.array_equal(found[:2], found[2:])
    np.testing.assert_allclose(found[:2], found[2:], atol=0.1)


def test_a_row_is_asked_for_once_whatever_it_is_explained_for_and_in_bounded_batches() -> None:
    job = job_of(additive, table(70, 1))
    batch = for_every_output(rows_of(job.space, table(3, 2), additive))
    found = local.explain_shapley(job, batch)
    sizes = [len(frame) for frame in model_of(job).asked]
    assert found.model_rows == sum(sizes) == 3 * 70 * (2**7 - 2)
    assert sizes == [4060, 4060, 700] * 3
    assert found.explanations.labels.tolist() == [0, 1, 2] * 3
    assert [p.rows.rows.tolist() for p in local.split(batch, 2)] == [[0, 0, 0, 1, 1, 1], [2, 2, 2]]
    assert [len(p.frame) for p in local.split(batch, 1)] == [3, 3, 3]


def test_a_background_beyond_the_bound_is_asked_one_coalition_at_a_time() -> None:
    B = pd.DataFrame({"a": np.arange(5000.0), "b": np.arange(5000.0) % 7})
    job = job_of(lambda frame: frame.to_numpy().sum(axis=1, keepdims=True), B)
    explained(job, pd.DataFrame({"a": [1.0], "b": [2.5]}))
    assert [len(frame) for frame in model_of(job).asked] == [5000, 5000]


def test_one_row_for_every_output_is_what_a_run_gives() -> None:
    job = job_of(twisted, table(20, 1), n=94)
    rows = rows_of(job.space, table(4, 2), twisted)
    run = local.explain_shapley(job, for_every_output(rows)).explanations
    for i in range(4):
        found, own = local.explain_all_outputs(job, pick(rows, [i]))
        np.testing.assert_array_equal(found.coef[0], run.weights[2 * i : 2 * i + 2])
        np.testing.assert_array_equal(found.r2[0], run.r2[2 * i : 2 * i + 2])
        np.testing.assert_allclose(found.at(own), rows.rows.predicted[i : i + 1], atol=1e-12)


def refusing(when: Callable[[pd.DataFrame], pd.Series]) -> Function:
    def function(frame: pd.DataFrame) -> Array:
        return np.where(when(frame).to_numpy()[:, None], np.nan, additive(frame))

    return function


def test_coalitions_with_a_refused_row_are_left_out() -> None:
    B, X = table(30, 1), table(3, 2)
    age, housing = B["age"].iloc[4], X["housing"].iloc[0]
    B.loc[B["age"] == age, "housing"] = "rent" if housing == "own" else "own"
    function = refusing(
        lambda frame: (frame["age"] == age) & (frame["housing"] == housing) & frame["flag"].eq(other=True)
    )
    job = job_of(function, B, max_refused=0.1)
    found = explained(job, X)
    assert found.failures == ()
    refused = sum(int(np.isnan(function(frame)).any(axis=1).sum()) for frame in model_of(job).asked)
    assert found.refused == refused > 0
    expected = (numbers(X) - numbers(B).mean(axis=0))[:, None] * np.linspace(-1, 1, 21).reshape(7, 3).T
    np.testing.assert_allclose(found.explanations.weights.reshape(3, 3, 7), expected, atol=1e-9)


def test_a_row_fails_with_the_reason_where_too_much_is_refused() -> None:
    B, X = table(30, 1), table(4, 2)
    X.loc[2, "age"] = 99
    job = job_of(refusing(lambda frame: (frame["age"] == 99) & (frame["grade"] == "low")), B)
    X.loc[2, "grade"] = "mid"
    found = explained(job, X)
    assert found.explanations.rows.tolist() == [0, 0, 0, 1, 1, 1, 3, 3, 3]
    (failure,) = found.failures
    assert (failure.row, failure.stage) == (2, "perturb")
    assert failure.error == f"the model refused {found.refused:,} of 3,780 perturbed rows: no prediction"
    with pytest.raises(InstanceError, match="of 3,780 perturbed rows: no prediction"):
        local.explain_all_outputs(job, pick(rows_of(job.space, X, additive), [2]))


def test_a_row_fails_where_what_is_left_cannot_tell_its_features_apart() -> None:
    B, X = table(30, 1), table(1, 2)
    X.loc[0, ["age", "grade"]] = 99, "top"  # neither may show without the other
    job = job_of(refusing(lambda frame: (frame["age"] == 99) != (frame["grade"] == "top")), B, max_refused=1.0)
    (failure,) = local.explain_shapley(job, rows_of(job.space, X, additive)).failures
    expected = (
        "too few distinct coalitions are left to tell 7 features apart; the model refused 1,920 of 3,780 perturbed"
    )
    assert failure.error == f"{expected} rows: no prediction"


def test_a_batch_of_failures_has_no_explanations_and_joins_the_others() -> None:
    job = job_of(refusing(lambda frame: frame["age"] > 75), table(30, 1))
    X = table(2, 2).assign(age=80)
    found = local.explain_shapley(job, rows_of(job.space, X, additive))
    assert len(found.failures) == 2
    assert found.explanations.weights.shape == (0, 7)
    assert found.folds.support.sum() == 0


def test_background_rows_that_the_model_refuses_are_left_out() -> None:
    B = table(30, 1)
    good = B[B["age"] <= 50]
    asked = local.ask_background(Model(refusing(lambda frame: frame["age"] > 50)), B)
    assert isinstance(asked, Background)
    pd.testing.assert_frame_equal(asked.frame, good)
    np.testing.assert_allclose(asked.base, additive(good).mean(axis=0))
    assert (asked.refused, asked.error) == (30 - len(good), "no prediction")
    with pytest.raises(ValueError, match="the model refused all 30 background rows: no prediction"):
        local.ask_background(Model(refusing(lambda frame: frame["age"] > 0)), B)


def test_a_budget_below_the_least_is_refused() -> None:
    job = job_of(additive, table(30, 1), n=shapley.least(7) - 1)
    with pytest.raises(ValueError, match="n ≥ 54 coalitions, got d = 7, n = 53"):
        explained(job, table(1, 2))


def test_what_is_listed_owes_nothing_to_chance_and_what_is_drawn_does() -> None:
    B, X = table(20, 1), table(8, 2)
    for n, exact in ((500, True), (94, False)):
        found = explained(job_of(twisted, B, n=n), X)
        noise = spread.by_folds(found.folds, 0, np.arange(7), "weighted")
        assert (np.abs(noise).max() < 1e-25) == exact
        assert ((found.explanations.vsi == 1) & (found.explanations.csi == 1)).all() == exact
        assert (found.explanations.vsi > 0.4).all()
    assert (found.explanations.csi > 0.4).all()
