"""How rows and answers are written in the protocols of model servers: MLflow's, and KServe's v2 (open inference).

Sources: MLflow, "Deploy MLflow Model", request and response formats; KServe, "Open Inference Protocol (V2)", HTTP/REST.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from limekiln.errors import PredictionError, RunError
from limekiln.values import Instances

_TYPES: Final = {"b": "BOOL", "i": "INT64", "u": "UINT64", "f": "FP64"}
_WIDTHS: Final[dict[str, Any]] = {
    "BOOL": np.bool_,
    **{f"INT{bits}": f"int{bits}" for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": f"uint{bits}" for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": f"float{bits}" for bits in (16, 32, 64)},
}


@dataclass(frozen=True)
class Tensor:
    """An input that a server declares: its name, its datatype, and its number of dimensions."""

    name: str
    datatype: str
    dimensions: int


def mlflow_body(instances: Instances) -> bytes:
    """Write instances for an MLflow scoring server: a table as `dataframe_split`, texts and arrays as `inputs`.

    Raises:
        PredictionError: they hold an infinite number, which JSON cannot carry.
    """
    if isinstance(instances, pd.DataFrame):
        columns = [_listed(instances.iloc[:, c]) for c in range(instances.shape[1])]
        rows = [list(row) for row in zip(*columns, strict=True)]
        return _json({"dataframe_split": {"columns": [str(name) for name in instances.columns], "data": rows}})
    plain = instances if isinstance(instances, list) else _without_nan(instances)
    return _json({"inputs": plain})


def mlflow_answer(answer: Any) -> Any:
    """Read what an MLflow scoring server answers.

    Raises:
        RunError: it is no answer of that protocol.
    """
    if not isinstance(answer, Mapping) or "predictions" not in answer:
        raise RunError(
            f'the answer has no "predictions" but {_what(answer)}; check that model.source.url ends in /invocations, '
            "or set model.source.protocol: kserve-v2"
        )
    return answer["predictions"]


def kserve_body(instances: Instances, declared: tuple[Tensor, ...], result: str | None) -> bytes:
    """Write instances in KServe's v2 protocol.

    One tensor takes a table of numbers as a matrix; a table with texts in it, or a server that declares an input
    for each column, gets one tensor a column. Texts are BYTES, arrays FP32, unless the server declares otherwise.

    Args:
        instances: n of them.
        declared: the server's inputs; empty where it says nothing of them.
        result: the output to ask for; None is whatever the server gives.

    Raises:
        PredictionError: they hold what the protocol or the declared datatype cannot carry.
        RunError: the server's inputs do not fit the data.
    """
    body: dict[str, Any] = {}
    if isinstance(instances, pd.DataFrame):
        body["inputs"] = _table(instances, declared)
        if len(body["inputs"]) > 1:
            body["parameters"] = {"content_type": "pd"}  # how MLServer learns that the tensors are columns
    elif isinstance(instances, list):
        tensor = _only(declared) or Tensor("input-0", "BYTES", 2)
        body["inputs"] = [_texts(tensor, instances)]
    else:
        tensor = _only(declared) or Tensor("input-0", "FP32", instances.ndim)
        body["inputs"] = [_numbers(tensor, instances, instances.shape)]
    if result is not None:
        body["outputs"] = [{"name": result}]
    return _json(body)


def kserve_answer(answer: Any, result: str | None) -> np.ndarray:
    """Read what a KServe v2 server answers.

    Raises:
        RunError: it is no answer of that protocol, or which of its outputs to explain is not said.
    """
    outputs = answer.get("outputs") if isinstance(answer, Mapping) else None
    if not isinstance(outputs, list) or not outputs or not all(isinstance(output, Mapping) for output in outputs):
        raise RunError(
            f'the answer has no "outputs" but {_what(answer)}; check that model.source.url ends in /infer, or set '
            "model.source.protocol: mlflow"
        )
    named = {str(output.get("name")): output for output in outputs}
    listed = ", ".join(f'"{name}"' for name in named)
    if result is None and len(named) > 1:
        raise RunError(f"model.source.result: the server gives {len(named)} outputs; name one of {listed}")
    if result is not None and result not in named:
        raise RunError(f'model.source.result: the server gives no output "{result}"; it gives {listed}')
    output = named[result] if result is not None else outputs[0]
    try:
        return np.asarray(output["data"]).reshape(output["shape"])
    except (KeyError, TypeError, ValueError) as error:
        raise PredictionError(
            f'the output "{output.get("name")}" has the shape {output.get("shape")}, and its data do not fill it'
        ) from error


def kserve_inputs(metadata: Any) -> tuple[Tensor, ...]:
    """Read the inputs that a server declares; empty where it declares none."""
    inputs = metadata.get("inputs") if isinstance(metadata, Mapping) else None
    try:
        return tuple(Tensor(str(i["name"]), str(i["datatype"]), len(i["shape"])) for i in inputs or ())
    except (KeyError, TypeError):
        return ()


def _table(table: pd.DataFrame, declared: tuple[Tensor, ...]) -> list[dict[str, Any]]:
    by_name = {tensor.name: tensor for tensor in declared}
    numeric = all(_kind(table.iloc[:, c]) in _TYPES for c in range(table.shape[1]))
    if len(declared) == 1 and numeric and not (table.shape[1] == 1 and str(table.columns[0]) in by_name):
        return [_matrix(declared[0], table)]
    if not declared and numeric:
        return [_matrix(Tensor("input-0", "FP64", 2), table)]
    if declared and set(by_name) != {str(name) for name in table.columns}:
        names = ", ".join(f'"{name}"' for name in by_name)
        raise RunError(f"the server takes the inputs {names}, which are not the data's columns; exclude or rename some")
    return [_column(by_name.get(str(name)), str(name), table.iloc[:, c]) for c, name in enumerate(table.columns)]


def _matrix(tensor: Tensor, table: pd.DataFrame) -> dict[str, Any]:
    return _numbers(tensor, table.to_numpy(dtype=np.float64, na_value=np.nan), table.shape)


def _column(tensor: Tensor | None, name: str, values: pd.Series) -> dict[str, Any]:
    kind = _kind(values)
    tensor = tensor or Tensor(name, _TYPES.get(kind, "BYTES"), 2)
    shape = (len(values), 1)
    if tensor.datatype == "BYTES":
        texts = [None if pd.isna(value) else str(value) for value in values.astype(object)]
        return _texts(tensor, texts)
    if kind not in _TYPES:
        raise RunError(f'the server takes "{name}" as {tensor.datatype}, but the data hold text there')
    return _numbers(tensor, _plain(values).to_numpy(), shape)


def _texts(tensor: Tensor, texts: list[str] | list[str | None]) -> dict[str, Any]:
    if tensor.datatype != "BYTES":
        raise RunError(f'the server takes "{tensor.name}" as {tensor.datatype}, but the data are text')
    shape = [len(texts)] + [1] * (tensor.dimensions - 1)
    return {
        "name": tensor.name,
        "shape": shape,
        "datatype": "BYTES",
        "parameters": {"content_type": "str"},
        "data": texts,
    }


def _numbers(tensor: Tensor, values: np.ndarray, shape: tuple[int, ...]) -> dict[str, Any]:
    if tensor.dimensions == 1 and len(shape) == 2 and shape[1] == 1:  # noqa: PLR2004 - one column as a plain list
        shape = shape[:1]
    flat = np.ravel(values)
    width = _WIDTHS.get(tensor.datatype)
    if width is None:
        raise RunError(f'the server takes "{tensor.name}" as {tensor.datatype}, but the data are numbers')
    if np.dtype(width).kind not in "fb":
        whole = np.asarray(flat, dtype=np.float64)
        if not (np.isfinite(whole) & (whole == np.round(whole))).all():
            raise PredictionError(
                f'the server takes "{tensor.name}" as {tensor.datatype}; a value is missing or broken'
            )
    data = _without_nan(flat.astype(width))
    return {"name": tensor.name, "shape": list(shape), "datatype": tensor.datatype, "data": data}


def _only(declared: tuple[Tensor, ...]) -> Tensor | None:
    if len(declared) > 1:
        names = ", ".join(f'"{tensor.name}"' for tensor in declared)
        raise RunError(f"the server takes {len(declared)} inputs ({names}), but the data are one")
    return declared[0] if declared else None


def _kind(values: pd.Series) -> str:
    dtype = _plain(values).dtype
    return dtype.kind if isinstance(dtype, np.dtype) else "O"


def _plain(values: pd.Series) -> pd.Series:
    """A categorical column as what its categories are."""
    if not isinstance(values.dtype, pd.CategoricalDtype):
        return values
    kind = values.cat.categories.dtype
    holds_text = not isinstance(kind, np.dtype) or kind.kind == "O"
    missing = values.isna().any()
    return values.astype(object if holds_text or (missing and kind.kind == "b") else np.float64 if missing else kind)


def _listed(values: pd.Series) -> list[Any]:
    """A column as JSON's values, null where one is missing."""
    plain = _plain(values)
    if isinstance(plain.dtype, np.dtype) and plain.dtype.kind in "biuf":
        return list(_without_nan(plain.to_numpy()))
    return [None if pd.isna(value) else getattr(value, "tolist", lambda v=value: v)() for value in plain.astype(object)]


def _without_nan(values: np.ndarray) -> Any:
    """An array as nested lists, null for NaN; JSON has neither NaN nor infinity."""
    if values.dtype.kind != "f":
        return values.tolist()
    if np.isinf(values).any():
        raise PredictionError("an infinite number cannot be sent to the endpoint: JSON has none")
    missing = np.isnan(values)
    listed = values.astype(object)
    listed[missing] = None
    return listed.tolist()


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()


def _what(answer: Any) -> str:
    if isinstance(answer, Mapping):
        return "the keys " + (", ".join(f'"{str(name)[:40]}"' for name in list(answer)[:5]) or "of an empty object")
    return f"a JSON {type(answer).__name__}"
