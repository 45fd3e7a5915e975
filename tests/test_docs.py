"""The words around the code say what the code does: no stale reference, no key left out, no broken link."""

import re
import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from limekiln import cli, config
from limekiln.record import TABLES
from limekiln.settings import Settings

REPOSITORY = Path(__file__).parent.parent
DOCS = REPOSITORY / "docs"
LINK = re.compile(r"\]\(([^)\s]+)\)")


def pages() -> list[Path]:
    tops = sorted(REPOSITORY.glob("*.md"))
    return tops + sorted(p for folder in ("docs", "examples", "templates") for p in (REPOSITORY / folder).rglob("*.md"))


def unset(section: BaseModel, path: str = "") -> Iterator[str]:
    for name in type(section).model_fields:
        if name not in section.model_fields_set:
            yield path + name
        elif isinstance(value := getattr(section, name), BaseModel):
            yield from unset(value, f"{path}{name}.")


def test_the_config_reference_is_the_schemas() -> None:
    made = runpy.run_path(str(DOCS / "reference" / "make_config.py"))["markdown"]()
    assert (DOCS / "reference" / "config.md").read_text("utf-8") == made


def test_the_config_reference_has_every_key() -> None:
    page = (DOCS / "reference" / "config.md").read_text("utf-8")
    written = set(re.findall(r"^(?:\| `|#+ (?:\w+\.)*)(\w+)(?:` \||$)", page, re.MULTILINE))
    schema = config.schema()
    sections = [schema, *schema["$defs"].values()]
    keys = {key for section in sections for key in section["properties"]} - {"kind", "rule"}
    assert keys - set(Settings.model_fields) <= written
    assert "output" in written


def test_the_example_config_has_every_key_that_concerns_a_table() -> None:
    of_other_domains = {"data.text", "data.images", "data.sequences"}
    assert set(unset(config.load(REPOSITORY / "config.yaml").settings)) == of_other_domains
    text = (REPOSITORY / "config.yaml").read_text("utf-8")
    assert [name for name in of_other_domains if name not in text] == []
    assert "docs/reference/config.md" in text


def test_the_readme_names_every_command_and_no_other() -> None:
    commands = {c.name or c.callback.__name__ for c in cli.app.registered_commands if c.callback}
    readme = (REPOSITORY / "README.md").read_text("utf-8")
    assert set(re.findall(r"^\| `limekiln (\w+)", readme, re.MULTILINE)) == commands


@pytest.mark.parametrize("table", TABLES)
def test_the_run_folder_reference_has_every_column(table: str) -> None:
    text = (DOCS / "reference" / "run-folder.md").read_text("utf-8")
    section = text.partition(f"`{table}.parquet`\n")[2].partition("\n#")[0]
    assert tuple(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == TABLES[table]


@pytest.mark.parametrize("page", pages(), ids=lambda p: str(p.relative_to(REPOSITORY)))
def test_links_between_files_lead_somewhere(page: Path) -> None:
    targets = [t.partition("#")[0] for t in LINK.findall(page.read_text("utf-8")) if "://" not in t]
    assert [t for t in targets if t and not (page.parent / t).exists()] == []
