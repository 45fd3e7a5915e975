"""limekiln from Python: a function and a frame in, a run out; nothing written unless asked."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier

import kiln_cases
import limekiln
from limekiln import config as configs
from limekiln import kiln
from limekiln.errors import InputError


@pytest.fixture(scope="module")
def iris() -> tuple[pd.DataFrame, pd.Series]:
    data = load_iris(as_frame=True)
    return data.data, data.target.map(dict(enumerate(data.target_names)))


@pytest.fixture(scope="module")
def explained(iris: tuple[pd.DataFrame, pd.Series]) -> limekiln.Run:
    features, target = iris
    model = LogisticRegression(max_iter=1000).fit(features, target)
    return limekiln.explain(model.predict_proba, features, classes=model.classes_, target=target, perturbations=1000)


def test_every_row_is_explained_and_nothing_is_written(explained: limekiln.Run) -> None:
    assert explained.folder is None
    assert explained.results.counts.explained == 150
    assert explained.results.accuracy == pytest.approx(0.97, abs=0.03)


def test_importances_have_every_class_and_all_together(explained: limekiln.Run) -> None:
    features = explained.importances.query("level == 'feature'")
    assert features.groupby("class")["rank"].apply(sorted).map(list).map(tuple).to_dict() == dict.fromkeys(
        ["*", "setosa", "versicolor", "virginica"], (1, 2, 3, 4)
    )


def test_petals_matter_more_than_sepals(explained: limekiln.Run) -> None:
    whole = explained.importances.query("level == 'feature' and `class` == '*'")
    assert set(whole["feature"][:2]) == {"petal length (cm)", "petal width (cm)"}


def test_a_row_by_its_position(explained: limekiln.Run) -> None:
    local = explained.local(3)
    assert list(local.columns) == ["class", "feature", "value", "weight"]
    assert local["weight"].abs().is_monotonic_decreasing
    assert set(local["class"]) == {"setosa"}


def test_a_row_that_is_not_there(explained: limekiln.Run) -> None:
    with pytest.raises(InputError, match="no explained row is called '150'"):
        explained.local(150)


def test_reports_are_written_on_request(explained: limekiln.Run, tmp_path: Path) -> None:
    assert "setosa" in explained.to_html(tmp_path / "r.html").read_text("utf-8")
    assert explained.to_pdf(tmp_path / "r.pdf").read_bytes().startswith(b"%PDF")


def test_a_notebook_gets_a_summary_with_names_escaped() -> None:
    frame = pd.DataFrame({"<b>x</b>": np.arange(50.0), "y": np.arange(50.0)[::-1]})
    run = limekiln.explain(lambda f: f.iloc[:, 0].to_numpy(), frame, perturbations=100, name="<script>")
    shown = run._repr_html_()
    assert "<script>" not in shown
    assert "&lt;b&gt;x&lt;/b&gt;" in shown


def test_a_regression_needs_no_classes() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(200, 3)), columns=["a", "b", "c"])
    model = LinearRegression().fit(frame, frame["a"] * 3 - frame["b"])
    run = limekiln.explain(model.predict, frame, perturbations=5000, discretizer="none")
    weights = run.record.tables["explanations"].groupby("feature")["weight"].mean()
    assert weights["a"] == pytest.approx(3 * frame["a"].std(ddof=0), rel=0.01)
    assert weights["b"] == pytest.approx(-frame["b"].std(ddof=0), rel=0.01)
    assert abs(weights["c"]) < 0.01


def test_the_function_and_the_config_agree(tmp_path: Path) -> None:
    path = kiln_cases.write(tmp_path, sample__stratify="none")
    from_config = limekiln.run(path)
    inputs = kiln.read_inputs(configs.load(path))
    from_function = limekiln.explain(
        inputs.model.predict, inputs.frame.features, classes=inputs.model.classes, perturbations=600, budget=4
    )
    by_name = ["floor", "above_floor"]  # rows are probed by their names, and only the config's have any
    left = from_config.importances.drop(columns=by_name)
    right = from_function.importances.drop(columns=by_name)
    pd.testing.assert_frame_equal(left, right)
    assert from_config.folder is not None


def test_a_config_as_a_mapping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = kiln_cases.write(tmp_path, sample__rows=30)
    monkeypatch.chdir(tmp_path)
    loaded = configs.load(path)
    run = limekiln.run(loaded.settings)
    assert run.folder is not None
    assert run.folder.is_relative_to(tmp_path)
    assert limekiln.run(loaded.settings.model_dump(mode="json")).results == run.results


def test_a_misspelt_argument_of_the_mapping_is_named() -> None:
    with pytest.raises(InputError, match="modle"):
        limekiln.run({"modle": {}})


def test_importing_limekiln_is_light() -> None:
    code = "import sys, limekiln; sys.exit(bool({'numpy', 'pandas', 'sklearn', 'dask'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_submodules_do_not_replace_the_functions() -> None:
    code = (
        "import limekiln, limekiln.kiln, limekiln.local; assert callable(limekiln.run) and callable(limekiln.explain)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_model_with_a_threshold_of_its_own_is_said_to_decide_otherwise(iris: tuple[pd.DataFrame, pd.Series]) -> None:
    features, target = iris
    yes = target == "virginica"
    plain = LogisticRegression(max_iter=1000).fit(features, yes)
    eager = FixedThresholdClassifier(plain, threshold=0.05).fit(features, yes)
    different = int((eager.predict(features) != plain.predict(features)).sum())
    assert different > 0
    notices = {
        name: {
            n.code: n.text
            for n in limekiln.explain(
                model.predict_proba, features, classes=[False, True], perturbations=200
            ).results.notices
        }
        for name, model in (("plain", plain), ("eager", eager))
    }
    assert "decisions_differ" not in notices["plain"]
    assert f"In {different} of the first 150 rows" in notices["eager"]["decisions_differ"]


def test_a_misspelt_categorical_column_is_named(iris: tuple[pd.DataFrame, pd.Series]) -> None:
    with pytest.raises(InputError, match="categorical: the frame has no column 'petals'"):
        limekiln.explain(lambda f: np.zeros(len(f)), iris[0], categorical=["petals"])


@pytest.mark.parametrize("pool", ["marginal", "data", "none"])
def test_columns_that_do_nothing_are_not_above_the_noise_floor(pool: str) -> None:
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(rng.normal(size=(200, 5)), columns=["strong", "weak", "idle", "dull", "plain"])
    frame["rare"] = np.where(rng.random(200) < 0.03, "yes", "no")
    run = limekiln.explain(
        lambda f: np.tanh(2 * f["strong"] + 0.5 * f["weak"]), frame, pool=pool, compare_pools=False, seed=1,
        perturbations=400 if pool == "none" else 4000,
    )  # fmt: skip
    found = run.importances.query("level == 'feature' and `class` == '*'").set_index("feature")
    assert found.loc[["strong", "weak"], "above_floor"].all()
    assert found.loc[["idle", "dull", "plain", "rare"], "above_floor"].sum() <= 1  # each passes with 1 in 20
    notice = next(n.text for n in run.results.notices if n.code == "noise_floor")
    assert "cannot be told from columns that do nothing" in notice
    assert "strong" not in notice
