"""Mappings of the report's sections to clauses: limekiln's own, the user's, and what is wrong with one."""

import hashlib
from pathlib import Path

import pytest

from limekiln import config, mapping
from limekiln.config import LoadedConfig
from limekiln.errors import ConfigError
from limekiln.record import TABLES
from limekiln.report import sections

GOOD = """name: ours
regimes:
  - name: Law
    clauses:
      - clause: "1"
        asks: to be clear
        sections: [method]
"""
FILES = {
    *(f"{t}.parquet" for t in TABLES),
    "results.json",
    "manifest.json",
    "gates.json",
    "gates.junit.xml",
    "change.json",
}


def asking(folder: Path, chosen: str | None) -> LoadedConfig:
    values = {
        "model": {"name": "m", "source": {"kind": "skops", "path": "m.skops"}},
        "data": {"source": {"kind": "csv", "path": "d.csv"}},
        "report": {"mapping": chosen},
    }
    return config.from_mapping(values, folder)


def refused(folder: Path, text: str) -> str:
    (folder / "own.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        mapping.of_config(asking(folder, "own.yaml"))
    return str(caught.value).replace(f"{folder}/", "")


def test_limekilns_own_has_the_four_regimes_and_names_only_what_a_run_can_have(tmp_path: Path) -> None:
    found = mapping.of_config(asking(tmp_path, None))
    assert found is not None
    assert found.source.file == "limekiln"
    names = [regime.name for regime in found.mapping.regimes]
    assert [n.split(",")[0] for n in names] == ["SR 26-2", "EU AI Act", "NIST AI RMF 1.0", "ISO/IEC 42001:2023"]
    clauses = [c for regime in found.mapping.regimes for c in regime.clauses]
    assert all(c.sections or c.files for c in clauses)
    assert {f for c in clauses for f in c.files} <= FILES
    assert {a for c in clauses for a in c.sections} <= set(sections.ANCHORS)
    assert not any("compl" in f"{c.asks} {c.beyond}" for c in clauses)


def test_none_leaves_it_out(tmp_path: Path) -> None:
    assert mapping.of_config(asking(tmp_path, "none")) is None


def test_a_file_is_taken_with_its_name_and_hash(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "own.yaml").write_text(GOOD, encoding="utf-8")
    found = mapping.of_config(asking(tmp_path, "rules/own.yaml"))
    assert found is not None
    assert (found.source.file, found.mapping.name) == ("own.yaml", "ours")
    assert found.source.sha256 == hashlib.sha256(GOOD.encode()).hexdigest()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (GOOD.replace("[method]", "[methods]"),
         "own.yaml:7:20: regimes[0].clauses[0].sections[0]: no section is called 'methods'; the sections are summary"),
        (GOOD.replace("sections: ", "section: "),
         "own.yaml:7:9: regimes[0].clauses[0].section: unknown key; did you mean sections?"),
        (GOOD.replace("name: ours\n", ""), "own.yaml:1:1: name: missing; what the mapping is called"),
        (GOOD.replace('"1"', "1"),
         "own.yaml:5:17: regimes[0].clauses[0].clause: expected a text that is not empty, got 1; put it in quotes"),
        (GOOD.replace("to be clear", "x" * 1001),
         "own.yaml:6:15: regimes[0].clauses[0].asks: expected at most 1,000 characters, got 1,001"),
        ("- a\n", "own.yaml:1:1: expected the keys name and regimes"),
        ("name: [\n", "own.yaml:2:1:"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    assert refused(tmp_path, text).startswith(told)


def test_a_file_that_is_not_there_or_no_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"report\.mapping: .*own\.yaml cannot be read: No such file"):
        mapping.of_config(asking(tmp_path, "own.yaml"))
    (tmp_path / "own.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not a text in UTF-8"):
        mapping.of_config(asking(tmp_path, "own.yaml"))
