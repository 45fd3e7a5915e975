"""Which features cannot be told from columns that do nothing: their mark, and what is said of them."""

from collections.abc import Mapping, Sequence
from typing import Final

import pandas as pd

from limekiln.domains.tabular.probes import PROBES
from limekiln.record import Results, Score
from limekiln.report.names import Name, Sentence, join, name, say
from limekiln.report.ranking import used
from limekiln.report.voice import Voice
from limekiln.report.words import percent

MARK: Final = "\N{DOUBLE DAGGER}"

_NAMED: Final = 5
_NAME: Final = 40

Noise = Mapping[str, tuple[str, ...]]
"""By class, its features that are not above their floor, best rank first."""


def noise(importances: pd.DataFrame) -> Noise:
    """The features of each class that cannot be told from noise; classes without any are not in it."""
    if "above_floor" not in importances:  # a run of a version that knew no floor
        return {}
    rows = importances[
        (importances["level"] == "feature") & importances["above_floor"].eq(other=False).fillna(value=False)
    ]
    found = rows.sort_values(["class", "rank"], kind="stable").groupby("class", sort=False)["feature"]
    return {str(c): tuple(str(f) for f in features) for c, features in found}


def told(scores: Sequence[Score]) -> tuple[Score, ...]:
    """The scores that rest on an explanation and are not known to be noise: what a sentence may name."""
    return tuple(s for s in used(tuple(scores)) if s.above_floor is not False)


def of_class(features: Sequence[str], n_features: int, says: Voice) -> Sentence | None:
    """What is said of a class's features that are noise; None where there are none."""
    if not features:
        return None
    named: tuple[str | Name, ...] = join(tuple(name(f, _NAME) for f in features[:_NAMED]))
    if (left := len(features) - _NAMED) > 0:
        named = (*(", " if part == " and " else part for part in named), f" and {left:,} more")
    which = f"{len(features):,} of {says.feature.count(n_features)}"
    return say(f"{which} cannot be told from columns that do nothing ({MARK}): ", *named, ".")


def footnote(says: Voice) -> str:
    """The note under a table that marks features."""
    return f"{MARK} No higher than columns drawn like it that do nothing: this {says.feature.one} may be mere noise."


def method(results: Results) -> str:
    """How the floor was found, in a few sentences; empty where it was not."""
    if all(s.floor is None for c in results.classes for s in c.features):
        return ""
    return (
        "Noise has no sign in an average of sizes, so columns that do nothing have scores as well. Each feature "
        f"was therefore set beside {PROBES} probes: the same column moved to other perturbed rows, where it means "
        "nothing. A feature that beats them all is above its noise floor (the dotted tick); one that does nothing gets "
        f"there in {percent(1 / (PROBES + 1))} of cases. The others are grey and marked {MARK}."
    )
