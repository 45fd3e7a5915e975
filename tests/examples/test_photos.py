"""The photographs: what they are, how a thousand classes become six, and a small run through concepts to the report."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Final

import numpy as np
import pytest
from PIL import Image

from limekiln import config, kiln
from limekiln.config import LoadedConfig
from limekiln.record import RunRecord

PHOTOS: Final = Path(__file__).parents[2] / "examples" / "photos"
CLASSES: Final = ("building", "camera", "cat", "coffee", "rocket")


def loaded(output: Path) -> LoadedConfig:
    overrides = [
        f"output={output}", 'data.source.pattern="**/*-whole.jpg"', "data.images.concepts=8",
        "explain.perturbations=60",
        "aggregate.min_support=1", "report.formats=[html]", "cluster.scheduler=inline",
    ]  # fmt: skip
    return config.load(PHOTOS / "config.yaml", overrides)


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    return kiln.run(loaded(tmp_path_factory.mktemp("runs"))).record


@pytest.fixture
def predict() -> Iterator[ModuleType]:
    """The example's module, as `predict` is a name that others may have too."""
    sys.path.insert(0, str(PHOTOS))
    before = sys.modules.pop("predict", None)
    try:
        import predict as module  # type: ignore[import-not-found] # noqa: PLC0415 - it lies beside the config

        yield module
    finally:
        sys.path.remove(str(PHOTOS))
        sys.modules.pop("predict", None)
        if before is not None:
            sys.modules["predict"] = before


def test_there_are_four_pictures_of_each_photograph_as_large_as_the_network_takes_them() -> None:
    files = sorted((PHOTOS / "photos").rglob("*.jpg"))
    assert [file.parent.name for file in files] == [name for name in CLASSES for _ in range(4)]
    assert {Image.open(file).size for file in files} == {(224, 224)}
    assert sum(file.stat().st_size for file in files) < 500_000


def test_the_classes_share_no_class_of_imagenet_and_leave_the_rest_to_something_else(predict: ModuleType) -> None:
    ids = [i for group in predict.CLASSES.values() for i in group]
    assert len(set(ids)) == len(ids)
    each = np.eye(1000)
    assert np.array_equal(predict.summed(each).sum(axis=1), np.ones(1000))
    assert predict.summed(each)[:, -1].sum() == 1000 - len(ids)
    named = config.load(PHOTOS / "config.yaml", []).settings.model.source.classes  # type: ignore[union-attr] # python's
    assert named == (*predict.CLASSES, "something else")


def test_an_image_of_another_size_is_refused(predict: ModuleType) -> None:
    with pytest.raises(ValueError, match="224"):
        predict.predict(np.zeros((1, 64, 64, 3), dtype=np.uint8))


def test_the_network_knows_four_of_the_five_photographs(record: RunRecord) -> None:
    rows = record.tables["rows"].set_index("row")["class"]
    assert {str(row).split("/")[0]: name for row, name in rows.items()} == {
        "building": "building", "camera": "camera", "cat": "cat", "coffee": "coffee", "rocket": "something else",
    }  # fmt: skip
    assert record.results.counts.failed == 0


def test_superpixels_of_all_pictures_become_concepts_that_the_report_shows(record: RunRecord) -> None:
    table = record.tables["explanations"]
    assert set(table["feature"]) <= {f"concept {i + 1}" for i in range(8)}
    coffee = table[table["class"] == "coffee"].groupby("feature")["weight"].sum()
    assert coffee.max() > 0.05
    pictures = record.tables["pictures"]
    assert set(table["feature"]) <= set(pictures[pictures["kind"] == "concept"]["of"])
