"""Keras models: on the configured backend, in safe mode, from .keras files alone."""

import importlib.util
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from limekiln import models
from limekiln.errors import InputError, PredictionError
from limekiln.models import Model
from limekiln.models.model import Output
from limekiln.settings import KerasModel

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras' own

pytest.importorskip("torch", reason="limekiln[torch] is an extra, and here Keras' backend")
os.environ.setdefault("KERAS_BACKEND", "torch")
keras: Any = pytest.importorskip("keras", reason="limekiln[keras] is an extra")

BACKEND = keras.config.backend()
CLASSES = ("a", "b", "c")
IMAGES = np.random.default_rng(0).random((5, 8, 8, 1))


def load(folder: Path, output: Output = "probability", **more: Any) -> Model:
    source = KerasModel(kind="keras", path="m.keras", **{"classes": CLASSES, "backend": BACKEND, **more})
    return models.load(source, folder, output)


def refused(folder: Path, **more: Any) -> str:
    with pytest.raises(InputError) as caught:
        load(folder, **more)
    return str(caught.value)


def save(folder: Path, model: Any) -> Any:
    model.save(folder / "m.keras")
    return model


def convolutions() -> Any:
    keras.utils.set_random_seed(3)
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.Dropout(0.5),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )


def test_a_network_gives_what_keras_gives(tmp_path: Path) -> None:
    net = save(tmp_path, convolutions())
    model = load(tmp_path)
    assert (model.kind, model.classes, model.features) == ("keras", CLASSES, None)
    assert model.description == "Keras: Sequential, 4 layers, 475 parameters"
    outputs = models.predict_checked(model, IMAGES)
    np.testing.assert_allclose(outputs, net.predict(IMAGES, verbose=0), atol=1e-6)
    assert models.predict_checked(model, IMAGES).tobytes() == outputs.tobytes()
    assert models.probe(model, IMAGES) == ()  # dropout is off


def test_nothing_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    save(tmp_path, convolutions())
    models.predict_checked(load(tmp_path), IMAGES)
    assert capfd.readouterr() == ("", "")


def test_inputs_of_the_columns_names(tmp_path: Path) -> None:
    age, kind = keras.Input((1,), name="age"), keras.Input((1,), name="kind", dtype="int32")
    parts = [age, keras.layers.Flatten()(keras.layers.Embedding(4, 2)(kind))]
    save(tmp_path, keras.Model([age, kind], keras.layers.Dense(1)(keras.layers.Concatenate()(parts))))
    net = keras.saving.load_model(tmp_path / "m.keras")
    table = pd.DataFrame({"kind": [0, 3, 1], "age": [1.5, 2.0, -1.0]})
    expected = net.predict({"age": table[["age"]].to_numpy(), "kind": table[["kind"]].to_numpy()}, verbose=0)
    model = load(tmp_path, "value", classes=())
    assert model.features == ("age", "kind")
    np.testing.assert_allclose(models.predict_checked(model, table), expected, atol=1e-6)
    sigmoid = load(tmp_path, classes=("no", "yes"), activation="sigmoid")
    np.testing.assert_allclose(
        models.predict_checked(sigmoid, table)[:, 1], 1 / (1 + np.exp(-expected[:, 0])), atol=1e-6
    )
    outputs, failed = models.predict_rows(model, table.assign(kind=[0.0, 0.5, np.nan]))
    assert [row for row, _ in failed] == [1, 2]
    assert np.isfinite(outputs[0]).all()


def test_data_that_do_not_fit(tmp_path: Path) -> None:
    save(tmp_path, convolutions())
    model = load(tmp_path)
    with pytest.raises(PredictionError, match=r"takes an array of shape \(n, 8, 8, 1\) and gets \(5, 8, 8, 3\)"):
        models.predict_checked(model, np.zeros((5, 8, 8, 3)))
    spoiled = IMAGES.copy()
    spoiled[2] = np.nan
    _, failed = models.predict_rows(model, spoiled)
    assert [(row, "not finite" in text) for row, text in failed] == [(2, True)]
    with pytest.raises(InputError, match=r"takes numbers and the data are texts"):
        models.predict_rows(model, ["a text"])
    save(tmp_path, keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)]))
    with pytest.raises(PredictionError, match=r"logits need a softmax first \(a network's model.source.activation\)"):
        models.predict_checked(load(tmp_path), pd.DataFrame({"x": [3.0, 40.0], "y": [-1, 1]}))
    with pytest.raises(InputError, match=r'takes 2 columns and gets 1 \("x"\)'):
        models.predict_rows(load(tmp_path), pd.DataFrame({"x": [3.0]}))


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    save(tmp_path, keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x * 2), keras.layers.Dense(3)]))
    assert refused(tmp_path) == (
        "m.keras: the model holds Python code (a Lambda layer), which safe mode does not run; use a layer of Keras' "
        "own instead, or kind: python with a function that loads the model"
    )


class Own(keras.layers.Layer):  # type: ignore[misc] # Keras' types are not read
    def call(self, x: Any) -> Any:
        return x * 2


def test_a_class_of_ones_own_is_named(tmp_path: Path) -> None:
    save(tmp_path, keras.Sequential([keras.Input((2,)), Own(), keras.layers.Dense(3)]))
    assert refused(tmp_path) == (
        "m.keras: the model holds a class of its own, Own, which a .keras file names and does not hold; use kind: "
        "python with a function that loads the model"
    )


def test_files_that_are_no_keras_files(tmp_path: Path) -> None:
    way_out = 'm.keras: no .keras file; save the model with Keras 3: model.save("model.keras")'
    convolutions().save(tmp_path / "m.h5")
    (tmp_path / "m.h5").rename(tmp_path / "m.keras")
    assert refused(tmp_path) == way_out
    (tmp_path / "m.keras").write_bytes(b"nonsense")
    assert refused(tmp_path) == way_out
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    assert refused(tmp_path) == way_out
    assert refused(tmp_path, sha256="0" * 64).endswith("is not the one that was pinned, and was not loaded")


def test_keras_on_another_backend_is_said(tmp_path: Path) -> None:
    save(tmp_path, convolutions())
    other = "tensorflow" if BACKEND == "torch" else "torch"
    assert refused(tmp_path, backend=other) == (
        f"model.source.backend: {other}, but Keras runs on {BACKEND} in this process already; set "
        f"KERAS_BACKEND={other} before it is imported, or model.source.backend: {BACKEND}"
    )


def test_without_keras_or_its_backend_the_extras_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path, convolutions())
    monkeypatch.delitem(sys.modules, "keras")
    monkeypatch.setitem(sys.modules, "torch", None)
    assert refused(tmp_path, backend="torch") == (
        'model.source.backend: torch needs torch; install it with: pip install "limekiln[keras,torch]"'
    )
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    assert refused(tmp_path, backend="tensorflow") == (
        "model.source.backend: tensorflow needs tensorflow; install it with: pip install tensorflow"
    )
    monkeypatch.setitem(sys.modules, "keras", None)
    assert refused(tmp_path) == 'model.source.kind: keras needs keras; install it with: pip install "limekiln[keras]"'


LOAD = """
import os, sys
from pathlib import Path
import numpy as np
from limekiln import models
from limekiln.settings import KerasModel
source = KerasModel(kind="keras", path="m.keras", backend="torch", classes=("a", "b", "c"))
model = models.load(source, Path("."), "probability")
import keras
print(keras.config.backend(), os.environ["KERAS_BACKEND"])
print(models.predict_checked(model, np.load("images.npy")).tobytes().hex())
"""


@pytest.mark.skipif(BACKEND != "torch", reason="compares with this process, where Keras runs on another backend")
def test_the_config_decides_the_backend_of_a_fresh_process(tmp_path: Path) -> None:
    save(tmp_path, convolutions())
    np.save(tmp_path / "images.npy", IMAGES)
    environ = {**os.environ, "KERAS_BACKEND": "numpy"}
    done = subprocess.run(
        [sys.executable, "-c", LOAD], cwd=tmp_path, env=environ, check=True, capture_output=True, text=True
    )
    backend, outputs = done.stdout.splitlines()
    assert backend == "torch numpy"  # the environment is left as it was
    assert outputs == models.predict_checked(load(tmp_path), IMAGES).tobytes().hex()


ON_TENSORFLOW = """
import os, sys
os.environ["KERAS_BACKEND"] = "tensorflow"
import keras, numpy as np, pandas as pd
from pathlib import Path
from limekiln import models
from limekiln.settings import KerasModel

folder = Path(sys.argv[1])
keras.utils.set_random_seed(0)
net = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3, activation="softmax")])
net.save(folder / "net.keras")
source = KerasModel(kind="keras", path="net.keras", backend="tensorflow", classes=("a", "b", "c"))
rows = pd.DataFrame(np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32), columns=list("abcd"))
outputs, failed = models.predict_rows(models.load(source, folder, "probability"), rows)
expected = keras.ops.convert_to_numpy(net(rows.to_numpy()))
assert keras.config.backend() == "tensorflow"
assert not failed
assert np.abs(outputs - expected).max() < 1e-6
"""


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="the second backend; `make test-all` has it")
def test_keras_runs_on_tensorflow_too(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", ON_TENSORFLOW, str(tmp_path)], capture_output=True, text=True)  # noqa: PLW1510 - below
    assert done.returncode == 0, done.stderr[-2000:]
