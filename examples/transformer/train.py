"""Trains the example's head: logistic regression on the vectors that MiniLM gives for film reviews.

    python examples/transformer/train.py

2,000 snippets train it, 500 are held out, the same 500 as in the example `sentiment`; the accuracy printed at the end
is of those. MiniLM itself is as its authors made it.
"""

import hashlib
from pathlib import Path
from typing import Final

import embed  # type: ignore[import-not-found]  # lies beside this file
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

REVIEWS: Final = Path(__file__).parents[1] / "sentiment" / "reviews.csv"
SEED: Final = 20261123


def main() -> None:
    """Embeds, trains, saves, and prints the held-out accuracy."""
    table = pd.read_csv(REVIEWS)
    vectors = embed.embedding()(list(table["text"]))
    parts = train_test_split(vectors, table["sentiment"], test_size=500, stratify=table["sentiment"], random_state=SEED)
    train, test, train_labels, test_labels = parts
    head = LogisticRegression(C=10, max_iter=1000).fit(train, train_labels)
    print(f"classes: {', '.join(head.classes_)}")
    print(f"held out: accuracy {head.score(test, test_labels):.3f}")
    # two classes, one row of coefficients: the softmax of (-z/2, z/2) is the sigmoid of z
    half = np.concatenate([-head.coef_, head.coef_]) / 2
    np.savez(embed.HEAD, coef=half, intercept=np.concatenate([-head.intercept_, head.intercept_]) / 2)
    print(f"wrote {embed.HEAD.name}, sha256 {hashlib.sha256(embed.HEAD.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main()
