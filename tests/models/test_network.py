"""What stands around a network: its preparation, its activation, and which column is whose."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, softmax

from limekiln import fanout, models
from limekiln.errors import InputError, PredictionError
from limekiln.fanout import executor
from limekiln.models import Model, ModelRef
from limekiln.models.model import Output
from limekiln.models.network import Activation, Loaded, model_of
from limekiln.models.own_modules import importable
from limekiln.settings import ClusterSettings, ModelSource, OnnxModel, TorchModel
from limekiln.settings.model import ModelSettings, contradictions

ROWS = pd.DataFrame({"a": [0.5, -1.0, 2.0], "b": [1, 2, 3]})
LOGITS = np.array([[1.0, -2.0, 0.5], [900.0, 0.0, -900.0], [0.0, 0.0, 0.0]])
SINGLE = np.array([[0.25], [-3.0], [40.0]])
THREE = ("x", "y", "z")
TWO = ("no", "yes")


def around(
    run: Callable[[Any], Any],
    activation: Activation = "none",
    *,
    output: Output = "probability",
    names: tuple[str, ...] = THREE,
    prepare: str | None = None,
    folder: Path = Path(),
) -> Model:
    classes, outputs = ((), names) if output == "value" else (names, ())
    source = OnnxModel(kind="onnx", path="m.onnx", classes=classes, activation=activation, prepare=prepare)
    loaded = Loaded(run, "a network", features=("a", "b"))
    with importable(folder):
        return model_of(loaded, source=source, folder=folder, output=output, outputs=outputs, sha256="0" * 64)


def gives(answer: Any, dtype: str = "float32") -> Callable[[Any], Any]:
    return lambda _: np.asarray(answer, dtype=dtype)


def test_softmax_makes_probabilities_of_logits() -> None:
    outputs = models.predict_checked(around(gives(LOGITS), "softmax"), ROWS)
    np.testing.assert_allclose(outputs, softmax(LOGITS, axis=1), atol=1e-15)
    assert outputs.dtype == np.float64


def test_logits_are_refused_as_probabilities_and_taken_as_logits() -> None:
    with pytest.raises(PredictionError) as caught:
        models.predict_checked(around(gives(LOGITS)), ROWS)
    assert str(caught.value) == (
        "the model gave [1, -2, 0.5], which are no probabilities from 0 to 1; logits need a softmax first (a network's "
        "model.source.activation), or model.output: logit in row 0, and 2 more of 3 rows"
    )
    np.testing.assert_array_equal(models.predict_checked(around(gives(LOGITS), output="logit"), ROWS), LOGITS)


@pytest.mark.parametrize("shape", [(3, 1), (3,)])
def test_of_two_classes_a_single_column_is_the_second(shape: tuple[int, ...]) -> None:
    single = SINGLE.reshape(shape)
    p = expit(SINGLE[:, 0])
    expected = np.column_stack([1 - p, p])
    by_sigmoid = models.predict_checked(around(gives(single), "sigmoid", names=TWO), ROWS)
    np.testing.assert_allclose(by_sigmoid, expected, atol=1e-15)
    already = models.predict_checked(around(gives(expit(single), "float64"), names=TWO), ROWS)
    np.testing.assert_array_equal(already, expected)
    logits = models.predict_checked(around(gives(single), output="logit", names=TWO), ROWS)
    np.testing.assert_array_equal(logits, np.column_stack([-SINGLE, SINGLE]))


def test_a_single_logit_is_no_probability_of_the_second_class() -> None:
    with pytest.raises(PredictionError, match=r"^the model gave \[4, -3\], which are no probabilities .* in row 1"):
        models.predict_checked(around(gives(SINGLE), names=TWO), ROWS)
    with pytest.raises(InputError, match=r"^model.source.activation: softmax over one column is always 1; set sigmoid"):
        models.predict_checked(around(gives(SINGLE), "softmax", names=TWO), ROWS)


def test_a_value_stays_one_column() -> None:
    np.testing.assert_array_equal(models.predict_checked(around(gives(SINGLE), output="value", names=()), ROWS), SINGLE)
    squashed = models.predict_checked(around(gives(SINGLE), "sigmoid", output="value", names=("risk",)), ROWS)
    np.testing.assert_allclose(squashed, expit(SINGLE))
    several = models.predict_checked(around(gives(LOGITS), output="value"), ROWS)
    np.testing.assert_array_equal(several, LOGITS)


def test_probabilities_of_labels_that_do_not_exclude_each_other_are_refused() -> None:
    with pytest.raises(PredictionError, match=r"which sum to 1.47272083 and not to 1 in row 0"):
        models.predict_checked(around(gives(LOGITS), "sigmoid"), ROWS)


def test_only_the_rounding_of_a_short_float_is_scaled_away() -> None:
    off = np.array([[0.5, 0.3, 0.2], [0.5, 0.3, 0.20001], [0.5, 0.3, 0.21]])
    outputs, failed = models.predict_rows(around(gives(off)), ROWS)
    np.testing.assert_array_equal(outputs[0], np.float32(off[0]))  # near enough: the network's own bits
    np.testing.assert_allclose(outputs[1], off[1] / 1.00001, rtol=1e-7)
    assert [row for row, _ in failed] == [2]
    _, failed = models.predict_rows(around(gives(off, "float64")), ROWS)
    assert [row for row, _ in failed] == [1, 2]


def test_wrong_shapes_and_what_is_not_finite() -> None:
    with pytest.raises(PredictionError, match=r"shape \(3, 3\), expected \(3, 2\): one column a class"):
        models.predict_checked(around(gives(LOGITS), names=TWO), ROWS)
    with pytest.raises(PredictionError, match=r"shape \(3, 3\), expected \(2, 3\)"):
        models.predict_checked(around(gives(LOGITS)), ROWS.head(2))
    spoiled = np.where(LOGITS == 0.5, np.nan, 1 / 3)
    _, failed = models.predict_rows(around(gives(spoiled, "float64")), ROWS)
    assert failed == [(0, "the model gave [0.333333, 0.333333, nan], which is not finite")]


def test_the_users_preparation_stands_before_the_network(tmp_path: Path) -> None:
    code = "def doubled(rows):\n    return {'x': rows[['b']].to_numpy() * 2.0}\n"
    (tmp_path / "own_prepare.py").write_text(code, encoding="utf-8")
    model = around(lambda given: given["x"], output="value", names=(), prepare="own_prepare:doubled", folder=tmp_path)
    assert models.predict_checked(model, ROWS)[:, 0].tolist() == [2, 4, 6]
    assert model.features is None
    text = "The code of own_prepare:doubled prepares the model's input, which no hash pins: a later run cannot tell"
    assert [(n.code, n.text.startswith(text)) for n in model.notices] == [("model_code_not_pinned", True)]
    assert around(gives(LOGITS)).features == ("a", "b")
    assert around(gives(LOGITS)).notices == ()


@pytest.mark.parametrize(("dtype", "becomes"), [("uint8", "float32"), ("bool", "float32"), ("int64", "float64")])
def test_whole_numbers_of_an_array_reach_the_network_as_floats(dtype: str, becomes: str) -> None:
    seen = []

    def first(given: Any) -> Any:
        seen.append(given.dtype.name)
        return given[:, 0]

    pixels = np.array([[1, 0], [0, 1]], dtype=dtype)
    outputs = models.predict_checked(around(first, output="value", names=()), pixels)
    assert (outputs[:, 0].tolist(), seen) == ([1, 0], [becomes])


def settings_of(**source: Any) -> list[tuple[str, str]]:
    output = source.pop("output")
    return list(contradictions(ModelSettings.model_validate({"name": "m", "output": output, "source": source})))


def test_an_activation_and_logits_contradict_each_other() -> None:
    source = {"kind": "onnx", "path": "m", "activation": "softmax", "classes": THREE}
    assert settings_of(output="probability", **source) == []
    assert settings_of(output="logit", **source) == [
        (
            "model.source.activation",
            "softmax makes probabilities of logits; remove it, or set output: probability",
        )
    ]


def an_onnx_file(folder: Path) -> ModelSource:
    skl2onnx: Any = pytest.importorskip("skl2onnx", reason="makes the graph")
    pytest.importorskip("onnxruntime", reason="limekiln[onnx] is an extra")
    from sklearn.neural_network import MLPClassifier  # noqa: PLC0415 - beside what it needs

    rng = np.random.default_rng(0)
    rows = rng.normal(size=(60, 2)).astype("float32")
    net = MLPClassifier((5,), max_iter=20, random_state=0).fit(rows, rng.integers(0, 3, 60))
    graph = skl2onnx.to_onnx(net, rows[:1], options={"zipmap": False})
    (folder / "m.onnx").write_bytes(graph.SerializeToString())
    return OnnxModel(kind="onnx", path="m.onnx", classes=THREE)


def a_torch_file(folder: Path) -> ModelSource:
    torch: Any = pytest.importorskip("torch", reason="limekiln[torch] is an extra")
    code = (
        "import torch\n\n\ndef build():\n    return torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Linear(8, 3))\n"
    )
    (folder / "own_net.py").write_text(code, encoding="utf-8")
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Linear(8, 3))
    torch.save(net.state_dict(), folder / "m.pt")
    return TorchModel(kind="torch", path="m.pt", module="own_net:build", classes=THREE, activation="softmax")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_two_workers_give_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refs = [ModelRef(make(tmp_path), tmp_path, "probability").pinned() for make in (an_onnx_file, a_torch_file)]
    rng = np.random.default_rng(1)
    batches = [pd.DataFrame(rng.normal(size=(200, 2)), columns=["a", "b"]) for _ in range(6)]
    monkeypatch.setattr(fanout, "START_COST_S", -1.0)  # whatever the work is worth
    monkeypatch.setattr(fanout, "SEND_COST_S", -1.0)
    with executor(ClusterSettings(workers=2)) as workers:
        for ref in refs:
            here = [ref.predict_rows(batch) for batch in batches]
            there = list(workers.map(ModelRef.predict_rows, ref, batches, label=ref.source.kind))
            assert [outputs.tobytes() for outputs, _ in there] == [outputs.tobytes() for outputs, _ in here]
            assert not any(failed for _, failed in there)
        assert workers.description["stages"] == "onnx: 6 on workers; torch: 6 on workers"
