"""Every kind of data and of model from a config: inline and on two Dask workers, to the same bytes."""

import hashlib
import io
import os
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from distributed import LocalCluster
from PIL import Image
from ruamel.yaml import YAML
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from limekiln import config, kiln

N: Final = 24
WORDS: Final = ("good", "bad", "film", "plot", "music", "dull", "bright", "long", "short", "the")


@dataclass(frozen=True)
class Case:
    """A config's sections, once the files that they name have been written to a folder."""

    model: dict[str, Any]
    data: dict[str, Any]
    explain: dict[str, Any]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# the data ------------------------------------------------------------------------------------------------------


def texts() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    told = [" ".join(rng.choice(WORDS, size=rng.integers(3, 9))) for _ in range(N)]
    return pd.DataFrame({"id": [f"t{i}" for i in range(N)], "text": told, "label": ["bad" in t for t in told]})


def pictures() -> np.ndarray:
    rng = np.random.default_rng(1)
    made = rng.integers(0, 20, (N, 32, 32, 3))
    made[: N // 2, 4:16, 4:16, 0] += 180
    made[N // 2 :, 18:28, 18:28, 2] += 180
    return made.astype(np.uint8)


def series() -> np.ndarray:
    made = np.random.default_rng(2).normal(size=(N, 20, 2))
    made[::2, 5:10, 1] += 3
    return made


def table() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    age, income = rng.normal(40, 9, 200).round(1), rng.lognormal(3, 1, 200)
    return pd.DataFrame({"age": age, "income": income, "city": rng.choice(["A", "B"], 200)})


def csv_of_texts(folder: Path) -> dict[str, Any]:
    texts().to_csv(folder / "texts.csv", index=False)
    source = {"kind": "csv", "path": "texts.csv"}
    return {"domain": "text", "source": source, "column": "text", "id": "id", "target": "label"}


def jsonl_of_texts(folder: Path) -> dict[str, Any]:
    texts().to_json(folder / "texts.jsonl", orient="records", lines=True)
    return {"domain": "text", "source": {"kind": "jsonl", "path": "texts.jsonl"}, "column": "text", "id": "id"}


def sql_of_texts(folder: Path) -> dict[str, Any]:
    with sqlite3.connect(folder / "texts.db") as database:
        texts().to_sql("messages", database, index=False)
    source = {"kind": "sql", "url": "sqlite:///texts.db", "query": "SELECT id, text FROM messages ORDER BY id"}
    return {"domain": "text", "source": source, "column": "text", "id": "id"}


def parquet_of_texts(folder: Path) -> dict[str, Any]:
    texts().to_parquet(folder / "texts.parquet")
    return {"domain": "text", "source": {"kind": "parquet", "path": "texts.parquet"}, "column": "text"}


def folder_of_images(folder: Path) -> dict[str, Any]:
    for i, pixels in enumerate(pictures()):
        place = folder / "images" / ("left" if i < N // 2 else "right")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(place / f"{i:02d}.png")
    return {
        "domain": "images", "source": {"kind": "folder", "path": "images"}, "target": "folder",
        "images": {"parts": "slic", "segments": 6, "concepts": 4},
    }  # fmt: skip


def paths_of_images(folder: Path) -> dict[str, Any]:
    folder_of_images(folder)
    paths = sorted(str(p.relative_to(folder)) for p in (folder / "images").rglob("*.png"))
    pd.DataFrame({"picture": paths}).to_csv(folder / "list.csv", index=False)
    return {
        "domain": "images", "source": {"kind": "csv", "path": "list.csv"}, "column": "picture",
        "images": {"parts": "slic", "segments": 12, "hide": "#808080", "concepts": 3},
    }  # fmt: skip


def array_of_images(folder: Path) -> dict[str, Any]:
    np.savez(folder / "images.npz", X=pictures(), y=np.arange(N) >= N // 2)
    return {
        "domain": "images", "source": {"kind": "numpy", "path": "images.npz", "array": "X"}, "target": "y",
        "images": {"parts": "grid", "grid": [4, 4], "hide": "blur"},
    }  # fmt: skip


def array_of_series(folder: Path) -> dict[str, Any]:
    np.save(folder / "series.npy", series())
    return {
        "domain": "sequences", "source": {"kind": "numpy", "path": "series.npy"},
        "sequences": {"segments": 4, "channels": ["calm", "loud"]},
    }  # fmt: skip


def parquet_of_series(folder: Path) -> dict[str, Any]:
    cells = [s[: 20 - i % 3].tolist() for i, s in enumerate(series())]
    pd.DataFrame({"name": [f"s{i}" for i in range(N)], "wave": cells}).to_parquet(folder / "series.parquet")
    return {
        "domain": "sequences", "source": {"kind": "parquet", "path": "series.parquet"}, "column": "wave", "id": "name",
        "sequences": {"segments": 4, "hide": "noise"},
    }  # fmt: skip


def numbers(folder: Path) -> dict[str, Any]:
    table().drop(columns="city").to_csv(folder / "table.csv", index=False)
    return {"source": {"kind": "csv", "path": "table.csv"}, "groups": {"both": ["age", "income"]}}


def mixed(folder: Path) -> dict[str, Any]:
    table().to_csv(folder / "table.csv", index=False)
    return {"source": {"kind": "csv", "path": "table.csv"}}


# the models ----------------------------------------------------------------------------------------------------

CODE: Final = """
import numpy as np

def of_images(images):
    level = images.astype(float).mean(axis=(1, 2))
    p = 1 / (1 + np.exp(-(level[:, 0] - level[:, 2]) / 9))
    return np.column_stack([p, 1 - p])

def of_series(series):
    return np.column_stack([series[:, 4:9, 1].mean(axis=1), np.abs(series[:, :, 0]).max(axis=1)])

def factory():
    return of_images

def build():
    import torch
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3072, 2))

def scaled(images):
    return images.astype(np.float32) / 255
"""


def python_of_images(folder: Path) -> dict[str, Any]:
    (folder / "ours.py").write_text(CODE, "utf-8")
    return {"source": {"kind": "python", "path": "ours:factory", "factory": True, "classes": ["left", "right"]}}


def python_of_series(folder: Path) -> dict[str, Any]:
    (folder / "ours.py").write_text(CODE, "utf-8")
    outputs = {"output": "value", "outputs": ["mean", "peak"], "unit": "mm/s"}
    return {"source": {"kind": "python", "path": "ours:of_series"}, **outputs}


def skops_of_texts(folder: Path, output: str = "probability") -> dict[str, Any]:
    data = texts()
    model = make_pipeline(CountVectorizer(), LogisticRegression()).fit(list(data["text"]), data["label"])
    skops.io.dump(model, folder / "model.skops")
    source = {"kind": "skops", "path": "model.skops", "sha256": sha256(folder / "model.skops")}
    return {"source": source, "output": output}


def logit_of_texts(folder: Path) -> dict[str, Any]:
    return skops_of_texts(folder, "logit")


def torch_of_images(folder: Path) -> dict[str, Any]:
    torch = pytest.importorskip("torch", reason="an optional kind of model")
    (folder / "ours.py").write_text(CODE, "utf-8")
    names: dict[str, Any] = {}
    exec(CODE, names)  # noqa: S102 - the text above
    torch.save(names["build"]().state_dict(), folder / "weights.pt")
    source = {
        "kind": "torch", "path": "weights.pt", "module": "ours:build", "prepare": "ours:scaled",
        "classes": ["left", "right"], "activation": "softmax", "sha256": sha256(folder / "weights.pt"),
    }  # fmt: skip
    return {"source": source}


def keras_of_series(folder: Path) -> dict[str, Any]:
    os.environ["KERAS_BACKEND"] = "torch"
    keras = pytest.importorskip("keras", reason="an optional kind of model")
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Input((20, 2)), keras.layers.Flatten(), keras.layers.Dense(3, activation="softmax")]
    keras.Sequential(layers).save(folder / "net.keras")
    return {"source": {"kind": "keras", "path": "net.keras", "classes": ["a", "b", "c"]}}


def onnx_of_numbers(folder: Path) -> dict[str, Any]:
    skl2onnx = pytest.importorskip("skl2onnx", reason="an optional kind of model")
    rows = table().drop(columns="city")
    model = LogisticRegression().fit(rows.to_numpy(np.float32), rows["age"] > 40)
    graph = skl2onnx.to_onnx(model, rows.to_numpy(np.float32)[:1], options={"zipmap": False})
    (folder / "model.onnx").write_bytes(graph.SerializeToString())
    return {"source": {"kind": "onnx", "path": "model.onnx", "classes": ["young", "old"]}}


def boosted(folder: Path) -> dict[str, Any]:
    lightgbm = pytest.importorskip("lightgbm", reason="an optional kind of model")
    rows = table().astype({"city": "category"})
    target = (rows["age"] > 40) ^ (rows["city"] == "B")
    model = lightgbm.LGBMClassifier(n_estimators=10, verbose=-1).fit(rows, target)
    held = io.BytesIO()
    joblib.dump(model, held)
    (folder / "model.joblib").write_bytes(held.getvalue())
    digest = sha256(folder / "model.joblib")
    return {"source": {"kind": "joblib", "path": "model.joblib", "sha256": digest, "trusted": True}}


Make = Callable[[Path], dict[str, Any]]
CASES: Final[dict[str, tuple[Make, Make]]] = {
    "texts in CSV, skops": (csv_of_texts, skops_of_texts),
    "texts in JSONL, skops, logits": (jsonl_of_texts, logit_of_texts),
    "texts in a database, skops": (sql_of_texts, skops_of_texts),
    "texts in Parquet, skops": (parquet_of_texts, skops_of_texts),
    "images in a folder, Python factory": (folder_of_images, python_of_images),
    "images by path, Python factory": (paths_of_images, python_of_images),
    "images in an array, PyTorch": (array_of_images, torch_of_images),
    "series in an array, Keras": (array_of_series, keras_of_series),
    "ragged series in Parquet, two values": (parquet_of_series, python_of_series),
    "a table with a group, ONNX": (numbers, onnx_of_numbers),
    "a mixed table, LightGBM": (mixed, boosted),
}


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:  # type: ignore[no-untyped-call]  # Dask's has no types
        yield str(cluster.scheduler_address)


def written(folder: Path, case: str, explain: dict[str, Any]) -> Path:
    """The case's data and model, and a config of them."""
    data, model = CASES[case]
    told: dict[str, Any] = {
        "model": {"name": case, **model(folder)},
        "data": data(folder),
        "sample": {"rows": N},
        "explain": explain,
        "aggregate": {"min_support": 2},
        "pick": {"budget": 2},
        "report": {"formats": ["html"]},
        "cluster": {"scheduler": "inline"},
    }
    path = folder / "config.yaml"
    with path.open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump(told, file)
    return path


def contents(folder: Path) -> dict[str, bytes]:
    kept = [f for f in folder.iterdir() if f.suffix == ".parquet" or f.name == "results.json"]
    return {f.name: f.read_bytes() for f in kept}


@pytest.mark.parametrize("case", CASES)
def test_a_kind_runs_from_its_config_to_the_same_bytes_inline_and_on_two_workers(
    tmp_path: Path, scheduler: str, case: str
) -> None:
    path = written(tmp_path, case, {"perturbations": 120})
    here = kiln.run(config.load(path))
    there = kiln.run(config.load(path, [f"cluster.scheduler={scheduler}"]))
    assert "on workers" in str(there.record.manifest.cluster["stages"])
    assert contents(here.folder) == contents(there.folder)
    counts = here.record.results.counts
    assert (counts.explained, counts.failed) == (N, 0)
    assert (here.folder / "report.html").stat().st_size > 0
    assert np.isfinite(here.record.tables["explanations"]["weight"]).all()
    assert here.record.results.picks[0].rows


@pytest.mark.parametrize(
    "case", ["texts in CSV, skops", "images in a folder, Python factory", "ragged series in Parquet, two values"]
)
def test_parts_are_given_shapley_values_that_add_up(tmp_path: Path, case: str) -> None:
    run = kiln.run(config.load(written(tmp_path, case, {"method": "kernelshap", "perturbations": 200})))
    results, tables = run.record.results, run.record.tables
    assert (results.counts.explained, results.counts.failed) == (N, 0)
    assert (results.method.method, results.method.background, results.method.masks) == ("kernelshap", None, None)
    rows = tables["rows"]
    np.testing.assert_allclose(rows["surrogate"], rows["predicted"], atol=1e-9)
    weights = tables["explanations"].groupby(["row", "class"])["weight"].sum()
    sums = rows.set_index(["row", "class"])["predicted"] - rows.set_index(["row", "class"])["intercept"]
    np.testing.assert_allclose(weights.reindex(sums.index).fillna(0.0), sums, atol=1e-9)
    assert rows["vsi"].notna().all()
    assert "Shapley values, by a linear model" in (run.folder / "report.html").read_text("utf-8")


def test_the_plan_counts_the_rows_with_every_part_hidden(tmp_path: Path) -> None:
    loaded = config.load(
        written(tmp_path, "images in an array, PyTorch", {"method": "kernelshap", "perturbations": 120})
    )
    planned = kiln.check(loaded).model_rows
    assert planned == kiln.run(loaded).record.results.counts.model_rows == N + N * (120 + 1)
