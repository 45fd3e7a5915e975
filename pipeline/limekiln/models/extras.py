"""Libraries that only some kinds of model or data need, each an extra of limekiln's."""

import importlib
from types import ModuleType

from limekiln.errors import InputError


def need(module: str, extra: str, key: str) -> ModuleType:
    """Import an optional library.

    Args:
        module: what is imported.
        extra: the extra of limekiln that installs it.
        key: the config's key that asks for it, with its value, for the message.

    Raises:
        InputError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:
            raise  # it is there, and lacks something of its own
        raise InputError(f'{key} needs {error.name}; install it with: pip install "limekiln[{extra}]"') from error
