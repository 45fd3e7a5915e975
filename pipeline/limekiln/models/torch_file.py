"""A PyTorch network: an exported program, TorchScript, or weights for a module of the user's."""

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pickle import UnpicklingError
from typing import Any, Final, Literal

import numpy as np

from limekiln.errors import InputError, PredictionError
from limekiln.models import user_code
from limekiln.models.extras import need
from limekiln.models.network import Loaded, not_pinned
from limekiln.models.network_inputs import Slot, check_free_rows, feeds, is_arrays, plain
from limekiln.settings import TorchModel

Kind = Literal["an exported program", "TorchScript", "weights"]

_FREE_ROWS: Final = (
    "export it with a free first dimension: torch.export.export(net, (x,), "
    "dynamic_shapes=({0: torch.export.Dim.DYNAMIC},)), x with two rows or more"
)
_SHOWN: Final = 5


def unpack(data: bytes, source: TorchModel) -> Loaded:
    """Load a network; the config's folder must be importable meanwhile.

    Args:
        data: the file's bytes, their hash checked.
        source: what the config says.

    Raises:
        InputError: torch is missing, the file is none of PyTorch's, holds code that the config does not trust, or
            weights that do not fit the module.
    """
    torch = need("torch", "torch", "model.source.kind: torch")
    torch.set_num_threads(1)  # for the whole process: sums split over threads differ in their last bits
    kind = kind_of(data, source.path)
    _check_config(kind, source)
    device = _device(torch, source)
    place = "" if device == "cpu" else f", on {device}"
    if kind == "weights":
        net = _built(torch, data, source).to(device).eval()
        notices = (not_pinned(str(source.module), "builds the network"),)
        name = type(net).__name__
        return Loaded(Net(torch, net, device, None), f"PyTorch: {name}, {_parameters(net)}{place}", notices=notices)
    if kind == "TorchScript":
        net = torch.jit.load(io.BytesIO(data), map_location=device).eval()
        return Loaded(Net(torch, net, device, None), f"TorchScript: {net.original_name}, {_parameters(net)}{place}")
    program = torch.export.load(io.BytesIO(data))
    if device != "cpu":
        program = torch.export.passes.move_to_device_pass(program, device)
    slots = _slots(torch, program)
    check_free_rows(slots, _FREE_ROWS)
    net = program.module()
    return Loaded(Net(torch, net, device, slots), f"PyTorch exported program: {_parameters(net)}{place}")


def kind_of(data: bytes, path: str) -> Kind:
    """Say what a file holds by looking into it; nothing of it runs.

    Raises:
        InputError: it is no file of PyTorch's.
    """
    if not zipfile.is_zipfile(io.BytesIO(data)):
        if data[:1] == b"\x80":  # a pickle: PyTorch's format before 1.6
            return "weights"
        raise InputError(
            f"{path}: no file of PyTorch's; save the network with torch.export.save, or its state_dict with torch.save"
        )
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        inside = {name.partition("/")[2] or name for name in archive.namelist()}
    if "archive_format" in inside or "serialized_exported_program.json" in inside:
        return "an exported program"
    if "data.pkl" not in inside:
        raise InputError(f"{path}: an archive, but none of PyTorch's (it holds no data.pkl and no exported program)")
    return "TorchScript" if "constants.pkl" in inside else "weights"


@dataclass(frozen=True, eq=False)
class Net:
    """Runs a network without gradients.

    Attributes:
        torch: the library.
        net: the network, in evaluation mode.
        device: where it is.
        slots: the inputs that it declares; None where it declares none.
    """

    torch: Any
    net: Any
    device: str
    slots: tuple[Slot, ...] | None

    def __call__(self, given: Any) -> np.ndarray:
        """Run it on a table of numbers, an array, a list of arrays (by position), or a dict of arrays (by name).

        Raises:
            InputError: it cannot take data of this form.
            PredictionError: it cannot take these, or gives something else than one tensor.
        """
        positional, named = self._arguments(given)
        torch = self.torch
        try:
            with torch.inference_mode():
                answer = self.net(
                    *[torch.from_numpy(array).to(self.device) for array in positional],
                    **{name: torch.from_numpy(array).to(self.device) for name, array in named.items()},
                )
        except (RuntimeError, torch.jit.Error) as error:
            if "TorchScript" in str(error):
                raise PredictionError(_last_line(error)) from error
            raise
        tensor = _tensor(torch, answer).cpu()
        return np.asarray((tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy())

    def _arguments(self, given: Any) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
        if self.slots is not None:
            return [_own(array) for array in feeds(given, self.slots).values()], {}
        dtype = _float_type(self.torch, self.net)
        if isinstance(given, Mapping):
            return [], {str(name): _own(plain(array, dtype)) for name, array in given.items()}
        arrays = list(given) if is_arrays(given) else [given]
        return [_own(plain(array, dtype)) for array in arrays], {}


def _own(array: np.ndarray) -> np.ndarray:
    """An array that torch may take over: contiguous and writable."""
    return array if array.flags.writeable and array.flags.c_contiguous else array.copy()


def _check_config(kind: Kind, source: TorchModel) -> None:
    if kind == "weights":
        if source.module is None:
            raise InputError(
                f"{source.path}: the file holds weights or a pickled object, and not the network itself; name the "
                '"module:callable" that builds the network in model.source.module, or save the network with '
                "torch.export.save"
            )
        return
    if source.module is not None:
        raise InputError(
            f"model.source.module: {source.path} is {kind} and holds the network itself; remove the key, or give a "
            "file of weights"
        )
    if not source.trusted:
        raise InputError(
            f"{source.path}: loading {kind} can run code inside it; set model.source.trusted: true for a file you "
            'trust, or save the state_dict() and name the "module:callable" that builds the network in '
            "model.source.module"
        )


def _device(torch: Any, source: TorchModel) -> str:
    present = bool(torch.cuda.is_available())
    if source.device == "cuda" and not present:
        raise InputError("model.source.device: cuda, but PyTorch finds no CUDA device here; set auto or cpu")
    return "cuda" if present and source.device != "cpu" else "cpu"


def _built(torch: Any, data: bytes, source: TorchModel) -> Any:
    """The user's network with the weights of the file."""
    weights = _weights(torch, data, source.path)
    found = user_code.find(str(source.module), "model.source.module")
    net = found if isinstance(found, torch.nn.Module) else found()
    if not isinstance(net, torch.nn.Module):
        raise InputError(
            f"model.source.module: {source.module} gives a {type(net).__name__}, expected a torch.nn.Module"
        )
    try:
        net.load_state_dict(weights)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(
            f"model.source.module: the weights of {source.path} are not those of {source.module}: {reason}"
        ) from error
    return net


def _weights(torch: Any, data: bytes, path: str) -> Mapping[str, Any]:
    try:
        found = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        raise InputError(
            f"{path}: the file holds more than weights, and unpickling it could run code, so it was not loaded; "
            "save net.state_dict(), or the network with torch.export.save"
        ) from error
    if isinstance(found, Mapping) and all(isinstance(value, torch.Tensor) for value in found.values()):
        return found
    keys = [str(key) for key in found][:_SHOWN] if isinstance(found, Mapping) else []
    what = f"a dict of {', '.join(keys)}" if keys else f"a {type(found).__name__}"
    raise InputError(f"{path}: the file holds {what}, expected a state dict alone; save net.state_dict()")


def _slots(torch: Any, program: Any) -> tuple[Slot, ...]:
    """What an exported program declares."""
    names = set(program.graph_signature.user_inputs)
    given = [node for node in program.graph.nodes if node.op == "placeholder" and node.name in names]
    slots = []
    for node in given:
        value = node.meta["val"]
        if not isinstance(value, torch.Tensor):
            raise InputError(
                f'model.source: the exported program takes a {type(value).__name__} ("{node.name}"), not a tensor'
            )
        shape = tuple(size if isinstance(size, int) else None for size in value.shape)
        slots.append(Slot(node.name, np.dtype(str(value.dtype).removeprefix("torch.")), shape))
    return tuple(slots)


def _float_type(torch: Any, net: Any) -> np.dtype[Any]:
    """The type of a network's weights, for what it is fed."""
    types = {torch.float64: "float64", torch.float16: "float16"}
    own = next((p.dtype for p in net.parameters() if p.is_floating_point()), torch.float32)
    return np.dtype(types.get(own, "float32"))


def _tensor(torch: Any, answer: Any) -> Any:
    while isinstance(answer, list | tuple | Mapping) and len(answer) == 1:
        answer = next(iter(answer.values() if isinstance(answer, Mapping) else answer))
    if isinstance(answer, torch.Tensor):
        return answer
    what = f"{len(answer)} values" if isinstance(answer, list | tuple | Mapping) else f"a {type(answer).__name__}"
    raise PredictionError(f"the network gives {what}, expected one tensor; wrap it so that its forward gives that one")


def _parameters(net: Any) -> str:
    return f"{sum(p.numel() for p in net.parameters()):,} parameters"


def _last_line(error: Exception) -> str:
    """TorchScript puts its traceback before the reason."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
