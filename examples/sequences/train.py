"""Trains the example's network, a small convolution over time, and saves it with Keras.

    python examples/sequences/train.py

300 starts train it, 100 are held out; the accuracy printed at the end is of those 100.
"""

import hashlib
import os
from pathlib import Path
from typing import Final

import numpy as np
from sklearn.model_selection import train_test_split

os.environ["KERAS_BACKEND"] = "torch"
import keras
import torch

HERE: Final = Path(__file__).parent
SEED: Final = 20261123
CLASSES: Final = ("none", "slow run-up", "cavitation", "bearing")
EPOCHS: Final = 40


def main() -> None:
    """Trains, saves, and prints the held-out accuracy and the hash for the config."""
    keras.utils.set_random_seed(SEED)
    torch.set_num_threads(1)  # the same sums on every machine
    with np.load(HERE / "series.npz") as data:
        series, labels = data["series"], np.array([CLASSES.index(name) for name in data["fault"]])
    x, held, y, held_labels = train_test_split(series, labels, test_size=100, stratify=labels, random_state=SEED)

    model = network(x)
    model.compile(
        optimizer=keras.optimizers.Adam(0.01), loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    model.fit(x, y, batch_size=32, epochs=EPOCHS, verbose=0)
    right = model.predict(held, verbose=0).argmax(axis=1) == held_labels
    print(f"held out: accuracy {right.mean():.3f}")
    path = HERE / "model.keras"
    model.save(path)
    print(f"wrote {path.name}, sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}")


def network(x: np.ndarray) -> keras.Model:
    """Two convolutions over time and a dense layer that sees which span each of their answers comes from."""
    scale = keras.layers.Normalization(axis=-1)
    scale.adapt(x)
    return keras.Sequential([
        keras.Input(shape=x.shape[1:]),
        scale,
        keras.layers.Conv1D(12, 5, padding="same", activation="relu"),
        keras.layers.AveragePooling1D(5),
        keras.layers.Conv1D(12, 3, padding="same", activation="relu"),
        keras.layers.Flatten(),
        keras.layers.Dropout(0.3),
        keras.layers.Dense(len(CLASSES)),
    ])  # fmt: skip


if __name__ == "__main__":
    main()
