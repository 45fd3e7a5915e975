"""What networks share: rows → the arrays a network takes, and what it gives → probabilities, logits or values."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from scipy.special import expit, softmax

from limekiln.errors import InputError
from limekiln.models import user_code
from limekiln.models.checked import TOLERANCE
from limekiln.models.model import Model, Output, output_names
from limekiln.models.user_code import UserCode
from limekiln.record import Notice
from limekiln.settings import KerasModel, OnnxModel, TorchModel
from limekiln.values import Array, Instances

Activation = Literal["none", "softmax", "sigmoid"]

PREPARE: Final = "model.source.prepare"
_TWO: Final = 2
_ROUNDINGS: Final = 1000
_MOST: Final = 0.01
_EXACT_BYTES: Final = 2
_MATRIX: Final = 2


@dataclass(frozen=True, eq=False)
class Loaded:
    """A network out of its file.

    Attributes:
        run: takes n instances, or what `prepare` made of them; gives an array with n rows.
        description: a short phrase for the report.
        features: the columns that its inputs name, in order; None where they name none.
        notices: what a reader should know of it.
    """

    run: Callable[[Any], Any]
    description: str
    features: tuple[str, ...] | None = None
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, eq=False)
class Network:
    """Asks a network: prepares its input, runs it, activates what it gives.

    Attributes:
        run: as in `Loaded`.
        prepare: code of the user's that turns the instances into the network's input.
        activation: applied to what it gives.
        output: what the numbers are then.
        width: C, how many outputs have names.
    """

    run: Callable[[Any], Any]
    prepare: UserCode | None
    activation: Activation
    output: Output
    width: int

    def __call__(self, instances: Instances) -> Array:
        """Predict n instances.

        Returns:
            (n, C) numbers; another shape where the network gives one, for `checked` to refuse.

        Raises:
            InputError: the network cannot take data of this form, or its output cannot be activated so.
            PredictionError: it cannot take these instances.
        """
        given = _as_floats(instances) if self.prepare is None else self.prepare(instances)
        raw = np.asarray(self.run(given))
        found = activated(raw.astype(np.float64), self.activation)
        if self.output == "probability":
            found = rounded_off(found, raw.dtype)
        return found if self.output == "value" or self.width != _TWO else both(found, self.output)


def model_of(
    loaded: Loaded,
    *,
    source: OnnxModel | TorchModel | KerasModel,
    folder: Path,
    output: Output,
    outputs: tuple[str, ...],
    sha256: str,
) -> Model:
    """Make a Model of a network. The config's folder must be importable meanwhile.

    Raises:
        InputError: the code that prepares the input cannot be found, or names are too few or not distinct.
    """
    prepare = None
    notices = loaded.notices
    features = loaded.features
    if source.prepare is not None:
        user_code.find(source.prepare, PREPARE)
        prepare = UserCode(source.prepare, folder, PREPARE)
        notices = (*notices, not_pinned(source.prepare, "prepares the model's input"))
        features = None  # it takes what it likes of the columns
    names = output_names(output, outputs if output == "value" else source.classes)
    return Model(
        predict=Network(loaded.run, prepare, source.activation, output, len(names)),
        classes=names,
        output=output,
        features=features,
        kind=source.kind,
        description=loaded.description,
        sha256=sha256,
        notices=notices,
    )


def not_pinned(path: str, does: str) -> Notice:
    """Say that code of the user's is a part of the model that no hash covers."""
    text = f"The code of {path} {does}, which no hash pins: a later run cannot tell whether it changed."
    return Notice(code="model_code_not_pinned", text=text)


def activated(outputs: Array, activation: Activation) -> Array:
    """Apply the activation of the config to (n, C) or (n,) outputs.

    Raises:
        InputError: a softmax over a single column, which is 1 whatever the network gives.
    """
    if activation == "sigmoid":
        return np.asarray(expit(outputs))
    if activation == "none":
        return outputs
    if _is_single(outputs):
        raise InputError(
            "model.source.activation: softmax over one column is always 1; set sigmoid, which gives both classes"
        )
    return np.asarray(softmax(outputs, axis=-1))


def both(outputs: Array, output: Output) -> Array:
    """Give two classes where a network has one output: it is the second class's.

    The first class gets 1 - p of a probability p, and -z of a logit z, as scikit-learn's decision functions read.
    """
    if not _is_single(outputs):
        return outputs
    second = outputs.reshape(-1)
    return np.column_stack([-second if output == "logit" else 1 - second, second])


def rounded_off(outputs: Array, dtype: np.dtype[Any]) -> Array:
    """Scale rows of probabilities that sum to 1 but for the rounding of a short float type.

    A forest of 500 trees, added up with 32 bits, is off by more than the 1e-6 that is asked of every model.
    Rows that are near enough stay as they are, and rows that are further off are no probabilities.
    """
    if outputs.ndim != _MATRIX or dtype.kind != "f" or dtype == np.float64:
        return outputs
    sums = outputs.sum(axis=1, keepdims=True)
    off = np.abs(sums - 1)
    near = (off > TOLERANCE / 2) & (off < min(_ROUNDINGS * float(np.finfo(dtype).eps), _MOST))
    return np.where(near, outputs / np.where(near, sums, 1), outputs)


def _as_floats(instances: Instances) -> Instances:
    """Whole numbers of an array as floats that hold them exactly; what a preparation gives stays what it is."""
    if not isinstance(instances, np.ndarray) or instances.dtype.kind not in "biu":
        return instances
    return instances.astype(np.float32 if instances.dtype.itemsize <= _EXACT_BYTES else np.float64)


def _is_single(outputs: Array) -> bool:
    return outputs.ndim == 1 or (outputs.ndim == _MATRIX and outputs.shape[1] == 1)
