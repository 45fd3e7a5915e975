"""A scikit-learn estimator in a skops file. What may be in it is decided by the config, never by the file."""

from typing import Any

from limekiln.errors import InputError
from limekiln.settings import SkopsModel


def unpack(data: bytes, source: SkopsModel) -> Any:
    """Load an estimator.

    Args:
        data: the file's bytes, their hash checked.
        source: what the config says, with the trusted types.

    Raises:
        InputError: the file holds types that the config does not trust; the message has the lines to add.
    """
    import skops.io  # noqa: PLC0415 - slow to import, and only this kind needs it

    found = sorted(set(skops.io.get_untrusted_types(data=data)) - set(source.trusted))
    if found:
        lines = "\n".join(f"      - {name}" for name in found)
        raise InputError(
            f"{source.path}: the file holds types that nobody has vouched for. If you know them and trust them, "
            f"add them to the config, under model.source:\n    trusted:\n{lines}"
        )
    return skops.io.loads(data, trusted=list(source.trusted))
