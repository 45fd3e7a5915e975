"""The last door for messages: what goes wrong while data are at work is told without the values that may not be."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from limekiln.data.frame import Frame
from limekiln.errors import LimekilnError, RunError
from limekiln.redaction import GAP, without_values

_SHORTEST: Final = 4


@contextmanager
def guarded(frame: Frame) -> Iterator[None]:
    """Let errors pass whose messages may be told; raise others again without values and without what caused them.

    A message of ours is made of words, counts and the names that rows may have, and what a model says was seen to where
    it said it; only whole values are taken out of it. Anything else was written by code that knows of no rule.

    Raises:
        RunError: instead of an error that is none of ours.
    """
    if not frame.redaction.rules:
        yield
        return
    try:
        yield
    except LimekilnError as error:
        if isinstance(error.__cause__, LimekilnError | OSError | None):
            told = _without_whole(str(error), frame.withheld())
        else:
            told = without_values(str(error), frame.withheld())
        raise type(error)(frame.redaction.unnamed(told)) from None
    except Exception as error:  # noqa: BLE001 - whatever it is, its words are not ours
        told = frame.redaction.unnamed(without_values(str(error), frame.withheld()))
        raise RunError(f"{type(error).__name__}: {told} (this is a defect of limekiln)") from None


def _without_whole(message: str, values: Iterable[str]) -> str:
    for value in values:
        if len(value) >= _SHORTEST and value in message:
            message = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", GAP, message)
    return message
