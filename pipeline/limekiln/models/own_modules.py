"""The user's modules beside the config, importable while the user's model is loaded.

A model refers to the classes it was pickled from by module name, and that name is often `pipeline`.
"""

import importlib
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_OWNED: Final[dict[str, str]] = {}
"""Modules that were imported from a config's folder, and that folder."""
_LOCK: Final = threading.RLock()


@contextmanager
def importable(folder: Path) -> Iterator[None]:
    """Put a folder first on the import path; afterwards it stays on it, last, for imports inside the model's functions.

    Modules that another config's folder brought in are forgotten first, so that two configs can each have
    their own `pipeline.py` in one process.
    """
    here = str(folder.resolve())
    with _LOCK:
        for name in [name for name, owner in _OWNED.items() if owner != here]:
            sys.modules.pop(name, None)
            del _OWNED[name]
        before = set(sys.modules)
        sys.path.insert(0, here)
        importlib.invalidate_caches()
        try:
            yield
        finally:
            sys.path.remove(here)
            if here not in sys.path:
                sys.path.append(here)
            _OWNED.update({name: here for name in set(sys.modules) - before if _is_in(name, here)})


def _is_in(name: str, folder: str) -> bool:
    file = getattr(sys.modules.get(name), "__file__", None)
    return isinstance(file, str) and Path(file).is_relative_to(folder) and "site-packages" not in file
