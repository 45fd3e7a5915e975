"""How far a run's rankings can be relied on, as stored values: whose they are, how sure, whether a model fools them.

Parts of `results.json`, as `record` puts it together.
"""

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

GateVerdict = Literal["pass", "fail", "undecided"]


class Stored(BaseModel):
    """A part of a stored document: it does not change, and has no fields but its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Stratum(Stored):
    """One stratum of the sample: how many rows it has, how many were taken."""

    name: str
    rows: int
    taken: int


class OpenPair(Stored):
    """Two features whose order is open: the difference in standard errors, and what would settle it.

    `growth` is how many times rows and perturbations it would take to settle it if the difference stays, None where
    no number would; `pool_share` is the share of the difference's variance that more perturbations would remove.
    """

    first: str
    second: str
    z: float
    growth: float | None
    pool_share: float


class Certificate(Stored):
    """Whether the order of a class's first `top` features is decided (docs/explanation/how-sure.md).

    Of `pairs` pairs asked about, `separated` have a sure order, `tied` differ by no more than the indifference,
    `n_open` are open; `open` names those hardest to settle, hardest first. `alpha` is the probability of error that
    this class had, at look number `look`, over `rows` explanations and `folds` folds of the perturbations.
    """

    verdict: Literal["decided", "undecided", "too few rows"]
    top: int
    alpha: float
    look: int
    rows: int
    folds: int | None
    pairs: int
    separated: int
    tied: int
    n_open: int
    open: tuple[OpenPair, ...]


class Trust(Stored):
    """How many explanations are usable, and the ranking by those alone beside the ranking by all.

    `low_fidelity` have an R² under 0.5, `unstable` a VSI under 0.8 with enough fidelity. `ranking` names the first
    features by the usable ones; `overlap` is the share of the first features that both rankings hold; both are
    empty where too few are usable.
    """

    usable: int
    low_fidelity: int
    unstable: int
    stability_measured: bool
    ranking: tuple[str, ...]
    overlap: float | None


class View(Stored):
    """Another global score from the same weights beside the one that ranks, for one class.

    `rank_correlation` is Spearman's, `overlap` the share of the first features that both have; `moved` is the feature
    among the first of either that differs most, with its rank by the score that ranks and by the other.
    """

    score: str
    rank_correlation: float
    overlap: float
    moved: str | None
    moved_from: int
    moved_to: int


class PoolShare(Stored):
    """A feature's share of the weight of explanations; the features' shares sum to 1.

    `perturbed` is from explanations by perturbed rows, `real` by the data's own rows, and `expected` by the same rows
    if the model treated them as it treats perturbed ones.
    """

    feature: str
    perturbed: float
    real: float
    expected: float


class PoolFinding(Stored):
    """One class, or all rows (`*`): the feature whose `real` share is most beyond `expected`, and by how much.

    `features` are the first five by `real` and by `perturbed`, and those with most and least excess; by `real`.
    """

    class_name: str
    rows: int
    verdict: Literal["agree", "suspicious", "disagree"]
    excess: float
    feature: str
    features: tuple[PoolShare, ...]


class PoolComparison(Stored):
    """Whether perturbed rows show what real rows get (docs/explanation/cannot-be-fooled.md); see `fooling.Comparison`.

    `verdict` is the worst of the findings, `suspicious` from an excess of `suspicious_from`, `disagree` from
    `disagree_from`. `rows` were explained from `perturbed_rows` and from `real_rows`. `told_apart` is how well these
    can be told apart (AUC, 0.5 not at all); `learnt` how much of the model's answers to perturbed rows could be learnt
    (R²), and `carried` how much of that held for real rows; None where the model's output does not vary.
    """

    verdict: Literal["agree", "suspicious", "disagree"]
    suspicious_from: float
    disagree_from: float
    rows: int
    perturbed_rows: int
    real_rows: int
    told_apart: float
    learnt: float | None
    carried: float | None
    findings: tuple[PoolFinding, ...]


class GateOutcome(Stored):
    """What one gate of the config says of the run (docs/how-to/gates-in-ci.md).

    The `rule` asks that `value` is `bound` the `threshold`, such as below 0.08; `about` says in words of what.
    `value` is None where it could not be measured, `low` and `high` are its interval, None where it has none. Of
    `unit` rank all three are whole numbers, of `unit` score they have the units of a score that ranks.
    `class_name` and `feature` name whose value it is, where it is one class's (`*`: of all together) or one feature's.
    """

    rule: str
    about: str
    class_name: str | None = None
    feature: str | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    unit: Literal["rank", "score"] | None = None
    bound: Literal["below", "at most", "at least", "above"]
    threshold: float | None = None
    verdict: GateVerdict
    reason: str


class AssociatedFeature(Stored):
    """A feature and how strongly it goes together with a column, in [0, 1], with an interval.

    It is `the column` itself, or a group that holds it; else a `proxy` or `no proxy` where the interval says so, or
    `open`.
    """

    feature: str
    value: float
    low: float
    high: float
    standing: Literal["the column", "proxy", "no proxy", "open"]


class Proxies(Stored):
    """The features of a table by their association with one column, strongest first, as a gate asks for them.

    `measure` is Cramér's V where the column holds categories, else the correlation ratio of its ranks (`association`);
    a feature is a proxy from `threshold` on. The intervals hold together, over `rows` rows of the data, at
    `confidence`.
    """

    column: str
    measure: Literal["cramers_v", "correlation_ratio"]
    threshold: float
    confidence: float
    rows: int
    features: tuple[AssociatedFeature, ...]


class MethodScore(Stored):
    """A feature's score by two methods over the same rows, of all features' scores, and its ranks by them."""

    feature: str
    lime: float
    kernelshap: float
    lime_rank: int
    kernelshap_rank: int


class MethodFinding(Stored):
    """One class explained by LIME and by KernelSHAP; see `agreement.Agreement`.

    `overlap` is of the first `top` features, and `features` are the first `top` of either, by the run's own method.
    `moved` is the feature whose two ranks differ most. `row_correlation` and `same_sign` compare explanations row by
    row, and `same_sign` leaves features out whose weights are slopes. None where a number is not defined.
    """

    class_name: str
    rows: int
    rank_correlation: float | None
    top: int
    overlap: float
    moved: str | None
    row_correlation: float | None
    same_sign: float | None
    features: tuple[MethodScore, ...]


class MethodComparison(Stored):
    """The same rows explained by LIME and by KernelSHAP (docs/explanation/lime-and-shap.md).

    `second` is the method that is not the run's own. It had `perturbations` rows, or coalitions of each row, and asked
    the model for `model_rows`. `rows` were explained by both, and `failed` by the run's own method alone. `background`
    is how many rows KernelSHAP's hidden features show. `slopes` are features whose weight by LIME is a slope.
    """

    second: Literal["lime", "kernelshap"]
    perturbations: int
    background: int
    model_rows: int
    rows: int
    failed: int
    slopes: int
    findings: tuple[MethodFinding, ...]


class CohortDifference(Stored):
    """One feature's score in a cohort against that in all other rows of the sample; a finding (docs/how-to).

    `score` and its interval are the cohort's, `other` the other rows', `difference` the first less the second with an
    interval that holds at `CohortComparison.coverage`. `p` is adjusted for all tests of the run.
    """

    class_name: str
    feature: str
    score: float
    low: float
    high: float
    other: float
    difference: float
    difference_low: float
    difference_high: float
    p: float


class CohortFacts(Stored):
    """One cohort: `rows` explained of the `of` that the data have, `added` of them beyond the sample, `failed` not.

    `median_r2` and `accuracy` are of its explained rows, None where there is none. `classes` are the rows of each
    class. `first` names the features with the largest scores, over all classes or for the first value. Of `tested`
    features, class by class, `found` differ; `differences` has the first of them, the largest first.
    """

    name: str
    of: int
    rows: int
    added: int
    failed: int
    classes: tuple[tuple[str, int], ...]
    median_r2: float | None
    accuracy: float | None
    first: tuple[str, ...]
    tested: int
    found: int
    differences: tuple[CohortDifference, ...]


class CohortColumn(Stored):
    """One column's cohorts: its values, of which `pooled` are in one cohort, or quarters of its numbers."""

    column: str
    by: Literal["value", "quarter"]
    pooled: int
    cohorts: tuple[CohortFacts, ...]


class CohortComparison(Stored):
    """Whether the model rests on other features for some rows than for all others (docs/how-to/compare-cohorts.md).

    Of `tested` differences `found` are findings: at most one minus `confidence` of them are expected to be false.
    `coverage` is of each difference's interval. `each` is how many rows of a cohort were asked for; None where rows
    could not be added to the sample's.
    """

    confidence: float
    coverage: float
    least: int
    each: int | None
    tested: int
    found: int
    columns: tuple[CohortColumn, ...]


COHORTS: Final = (
    "column", "cohort", "class", "feature", "rows", "support", "score", "low", "high", "other_rows", "other_support",
    "other_score", "difference", "difference_low", "difference_high", "p", "p_adjusted", "found",
)  # fmt: skip
"""The columns of `cohorts.parquet`; no value in p and the difference's ends where too few rows use a feature."""
