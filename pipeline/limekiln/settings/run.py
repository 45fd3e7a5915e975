"""The settings of a run: every key of `config.yaml`, its type, its default and its meaning.

The description of a field is what `limekiln schema` prints and what an editor shows while the file is
typed. Reading the file, with line numbers in its errors, is `config.py`'s work.
"""

from collections.abc import Iterator
from typing import Annotated, Final, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from limekiln.settings import data as data_settings
from limekiln.settings import gates as gate_settings
from limekiln.settings import model as model_settings
from limekiln.settings import report as report_settings
from limekiln.settings.data import DataSettings
from limekiln.settings.gates import Gate
from limekiln.settings.model import ModelSettings
from limekiln.settings.report import ReportSettings
from limekiln.settings.section import FilePath, Section

CONTRADICTIONS = "contradictions"
"""The type of the pydantic error whose context `problems` is a list of (dotted key, message)."""

_POOLED: Final = 20_000
_COALITIONS: Final = 500
_FRESH: Final = {"tabular": 5_000, "text": 1_000, "images": 1_000, "sequences": 1_000}
"""Perturbations where the config names none: one pool, or fresh ones for each row."""


class SampleSettings(Section):
    """Which rows are explained."""

    rows: Annotated[int, Field(ge=1)] | Literal["all"] = Field(default=1000, description='How many rows, or "all".')
    stratify: str | None = Field(
        default="predicted",
        description='"predicted" (class), "target", a column, or "none": each keeps its share of the rows.',
    )
    seed: int = Field(
        default=0, ge=0, lt=2**63, description="The run's seed: sample, pool and every draw follow from it."
    )


class ExplainSettings(Section):
    """How one row is explained."""

    method: Literal["lime", "kernelshap"] = Field(
        default="lime",
        description="The local method: lime, or kernelshap, whose perturbations show rows of the background wherever "
        "a table's feature is hidden, and hide the parts of a text, image or series as for lime.",
    )
    second_method: Literal["lime", "kernelshap"] | None = Field(
        default=None,
        description="Of tables: explain rows by this method too, at most 100 of each class, and show where its ranking "
        "differs from that of explain.method. It has as many perturbations as it has by default; LIME's are a pool.",
    )
    background: int = Field(
        default=50,
        ge=1,
        le=100_000,
        description="With kernelshap, how many rows of the background hidden features of a table show. A perturbation "
        "asks the model for as many rows.",
    )
    pool: Literal["marginal", "data", "none"] | None = Field(
        default=None,
        description="One pool of perturbed rows for all rows (marginal), the background's own rows as the pool (data: "
        "nothing that a model could tell from real rows), or fresh perturbations for each row (none). Null is "
        "marginal for tables; the perturbations of texts, images and series contain the row, and cannot be shared.",
    )
    perturbations: Annotated[int, Field(ge=50, le=10_000_000)] | None = Field(
        default=None,
        description="Perturbed rows, in the pool or for each row. Null is 20,000 in a pool, 5,000 for each row of a "
        "table without one (500 with kernelshap), and 1,000 for each text, image or series.",
    )
    compare_pools: bool = Field(
        default=True,
        description="Of tables: whether explanations by perturbed rows are compared with ones by the background's own "
        "rows, to find a model that treats the two differently. Asks the model for at most 5,000 rows of each kind, "
        "and for none that it asks for anyway.",
    )
    masks: Literal["lime", "kernel"] = Field(
        default="kernel",
        description="How the parts of a text, image or series to hide are drawn: as lime draws them, or from the "
        "kernel's own law in balanced pairs, which needs fewer model calls for the same error. Kernelshap draws by "
        "Shapley's kernel, whatever stands here.",
    )
    batch: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description="How many texts, images or series reach the model at once, at most. Null is 256 texts or series, "
        "and as many images as fit in 32 MB.",
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
        description="Width of the proximity kernel. Null is 0.75 times the square root of the columns for tables, and "
        "0.25 in units of the cosine distance for texts, images and series.",
    )
    max_failed_fraction: float = Field(
        default=0.05, ge=0, le=1, description="The run fails when more than this share of the rows cannot be explained."
    )


class AggregateSettings(Section):
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
    confidence: float = Field(
        default=0.95, ge=0.5, lt=1, description="Of intervals, rank intervals, and the certificates of all classes."
    )
    indifference: float = Field(
        default=0.01,
        ge=0,
        lt=1,
        description="Two features whose scores differ by no more than this share of all scores count as tied.",
    )
    until_decided: bool = Field(
        default=False,
        description="Grow rows and pool in up to seven rounds, until the order of each class's first is decided.",
    )
    max_rows: int = Field(
        default=20_000, ge=1, description='With until_decided, how many rows at most; sample.rows: "all" goes before.'
    )


class PickSettings(Section):
    """How many representative rows are picked."""

    budget: int = Field(default=8, ge=1, le=1_000_000, description="Rows in each pick.")
    per_class: bool = Field(default=True, description="Also make a pick within each predicted class.")


class ClusterSettings(Section):
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


class Settings(Section):
    """The whole config."""

    model: ModelSettings
    data: DataSettings
    sample: SampleSettings = SampleSettings()
    explain: ExplainSettings = ExplainSettings()
    aggregate: AggregateSettings = AggregateSettings()
    pick: PickSettings = PickSettings()
    gates: tuple[Gate, ...] = Field(
        default=(), description="What a run must hold to; a gate that fails or is undecided sets the exit code."
    )
    report: ReportSettings = ReportSettings()
    cluster: ClusterSettings = ClusterSettings()
    output: FilePath = Field(
        default="reports", description="Folder of the run folders, relative to the config's folder."
    )

    @property
    def pool(self) -> Literal["marginal", "data", "none"]:
        """Whether rows share perturbations, the default of the domain filled in."""
        shared = self.data.domain == "tabular" and self.explain.method == "lime"
        return self.explain.pool or ("marginal" if shared else "none")

    @property
    def perturbations(self) -> int:
        """Perturbed rows, in the pool or for each row, the default filled in."""
        if self.explain.perturbations is None and self.explain.method == "kernelshap" and self.data.domain == "tabular":
            return _COALITIONS
        return self.explain.perturbations or (_FRESH[self.data.domain] if self.pool == "none" else _POOLED)

    @model_validator(mode="after")
    def _keys_agree(self) -> "Settings":
        if problems := list(_contradictions(self)):
            text = "; ".join(f"{key}: {message}" for key, message in problems)
            raise PydanticCustomError(CONTRADICTIONS, "{text}", {"text": text, "problems": problems})
        return self


def _contradictions(settings: Settings) -> Iterator[tuple[str, str]]:
    """Settings that are right one by one and wrong together, as (dotted key, message)."""
    yield from model_settings.contradictions(settings.model)
    yield from data_settings.contradictions(settings.data)
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
    yield from _contradictions_of_the_pool(settings)
    yield from gate_settings.contradictions(settings)
    if data.redact.get(settings.sample.stratify or "") == "drop":
        yield "sample.stratify", f'data.redact drops "{settings.sample.stratify}", and strata are told by their column'
    if explain.second_method is not None and data.domain != "tabular":
        yield "explain.second_method", f"two methods are compared on tables; data.domain is {data.domain}; remove it"
    elif explain.second_method == explain.method:
        yield "explain.second_method", f'explain.method is "{explain.method}" too; name the other method, or remove it'
    yield from report_settings.contradictions(settings.report)


def _contradictions_of_the_pool(settings: Settings) -> Iterator[tuple[str, str]]:
    data, explain = settings.data, settings.explain
    if settings.aggregate.until_decided and settings.pool != "marginal":
        yield "aggregate.until_decided", "it grows a pool that all rows share, which explain.pool: marginal gives"
    if explain.method == "kernelshap":
        if explain.pool in {"marginal", "data"} and data.domain == "tabular":
            yield "explain.pool", "kernelshap's perturbations contain the row, so rows cannot share them; remove it"
        if explain.features is not None:
            yield "explain.features", "kernelshap shares the output out among all features; remove it"
    if explain.pool in {"marginal", "data"} and data.domain != "tabular":
        yield (
            "explain.pool",
            f"the perturbations of {data.domain} contain the row, so rows cannot share them; remove it",
        )
