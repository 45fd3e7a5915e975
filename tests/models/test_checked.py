"""Asking a model: what is no prediction is refused, and one bad row costs no other."""

import pickle
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle  # type: ignore[import-untyped]
import numpy as np
import pandas as pd
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from limekiln import models
from limekiln.errors import InputError, PredictionError
from limekiln.models import InMemory, Model, ModelRef
from limekiln.models.checked import GIVE_UP_AFTER
from limekiln.models.references import _loaded
from limekiln.settings import SkopsModel

FRAME = pd.DataFrame({"x": [0.0, 0.25, 0.5, 1.0]})
WAY_OUT = "logits need a softmax first (a network's model.source.activation), or model.output: logit"


def two(function: Callable[[pd.DataFrame], Any]) -> Model:
    return Model.from_function(function, "probability", ("bad", "good"))


def value(function: Callable[[pd.DataFrame], Any]) -> Model:
    return Model.from_function(function, "value")


def fine(frame: pd.DataFrame) -> Any:
    return np.column_stack([1 - frame["x"], frame["x"]])


@pytest.mark.parametrize(
    "answer",
    [
        fine(FRAME),
        fine(FRAME).tolist(),
        pd.DataFrame(fine(FRAME), columns=["bad", "good"]),
        fine(FRAME).astype("float32"),
        fine(FRAME) + 4e-7,
    ],
)
def test_probabilities_in_any_wrapping(answer: Any) -> None:
    given_back = models.predict_checked(two(lambda _: answer), FRAME)
    assert given_back.dtype == np.float64
    np.testing.assert_allclose(given_back, fine(FRAME), atol=1e-6)


@pytest.mark.parametrize("answer", [FRAME["x"], FRAME[["x"]], FRAME["x"].tolist(), FRAME["x"].to_numpy()])
def test_values_in_any_wrapping(answer: Any) -> None:
    np.testing.assert_array_equal(models.predict_checked(value(lambda _: answer), FRAME), FRAME[["x"]].to_numpy())


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "the model gave nothing (None), expected numbers"),
        (["1"] * 4, "the model gave a list, expected numbers"),
        (np.array(["a"] * 4), "the model gave a ndarray of shape (4,) of <U1, expected numbers"),
        (
            FRAME["x"].to_numpy(),
            (
                'the model gave an array of shape (4,), expected (4, 2): one column a class ("bad", "good"); '
                "a binary model too gives both columns"
            ),
        ),
        (
            fine(FRAME)[:3],
            (
                'the model gave an array of shape (3, 2), expected (4, 2): one column a class ("bad", "good"); '
                "a binary model too gives both columns"
            ),
        ),
        (
            np.where(fine(FRAME) == 0.25, np.nan, fine(FRAME)),
            "the model gave [0.75, nan], which is not finite in row 1",
        ),
        (
            fine(FRAME) * 4 - 1,
            (
                f"the model gave [3, -1], which are no probabilities from 0 to 1; {WAY_OUT} in row 0, and 3 more of 4 "
                "rows"
            ),
        ),
        (
            fine(FRAME) / 2,
            "the model gave [0.5, 0], which sum to 0.5 and not to 1 in row 0, and 3 more of 4 rows",
        ),
    ],
)
def test_what_is_no_probability(answer: Any, message: str) -> None:
    with pytest.raises(PredictionError) as caught:
        models.predict_checked(two(lambda _: answer), FRAME)
    assert str(caught.value) == message


def test_what_is_no_value() -> None:
    with pytest.raises(
        PredictionError, match=r"^the model gave an array of shape \(4, 2\), expected \(4, 1\): one value a row$"
    ):
        models.predict_checked(value(fine), FRAME)
    with pytest.raises(PredictionError, match=r"^the model gave \[inf\], which is not finite in row 0$"):
        models.predict_checked(value(lambda f: f["x"].replace(0, np.inf)), FRAME)


def test_logits_may_be_any_finite_numbers() -> None:
    logits = np.array([[3.0, -1.0], [0.0, 0.0], [1e300, 5.0], [-2.0, np.inf]])
    model = Model.from_function(lambda frame: logits[: len(frame)], "logit", ("bad", "good"))
    np.testing.assert_array_equal(models.predict_checked(model, FRAME.head(3)), logits[:3])
    outputs, failed = models.predict_rows(model, FRAME)
    assert failed == [(3, "the model gave [-2, inf], which is not finite")]
    assert np.isnan(outputs[3]).all()
    with pytest.raises(PredictionError, match=r'expected \(4, 2\): one column a class \("bad", "good"\)'):
        models.predict_checked(Model.from_function(lambda f: f["x"], "logit", ("bad", "good")), FRAME)


def test_several_values_are_a_column_each() -> None:
    names = ("error", "score", "age")
    three = np.arange(12.0).reshape(4, 3) - 5
    model = Model.from_function(lambda _: three, "value", names)
    assert (model.classes, model.task) == (names, "regression")
    np.testing.assert_array_equal(models.predict_checked(model, FRAME), three)
    message = r"shape \(4,\), expected \(4, 3\): one column an output of model.outputs$"
    with pytest.raises(PredictionError, match=message):
        models.predict_checked(Model.from_function(lambda frame: frame["x"], "value", names), FRAME)


def test_what_the_config_must_mend_is_no_failed_row() -> None:
    def wrong(_: pd.DataFrame) -> Any:
        raise InputError("model.source.prepare: give the numbers")

    for ask in (models.predict_checked, models.predict_rows):
        with pytest.raises(InputError, match=r"^model.source.prepare: give the numbers$"):
            ask(two(wrong), FRAME)


def test_what_a_model_raises_is_told_in_one_short_line() -> None:
    def fails(_: pd.DataFrame) -> Any:
        raise ValueError("first\n  second " + "x" * 1000)

    with pytest.raises(PredictionError) as caught:
        models.predict_checked(two(fails), FRAME)
    assert str(caught.value).startswith("ValueError: first second xxx")
    assert len(str(caught.value)) == 500

    def leaves(_: pd.DataFrame) -> Any:
        sys.exit(3)

    with pytest.raises(PredictionError, match=r"^SystemExit: 3$"):
        models.predict_checked(two(leaves), FRAME)


def test_a_model_that_changes_its_input_changes_a_copy() -> None:
    def spoils(frame: pd.DataFrame) -> Any:
        answer = fine(frame)
        frame["x"] = -1.0
        frame["new"] = 0
        return answer

    mine = FRAME.copy()
    models.predict_checked(two(spoils), mine)
    models.predict_rows(two(spoils), mine)
    pd.testing.assert_frame_equal(mine, FRAME)


def test_a_model_that_prints_and_warns_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    def talks(frame: pd.DataFrame) -> Any:
        print("chatter")  # noqa: T201 - that is the point
        warnings.warn("beware", UserWarning, stacklevel=1)
        return fine(frame)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        models.predict_checked(two(talks), FRAME)
    assert capsys.readouterr().out == ""
    print("after")  # noqa: T201 - standard output is back
    assert capsys.readouterr().out == "after\n"


def test_threads_that_are_quiet_together_leave_standard_output_as_it_was() -> None:
    before, filters = sys.stdout, list(warnings.filters)
    meet = threading.Barrier(4)

    def waits(frame: pd.DataFrame) -> Any:
        meet.wait(timeout=30)
        return fine(frame)

    threads = [threading.Thread(target=models.predict_rows, args=(two(waits), FRAME)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sys.stdout is before
    assert list(warnings.filters) == filters


def picky(bad: set[float], calls: list[int] | None = None) -> Callable[[pd.DataFrame], Any]:
    def predict(frame: pd.DataFrame) -> Any:
        if calls is not None:
            calls.append(len(frame))
        if hit := sorted(bad & set(frame["x"])):
            raise ValueError(f"unknown {hit[0]:g}")
        return np.column_stack([1 - frame["x"] / 1e6, frame["x"] / 1e6])

    return predict


@settings(deadline=None)  # a busy machine is no failure
@given(st.integers(1, 60), st.sets(st.integers(0, 59)))
def test_exactly_the_bad_rows_fail(n: int, bad: set[int]) -> None:
    frame = pd.DataFrame({"x": np.arange(n, dtype=float)}, index=np.arange(n) * 7 % 5)
    outputs, failed = models.predict_rows(two(picky({float(b) for b in bad})), frame)
    hit = sorted(b for b in bad if b < n)
    assert [row for row, _ in failed] == hit
    if len(hit) < n or n <= GIVE_UP_AFTER:
        assert [text for _, text in failed] == [f"ValueError: unknown {b}" for b in hit]
    assert np.flatnonzero(np.isnan(outputs).any(axis=1)).tolist() == hit
    good = [i for i in range(n) if i not in bad]
    np.testing.assert_array_equal(outputs[good, 1], np.array(good) / 1e6)


def test_good_rows_cost_one_call_and_a_few_bad_ones_a_few() -> None:
    frame = pd.DataFrame({"x": np.arange(4096.0)})
    calls: list[int] = []
    models.predict_rows(two(picky(set(), calls)), frame)
    assert calls == [4096]
    calls.clear()
    models.predict_rows(two(picky({7.0}, calls)), frame)
    assert len(calls) == 1 + 2 * 12


def test_a_model_that_always_fails_is_given_up() -> None:
    frame = pd.DataFrame({"x": np.arange(4096.0)})
    calls: list[int] = []
    outputs, failed = models.predict_rows(two(picky(set(frame["x"]), calls)), frame)
    assert len(failed) == 4096
    assert np.isnan(outputs).all()
    assert len(calls) < 100


def test_rows_with_bad_numbers_fail_alone_without_a_further_call() -> None:
    calls: list[int] = []

    def odd(frame: pd.DataFrame) -> Any:
        calls.append(len(frame))
        answer = fine(frame)
        answer[1] = [np.nan, 1]
        answer[2] = [2, -1]
        return answer

    outputs, failed = models.predict_rows(two(odd), FRAME)
    assert failed == [
        (1, "the model gave [nan, 1], which is not finite"),
        (2, f"the model gave [2, -1], which are no probabilities from 0 to 1; {WAY_OUT}"),
    ]
    assert np.isnan(outputs).all(axis=1).tolist() == [False, True, True, False]
    assert calls == [4]


def test_no_rows_are_no_call() -> None:
    outputs, failed = models.predict_rows(two(picky(set())), FRAME.head(0))
    assert outputs.shape == (0, 2)
    assert failed == []


def test_a_probe_notices_warnings_once_a_kind_and_changing_answers() -> None:
    rng = np.random.default_rng(0)

    def dice(frame: pd.DataFrame) -> Any:
        warnings.warn("beware", UserWarning, stacklevel=1)
        warnings.warn("again", UserWarning, stacklevel=1)
        warnings.warn("old", FutureWarning, stacklevel=1)
        p = rng.random(len(frame))
        return np.column_stack([p, 1 - p])

    assert [(n.code, n.text) for n in models.probe(two(dice), FRAME)] == [
        ("model_warns", "The model warns when it predicts (UserWarning): beware"),
        (
            "not_reproducible",
            "The model gives different predictions for the same rows: this run cannot be reproduced.",
        ),
    ]
    assert models.probe(two(fine), FRAME) == ()
    with pytest.raises(PredictionError):
        models.probe(two(lambda _: None), FRAME)


def a_saved_model(folder: Path) -> ModelRef:
    fitted = LogisticRegression().fit(FRAME, ["a", "b", "a", "b"])
    skops.io.dump(fitted, folder / "m.skops")
    return ModelRef(SkopsModel(kind="skops", path="m.skops"), folder, "probability")


def test_a_reference_is_small_and_loads_once(tmp_path: Path) -> None:
    ref = a_saved_model(tmp_path)
    sent = pickle.dumps(ref)
    assert len(sent) < 2000
    received: ModelRef = pickle.loads(sent)  # noqa: S301 - made in the line above
    assert received == ref
    assert received.resolve() is ref.resolve()
    outputs, failed = received.predict_rows(FRAME)
    np.testing.assert_array_equal(outputs, models.predict_checked(ref.resolve(), FRAME))
    assert failed == []


def test_a_pinned_reference_refuses_a_file_that_changed(tmp_path: Path) -> None:
    pinned = a_saved_model(tmp_path).pinned()
    assert pinned.source.kind == "skops"
    assert pinned.source.sha256 == pinned.resolve().sha256
    skops.io.dump(LogisticRegression().fit(FRAME, ["a", "b", "b", "b"]), tmp_path / "m.skops")
    _loaded.cache_clear()  # as in another process
    with pytest.raises(InputError, match="the file is not the one that was pinned, and was not loaded"):
        pinned.resolve()


def test_a_model_in_memory_travels_whole() -> None:
    shift = 0.0
    ref = InMemory(two(lambda frame: fine(frame + shift)))
    received = cloudpickle.loads(cloudpickle.dumps(ref))
    np.testing.assert_array_equal(received.predict_rows(FRAME)[0], fine(FRAME))
    assert ref.resolve() is ref.model
