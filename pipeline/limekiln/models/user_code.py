"""Callables of the user's, named `module:callable` in the config: models, tokenizers, encoders, preparations."""

import importlib
from dataclasses import dataclass
from functools import lru_cache, reduce
from pathlib import Path
from typing import Any

from limekiln.errors import InputError
from limekiln.models.own_modules import importable


@dataclass(frozen=True)
class UserCode:
    """A callable by its name: small to send, imported where it is called, once a process.

    Attributes:
        path: "module:callable".
        folder: the config's folder; modules in it are found.
        key: the config's key, for messages.
    """

    path: str
    folder: Path
    key: str

    def __call__(self, *args: Any) -> Any:
        """Call it.

        Raises:
            InputError: as `find` does.
        """
        return _found(self)(*args)

    def resolve(self) -> Any:
        """Import it and do no more.

        Raises:
            InputError: as `find` does.
        """
        return _found(self)


def find(path: str, key: str) -> Any:
    """Import the module and get the callable; a dotted name goes through objects, as in `model:fitted.predict_proba`.

    Raises:
        InputError: the module has no such name, or it cannot be called.
    """
    module_name, _, name = path.partition(":")
    module = importlib.import_module(module_name)
    try:
        found: Any = reduce(getattr, name.split("."), module)
    except AttributeError as error:
        raise InputError(f"{key}: {error}; {module_name} is {module.__file__ or 'a folder'}") from error
    if not callable(found):
        raise InputError(f"{key}: {path} is no function but a value of type {type(found).__name__}")
    return found


@lru_cache(maxsize=64)
def _found(code: UserCode) -> Any:
    try:
        with importable(code.folder):
            return find(code.path, code.key)
    except ModuleNotFoundError as error:
        raise InputError(
            f"{code.key}: {code.path} needs the module {error.name!r}; it is not installed and does not lie beside the "
            "config"
        ) from error
