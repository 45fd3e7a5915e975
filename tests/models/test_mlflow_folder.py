"""MLflow models: hashed file by file before anything of them runs, and asked for probabilities, not labels."""

import logging
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from limekiln import models
from limekiln.errors import InputError
from limekiln.models import ModelRef
from limekiln.models.mlflow_folder import fingerprint
from limekiln.models.model import Model, Output
from limekiln.settings import MlflowModel

mlflow: Any = pytest.importorskip("mlflow", reason="limekiln[mlflow] is an extra")

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlflow")  # hints for those who save models

ROWS = pd.DataFrame({"z": [1.0, 0.0, 0.5, 1.0], "n": [0, 1, 2, 3]})
LABELS = ["no", "yes", "no", "yes"]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # where mlflow would leave its database
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")


def save_sklearn(folder: Path, estimator: Any, **more: Any) -> MlflowModel:
    import mlflow.sklearn  # noqa: PLC0415 - an extra

    mlflow.sklearn.save_model(estimator, folder / "m", pip_requirements=[], **more)
    return MlflowModel(kind="mlflow", path="m", trusted=True)


def save_own(folder: Path, code: str, source_classes: tuple[str, ...] = (), **more: Any) -> MlflowModel:
    """A pyfunc from code: `code` is the body of its predict, over `rows`."""
    import mlflow.pyfunc  # noqa: PLC0415 - an extra

    script = folder / "own.py"
    lines = "".join(f"        {line}\n" for line in code.splitlines())
    script.write_text(
        "import mlflow\nimport numpy as np\nimport pandas as pd\n\n\nclass Own(mlflow.pyfunc.PythonModel):\n"
        f"    def predict(self, context, model_input, params=None):\n        rows = model_input\n{lines}\n\n"
        "mlflow.models.set_model(Own())\n",
        "utf-8",
    )
    mlflow.pyfunc.save_model(folder / "m", python_model=str(script), pip_requirements=[], **more)
    return MlflowModel(kind="mlflow", path="m", trusted=True, classes=source_classes)


def signature(rows: Any, answer: Any) -> Any:
    from mlflow.models import infer_signature  # noqa: PLC0415 - an extra

    return infer_signature(rows, answer)


def load(folder: Path, source: MlflowModel, output: Output = "probability", outputs: tuple[str, ...] = ()) -> Model:
    return models.load(source, folder, output, outputs)


def test_a_classifier_gives_probabilities_though_its_pyfunc_gives_labels(tmp_path: Path) -> None:
    fitted = LogisticRegression().fit(ROWS, LABELS)
    model = load(tmp_path, save_sklearn(tmp_path, fitted, signature=signature(ROWS, LABELS)))
    assert (model.classes, model.features, model.kind) == (("no", "yes"), ("z", "n"), "mlflow")
    assert model.description == "MLflow, LogisticRegression"
    np.testing.assert_array_equal(models.predict_checked(model, ROWS), fitted.predict_proba(ROWS))
    logits = load(tmp_path, MlflowModel(kind="mlflow", path="m", trusted=True), "logit")
    np.testing.assert_array_equal(models.predict_checked(logits, ROWS)[:, 1], fitted.decision_function(ROWS))


def test_a_booster_with_raw_categories_in_its_own_flavor(tmp_path: Path) -> None:
    lightgbm = pytest.importorskip("lightgbm", reason="limekiln[boosting] is an extra")
    import mlflow.lightgbm  # noqa: PLC0415 - an extra

    rows = pd.DataFrame({"city": ["Ulm", "Köln"] * 30, "x": np.arange(60.0)})
    fitted = lightgbm.LGBMClassifier(n_estimators=5, verbose=-1).fit(rows.astype({"city": "category"}), LABELS * 15)
    mlflow.lightgbm.save_model(fitted, tmp_path / "m", pip_requirements=[])
    model = load(tmp_path, MlflowModel(kind="mlflow", path="m", trusted=True))
    assert (model.classes, model.description) == (("no", "yes"), "MLflow, LGBMClassifier")
    outputs, failed = models.predict_rows(model, rows)
    assert failed == []
    np.testing.assert_array_equal(outputs, fitted.predict_proba(rows.astype({"city": "category"})))


def test_classes_of_the_config_name_the_columns(tmp_path: Path) -> None:
    source = save_sklearn(tmp_path, LogisticRegression().fit(ROWS, [0, 1, 0, 1]))
    assert load(tmp_path, source).classes == ("0", "1")
    assert load(tmp_path, source.model_copy(update={"classes": ("good", "bad")})).classes == ("good", "bad")
    with pytest.raises(InputError, match=r'^model.source.classes: 3 names, but the model has 2: "0", "1"$'):
        load(tmp_path, source.model_copy(update={"classes": ("a", "b", "c")}))


def test_a_regression_goes_through_its_signature(tmp_path: Path) -> None:
    fitted = LinearRegression().fit(ROWS, [1.0, 2.0, 3.0, 4.0])
    model = load(tmp_path, save_sklearn(tmp_path, fitted, signature=signature(ROWS, np.zeros(4))), "value")
    assert (model.classes, model.features, model.description) == (
        ("prediction",),
        ("z", "n"),
        "MLflow, LinearRegression",
    )
    turned = pd.DataFrame({"n": [0.0, 1.0], "z": [1, 0]})  # another order, and other types of the same numbers
    np.testing.assert_allclose(models.predict_checked(model, turned)[:, 0], fitted.predict(turned[["z", "n"]]))
    _, failed = models.predict_rows(model, pd.DataFrame({"n": [0.0, 0.5, np.nan], "z": [1, 0, 0]}))
    assert [row for row, _ in failed] == [1, 2]
    assert "Can not safely convert float64 to int64" in failed[0][1]


@pytest.mark.parametrize(
    "answer",
    [
        "np.column_stack([1 - rows['z'], rows['z']])",
        "pd.DataFrame({'yes': rows['z'], 'no': 1 - rows['z']})",
        "[[1 - z, z] for z in rows['z']]",
        "[{'yes': z, 'no': 1 - z} for z in rows['z']]",
        "{'p': np.column_stack([1 - rows['z'], rows['z']])}",
    ],
)
def test_answers_of_every_form(tmp_path: Path, answer: str) -> None:
    model = load(tmp_path, save_own(tmp_path, f"return {answer}", ("no", "yes"), signature=signature(ROWS, None)))
    assert model.features == ("z", "n")
    outputs = models.predict_checked(model, ROWS)
    np.testing.assert_array_equal(outputs, np.column_stack([1 - ROWS["z"], ROWS["z"]]))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (
            "['yes'] * len(rows)",
            "the model gives labels, such as 'yes', and no numbers; for scikit-learn, save it with",
        ),
        ("np.ones(len(rows))", "the model gives one number a row, such as [1.0], and not one for each of 2 classes: a"),
        ("np.ones((len(rows), 3))", "the model gave an array of shape (1, 3), expected (1, 2)"),
        ("None", "the model gives None, which is no table of numbers"),
        ("rows['no such']", "KeyError: 'no such'"),
    ],
)
def test_answers_that_are_no_predictions(tmp_path: Path, answer: str, reason: str) -> None:
    model = load(tmp_path, save_own(tmp_path, f"return {answer}", ("no", "yes")))
    _, failed = models.predict_rows(model, ROWS)
    assert len(failed) == 4
    assert failed[0][1].startswith(reason)


def test_a_pyfunc_without_class_names_is_refused(tmp_path: Path) -> None:
    source = save_own(tmp_path, "return rows")
    with pytest.raises(InputError, match=r"^model.source.classes: m does not name its classes; name them in the order"):
        load(tmp_path, source)
    several = load(tmp_path, source, "value", ("left", "right"))
    assert several.classes == ("left", "right")
    np.testing.assert_array_equal(models.predict_checked(several, ROWS), ROWS)


def test_texts_and_arrays(tmp_path: Path) -> None:
    texts = ["good good", "bad", "good", "bad bad"]
    pipeline = make_pipeline(CountVectorizer(), LogisticRegression()).fit(texts, LABELS)
    model = load(tmp_path, save_sklearn(tmp_path, pipeline))
    np.testing.assert_array_equal(models.predict_checked(model, texts), pipeline.predict_proba(texts))
    for name, rows, code in (
        ("column", pd.DataFrame({"text": texts}), "return [float(len(t)) for t in rows['text']]"),
        ("array", np.ones((4, 2, 3), dtype=np.float32), "return rows.sum(axis=(1, 2))"),
    ):
        folder = tmp_path / name
        folder.mkdir()
        own = load(folder, save_own(folder, code, signature=signature(rows, None)), "value")
        asked = texts if name == "column" else rows.astype(np.float64)
        expected = [9, 3, 4, 7] if name == "column" else [6] * 4
        assert models.predict_checked(own, asked)[:, 0].tolist() == expected


# what may be loaded


class Canary:
    """Unpickled, it leaves a file."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.place,))


def test_the_hash_is_what_a_shell_makes_of_the_files(tmp_path: Path) -> None:
    source = save_sklearn(tmp_path, LogisticRegression().fit(ROWS, LABELS))
    folder = tmp_path / "m"
    (folder / "sub").mkdir()
    (folder / "sub" / "ä b.txt").write_text("artifact", "utf-8")
    shell = "find . -type f -printf '%P\\0' | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum"
    done = subprocess.run(["/bin/sh", "-c", shell], cwd=folder, check=True, capture_output=True, text=True)
    assert fingerprint(folder) == done.stdout.split()[0]
    model = load(tmp_path, source)
    assert model.sha256 == fingerprint(folder)
    pinned = ModelRef(source, tmp_path, "probability").pinned()
    assert pinned.source.sha256 == model.sha256  # type: ignore[union-attr] # an mlflow model has one
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "x.pyc").write_bytes(b"")
    assert fingerprint(folder) == model.sha256


def test_nothing_runs_before_the_hash_matched(tmp_path: Path) -> None:
    source = save_sklearn(tmp_path, LogisticRegression().fit(ROWS, LABELS))
    before = fingerprint(tmp_path / "m")
    canary = tmp_path / "fired"
    for file in (tmp_path / "m").glob("model.*"):
        file.write_bytes(pickle.dumps(Canary(canary)))
    with pytest.raises(InputError) as caught:
        load(tmp_path, source.model_copy(update={"sha256": before}))
    assert str(caught.value) == (
        f"m: has SHA-256 {fingerprint(tmp_path / 'm')} over its files, but model.source.sha256 is {before}; "
        "the model is not the one that was pinned, and was not loaded"
    )
    assert not canary.exists()


def test_a_file_that_was_added_is_seen(tmp_path: Path) -> None:
    source = save_sklearn(tmp_path, LogisticRegression().fit(ROWS, LABELS))
    pinned = source.model_copy(update={"sha256": fingerprint(tmp_path / "m")})
    assert load(tmp_path, pinned).classes == ("no", "yes")
    (tmp_path / "m" / "more").write_text("", "utf-8")
    with pytest.raises(InputError, match="was not loaded"):
        load(tmp_path, pinned)


def test_the_copy_is_what_is_loaded(tmp_path: Path) -> None:
    code = f"open({str(tmp_path / 'where')!r}, 'w').write(__file__)\nreturn rows['z'].to_numpy()"
    model = load(tmp_path, save_own(tmp_path, code), "value")
    models.predict_checked(model, ROWS)
    where = Path((tmp_path / "where").read_text("utf-8"))
    assert not where.is_relative_to(tmp_path / "m")
    assert where.parent.parent.stat().st_mode & 0o077 == 0  # a folder for this user alone


def test_folders_that_are_no_models(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"^empty: is no folder of an MLflow model \(it has no file MLmodel\) in "):
        load(tmp_path, MlflowModel(kind="mlflow", path="empty", trusted=True))
    with pytest.raises(InputError, match=r"^nowhere: no such model folder in "):
        load(tmp_path, MlflowModel(kind="mlflow", path="nowhere", trusted=True))
    (tmp_path / "empty" / "MLmodel").write_text("nonsense", "utf-8")
    with pytest.raises(InputError, match=r"^empty: the model could not be loaded: "):
        load(tmp_path, MlflowModel(kind="mlflow", path="empty", trusted=True))
    (tmp_path / "empty" / "link").symlink_to(tmp_path)
    with pytest.raises(InputError, match="is a link to a folder"):
        load(tmp_path, MlflowModel(kind="mlflow", path="empty", trusted=True))


def test_loading_and_asking_are_quiet_and_leave_nothing_behind(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source = save_sklearn(
        tmp_path, DecisionTreeClassifier().fit(ROWS, LABELS), skops_trusted_types=["sklearn.tree._tree.Tree"]
    )
    (tmp_path / "m" / "requirements.txt").write_text("scikit-learn==0.1\n", "utf-8")  # mlflow warns of it
    there = sorted(os.listdir(tmp_path))  # noqa: PTH208 - the names
    handlers = list(logging.getLogger("mlflow").handlers)
    capfd.readouterr()
    model = load(tmp_path, source)
    for _ in range(2):
        models.predict_checked(model, ROWS)
    assert capfd.readouterr() == ("", "")
    assert logging.getLogger("mlflow").handlers == handlers
    assert sorted(os.listdir(tmp_path)) == there  # noqa: PTH208 - the names
    assert [notice.code for notice in model.notices] == ["model_load_warning"]
    assert "scikit-learn" in model.notices[0].text


def test_mlflow_missing_is_said(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "MLmodel").write_text("", "utf-8")
    code = (
        "import sys\nfrom pathlib import Path\nsys.modules['mlflow'] = None\n"
        "from limekiln import errors, models\nfrom limekiln.settings import MlflowModel\n"
        "try:\n    models.load(MlflowModel(kind='mlflow', path='m', trusted=True), Path('.'), 'value')\n"
        "except errors.InputError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert done.stdout == 'model.source.kind: mlflow needs mlflow; install it with: pip install "limekiln[mlflow]"\n'
