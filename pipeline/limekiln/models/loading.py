"""The one door for model files: read the bytes, check their hash, and only then load from those very bytes."""

import hashlib
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from limekiln.errors import InputError
from limekiln.models import (
    http_endpoint,
    joblib_file,
    keras_file,
    mlflow_folder,
    network,
    onnx_file,
    skops_file,
    torch_file,
    user_code,
)
from limekiln.models.estimator import from_estimator
from limekiln.models.model import Model, Output
from limekiln.models.own_modules import importable
from limekiln.record import Notice
from limekiln.settings import (
    JoblibModel,
    KerasModel,
    MlflowModel,
    ModelSource,
    OnnxModel,
    PythonModel,
    SkopsModel,
    TorchModel,
)


def load(source: ModelSource, folder: Path, output: Output, outputs: Sequence[str] = ()) -> Model:
    """Load a model.

    Args:
        source: what the config says.
        folder: the config's folder; modules beside the config can be imported.
        output: what the model gives for a row.
        outputs: the names of the values, where it gives values.

    Raises:
        InputError: the file is missing, has another hash, cannot be loaded, or does not give that output.
    """
    if source.kind == "python":
        return _from_callable(source, folder, output, outputs)
    if source.kind == "http":
        return http_endpoint.connect(source, output, outputs)
    if source.kind == "mlflow":
        return _from_mlflow(source, folder, output, outputs)
    data = _bytes_of(source.path, folder)
    sha256 = hashlib.sha256(data).hexdigest()
    if source.sha256 is not None and source.sha256 != sha256:
        raise InputError(
            f"{source.path}: has SHA-256 {sha256}, but model.source.sha256 is {source.sha256}; "
            "the file is not the one that was pinned, and was not loaded"
        )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with _explained(source.path), importable(folder):
            if isinstance(source, OnnxModel | TorchModel | KerasModel):
                unpacked = _network(data, source)
                made = network.model_of(
                    unpacked, source=source, folder=folder, output=output, outputs=tuple(outputs), sha256=sha256
                )
                return replace(made, notices=(*made.notices, *_notices(caught)))
            estimator = _unpacked(data, source)
    return from_estimator(
        estimator, output=output, names=outputs, kind=source.kind, sha256=sha256, notices=_notices(caught)
    )


def _network(data: bytes, source: OnnxModel | TorchModel | KerasModel) -> network.Loaded:
    if source.kind == "onnx":
        return onnx_file.unpack(data, source)
    return torch_file.unpack(data, source) if source.kind == "torch" else keras_file.unpack(data, source)


def _unpacked(data: bytes, source: SkopsModel | JoblibModel) -> Any:
    if source.kind == "skops":
        return skops_file.unpack(data, source)
    return joblib_file.unpack(data, source)


def _from_callable(source: PythonModel, folder: Path, output: Output, outputs: Sequence[str]) -> Model:
    with _explained(source.path), importable(folder):
        function = user_code.find(source.path, "model.source.path")
        if source.factory:
            function = function()
    made = Model.from_function(function, output, outputs if output == "value" else source.classes)
    text = f"The model is the code of {source.path}, which no hash pins: a later run cannot tell whether it changed."
    return Model(
        predict=made.predict,
        classes=made.classes,
        output=made.output,
        features=made.features,
        kind=source.kind,
        description=source.path,
        sha256=None,
        notices=(*made.notices, Notice(code="model_not_pinned", text=text)),
    )


def _from_mlflow(source: MlflowModel, folder: Path, output: Output, outputs: Sequence[str]) -> Model:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with _explained(source.path), importable(folder):
            made = mlflow_folder.load(source, folder, output, outputs)
    return replace(made, notices=(*made.notices, *_notices(caught)))


def _bytes_of(path: str, folder: Path) -> bytes:
    file = folder / path
    try:
        return file.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such model file in {folder.absolute()}{_nearest(file)}") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: the model file cannot be read: {reason}") from error


def _nearest(file: Path) -> str:
    names = [p.name for p in file.parent.iterdir()] if file.parent.is_dir() else []
    near = get_close_matches(file.name, names, n=1)
    return f"; did you mean {near[0]}?" if near else ""


@contextmanager
def _explained(path: str) -> Iterator[None]:
    """Whatever goes wrong while a user's model is loaded becomes one sentence."""
    try:
        yield
    except InputError:
        raise
    except ModuleNotFoundError as error:
        raise InputError(
            f"{path}: the model needs the module {error.name!r}; it is not installed and does not lie beside the config"
        ) from error
    except (Exception, SystemExit) as error:  # the user's code may raise anything
        reason = " ".join(str(error).split())[:500]
        raise InputError(f"{path}: the model could not be loaded: {type(error).__name__}: {reason}") from error


def _notices(caught: Sequence[warnings.WarningMessage]) -> tuple[Notice, ...]:
    """What was warned of while loading, each text once; scikit-learn warns of a version for each part of a model."""
    notices: dict[str, Notice] = {}
    for warning in caught:
        message: Any = warning.message
        if hasattr(message, "original_sklearn_version"):
            text = (
                f"The model was fitted with scikit-learn {message.original_sklearn_version} and runs with "
                f"{message.current_sklearn_version}: it may predict something else, or break."
            )
            notices[text] = Notice(code="model_of_other_version", text=text)
        elif not issubclass(warning.category, DeprecationWarning | PendingDeprecationWarning | FutureWarning):
            text = f"Loading the model warned: {' '.join(str(message).split())[:300]}"
            notices[text] = Notice(code="model_load_warning", text=text)
    return tuple(notices.values())
