"""The anomaly score that config.yaml names: how far the auto-encoder's restored wine is from the wine itself."""

from functools import cache
from pathlib import Path
from typing import Any, Final

import pandas as pd
import skops.io

TRUSTED: Final = ["sklearn.neural_network._stochastic_optimizers.AdamOptimizer"]  # what trained the network


def anomaly(wines: pd.DataFrame, model: dict[str, Any] | None = None) -> pd.Series:
    """The reconstruction error of each wine: Σ (z − ẑ)² over its measurements, in squared standard deviations."""
    model = model or saved()
    standard = model["scaler"].transform(wines)
    restored = model["network"].predict(standard)
    return pd.Series(((standard - restored) ** 2).sum(axis=1), index=wines.index)


@cache
def saved() -> dict[str, Any]:
    """The model that train.py saved, read once a process; skops makes no other type than its own and these."""
    model: dict[str, Any] = skops.io.load(Path(__file__).with_name("model.skops"), trusted=TRUSTED)
    return model
