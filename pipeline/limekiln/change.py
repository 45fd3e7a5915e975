"""What changed between two runs, as stored values: `change.json`. `comparison` makes it, `report` draws it."""

from typing import Final, Literal

from limekiln.evidence import Stored

SCHEMA: Final = 1

Part = Literal["model", "data", "config", "software"]
Comparability = Literal["comparable", "with reservations", "incomparable", "unreadable"]


class RunName(Stored):
    """One of the two runs. `created` is UTC in ISO 8601; both it and the hash are None where it could not be read."""

    run_id: str
    created: str | None = None
    manifest_sha256: str | None = None


class Altered(Stored):
    """Something that is not the same in the two runs; None where one of them has nothing there."""

    part: Part
    what: str
    old: str | None
    new: str | None


class FeatureChange(Stored):
    """One feature of one class in both runs: its score and rank with intervals, what it gained, and how sure that is.

    Scores are of the score that ranks, ranks None where the feature has none. `p` is of no difference, two-sided,
    None where one run has no interval. `moved` is a finding: the false ones among all of a comparison are expected to
    be no more than one minus the confidence. `intervals` says whether the two scores' intervals overlap.
    """

    feature: str
    old: float
    old_low: float | None
    old_high: float | None
    old_rank: int | None
    new: float
    new_low: float | None
    new_high: float | None
    new_rank: int | None
    difference: float
    low: float | None
    high: float | None
    p: float | None
    moved: bool
    intervals: Literal["overlapping", "separate"] | None


class ClassChange(Stored):
    """One class, or all together (`*`), in both runs.

    `ndcg` (SageMaker Clarify's, gains from the old run) and its interval are None where there is none, and `reason`
    says why. `rank_correlation` is Spearman's, `overlap` what the first `top` of both share of what is first in
    either. `tested` features have an interval in both runs, `moved` of them moved. `features` are those that moved,
    the largest difference first, then the others first in either run, both at most `LISTED`. `appeared` and
    `vanished` name features that one run alone uses, those that rank first in it first, at most `NAMED`.
    """

    class_name: str
    old_rows: int
    new_rows: int
    ndcg: float | None
    ndcg_low: float | None
    ndcg_high: float | None
    reason: str = ""
    rank_correlation: float | None
    top: int
    overlap: float | None
    tested: int
    moved: int
    features: tuple[FeatureChange, ...]
    appeared: tuple[str, ...]
    n_appeared: int
    vanished: tuple[str, ...]
    n_vanished: int


class Change(Stored):
    """`change.json`: one run against an earlier one.

    `reasons` say why the two are not comparable, or with which reservations; `classes` are those of both runs, empty
    where they are not comparable; `appeared` and `vanished` are classes that one run alone has. `confidence` is of the
    intervals; the intervals of nDCG hold for all classes together. `model_part` and `data_part` are there where the
    change was split: from the old run to the new model on the old rows, and from there on.
    """

    schema_number: int = SCHEMA
    old: RunName
    new: RunName
    verdict: Comparability
    reasons: tuple[str, ...]
    score: str
    confidence: float
    altered: tuple[Altered, ...] = ()
    classes: tuple[ClassChange, ...] = ()
    appeared: tuple[str, ...] = ()
    vanished: tuple[str, ...] = ()
    model_part: "Change | None" = None
    data_part: "Change | None" = None

    @property
    def compared(self) -> bool:
        """Whether the two rankings were held against each other."""
        return self.verdict in ("comparable", "with reservations")

    @property
    def moved(self) -> int:
        """How many features moved, over all classes."""
        return sum(c.moved for c in self.classes)


LISTED: Final = 100
"""Features of a class that are stored, at most, of those that moved and of the others."""
NAMED: Final = 50
