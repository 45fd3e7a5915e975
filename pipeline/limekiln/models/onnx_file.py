"""An ONNX graph, run by onnxruntime on one thread: no code runs while it is loaded."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from limekiln.errors import InputError, PredictionError
from limekiln.models.extras import need
from limekiln.models.model import label_text
from limekiln.models.network import Loaded
from limekiln.models.network_inputs import Slot, check_free_rows, columns_of, feeds
from limekiln.settings import OnnxModel

_TYPES: Final = {
    "float": "float32",
    "double": "float64",
    "float16": "float16",
    "int8": "int8",
    "int16": "int16",
    "int32": "int32",
    "int64": "int64",
    "uint8": "uint8",
    "uint16": "uint16",
    "uint32": "uint32",
    "uint64": "uint64",
    "bool": "bool",
    "string": "object",
}
_FREE_ROWS: Final = (
    "export it with a free first dimension, as in torch.onnx.export(…, dynamic_shapes=({0: torch.export.Dim.DYNAMIC},))"
)


def unpack(data: bytes, source: OnnxModel) -> Loaded:
    """Load a graph.

    Args:
        data: the file's bytes, their hash checked.
        source: what the config says.

    Raises:
        InputError: onnxruntime is missing, the bytes are no graph that it can run, the graph lacks the output that
            the config names, or gives labels there.
    """
    ort = need("onnxruntime", "onnx", "model.source.kind: onnx")
    session = _session(ort, data, source)
    slots = [_slot(declared, source) for declared in session.get_inputs()]
    check_free_rows(slots, _FREE_ROWS)
    result = _result(session.get_outputs(), source)
    inputs, outputs = len(slots), len(session.get_outputs())
    maker = session.get_modelmeta().producer_name
    description = f"ONNX: {_count(inputs, 'input')}, {_count(outputs, 'output')}" + (
        f", made by {maker}" if maker else ""
    )
    return Loaded(Graph(session, tuple(slots), result, source.classes), description, columns_of(slots))


@dataclass(frozen=True, eq=False)
class Graph:
    """Runs a graph.

    Attributes:
        session: onnxruntime's.
        slots: the graph's inputs.
        result: the name of the output to give.
        classes: their names, where an output names its columns itself (a ZipMap of scikit-learn's).
    """

    session: Any
    slots: tuple[Slot, ...]
    result: str
    classes: tuple[str, ...]

    def __call__(self, given: Any) -> np.ndarray:
        """Run it on what `network_inputs.feeds` takes; raises what that raises."""
        (answer,) = self.session.run([self.result], feeds(given, self.slots))
        if isinstance(answer, list):
            return _unzipped(answer, self.classes)
        return np.asarray(answer)


def _session(ort: Any, data: bytes, source: OnnxModel) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 4  # what goes wrong is raised too
    # From memory, tensors kept in other files would be looked for in the working directory: here nothing else lies
    # beside the graph, so that only bytes whose hash was checked are read.
    with tempfile.TemporaryDirectory(prefix="limekiln-model-") as alone:
        file = Path(alone) / "model.onnx"
        file.write_bytes(data)
        try:
            return ort.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        except Exception as error:
            reason = " ".join(str(error).replace(alone, "").split())
            if "xternal" in reason and "data" in reason:
                raise InputError(
                    f"{source.path}: the graph keeps weights in another file, which no hash pins; save it as one file, "
                    "with torch.onnx.export(…, external_data=False), or with onnx.save(onnx.load(path), path)"
                ) from error
            raise InputError(f"{source.path}: onnxruntime cannot load the graph: {reason[:300]}") from error


def _slot(declared: Any, source: OnnxModel) -> Slot:
    kind = _TYPES.get(declared.type.removeprefix("tensor(").removesuffix(")"))
    if kind is None:
        raise InputError(f'{source.path}: the graph\'s input "{declared.name}" is a {declared.type}, expected a tensor')
    shape = tuple(size if isinstance(size, int) else None for size in declared.shape)
    return Slot(declared.name, np.dtype(kind), shape)


def _result(declared: Sequence[Any], source: OnnxModel) -> str:
    """The name of the output to explain."""
    types = {output.name: output.type for output in declared}
    name = source.result if source.result is not None else declared[-1].name
    known = ", ".join(f'"{n}"' for n in types)
    if name not in types:
        raise InputError(f'model.source.result: the graph has no output "{name}"; its outputs are {known}')
    numbers = any(part in types[name] for part in ("float", "double", "float16"))
    if not numbers and (source.classes or "string" in types[name]):
        raise InputError(
            f'model.source.result: the graph\'s output "{name}" is a {types[name]}: labels, and no number for each '
            f"class; its outputs are {known}"
        )
    return str(name)


def _unzipped(answer: list[Any], classes: tuple[str, ...]) -> np.ndarray:
    """A list of {class: number}, one a row, as (n, C): in the classes' order where it names them, else in its own."""
    if not all(isinstance(row, Mapping) for row in answer):
        raise PredictionError(
            "the graph gives a sequence of values, and no array; choose another in model.source.result"
        )
    if not answer:
        return np.empty((0, len(classes)))
    keys = list(answer[0])
    names = [label_text(key) for key in keys]
    if sorted(names) == sorted(classes):
        keys = [keys[names.index(name)] for name in classes]
    return np.array([[row[key] for key in keys] for row in answer], dtype=np.float64)


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"
