"""Small real inputs for whole runs: a table, a model trained on it, a config that names both."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import skops.io
from ruamel.yaml import YAML
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

CLASSES = ("no", "perhaps", "yes")


def table(n: int = 240, seed: int = 7) -> pd.DataFrame:
    """Mixed columns, some missing numbers, a constant column, a three-class target and a number."""
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 80, n)
    income = rng.lognormal(10, 0.5, n)
    city = rng.choice(["Bonn", "Köln", "Ulm"], n, p=[0.5, 0.3, 0.2])
    pull = (age - 50) / 15 + (city == "Ulm") * 2.0 - (income > 22000) * 1.5 + rng.normal(0, 0.3, n)
    return pd.DataFrame(
        {
            "id": [f"r{i:04d}" for i in range(n)],
            "age": age,
            "income": income,
            "city": city,
            "wave": ["autumn"] * n,
            "noise": rng.normal(size=n),
            "label": np.array(CLASSES)[np.clip(np.digitize(pull, [-0.5, 0.8]), 0, 2)],
            "amount": 100 * pull + 1000,
        }
    )


def write(folder: Path, *, regression: bool = False, **changes: Any) -> Path:
    """Writes data, model and config into a folder; `changes` are dotted keys with `__` for the dots."""
    folder.mkdir(parents=True, exist_ok=True)
    data = table()
    data.to_csv(folder / "data.csv", index=False)
    features = data[["age", "income", "city", "wave", "noise"]]
    last = LinearRegression() if regression else LogisticRegression()
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["city", "wave"]), remainder=StandardScaler()
    )
    model = make_pipeline(encode, last).fit(features, data["amount" if regression else "label"])
    skops.io.dump(model, folder / "model.skops")
    digest = hashlib.sha256((folder / "model.skops").read_bytes()).hexdigest()
    target = "amount" if regression else "label"
    config: dict[str, Any] = {
        "model": {
            "name": "Small case",
            "source": {"kind": "skops", "path": "model.skops", "sha256": digest},
            "output": "value" if regression else "probability",
        },
        "data": {
            "source": {"kind": "csv", "path": "data.csv"},
            "target": target,
            "id": "id",
            "redact": {"id": "show"},
            "exclude": ["label" if regression else "amount"],
        },
        "sample": {"rows": "all"},
        "explain": {"perturbations": 600},
        "pick": {"budget": 4},
        "report": {"formats": ["html"]},
        "cluster": {"scheduler": "inline"},
    }
    for dotted, value in changes.items():
        *sections, key = dotted.split("__")
        place = config
        for section in sections:
            place = place.setdefault(section, {})
        place[key] = value
    path = folder / "config.yaml"
    with path.open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump(config, file)
    return path


MODEL_OF_OURS = '''
import numpy as np

def predict(frame):
    """Refuses ages over 76, and leaves a trace of every row it is asked for."""
    with open({trace!r}, "a") as trace:
        trace.write(f"{{len(frame)}}\\n")
    if (frame["age"] > {limit}).any():
        raise ValueError("too old for me")
    p = 1 / (1 + np.exp(-(frame["age"].to_numpy() - 50) / 10))
    return np.column_stack([1 - p, p])
'''


def write_own_model(folder: Path, limit: int = 200, **changes: Any) -> Path:
    """Like `write`, with a Python function for a model; it writes how many rows it was asked for to `trace`."""
    path = write(
        folder,
        model__source={"kind": "python", "path": "ours:predict", "classes": ["young", "old"]},
        **changes,
    )
    (folder / "ours.py").write_text(MODEL_OF_OURS.format(trace=str(folder / "trace"), limit=limit), "utf-8")
    return path
