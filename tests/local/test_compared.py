"""Which rows are compared, from which part of the pools."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from limekiln import fooling
from limekiln.domains.tabular import pool as pools
from limekiln.domains.tabular import space as spaces
from limekiln.domains.tabular.pool import Pool
from limekiln.domains.tabular.space import Space
from limekiln.kernels import default_width
from limekiln.local import compared
from limekiln.local.compared import CompareJob
from limekiln.local.tables import Local, PooledJob, Rows, explain_pooled, pooled_weights
from limekiln.values import Array

RNG = np.random.default_rng(3)
FRAME = pd.DataFrame({"a": RNG.choice(["x", "y"], 600), "b": RNG.integers(0, 90, 600), "c": RNG.normal(size=600)})


def answers(frame: pd.DataFrame) -> Array:
    """Outputs of 12 classes; the first two are what a and b say, the others next to nothing."""
    a, b = (frame["a"] == "x").to_numpy(float), frame["b"].to_numpy(float) / 90
    others = np.tile(np.arange(10) / 1000, (len(frame), 1))
    return np.column_stack([0.7 * a, 0.5 * b + 0.1, others])


def space() -> Space:
    return spaces.fit(FRAME, discretizer="quartile")


def pool(frame: pd.DataFrame) -> Pool:
    s = space()
    return pools.make(s, spaces.encode(s, frame), spaces.standardise(s, frame), answers(frame))


def rows(labels: Any, n: int = 600) -> Rows:
    s, frame = space(), FRAME.iloc[:n]
    return Rows(
        rows=np.arange(n),
        keys=np.arange(n).astype(np.uint64),
        codes=spaces.encode(s, frame),
        numbers=spaces.standardise(s, frame),
        predicted=answers(frame),
        labels=np.resize(np.asarray(labels, dtype=np.int64), n),
    )


def local(**changes: Any) -> Local:
    return replace(Local(space(), default_width(3), "none", None), **changes)


def test_at_most_so_many_rows_are_chosen_in_their_order_and_by_the_seed() -> None:
    some, classes = compared.choose(rows([1, 4]), 0)
    assert classes.tolist() == [1, 4]
    assert len(some.rows) == len(set(some.rows)) == compared.ROWS
    assert (np.diff(some.rows) > 0).all()
    again, other = compared.choose(rows([1, 4]), 0)[0], compared.choose(rows([1, 4]), 1)[0]
    np.testing.assert_array_equal(some.rows, again.rows)
    assert some.rows.tolist() != other.rows.tolist()
    every, _ = compared.choose(rows([0], 50), 0)
    assert every.rows.tolist() == list(range(50))


def test_labels_and_predictions_are_of_the_chosen_classes() -> None:
    batch = rows([1, 4])
    some, classes = compared.choose(batch, 0)
    np.testing.assert_array_equal(classes[some.labels], batch.labels[some.rows])
    np.testing.assert_array_equal(some.predicted, batch.predicted[some.rows][:, [1, 4]])


def test_of_many_classes_the_commonest_are_compared() -> None:
    rare = [11, 3]
    labels = [*rare, *[c for c in range(12) if c not in (11, 3, 5, 7)] * 4]  # 5 and 7 are never predicted
    some, classes = compared.choose(rows(labels), 0)
    assert len(classes) == compared.CLASSES
    assert not set(classes) & {*rare, 5, 7}
    assert set(some.labels) == set(range(compared.CLASSES))


def test_a_pools_first_rows_have_the_outputs_of_the_chosen_classes() -> None:
    whole = pool(FRAME)
    part = compared.of_classes(whole, np.array([1, 4]), 100)
    assert part.codes.shape == part.numbers.shape == (3, 100)
    np.testing.assert_allclose((part.outputs + part.offset[:, None]).T, answers(FRAME)[:100][:, [1, 4]], atol=1e-15)
    np.testing.assert_allclose(part.outputs.mean(axis=1), 0, atol=1e-16)
    same = compared.of_classes(whole, np.arange(12), 10_000)
    np.testing.assert_allclose(same.outputs, whole.outputs, atol=1e-15)


@pytest.mark.parametrize("changes", [{}, {"selection": "highest_weights", "features": 2}])
@pytest.mark.parametrize("discretizer", ["quartile", "none"])
def test_the_weights_alone_are_those_of_the_explanations(discretizer: Any, changes: dict[str, Any]) -> None:
    s = spaces.fit(FRAME, discretizer=discretizer)
    made = pools.make(s, spaces.encode(s, FRAME), spaces.standardise(s, FRAME), answers(FRAME))
    few = FRAME[:40]
    batch = replace(rows([0, 1], 40), codes=spaces.encode(s, few), numbers=spaces.standardise(s, few))
    job = PooledJob(local(space=s, **changes), made)
    np.testing.assert_allclose(pooled_weights(job, batch), explain_pooled(job, batch).explanations.weights, rtol=1e-12)


def test_the_comparison_is_the_one_of_these_rows_and_pools() -> None:
    some, classes = compared.choose(rows([0, 1]), 0)
    both = [compared.of_classes(pool(f), classes, 500) for f in (FRAME.apply(lambda c: c.sample(frac=1).values), FRAME)]
    found = compared.compare(CompareJob(local(), both[0], both[1], 0), some)
    assert found.verdict == "agree"
    assert [(s.label, s.feature) for s in found.shifts] == [(c, f) for c in (None, 0, 1) for f in range(3)]
    by_class = {(s.label, s.feature): s.data for s in found.shifts}
    assert by_class[0, 0] > 0.9, "the first class is about a"
    assert by_class[1, 1] > 0.7, "the second about b"
    assert found.excess < fooling.SUSPICIOUS
