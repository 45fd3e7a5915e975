"""Trains a random forest of 100 trees on the Adult census data and saves it with skops.

    python examples/adult/train.py

The data are not in this repository: put UCI's `adult.data` (32,561 rows, CC BY 4.0) beside this file.
"""

import hashlib
from pathlib import Path

import pandas as pd
import skops.io
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

HERE = Path(__file__).parent
NAMES = [
    "age",
    "workclass",
    "fnlwgt",
    "education",
    "education_num",
    "marital_status",
    "occupation",
    "relationship",
    "race",
    "sex",
    "capital_gain",
    "capital_loss",
    "hours_per_week",
    "native_country",
    "income",
]
LEFT_OUT = ["fnlwgt", "education", "income"]  # a sampling weight, a second name of education_num, the target


def main() -> None:
    """Trains, saves, and prints the hash for the config."""
    table = pd.read_csv(HERE / "adult.data", names=NAMES, skipinitialspace=True)
    features = table.drop(columns=LEFT_OUT)
    texts = list(features.select_dtypes(exclude="number").columns)
    encode = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), texts), remainder="passthrough")
    forest = RandomForestClassifier(n_estimators=100, min_samples_leaf=2, random_state=0, n_jobs=1)
    model = make_pipeline(encode, forest).fit(features, table["income"])
    path = HERE / "model.skops"
    skops.io.dump(model, path)
    print(f"wrote {path.name}, sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main()
