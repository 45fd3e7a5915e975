"""The auto-encoder: a score in a unit of its own, and whether its explanation finds what was made strange."""

import shutil
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pytest

from limekiln import config, kiln
from limekiln.record import RunRecord

WINES: Final = Path(__file__).parents[2] / "examples" / "autoencoder"
MADE_STRANGE: Final = ("ash", "magnesium")
N_STRANGE: Final = 12  # a quarter of them, which is what one interval holds


def fired(folder: Path, output: Path) -> RunRecord:
    overrides = [f"output={output}", "explain.perturbations=6000", "report.formats=[html]", "cluster.scheduler=inline"]
    return kiln.run(config.load(folder / "config.yaml", overrides)).record


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    return fired(WINES, tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    """Wines of the third cultivar, which the network knows; some get the ash of another world, some the magnesium."""
    folder = tmp_path_factory.mktemp("spoilt")
    for name in ("config.yaml", "score.py", "model.skops"):
        shutil.copy(WINES / name, folder)
    table = pd.read_csv(WINES / "wines.csv")
    own = table[table["cultivar"] == "cultivar 3"].reset_index(drop=True)
    for k, name in enumerate(MADE_STRANGE):
        rows = slice(k * N_STRANGE, (k + 1) * N_STRANGE - 1)
        own.loc[rows, name] += 8 * own[name].std()
        own.loc[rows, "wine"] = name + " " + own.loc[rows, "wine"]
    own.to_csv(folder / "wines.csv", index=False)
    return fired(folder, folder / "runs")


def test_the_score_has_a_name_and_a_unit(record: RunRecord) -> None:
    assert record.results.model.task == "regression"
    assert record.results.model.unit == "squared standard deviations"
    assert record.results.classes[-1].name == "reconstruction error"
    assert record.results.counts.explained == 178


def test_wines_that_the_network_has_not_learnt_are_strange_to_it(record: RunRecord) -> None:
    table = pd.read_csv(WINES / "wines.csv", index_col="wine")
    rows = record.tables["rows"].set_index("row").join(table["cultivar"])
    median = rows.groupby("cultivar")["predicted"].median()
    assert median[["cultivar 1", "cultivar 2"]].min() > 5 * median["cultivar 3"]


def test_what_tells_the_cultivars_apart_drives_the_score(record: RunRecord) -> None:
    """The third cultivar is known for its low flavanoids."""
    assert record.results.classes[0].features[0].feature == "flavanoids"
    table = pd.read_csv(WINES / "wines.csv", index_col="wine")
    explained = record.tables["explanations"].set_index("row")
    weights = explained[explained["feature"] == "flavanoids"]["weight"]
    richest = table["flavanoids"].nlargest(20).index
    assert (weights[richest] > 0).all()


@pytest.mark.parametrize("name", MADE_STRANGE)
def test_the_measurement_that_was_spoilt_weighs_most_in_the_wines_that_have_it(spoilt: RunRecord, name: str) -> None:
    explained = spoilt.tables["explanations"]
    mine = explained[explained["row"].str.startswith(f"{name} ")]
    heaviest = mine.loc[mine.groupby("row")["weight"].idxmax(), "feature"]
    assert len(heaviest) == N_STRANGE
    assert (heaviest == name).mean() >= 0.9


def test_the_spoilt_measurements_lead_the_whole_report(spoilt: RunRecord) -> None:
    leaders = {f.feature for f in spoilt.results.classes[0].features[:2]}
    assert leaders == set(MADE_STRANGE)
    predicted = spoilt.tables["rows"].set_index("row")["predicted"]
    touched = predicted.index.str.contains(" ")
    assert np.median(predicted[touched]) > 3 * np.median(predicted[~touched])
