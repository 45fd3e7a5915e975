"""Trains a credit model and saves it as an MLflow model, for a server to give its probabilities.

    python examples/http/train.py
    mlflow models serve -m examples/http/model --env-manager local --port 5000 &
    limekiln run examples/http/config.yaml

The data are those of ../credit; the model is a logistic regression on all 20 columns.
"""

import shutil
from pathlib import Path

import mlflow.sklearn
import pandas as pd
import sklearn
from mlflow.models import infer_signature
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

HERE = Path(__file__).parent
DATA = HERE.parent / "credit" / "german_credit.csv"
SEED = 20261122


def main() -> None:
    """Trains, saves, and prints the held-out figure and the classes for the config."""
    table = pd.read_csv(DATA)
    target = table.pop("creditability")
    numbers = list(table.select_dtypes(include="number").columns)
    table[numbers] = table[numbers].astype(float)  # a signature of whole numbers would refuse anything else
    train, test, train_target, test_target = train_test_split(
        table, target, test_size=300, stratify=target, random_state=SEED
    )
    texts = [name for name in table.columns if name not in numbers]
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), texts), (StandardScaler(), numbers), remainder="drop"
    )
    model = make_pipeline(encode, LogisticRegression(C=0.1, max_iter=1000)).fit(train, train_target)
    probabilities = model.predict_proba(test)

    folder = HERE / "model"
    shutil.rmtree(folder, ignore_errors=True)
    mlflow.sklearn.save_model(
        model,
        folder,
        signature=infer_signature(train, probabilities),
        pyfunc_predict_fn="predict_proba",  # without it the server gives labels, which nothing can be explained by
        pip_requirements=[f"scikit-learn=={sklearn.__version__}"],
    )
    bad = probabilities[:, list(model.classes_).index("bad")]
    print(f"held out: AUC {roc_auc_score(test_target == 'bad', bad):.3f}")
    print(f"classes, in the order of the answer's columns: {', '.join(model.classes_)}")
    print(f"wrote {folder.name}/; serve it with: mlflow models serve -m {folder.name} --env-manager local --port 5000")


if __name__ == "__main__":
    main()
