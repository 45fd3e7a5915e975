"""A model in MLflow's folder format: every file hashed, and only the hashed bytes loaded."""

import hashlib
import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from limekiln.errors import InputError
from limekiln.models.answers import numbers
from limekiln.models.estimator import describe, from_estimator
from limekiln.models.extras import need
from limekiln.models.model import Model, Output, class_names, feature_names, output_names
from limekiln.record import Notice
from limekiln.settings import MlflowModel
from limekiln.values import Instances

_PIECE: Final = 1 << 20
_KEPT: Final[list[tempfile.TemporaryDirectory[str]]] = []
"""The copies that models were loaded from; a model may read its artifacts later. They go when the process ends."""
_LEFT_OUT: Final = "__pycache__"
_WIDTHS: Final = {"integer": "int32", "long": "int64", "float": "float32", "double": "float64"}
_WAY_OUT: Final = (
    "for scikit-learn, save it with mlflow.sklearn.save_model (limekiln then asks its predict_proba); for a pyfunc of "
    "your own, let its predict give one probability a class"
)


def load(source: MlflowModel, folder: Path, output: Output, outputs: Sequence[str]) -> Model:
    """Load an MLflow model.

    Where there is a scikit-learn estimator inside and classes are to be explained, the estimator itself is asked,
    since its pyfunc gives labels; else the pyfunc is, with columns in the types of its signature.

    Args:
        source: what the config says.
        folder: the config's folder.
        output: what the model gives for a row.
        outputs: the names of the values, where it gives values.

    Raises:
        InputError: mlflow is missing, the folder is no model or has another hash, or the model does not give that
            output or does not name its classes.
    """
    if source.trusted is not True:
        raise InputError(f"{source.path}: loading runs code; set model.source.trusted: true for a model you trust")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # mlflow reports its use over the network otherwise
    need("mlflow", "mlflow", "model.source.kind: mlflow")
    copy, sha256 = _copied(source, folder)
    with _heard() as said:
        import mlflow.pyfunc  # noqa: PLC0415 - slow to import, and only this kind needs it

        loaded = mlflow.pyfunc.load_model(str(copy))
    notices = tuple(Notice(code="model_load_warning", text=f"Loading the model warned: {text}") for text in said)
    schema = loaded.metadata.get_input_schema()
    estimator = _estimator_in(loaded)
    if output != "value" and estimator is not None:
        made = _of_estimator(estimator, output, sha256, source)
    else:
        names = _names(source, output, outputs)
        made = Model(
            predict=Pyfunc(loaded.predict, schema, names, output),
            classes=names,
            output=output,
            features=feature_names(estimator),
            kind=source.kind,
            description=_described(loaded, estimator),
            sha256=sha256,
        )
    return replace(made, features=_columns(schema) or made.features, notices=(*made.notices, *notices))


def fingerprint(folder: Path) -> str:
    r"""Hash a folder: SHA-256 over one line a file, its SHA-256 and its name, sorted by name.

    These are the lines of `sha256sum`, so that a shell can check it:
    `find . -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum`. Folders named __pycache__
    are left out, and never loaded from.

    Raises:
        InputError: the folder holds a link to a folder, or cannot be read.
    """
    return _hashed(folder, None)


@dataclass(frozen=True, eq=False)
class Pyfunc:
    """Asks a pyfunc: columns in the types of its signature, its answer as numbers."""

    predict: Callable[[Any], Any]
    schema: Any
    classes: tuple[str, ...]
    output: Output

    def __call__(self, instances: Instances) -> np.ndarray:
        """Predict n instances; see `answers.numbers`."""
        asked = _fitted_to(instances, self.schema)
        return numbers(self.predict(asked), classes=self.classes, output=self.output, way_out=_WAY_OUT)


def _copied(source: MlflowModel, folder: Path) -> tuple[Path, str]:
    """A private copy of the model's files, and their hash: what was hashed is what is loaded."""
    place = folder / source.path
    if not (place / "MLmodel").is_file():
        what = "is no folder of an MLflow model (it has no file MLmodel)" if place.is_dir() else "no such model folder"
        raise InputError(f"{source.path}: {what} in {folder.absolute()}")
    kept = tempfile.TemporaryDirectory(prefix="limekiln-model-", ignore_cleanup_errors=True)
    copy = Path(kept.name) / "model"
    sha256 = _hashed(place, copy)
    if source.sha256 is not None and source.sha256 != sha256:
        kept.cleanup()
        raise InputError(
            f"{source.path}: has SHA-256 {sha256} over its files, but model.source.sha256 is {source.sha256}; "
            "the model is not the one that was pinned, and was not loaded"
        )
    _KEPT.append(kept)
    return copy, sha256


def _hashed(folder: Path, copy: Path | None) -> str:
    total = hashlib.sha256()
    try:
        for name in sorted(_files(folder), key=str.encode):
            target = None if copy is None else copy / name
            total.update(f"{_hashed_file(folder / name, target)}  {name}\n".encode())
    except OSError as error:
        raise InputError(f"{folder}: the model cannot be read: {error.strerror or error}") from error
    return total.hexdigest()


def _hashed_file(file: Path, target: Path | None) -> str:
    digest = hashlib.sha256()
    if target is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
    with file.open("rb") as read, Path(target or os.devnull).open("wb") as written:
        while piece := read.read(_PIECE):
            digest.update(piece)
            written.write(piece)
    return digest.hexdigest()


def _files(folder: Path) -> Iterator[str]:
    """The names of all files below a folder, relative to it."""
    for path, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != _LEFT_OUT]
        for name in folders:
            if (Path(path) / name).is_symlink():
                raise InputError(f"{Path(path) / name} is a link to a folder; put the files themselves into the model")
        yield from ((Path(path) / name).relative_to(folder).as_posix() for name in names)


@contextmanager
def _heard() -> Iterator[list[str]]:
    """What mlflow, imported before, logs at warning level inside: once each and not on the terminal."""
    said: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            text = " ".join(record.getMessage().split())[:300]
            if text not in said:
                said.append(text)

    logger = logging.getLogger("mlflow")
    ear = Ear(logging.WARNING)
    before, propagate = list(logger.handlers), logger.propagate
    try:
        logger.handlers, logger.propagate = [ear], False
        yield said
    finally:
        logger.handlers, logger.propagate = before, propagate


def _estimator_in(loaded: Any) -> Any:
    """The scikit-learn estimator inside, or one that can be asked like it; None where there is none."""
    if not {"sklearn", "xgboost", "lightgbm", "catboost"} & set(loaded.metadata.flavors):
        return None
    inside = loaded.get_raw_model()
    return inside if hasattr(inside, "get_params") else None


def _of_estimator(estimator: Any, output: Output, sha256: str, source: MlflowModel) -> Model:
    made = from_estimator(estimator, output=output, kind=source.kind, sha256=sha256)
    made = replace(made, description=f"MLflow, {made.description}")
    if not source.classes:
        return made
    if len(source.classes) != len(made.classes):
        fitted = ", ".join(f'"{name}"' for name in made.classes)
        raise InputError(
            f"model.source.classes: {len(source.classes)} names, but the model has {len(made.classes)}: {fitted}"
        )
    return replace(made, classes=class_names(source.classes))


def _names(source: MlflowModel, output: Output, outputs: Sequence[str]) -> tuple[str, ...]:
    if output != "value" and not source.classes:
        raise InputError(
            f"model.source.classes: {source.path} does not name its classes; name them in the order of the columns "
            "that its predict gives"
        )
    return output_names(output, outputs if output == "value" else source.classes)


def _described(loaded: Any, estimator: Any) -> str:
    if estimator is not None:
        return f"MLflow, {describe(estimator)}"
    flavors = [name for name in loaded.metadata.flavors if name != "python_function"]
    return f"MLflow, {', '.join(flavors) or 'python_function'}"


def _columns(schema: Any) -> tuple[str, ...] | None:
    """The columns that the signature names."""
    if schema is None or schema.is_tensor_spec() or not schema.has_input_names():
        return None
    return tuple(str(name) for name in schema.input_names())


def _fitted_to(instances: Instances, schema: Any) -> Any:
    """Instances in the types of a signature, where nothing is lost; where something would be, mlflow says so."""
    if schema is None:
        return instances
    if schema.is_tensor_spec():
        wanted = schema.input_types()
        if isinstance(instances, np.ndarray) and len(wanted) == 1:
            return instances.astype(wanted[0], copy=False)
        return instances
    names = _columns(schema)
    if isinstance(instances, list) and names is not None and len(names) == 1:
        return pd.DataFrame({names[0]: instances})
    if not isinstance(instances, pd.DataFrame) or names is None:
        return instances
    types = schema.input_types_dict()
    cast = {name: _cast(instances[name], getattr(types[name], "name", "")) for name in names if name in instances}
    return instances.assign(**cast)


def _cast(values: pd.Series, wanted: str) -> pd.Series:
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(values.cat.categories.dtype if not values.isna().any() else object)
    if wanted == "string":
        return values.astype(object).where(values.notna(), None)
    if wanted not in _WIDTHS or not isinstance(values.dtype, np.dtype) or values.dtype.kind not in "iuf":
        return values
    try:
        with np.errstate(invalid="ignore", over="ignore"):
            cast = values.astype(np.dtype(_WIDTHS[wanted]))
    except (ValueError, OverflowError):
        return values  # a missing value in a column of whole numbers
    same = wanted == "float" or np.array_equal(cast.to_numpy(np.float64), values.to_numpy(np.float64), equal_nan=True)
    return cast if same else values
