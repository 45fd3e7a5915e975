"""Whole runs on MLflow folders and boosters: what a config names is what is explained, here and on two workers."""

import hashlib
import importlib.util
import json
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import kiln_cases
import limekiln.fanout
from limekiln import config, kiln
from limekiln.models.mlflow_folder import fingerprint

FEATURES = ["age", "income", "city", "wave", "noise"]
TEXTS = dict.fromkeys(["city", "wave"], "category")


def run(path: Path) -> tuple[dict[str, Any], pd.DataFrame]:
    """The manifest and the explanations of a run."""
    folder = kiln.run(config.load(path)).folder
    manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text("utf-8"))
    return manifest, pd.read_parquet(folder / "explanations.parquet")


@pytest.mark.skipif(importlib.util.find_spec("mlflow") is None, reason="limekiln[mlflow] is an extra")
def test_an_mlflow_model_through_two_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import mlflow.sklearn  # noqa: PLC0415 - an extra

    monkeypatch.setattr(limekiln.fanout, "START_COST_S", -1.0)  # workers always pay
    data = kiln_cases.table()
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["city", "wave"]), remainder=StandardScaler()
    )
    model = make_pipeline(encode, LogisticRegression()).fit(data[FEATURES], data["label"])
    mlflow.sklearn.save_model(model, tmp_path / "served", pip_requirements=[])
    source = {"kind": "mlflow", "path": "served", "trusted": True}
    cluster = {"scheduler": "local", "workers": 2}
    manifest, found = run(kiln_cases.write(tmp_path, model__source=source, sample__rows=60, cluster=cluster))
    assert "on workers" in manifest["cluster"]["stages"]
    assert fingerprint(tmp_path / "served") in json.dumps(manifest)
    _, expected = run(kiln_cases.write(tmp_path / "file", sample__rows=60))  # the same model from skops
    pd.testing.assert_frame_equal(found, expected)


def fitted(library: str, data: pd.DataFrame) -> Any:
    module = pytest.importorskip(library, reason="limekiln[boosting] is an extra")
    rows = data[FEATURES]
    ascii_rows = rows.assign(city=rows["city"].replace("Köln", "Koeln"))
    y = np.searchsorted(kiln_cases.CLASSES, data["label"])
    if library == "xgboost":
        return module.XGBClassifier(n_estimators=10, enable_categorical=True).fit(ascii_rows.astype(TEXTS), y)
    if library == "lightgbm":
        return module.LGBMClassifier(n_estimators=10, verbose=-1).fit(ascii_rows.astype(TEXTS), y)
    classifier = module.CatBoostClassifier(
        iterations=10, verbose=0, cat_features=list(TEXTS), allow_writing_files=False
    )
    return classifier.fit(ascii_rows, y)


@pytest.mark.parametrize("library", ["xgboost", "lightgbm", "catboost"])
def test_boosters_on_raw_categories_from_a_config(
    tmp_path: Path, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = kiln_cases.table()
    estimator = fitted(library, data)
    joblib.dump(estimator, tmp_path / "model.joblib")
    sha256 = hashlib.sha256((tmp_path / "model.joblib").read_bytes()).hexdigest()
    source = {"kind": "joblib", "path": "model.joblib", "trusted": True, "sha256": sha256}
    path = kiln_cases.write(tmp_path, model__source=source, sample__rows=60, data__target=None)
    data.replace({"city": {"Köln": "Koeln"}}).to_csv(tmp_path / "data.csv", index=False)
    path.write_text(path.read_text("utf-8").replace("exclude: [amount]", "exclude: [amount, label]"), "utf-8")
    manifest, found = run(path)
    assert manifest["counts"]["explained"] == 60
    cities = found[found["feature"] == "city"]
    assert cities["weight"].abs().max() > 0.01  # the model uses the city, and the explanations see it
    assert (found.loc[found["feature"] == "wave", "weight"] == 0).all()  # constant
    if library == "lightgbm":
        monkeypatch.setattr(limekiln.fanout, "START_COST_S", -1.0)  # workers always pay
        text = path.read_text("utf-8")
        path.write_text(text.replace("scheduler: inline", "scheduler: local, workers: 2"), "utf-8")
        manifest, there = run(path)
        assert "on workers" in manifest["cluster"]["stages"]
        pd.testing.assert_frame_equal(there, found)
