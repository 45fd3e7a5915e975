"""ONNX graphs: fed column by column, read from hashed bytes alone, and asked for numbers, not labels."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from limekiln import models
from limekiln.errors import InputError, PredictionError
from limekiln.models import Model
from limekiln.models.model import Output
from limekiln.settings import OnnxModel

pytest.importorskip("onnxruntime", reason="limekiln[onnx] is an extra")
onnx: Any = pytest.importorskip("onnx", reason="makes the graphs")

CLASSES = ("a", "b", "c")
RNG = np.random.default_rng(0)
TABLE = pd.DataFrame(
    {
        "age": RNG.normal(40, 10, 80).astype("float32"),
        "years": RNG.integers(0, 9, 80),
        "job": RNG.choice(["baker", "smith", "Köchin"], 80),
    }
)
LABELS = np.where(TABLE["job"] == "smith", "c", np.where(TABLE["age"] > 40, "b", "a"))


def load(folder: Path, graph: Any, output: Output = "probability", outputs: tuple[str, ...] = (), **more: Any) -> Model:
    (folder / "m.onnx").write_bytes(graph if isinstance(graph, bytes) else graph.SerializeToString())
    classes = () if output == "value" else CLASSES
    return models.load(OnnxModel(kind="onnx", path="m.onnx", **{"classes": classes, **more}), folder, output, outputs)


def refused(folder: Path, graph: Any, output: Output = "probability", **more: Any) -> str:
    with pytest.raises(InputError) as caught:
        load(folder, graph, output, **more)
    return str(caught.value)


def pipeline() -> Pipeline:
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["job"]), (StandardScaler(), ["age", "years"])
    )
    return make_pipeline(encode, LogisticRegression()).fit(TABLE, LABELS)


def converted(fitted: Any, example: Any, **options: Any) -> Any:
    skl2onnx: Any = pytest.importorskip("skl2onnx", reason="makes the graphs")
    return skl2onnx.to_onnx(fitted, example, options={id(fitted): options} if options else None)


def graph_of(nodes: list[Any], inputs: dict[str, Any], outputs: dict[str, Any], weights: dict[str, Any]) -> Any:
    """A graph; inputs and outputs are by name, as (type, shape)."""
    helper = onnx.helper
    kinds = {"float": onnx.TensorProto.FLOAT, "int64": onnx.TensorProto.INT64, "string": onnx.TensorProto.STRING}
    graph = helper.make_graph(
        nodes,
        "made",
        [helper.make_tensor_value_info(name, kinds[kind], shape) for name, (kind, shape) in inputs.items()],
        [helper.make_tensor_value_info(name, kinds[kind], shape) for name, (kind, shape) in outputs.items()],
        [onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    made.ir_version = 9
    return made


WEIGHTS = np.array([[1, -1, 0], [2, 0, -3]], dtype="float32")


def linear(rows: int | str | None = "n") -> Any:
    """Logits x @ WEIGHTS."""
    node = onnx.helper.make_node("MatMul", ["x", "W"], ["y"])
    return graph_of([node], {"x": ("float", [rows, 2])}, {"y": ("float", [rows, 3])}, {"W": WEIGHTS})


@pytest.mark.parametrize("zipmap", [True, False])
def test_a_scikit_learn_pipeline_straight_from_its_columns(tmp_path: Path, *, zipmap: bool) -> None:
    fitted = pipeline()
    model = load(tmp_path, converted(fitted, TABLE, zipmap=zipmap))
    assert model.features == ("age", "years", "job")
    assert (model.kind, model.description) == ("onnx", "ONNX: 3 inputs, 2 outputs, made by skl2onnx")
    turned = TABLE[["job", "age", "years"]].astype({"age": "float64", "job": "category"})
    outputs = models.predict_checked(model, turned)
    np.testing.assert_allclose(outputs, fitted.predict_proba(TABLE), atol=1e-6)
    np.testing.assert_array_equal(models.predict_checked(model, turned), outputs)
    assert models.probe(model, turned) == ()


def test_a_zipmap_is_read_by_the_names_of_the_classes(tmp_path: Path) -> None:
    fitted = pipeline()
    graph = converted(fitted, TABLE)
    turned = models.predict_checked(load(tmp_path, graph, classes=("c", "a", "b")), TABLE)
    np.testing.assert_allclose(turned, fitted.predict_proba(TABLE)[:, [2, 0, 1]], atol=1e-6)
    renamed = models.predict_checked(load(tmp_path, graph, classes=("x", "y", "z")), TABLE)
    np.testing.assert_allclose(renamed, fitted.predict_proba(TABLE), atol=1e-6)


def test_rows_that_the_graph_cannot_take_fail_alone(tmp_path: Path) -> None:
    model = load(tmp_path, converted(pipeline(), TABLE, zipmap=False))
    bad = TABLE.head(6).astype({"years": "float64"})
    bad.loc[1, "years"] = 2.5
    bad.loc[3, "job"] = None
    bad.loc[4, "age"] = np.nan
    outputs, failed = models.predict_rows(model, bad)
    assert [row for row, _ in failed] == [1, 3, 4]
    assert 'input "years" takes whole numbers (int64) and gets 2.5' in failed[0][1]
    assert 'column "job" has no value here' in failed[1][1]
    assert "not finite" in failed[2][1]
    np.testing.assert_array_equal(outputs[[0, 2, 5]], models.predict_checked(model, TABLE.iloc[[0, 2, 5]]))


def test_a_regression_and_logits(tmp_path: Path) -> None:
    numbers = TABLE[["age", "years"]].to_numpy(np.float32)
    fitted = LinearRegression().fit(numbers, numbers[:, 0] * 2 + 1)
    model = load(tmp_path, converted(fitted, numbers[:1]), "value")
    assert (model.classes, model.features) == (("prediction",), None)
    outputs = models.predict_checked(model, TABLE[["age", "years"]])
    np.testing.assert_allclose(outputs[:, 0], fitted.predict(numbers), rtol=1e-5)
    logits = load(tmp_path, linear(), "logit")
    np.testing.assert_allclose(models.predict_checked(logits, numbers), numbers @ WEIGHTS, rtol=1e-6)
    softmax = load(tmp_path, linear(), activation="softmax")
    assert models.predict_checked(softmax, numbers).argmax(axis=1).tolist() == (numbers @ WEIGHTS).argmax(1).tolist()
    with pytest.raises(PredictionError, match=r"which are no probabilities from 0 to 1; logits need a softmax first"):
        models.predict_checked(load(tmp_path, linear()), numbers)


def test_texts_go_in_as_they_are(tmp_path: Path) -> None:
    texts = ["good bread", "bad bread", "good beer", "bad beer"] * 5
    fitted = make_pipeline(TfidfVectorizer(lowercase=False), LogisticRegression()).fit(texts, ["no", "yes"] * 10)
    from skl2onnx.common.data_types import StringTensorType  # noqa: PLC0415 - not always there

    skl2onnx: Any = pytest.importorskip("skl2onnx", reason="makes the graphs")
    graph = skl2onnx.convert_sklearn(fitted, initial_types=[("text", StringTensorType([None]))])
    model = load(tmp_path, graph, classes=("no", "yes"))
    np.testing.assert_allclose(models.predict_checked(model, texts), fitted.predict_proba(texts), atol=1e-6)


def test_the_preparation_names_the_inputs(tmp_path: Path) -> None:
    nodes = [onnx.helper.make_node("Gather", ["E", "ids"], ["e"]), onnx.helper.make_node("MatMul", ["e", "W"], ["y"])]
    weights = {"E": np.eye(5, 2, dtype="float32"), "W": WEIGHTS}
    graph = graph_of(nodes, {"ids": ("int64", ["n"])}, {"y": ("float", ["n", 3])}, weights)
    code = "import numpy as np\n\n\ndef ids(texts):\n    return {'ids': np.array([len(text) for text in texts])}\n"
    (tmp_path / "own_ids.py").write_text(code, encoding="utf-8")
    model = load(tmp_path, graph, "logit", prepare="own_ids:ids")
    outputs = models.predict_checked(model, ["", "a", "ab"])
    np.testing.assert_array_equal(outputs, np.eye(3, 2) @ WEIGHTS)
    assert [n.code for n in model.notices] == ["model_code_not_pinned"]


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        ("own_absent:ids", "m.onnx: the model needs the module 'own_absent'; it is not installed and does not lie"),
        ("json:nothing", "model.source.prepare: module 'json' has no attribute 'nothing'"),
    ],
)
def test_a_preparation_that_is_not_there(tmp_path: Path, prepare: str, message: str) -> None:
    assert refused(tmp_path, linear(), prepare=prepare).startswith(message)


def test_the_output_is_chosen_by_name(tmp_path: Path) -> None:
    graph = converted(pipeline(), TABLE, zipmap=False)
    assert refused(tmp_path, graph, result="proba") == (
        'model.source.result: the graph has no output "proba"; its outputs are "label", "probabilities"'
    )
    labels = (
        'model.source.result: the graph\'s output "label" is a tensor(string): labels, and no number for each class'
    )
    assert refused(tmp_path, graph, result="label").startswith(labels)
    assert refused(tmp_path, graph, "value", result="label").startswith(labels)
    chosen = models.predict_checked(load(tmp_path, graph, result="probabilities"), TABLE)
    np.testing.assert_array_equal(chosen, models.predict_checked(load(tmp_path, graph), TABLE))


def test_shapes_that_do_not_fit(tmp_path: Path) -> None:
    model = load(tmp_path, linear(), "logit")
    with pytest.raises(InputError, match=r'takes 2 columns and gets 3 \("p", "q", "r"\); leave columns out with'):
        models.predict_rows(model, pd.DataFrame(np.zeros((2, 3)), columns=["p", "q", "r"]))
    with pytest.raises(InputError, match=r'column "job" holds .* values; leave it out with data.exclude'):
        models.predict_rows(model, TABLE[["age", "job"]])
    with pytest.raises(PredictionError, match=r'"x" takes an array of shape \(n, 2\) and gets \(2, 4, 4, 3\)'):
        models.predict_checked(model, np.zeros((2, 4, 4, 3)))
    assert refused(tmp_path, linear(1), "logit").startswith(
        "model.source: the network takes batches of exactly 1 row; export it with a free first dimension"
    )


def test_weights_in_another_file_are_refused_wherever_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "ext.onnx"
    onnx.save(linear(), file, save_as_external_data=True, location="ext.data", size_threshold=0)
    assert (tmp_path / "ext.data").exists()
    monkeypatch.chdir(tmp_path)  # where onnxruntime would look for it
    message = refused(tmp_path, file.read_bytes())
    assert message.startswith(
        "m.onnx: the graph keeps weights in another file, which no hash pins; save it as one file"
    )


def test_files_that_are_no_graphs(tmp_path: Path) -> None:
    assert refused(tmp_path, b"nonsense").startswith("m.onnx: onnxruntime cannot load the graph: ")
    assert refused(tmp_path, b"").startswith("m.onnx: onnxruntime cannot load the graph: ")


def test_a_file_with_another_hash_is_not_loaded(tmp_path: Path) -> None:
    message = refused(tmp_path, b"nonsense", sha256="0" * 64)
    assert message.endswith("the file is not the one that was pinned, and was not loaded")


def test_without_onnxruntime_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert refused(tmp_path, linear()) == (
        'model.source.kind: onnx needs onnxruntime; install it with: pip install "limekiln[onnx]"'
    )
