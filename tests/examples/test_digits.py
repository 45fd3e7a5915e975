"""The digits: a map for each class that shows what is known of digits, and a misread one explained."""

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from limekiln import config, kiln
from limekiln.config import LoadedConfig
from limekiln.record import RunRecord

DIGITS: Final = Path(__file__).parents[2] / "examples" / "digits"
HOLE: Final = {"row 4, column 5", "row 5, column 5"}


def loaded(output: Path) -> LoadedConfig:
    overrides = ["sample.rows=120", "explain.perturbations=300", "report.formats=[html]", "cluster.scheduler=inline"]
    return config.load(DIGITS / "config.yaml", [f"output={output}", *overrides])


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    return kiln.run(loaded(tmp_path_factory.mktemp("runs"))).record


def mean_weights(record: RunRecord, digit: str) -> pd.Series:
    table = record.tables["explanations"]
    found: pd.Series = table[table["class"] == digit].groupby("feature")["weight"].mean()
    return found.sort_values(ascending=False)


def test_the_images_are_the_half_that_the_network_has_not_seen() -> None:
    digits = load_digits()
    with np.load(DIGITS / "digits.npz") as held:
        assert held["number"].tolist() == list(range(898, 1797))
        assert np.array_equal(held["images"], (digits.images[898:] * 15).astype(np.uint8))
        assert np.array_equal(held["digit"], digits.target[898:])
    average = np.asarray(Image.open(DIGITS / "average.png"))
    assert np.abs(average - digits.images[:898].mean(axis=0) * 15).max() <= 0.5


def test_a_zero_is_its_hole(record: RunRecord) -> None:
    assert set(mean_weights(record, "0").index[:2]) == HOLE


def test_the_stroke_that_a_nine_has_and_a_six_lacks_is_among_the_heaviest_of_both(record: RunRecord) -> None:
    for digit in ("6", "9"):
        assert "row 3, column 6" in mean_weights(record, digit).index[:3]


def test_the_edge_where_no_digit_has_ink_weighs_next_to_nothing(record: RunRecord) -> None:
    table = record.tables["explanations"]
    edge = table["feature"].str.endswith("column 1")
    assert table[edge]["weight"].abs().mean() < 0.25 * table[~edge]["weight"].abs().mean()


def test_a_zero_read_as_a_four_has_evidence_for_both(tmp_path: Path) -> None:
    view = kiln.explain_row(loaded(tmp_path), "1573")
    four, zero = view.classes[:2]
    assert (four.name, zero.name, view.target) == ("4", "0", "0")
    assert four.predicted > 0.7 > zero.predicted
    against = {f.feature: f.weight for f in zero.features}
    assert {f.feature for f in zero.features[:2]} == HOLE
    assert four.features[0].feature == "row 6, column 5"
    assert four.features[0].weight > 0.1 > -0.05 > against["row 6, column 5"]
