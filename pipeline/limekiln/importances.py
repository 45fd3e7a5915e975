"""Class importances of a data set: NormLIME per class and over all, by feature and by value."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
import pandas as pd

from limekiln import matrix
from limekiln.aggregate import floor, normlime
from limekiln.aggregate.floor import ProbeTally
from limekiln.aggregate.normlime import Scores, Tally
from limekiln.aggregate.spread import ScoreName
from limekiln.certify import Certain
from limekiln.record import ALL_CLASSES, TABLES
from limekiln.values import Array, Explanations, Index, Vocabulary

_EVERY_FEATURE: Final = 1000
_UNSURE: Final[Mapping[str, None]] = dict.fromkeys(
    (
        "rank_low",
        "rank_high",
        "tied",
        "se_rows",
        "se_pool",
        "debiased",
        "limit",
        "limit_low",
        "limit_high",
        "share_low",
        "share_high",
        "weighted_low",
        "weighted_high",
        "ci_low",
        "ci_high",
    )
)
_FLOOR: Final[Mapping[str, None]] = dict.fromkeys(("floor", "above_floor"))


@dataclass(frozen=True)
class ClassTally:
    """Tallies of the rows explained for one class: by feature, and by key where features have values."""

    features: Tally
    values: Tally | None

    def __add__(self, other: "ClassTally") -> "ClassTally":
        values = None if self.values is None or other.values is None else self.values + other.values
        return ClassTally(self.features + other.features, values)


@dataclass(frozen=True)
class Ranked:
    """Scores and ranks of one class at one level; `keys` are positions in the level's names.

    `floor` are the noise floors of the ranked scores, by position in the level's names, NaN where there is none; None
    where nothing was probed.
    """

    class_name: str
    level: Literal["feature", "value"]
    keys: Index
    scores: Scores
    ranks: Index
    score: ScoreName
    certain: Certain | None = None
    floor: Array | None = None


def tally(vocabulary: Vocabulary, explained: Explanations, n_classes: int) -> tuple[ClassTally, ...]:
    """One tally a class, of the rows explained for it; tallies of disjoint batches add up."""
    tallies = []
    for c in range(n_classes):
        mine = explained.weights[np.flatnonzero(explained.labels == c)]
        values = normlime.tally(mine) if vocabulary.has_values else None
        tallies.append(ClassTally(normlime.tally(matrix.by_feature(vocabulary, mine)), values))
    return tuple(tallies)


def rank(tallies: tuple[ClassTally, ...], classes: tuple[str, ...], score: ScoreName, min_support: int) -> list[Ranked]:
    """All classes together (`*`) first, then each class; at each, features and then values.

    Every feature is ranked, used or not; of values, and of a large vocabulary's words, only those that some
    explanation uses.
    """
    ranked = []
    whole = sum(tallies[1:], start=tallies[0])
    for name, t in ((ALL_CLASSES, whole), *zip(classes, tallies, strict=True)):
        for level, level_tally in (("feature", t.features), ("value", t.values)):
            if level_tally is None:
                continue
            scored = normlime.scores(level_tally)
            every = level == "feature" and len(scored.support) <= _EVERY_FEATURE
            keys = np.arange(len(scored.support)) if every else np.flatnonzero(scored.support)
            order = normlime.ranks(getattr(scored, score)[keys], scored.support[keys], min_support)
            ranked.append(Ranked(name, level, keys, scored, order, score))  # type: ignore[arg-type]  # a literal pair above
    return ranked


def above(ranked: list[Ranked], probes: ProbeTally | None) -> list[Ranked]:
    """The rankings of features with their noise floors; `ranked` from `rank`, of all classes."""
    if probes is None:
        return ranked
    classes = [r.class_name for r in ranked if r.level == "feature" and r.class_name != ALL_CLASSES]

    def with_floor(r: Ranked) -> Ranked:
        if r.level != "feature":
            return r
        together = r.class_name == ALL_CLASSES
        tally = floor.together(probes) if together else probes
        c = 0 if together else classes.index(r.class_name)
        return replace(r, floor=floor.floor(tally, c, getattr(r.scores, r.score), r.score))

    return [with_floor(r) for r in ranked]


def rows_of(ranked: Ranked, vocabulary: Vocabulary) -> Iterator[dict[str, object]]:
    """The rows of `importances.parquet` for one class and level, best rank first."""
    whole = ranked.level == "feature"
    named = [(f, None) for f in vocabulary.features] if whole else matrix.names(vocabulary)
    s = ranked.scores
    sure = {} if ranked.certain is None else _sure(ranked.certain, ranked.score)
    for position in np.argsort(ranked.ranks):
        key = int(ranked.keys[position])
        feature, value = named[key]
        yield {
            "class": ranked.class_name,
            "level": ranked.level,
            "feature": feature,
            "value": value,
            "rank": int(ranked.ranks[position]),
            "share": float(s.share[key]),
            "weighted": float(s.weighted[key]),
            "positive": float(s.positive[key]),
            "negative": float(s.negative[key]),
            "sign_consistency": float(s.sign_consistency[key]),
            "support": int(s.support[key]),
            "pick_importance": float(s.pick_importance[key]),
            "average": float(s.average[key]),
            "mean_absolute": float(s.mean_absolute[key]),
            **sure.get(int(position), _UNSURE),
            **_stands(ranked, key),
        }


def _stands(ranked: Ranked, key: int) -> Mapping[str, float | bool | None]:
    """The columns on the noise floor, of the key at a position of the level's names."""
    if ranked.floor is None or np.isnan(ranked.floor[key]):
        return _FLOOR
    lowest = float(ranked.floor[key])
    return {"floor": lowest, "above_floor": bool(getattr(ranked.scores, ranked.score)[key] > lowest)}


def _sure(c: Certain, score: ScoreName) -> dict[int, dict[str, object]]:
    """The columns that certainty fills, by the position of the key in its ranking."""
    rows: dict[int, dict[str, object]] = {}
    for i, position in enumerate(c.order):
        limits = {f"{s}_{end}": float(c.bounds[s][e][i]) for s in c.bounds for e, end in enumerate(("low", "high"))}
        rows[int(position)] = {
            "rank_low": int(c.intervals.rank_low[i]),
            "rank_high": int(c.intervals.rank_high[i]),
            "tied": int(c.intervals.tied[i]),
            "se_rows": float(c.intervals.se_rows[i]),
            "se_pool": float(c.intervals.se_pool[i]),
            "debiased": None if c.debiased is None else float(c.debiased[i]),
            "limit": None if c.limit is None else float(c.limit.score[i]),
            "limit_low": None if c.limit is None else float(c.limit.low[i]),
            "limit_high": None if c.limit is None else float(c.limit.high[i]),
            **limits,
            "ci_low": limits[f"{score}_low"],
            "ci_high": limits[f"{score}_high"],
        }
    return rows


def table(ranked: list[Ranked], vocabulary: Vocabulary) -> pd.DataFrame:
    """`importances.parquet`: every class, level and key."""
    made = pd.DataFrame([row for r in ranked for row in rows_of(r, vocabulary)])
    types = dict.fromkeys(("rank_low", "rank_high", "tied"), "Int64") | {"above_floor": "boolean"}
    numbers = (c for c in (*_UNSURE, "floor") if c not in types)
    return made[list(TABLES["importances"])].astype(types | dict.fromkeys(numbers, "Float64"))
