"""Where a feature stands in the classes that a gate asks of, and which of several outcomes is the worst."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

import pandas as pd

from limekiln.evidence import GateOutcome
from limekiln.gates.judging import WORST_FIRST, Evidence
from limekiln.record import ALL_CLASSES, Results


@dataclass(frozen=True)
class Interval:
    """A number with the ends of its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Standing:
    """A feature in one class, or in all together.

    Attributes:
        rank, share, score: with their intervals, `score` of the score that ranks; None where there is none.
        floor: what the score of a column like it reaches by chance; None where that was not measured.
        place: its rank, with an interval or without; 0 where no explanation uses a feature of this name.
        near: then the name most like it, if there is one.
        support: the explanations that use it.
        rows: the explanations of the class.
    """

    class_name: str
    feature: str
    rank: Interval | None
    share: Interval | None
    score: Interval | None
    floor: float | None
    place: int
    support: int
    rows: int
    near: str = ""


def classes_asked(class_: str | None, results: Results) -> tuple[str, ...]:
    """The class that a gate names; else each class, and all together where there are several."""
    if class_ is not None:
        return (class_,)
    named = tuple(c.name for c in results.classes if c.name != ALL_CLASSES)
    return named if len(named) == 1 else (ALL_CLASSES, *named)


def features(evidence: Evidence, class_name: str) -> pd.DataFrame:
    """The features of a class in `importances.parquet`, best rank first."""
    table = evidence.tables["importances"]
    return table[(table["class"] == class_name) & (table["level"] == "feature")].sort_values("rank", kind="stable")


def standing(evidence: Evidence, feature: str, class_name: str) -> Standing:
    """Where a feature stands in a class, or in all together."""
    rows = next((c.rows for c in evidence.results.classes if c.name == class_name), 0)
    table = features(evidence, class_name)
    found = table[table["feature"] == feature]
    if found.empty:
        near = get_close_matches(feature, table["feature"].tolist(), n=1)
        return Standing(class_name, feature, None, None, None, None, 0, 0, rows, near[0] if near else "")
    row = found.iloc[0]
    score = evidence.results.method.score
    return Standing(
        class_name=class_name,
        feature=feature,
        rank=_interval(row, "rank", "rank_low", "rank_high"),
        share=_interval(row, "share", "share_low", "share_high"),
        score=_interval(row, score, "ci_low", "ci_high"),
        floor=None if pd.isna(row["floor"]) else float(row["floor"]),
        place=int(row["rank"]),
        support=int(row["support"]),
        rows=rows,
    )


def _interval(row: pd.Series, value: str, low: str, high: str) -> Interval | None:
    numbers = [row[name] for name in (value, low, high)]
    return None if any(pd.isna(n) for n in numbers) else Interval(*(float(n) for n in numbers))


def where(class_name: str, results: Results) -> str:
    """Which explanations are meant, at the beginning of a sentence."""
    if class_name == ALL_CLASSES:
        return "Over all rows"
    return f"For {class_name!r}" if results.model.task == "regression" else f"In the class {class_name!r}"


def surely(rank: Interval) -> str:
    """A rank interval, to stand within a sentence."""
    return "surely" if rank.low == rank.high else f"surely from {rank.low:.0f} to {rank.high:.0f}"


def no_interval(s: Standing, results: Results) -> str:
    """Why nothing is sure of a feature in a class, and what would help."""
    here = where(s.class_name, results)
    if not s.rows:
        return f"{here}, no row was explained, so nothing is known; `class` can name the classes to ask of."
    if not s.support:
        hint = f" The name most like it is {s.near}." if s.near else ""
        return f"{here}, no explanation uses {s.feature}, so its rank has no interval.{hint}"
    return (
        f"{here}, {s.feature} ranks {s.place} without an interval: the {s.support:,} explanations that use it are "
        "too few, or it is too far down to be compared."
    )


def worst(outcomes: Iterable[tuple[float, GateOutcome]]) -> GateOutcome:
    """The worst of several outcomes, each with a number that is lower the worse it is among those of its verdict."""
    return min(outcomes, key=lambda o: (WORST_FIRST.index(o[1].verdict), o[0]))[1]
