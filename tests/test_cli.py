"""The command line as schedulers and people meet it: streams, exit codes, one message for an error."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

import kiln_cases


def limekiln(*arguments: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "limekiln", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "COLUMNS": "120", **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=300,
    )


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("case")
    kiln_cases.write(folder)
    return folder


@pytest.fixture(scope="module")
def ran(case: Path) -> subprocess.CompletedProcess[str]:
    return limekiln("run", "config.yaml", "--set", "sample.rows=60", cwd=case)


def test_reasons_lie_beside_the_runs_and_the_last_line_is_their_path(
    case: Path, ran: subprocess.CompletedProcess[str]
) -> None:
    folder = Path(ran.stdout.strip())
    before = {f.name: f.read_bytes() for f in (case / folder).iterdir()}
    given = limekiln("reasons", folder, "--class", "yes", "--top", "2", cwd=case)
    assert given.returncode == 0, given.stderr
    place = case / given.stdout.splitlines()[-1]
    assert place == case / folder.parent / "reasons" / f"{folder.name}--yes.csv"
    assert json.loads(place.with_suffix(".json").read_text("utf-8"))["class_name"] == "yes"
    assert {f.name: f.read_bytes() for f in (case / folder).iterdir()} == before
    for arguments, said in (
        (["--class", "yess"], 'did you mean "yes"?'),
        (["--class", "yes", "--rows", "0"], "--rows"),
    ):
        wrong = limekiln("reasons", folder, *arguments, cwd=case)
        assert (wrong.returncode, said in wrong.stderr) == (2, True), wrong.stderr


def test_the_last_line_of_a_run_is_its_folder_alone(case: Path, ran: subprocess.CompletedProcess[str]) -> None:
    assert ran.returncode == 0
    assert ran.stdout.count("\n") == 1
    assert (case / ran.stdout.strip() / "manifest.json").is_file()


def test_a_log_gets_lines_and_no_bar(ran: subprocess.CompletedProcess[str]) -> None:
    assert "explain: 1 of 1 batches" in ran.stderr.splitlines()
    assert "\x1b" not in ran.stderr
    assert "\r" not in ran.stderr
    assert "requested 60 = explained 60 + failed 0 rows; the model was asked for 840 rows" in ran.stderr


def test_render_draws_a_stored_run_without_its_model(case: Path, ran: subprocess.CompletedProcess[str]) -> None:
    folder = case / ran.stdout.strip()
    before = (folder / "report.html").read_bytes()
    (folder / "report.html").unlink()
    (case / "model.skops").rename(case / "away")
    try:
        again = limekiln("render", folder, cwd=case)
    finally:
        (case / "away").rename(case / "model.skops")
    assert again.returncode == 0, again.stderr
    assert (folder / "report.html").read_bytes() == before


def test_evaluate_judges_a_run_and_leaves_its_folder_as_it_was(
    case: Path, ran: subprocess.CompletedProcess[str], tmp_path: Path
) -> None:
    (case / "training.py").write_text(
        "import numpy as np\n"
        "def train(X, y, seed):\n"
        "    cut = X['age'].mean()\n"
        "    return lambda rows: np.where(rows['age'] > cut, 'yes', 'no')\n"
    )
    folder = case / ran.stdout.strip()
    before = {f.name: f.read_bytes() for f in folder.iterdir()}
    command = ["evaluate", ran.stdout.strip(), "--rows", "20", "--train", "training:train", "--seeds", "2"]
    first = limekiln(*command, cwd=case)
    assert first.returncode == 0, first.stderr
    path = case / first.stdout.splitlines()[-1]
    assert path == folder.parent / "evaluations" / f"{folder.name}.json"
    assert "ahead of 100% of 20 orders: better" in first.stdout
    assert "trained anew by training:train, 2 seeds" in first.stdout
    assert "delete: 3 of 3 batches" in first.stderr
    document = json.loads(path.read_bytes())
    assert [c["name"] for c in document["classes"]] == ["*", *kiln_cases.CLASSES]
    assert document["retraining"]["seeds"] == [1, 2]
    again = limekiln(*command, "--out", tmp_path / "new" / "told.json", cwd=case)
    assert again.stdout.splitlines()[-1] == str(tmp_path / "new" / "told.json")
    assert (tmp_path / "new" / "told.json").read_bytes() == path.read_bytes()
    assert {f.name: f.read_bytes() for f in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rows", "1"], "--rows"),
        (["--seeds", "1"], "--seeds"),
        (["--config-folder", "nowhere"], "no such model file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_evaluate_refuses_what_it_cannot_use(
    case: Path, ran: subprocess.CompletedProcess[str], arguments: list[str], message: str
) -> None:
    failed = limekiln("evaluate", ran.stdout.strip(), *arguments, cwd=case)
    assert failed.returncode == 2
    assert message in failed.stderr
    assert "Traceback" not in failed.stderr
    assert failed.stdout == ""


def test_check_prints_the_plan(case: Path) -> None:
    checked = limekiln("check", "config.yaml", cwd=case)
    assert checked.returncode == 0
    assert "240 of 240 rows, 5 features" in checked.stdout
    assert "600 in one pool" in checked.stdout
    assert "840 to be predicted" in checked.stdout
    assert not (case / "reports" / "small-case" / "rows").exists()


def test_explain_prints_one_row_and_writes_its_page(case: Path) -> None:
    explained = limekiln("explain", "config.yaml", "--row", "r0007", cwd=case)
    assert explained.returncode == 0, explained.stderr
    page = case / explained.stdout.splitlines()[-1]
    assert "r0007" in page.read_text("utf-8")
    for name in ("age", "income", "city", *kiln_cases.CLASSES):
        assert name in explained.stdout


def test_schema_describes_the_config(case: Path) -> None:
    printed = limekiln("schema", cwd=case)
    schema = json.loads(printed.stdout)
    assert {"model", "data", "sample", "explain", "aggregate", "pick", "report"} <= set(schema["properties"])


def test_init_writes_a_config_once(tmp_path: Path) -> None:
    first = limekiln("init", "new", cwd=tmp_path)
    assert first.returncode == 0
    assert set(YAML(typ="safe").load((tmp_path / "new" / "config.yaml").read_text("utf-8"))) >= {"model", "data"}
    again = limekiln("init", "new", cwd=tmp_path)
    assert again.returncode == 2
    assert "is there already; nothing was written" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["run", "nowhere.yaml"], 2, "nowhere.yaml"),
        (["run", "config.yaml", "--set", "explain.perturbations=many"], 2, "explain.perturbations"),
        (["run", "config.yaml", "--set", "data.target=lable"], 2, 'did you mean "label"?'),
        (["run", "config.yaml", "--set", "sample.stratify=town"], 2, 'no column "town"'),
        (["run", "config.yaml", "--scheduler", "tcp://127.0.0.1:9"], 1, "tcp://127.0.0.1:9"),
        (["explain", "config.yaml", "--row", "x"], 2, "no row is called 'x'"),
        (["render", "."], 2, "is not a run folder"),
        (["evaluate", "."], 2, "is not a run folder"),
        (["bake"], 2, "bake"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_error_is_one_message_and_its_exit_code(case: Path, arguments: list[str], code: int, message: str) -> None:
    failed = limekiln(*arguments, cwd=case)
    assert failed.returncode == code
    assert message in failed.stderr
    assert "Traceback" not in failed.stderr
    assert failed.stdout == ""


def test_debug_shows_the_traceback(case: Path) -> None:
    failed = limekiln("run", "nowhere.yaml", "--debug", cwd=case)
    assert "Traceback" in failed.stderr


def test_without_pango_the_html_is_written_and_the_exit_code_says_that_the_pdf_is_not(
    case: Path, tmp_path: Path
) -> None:
    (tmp_path / "weasyprint.py").write_text('raise OSError("cannot load library libpango-1.0-0")')
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    ran = limekiln(
        "run",
        "config.yaml",
        "--set",
        "report.formats=[html, pdf]",
        "--set",
        "sample.rows=30",
        cwd=case,
        PYTHONPATH=path,
    )
    assert ran.returncode == 1
    folder = case / ran.stdout.strip()
    assert (folder / "report.html").is_file()
    assert not (folder / "report.pdf").exists()
    assert "libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0" in ran.stderr.splitlines()[-1]


def test_an_interrupt_ends_with_130_and_can_be_resumed(tmp_path: Path) -> None:
    kiln_cases.write_own_model(tmp_path)
    (tmp_path / "ours.py").write_text(
        "import os, signal, numpy as np\n"
        "def predict(frame):\n"
        "    if 'INTERRUPT' in os.environ and len(frame) == 600:\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "    p = 1 / (1 + np.exp(-(frame['age'].to_numpy() - 50) / 10))\n"
        "    return np.column_stack([1 - p, p])\n"
    )
    interrupted = limekiln("run", "config.yaml", cwd=tmp_path, INTERRUPT="1")
    assert interrupted.returncode == 130
    assert "--resume" in interrupted.stderr
    assert interrupted.stdout == ""
    resumed = limekiln("run", "config.yaml", "--resume", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert "predict: 1 of 1 batches" in resumed.stderr
    assert "predict: 0 of 1 batches" not in resumed.stderr


def test_a_model_pickled_from_the_users_own_pipeline_module_is_run(tmp_path: Path) -> None:
    """`pipeline` is also the name of our source folder, which must not stand in the way."""
    kiln_cases.write(tmp_path)
    (tmp_path / "pipeline.py").write_text(
        "class Clip:\n"
        "    def fit(self, X, y=None):\n        return self\n"
        "    def transform(self, X):\n        return X.assign(age=X['age'].clip(20, 60))[['age', 'noise']]\n"
    )
    (tmp_path / "train.py").write_text(
        "import hashlib, joblib, pandas as pd\n"
        "from pipeline import Clip\n"
        "from sklearn.linear_model import LogisticRegression\n"
        "from sklearn.pipeline import make_pipeline\n"
        "data = pd.read_csv('data.csv')\n"
        "features = data[['age', 'income', 'city', 'wave', 'noise']]\n"
        "model = make_pipeline(Clip(), LogisticRegression()).fit(features, data['label'])\n"
        "joblib.dump(model, 'model.joblib')\n"
        "print(hashlib.sha256(open('model.joblib', 'rb').read()).hexdigest())\n"
    )
    trained = subprocess.run(
        [sys.executable, "train.py"], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=120
    )
    source = f"{{kind: joblib, path: model.joblib, trusted: true, sha256: {trained.stdout.strip()}}}"
    repository = Path(__file__).parent.parent
    ran = limekiln("run", tmp_path / "config.yaml", "--set", f"model.source={source}", cwd=repository)
    assert ran.returncode == 0, ran.stderr


def test_help_answers_without_the_scientific_stack(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom limekiln.cli import app\n"
        "try:\n    app(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'numpy', 'pandas', 'sklearn', 'scipy', 'dask', 'weasyprint'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
