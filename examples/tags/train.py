"""Trains the example's text model, logistic regression on TF-IDF, and saves it with skops.

    python examples/tags/train.py

It tells which of three places a short text comes from. 1,000 texts train it, 500 are held out; the figure
printed at the end is of those 500. The model is linear in its words, so the truth that an explanation has to
find is known: the words' coefficients.
"""

import hashlib
import zipfile
from pathlib import Path

import pandas as pd
import skops.io
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

HERE = Path(__file__).parent
SEED = 20261123
WORD = r"(?u)\b\w+\b"  # as limekiln cuts a text; scikit-learn's own pattern has no words of one letter


def main() -> None:
    """Trains, saves, and prints the held-out accuracy and the hash for the config."""
    table = pd.read_csv(HERE / "texts.csv")
    train, test = train_test_split(table, test_size=500, stratify=table["kind"], random_state=SEED)
    words = TfidfVectorizer(token_pattern=WORD, min_df=2, norm=None)
    model = make_pipeline(words, LogisticRegression(C=0.01, max_iter=2000)).fit(list(train["text"]), train["kind"])

    path = HERE / "model.skops"
    skops.io.dump(model, path, compression=zipfile.ZIP_DEFLATED, compresslevel=9)
    print(f"held out: accuracy {accuracy_score(test['kind'], model.predict(list(test['text']))):.3f}")
    print(f"wrote {path.name}, sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main()
