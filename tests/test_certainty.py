"""How sure a run is: its intervals, verdicts and ledger, from the small case; and KernelSHAP in the same engine."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pytest

import kiln_cases
from limekiln import config, kiln
from limekiln.errors import InputError
from limekiln.record import ALL_CLASSES

Run = kiln.Finished


def fire(folder: Path, **changes: Any) -> Run:
    return kiln.run(config.load(kiln_cases.write(folder, **changes)))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return fire(tmp_path_factory.mktemp("whole"), explain__perturbations=2000)


def features(run: Run) -> pd.DataFrame:
    table = run.record.tables["importances"]
    found = table[(table["level"] == "feature") & (table["support"] >= 20)]
    return found.astype({name: float for name in found.columns if found[name].dtype == "Float64"})


def test_scores_and_ranks_lie_in_their_intervals(whole: Run) -> None:
    found = features(whole)
    assert len(found) >= 12
    assert found["ci_low"].notna().all()
    for score in ("share", "weighted"):
        assert ((found[f"{score}_low"] <= found[score]) & (found[score] <= found[f"{score}_high"])).all()
    assert (found["ci_low"] == found["weighted_low"]).all()
    assert ((found["rank_low"] <= found["rank"]) & (found["rank"] <= found["rank_high"])).all()
    assert (found["ci_high"] > found["ci_low"])[found["weighted"] > 0].all()


def test_where_all_rows_are_explained_only_the_pool_makes_unsure(whole: Run) -> None:
    found = features(whole)
    assert (found["se_rows"] == 0).all()
    assert (found["se_pool"] > 0)[found["weighted"] > 0].all()


def test_a_sample_is_unsure_by_its_rows_too(tmp_path: Path) -> None:
    part = features(fire(tmp_path, explain__perturbations=2000, sample__rows=120))
    assert (part["se_rows"] > 0)[part["weighted"] > 0].all()


def test_from_a_sample_a_feature_of_few_rows_gets_no_interval(tmp_path: Path) -> None:
    run = fire(tmp_path, explain__perturbations=2000, sample__rows=20, aggregate__min_support=1)
    table = run.record.tables["importances"]
    found = table[(table["level"] == "feature") & (table["class"] != ALL_CLASSES)]
    few = found["support"] < 10
    assert few.any()
    assert found.loc[few, ["ci_low", "ci_high", "rank_low", "rank_high"]].isna().all(axis=None)
    verdicts = {f.name: f.certificate and f.certificate.verdict for f in run.record.results.classes}
    assert all(verdicts[name] in {None, "too few rows"} for name in found.loc[few, "class"])


def test_a_larger_pool_is_surer(whole: Run, tmp_path: Path) -> None:
    larger = features(fire(tmp_path, explain__perturbations=32_000))
    both = features(whole).merge(larger, on=["class", "feature"], suffixes=("", "_larger"))
    shrunk = (both["se_pool_larger"] / both["se_pool"])[both["weighted"] > 0].astype(float)
    assert 0.15 < np.median(shrunk) < 0.4, "a quarter, from sixteen times the rows"
    inside = (both["weighted_larger"] >= both["ci_low"]) & (both["weighted_larger"] <= both["ci_high"])
    assert inside.mean() > 0.7


def test_every_pair_that_a_verdict_asks_about_is_accounted_for(whole: Run) -> None:
    for facts in whole.record.results.classes:
        c = facts.certificate
        assert c is not None
        assert c.separated + c.tied + c.n_open == c.pairs
        assert (c.verdict == "decided") == (c.n_open == 0)
        assert c.alpha == pytest.approx(0.05 / 4), "three classes and all of them together share the error"
        assert c.folds == 20


def test_the_ledger_adds_up(whole: Run) -> None:
    rows = whole.record.tables["rows"]
    assert rows["vsi"].between(0, 1).all()
    assert rows["csi"].between(0, 1).all()
    for facts in whole.record.results.classes:
        t = facts.trust
        assert t is not None
        mine = rows if facts.name == ALL_CLASSES else rows[rows["class"] == facts.name]
        counted = mine["trust"].value_counts()
        assert (t.usable, t.low_fidelity, t.unstable) == tuple(
            counted.get(name, 0) for name in ("usable", "low_fidelity", "unstable")
        )
        assert t.usable + t.low_fidelity + t.unstable == facts.rows


def test_other_scores_stand_beside_the_one_that_ranks(whole: Run) -> None:
    together, *classes = whole.record.results.classes
    assert [v.score for v in together.views] == [
        "NormLIME share",
        "SP-LIME importance",
        "GALE average",
        "mean |w|",
        "GALE homogeneity",
    ]
    for facts in classes:
        for v in facts.views:
            assert -1 <= v.rank_correlation <= 1
            assert 0 <= v.overlap <= 1
    mean = {v.score: v for v in classes[0].views}
    assert mean["GALE average"].rank_correlation == mean["mean |w|"].rank_correlation, "every row uses every column"


def test_perturbations_of_its_own_give_a_row_intervals_too(tmp_path: Path) -> None:
    run = fire(tmp_path, explain__pool="none", explain__perturbations=400, sample__rows=90)
    found = features(run)
    assert ((found["ci_low"] <= found["weighted"]) & (found["weighted"] <= found["ci_high"])).all()
    used = found[found["weighted"] > 0]
    assert (used["se_pool"] < used["se_rows"]).mean() > 0.8, "most of their noise is among the rows' differences"


SHAP: Final[dict[str, Any]] = {
    "explain__method": "kernelshap",
    "explain__perturbations": 60,
    "explain__background": 20,
    "sample__rows": 40,
}


def test_kernelshap_shares_out_the_output_and_is_the_same_anywhere(tmp_path: Path) -> None:
    runs = [
        fire(tmp_path / name, cluster__scheduler=where, cluster__workers=2, **SHAP)
        for name, where in (("one", "inline"), ("two", "local"))
    ]
    tables = [run.record.tables for run in runs]
    rows = tables[0]["rows"].set_index("row")
    summed = tables[0]["explanations"].groupby("row")["weight"].sum().reindex(rows.index)
    np.testing.assert_allclose(summed + rows["intercept"], rows["predicted"], atol=1e-9)
    np.testing.assert_allclose(rows["surrogate"], rows["predicted"], atol=1e-9)
    for name in ("explanations", "importances", "rows"):
        pd.testing.assert_frame_equal(tables[0][name], tables[1][name], check_exact=True)
    assert runs[0].record.results.method.method == "kernelshap"
    assert "Shapley" in (runs[0].folder / "report.html").read_text("utf-8")


def test_kernelshap_explains_one_row_as_a_run_does(tmp_path: Path) -> None:
    path = kiln_cases.write(tmp_path, **SHAP)
    run = kiln.run(config.load(path))
    row = run.record.tables["rows"].iloc[0]
    local = kiln.explain_row(config.load(path), row["row"])
    block = next(c for c in local.classes if c.name == row["class"])
    stored = run.record.tables["explanations"].query("row == @row.row").set_index("feature")["weight"]
    told = {f.feature: f.weight for f in block.features if f.weight}
    assert told == pytest.approx(stored.to_dict(), abs=1e-12)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"explain__pool": "marginal"}, "explain.pool"),
        ({"explain__features": 3}, "explain.features"),
    ],
)
def test_what_kernelshap_cannot_do_is_said(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        fire(tmp_path, **SHAP | changes)


def test_the_datas_own_rows_can_be_the_pool(whole: Run, tmp_path: Path) -> None:
    run = fire(tmp_path, explain__pool="data", explain__compare_pools=False)  # which asks for perturbed rows
    assert run.record.results.counts.model_rows == 240 + 240
    assert run.record.results.method.perturbations == 240
    top = features(run).query("`class` == '*'").iloc[0]
    assert top["feature"] == features(whole).query("`class` == '*'").iloc[0]["feature"]
    assert "rows of the background as they are" in (run.folder / "report.html").read_text("utf-8")


def test_a_run_goes_on_until_its_order_is_decided(tmp_path: Path) -> None:
    run = fire(tmp_path, aggregate__until_decided=True, aggregate__top=1, aggregate__indifference=0.2)
    results = run.record.results
    looks = {c.certificate.look for c in results.classes if c.certificate}
    assert all(c.certificate and c.certificate.verdict == "decided" for c in results.classes)
    (look,) = looks
    assert results.method.perturbations == 4096 * 2 ** (look - 1)
    assert results.counts.model_rows == 240 + results.method.perturbations, "a larger pool begins with the smaller"
    alphas = [c.certificate.alpha for c in results.classes if c.certificate]
    np.testing.assert_allclose(alphas, 6 * 0.05 / (np.pi * look) ** 2 / 4)
    stopped = fire(tmp_path / "direct", explain__perturbations=results.method.perturbations).record
    for column in ("weighted", "se_pool"):
        pd.testing.assert_series_equal(run.record.tables["importances"][column], stopped.tables["importances"][column])


def test_an_order_that_cannot_be_decided_ends_with_the_budget(tmp_path: Path) -> None:
    run = fire(
        tmp_path, aggregate__until_decided=True, aggregate__indifference=0.0, aggregate__max_rows=60, sample__rows=30
    )
    results = run.record.results
    assert results.sample.rows <= 60
    assert any(c.certificate and c.certificate.verdict != "decided" for c in results.classes)


def test_growing_needs_a_pool_to_grow(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"aggregate\.until_decided"):
        fire(tmp_path, aggregate__until_decided=True, explain__pool="none")
