"""A run that is drawn with templates of the user's, from its config to its being drawn again."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

import kiln_cases
from limekiln import config, kiln, store
from limekiln.errors import ConfigError, InputError

GOOD = (
    '{% extends "limekiln/report.html.j2" %}\n'
    "{% block glossary %}{% endblock %}\n"
    "{% block after_cover %}{% include 'ours.j2' %}{% endblock %}\n"
)
FORMATS = ["html"]


def case(folder: Path, text: str = GOOD, *, trusted: bool = True, **others: str) -> Path:
    made = folder / "ours"
    made.mkdir()
    (made / "report.html.j2").write_text(text, encoding="utf-8")
    for name, other in others.items():
        (made / f"{name}.j2").write_text(other, encoding="utf-8")
    return kiln_cases.write(folder, report__templates="ours", report__trust_templates=trusted, report__formats=FORMATS)


def refused(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        kiln.run(config.load(path))
    return str(caught.value)


def test_a_run_keeps_its_templates_and_says_so_and_draws_the_same_with_them(tmp_path: Path) -> None:
    path = case(tmp_path, ours="<p>Of Our Bank é</p>")
    done = kiln.run(config.load(path))
    manifest = json.loads((done.folder / store.MANIFEST).read_text("utf-8"))
    digest = hashlib.sha256(GOOD.encode()).hexdigest()
    assert manifest["templates"][1] == {
        "name": "report.html.j2",
        "sha256": digest,
        "blocks": ["glossary", "after_cover"],
    }
    assert manifest["files"]["template.report.html.j2"] == digest
    assert (done.folder / "template.ours.j2").read_text("utf-8") == "<p>Of Our Bank é</p>"
    page = (done.folder / "report.html").read_bytes()
    assert "Of Our Bank é" in page.decode()
    assert b'id="glossary"' not in page
    assert b"Template report.html.j2, not limekiln" in page.replace(b"&#39;", b"'")
    assert digest.encode() in page

    shutil.rmtree(tmp_path / "ours")
    with pytest.raises(
        InputError, match=r"read template\.ours\.j2, template\.report\.html\.j2, and say --trust-templates"
    ):
        kiln.render(done.folder)
    kiln.render(done.folder, trust_templates=True)
    assert (done.folder / "report.html").read_bytes() == page

    (done.folder / "template.ours.j2").write_text("other", encoding="utf-8")
    with pytest.raises(InputError, match=r"template\.ours\.j2: is not the template that the run was drawn with"):
        kiln.render(done.folder, trust_templates=True)


def test_templates_need_the_word_that_they_are_trusted(tmp_path: Path) -> None:
    told = r"report\.templates: templates are code; read them, and set report\.trust_templates: true"
    with pytest.raises(ConfigError, match=told):
        config.load(case(tmp_path, ours="", trusted=False))


@pytest.mark.parametrize(
    "text", [GOOD + "{% block cover %}{{ view.gone }}{% endblock %}", GOOD + "{% block covr %}{% endblock %}"]
)
def test_a_fault_is_told_with_its_line_before_the_model_is_asked(tmp_path: Path, text: str) -> None:
    path = case(tmp_path, text, ours="")
    (tmp_path / "model.skops").write_bytes(b"nobody reads this")
    assert f"report.templates: {tmp_path}/ours/report.html.j2:4: " in refused(path)
    with pytest.raises(ConfigError, match=r"report\.html\.j2:4: "):
        kiln.check(config.load(path))


def test_a_folder_without_the_template_or_of_another_machine_is_refused(tmp_path: Path) -> None:
    path = case(tmp_path, ours="")
    (tmp_path / "ours" / "report.html.j2").unlink()
    assert "has no report.html.j2" in refused(path)
    shutil.rmtree(tmp_path / "ours")
    assert "is not a folder of this machine; templates are never fetched" in refused(path)


def test_limekilns_own_files_are_not_replaced_whole(tmp_path: Path) -> None:
    path = case(tmp_path, ours="")
    (tmp_path / "ours" / "macros.html.j2").write_text("x", encoding="utf-8")
    assert "has the name of one of limekiln's own" in refused(path)


def test_a_run_whose_report_cannot_be_drawn_keeps_its_results(tmp_path: Path) -> None:
    text = (
        GOOD
        + "{% block end %}{% if view.rows == 'rows' and view.cover.facts | length and 'Small' in view.running.short %}"
    )
    path = case(tmp_path, text + "{{ 1 / 0 }}{% endif %}{% endblock %}", ours="")
    done = kiln.run(config.load(path))
    assert done.missing is not None
    assert str(done.missing) == "report.html.j2:4: division by zero"
    assert not (done.folder / "report.html").exists()
    assert (done.folder / "results.json").exists()
