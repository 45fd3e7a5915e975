"""Two runs' records → what changed between them: whether they can be compared, what is not the same, what moved."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from limekiln import altered, drift
from limekiln.aggregate.folds import FOLDS
from limekiln.change import LISTED, NAMED, Change, ClassChange, FeatureChange, RunName
from limekiln.drift import Differences, Ranking
from limekiln.record import ALL_CLASSES, TABLES, RunRecord
from limekiln.values import Array, Mask

_SEED: Final = 0
_ALIKE: Final = {  # what makes scores mean something else
    "method": "explain.method",
    "pool": "explain.pool",
    "score": "aggregate.score",
    "discretizer": "explain.discretizer",
    "features": "explain.features",
    "selection": "explain.selection",
    "ridge": "the ridge",
}
_NEARLY: Final = {  # what moves them a little, or moves their noise
    "perturbations": "explain.perturbations",
    "background": "explain.background",
    "masks": "explain.masks",
    "hidden": "what hidden parts show",
    "min_support": "aggregate.min_support",
}


@dataclass(frozen=True)
class _Side:
    """One class in both runs: k features, by name, and their places in either run's table; -1 where it is not there."""

    class_name: str
    features: tuple[str, ...]
    tables: tuple[pd.DataFrame, pd.DataFrame]
    rankings: tuple[Ranking, Ranking]
    differences: Differences


def unreadable(old: RunName, new: RunRecord, why: str) -> Change:
    """The change against a run that could not be read."""
    facts = new.results.method
    return Change(
        old=old,
        new=_named(new, None),
        verdict="unreadable",
        reasons=(why,),
        score=facts.score,
        confidence=facts.confidence,
    )


def between(old: RunRecord, new: RunRecord, hashes: tuple[str | None, str | None] = (None, None)) -> Change:
    """What changed from one run to another.

    Args:
        old: the run that gives the gains of nDCG.
        new: the other; its confidence, score and top are those of the comparison.
        hashes: SHA-256 of the two manifests, where they are files.
    """
    facts = new.results.method
    against, reservations = list(_against(old, new)), list(_reservations(old, new))
    ours, theirs = (tuple(c.name for c in r.results.classes if c.name != ALL_CLASSES) for r in (new, old))
    alike = _shown_alike(old, new)  # else names that are hidden now could come from the old run
    verdict = "incomparable" if against else "with reservations" if reservations else "comparable"
    return Change(
        old=_named(old, hashes[0]),
        new=_named(new, hashes[1]),
        verdict=verdict,
        reasons=tuple(against or reservations),
        score=facts.score,
        confidence=facts.confidence,
        altered=tuple(a for a in altered.between(old, new) if alike or a.what == "SHA-256" or a.part == "software"),
        classes=() if against else _classes(old, new),
        appeared=tuple(c for c in ours if c not in theirs) if alike else (),
        vanished=tuple(c for c in theirs if c not in ours) if alike else (),
    )


def _named(record: RunRecord, digest: str | None) -> RunName:
    manifest = record.manifest
    return RunName(run_id=manifest.run_id, created=manifest.created, manifest_sha256=digest)


def _against(old: RunRecord, new: RunRecord) -> Iterator[str]:
    """Why scores of the two runs mean different things."""
    was, now = old.results, new.results
    if not _shown_alike(old, new):
        yield "data.redact shows other columns than then, so that names cannot be matched"
    elif was.data.domain == "text" and was.data.redacted and was.data.sha256 != now.data.sha256:
        yield "words may be masked, and then go by other numbers in other data"
    for what, a, b in (
        ("task", was.model.task, now.model.task),
        ("output", was.model.output, now.model.output),
        ("kind of data", was.data.domain, now.data.domain),
    ):
        if a != b:
            yield f"the {what} was {a} and is {b}"
    for field, key in _ALIKE.items():
        a, b = getattr(was.method, field), getattr(now.method, field)
        if a != b:
            yield f"{key} was {_value(a)} and is {_value(b)}"
    width = was.method.kernel_width, now.method.kernel_width
    # the default follows the number of features; then it is a reservation
    if not np.isclose(*width) and was.data.n_features == now.data.n_features:
        yield f"explain.kernel_width was {width[0]:g} and is {width[1]:g}"
    if not {c.name for c in was.classes} & {c.name for c in now.classes} - {ALL_CLASSES}:
        yield "they have no class in common"


def _shown_alike(old: RunRecord, new: RunRecord) -> bool:
    hidden = ({(c.column, c.how) for c in r.results.data.redacted} for r in (old, new))
    return next(hidden) == next(hidden)


def _reservations(old: RunRecord, new: RunRecord) -> Iterator[str]:
    """What makes scores of the two runs differ a little although the model may be the same."""
    was, now = old.results, new.results
    if was.model.unit != now.model.unit:
        yield f"the unit was {_value(was.model.unit)} and is {_value(now.model.unit)}"
    for field, key in _NEARLY.items():
        a, b = getattr(was.method, field), getattr(now.method, field)
        if a != b:
            yield f"{key} was {_value(a)} and is {_value(b)}"
    before, after = ({f.name for f in r.data.features} for r in (was, now))
    if before != after:
        yield (
            f"{len(after - before):,} features are new and {len(before - after):,} are gone, which shifts the scores "
            "of all others"
        )


def _value(value: object) -> str:
    return "none" if value is None else f"{value:,}" if isinstance(value, int) else f"{value}"


def _classes(old: RunRecord, new: RunRecord) -> tuple[ClassChange, ...]:
    """All classes together first, where there are several."""
    there = {c.name for c in old.results.classes}
    named = [c.name for c in new.results.classes if c.name in there and c.name != ALL_CLASSES]
    names = named if len(named) == 1 else [ALL_CLASSES, *named]
    sides = [_side(name, old, new) for name in names]
    confidence = new.results.method.confidence
    found = drift.discoveries(np.concatenate([s.differences.p for s in sides]), 1 - confidence)
    starts = np.cumsum([len(s.features) for s in sides])[:-1]
    together = 1 - (1 - confidence) / len(sides)
    return tuple(
        _class(side, old, new, moved, together) for side, moved in zip(sides, np.split(found, starts), strict=True)
    )


def _side(class_name: str, old: RunRecord, new: RunRecord) -> _Side:
    tables = (_table(old, class_name), _table(new, class_name))
    features = tuple(dict.fromkeys((*tables[0].index, *tables[1].index)))
    rankings = tuple(
        _ranking(table.reindex(list(features)), new.results.method.score, record.results.method.min_support)
        for table, record in zip(tables, (old, new), strict=True)
    )
    before, after = rankings
    found = drift.differences(before, after, new.results.method.confidence)
    return _Side(class_name, features, tables, (before, after), found)


def _table(record: RunRecord, class_name: str) -> pd.DataFrame:
    """The features of a class by name, those first that rank first."""
    table = record.tables["importances"].reindex(columns=list(TABLES["importances"]))  # an older run has fewer
    chosen = table[(table["class"] == class_name) & (table["level"] == "feature")]
    return chosen.sort_values("rank", kind="stable").set_index("feature")


def _ranking(table: pd.DataFrame, score: str, min_support: int) -> Ranking:
    """The scores of a class.

    A feature with too little support ranks after all others, so it counts as 0, and may be off by all of its score; so
    may one that has no interval. Each error has the degrees of freedom of its two sources (Welch, Satterthwaite).
    """
    columns = {n: table[n].to_numpy(dtype=float, na_value=np.nan) for n in ("ci_low", "ci_high", "se_rows", "se_pool")}
    measured = np.nan_to_num(table[score].to_numpy(dtype=float, na_value=np.nan))
    support = np.nan_to_num(table["support"].to_numpy(dtype=float, na_value=np.nan))
    by_rows, by_pool = columns["se_rows"], columns["se_pool"]
    total = by_rows**2 + by_pool**2
    below = by_rows**4 / np.maximum(support - 1, 1) + by_pool**4 / (FOLDS - 1)
    freedom = np.divide(total**2, below, out=np.full_like(total, 1e9), where=below > 0)
    return Ranking(
        score=np.where(support >= min_support, measured, 0.0),
        low=columns["ci_low"],
        high=columns["ci_high"],
        se=np.where(np.isnan(total), measured, np.sqrt(total)),
        freedom=freedom,
    )


def _class(side: _Side, old: RunRecord, new: RunRecord, moved: Mask, confidence: float) -> ClassChange:
    before, after = side.rankings
    rows = [next((c.rows for c in r.results.classes if c.name == side.class_name), 0) for r in (old, new)]
    interval = None
    if all(rows) and after.score.any():
        interval = drift.ndcg_interval(before, after, confidence, np.random.default_rng(_SEED))
    top = new.results.method.top
    first = [_first(side, i, top) for i in (0, 1)]
    gone, come = _alone(side, 0), _alone(side, 1)
    return ClassChange(
        class_name=side.class_name,
        old_rows=rows[0],
        new_rows=rows[1],
        ndcg=interval.value if interval else None,
        ndcg_low=interval.low if interval else None,
        ndcg_high=interval.high if interval else None,
        reason="" if interval else _why(rows),
        rank_correlation=drift.rank_correlation(before.score, after.score) if interval else None,
        top=top,
        overlap=drift.jaccard(*first) if interval else None,
        tested=int((~np.isnan(side.differences.p)).sum()),
        moved=int(moved.sum()),
        features=tuple(_feature(side, i, moved=bool(moved[i])) for i in _listed(side, moved, first)),
        appeared=tuple(come[:NAMED]),
        n_appeared=len(come),
        vanished=tuple(gone[:NAMED]),
        n_vanished=len(gone),
    )


def _why(rows: Sequence[int]) -> str:
    if not all(rows):
        which = "neither run" if not any(rows) else "the old run" if not rows[0] else "the new run"
        return f"no row was explained for it in {which}" if any(rows) else "no row was explained for it in either run"
    return "no feature is used by as many explanations as aggregate.min_support asks for"


def _first(side: _Side, run: int, top: int) -> list[str]:
    """The first features of one run that have a score."""
    scores = side.rankings[run].score
    used = {f for f, s in zip(side.features, scores, strict=True) if s > 0}
    return [f for f in side.tables[run].index if f in used][:top]


def _alone(side: _Side, run: int) -> list[str]:
    """Features that explanations of one run use and none of the other, those that rank first in it first."""
    table, other = side.tables[run], side.tables[1 - run]
    used, elsewhere = table.index[table["support"] > 0], set(other.index[other["support"] > 0])
    return [f for f in used if f not in elsewhere]


def _listed(side: _Side, moved: Mask, first: Sequence[Sequence[str]]) -> list[int]:
    sizes: Array = np.abs(side.differences.value)
    order = np.argsort(-sizes, kind="stable")
    findings = [int(i) for i in order if moved[i]]
    named = {*first[0], *first[1]}
    others = [int(i) for i in order if not moved[i] and side.features[i] in named]
    return [*findings[:LISTED], *others[:LISTED]]


def _feature(side: _Side, i: int, *, moved: bool) -> FeatureChange:
    before, after = side.rankings
    d, name = side.differences, side.features[i]
    tested = not np.isnan(d.p[i])
    return FeatureChange(
        feature=name,
        old=float(before.score[i]),
        old_low=_number(before.low[i]),
        old_high=_number(before.high[i]),
        old_rank=_rank(side.tables[0], name),
        new=float(after.score[i]),
        new_low=_number(after.low[i]),
        new_high=_number(after.high[i]),
        new_rank=_rank(side.tables[1], name),
        difference=float(d.value[i]),
        low=_number(d.low[i]),
        high=_number(d.high[i]),
        p=_number(d.p[i]),
        moved=moved,
        intervals=("separate" if d.apart[i] else "overlapping") if tested else None,
    )


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _rank(table: pd.DataFrame, feature: str) -> int | None:
    return int(table["rank"][feature]) if feature in table.index else None
