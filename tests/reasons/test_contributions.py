"""The contributions against what they must be by algebra, where the model is additive and its weights are known."""

import numpy as np
import pandas as pd
import pytest

from limekiln.reasons import contributions
from limekiln.reasons.contributions import Weights
from limekiln.values import Array, Codes

SIZES = (2, 4, 3, 7)


def values(n: int = 400) -> Codes:
    """Rows by value, every value of a feature there and some of them rare; features that depend on each other."""
    rng = np.random.default_rng(3)
    pull = rng.random(n)
    columns = [np.floor(size * (0.3 * pull + 0.7 * rng.random(n)) ** 2) for size in SIZES]
    return np.stack(columns, axis=1).astype(np.int32)


def worth(codes: Codes) -> Array:
    """An additive model's parts f_j(x_j), (n, F)."""
    rng = np.random.default_rng(4)
    return np.stack([rng.normal(size=size)[codes[:, f]] for f, size in enumerate(SIZES)], axis=1)


def lime_weights(codes: Codes, parts: Array) -> Array:
    """What LIME's weights go to: the mean of f_j over rows with the value, less that over the others."""
    weights = np.zeros(parts.shape)
    for f in range(parts.shape[1]):
        for value in range(SIZES[f]):
            has = codes[:, f] == value
            weights[has, f] = parts[has, f].mean() - parts[~has, f].mean()
    return weights


def of(weights: Array, codes: Codes) -> Weights:
    names = tuple("abcd")
    return Weights(names, weights, codes, tuple(map(str, range(max(SIZES)))))


def test_two_classes_of_an_additive_model_have_the_contributions_of_its_parts_exactly() -> None:
    codes = values()
    parts = worth(codes)
    mine = parts.sum(axis=1) > 0.4
    stored = np.where(mine[:, None], 1, -1) * lime_weights(
        codes, parts
    )  # each row's for the class that it is predicted
    effect = contributions.effects(of(stored, codes), centred=False)
    for reference in (~mine, np.ones(len(codes), dtype=bool), np.arange(len(codes)) % 3 == 0):
        found = contributions.compare(of(stored, codes), effect, mine, reference, two_classes=True)
        np.testing.assert_allclose(found.contribution, parts[mine] - parts[reference].mean(axis=0), atol=1e-12)
        assert (found.known == 1).all()


def test_many_classes_have_them_too_where_the_class_has_every_value() -> None:
    codes = values()
    parts = worth(codes)
    mine = np.arange(len(codes)) % 2 == 0
    other = np.random.default_rng(5).normal(size=parts.shape)  # of other classes, which says nothing of this one
    stored = np.where(mine[:, None], lime_weights(codes, parts), other)
    effect = contributions.effects(of(stored, codes), centred=False)
    found = contributions.compare(of(stored, codes), effect, mine, ~mine, two_classes=False)
    np.testing.assert_allclose(found.contribution, parts[mine] - parts[~mine].mean(axis=0), atol=1e-12)


def test_a_value_that_the_class_never_has_is_not_known() -> None:
    codes = np.array([[0], [0], [1], [0], [2]], dtype=np.int32)
    w = Weights(("a",), np.array([[1.0], [1.0], [3.0], [9.0], [9.0]]), codes, ("x", "y", "z"))
    mine = np.array([True, True, True, False, False])
    found = contributions.compare(w, w.weights, mine, ~mine, two_classes=False)
    assert found.known.tolist() == [0.5]
    assert found.contribution.ravel().tolist() == [0.0, 0.0, 2.0]  # against x alone, whose effect is 1
    assert found.same.ravel().tolist() == [0.5, 0.5, 0.0]


def test_kernelshap_is_centred_already() -> None:
    codes = values()
    w = of(np.ones(codes.shape), codes)
    assert contributions.effects(w, centred=True) is w.weights


def test_a_weight_that_was_not_stored_is_0_and_shares_no_value() -> None:
    table = pd.DataFrame({"row": ["r2", "r1"], "feature": ["b", "a"], "value": ["hot", None], "weight": [0.5, -1.0]})
    w = contributions.of_table(table, pd.Series(["r1", "r2"]), ("a", "b"))
    assert w.weights.tolist() == [[-1.0, 0.0], [0.0, 0.5]]
    assert [[w.labels[v] if v >= 0 else None for v in line] for line in w.values] == [["", None], [None, "hot"]]
    mine = np.array([True, False])
    found = contributions.compare(w, w.weights, mine, ~mine, two_classes=True)
    assert found.same.tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize("two", [True, False])
def test_rows_like_the_whole_reference_have_no_contribution(*, two: bool) -> None:
    codes = np.array([[1], [1], [1], [0]], dtype=np.int32)
    w = Weights(("a",), np.array([[0.2], [0.2], [-0.2 if two else 7.0], [0.1]]), codes, ("x", "y"))
    mine = np.array([True, True, False, False])
    reference = np.array([False, False, True, False])
    found = contributions.compare(w, contributions.effects(w, centred=False), mine, reference, two_classes=two)
    assert found.contribution.ravel().tolist() == [0.0, 0.0]
    assert found.same.ravel().tolist() == [1.0, 1.0]
