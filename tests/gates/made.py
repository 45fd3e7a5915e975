"""Evidence made by hand: a few features with intervals, a few rows with fidelities."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Literal

import pandas as pd

from limekiln.evidence import AssociatedFeature, Proxies, Stratum
from limekiln.gates import Evidence
from limekiln.record import TABLES, Counts, RunRecord, SampleFacts
from report import sample_record as sample

Interval = tuple[float, float, float]
"""A number and the ends of its interval."""


@cache
def _base() -> RunRecord:
    return sample.credit()


def feature(
    name: str,
    rank: tuple[int, int, int] | int,
    share: Interval | None = None,
    *,
    score: Interval | None = None,
    floor: float | None = None,
    se: tuple[float, float] = (0.0, 0.1),
) -> dict[str, Any]:
    """One feature of a class; a rank alone has no interval."""
    place, low, high = rank if isinstance(rank, tuple) else (rank, None, None)
    made: dict[str, Any] = {"feature": name, "rank": place, "rank_low": low, "rank_high": high, "support": 50}
    made |= {"share": None, "share_low": None, "share_high": None, "weighted": None, "ci_low": None, "ci_high": None}
    if share:
        made |= dict(zip(("share", "share_low", "share_high"), share, strict=True))
    if score:
        made |= dict(zip(("weighted", "ci_low", "ci_high"), score, strict=True))
    return made | {"floor": floor, "se_rows": se[0], "se_pool": se[1]}


def of_classes(
    classes: Mapping[str, Sequence[dict[str, Any]]], proxies: Sequence[Proxies] = (), pool: str = "marginal"
) -> Evidence:
    """Evidence on the features of each class; the record's own classes are bad and good."""
    rows = [{"class": c, "level": "feature"} | f for c, features in classes.items() for f in features]
    table = pd.DataFrame(rows, columns=list(TABLES["importances"]))
    numbers = [c for c in table.columns if c not in {"class", "level", "feature", "value", "above_floor"}]
    base = _base()
    results = base.results.model_copy(
        update={"proxies": tuple(proxies), "method": base.results.method.model_copy(update={"pool": pool, "top": 2})}
    )
    return Evidence(results, {**base.tables, "importances": table.astype(dict.fromkeys(numbers, "Float64"))})


def of_rows(
    rows: Sequence[tuple[str, float | None, str]], *, of: int | None = None, failed: int = 0, vsi: float | None = 0.9
) -> Evidence:
    """Evidence on rows (class, R², trust) of a table of `of` rows; None is all that were asked for."""
    base, asked = _base(), len(rows) + failed
    table = pd.DataFrame(
        [(f"r{i}", c, r2, vsi, trust) for i, (c, r2, trust) in enumerate(rows)],
        columns=["row", "class", "r2", "vsi", "trust"],
    )
    whole = asked if of is None else of
    results = base.results.model_copy(
        update={
            "counts": Counts(requested=asked, explained=len(rows), failed=failed, pool_failed=0, model_rows=0),
            "sample": SampleFacts(
                rows=asked,
                of=whole,
                stratify="none",
                seed=0,
                strata=(Stratum(name="all rows", rows=whole, taken=asked),),
            ),
        }
    )
    return Evidence(results, {**base.tables, "rows": table.astype({"r2": float, "vsi": float})})


def proxies_of(
    column: str,
    *found: tuple[str, Interval, Literal["the column", "proxy", "no proxy", "open"]],
    threshold: float = 0.3,
) -> Proxies:
    """Associations with a column."""
    return Proxies(
        column=column,
        measure="cramers_v",
        threshold=threshold,
        confidence=0.95,
        rows=1000,
        features=tuple(
            AssociatedFeature(feature=f, value=v, low=low, high=high, standing=standing)
            for f, (v, low, high), standing in found
        ),
    )
