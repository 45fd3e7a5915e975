"""Whole outputs against the ones looked at and kept in `tests/golden/`.

`make bless` writes them anew, when they were meant to change; the diff is to be looked at.

`results.json` is of a small real run; the view and the HTML are of a record made by hand, so that they change with the
report alone.
"""

import dataclasses
import json
import math
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

import kiln_cases
from limekiln import config, kiln
from limekiln.report import figures, html, view
from report import sample_record

GOLDEN = Path(__file__).parent / "golden"
BLESS = "make bless"


class Blessed(NamedTuple):
    """Whether what is made becomes golden."""

    wanted: bool


@cache
def _view() -> view.ReportView:
    return view.build(sample_record.credit())


def said(value: object) -> object:
    """A view as JSON values, without the coordinates of its drawings: the HTML holds those."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        if type(value).__module__ == figures.__name__:
            return type(value).__name__
        return {field.name: said(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return [said(inner) for inner in value] if isinstance(value, tuple) else value


def leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Every number, text and null of a JSON value with its path."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}")
    elif isinstance(value, list):
        yield f"{path}.length", len(value)
        for i, inner in enumerate(value):
            yield from leaves(inner, f"{path}[{i}]")
    else:
        yield path, value


def differences(old: object, new: object) -> list[str]:
    """Where two JSON values differ; numbers by more than other processors and libraries may round."""
    before, after = dict(leaves(old)), dict(leaves(new))
    found = []
    for path in [*before, *(p for p in after if p not in before)]:
        a, b = before.get(path, "nothing"), after.get(path, "nothing")
        if isinstance(a, float) and isinstance(b, (int, float)) and math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-9):
            continue
        if a != b:
            found.append(f"{path}: {a!r} became {b!r}")
    return found


@pytest.fixture
def blessed(request: pytest.FixtureRequest) -> Blessed:
    return Blessed(bool(request.config.getoption("--bless")))


def kept(name: str, made: str, blessed: Blessed) -> str:
    """The golden text, after writing it where it is to be blessed."""
    path = GOLDEN / name
    if blessed.wanted:
        path.parent.mkdir(exist_ok=True)
        path.write_text(made, "utf-8")
    return path.read_text("utf-8")


def test_the_results_of_a_small_run_are_the_golden_ones(tmp_path: Path, blessed: Blessed) -> None:
    finished = kiln.run(config.load(kiln_cases.write(tmp_path)))
    made = json.loads((finished.folder / "results.json").read_text("utf-8"))
    made["model"]["sha256"] = made["model"]["description"] = None  # scikit-learn's version decides them
    text = json.dumps(made, indent=1, ensure_ascii=False) + "\n"
    assert differences(json.loads(kept("results.json", text, blessed)), made) == [], BLESS


def test_the_view_is_the_golden_one(blessed: Blessed) -> None:
    made = json.loads(json.dumps(said(_view()), default=str))
    text = json.dumps(made, indent=1, ensure_ascii=False) + "\n"
    assert differences(json.loads(kept("view.json", text, blessed)), made) == [], BLESS


def test_the_html_is_the_golden_one(blessed: Blessed) -> None:
    page = html.render(_view())
    bare = re.sub(r"(<style>|<script>).*?(</style>|</script>)", r"\1…\2", page, flags=re.DOTALL)
    bare = re.sub(r"'sha256-[^']+'", "'sha256-…'", bare)
    assert bare.splitlines() == kept("report.html", bare, blessed).splitlines(), BLESS


def test_a_difference_is_found_and_named() -> None:
    old = {"a": [1.0, {"b": "x"}], "c": None}
    assert differences(old, {"a": [1.0 + 1e-9, {"b": "x"}], "c": None}) == []
    assert differences(old, {"a": [1.1, {"b": "x"}]}) == [".a[0]: 1.0 became 1.1", ".c: None became 'nothing'"]
