"""Trains the example's network on one half of scikit-learn's digits, saves it, and writes the other half.

    python examples/digits/train.py

The first 898 digits train the network, and their average is what hidden cells show; the 899 after them are what
the report explains. They stand in the order in which people wrote them, so the network meets hands that it has not
seen. Training again with the same scikit-learn gives the same predictions; the model file's hash differs, since
skops numbers objects by their address in memory, and then belongs into config.yaml.
"""

import hashlib
import zipfile
from pathlib import Path

import numpy as np
import skops.io
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MaxAbsScaler

HERE = Path(__file__).parent
SEED = 64
TRAINED_ON = 898
INK = 15
"""The data count ink from 0 to 16; times 15 that is a brightness from 0 to 240."""


def main() -> None:
    """Trains, saves, and prints the held-out accuracy, the misread digits that it is surest of, and the hash."""
    digits = load_digits()
    images, labels = (digits.images * INK).astype(np.uint8), digits.target
    model = make_pipeline(
        FunctionTransformer(np.reshape, kw_args={"shape": (-1, images[0].size)}),
        MaxAbsScaler(),
        MLPClassifier(hidden_layer_sizes=(64,), solver="lbfgs", alpha=3.0, max_iter=2000, random_state=SEED),
    ).fit(images[:TRAINED_ON], labels[:TRAINED_ON])

    held_out = np.arange(TRAINED_ON, len(images))
    np.savez_compressed(HERE / "digits.npz", images=images[held_out], digit=labels[held_out], number=held_out)
    average = np.rint(images[:TRAINED_ON].mean(axis=0)).astype(np.uint8)
    Image.fromarray(average).save(HERE / "average.png")
    probabilities = model.predict_proba(images[held_out])
    read = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(read != labels[held_out])
    print(f"held out: {len(held_out) - len(wrong)} of {len(held_out)} right, {1 - len(wrong) / len(held_out):.3f}")
    for i in wrong[np.argsort(-probabilities[wrong].max(axis=1))][:6]:
        true = labels[held_out[i]]
        sure, left = probabilities[i, read[i]], probabilities[i, true]
        print(f"number {held_out[i]}: a {true} ({left:.3f}) read as {read[i]} ({sure:.3f})")

    path = HERE / "model.skops"
    skops.io.dump(model, path, compression=zipfile.ZIP_DEFLATED, compresslevel=9)
    print(f"wrote {path.name}, sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main()
