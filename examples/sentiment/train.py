"""Trains the example's LSTM on film reviews and saves its weights and its vocabulary.

    python examples/sentiment/train.py

2,000 snippets train it, 500 are held out; the accuracy printed at the end is of those 500.
"""

import hashlib
import json
from collections import Counter
from pathlib import Path

import lstm  # type: ignore[import-not-found]  # lies beside this file
import numpy as np
import pandas as pd
import torch
from sklearn.model_selection import train_test_split
from torch import nn

HERE = Path(__file__).parent
SEED = 20261123
CLASSES = ["negative", "positive"]
LEAST = 2  # how often a word must occur to be known
FORGOTTEN = 0.3  # share of the words that a pass hides, so that the network knows what a hidden word is
EPOCHS = 18
BATCH = 32


def main() -> None:
    """Trains, saves, and prints the held-out accuracy and the hash for the config."""
    table = pd.read_csv(HERE / "reviews.csv")
    train, test = train_test_split(table, test_size=500, stratify=table["sentiment"], random_state=SEED)
    counts = Counter(word.lower() for text in train["text"] for word in lstm.WORD.findall(text))
    words = sorted(word for word, count in counts.items() if count >= LEAST)
    lstm.VOCABULARY.write_text(json.dumps(words, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")
    print(f"{len(words):,} words")

    torch.manual_seed(SEED)
    torch.set_num_threads(1)  # the same sums on every machine
    network = fitted(lstm.build(), list(train["text"]), labels(train))
    for name, part in (("training", train), ("held out", test)):
        print(f"{name}: accuracy {(decide(network, list(part['text'])) == labels(part)).mean():.3f}")
    path = HERE / "weights.pt"
    torch.save(network.state_dict(), path)
    print(f"wrote {path.name}, sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}")


def labels(table: pd.DataFrame) -> np.ndarray:
    """0 for negative, 1 for positive."""
    return np.array([CLASSES.index(name) for name in table["sentiment"]])


def fitted(network: nn.Module, texts: list[str], targets: np.ndarray) -> nn.Module:
    """The network after its epochs; some words of each text are hidden at random in each."""
    codes, wanted = torch.from_numpy(lstm.encode(texts)), torch.from_numpy(targets)
    optimiser = torch.optim.Adam(network.parameters(), lr=4e-3, weight_decay=1e-4)
    network.train()
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(texts)).split(BATCH):
            seen = codes[rows]
            hidden = (torch.rand(seen.shape) < FORGOTTEN) & (seen != lstm.PADDING)
            loss = nn.functional.cross_entropy(network(seen.masked_fill(hidden, lstm.UNKNOWN)), wanted[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return network.eval()


def decide(network: nn.Module, texts: list[str]) -> np.ndarray:
    """The likelier class of each text."""
    with torch.inference_mode():
        return np.asarray(network(torch.from_numpy(lstm.encode(texts))).argmax(dim=1))


if __name__ == "__main__":
    main()
