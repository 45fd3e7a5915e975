"""The colours of the report can be told apart from their ground, in both schemes (WCAG 2.2, 1.4.3 and 1.4.11)."""

import re
from pathlib import Path

import pytest

from limekiln.report import templating

CSS = templating.folder() / "css"
TEXT, MARK = 4.5, 3.0


def tokens(css: str) -> dict[str, str]:
    return dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", css))


def light() -> dict[str, str]:
    return tokens((CSS / "base.css").read_text("utf-8"))


def dark() -> dict[str, str]:
    return light() | tokens((CSS / "screen.css").read_text("utf-8").partition("prefers-color-scheme: dark")[2])


def luminance(colour: str) -> float:
    """Relative luminance of an sRGB colour (WCAG 2.2)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_what_the_guidelines_define() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", [light(), dark()], ids=["light", "dark"])
@pytest.mark.parametrize("ground", ["paper", "wash"])
@pytest.mark.parametrize("token", ["ink", "soft", "accent", "warn"])
def test_text_can_be_read(scheme: dict[str, str], ground: str, token: str) -> None:
    assert contrast(scheme[token], scheme[ground]) >= TEXT


@pytest.mark.parametrize("scheme", [light(), dark()], ids=["light", "dark"])
def test_controls_have_an_edge(scheme: dict[str, str]) -> None:
    assert contrast(scheme["edge"], scheme["paper"]) >= MARK


@pytest.mark.parametrize("mark", ["m-for", "m-against"])
def test_bars_stand_out_in_both_schemes(mark: str) -> None:
    charts = "".join(path.read_text("utf-8") for path in sorted((CSS.parent / "charts").glob("*.j2")))
    drawn = set(re.findall(rf'class="{mark}"[^>]*fill="(#[0-9a-f]{{6}})"', charts))
    assert drawn
    assert all(contrast(colour, light()["paper"]) >= MARK for colour in drawn)
    screen = (CSS / "screen.css").read_text("utf-8")
    again = re.findall(rf"\.{mark} {{ fill: (#[0-9a-f]{{6}})", screen)
    assert again
    assert all(contrast(colour, dark()["paper"]) >= MARK for colour in again)


def test_the_documented_tokens_are_the_styles() -> None:
    page = Path(__file__).parent.parent.parent / "docs" / "explanation" / "design.md"
    rows = re.findall(r"^\| `(\w+)` \| .* \| `(#\w+)` \| `(#\w+)` \|$", page.read_text("utf-8"), re.MULTILINE)
    styles = [(name, light()[name], dark()[name]) for name, *_ in rows]
    assert rows == styles
    assert {name for name, *_ in rows} | {"strong"} == set(light())  # strong is the ink of heavy rules
