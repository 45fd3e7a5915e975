"""Canaries: values that must not be told, and every byte of every output, log and checkpoint searched for them."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pytest
from PIL import Image, PngImagePlugin
from ruamel.yaml import YAML

import leaks
from limekiln import config, kiln, store
from limekiln.errors import InputError
from limekiln.values import Progress

KEY: Final = "LIMEKILN_TEST_KEY"
INPUTS: Final = ("data.csv", "ours.py", "config.yaml", "shown.yaml", "train.py")
N: Final = 160

MODEL: Final = '''
import warnings
import numpy as np

def predict(rows):
    """Tells what it can of every row that it refuses, in all the ways that code does."""
    if {broken}:
        raise KeyError(rows.iloc[0].to_dict())
    warnings.warn(f"seen {{rows['town'].iloc[0]}} and {{rows['balance'].max()}} of {{rows['canarycolumn'].iloc[0]}}")
    old = rows[(rows["age"] == 77) & rows["town"].eq("Canaryville")]
    if len(old):
        row = old.iloc[0]
        raise ValueError(
            f"could not convert {{row['town']}} '{{row['job']}}' {{row['balance']}} {{row.to_dict()}} in canarycolumn "
            f"{{row['canarycolumn'][:9]}}"
        )
    pull = (rows["age"] - 45) / 10 + (rows["town"] == "Ulm") + (rows["balance"] > 500) + rows["job"].eq("baker") * 0.5
    p = 1 / (1 + np.exp(-pull.to_numpy(dtype=float)))
    return np.column_stack([1 - p, p])
'''
TRAIN: Final = "def train(rows, labels, seed):\n    return lambda rows: [labels.iloc[0]] * len(rows)\n"

CANARIES: Final[tuple[str | float, ...]] = (
    "canaryid",  # in ids, masked by default
    "canaryville",  # a category, masked
    "canarysmith",  # a category, hashed
    31415926.0,  # a number, binned
    "canarysec",  # the beginning of a category, dropped
    "canarycolumn",  # and its column's name
    "canaryquote",  # free text that no model gets, masked by default
    "canarylabel",  # of the target, masked
)


RULES: Final[dict[str, str]] = {
    "town": "mask",
    "job": "hash",
    "balance": "bin",
    "canarycolumn": "drop",
    "label": "mask",
}


def people() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    town, job = rng.choice(["Ulm", "Bonn", "Canaryville"], N), rng.choice(["baker", "Canarysmith"], N)
    age, balance = rng.integers(20, 76, N), rng.normal(500, 100, N).round(2)
    age[3], town[3], job[3], balance[3] = 77, "Canaryville", "Canarysmith", 31415926.0
    return pd.DataFrame(
        {
            "id": [f"canaryid{i:03d}x" for i in range(N)],
            "age": age,
            "town": town,
            "job": job,
            "balance": balance,
            "canarycolumn": rng.choice(["canarysecret a", "canarysecret b"], N),
            "remark": [f"canaryquote number {i}" for i in range(N)],
            "label": np.where(age > 45, "canarylabel", "other"),
        }
    )


def write(folder: Path, *, broken: bool = False, pdf: bool = False, redact: Mapping[str, str] = RULES) -> Path:
    """Data, a model that quotes them, and a config."""
    folder.mkdir(parents=True, exist_ok=True)
    people().to_csv(folder / "data.csv", index=False)
    (folder / "ours.py").write_text(MODEL.format(broken=broken), "utf-8")
    (folder / "train.py").write_text(TRAIN, "utf-8")
    data: dict[str, Any] = {
        "source": {"kind": "csv", "path": "data.csv"},
        "target": "label",
        "id": "id",
        "exclude": ["remark"],
        "redact": dict(redact),
        "redact_key_env": KEY,
    }
    content: dict[str, Any] = {
        "model": {
            "name": "Canaries",
            "source": {"kind": "python", "path": "ours:predict", "classes": ["young", "old"]},
            "output": "probability",
        },
        "data": data,
        "sample": {"rows": "all"},
        "explain": {"perturbations": 600, "second_method": None, "max_failed_fraction": 0.2},
        "aggregate": {"min_support": 2},
        "pick": {"budget": 3},
        "report": {"formats": ["html", "pdf"] if pdf else ["html"]},
        "gates": [{"rule": "max_rank", "feature": "balance", "below": 1, "class": "*"}],
        "cluster": {"scheduler": "inline"},
    }
    path = folder / "config.yaml"
    with path.open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump(content, file)
    return path


def show_all() -> dict[str, str]:
    return dict.fromkeys([*RULES, "id", "remark"], "show")


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, "a secret of the test's own")


def limekiln(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "limekiln", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "COLUMNS": "300"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=300,
    )


def commands(folder: Path) -> Iterator[subprocess.CompletedProcess[str]]:
    """Every command on the written config, one after another."""
    yield limekiln(folder, "check", "config.yaml")
    run = limekiln(folder, "run", "config.yaml", "--debug")
    yield run
    yield limekiln(folder, "render", run.stdout.strip())
    yield limekiln(folder, "explain", "config.yaml", "--row", "canaryid005x")
    yield limekiln(folder, "explain", "config.yaml", "--row", "canaryid003x")  # the model refuses it
    yield limekiln(folder, "explain", "config.yaml", "--row", "nobody")
    yield limekiln(folder, "evaluate", run.stdout.strip(), "--rows", "20")


def test_no_canary_is_in_any_file_or_on_any_stream(tmp_path: Path) -> None:
    write(tmp_path, pdf=True)
    done = list(commands(tmp_path))
    assert [d.returncode for d in done] == [0, 0, 0, 0, 1, 2, 0], [d.stderr for d in done]
    for d in done:
        assert leaks.said(d.stdout + d.stderr, CANARIES) == set(), d.args
    assert leaks.found(tmp_path, CANARIES, beside=INPUTS) == {}


def test_every_canary_is_found_where_nothing_is_redacted(tmp_path: Path) -> None:
    """Else the search above would prove nothing."""
    write(tmp_path, pdf=True, redact=show_all())
    said = "".join(d.stdout + d.stderr for d in commands(tmp_path))
    assert leaks.said(said, CANARIES) >= {"canaryid", "canaryville", "canarysmith", "canarysec", "31415926.0"}
    held = leaks.found(tmp_path, CANARIES, beside=INPUTS)
    files = {"results.json", "report.html", "report.pdf", "explanations.parquet", "importances.csv"}
    assert held["canaryville"] >= files
    assert held["canarysec"] >= files
    assert held["canaryid"] >= {"rows.parquet", "picks.csv", "report.html", "report.pdf", "failures.parquet"}
    assert held["31415926.0"] >= {"failures.parquet", "report.html"}
    assert held["canarylabel"] >= {"rows.parquet", "results.json"}
    assert set(held) == {str(c) for c in CANARIES if c != "canaryquote"}


def test_no_canary_is_in_what_an_interrupted_run_leaves(tmp_path: Path) -> None:
    for name, redact in (("told", RULES), ("shown", show_all())):
        path = write(tmp_path / name, redact=redact)

        def stop(event: Progress) -> None:
            if event.stage == "explain":
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            kiln.run(config.load(path), stop)
        assert list((tmp_path / name / "reports").rglob("*.npz"))
    assert leaks.found(tmp_path / "told", CANARIES, beside=INPUTS) == {}
    assert "predict-000000.npz" in leaks.found(tmp_path / "shown", CANARIES, beside=INPUTS)["canaryville"]


@pytest.mark.parametrize("debug", [[], ["--debug"]])
def test_a_run_that_fails_says_why_without_a_canary(tmp_path: Path, debug: list[str]) -> None:
    write(tmp_path, broken=True)
    done = limekiln(tmp_path, "run", "config.yaml", *debug)
    assert done.returncode == (1 if debug else 2)  # Python ends with 1 after a traceback
    assert "KeyError" in done.stderr
    assert leaks.said(done.stdout + done.stderr, CANARIES) == set()
    write(tmp_path, broken=True, redact=show_all())
    assert leaks.said(limekiln(tmp_path, "run", "config.yaml", *debug).stderr, CANARIES)


def test_a_redacted_run_has_the_same_numbers(tmp_path: Path) -> None:
    told = kiln.run(config.load(write(tmp_path / "told")))
    shown = kiln.run(config.load(write(tmp_path / "shown", redact=show_all())))
    for table, columns in (("rows", ["predicted", "surrogate", "r2"]), ("explanations", ["weight"])):
        pd.testing.assert_frame_equal(told.record.tables[table][columns], shown.record.tables[table][columns])
    assert told.record.results.accuracy == shown.record.results.accuracy
    rows = told.record.tables["rows"]["row"]
    assert list(rows[:4]) == ["row-000", "row-001", "row-002", "row-004"]
    features = {f.name for f in told.record.results.data.features}
    assert features == {"age", "town", "job", "balance", "withheld feature 1"}


# texts and images ------------------------------------------------------------------------------------------------

TEXTS: Final = ("canaryword", "canaryid", "canaryrare")
OF_TEXTS: Final = """
import numpy as np

def tokens(text):
    if "canaryrare" in text:
        raise ValueError(f"cannot cut {text}")
    return [(m.start(), m.end()) for m in __import__("re").finditer(r"\\w+", text)]

def predict(texts):
    if any("canarybad" in t for t in texts):
        raise ValueError(f"bad {texts}")
    p = np.array([("good" in t) * 0.5 + ("canaryword" in t) * 0.3 + 0.1 for t in texts])
    return np.column_stack([1 - p, p])
"""


def write_texts(folder: Path, redact: dict[str, str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(3)
    told = [" ".join(rng.choice(["good", "film", "canaryword", "the", "long"], 6)) for _ in range(30)]
    told[4] = "canaryrare words"
    table = pd.DataFrame({"id": [f"canaryid{i:02d}x" for i in range(30)], "text": told})
    table.to_csv(folder / "data.csv", index=False)
    (folder / "ours.py").write_text(OF_TEXTS, "utf-8")
    source = {"kind": "python", "path": "ours:predict", "classes": ["no", "yes"]}
    content = {
        "model": {"name": "Texts", "source": source, "output": "probability"},
        "data": {
            "domain": "text", "source": {"kind": "csv", "path": "data.csv"}, "column": "text", "id": "id",
            "redact": redact, "redact_key_env": KEY, "text": {"tokens": "ours:tokens"},
        },
        "explain": {"perturbations": 60, "max_failed_fraction": 0.2},
        "aggregate": {"min_support": 2},
        "report": {"formats": ["html"]},
        "cluster": {"scheduler": "inline"},
    }  # fmt: skip
    path = folder / "config.yaml"
    with path.open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump(content, file)
    return path


@pytest.mark.parametrize("redact", [{}, {"text": "hash", "id": "hash"}], ids=["by default", "hashed"])
def test_no_word_of_a_text_is_told(tmp_path: Path, redact: dict[str, str]) -> None:
    path = write_texts(tmp_path, redact)

    def stop(event: Progress) -> None:
        if event.stage == "explain" and event.done > 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kiln.run(config.load(path), stop)
    assert list(tmp_path.rglob("explain-*.npz"))
    assert leaks.found(tmp_path, TEXTS, beside=INPUTS) == {}
    resumed = kiln.run(config.load(path), resume=True)
    again = kiln.run(config.load(path))
    assert (resumed.folder / store.RESULTS).read_bytes() == (again.folder / store.RESULTS).read_bytes()
    page = limekiln(tmp_path, "explain", "config.yaml", "--row", "canaryid07x")
    assert page.returncode == 0, page.stderr
    assert leaks.said(page.stdout + page.stderr, TEXTS) == set()
    assert leaks.found(tmp_path, TEXTS, beside=INPUTS) == {}
    assert len(resumed.record.tables["failures"]) == 1
    first = resumed.record.results.classes[0].features[0].feature
    assert first.startswith("word ") if not redact else len(first) == 12


def test_words_are_found_where_they_are_shown(tmp_path: Path) -> None:
    run = kiln.run(config.load(write_texts(tmp_path, {"text": "show", "id": "show"})))
    held = leaks.found(run.folder, TEXTS)
    assert held["canaryword"] >= {"importances.parquet", "report.html", "results.json"}
    assert held["canaryrare"] >= {"failures.parquet"}


def write_images(folder: Path, redact: dict[str, str]) -> Path:
    rng = np.random.default_rng(1)
    for i in range(12):
        place = folder / "images" / f"canaryname{i:02d}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        notes = PngImagePlugin.PngInfo()
        notes.add_text("Comment", "canarynote")
        pixels = rng.integers(0, 20, (32, 32, 3)).astype(np.uint8)
        pixels[4:16, 4:16, 0] += 180 if i % 2 else 0
        pixels[18:28, 18:28, 2] += 180
        Image.fromarray(pixels).save(place, pnginfo=notes)
    (folder / "images" / "canaryname99.png").write_bytes(b"no picture")
    (folder / "ours.py").write_text(
        "import numpy as np\n"
        "def predict(images):\n"
        "    p = images[:, :16, :, 0].mean(axis=(1, 2)) / 256\n"
        "    return np.column_stack([1 - p, p])\n",
        "utf-8",
    )
    source = {"kind": "python", "path": "ours:predict", "classes": ["blue", "red"]}
    content = {
        "model": {"name": "Images", "source": source, "output": "probability"},
        "data": {
            "domain": "images", "source": {"kind": "folder", "path": "images"}, "redact": redact,
            "images": {"parts": "slic", "segments": 6, "concepts": 3},
        },
        "explain": {"perturbations": 60, "max_failed_fraction": 0.2},
        "aggregate": {"min_support": 2},
        "report": {"formats": ["html"]},
        "cluster": {"scheduler": "inline"},
    }  # fmt: skip
    path = folder / "config.yaml"
    with path.open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump(content, file)
    return path


def test_no_picture_and_no_file_name_is_told(tmp_path: Path) -> None:
    run = kiln.run(config.load(write_images(tmp_path, {})))
    reports = tmp_path / "reports"
    assert leaks.found(reports, ["canaryname", "canarynote", "data:image/png"]) == {}
    assert not (run.folder / "pictures.parquet").exists()
    done = limekiln(tmp_path, "explain", "config.yaml", "--row", "canaryname03.png")
    assert done.returncode == 0, done.stderr
    assert leaks.found(reports, ["canaryname", "canarynote", "data:image/png"]) == {}
    assert leaks.said(done.stdout + done.stderr, ["canaryname"]) == set()


def test_pictures_and_file_names_are_found_where_they_are_shown(tmp_path: Path) -> None:
    run = kiln.run(config.load(write_images(tmp_path, {"image": "show", "file": "show"})))
    held = leaks.found(run.folder, ["canaryname", "data:image/png"])
    assert held["canaryname"] >= {"rows.parquet", "failures.parquet", "report.html"}
    assert held["data:image/png"] == {"report.html"}


# what cannot be --------------------------------------------------------------------------------------------------


def test_a_key_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = config.load(write(tmp_path))
    for value, said in ((None, "is not set"), ("short", "has 5 characters")):
        monkeypatch.delenv(KEY, raising=False)
        if value:
            monkeypatch.setenv(KEY, value)
        with pytest.raises(InputError, match=f"data.redact_key_env: the environment variable {KEY} {said}; put a"):
            kiln.run(loaded)
