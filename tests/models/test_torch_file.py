"""PyTorch networks: a file's contents say what it is, code runs only where trusted, batches repeat to the bit."""

import io
import pickle
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from limekiln import models
from limekiln.errors import InputError, PredictionError
from limekiln.models import Model, ModelRef
from limekiln.models.model import Output
from limekiln.settings import TorchModel

torch: Any = pytest.importorskip("torch", reason="limekiln[torch] is an extra")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:torch", "ignore::UserWarning")  # of the exporters

CLASSES = ("a", "b", "c")
NET_PY = """
import torch
from torch import nn


class Lstm(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(2, 4, batch_first=True)
        self.drop = nn.Dropout(0.5)
        self.out = nn.Linear(4, 3)

    def forward(self, x):
        return self.out(self.drop(self.lstm(x)[0][:, -1]))


def lstm():
    return Lstm()


def dense(dtype=torch.float32):
    return nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 3)).to(dtype)


def double():
    return dense(torch.float64)


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(10, 3)

    def forward(self, ids, scale):
        return self.embed(ids).mean(1) * scale


class Pair(Two):
    def forward(self, x):
        return x, x


def number():
    return 3


def arrays(rows):
    return {"scale": rows[["s"]].to_numpy(), "ids": rows[["i", "j"]].to_numpy()}


def listed(rows):
    return [rows[["i", "j"]].to_numpy(), rows[["s"]].to_numpy()]
"""


@pytest.fixture(autouse=True)
def _beside_the_config(tmp_path: Path) -> None:
    (tmp_path / "own_nets.py").write_text(NET_PY, encoding="utf-8")


def net_of(name: str) -> Any:
    """A network of NET_PY with weights of its own, in evaluation mode."""
    namespace: dict[str, Any] = {"__name__": "own_nets"}
    exec(compile(NET_PY, "own_nets.py", "exec"), namespace)  # noqa: S102 - the text above
    torch.manual_seed(7)
    return namespace[name]().eval()


def load(folder: Path, output: Output = "logit", **more: Any) -> Model:
    return models.load(TorchModel(kind="torch", path="m", **{"classes": CLASSES, **more}), folder, output)


def refused(folder: Path, **more: Any) -> str:
    with pytest.raises(InputError) as caught:
        load(folder, **more)
    return str(caught.value)


def save(folder: Path, net: Any, how: str, example: tuple[Any, ...] = (), *, rows: Any = "free") -> dict[str, Any]:
    """Writes a network; gives the keys of the config that load it."""
    file = folder / "m"
    if how == "weights":
        torch.save(net.state_dict(), file)
    elif how == "TorchScript":
        torch.jit.trace(net, example).save(file)
    else:
        free = tuple({0: torch.export.Dim("n")} for _ in example) if rows == "free" else None
        with io.BytesIO() as buffer:
            torch.export.save(torch.export.export(net, example, dynamic_shapes=free), buffer)
            file.write_bytes(buffer.getvalue())
    return {} if how == "weights" else {"trusted": True}


SERIES = np.random.default_rng(0).normal(size=(9, 6, 2))


@pytest.mark.parametrize("how", ["weights", "TorchScript", "exported"])
def test_an_lstm_in_three_forms_gives_what_torch_gives(tmp_path: Path, how: str) -> None:
    net = net_of("lstm")
    keys = save(tmp_path, net, how, (torch.zeros(4, 6, 2),))
    keys |= {"module": "own_nets:lstm"} if how == "weights" else {}
    model = load(tmp_path, **keys)
    with torch.no_grad():
        expected = net(torch.tensor(SERIES, dtype=torch.float32)).numpy()
    outputs = models.predict_checked(model, SERIES)
    np.testing.assert_allclose(outputs, expected, atol=1e-6)
    assert models.predict_checked(model, SERIES).tobytes() == outputs.tobytes()
    assert models.probe(model, SERIES) == ()
    named = {
        "weights": "PyTorch: Lstm, 143 parameters",
        "TorchScript": "TorchScript: Lstm, 143 parameters",
        "exported": "PyTorch exported program: 143 parameters",
    }
    assert model.description == named[how]
    assert torch.get_num_threads() == 1


def test_weights_say_that_the_code_is_not_pinned(tmp_path: Path) -> None:
    save(tmp_path, net_of("lstm"), "weights")
    model = load(tmp_path, module="own_nets:lstm")
    assert [n.code for n in model.notices] == ["model_code_not_pinned"]
    assert (model.kind, model.features, model.classes) == ("torch", None, CLASSES)
    assert load(tmp_path, module="own_nets:Lstm").description == model.description  # a class builds it too


@pytest.mark.parametrize("how", ["weights", "exported"])
def test_a_table_of_numbers(tmp_path: Path, how: str) -> None:
    net = net_of("dense")
    keys = save(tmp_path, net, how, (torch.zeros(4, 3),))
    keys |= {"module": "own_nets:dense"} if how == "weights" else {}
    model = load(tmp_path, **keys)
    table = pd.DataFrame({"p": [1, 2, 3], "q": [0.5, 0.25, 2.0], "r": [True, False, True]})
    with torch.no_grad():
        expected = net(torch.tensor(table.to_numpy(np.float32))).numpy()
    np.testing.assert_allclose(models.predict_checked(model, table), expected, atol=1e-6)
    outputs, failed = models.predict_rows(model, table.assign(q=[0.5, np.nan, 2.0]))
    assert [row for row, _ in failed] == [1]
    np.testing.assert_array_equal(outputs[[0, 2]], models.predict_checked(model, table)[[0, 2]])
    with pytest.raises(InputError, match=r'takes numbers and column "q" holds .* values; leave it out with data'):
        models.predict_rows(model, table.assign(q=["a", "b", "c"]))


def test_pixels_need_no_preparation(tmp_path: Path) -> None:
    net = net_of("dense")
    save(tmp_path, net, "weights")
    pixels = np.array([[0, 128, 255], [1, 2, 3]], dtype="uint8")
    with torch.no_grad():
        expected = net(torch.tensor(pixels, dtype=torch.float32)).numpy()
    outputs = models.predict_checked(load(tmp_path, module="own_nets:dense"), pixels)
    np.testing.assert_allclose(outputs, expected, rtol=1e-5)


def test_a_network_of_doubles_is_fed_doubles(tmp_path: Path) -> None:
    net = net_of("double")
    save(tmp_path, net, "weights")
    rows = np.array([[1 / 3, 1e-9, 2.0]])
    with torch.no_grad():
        expected = net(torch.tensor(rows)).numpy()
    np.testing.assert_array_equal(models.predict_checked(load(tmp_path, module="own_nets:double"), rows), expected)


@pytest.mark.parametrize("how", ["weights", "exported"])
@pytest.mark.parametrize("prepare", ["arrays", "listed"])
def test_several_inputs_by_name_and_by_position(tmp_path: Path, how: str, prepare: str) -> None:
    net = net_of("Two")
    keys = save(tmp_path, net, how, (torch.zeros(4, 2, dtype=torch.int64), torch.zeros(4, 1)))
    keys |= {"module": "own_nets:Two"} if how == "weights" else {}
    table = pd.DataFrame({"i": [1, 2], "j": [3, 9], "s": [0.5, 2.0]})
    with torch.no_grad():
        expected = net(torch.tensor(table[["i", "j"]].to_numpy()), torch.tensor([[0.5], [2.0]])).numpy()
    model = load(tmp_path, prepare=f"own_nets:{prepare}", **keys)
    np.testing.assert_allclose(models.predict_checked(model, table), expected, atol=1e-6)
    outputs, failed = models.predict_rows(model, table.assign(j=[3, 10]))  # out of the vocabulary
    assert [(row, "IndexError" in text) for row, text in failed] == [(1, True)]
    np.testing.assert_allclose(outputs[0], expected[0], atol=1e-6)


def test_softmax_gives_probabilities(tmp_path: Path) -> None:
    save(tmp_path, net_of("lstm"), "weights")
    model = load(tmp_path, "probability", module="own_nets:lstm", activation="softmax")
    np.testing.assert_allclose(models.predict_checked(model, SERIES).sum(axis=1), 1)
    raw = load(tmp_path, "probability", module="own_nets:lstm")
    with pytest.raises(PredictionError, match=r"logits need a softmax first \(a network's model.source.activation\)"):
        models.predict_checked(raw, SERIES)


class Canary:
    """Unpickled, it leaves a file."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.place,))


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickled_network_is_never_unpickled(tmp_path: Path, *, zipped: bool) -> None:
    canary = tmp_path / "fired"
    torch.save({"net": Canary(canary)}, tmp_path / "m", _use_new_zipfile_serialization=zipped)
    assert refused(tmp_path, module="own_nets:lstm", trusted=True) == (
        "m: the file holds more than weights, and unpickling it could run code, so it was not loaded; save "
        "net.state_dict(), or the network with torch.export.save"
    )
    (tmp_path / "m").write_bytes(pickle.dumps(Canary(canary)))
    assert refused(tmp_path, module="own_nets:lstm", trusted=True).startswith("m: the file holds more than weights")
    assert refused(tmp_path).startswith(
        "m: the file holds weights or a pickled object, and not the network itself; name"
    )
    assert not canary.exists()


@pytest.mark.parametrize("how", ["TorchScript", "exported"])
def test_what_can_run_code_is_loaded_only_where_trusted(
    tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, net_of("lstm"), how, (torch.zeros(4, 6, 2),))

    def fired(*_: Any, **__: Any) -> Any:
        raise AssertionError("loaded")

    monkeypatch.setattr(torch.jit, "load", fired)
    monkeypatch.setattr(torch.export, "load", fired)
    assert "can run code inside it; set model.source.trusted: true for a file you trust" in refused(tmp_path)
    assert refused(tmp_path, trusted=True).endswith("AssertionError: loaded")
    assert "holds the network itself; remove the key" in refused(tmp_path, trusted=True, module="own_nets:lstm")
    pinned = refused(tmp_path, trusted=True, sha256="0" * 64)
    assert pinned.endswith("the file is not the one that was pinned, and was not loaded")


def test_weights_that_do_not_fit_the_module(tmp_path: Path) -> None:
    save(tmp_path, net_of("lstm"), "weights")
    message = refused(tmp_path, module="own_nets:dense")
    assert message.startswith("model.source.module: the weights of m are not those of own_nets:dense: ")
    assert "Missing key(s)" in message
    assert refused(tmp_path, module="own_nets:number") == (
        "model.source.module: own_nets:number gives a int, expected a torch.nn.Module"
    )
    torch.save({"epoch": 3, "state": net_of("lstm").state_dict()}, tmp_path / "m")
    assert refused(tmp_path, module="own_nets:lstm") == (
        "m: the file holds a dict of epoch, state, expected a state dict alone; save net.state_dict()"
    )


def test_files_that_are_none_of_pytorchs(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(b"nonsense")
    assert refused(tmp_path, trusted=True).startswith(
        "m: no file of PyTorch's; save the network with torch.export.save"
    )
    with zipfile.ZipFile(tmp_path / "m", "w") as archive:
        archive.writestr("a/b", "c")
    assert refused(tmp_path, trusted=True).startswith("m: an archive, but none of PyTorch's")


def test_a_program_for_a_fixed_number_of_rows_names_dynamic_shapes(tmp_path: Path) -> None:
    keys = save(tmp_path, net_of("dense"), "exported", (torch.zeros(4, 3),), rows="fixed")
    message = refused(tmp_path, **keys)
    assert message.startswith("model.source: the network takes batches of exactly 4 rows; export it with a free first")
    assert "dynamic_shapes=" in message


def test_shapes_that_do_not_fit(tmp_path: Path) -> None:
    keys = save(tmp_path, net_of("dense"), "TorchScript", (torch.zeros(4, 3),))
    with pytest.raises(
        PredictionError, match=r"^RuntimeError: mat1 and mat2 shapes cannot be multiplied \(2x2 and 3x5\)$"
    ):
        models.predict_checked(load(tmp_path, **keys), np.zeros((2, 2)))
    keys = save(tmp_path, net_of("dense"), "exported", (torch.zeros(4, 3),))
    with pytest.raises(InputError, match=r"takes 3 columns and gets 1"):
        models.predict_rows(load(tmp_path, **keys), pd.DataFrame({"p": [1.0]}))
    save(tmp_path, net_of("dense"), "weights")
    with pytest.raises(
        PredictionError, match=r"RuntimeError: mat1 and mat2 shapes cannot be multiplied \(1x2 and 3x5\)"
    ):
        models.predict_checked(load(tmp_path, module="own_nets:dense"), np.zeros((1, 2)))
    save(tmp_path, net_of("Pair"), "weights")
    with pytest.raises(PredictionError, match=r"^the network gives 2 values, expected one tensor; wrap it so"):
        models.predict_checked(load(tmp_path, module="own_nets:Pair"), np.zeros((1, 2)))
    with pytest.raises(InputError, match=r"takes numbers and the data are texts"):
        models.predict_rows(load(tmp_path, module="own_nets:Pair"), ["a text"])


def test_cuda_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path, net_of("lstm"), "weights")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert refused(tmp_path, module="own_nets:lstm", device="cuda") == (
        "model.source.device: cuda, but PyTorch finds no CUDA device here; set auto or cpu"
    )


def test_a_reference_is_small_and_loads_once(tmp_path: Path) -> None:
    save(tmp_path, net_of("lstm"), "weights")
    source = TorchModel(kind="torch", path="m", module="own_nets:lstm", classes=CLASSES)
    ref = ModelRef(source, tmp_path, "logit").pinned()
    received: ModelRef = pickle.loads(pickle.dumps(ref))  # noqa: S301 - made in this line
    assert received.resolve() is ref.resolve()
    assert len(pickle.dumps(ref)) < 2000


def test_without_torch_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path, net_of("lstm"), "weights")
    monkeypatch.setitem(sys.modules, "torch", None)
    assert refused(tmp_path, module="own_nets:lstm") == (
        'model.source.kind: torch needs torch; install it with: pip install "limekiln[torch]"'
    )
