"""Trains the example's head: logistic regression on the vectors that MiniLM gives for the texts of the example `tags`.

    python examples/transformer/train.py

1,000 texts train it, 500 are held out, the same 500 as in `tags`; the accuracy printed at the end is of those. MiniLM
itself is as its authors made it.
"""

import hashlib
from pathlib import Path
from typing import Final

import embed  # type: ignore[import-not-found]  # lies beside this file
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

TEXTS: Final = Path(__file__).parents[1] / "tags" / "texts.csv"
SEED: Final = 20261123


def main() -> None:
    """Embeds, trains, saves, and prints the held-out accuracy and the classes in the order for the config."""
    table = pd.read_csv(TEXTS)
    vectors, kinds = embed.embedding()(list(table["text"])), table["kind"]
    train, test, train_kinds, test_kinds = train_test_split(
        vectors, kinds, test_size=500, stratify=kinds, random_state=SEED
    )
    head = LogisticRegression(C=10, max_iter=1000).fit(train, train_kinds)
    print(f"classes: {', '.join(head.classes_)}")
    print(f"held out: accuracy {head.score(test, test_kinds):.3f}")
    np.savez(embed.HEAD, coef=head.coef_, intercept=head.intercept_)
    print(f"wrote {embed.HEAD.name}, sha256 {hashlib.sha256(embed.HEAD.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main()
