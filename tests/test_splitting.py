"""A change split into the model's part and the data's: each found where it was planted."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import kiln_cases
from limekiln import cli, splitting
from limekiln.change import Change, ClassChange
from limekiln.errors import InputError
from test_verdicts import run


@dataclass(frozen=True)
class Runs:
    """The same model and data twice, then another model, then other data too: ages that hardly differ."""

    first: Path
    other_model: Path
    other_data: Path


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    folder = tmp_path_factory.mktemp("split")
    narrow = kiln_cases.table()
    narrow["age"] = np.where(narrow["age"] > 50, 51, 49)
    first = run(folder, "steady", gates=[]).folder
    narrow.to_csv(folder / "narrow.csv", index=False)
    source = {"kind": "csv", "path": "narrow.csv"}
    other_model = run(folder, "planted", gates=[]).folder
    other_data = run(folder, "steady", gates=[], data__source=source).folder
    return Runs(first, other_model, other_data)


def together(change: Change) -> ClassChange:
    return change.classes[0]


def moved(change: Change) -> list[str]:
    return [f.feature for f in together(change).features if f.moved]


def test_another_model_on_the_same_data_is_all_the_model_s_part(runs: Runs) -> None:
    found = splitting.split(runs.first, runs.other_model)
    assert moved(found.model)[0] == "noise"
    assert [a.what for a in found.model.altered] == ["model.source.path"]
    assert (together(found.data).ndcg, moved(found.data), found.data.altered) == (1, [], ())


def test_other_data_under_the_same_model_are_all_the_data_s_part(runs: Runs) -> None:
    found = splitting.split(runs.first, runs.other_data)
    assert (together(found.model).ndcg, moved(found.model), found.model.altered) == (1, [], ())
    assert "age" in moved(found.data)
    assert {a.what for a in found.data.altered} >= {"SHA-256", "data.source.path"}


def test_the_parts_of_a_score_s_difference_add_up(runs: Runs) -> None:
    result = CliRunner().invoke(cli.app, ["compare", "--split", str(runs.other_model), str(runs.other_data)])
    assert result.exit_code == 0, result.output
    page = Path(result.stdout.splitlines()[-1])
    whole = Change.model_validate_json(page.with_suffix(".json").read_bytes())
    assert whole.model_part is not None
    assert whole.data_part is not None
    parts = [{f.feature: f.difference for f in together(c).features} for c in (whole.model_part, whole.data_part)]
    for f in together(whole).features:
        assert f.difference == pytest.approx(parts[0][f.feature] + parts[1][f.feature])
    assert {"the model's part:", "the data's part:"} <= set(result.stdout.splitlines())
    text = page.read_text("utf-8")
    assert text.index("The model&#39;s part") < text.index("The data&#39;s part")


def test_fewer_rows_leave_intervals_that_hold_the_whole_part(runs: Runs) -> None:
    """From a sample: the error of the rows is in the intervals, where all rows have none."""
    whole, part = splitting.split(runs.first, runs.other_model), splitting.split(runs.first, runs.other_model, rows=80)
    assert part.middle.results.counts.requested == 80
    found = {f.feature: f for f in together(part.model).features}
    exact = next(f for f in together(whole.model).features if f.feature == "noise")
    low, high = found["noise"].low, found["noise"].high
    assert low is not None
    assert high is not None
    assert low <= exact.difference <= high
    assert exact.low is not None
    assert exact.high is not None
    assert high - low > exact.high - exact.low


def test_data_that_are_gone_cannot_be_asked_about(runs: Runs) -> None:
    data = runs.first.parents[2] / "narrow.csv"
    kept = data.read_bytes()
    data.unlink()
    try:
        with pytest.raises(InputError, match="cannot be read again"):
            splitting.split(runs.first, runs.other_data)
    finally:
        data.write_bytes(kept)
