"""A stored run's inputs again: the very same ones, or a message that says which are not, and the way out."""

import shutil
from pathlib import Path
from typing import Any

import pytest

import kiln_cases
import limekiln
from limekiln import store
from limekiln.errors import ConfigError, InputError
from limekiln.models import references
from limekiln.reopen import Reopened, reopen


def run_of(home: Path, **changes: Any) -> Path:
    run = limekiln.run(kiln_cases.write(home, sample__rows=40, **changes))
    assert run.folder is not None
    return run.folder


def again(run: Path, config_folder: Path | None = None) -> Reopened:
    references._loaded.cache_clear()
    return reopen(run, store.read(run), config_folder)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def run(home: Path) -> Path:
    return run_of(home)


def test_config_model_and_data_are_the_runs(run: Path, home: Path) -> None:
    found = again(run)
    assert found.config.settings.sample.rows == 40
    assert found.config.folder == home
    assert found.inputs.frame.sha256 == found.record.manifest.data_sha256
    assert found.inputs.model.sha256 == found.record.manifest.model_sha256


def test_a_config_that_was_edited_since_does_not_matter(run: Path, home: Path) -> None:
    (home / "config.yaml").write_text("nothing of use")
    assert again(run).config.settings.sample.rows == 40


def test_an_output_folder_of_several_levels_is_found(home: Path) -> None:
    run = run_of(home, output="a/b")
    assert again(run).config.folder == home


def test_a_moved_run_needs_to_be_told_where_its_config_was(run: Path, home: Path, tmp_path: Path) -> None:
    moved = Path(shutil.move(run, tmp_path / "archive"))
    with pytest.raises(InputError, match="--config-folder"):
        again(moved)
    assert again(moved, home).config.folder == home


def test_a_config_outside_of_which_the_runs_lie_is_asked_for(home: Path, tmp_path: Path) -> None:
    run = run_of(home, output=str(tmp_path / "elsewhere"))
    with pytest.raises(InputError, match=r"does not tell .* --config-folder"):
        again(run)
    assert again(run, home).config.folder == home


def test_a_model_that_is_gone_is_named_with_the_way_out(run: Path, home: Path) -> None:
    (home / "model.skops").unlink()
    with pytest.raises(InputError, match=r"model\.skops: no such model file .*--config-folder"):
        again(run)


def test_data_that_are_gone_are_named(run: Path, home: Path) -> None:
    (home / "data.csv").unlink()
    with pytest.raises(InputError, match=r"data\.csv"):
        again(run)


def test_data_that_changed_are_refused(run: Path, home: Path) -> None:
    with (home / "data.csv").open("a", encoding="utf-8") as file:
        file.write("new,30,20000,Bonn,autumn,0,no,1\n")
    with pytest.raises(InputError, match="the data changed since the run"):
        again(run)


def test_another_model_file_is_refused(home: Path, tmp_path: Path) -> None:
    run = run_of(home, model__source={"kind": "skops", "path": "model.skops"})
    kiln_cases.write(tmp_path / "other", model__name="Another")
    text = (tmp_path / "other" / "model.skops").read_bytes()
    (home / "model.skops").write_bytes(text + b"\0")
    with pytest.raises(InputError, match="model"):
        again(run)


@pytest.mark.parametrize("name", ["importances.parquet", "results.json", "rows.parquet"])
def test_a_changed_table_is_refused(run: Path, name: str) -> None:
    record = store.read(run)
    with (run / name).open("ab") as file:
        file.write(b" ")
    with pytest.raises(InputError, match=f"{name}: is not the file that the run wrote"):
        reopen(run, record)


def test_a_changed_report_is_not_what_is_judged(run: Path) -> None:
    (run / "report.html").unlink()
    again(run)


def test_a_run_whose_config_was_kept_without_credentials_needs_the_file(home: Path) -> None:
    path = kiln_cases.write(home, sample__rows=40)
    with path.open("a", encoding="utf-8") as file:
        file.write("# postgresql://me:secret@host/data\n")
    run = limekiln.run(path).folder
    assert run is not None
    assert again(run).config.settings.sample.rows == 40
    path.write_text(path.read_text("utf-8") + "\n")
    with pytest.raises(InputError, match="changed since the run, which kept its text without credentials"):
        again(run)
    path.unlink()
    with pytest.raises(ConfigError, match="no such file"):
        again(run)
