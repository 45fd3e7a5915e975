"""A callable of the user's, named `module:callable` in the config."""

import importlib
from functools import reduce
from typing import Any

from limekiln.errors import InputError
from limekiln.settings import PythonModel


def find(source: PythonModel) -> Any:
    """Import the module and get the callable; a dotted name goes through objects, as in `model:fitted.predict_proba`.

    Raises:
        InputError: the module has no such name, or it cannot be called.
    """
    module_name, _, name = source.path.partition(":")
    module = importlib.import_module(module_name)
    try:
        found: Any = reduce(getattr, name.split("."), module)
    except AttributeError as error:
        raise InputError(f"model.source.path: {error}; {module_name} is {module.__file__ or 'a folder'}") from error
    if not callable(found):
        raise InputError(f"model.source.path: {source.path} is no function but a value of type {type(found).__name__}")
    return found
