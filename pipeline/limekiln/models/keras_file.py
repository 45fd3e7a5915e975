"""A Keras 3 model in a .keras file, loaded in safe mode: no code of the file's runs."""

import io
import os
import re
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from limekiln.errors import InputError, PredictionError
from limekiln.models.extras import need
from limekiln.models.network import Loaded
from limekiln.models.network_inputs import Slot, check_free_rows, columns_of, feeds, is_arrays, plain
from limekiln.settings import KerasModel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

_KEY: Final = "model.source.kind: keras"
_FREE_ROWS: Final = "build it with keras.Input(shape=…), which leaves the number of rows free"
_OWN: Final = re.compile(r"Could not locate (\w+) '([^']+)'")
_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")


def unpack(data: bytes, source: KerasModel) -> Loaded:
    """Load a model.

    Args:
        data: the file's bytes, their hash checked.
        source: what the config says.

    Raises:
        InputError: Keras or its backend is missing, Keras runs on another backend in this process already, or the
            file is no .keras file or holds code.
    """
    keras = _keras(source)
    _check_file(data, source.path)
    model = _loaded(keras, data, source.path)
    slots = _slots(model)
    if slots is not None:
        check_free_rows(slots, _FREE_ROWS)
    description = f"Keras: {type(model).__name__}, {len(model.layers)} layers, {model.count_params():,} parameters"
    return Loaded(Layers(keras, model, slots), description, columns_of(slots) if slots else None)


@dataclass(frozen=True, eq=False)
class Layers:
    """Runs a Keras model for inference.

    Attributes:
        keras: the library.
        model: the model.
        slots: its inputs; None where it names none.
    """

    keras: Any
    model: Any
    slots: tuple[Slot, ...] | None

    def __call__(self, given: Any) -> np.ndarray:
        """Run it on what `network_inputs` takes.

        Raises:
            InputError: it cannot take data of this form.
            PredictionError: it cannot take these, or gives something else than one tensor.
        """
        arrays = self._arrays(given)
        try:
            answer = self.model.predict_on_batch(arrays)
        except ValueError as error:
            raise PredictionError(_reason(error)) from error
        while isinstance(answer, list | tuple | Mapping) and len(answer) == 1:
            answer = next(iter(answer.values() if isinstance(answer, Mapping) else answer))
        if isinstance(answer, list | tuple | Mapping):
            raise PredictionError(
                f"the model gives {len(answer)} outputs, expected one; save a keras.Model with that one"
            )
        return np.asarray(answer)

    def _arrays(self, given: Any) -> Any:
        if self.slots is not None:
            found = feeds(given, self.slots)
            return found if len(found) > 1 else next(iter(found.values()))
        single = np.dtype("float32")
        if isinstance(given, Mapping):
            return {str(name): plain(array, single) for name, array in given.items()}
        return [plain(array, single) for array in given] if is_arrays(given) else plain(given, single)


def _keras(source: KerasModel) -> "ModuleType":
    """Keras on the configured backend, which it takes from the environment when it is imported, once and for all."""
    if "keras" not in sys.modules:
        _one_thread(source.backend)
    with _environment("KERAS_BACKEND", source.backend):
        keras = need("keras", "keras", _KEY)
    running = keras.config.backend()
    if running != source.backend:
        raise InputError(
            f"model.source.backend: {source.backend}, but Keras runs on {running} in this process already; set "
            f"KERAS_BACKEND={source.backend} before it is imported, or model.source.backend: {running}"
        )
    _one_thread(source.backend)
    return keras


def _one_thread(backend: str) -> None:
    """Import the backend and give it one thread, for the whole process: sums split over threads differ in last bits."""
    key = f"model.source.backend: {backend}"
    if backend == "torch":
        need("torch", "keras,torch", key).set_num_threads(1)
        return
    try:
        tensorflow: Any = import_module("tensorflow")
    except ModuleNotFoundError as error:
        if error.name != "tensorflow":
            raise
        raise InputError(f"{key} needs tensorflow; install it with: pip install tensorflow") from error
    with suppress(RuntimeError):  # it has started, and keeps its threads until the process ends
        tensorflow.config.threading.set_intra_op_parallelism_threads(1)
        tensorflow.config.threading.set_inter_op_parallelism_threads(1)


@contextmanager
def _environment(name: str, value: str) -> "Iterator[None]":
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _check_file(data: bytes, path: str) -> None:
    """Keras chooses a reader by the name, and only the one for .keras has a safe mode that holds."""
    if zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if {"config.json", "metadata.json"} <= set(archive.namelist()):
                return
    raise InputError(f'{path}: no .keras file; save the model with Keras 3: model.save("model.keras")')


def _loaded(keras: Any, data: bytes, path: str) -> Any:
    with tempfile.TemporaryDirectory(prefix="limekiln-model-") as alone:
        file = Path(alone) / "model.keras"
        file.write_bytes(data)
        try:
            return keras.saving.load_model(file, compile=False, safe_mode=True)
        except (ValueError, TypeError) as error:
            reason = _reason(error)
            if "safe_mode" in reason or "Lambda" in reason:
                raise InputError(
                    f"{path}: the model holds Python code (a Lambda layer), which safe mode does not run; use a layer "
                    "of Keras' own instead, or kind: python with a function that loads the model"
                ) from error
            if own := _OWN.search(reason):
                raise InputError(
                    f"{path}: the model holds a {own[1]} of its own, {own[2]}, which a .keras file names and does not "
                    "hold; use kind: python with a function that loads the model"
                ) from error
            raise


def _slots(model: Any) -> tuple[Slot, ...] | None:
    """A functional model's inputs; one that was made as a class of its own does not declare them."""
    declared = getattr(model, "inputs", None)
    if not declared:
        return None
    kinds = {tensor.name: "object" if tensor.dtype == "string" else str(tensor.dtype) for tensor in declared}
    return tuple(Slot(tensor.name, np.dtype(kinds[tensor.name]), tuple(tensor.shape)) for tensor in declared)


def _reason(error: Exception) -> str:
    """Keras writes colours, a heading, and the arguments around its reasons."""
    text = _COLOURS.sub("", str(error)).partition("Arguments received by")[0]
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("Exception encountered when")]
    return " ".join(" ".join(lines).split())
