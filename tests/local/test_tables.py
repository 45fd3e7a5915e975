"""Batches of rows to explanations: exact truths, sameness in any batch, and what odd inputs give."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd
import pytest

from limekiln.domains.tabular import space as spaces
from limekiln.domains.tabular.columns import Discretizer
from limekiln.domains.tabular.space import Space
from limekiln.kernels import default_width
from limekiln.local import tables as local
from limekiln.local.tables import FreshJob, Local, PooledJob, PoolJob, Rows
from limekiln.surrogate import Selection
from limekiln.values import Array, Fresh, Instances, LocalExplanations, Outputs, part

FIELDS: Final = tuple(LocalExplanations.__dataclass_fields__)
SELECTIONS: Final[list[Selection]] = ["none", "highest_weights", "forward_selection", "lasso_path"]
Function = Callable[[pd.DataFrame], Array]


@dataclass(frozen=True)
class Model:
    """A function as a predictor; rows where it gives NaN have failed."""

    function: Function

    def predict_rows(self, instances: Instances | Fresh) -> Outputs:
        frame = part(instances, 0, len(instances))
        assert isinstance(frame, pd.DataFrame)
        outputs = self.function(frame)
        failed = np.flatnonzero(np.isnan(outputs).any(axis=1))
        return outputs, [(int(i), "no prediction") for i in failed]


def table(n: int = 120) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "age": rng.integers(18, 75, n),
            "amount": np.where(rng.random(n) < 0.2, np.nan, rng.lognormal(2, 0.5, n)),
            "housing": rng.choice(["own", "rent", "free"], n),
            "noise": rng.normal(size=n),
            "same": np.full(n, 0.1),
        }
    )


def credit(frame: pd.DataFrame) -> Array:
    z = 0.04 * (frame["age"] - 40) + 0.1 * frame["amount"].fillna(20) - 1.5 * (frame["housing"] == "rent")
    p = 1 / (1 + np.exp(-z.to_numpy(dtype=np.float64)))
    return np.column_stack([1 - p, p])


def rows_of(space: Space, frame: pd.DataFrame, function: Function) -> Rows:
    predicted = function(frame)
    positions = np.arange(len(frame))
    return Rows(
        rows=positions,
        keys=positions.astype(np.uint64) * np.uint64(7919),
        codes=spaces.encode(space, frame),
        numbers=spaces.standardise(space, frame),
        predicted=predicted,
        labels=predicted.argmax(axis=1).astype(np.int64),
    )


def pooled(
    background: pd.DataFrame,
    function: Function,
    cut: Discretizer = "quartile",
    *,
    M: int = 1000,
    selection: Selection = "none",
    k: int | None = None,
    width: float | None = None,
) -> PooledJob:
    space = spaces.fit(background, discretizer=cut)
    parts = [local.predict_part(PoolJob(space, Model(function), 5), p) for p in local.pool_parts(M)]
    width = width or default_width(background.shape[1])
    return PooledJob(Local(space, width, selection, k), local.join_pool(space, parts))


def explain(
    background: pd.DataFrame, function: Function, cut: Discretizer = "quartile", **options: int
) -> LocalExplanations:
    job = pooled(background, function, cut, M=options.get("M", 1000))
    return local.explain_pooled(job, rows_of(job.local.space, background, function)).explanations


def pick(batch: Rows, which: list[int]) -> Rows:
    return local.take(batch, np.array(which, dtype=np.int64))


def assert_same_bits(a: LocalExplanations, b: LocalExplanations) -> None:
    for name in FIELDS:
        assert getattr(a, name).tobytes() == getattr(b, name).tobytes(), name


@pytest.mark.parametrize("fresh", [False, True], ids=["pooled", "fresh"])
@pytest.mark.parametrize("cut", ["quartile", "none"])
@pytest.mark.parametrize("selection", SELECTIONS)
def test_a_row_is_explained_to_the_same_bits_in_any_batch_and_order(
    selection: Selection, cut: Discretizer, *, fresh: bool
) -> None:
    shared = pooled(table(), credit, cut, selection=selection, k=3)
    rows = pick(rows_of(shared.local.space, table(), credit), list(range(14)))

    def run(batch: Rows) -> LocalExplanations:
        if fresh:
            return local.explain_fresh(FreshJob(shared.local, Model(credit), 300, 5, 0.05), batch).explanations
        return local.explain_pooled(shared, batch).explanations

    whole = run(rows)
    for which in ([0], [3], [5, 3], [2, 3, 4], list(range(13, -1, -1)), [9] * 3):
        part = run(pick(rows, which))
        expected = LocalExplanations(**{name: getattr(whole, name)[which] for name in FIELDS})
        assert_same_bits(part, expected)


def test_splitting_keeps_every_row_in_order() -> None:
    job = pooled(table(), credit)
    rows = rows_of(job.local.space, table(), credit)
    for size in (1, 7, 120, 1000):
        parts = local.split(rows, size)
        assert max(len(p.rows) for p in parts) <= size
        assert np.concatenate([p.rows for p in parts]).tolist() == rows.rows.tolist()
        np.testing.assert_array_equal(np.concatenate([p.codes for p in parts]), rows.codes)


def test_a_row_and_all_its_outputs_are_in_one_batch() -> None:
    job = pooled(table(), credit)
    rows = pick(rows_of(job.local.space, table(), credit), [0, 0, 0, 1, 2, 2, 5])
    assert [p.rows.tolist() for p in local.split(rows, 2)] == [[0, 0, 0, 1], [2, 2, 5]]
    assert [p.rows.tolist() for p in local.split(rows, 1)] == [[0, 0, 0], [1], [2, 2], [5]]


def test_parts_of_the_pool_make_its_size_and_depend_on_seed_and_number_only() -> None:
    assert [p.n for p in local.pool_parts(local.POOL_PART * 2 + 5)] == [local.POOL_PART, local.POOL_PART, 5]
    assert sum(p.n for p in local.pool_parts(50)) == 50
    job = PoolJob(spaces.fit(table(), discretizer="quartile"), Model(credit), 5)
    parts = local.pool_parts(local.POOL_PART + 30)
    forwards, backwards = ([local.predict_part(job, p) for p in order] for order in (parts, parts[::-1]))
    for a, b in zip(forwards, backwards[::-1], strict=True):
        np.testing.assert_array_equal(a.codes, b.codes)
        np.testing.assert_array_equal(a.outputs, b.outputs)
    assert not np.array_equal(forwards[0].codes[:30], forwards[1].codes)


def test_equal_rows_have_equal_explanations_and_other_labels_their_own() -> None:
    frame = pd.concat([table().iloc[[4, 9]]] * 3, ignore_index=True)
    job = pooled(table(), credit)
    rows = rows_of(job.local.space, frame, credit)
    told = local.explain_pooled(job, replace(rows, labels=np.array([0, 0, 0, 0, 1, 1]))).explanations
    assert told.weights[0].tobytes() == told.weights[2].tobytes()
    assert told.weights[1].tobytes() == told.weights[3].tobytes()
    np.testing.assert_allclose(told.weights[4], -told.weights[0], atol=1e-10)


def test_numbers_kept_as_numbers_tell_rows_apart_that_share_their_intervals() -> None:
    frame = table().iloc[[4, 4, 4]].reset_index(drop=True)
    frame["noise"] += [0.0, 1e-3, 0.0]
    cut, kept = pooled(table(), credit), pooled(table(), credit, "none")
    for job, different in ((cut, False), (kept, True)):
        rows = rows_of(job.local.space, frame, credit)
        assert (rows.codes == rows.codes[0]).all()
        weights = local.explain_pooled(job, rows).explanations.weights
        assert (weights[0] != weights[1]).any() == different
        assert (weights[0] == weights[2]).all()


@pytest.mark.parametrize("cut", ["quartile", "none"])
@pytest.mark.parametrize("selection", ["none", "highest_weights", "forward_selection"])
def test_the_two_classes_of_a_binary_model_have_opposite_weights(selection: Selection, cut: Discretizer) -> None:
    job = pooled(table(), credit, cut, selection=selection, k=3)
    rows = rows_of(job.local.space, table(), credit)
    first, second = (local.explain_pooled(job, replace(rows, labels=np.full(120, c))).explanations for c in range(2))
    np.testing.assert_allclose(first.weights, -second.weights, atol=1e-10)
    np.testing.assert_allclose(first.intercept + second.intercept, 1, atol=1e-10)
    np.testing.assert_allclose(first.surrogate + second.surrogate, 1, atol=1e-10)
    np.testing.assert_allclose(first.r2, second.r2, atol=1e-9)


@pytest.mark.parametrize("cut", ["quartile", "decile", "none"])
def test_a_constant_column_weighs_exactly_nothing(cut: Discretizer) -> None:
    told = explain(table(), credit, cut)
    assert (told.weights[:, 4] == 0.0).all()
    assert (told.weights[:, 3] != 0.0).all()


def test_a_linear_model_gives_back_its_coefficients_undiscretised() -> None:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"a": rng.normal(5, 2, 300), "b": rng.normal(-1, 0.1, 300), "c": rng.normal(0, 30, 300)})
    truth = np.array([2.0, -30.0, 0.05])
    told = explain(frame, lambda f: (f.to_numpy() @ truth + 7)[:, None], "none", M=20_000)
    slopes = told.weights / frame.std(ddof=0).to_numpy()
    np.testing.assert_allclose(
        slopes, np.broadcast_to(truth, slopes.shape), rtol=5e-3
    )  # lime's ridge shrinks outlying rows most
    assert told.r2.min() > 0.9999
    np.testing.assert_allclose(told.surrogate, told.predicted, atol=0.02)


def test_an_additive_model_gives_back_the_contrast_of_each_value() -> None:
    worth = {"own": 3.0, "rent": -1.0, "free": 0.0}
    steps = {"yes": 0.5, "no": 0.0}
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"housing": rng.choice(list(worth), 400), "phone": rng.choice(list(steps), 400)})

    def model(f: pd.DataFrame) -> Array:
        return np.array([[worth[h] + steps[p]] for h, p in zip(f["housing"], f["phone"], strict=True)])

    told = explain(frame, model, M=20_000)
    shares = frame["housing"].value_counts(normalize=True)
    for i in range(20):
        own = frame["housing"][i]
        others = [h for h in worth if h != own]
        rest = sum(worth[h] * shares[h] for h in others) / sum(shares[h] for h in others)
        assert told.weights[i, 0] == pytest.approx(worth[own] - rest, abs=0.03)
        assert told.weights[i, 1] == pytest.approx(0.5 if frame["phone"][i] == "yes" else -0.5, abs=0.01)


@pytest.mark.parametrize("cut", ["quartile", "decile", "none"])
def test_an_irrelevant_column_ranks_last(cut: Discretizer) -> None:
    told = explain(table().drop(columns="same"), credit, cut, M=20_000)
    magnitude = np.abs(told.weights).mean(axis=0)
    assert magnitude.argmin() == 3
    assert magnitude[3] < 0.2 * np.sort(magnitude)[1]


def test_a_missing_value_is_a_value_of_its_own() -> None:
    frame = table()[["age", "amount"]]

    def model(f: pd.DataFrame) -> Array:
        return np.where(f["amount"].isna(), 1.0, 0.0)[:, None]

    gone = frame["amount"].isna().to_numpy()
    told = explain(frame, model, M=5000)
    assert (told.weights[gone, 1] > 0.99).all()
    assert (told.weights[~gone, 1] < 0).all()
    kept = explain(frame, model, "none", M=5000)
    assert (kept.weights[gone, 1] > 0.99).all()
    np.testing.assert_allclose(kept.surrogate[gone], 1.0, atol=0.02)


def test_large_outputs_with_small_differences_keep_their_digits() -> None:
    frame = table()[["age", "noise"]]

    def small(f: pd.DataFrame) -> Array:
        return np.where(f["noise"] > 0, 1.0, -1.0)[:, None]

    plain, lifted = explain(frame, small), explain(frame, lambda f: small(f) + 1e6)
    np.testing.assert_allclose(lifted.weights, plain.weights, atol=1e-7)
    np.testing.assert_allclose(lifted.r2, plain.r2, atol=1e-7)
    np.testing.assert_allclose(lifted.surrogate - 1e6, plain.surrogate, atol=1e-7)


def test_rows_of_the_pool_that_the_model_refuses_are_left_out_and_counted() -> None:
    def fussy(f: pd.DataFrame) -> Array:
        return np.where((f["age"] < 30).to_numpy()[:, None], np.nan, credit(f))

    space = spaces.fit(table(), discretizer="quartile")
    part = local.predict_part(PoolJob(space, Model(fussy), 0), local.PoolPart(0, 400))
    young = (spaces.perturb(space, 400, np.random.default_rng([0, 0])).frame["age"] < 30).sum()
    assert part.failed == young > 0
    assert len(part.outputs) == len(part.codes) == len(part.numbers) == 400 - young
    assert np.isfinite(part.outputs).all()
    assert part.error == "no prediction"


def test_a_row_without_any_prediction_is_a_failure_and_the_others_are_explained() -> None:
    job = pooled(table(), credit)
    rows = pick(rows_of(job.local.space, table(), credit), [3, 4])
    refusing = Model(lambda f: np.full((len(f), 2), np.nan))
    none = local.explain_fresh(FreshJob(job.local, refusing, 50, 0, 0.05), rows)
    assert [(f.row, f.stage, f.error) for f in none.failures] == [
        (3, "perturb", "the model refused 50 of 50 perturbed rows: no prediction"),
        (4, "perturb", "the model refused 50 of 50 perturbed rows: no prediction"),
    ]
    assert none.explanations.weights.shape == (0, 5)
    assert (none.model_rows, none.refused) == (100, 100)


def test_all_classes_of_a_row_are_what_each_alone_is() -> None:
    def three(f: pd.DataFrame) -> Array:
        p = credit(f)
        return np.column_stack([p[:, 0] * 0.5, p[:, 0] * 0.5, p[:, 1]])

    job = pooled(table(), three)
    row = pick(rows_of(job.local.space, table(), three), [11])
    fitted, own = local.explain_all_classes(job, row)
    for c in range(3):
        alone = local.explain_pooled(job, replace(row, labels=np.array([c]))).explanations
        np.testing.assert_allclose(fitted.coef[0, c], alone.weights[0], atol=1e-12)
        assert fitted.at(own)[0, c] == pytest.approx(alone.surrogate[0])
        assert fitted.r2[0, c] == pytest.approx(alone.r2[0])


def test_a_kernel_too_narrow_for_any_neighbour_explains_nothing() -> None:
    job = pooled(table(), credit, width=1e-3)
    far = table().iloc[[0]].assign(housing="tent")
    told = local.explain_pooled(job, rows_of(job.local.space, far, credit)).explanations
    assert (told.weights == 0).all()
    assert np.isnan(told.r2).all()
    np.testing.assert_allclose(told.surrogate, told.predicted)


@pytest.mark.parametrize("cut", ["quartile", "decile", "none"])
@pytest.mark.parametrize("selection", SELECTIONS)
def test_odd_tables_are_explained_without_a_warning(cut: Discretizer, selection: Selection) -> None:
    rng = np.random.default_rng(3)
    odd: list[pd.DataFrame] = [
        pd.DataFrame({"one": rng.normal(size=50)}),
        pd.DataFrame({"a": [1.0], "b": ["x"]}),
        pd.DataFrame({"a": [0.1] * 50}),
        pd.DataFrame({"many": [f"v{i}" for i in range(350)], "x": rng.normal(size=350)}),
        pd.DataFrame({"nothing": [np.nan] * 50, "x": rng.normal(size=50)}),
        pd.DataFrame({"nothing": pd.Series([None] * 50, dtype=object), "x": rng.normal(size=50)}),
        pd.DataFrame({"tiny": rng.normal(size=50) * 1e-300, "big": rng.normal(size=50) * 1e100}),
    ]

    def model(f: pd.DataFrame) -> Array:
        return np.random.default_rng(len(f)).random((len(f), 2))

    for frame in odd:
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            job = pooled(frame, model, cut, M=200, selection=selection, k=1)
            told = local.explain_pooled(job, rows_of(job.local.space, frame, model)).explanations
        assert np.isfinite(told.weights).all()
        assert np.isfinite(told.surrogate).all()


def test_a_value_that_no_perturbed_row_shares_weighs_exactly_nothing() -> None:
    """Its column would otherwise be fitted to the row's own prediction alone."""
    rng = np.random.default_rng(0)
    background = pd.DataFrame({"k": rng.choice(list("ab"), 300), "x": rng.normal(size=300)})

    def model(frame: pd.DataFrame) -> Array:
        p = np.where(frame["k"] == "new", 0.95, 0.1) + 0.1 * (frame["x"] > 0)
        return np.column_stack([1 - p, p])

    job = pooled(background, model, M=2000)
    rows = rows_of(job.local.space, background.iloc[[0]].assign(k="new"), model)
    weights = local.explain_pooled(job, rows).explanations.weights
    assert weights[0, 0] == 0.0
    assert abs(weights[0, 1]) > 0.01


@pytest.mark.parametrize("fresh", [False, True], ids=["pooled", "fresh"])
def test_a_row_that_is_explained_for_every_output_is_explained_as_for_each_alone(*, fresh: bool) -> None:
    calls: list[int] = []

    def counted(frame: pd.DataFrame) -> Array:
        calls.append(len(frame))
        return credit(frame)

    shared = pooled(table(), credit)
    rows = pick(rows_of(shared.local.space, table(), credit), [2, 2, 5, 5])
    job = FreshJob(shared.local, Model(counted), 300, 5, 0.05)

    def run(batch: Rows) -> local.Batch:
        return local.explain_fresh(job, batch) if fresh else local.explain_pooled(shared, batch)

    both = run(replace(rows, labels=np.array([0, 1, 0, 1])))
    assert calls == [300, 300] * fresh, "the model is asked for a row once, whatever it is explained for"
    assert both.model_rows == sum(calls)
    assert both.explanations.rows.tolist() == [2, 2, 5, 5]
    for label in range(2):
        alone = run(replace(pick(rows, [0, 2]), labels=np.full(2, label))).explanations
        every = LocalExplanations(**{name: getattr(both.explanations, name)[label::2] for name in FIELDS})
        assert_same_bits(every, alone)


def test_a_row_that_is_refused_fails_once_for_all_its_outputs() -> None:
    job = pooled(table(), credit)
    rows = pick(rows_of(job.local.space, table(), credit), [3, 3, 4, 4])
    refusing = Model(lambda f: np.full((len(f), 2), np.nan))
    none = local.explain_fresh(FreshJob(job.local, refusing, 50, 0, 0.05), replace(rows, labels=np.array([0, 1, 0, 1])))
    assert [f.row for f in none.failures] == [3, 4]
    assert (none.model_rows, none.refused, len(none.explanations.rows)) == (100, 100, 0)


@pytest.mark.parametrize("fresh", [False, True], ids=["pooled", "fresh"])
def test_probed_rows_have_probes_of_the_same_bits_in_any_batch(*, fresh: bool) -> None:
    shared = pooled(table(), credit)
    rows = pick(rows_of(shared.local.space, table(), credit), list(range(12)))
    asked = replace(shared.local, probed=np.array([1, 4, 5, 11]))

    def run(batch: Rows) -> local.Batch:
        if fresh:
            return local.explain_fresh(FreshJob(asked, Model(credit), 300, 5, 0.05), batch)
        return local.explain_pooled(replace(shared, local=asked), batch)

    whole, parts = run(rows), [run(part) for part in local.split(rows, 5)]
    assert whole.probes is not None
    assert whole.probes.support[:, 0].max() > 0
    tallies = [p.probes for p in parts if p.probes is not None]
    added = sum(tallies[1:], start=tallies[0])
    for name in ("support", "share", "weighted"):
        np.testing.assert_allclose(getattr(added, name), getattr(whole.probes, name), rtol=1e-12)
    assert_same_bits(whole.explanations, run(replace(rows)).explanations)


def test_a_pool_too_small_to_move_columns_in_has_no_probes() -> None:
    job = pooled(table(), credit, M=30)
    asked = replace(job, local=replace(job.local, probed=np.arange(5)))
    batch = local.explain_pooled(asked, pick(rows_of(job.local.space, table(), credit), list(range(5))))
    assert batch.probes is not None
    assert not batch.probes.support.any()
