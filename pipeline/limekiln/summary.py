"""The stages' arrays as the documents and tables that a run leaves behind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from limekiln import importances, matrix, representatives, trust, views
from limekiln.domains.tabular.space import Space
from limekiln.evidence import Certificate, OpenPair, Stratum
from limekiln.importances import Ranked
from limekiln.record import (
    ALL_CLASSES,
    TABLES,
    ClassFacts,
    FeatureFacts,
    Fidelity,
    LocalFeature,
    Mark,
    Notice,
    Pick,
    PickedRow,
    SampleFacts,
    Score,
    Series,
)
from limekiln.representatives import Representatives
from limekiln.sample import Sample
from limekiln.values import Array, Explanations, Failure, Index, Vocabulary

_LOCAL_FEATURES: Final = 30
_NEW_KEYS_NAMED: Final = 5
_OPEN_PAIRS: Final = 10


@dataclass(frozen=True)
class Illustration:
    """One row as it is shown beside its weights: a text's pieces, a series, or a picture (PNG)."""

    marks: tuple[Mark, ...] = ()
    series: Series | None = None
    png: bytes = b""


@dataclass(frozen=True)
class Explained:
    """All explained rows of a run, in the order of the data.

    Attributes:
        vocabulary: what their weights are keyed by.
        local: their explanations.
        classes: the classes' names, or the outputs'.
        row_keys: (n,) the rows' names, in the order of `local`.
        targets: (n,) true labels or values as text; None where the data have none, or they may not be told.
        features: of a table, the rows' values as they may be told, in the order of `local`; else without columns.
        perturbations: how many perturbed rows each explanation rests on.
        several: whether every row is explained for each of several values that the model gives.
        margins: (n,) by how much the likeliest class is ahead of the second; None for a regression.
    """

    vocabulary: Vocabulary
    local: Explanations
    classes: tuple[str, ...]
    row_keys: list[str]
    targets: list[str] | None
    features: pd.DataFrame
    perturbations: int
    several: bool = False
    margins: Array | None = None


def tables(
    e: Explained, ranked: list[Ranked], chosen: list[Representatives], failures: Sequence[Failure], keys: Sequence[str]
) -> dict[str, pd.DataFrame]:
    """Every table of `record.TABLES` but the pictures; `keys` names all rows of the data, for the failures."""
    failed = [(keys[f.row], f.stage, f.error) for f in sorted(failures, key=lambda f: f.row)]
    return {
        "importances": importances.table(ranked, e.vocabulary),
        **of_rows(e),
        "picks": representatives.picks_table(chosen, e.row_keys),
        "certificates": representatives.certificates_table(chosen, e.vocabulary),
        "failures": pd.DataFrame(failed, columns=list(TABLES["failures"]), dtype="str"),
    }


def of_rows(e: Explained) -> dict[str, pd.DataFrame]:
    """The tables with a line for each row, and for each weight of one."""
    return {"explanations": _explanations(e), "rows": _rows(e)}


def feature_facts(space: Space, features: pd.DataFrame) -> tuple[FeatureFacts, ...]:
    """What the report says of each column."""
    return tuple(
        FeatureFacts(
            name=name,
            kind=c.kind,
            values=int(np.count_nonzero(c.frequency)),
            missing=int(features[list(c.members)].isna().all(axis=1).sum()),
            constant=c.constant,
        )
        for name, c in zip(space.names, space.columns, strict=True)
    )


def sample_facts(sample: Sample, stratify: str, seed: int) -> SampleFacts:
    """How the rows were chosen, stratum by stratum."""
    strata = zip(sample.strata.names, sample.sizes, sample.taken, strict=True)
    return SampleFacts(
        rows=len(sample.rows),
        of=int(sample.sizes.sum()),
        stratify=stratify,
        seed=seed,
        strata=tuple(Stratum(name=n, rows=int(s), taken=int(t)) for n, s, t in strata),
    )


def fidelity(r2: Array) -> Fidelity:
    """The distribution of weighted R²; all None where no surrogate had anything to explain."""
    known = r2[~np.isnan(r2)]
    if not len(known):
        return Fidelity(median=None, p05=None, p95=None, below_half=None)
    p05, median, p95 = (float(q) for q in np.percentile(known, [5, 50, 95]))
    return Fidelity(median=median, p05=p05, p95=p95, below_half=float((known < trust.LOW_FIDELITY).mean()))


def class_facts(
    e: Explained, ranked: list[Ranked], *, top: int, min_support: int, folds: int | None, look: int = 1
) -> tuple[ClassFacts, ...]:
    """`*` first, then each class, with the `top` features and values of each.

    `folds` is how many the perturbations were split into, None where they were not; `look` the number of this look.
    """
    by_class: dict[str, dict[str, Ranked]] = {}
    for r in ranked:
        by_class.setdefault(r.class_name, {})[r.level] = r
    facts = []
    other = views.compare(ranked, e.vocabulary, top, min_support)
    for name, levels in by_class.items():
        mine = rows_of_class(e, name)
        values = levels.get("value")
        facts.append(
            ClassFacts(
                name=name,
                rows=len(mine),
                fidelity=fidelity(e.local.r2[mine]),
                n_features=len(e.vocabulary.features),
                features=_top(levels["feature"], e.vocabulary, top, min_support),
                values=() if values is None else _top(values, e.vocabulary, top, min_support),
                certificate=_certificate(levels["feature"], e.vocabulary, len(mine), folds, look),
                trust=trust.facts(e.vocabulary, e.local, mine, levels["feature"], top=top, min_support=min_support),
                views=other.get(name, ()),
            )
        )
    return tuple(facts)


def choose(e: Explained, budget: int, *, per_class: bool) -> list[Representatives]:
    """The pick over all rows, and one within each predicted class, or for each value, that has rows."""
    scopes = [] if e.several else [ALL_CLASSES]
    if e.several or (per_class and len(e.classes) > 1):
        scopes += e.classes
    members = {scope: rows_of_class(e, scope) for scope in scopes}
    return [representatives.choose(e.vocabulary, e.local, m, scope, budget) for scope, m in members.items() if len(m)]


def pick_facts(e: Explained, chosen: Representatives, shown: Mapping[int, Illustration]) -> Pick:
    """One pick as the report tells it; `shown` illustrates explained rows by their position."""
    covered, total = float(chosen.coverage[-1]) if len(chosen.coverage) else 0.0, chosen.total
    bound = chosen.upper_bound
    rows = tuple(_picked_row(e, chosen, order, shown) for order in range(len(chosen.members)))
    return Pick(
        scope=chosen.scope,
        budget=chosen.budget,
        rule=chosen.rule,
        keys=int(np.count_nonzero(chosen.importance)),
        total=total,
        covered=covered,
        upper_bound=bound,
        ratio=covered / bound if bound > 0 else 1.0,
        optimal=bool(bound - covered <= 1e-9 * total),
        rows=rows,
    )


def accuracy(e: Explained, targets: Sequence[str] | None, *, shown: bool) -> tuple[float | None, list[Notice]]:
    """Share of explained rows whose predicted class is the true one (n,); None without labels in the classes.

    `shown` says whether a notice may quote one.
    """
    if targets is None or len(e.classes) == 1 or e.several:
        return None, []
    known = [t for t in targets if t]
    strange = sorted(set(known) - set(e.classes))
    if strange:
        held = repr(strange[0]) if shown else "a value"
        text = f"The target holds {held}, which is none of the model's classes, so no accuracy is shown."
        return None, [Notice(code="target_not_a_class", text=text)]
    if not known:
        return None, []
    right = sum(t == e.classes[label] for t, label in zip(targets, e.local.labels, strict=True) if t)
    return right / len(known), []


def rows_of_class(e: Explained, name: str) -> Index:
    """Positions of the rows explained for a class, or of all."""
    if name == ALL_CLASSES:
        return np.arange(len(e.local.rows))
    return np.flatnonzero(e.local.labels == e.classes.index(name))


def _top(ranked: Ranked, vocabulary: Vocabulary, top: int, min_support: int) -> tuple[Score, ...]:
    kept = set(Score.model_fields) - {"supported"}
    rows = [row for _, row in zip(range(top), importances.rows_of(ranked, vocabulary), strict=False)]
    scores: list[dict[str, Any]] = [{k: v for k, v in row.items() if k in kept} for row in rows]
    return tuple(Score(**s, supported=s["support"] >= min_support) for s in scores)


def _certificate(ranked: Ranked, vocabulary: Vocabulary, rows: int, folds: int | None, look: int) -> Certificate | None:
    if ranked.certain is None:
        return None
    decision = ranked.certain.decision
    named = [vocabulary.features[ranked.keys[position]] for position in ranked.certain.order]
    return Certificate(
        verdict=decision.verdict,
        top=decision.top,
        alpha=decision.alpha,
        look=look,
        rows=rows,
        folds=folds,
        pairs=decision.pairs,
        separated=decision.separated,
        tied=decision.tied,
        n_open=len(decision.open),
        open=tuple(
            OpenPair(
                first=named[p.first],
                second=named[p.second],
                z=p.z,
                growth=p.growth if np.isfinite(p.growth) else None,
                pool_share=p.pool_share,
            )
            for p in decision.open[:_OPEN_PAIRS]
        ),
    )


def _picked_row(e: Explained, chosen: Representatives, order: int, shown: Mapping[int, Illustration]) -> PickedRow:
    member, new = int(chosen.members[order]), chosen.new_keys[order]
    named = matrix.pick_names(e.vocabulary)
    r2 = float(e.local.r2[member])
    return PickedRow(
        order=order + 1,
        row=e.row_keys[member],
        class_name=e.classes[e.local.labels[member]],
        predicted=float(e.local.predicted[member]),
        surrogate=float(e.local.surrogate[member]),
        target=e.targets[member] if e.targets is not None else None,
        r2=None if np.isnan(r2) else r2,
        gain=float(chosen.gains[order]),
        coverage=float(chosen.coverage[order]),
        upper_bound=float(chosen.curve[order]),
        newly_covered=tuple(key_text(*named[k]) for k in new[:_NEW_KEYS_NAMED]),
        n_newly_covered=len(new),
        features=local_features(
            e.vocabulary, e.features.iloc[[member]], *e.local.entries(member), at_most=_LOCAL_FEATURES
        ),
        margin=None if e.margins is None else float(e.margins[member]),
        marks=shown[member].marks if member in shown else (),
        series=shown[member].series if member in shown else None,
    )


def local_features(
    vocabulary: Vocabulary, row: pd.DataFrame, keys: Index, weights: Array, *, at_most: int
) -> tuple[LocalFeature, ...]:
    """One explained row's features, heaviest first; of a table (1, d) with their raw values, as these may be told."""
    order = np.argsort(-np.abs(weights), kind="stable")[:at_most]
    found = []
    for j in order:
        name = vocabulary.features[vocabulary.feature[keys[j]]]
        raw = raw_text(row[name].iloc[0]) if name in row.columns else ""
        value = vocabulary.values[keys[j]]
        found.append(LocalFeature(feature=name, raw=raw or value, value=value, weight=float(weights[j])))
    return tuple(found)


def part_features(names: Sequence[str], weights: Array) -> tuple[LocalFeature, ...]:
    """The parts of one text, image or series by name, heaviest first."""
    order = np.argsort(-np.abs(weights), kind="stable")[:_LOCAL_FEATURES]
    return tuple(LocalFeature(feature=names[j], raw="", value="", weight=float(weights[j])) for j in order)


def pictures(e: Explained, shown: Mapping[int, Illustration], concepts: Mapping[str, Sequence[bytes]]) -> pd.DataFrame:
    """The table of pictures: of the picked rows, then of each concept its most typical patches."""
    rows = [("pick", e.row_keys[m], 1, i.png) for m, i in sorted(shown.items()) if i.png]
    rows += [("concept", name, k, png) for name, patches in concepts.items() for k, png in enumerate(patches, start=1)]
    return pd.DataFrame(rows, columns=list(TABLES["pictures"]))


def key_text(feature: str, value: str) -> str:
    """A key as a reader meets it."""
    return f"{feature}: {value}" if value != matrix.WHOLE_FEATURE else feature


def raw_text(value: object) -> str:
    """A value of the data as text: numbers in their shortest form, missing ones said to be so."""
    if pd.isna(value):  # type: ignore[call-overload]  # a scalar of any type, as the frame holds it
        return "(missing)"
    if isinstance(value, float):  # NumPy's float64 is one
        return f"{value:.0f}" if value == round(value) and abs(value) < 1e15 else f"{value:.6g}"  # noqa: PLR2004  # 2**53
    return str(value)


def _explanations(e: Explained) -> pd.DataFrame:
    weights = e.local.weights
    rows = np.repeat(np.arange(len(e.row_keys)), np.diff(weights.indptr))
    used = weights.data != 0
    rows, keys = rows[used], weights.indices[used]
    values = np.array(e.vocabulary.values, dtype=object)[keys] if e.vocabulary.has_values else ""
    return pd.DataFrame(
        {
            "row": np.array(e.row_keys, dtype=object)[rows],
            "class": np.array(e.classes, dtype=object)[e.local.labels[rows]],
            "feature": np.array(e.vocabulary.features, dtype=object)[e.vocabulary.feature[keys]],
            "value": values,
            "weight": weights.data[used],
        }
    )


def _rows(e: Explained) -> pd.DataFrame:
    r2 = e.local.r2
    flags = np.where(np.isnan(r2), "constant_output", np.where(r2 < trust.LOW_FIDELITY, "low_fidelity", ""))
    return pd.DataFrame(
        {
            "row": e.row_keys,
            "class": np.array(e.classes, dtype=object)[e.local.labels],
            "predicted": e.local.predicted,
            "surrogate": e.local.surrogate,
            "intercept": e.local.intercept,
            "r2": r2,
            "vsi": e.local.vsi,
            "csi": e.local.csi,
            "trust": trust.NAMES[trust.judge(e.local)],
            "perturbations": np.full(len(r2), e.perturbations, dtype=np.int64),
            "target": pd.array(e.targets if e.targets is not None else [None] * len(r2), dtype="str"),
            "flags": flags,
        }
    )
