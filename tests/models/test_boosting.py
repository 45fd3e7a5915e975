"""Boosters fitted on categories, asked with text: a value gets the code that it had in the training, or is refused."""

import hashlib
import io
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GridSearchCV

from limekiln import models
from limekiln.data import frame
from limekiln.data.raw import RawTable
from limekiln.errors import InputError
from limekiln.models import boosting
from limekiln.models.model import Model, Output
from limekiln.settings import CsvSource, DataSettings, JoblibModel

LIBRARIES: Final = ("xgboost", "lightgbm", "catboost")
CITIES: Final = ["Ulm", "Bonn", "Koeln"]


def table(cities: list[str] = CITIES) -> pd.DataFrame:
    """City and rank decide together, so that a shifted code shows; the rank is a category of numbers."""
    rng = np.random.default_rng(3)
    n = 400
    rows = pd.DataFrame(
        {
            "age": rng.normal(50, 10, n),
            "city": rng.choice(cities, n),
            "rank": rng.choice([10, 20, 30], n),
            "job": rng.choice(["baker", "smith"], n).astype(object),
        }
    )
    rows.loc[::9, "age"] = np.nan
    return rows


def target(rows: pd.DataFrame) -> np.ndarray:
    first = rows["city"] == rows["city"].iloc[0]
    return np.where(first ^ (rows["rank"] == 20), 1, 0)


def fitted(library: str, rows: pd.DataFrame, y: np.ndarray, **more: Any) -> Any:
    module = pytest.importorskip(library, reason="limekiln[boosting] is an extra")
    categories = rows.astype(dict.fromkeys(["city", "rank", "job"], "category"))
    if library == "xgboost":
        return module.XGBClassifier(n_estimators=15, enable_categorical=True, **more).fit(categories, y)
    if library == "lightgbm":
        return module.LGBMClassifier(n_estimators=15, verbose=-1, **more).fit(categories, y)
    columns = ["city", "rank", "job"]
    classifier = module.CatBoostClassifier(
        iterations=15, verbose=0, cat_features=columns, allow_writing_files=False, **more
    )
    return classifier.fit(rows, y)


def load(folder: Path, estimator: Any, output: Output = "probability") -> Model:
    joblib.dump(estimator, folder / "m.joblib")
    sha256 = hashlib.sha256((folder / "m.joblib").read_bytes()).hexdigest()
    return models.load(JoblibModel(kind="joblib", path="m.joblib", sha256=sha256, trusted=True), folder, output)


def from_csv(rows: pd.DataFrame, model: Model) -> pd.DataFrame:
    """The rows as a run's data come: written as CSV, read, and prepared."""
    read = pd.read_csv(io.StringIO(rows.to_csv(index=False)))
    settings = DataSettings(source=CsvSource(kind="csv", path="d.csv"))
    return frame.make(RawTable(read, "d.csv", "0" * 64), settings, model_features=model.features).features


@pytest.mark.parametrize("library", LIBRARIES)
def test_text_from_a_csv_gets_the_codes_of_the_training(tmp_path: Path, library: str) -> None:
    rows = table()
    estimator = fitted(library, rows, target(rows))
    taken = rows if library == "catboost" else rows.astype(dict.fromkeys(["city", "rank", "job"], "category"))
    expected = estimator.predict_proba(taken)
    model = load(tmp_path, estimator)
    assert model.features == ("age", "city", "rank", "job")
    assert model.classes == ("0", "1")
    assert model.notices == ()
    asked = from_csv(rows, model)
    assert not isinstance(asked["city"].dtype, pd.CategoricalDtype)
    outputs, failed = models.predict_rows(model, asked)
    assert failed == []
    np.testing.assert_array_equal(outputs, expected)
    np.testing.assert_array_equal(outputs.argmax(axis=1), target(rows))
    again, _ = models.predict_rows(model, asked)
    assert again.tobytes() == outputs.tobytes()
    assert models.compare_decisions(model, asked) == ()


@pytest.mark.parametrize("library", LIBRARIES)
def test_few_rows_and_other_orders_of_categories_shift_nothing(tmp_path: Path, library: str) -> None:
    rows = table()
    model = load(tmp_path, fitted(library, rows, target(rows)))
    expected, _ = models.predict_rows(model, rows)
    ulm = rows[rows["city"] == "Ulm"].iloc[:6]
    alone, failed = models.predict_rows(model, ulm)
    assert failed == []
    np.testing.assert_array_equal(alone, expected[ulm.index])
    turned = rows.iloc[:30].assign(
        city=pd.Categorical(rows["city"].iloc[:30], categories=["Koeln", "Bern", "Ulm", "Bonn"])
    )
    found, failed = models.predict_rows(model, turned)
    assert failed == []
    np.testing.assert_array_equal(found, expected[:30])


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_a_category_that_was_never_seen_is_its_rows_failure(tmp_path: Path, library: str) -> None:
    rows = table()
    model = load(tmp_path, fitted(library, rows, target(rows)))
    strange = rows.iloc[:8].copy()
    strange.loc[5, "city"] = "Rom"
    outputs, failed = models.predict_rows(model, strange)
    assert [row for row, _ in failed] == [5]
    assert failed[0][1] == (
        "ValueError: the column \"city\" holds 'Rom', which the model never saw; it knows 'Bonn', 'Koeln', 'Ulm'"
    )
    expected, _ = models.predict_rows(model, rows.iloc[:8])
    np.testing.assert_array_equal(np.delete(outputs, 5, axis=0), np.delete(expected, 5, axis=0))


def test_catboost_takes_what_it_never_saw_and_no_missing_category(tmp_path: Path) -> None:
    rows = table()
    model = load(tmp_path, fitted("catboost", rows, target(rows)))
    asked = rows.iloc[:8].copy()
    asked.loc[2, "city"] = "Rom"
    asked["rank"] = asked["rank"].astype(float)
    asked.loc[4, "rank"] = np.nan
    outputs, failed = models.predict_rows(model, asked)
    assert [row for row, _ in failed] == [4]
    assert failed[0][1].startswith('ValueError: the column "rank" has no value; CatBoost needs one')
    expected, _ = models.predict_rows(model, rows.iloc[:8])
    np.testing.assert_array_equal(outputs[[0, 1, 3, 5]], expected[[0, 1, 3, 5]])  # 10.0 is the category 10


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_a_missing_category_is_missing(tmp_path: Path, library: str) -> None:
    rows = table()
    rows.loc[::5, "job"] = np.nan
    model = load(tmp_path, fitted(library, rows, target(rows)))
    outputs, failed = models.predict_rows(model, from_csv(rows, model))
    assert failed == []
    np.testing.assert_array_equal(outputs.argmax(axis=1), target(rows))


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("several", [False, True])
def test_logits_are_the_scores_before_the_link(tmp_path: Path, library: str, several: bool) -> None:  # noqa: FBT001 - a parameter of pytest
    rows = table()
    y = np.searchsorted(sorted(CITIES), rows["city"]) if several else target(rows)
    estimator = fitted(library, rows, y)
    probabilities, _ = models.predict_rows(load(tmp_path, estimator), rows)
    model = load(tmp_path, estimator, "logit")
    outputs, failed = models.predict_rows(model, rows)
    assert failed == []
    if several:
        odds = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        np.testing.assert_allclose(odds / odds.sum(axis=1, keepdims=True), probabilities, atol=1e-6)
    else:
        np.testing.assert_allclose(1 / (1 + np.exp(-outputs[:, 1])), probabilities[:, 1], atol=1e-6)
        np.testing.assert_array_equal(outputs[:, 0], -outputs[:, 1])


@pytest.mark.parametrize("library", LIBRARIES)
def test_regressors_give_values(tmp_path: Path, library: str) -> None:
    module = pytest.importorskip(library, reason="limekiln[boosting] is an extra")
    name = {"xgboost": "XGBRegressor", "lightgbm": "LGBMRegressor", "catboost": "CatBoostRegressor"}[library]
    more = {"verbose": 0, "allow_writing_files": False} if library == "catboost" else {}
    rows = table()[["age", "rank"]].fillna(50.0)
    estimator = getattr(module, name)(n_estimators=5, **more).fit(rows, rows["rank"])
    model = load(tmp_path, estimator, "value")
    outputs, failed = models.predict_rows(model, rows)
    assert failed == []
    np.testing.assert_allclose(outputs[:, 0], estimator.predict(rows))
    assert model.description == name
    with pytest.raises(InputError, match=rf"^model.output: the {name} is a regressor and gives no probabilities"):
        load(tmp_path, estimator, "probability")
    with pytest.raises(InputError, match=rf"^model.output: the {name} has no decision_function"):
        load(tmp_path, estimator, "logit")


@pytest.mark.parametrize("library", LIBRARIES)
def test_arrays_have_no_column_names(tmp_path: Path, library: str) -> None:
    module = pytest.importorskip(library, reason="limekiln[boosting] is an extra")
    name = {"xgboost": "XGBClassifier", "lightgbm": "LGBMClassifier", "catboost": "CatBoostClassifier"}[library]
    more = {"allow_writing_files": False} if library == "catboost" else {}
    rows = table()[["age", "rank"]].fillna(50.0)
    y = (rows["rank"] == 20).to_numpy().astype(int)
    model = load(tmp_path, getattr(module, name)(n_estimators=3, **more).fit(rows.to_numpy(), y))
    assert model.features is None
    assert [notice.code for notice in model.notices] == ["model_without_column_names"]
    outputs, failed = models.predict_rows(model, rows)
    assert failed == []
    assert outputs.shape == (400, 2)


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_boosters_predict_in_one_thread(tmp_path: Path, library: str) -> None:
    rows = table()
    model = load(tmp_path, fitted(library, rows, target(rows)))
    estimator = model.predict.__self__.estimator  # type: ignore[attr-defined] # a bound method's
    assert estimator.n_jobs == 1
    if library == "xgboost":
        assert '"nthread":"1"' in estimator.get_booster().save_config().replace(" ", "")


def test_names_that_xgboost_damages_are_refused(tmp_path: Path) -> None:
    xgboost = pytest.importorskip("xgboost", reason="limekiln[boosting] is an extra")
    rows = table(["Ulm", "Bonn", "Köln"])
    estimator = fitted("xgboost", rows, target(rows))
    if boosting._keeps_names():
        pytest.skip(f"XGBoost {xgboost.__version__} keeps names that are not ASCII")
    with pytest.raises(InputError) as caught:
        load(tmp_path, estimator)
    assert 'damages the names of categories that are not plain ASCII, as in the column "city"' in str(caught.value)


def test_lightgbm_keeps_names_that_are_not_ascii(tmp_path: Path) -> None:
    rows = table(["Ulm", "Bonn", "Köln"])
    model = load(tmp_path, fitted("lightgbm", rows, target(rows)))
    outputs, failed = models.predict_rows(model, rows[rows["city"] == "Köln"])
    assert failed == []
    np.testing.assert_array_equal(outputs.argmax(axis=1), target(rows)[rows["city"] == "Köln"])


def test_a_category_column_that_was_constant_is_found_by_its_text(tmp_path: Path) -> None:
    rows = table().assign(city="Ulm")
    y = (rows["rank"] == 20).to_numpy().astype(int)
    rows["rank"] = rows["rank"].astype(str)
    model = load(tmp_path, fitted("lightgbm", rows, y))
    outputs, failed = models.predict_rows(model, rows)
    assert failed == []
    np.testing.assert_array_equal(outputs.argmax(axis=1), y)


def test_numbers_meet_categories_that_are_their_texts(tmp_path: Path) -> None:
    rows = table()
    texts = rows.assign(rank=rows["rank"].astype(str))
    for library in LIBRARIES:
        model = load(tmp_path, fitted(library, texts, target(rows)))
        expected, _ = models.predict_rows(model, texts)
        found, failed = models.predict_rows(model, from_csv(texts, model))  # read back, they are numbers
        assert failed == []
        np.testing.assert_array_equal(found, expected)


def test_a_search_around_a_booster(tmp_path: Path) -> None:
    lightgbm = pytest.importorskip("lightgbm", reason="limekiln[boosting] is an extra")
    rows = table()
    categories = rows.astype(dict.fromkeys(["city", "rank", "job"], "category"))
    search = GridSearchCV(lightgbm.LGBMClassifier(n_estimators=5, verbose=-1), {"num_leaves": [7]}, cv=2)
    model = load(tmp_path, search.fit(categories, target(rows)))
    outputs, failed = models.predict_rows(model, rows)
    assert failed == []
    np.testing.assert_array_equal(outputs, search.predict_proba(categories))


def test_limekiln_imports_no_booster_by_itself() -> None:
    code = "import sys, limekiln, limekiln.kiln, limekiln.models\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not {"xgboost", "lightgbm", "catboost", "mlflow", "httpx"} & set(done.stdout.split())
