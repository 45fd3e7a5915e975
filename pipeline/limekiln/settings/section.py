"""What every section of the config has in common, and the types of its values."""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
FilePath = Annotated[str, Field(min_length=1)]
Callable = Annotated[str, Field(pattern=r"^[\w.]+:[\w.]+$")]
"""A "module:callable"; modules beside the config are found."""


class Section(BaseModel):
    """Keys of the config: unknown ones are errors, and values are never converted."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def repeated(names: Sequence[str]) -> list[str]:
    """The names that stand more than once."""
    return [name for name, count in Counter(names).items() if count > 1]
