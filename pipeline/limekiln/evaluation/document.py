"""What `limekiln evaluate` found out about a run's ranking, as values: the document that it writes.

Like `results.json`, a pure function of model, data, config, seed and what was asked for; no time, no place.
"""

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

SCHEMA: Final = 1
Verdict = Literal["better", "worse", "open", "too few rows"]
"""Of a difference: its interval lies above 0, below 0, holds 0, or could not be had."""


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Estimate(_Stored):
    """A mean and its interval; nothing where there are too few rows."""

    mean: float | None
    low: float | None
    high: float | None

    @property
    def verdict(self) -> Verdict:
        """Of a difference for which more is better."""
        if self.low is None or self.high is None:
            return "too few rows"
        return "better" if self.low > 0 else "worse" if self.high < 0 else "open"


class Step(_Stored):
    """The mean fall of the output without the first `features`: by the run's ranking, and by random orders."""

    features: int
    fall: Estimate
    random: Estimate


class DeletionFacts(_Stored):
    """The deletion curve of the run's ranking (docs/explanation/is-the-ranking-right.md).

    Attributes:
        rows: how many rows count; `unseen` of them were not among the explained.
        refused: rows that were left out, since the model refused them or one of their variants.
        curve: one step for 0, 1, … features.
        aopc: mean fall over the steps.
        over_random: by how much that is more than with random orders.
        beaten: share of the random orders that the ranking is ahead of.
    """

    rows: int
    unseen: int
    refused: int
    curve: tuple[Step, ...]
    aopc: Estimate
    over_random: Estimate
    beaten: float | None
    verdict: Verdict


class PermutationFacts(_Stored):
    """Permutation importance as a rival: its first features, its order's deletion, and how far the two agree.

    `over_permutation` is by how much the run's AOPC is more than this order's; `rank_correlation` is Spearman's over
    all features; `overlap` the share of the first `among` features in common.
    """

    features: tuple[str, ...]
    aopc: Estimate
    over_random: Estimate
    over_permutation: Estimate
    verdict: Verdict
    rank_correlation: float
    among: int
    overlap: float


class ClassEvaluation(_Stored):
    """One class, or all together (`*`). `features` are the first of the run's ranking."""

    name: str
    features: tuple[str, ...]
    deletion: DeletionFacts
    permutation: PermutationFacts


class Mean(_Stored):
    """A model's score: mean and standard deviation over the seeds."""

    mean: float
    sd: float


class RetrainedStep(_Stored):
    """Scores of models that were trained with (`keep`) or without (`remove`) the first features."""

    features: int
    ranking: Mean
    permutation: Mean
    random: Mean


class RetrainedMode(_Stored):
    """KAR or ROAR. The differences are means over all steps, and more is better for the run's ranking in both."""

    mode: Literal["keep", "remove"]
    steps: tuple[RetrainedStep, ...]
    over_random: Estimate
    verdict: Verdict
    over_permutation: Estimate
    verdict_on_permutation: Verdict


class Retraining(_Stored):
    """Models trained anew by the user's function, judged on rows that they did not see.

    `score` is what is told: the share of right labels, or R². `everything` and `nothing` are scores with all features
    and with none.
    """

    train: str
    score: Literal["accuracy", "R²"]
    ranking_of: str
    training_rows: int
    test_rows: int
    without_target: int
    seeds: tuple[int, ...]
    everything: Mean
    nothing: Mean
    modes: tuple[RetrainedMode, ...]


class Asked(_Stored):
    """What the evaluation was asked for, and what it is fixed at."""

    rows: int
    length: int
    draws: int
    random_orders: int
    permuted_rows: int
    repeats: int
    confidence: float
    seed: int


class Evaluation(_Stored):
    """`evaluations/<run>.json`: `left_out` names classes without a row, `model_rows` counts rows that the model got."""

    schema_number: int = SCHEMA
    run_id: str
    model: str
    results_sha256: str
    importances_sha256: str
    model_sha256: str | None
    data_sha256: str
    background_sha256: str
    score: str
    task: Literal["classification", "regression"]
    n_features: int
    asked: Asked
    model_rows: int
    classes: tuple[ClassEvaluation, ...]
    left_out: tuple[str, ...]
    retraining: Retraining | None
