"""A real MLflow server on loopback: asked directly, and explained by a whole run through Dask with two workers."""

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import kiln_cases
import limekiln.fanout
from limekiln import config, kiln, models
from limekiln.settings import HttpModel
from mlflow_server import serving

if importlib.util.find_spec("mlflow") is None or importlib.util.find_spec("httpx") is None:
    pytest.skip("limekiln[mlflow] and limekiln[http] are extras", allow_module_level=True)

CANARY = "s3cret-canary-token"
FEATURES = ["age", "income", "city", "wave", "noise"]


def fitted() -> Any:
    """The model of `kiln_cases`, and rows in the types of its signature."""
    from sklearn.compose import make_column_transformer  # noqa: PLC0415 - only where the test runs
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - the same
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415 - the same
    from sklearn.preprocessing import OneHotEncoder, StandardScaler  # noqa: PLC0415 - the same

    data = kiln_cases.table()
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["city", "wave"]), remainder=StandardScaler()
    )
    return make_pipeline(encode, LogisticRegression()).fit(data[FEATURES].astype({"age": float}), data["label"])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    import mlflow.sklearn  # noqa: PLC0415 - an extra
    from mlflow.models import infer_signature  # noqa: PLC0415 - an extra

    folder = tmp_path_factory.mktemp("served")
    model = fitted()
    rows = kiln_cases.table()[FEATURES].astype({"age": float})
    mlflow.sklearn.save_model(
        model,
        folder / "model",
        signature=infer_signature(rows, model.predict_proba(rows)),
        pyfunc_predict_fn="predict_proba",
        pip_requirements=[],
    )
    with serving(folder / "model", folder) as url:
        yield url


def test_the_server_says_what_the_model_says(server: str) -> None:
    source = HttpModel(kind="http", url=server, classes=kiln_cases.CLASSES, batch=50)
    model = models.load(source, Path(), "probability")
    rows = kiln_cases.table()[FEATURES]
    rows.loc[3, "noise"] = np.nan
    outputs, failed = models.predict_rows(model, rows)
    assert [row for row, _ in failed] == [3]
    assert failed[0][1].startswith("the endpoint refuses: 400 Bad Request: ")
    there = np.delete(outputs, 3, axis=0)
    expected = fitted().predict_proba(rows.drop(index=3))
    np.testing.assert_allclose(there, expected, rtol=0, atol=1e-12)


def test_a_server_that_gives_labels_is_told_from_one_that_gives_probabilities(server: str) -> None:
    source = HttpModel(kind="http", url=server, classes=("one", "two"))
    _, failed = models.predict_rows(models.load(source, Path(), "probability"), kiln_cases.table()[FEATURES].iloc[:2])
    assert failed[0][1].startswith("the model gave an array of shape (1, 3), expected (1, 2)")


def test_a_run_through_two_workers(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limekiln.fanout, "START_COST_S", -1.0)  # workers always pay
    monkeypatch.setenv("MODEL_TOKEN", CANARY)
    source = {"kind": "http", "url": server, "classes": list(kiln_cases.CLASSES), "token_env": "MODEL_TOKEN"}
    path = kiln_cases.write(
        tmp_path, model__source=source, sample__rows=80, cluster={"scheduler": "local", "workers": 2}
    )
    finished = kiln.run(config.load(path))
    folder = finished.folder
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    assert "on workers" in manifest["cluster"]["stages"]
    assert manifest["counts"]["explained"] == 80
    texts = [notice["text"] for notice in json.loads((folder / "results.json").read_text("utf-8"))["notices"]]
    assert [text for text in texts if text.startswith(f"The model answers at {server}; no hash pins it")]
    for file in (f for f in tmp_path.rglob("*") if f.is_file()):
        assert CANARY.encode() not in file.read_bytes(), file


def test_a_run_in_process_gives_what_the_file_gives(server: str, tmp_path: Path) -> None:
    """The same model from a file: the same explanations, up to the last bits of a probability."""
    endpoint = {"kind": "http", "url": server, "classes": list(kiln_cases.CLASSES)}
    of_file = kiln_cases.write(tmp_path / "file", sample__rows=40)
    of_http = kiln_cases.write(tmp_path / "http", sample__rows=40, model__source=endpoint)
    one, other = (
        pd.read_parquet(kiln.run(config.load(path)).folder / "explanations.parquet") for path in (of_file, of_http)
    )
    pd.testing.assert_frame_equal(one.drop(columns="weight"), other.drop(columns="weight"))
    np.testing.assert_allclose(one["weight"], other["weight"], rtol=0, atol=1e-9)
