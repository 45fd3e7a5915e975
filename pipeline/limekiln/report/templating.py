"""The one Jinja environment, with everything escaped and nothing undefined; the templates, styles and fonts."""

import base64
import hashlib
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

import limekiln
from limekiln.report.names import drawable, storable

Env = TypeVar("Env", bound=Environment)

_LONG_WORD = re.compile(r"(\S{16,})")
_AFTER_SIGN = re.compile(r"(?<=\w[_/.-])(?=\w)")
OPTIONS: Final[Mapping[str, Any]] = {
    "undefined": StrictUndefined,
    "trim_blocks": True,
    "lstrip_blocks": True,
}
FONTS = (
    ("Limekiln Sans", 400, "inter-400.woff2"),
    ("Limekiln Sans", 600, "inter-600.woff2"),
    ("Limekiln Display", 700, "inter-display-700.woff2"),
    ("Limekiln Mono", 400, "mono-400.woff2"),
)


@cache
def folder() -> Path:
    """The templates: inside the installed package, or beside `pipeline/` in a checkout."""
    package = Path(limekiln.__file__).parent
    places = (package / "templates", package.parent.parent / "templates")
    for place in places:
        if (place / "report.html.j2").is_file():
            return place
    raise FileNotFoundError(f"limekiln's templates are neither in {places[0]} nor in {places[1]}: install it again")


@cache
def environment() -> Environment:
    """The environment; `autoescape` holds for every template, whatever its name ends in."""
    return furnished(Environment(loader=FileSystemLoader(folder()), autoescape=True, **OPTIONS))


def furnished(env: Env) -> Env:
    """The environment with the filters and values that every template may use."""
    env.filters["breakable"] = breakable
    env.filters["drawable"] = drawable
    env.filters["storable"] = storable
    env.globals["font_faces"] = font_faces()
    env.globals["script"] = script()
    env.globals["script_source"] = script_source()
    return env


def breakable(text: str) -> Markup:
    """The text, escaped, with places where a long word may go on in the next line: after `_`, `/`, `.` and `-`."""
    pieces = _LONG_WORD.split(text)  # words stand at the odd places
    return Markup("").join(
        Markup("<wbr>").join(escape(part) for part in _AFTER_SIGN.split(piece)) if i % 2 else escape(piece)
        for i, piece in enumerate(pieces)
    )


@cache
def script() -> Markup:
    """The page's script: plain, inline, and the only one that its content security policy lets run."""
    return Markup((folder() / "script" / "report.js").read_text("utf-8"))  # noqa: S704  our own file


def script_source() -> str:
    """The script as a source of a content security policy: the hash of what stands between the tags."""
    digest = hashlib.sha256(script().encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


@cache
def font_faces() -> Markup:
    """The bundled fonts as `@font-face` rules with data: URIs."""
    rules = []
    for family, weight, file in FONTS:
        data = base64.b64encode((folder() / "fonts" / file).read_bytes()).decode("ascii")
        rules.append(
            f'@font-face{{font-family:"{family}";font-weight:{weight};font-style:normal;'
            f'src:url("data:font/woff2;base64,{data}") format("woff2")}}'
        )
    return Markup("\n".join(rules))  # noqa: S704  base64 and our own file names
