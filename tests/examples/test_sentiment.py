"""The LSTM: what it rests on is what moves it, and one word weighs differently in different places."""

import re
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import train_test_split

from limekiln import config, kiln
from limekiln.drivers import Inputs
from limekiln.record import RunRecord

pytest.importorskip("torch", reason="limekiln[torch] is an extra")

REVIEWS: Final = Path(__file__).parents[2] / "examples" / "sentiment"
HEAVIEST: Final = 3


@pytest.fixture(scope="module")
def texts() -> pd.DataFrame:
    return pd.read_csv(REVIEWS / "reviews.csv", index_col="id")


@pytest.fixture(scope="module")
def inputs() -> Inputs:
    return kiln.read_inputs(config.load(REVIEWS / "config.yaml"))


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    overrides = [f"output={tmp_path_factory.mktemp('runs')}", "cluster.scheduler=inline", "report.formats=[html]"]
    smaller = ["sample.rows=300", "explain.perturbations=250"]
    return kiln.run(config.load(REVIEWS / "config.yaml", [*overrides, *smaller])).record


def test_the_network_tells_reviews_that_it_has_not_seen(inputs: Inputs, texts: pd.DataFrame) -> None:
    _, held_out = train_test_split(texts, test_size=500, stratify=texts["sentiment"], random_state=20261123)
    decided = inputs.model.predict(list(held_out["text"])).argmax(axis=1)
    names = np.array(inputs.model.classes)[decided]
    assert (names == held_out["sentiment"]).mean() == pytest.approx(0.736, abs=0.01)


def test_a_review_is_worth_the_same_beside_a_longer_one(inputs: Inputs) -> None:
    alone = inputs.model.predict(["Feels familiar and tired."])
    beside = inputs.model.predict(["Feels familiar and tired.", "a very long one " * 20])
    assert beside[0] == pytest.approx(alone[0], abs=1e-6)


def test_the_order_of_words_matters(inputs: Inputs) -> None:
    """So each place is hidden by itself: a bag of words could not tell these two apart."""
    there = inputs.model.predict(["not dull but moving", "not moving but dull"])
    assert abs(there[0, 0] - there[1, 0]) > 0.01


def test_a_word_that_stands_twice_weighs_by_its_place(tmp_path: Path) -> None:
    row = "movie-7339"  # "I kept thinking over and over again, 'I should be enjoying this.' But I wasn't."
    view = kiln.explain_row(config.load(REVIEWS / "config.yaml", [f"output={tmp_path}"]), row)
    weights = [mark.weight for mark in view.classes[0].marks if mark.text == "over" and mark.weight is not None]
    assert len(weights) == 2
    assert abs(weights[0] - weights[1]) > 1e-4


def test_hiding_the_heaviest_words_moves_the_network_far_more_than_hiding_others(
    record: RunRecord, inputs: Inputs, texts: pd.DataFrame
) -> None:
    rng = np.random.default_rng(0)
    heaviest, others = [], []
    classes = record.tables["rows"].set_index("row")["class"]
    plain = texts["text"].to_dict()
    for row, explained in record.tables["explanations"].groupby("row"):
        if len(explained) < 2 * HEAVIEST:
            continue
        ranked = list(explained.sort_values("weight", ascending=False)["feature"])
        text, column = plain[row], inputs.model.classes.index(classes[row])
        drawn = list(rng.choice(ranked, HEAVIEST, replace=False))
        hidden = [without(text, ranked[:HEAVIEST]), without(text, drawn)]
        whole, least, random = inputs.model.predict([text, *hidden])[:, column]
        heaviest.append(whole - least)
        others.append(whole - random)
    assert len(heaviest) > 200
    assert np.mean(heaviest) > 3 * np.mean(others)


@pytest.mark.parametrize(("name", "words"), [("negative", ["too", "bad", "just"]), ("positive", ["funny", "moving"])])
def test_words_that_a_reader_would_name_speak_for_their_class(record: RunRecord, name: str, words: list[str]) -> None:
    mine = record.tables["importances"]
    mine = mine[(mine["class"] == name) & (mine["level"] == "feature")].set_index("feature")
    assert (mine.loc[words, "support"] >= 3).all()
    assert (mine.loc[words, "positive"] > 4 * mine.loc[words, "negative"]).all()


def without(text: str, words: list[str]) -> str:
    """The text with words put out of the network's sight, as limekiln hides them."""
    return re.sub(r"\w+", lambda found: "UNKWORDZ" if found[0].lower() in words else found[0], text)
