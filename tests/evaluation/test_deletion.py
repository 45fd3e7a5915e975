"""Deletion and permutation against what is known exactly for tiny models."""

from collections.abc import Callable
from itertools import permutations
from typing import Any

import numpy as np
import pandas as pd
import pytest

from limekiln.evaluation import deletion
from limekiln.evaluation.deletion import Deletion
from limekiln.values import Array, Fresh, Index, Instances, Outputs, part

Row = Callable[[pd.DataFrame], Array]
WEIGHTS = np.array([4.0, 2.0, 1.0, 0.5])
FEATURES = [["a"], ["b"], ["c"], ["d"]]


class Asked:
    """A model of one function of a frame, which may refuse rows and keeps what it was asked."""

    def __init__(self, function: Row, refuses: Callable[[pd.DataFrame], Any] | None = None) -> None:
        self.function = function
        self.refuses = refuses
        self.frames: list[pd.DataFrame] = []

    def predict_rows(self, instances: Instances | Fresh) -> Outputs:
        frame = part(instances, 0, len(instances))
        assert isinstance(frame, pd.DataFrame)
        self.frames.append(frame)
        second = self.function(frame)
        outputs = np.column_stack([1 - second, second])
        refused = np.zeros(len(frame), dtype=bool) if self.refuses is None else np.asarray(self.refuses(frame))
        outputs[refused] = np.nan
        return outputs, [(int(i), "no") for i in np.flatnonzero(refused)]


def linear(frame: pd.DataFrame) -> Array:
    values: Array = frame[["a", "b", "c", "d"]].to_numpy(dtype=np.float64) @ WEIGHTS
    return values


def numbers(n: int = 40, seed: int = 0) -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(seed).uniform(0, 1, (n, 4)), columns=list("abcd"))


def ones(n: int) -> pd.DataFrame:
    return pd.DataFrame(np.ones((n, 4)), columns=list("abcd"))


def zeros(n: int) -> pd.DataFrame:
    return pd.DataFrame(np.zeros((n, 4)), columns=list("abcd"))


def every_order() -> Index:
    return np.array(list(permutations(range(4))))


def deleted(function: Row, rows: pd.DataFrame, orders: Index, **more: Any) -> Deletion:
    background = more.pop("background", numbers(30, seed=1))
    features = more.pop("features", FEATURES)
    return deletion.delete(Asked(function), rows, background, orders, features, label=1, seed=0, **more)


def test_falls_of_a_linear_model_are_the_weights_that_were_taken_away() -> None:
    order = np.array([[2, 0, 3, 1]])
    found = deleted(linear, ones(5), order, background=zeros(3))
    expected = np.concatenate([[0.0], np.cumsum(WEIGHTS[order[0]])])
    assert found.falls == pytest.approx(np.tile(expected, (1, 5, 1)))
    assert deletion.aopc(found.falls) == pytest.approx(np.full((1, 5), expected.mean()))


def test_the_order_of_the_true_effects_dominates_every_other_at_every_step() -> None:
    found = deleted(linear, ones(20), every_order())  # the background is below 1: every effect is a fall
    curves = found.falls.mean(axis=1)
    assert (curves[0] >= curves - 1e-12).all()  # the first permutation is 0, 1, 2, 3
    area = deletion.aopc(found.falls).mean(axis=1)
    assert area[0] > area[1:].max()
    assert area.argmin() == len(area) - 1  # and the last one is its reverse


def test_all_orders_end_at_the_same_row_of_the_background() -> None:
    background = numbers(30, seed=1)
    found = deleted(linear, ones(6), every_order(), background=background, draws=1)
    assert np.ptp(found.falls[:, :, -1], axis=0) == pytest.approx(np.zeros(6))
    ends = linear(ones(6)) - found.falls[0, :, -1]
    assert all(np.isclose(linear(background), end).any() for end in ends)


def test_a_group_is_replaced_together_and_from_one_row() -> None:
    background = pd.DataFrame({"a": [10.0, 20], "b": [1.0, 2], "c": [0.0, 0], "d": [0.0, 0]})
    model = Asked(linear)
    order = np.array([[0, 1]])
    deletion.delete(model, ones(8), background, order, [["a", "b"], ["c"]], label=1, seed=0)
    seen = {tuple(pair) for pair in pd.concat(model.frames)[["a", "b"]].to_numpy().tolist()}
    assert seen == {(1.0, 1.0), (10.0, 1.0), (20.0, 2.0)}
    assert (pd.concat(model.frames)["d"] == 1).all()  # a column that is in no feature stays


def test_rows_that_are_refused_are_left_out_and_counted() -> None:
    rows = ones(10)
    rows.loc[[2, 7], "a"] = 5.0
    model = Asked(linear, refuses=lambda frame: frame["a"] == 5)
    found = deletion.delete(model, rows, zeros(3), every_order()[:3], FEATURES, label=1, seed=0)
    assert found.refused == 2
    assert found.kept.tolist() == [0, 1, 3, 4, 5, 6, 8, 9]
    assert found.falls.shape == (3, 8, 5)
    assert np.isfinite(found.falls).all()


def test_where_every_row_is_refused_nothing_is_claimed() -> None:
    model = Asked(linear, refuses=lambda frame: frame["a"] < 9)
    found = deletion.delete(model, ones(4), zeros(3), every_order(), FEATURES, label=1, seed=0)
    told = deletion.evidence(found, 0, range(1, 24))
    assert (told.rows, told.refused) == (0, 4)
    assert np.isnan([told.difference.mean, told.difference.low, told.difference.high, told.beaten]).all()


def test_the_same_seed_gives_the_same_bits_and_another_does_not() -> None:
    rows, order = numbers(), every_order()[:2]
    runs = [deletion.delete(Asked(linear), rows, rows, order, FEATURES, label=1, seed=seed).falls for seed in (3, 3, 4)]
    assert np.array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])


def test_the_model_is_asked_in_bounded_batches_and_for_no_set_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, orders = numbers(10), np.array([[0, 1], [0, 2], [1, 0]])
    whole = deleted(linear, rows, orders)
    monkeypatch.setattr(deletion, "ASKED_AT_ONCE", 7)
    model = Asked(linear)
    cut = deletion.delete(model, rows, numbers(30, seed=1), orders, FEATURES, label=1, seed=0, draws=4)
    assert np.array_equal(cut.falls, whole.falls)
    sizes = [len(frame) for frame in model.frames]
    assert max(sizes) == 7
    assert sum(sizes) == 5 * 10 * 4  # none, {0}, {1}, {0, 1}, {0, 2}


def test_types_of_columns_survive() -> None:
    rows = pd.DataFrame({"a": pd.Categorical(["x", "y"]), "b": [1, 2], "c": ["u", None], "d": [True, False]})
    model = Asked(lambda frame: np.zeros(len(frame)))
    deletion.delete(model, rows, rows, every_order()[:1], FEATURES, label=1, seed=0)
    assert all((frame.dtypes == rows.dtypes).all() for frame in model.frames)


def test_either_way_counts_a_rise_as_much_as_a_fall() -> None:
    rows = pd.DataFrame([[1.0] * 4, [-1.0] * 4], columns=list("abcd"))
    order = np.array([[0, 1, 2, 3]])
    plain = deleted(linear, rows, order, background=zeros(2))
    sizes = deleted(linear, rows, order, background=zeros(2), either_way=True)
    assert plain.falls[0, 1, -1] == pytest.approx(-WEIGHTS.sum())
    assert sizes.falls[0, 0] == pytest.approx(sizes.falls[0, 1])


def test_a_model_that_ignores_every_feature_has_no_better_order() -> None:
    orders = np.concatenate([[[0, 1, 2, 3]], deletion.random_orders(4, 20, seed=0)])
    told = deletion.evidence(deleted(lambda frame: np.full(len(frame), 0.7), numbers(), orders), 0, range(1, 21))
    assert told.difference.low <= 0 <= told.difference.high
    assert told.beaten == 0


def test_the_right_order_is_surely_better_than_random_and_its_reverse_surely_worse() -> None:
    orders = np.concatenate([[[0, 1, 2, 3], [3, 2, 1, 0]], deletion.random_orders(4, 20, seed=0)])
    found = deleted(linear, ones(50), orders)
    right, wrong = (deletion.evidence(found, o, range(2, 22)) for o in (0, 1))
    assert right.difference.low > 0 > wrong.difference.high
    assert right.beaten > 0.8
    assert wrong.beaten < 0.2
    # 1/(L + 1) Σₖ of the curve that is told
    assert right.aopc.mean == pytest.approx(np.mean([step.mean for step in right.curve]))
    assert right.curve[0].mean == right.random[0].mean == 0


def test_intervals_hold_the_true_difference_from_chance() -> None:
    background = numbers(4000, seed=1)
    effects = WEIGHTS * (1 - background.mean().to_numpy())  # the rows' average is 1 in every column
    held = 0
    for seed in range(300):
        orders = deletion.random_orders(4, 21, seed=seed)
        rows = numbers(25, seed=seed + 500) + 0.5
        model = Asked(linear)
        found = deletion.delete(model, rows, background, orders, FEATURES, label=1, seed=seed, draws=1)
        told = deletion.evidence(found, 0, range(1, 21)).difference
        steps = np.concatenate([[0], np.cumsum(effects[orders[0]])])
        truth = steps.mean() - effects.sum() / 2  # without k features, a random order has lost k/4 of the whole
        held += told.low <= truth <= told.high
    assert 0.92 <= held / 300 <= 0.99


def test_crossed_interval_is_the_t_interval_for_one_column() -> None:
    values = np.array([[1.0], [2], [4], [5]])
    found = deletion.crossed(values)
    half = 3.1824463 * values.std(ddof=1) / 2  # t quantile of 3 degrees of freedom
    assert (found.mean, found.low, found.high) == pytest.approx((3, 3 - half, 3 + half), rel=1e-6)


def test_crossed_interval_counts_what_columns_vary() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(300):
        values = rng.normal(size=(50, 1)) + rng.normal(size=(1, 5)) + 0.5 * rng.normal(size=(50, 5))
        found = deletion.crossed(values)
        held += found.low <= 0 <= found.high
    assert 0.92 <= held / 300 <= 0.99


def test_too_few_rows_have_no_interval() -> None:
    found = deletion.crossed(np.array([[1.0, 2.0]]))
    assert found.mean == 1.5
    assert np.isnan([found.low, found.high]).all()


def test_rows_of_a_class_are_those_that_the_model_gives_it() -> None:
    predicted = np.array([[0.9, 0.1], [0.2, 0.8], [np.nan, np.nan], [0.6, 0.4], [0.3, 0.7]])
    assert deletion.rows_of(predicted, 0, 10, seed=0).tolist() == [0, 3]
    assert deletion.rows_of(predicted, 1, 10, seed=0).tolist() == [1, 4]
    assert set(deletion.rows_of(predicted, 1, 1, seed=0)) < {1, 4}


def test_permutation_of_a_feature_costs_what_the_feature_decides() -> None:
    rows = pd.DataFrame({"a": np.tile([0.0, 1.0], 200), "b": np.arange(400.0), "c": 0.0, "d": 0.0})
    target = np.tile([0, 1], 200)
    found = deletion.permute(
        Asked(lambda frame: frame["a"].to_numpy()), rows, FEATURES, seed=0, repeats=20, target=target
    )
    assert found.correct is not None
    assert found.output.mean(axis=0)[1:].tolist() == [0, 0, 0]
    assert found.output.mean(axis=0)[0] == pytest.approx(0.5, abs=0.02)  # half of the rows get the other value
    assert found.correct.mean(axis=0) == pytest.approx(found.output.mean(axis=0))  # outputs are 0 or 1


def test_permutation_of_one_output_counts_a_rise_as_much_as_a_fall_if_asked_to() -> None:
    rows = pd.DataFrame({"a": np.tile([0.0, 1.0], 200), "b": 0.0, "c": 0.0, "d": 0.0})
    model = Asked(lambda frame: frame["a"].to_numpy())
    fall, change = (
        deletion.permute(model, rows, FEATURES, seed=0, repeats=20, label=1, either_way=way).output.mean(axis=0)
        for way in (False, True)
    )
    assert fall == pytest.approx(np.zeros(4), abs=1e-12)  # what some rows lose, others gain
    assert change.tolist()[1:] == [0, 0, 0]
    assert change[0] == pytest.approx(0.5, abs=0.02)


def test_permutation_leaves_refused_rows_out() -> None:
    model = Asked(linear, refuses=lambda frame: frame["a"].to_numpy() > frame["b"].to_numpy() + 0.9)
    rows = numbers(60)
    found = deletion.permute(model, rows, FEATURES, seed=0)
    assert found.refused > 0
    assert len(found.kept) + found.refused == 60
    assert np.isfinite(found.output).all()


@pytest.mark.parametrize(
    ("rows", "background", "orders", "message"),
    [
        (numbers(0), numbers(), [[0]], "no row"),
        (numbers(), numbers(0), [[0]], "no row to take values from"),
        (numbers().drop(columns="c"), numbers(), [[0]], "'c', which is not there"),
        (numbers(), numbers(), [[0, 0]], "at most once"),
    ],
)
def test_wrong_arguments_say_what_is_wrong(
    rows: pd.DataFrame, background: pd.DataFrame, orders: list[list[int]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        deletion.delete(Asked(linear), rows, background, np.array(orders), FEATURES, label=1, seed=0)
