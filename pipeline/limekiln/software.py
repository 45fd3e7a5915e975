"""Which software is at work, as a manifest names it: versions of packages, and hashes of limekiln's own files."""

import hashlib
import platform
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Final

import limekiln

PACKAGES: Final = ("numpy", "scipy", "scikit-learn", "pandas", "pyarrow", "dask", "skops", "jinja2", "weasyprint")
PACKAGES_OF_RESULTS: Final = ("limekiln", "numpy", "scipy", "scikit-learn", "pandas")

_NOT_CODE: Final = frozenset({"__pycache__", "templates"})


def environment(packages: Iterable[str] = PACKAGES) -> dict[str, str]:
    """Python, the machine's kind, and the version of each package."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(aliased=True),
        **{name: version(name) for name in packages},
    }


@cache
def code_sha256() -> str:
    """SHA-256 over limekiln's own code; the same for a checkout and for what is installed from a wheel."""
    return folder_sha256(Path(limekiln.__file__).parent)


@cache
def folder_sha256(folder: Path) -> str:
    """SHA-256 over the names and bytes of all files in a folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*"), key=lambda p: p.relative_to(folder).parts):
        name = path.relative_to(folder)
        if path.is_file() and not _NOT_CODE & set(name.parts):
            content = path.read_bytes()
            digest.update(f"{name.as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()
