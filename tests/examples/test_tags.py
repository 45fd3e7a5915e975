"""The tags: the model is linear in its words, so what its explanation has to find is known."""

import re
from collections import Counter
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pytest
import skops.io
from scipy.stats import spearmanr
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline

from limekiln import config, kiln
from limekiln.record import RunRecord

TAGS: Final = Path(__file__).parents[2] / "examples" / "tags"
CLASSES: Final = ["movie review", "product review", "tweet"]
MOST_SUPPORTED: Final = 200


@pytest.fixture(scope="module")
def texts() -> pd.DataFrame:
    return pd.read_csv(TAGS / "texts.csv", index_col="id")


@pytest.fixture(scope="module")
def model() -> Pipeline:
    return skops.io.load(TAGS / "model.skops")


@pytest.fixture(scope="module")
def worth(model: Pipeline) -> pd.DataFrame:
    """What one occurrence of a word adds to the score of a class."""
    words, regression = model[0], model[1]
    effects = (regression.coef_ * words.idf_).T
    return pd.DataFrame(effects, index=words.get_feature_names_out(), columns=regression.classes_)


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    overrides = [f"output={tmp_path_factory.mktemp('runs')}", "cluster.scheduler=inline", "report.formats=[html]"]
    smaller = ["sample.rows=300", "explain.perturbations=250"]
    return kiln.run(config.load(TAGS / "config.yaml", [*overrides, *smaller])).record


def test_the_texts_are_five_hundred_of_each_kind_and_name_nobody(texts: pd.DataFrame) -> None:
    assert texts["kind"].value_counts().to_dict() == dict.fromkeys(CLASSES, 500)
    assert texts.index.is_unique
    assert texts["text"].is_unique
    handles = set(re.findall(r"@\w+", " ".join(texts["text"])))
    assert all(handle.startswith("@anonymous") for handle in handles)


def test_the_model_tells_texts_that_it_has_not_seen(model: Pipeline, texts: pd.DataFrame) -> None:
    _, held_out = train_test_split(texts, test_size=500, stratify=texts["kind"], random_state=20261123)
    right = model.predict(list(held_out["text"])) == held_out["kind"]
    assert right.mean() == pytest.approx(0.868, abs=0.01)


def test_a_words_weight_is_what_the_model_gives_for_it(
    record: RunRecord, texts: pd.DataFrame, worth: pd.DataFrame
) -> None:
    """Removing a word takes coefficient × idf from the score, once for each time that it stands there."""
    classes = record.tables["rows"].set_index("row")["class"]
    found = record.tables["explanations"]
    occurs = {row: Counter(re.findall(r"\w+", texts.loc[row, "text"].lower())) for row in classes.index}
    known = worth.to_dict()
    truth = [
        occurs[row][word] * known[classes[row]].get(word, 0.0)
        for row, word in zip(found["row"], found["feature"], strict=True)
    ]
    missed = found["weight"] - np.array(truth)
    assert np.sqrt((missed**2).mean()) < 0.06 * np.sqrt(np.square(truth).mean())
    assert record.tables["rows"]["r2"].min() > 0.97


@pytest.mark.parametrize("score", ["weighted", "share"])
@pytest.mark.parametrize("name", CLASSES)
def test_the_words_of_a_class_rank_as_the_coefficients_do(
    record: RunRecord, worth: pd.DataFrame, name: str, score: str
) -> None:
    mine = record.tables["importances"]
    mine = mine[(mine["class"] == name) & (mine["level"] == "feature")]
    most = mine.sort_values(["support", "feature"], ascending=[False, True]).head(MOST_SUPPORTED)
    size = worth[name].reindex(most["feature"]).fillna(0.0).abs()
    assert spearmanr(most[score], size).statistic >= 0.9


@pytest.mark.parametrize("name", CLASSES)
def test_words_for_and_against_have_the_coefficients_sign(record: RunRecord, worth: pd.DataFrame, name: str) -> None:
    mine = record.tables["importances"]
    first = mine[(mine["class"] == name) & (mine["support"] >= 5)].sort_values("rank").head(20)
    leaning = np.sign((first["positive"] - first["negative"]).to_numpy())
    assert (leaning == np.sign(worth[name].reindex(first["feature"]).to_numpy())).all()
