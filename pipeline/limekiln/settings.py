"""The settings of a run: every key of `config.yaml`, its type, its default and its meaning.

The description of a field is what `limekiln schema` prints and what an editor shows while the file is
typed. Reading the file, with line numbers in its errors, is `config.py`'s work.
"""

import codecs
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
FilePath = Annotated[str, Field(min_length=1)]

CONTRADICTIONS = "contradictions"
"""The type of the pydantic error whose context `problems` is a list of (dotted key, message)."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class SkopsModel(_Section):
    """A scikit-learn estimator saved with skops: no code runs while it is loaded."""

    kind: Literal["skops"]
    path: FilePath = Field(description="The file, relative to the config's folder.")
    sha256: Sha256 | None = Field(default=None, description="Expected SHA-256 of the file, checked before it is read.")
    trusted: tuple[str, ...] = Field(
        default=(), description="Types in the file, beyond skops' own list, that you trust, by full name."
    )


class JoblibModel(_Section):
    """A pickled estimator. Loading it runs code, so it must be pinned and declared trusted."""

    kind: Literal["joblib"]
    path: FilePath = Field(description="The file, relative to the config's folder.")
    sha256: Sha256 = Field(description="Expected SHA-256 of the file, checked before it is unpickled.")
    trusted: Literal[True] = Field(description="Must be true: unpickling a model runs the code inside it.")


class PythonModel(_Section):
    """A callable of yours: a DataFrame in, probabilities or predictions out."""

    kind: Literal["python"]
    path: str = Field(description='"module:callable"; modules beside the config are found.', pattern=r"^[\w.]+:[\w.]+$")
    classes: tuple[str, ...] = Field(
        default=(), description="Class names in the order of the output's columns; none with output: value."
    )


ModelSource = Annotated[SkopsModel | JoblibModel | PythonModel, Field(discriminator="kind")]


class ModelSettings(_Section):
    """Which model is explained."""

    name: str = Field(description="The model's name, as the report shows it.", pattern=r"\S")
    version: str = Field(default="", description="The model's version, as the report shows it.")
    source: ModelSource = Field(description="Where the model is, by kind.")
    output: Literal["probability", "value"] = Field(
        default="probability",
        description="What the model gives for a row: class probabilities, or one value (regression).",
    )


class CsvSource(_Section):
    """Comma-separated text, one or more files."""

    kind: Literal["csv"]
    path: FilePath = Field(description="File, glob or fsspec URL, relative to the config's folder.")
    names: tuple[str, ...] | None = Field(default=None, description="Column names, for files without a header line.")
    sep: str = Field(default=",", description="The separator, one character.", min_length=1, max_length=1)
    encoding: str = Field(default="utf-8", description="The text encoding.")
    skipinitialspace: bool = Field(default=False, description="Drop blanks after a separator.")
    na_values: tuple[str, ...] = Field(default=(), description='Texts that mean "missing", beyond the usual.')

    @field_validator("encoding")
    @classmethod
    def _encoding_is_known(cls, name: str) -> str:
        try:
            known = codecs.lookup(name)._is_text_encoding  # noqa: SLF001 - hex and zlib are codecs, but not of texts
        except (LookupError, ValueError) as error:
            raise ValueError("expected the name of a text encoding, such as utf-8 or latin-1") from error
        if not known:
            raise ValueError("expected the name of a text encoding, such as utf-8 or latin-1")
        return name


class ParquetSource(_Section):
    """Parquet, one or more files."""

    kind: Literal["parquet"]
    path: FilePath = Field(description="File, glob or fsspec URL, relative to the config's folder.")


class JsonlSource(_Section):
    """One JSON object a line, one or more files."""

    kind: Literal["jsonl"]
    path: FilePath = Field(description="File, glob or fsspec URL, relative to the config's folder.")


DataSource = Annotated[CsvSource | ParquetSource | JsonlSource, Field(discriminator="kind")]


class DataSettings(_Section):
    """Which rows are explained, and what their columns are."""

    domain: Literal["tabular"] = Field(default="tabular", description="What a row is.")
    source: DataSource = Field(description="Where the rows are, by kind.")
    target: str | None = Field(default=None, description="The column with the true label or value; never a feature.")
    id: str | None = Field(default=None, description="The column that names a row; without it, its position does.")
    exclude: tuple[str, ...] = Field(default=(), description="Columns that the model does not get.")
    categorical: tuple[str, ...] = Field(
        default=(), description="Numeric columns whose numbers are codes: perturbed and compared as categories."
    )
    background: DataSource | None = Field(
        default=None, description="Data that perturbations are drawn like; null means the data themselves."
    )


class SampleSettings(_Section):
    """Which rows are explained."""

    rows: Annotated[int, Field(ge=1)] | Literal["all"] = Field(default=1000, description='How many rows, or "all".')
    stratify: str | None = Field(
        default="predicted",
        description='"predicted" (class), "target", a column, or "none": each keeps its share of the rows.',
    )
    seed: int = Field(
        default=0, ge=0, lt=2**63, description="The run's seed: sample, pool and every draw follow from it."
    )


class ExplainSettings(_Section):
    """How one row is explained."""

    method: Literal["lime"] = Field(default="lime", description="The local method.")
    pool: Literal["marginal", "none"] = Field(
        default="marginal",
        description="One pool of perturbed rows for all rows (marginal), or fresh ones for each row (none).",
    )
    perturbations: int = Field(
        default=20_000, ge=50, le=10_000_000, description="Perturbed rows, in the pool or for each row."
    )
    features: int | None = Field(
        default=None, ge=1, le=1_000_000, description="How many features a local explanation keeps; null keeps all."
    )
    selection: Literal["auto", "none", "highest_weights", "forward_selection", "lasso_path"] = Field(
        default="auto",
        description="How those features are chosen; auto is forward selection up to 6, else highest weights.",
    )
    discretizer: Literal["quartile", "decile", "entropy", "none"] = Field(
        default="quartile", description="How numeric columns become intervals; none keeps them as numbers."
    )
    kernel_width: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="Width of the proximity kernel; null is 0.75 times the square root of the columns.",
    )
    max_failed_fraction: float = Field(
        default=0.05, ge=0, le=1, description="The run fails when more than this share of the rows cannot be explained."
    )


class AggregateSettings(_Section):
    """How local explanations become class importances."""

    score: Literal["weighted", "share"] = Field(
        default="weighted", description="The NormLIME score that ranks features."
    )
    top: int = Field(
        default=10, ge=1, le=1_000_000, description="How many features a class shows in results.json and the report."
    )
    min_support: int = Field(
        default=20,
        ge=1,
        le=2**53,
        description="Features with fewer explanations than this rank after all others of their class.",
    )


class PickSettings(_Section):
    """How many representative rows are picked."""

    budget: int = Field(default=8, ge=1, le=1_000_000, description="Rows in each pick.")
    per_class: bool = Field(default=True, description="Also make a pick within each predicted class.")


class ReportSettings(_Section):
    """What the report says of itself."""

    formats: tuple[Literal["html", "pdf"], ...] = Field(
        default=("html", "pdf"), min_length=1, description="Which files are written."
    )
    title: str | None = Field(default=None, description="The report's title; null is made from the model's name.")
    owner: str | None = Field(default=None, description="Who answers for the model.")
    intended_use: str | None = Field(default=None, description="What the model is for, in a sentence or two.")
    materiality_tier: str | None = Field(default=None, description="The model's tier in your inventory.")
    approvers: tuple[str, ...] = Field(default=(), description="Names or roles for the sign-off block.")


class ClusterSettings(_Section):
    """Where the work runs. Results are the same bytes anywhere."""

    scheduler: str = Field(
        default="local",
        description="inline, local (workers on this machine where they pay), or a scheduler's tcp:// or tls:// URL.",
        pattern=r"^(inline|local|(tcp|tls)://.+)$",
    )
    workers: int | None = Field(
        default=None, ge=1, le=10_000, description="Workers of a local cluster; null is one a core."
    )
    threads_per_worker: int = Field(default=1, ge=1, le=10_000, description="Threads of each local worker.")


class Settings(_Section):
    """The whole config."""

    model: ModelSettings
    data: DataSettings
    sample: SampleSettings = SampleSettings()
    explain: ExplainSettings = ExplainSettings()
    aggregate: AggregateSettings = AggregateSettings()
    pick: PickSettings = PickSettings()
    report: ReportSettings = ReportSettings()
    cluster: ClusterSettings = ClusterSettings()
    output: FilePath = Field(
        default="reports", description="Folder of the run folders, relative to the config's folder."
    )

    @model_validator(mode="after")
    def _keys_agree(self) -> "Settings":
        if problems := list(_contradictions(self)):
            text = "; ".join(f"{key}: {message}" for key, message in problems)
            raise PydanticCustomError(CONTRADICTIONS, "{text}", {"text": text, "problems": problems})
        return self


def _contradictions(settings: Settings) -> Iterator[tuple[str, str]]:
    """Settings that are right one by one and wrong together, as (dotted key, message)."""
    yield from _model_contradictions(settings.model)
    yield from _data_contradictions(settings.data)
    data, explain = settings.data, settings.explain
    if settings.sample.stratify == "target" and data.target is None:
        yield "sample.stratify", '"target" needs data.target, the column with the true label'
    if explain.selection in {"highest_weights", "forward_selection", "lasso_path"} and explain.features is None:
        yield (
            "explain.selection",
            f'"{explain.selection}" needs explain.features, how many features to keep; or set it to "auto" or "none"',
        )
    if explain.selection == "none" and explain.features is not None:
        yield "explain.features", 'explain.selection is "none", which keeps every feature; set one of the two'
    for name in _repeated(settings.report.formats):
        yield "report.formats", f'"{name}" stands twice'


def _model_contradictions(model: ModelSettings) -> Iterator[tuple[str, str]]:
    source = model.source
    if source.kind != "python":
        return
    for name in _repeated(source.classes):
        yield "model.source.classes", f'"{name}" stands twice'
    if model.output == "value" and source.classes:
        yield (
            "model.source.classes",
            "a model with output: value has no classes; remove them, or set output: probability",
        )
    if model.output == "probability" and len(source.classes) < 2:  # noqa: PLR2004 - two classes make a choice
        yield (
            "model.source.classes",
            "expected at least two class names, in the order of the output's columns; or set model.output: value",
        )


def _data_contradictions(data: DataSettings) -> Iterator[tuple[str, str]]:
    if data.target is not None and data.target == data.id:
        yield "data.id", f'data.target is "{data.target}" too; a column has one role'
    for key, source in (("data.source", data.source), ("data.background", data.background)):
        if source is not None and source.kind == "csv":
            for name in _repeated(source.names or ()):
                yield f"{key}.names", f'"{name}" stands twice'
    for name in data.categorical:
        for other, names in (("target", (data.target,)), ("id", (data.id,)), ("exclude", data.exclude)):
            if name in names:
                yield "data.categorical", f'data.{other} keeps "{name}" from the model, so it is no category'


def _repeated(names: Sequence[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]
