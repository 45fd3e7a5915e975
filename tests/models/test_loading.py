"""Model files: nothing runs before its hash matched, and every refusal says what to do."""

import ast
import hashlib
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn.base
import skops.io
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

import limekiln.models
from limekiln import models
from limekiln.errors import InputError
from limekiln.models.estimator import describe, one_thread
from limekiln.models.model import Model, Output, class_names
from limekiln.settings import JoblibModel, PythonModel, SkopsModel

ROWS = pd.DataFrame({"x": [0.0, 1.0, 2.0, 3.0], "job": ["a", "b", "a", "b"], "z": [1.0, 0.0, 0.0, 1.0]})
LABELS = ["no", "yes", "no", "yes"]
NUMBERS = ROWS[["z", "x"]]


def skops_source(folder: Path, estimator: Any, trusted: tuple[str, ...] = (), **changed: Any) -> SkopsModel:
    skops.io.dump(estimator, folder / "m.skops")
    return SkopsModel(kind="skops", path="m.skops", trusted=trusted, **changed)


def joblib_source(folder: Path, estimator: Any) -> JoblibModel:
    joblib.dump(estimator, folder / "m.joblib")
    sha256 = hashlib.sha256((folder / "m.joblib").read_bytes()).hexdigest()
    return JoblibModel(kind="joblib", path="m.joblib", sha256=sha256, trusted=True)


def load_joblib(folder: Path, estimator: Any, output: Output = "probability") -> Model:
    return models.load(joblib_source(folder, estimator), folder, output)


def refused(folder: Path, estimator: Any, output: Output = "probability") -> str:
    with pytest.raises(InputError) as caught:
        load_joblib(folder, estimator, output)
    return str(caught.value)


def test_a_pipeline_in_skops(tmp_path: Path) -> None:
    encode = make_column_transformer((OneHotEncoder(), ["job"]), remainder="passthrough")
    pipeline = make_pipeline(encode, LogisticRegression()).fit(ROWS, LABELS)
    model = models.load(skops_source(tmp_path, pipeline), tmp_path, "probability")
    assert model.classes == ("no", "yes")
    assert model.task == "classification"
    assert model.features == ("x", "job", "z")
    assert model.kind == "skops"
    assert model.description == "Pipeline: ColumnTransformer → LogisticRegression"
    assert model.sha256 == hashlib.sha256((tmp_path / "m.skops").read_bytes()).hexdigest()
    assert model.notices == ()
    np.testing.assert_array_equal(models.predict_checked(model, ROWS), pipeline.predict_proba(ROWS))


def test_a_regression_in_joblib(tmp_path: Path) -> None:
    fitted = LinearRegression().fit(NUMBERS, [1.0, 2.0, 3.0, 4.0])
    model = load_joblib(tmp_path, fitted, "value")
    assert (model.classes, model.task, model.features) == (("prediction",), "regression", ("z", "x"))
    np.testing.assert_array_equal(models.predict_checked(model, NUMBERS)[:, 0], fitted.predict(NUMBERS))


def test_untrusted_types_in_skops_are_listed_as_lines_for_the_config(tmp_path: Path) -> None:
    tree = DecisionTreeClassifier().fit(NUMBERS, LABELS)
    with pytest.raises(InputError) as caught:
        models.load(skops_source(tmp_path, tree), tmp_path, "probability")
    assert str(caught.value) == (
        "m.skops: the file holds types that nobody has vouched for. If you know them and trust them, "
        "add them to the config, under model.source:\n    trusted:\n      - sklearn.tree._tree.Tree"
    )
    trusting = skops_source(tmp_path, tree, trusted=("sklearn.tree._tree.Tree",))
    assert models.load(trusting, tmp_path, "probability").classes == ("no", "yes")


class Canary:
    """Unpickled, it leaves a file."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.place,))


@pytest.mark.parametrize("kind", ["joblib", "skops"])
def test_a_file_with_another_hash_is_not_loaded(tmp_path: Path, kind: str) -> None:
    canary = tmp_path / "fired"
    (tmp_path / "m").write_bytes(pickle.dumps(Canary(canary)))
    pinned = "0" * 64
    source: JoblibModel | SkopsModel = SkopsModel(kind="skops", path="m", sha256=pinned)
    if kind == "joblib":
        source = JoblibModel(kind="joblib", path="m", sha256=pinned, trusted=True)
    with pytest.raises(InputError) as caught:
        models.load(source, tmp_path, "probability")
    sha256 = hashlib.sha256((tmp_path / "m").read_bytes()).hexdigest()
    assert str(caught.value) == (
        f"m: has SHA-256 {sha256}, but model.source.sha256 is {pinned}; "
        "the file is not the one that was pinned, and was not loaded"
    )
    assert not canary.exists()


def test_a_pickle_called_skops_is_never_unpickled(tmp_path: Path) -> None:
    canary = tmp_path / "fired"
    (tmp_path / "m").write_bytes(pickle.dumps(Canary(canary)))
    with pytest.raises(InputError, match=r"^m: the model could not be loaded: "):
        models.load(SkopsModel(kind="skops", path="m"), tmp_path, "probability")
    assert not canary.exists()


def test_what_was_hashed_is_what_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = joblib_source(tmp_path, LinearRegression().fit(NUMBERS, [1.0, 2.0, 3.0, 4.0]))
    canary = tmp_path / "fired"
    read = Path.read_bytes

    def read_then_swap(self: Path) -> bytes:
        data = read(self)
        self.write_bytes(pickle.dumps(Canary(canary)))
        return data

    monkeypatch.setattr(Path, "read_bytes", read_then_swap)
    assert models.load(source, tmp_path, "value").task == "regression"
    assert not canary.exists()


def test_only_a_few_modules_load_models() -> None:
    package = Path(limekiln.models.__file__).parent.parent
    allowed = {"joblib_file.py", "skops_file.py", "torch_file.py"}
    loaders = {"joblib", "pickle", "cloudpickle", "dill", "skops"}
    heavy = {"load_model", "InferenceSession", "torch.load", "jit.load", "export.load"}
    allowed_heavy = {"onnx_file.py", "torch_file.py", "keras_file.py", "mlflow_folder.py"}
    for path in package.rglob("*.py"):
        calls = [ast.unparse(n.func) for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.Call)]
        assert path.name in allowed_heavy or not any(call.endswith(tuple(heavy)) for call in calls), path
        if path.name in allowed or path.parent.name == "fanout":  # the fan-out carries work between its own processes
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            assert not {name.split(".")[0] for name in [*names, module]} & loaders, path


def test_files_that_are_no_models(tmp_path: Path) -> None:
    assert refused(tmp_path, {"model": 1}) == (
        "model.source: the file holds a value of type dict, which has no predict; save the fitted estimator itself"
    )
    (tmp_path / "m.skops").write_bytes(b"nonsense")
    with pytest.raises(
        InputError, match=r"^m.skops: the model could not be loaded: BadZipFile: File is not a zip file$"
    ):
        models.load(SkopsModel(kind="skops", path="m.skops"), tmp_path, "probability")
    missing = SkopsModel(kind="skops", path="n.skops")
    with pytest.raises(InputError) as caught:
        models.load(missing, tmp_path, "probability")
    assert str(caught.value) == f"n.skops: no such model file in {tmp_path}; did you mean m.skops?"


def test_estimators_that_cannot_be_explained(tmp_path: Path) -> None:
    assert refused(tmp_path, LogisticRegression()) == (
        "model.source: the LogisticRegression is not fitted; fit it before saving it"
    )
    assert refused(tmp_path, LinearSVC().fit(NUMBERS, LABELS)) == (
        "model.output: the LinearSVC has no predict_proba; wrap it in sklearn.calibration.CalibratedClassifierCV"
    )
    assert refused(tmp_path, LinearRegression().fit(NUMBERS, [1, 2, 3, 4])) == (
        "model.output: the LinearRegression is a regressor and gives no probabilities; set model.output: value"
    )
    assert refused(tmp_path, LogisticRegression().fit(NUMBERS, LABELS), "value") == (
        "model.output: the LogisticRegression is a classifier; set model.output: probability"
    )
    one_class = DecisionTreeClassifier().fit(NUMBERS, ["no"] * 4)
    assert refused(tmp_path, one_class) == "the model knows only 1 class; nothing to explain"
    many = MultiOutputClassifier(LogisticRegression()).fit(NUMBERS, np.array([[0, 1], [1, 0], [0, 0], [1, 1]]))
    assert refused(tmp_path, many) == "model.source: the model gives 2 outputs at once; explain one at a time"


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (np.array([0, 1]), ("0", "1")),
        (np.array([0.0, 1.0]), ("0", "1")),
        (np.array([0.5, 1.0]), ("0.5", "1")),
        (np.array([False, True]), ("False", "True")),
        (np.array(["b", "a"]), ("b", "a")),
    ],
)
def test_class_labels_become_texts(labels: np.ndarray, names: tuple[str, ...]) -> None:
    assert class_names(list(labels)) == names


def test_class_labels_that_read_the_same_are_refused() -> None:
    with pytest.raises(InputError, match=r"^the model's classes 1 and '1' both read \"1\"; rename one$"):
        class_names([1, "1"])


@pytest.mark.parametrize("kind", ["joblib", "skops"])
def test_a_file_of_another_scikit_learn_says_so_once(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted = make_pipeline(StandardScaler(), LogisticRegression()).fit(NUMBERS, LABELS)
    with monkeypatch.context() as older:
        older.setattr(sklearn.base, "__version__", "1.2.0")
        source = joblib_source(tmp_path, fitted) if kind == "joblib" else skops_source(tmp_path, fitted)
    notices = models.load(source, tmp_path, "probability").notices
    text = (
        f"The model was fitted with scikit-learn 1.2.0 and runs with {sklearn.__version__}: "
        "it may predict something else, or break."
    )
    assert [(n.code, n.text) for n in notices] == [("model_of_other_version", text)]


def test_a_model_without_column_names_says_so(tmp_path: Path) -> None:
    model = load_joblib(tmp_path, LogisticRegression().fit(NUMBERS.to_numpy(), LABELS))
    assert model.features is None
    assert [n.code for n in model.notices] == ["model_without_column_names"]
    assert models.predict_checked(model, NUMBERS).shape == (4, 2)


def test_every_estimator_inside_gets_one_thread() -> None:
    forest = RandomForestClassifier(3, n_jobs=2, random_state=0)
    search = GridSearchCV(VotingClassifier([("f", forest)], voting="soft"), {"f__max_depth": [2]}, cv=2)
    for model in (search, CalibratedClassifierCV(forest, cv=2), make_pipeline(StandardScaler(), forest)):
        fitted = model.fit(pd.concat([NUMBERS] * 4), LABELS * 4)
        fitted.n_jobs = 2
        assert 2 in every_n_jobs(fitted)
        one_thread(fitted)
        assert set(every_n_jobs(fitted)) <= {None, 1}


def every_n_jobs(value: Any, seen: set[int] | None = None) -> list[Any]:
    """All n_jobs anywhere inside a value, found by a walk of its own."""
    seen = set() if seen is None else seen
    if id(value) in seen:
        return []
    seen.add(id(value))
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else []
    own = vars(value) if hasattr(value, "__dict__") and not isinstance(value, type) else {}
    found = [own["n_jobs"]] if "n_jobs" in own else []
    return found + [n for part in [*inner, *own.values()] for n in every_n_jobs(part, seen)]


def test_descriptions_stay_short() -> None:
    assert describe(LogisticRegression()) == "LogisticRegression"
    assert describe(make_pipeline("passthrough", LinearSVC())) == "Pipeline: LinearSVC"
    long = make_pipeline(*[StandardScaler() for _ in range(9)], LinearSVC())
    assert describe(long).count("StandardScaler") == 5
    assert describe(long).endswith("→ … → LinearSVC")


def test_logits_are_what_an_estimator_decides_by(tmp_path: Path) -> None:
    fitted = LinearSVC().fit(NUMBERS, LABELS)
    model = load_joblib(tmp_path, fitted, "logit")
    assert (model.classes, model.task, model.output) == (("no", "yes"), "classification", "logit")
    scores = fitted.decision_function(NUMBERS)
    np.testing.assert_array_equal(models.predict_checked(model, NUMBERS), np.column_stack([-scores, scores]))
    assert refused(tmp_path, DecisionTreeClassifier().fit(NUMBERS, LABELS), "logit") == (
        "model.output: the DecisionTreeClassifier has no decision_function, which gives logits"
    )


def test_several_values_take_their_names_from_the_config(tmp_path: Path) -> None:
    fitted = LinearRegression().fit(NUMBERS, np.column_stack([[1.0, 2, 3, 4], [0.0, 1, 0, 1]]))
    model = models.load(joblib_source(tmp_path, fitted), tmp_path, "value", ("size", "price"))
    assert (model.classes, model.task) == (("size", "price"), "regression")
    np.testing.assert_array_equal(models.predict_checked(model, NUMBERS), fitted.predict(NUMBERS))
    (tmp_path / "two_values.py").write_text("def give(rows):\n    return rows[['x', 'z']]\n", encoding="utf-8")
    own = models.load(PythonModel(kind="python", path="two_values:give"), tmp_path, "value", ("x", "z"))
    np.testing.assert_array_equal(models.predict_checked(own, ROWS), ROWS[["x", "z"]])


def test_a_factory_is_called_once_for_the_function(tmp_path: Path) -> None:
    code = "made = []\n\n\ndef build():\n    made.append(1)\n    return lambda rows: rows['x'] + len(made)\n"
    (tmp_path / "own_factory.py").write_text(code, encoding="utf-8")
    source = PythonModel(kind="python", path="own_factory:build", factory=True)
    model = models.load(source, tmp_path, "value")
    for _ in range(2):
        np.testing.assert_array_equal(models.predict_checked(model, ROWS)[:, 0], ROWS["x"] + 1)


ABSENT = "it is not installed and does not lie beside the config"

PIPELINE_PY = """
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin


class Threshold(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return self.classes_[(X["x"] > 1).to_numpy().astype(int)]

    def predict_proba(self, X):
        import beside
        p = (X["x"] > 1).to_numpy() * beside.SCALE
        return np.column_stack([1 - p, p])


def proba(frame):
    import beside
    return np.column_stack([1 - frame["x"] * 0, frame["x"] * 0])
"""
SAVE = """
import joblib, pandas as pd, skops.io
from pipeline import Threshold
fitted = Threshold().fit(pd.DataFrame({"x": [1, 2]}), ["no", "yes"])
joblib.dump(fitted, "m.joblib")
skops.io.dump(fitted, "m.skops")
"""
LOAD = """
import hashlib, sys
from pathlib import Path
import pandas as pd
from limekiln import models
from limekiln.settings import JoblibModel, PythonModel, SkopsModel
folder = Path(sys.argv[1])
sha256 = hashlib.sha256((folder / "m.joblib").read_bytes()).hexdigest()
source = JoblibModel(kind="joblib", path="m.joblib", sha256=sha256, trusted=True)
model = models.load(source, folder, "probability")
print(model.description, model.classes, models.predict_checked(model, pd.DataFrame({"x": [1, 2]})).tolist())
source = SkopsModel(kind="skops", path="m.skops", trusted=("pipeline.Threshold",))
print(models.load(source, folder, "probability").features)
source = PythonModel(kind="python", path="pipeline:proba", classes=("a", "b"))
print(models.load(source, folder, "probability").classes)
"""


def a_users_folder(folder: Path, scale: float = 1.0) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "pipeline.py").write_text(PIPELINE_PY, encoding="utf-8")
    (folder / "beside.py").write_text(f"SCALE = {scale}\n", encoding="utf-8")
    return folder


def test_a_model_of_a_users_own_pipeline_module_loads_from_any_directory(tmp_path: Path) -> None:
    home = a_users_folder(tmp_path / "user")
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "pipeline").mkdir(parents=True)  # a folder of that name, as in a checkout of limekiln
    subprocess.run([sys.executable, "-c", SAVE], cwd=home, check=True)
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(home)], cwd=elsewhere, check=True, capture_output=True, text=True
    )
    assert done.stdout.splitlines() == ["Threshold ('no', 'yes') [[1.0, 0.0], [0.0, 1.0]]", "('x',)", "('a', 'b')"]


def test_two_configs_have_their_own_modules_of_one_name(tmp_path: Path) -> None:
    found = []
    for name, value in (("one", 0.25), ("two", 0.5), ("one", 0.25)):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        (folder / "scorer_of_test.py").write_text(f"def score(frame):\n    return frame['x'] * 0 + {value}\n", "utf-8")
        source = PythonModel(kind="python", path="scorer_of_test:score")
        found.append(float(models.predict_checked(models.load(source, folder, "value"), ROWS)[0, 0]))
    assert found == [0.25, 0.5, 0.25]


def test_a_callable_of_ones_own(tmp_path: Path) -> None:
    code = "class Box:\n    def ask(self, frame):\n        return frame['x']\n\n\nbox = Box()\nnumber = 3\n"
    (tmp_path / "own_scorer.py").write_text(code, encoding="utf-8")
    model = models.load(PythonModel(kind="python", path="own_scorer:box.ask"), tmp_path, "value")
    assert (model.classes, model.kind, model.description) == (("prediction",), "python", "own_scorer:box.ask")
    assert (model.sha256, model.features) == (None, None)
    assert [n.code for n in model.notices] == ["model_not_pinned"]
    assert models.predict_checked(model, ROWS)[:, 0].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("own_broken:x", "own_broken:x: the model could not be loaded: SyntaxError: "),
        ("own_exit:x", "own_exit:x: the model could not be loaded: SystemExit: 3"),
        (
            "own_lacks:x",
            f"own_lacks:x: the model needs the module 'no_such_module'; {ABSENT}",
        ),
        (
            "own_none:x",
            f"own_none:x: the model needs the module 'own_none'; {ABSENT}",
        ),
        ("own_fine:y", "model.source.path: module 'own_fine' has no attribute 'y'; own_fine is "),
        ("own_fine:x", "model.source.path: own_fine:x is no function but a value of type int"),
    ],
)
def test_callables_that_cannot_be_found(tmp_path: Path, path: str, message: str) -> None:
    texts = {"broken": "def", "exit": "raise SystemExit(3)", "lacks": "import no_such_module", "fine": "x = 1"}
    for name, text in texts.items():
        (tmp_path / f"own_{name}.py").write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        models.load(PythonModel(kind="python", path=path, classes=("a", "b")), tmp_path, "probability")
    assert str(caught.value).startswith(message)


def test_a_function_in_memory() -> None:
    model = Model.from_function(lambda frame: frame["x"], "value")
    assert (model.task, model.classes, model.description) == ("regression", ("prediction",), "<lambda>")
    forest = RandomForestClassifier(3, n_jobs=2).fit(NUMBERS, LABELS)
    model = Model.from_function(forest.predict_proba, "probability", ["no", "yes"])
    assert (model.task, model.classes, model.features) == ("classification", ("no", "yes"), ("z", "x"))
    assert model.description == "RandomForestClassifier.predict_proba"
    assert [n.code for n in model.notices] == ["model_in_threads"]
    assert forest.n_jobs == 2
    with pytest.raises(InputError, match=r"^the model is no function but a value of type int$"):
        Model.from_function(3, "value")  # type: ignore[arg-type] # that is the point
