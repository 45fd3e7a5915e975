"""Whole runs by LIME and by KernelSHAP: where the two must agree and where not, and what the second one costs."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from distributed import LocalCluster
from ruamel.yaml import YAML
from typer.testing import CliRunner

from limekiln import cli, config, kiln, shapley, store
from limekiln.drivers import two_methods
from limekiln.errors import InputError
from limekiln.evidence import MethodComparison, MethodFinding
from limekiln.record import Results
from limekiln.values import Progress

FEATURES = ("one", "two", "three", "four", "common")
MODEL = '''
"""Sums of columns; `tilted` adds a column that almost always has the same value."""
import numpy as np


def linear(frame):
    return 500 + frame[["one", "two", "three", "four"]].to_numpy() @ np.array([8.0, 4.0, 2.0, 1.0])


def tilted(frame):
    return linear(frame) + 20 * (frame["common"] == "usual").to_numpy()


def both(frame):
    return np.column_stack([linear(frame), tilted(frame)])


def halves(frame):
    high = linear(frame) > 500
    return np.column_stack([np.where(high, 0.2, 0.8), np.where(high, 0.8, 0.2)])


def picky(frame):
    """Refuses rows that no data could have."""
    if (frame["twin"] != frame["common"]).any():
        raise ValueError("twin is not common")
    return linear(frame)
'''


def numbers(n: int) -> pd.DataFrame:
    """Independent columns: four alike, and one of texts, nine in ten of them the same."""
    rng = np.random.default_rng(11)
    frame = pd.DataFrame({name: rng.normal(size=n) for name in FEATURES[:4]})
    return frame.assign(common=np.where(rng.random(n) < 0.9, "usual", "rare"))


def write(folder: Path, function: str, **changes: Any) -> Path:
    """Data, model and config; `changes` are dotted keys with `__` for the dot."""
    folder.mkdir(parents=True, exist_ok=True)
    numbers(300).to_csv(folder / "numbers.csv", index=False)
    (folder / "sums.py").write_text(MODEL, "utf-8")
    source: dict[str, Any] = {"kind": "python", "path": f"sums:{function}"}
    model: dict[str, Any] = {"name": "Sums", "source": source, "output": "value"}
    if function == "halves":
        model |= {"source": source | {"classes": ["low", "high"]}, "output": "probability"}
    if function == "both":
        model["outputs"] = ["linear", "tilted"]
    content: dict[str, dict[str, Any]] = {
        "model": model,
        "data": {"source": {"kind": "csv", "path": "numbers.csv"}},
        "sample": {"rows": 150, "stratify": "none"},
        "explain": {"perturbations": 3000, "second_method": "kernelshap", "background": 20, "compare_pools": False},
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


def fire(folder: Path, function: str, **changes: Any) -> kiln.Finished:
    return kiln.run(config.load(write(folder, function, **changes)))


def compared(results: Results) -> MethodComparison:
    assert results.methods is not None
    return results.methods


def order(finding: MethodFinding, method: str) -> list[str]:
    return [s.feature for s in sorted(finding.features, key=lambda s: int(getattr(s, f"{method}_rank")))]


@pytest.fixture(scope="module")
def linear(tmp_path_factory: pytest.TempPathFactory) -> kiln.Finished:
    return fire(tmp_path_factory.mktemp("linear"), "linear")


def test_independent_columns_of_a_linear_model_have_one_order(linear: kiln.Finished) -> None:
    m = compared(linear.record.results)
    assert (m.second, m.perturbations, m.background, m.rows, m.failed, m.slopes) == ("kernelshap", 500, 20, 100, 0, 0)
    (found,) = m.findings
    assert order(found, "lime") == order(found, "kernelshap") == list(FEATURES[: found.top])
    assert (found.rows, found.overlap, found.moved) == (100, 1, None)
    assert found.rank_correlation == pytest.approx(1)
    assert found.row_correlation is not None
    assert found.row_correlation > 0.7
    assert found.same_sign is not None
    assert found.same_sign > 0.9
    for shares in ([s.lime for s in found.features], [s.kernelshap for s in found.features]):
        assert sum(shares) == pytest.approx(1, abs=0.01), "the column that does nothing has the rest"


def test_a_common_value_weighs_by_lime_and_contributes_little_by_kernelshap(tmp_path: Path) -> None:
    """Where features add up, a contribution is 1 − p times the weight, p the share of rows with the same value.

    The common value has 20 by LIME and 2 by KernelSHAP, the first column 8 times what is left of a quarter's mean.
    """
    results = fire(tmp_path, "tilted", explain__background=100, aggregate__score="share").record.results
    (found,) = compared(results).findings
    score = next(s for s in found.features if s.feature == "common")
    assert (score.lime_rank, score.kernelshap_rank > 1) == (1, True)
    assert found.moved in {"common", "one"}  # which may have changed places
    assert score.lime > 0.4
    assert score.kernelshap < 0.3
    assert order(found, "kernelshap")[0] == "one"


def test_slopes_are_compared_without_their_signs(tmp_path: Path) -> None:
    m = compared(fire(tmp_path, "linear", explain__discretizer="none", data__exclude=["common"]).record.results)
    assert (m.slopes, m.findings[0].same_sign) == (4, None)
    assert order(m.findings[0], "lime") == order(m.findings[0], "kernelshap")


def test_it_works_the_other_way_round_with_one_pool(linear: kiln.Finished, tmp_path: Path) -> None:
    changes = {"explain__method": "kernelshap", "explain__second_method": "lime", "explain__perturbations": 100}
    path = write(tmp_path, "linear", **changes)
    run = kiln.run(config.load(path))
    m, counts = compared(run.record.results), run.record.results.counts
    assert (m.second, m.perturbations, m.model_rows, m.rows) == ("lime", 20_000, 20_000, 100)
    assert counts.model_rows == 150 + 20 + 150 * 30 * 20 + 20_000  # all 2⁵ − 2 coalitions
    (found,), (before,) = m.findings, compared(linear.record.results).findings
    for now, then in zip(found.features, before.features, strict=True):
        assert now.feature == then.feature
        assert now.kernelshap == pytest.approx(then.kernelshap, rel=1e-6)
        assert now.lime == pytest.approx(then.lime, abs=0.03)


@pytest.mark.parametrize(
    ("function", "changes", "asked"),
    [("linear", {}, 100), ("halves", {}, 150), ("halves", {"sample__rows": 300}, 200), ("both", {}, 100)],
)
def test_at_most_100_rows_a_class_are_explained_again(
    tmp_path: Path, function: str, changes: dict[str, Any], asked: int
) -> None:
    loaded = config.load(write(tmp_path, function, **changes))
    results = kiln.run(loaded).record.results
    m, rows = compared(results), changes.get("sample__rows", 150)
    assert m.rows <= asked
    assert [f.class_name for f in m.findings] == [c.name for c in results.classes if c.name != "*"]
    assert all(f.rows == min(100, c.rows) for f, c in zip(m.findings, results.classes[1:], strict=True))
    assert m.model_rows == 20 + m.rows * 30 * 20
    assert results.counts.model_rows == rows + 3000 + m.model_rows
    assert kiln.check(loaded).model_rows == rows + 3000 + 20 + asked * 500 * 20, "at most"


def test_the_rows_do_not_depend_on_how_many_are_explained(linear: kiln.Finished, tmp_path: Path) -> None:
    """KernelSHAP's scores rest on each class's first rows by key, whatever the order in which they come."""
    more = fire(tmp_path, "linear", sample__rows=150, explain__perturbations=1000).record.results
    for now, then in zip(
        compared(more).findings[0].features, compared(linear.record.results).findings[0].features, strict=True
    ):
        assert now.kernelshap == then.kernelshap


def test_the_rest_of_the_run_stays_as_it_is(linear: kiln.Finished, tmp_path: Path) -> None:
    alone = fire(tmp_path, "linear", explain__second_method=None).record
    assert alone.results.methods is None
    for name, table in alone.tables.items():
        pd.testing.assert_frame_equal(table, linear.record.tables[name])
    same = {"methods": None, "counts": alone.results.counts}
    assert linear.record.results.model_copy(update=same) == alone.results


def test_the_finding_is_the_same_bytes_on_workers(tmp_path: Path) -> None:
    turned = {"explain__method": "kernelshap", "explain__second_method": "lime", "explain__perturbations": 100}
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:  # type: ignore[no-untyped-call]  # Dask's has no types
        for name, changes in (("lime", {}), ("kernelshap", turned)):
            there, here = (
                fire(tmp_path / name / s.partition(":")[0], "halves", sample__rows=20, cluster__scheduler=s, **changes)
                for s in (str(cluster.scheduler_address), "inline")
            )
            assert "second explain: " in str(there.record.manifest.cluster["stages"])
            assert "on workers" in str(there.record.manifest.cluster["stages"])
            assert compared(here.record.results).rows == 20
            assert (there.folder / "results.json").read_bytes() == (here.folder / "results.json").read_bytes()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"explain__second_method": "lime"}, 'explain.second_method: explain.method is "lime" too'),
        ({"explain__method": "kernelshap"}, 'explain.second_method: explain.method is "kernelshap" too'),
        ({"data__domain": "text"}, "explain.second_method: two methods are compared on tables; data.domain is text"),
        ({"explain__second_method": "shap"}, "explain.second_method: "),
    ],
)
def test_a_second_method_is_the_other_one_and_of_tables(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        config.load(write(tmp_path, "linear", **changes))


def test_kernelshap_has_the_coalitions_that_many_features_need(tmp_path: Path) -> None:
    settings = config.load(write(tmp_path, "linear")).settings
    few, many = (two_methods.settings_of(settings, d) for d in (20, 300))
    assert few is not None
    assert many is not None
    assert (few.perturbations, many.perturbations) == (500, shapley.least(300))
    assert two_methods.settings_of(settings.model_copy(update={"explain": type(settings.explain)()}), 20) is None


def test_a_model_that_refuses_the_second_methods_rows_keeps_its_run(tmp_path: Path) -> None:
    path = write(tmp_path, "picky", explain__pool="data", explain__background=5, sample__rows=25)
    data = numbers(300)
    data.assign(twin=data["common"]).to_csv(tmp_path / "numbers.csv", index=False)
    said = CliRunner().invoke(cli.app, ["run", str(path)])
    folder = Path(said.stdout.strip().splitlines()[-1])
    results = store.read(folder).results
    assert (results.methods, results.counts.explained) == (None, 25)
    text = next(n.text for n in results.notices if n.code == "methods_not_compared")
    assert text.startswith("The rows were not explained by kernelshap, the second method: ")
    assert "twin is not common" in text
    assert text in said.stderr
    assert "twin is not common" in (folder / "report.html").read_text("utf-8").split('id="two-methods"')[1]


def test_a_resumed_run_does_not_ask_again(tmp_path: Path) -> None:
    path = write(tmp_path, "linear", sample__rows=30)

    def interrupt(event: Progress) -> None:
        if event.stage == "second explain" and event.done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kiln.run(config.load(path), interrupt)
    first: dict[str, tuple[int, int]] = {}

    def listen(event: Progress) -> None:
        first.setdefault(event.stage, (event.done, event.total))

    done = kiln.run(config.load(path), listen, resume=True).record.results
    assert first["second explain"] == (2, 4)
    assert done == fire(tmp_path / "whole", "linear", sample__rows=30).record.results


def test_a_run_in_rounds_asks_the_second_method_once(tmp_path: Path) -> None:
    changes = {"aggregate__until_decided": True, "aggregate__max_rows": 120, "sample__rows": 60}
    stages: list[str] = []
    path = write(tmp_path, "halves", **changes)
    results = kiln.run(config.load(path), lambda e: stages.append(f"{e.stage} {e.done}")).record.results
    assert stages.count("second explain 1") == 1
    assert results.counts.model_rows == 300 + results.method.perturbations + compared(results).model_rows


def test_the_command_line_says_how_far_they_agree(tmp_path: Path) -> None:
    said = CliRunner().invoke(cli.app, ["run", str(write(tmp_path, "halves", sample__rows=40))]).stderr
    line = next(line for line in said.splitlines() if line.startswith("rank correlation"))
    assert "of LIME and KernelSHAP: " in line
    assert "low " in line
    assert "high " in line
    assert "of the first " in line
