"""Two runs made by hand, for the tests of what compares them and of what shows it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gates import made
from limekiln.record import RunRecord
from report import sample_record as sample

Scores = Mapping[str, Sequence[tuple[str, float, float]]]
"""For each class its features, each with its score and how far the score may be off, either way."""

STEADY: Scores = {
    c: [("income", 3.0, 0.2), ("age", 2.0, 0.2), ("sex", 0.2, 0.1), ("job", 0.1, 0.1)] for c in ("*", "bad", "good")
}
PLANTED: Scores = {
    **STEADY,
    **{c: [("income", 3.1, 0.2), ("age", 2.1, 0.2), ("sex", 9.0, 0.3), ("job", 0.1, 0.1)] for c in ("*", "bad")},
}


def run(scores: Scores, name: str = "20261101T000000Z-1", **facts: Any) -> RunRecord:
    """The credit run with other scores; `facts` are of the manifest, or of the method where it has such a field."""
    base = sample.credit()
    method = {k: v for k, v in facts.items() if k in type(base.results.method).model_fields}
    rest = {k: v for k, v in facts.items() if k not in method}
    classes = {}
    for class_, features in scores.items():
        ordered = sorted(features, key=lambda f: -f[1])
        classes[class_] = [
            made.feature(f, i, score=(s, max(0.0, s - off), s + off), se=(0.0, off / 2.1))
            for i, (f, s, off) in enumerate(ordered, start=1)
        ]
    importances = made.of_classes(classes).tables["importances"]
    # what the report draws beside the scores
    shown = dict.fromkeys(("share", "positive", "negative", "sign_consistency", "pick_importance"), 0.0)
    tables = {**base.tables, "importances": importances.fillna(shown)}
    results = base.results.model_copy(
        update={"method": base.results.method.model_copy(update={"top": 2, "min_support": 20} | method)}
    )
    manifest = base.manifest.model_copy(update={"run_id": name, "created": "2026-11-01T00:00:00Z"} | rest)
    return replace(base, results=results, manifest=manifest, tables=tables)
