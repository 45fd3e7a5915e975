"""Trains the example's network on the zoo without the squirrel and saves it with skops.

    python examples/zoo/train.py

The network gets the table's own sixteen columns and has never met a squirrel. Training again with the same
scikit-learn gives the same predictions; the file's hash differs, since skops numbers objects by their address
in memory, and then belongs into config.yaml.
"""

import hashlib
import zipfile
from pathlib import Path

import pandas as pd
import skops.io
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

HERE = Path(__file__).parent
SEED = 101
UNSEEN = "squirrel"


def main() -> None:
    """Trains, saves, and prints the held-out figures, the squirrel's prediction and the hash for the config."""
    table = pd.read_csv(HERE / "zoo.csv", index_col="name")
    kinds = table.pop("type")
    known, known_kinds = table.drop(index=UNSEEN), kinds.drop(index=UNSEEN)
    model = make_pipeline(
        StandardScaler(),
        MLPClassifier(hidden_layer_sizes=(16,), activation="tanh", solver="lbfgs", alpha=0.1, random_state=SEED),
    )
    folds = StratifiedKFold(n_splits=4, shuffle=True, random_state=SEED)
    held_out = cross_val_predict(model, known, known_kinds, cv=folds)
    print(f"held out, in four parts: {(held_out == known_kinds).mean():.3f} right")
    wrong = held_out != known_kinds
    print("wrong:", ", ".join(f"{n} ({held_out[i]})" for i, n in enumerate(known.index) if wrong.iloc[i]))

    model.fit(known, known_kinds)
    unseen = dict(zip(model.classes_, model.predict_proba(table.loc[[UNSEEN]])[0], strict=True))
    print(f"{UNSEEN}: " + ", ".join(f"{kind} {p:.3f}" for kind, p in sorted(unseen.items(), key=lambda kp: -kp[1])))
    path = HERE / "model.skops"
    skops.io.dump(model, path, compression=zipfile.ZIP_DEFLATED, compresslevel=9)
    print(f"wrote {path.name}, sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main()
