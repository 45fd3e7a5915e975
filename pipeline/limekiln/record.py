"""What a run leaves behind, as values: `results.json`, `manifest.json` and the tables beside them.

`run` makes a `RunRecord`, `store` writes and reads it, `report` draws it; none of them needs the model.
The tables' columns are listed at `TABLES`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import pandas as pd

from limekiln.change import Change
from limekiln.evidence import (
    COHORTS,
    Certificate,
    CohortComparison,
    GateOutcome,
    GateVerdict,
    MethodComparison,
    PoolComparison,
    Proxies,
    Stratum,
    Trust,
    View,
)
from limekiln.evidence import Stored as _Stored
from limekiln.governance import GovernanceMapping, MappingSource, ReportFacts, TemplateFacts

SCHEMA: Final = 1
ALL_CLASSES: Final = "*"
"""The class name that stands for all classes together, in tables and results."""

TABLES: Final[Mapping[str, tuple[str, ...]]] = {
    # from rank_low on no value where no interval was computed; ci is of the score that ranks; tied numbers the groups
    # of features that follow each other and cannot be told apart; floor is the ranking score's noise floor
    "importances": (
        "class", "level", "feature", "value", "rank", "share", "weighted", "positive", "negative", "sign_consistency",
        "support", "pick_importance", "average", "mean_absolute", "rank_low", "rank_high", "ci_low", "ci_high", "tied",
        "share_low", "share_high", "weighted_low", "weighted_high", "se_rows", "se_pool", "debiased", "limit",
        "limit_low", "limit_high", "floor", "above_floor",
    ),
    "explanations": ("row", "class", "feature", "value", "weight"),
    # vsi and csi hold no value where stability was not measured; trust is usable, low_fidelity or unstable
    "rows": (
        "row", "class", "predicted", "surrogate", "intercept", "r2", "vsi", "csi", "trust", "perturbations", "target",
        "flags",
    ),
    "picks": ("scope", "order", "row", "gain", "coverage", "upper_bound"),
    "certificates": ("scope", "feature", "value", "importance", "dual", "covered"),
    "failures": ("row", "stage", "error"),
    # a picture is of a picked row, or of a concept (`of`); PNG, in the order shown; no file where there is none
    "pictures": ("kind", "of", "order", "png"),
    "cohorts": COHORTS,  # no file where none are compared
}  # fmt: skip


class ModelFacts(_Stored):
    """The model as it was explained."""

    name: str
    version: str
    task: Literal["classification", "regression"]
    output: str
    unit: str | None = None
    kind: str
    description: str
    sha256: str | None


class FeatureFacts(_Stored):
    """One column that the model gets. `values` counts its intervals or categories."""

    name: str
    kind: Literal["continuous", "categorical", "group"]
    values: int
    missing: int
    constant: bool


class Layout(_Stored):
    """Features that lie in a plane: the cells of a grid over images, or channels × spans of time.

    Feature number r·len(columns) + c lies in row r and column c; `features` names them in that order.
    """

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    features: tuple[str, ...]


class RedactedColumn(_Stored):
    """A column that is not shown: how it is told, and whether it is so because the config says nothing of it.

    A dropped column goes by another name.
    """

    column: str
    how: Literal["mask", "bin", "hash", "drop"]
    by_default: bool


class DataFacts(_Stored):
    """The data as they were read. `sha256` is over the bytes of the files, in order.

    `features` tells of the columns of a table, and is empty for other domains; `n_features` counts them all;
    `parts` says in a sentence what the features of a text, an image or a series are; `redacted` lists the columns that
    are not shown.
    """

    source: str
    domain: Literal["tabular", "text", "images", "sequences"] = "tabular"
    rows: int
    features: tuple[FeatureFacts, ...]
    n_features: int
    parts: str = ""
    layout: Layout | None = None
    target: str | None
    id: str | None
    sha256: str
    redacted: tuple[RedactedColumn, ...] = ()


class SampleFacts(_Stored):
    """How the explained rows were chosen."""

    rows: int
    of: int
    stratify: str
    seed: int
    strata: tuple[Stratum, ...]


class MethodFacts(_Stored):
    """The local method and the aggregation with every parameter resolved.

    `background` is how many rows hidden features show, with kernelshap. `discretizer` is of tables; `masks` (how hidden
    parts are drawn) and `hidden` (what they show, in words) are of texts, images and series.
    """

    method: str
    pool: str
    perturbations: int
    background: int | None = None
    masks: str | None = None
    hidden: str | None = None
    discretizer: str | None
    kernel_width: float
    selection: str
    features: int | None
    ridge: float
    score: Literal["weighted", "share"]
    min_support: int
    top: int
    budget: int
    confidence: float = 0.95
    indifference: float = 0.01


class Counts(_Stored):
    """requested = explained + failed, in rows; `model_rows` is all rows the model was asked for."""

    requested: int
    explained: int
    failed: int
    pool_failed: int
    model_rows: int


class Fidelity(_Stored):
    """Distribution over rows of the surrogates' weighted R². `below_half` is the share of rows under 0.5."""

    median: float | None
    p05: float | None
    p95: float | None
    below_half: float | None


class Score(_Stored):
    """The importance of a feature, or of one value of it, for a class (docs/explanation/normlime.md).

    `share` is the mean |w|/‖w‖₁ and `weighted` the mean w²/‖w‖₁ over the explanations that use it;
    `positive` + `negative` = `share` split by the sign of w; `sign_consistency` is |positive − negative| /
    share, in [0, 1]; `support` counts those explanations; `pick_importance` is SP-LIME's √Σ|w|. `floor` is the score
    that columns like it reach by noise alone, None where it was not measured (docs/explanation/noise-floor.md).
    """

    feature: str
    value: str | None
    rank: int
    share: float
    weighted: float
    positive: float
    negative: float
    sign_consistency: float
    support: int
    pick_importance: float
    supported: bool
    average: float = 0.0
    mean_absolute: float = 0.0
    rank_low: int | None = None
    rank_high: int | None = None
    tied: int | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    se_rows: float | None = None
    se_pool: float | None = None
    debiased: float | None = None
    floor: float | None = None
    above_floor: bool | None = None


class ClassFacts(_Stored):
    """One class, or all together (`*`): its rows by prediction, fidelity, and top features and values."""

    name: str
    rows: int
    fidelity: Fidelity
    n_features: int
    features: tuple[Score, ...]
    values: tuple[Score, ...]
    certificate: Certificate | None = None
    trust: Trust | None = None
    views: tuple[View, ...] = ()


class LocalFeature(_Stored):
    """One feature of one explained row: its raw value, the interval or category it fell in, its weight."""

    feature: str
    raw: str
    value: str
    weight: float


class Mark(_Stored):
    """A piece of a text, in reading order; its weight, or None where it is no part (blanks, punctuation)."""

    text: str
    weight: float | None


class Series(_Stored):
    """A series as it is drawn: for each channel its values, at most a few hundred, and the weight of each span.

    `starts` are the positions in `values` where the spans begin.
    """

    channels: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]
    starts: tuple[int, ...]
    weights: tuple[tuple[float, ...], ...]


class PickedRow(_Stored):
    """One representative row. `newly_covered` names the heaviest keys that it brought in, heaviest first.

    `margin` is by how much the likeliest class is ahead of the second; None for a regression, and in older runs.
    `marks` shows a text with its parts' weights, `series` a series; the picture of an image lies in the table
    `pictures`, of kind `pick`, under the row's name.
    """

    order: int
    row: str
    class_name: str
    predicted: float
    surrogate: float
    target: str | None
    r2: float | None
    gain: float
    coverage: float
    upper_bound: float
    newly_covered: tuple[str, ...]
    n_newly_covered: int
    features: tuple[LocalFeature, ...]
    margin: float | None = None
    marks: tuple[Mark, ...] = ()
    series: Series | None = None


class Pick(_Stored):
    """A submodular pick with its certificate: no `budget` rows cover more than `upper_bound` of `total`.

    `covered`, `total`, `upper_bound`, and a row's `gain` and `coverage` are in units of SP-LIME's summed
    importance. `keys` counts what can be covered, `rule` says in words when a row covers a key.
    """

    scope: str
    budget: int
    rule: str
    keys: int
    total: float
    covered: float
    upper_bound: float
    ratio: float
    optimal: bool
    rows: tuple[PickedRow, ...]


class Notice(_Stored):
    """Something that a reader should know about this run, in one sentence."""

    code: str
    text: str


class Results(_Stored):
    """`results.json`: a pure function of model, data, config and seed; no time, no place.

    But the outcome of a gate that asks for the last run depends on that run.

    `accuracy` is the share of explained rows whose predicted (likeliest) class is the true one; None without labels.
    `pools` is None where perturbed rows were not compared with real ones, `methods` where rows were not explained by a
    second method, `cohorts` where none are compared. `gates` are in the order of the config, `proxies` what those among
    them ask for that name a column.
    """

    schema_number: int = SCHEMA
    model: ModelFacts
    data: DataFacts
    sample: SampleFacts
    method: MethodFacts
    counts: Counts
    fidelity: Fidelity
    accuracy: float | None
    classes: tuple[ClassFacts, ...]
    picks: tuple[Pick, ...]
    notices: tuple[Notice, ...]
    pools: PoolComparison | None = None
    methods: MethodComparison | None = None
    cohorts: CohortComparison | None = None
    gates: tuple[GateOutcome, ...] = ()
    proxies: tuple[Proxies, ...] = ()


class Gates(_Stored):
    """`gates.json`: the gates of `results.json` alone, with the verdict over all of them."""

    schema_number: int = SCHEMA
    verdict: GateVerdict
    gates: tuple[GateOutcome, ...]


class Manifest(_Stored):
    """`manifest.json`: what is needed to check the run and to run it again.

    `created` is UTC in ISO 8601; `timings` are seconds a stage; `files` maps each file of the run folder to
    its SHA-256; `config_file` is empty for a run from Python; `config_text` is the config as read, without
    the credentials in its addresses, `config_sha256` the hash of its bytes, `config_overrides` what the
    command line put over it; `mapping` tells which clauses `mapping.json` is about, None where there is none;
    `templates` are the user's that the report is drawn with. `code_sha256` is over limekiln's own code; `previous_seal`
    is `seal.of_run` of the previous run; `drawn_by` says for each report what it was drawn with; `seal` is the SHA-256
    of all the rest. They are None in runs of earlier versions.
    """

    schema_number: int = SCHEMA
    run_id: str
    limekiln: str
    created: str
    config_file: str
    config_text: str
    config_sha256: str
    config_overrides: tuple[str, ...] = ()
    model_sha256: str | None
    data_sha256: str
    seed: int
    environment: dict[str, str]
    cluster: dict[str, str | int | None]
    counts: Counts
    timings: dict[str, float]
    report: ReportFacts
    formats: tuple[str, ...]
    mapping: MappingSource | None = None
    templates: tuple[TemplateFacts, ...] = ()
    previous_run: str | None
    previous_manifest_sha256: str | None
    files: dict[str, str]
    previous_seal: str | None = None
    code_sha256: str | None = None
    drawn_by: dict[str, dict[str, str]] | None = None
    seal: str | None = None


@dataclass(frozen=True)
class RunRecord:
    """A finished run: its documents, and the tables of `TABLES` by name; `mapping` where its report has one.

    `templates` are the user's, name and text of each, where it is drawn with any; `change` is None where there was no
    run before it.
    """

    results: Results
    manifest: Manifest
    tables: Mapping[str, pd.DataFrame]
    mapping: GovernanceMapping | None = None
    templates: tuple[tuple[str, str], ...] = ()
    change: Change | None = None
