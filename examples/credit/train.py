"""Trains the example's credit model and saves it with skops.

    python examples/credit/train.py

The model takes the data's own columns, strings and numbers as they are in the file. 700 rows train it, 300
are held out; the figures printed at the end are of those 300. Training again with the same scikit-learn
gives the same trees; the file's hash differs, since skops numbers objects by their address in memory.
"""

import hashlib
import zipfile
from pathlib import Path

import pandas as pd
import skops.io
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

HERE = Path(__file__).parent
SEED = 20261122


def main() -> None:
    """Trains, saves, and prints the held-out figures and the hash for the config."""
    table = pd.read_csv(HERE / "german_credit.csv")
    target = table.pop("creditability")
    train, test, train_target, test_target = train_test_split(
        table, target, test_size=300, stratify=target, random_state=SEED
    )
    texts = list(table.select_dtypes(exclude="number").columns)
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), texts), remainder="passthrough"
    )
    boost = GradientBoostingClassifier(
        n_estimators=100, learning_rate=0.07, max_depth=3, subsample=0.8, random_state=SEED
    )
    model = make_pipeline(encode, boost).fit(train, train_target)

    path = HERE / "model.skops"
    skops.io.dump(model, path, compression=zipfile.ZIP_DEFLATED, compresslevel=9)
    bad = model.predict_proba(test)[:, list(model.classes_).index("bad")]
    print(f"held out: AUC {roc_auc_score(test_target == 'bad', bad):.3f}")
    print(f"held out: accuracy {accuracy_score(test_target, model.predict(test)):.3f}")
    print(f"wrote {path.name}, sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main()
