"""The zoo: what a network that has never met a squirrel makes of it, and of each class of animals."""

from pathlib import Path

import pandas as pd
import pytest

from limekiln import config, kiln
from limekiln.config import LoadedConfig
from limekiln.record import RunRecord

ZOO = Path(__file__).parents[2] / "examples" / "zoo"


def loaded(output: Path) -> LoadedConfig:
    overrides = [f"output={output}", "explain.perturbations=6000", "report.formats=[html]", "cluster.scheduler=inline"]
    return config.load(ZOO / "config.yaml", overrides)


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    return kiln.run(loaded(tmp_path_factory.mktemp("runs"))).record


def test_the_table_is_the_zoo_with_two_frogs_told_apart() -> None:
    table = pd.read_csv(ZOO / "zoo.csv")
    assert len(table) == 101
    assert table["name"].is_unique
    frogs = table[table["name"].str.startswith("frog")].set_index("name")
    assert frogs["venomous"].to_dict() == {"frog": 0, "frog (venomous)": 1}
    assert table["type"].value_counts().to_dict() == {
        "mammal": 41, "bird": 20, "fish": 13, "invertebrate": 10, "insect": 8, "reptile": 5, "amphibian": 4,
    }  # fmt: skip


def test_the_squirrel_is_a_mammal_for_its_milk(tmp_path: Path) -> None:
    view = kiln.explain_row(loaded(tmp_path), "squirrel")
    first = view.classes[0]
    assert first.name == "mammal"
    assert first.predicted > 0.95
    named = {f.feature: f for f in first.features}
    assert first.features[0].feature == "milk"
    assert {f.feature for f in first.features[:3]} == {"milk", "eggs", "hair"}
    shown = {name: named[name].value for name in ("hair", "feathers", "eggs", "milk", "legs", "tail")}
    assert shown == {"hair": "1", "feathers": "0", "eggs": "0", "milk": "1", "legs": "2", "tail": "1"}
    assert all(named[name].weight > 0.1 for name in ("milk", "eggs", "hair"))
    assert abs(named["tail"].weight) < 0.05


def test_each_class_is_told_by_what_makes_it(record: RunRecord) -> None:
    heaviest = {c.name: (c.values[0].feature, c.values[0].value) for c in record.results.classes}
    assert heaviest["bird"] == ("feathers", "1")
    assert heaviest["mammal"] == ("milk", "1")
    assert heaviest["fish"] == ("fins", "1")
    assert heaviest["insect"] == heaviest["invertebrate"] == ("backbone", "0")


def test_the_squirrels_weights_in_the_run_are_those_it_gets_alone(record: RunRecord, tmp_path: Path) -> None:
    alone = kiln.explain_row(loaded(tmp_path), "squirrel").classes[0]
    table = record.tables["explanations"]
    mine = table[table["row"] == "squirrel"].set_index("feature")["weight"]
    assert len(mine) == 16
    assert mine.to_dict() == pytest.approx({f.feature: f.weight for f in alone.features}, rel=1e-9)
