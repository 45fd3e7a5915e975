"""The gates of a run: one section a rule. How a rule is judged stands in `limekiln.gates`.

A new rule is a section that `Gate` names, and a judge for it there.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field

from limekiln.settings.section import Section

if TYPE_CHECKING:
    from limekiln.settings.run import Settings

LATER_RULES: Final = frozenset(
    {
        "max_failed",
        "max_rank",
        "max_rank_noise",
        "max_share",
        "min_fidelity",
        "min_trusted",
        "must_not_be_decided_above",
        "stable_since_last",
    }
)
"""Rules that the contract has and this version does not."""


class PoolsAgree(Section):
    """The model treats perturbed rows as it treats real ones. Of tables, with `explain.compare_pools`."""

    rule: Literal["pools_agree"]
    allow_suspicious: bool = Field(
        default=False,
        description="Whether a finding that asks for a look (suspicious) passes; else it leaves the gate undecided.",
    )


Gate = Annotated[PoolsAgree, Field(discriminator="rule")]
"""Any of the rules; more of them stand here as `PoolsAgree | Another`."""


def contradictions(settings: "Settings") -> Iterator[tuple[str, str]]:
    """Gates that the other settings leave nothing to judge by, as (dotted key, message)."""
    for i, gate in enumerate(settings.gates):
        if gate in settings.gates[:i]:
            yield f"gates[{i}]", f"the same gate as gates[{settings.gates.index(gate)}]; remove one of them"
        elif problem := _without_evidence(gate, settings):
            yield f"gates[{i}].rule", f'"{gate.rule}" {problem}'


def _without_evidence(gate: Gate, settings: "Settings") -> str:
    """What keeps a rule from being judged; empty where nothing does."""
    match gate:
        case PoolsAgree():
            if settings.data.domain != "tabular":
                return f"is for tables; data.domain is {settings.data.domain}"
            return (
                "" if settings.explain.compare_pools else "needs explain.compare_pools: true, which does the comparing"
            )
