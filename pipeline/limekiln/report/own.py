"""Templates of the user's: blocks that they put in place of the report's own.

Templates are code, so the config has to say that it trusts them. They are drawn in Jinja's sandbox all the same, with a
bound on time and size: that stops accidents, and is no wall against an attacker.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any, Final

from jinja2 import ChoiceLoader, FileSystemLoader, FunctionLoader, PrefixLoader, TemplateError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from limekiln.errors import TemplateFaultError
from limekiln.report import templating

ENTRY: Final = "report.html.j2"
SHIPPED: Final = f"limekiln/{ENTRY}"

_SECONDS: Final = 60.0
_CHARACTERS: Final = 50_000_000

Sources = tuple[tuple[str, str], ...]
"""File name and text of each template, by name."""


class _Sandbox(ImmutableSandboxedEnvironment):
    """What a template looks up or calls is checked, and so is the time that it has had."""

    deadline = float("inf")

    def getattr(self, obj: Any, attribute: str) -> Any:
        self._in_time()
        return super().getattr(obj, attribute)

    def call(self, context: Any, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        self._in_time()
        return super().call(context, obj, *args, **kwargs)

    def _in_time(self) -> None:
        if time.monotonic() > self.deadline:
            raise TemplateFaultError(f"the templates took longer than {_SECONDS:.0f} seconds")


def blocks(name: str, text: str) -> tuple[str, ...]:
    """The blocks that a template puts in place of the report's own.

    Raises:
        TemplateFaultError: it is no template, or what it says would not be printed.
    """
    try:
        tree = templating.environment().parse(text, name)
    except TemplateError as error:
        raise TemplateFaultError(f"{name}:{getattr(error, 'lineno', 1)}: {error.message}") from error
    if name != ENTRY:
        return ()
    told = f'the first line of {name} is {{% extends "{SHIPPED}" %}}'
    extends = next(iter(tree.find_all(nodes.Extends)), None)
    if extends is None:
        raise TemplateFaultError(f"{name}:1: {told}")
    if not isinstance(extends.template, nodes.Const) or extends.template.value != SHIPPED:
        raise TemplateFaultError(f"{name}:{extends.lineno}: {told}")
    if (line := _line_outside(tree)) is not None:
        raise TemplateFaultError(f"{name}:{line}: text outside of a block is never printed; put it into one")
    known = shipped_blocks()
    named = list(tree.find_all(nodes.Block))
    outer = [node for node in tree.body if isinstance(node, nodes.Block)]
    for block in outer:
        if block.name not in known:
            near = get_close_matches(block.name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"the blocks are {', '.join(known)}"
            raise TemplateFaultError(f"{name}:{block.lineno}: the report has no block {block.name}; {hint}")
    return tuple(block.name for block in named if block.name in known)


def _line_outside(tree: nodes.Template) -> int | None:
    """The line of the first thing outside of all blocks that a reader would expect to see."""
    for part in (part for node in tree.body if isinstance(node, nodes.Output) for part in node.nodes):
        if not isinstance(part, nodes.TemplateData):
            return part.lineno
        if text := part.data.lstrip():
            return part.lineno + part.data.removesuffix(text).count("\n")
    return None


@cache
def shipped_blocks() -> tuple[str, ...]:
    """The blocks of the report, in its order."""
    text = (templating.folder() / ENTRY).read_text("utf-8")
    return tuple(block.name for block in templating.environment().parse(text).find_all(nodes.Block))


@cache
def shipped_names() -> frozenset[str]:
    """The names of limekiln's own templates, which the user's may not have."""
    folder = templating.folder()
    return frozenset(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()) - {ENTRY}


def render(sources: Sources, values: Mapping[str, Any]) -> str:
    """The report by the user's templates.

    Raises:
        TemplateFaultError: with the file and line of the user's where it went wrong.
    """
    environment = _environment(sources)
    environment.deadline = time.monotonic() + _SECONDS
    try:
        return "".join(_bounded(environment.get_template(ENTRY).generate(values)))
    except Exception as error:  # the template may raise anything that an expression can
        place = _place(error, {name for name, _ in sources})
        raise TemplateFaultError(f"{place}: {_said(error)}") from error


def _bounded(pieces: Iterator[str]) -> Iterator[str]:
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > _CHARACTERS:
            raise TemplateFaultError(f"the report would have more than {_CHARACTERS:,} characters")
        yield piece


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__


def _place(error: Exception, names: set[str]) -> str:
    """The line of the user's nearest to where an error came from."""
    place, step = ENTRY, error.__traceback__
    while step is not None:
        file = step.tb_frame.f_code.co_filename
        if file in names:
            place = f"{file}:{step.tb_lineno}"
        step = step.tb_next
    if (line := getattr(error, "lineno", None)) is not None and getattr(error, "name", None) in names:
        return f"{getattr(error, 'name', ENTRY)}:{line}"
    return place


@cache
def _environment(sources: Sources) -> _Sandbox:
    texts, shipped = dict(sources), FileSystemLoader(templating.folder())

    def load(name: str) -> tuple[str, str, Callable[[], bool]] | None:
        return (texts[name], name, lambda: True) if name in texts else None

    loader = ChoiceLoader([FunctionLoader(load), PrefixLoader({"limekiln": shipped}), shipped])
    made = templating.furnished(_Sandbox(loader=loader, autoescape=True, **templating.OPTIONS))
    made.globals.pop("lipsum", None)
    return made
