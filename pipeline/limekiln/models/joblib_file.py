"""A pickled estimator. Unpickling runs code, so the config must pin the file and declare it trusted."""

import io
from typing import Any

from limekiln.errors import InputError
from limekiln.settings import JoblibModel


def unpack(data: bytes, source: JoblibModel) -> Any:
    """Unpickle an estimator from bytes whose hash was checked.

    Raises:
        InputError: the config does not declare the file trusted.
    """
    import joblib  # noqa: PLC0415 - only this kind needs it

    if source.trusted is not True:
        raise InputError(f"{source.path}: unpickling runs code; set model.source.trusted: true for a file you trust")
    return joblib.load(io.BytesIO(data))
