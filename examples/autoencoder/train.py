"""Trains an auto-encoder on the wines of one grower and saves it with skops; writes the table of all wines.

    python examples/autoencoder/train.py

Wines of the third cultivar are what the auto-encoder learns to squeeze through three numbers and to restore. It has
not seen the others. Training again with the same scikit-learn gives the same scores; the file's hash differs, since
skops numbers objects by their address in memory.
"""

import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import skops.io
from score import anomaly  # type: ignore[import-not-found]  # lies beside this script, where only Python looks
from sklearn.datasets import load_wine
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import KFold
from sklearn.neural_network import MLPRegressor
from sklearn.preprocessing import StandardScaler

HERE = Path(__file__).parent
SEED = 13
LEARNT = "cultivar 3"


def main() -> None:
    """Writes the table, trains, saves, and prints how well the score tells the cultivars apart."""
    wine = load_wine(as_frame=True)
    measured = wine.data
    table = measured.assign(cultivar=[f"cultivar {c + 1}" for c in wine.target])
    table.insert(0, "wine", [f"w{i:03}" for i in range(len(table))])
    table.to_csv(HERE / "wines.csv", index=False, lineterminator="\n")

    learnt = (table["cultivar"] == LEARNT).to_numpy()
    own = measured[learnt]
    held_out = pd.concat(
        [
            anomaly(own.iloc[test], fitted(own.iloc[rest]))
            for rest, test in KFold(4, shuffle=True, random_state=SEED).split(own)
        ]
    )
    model = fitted(own)
    skops.io.dump(model, HERE / "model.skops", compression=zipfile.ZIP_DEFLATED, compresslevel=9)
    seen, strange = anomaly(own, model), anomaly(measured[~learnt], model)
    for name, scores in (("learnt from", seen), ("held out, in four parts", held_out), ("other cultivars", strange)):
        low, middle, high = np.percentile(scores, [5, 50, 95])
        print(f"{name}: median {middle:.1f}, from {low:.1f} to {high:.1f} in nine of ten wines")
    truth = [0] * len(held_out) + [1] * len(strange)
    print(f"AUC of others against held out: {roc_auc_score(truth, [*held_out, *strange]):.3f}")


def fitted(wines: pd.DataFrame) -> dict[str, object]:
    """The two parts of the score: what a standard deviation is, and the network that squeezes and restores."""
    scaler = StandardScaler().fit(wines)
    standard = scaler.transform(wines)
    network = MLPRegressor(
        hidden_layer_sizes=(8, 3, 8),
        activation="tanh",
        alpha=1.0,
        learning_rate_init=0.01,
        max_iter=5000,
        random_state=SEED,
    )
    return {"scaler": scaler, "network": network.fit(standard, standard)}


if __name__ == "__main__":
    main()
