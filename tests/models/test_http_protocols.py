"""KServe's v2 protocol: how rows become tensors, as the server declares them, and which output is explained."""

from typing import Any, Final

import numpy as np
import pandas as pd
import pytest

from limekiln import models
from limekiln.errors import RunError
from limekiln.models import http_endpoint
from models.served import Answer, Asked, model_at, serve

pytest.importorskip("httpx", reason="limekiln[http] is an extra")

ROWS: Final = pd.DataFrame({"x": [0.25, np.nan, 0.75], "n": [1, 2, 3], "job": ["a", None, "Ü"]})


@pytest.fixture(autouse=True)
def _nothing_declared_before() -> None:
    http_endpoint._declared.cache_clear()  # another test's server may have had the same port


def always(answer: Answer) -> Any:
    return lambda _asked: answer


def kserve(url: str, **more: Any) -> dict[str, Any]:
    return {"url": url.replace("/invocations", "/v2/models/m/infer"), "protocol": "kserve-v2", **more}


def inferred(asked: Asked, metadata: Any = None, outputs: int = 1) -> Answer:
    """The last column, or the sum of an array, as the probability."""
    if asked.method == "GET":
        return Answer({"error": "no metadata"}, status=404) if metadata is None else Answer(metadata)
    last = asked.body["inputs"][-1]
    rows = last["shape"][0]
    p = np.asarray([0.5 if v is None else v for v in last["data"]], dtype=float).reshape(rows, -1)[:, -1]
    data = np.column_stack([1 - p, p])
    proba = {"name": "proba", "shape": [rows, 2], "datatype": "FP64", "data": data.ravel().tolist()}
    label = {"name": "label", "shape": [rows], "datatype": "BYTES", "data": ["yes"] * rows}
    return Answer({"outputs": [label, proba] if outputs == 2 else [proba]})


def test_kserve_takes_numbers_as_one_matrix() -> None:
    rows = pd.DataFrame({"n": [1, 2], "x": [0.25, np.nan]})
    with serve(inferred) as served:
        outputs = models.predict_checked(model_at(**kserve(served.url)), rows)
    assert outputs.tolist() == [[0.75, 0.25], [0.5, 0.5]]
    assert [(asked.method, asked.path) for asked in served.asked] == [
        ("GET", "/v2/models/m"),
        ("POST", "/v2/models/m/infer"),
    ]
    matrix = {"name": "input-0", "shape": [2, 2], "datatype": "FP64", "data": [1.0, 0.25, 2.0, None]}
    assert served.asked[1].body == {"inputs": [matrix]}


def test_kserve_takes_texts_column_by_column() -> None:
    rows = ROWS[["job", "n", "x"]].fillna({"x": 0.5})
    with serve(inferred) as served:
        models.predict_checked(model_at(**kserve(served.url)), rows)
    job, n, x = served.asked[1].body["inputs"]
    assert (job["datatype"], job["shape"], job["data"]) == ("BYTES", [3, 1], ["a", None, "Ü"])
    assert (n["name"], n["datatype"], n["data"]) == ("n", "INT64", [1, 2, 3])
    assert (x["datatype"], x["data"]) == ("FP64", [0.25, 0.5, 0.75])
    assert served.asked[1].body["parameters"] == {"content_type": "pd"}


def test_kserve_inputs_are_as_the_server_declares_them() -> None:
    def script(asked: Asked) -> Answer:
        return inferred(asked, {"inputs": [{"name": "dense", "datatype": "FP32", "shape": [-1, 2]}]})

    with serve(script) as served:
        model = model_at(**kserve(served.url))
        for _ in range(2):
            models.predict_checked(model, pd.DataFrame({"n": [1, 2], "x": [0.25, 0.5]}))
    assert [asked.method for asked in served.asked] == ["GET", "POST", "POST"]
    assert served.asked[1].body["inputs"][0]["name"] == "dense"
    assert served.asked[1].body["inputs"][0]["datatype"] == "FP32"


def test_kserve_inputs_that_do_not_fit_stop_the_run() -> None:
    declared = [{"name": "a", "datatype": "FP32", "shape": [-1]}, {"name": "b", "datatype": "BYTES", "shape": [-1]}]
    with serve(lambda asked: inferred(asked, {"inputs": declared})) as served:
        with pytest.raises(RunError, match=r'the server takes the inputs "a", "b", which are not the data\'s columns'):
            models.predict_rows(model_at(**kserve(served.url)), ROWS)
        with pytest.raises(RunError, match=r'takes "a" as FP32, but the data hold text there'):
            models.predict_rows(model_at(**kserve(served.url)), pd.DataFrame({"a": ["t"], "b": ["u"]}))


def test_kserve_texts_and_arrays() -> None:
    def script(asked: Asked) -> Answer:
        if asked.method == "GET":
            return Answer(status=404)
        rows = asked.body["inputs"][0]["shape"][0]
        return Answer({"outputs": [{"name": "o", "shape": [rows, 1], "datatype": "FP32", "data": [1.5] * rows}]})

    with serve(script) as served:
        model = model_at(output="value", **kserve(served.url))
        assert models.predict_checked(model, ["a", "ü"]).tolist() == [[1.5], [1.5]]
        assert models.predict_checked(model, np.full((2, 1, 3), 0.5)).tolist() == [[1.5], [1.5]]
    texts, images = (asked.body["inputs"][0] for asked in served.asked if asked.method == "POST")
    assert (texts["datatype"], texts["shape"], texts["data"]) == ("BYTES", [2, 1], ["a", "ü"])
    assert (images["datatype"], images["shape"], images["data"]) == ("FP32", [2, 1, 3], [0.5] * 6)


def test_kserve_outputs_are_chosen_by_name() -> None:
    rows = ROWS[["n", "x"]].fillna(0.5)
    with serve(lambda asked: inferred(asked, outputs=2)) as served:
        outputs = models.predict_checked(model_at(**kserve(served.url, result="proba")), rows)
        assert outputs[0].tolist() == [0.75, 0.25]
        assert served.asked[-1].body["outputs"] == [{"name": "proba"}]
        with pytest.raises(
            RunError, match=r'^model.source.result: the server gives 2 outputs; name one of "label", "p'
        ):
            models.predict_rows(model_at(**kserve(served.url)), rows)
        with pytest.raises(RunError, match=r'^model.source.result: the server gives no output "logits"; it gives "lab'):
            models.predict_rows(model_at(**kserve(served.url, result="logits")), rows)
        _, failed = models.predict_rows(model_at(**kserve(served.url, result="label")), rows)
    assert failed[0][1].startswith("the model gives labels, such as 'yes', and no numbers; name the output that holds")


def test_kserve_data_that_do_not_fill_their_shape() -> None:
    answer = Answer({"outputs": [{"name": "o", "shape": [3, 2], "datatype": "FP64", "data": [0.5]}]})
    with serve(always(answer)) as served:
        _, failed = models.predict_rows(model_at(**kserve(served.url)), ROWS[["n"]])
    assert failed[0] == (0, 'the output "o" has the shape [3, 2], and its data do not fill it')
