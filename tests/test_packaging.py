"""The wheel holds everything that a run needs, and works from a folder that is not the repository."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import kiln_cases

REPOSITORY = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(REPOSITORY)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    return next(out.glob("*.whl"))


def test_the_wheel_holds_every_module_and_template(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    package = REPOSITORY / "pipeline" / "limekiln"
    modules = {f"limekiln/{p.relative_to(package).as_posix()}" for p in package.rglob("*") if p.is_file()}
    templates = REPOSITORY / "templates"
    drawn = {f"limekiln/templates/{p.relative_to(templates).as_posix()}" for p in templates.rglob("*") if p.is_file()}
    expected = {name for name in modules | drawn if "__pycache__" not in name}
    assert expected <= inside
    assert {name.split("/")[0] for name in inside if ".dist-info" not in name} == {"limekiln"}


def test_the_wheel_runs_from_another_folder(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    kiln_cases.write(tmp_path / "case", report__formats=["html", "pdf"])
    code = (
        "import limekiln, sys; from pathlib import Path; "
        "assert Path(limekiln.__file__).is_relative_to(sys.argv[1]), limekiln.__file__; "
        "from limekiln.cli import app; app(['run', 'config.yaml'])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(site)],
        cwd=tmp_path / "case",
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr
    folder = tmp_path / "case" / ran.stdout.strip().splitlines()[-1]
    assert {"report.html", "report.pdf"} <= {f.name for f in folder.iterdir()}
