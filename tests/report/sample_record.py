"""Finished runs made by hand, for the report's tests: small, whole, the same every time."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from limekiln.evidence import Stratum
from limekiln.governance import Clause, GovernanceMapping, MappingSource, Regime, ReportFacts, Signed
from limekiln.record import (
    ALL_CLASSES,
    TABLES,
    ClassFacts,
    Counts,
    DataFacts,
    FeatureFacts,
    Fidelity,
    LocalFeature,
    Manifest,
    MethodFacts,
    ModelFacts,
    Notice,
    Pick,
    PickedRow,
    Results,
    RunRecord,
    SampleFacts,
    Score,
)

CREATED = "2026-11-22T14:05:09+00:00"
CREDIT_FEATURES = (
    "status_of_existing_checking_account", "duration_in_month", "credit_history", "purpose", "credit_amount",
    "savings_account_and_bonds", "present_employment_since",
    "installment_rate_in_percentage_of_disposable_income", "personal_status_and_sex",
    "other_debtors_or_guarantors", "present_residence_since", "property", "age_in_years",
    "other_installment_plans", "housing", "number_of_existing_credits_at_this_bank", "job",
    "number_of_people_being_liable_to_provide_maintenance_for", "telephone", "foreign_worker",
)  # fmt: skip
CREDIT_VALUES = {
    "status_of_existing_checking_account": "no checking account",
    "credit_history": "critical account/ other credits existing (not at this bank)",
    "purpose": "car (used)",
    "savings_account_and_bonds": "unknown/ no savings account",
    "present_employment_since": "... >= 7 years",
}
NASTY = (
    "<script>alert('x')</script>",
    "{{7*7}}",
    "a" * 5000,
    "شمارهٔ حساب",
    "gold 🏅 rating",
    "null\x00 and \x01\x08\x1b control",
    '"><img src=x onerror=alert(1)>',
    "&amp; already & not",
    "${jndi:ldap://x}",
    "line\nbreak\tand tab",
    "http://example.com/a.css",
    "=cmd|' /C calc'!A0",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢",
    "a word of many words that goes on and on until the cell that it stands in has no room left for it at all",
    "",
)


def governed() -> RunRecord:
    """The credit run with every field of the config's report section, some of them hostile, and a mapping."""
    record = credit()
    long = "<b>x</b> " * 60
    facts = record.manifest.report.model_copy(
        update={
            "classification": "internal & <secret>", "model_id": "M-17", "registry": "https://models/17",
            "users": long, "out_of_scope": ("hiring", long), "assumptions": ("x",), "known_limitations": (long,),
            "trigger": "incident", "data_from": "2026-01-01", "data_to": "2026-06-30", "next_review": "2027-01-31",
            "sign_off": (Signed(step="approved", name="A", decision="yes", comment=long, date="2026-11-30"),),
        }
    )  # fmt: skip
    clause = Clause(clause=long[:150], asks=long, sections=("method", "identity"), files=("results.json",), beyond=long)
    mapping = GovernanceMapping(name="ours", regimes=(Regime(name="Law", about=long, clauses=(clause,) * 9),))
    source = MappingSource(file="own.yaml", sha256="9" * 64)
    manifest = record.manifest.model_copy(update={"report": facts, "mapping": source})
    return RunRecord(record.results, manifest, record.tables, mapping)


def credit() -> RunRecord:
    """Two classes, 20 features, 1,000 rows."""
    return make(
        classes={"bad": 213, "good": 787},
        features=CREDIT_FEATURES,
        title="What drives the German credit risk model",
        model="German credit risk",
        budget=8,
    )


def animals() -> RunRecord:
    """Seven classes, 16 features."""
    names = ("amphibian", "bird", "fish", "insect", "invertebrate", "mammal", "reptile")
    features = (
        "hair", "feathers", "eggs", "milk", "airborne", "aquatic", "predator", "toothed", "backbone", "breathes",
        "venomous", "fins", "legs", "tail", "domestic", "catsize",
    )  # fmt: skip
    counts = dict(zip(names, (4, 20, 13, 8, 10, 41, 5), strict=True))
    return make(classes=counts, features=features, title="Zoo animals", model="Zoo", budget=4)


def houses() -> RunRecord:
    """Regression."""
    features = ("living_area", "latitude", "longitude", "rooms", "age", "income")
    return make(
        classes={"price": 400}, features=features, title="House prices", model="Prices", task="regression", budget=5,
        scale=100_000.0,
    )  # fmt: skip


def nasty() -> RunRecord:
    """Names and values that want to break the page."""
    classes = {"<b>bold</b>": 60, "طبقة": 40}
    return make(
        classes=classes, features=NASTY, title="<i>Nasty</i> {{ names }}", model="M & <M>", budget=3, values=NASTY
    )


def many() -> RunRecord:
    """Twenty classes, 500 features."""
    classes = {f"category number {i}": 30 + i for i in range(1, 21)}
    features = tuple(f"feature_{i:03}" for i in range(500))
    return make(classes=classes, features=features, title="Many", model="Many", budget=8)


def almost_empty() -> RunRecord:
    """Two classes, one row explained, all others failed, one class without rows."""
    return make(
        classes={"yes": 1, "no": 0}, features=("x", "y", "z"), title="Almost nothing", model="Tiny", budget=8, failed=49
    )


def empty() -> RunRecord:
    """Every row failed."""
    return make(classes={"yes": 0, "no": 0}, features=("x", "y"), title="Nothing", model="Tiny", budget=8, failed=50)


def make(  # one record has many facts; every caller names them
    *,
    classes: dict[str, int],
    features: Sequence[str],
    title: str,
    model: str,
    budget: int,
    task: Literal["classification", "regression"] = "classification",
    failed: int = 0,
    scale: float = 1.0,
    top: int = 10,
    values: Sequence[str] | None = None,
) -> RunRecord:
    """A record that holds together: shares, ranks, picks and tables agree with each other."""
    rng = np.random.default_rng(7)
    explained = sum(classes.values())
    counts = Counts(requested=explained + failed, explained=explained, failed=failed, pool_failed=0, model_rows=21_000)
    every = {ALL_CLASSES: explained, **classes}
    facts, tables = [], []
    for name, rows in every.items():
        if task == "regression" and name != ALL_CLASSES:
            rng = np.random.default_rng(7)
        of_features = _scores(rng, name, [(f, None) for f in features], rows, scale)
        of_values = _scores(rng, name, _values(features, values), rows, scale * 0.8)
        tables += [(name, "feature", s) for s in of_features] + [(name, "value", s) for s in of_values]
        facts.append(
            ClassFacts(
                name=name,
                rows=rows,
                fidelity=_fidelity(rows),
                n_features=len(features),
                features=tuple(of_features[:top]),
                values=tuple(of_values[:top]),
            )
        )
    scopes = [s for s, rows in every.items() if rows] if task == "classification" else [ALL_CLASSES] * bool(explained)
    picks = tuple(
        _pick(rng, scope, every[scope], classes=classes, features=features, values=values, budget=budget, scale=scale)
        for scope in scopes
    )
    results = Results(
        model=ModelFacts(
            name=model, version="2026-11", task=task, output="probability" if task == "classification" else "value",
            kind="skops", description="Pipeline(ColumnTransformer, LogisticRegression)", sha256="a" * 64,
        ),
        data=DataFacts(
            source="examples/credit/german_credit.csv", rows=counts.requested, n_features=len(features),
            target="creditability", id=None,
            sha256="b" * 64,
            features=tuple(
                FeatureFacts(
                    name=f, kind="continuous" if i % 3 == 1 else "categorical", values=4, missing=0, constant=False
                )
                for i, f in enumerate(features)
            ),
        ),
        sample=SampleFacts(
            rows=counts.requested, of=counts.requested, stratify="predicted", seed=0,
            strata=tuple(Stratum(name=c, rows=n, taken=n) for c, n in classes.items()),
        ),
        method=MethodFacts(
            method="lime", pool="marginal", perturbations=20_000, discretizer="quartile", kernel_width=3.354,
            selection="none", features=None, ridge=1.0, score="weighted", min_support=20, top=top, budget=budget,
        ),
        counts=counts,
        fidelity=_fidelity(explained),
        accuracy=0.964 if explained and task == "classification" else None,
        classes=tuple(facts),
        picks=picks,
        notices=(Notice(code="pool", text="One pool of 20,000 perturbed rows serves every explanation."),),
    )  # fmt: skip
    return RunRecord(results=results, manifest=_manifest(counts, title), tables=_tables(tables, classes, picks, failed))


def _values(features: Sequence[str], values: Sequence[str] | None) -> list[tuple[str, str | None]]:
    if values is not None:
        return list(zip(features, values, strict=True))
    return [(f, v) for f in features[:40] for v in (CREDIT_VALUES.get(f, "> 24"), "12 to 18")]


def _scores(
    rng: np.random.Generator, name: str, keys: Sequence[tuple[str, str | None]], rows: int, scale: float
) -> list[Score]:
    n = len(keys)
    share = np.sort(rng.dirichlet(np.full(n, 0.6)))[::-1]
    order = np.arange(n) if name == ALL_CLASSES else np.argsort(np.arange(n) + rng.normal(0, 2.5, n))
    part = rng.beta(5, 1, n)
    scores = []
    for rank, (key, s, p) in enumerate(zip(order, share, part, strict=True), start=1):
        used = rows if rank < n else min(rows, 7)
        s_used = float(s) if used else 0.0
        scores.append(
            Score(
                feature=keys[key][0],
                value=keys[key][1],
                rank=rank,
                share=s_used,
                weighted=s_used * 0.31 * scale,
                positive=s_used * float(p),
                negative=s_used * float(1 - p),
                sign_consistency=abs(2 * float(p) - 1) if used else 0.0,
                support=used,
                pick_importance=float(np.sqrt(s_used * used)),
                supported=used >= 20,
            )
        )
    return scores


def _fidelity(rows: int) -> Fidelity:
    if not rows:
        return Fidelity(median=None, p05=None, p95=None, below_half=None)
    return Fidelity(median=0.812, p05=0.47, p95=0.93, below_half=0.061)


def _pick(
    rng: np.random.Generator,
    scope: str,
    rows: int,
    *,
    classes: dict[str, int],
    features: Sequence[str],
    values: Sequence[str] | None,
    budget: int,
    scale: float,
) -> Pick:
    size = min(budget, rows)
    gains = np.sort(rng.uniform(0.2, 3, size))[::-1]
    coverage = np.cumsum(gains)
    total = float(coverage[-1] * 1.4)
    bound = np.minimum(total, coverage * 1.08 + 0.01)
    names = [c for c, n in classes.items() if n]
    picked = []
    for k in range(size):
        weights = rng.normal(0, 0.1, len(features)) * scale
        picked.append(
            PickedRow(
                order=k + 1,
                row=str(int(rng.integers(0, 1000))),
                class_name=scope if scope != ALL_CLASSES else names[k % len(names)],
                predicted=0.871 * scale,
                surrogate=0.834 * scale,
                target=names[0],
                r2=0.42 if k == 2 else 0.853,
                gain=float(gains[k]),
                coverage=float(coverage[k]),
                upper_bound=float(bound[k]),
                newly_covered=tuple(f"{f}: > 24" for f in features[:6]) if k < 6 else (),
                n_newly_covered=9 if k < 6 else 0,
                features=tuple(
                    LocalFeature(
                        feature=f,
                        raw=values[i] if values else CREDIT_VALUES.get(f, "36"),
                        value=values[i] if values else CREDIT_VALUES.get(f, "> 24"),
                        weight=float(w),
                    )
                    for i, (f, w) in enumerate(zip(features, weights, strict=True))
                ),
            )
        )
    return Pick(
        scope=scope, budget=budget, rule="a row covers a feature's value where its weight is not zero",
        keys=len(features) * 3, total=total, covered=float(coverage[-1]), upper_bound=float(bound[-1]),
        ratio=float(coverage[-1] / bound[-1]), optimal=False, rows=tuple(picked),
    )  # fmt: skip


def _manifest(counts: Counts, title: str) -> Manifest:
    return Manifest(
        run_id="20261122T140509Z-1f2e3d4c", limekiln="0.1.0", created=CREATED, config_file="config.yaml",
        config_text="model:\n  name: German credit risk   # as the report shows it\n  version: '2026-11'\n",
        config_sha256="c" * 64, model_sha256="a" * 64, data_sha256="b" * 64, seed=0,
        environment={"python": "3.11.2", "numpy": "2.4.6", "scikit-learn": "1.9.1", "platform": "Linux x86_64"},
        cluster={"scheduler": "local", "workers": 2, "threads_per_worker": 1},
        counts=counts, timings={"read": 0.31, "predict": 1.2, "explain": 2.94, "aggregate": 0.2, "pick": 1.61},
        report=ReportFacts(
            title=title, owner="Retail credit", materiality_tier="2", approvers=("Head of model risk",),
            intended_use="Supports the decision on consumer loans up to 20,000 DM.",
        ),
        formats=("html", "pdf"), previous_run=None, previous_manifest_sha256=None,
        files={"results.json": "d" * 64, "importances.parquet": "e" * 64},
    )  # fmt: skip


def _tables(
    scores: list[tuple[str, str, Score]], classes: dict[str, int], picks: tuple[Pick, ...], failed: int
) -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(11)
    importances = pd.DataFrame(
        [{"class": c, "level": level, **s.model_dump(exclude={"supported"})} for c, level, s in scores],
        columns=list(TABLES["importances"]),
    ).astype({"ci_low": "Float64", "ci_high": "Float64", "rank_low": "Int64", "rank_high": "Int64"})
    rows = pd.DataFrame(
        [
            (f"{c}-{i}", c, 0.9, 0.88, 0.3, float(1 - rng.beta(2, 7)), 0.9, 1.0, "usable", 20_000, c, "")
            for c, n in classes.items()
            for i in range(n)
        ],
        columns=list(TABLES["rows"]),
    )
    failures = pd.DataFrame(
        [(f"{i}", "predict", "the model returned NaN for this row") for i in range(failed)],
        columns=list(TABLES["failures"]),
    )
    picked = pd.DataFrame(
        [(p.scope, r.order, r.row, r.gain, r.coverage, r.upper_bound) for p in picks for r in p.rows],
        columns=list(TABLES["picks"]),
    )
    others = {n: pd.DataFrame(columns=list(TABLES[n])) for n in ("explanations", "certificates")}
    return {"importances": importances, "rows": rows, "failures": failures, "picks": picked, **others}
