"""What stands in the place of a text, an image or a series that cannot be read."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Unreadable:
    """A cell that cannot be read, with the reason in one line; its row fails, and the run goes on."""

    reason: str
