"""The gates of a run: one section a rule. How a rule is judged stands in `limekiln.gates`.

A new rule is a section that `Gate` names, and a judge for it there.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import ConfigDict, Field

from limekiln.settings.section import Section, repeated

if TYPE_CHECKING:
    from limekiln.settings.run import Settings

NOISE: Final = "noise"
"""What a gate names in the place of a feature where it means the noise floor."""

_Name = Annotated[str, Field(min_length=1)]
_Share = Annotated[float, Field(ge=0, le=1)]
_OfClass = Annotated[
    str | None,
    Field(
        default=None,
        alias="class",
        min_length=1,
        description="One class, or * for all together; null asks for each of them.",
    ),
]
_OfRows = Annotated[
    str | None,
    Field(default=None, alias="class", min_length=1, description="The rows of one class alone; null takes all rows."),
]


class _Rule(Section):
    """A gate. The key `class` is `class_` in Python, where the word is taken."""

    model_config = ConfigDict(serialize_by_alias=True)


class PoolsAgree(_Rule):
    """The model treats perturbed rows as it treats real ones. Of tables, with `explain.compare_pools`."""

    rule: Literal["pools_agree"]
    allow_suspicious: bool = Field(
        default=False,
        description="Whether a finding that asks for a look (suspicious) passes; else it leaves the gate undecided.",
    )


class MaxRank(_Rule):
    """A feature weighs less than the first few of its class."""

    rule: Literal["max_rank"]
    feature: _Name = Field(description="The feature.")
    below: int = Field(ge=1, description="Its rank must be below, that is after, the first so many.")
    class_: _OfClass


class MaxShare(_Rule):
    """A feature has no more than a share of the weight."""

    rule: Literal["max_share"]
    feature: _Name = Field(description="The feature.")
    value: _Share = Field(
        description="The most that its share may be: its mean part of an explanation's weights, 0 to 1."
    )
    class_: _OfClass


class MustNotBeDecidedAbove(_Rule):
    """Protected columns, and features that go together with one, rank after a feature, a place or noise. Of tables."""

    rule: Literal["must_not_be_decided_above"]
    columns: tuple[_Name, ...] = Field(default=(), description="Features that must not rank above the reference.")
    proxies_of: _Name | None = Field(
        default=None,
        description="A column of the data, a feature or not: it, where it is a feature, and every feature that goes "
        "together with it must not rank above the reference.",
    )
    association: float = Field(
        default=0.3,
        gt=0,
        le=1,
        description="From which association with that column on a feature is a proxy of it: Cramér's V or the "
        "correlation ratio, 0 to 1.",
    )
    above: Annotated[int, Field(ge=1)] | _Name = Field(
        description="The reference: a feature, a rank, or noise for the score that columns like it reach by chance."
    )
    class_: _OfClass


class MinFidelity(_Rule):
    """The local models follow the model: the median of their R² over the rows."""

    rule: Literal["min_fidelity"]
    value: float = Field(le=1, allow_inf_nan=False, description="The least that the median R² may be.")
    class_: _OfRows


class MinTrusted(_Rule):
    """Enough explanations are usable: of enough fidelity, and stable where that was measured."""

    rule: Literal["min_trusted"]
    value: _Share = Field(description="The least that the usable explanations' share may be, 0 to 1.")
    class_: _OfRows


class MaxFailed(_Rule):
    """Few enough rows failed."""

    rule: Literal["max_failed"]
    value: _Share = Field(description="The most that the failed rows' share may be, 0 to 1.")


class MaxRankNoise(_Rule):
    """Ranks are settled: the intervals of the first ranks are narrow."""

    rule: Literal["max_rank_noise"]
    value: _Share = Field(
        description="How wide the rank intervals of the first aggregate.top features may be on average: 0 where each "
        "rank is sure, 1 where each could be any."
    )
    class_: _OfClass


class StableSinceLast(_Rule):
    """Features rank as in the last run of the model: SageMaker Clarify's nDCG, gains from the last run's scores."""

    rule: Literal["stable_since_last"]
    ndcg: float = Field(
        default=0.9, ge=0, le=1, description="The least that nDCG may be, 1 where the order is the same."
    )
    first_run: Literal["pass", "undecided"] = Field(
        default="pass", description="The verdict where there is no last run to compare with."
    )
    class_: _OfClass


Gate = Annotated[
    PoolsAgree
    | MaxRank
    | MaxShare
    | MustNotBeDecidedAbove
    | MinFidelity
    | MinTrusted
    | MaxFailed
    | MaxRankNoise
    | StableSinceLast,
    Field(discriminator="rule"),
]
"""Any of the rules."""


def contradictions(settings: "Settings") -> Iterator[tuple[str, str]]:
    """Gates that are wrong in themselves or with the other settings, as (dotted key, message)."""
    for i, gate in enumerate(settings.gates):
        if gate in settings.gates[:i]:
            yield f"gates[{i}]", f"the same gate as gates[{settings.gates.index(gate)}]; remove one of them"
        elif problem := _without_evidence(gate, settings):
            yield f"gates[{i}].rule", f'"{gate.rule}" {problem}'
        else:
            for key, problem in (*_at_odds(gate, settings), *_dropped(gate, settings)):
                yield f"gates[{i}].{key}", problem


def _dropped(gate: Gate, settings: "Settings") -> Iterator[tuple[str, str]]:
    """Columns that a gate names and nobody may read of: its outcome would tell them."""
    named = {"feature": [getattr(gate, "feature", None)]}
    if isinstance(gate, MustNotBeDecidedAbove):
        named = {"columns": [*gate.columns], "above": [gate.above], "proxies_of": [gate.proxies_of]}
    for key, names in named.items():
        for name in names:
            if settings.data.redact.get(str(name)) == "drop":
                yield key, f'data.redact drops "{name}", and a gate is told by its columns; mask it instead'


def _without_evidence(gate: Gate, settings: "Settings") -> str:
    """What keeps a rule from being judged; empty where nothing does."""
    tabular = settings.data.domain == "tabular"
    for_tables = f"is for tables; data.domain is {settings.data.domain}"
    match gate:
        case PoolsAgree():
            if not tabular:
                return for_tables
            return (
                "" if settings.explain.compare_pools else "needs explain.compare_pools: true, which does the comparing"
            )
        case MustNotBeDecidedAbove():
            return "" if tabular else for_tables
        case _:
            return ""


def _at_odds(gate: Gate, settings: "Settings") -> Iterator[tuple[str, str]]:
    """Keys of one gate that leave it nothing to ask, or that nothing could answer, as (key, message)."""
    match gate:
        case MustNotBeDecidedAbove():
            if not gate.columns and gate.proxies_of is None:
                yield "columns", "missing; name columns, or proxies_of, the column whose proxies are meant"
            for name in repeated(gate.columns):
                yield "columns", f'"{name}" stands twice'
            if gate.above in gate.columns:
                yield "above", f'"{gate.above}" is among the columns that must not rank above it'
            if gate.above == NOISE and settings.explain.method == "kernelshap":
                yield "above", "kernelshap has no noise floor; name a feature or a rank"
            if gate.proxies_of is None and "association" in gate.model_fields_set:
                yield "association", "is of proxies_of, which names no column; set one or remove the other"
        case MaxFailed() if gate.value > (most := settings.explain.max_failed_fraction):
            yield (
                "value",
                (f"{gate.value:g} is more than explain.max_failed_fraction ({most:g}), above which the run fails"),
            )
        case _:
            return
