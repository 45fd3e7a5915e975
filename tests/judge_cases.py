"""A small finished run whose ranking can be judged: of five numbers two count for the model, 3 : 2."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ruamel.yaml import YAML

import limekiln
from limekiln import store
from limekiln.record import Manifest

MODEL = """
import numpy as np

def predict(frame):
    p = 1 / (1 + np.exp(-(3 * frame["much"] + 2 * frame["less"]).to_numpy()))
    return np.column_stack([1 - p, p])

def value(frame):
    return (3 * frame["much"] + 2 * frame["less"]).to_numpy()
"""
TRAINING = """
import numpy as np
from sklearn.linear_model import LinearRegression

def train(X, y, seed):
    fitted = LinearRegression().fit(X.to_numpy(float), y == "yes")
    return lambda rows: np.where(fitted.predict(rows.to_numpy(float)) > 0.5, "yes", "no")

def train_value(X, y, seed):
    fitted = LinearRegression().fit(X.to_numpy(float), y)
    return lambda rows: fitted.predict(rows.to_numpy(float))

def fails(X, y, seed):
    raise ZeroDivisionError("no such thing")

def gives_nothing(X, y, seed):
    return None

def gives_one(X, y, seed):
    return lambda rows: ["yes"]
"""


@dataclass(frozen=True)
class Case:
    """A run's folder, and that of its config."""

    home: Path
    run: Path

    @property
    def manifest(self) -> Manifest:
        return Manifest.model_validate_json((self.run / "manifest.json").read_text("utf-8"))


def table(n: int = 300, seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n, 5)), columns=["nothing", "less", "idle", "much", "vain"])
    value = 3 * X["much"] + 2 * X["less"]
    return X.assign(label=np.where(value > 0, "yes", "no"), amount=value)


def made(home: Path, *, regression: bool = False, **changes: Any) -> Case:
    """Writes data, model and config, and runs it; `changes` are dotted keys with `__` for the dots."""
    home.mkdir(parents=True, exist_ok=True)
    table().to_csv(home / "data.csv", index=False)
    (home / "ours.py").write_text(MODEL, "utf-8")
    (home / "training.py").write_text(TRAINING, "utf-8")
    source = {"kind": "python", "path": "ours:value" if regression else "ours:predict"}
    config: dict[str, Any] = {
        "model": {
            "name": "Judged",
            "source": source if regression else source | {"classes": ["no", "yes"]},
            "output": "value" if regression else "probability",
        },
        "data": {
            "source": {"kind": "csv", "path": "data.csv"},
            "target": "amount" if regression else "label",
            "exclude": ["label" if regression else "amount"],
        },
        "sample": {"rows": 100},
        "explain": {"perturbations": 600},
        "pick": {"budget": 2},
        "report": {"formats": ["html"]},
        "cluster": {"scheduler": "inline"},
    }
    for dotted, value in changes.items():
        section, key = dotted.split("__")
        config[section][key] = value
    with (home / "config.yaml").open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump(config, file)
    run = limekiln.run(home / "config.yaml")
    assert run.folder is not None
    return Case(home, run.folder)


def reverse(case: Case) -> None:
    """Turns every ranking of the run upside down, as if it had been made so."""
    path = case.run / "importances.parquet"
    frame = pd.read_parquet(path)
    frame["rank"] = frame.groupby(["class", "level"])["rank"].transform(lambda r: r.max() + 1 - r)
    frame.to_parquet(path, index=False)
    files = case.manifest.files | {path.name: hashlib.sha256(path.read_bytes()).hexdigest()}
    store.write_text(case.run / "manifest.json", store.to_json(case.manifest.model_copy(update={"files": files})))
