"""The walls of the house: imports go down only, Dask stays behind one door, the mathematics stays pure."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import limekiln

PACKAGE = Path(limekiln.__file__).parent

# from the top of the house down; a module imports from its own floor and from those below
FLOORS: tuple[tuple[str, ...], ...] = (
    ("__main__",),
    ("cli",),
    ("api", "__init__"),
    ("splitting", "evaluation", "reasons", "verification"),
    ("reopen",),
    ("kiln",),
    ("templates_of_user", "mapping"),
    ("rehearsal", "drawing", "signing"),
    ("verdicts",),
    ("stages", "store", "config", "report"),
    ("drivers",),
    ("bench", "junit", "chain"),
    ("notices", "gates", "proxies", "cohorts", "checkpoint", "data", "models", "fanout", "config_errors", "comparison"),
    ("altered",),
    ("yaml_tree",),
    ("summary",),
    ("certainty", "looks", "trust", "views"),
    ("importances", "representatives", "local"),
    ("certify", "fooling", "agreement", "association", "survey", "drift"),
    ("sample", "matrix", "domains", "surrogate", "kernels", "shapley", "stability", "aggregate", "pick"),
    ("redaction", "record"),
    ("change",),
    ("evidence", "governance", "settings", "values", "errors", "seal", "software"),
)
MATHEMATICS = {
    "sample", "matrix", "domains", "surrogate", "kernels", "shapley", "stability", "aggregate", "certify", "fooling",
    "agreement", "pick", "local", "association", "survey", "drift", "values", "errors",
}  # fmt: skip
MATHEMATICS_OF_EVALUATION = {"evaluation/deletion.py", "evaluation/retraining.py"}
MATHEMATICS_MAY_IMPORT = {"numpy", "scipy", "sklearn", "pandas"}
STANDARD = {"abc", "collections", "contextlib", "dataclasses", "itertools", "math", "typing"}
# pictures are read, cut and drawn in their domain, and nowhere else
DOMAINS_MAY_IMPORT = {
    "domains/text": {"re"},
    "domains/images": {"PIL", "skimage", "io", "re", "types", "functools", "warnings"},
}
MADE_FROM_SETTINGS = {"domains/images", "domains/sequences"}  # a domain may take its own section of the config


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module
            for alias in node.names:
                yield f"{node.module}.{alias.name}" if node.module == "limekiln" else node.module


def floor(name: str) -> int:
    return next(i for i, rooms in enumerate(FLOORS) if name in rooms)


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_down_only(path: Path) -> None:
    here = room(path)
    for name in imports(path):
        parts = name.split(".")
        if parts[0] != "limekiln" or parts[1:] in (["__version__"], []):
            continue
        assert floor(parts[1]) >= floor(here), f"{here} reaches up to {parts[1]}"


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_only_the_cluster_module_imports_dask(path: Path) -> None:
    found = {name.split(".")[0] for name in imports(path)} & {"dask", "distributed"}
    assert not found or path.relative_to(PACKAGE).as_posix() == "fanout/cluster.py"


def mathematics() -> list[Path]:
    of_evaluation = {PACKAGE / name for name in MATHEMATICS_OF_EVALUATION}
    return [path for path in modules() if room(path) in MATHEMATICS or path in of_evaluation]


@pytest.mark.parametrize("path", mathematics(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_the_mathematics_imports_numbers_only(path: Path) -> None:
    outside = {name.split(".")[0] for name in imports(path)} - {"limekiln"}
    folder = path.parent.relative_to(PACKAGE).as_posix()
    assert outside <= MATHEMATICS_MAY_IMPORT | STANDARD | DOMAINS_MAY_IMPORT.get(folder, set())
    of_evaluation = {f"limekiln.{name.removesuffix('.py').replace('/', '.')}" for name in MATHEMATICS_OF_EVALUATION}
    used = {name for name in imports(path) if name.startswith("limekiln.")} - of_evaluation
    inside = {name.split(".")[1] for name in used}
    assert inside <= MATHEMATICS | ({"settings"} if folder in MADE_FROM_SETTINGS else set())


def test_every_module_has_a_floor() -> None:
    rooms = {room(path) for path in modules()}
    assert rooms == {name for rooms_ in FLOORS for name in rooms_}
