"""The settings of a model: where it is, by kind, and what it gives."""

from collections.abc import Iterator
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field

from limekiln.settings.section import Callable, FilePath, Section, Sha256, repeated

Classes = Annotated[
    tuple[str, ...],
    Field(description="Class names in the order of the output's columns; none with output: value."),
]
Activation = Annotated[
    Literal["none", "softmax", "sigmoid"],
    Field(
        description="Applied to what the network gives: softmax or sigmoid where it gives logits and probabilities are "
        "to be explained. Of two classes a single column is the second one's, with each activation."
    ),
]
Prepare = Annotated[
    Callable | None,
    Field(
        description='"module:callable" that turns the rows (a DataFrame, a list of texts, or an array of images or '
        "series) into what the network takes: an array, or a list or dict of arrays. Null passes numbers on as they "
        "are, as 32-bit floats."
    ),
]


class SkopsModel(Section):
    """A scikit-learn estimator saved with skops: no code runs while it is loaded."""

    kind: Literal["skops"]
    path: FilePath = Field(description="The file, relative to the config's folder.")
    sha256: Sha256 | None = Field(default=None, description="Expected SHA-256 of the file, checked before it is read.")
    trusted: tuple[str, ...] = Field(
        default=(), description="Types in the file, beyond skops' own list, that you trust, by full name."
    )


class JoblibModel(Section):
    """A pickled estimator. Loading it runs code, so it must be pinned and declared trusted."""

    kind: Literal["joblib"]
    path: FilePath = Field(description="The file, relative to the config's folder.")
    sha256: Sha256 = Field(description="Expected SHA-256 of the file, checked before it is unpickled.")
    trusted: Literal[True] = Field(description="Must be true: unpickling a model runs the code inside it.")


class OnnxModel(Section):
    """An ONNX graph, run by onnxruntime on one thread. Needs limekiln[onnx]."""

    kind: Literal["onnx"]
    path: FilePath = Field(description="The file, relative to the config's folder.")
    sha256: Sha256 | None = Field(default=None, description="Expected SHA-256 of the file, checked before it is read.")
    classes: Classes = ()
    result: str | None = Field(default=None, description="The graph's output to explain, by name; null is the last.")
    activation: Activation = "none"
    prepare: Prepare = None


class TorchModel(Section):
    """A PyTorch network: an exported program, TorchScript, or weights for a module of yours. Needs limekiln[torch]."""

    kind: Literal["torch"]
    path: FilePath = Field(description="The file, relative to the config's folder.")
    sha256: Sha256 | None = Field(default=None, description="Expected SHA-256 of the file, checked before it is read.")
    module: Callable | None = Field(
        default=None,
        description='"module:callable" that builds the network, for a file of weights (a state dict, read with '
        "weights_only); null for an exported program or TorchScript.",
    )
    trusted: bool = Field(
        default=False, description="Set to true for TorchScript and exported programs: loading one can run its code."
    )
    device: Literal["auto", "cpu", "cuda"] = Field(default="auto", description="auto is CUDA where present.")
    classes: Classes = ()
    activation: Activation = "none"
    prepare: Prepare = None


class KerasModel(Section):
    """A Keras 3 model (.keras), loaded in safe mode. Needs limekiln[keras] and a backend: torch or TensorFlow."""

    kind: Literal["keras"]
    path: FilePath = Field(description="The .keras file, relative to the config's folder.")
    sha256: Sha256 | None = Field(default=None, description="Expected SHA-256 of the file, checked before it is read.")
    backend: Literal["torch", "tensorflow"] = Field(default="torch", description="What Keras computes with.")
    classes: Classes = ()
    activation: Activation = "none"
    prepare: Prepare = None


class MlflowModel(Section):
    """A folder in MLflow's model format, loaded as a pyfunc. Loading it runs code. Needs limekiln[mlflow]."""

    kind: Literal["mlflow"]
    path: FilePath = Field(description="The model's folder, relative to the config's folder.")
    sha256: Sha256 | None = Field(
        default=None, description="Expected SHA-256 over all its files, as the run's manifest gives it."
    )
    trusted: Literal[True] = Field(description="Must be true: loading an MLflow model runs the code inside it.")
    classes: tuple[str, ...] = Field(
        default=(),
        description="Class names in the order of the output's columns; a scikit-learn model inside knows its own.",
    )


class HttpModel(Section):
    """A model behind an HTTP endpoint. Needs limekiln[http]."""

    kind: Literal["http"]
    url: str = Field(
        description="The endpoint that takes rows, as http://127.0.0.1:5000/invocations or "
        "https://host/v2/models/NAME/infer.",
        pattern=r"^https?://.+$",
    )
    protocol: Literal["mlflow", "kserve-v2"] = Field(
        default="mlflow",
        description="How rows and answers are written: by MLflow's scoring server, or in KServe's v2 (open inference) "
        "protocol.",
    )
    classes: Classes = ()
    result: str | None = Field(
        default=None, description="The output to explain, by name, where a kserve-v2 server gives several."
    )
    token_env: str | None = Field(
        default=None,
        description="The environment variable that holds the bearer token; the token itself never reaches a file.",
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
    )
    batch: int = Field(default=1000, ge=1, le=1_000_000, description="Rows in a request, at most.")
    timeout: float = Field(default=30.0, gt=0, le=3600, description="Seconds that a request may take.")
    retries: int = Field(
        default=5,
        ge=0,
        le=100,
        description="How often a request is tried again, after waits that double, where another try may help.",
    )
    requests_per_second: float | None = Field(
        default=None, gt=0, le=100_000, description="The rate that one worker keeps to; null is as fast as it answers."
    )


class PythonModel(Section):
    """A callable of yours: rows in (a DataFrame, a list of texts, an array of images or series), numbers out."""

    kind: Literal["python"]
    path: Callable = Field(description='"module:callable"; modules beside the config are found.')
    factory: bool = Field(
        default=False,
        description="The callable takes nothing and returns the function that predicts, as one that loads weights.",
    )
    classes: Classes = ()


ModelSource = Annotated[
    SkopsModel | JoblibModel | OnnxModel | TorchModel | KerasModel | MlflowModel | HttpModel | PythonModel,
    Field(discriminator="kind"),
]


class ModelSettings(Section):
    """Which model is explained."""

    name: str = Field(description="The model's name, as the report shows it.", pattern=r"\S")
    version: str = Field(default="", description="The model's version, as the report shows it.")
    source: ModelSource = Field(description="Where the model is, by kind.")
    output: Literal["probability", "logit", "value"] = Field(
        default="probability",
        description="What the model gives for a row: class probabilities, a score of each class on a logit scale, or "
        "values in a unit of their own (regression, anomaly scores).",
    )
    outputs: tuple[str, ...] = Field(
        default=(), description="Names of the values that a model with output: value gives; none or one for a single."
    )
    unit: str | None = Field(default=None, description="What a value is measured in, as every axis shows it.")


def contradictions(model: ModelSettings) -> Iterator[tuple[str, str]]:
    """Keys of the model that are right one by one and wrong together, as (dotted key, message)."""
    source = model.source
    for name in repeated(model.outputs):
        yield "model.outputs", f'"{name}" stands twice'
    if model.output != "value":
        if model.outputs:
            yield "model.outputs", "names values; a model that gives classes names them in model.source.classes"
        if model.unit is not None:
            yield "model.unit", f"a model with output: {model.output} has no unit; remove it, or set output: value"
    if isinstance(source, SkopsModel | JoblibModel):
        return
    if source.kind == "http":
        yield from _of_http(source)
    if source.kind in {"onnx", "torch", "keras"} and model.output == "logit" and source.activation != "none":
        yield (
            "model.source.activation",
            f"{source.activation} makes probabilities of logits; remove it, or set output: probability",
        )
    yield from _of_classes(source.classes, model.output, named_inside=source.kind == "mlflow")


def _of_classes(classes: tuple[str, ...], output: str, *, named_inside: bool) -> Iterator[tuple[str, str]]:
    for name in repeated(classes):
        yield "model.source.classes", f'"{name}" stands twice'
    if output == "value" and classes:
        yield (
            "model.source.classes",
            "a model with output: value has no classes; remove them, or set output: probability",
        )
    few = len(classes) < 2 and not (named_inside and not classes)  # noqa: PLR2004 - two classes make a choice
    if output != "value" and few:
        yield (
            "model.source.classes",
            "expected at least two class names, in the order of the output's columns; or set model.output: value",
        )


def _of_http(source: HttpModel) -> Iterator[tuple[str, str]]:
    try:
        known = bool(urlsplit(source.url).hostname) and urlsplit(source.url).port != 0
    except ValueError:
        known = False
    if not known:
        yield "model.source.url", "is no URL with a host, such as http://127.0.0.1:5000/invocations"
    if "@" in source.url.partition("//")[2].partition("/")[0]:
        yield "model.source.url", "holds a user or a password; name the variable of a bearer token in token_env instead"
    if source.result is not None and source.protocol == "mlflow":
        yield "model.source.result", "an MLflow scoring server gives one output; remove it, or set protocol: kserve-v2"
