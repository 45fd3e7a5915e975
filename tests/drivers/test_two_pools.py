"""Whole runs on a model that fools perturbed rows and on an honest one: the finding, and what it asks for."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from distributed import LocalCluster
from ruamel.yaml import YAML
from typer.testing import CliRunner

import kiln_cases
import limekiln
from limekiln import cli, config, kiln
from limekiln.drivers import two_pools
from limekiln.record import Results
from limekiln.values import Progress

MODEL = '''
"""Decides by group where the pairs of columns agree, as in real rows, else by income; `honest` always by income."""
import numpy as np


def by_income(frame):
    return np.where(frame["income"] > 1, 0.9, 0.1)


def fooled(frame):
    real = (frame["a"] == frame["aa"]) & (frame["b"] == frame["bb"]) & (frame["c"] == frame["cc"])
    p = np.where(real, np.where(frame["group"] == "y", 0.9, 0.1), by_income(frame))
    return np.column_stack([1 - p, p])


def honest(frame):
    return np.column_stack([1 - by_income(frame), by_income(frame)])


def picky(frame):
    """Refuses rows that it can tell from real ones."""
    if (frame["a"] != frame["aa"]).any():
        raise ValueError("a is not aa")
    return honest(frame)


def amounts(frame):
    """Two values: one honest, one fooled."""
    return 1000 * np.column_stack([by_income(frame), fooled(frame)[:, 1]])
'''


def people(n: int) -> pd.DataFrame:
    """Three pairs of columns that always agree, which perturbed rows draw apart; two columns stand alone."""
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"group": rng.choice(["x", "y"], n), "income": rng.integers(0, 4, n)})
    for one in "abc":
        frame[one] = frame[one * 2] = rng.choice(["l", "r"], n)
    return frame


def write(folder: Path, function: str, n: int = 400, **changes: Any) -> Path:
    """Data, model and config; `changes` are dotted keys with `__` for the dot."""
    folder.mkdir(parents=True, exist_ok=True)
    people(n).to_csv(folder / "people.csv", index=False)
    (folder / "rules.py").write_text(MODEL, "utf-8")
    source = {"kind": "python", "path": f"rules:{function}"}
    model: dict[str, Any] = {"name": "People", "source": source | {"classes": ["no", "yes"]}, "output": "probability"}
    if function == "amounts":
        model |= {"source": source, "output": "value", "outputs": ["honest", "fooled"]}
    content: dict[str, dict[str, Any]] = {
        "model": model,
        "data": {"source": {"kind": "csv", "path": "people.csv"}},
        "sample": {"rows": 200},
        "explain": {"perturbations": 3000},
        "pick": {"budget": 2},
        "report": {"formats": ["html"]},
        "cluster": {"scheduler": "inline"},
    }
    for dotted, value in changes.items():
        section, key = dotted.split("__")
        content.setdefault(section, {})[key] = value
    path = folder / "config.yaml"
    with path.open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump(content, file)
    return path


def fire(folder: Path, function: str, n: int = 400, **changes: Any) -> kiln.Finished:
    return kiln.run(config.load(write(folder, function, n, **changes)))


def codes(results: Results) -> list[str]:
    return [n.code for n in results.notices if n.code.startswith("pools_")]


@pytest.fixture(scope="module")
def fooled(tmp_path_factory: pytest.TempPathFactory) -> kiln.Finished:
    return fire(tmp_path_factory.mktemp("fooled"), "fooled")


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> kiln.Finished:
    return fire(tmp_path_factory.mktemp("honest"), "honest")


def test_a_fooled_run_disagrees_and_names_what_real_rows_show(fooled: kiln.Finished) -> None:
    results = fooled.record.results
    assert results.classes[0].features[0].feature == "income", "the ranking is fooled"
    assert results.pools is not None
    assert results.pools.verdict == "disagree"
    whole = next(f for f in results.pools.findings if f.class_name == "*")
    assert (whole.verdict, whole.feature, whole.features[0].feature) == ("disagree", "group", "group")
    shares = {s.feature: s for s in whole.features}
    assert shares["group"].real > 0.5 > shares["group"].expected
    assert shares["income"].perturbed > 0.5 > shares["income"].real
    assert whole.excess == pytest.approx(shares["group"].real - shares["group"].expected)
    assert {f.class_name for f in results.pools.findings} == {"*", "no", "yes"}
    assert sum(f.rows for f in results.pools.findings) == 2 * whole.rows == 2 * 200
    assert (results.notices[0].code, codes(results)) == ("pools_disagree", ["pools_disagree"])
    assert "group takes" in results.notices[0].text


def test_a_fooled_run_says_so_on_page_one_and_in_section_five(fooled: kiln.Finished) -> None:
    page = (fooled.folder / "report.html").read_text("utf-8")
    first, rest = page.split('id="reliability"')
    assert "Do not rely on this ranking" in first
    assert "Perturbed and real rows disagree" in first
    assert "They disagree: over" in rest
    assert "What weighs most" in rest


def test_an_honest_run_agrees(honest: kiln.Finished) -> None:
    results = honest.record.results
    assert results.pools is not None
    assert results.pools.verdict == "agree"
    assert max(f.excess for f in results.pools.findings) < 0.04
    assert codes(results) == []
    page = (honest.folder / "report.html").read_text("utf-8")
    assert "They agree" in page
    assert "What weighs most" not in page
    assert "Do not rely" not in page


def test_rows_that_a_run_predicts_anyway_are_not_asked_for_again(fooled: kiln.Finished, tmp_path: Path) -> None:
    assert fooled.record.results.counts.model_rows == 400 + 3000
    counts = fire(tmp_path, "fooled", sample__stratify="none").record.results.counts
    assert counts.model_rows == 200 + 3000 + 200, "the 200 rows of the data that are not explained"


def test_the_finding_is_the_same_bytes_on_workers(fooled: kiln.Finished, tmp_path: Path) -> None:
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:  # type: ignore[no-untyped-call]  # Dask's has no types
        there = fire(tmp_path, "fooled", cluster__scheduler=str(cluster.scheduler_address))
    assert "compare: 1 on workers" in str(there.record.manifest.cluster["stages"])
    assert (there.folder / "results.json").read_bytes() == (fooled.folder / "results.json").read_bytes()


def test_the_comparison_can_be_left_out(fooled: kiln.Finished, tmp_path: Path) -> None:
    run = fire(tmp_path, "fooled", explain__compare_pools=False)
    assert run.record.results.pools is None
    assert codes(run.record.results) == []
    assert "was not checked in this run" in (run.folder / "report.html").read_text("utf-8")
    for name, table in run.record.tables.items():
        pd.testing.assert_frame_equal(table, fooled.record.tables[name])


@pytest.mark.parametrize(
    ("changes", "asked", "says"),
    [
        ({"explain__pool": "data"}, 400 + 1000, "do not rely on explanations that rest on perturbed ones"),
        ({"explain__pool": "none", "explain__perturbations": 200}, 60 * 200 + 1000, "Do not rely on this ranking"),
        (
            {"explain__method": "kernelshap", "explain__perturbations": 100, "explain__background": 5},
            None,
            "part row and part background, are not judged",
        ),
    ],
)
def test_without_a_pool_of_perturbed_rows_one_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], asked: int | None, says: str
) -> None:
    monkeypatch.setattr(two_pools, "POOL", 1000)
    run = fire(tmp_path, "fooled", sample__rows=60, **changes)
    results = run.record.results
    assert results.pools is not None
    assert (results.pools.verdict, results.pools.perturbed_rows) == ("disagree", 1000)
    assert results.pools.findings[0].feature == "group"
    assert says in (run.folder / "report.html").read_text("utf-8")
    if asked is not None:
        assert results.counts.model_rows == 400 + asked


def test_a_model_that_refuses_perturbed_rows_is_not_compared_and_soon_left_alone(tmp_path: Path) -> None:
    results = fire(tmp_path, "picky", sample__rows=60, explain__pool="data").record.results
    assert results.pools is None
    assert codes(results) == ["pools_not_compared"]
    assert "of 200 perturbed rows: ValueError: a is not aa" in results.notices[-1].text
    assert results.counts.model_rows == 400 + 400 + 200


@pytest.mark.parametrize(
    ("n", "changes", "why"),
    [
        (80, {}, "it takes 100 rows of the background, and there are 80"),
        (400, {"sample__rows": 12}, "it takes 20 explained rows, and there are 12"),
        (400, {"explain__perturbations": 400}, "it takes 500 perturbed rows, and the pool has 400"),
    ],
)
def test_too_few_rows_are_not_compared(tmp_path: Path, n: int, changes: dict[str, Any], why: str) -> None:
    path = write(tmp_path, "fooled", n, **changes)
    results = kiln.run(config.load(path)).record.results
    assert results.pools is None
    said = next(n.text for n in results.notices if n.code == "pools_not_compared")
    assert said.endswith(f"was not checked: {why}.")


def test_wide_tables_are_not_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(two_pools, "MOST_FEATURES", 7)
    results = fire(tmp_path, "fooled", sample__stratify="none").record.results
    assert results.pools is None
    assert results.notices[-1].text.endswith("it takes at most 7 features, and there are 8.")
    assert results.counts.model_rows == 200 + 3000, "nothing is asked for a comparison that is not made"


def test_each_of_several_values_has_its_finding(tmp_path: Path) -> None:
    pools = fire(tmp_path, "amounts").record.results.pools
    assert pools is not None
    verdicts = {f.class_name: f.verdict for f in pools.findings}
    assert (pools.verdict, verdicts["honest"], verdicts["fooled"]) == ("disagree", "agree", "disagree")


def test_one_value_has_one_finding(tmp_path: Path) -> None:
    pools = kiln.run(config.load(kiln_cases.write(tmp_path, regression=True))).record.results.pools
    assert pools is not None
    assert ([f.class_name for f in pools.findings], pools.verdict) == (["*"], "agree")


def test_rows_of_a_background_are_the_real_ones(tmp_path: Path) -> None:
    people(700).to_csv(tmp_path / "others.csv", index=False)
    source = {"kind": "csv", "path": "others.csv"}
    loaded = config.load(write(tmp_path, "fooled", data__background=source))
    results = kiln.run(loaded).record.results
    assert results.pools is not None
    assert (results.pools.real_rows, results.pools.verdict) == (700, "disagree")
    assert results.counts.model_rows == 400 + 3000 + 700 == kiln.check(loaded).model_rows


@pytest.mark.parametrize(
    "changes",  # of a pool of the data's own, the plan knows how large it may be, not that the data are fewer
    [{}, {"sample__stratify": "none"}, {"explain__pool": "data"}, {"explain__compare_pools": False}],
)
def test_the_plan_counts_what_the_comparison_asks_for(tmp_path: Path, changes: dict[str, Any]) -> None:
    loaded = config.load(write(tmp_path, "honest", explain__perturbations=600, **changes))
    asked = kiln.run(loaded).record.results.counts.model_rows
    assert kiln.check(loaded).model_rows == asked + (200 if "explain__pool" in changes else 0)


def test_a_run_in_rounds_compares_once(tmp_path: Path) -> None:
    path = write(tmp_path, "fooled", aggregate__until_decided=True, explain__perturbations=600, sample__rows=60)
    stages: list[str] = []
    results = kiln.run(config.load(path), lambda event: stages.append(f"{event.stage} {event.done}")).record.results
    assert stages.count("compare 1") == 1
    assert results.counts.model_rows == 400 + results.method.perturbations
    assert results.pools is not None
    assert results.pools.verdict == "disagree"


def test_a_resumed_run_does_not_ask_again(tmp_path: Path) -> None:
    path = write(tmp_path, "fooled", explain__pool="none", explain__perturbations=100, sample__rows=30)

    def interrupt(event: Progress) -> None:
        if event.stage == "compare":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kiln.run(config.load(path), interrupt)
    first: dict[str, tuple[int, int]] = {}

    def listen(event: Progress) -> None:
        first.setdefault(event.stage, (event.done, event.total))

    done = kiln.run(config.load(path), listen, resume=True).record.results
    assert (first["perturbed trial"], first["perturbed pool"]) == ((1, 1), (2, 2))
    assert done.pools is not None


def test_the_command_line_says_what_was_found(tmp_path: Path) -> None:
    path = write(tmp_path / "fooled", "fooled")
    said = CliRunner().invoke(cli.app, ["run", str(path)]).stderr
    assert "Perturbed and real rows disagree: for " in said
    assert "0.12 is a finding" in said
    path = write(tmp_path / "small", "fooled", 80)
    assert "was not checked: it takes 100 rows" in CliRunner().invoke(cli.app, ["run", str(path)]).stderr


def test_python_compares_unless_told_not_to() -> None:
    frame = people(300)
    scope: dict[str, Any] = {}
    exec(MODEL, scope)  # noqa: S102 - the text above
    results = limekiln.explain(scope["fooled"], frame, classes=["no", "yes"], perturbations=1500).results
    assert results.pools is not None
    assert results.pools.verdict == "disagree"
    assert results.counts.model_rows == 300 + 1500
    left = limekiln.explain(
        scope["fooled"], frame, classes=["no", "yes"], perturbations=1500, compare_pools=False
    ).results
    assert left.pools is None


def test_the_finding_stands_in_results_json(fooled: kiln.Finished) -> None:
    stored = json.loads((fooled.folder / "results.json").read_text("utf-8"))["pools"]
    assert stored["verdict"] == "disagree"
    assert set(stored["findings"][0]) == {"class_name", "rows", "verdict", "excess", "feature", "features"}
    assert set(stored["findings"][0]["features"][0]) == {"feature", "perturbed", "real", "expected"}
